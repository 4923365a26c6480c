// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/bucketcors/bucketcors/internal/lint"
)

// The part of SARIF 2.1.0 that lint uses. See
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		ColumnKind  string            `json:"columnKind"`
		Results     []sarifResult     `json:"results"` // never null
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string             `json:"id"`
		Name                 string             `json:"name"`
		ShortDescription     sarifText          `json:"shortDescription"`
		HelpURI              string             `json:"helpUri"`
		DefaultConfiguration sarifConfiguration `json:"defaultConfiguration"`
	}
	sarifConfiguration struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical sarifPhysicalLocation  `json:"physicalLocation"`
		Logical  []sarifLogicalLocation `json:"logicalLocations"`
	}
	sarifPhysicalLocation struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndLine     int `json:"endLine"`
		EndColumn   int `json:"endColumn"`
	}
	sarifLogicalLocation struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
	}
)

// sarifLevels are the levels of SARIF.
var sarifLevels = map[lint.Severity]string{lint.Error: "error", lint.Warning: "warning", lint.Info: "note"}

// printSARIF prints a report as SARIF, which services that scan code read.
func printSARIF(w io.Writer, r *report) error {
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{
			Name: "bucketcors", Version: buildVersion(),
			InformationURI: "https://github.com/bucketcors/bucketcors",
			Rules:          []sarifRule{},
		}},
		Invocations: []sarifInvocation{{Successful: len(r.unreadable) == 0}},
		ColumnKind:  "unicodeCodePoints",
		Results:     []sarifResult{},
	}
	index := map[string]int{}
	for i, c := range lint.Catalogue() {
		index[c.ID] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: c.ID, Name: c.Name, ShortDescription: sarifText{c.Summary}, HelpURI: c.Documentation(),
			DefaultConfiguration: sarifConfiguration{sarifLevels[c.Severity]},
		})
	}
	for _, f := range r.findings {
		name := f.Path()
		if f.document.Name != "" {
			name = f.document.Name + ": " + name
		}
		run.Results = append(run.Results, sarifResult{
			RuleID: f.ID, RuleIndex: index[f.ID], Level: sarifLevels[f.Severity], Message: sarifText{f.message()},
			Locations: []sarifLocation{{
				Physical: sarifPhysicalLocation{
					Artifact: sarifArtifact{artifactURI(f.file.Name)},
					Region:   sarifRegion{f.place.Line, f.place.Column, f.place.EndLine, f.place.EndColumn},
				},
				Logical: []sarifLogicalLocation{{name}},
			}},
		})
	}
	for _, err := range r.unreadable {
		run.Invocations[0].Notifications = append(run.Invocations[0].Notifications, sarifNotification{"error", sarifText{err.Error()}})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
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
