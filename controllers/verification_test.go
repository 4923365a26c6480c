// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/browser"
)

// endpoints answer preflights in memory.
type endpoints struct {
	mu sync.Mutex
	// asked are the places that were asked: names of buckets, and URLs.
	asked []string
	last  Preflights
	// findings are what is wrong with the answers of a place.
	findings map[string][]PreflightFinding
	// silent places answer when the context ends.
	silent map[string]bool
	// predicts is what is wrong for want of a configuration that answers like this.
	predicts func(Preflights) []PreflightFinding
}

func (e *endpoints) Probe(ctx context.Context, ask Preflights) ([]PreflightFinding, error) {
	name := cmp.Or(ask.Endpoint, ask.Location.Name)
	e.mu.Lock()
	e.asked = append(e.asked, name)
	e.last = ask
	silent, findings := e.silent[name], e.findings[name]
	if e.predicts != nil {
		findings = e.predicts(ask)
	}
	e.mu.Unlock()
	if silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return findings, ctx.Err()
}

// expectAsked compares the places that were asked since the last call.
func (w *world) expectAsked(want ...string) {
	w.t.Helper()
	w.endpoints.mu.Lock()
	defer w.endpoints.mu.Unlock()
	got := slices.Sorted(slices.Values(w.endpoints.asked))
	w.endpoints.asked = nil
	slices.Sort(want)
	expectEqual(w.t, "the places that were asked", got, want)
}

// aVerifiedPolicy has two buckets behind one endpoint.
func aVerifiedPolicy() *s3v1alpha1.BucketCORSPolicy {
	policy := aPolicy("assets", "logs")
	policy.Spec.Expectations = []s3v1alpha1.Expectation{reads("read", "https://app.example.com", "")}
	policy.Spec.Verification = &s3v1alpha1.Verification{Endpoints: []s3v1alpha1.VerificationEndpoint{cdn}}
	return policy
}

const cdn = "https://cdn.example.com"

func finding(reason string, passing bool) PreflightFinding {
	return PreflightFinding{Reason: reason, Message: "found " + reason, Passing: passing}
}

func TestVerificationAsksTheServiceAndTheEndpoints(t *testing.T) {
	policy, provider := aVerifiedPolicy(), aProvider()
	provider.Spec.Dialect = "VersityGW"
	provider.Spec.Verification = &s3v1alpha1.ProviderVerification{AllowedHosts: []s3v1alpha1.AllowedHost{"*.example.com"}}
	w := newWorld(t, policy, provider)
	w.endpoints.findings["logs"] = []PreflightFinding{finding(s3v1alpha1.ReasonPreflightMismatch, false)}
	after := w.mustPass(policy)
	w.expectAsked("assets", "logs", cdn)
	w.expectReady(after, "False PreflightMismatch")
	w.expectCondition(after, "Verified", `bucket "logs": found PreflightMismatch`)
	w.expectCondition(after, "Synced", "1 rule in place on 2 buckets")

	ask := w.endpoints.last
	if len(ask.Requests) != 1 || ask.Requests[0].Origin != "https://app.example.com" || ask.Requests[0].Method != "GET" {
		t.Errorf("the requests are %+v", ask.Requests)
	}
	if !browser.Allowed(ask.Predicted, ask.Requests[0]) {
		t.Error("it is not predicted by what is in place")
	}
	if ask.Provider.Endpoint != provider.Spec.Endpoint || ask.Provider.Credentials != nil {
		t.Errorf("the provider is %+v", ask.Provider)
	}
	expectEqual(t, "the allowed hosts", ask.AllowedHosts, []string{"*.example.com"})

	w.endpoints.findings = nil
	w.later(10 * time.Minute)
	after = w.mustPass(policy)
	w.expectReady(after, "True Ready")
	w.expectCondition(after, "Verified", "3 places answered as the rules predict")
}

