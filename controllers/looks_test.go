// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

func TestATryBecauseOfOneBucketDoesNotReadTheOthersAgain(t *testing.T) {
	policy := aPolicy("assets", "logs")
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.later(5 * time.Minute)
	w.s3.faults["GET logs"] = throttled
	w.s3.takeRequests()
	w.mustPass(policy)
	w.expect("GET assets", "GET logs")

	for range 3 {
		w.later(10 * time.Second)
		after := w.mustPass(policy)
		w.expect("GET logs")
		if b := after.Status.Buckets[1]; b.Name != "assets" || b.State != s3v1alpha1.BucketSynced || after.Status.BucketSummary != "2/2" {
			t.Errorf("the status is %+v", after.Status)
		}
	}
	result, err := w.pass(policy)
	if err != nil || result.RequeueAfter > 6*time.Minute {
		t.Errorf("the next look is after %s (%v)", result.RequeueAfter, err)
	}
	w.s3.takeRequests()

	w.later(5 * time.Minute)
	w.mustPass(policy)
	w.expect("GET assets", "GET logs")

	w.later(10 * time.Second)
	delete(w.s3.faults, "GET logs")
	after := w.mustPass(policy)
	w.expect("GET logs")
	w.expectReady(after, "True Ready")
}

func TestWhatDependsOnSomethingElseNowIsReadAgain(t *testing.T) {
	for name, change := range map[string]func(*world, *s3v1alpha1.BucketCORSPolicy){
		"the spec": func(w *world, policy *s3v1alpha1.BucketCORSPolicy) {
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Priority++ })
		},
		"the provider": func(w *world, _ *s3v1alpha1.BucketCORSPolicy) {
			provider := aProvider()
			if err := w.client.Get(w.t.Context(), namedKey(provider), provider); err != nil {
				w.t.Fatal(err)
			}
			provider.Generation++
			if err := w.client.Update(w.t.Context(), provider); err != nil {
				w.t.Fatal(err)
			}
		},
		"the labels of the namespace": func(w *world, policy *s3v1alpha1.BucketCORSPolicy) {
			namespace := &corev1.Namespace{}
			namespace.Name, namespace.Labels = policy.Namespace, map[string]string{"public": "true"}
			if err := w.client.Create(w.t.Context(), namespace); err != nil {
				w.t.Fatal(err)
			}
		},
		"the operator":            func(w *world, _ *s3v1alpha1.BucketCORSPolicy) { w.restart() },
		"the time, by a long one": func(w *world, _ *s3v1alpha1.BucketCORSPolicy) { w.later(5 * time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			policy := aPolicy("assets", "logs")
			w := newWorld(t, policy, aProvider())
			w.mustPass(policy)
			w.later(5 * time.Minute)
			w.s3.faults["GET logs"] = throttled
			w.mustPass(policy)
			w.later(10 * time.Second)
			w.s3.takeRequests()
			change(w, policy)
			w.mustPass(policy)
			w.expect("GET assets", "GET logs")
		})
	}
}

func TestADriftIsSeenWhateverWasRememberedBefore(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.later(5 * time.Minute)
	w.mustPass(policy)
	w.s3.live["assets"] = theirs
	w.s3.takeRequests()
	w.later(time.Second)
	w.mustPass(policy)
	w.expect("GET assets", "PUT assets")
}
