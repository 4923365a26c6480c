// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/diff"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// The two writes to the API server are the finalizer and the status; what was
// there is saved once more.
func TestEstablishingCostsOneReadAndOneWriteAndALookOneRead(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	after := w.mustPass(policy)
	w.expect("GET assets", "PUT assets")
	w.expectReady(after, "True Ready")
	if !cors.Equal(ours, w.s3.live["assets"]) || w.apiWrites.Load() != 2 {
		t.Errorf("there is %+v after %d writes to the API server", w.s3.live["assets"], w.apiWrites.Load())
	}
	expectEqual(t, "the events", w.events.take(), []string{`Normal Applied Apply: wrote the rules to bucket "assets"`, "Normal Ready Reconcile: 1 rule in place on 1 bucket"})

	for range 3 {
		w.later(time.Hour)
		again := w.mustPass(policy)
		w.expect("GET assets")
		if again.ResourceVersion != after.ResourceVersion || w.apiWrites.Load() != 2 {
			t.Errorf("the policy was written:\n%s", diff.Diff(after.Status, again.Status))
		}
	}
	w.restart()
	w.mustPass(policy)
	w.expect("GET assets")
	if events := w.events.take(); len(events) > 0 || w.apiWrites.Load() != 2 {
		t.Errorf("events %q and %d writes to the API server", events, w.apiWrites.Load())
	}
}

func TestABucketThatIsAsDesiredIsNotWritten(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.s3.live["assets"] = ours
	after := w.mustPass(policy)
	w.expect("GET assets")
	if b := after.Status.Buckets[0]; b.State != s3v1alpha1.BucketSynced || b.LastAppliedTime != nil {
		t.Errorf("the bucket is %+v", b)
	}
}

func TestALookAfterTheOrderOfBucketsChangedWritesNothing(t *testing.T) {
	policy := aPolicy("a-bucket", "b-bucket", "c-bucket")
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	for _, worst := range []string{"c-bucket", "b-bucket"} {
		w.s3.faults = map[string]error{"GET " + worst: notFound}
		after := w.mustPass(policy)
		if after.Status.Buckets[0].Name != worst {
			t.Errorf("the first bucket is %q, not %q", after.Status.Buckets[0].Name, worst)
		}
		writes := w.apiWrites.Load()
		w.mustPass(policy)
		if w.apiWrites.Load() != writes {
			t.Error("the same status was written again")
		}
	}
}

func TestKilledBetweenTheWriteAndTheStatus(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.applyFault = errors.New("killed")
	if _, err := w.pass(policy); err == nil {
		t.Error("a status that was not stored is no error")
	}
	w.expect("GET assets", "PUT assets")
	if events := w.events.take(); len(events) > 0 {
		t.Errorf("events tell what no status does: %q", events)
	}
	w.applyFault = nil
	w.restart()
	after := w.mustPass(policy)
	w.expect("GET assets")
	w.expectReady(after, "True Ready")
}

func TestAStatusThatCouldNotBeStoredIsToldLater(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.later(time.Hour)
	w.s3.live["assets"] = theirs
	w.events.take()
	w.applyFault = apierrors.NewConflict(schema.GroupResource{Resource: "bucketcorspolicies"}, "web", errors.New("changed"))
	result, err := w.pass(policy)
	if err != nil || result.RequeueAfter != staleInterval {
		t.Errorf("a policy that changed meanwhile: %+v %v", result, err)
	}
	w.applyFault = nil
	w.later(time.Second)
	w.s3.takeRequests()
	after := w.mustPass(policy)
	w.expect("GET assets")
	if drift := after.Status.Buckets[0].LastDrift; drift == nil || !drift.Corrected || !drift.DetectedTime.Time.Equal(noon.Add(time.Hour)) {
		t.Errorf("the drift is %+v", drift)
	}
	expectEqual(t, "the events", w.events.take(), []string{
		`Warning DriftCorrected Apply: somebody changed bucket "assets"; put right: rule "web": allowedOrigins: + https://evil.example, - https://app.example.com`})
}

func TestAForeignChangeIsPutRightAndTold(t *testing.T) {
	for name, ago := range map[string]time.Duration{"seconds after our write": 3 * time.Second, "long after": time.Hour} {
		t.Run(name, func(t *testing.T) {
			policy := aPolicy("assets")
			w := newWorld(t, policy, aProvider())
			w.mustPass(policy)
			w.later(ago)
			w.s3.live["assets"] = theirs
			w.s3.takeRequests()
			w.events.take()
			after := w.mustPass(policy)
			w.expect("GET assets", "PUT assets")
			if drift := after.Status.Buckets[0].LastDrift; drift == nil || !drift.Corrected || !drift.DetectedTime.Time.Equal(w.clock.Now()) {
				t.Errorf("the drift is %+v", drift)
			}
			if events := w.events.take(); len(events) != 1 || !strings.HasPrefix(events[0], "Warning DriftCorrected ") {
				t.Errorf("the events are %q", events)
			}
		})
	}
}

