// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

func namedKey(object client.Object) client.ObjectKey { return client.ObjectKeyFromObject(object) }

// deletable is aPolicy that cleans up.
func deletable(buckets ...string) *s3v1alpha1.BucketCORSPolicy {
	policy := aPolicy(buckets...)
	policy.Spec.DeletionPolicy = s3v1alpha1.DeletionPolicyDelete
	return policy
}

func TestOnlyPoliciesThatCleanUpHaveTheFinalizer(t *testing.T) {
	for name, tt := range map[string]struct {
		spec s3v1alpha1.BucketCORSPolicySpec
		want bool
	}{
		"by default":           {s3v1alpha1.BucketCORSPolicySpec{}, true},
		"Retain":               {s3v1alpha1.BucketCORSPolicySpec{DeletionPolicy: s3v1alpha1.DeletionPolicyRetain}, false},
		"Delete":               {s3v1alpha1.BucketCORSPolicySpec{DeletionPolicy: s3v1alpha1.DeletionPolicyDelete}, true},
		"Delete and Enforce":   {s3v1alpha1.BucketCORSPolicySpec{DeletionPolicy: s3v1alpha1.DeletionPolicyDelete, Mode: s3v1alpha1.PolicyModeEnforce}, true},
		"Delete and Observe":   {s3v1alpha1.BucketCORSPolicySpec{DeletionPolicy: s3v1alpha1.DeletionPolicyDelete, Mode: s3v1alpha1.PolicyModeObserve}, false},
		"Delete and suspended": {s3v1alpha1.BucketCORSPolicySpec{DeletionPolicy: s3v1alpha1.DeletionPolicyDelete, Suspend: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			policy := aPolicy("assets")
			tt.spec.Buckets, tt.spec.Rules = policy.Spec.Buckets, policy.Spec.Rules
			policy.Spec = tt.spec
			policy.Finalizers = []string{"example.com/other"}
			if got := cleansUp(policy); got != tt.want {
				t.Errorf("cleansUp is %t", got)
			}
			w := newWorld(t, policy, aProvider())
			want := []string{"example.com/other"}
			if tt.want {
				want = append(want, s3v1alpha1.FinalizerName)
			}
			expectEqual(t, "the finalizers", w.mustPass(policy).Finalizers, want)
			// And off again, when it is no longer needed.
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.DeletionPolicy = s3v1alpha1.DeletionPolicyRetain })
			expectEqual(t, "the finalizers", w.mustPass(policy).Finalizers, []string{"example.com/other"})
		})
	}
}

// leaves is the outcome of a policy that leaves its buckets.
func leaves(buckets ...bucketOutcome) outcome {
	for i := range buckets {
		buckets[i].leaving = true
	}
	return outcome{acceptance: accepted(), buckets: buckets}
}

func TestWhatKeepsAPolicyFromGoing(t *testing.T) {
	for name, tt := range map[string]struct {
		outcome outcome
		want    bool
	}{
		"nothing to do":                     {outcome{}, false},
		"a bucket that is spared":           {leaves(bucketOutcome{action: spared}), false},
		"everything removed":                {leaves(bucketOutcome{action: removed}, bucketOutcome{action: removed}), false},
		"everything restored":               {leaves(bucketOutcome{action: restored}, bucketOutcome{action: handedOver}), false},
		"a bucket that is gone":             {leaves(bucketOutcome{failure: notFound, owned: true}), false},
		"a bucket that is not granted":      {leaves(bucketOutcome{denied: "it is not granted", owned: true}), false},
		"a bucket to be tried again":        {leaves(bucketOutcome{action: removed}, bucketOutcome{failure: throttled, owned: true}), true},
		"a bucket that refuses us":          {leaves(bucketOutcome{failure: accessDenied, owned: true}), true},
		"a Secret that is missing":          {leaves(bucketOutcome{failure: secretMissing, owned: true}), true},
		"a bucket that no provider reaches": {leaves(bucketOutcome{failure: unreached(bucketKey{"aws", "assets"}), owned: true}), true},
		"a bucket that never had its rules": {leaves(bucketOutcome{failure: accessDenied}), false},
		"a server without CORS":             {leaves(bucketOutcome{failure: unsupported, owned: true}), false},
		"a bucket that has not settled":     {leaves(bucketOutcome{action: settle}), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.outcome.unfinished(); got != tt.want {
				t.Errorf("unfinished is %t", got)
			}
		})
	}
}

// deleted is a world in which the policy was established an hour ago and has
// just been deleted.
func deleted(t *testing.T, policy *s3v1alpha1.BucketCORSPolicy) *world {
	t.Helper()
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.later(time.Hour)
	w.s3.takeRequests()
	w.events.take()
	w.delete(policy)
	return w
}

