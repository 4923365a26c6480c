// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/internal/document"
	"github.com/bucketcors/bucketcors/internal/lint"
)

// lintOptions are the flags of the verb lint.
type lintOptions struct {
	files      []string
	recursive  bool
	profiles   *choices
	dialect    *choice
	production bool
	buckets    []string
	disabled   *choices
	failOn     *choice
	fix        bool
	output     *choice
}

func newLintCommand() *cobra.Command {
	var options lintOptions
	cmd := &cobra.Command{
		Use:   "lint -f FILE...",
		Short: "Find what is wrong with CORS rules",
		Long: `Find what is wrong with CORS rules: what S3 refuses, what can never match, what
lets in more than was meant, and what the application will miss. Each finding has
an id, a place, a reason and a way to mend it.

A FILE may be a directory, of which the files that have CORS rules are read.

Exit status: 0 nothing to mend, 1 findings, 2 a file could not be read.`,
		Example: `  bucketcors lint -f policy.yaml
  bucketcors lint -f policies -R --profile presigned-upload --production
  bucketcors lint -f cors.json --fix
  bucketcors lint -f . -R -o sarif > bucketcors.sarif`,
		// Directories, too, and the files with one of the extensions.
		ValidArgsFunction: cobra.FixedCompletions(fileExtensions, cobra.ShellCompDirectiveFilterFileExt),
		RunE: interruptible(func(cmd *cobra.Command, more []string) error {
			// A shell makes several words of -f *.yaml.
			options.files = append(options.files, more...)
			return options.run(cmd)
		}),
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&options.files, "file", "f", nil,
		"a `FILE` or directory with rules: policy manifest, AWS JSON, S3 XML, Terraform or CloudFormation; - for standard input; may be repeated")
	complete(cmd, "file", cobra.FixedCompletions(fileExtensions, cobra.ShellCompDirectiveFilterFileExt))
	flags.BoolVarP(&options.recursive, "recursive", "R", false, "read directories with all that is below them")

	options.profiles = &choices{what: "profile", known: words(lint.Profiles())}
	addChoice(cmd, options.profiles, options.profiles.known, "profile", "", "what the bucket serves, any of")
	options.dialect = addDialect(cmd)
	flags.BoolVar(&options.production, "production", false, "the buckets are in production: no developer's machine belongs among the origins")
	flags.StringArrayVar(&options.buckets, "bucket", nil, "the `NAME` of a bucket that the rules are for, where the file does not say; may be repeated")

	ids, names := checkNames()
	options.disabled = &choices{what: "check", known: slices.Concat(ids, names)}
	flags.Var(options.disabled, "disable", "leave out a check by its `ID` or name, such as CORS035; may be repeated, or list several with commas")
	complete(cmd, "disable", cobra.FixedCompletions(ids, cobra.ShellCompDirectiveNoFileComp))
	options.failOn = &choice{what: "severity", value: string(lint.Warning), known: words(severities)}
	addChoice(cmd, options.failOn, options.failOn.known, "fail-on", "", "exit with 1 from this severity on")
	flags.BoolVar(&options.fix, "fix", false, "mend in the file what can be mended mechanically; comments and order stay")
	options.output = addOutput(cmd, "text", "json", "sarif", "github")
	return cmd
}

// severities are all of them, the worst first.
var severities = []lint.Severity{lint.Error, lint.Warning, lint.Info}

// checkNames are the IDs of all checks, and their names.
func checkNames() (ids, names []string) {
	for _, c := range lint.Catalogue() {
		ids, names = append(ids, c.ID), append(names, c.Name)
	}
	return ids, names
}

// words are values of a type of strings as such.
func words[S ~string](values []S) []string {
	var plain []string
	for _, v := range values {
		plain = append(plain, string(v))
	}
	return plain
}

