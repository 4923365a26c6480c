// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"io"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/lint"
)

// jsonReport is a report for programs. Its fields are stable; there may be more
// of them one day.
type jsonReport struct {
	Files    int           `json:"files"`
	Findings []jsonFinding `json:"findings"` // never null
	Fixed    []jsonFix     `json:"fixed,omitempty"`
	Errors   []jsonError   `json:"errors"` // never null
}

// jsonError is why a file could not be read or mended. Line and Column are absent
// where it is not about a place in it.
type jsonError struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

// jsonFix is a value that --fix has mended. The place is that of the value before.
type jsonFix struct {
	File     string   `json:"file"`
	Document string   `json:"document,omitempty"`
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Path     string   `json:"path"`
	Value    string   `json:"value"`
	Values   []string `json:"values"` // in its place; never null
}

// jsonFinding is a finding for programs.
type jsonFinding struct {
	File          string        `json:"file"`
	Document      string        `json:"document,omitempty"`
	Line          int           `json:"line"`
	Column        int           `json:"column"`
	EndLine       int           `json:"endLine"`
	EndColumn     int           `json:"endColumn"`
	ID            string        `json:"id"`
	Name          string        `json:"name"`
	Severity      lint.Severity `json:"severity"`
	Rule          int           `json:"rule"`
	RuleID        string        `json:"ruleID,omitempty"`
	Field         cors.Field    `json:"field,omitempty"`
	Path          string        `json:"path"`
	Value         string        `json:"value,omitempty"`
	Problem       string        `json:"problem"`
	Why           string        `json:"why"`
	Fix           string        `json:"fix"`
	Fixable       bool          `json:"fixable"`
	Documentation string        `json:"documentation"`
}

// printJSON prints a report as one JSON object.
func printJSON(w io.Writer, r *report) error {
	document := jsonReport{Files: r.files, Findings: []jsonFinding{}, Errors: []jsonError{}}
	for _, f := range r.findings {
		document.Findings = append(document.Findings, f.json())
	}
	for _, f := range r.fixes {
		document.Fixed = append(document.Fixed, jsonFix{
			File: f.file.Name, Document: f.document.Name, Line: f.place.Line, Column: f.place.Column,
			Path: f.path, Value: f.old, Values: append([]string{}, f.values...),
		})
	}
	for _, err := range r.unreadable {
		document.Errors = append(document.Errors, jsonError{err.file, err.line, err.column, err.problem})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(document)
}

func (f finding) json() jsonFinding {
	return jsonFinding{
		File: f.file.Name, Document: f.document.Name,
		Line: f.place.Line, Column: f.place.Column, EndLine: f.place.EndLine, EndColumn: f.place.EndColumn,
		ID: f.ID, Name: f.Name, Severity: f.Severity,
		Rule: f.Rule, RuleID: f.RuleID, Field: f.Field, Path: f.Path(), Value: f.Value,
		Problem: f.Problem, Why: f.Why, Fix: f.Fix, Fixable: f.Edit != nil,
		Documentation: lint.Check{ID: f.ID}.Documentation(),
	}
}
