// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
)

// convertOptions are the flags of the verb convert.
type convertOptions struct {
	file, document string
	to             *choice
	metadata       document.Metadata
}

func newConvertCommand() *cobra.Command {
	var options convertOptions
	cmd := &cobra.Command{
		Use:   "convert -f FILE --to FORMAT",
		Short: "Write CORS rules in another format",
		Long: `Write CORS rules in another of the formats that people have, on standard output.
Nothing is lost on the way: the order of the rules, their ids, and whether a
maxAgeSeconds is absent or 0. What a format cannot say is an error that names it;
what the tools that read it will make of it is a note on standard error.

Exit status: 0 written, 2 could not.`,
		Example: `  bucketcors convert -f cors.json --to policy --name web-uploads --namespace team-a --bucket team-a-uploads
  bucketcors convert -f policy.yaml --to json > cors.json
  aws s3api get-bucket-cors --bucket team-a-uploads | bucketcors convert -f - --to terraform --bucket team-a-uploads`,
		Args:              onlyFlags,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              interruptible(func(cmd *cobra.Command, _ []string) error { return options.run(cmd) }),
	}
	addFile(cmd, &options.file)
	addDocument(cmd, &options.document)
	options.to = &choice{what: "format", known: words(document.Formats())}
	addChoice(cmd, options.to, options.to.known, "to", "", "the format to write")
	const once = "one is written"
	addSingle(cmd, &options.metadata.Name, "name", "", "the `NAME` of the policy or resource (default: that of the one that is read)", once)
	addSingle(cmd, &options.metadata.Namespace, "namespace", "", "the `NAMESPACE` of the policy (default: that of the policy that is read)", once)
	addSingle(cmd, &options.metadata.Bucket, "bucket", "", "the `NAME` of the bucket (default: the first that the file names)", once)
	for _, name := range []string{"name", "namespace", "bucket"} {
		complete(cmd, name, cobra.NoFileCompletions)
	}
	return cmd
}

func (o *convertOptions) run(cmd *cobra.Command) error {
	if err := requireFile(cmd, o.file); err != nil {
		return err
	}
	if o.to.value == "" {
		return fmt.Errorf("to which format? Name it with --to: %s", enumerate(o.to.known, "or"))
	}
	to := document.Format(o.to.value)
	file, err := readFile(cmd, o.file)
	if err != nil {
		return err
	}
	documents, err := o.choose(file, to)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	var notes []string
	for i, d := range documents {
		data, more, err := o.convert(d, to)
		if err != nil {
			return fmt.Errorf("%s: %w", documentTitle(file, d), err)
		}
		if i > 0 {
			b.WriteString("---\n")
		}
		b.Write(data)
		for _, n := range more {
			if !slices.Contains(notes, n) {
				notes = append(notes, n)
			}
		}
	}
	if slices.ContainsFunc(documents, refusedByS3) {
		notes = append(notes, "S3 refuses these rules: "+cmd.Root().DisplayName()+" lint says why")
	}
	if twice := namedTwice(b.Bytes(), len(documents)); twice != "" {
		notes = append(notes, "several policies are named "+twice+", and the last one would take the place of the others: rename them")
	}
	for _, n := range notes {
		note(cmd, "%s", n)
	}
	if _, err := cmd.OutOrStdout().Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// namedTwice is a name that several of the policies that were written have.
func namedTwice(written []byte, policies int) string {
	if policies < 2 {
		return ""
	}
	file, err := document.Read("", written)
	if err != nil {
		return "" // too large to be read
	}
	seen := map[string]bool{}
	for _, d := range file.Documents {
		if seen[d.Name] {
			return d.Name
		}
		seen[d.Name] = true
	}
	return ""
}

// choose are the configurations to convert: several only where the format has
// several in a file, and each has a name of its own.
func (o *convertOptions) choose(file *document.File, to document.Format) ([]*document.Document, error) {
	if to != document.Policy {
		d, err := oneDocument(file, o.document, "--to "+string(to))
		return []*document.Document{d}, err
	}
	documents, err := chooseDocuments(file, o.document)
	if err == nil && len(documents) > 1 && o.metadata.Name != "" {
		return nil, errors.New("--name is for one configuration, and " + file.Name + " has several: choose with --document; there " + documentNames(documents))
	}
	return documents, err
}

// convert writes one configuration.
func (o *convertOptions) convert(d *document.Document, to document.Format) (data []byte, notes []string, err error) {
	m := o.metadata
	m.Bucket = cmp.Or(m.Bucket, d.Bucket)
	if d.Policy == nil {
		m.Name = cmp.Or(m.Name, d.Name)
	}
	if p := d.Policy; p != nil {
		m.Name, m.Namespace = cmp.Or(m.Name, p.Name), cmp.Or(m.Namespace, p.Namespace)
		if m.Bucket == "" && len(p.Spec.Buckets) > 0 {
			m.Bucket = p.Spec.Buckets[0].Name
			if n := len(p.Spec.Buckets); n > 1 && to != document.JSON && to != document.XML {
				notes = append(notes, fmt.Sprintf("the policy is for %s, the result for %s: name another with --bucket", count(n, "bucket"), m.Bucket))
			}
		}
		left, err := leftOut(p)
		if err != nil {
			return nil, nil, err
		}
		if len(left) > 0 {
			verb := "is"
			if len(left) > 1 {
				verb = "are"
			}
			notes = append(notes, fmt.Sprintf("%s of the policy %s not part of the result", enumerate(left, "and"), verb))
		}
	}
	data, more, err := document.Write(d.Configuration, to, m)
	return data, append(notes, more...), err
}

// leftOut are the fields of a policy that say more than which bucket gets which
// rules.
func leftOut(p *v1alpha1.BucketCORSPolicy) ([]string, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&p.Spec)
	if err != nil {
		return nil, err
	}
	delete(fields, "buckets")
	delete(fields, "rules")
	var left []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		left = append(left, "spec."+name)
	}
	return left, nil
}

// refusedByS3 reports whether PutBucketCors would fail.
func refusedByS3(d *document.Document) bool {
	_, err := cors.Compile(d.Configuration)
	return err != nil
}
