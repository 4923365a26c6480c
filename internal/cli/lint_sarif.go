// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/bucketcors/bucketcors/internal/lint"
)

// sarifLevels are the levels of SARIF.
var sarifLevels = map[lint.Severity]string{lint.Error: "error", lint.Warning: "warning", lint.Info: "note"}

// printSARIF prints a report as SARIF 2.1.0, which services that scan code read.
func printSARIF(w io.Writer, r *report) error {
	const homepage = "https://github.com/bucketcors/bucketcors"
	run := sarif.NewRunWithInformationURI("bucketcors", homepage).WithColumnKind("unicodeCodePoints")
	run.Tool.Driver.WithVersion(buildVersion())
	index := map[string]int{}
	for i, c := range lint.Catalogue() {
		index[c.ID] = i
		run.AddRule(c.ID).WithName(c.Name).WithHelpURI(c.Documentation()).
			WithShortDescription(sarif.NewMultiformatMessageString().WithText(c.Summary)).
			WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(sarifLevels[c.Severity]))
	}
	for _, f := range r.findings {
		run.AddResult(sarif.NewRuleResult(f.ID).WithRuleIndex(index[f.ID]).WithLevel(sarifLevels[f.Severity]).
			WithMessage(sarif.NewTextMessage(f.message())).
			AddLocation(sarifLocation(f)))
	}
	invocation := sarif.NewInvocation().WithExecutionSuccessful(len(r.unreadable) == 0)
	for _, err := range r.unreadable {
		place := sarif.NewPhysicalLocation().WithArtifactLocation(sarif.NewArtifactLocation().WithURI(artifactURI(err.file)))
		if err.line > 0 {
			place.WithRegion(sarif.NewRegion().WithStartLine(err.line).WithStartColumn(err.column))
		}
		invocation.AddToolExecutionNotification(sarif.NewNotification().WithLevel("error").
			WithMessage(sarif.NewTextMessage(err.Error())).
			AddLocation(sarif.NewLocation().WithPhysicalLocation(place)))
	}
	run.AddInvocation(invocation)
	log := sarif.NewReport()
	log.AddRun(run)
	if err := log.PrettyWrite(w); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

func sarifLocation(f finding) *sarif.Location {
	name := f.Path()
	if f.document.Name != "" {
		name = f.document.Name + ": " + name
	}
	region := sarif.NewRegion().WithStartLine(f.place.Line).WithStartColumn(f.place.Column).
		WithEndLine(f.place.EndLine).WithEndColumn(f.place.EndColumn)
	return sarif.NewLocation().
		WithPhysicalLocation(sarif.NewPhysicalLocation().
			WithArtifactLocation(sarif.NewArtifactLocation().WithURI(artifactURI(f.file.Name))).
			WithRegion(region)).
		AddLogicalLocation(sarif.NewLogicalLocation().WithFullyQualifiedName(name))
}

// artifactURI is a file as SARIF names it: relative to the directory that the
// program runs in, where it is below that.
func artifactURI(path string) string {
	if absolute, err := filepath.Abs(path); err == nil && filepath.IsAbs(path) {
		directory, err := os.Getwd()
		relative, relErr := filepath.Rel(directory, absolute)
		if err != nil || relErr != nil || relative == ".." || strings.HasPrefix(relative, ".."+string(filepath.Separator)) {
			slashed := filepath.ToSlash(absolute)
			if !strings.HasPrefix(slashed, "/") {
				slashed = "/" + slashed // C:/…
			}
			return (&url.URL{Scheme: "file", Path: slashed}).String()
		}
		path = relative
	}
	// Without the "./" that url.URL puts before a first segment with a colon.
	return strings.TrimPrefix((&url.URL{Path: filepath.ToSlash(filepath.Clean(path))}).String(), "./")
}
