// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/bucketcors/bucketcors/internal/localenv"
)

// The definitions of what the chart uses of others, each in a module of theirs.
var othersCRDs = map[string][]string{
	"github.com/cert-manager/cert-manager@v1.21.2": {
		"deploy/crds/cert-manager.io_certificates.yaml",
		"deploy/crds/cert-manager.io_issuers.yaml",
	},
	"github.com/prometheus-operator/prometheus-operator@v0.85.0": {
		"example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
		"example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
	},
}

// crdsOfOthers are the paths of those definitions.
func crdsOfOthers(t *testing.T) []string {
	t.Helper()
	var paths []string
	for module, files := range othersCRDs {
		cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module)
		cmd.Dir = t.TempDir() // no go.mod of ours
		output, err := cmd.Output()
		var downloaded struct{ Dir, Error string }
		if jsonErr := json.Unmarshal(output, &downloaded); jsonErr != nil || downloaded.Dir == "" {
			t.Fatalf("download %s: %v %v %s", module, err, jsonErr, downloaded.Error)
		}
		for _, file := range files {
			paths = append(paths, filepath.Join(downloaded.Dir, file))
		}
	}
	return paths
}

// startControlPlane runs an API server with CRDs for as long as the test runs.
func startControlPlane(t *testing.T, crds ...string) *localenv.ControlPlane {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a real API server, which may have to be built first")
	}
	ctrl.SetLogger(logr.Discard())
	assets, err := localenv.Ensure(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	plane, err := localenv.StartControlPlane(t.Context(), localenv.Options{Assets: assets, CRDPaths: crds})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	return plane
}

// apiServer applies objects, and knows what the API server says beside its answer.
type apiServer struct {
	dynamic.Interface

	mapper   meta.RESTMapper
	mu       sync.Mutex
	warnings []string
}

// HandleWarningHeader is of rest.WarningHandler.
func (s *apiServer) HandleWarningHeader(_ int, _, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warnings = append(s.warnings, text)
}

func connect(t *testing.T, plane *localenv.ControlPlane) *apiServer {
	t.Helper()
	server := &apiServer{}
	config := rest.CopyConfig(plane.Config)
	config.WarningHandler = server
	config.QPS, config.Burst = 1000, 1000
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	if server.mapper, err = apiutil.NewDynamicRESTMapper(config, httpClient); err != nil {
		t.Fatal(err)
	}
	if server.Interface, err = dynamic.NewForConfigAndClient(config, httpClient); err != nil {
		t.Fatal(err)
	}
	return server
}

// of is where objects like this one are.
func (s *apiServer) of(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := s.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return s.Resource(mapping.Resource).Namespace(object.GetNamespace()), nil
	}
	return s.Resource(mapping.Resource), nil
}

// apply applies an object, for good or as a dry run. A field that the API server
// does not know, and a warning, are errors.
func (s *apiServer) apply(t *testing.T, object *unstructured.Unstructured, dryRun bool) error {
	t.Helper()
	where, err := s.of(object)
	if err != nil {
		return err
	}
	body, err := json.Marshal(object.Object)
	if err != nil {
		return err
	}
	options := metav1.PatchOptions{FieldManager: "test", FieldValidation: metav1.FieldValidationStrict, Force: new(true)}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	_, err = where.Patch(t.Context(), object.GetName(), types.ApplyPatchType, body, options)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && len(s.warnings) > 0 {
		err = fmt.Errorf("warning: %s", strings.Join(s.warnings, "; "))
	}
	s.warnings = nil
	return err
}

// theNamespace is what kustomize makes, and warns of workloads whose pods it would
// refuse.
func theNamespace(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	object := find(build(t, "config/manager"), "Namespace", namespace)
	labels := object.GetLabels()
	if labels["pod-security.kubernetes.io/enforce"] != "restricted" {
		t.Errorf("the namespace enforces %q", labels["pod-security.kubernetes.io/enforce"])
	}
	labels["pod-security.kubernetes.io/warn"] = "restricted"
	object.SetLabels(labels)
	return object
}

func TestAnAPIServerTakesWhateverTheValues(t *testing.T) {
	plane := startControlPlane(t, append(crdsOfOthers(t), root+"/config/crd/bases")...)
	server := connect(t, plane)
	if err := server.apply(t, theNamespace(t), false); err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, objects []*unstructured.Unstructured) {
		t.Helper()
		if len(objects) == 0 {
			t.Error("there is nothing")
		}
		for _, object := range objects {
			if err := server.apply(t, object, true); err != nil {
				t.Errorf("%s/%s: %v\n%s", object.GetKind(), object.GetName(), err, toYAML(t, object))
			}
		}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { check(t, mustRender(t, c.values, withTheKinds).all()) })
	}
	for first, one := range risky {
		for second, other := range risky {
			if first >= second {
				continue
			}
			t.Run(first+" and "+second, func(t *testing.T) {
				values := parseValues(t, one)
				maps.Copy(values, parseValues(t, other))
				text, err := json.Marshal(values)
				if err != nil {
					t.Fatal(err)
				}
				check(t, mustRender(t, string(text), withTheKinds).all())
			})
		}
	}
	for _, dir := range []string{"config/default", "config/default-with-webhook"} {
		t.Run(dir, func(t *testing.T) { check(t, build(t, dir)) })
	}
}

// The check of above can fail.
func TestAnAPIServerRefusesWhatIsWrong(t *testing.T) {
	plane := startControlPlane(t)
	server := connect(t, plane)
	if err := server.apply(t, theNamespace(t), false); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(spec map[string]any)
		says   string
	}{
		"a field that is misspelt": {
			func(spec map[string]any) { spec["serviceAcountName"] = "x" }, "field not declared in schema",
		},
		"a pod that may be root": {
			func(spec map[string]any) { delete(spec, "securityContext") }, "would violate PodSecurity",
		},
	} {
		t.Run(name, func(t *testing.T) {
			deployment := find(mustRender(t, "", nil).objects, "Deployment", "bucketcors-manager")
			spec, _, err := unstructured.NestedMap(deployment.Object, "spec", "template", "spec")
			if err != nil {
				t.Fatal(err)
			}
			c.change(spec)
			if err := unstructured.SetNestedMap(deployment.Object, spec, "spec", "template", "spec"); err != nil {
				t.Fatal(err)
			}
			if err := server.apply(t, deployment, true); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error with %q", err, c.says)
			}
		})
	}
}

// risky are values that write to the same places of the Deployment and of other
// objects: each is tried with each other.
var risky = map[string]string{
	"many pods":         "replicaCount: 3",
	"the webhook":       "webhook: {enabled: true}",
	"cert-manager":      "webhook: {enabled: true, certificates: CertManager}",
	"metrics over TLS":  "metrics: {certificateSecret: metrics-tls, serviceMonitor: {enabled: true}}",
	"no metrics":        "metrics: {enabled: false}",
	"a NetworkPolicy":   "networkPolicy: {enabled: true}",
	"volumes":           "{extraVolumes: [{name: a, emptyDir: {}}], extraVolumeMounts: [{name: a, mountPath: /a}]}",
	"variables":         "{extraEnv: [{name: A, value: b}], envFrom: [{configMapRef: {name: a}}], tracing: {enabled: true, endpoint: 'http://a:4317'}}",
	"nothing requested": "resources: {}",
	"other labels":      "{commonLabels: {a: b}, podLabels: {a: c}, podAnnotations: {d: e}}",
	"other names":       "fullnameOverride: a",
	"nobody's roles":    "rbac: {create: false}",
	"no CRDs":           "crds: {install: false}",
}
