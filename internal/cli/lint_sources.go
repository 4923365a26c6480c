// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// source is a file to read.
type source struct {
	path string
	// found says that it was found in a directory, and not named: it need not
	// have rules.
	found bool
	// problem is why it cannot be looked into.
	problem error
}

// name is how messages name the file.
func (s source) name() string {
	if s.path == standardInput {
		return standardInputName
	}
	return s.path
}

// expandSources are the files that the paths stand for, each once.
func expandSources(paths []string, recursive bool) []source {
	var sources []source
	seen := map[string]bool{}
	add := func(s source) {
		if key := filepath.Clean(s.path); !seen[key] {
			seen[key] = true
			sources = append(sources, s)
		}
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if path == standardInput || err != nil || !info.IsDir() {
			add(source{path: path})
			continue
		}
		// A link to a directory is followed where it was named, and not below.
		_ = filepath.WalkDir(filepath.Clean(path)+string(filepath.Separator), func(below string, entry fs.DirEntry, err error) error {
			below = filepath.Clean(below)
			switch {
			case err != nil:
				add(source{path: below, problem: err})
			case !entry.IsDir():
				if slices.Contains(fileExtensions, strings.TrimPrefix(filepath.Ext(below), ".")) && isRegular(below) {
					add(source{path: below, found: true})
				}
			case below != filepath.Clean(path) && (!recursive || passedOver(entry.Name())):
				return fs.SkipDir
			}
			return nil
		})
	}
	return sources
}

// isRegular reports whether a path is, or links to, what can be read to an end.
func isRegular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// passedOver reports whether a directory holds what others wrote, or nothing of
// anybody's.
func passedOver(directory string) bool {
	return strings.HasPrefix(directory, ".") || directory == "node_modules" || directory == "vendor"
}

// mentionsCORS reports whether a file can have rules in any of the formats: a
// directory holds much else, and some of it cannot even be read as what its name
// says, such as the templates of a chart.
func mentionsCORS(data []byte) bool {
	lower := bytes.ToLower(data)
	return bytes.Contains(lower, []byte("cors")) || bytes.Contains(lower, []byte("allowedorigins"))
}
