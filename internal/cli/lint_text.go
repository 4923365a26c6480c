// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"fmt"
	"io"

	"github.com/bucketcors/bucketcors/internal/lint"
)

// printText prints a report for people.
func printText(w io.Writer, r *report) error {
	s := styleOf(w)
	b := bufio.NewWriter(w)
	for _, f := range r.fixes {
		fmt.Fprintln(b, s.good(f.String()))
	}
	counts := map[lint.Severity]int{}
	fixable := 0
	for _, f := range r.findings {
		paint := s.head
		switch f.Severity {
		case lint.Error:
			paint = s.bad
		case lint.Warning:
			paint = s.warn
		case lint.Info:
		}
		counts[f.Severity]++
		fmt.Fprintf(b, "%s:%d:%d: %s: %s\n", f.file.Name, f.place.Line, f.place.Column,
			paint(string(f.Severity)+" "+f.ID), printable(f.Problem))
		if f.Why != "" {
			fmt.Fprintf(b, "    %s\n", printable(f.Why))
		}
		mechanically := ""
		if f.Edit != nil {
			fixable++
			mechanically = " (--fix does)"
		}
		fmt.Fprintf(b, "    fix: %s%s\n", printable(f.Fix), mechanically)
	}
	if r.files > 0 {
		fmt.Fprintln(b, summary(r, counts, fixable))
	}
	return b.Flush()
}

// summary is the last line: "2 errors, 1 warning in 1 file; 1 can be fixed with --fix".
func summary(r *report, counts map[lint.Severity]int, fixable int) string {
	text := ""
	for _, severity := range severities {
		if n := counts[severity]; n > 0 {
			if text != "" {
				text += ", "
			}
			if severity == lint.Info {
				text += fmt.Sprintf("%d info", n) // has no plural
			} else {
				text += count(n, string(severity))
			}
		}
	}
	if text == "" {
		text = "no findings"
	}
	text += " in " + count(r.files, "file")
	if fixable > 0 {
		text += fmt.Sprintf("; %d can be fixed with --fix", fixable)
	}
	if len(r.fixes) > 0 {
		text += fmt.Sprintf("; %d fixed", len(r.fixes))
	}
	return text
}