func TestDeleteRemovesOnlyWhatIsOurs(t *testing.T) {
	for name, tt := range map[string]struct {
		meanwhile func(*world, *s3v1alpha1.BucketCORSPolicy)
		requests  []string
		live      cors.Configuration
		event     string
	}{
		"what we applied": {func(*world, *s3v1alpha1.BucketCORSPolicy) {}, []string{"GET assets", "DELETE assets"}, nothing,
			`Normal Removed CleanUp: there is no CORS configuration any more on bucket "assets"`},
		"a foreign change": {func(w *world, _ *s3v1alpha1.BucketCORSPolicy) { w.s3.live["assets"] = theirs }, []string{"GET assets"}, theirs,
			`Warning Kept CleanUp: left bucket "assets" as it is: its configuration is not the one that this policy put there`},
		"what somebody removed already": {func(w *world, _ *s3v1alpha1.BucketCORSPolicy) { delete(w.s3.live, "assets") }, []string{"GET assets"}, nothing,
			`Normal Removed CleanUp: there is no CORS configuration any more on bucket "assets"`},
		"what we applied before the spec changed": {func(w *world, policy *s3v1alpha1.BucketCORSPolicy) {
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor("https://never.example.com") })
		}, []string{"GET assets", "DELETE assets"}, nothing, `Normal Removed CleanUp: there is no CORS configuration any more on bucket "assets"`},
		"what we applied before somebody made a mistake": {func(w *world, policy *s3v1alpha1.BucketCORSPolicy) {
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor("*.*") })
		}, []string{"GET assets", "DELETE assets"}, nothing, `Normal Removed CleanUp: there is no CORS configuration any more on bucket "assets"`},
		"what we applied before a restart": {func(w *world, _ *s3v1alpha1.BucketCORSPolicy) { w.restart() }, []string{"GET assets", "DELETE assets"}, nothing,
			`Normal Removed CleanUp: there is no CORS configuration any more on bucket "assets"`},
		"in a bucket that is gone": {func(w *world, _ *s3v1alpha1.BucketCORSPolicy) { w.s3.faults["GET assets"] = notFound }, []string{"GET assets"}, ours,
			`Warning Kept CleanUp: left bucket "assets" as it is: the bucket does not exist`},
		"in a bucket that is no longer granted": {func(w *world, _ *s3v1alpha1.BucketCORSPolicy) {
			provider := aProvider()
			if err := w.client.Get(w.t.Context(), namedKey(provider), provider); err != nil {
				w.t.Fatal(err)
			}
			provider.Spec.Access = nil
			if err := w.client.Update(w.t.Context(), provider); err != nil {
				w.t.Fatal(err)
			}
		}, nil, ours, `Warning Kept CleanUp: left bucket "assets" as it is: no entry of spec.access of BucketProvider "default" grants it to namespace "team-a"`},
		"in a bucket that became another policy's": {func(w *world, _ *s3v1alpha1.BucketCORSPolicy) {
			other := namedPolicy("team-b", "web", noon.Add(-24*time.Hour), "assets")
			other.Finalizers = []string{s3v1alpha1.FinalizerName}
			if err := w.client.Create(w.t.Context(), other); err != nil {
				w.t.Fatal(err)
			}
		}, []string{"GET assets"}, ours, `Normal HandedOver CleanUp: other policies have bucket "assets" from now on`},
		"what we applied, though another policy wants the bucket that could go without a trace": {func(w *world, _ *s3v1alpha1.BucketCORSPolicy) {
			if err := w.client.Create(w.t.Context(), namedPolicy("team-b", "web", noon.Add(-24*time.Hour), "assets")); err != nil {
				w.t.Fatal(err)
			}
		}, []string{"GET assets", "DELETE assets"}, nothing, `Normal Removed CleanUp: there is no CORS configuration any more on bucket "assets"`},
		"nothing when it observes in the end": {func(w *world, policy *s3v1alpha1.BucketCORSPolicy) {
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Mode = s3v1alpha1.PolicyModeObserve })
		}, nil, ours, ""},
		"nothing when it is suspended in the end": {func(w *world, policy *s3v1alpha1.BucketCORSPolicy) {
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Suspend = true })
		}, nil, ours, ""},
		"nothing when it retains in the end": {func(w *world, policy *s3v1alpha1.BucketCORSPolicy) {
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.DeletionPolicy = s3v1alpha1.DeletionPolicyRetain })
		}, nil, ours, ""},
	} {
		t.Run(name, func(t *testing.T) {
			policy := deletable("assets")
			w := deleted(t, policy)
			tt.meanwhile(w, policy)
			if after := w.mustPass(policy); after != nil {
				t.Errorf("the policy is still there: %v", after.Finalizers)
			}
			w.expect(tt.requests...)
			if live := w.s3.live["assets"]; !cors.Equal(tt.live, live) {
				t.Errorf("the bucket has %+v", live)
			}
			if events := strings.Join(w.events.take(), "\n"); events != tt.event {
				t.Errorf("the events are %q", events)
			}
		})
	}
}

