// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

func TestEveryManifestInTheDocsWorksWhenPasted(t *testing.T) {
	t.Parallel()
	if _, err := world.kubectl.Run(t.Context(), "{apiVersion: v1, kind: Namespace, metadata: {name: team-a}}", "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	manifests := 0
	for _, page := range append(pages, "../../README.md") {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range yamlBlock.FindAllStringSubmatch(string(content), -1) {
			if !strings.Contains(block[1], "apiVersion:") {
				continue
			}
			manifests++
			if _, err := world.kubectl.Run(t.Context(), block[1], "apply", "--dry-run=server", "-f", "-"); err != nil {
				t.Errorf("%s: %v\n%s", page, err, block[1])
			}
		}
	}
	if manifests < 4 {
		t.Errorf("only %d manifests were found", manifests)
	}
}
