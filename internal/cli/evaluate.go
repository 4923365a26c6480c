// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
)

// evaluateOptions are the flags of the verb evaluate.
type evaluateOptions struct {
	file, document string
	request        requestOptions
	requests       string
	dialect        *choice
	output         *choice
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
		Args: onlyFlags,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if options.requests != "" {
				return options.runRequests(cmd)
			}
			return options.run(cmd)
		},
	}
	addFile(cmd, &options.file)
	addDocument(cmd, &options.document)
	options.request.addTo(cmd)
	cmd.Flags().StringVar(&options.requests, "requests", "",
		"answer the requests in `FILE`, one JSON object a line, or - for standard input")
	options.dialect = addDialect(cmd)
	options.output = addOutput(cmd, "text", "json")
	return cmd
}

// run answers one request by every configuration of the file.
func (o *evaluateOptions) run(cmd *cobra.Command) error {
	if err := requireFile(cmd, o.file); err != nil {
		return err
	}
	request, notes, err := o.request.request(cmd)
	if err != nil {
		return err
	}
	file, err := readFile(cmd, o.file)
	if err != nil {
		return err
	}
	documents, err := chooseDocuments(file, o.document)
	if err != nil {
		return err
	}
	for _, n := range notes {
		note(cmd, "%s", n)
	}
	allowed := true
	var refused []error
	for i, d := range documents {
		policy, err := compileDocument(file, d, dialectOf(o.dialect))
		if err != nil {
			refused = append(refused, err)
			continue
		}
		e := policy.Explain(request)
		allowed = allowed && e.Allowed
		if err := o.print(cmd.OutOrStdout(), file, d, request, e, i, len(documents)); err != nil {
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

// print prints the answer by the configuration with this index, of so many.
func (o *evaluateOptions) print(w io.Writer, file *document.File, d *document.Document, r cors.Request, e cors.Explanation, index, of int) error {
	if o.output.value == "json" {
		line, err := e.JSON(d.Name)
		if err != nil {
			return fmt.Errorf("write the answer as JSON: %w", err)
		}
		return writeLine(w, line)
	}
	// In one piece, so that a pipe that breaks is noticed once.
	var b bytes.Buffer
	if of > 1 {
		if index > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s\n", styleOf(w).head(documentTitle(file, d)))
	}
	a := answer{style: styleOf(w), server: serverName(dialectOf(o.dialect)), file: file, document: d, request: r, Explanation: e}
	a.write(&b)
	_, err := w.Write(b.Bytes())
	return err
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
