// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/argo-cd/v3/util/settings"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"
)

// kinds are those that Argo CD has scripts for.
var kinds = []string{"BucketCORSPolicy", "BucketProvider"}

// argoConfigMap is what is added to the configuration of Argo CD.
const argoConfigMap = root + "/config/argocd/argocd-cm.yaml"

// readYAML decodes a file.
func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(content, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func readObject(t *testing.T, path string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	readYAML(t, path, &object.Object)
	// As from JSON of the API server: whole numbers are integers.
	object = object.DeepCopy()
	content, err := object.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := object.UnmarshalJSON(content); err != nil {
		t.Fatal(err)
	}
	return object
}

// readScript is a script of Argo CD.
func readScript(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// installed are the overrides of an Argo CD whose configuration has been extended
// with ours, as it reads them itself.
func installed(t *testing.T) lua.ResourceHealthOverrides {
	t.Helper()
	var configMap corev1.ConfigMap
	readYAML(t, argoConfigMap, &configMap)
	if configMap.Name != "argocd-cm" || configMap.Namespace != "argocd" {
		t.Errorf("%s is of %s/%s", argoConfigMap, configMap.Namespace, configMap.Name)
	}
	manager := settings.NewSettingsManager(t.Context(), fake.NewClientset(&configMap), configMap.Namespace)
	overrides, err := manager.GetResourceOverrides()
	if err != nil {
		t.Fatal(err)
	}
	return overrides
}

// healthTests has the form of health_test.yaml in Argo CD's resource_customizations.
type healthTests struct {
	Tests []healthTest `json:"tests"`
}

type healthTest struct {
	HealthStatus health.HealthStatus `json:"healthStatus"`
	InputPath    string              `json:"inputPath"`
}

// TestArgoCDHealthOfEveryState runs health_test.yaml as Argo CD does, and with the
// script that a user has installed, which may use less of Lua's libraries.
func TestArgoCDHealthOfEveryState(t *testing.T) {
	overrides := installed(t)
	for _, kind := range kinds {
		path := filepath.Join(customizations(kind), "health_test.yaml")
		if *update {
			writeHealthTests(t, kind, path)
		}
		script := readScript(t, customizations(kind), "health.lua")
		var tests healthTests
		readYAML(t, path, &tests)
		var tested []string
		for _, test := range tests.Tests {
			t.Run(kind+"/"+test.InputPath, func(t *testing.T) {
				object := readObject(t, filepath.Join(customizations(kind), test.InputPath))
				builtIn, err := lua.VM{UseOpenLibs: true}.ExecuteHealthLua(object, script)
				if err != nil {
					t.Fatal(err)
				}
				if *builtIn != test.HealthStatus {
					t.Errorf("%+v, not %+v", *builtIn, test.HealthStatus)
				}
				own, err := overrides.GetResourceHealth(object)
				if err != nil {
					t.Fatal(err)
				}
				if own == nil || *own != test.HealthStatus {
					t.Errorf("as installed: %+v, not %+v", own, test.HealthStatus)
				}
				if test.HealthStatus.Message == "" {
					t.Error("the health has no message")
				}
			})
			tested = append(tested, test.InputPath)
		}
		for _, s := range states {
			if s.kind != kind {
				continue
			}
			i := slices.Index(tested, "testdata/"+s.name+".yaml")
			if i < 0 {
				t.Errorf("%s has no test of %s", path, s.name)
			} else if is := tests.Tests[i].HealthStatus.Status; is != s.argo {
				t.Errorf("%s %s is %s, not %s", kind, s.name, is, s.argo)
			}
		}
	}
}

// writeHealthTests writes health_test.yaml: the message is what Ready says, as far as
// that is about the object as it is.
func writeHealthTests(t *testing.T, kind, path string) {
	t.Helper()
	var tests healthTests
	for _, s := range states {
		if s.kind != kind {
			continue
		}
		noun := map[string]string{"BucketCORSPolicy": "policy", "BucketProvider": "provider"}[kind]
		test := healthTest{health.HealthStatus{Status: s.argo}, "testdata/" + s.name + ".yaml"}
		switch s.phase {
		case before:
			test.HealthStatus.Message = "Waiting for bucketcors to look at the " + noun
		case outdated:
			test.HealthStatus.Message = "Waiting for bucketcors to look at the last change of the " + noun
		default:
			test.HealthStatus.Message = fmt.Sprint(conditionOf(readObject(t, s.file()), "Ready")["message"])
		}
		tests.Tests = append(tests.Tests, test)
	}
	content, err := yaml.Marshal(tests)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestNothingIsLeftOverInTheTestData finds files of states that are no more.
func TestNothingIsLeftOverInTheTestData(t *testing.T) {
	for _, kind := range kinds {
		files, err := filepath.Glob(filepath.Join(customizations(kind), "testdata", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !slices.ContainsFunc(states, func(s state) bool { return s.file() == file }) {
				t.Errorf("%s belongs to no state", file)
			}
		}
	}
}

// TestWhatIsBeingDeletedIsProgressing is of a check that Argo CD has before all scripts.
func TestWhatIsBeingDeletedIsProgressing(t *testing.T) {
	for _, s := range states {
		if s.phase != deleted {
			continue
		}
		is, err := health.GetResourceHealth(readObject(t, s.file()), installed(t))
		if err != nil {
			t.Fatal(err)
		}
		if is.Status != health.HealthStatusProgressing || is.Message != "Pending deletion" {
			t.Errorf("%s %s is %+v", s.kind, s.name, is)
		}
	}
}

// TestKstatusOfEveryState is what Flux and Helm wait for.
func TestKstatusOfEveryState(t *testing.T) {
	for _, s := range states {
		t.Run(s.kind+"/"+s.name, func(t *testing.T) {
			object := readObject(t, s.file())
			is, err := status.Compute(object)
			if err != nil {
				t.Fatal(err)
			}
			if is.Status != s.kstatus {
				t.Errorf("%s, not %s: %s", is.Status, s.kstatus, is.Message)
			}
			ready := conditionOf(object, "Ready")
			if is.Status == status.FailedStatus && is.Message != ready["message"] {
				t.Errorf("kstatus says %q, and Ready %q", is.Message, ready["message"])
			}
		})
	}
}

// TestArgoCDAndKstatusAgree compares the two for every way in which conditions could
// be combined, whether the operator ever writes it so or not.
func TestArgoCDAndKstatusAgree(t *testing.T) {
	overrides := installed(t)
	compared := 0
	for _, kind := range kinds {
		for _, ready := range []string{"", "True", "False", "Unknown"} {
			for _, mark := range []string{"", "Reconciling", "Stalled"} {
				for _, observed := range []int64{-1, 1, 2} {
					for _, suspend := range []bool{false, true} {
						if ready == "" && (mark != "" || observed == 2) || mark != "" && ready == "True" || mark == "Stalled" && ready == "Unknown" || suspend && kind == "BucketProvider" {
							// The operator never says that.
							continue
						}
						object := combination(kind, ready, mark, observed, suspend)
						argo, err := overrides.GetResourceHealth(object)
						if err != nil {
							t.Fatal(err)
						}
						flux, err := status.Compute(object)
						if err != nil {
							t.Fatal(err)
						}
						compared++
						if want := counterparts(ready, mark, suspend, observed == 2)[argo.Status]; flux.Status != want {
							t.Errorf("%s with Ready=%s, %s, generation %d of 2, suspend %t: Argo CD says %s, kstatus %s, not %s",
								kind, ready, mark, observed, suspend, argo.Status, flux.Status, want)
						}
					}
				}
			}
		}
	}
	if compared < 30 {
		t.Errorf("only %d combinations were compared", compared)
	}
}

// counterparts are what kstatus says for each that Argo CD may say.
func counterparts(ready, mark string, suspend, current bool) map[health.HealthStatusCode]status.Status {
	known := map[health.HealthStatusCode]status.Status{health.HealthStatusProgressing: status.InProgressStatus}
	switch {
	case !current, mark == "Reconciling":
	case mark == "Stalled":
		known = map[health.HealthStatusCode]status.Status{health.HealthStatusDegraded: status.FailedStatus}
	case ready == "False":
		known = map[health.HealthStatusCode]status.Status{health.HealthStatusDegraded: status.InProgressStatus}
	case suspend && ready == "True":
		known = map[health.HealthStatusCode]status.Status{health.HealthStatusSuspended: status.CurrentStatus}
	case suspend:
		known = map[health.HealthStatusCode]status.Status{health.HealthStatusSuspended: status.InProgressStatus}
	case ready == "True":
		known = map[health.HealthStatusCode]status.Status{health.HealthStatusHealthy: status.CurrentStatus}
	}
	return known
}

// combination is an object of generation 2 with these conditions.
func combination(kind, ready, mark string, observed int64, suspend bool) *unstructured.Unstructured {
	conditions := []any{}
	for conditionType, conditionStatus := range map[string]string{"Ready": ready, mark: "True"} {
		if conditionType != "" && conditionStatus != "" {
			conditions = append(conditions, map[string]any{"type": conditionType, "status": conditionStatus, "reason": "Some", "message": "some"})
		}
	}
	said := map[string]any{"observedGeneration": observed}
	if len(conditions) > 0 {
		said["conditions"] = conditions
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "s3.bucketcors.dev/v1alpha1", "kind": kind,
		"metadata": map[string]any{"name": "x", "generation": int64(2)},
		"spec":     map[string]any{"suspend": suspend},
		"status":   said,
	}}
}

// TestTheConfigMapOfArgoCDHasTheScripts compares what users install with the scripts.
func TestTheConfigMapOfArgoCDHasTheScripts(t *testing.T) {
	var text bytes.Buffer
	text.WriteString(`# Adds to the configuration of Argo CD how healthy policies and providers are, and
# the actions "suspend" and "resume" of policies:
#
#   kubectl apply --server-side --field-manager=bucketcors -f argocd-cm.yaml
#
# adds its keys to the ConfigMap that is there and leaves the others alone. Where
# that ConfigMap is made by kustomize, this is a patch for it. Made from the files
# in s3.bucketcors.dev, by "make generate-gitops".
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  namespace: argocd
  labels:
    app.kubernetes.io/name: argocd-cm
    app.kubernetes.io/part-of: argocd
data:
`)
	for _, kind := range kinds {
		fmt.Fprintf(&text, "  resource.customizations.health.s3.bucketcors.dev_%s: |\n%s\n", kind, indent(readScript(t, customizations(kind), "health.lua"), "    "))
	}
	actions := filepath.Join(customizations("BucketCORSPolicy"), "actions")
	fmt.Fprintf(&text, "  resource.customizations.actions.s3.bucketcors.dev_BucketCORSPolicy: |\n    discovery.lua: |\n%s\n    definitions:\n",
		indent(readScript(t, actions, "discovery.lua"), "      "))
	for _, action := range []string{"suspend", "resume"} {
		fmt.Fprintf(&text, "    - name: %s\n      action.lua: |\n%s\n", action, indent(readScript(t, actions, action, "action.lua"), "        "))
	}
	want := strings.ReplaceAll(text.String(), "    \n", "\n")
	if *update {
		if err := os.WriteFile(argoConfigMap, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if is := readScript(t, argoConfigMap); is != want {
		t.Errorf("%s does not have the scripts: run make generate-gitops", argoConfigMap)
	}
}
