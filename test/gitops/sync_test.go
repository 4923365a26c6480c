// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	synccommon "github.com/argoproj/argo-cd/gitops-engine/pkg/sync/common"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// samples are all manifests that users may begin with.
func samples(t *testing.T) string {
	t.Helper()
	var manifests []string
	for _, pattern := range []string{"config/samples/s3_*.yaml", "docs/examples/gitops/platform/*.yaml", "docs/examples/gitops/teams/team-a/*.yaml"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 0 {
			t.Errorf("there are no files %s", pattern)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(content), "\nkind: Kustomization\n") {
				continue
			}
			manifests = append(manifests, string(content))
		}
	}
	return strings.Join(manifests, "\n---\n")
}

// TestWhatWasSyncedIsNotOutOfSync is of all samples, after the operator has written
// finalizers and status. A change shows that the comparison finds any.
func TestWhatWasSyncedIsNotOutOfSync(t *testing.T) {
	for _, serverSideApply := range []bool{false, true} {
		t.Run(fmt.Sprintf("server-side apply %t", serverSideApply), func(t *testing.T) {
			c := newCluster(t)
			a := c.application("samples", samples(t))
			for _, target := range a.targets {
				// Nobody makes the objects of a wave healthy here.
				unstructured.RemoveNestedField(target.Object, "metadata", "annotations", synccommon.AnnotationSyncWave)
			}
			a.serverSideApply = serverSideApply
			a.sync(synccommon.OperationSucceeded)
			comparisons := []comparison{threeWay, serverSide}
			if serverSideApply {
				comparisons = []comparison{structured, serverSide}
			}
			// With what the API server adds alone.
			a.expectSynced(comparisons...)
			c.startOperator()
			finalizers := 0
			for _, target := range a.targets {
				if !strings.HasPrefix(target.GetKind(), "Bucket") {
					continue
				}
				c.eventually(soon, func() error {
					object := c.get(resources[target.GetKind()], target.GetNamespace(), target.GetName())
					if observed, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration"); observed != object.GetGeneration() {
						return fmt.Errorf("%s %s: not seen by the operator yet", target.GetKind(), target.GetName())
					}
					if len(object.GetFinalizers()) > 0 {
						finalizers++
					}
					return nil
				})
			}
			if finalizers == 0 {
				t.Error("the operator has put a finalizer on nothing")
			}
			a.expectSynced(comparisons...)

			// Once more, over what the operator wrote.
			a.sync(synccommon.OperationSucceeded)
			a.expectSynced(comparisons...)

			if !serverSideApply {
				a.serverSideApply = true
				a.sync(synccommon.OperationSucceeded)
				a.expectSynced(structured, serverSide)
			}

			if _, err := c.kubectl.Run(t.Context(), "", "patch", "bcp", "web-uploads", "-n", "team-a", "--type=merge", "-p",
				`{"spec": {"buckets": [{"name": "team-a-uploads"}, {"name": "team-a-other"}], "driftCheckInterval": "1m"}}`); err != nil {
				t.Fatal(err)
			}
			for _, with := range comparisons {
				if differing := a.outOfSync(with); len(differing) != 1 || !strings.Contains(differing[0], "web-uploads") {
					t.Errorf("%s: after a change OutOfSync are %q", with, differing)
				}
			}
			// As selfHeal does.
			a.sync(synccommon.OperationSucceeded)
			live := c.get(policies, "team-a", "web-uploads")
			if interval, _, _ := unstructured.NestedString(live.Object, "spec", "driftCheckInterval"); interval != "5m" {
				t.Errorf("driftCheckInterval is %q after a sync", interval)
			}
		})
	}
}

// pair is a provider and a policy for a bucket; the strings are YAML of annotations.
func (c *cluster) pair(ofProvider, ofPolicy string) (provider, policy string) {
	provider = fmt.Sprintf(`
apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketProvider
metadata: {name: default, annotations: {%s}}
spec:
  region: us-east-1
  endpoint: %s
  credentials: {secretRef: {name: s3-keys}}
  access: [{namespaces: [team-a], buckets: ["team-a-*"]}]
`, ofProvider, c.storage.Endpoint)
	policy = fmt.Sprintf(`
apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketCORSPolicy
metadata: {name: web-uploads, namespace: team-a, annotations: {%s}}
spec: {buckets: [{name: team-a-uploads}], rules: %s}
`, ofPolicy, uploads)
	return provider, policy
}

// newStage is a cluster with a running operator, and a bucket without a policy.
func newStage(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t)
	c.createBuckets(c.storage, "team-a-uploads")
	c.apply("{apiVersion: v1, kind: Namespace, metadata: {name: team-a}}")
	c.applyKeys("s3-keys", c.storage.AccessKeyID, c.storage.SecretAccessKey)
	c.startOperator()
	return c
}