func TestAForeignChangeInTheSecondOfOurWriteIsTold(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.s3.live["assets"] = theirs
	after := w.mustPass(policy)
	if drift := after.Status.Buckets[0].LastDrift; drift == nil || !drift.Corrected {
		t.Errorf("the drift is %+v", drift)
	}
}

func TestAnOldAnswerIsNotTakenForDrift(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		t.Run(fmt.Sprintf("restarted %t", restarted), func(t *testing.T) {
			policy := aPolicy("assets")
			w := newWorld(t, policy, aProvider())
			w.mustPass(policy)
			w.expect("GET assets", "PUT assets")
			w.s3.stale["assets"] = nothing
			if restarted {
				w.restart()
			}
			w.later(20 * time.Second)
			result, err := w.pass(policy)
			if err != nil {
				t.Fatal(err)
			}
			w.expect("GET assets")
			// What is left of the time, and jitter.
			if result.RequeueAfter > 48*time.Second {
				t.Errorf("the next look is only in %s, and until then it is not known what the bucket is like", result.RequeueAfter)
			}
			w.later(time.Minute)
			after := w.mustPass(policy)
			w.expect("GET assets", "PUT assets")
			if drift := after.Status.Buckets[0].LastDrift; drift == nil {
				t.Error("what did not settle was not told as a foreign change")
			}
		})
	}
}

// Two writes within the time that answers take to settle: an answer may be from
// before either.
func TestAnAnswerFromBeforeTheLastTwoWritesIsNotTakenForDrift(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.later(5 * time.Second)
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor("https://new.example.com") })
	w.mustPass(policy)
	w.later(5 * time.Second)
	w.s3.stale["assets"] = nothing
	w.s3.takeRequests()
	after := w.mustPass(policy)
	w.expect("GET assets")
	if drift := after.Status.Buckets[0].LastDrift; drift != nil {
		t.Errorf("a drift is told: %+v", drift)
	}
}

func TestAChangedSpecIsWrittenAtOnceAndIsNoDrift(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.later(2 * time.Second)
	w.s3.takeRequests()
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor("https://new.example.com") })
	after := w.mustPass(policy)
	w.expect("GET assets", "PUT assets")
	w.expectReady(after, "True Ready")
	if after.Status.Buckets[0].LastDrift != nil {
		t.Errorf("the drift is %+v", after.Status.Buckets[0].LastDrift)
	}
}

func TestNothingIsWrittenThatMayNotBe(t *testing.T) {
	for name, tt := range map[string]struct {
		change   func(*s3v1alpha1.BucketCORSPolicySpec)
		provider func(*s3v1alpha1.BucketProvider)
		others   []*s3v1alpha1.BucketCORSPolicy
		requests []string
		ready    string
		state    s3v1alpha1.BucketState
	}{
		"suspended":              {change: func(s *s3v1alpha1.BucketCORSPolicySpec) { s.Suspend = true }, ready: "True Suspended", state: s3v1alpha1.BucketPending},
		"suspended and observed": {change: func(s *s3v1alpha1.BucketCORSPolicySpec) { s.Suspend, s.Mode = true, s3v1alpha1.PolicyModeObserve }, ready: "True Suspended", state: s3v1alpha1.BucketPending},
		"observed":               {change: func(s *s3v1alpha1.BucketCORSPolicySpec) { s.Mode = s3v1alpha1.PolicyModeObserve }, requests: []string{"GET assets"}, ready: "False Drifted", state: s3v1alpha1.BucketDrifted},
		"mistakes in the rules":  {change: func(s *s3v1alpha1.BucketCORSPolicySpec) { s.Rules = rulesFor("*.*") }, ready: "False InvalidRules", state: s3v1alpha1.BucketPending},
		"another provider that does not exist": {change: func(s *s3v1alpha1.BucketCORSPolicySpec) { s.ProviderRef = &s3v1alpha1.ProviderReference{Name: "other"} },
			ready: "False ProviderNotFound", state: s3v1alpha1.BucketPending},
		"no grant": {provider: func(p *s3v1alpha1.BucketProvider) { p.Spec.Access = nil }, ready: "False NotPermitted", state: s3v1alpha1.BucketDenied},
		"an older policy": {others: []*s3v1alpha1.BucketCORSPolicy{namedPolicy("team-b", "web", noon.Add(-24*time.Hour), "assets")},
			ready: "False Conflicted", state: s3v1alpha1.BucketConflicted},
		"no grant, and an older policy of somebody else": {provider: func(p *s3v1alpha1.BucketProvider) { p.Spec.Access = []s3v1alpha1.AccessGrant{grant("team-b", "*")} },
			others: []*s3v1alpha1.BucketCORSPolicy{namedPolicy("team-b", "web", noon.Add(-24*time.Hour), "assets")},
			ready:  "False NotPermitted", state: s3v1alpha1.BucketDenied},
		"a Secret that does not exist": {provider: func(p *s3v1alpha1.BucketProvider) {
			p.Spec.Credentials = &s3v1alpha1.ProviderCredentials{SecretRef: &s3v1alpha1.SecretReference{Name: "s3-keys"}}
		}, ready: "False SecretNotFound", state: s3v1alpha1.BucketPending},
	} {
		t.Run(name, func(t *testing.T) {
			policy, provider := aPolicy("assets"), aProvider()
			if tt.change != nil {
				tt.change(&policy.Spec)
			}
			if tt.provider != nil {
				tt.provider(provider)
			}
			w := newWorld(t, policy, provider)
			for _, other := range tt.others {
				if err := w.client.Create(t.Context(), other); err != nil {
					t.Fatal(err)
				}
			}
			w.s3.live["assets"] = theirs
			after := w.mustPass(policy)
			w.expect(tt.requests...)
			w.expectReady(after, tt.ready)
			if b := after.Status.Buckets[0]; b.State != tt.state {
				t.Errorf("the bucket is %s: %s", b.State, b.Message)
			}
			if !cors.Equal(theirs, w.s3.live["assets"]) {
				t.Error("the bucket was written")
			}
		})
	}
}

