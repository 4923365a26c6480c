// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// expectNoDrift finds a foreign change that there was none of.
func expectNoDrift(t *testing.T, policy *s3v1alpha1.BucketCORSPolicy) {
	t.Helper()
	if drift := policy.Status.Buckets[0].LastDrift; drift != nil {
		t.Errorf("a drift is told: %+v", drift)
	}
}

func TestABucketOfTheSameNameElsewhereIsAnotherBucket(t *testing.T) {
	for _, later := range []time.Duration{5 * time.Second, 5 * time.Minute} {
		t.Run(later.String(), func(t *testing.T) {
			policy, elsewhere := aPolicy("assets"), aProvider()
			elsewhere.Name, elsewhere.Spec.Endpoint = "elsewhere", "https://new.internal:9000"
			w := newWorld(t, policy, aProvider(), elsewhere)
			w.mustPass(policy)
			w.s3.takeRequests()
			w.later(later)
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
				spec.ProviderRef = &s3v1alpha1.ProviderReference{Name: "elsewhere"}
			})
			after := w.mustPass(policy)
			w.expect("GET assets@https://new.internal:9000", "PUT assets@https://new.internal:9000", "GET assets", "DELETE assets")
			w.expectReady(after, "True Ready")
			expectNoDrift(t, after)
		})
	}
}

func TestAnOldAnswerDoesNotHideThatThePolicyBeforeRemovedTheRules(t *testing.T) {
	old := deletable("assets")
	renamed := namedPolicy("team-a", "web2", noon.Add(-time.Minute), "assets")
	renamed.Spec.Suspend = true
	w := newWorld(t, old, renamed, aProvider())
	w.mustPass(old)
	w.mustPass(renamed)
	w.later(time.Hour)
	w.delete(old)
	if w.mustPass(old) != nil {
		t.Fatal("the old policy is still there")
	}
	w.expect("GET assets", "PUT assets", "GET assets", "DELETE assets")
	w.edit(renamed, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Suspend = false })
	w.s3.stale["assets"] = ours
	after := w.mustPass(renamed)
	w.expect("GET assets", "PUT assets")
	w.expectReady(after, "True Ready")
	expectNoDrift(t, after)
}

func TestAnOldAnswerDoesNotHideWhatAnotherPolicyWroteMeanwhile(t *testing.T) {
	older := namedPolicy("team-b", "older", noon.Add(-2*time.Hour), "assets")
	older.Spec.Rules = rulesFor("https://older.example.com")
	policy := aPolicy("assets")
	w := newWorld(t, older, policy, aProvider())
	grantTo := func(namespaces ...string) {
		provider := aProvider()
		if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(provider), provider); err != nil {
			t.Fatal(err)
		}
		provider.Spec.Access = nil
		for _, namespace := range namespaces {
			provider.Spec.Access = append(provider.Spec.Access, grant(namespace, "*"))
		}
		if err := w.client.Update(t.Context(), provider); err != nil {
			t.Fatal(err)
		}
		w.mustPass(older)
		w.mustPass(policy)
		w.later(5 * time.Second)
	}
	grantTo("team-a")
	grantTo("team-a", "team-b")
	if !cors.Equal(configured("https://older.example.com"), w.s3.live["assets"]) {
		t.Fatal("the older policy did not take over")
	}
	w.s3.stale["assets"] = ours
	grantTo("team-a")
	if !cors.Equal(ours, w.s3.live["assets"]) {
		t.Errorf("the bucket has %+v", w.s3.live["assets"])
	}
}

func TestAChangeTakenBackAtOnceIsWrittenAlthoughTheOldAnswerLooksRight(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.later(time.Hour)
	w.mustPass(policy)
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor("https://new.example.com") })
	w.mustPass(policy)
	w.later(5 * time.Second)
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor("https://app.example.com") })
	w.s3.stale["assets"] = ours
	w.s3.takeRequests()
	expectNoDrift(t, w.mustPass(policy))
	w.expect("GET assets", "PUT assets")
	if !cors.Equal(ours, w.s3.live["assets"]) {
		t.Errorf("the bucket has %+v", w.s3.live["assets"])
	}
	delete(w.s3.stale, "assets")
	w.later(2 * time.Minute)
	expectNoDrift(t, w.mustPass(policy))
	w.expect("GET assets")
}

