// SPDX-License-Identifier: Apache-2.0

package browser_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestOnlyTheStandardLibraryAndTheEvaluatorAreImported(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	const module = "github.com/bucketcors/bucketcors/internal/"
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			ours := strings.HasPrefix(path, module+"cors") || path == module+"browser"
			if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") && !ours {
				t.Errorf("%s imports %s", file, path)
			}
		}
	}
}