func TestASteadyVerifiedPolicyWritesNothing(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.later(10 * time.Minute)
	w.mustPass(policy)
	w.apiWrites.Store(0)
	w.expectAsked("assets", "logs", cdn, "assets", "logs", cdn)
	for range 3 {
		w.later(10 * time.Minute)
		w.mustPass(policy)
		w.expectAsked("assets", "logs", cdn)
	}
	w.restart()
	w.later(10 * time.Minute)
	w.mustPass(policy)
	if writes := w.apiWrites.Load(); writes != 0 {
		t.Errorf("%d writes to the API server", writes)
	}
}

func TestWhatMayPassIsNoMismatchForTwoMinutes(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.endpoints.findings[cdn] = []PreflightFinding{finding(s3v1alpha1.ReasonPreflightMismatch, true)}
	result, err := w.pass(policy)
	if err != nil || result.RequeueAfter > 15*time.Second {
		t.Errorf("the next look is in %s, %v", result.RequeueAfter, err)
	}
	after := w.get(policy)
	w.expectReady(after, "Unknown Settling")
	w.expectCondition(after, "Verified", "may not have come everywhere yet", cdn+": found")
	w.expectAsked("assets", "logs", cdn)

	// Only the one in question is asked again.
	w.later(15 * time.Second)
	w.mustPass(policy)
	w.expectAsked(cdn)

	w.later(2 * time.Minute)
	w.expectReady(w.mustPass(policy), "False PreflightMismatch")
}

func TestAMismatchThatCannotPassIsToldAtOnce(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.endpoints.findings[cdn] = []PreflightFinding{finding(s3v1alpha1.ReasonEndpointNotAllowed, false), finding(s3v1alpha1.ReasonPreflightMismatch, false)}
	after := w.mustPass(policy)
	w.expectReady(after, "False EndpointNotAllowed")
	w.expectCondition(after, "Verified", "found EndpointNotAllowed", "found PreflightMismatch")
}

// The worst that an endpoint can do is nothing at all.
func TestASilentEndpointDelaysNothing(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.endpoints.silent = map[string]bool{cdn: true}
	var whileSilent *s3v1alpha1.BucketCORSPolicy
	ctx, cancel := context.WithCancel(t.Context())
	w.endpoints.predicts = func(ask Preflights) []PreflightFinding {
		if ask.Endpoint != "" {
			whileSilent = w.get(policy)
			cancel() // what the time limit would do
		}
		return nil
	}
	o, err := w.reconciler.sync(t.Context(), w.get(policy))
	if err != nil {
		t.Fatal(err)
	}
	stored := w.get(policy)
	if err := w.reconciler.publish(t.Context(), stored, o); err != nil {
		t.Fatal(err)
	}
	o.verification = w.reconciler.verify(ctx, stored, o)
	w.expectCondition(whileSilent, "Synced", "1 rule in place on 2 buckets")
	w.expectCondition(whileSilent, "Verified", "no preflight was sent since the last change")
	if v := o.verification.verdict(); v.reason != s3v1alpha1.ReasonNotAsked || !strings.Contains(v.message, cdn) {
		t.Errorf("the verdict is %+v", v)
	}
	if next := o.verification.next(time.Hour, w.reconciler.now()); next != time.Minute {
		t.Errorf("it gets its turn in %s", next)
	}
}

