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
	cmd.Flags().StringVar(name, "document", "",
		"which configuration of a file with several: its `NAME`, such as team-a/web-uploads, or its number from 1")
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

// compileDocument compiles a configuration. The error is the reasons for which
// the server would refuse it, each with its place in the file.
func compileDocument(file *document.File, d *document.Document, dialect *cors.Dialect) (*cors.Policy, error) {
	policy, err := dialect.Compile(d.Configuration)
	if err == nil {
		return policy, nil
	}
	var b strings.Builder
	const most = 20
	count := 0
	for m := range cors.Mistakes(err) {
		count++
		if count > most {
			continue
		}
		at := file.Position(d, m.Path())
		fmt.Fprintf(&b, "\n  %s:%d:%d: %s", file.Name, at.Line, at.Column, m)
	}
	if count == 0 {
		return nil, fmt.Errorf("%s: %w", documentTitle(file, d), err)
	}
	if count > most {
		fmt.Fprintf(&b, "\n  and %d more", count-most)
	}
	path := file.Name
	if path == standardInputName {
		path = standardInput
	}
	return nil, fmt.Errorf("%s: %s refuses these rules:%s\nWhat else is wrong, and what can be mended mechanically: bucketcors lint -f %s",
		documentTitle(file, d), serverName(dialect), &b, path)
}

// documentTitle names a configuration: the file, and which one where it has
// several.
func documentTitle(file *document.File, d *document.Document) string {
	if len(file.Documents) > 1 && d.Name != "" {
		return file.Name + ": " + d.Name
	}
	return file.Name
}