func (c *cluster) awaitPolicy(want string) *unstructured.Unstructured {
	c.Helper()
	return c.awaitReady(policies, "team-a", "web-uploads", want)
}

func wave(number int) string { return fmt.Sprintf("argocd.argoproj.io/sync-wave: '%d'", number) }

func TestWavesWaitForTheHealthOfEach(t *testing.T) {
	c := newStage(t)
	provider, policy := c.pair(wave(0), wave(1))
	a := c.application("both", policy+"---"+provider)
	a.begin()
	c.eventually(2*soon, func() error {
		ready := ""
		if live := c.get(providers, "", "default"); live != nil {
			ready = readyOf(live)
		}
		a.step()
		if c.get(policies, "team-a", "web-uploads") != nil && ready != "True/Ready" {
			t.Errorf("the policy was applied while Ready of the provider was %q", ready)
		}
		if !a.phase.Completed() {
			return fmt.Errorf("%s: %s", a.phase, a.message)
		}
		return nil
	})
	if a.phase != synccommon.OperationSucceeded {
		t.Fatalf("the operation is %s: %s", a.phase, a.message)
	}
	// The last wave is not waited for.
	c.awaitPolicy("True/Ready")
	a.expectSynced(threeWay, serverSide)

	// Pruned, it puts the bucket back as it was, a minute after its last write. Argo CD
	// deletes in the foreground, for which there is no garbage collector here.
	a.targets = a.targets[1:]
	a.prune = true
	a.sync(synccommon.OperationSucceeded)
	c.eventually(3*soon, func() error {
		object := c.get(policies, "team-a", "web-uploads")
		switch {
		case object == nil:
			return nil
		case object.GetDeletionTimestamp() == nil:
			return fmt.Errorf("the policy was not deleted: %v", object.Object)
		case slices.ContainsFunc(object.GetFinalizers(), func(name string) bool { return name != metav1.FinalizerDeleteDependents }):
			return fmt.Errorf("the policy waits for %q: %v", object.GetFinalizers(), object.Object["status"])
		}
		return nil
	})
	if rules := c.rules("team-a-uploads"); len(rules) != 0 {
		t.Errorf("the bucket still has %v", rules)
	}
}

func TestTheWrongOrderHealsItself(t *testing.T) {
	for name, first := range map[string]func(c *cluster, manifest string){
		"kubectl": func(c *cluster, manifest string) { c.apply(manifest) },
		"Argo CD": func(c *cluster, manifest string) { c.application("one", manifest).sync(synccommon.OperationSucceeded) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newStage(t)
			provider, policy := c.pair("", "")
			first(c, policy)
			c.awaitPolicy("False/ProviderNotFound")
			first(c, strings.ReplaceAll(provider, "name: one", "name: two"))
			c.awaitPolicy("True/Ready")
		})
	}
}

// TestAWaveThatNeedsALaterOneIsWaitedFor is what happens to an Application with the
// waves the wrong way round, until somebody brings what is missing.
func TestAWaveThatNeedsALaterOneIsWaitedFor(t *testing.T) {
	c := newStage(t)
	provider, policy := c.pair(wave(1), wave(0))
	a := c.application("reversed", policy+"---"+provider)
	a.begin()
	a.step()
	c.awaitPolicy("False/ProviderNotFound")
	for range 3 {
		a.step()
	}
	if want := "waiting for healthy state of s3.bucketcors.dev/BucketCORSPolicy/web-uploads"; a.phase != synccommon.OperationRunning || a.message != want {
		t.Errorf("the operation is %s: %s", a.phase, a.message)
	}
	if c.get(providers, "", "default") != nil {
		t.Error("the provider was applied before the policy was healthy")
	}
	c.apply(provider)
	a.goOn(synccommon.OperationSucceeded)
	c.awaitPolicy("True/Ready")
}

// TestAPolicyThatCannotWorkFailsItsWave has the operation end with what Ready says,
// and not go on to the next wave.
func TestAPolicyThatCannotWorkFailsItsWave(t *testing.T) {
	c := newStage(t)
	provider, policy := c.pair(wave(0), wave(1))
	broken := strings.ReplaceAll(policy, "https://app.example.com", "**")
	next := strings.NewReplacer("name: web-uploads", "name: next", wave(1), wave(2)).Replace(policy)
	a := c.application("broken", provider+"---"+broken+"---"+next)
	a.sync(synccommon.OperationFailed)
	said := conditionOf(c.awaitPolicy("False/InvalidRules"), "Ready")["message"]
	if r := a.resultOf("BucketCORSPolicy", "web-uploads"); r.HookPhase != synccommon.OperationFailed || r.Message != said {
		t.Errorf("the result of the policy is %+v, and Ready says %q", r, said)
	}
	if c.get(policies, "team-a", "next") != nil {
		t.Error("the next wave was applied")
	}
}