func TestADeniedPolicyLearnsNothingOfOtherNamespaces(t *testing.T) {
	policy, provider := aPolicy("assets"), aProvider()
	provider.Spec.Access = []s3v1alpha1.AccessGrant{grant("team-b", "*")}
	w := newWorld(t, policy, provider, namedPolicy("team-b", "secret-project", noon.Add(-24*time.Hour), "assets"))
	after := w.mustPass(policy)
	if said := fmt.Sprint(after.Status); strings.Contains(said, "secret-project") {
		t.Errorf("the status names it: %s", after.Status.Buckets[0].Message)
	}
}

func TestTheNextPolicyTakesOverWhenTheOwnerGoes(t *testing.T) {
	older, younger := namedPolicy("team-b", "web", noon.Add(-24*time.Hour), "assets"), aPolicy("assets")
	older.Spec.Rules = rulesFor("https://older.example.com")
	w := newWorld(t, older, younger, aProvider())
	w.expectReady(w.mustPass(younger), "False Conflicted")
	w.expectReady(w.mustPass(older), "True Ready")
	w.expectReady(w.mustPass(younger), "False Conflicted")
	w.expect("GET assets", "PUT assets")
	w.delete(older)
	after := w.mustPass(younger)
	w.expect("GET assets", "PUT assets")
	w.expectReady(after, "True Ready")
	if after.Status.Buckets[0].LastDrift != nil {
		t.Error("what the owner left is taken for a foreign change")
	}
}

func TestAWithdrawnGrantStopsEverythingAndTouchesNothing(t *testing.T) {
	policy := aPolicy("assets", "logs")
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.s3.takeRequests()
	provider := aProvider()
	if err := w.client.Get(t.Context(), namedKey(provider), provider); err != nil {
		t.Fatal(err)
	}
	provider.Spec.Access = []s3v1alpha1.AccessGrant{grant("team-a", "logs")}
	if err := w.client.Update(t.Context(), provider); err != nil {
		t.Fatal(err)
	}
	w.later(time.Hour)
	after := w.mustPass(policy)
	w.expect("GET logs") // the rest of the policy goes on
	w.expectReady(after, "False NotPermitted")
	expectEqual(t, "the buckets", bucketLines(after.Status), []string{"1/2",
		"assets Denied NotPermitted (ours) applied 0s: no entry of spec.access of BucketProvider \"default\" grants it to namespace \"team-a\"",
		"logs Synced Synced (ours) applied 0s"})
}

func TestOneBucketsFailureDoesNotKeepTheOthers(t *testing.T) {
	buckets := numbered("bucket", 20)
	policy := aPolicy(buckets...)
	w := newWorld(t, policy, aProvider())
	w.s3.faults = map[string]error{"GET bucket-03": throttled, "PUT bucket-07": accessDenied, "OPEN bucket-11": notFound}
	if result, err := w.pass(policy); err != nil || result.RequeueAfter < firstRetry || result.RequeueAfter > 2*firstRetry {
		t.Errorf("the next look is in %s (%v)", result.RequeueAfter, err)
	}
	for i, name := range buckets {
		if failed := i == 3 || i == 7 || i == 11; failed == cors.Equal(ours, w.s3.live[name]) {
			t.Errorf("%s has %+v", name, w.s3.live[name])
		}
	}
	after := w.get(policy)
	if after.Status.BucketSummary != "17/20" {
		t.Errorf("the summary is %s", after.Status.BucketSummary)
	}
	if w.s3.mostWorking > bucketsAtOnce {
		t.Errorf("%d buckets were worked on at the same time", w.s3.mostWorking)
	}
	expectInvariants(t, after, after.Status)
}

