// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// evaluateOptions are the flags of the verb evaluate.
type evaluateOptions struct {
	file, document  string
	noConfiguration bool
	missingBucket   bool
	request         requestOptions
	requests        string
	dialect         *choice
	output          *choice
}

func newEvaluateCommand() *cobra.Command {
	var options evaluateOptions
	cmd := &cobra.Command{
		Use:   "evaluate -f FILE --origin ORIGIN --method METHOD",
		Short: "Say what S3 would answer to a browser, and why",
		Long: `Say what S3 would answer to a browser by the CORS rules in a file, and why, rule
by rule. Nothing is sent anywhere.

The question is a preflight (OPTIONS) for the method and the headers that a
script wants to send; with --actual it is the request itself. With --requests
it is every line of a file of requests.

Exit status: 0 allowed, 1 not allowed, 2 could not tell, for example because S3
refuses the rules.`,
		Example: `  bucketcors evaluate -f policy.yaml --origin https://app.example.com --method PUT --header content-type
  bucketcors evaluate -f cors.json --origin https://app.example.com --method GET --actual
  bucketcors evaluate -f policy.yaml --requests requests.jsonl -o json`,
		Args:              onlyFlags,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: interruptible(func(cmd *cobra.Command, _ []string) error {
			if options.requests != "" {
				return options.runRequests(cmd)
			}
			return options.run(cmd)
		}),
	}
	addFile(cmd, &options.file)
	addDocument(cmd, &options.document)
	cmd.Flags().BoolVar(&options.noConfiguration, "no-configuration", false, "ask a bucket that has no CORS configuration, in place of -f")
	cmd.Flags().BoolVar(&options.missingBucket, "missing-bucket", false, "ask a bucket that does not exist, in place of -f")
	options.request.addTo(cmd)
	addSingle(cmd, &options.requests, "requests", "",
		"answer the requests in `FILE`, one JSON object a line, or - for standard input", "put the requests into one file")
	options.dialect = addDialect(cmd)
	options.output = addOutput(cmd, "text", "json")
	return cmd
}

// run answers one request by every configuration of the file.
func (o *evaluateOptions) run(cmd *cobra.Command) error {
	if err := o.requireBucket(cmd); err != nil {
		return err
	}
	question, err := o.request.request(cmd)
	if err != nil {
		return err
	}
	buckets, err := o.buckets(cmd)
	if err != nil {
		return err
	}
	noted := slices.Clone(question.notes)
	for _, b := range buckets {
		if b.note != "" && !slices.Contains(noted, b.note) {
			noted = append(noted, b.note)
		}
	}
	for _, n := range noted {
		note(cmd, "%s", n)
	}
	allowed := true
	var refused []error
	for i, b := range buckets {
		if b.refused != nil {
			refused = append(refused, b.refused)
			if err := o.printRefusal(cmd.OutOrStdout(), b); err != nil {
				return err
			}
			continue
		}
		e := b.policy.Explain(question.Request)
		allowed = allowed && e.Allowed
		if err := o.print(cmd.OutOrStdout(), b, question, e, i, len(buckets)); err != nil {
			return err
		}
	}
	switch {
	case len(refused) > 0:
		return errors.Join(refused...)
	case !allowed:
		return errNo
	}
	return nil
}

// print prints the answer of the bucket with this index, of so many.
func (o *evaluateOptions) print(w io.Writer, b askedBucket, question asked, e cors.Explanation, index, of int) error {
	if o.output.value == "json" {
		line, err := e.JSON(cors.Subject{Document: b.document.Name})
		if err != nil {
			return fmt.Errorf("write the answer as JSON: %w", err)
		}
		return writeLine(w, line)
	}
	// In one piece, so that a pipe that breaks is noticed once.
	var text bytes.Buffer
	if of > 1 {
		if index > 0 {
			text.WriteByte('\n')
		}
		fmt.Fprintf(&text, "%s\n", styleOf(w).head(documentTitle(b.file, b.document)))
	}
	a := answer{style: styleOf(w), server: serverName(dialectOf(o.dialect)), bucket: b, request: question, Explanation: e}
	a.write(&text)
	_, err := w.Write(text.Bytes())
	return err
}

// printRefusal prints for programs why a bucket cannot have its rules.
func (o *evaluateOptions) printRefusal(w io.Writer, b askedBucket) error {
	rules, ok := errors.AsType[*refusedRules](b.refused)
	if o.output.value != "json" || !ok {
		return nil
	}
	line, err := rules.json(b.document.Name)
	if err != nil {
		return fmt.Errorf("write the answer as JSON: %w", err)
	}
	return writeLine(w, line)
}

// writeLine writes a line in one piece.
func writeLine(w io.Writer, line []byte) error {
	_, err := w.Write(append(bytes.TrimRight(line, "\n"), '\n'))
	return err
}

// serverName is how people call a server of the dialect.
func serverName(d *cors.Dialect) string {
	if d == cors.AWS {
		return "S3"
	}
	return d.Name()
}
