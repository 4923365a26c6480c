// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// What the chart has and kustomize has not, or the reverse. All else is equal.
var (
	// Labels and annotations that are Helm's own.
	helmsLabels      = []string{"app.kubernetes.io/managed-by", "helm.sh/chart"}
	helmsAnnotations = []string{"helm.sh/resource-policy"}
	// "helm install --create-namespace" creates it.
	kustomizesObjects = []string{"Namespace/" + namespace}
	// Hooks, which kustomize does not know, are no objects of the release:
	// templates/uninstall.yaml, and the provider on a first install.
)

// build is "kustomize build" of a directory below the root.
func build(t *testing.T, dir string) []*unstructured.Unstructured {
	t.Helper()
	options := krusty.MakeDefaultOptions()
	built, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), root+"/"+dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return parseObjects(t, string(text))
}

func TestTheFormsAreTheSame(t *testing.T) {
	for name, c := range map[string]struct{ values, dir string }{
		"the defaults": {"", "config/default"},
		"the webhook":  {"webhook: {enabled: true}", "config/default-with-webhook"},
	} {
		t.Run(name, func(t *testing.T) {
			compare(t, mustRender(t, c.values, nil).objects, build(t, c.dir))
		})
	}
}

// dist/install.yaml is what this script prints for a release.
func TestTheFileOfAReleaseIsTheSame(t *testing.T) {
	needsTool(t, root+"/bin/tools/kustomize")
	cmd := exec.CommandContext(t.Context(), "hack/image/install-manifest.sh", "registry.example.com/team/bucketcors", "v1.2.3")
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	printed, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	values := "image: {registry: registry.example.com, repository: team/bucketcors, tag: v1.2.3}"
	compare(t, mustRender(t, values, nil).objects, parseObjects(t, string(printed)))
}

// compare tells each difference between what Helm and what kustomize renders.
func compare(t *testing.T, chart, kustomize []*unstructured.Unstructured) {
	t.Helper()
	ours, theirs := byID(t, chart), byID(t, kustomize)
	for _, id := range kustomizesObjects {
		if theirs[id] == nil {
			t.Errorf("kustomize has no %s: take it off the list", id)
		}
		delete(theirs, id)
	}
	for id, object := range ours {
		object.SetLabels(without(object.GetLabels(), helmsLabels))
		object.SetAnnotations(without(object.GetAnnotations(), helmsAnnotations))
		other := theirs[id]
		delete(theirs, id)
		if other == nil {
			t.Errorf("only the chart has %s", id)
			continue
		}
		if got, want := toYAML(t, object), toYAML(t, other); got != want {
			t.Errorf("%s is not the same, - in kustomize, + in the chart:\n%s", id, lineDiff(want, got))
		}
	}
	for id := range theirs {
		t.Errorf("only kustomize has %s", id)
	}
}

func byID(t *testing.T, objects []*unstructured.Unstructured) map[string]*unstructured.Unstructured {
	t.Helper()
	all := map[string]*unstructured.Unstructured{}
	for _, object := range objects {
		id := object.GetKind() + "/" + object.GetName()
		if all[id] != nil {
			t.Errorf("%s is there twice", id)
		}
		all[id] = object
	}
	return all
}

func without(words map[string]string, keys []string) map[string]string {
	rest := maps.Clone(words)
	maps.DeleteFunc(rest, func(key, _ string) bool { return slices.Contains(keys, key) })
	if len(rest) == 0 {
		return nil
	}
	return rest
}

func toYAML(t *testing.T, object *unstructured.Unstructured) string {
	t.Helper()
	text, err := yaml.Marshal(object.Object)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text)) + "\n"
}

// lineDiff are the lines that only one of two texts has.
func lineDiff(want, got string) string {
	wanted, given := strings.Split(want, "\n"), strings.Split(got, "\n")
	var lines []string
	for _, line := range wanted {
		if !slices.Contains(given, line) {
			lines = append(lines, "- "+line)
		}
	}
	for _, line := range given {
		if !slices.Contains(wanted, line) {
			lines = append(lines, "+ "+line)
		}
	}
	return strings.Join(lines[:min(len(lines), 20)], "\n")
}