func TestASecretIsReadFromTheOperatorsNamespace(t *testing.T) {
	policy, provider := aPolicy("assets"), aProvider()
	provider.Spec.Credentials = &s3v1alpha1.ProviderCredentials{SecretRef: &s3v1alpha1.SecretReference{Name: "s3-keys"}}
	elsewhere := aSecret(map[string]string{"AWS_ACCESS_KEY_ID": "wrong", "AWS_SECRET_ACCESS_KEY": "wrong"})
	elsewhere.Namespace = "team-a"
	w := newWorld(t, policy, provider, elsewhere)

	after := w.mustPass(policy)
	w.expectReady(after, "False SecretNotFound")
	if got, want := after.Status.Buckets[0].Message, `there is no Secret bucketcors-system/s3-keys, which BucketProvider "default" takes its credentials from`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	secret := aSecret(nil)
	if err := w.client.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	after = w.mustPass(policy)
	w.expectReady(after, "False SecretInvalid")
	if got, want := after.Status.Buckets[0].Message, `Secret bucketcors-system/s3-keys, which BucketProvider "default" takes its credentials from, has no AWS_ACCESS_KEY_ID and no AWS_SECRET_ACCESS_KEY`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	w.expect()
	secret.Data = aSecret(map[string]string{"AWS_ACCESS_KEY_ID": "AKIA\n", "AWS_SECRET_ACCESS_KEY": "s3cr3t\n"}).Data
	if err := w.client.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	w.expectReady(w.mustPass(policy), "True Ready")
	w.expect("GET assets", "PUT assets")
	if c := w.s3.opened["assets"].Credentials; c == nil || *c != (bucket.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "s3cr3t"}) {
		t.Error("the bucket was opened with other credentials")
	}
}

func TestAnAPIServerThatCannotBeAskedIsAnError(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.applyFault = apierrors.NewInternalError(errors.New("etcd is away"))
	if _, err := w.pass(policy); !apierrors.IsInternalError(err) {
		t.Errorf("the error is %v", err)
	}
}

// Whatever the order in which policies are created, edited and looked at, every
// bucket ends as its oldest policy says, and all policies know.
func TestTheEndDoesNotDependOnTheOrderOfPasses(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 1))
		policies := []*s3v1alpha1.BucketCORSPolicy{
			namedPolicy("team-a", "old", noon.Add(-3*time.Hour), "assets", "logs"),
			namedPolicy("team-b", "web", noon.Add(-2*time.Hour), "assets", "media"),
			namedPolicy("team-b", "all", noon.Add(-time.Hour), "assets", "logs", "media", "extra"),
			namedPolicy("team-c", "not-granted", noon.Add(-9*time.Hour), "assets", "extra"),
		}
		w := newWorld(t, aProvider())
		for _, i := range random.Perm(len(policies)) {
			policies[i].Spec.Rules = rulesFor("https://" + policies[i].Name + ".example.com")
			if err := w.client.Create(t.Context(), policies[i]); err != nil {
				t.Fatal(err)
			}
			w.mustPass(policies[random.IntN(len(policies))])
		}
		for range 2 {
			w.later(time.Hour)
			for _, i := range random.Perm(len(policies)) {
				w.mustPass(policies[i])
			}
		}
		for name, owner := range map[string]string{"assets": "old", "logs": "old", "media": "web", "extra": "all"} {
			if want := configured("https://" + owner + ".example.com"); !cors.Equal(want, w.s3.live[name]) {
				t.Errorf("seed %d: bucket %q has %+v, not the rules of %q", seed, name, w.s3.live[name], owner)
			}
		}
		for i, want := range []string{"2/2", "1/2", "1/4", "0/2"} {
			if got := w.get(policies[i]).Status.BucketSummary; got != want {
				t.Errorf("seed %d: %s has %s, not %s", seed, policies[i].Name, got, want)
			}
		}
	}
}

// A service that answers nothing uses up the time of a pass: there has to be
// some left to say so.
func TestTheStatusTellsOfAServiceThatAnswersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := aPolicy(numbered("bucket", 100)...)
		w := newWorld(t, policy, aProvider())
		w.s3.hang = true
		if result, err := w.pass(policy); err != nil || result.RequeueAfter == 0 {
			t.Errorf("nothing is tried again (%v)", err)
		}
		w.expectReady(w.get(policy), "False Timeout")
		if w.s3.mostWorking != bucketsAtOnce {
			t.Errorf("%d buckets were worked on at the same time, not %d", w.s3.mostWorking, bucketsAtOnce)
		}
	})
}
