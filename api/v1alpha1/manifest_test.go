// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
)

// A kind is one of our kinds with manifests that the API server accepts and
// such as it refuses.
type kind struct {
	name    string
	crdFile string
	spec    string // YAML: a small valid spec
	object  func() client.Object

	accepted []acceptedManifest
	refused  []refusedManifest
}

func kinds() []kind { return []kind{bucketCORSPolicy(), bucketProvider()} }

// An acceptedManifest is one that the API server stores as it is written.
type acceptedManifest struct {
	name string
	spec string // what differs from the small valid spec, see manifest
}

// A refusedManifest is one that the API server refuses for one reason.
type refusedManifest struct {
	name    string
	spec    string // what differs from the small valid spec, see manifest
	field   string // as the API server writes it; empty when only the message tells
	message string // a part of what the API server says about the field
}

// manifest returns an object of the kind: its small valid spec, in which the
// fields of changes, as YAML, take the place of those of the same name. A field
// that is null in changes is left out.
func (k kind) manifest(t *testing.T, changes string) *unstructured.Unstructured {
	t.Helper()
	spec := parseYAML(t, k.spec)
	maps.Copy(spec, parseYAML(t, changes))
	maps.DeleteFunc(spec, func(_ string, value any) bool { return value == nil })
	object := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	object.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind(k.name))
	object.SetName("example")
	if k.name == "BucketCORSPolicy" {
		object.SetNamespace(testNamespace)
	}
	return object
}

func parseYAML(t *testing.T, text string) map[string]any {
	t.Helper()
	fields := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatalf("the YAML of the test: %v\n%s", err, text)
	}
	return fields
}

// times returns a YAML list of n items. In each, # stands for its number.
func times(n int, item string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = strings.ReplaceAll(item, "#", strconv.Itoa(i))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// create lets the API server check a manifest the way it does for kubectl, and
// leaves in it what would be stored.
func create(t *testing.T, manifest *unstructured.Unstructured) error {
	t.Helper()
	return apiServer.client.Create(t.Context(), manifest, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
}

// What the API server stores it stores as it was written: nothing is added by
// default, nothing is dropped. And the operator can read it: a single object
// that it cannot decode would keep it from listing all others.
func TestAPIServerAccepts(t *testing.T) {
	needsAPIServer(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			for _, c := range k.accepted {
				t.Run(c.name, func(t *testing.T) {
					stored := k.manifest(t, c.spec)
					written := stored.DeepCopy()
					if err := create(t, stored); err != nil {
						t.Fatalf("refused: %v", err)
					}
					if !reflect.DeepEqual(written.Object["spec"], stored.Object["spec"]) {
						t.Errorf("written and stored differ:\n%s", diff.Diff(written.Object["spec"], stored.Object["spec"]))
					}
					text, err := json.Marshal(stored)
					if err != nil {
						t.Fatal(err)
					}
					if err := json.Unmarshal(text, k.object()); err != nil {
						t.Errorf("the operator could not read it: %v", err)
					}
				})
			}
		})
	}
}

func TestAPIServerRefuses(t *testing.T) {
	needsAPIServer(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			for _, c := range k.refused {
				t.Run(c.name, func(t *testing.T) {
					err := create(t, k.manifest(t, c.spec))
					if err == nil {
						t.Fatal("accepted")
					}
					if c.field == "" {
						if !strings.Contains(err.Error(), c.message) {
							t.Errorf("it says %q, without %q", err, c.message)
						}
						return
					}
					found := causes(err)
					says := func(cause metav1.StatusCause) bool { return strings.Contains(cause.Message, c.message) }
					elsewhere := func(cause metav1.StatusCause) bool { return cause.Field != c.field }
					if !slices.ContainsFunc(found, says) || slices.ContainsFunc(found, elsewhere) {
						t.Errorf("it says\n%+v\nwhich is not just %q about %s", found, c.message, c.field)
					}
				})
			}
		})
	}
}

// causes returns what the API server finds wrong with a manifest, but for the
// note that it may not have looked at everything.
func causes(err error) []metav1.StatusCause {
	refusal, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || refusal.ErrStatus.Details == nil {
		return nil
	}
	return slices.DeleteFunc(refusal.ErrStatus.Details.Causes, func(cause metav1.StatusCause) bool {
		return strings.Contains(cause.Message, "some validation rules were not checked")
	})
}