func TestAnAnswerFromBetweenTwoWritesIsNotTakenForDrift(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.later(5 * time.Second)
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor("https://new.example.com") })
	w.s3.stale["assets"] = nothing
	w.mustPass(policy)
	w.later(5 * time.Second)
	w.s3.stale["assets"] = ours
	w.s3.takeRequests()
	expectNoDrift(t, w.mustPass(policy))
	w.expect("GET assets")
}

func TestAPolicyThatIsGoneMeanwhileWritesNothing(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	read := w.get(policy)
	w.delete(policy)
	if _, err := w.reconciler.sync(t.Context(), read); !isStale(err) {
		t.Errorf("the error is %v", err)
	}
	w.expect()
}

func TestAPolicyThatNeverGotAnywhereCanBeDeleted(t *testing.T) {
	for name, fault := range map[string]error{
		"access denied": accessDenied, "unsupported": unsupported, "invalid": rejected,
	} {
		t.Run(name, func(t *testing.T) {
			policy := aPolicy("assets")
			policy.Spec.DeletionPolicy = s3v1alpha1.DeletionPolicyDelete
			w := newWorld(t, policy, aProvider())
			w.s3.faults["GET assets"] = fault
			w.mustPass(policy)
			w.delete(policy)
			w.later(time.Hour)
			if after := w.mustPass(policy); after != nil {
				t.Errorf("it is still there: %s", after.Status.Conditions[0].Message)
			}
		})
	}
}

func TestACleanUpThatIsRefusedSaysTheWayOutAndComesBack(t *testing.T) {
	for name, fault := range map[string]error{"access denied": accessDenied, "invalid": rejected} {
		t.Run(name, func(t *testing.T) {
			policy := deletable("assets")
			w := newWorld(t, policy, aProvider())
			w.mustPass(policy)
			w.later(time.Hour)
			w.delete(policy)
			w.s3.faults["GET assets"] = fault
			result, err := w.pass(policy)
			if err != nil || result.RequeueAfter == 0 {
				t.Errorf("nobody comes back (%v)", err)
			}
			if message := w.get(policy).Status.Conditions[0].Message; !strings.Contains(message, wayOut) {
				t.Errorf("the message is %q", message)
			}
		})
	}
}

func TestOneBucketThatIsTriedAgainDoesNotSetThePaceOfTheOthers(t *testing.T) {
	policy := aPolicy("assets", "broken")
	policy.Spec.DriftCheckInterval = &metav1.Duration{Duration: 10 * time.Second}
	w := newWorld(t, policy, aProvider())
	w.s3.faults["GET broken"] = throttled
	for try := range 12 {
		result, err := w.pass(policy)
		if err != nil || result.RequeueAfter < firstRetry || result.RequeueAfter > 12*time.Second {
			t.Fatalf("try %d: the next look is in %s (%v)", try, result.RequeueAfter, err)
		}
	}
}

func TestRulesThatAServerRejectedAreNotSentAgain(t *testing.T) {
	policy := aPolicy("assets", "picky")
	w := newWorld(t, policy, aProvider())
	w.s3.faults["PUT picky"] = rejected
	w.mustPass(policy)
	w.s3.takeRequests()
	w.later(10 * time.Minute)
	w.expectReady(w.mustPass(policy), "False RejectedByServer")
	w.expect("GET assets", "GET picky")

	delete(w.s3.faults, "PUT picky")
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor("https://new.example.com") })
	w.expectReady(w.mustPass(policy), "True Ready")
}

// panickingBuckets break the work on one bucket.
type panickingBuckets struct{ Buckets }

func TestAMistakeOfOursInOneBucketStopsNothingElse(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.reconciler.Buckets = panickingBuckets{}
	after := w.mustPass(policy)
	w.expectReady(after, "False ServerError")
	if message := after.Status.Conditions[0].Message; !strings.Contains(message, "a mistake of the operator itself") {
		t.Errorf("the message is %q", message)
	}
}

