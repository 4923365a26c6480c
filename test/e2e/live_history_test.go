// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

func TestWhatWasOnABucketIsListedAndPutBack(t *testing.T) {
	t.Parallel()
	s := newScene(t, "history", "a", "b")
	p := s.person().signing()
	p.expectRun(0, []string{"history", "-n", s.name}, "nothing is saved in namespace "+s.name)
	s.put("a", foreignConfiguration())
	s.apply(s.policyYAML("p", uploads, "", "a", "b"))
	s.awaitReady("p")
	a, b := s.original("p", "a").Name, s.original("p", "b").Name

	p.expectRun(0, []string{"history", "p", "-n", s.name}, "BUCKET", "Original", s.bucketName("a"), s.bucketName("b"), a, b)
	p.expectRun(0, []string{"history", "-A", "--bucket", s.bucketName("a")}, "NAMESPACE", s.name, a)
	p.expectRun(0, []string{"history", "another", "-n", s.name}, "nothing is saved by policy another")
	p.expectRun(0, []string{"history", "-n", s.name, "-o", "json"}, `"why": "Original"`, `"configuration": {`, "https://evil.example")
	_, printed, _ := p.run("history", "-n", s.name, "--revision", a)
	if got, err := cors.ParseJSON([]byte(printed)); err != nil || !cors.Equal(foreignConfiguration(), got) {
		t.Errorf("history prints %s: %v; want what was on the bucket", printed, err)
	}
	p.expectRun(2, []string{"history", "-n", s.name, "--revision", "nobody"}, `has no ControllerRevision "nobody"`)

	// What would change, and nothing else: the policy would undo it.
	p.expectRun(1, []string{"restore", a, "-n", s.name}, "https://evil.example",
		"nothing was changed, and with --yes nothing would be: policy "+s.name+"/p enforces its rules")
	p.expectRun(2, []string{"restore", a, "-n", s.name, "--yes"},
		"policy "+s.name+"/p enforces its rules", "kubectl patch bcp/p -n "+s.name)
	s.expectLive("a", uploadsConfiguration())

	s.kubectl("patch", "bcp/p", "-n", s.name, "--type=merge", "-p", `{"spec":{"suspend":true}}`)
	p.expectRun(1, []string{"restore", a, "-n", s.name}, "nothing was changed: --yes puts it back")
	s.expectLive("a", uploadsConfiguration())
	p.expectRun(0, []string{"restore", a, "-n", s.name, "--yes"}, "what it had until now:", "https://app.example.com", "has again what it had at")
	s.expectLive("a", foreignConfiguration())
	p.expectRun(0, []string{"restore", a, "-n", s.name, "--yes"}, "has it: nothing to do")
	// There was nothing.
	p.expectRun(0, []string{"restore", b, "-n", s.name, "--yes"}, "the bucket is to have no rules", "has again what it had at")
	s.expectLive("b", cors.Configuration{})
}

func TestOnlyWhatBelongsToABucketIsPutBack(t *testing.T) {
	t.Parallel()
	s := newScene(t, "restore-doubt", "a")
	p := s.person().signing()
	s.put("a", foreignConfiguration())
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	original := s.original("p", "a").Name
	p.expectRun(2, []string{"restore"}, "name the one revision")
	p.expectRun(2, []string{"restore", original, "other", "-n", s.name}, "name the one revision")

	// The revision of somebody else.
	s.kubectl("label", "controllerrevision", original, "-n", s.name, "s3.bucketcors.dev/bucket-id-")
	p.expectRun(2, []string{"restore", original, "-n", s.name}, "is not one of bucketcors")
	s.kubectl("label", "controllerrevision", original, "-n", s.name, "s3.bucketcors.dev/bucket-id=x")

	// One of a bucket that was elsewhere.
	s.kubectl("annotate", "controllerrevision", original, "-n", s.name, "--overwrite", "s3.bucketcors.dev/service=https://elsewhere.example")
	p.expectRun(2, []string{"restore", original, "-n", s.name, "--yes"}, `was on "https://elsewhere.example" when it was saved`)
	s.kubectl("annotate", "controllerrevision", original, "-n", s.name, "--overwrite", "s3.bucketcors.dev/service="+s.bucketStatus("p", "a").Service)

	// One that an earlier policy of the name has left behind.
	s.kubectl("patch", "controllerrevision", original, "-n", s.name, "--type=json", "-p", `[{"op": "replace", "path": "/metadata/ownerReferences/0/uid", "value": "another"}]`)
	p.expectRun(2, []string{"restore", original, "-n", s.name, "--yes"}, "another policy "+s.name+"/p saved it, which is gone", "aws s3api put-bucket-cors")
	s.expectLive("a", uploadsConfiguration())
}

func TestHistoryAndRestoreSayWhichRightIsMissing(t *testing.T) {
	t.Parallel()
	s := newScene(t, "restore-rights", "a")
	p := s.person().signing()
	s.put("a", foreignConfiguration())
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	original := s.original("p", "a").Name
	// The first is what Kubernetes gives to view, edit and admin; nothing aggregates roles here.
	for _, role := range []string{"system:aggregate-to-view", "bucketcors-policy-viewer"} {
		s.kubectl("create", "rolebinding", "developer-"+strings.ReplaceAll(role, ":", "-"), "-n", s.name, "--clusterrole="+role, "--user=restore-dev")
	}
	asDeveloper := []string{"-n", s.name, "--as", "restore-dev"}
	p.expectRun(0, append([]string{"history"}, asDeveloper...), original)
	p.expectRun(2, []string{"history", "-A", "--as", "restore-dev"}, "you may not list ControllerRevisions in all namespaces")
	p.expectRun(2, append([]string{"restore", original}, asDeveloper...), "you may not get BucketProvider", providerViewer)

	s.kubectl("create", "clusterrolebinding", "restore-rights-viewer", "--clusterrole="+providerViewer, "--user=restore-dev")
	s.kubectl("patch", "bcp/p", "-n", s.name, "--type=merge", "-p", `{"spec":{"suspend":true}}`)
	p.expectRun(0, append([]string{"restore", original, "--yes"}, asDeveloper...),
		"you may not list the policies of other namespaces", "has again what it had at")
	s.expectLive("a", foreignConfiguration())
	if left, err := filepath.Glob(filepath.Join(p.directory, "*")); err != nil || len(left) > 0 {
		t.Errorf("restore leaves %s (%v)", strings.Join(left, " "), err)
	}
}
