// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// changelogOf is the section of CHANGELOG.md about a version, without its heading:
// the notes of the release.
func changelogOf(root, version string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	if err != nil {
		return "", err
	}
	heading := regexp.MustCompile(`^## \[?v?` + regexp.QuoteMeta(strings.TrimPrefix(version, "v")) + `\]?( |$)`)
	var section strings.Builder
	inside := false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "## ") {
			inside = heading.MatchString(strings.TrimRight(line, "\r\n"))
		} else if inside {
			section.WriteString(line)
		}
	}
	notes := strings.TrimSpace(section.String())
	if notes == "" {
		return "", fmt.Errorf("CHANGELOG.md says nothing about %s: it needs a section with the heading ## %[1]s - and the date", version)
	}
	return notes + "\n", nil
}
