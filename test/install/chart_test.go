// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const (
	root      = "../.."
	chartDir  = root + "/charts/bucketcors"
	namespace = "bucketcors-system"
)

// aCluster is what Helm knows of a cluster without our CRDs, and a cluster with
// them: see clusterIsKnown in the chart.
var (
	aCluster     = common.VersionSet{"v1", "v1/Pod", "apps/v1", "apps/v1/Deployment"}
	withTheKinds = append(common.VersionSet{"s3.bucketcors.dev/v1alpha1", "s3.bucketcors.dev/v1alpha1/BucketProvider"}, aCluster...)
)

func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	loaded, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// parseValues reads values in YAML.
func parseValues(t *testing.T, text string) map[string]any {
	t.Helper()
	values := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return values
}

// rendering is what Helm makes of the chart.
type rendering struct {
	objects []*unstructured.Unstructured
	hooks   []*unstructured.Unstructured
	notes   string
}

func (r rendering) all() []*unstructured.Unstructured {
	return append(append([]*unstructured.Unstructured(nil), r.objects...), r.hooks...)
}

// find is the object of a kind and a name, or nil.
func find(objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	for _, object := range objects {
		if object.GetKind() == kind && object.GetName() == name {
			return object
		}
	}
	return nil
}

// render is "helm template", which asks no cluster, as release bucketcors.
func render(t *testing.T, values string, known common.VersionSet) (rendering, error) {
	t.Helper()
	return renderAs(t, "bucketcors", values, known)
}

func renderAs(t *testing.T, name, values string, known common.VersionSet) (rendering, error) {
	t.Helper()
	install := action.NewInstall(action.NewConfiguration())
	install.ReleaseName, install.Namespace = name, namespace
	install.DryRunStrategy = action.DryRunClient
	install.APIVersions = known
	install.KubeVersion = &common.KubeVersion{Version: "v1.36.0", Major: "1", Minor: "36"}
	installed, err := install.RunWithContext(t.Context(), loadChart(t), parseValues(t, values))
	if err != nil {
		return rendering{}, err
	}
	made, ok := installed.(*release.Release)
	if !ok {
		t.Fatalf("a release is a %T", installed)
	}
	r := rendering{objects: parseObjects(t, made.Manifest), notes: made.Info.Notes}
	for _, hook := range made.Hooks {
		r.hooks = append(r.hooks, parseObjects(t, hook.Manifest)...)
	}
	return r, nil
}

func mustRender(t *testing.T, values string, known common.VersionSet) rendering {
	t.Helper()
	r, err := render(t, values, known)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// parseObjects reads a stream of YAML documents. A field that is there twice is
// an error.
func parseObjects(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	documents := utilyaml.NewDocumentDecoder(io.NopCloser(strings.NewReader(text)))
	defer documents.Close()
	buffer := make([]byte, len(text)+1)
	for {
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(buffer[:n], &object.Object); err != nil {
			t.Fatalf("%v in\n%s", err, buffer[:n])
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}