func TestRetainLeavesEverythingAsItIs(t *testing.T) {
	policy := aPolicy("assets")
	policy.Spec.DeletionPolicy = s3v1alpha1.DeletionPolicyRetain
	w := deleted(t, policy)
	if w.get(policy) != nil {
		t.Error("something keeps the policy")
	}
	w.mustPass(policy)
	w.expect()
}

func TestACleanUpIsFinishedLater(t *testing.T) {
	for name, mistaken := range map[string]bool{"with rules in order": false, "with mistakes in the rules": true} {
		t.Run(name, func(t *testing.T) {
			policy := deletable("assets", "logs")
			w := deleted(t, policy)
			if mistaken {
				w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor("*.*") })
			}
			w.s3.faults["GET logs"] = throttled
			if result, err := w.pass(policy); err != nil || result.RequeueAfter == 0 {
				t.Errorf("nobody comes back to finish it (%v)", err)
			}
			w.expect("GET assets", "DELETE assets", "GET logs")
			after := w.get(policy)
			if after == nil || !slices.Contains(after.Finalizers, s3v1alpha1.FinalizerName) {
				t.Fatal("the policy is gone, and its configuration is not")
			}
			expectInvariants(t, after, after.Status)
			for _, b := range after.Status.Buckets {
				if b.Name == "assets" && b.State == s3v1alpha1.BucketSynced {
					t.Errorf("a bucket without its configuration is %s", b.State)
				}
			}
			if events := w.events.take(); slices.ContainsFunc(events, func(line string) bool { return strings.HasPrefix(line, "Normal Ready") }) {
				t.Errorf("the events are %q", events)
			}

			delete(w.s3.faults, "GET logs")
			if w.mustPass(policy) != nil {
				t.Error("something keeps the policy")
			}
			if live, found := w.s3.live["logs"]; found {
				t.Errorf("the bucket has %+v", live)
			}
			events := strings.Join(w.events.take(), "\n")
			if strings.Contains(events, " Kept ") {
				t.Errorf("the configurations of both buckets were removed, and events tell something else:\n%s", events)
			}
		})
	}
}

func TestADeletedPolicySaysWhatItWaitsFor(t *testing.T) {
	policy := deletable("assets")
	w := deleted(t, policy)
	w.delete(aProvider())
	after := w.mustPass(policy)
	w.expect()
	w.expectReady(after, "False ProviderNotFound")
	if got, want := after.Status.Conditions[0].Message, `the policy is to put its buckets back as they were, but there is no BucketProvider named "default"; create it, or set spec.deletionPolicy to Retain to leave everything as it is`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if err := w.client.Create(t.Context(), aProvider()); err != nil {
		t.Fatal(err)
	}
	if w.mustPass(policy) != nil {
		t.Error("something keeps the policy")
	}
	w.expect("GET assets", "DELETE assets")
}

// An answer from before our own write does not tell that the configuration is
// not ours.
func TestDeleteRightAfterTheWriteRemovesItAllTheSame(t *testing.T) {
	for name, before := range map[string]cors.Configuration{"the bucket was empty": nothing, "the bucket had other rules": theirs} {
		t.Run(name, func(t *testing.T) {
			policy := deletable("assets")
			w := newWorld(t, policy, aProvider())
			w.s3.live["assets"] = before
			w.mustPass(policy)
			w.later(2 * time.Second)
			w.delete(policy)
			w.s3.stale["assets"] = before
			w.mustPass(policy)
			delete(w.s3.stale, "assets")
			w.later(2 * settleTime)
			w.mustPass(policy)
			if live, found := w.s3.live["assets"]; found {
				t.Errorf("the bucket still has %+v, and the policy is there: %t", live, w.get(policy) != nil)
			}
		})
	}
}

// A policy that vanished while its finalizer was to be patched is no alarm.
func TestAPolicyThatIsGoneMeanwhileIsNoError(t *testing.T) {
	for name, policy := range map[string]*s3v1alpha1.BucketCORSPolicy{"before its first pass": deletable("assets"), "in its last pass": deletable("assets")} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, aProvider())
			policy.ResourceVersion = "1"
			if name == "in its last pass" {
				policy.Finalizers = []string{s3v1alpha1.FinalizerName}
				policy.DeletionTimestamp = at(noon)
			}
			if _, err := w.reconciler.reconcile(t.Context(), policy); err != nil {
				t.Errorf("the error is %q", err)
			}
		})
	}
}