func TestAMendThatWasAnsweredTooLateIsToldAsCorrected(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.later(time.Hour)
	w.s3.live["assets"] = theirs
	w.s3.faults["PUT assets"] = timedOut
	w.mustPass(policy)
	w.s3.live["assets"] = ours // it took effect all the same
	delete(w.s3.faults, "PUT assets")
	w.later(time.Second)
	if drift := w.mustPass(policy).Status.Buckets[0].LastDrift; drift == nil || !drift.Corrected {
		t.Errorf("the drift is %+v", drift)
	}
}

// etcd takes objects of up to 1.5 MiB.
func TestTheStatusOfALargeFleetFitsTheAPIServer(t *testing.T) {
	policy := aPolicy(numbered("bucket", 100)...)
	policy.Spec.Mode = s3v1alpha1.PolicyModeObserve
	policy.Spec.Rules = nil
	var live cors.Configuration
	for i := range 20 {
		id := fmt.Sprintf("%02d%s", i, strings.Repeat("漢", 200))
		policy.Spec.Rules = append(policy.Spec.Rules, s3v1alpha1.CORSRule{
			ID: id, AllowedOrigins: []s3v1alpha1.CORSOrigin{"https://a"}, AllowedMethods: []s3v1alpha1.CORSMethod{"GET"},
		})
		rule := cors.Rule{ID: id, AllowedMethods: []string{"GET"}}
		for j := range 12 {
			rule.AllowedOrigins = append(rule.AllowedOrigins, fmt.Sprintf("https://%s%d", strings.Repeat("漢", 60), j))
		}
		live.Rules = append(live.Rules, rule)
	}
	w := newWorld(t, policy, aProvider())
	for _, reference := range policy.Spec.Buckets {
		w.s3.live[reference.Name] = live
	}
	encoded, err := json.Marshal(w.mustPass(policy).Status)
	if err != nil || len(encoded) > 1<<20 {
		t.Errorf("the status has %d bytes (%v)", len(encoded), err)
	}
}

func TestTheStatusOfALargeFleetFitsTheAPIServerWhateverTheOthersAreCalled(t *testing.T) {
	policy := aPolicy(numbered("bucket", 100)...)
	var others []string
	for _, name := range numbered(strings.Repeat("x", 250), 99) {
		others = append(others, "team-b/"+name)
	}
	o := outcome{acceptance: accept(policy, aProvider(), tenant{namespace: "team-a"})}
	for _, reference := range policy.Spec.Buckets {
		o.buckets = append(o.buckets, on(reference.Name, bucketOutcome{action: keep, desired: &desired{sharedWith: others}}))
	}
	status := statusFor(policy, o, noon)
	encoded, err := json.Marshal(status)
	// Those who share are told once more in the managed fields.
	if err != nil || len(encoded) > 400<<10 {
		t.Errorf("the status has %d bytes (%v)", len(encoded), err)
	}
	expectEqual(t, "shared with", status.Buckets[0].SharedWith, others[:7])

	o.buckets = o.buckets[:1]
	o.buckets[0].desired.sharedWith = numbered("team-b/x", 99)
	expectEqual(t, "shared with", statusFor(policy, o, noon).Buckets[0].SharedWith, numbered("team-b/x", 99))
}

func TestAStatusThatWasWrittenMeanwhileIsNotOverwritten(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	read := w.get(policy)
	read.ResourceVersion = "1"
	result, err := w.reconciler.reconcile(t.Context(), read)
	if err != nil || result.RequeueAfter != staleInterval {
		t.Errorf("the next pass is in %s (%v)", result.RequeueAfter, err)
	}
	if conditions := w.get(policy).Status.Conditions; len(conditions) > 0 {
		t.Errorf("an old version led to %+v", conditions)
	}
}

func TestAFinalizerThatSomebodyAddedMeanwhileStays(t *testing.T) {
	policy := deletable("assets")
	w := newWorld(t, policy, aProvider())
	read := w.get(policy)
	changed := w.get(policy)
	changed.Finalizers = append(changed.Finalizers, "example.com/other")
	if err := w.client.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if _, err := w.reconciler.reconcile(t.Context(), read); err != nil {
		t.Fatal(err)
	}
	expectEqual(t, "the finalizers", w.get(policy).Finalizers, changed.Finalizers)
}
