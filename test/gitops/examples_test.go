// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const examples = root + "/docs/examples/gitops"

// TestTheExamplesOfArgoCDApply has an API server with Argo CD's own CRDs look at them.
func TestTheExamplesOfArgoCDApply(t *testing.T) {
	c := newCluster(t)
	output, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/argoproj/argo-cd/v3").Output()
	if err != nil {
		t.Fatal(err)
	}
	crds := filepath.Join(strings.TrimSpace(string(output)), "manifests/crds")
	if _, err := c.kubectl.Run(t.Context(), "", "apply", "--server-side", "-f", crds+"/application-crd.yaml", "-f", crds+"/applicationset-crd.yaml"); err != nil {
		t.Fatal(err)
	}
	c.eventually(2*soon, func() error {
		// kubectl gives up when there are no conditions yet.
		_, err := c.kubectl.Run(t.Context(), "", "wait", "--for=condition=Established", "--timeout=60s", "crd/applications.argoproj.io", "crd/applicationsets.argoproj.io")
		return err
	})
	for _, arguments := range [][]string{
		{"create", "namespace", "argocd"},
		{"create", "namespace", "team-a"},
		{"apply", "--dry-run=server", "--validate=strict", "-f", examples + "/argocd"},
		{"apply", "--dry-run=server", "--validate=strict", "-f", examples + "/platform"},
		{"apply", "--dry-run=server", "--validate=strict", "-k", examples + "/teams/team-a"},
		{"create", "configmap", "argocd-cm", "-n", "argocd", "--from-literal=url=https://argocd.example.com"},
		{"apply", "--server-side", "--field-manager=bucketcors", "-f", argoConfigMap},
	} {
		if _, err := c.kubectl.Run(t.Context(), "", arguments...); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := c.kubectl.Run(t.Context(), "", "get", "configmap", "argocd-cm", "-n", "argocd", "-o", "jsonpath={.data.url}")
	if err != nil || kept != "https://argocd.example.com" {
		t.Errorf("what was in argocd-cm before is now %q: %v", kept, err)
	}
}

// TestTheExamplesOfFluxDecode has no field that Flux's own types do not have.
func TestTheExamplesOfFluxDecode(t *testing.T) {
	types := map[string]func() any{
		"helm.toolkit.fluxcd.io/v2 HelmRelease":        func() any { return &helmv2.HelmRelease{} },
		"kustomize.toolkit.fluxcd.io/v1 Kustomization": func() any { return &kustomizev1.Kustomization{} },
		"source.toolkit.fluxcd.io/v1 GitRepository":    func() any { return &sourcev1.GitRepository{} },
	}
	files, err := filepath.Glob(filepath.Join(examples, "flux", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	decoded := map[string]int{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for document := range strings.SplitSeq(string(content), "\n---\n") {
			var object unstructured.Unstructured
			if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			kind := object.GetAPIVersion() + " " + object.GetKind()
			if types[kind] == nil {
				t.Fatalf("%s: %s is not expected", file, kind)
			}
			if err := yaml.UnmarshalStrict([]byte(document), types[kind]()); err != nil {
				t.Errorf("%s: %s %s: %v", file, kind, object.GetName(), err)
			}
			decoded[kind]++
		}
	}
	if len(decoded) != len(types) {
		t.Errorf("only these are in the examples: %v", decoded)
	}
}
