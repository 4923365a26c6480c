// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/bucketcors/bucketcors/internal/lint"
)

// annotationLevels are the levels of GitHub's annotations.
var annotationLevels = map[lint.Severity]string{lint.Error: "error", lint.Warning: "warning", lint.Info: "notice"}

// What may not stand as it is in a workflow command: in its message, and in its
// properties. See https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts.
var (
	annotationMessage  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	annotationProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// printAnnotations prints a report as commands that GitHub Actions make
// annotations of. See
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands.
func printAnnotations(w io.Writer, r *report) error {
	b := bufio.NewWriter(w)
	for _, f := range r.findings {
		place := fmt.Sprintf("line=%d,endLine=%d", f.place.Line, f.place.EndLine)
		if f.place.Line == f.place.EndLine {
			// GitHub counts columns on one line only, up to the last one.
			place += fmt.Sprintf(",col=%d,endColumn=%d", f.place.Column, max(f.place.Column, f.place.EndColumn-1))
		}
		fmt.Fprintf(b, "::%s file=%s,%s,title=%s::%s\n", annotationLevels[f.Severity],
			annotationProperty.Replace(filepath.ToSlash(f.file.Name)), place,
			annotationProperty.Replace(f.ID+" "+f.Name), annotationMessage.Replace(f.message()))
	}
	for _, err := range r.unreadable {
		place := "file=" + annotationProperty.Replace(filepath.ToSlash(err.file))
		if err.line > 0 {
			place += fmt.Sprintf(",line=%d,col=%d", err.line, err.column)
		}
		fmt.Fprintf(b, "::error %s,title=bucketcors::%s\n", place, annotationMessage.Replace(err.problem))
	}
	return b.Flush()
}

// message is everything about a finding in one sentence.
func (f finding) message() string {
	text := f.Problem
	if f.Why != "" {
		text += ": " + f.Why
	}
	return text + "; " + f.Fix
}
