// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"runtime"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

func TestASelectorOfAllSelectsANamespaceWithoutLabelsAndNoneThatIsNotKnown(t *testing.T) {
	provider := aProvider()
	provider.Spec.Access = []s3v1alpha1.AccessGrant{{NamespaceSelector: &metav1.LabelSelector{}, Buckets: []s3v1alpha1.BucketPattern{"*"}}}
	policy := aPolicy("assets")
	w := newWorld(t, policy, provider)
	w.expectReady(w.mustPass(policy), "False NotPermitted")
	w.expect()

	namespace := &corev1.Namespace{}
	namespace.Name = policy.Namespace
	if err := w.client.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	w.expectReady(w.mustPass(policy), "True Ready")
}

func TestWhoLostItsProviderIsStillAPredecessor(t *testing.T) {
	first, second := aPolicy("assets"), namedPolicy("team-b", "late", noon, "assets")
	second.Spec.ProviderRef = &s3v1alpha1.ProviderReference{Name: "other"}
	second.Spec.Rules = rulesFor("https://late.example.com")
	w := newWorld(t, first, second, aProvider(), reaching("other", aProvider().Spec.Endpoint))
	w.mustPass(first) // nothing was on the bucket
	w.delete(aProvider())
	w.later(time.Hour)
	w.mustPass(second)
	w.later(time.Hour)
	w.delete(second)
	w.mustPass(second)
	if live, found := w.s3.live["assets"]; found {
		t.Errorf("the bucket has %+v, and had nothing before the first policy", live)
	}
}

func TestRulesBeyondTheConstraintsCauseNoRequest(t *testing.T) {
	policy, provider := aPolicy("assets", "logs"), aProvider()
	within := grant("team-a", "assets")
	within.Constraints = onlyOrigins("https://other.example.com")
	provider.Spec.Access = []s3v1alpha1.AccessGrant{within, grant("team-a", "logs")}
	w := newWorld(t, policy, provider)
	w.s3.live["assets"] = theirs
	after := w.mustPass(policy)
	w.expectReady(after, "False NotPermitted")
	w.expect("GET logs", "PUT logs")
	if b := after.Status.Buckets[0]; b.Name != "assets" || b.State != s3v1alpha1.BucketDenied || b.Reason != s3v1alpha1.ReasonNotPermitted {
		t.Errorf("the status is %+v", after.Status.Buckets)
	}

	// Nor are they put there by somebody else who shares the bucket.
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Sharing = s3v1alpha1.SharingShared })
	other := shared(namedPolicy("team-a", "x", noon, "assets"), 0)
	other.Spec.Rules = rulesFor("https://other.example.com")
	if err := w.client.Create(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	w.later(time.Hour)
	w.mustPass(other)
	w.mustPass(policy)
	if got := origins(w.s3.live["assets"].Rules); got != "other.example.com" {
		t.Errorf("on the bucket are %q", got)
	}
}

func TestABucketIsWorkedOnByOnePolicyAtATime(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	writes := &w.reconciler.writes
	key := bucketKey{serviceOf(aProvider()), "assets"}
	unlock := writes.lock(key)
	done := make(chan error)
	go func() {
		_, err := w.pass(policy)
		done <- err
	}()
	for waiting := false; !waiting; runtime.Gosched() {
		select {
		case err := <-done:
			t.Fatalf("the pass did not wait (%v)", err)
		default:
		}
		writes.mu.Lock()
		waiting = writes.locks[key].users == 2
		writes.mu.Unlock()
	}
	w.expect()
	unlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
	w.expect("GET assets", "PUT assets")
}
