// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
)

// addDocument adds the flag that chooses among the configurations of a file.
func addDocument(cmd *cobra.Command, name *string) {
	addSingle(cmd, name, "document", "",
		"which configuration of a file with several: its `NAME`, such as team-a/web-uploads, or its number from 1",
		"without it, all are meant")
}

// chooseDocuments are the configurations of a file that have the name, or all of
// them without one.
func chooseDocuments(file *document.File, name string) ([]*document.Document, error) {
	if name == "" {
		return file.Documents, nil
	}
	var chosen []*document.Document
	for _, d := range file.Documents {
		if d.Name == name {
			chosen = append(chosen, d)
		}
	}
	if number, err := strconv.Atoi(name); len(chosen) == 0 && err == nil && number >= 1 && number <= len(file.Documents) {
		chosen = file.Documents[number-1 : number]
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("%s has no configuration %q: there %s", file.Name, name, documentNames(file.Documents))
	}
	return chosen, nil
}

// oneDocument is the configuration of a file that has the name, or the only one
// of the file.
func oneDocument(file *document.File, name, purpose string) (*document.Document, error) {
	chosen, err := chooseDocuments(file, name)
	if err != nil {
		return nil, err
	}
	if len(chosen) > 1 {
		return nil, fmt.Errorf("%s takes one configuration, and %s has %d: choose with --document; there %s",
			purpose, file.Name, len(chosen), documentNames(chosen))
	}
	return chosen[0], nil
}

// documentNames says what there is to choose from.
func documentNames(documents []*document.Document) string {
	const most = 10
	var names []string
	for i, d := range documents {
		if i == most {
			names = append(names, fmt.Sprintf("%d more", len(documents)-most))
			break
		}
		if d.Name == "" {
			names = append(names, fmt.Sprintf("number %d", i+1))
		} else {
			names = append(names, d.Name)
		}
	}
	if len(names) == 1 {
		return "is " + names[0]
	}
	return "are " + enumerate(names, "and")
}

// refusedRules are rules that the server would not store.
type refusedRules struct {
	title    string // of the configuration
	server   string
	lint     string // the command that says more
	mistakes []placedMistake
}

// placedMistake is a mistake and where it is.
type placedMistake struct {
	*cors.Mistake
	file string
	at   document.Position
	text string // what it is and how to mend it, as the format calls the fields
}

// Error lists the mistakes, each with its place and what the server would answer
// to it.
func (r *refusedRules) Error() string {
	const most = 20
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s refuses these rules:", r.title, r.server)
	for i, m := range r.mistakes {
		if i == most {
			fmt.Fprintf(&b, "\n  and %d more", len(r.mistakes)-most)
			break
		}
		fmt.Fprintf(&b, "\n  %s:%d:%d: %s: %s", m.file, m.at.Line, m.at.Column, m.Path(), m.text)
		if answer := m.S3(); answer.Status != 0 {
			fmt.Fprintf(&b, "\n    %s answers %d %s", r.server, answer.Status, answer.Code)
			if answer.Message != "" {
				fmt.Fprintf(&b, ": %s", printable(answer.Message))
			}
			if answer.Confidence != cors.ConfidenceHigh {
				b.WriteString(" (not certain)")
			}
		}
	}
	fmt.Fprintf(&b, "\nWhat else is wrong, and what can be mended mechanically: %s", r.lint)
	return b.String()
}

// compileDocument compiles a configuration. The error is a *refusedRules where the
// server would refuse it.
func compileDocument(cmd *cobra.Command, file *document.File, d *document.Document, dialect *cors.Dialect) (*cors.Policy, error) {
	policy, err := dialect.Compile(d.Configuration)
	if err == nil {
		return policy, nil
	}
	r := &refusedRules{title: documentTitle(file, d), server: serverName(dialect)}
	for m := range cors.Mistakes(err) {
		problem, fix := m.Explain()
		r.mistakes = append(r.mistakes, placedMistake{
			Mistake: m, file: file.Name, at: file.Position(d, m.Path()), text: worded(d.Format, problem+"; "+fix),
		})
	}
	if len(r.mistakes) == 0 {
		return nil, fmt.Errorf("%s: %w", r.title, err)
	}
	path := file.Name
	if path == standardInputName {
		path = standardInput
	}
	r.lint = cmd.Root().DisplayName() + " lint -f " + path
	if dialect != cors.AWS {
		r.lint += " --dialect " + dialect.Name()
	}
	return nil, r
}

// documentTitle names a configuration: the file, and which one where it has
// several.
func documentTitle(file *document.File, d *document.Document) string {
	if len(file.Documents) > 1 && d.Name != "" {
		return file.Name + ": " + d.Name
	}
	return file.Name
}
