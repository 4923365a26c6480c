// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

const kubeScore = root + "/bin/tools/kube-score"

// declined is advice of kube-score that is not followed, and why, for each kind of
// object.
var declined = map[string]map[string]string{
	"Deployment": {
		"container-resources":                           "there is no limit of CPU, so that a burst of policies is not throttled; memory has one",
		"container-ephemeral-storage-request-and-limit": "the root filesystem is read-only, and nothing is written but the log",
		"container-image-pull-policy":                   "the image of a version does not change, and a registry that is away is no reason not to start",
		"container-security-context-user-group-id":      "the image has a user, and OpenShift takes none but its own from the namespace's range",
		"deployment-has-host-podantiaffinity":           "the pods spread by topologySpreadConstraints",
	},
	"Job": {
		"container-resources":                           "as the Deployment",
		"container-ephemeral-storage-request-and-limit": "as the Deployment",
		"container-image-pull-policy":                   "as the Deployment",
		"container-security-context-user-group-id":      "as the Deployment",
		"pod-networkpolicy":                             "it runs once, listens nowhere and talks to the API server alone",
	},
}

// needsTool skips a test without a program that make test-install builds; in CI it
// fails, for there nothing is left out.
func needsTool(t *testing.T, path string) {
	t.Helper()
	_, err := os.Stat(path)
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("there is no %s: make test-install builds it", path)
	default:
		t.Skipf("there is no %s: make test-install builds it", path)
	}
}

func TestKubeScoreHasNoOtherAdvice(t *testing.T) {
	needsTool(t, kubeScore)
	values := "{replicaCount: 2, networkPolicy: {enabled: true}, webhook: {enabled: true}}"
	var manifest bytes.Buffer
	for _, object := range mustRender(t, values, aCluster).all() {
		manifest.WriteString("---\n" + toYAML(t, object))
	}
	cmd := exec.CommandContext(t.Context(), kubeScore, "score", "--output-format=json", "-")
	cmd.Stdin = &manifest
	output, err := cmd.Output() // its exit status says that there is advice
	var scored []struct {
		TypeMeta struct {
			Kind string `json:"kind"`
		} `json:"type_meta"`
		Checks []struct {
			Check    struct{ ID string }
			Grade    int
			Skipped  bool
			Comments []struct{ Path, Summary string }
		}
	}
	if jsonErr := json.Unmarshal(output, &scored); jsonErr != nil || len(scored) == 0 {
		t.Fatalf("kube-score: %v, %v: %s", err, jsonErr, output)
	}
	const allOK = 10
	given := map[string]bool{}
	for _, object := range scored {
		kind := object.TypeMeta.Kind
		for _, c := range object.Checks {
			if c.Skipped || c.Grade >= allOK {
				continue
			}
			given[kind+" "+c.Check.ID] = true
			if declined[kind][c.Check.ID] == "" {
				t.Errorf("%s: %s: %v", kind, c.Check.ID, c.Comments)
			}
		}
	}
	for kind, checks := range declined {
		for id := range checks {
			if !given[kind+" "+id] {
				t.Errorf("kube-score no longer gives the advice %s about a %s: take it off the list", id, kind)
			}
		}
	}
}
