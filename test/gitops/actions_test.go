// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
)

// actionTests has the form of action_test.yaml in Argo CD's resource_customizations.
type actionTests struct {
	DiscoveryTests []struct {
		InputPath string                    `json:"inputPath"`
		Result    []v1alpha1.ResourceAction `json:"result"`
	} `json:"discoveryTests"`
	ActionTests []struct {
		Action             string `json:"action"`
		InputPath          string `json:"inputPath"`
		ExpectedOutputPath string `json:"expectedOutputPath"`
	} `json:"actionTests"`
}

// TestArgoCDActions runs action_test.yaml with the scripts that a user has installed.
func TestArgoCDActions(t *testing.T) {
	dir := filepath.Join(customizations("BucketCORSPolicy"), "actions")
	vm := lua.VM{ResourceOverrides: installed(t)}
	var tests actionTests
	readYAML(t, filepath.Join(dir, "action_test.yaml"), &tests)
	if len(tests.DiscoveryTests) == 0 || len(tests.ActionTests) == 0 {
		t.Fatal("there are no tests")
	}
	for _, test := range tests.DiscoveryTests {
		object := readObject(t, filepath.Join(dir, test.InputPath))
		scripts, err := vm.GetResourceActionDiscovery(object)
		if err != nil {
			t.Fatal(err)
		}
		is, err := vm.ExecuteResourceActionDiscovery(object, scripts)
		if err != nil {
			t.Fatal(err)
		}
		describe := func(actions []v1alpha1.ResourceAction) (all []string) {
			for _, action := range actions {
				all = append(all, fmt.Sprintf("%s disabled=%t", action.Name, action.Disabled))
			}
			slices.Sort(all)
			return all
		}
		if is, want := describe(is), describe(test.Result); !slices.Equal(is, want) {
			t.Errorf("%s: %q, not %q", test.InputPath, is, want)
		}
	}
	for _, test := range tests.ActionTests {
		object := readObject(t, filepath.Join(dir, test.InputPath))
		action, err := vm.GetResourceAction(object, test.Action)
		if err != nil {
			t.Fatal(err)
		}
		impacted, err := vm.ExecuteResourceAction(object, action.ActionLua, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(impacted) != 1 || impacted[0].K8SOperation != lua.PatchOperation {
			t.Fatalf("%s impacts %+v", test.Action, impacted)
		}
		// Lua knows one kind of numbers: Argo CD compares so, too.
		difference, err := diff.Diff(readObject(t, filepath.Join(dir, test.ExpectedOutputPath)), impacted[0].UnstructuredObj)
		if err != nil {
			t.Fatal(err)
		}
		if difference.Modified {
			t.Errorf("%s of %s yields\n%s\ninstead of\n%s", test.Action, test.InputPath, difference.NormalizedLive, difference.PredictedLive)
		}
	}
}