func TestAnOperatorThatStopsSaysNothingOfEndpoints(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.later(10 * time.Minute)
	w.expectReady(w.mustPass(policy), "True Ready")
	w.endpoints.silent = map[string]bool{cdn: true}
	w.later(10 * time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	w.endpoints.predicts = func(Preflights) []PreflightFinding { cancel(); return nil }
	if _, err := w.reconciler.Reconcile(ctx, requestFor(policy)); err != nil {
		t.Fatal(err)
	}
	w.expectReady(w.get(policy), "True Ready")
}

func TestOnlyBucketsInPlaceAreVerified(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.s3.faults["GET logs"] = notFound
	after := w.mustPass(policy)
	w.expectAsked("assets", cdn)
	w.expectReady(after, "False BucketNotFound")
	w.expectCondition(after, "Verified", "2 places answered")

	w.s3.faults["GET assets"] = accessDenied
	w.later(10 * time.Minute)
	after = w.mustPass(policy)
	w.expectAsked()
	w.expectCondition(after, "Verified", "no bucket is as the policy says")
}

func TestVerificationIsForThoseWhoAskForIt(t *testing.T) {
	for name, verification := range map[string]*s3v1alpha1.Verification{
		"not asked for": nil,
		"switched off":  {Preflight: s3v1alpha1.PreflightDisabled, Endpoints: []s3v1alpha1.VerificationEndpoint{cdn}},
	} {
		t.Run(name, func(t *testing.T) {
			policy := aVerifiedPolicy()
			w := newWorld(t, policy, aProvider())
			w.mustPass(policy)
			w.expectAsked("assets", "logs", cdn)
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Verification = verification })
			w.expectReady(w.mustPass(policy), "True Ready")
			w.expectAsked()
		})
	}
	t.Run("suspended", func(t *testing.T) {
		policy := aVerifiedPolicy()
		w := newWorld(t, policy, aProvider())
		w.mustPass(policy)
		w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Suspend = true })
		w.expectAsked("assets", "logs", cdn)
		w.expectReady(w.mustPass(policy), "Unknown Suspended")
		w.expectAsked()
	})
}

// Behind an endpoint may be any of the buckets, and they need not be alike.
func TestAnEndpointMayAnswerLikeAnyOfTheBuckets(t *testing.T) {
	policy := aVerifiedPolicy()
	policy.Spec.Sharing = s3v1alpha1.SharingShared
	other := namedPolicy("team-b", "other", noon, "logs")
	other.Spec.Sharing, other.Spec.Rules = s3v1alpha1.SharingShared, rulesFor("https://other.example.com")
	other.Spec.Rules[0].ID = "other"
	w := newWorld(t, policy, other, aProvider())
	stranger := browser.Request{Origin: "https://other.example.com", Method: "GET"}
	w.endpoints.predicts = func(ask Preflights) []PreflightFinding {
		if ask.Endpoint != "" && !browser.Allowed(ask.Predicted, stranger) {
			return []PreflightFinding{finding(s3v1alpha1.ReasonPreflightMismatch, false)}
		}
		return nil
	}
	w.settled(other, policy)
	w.expectReady(w.get(policy), "True Ready")
	w.endpoints.predicts = func(ask Preflights) []PreflightFinding {
		if ask.Endpoint != "" {
			return []PreflightFinding{{Reason: s3v1alpha1.ReasonPreflightMismatch, Message: fmt.Sprint(browser.Allowed(ask.Predicted, stranger))}}
		}
		return nil
	}
	w.settled(other, policy)
	w.expectCondition(w.get(policy), "Verified", cdn+": false")
}

func TestDriftThatWasMendedIsVerifiedAtOnce(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.settled(policy)
	w.expectReady(w.get(policy), "True Ready")
	w.endpoints.asked = nil
	w.s3.live["logs"] = theirs
	w.later(10 * time.Minute)
	w.expectReady(w.mustPass(policy), "True Ready")
	w.expectAsked("assets", "logs", cdn)
	// An early pass asks nobody, and one that changes the provider asks all.
	w.later(2 * time.Minute)
	w.mustPass(policy)
	w.expectAsked()
}

func TestAFleetIsAskedInTurns(t *testing.T) {
	policy := aPolicy(numbered("bucket", 12)...)
	policy.Spec.Verification = &s3v1alpha1.Verification{Preflight: s3v1alpha1.PreflightEnabled}
	w := newWorld(t, policy, aProvider())
	asked := map[string]bool{}
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		answered := 0
		w.endpoints.predicts = func(ask Preflights) []PreflightFinding {
			if answered++; answered > 5 {
				cancel() // no time for more
				return nil
			}
			asked[ask.Location.Name] = true
			return nil
		}
		stored := w.get(policy)
		o, err := w.reconciler.sync(t.Context(), stored)
		if err != nil {
			t.Fatal(err)
		}
		_ = w.reconciler.verify(ctx, stored, o)
		cancel()
	}
	if len(asked) != 12 {
		t.Errorf("only %d buckets got a turn", len(asked))
	}
}