func (o *lintOptions) run(cmd *cobra.Command) error {
	if len(o.files) == 0 {
		return requireFile(cmd, "")
	}
	var r report
	for _, source := range expandSources(o.files, o.recursive) {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		if err := o.lintFile(cmd, source, &r); err != nil {
			r.unreadable = append(r.unreadable, aboutFile(source.name(), err))
		}
	}
	if err := cmd.Context().Err(); err != nil {
		return err
	}
	if r.files == 0 && len(r.unreadable) == 0 {
		err := fmt.Errorf("no CORS rules in %s%s", enumerate(o.files, "or"), o.hintRecursive())
		r.unreadable = append(r.unreadable, aboutFile(o.files[0], err))
	}

	output, printer := cmd.OutOrStdout(), printers[o.output.value]
	if o.fix && slices.Contains(o.files, standardInput) {
		output = cmd.ErrOrStderr() // standard output has the file
	}
	if err := printer(output, &r); err != nil {
		return fmt.Errorf("write the findings: %w", err)
	}
	switch {
	case len(r.unreadable) > 0:
		var all []error
		for _, err := range r.unreadable {
			all = append(all, err)
		}
		return errors.Join(all...)
	case o.fails(r.findings):
		return errNo
	}
	return nil
}

func (o *lintOptions) hintRecursive() string {
	if o.recursive {
		return ""
	}
	return "; -R also reads what is in directories below"
}

// fails reports whether a finding is as bad as --fail-on says, or worse.
func (o *lintOptions) fails(found []finding) bool {
	limit := slices.Index(severities, lint.Severity(o.failOn.value))
	return slices.ContainsFunc(found, func(f finding) bool {
		return slices.Index(severities, f.Severity) <= limit
	})
}

// lintFile adds what is wrong with a file to the report, and mends it with --fix.
func (o *lintOptions) lintFile(cmd *cobra.Command, source source, r *report) error {
	if source.problem != nil {
		return source.problem
	}
	name, data, err := readBytes(cmd, source.path)
	if err != nil {
		return err
	}
	if source.found && !mentionsCORS(data) {
		return nil
	}
	file, err := document.Read(name, data)
	if err != nil {
		if source.found && hasNoRules(err) {
			return nil
		}
		return placed(name, err)
	}
	r.files++
	var unfixed error
	if o.fix {
		mended, fixes, err := o.mend(file)
		switch {
		case err != nil:
			unfixed = fmt.Errorf("%s stays as it was: %w", name, err)
		case source.path == standardInput:
			if _, err := cmd.OutOrStdout().Write(mended.Data); err != nil {
				return fmt.Errorf("write the mended file: %w", err)
			}
			file, r.fixes = mended, append(r.fixes, fixes...)
		case len(fixes) > 0:
			if err := replaceFile(source.path, mended.Data); err != nil {
				unfixed = fmt.Errorf("%s stays as it was: %w", name, err)
				break
			}
			file, r.fixes = mended, append(r.fixes, fixes...)
		}
	}
	r.findings = append(r.findings, o.find(file)...)
	return unfixed
}

// find is what is wrong with the configurations of a file.
func (o *lintOptions) find(file *document.File) []finding {
	var found []finding
	problems := file.Problems()
	for _, d := range file.Documents {
		options := o.optionsFor(d)
		for _, p := range problems[d] {
			options.Manifest = append(options.Manifest, lint.ManifestProblem{Path: p.Path, Value: p.Value, Problem: p.Text, Fix: p.Fix})
		}
		for _, f := range lint.Run(d.Configuration, options) {
			f.Problem, f.Why, f.Fix = worded(d.Format, f.Problem), worded(d.Format, f.Why), worded(d.Format, f.Fix)
			found = append(found, finding{Finding: f, file: file, document: d, place: file.Position(d, f.Path())})
		}
	}
	return found
}

// optionsFor are the options for one configuration.
func (o *lintOptions) optionsFor(d *document.Document) lint.Options {
	options := lint.Options{
		Dialect:    dialectOf(o.dialect),
		Production: o.production,
		Buckets:    slices.Clone(o.buckets),
		Disabled:   o.disabled.values,
	}
	for _, p := range o.profiles.values {
		options.Profiles = append(options.Profiles, lint.Profile(p))
	}
	if d.Policy != nil {
		for _, b := range d.Policy.Spec.Buckets {
			options.Buckets = append(options.Buckets, b.Name)
		}
		options.Expectations = expectationsOf(d.Policy)
	}
	return options
}

// report is what lint has to say.
type report struct {
	files      int // that have rules
	findings   []finding
	fixes      []fix
	unreadable []*fileError
}

// finding is one of the findings of a file.
type finding struct {
	lint.Finding
	file     *document.File
	document *document.Document
	place    document.Position
}

// printers are the ways to print a report.
var printers = map[string]func(io.Writer, *report) error{
	"text":   printText,
	"json":   printJSON,
	"sarif":  printSARIF,
	"github": printAnnotations,
}
