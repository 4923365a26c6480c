// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/localenv"
)

const (
	crdDir     = "../../config/crd/bases"
	samplesDir = "../../config/samples"

	// testNamespace is made before any test runs.
	testNamespace = "api-tests"
)

var (
	policies  = v1alpha1.SchemeGroupVersion.WithResource("bucketcorspolicies")
	providers = v1alpha1.SchemeGroupVersion.WithResource("bucketproviders")
)

// apiServer is a real API server with the CRDs of this tree. Nil with -short.
var apiServer *server

type server struct {
	*localenv.ControlPlane
	assets  localenv.Assets
	objects *dynamic.DynamicClient
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if testing.Short() {
		return m.Run()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute) // enough to build the programs
	defer cancel()
	var err error
	if apiServer, err = start(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	status := m.Run()
	if err := apiServer.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

func start(ctx context.Context) (*server, error) {
	assets, err := localenv.Ensure(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	plane, err := localenv.StartControlPlane(ctx, localenv.Options{Assets: assets, CRDPaths: []string{crdDir}})
	if err != nil {
		return nil, err
	}
	s := &server{ControlPlane: plane, assets: assets}
	if s.objects, err = dynamic.NewForConfig(plane.Config); err != nil {
		return s, err
	}
	client, err := kubernetes.NewForConfig(plane.Config)
	if err != nil {
		return s, err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: testNamespace}}
	_, err = client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	return s, err
}

func needsAPIServer(t *testing.T) {
	t.Helper()
	if apiServer == nil {
		t.Skip("needs an API server, which may have to be built first")
	}
}

// A kind has what the tests need to make manifests of one of our kinds.
type kind struct {
	name     string
	resource dynamic.ResourceInterface
	crd      string // file name in crdDir
	spec     string // YAML: a small valid spec
}

func policyKind() kind {
	k := kind{
		name: "BucketCORSPolicy",
		crd:  "s3.bucketcors.dev_bucketcorspolicies.yaml",
		spec: `
buckets: [{name: app-assets}]
rules: [{allowedOrigins: ["https://app.example.com"], allowedMethods: [GET]}]
`,
	}
	if apiServer != nil {
		k.resource = apiServer.objects.Resource(policies).Namespace(testNamespace)
	}
	return k
}

func providerKind() kind {
	k := kind{
		name: "BucketProvider",
		crd:  "s3.bucketcors.dev_bucketproviders.yaml",
		spec: `region: eu-west-1`,
	}
	if apiServer != nil {
		k.resource = apiServer.objects.Resource(providers)
	}
	return k
}

// manifest returns an object of the kind: its small valid spec, in which the fields of patch, as YAML, take the place of
// those of the same name. A field that is null in patch is left out.
func (k kind) manifest(t *testing.T, patch string) *unstructured.Unstructured {
	t.Helper()
	spec := parseYAML(t, k.spec)
	maps.Copy(spec, parseYAML(t, patch))
	maps.DeleteFunc(spec, func(_ string, value any) bool { return value == nil })
	object := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	object.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind(k.name))
	object.SetName("example")
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

// dryRun lets the API server check an object as for `kubectl apply`, and returns what it would store.
func (k kind) dryRun(ctx context.Context, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return k.resource.Create(ctx, object, metav1.CreateOptions{
		DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict,
	})
}

// causes returns each thing that is wrong with a refused manifest, as "field: message".
func causes(err error) []string {
	status, ok := err.(apierrors.APIStatus) //nolint:errorlint // see below
	if !ok || status.Status().Details == nil {
		return nil
	}
	var lines []string
	for _, cause := range status.Status().Details.Causes {
		lines = append(lines, cause.Field+": "+cause.Message)
	}
	return lines
}

// list returns n items of a YAML flow list, made by format from the numbers from 0.
func list(n int, format string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = strings.ReplaceAll(format, "%d", fmt.Sprint(i))
	}
	return "[" + strings.Join(items, ", ") + "]"
}
