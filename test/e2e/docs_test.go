// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var yamlBlock = regexp.MustCompile("(?s)(Bad:\n\n)?```yaml\n(.*?)```")

// foreignGroup is the API group of a manifest that is for another program, whose
// CRDs are not here: test/gitops and test/install apply these.
var foreignGroup = regexp.MustCompile(`(?m)^apiVersion: [a-z0-9.-]*(argoproj\.io|fluxcd\.io|coreos\.com|cert-manager\.io)/`)

// Those after "Bad:" are there to be refused.
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
			bad, manifest := block[1] != "", block[2]
			if !strings.Contains(manifest, "apiVersion:") || foreignGroup.MatchString(manifest) {
				continue
			}
			manifests++
			if _, err := world.kubectl.Run(t.Context(), manifest, "apply", "--dry-run=server", "-f", "-"); (err != nil) != bad {
				t.Errorf("%s: bad: %t, and the API server says: %v\n%s", page, bad, err, manifest)
			}
		}
	}
	if manifests < 4 {
		t.Errorf("only %d manifests were found", manifests)
	}
}
