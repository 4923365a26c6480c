// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestNotesAreTheSectionOfTheVersion(t *testing.T) {
	changelog := `# Changelog

## Unreleased

- something new

## v1.2.3 - 2026-01-31

Read this first.

### Fixed

- a bug

## [1.2.3-rc.1] - 2026-01-30

- an attempt

## 1.1.0

## v1.0.0
- the first
`
	tests := []struct {
		version, want, err string
	}{
		{version: "v1.2.3", want: "Read this first.\n\n### Fixed\n\n- a bug\n"},
		{version: "v1.2.3-rc.1", want: "- an attempt\n"},
		{version: "v1.0.0", want: "- the first\n"},
		{version: "v1.1.0", err: "says nothing about v1.1.0"},
		{version: "v1.2", err: "says nothing about v1.2"},
		{version: "v1.2.4", err: "the heading ## v1.2.4"},
		{version: "v1.0x0", err: "says nothing about v1.0x0"},
	}
	from := product(t)
	write(t, filepath.Join(from.root, "CHANGELOG.md"), changelog)
	for _, test := range tests {
		t.Run(test.version, func(t *testing.T) {
			var stdout strings.Builder
			err := run(t.Context(), []string{"notes", "-C", from.root, "-version", test.version}, &stdout)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v; want one with %q", err, test.err)
				}
				return
			}
			if err != nil || stdout.String() != test.want {
				t.Errorf("printed %q, error %v; want %q", stdout.String(), err, test.want)
			}
		})
	}
}
