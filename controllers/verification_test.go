// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	silent, findings := e.ask(name, ask)
	if silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return findings, ctx.Err()
}

func (e *endpoints) ask(name string, ask Preflights) (silent bool, findings []PreflightFinding) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, name)
	e.last = ask
	if e.predicts != nil {
		return e.silent[name], e.predicts(ask)
	}
	return e.silent[name], e.findings[name]
}

// expectAsked compares the places that were asked since the last call.
func (w *world) expectAsked(want ...string) {
	w.t.Helper()
	slices.Sort(want)
	expectEqual(w.t, "the places that were asked", w.takeAsked(), want)
}

// takeAsked are the places that were asked since the last call, sorted.
func (w *world) takeAsked() []string {
	w.endpoints.mu.Lock()
	defer w.endpoints.mu.Unlock()
	got := slices.Sorted(slices.Values(w.endpoints.asked))
	w.endpoints.asked = nil
	return got
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
	w.endpoints.findings[cdn] = []PreflightFinding{finding(s3v1alpha1.ReasonPreflightMismatch, false), finding(s3v1alpha1.ReasonEndpointNotAllowed, false)}
	after := w.mustPass(policy)
	w.expectReady(after, "False EndpointNotAllowed")
	w.expectCondition(after, "Verified", "found EndpointNotAllowed", "found PreflightMismatch")
}

// The worst that an endpoint can do is nothing at all.
func TestASilentEndpointDelaysNothing(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.endpoints.silent = map[string]bool{cdn: true}
	if _, err := w.passUnanswered(policy); err != nil {
		t.Fatal(err)
	}
	w.expectAsked()
	w.expectCondition(w.get(policy), "Synced", "1 rule in place on 2 buckets")
	w.expectReady(w.get(policy), "Unknown NotAsked")

	ctx, cancel := context.WithCancel(t.Context())
	w.endpoints.predicts = func(Preflights) []PreflightFinding { cancel(); return nil } // what the time limit would do
	w.answerPreflights(ctx)
	w.s3.takeRequests()
	result, err := w.passUnanswered(policy)
	if err != nil || result.RequeueAfter < 30*time.Second || result.RequeueAfter > 2*time.Minute {
		t.Errorf("it gets its turn in %s, %v", result.RequeueAfter, err)
	}
	w.expectReady(w.get(policy), "Unknown NotAsked")
	w.expectCondition(w.get(policy), "Verified", "not asked since the last change", cdn)
	if w.answerPreflights(t.Context()) {
		t.Error("it is asked again at once")
	}
}

func TestAnOperatorThatStopsSaysNothingOfEndpoints(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.later(10 * time.Minute)
	w.expectReady(w.mustPass(policy), "True Ready")
	w.later(10 * time.Minute)
	if _, err := w.passUnanswered(policy); err != nil {
		t.Fatal(err)
	}
	w.expectReady(w.get(policy), "True Ready")
	w.endpoints.findings[cdn] = []PreflightFinding{finding(s3v1alpha1.ReasonPreflightMismatch, false)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.answerPreflights(ctx)
	if _, err := w.passUnanswered(policy); err != nil {
		t.Fatal(err)
	}
	w.expectReady(w.get(policy), "True Ready")
}

// Passes that the answers cause, or something else meanwhile, read no bucket again
// and ask nobody twice.
func TestTheAnswersOfEndpointsCostNoRequestToS3(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.settled(policy)
	w.endpoints.asked = nil
	w.s3.takeRequests()
	for _, interval := range []time.Duration{5 * time.Minute, 10 * time.Second} {
		w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
			spec.DriftCheckInterval = &metav1.Duration{Duration: interval}
		})
		w.settled(policy)
		w.s3.takeRequests()
		w.endpoints.asked = nil
		w.later(interval)
		if _, err := w.passUnanswered(policy); err != nil {
			t.Fatal(err)
		}
		w.expect("GET assets", "GET logs")
		if _, err := w.passUnanswered(policy); err != nil {
			t.Fatal(err)
		}
		w.answerPreflights(t.Context())
		w.expectAsked("assets", "logs", cdn)
		w.mustPass(policy)
		w.expectAsked()
		w.expect()
	}
}

func TestAPlaceIsNotAskedTwiceAtTheSameTime(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	if _, err := w.passUnanswered(policy); err != nil {
		t.Fatal(err)
	}
	passed := make(chan struct{})
	var once sync.Once
	w.endpoints.predicts = func(Preflights) []PreflightFinding {
		once.Do(func() {
			if _, err := w.passUnanswered(policy); err != nil { // while it is asked
				t.Error(err)
			}
			close(passed)
		})
		return nil
	}
	w.answerPreflights(t.Context())
	<-passed
	w.expectAsked("assets", "logs", cdn)
	w.mustPass(policy)
	w.expectAsked()

	// What has changed meanwhile is asked anew.
	w.later(10 * time.Minute)
	if _, err := w.passUnanswered(policy); err != nil {
		t.Fatal(err)
	}
	var again sync.Once
	w.endpoints.predicts = func(Preflights) []PreflightFinding {
		again.Do(func() {
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules[0].MaxAgeSeconds = new(int32(60)) })
			if _, err := w.passUnanswered(policy); err != nil {
				t.Error(err)
			}
		})
		return nil
	}
	w.answerPreflights(t.Context())
	w.expectAsked("assets", "logs", cdn, "assets", "logs", cdn)
}

func TestNothingIsRememberedOfPoliciesThatAreGone(t *testing.T) {
	policy := aVerifiedPolicy()
	policy.Spec.DeletionPolicy = s3v1alpha1.DeletionPolicyRetain // goes without a pass
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.later(10 * time.Minute)
	w.endpoints.predicts = func(Preflights) []PreflightFinding {
		if w.get(policy) != nil {
			w.delete(policy)
		}
		return nil
	}
	if _, err := w.pass(policy); err != nil {
		t.Fatal(err)
	}
	if log := &w.reconciler.verifications; len(log.answers)+len(log.waiting)+len(log.running) != 0 {
		t.Errorf("there is %v, %v, %v", log.answers, log.waiting, log.running)
	}
}

func TestAMistakeInJudgingAnswersEndsNothing(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.endpoints.predicts = func(ask Preflights) []PreflightFinding {
		if ask.Endpoint != "" {
			panic("of the test")
		}
		return nil
	}
	w.expectReady(w.mustPass(policy), "Unknown NotAsked")
	if w.answerPreflights(t.Context()) {
		t.Error("it is tried again at once")
	}
}

// What answered before the last write may still do so, and is known.
func TestWhatWasThereBeforeTheLastWriteIsToldToTheProber(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.s3.live["assets"] = theirs
	former := map[string]string{}
	w.endpoints.predicts = func(ask Preflights) []PreflightFinding {
		name := cmp.Or(ask.Endpoint, ask.Location.Name)
		former[name] = ""
		for _, f := range ask.Former {
			former[name] += fmt.Sprint(browser.Allowed(f, browser.Request{Origin: "https://evil.example", Method: "GET"}), " ")
		}
		return nil
	}
	w.mustPass(policy)
	expectEqual(t, "what was there", []string{former["assets"], former["logs"], former[cdn]}, []string{"true ", "false ", "true false "})
	w.later(10 * time.Minute)
	w.mustPass(policy)
	expectEqual(t, "what was there", []string{former["assets"], former["logs"], former[cdn]}, []string{"", "", ""})
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
		w.expectReady(w.mustPass(policy), "True Suspended")
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
	w.later(2 * time.Minute)
	w.expectReady(w.mustPass(policy), "True Ready")
	w.expectAsked("logs", cdn)
	// An early pass asks nobody.
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
		if _, err := w.passUnanswered(policy); err != nil {
			t.Fatal(err)
		}
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
		w.answerPreflights(ctx)
		cancel()
		w.later(90 * time.Second)
	}
	if len(asked) != 12 {
		t.Errorf("only %d buckets got a turn", len(asked))
	}
}

// twoAlike are two policies that share the bucket "logs", of which the first is
// verified and has the bucket "assets" for itself. They are settled.
func twoAlike(t *testing.T) (w *world, policy, other *s3v1alpha1.BucketCORSPolicy) {
	t.Helper()
	policy = aVerifiedPolicy()
	policy.Spec.Sharing = s3v1alpha1.SharingShared
	other = shared(namedPolicy("team-b", "other", noon, "logs"), 0)
	other.Spec.Rules = rulesFor("https://other.example.com")
	other.Spec.Rules[0].ID = "other"
	w = newWorld(t, policy, other, aProvider())
	w.settled(other, policy)
	w.expectReady(w.get(policy), "True Ready")
	w.endpoints.asked = nil
	return w, policy, other
}

func TestAWriteForAnotherPolicySettlesForTwoMinutesToo(t *testing.T) {
	for name, between := range map[string]func(*world){
		"":                          func(*world) {},
		"and the operator restarts": (*world).restart,
	} {
		t.Run("it is from another policy "+name, func(t *testing.T) {
			w, policy, other := twoAlike(t)
			w.edit(other, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
				spec.Rules[0].AllowedOrigins[0] = "https://new.example.com"
			})
			w.mustPass(other)
			w.endpoints.findings[cdn] = []PreflightFinding{finding(s3v1alpha1.ReasonPreflightMismatch, true)}
			w.endpoints.findings["logs"] = w.endpoints.findings[cdn]
			w.expectReady(w.mustPass(policy), "Unknown Settling")
			between(w)
			w.later(90 * time.Second)
			w.expectReady(w.mustPass(policy), "Unknown Settling")
			w.later(30 * time.Second)
			w.expectReady(w.mustPass(policy), "False PreflightMismatch")
		})
	}
}

// A write that the status tells to be in the future is that of a clock that was wrong.
func TestAWriteInTheFutureSettlesNothing(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.restart()
	w.clock.SetTime(noon.Add(-time.Hour))
	w.endpoints.findings[cdn] = []PreflightFinding{finding(s3v1alpha1.ReasonPreflightMismatch, true)}
	w.expectReady(w.mustPass(policy), "False PreflightMismatch")
}

func TestWhatCannotPassIsToldBesideWhatMay(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.endpoints.findings[cdn] = []PreflightFinding{
		{Reason: s3v1alpha1.ReasonPreflightMismatch, Message: "old", Passing: true},
		{Reason: s3v1alpha1.ReasonPreflightMismatch, Message: "stripped"},
	}
	result, err := w.pass(policy)
	if err != nil || result.RequeueAfter > 15*time.Second {
		t.Errorf("the next look is in %s, %v", result.RequeueAfter, err)
	}
	after := w.get(policy)
	w.expectReady(after, "False PreflightMismatch")
	if message := after.Status.Conditions[0].Message; message != cdn+": stripped" {
		t.Errorf("it says %q", message)
	}
}

// Behind an endpoint may be the very bucket that could not be read.
func TestAnEndpointIsNotJudgedWhileABucketBehindItIsUnknown(t *testing.T) {
	w, policy, _ := twoAlike(t)
	stranger := browser.Request{Origin: "https://other.example.com", Method: "GET"}
	w.endpoints.predicts = func(ask Preflights) []PreflightFinding {
		if ask.Endpoint != "" && !browser.Allowed(ask.Predicted, stranger) {
			return []PreflightFinding{finding(s3v1alpha1.ReasonPreflightMismatch, false)}
		}
		return nil
	}
	w.s3.faults["GET logs"] = throttled
	w.later(10 * time.Minute)
	after := w.mustPass(policy)
	w.expectAsked("assets")
	w.expectReady(after, "Unknown Throttled")
	w.expectCondition(after, "Verified", "places answered as the rules predict")

	// It answers again, and nothing of it has to be asked that was asked before.
	delete(w.s3.faults, "GET logs")
	w.later(time.Minute)
	w.expectReady(w.mustPass(policy), "True Ready")
	w.expectAsked("logs", cdn, cdn)
	w.later(time.Minute)
	w.s3.faults["GET logs"] = throttled
	w.mustPass(policy)
	delete(w.s3.faults, "GET logs")
	w.later(time.Minute)
	w.mustPass(policy)
	w.expectAsked()
}

// What is in force of others is behind an endpoint as well.
func TestAnEndpointMayAnswerByWhatIsInForce(t *testing.T) {
	w, policy, _ := twoAlike(t)
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
		spec.Expectations = append(spec.Expectations, reads("no others", "https://other.example.com", "Denied"))
	})
	stranger := browser.Request{Origin: "https://other.example.com", Method: "GET"}
	w.endpoints.predicts = func(ask Preflights) []PreflightFinding {
		if ask.Endpoint != "" && !browser.Allowed(ask.Predicted, stranger) {
			return []PreflightFinding{finding(s3v1alpha1.ReasonPreflightMismatch, false)}
		}
		return nil
	}
	w.later(10 * time.Minute)
	after := w.mustPass(policy)
	w.expectAsked("assets", cdn, cdn)
	w.expectReady(after, "False ExpectationFailed")
	w.expectCondition(after, "Verified", "2 places answered as the rules predict")
}

// It does not matter by which configuration nobody answers.
func TestAnEndpointThatDoesNotAnswerIsAskedOnce(t *testing.T) {
	w, policy, _ := twoAlike(t)
	w.endpoints.findings[cdn] = []PreflightFinding{finding(s3v1alpha1.ReasonEndpointUnreachable, true)}
	w.later(10 * time.Minute)
	w.expectReady(w.mustPass(policy), "False EndpointUnreachable")
	w.expectAsked("assets", "logs", cdn)

	// And then ever later, but no later than the buckets are looked at.
	begin := w.clock.Now()
	for last := begin; last.Sub(begin) < 10*verifyAgainWrong; {
		result, err := w.pass(policy)
		if err != nil {
			t.Fatal(err)
		}
		if now := w.clock.Now(); slices.Contains(w.takeAsked(), cdn) {
			due := min(w.reconciler.DriftCheckInterval, max(verifyAgainWrong, last.Sub(begin)))
			// The reconciler counts in whole seconds.
			if wait := now.Sub(last); wait < due-time.Second || wait > time.Duration(float64(due)*(1+jitterFactor)) {
				t.Errorf("%s after it was silent first, it was asked after %s, which should be %s", now.Sub(begin), wait, due)
			}
			last = now
		}
		w.later(result.RequeueAfter)
	}
	w.endpoints.findings = nil
	w.later(10 * time.Minute)
	w.expectReady(w.mustPass(policy), "True Ready")
}

// A rollout of the operator is no news about endpoints.
func TestAnOperatorThatStartsTakesNothingBack(t *testing.T) {
	for name, findings := range map[string][]PreflightFinding{"True Ready": nil, "False PreflightMismatch": {finding(s3v1alpha1.ReasonPreflightMismatch, false)}} {
		t.Run(name, func(t *testing.T) {
			policy := aVerifiedPolicy()
			w := newWorld(t, policy, aProvider())
			w.endpoints.findings[cdn] = findings
			w.settled(policy)
			w.expectReady(w.get(policy), name)
			w.restart()
			w.apiWrites.Store(0)
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // there is no time left
			for range 2 {
				if _, err := w.passUnanswered(policy); err != nil || w.apiWrites.Load() != 0 {
					t.Errorf("%d writes to the API server, %v", w.apiWrites.Load(), err)
				}
				w.answerPreflights(ctx)
			}
		})
	}
}

func TestNothingIsRememberedOfAPolicyThatIsGone(t *testing.T) {
	policy := aVerifiedPolicy()
	policy.Spec.DeletionPolicy = s3v1alpha1.DeletionPolicyRetain // without a finalizer
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Buckets = spec.Buckets[:1] })
	w.later(10 * time.Minute)
	w.mustPass(policy)
	for _, places := range w.reconciler.verifications.answers {
		if len(places) != 2 {
			t.Errorf("%d places are remembered", len(places))
		}
	}
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
		spec.Verification.Preflight = s3v1alpha1.PreflightDisabled
	})
	w.mustPass(policy)
	if len(w.reconciler.verifications.answers) > 0 {
		t.Error("what was found is remembered when verification is switched off")
	}
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Verification.Preflight = "" })
	w.mustPass(policy)
	w.delete(policy)
	w.mustPass(policy)
	if len(w.reconciler.verifications.answers) > 0 {
		t.Error("what was found is remembered when the policy is gone")
	}
}

// Who is not asked about everything in time has told nothing, the next time too.
func TestASlowProviderIsAskedForWhatThereIsTimeFor(t *testing.T) {
	policy, provider := aVerifiedPolicy(), aProvider()
	policy.Spec.Expectations = nil
	for i := range 100 {
		policy.Spec.Expectations = append(policy.Spec.Expectations, s3v1alpha1.Expectation{
			Name: fmt.Sprint(i), Origin: "https://app.example.com", Method: "PUT", Headers: []s3v1alpha1.HeaderName{s3v1alpha1.HeaderName(fmt.Sprintf("x-%d", i))},
		})
	}
	policy.Spec.Rules[0].AllowedMethods, policy.Spec.Rules[0].AllowedHeaders = []s3v1alpha1.CORSMethod{"PUT"}, []s3v1alpha1.CORSHeader{"*"}
	for perSecond, want := range map[int32]int{0: 100, 1000: 100, 5: 67, 1: 7} {
		provider.Spec.RequestsPerSecond = perSecond
		w := newWorld(t, policy.DeepCopy(), provider.DeepCopy())
		after := w.mustPass(policy)
		if sent := len(w.endpoints.last.Requests); sent != want {
			t.Errorf("with %d requests a second, %d preflights are sent", perSecond, sent)
		}
		if want < 100 {
			w.expectCondition(after, "Verified", fmt.Sprintf("the first %d of 100 preflights were sent", want))
		}
	}
}

// The events tell that something was written, and that all is well, each once.
func TestVerificationRaisesNoAlarm(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	var told []string
	for _, line := range w.events.take() {
		told = append(told, strings.Join(strings.Fields(line)[:2], " "))
	}
	expectEqual(t, "the events", told, []string{"Normal Applied", "Normal NotAsked", "Normal Ready"})
}

func TestALookForTheSakeOfAnEndpointReadsNoBuckets(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.settled(policy)
	w.endpoints.findings[cdn] = []PreflightFinding{finding(s3v1alpha1.ReasonEndpointUnreachable, true)}
	w.later(10 * time.Minute)
	w.mustPass(policy)
	w.s3.takeRequests()
	w.endpoints.asked = nil
	w.later(time.Minute)
	w.mustPass(policy)
	w.expectAsked(cdn)
	w.expect()
}

func TestABucketThatIsOnlyObservedIsVerifiedWhileItIsAsWritten(t *testing.T) {
	policy := aVerifiedPolicy()
	policy.Spec.Mode = s3v1alpha1.PolicyModeObserve
	w := newWorld(t, policy, aProvider())
	w.s3.live["assets"] = ours
	after := w.mustPass(policy)
	w.expectAsked("assets", cdn)
	w.expectReady(after, "False Drifted")
}

func TestWhatChangesTheAnswersIsAskedAgain(t *testing.T) {
	for name, change := range map[string]func(*world, *s3v1alpha1.BucketCORSPolicy){
		"the provider": func(w *world, _ *s3v1alpha1.BucketCORSPolicy) {
			provider := aProvider()
			if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(provider), provider); err != nil {
				w.t.Fatal(err)
			}
			provider.Generation++
			provider.Spec.Verification = &s3v1alpha1.ProviderVerification{AllowedHosts: []s3v1alpha1.AllowedHost{"cdn.example.com"}}
			if err := w.client.Update(w.t.Context(), provider); err != nil {
				w.t.Fatal(err)
			}
		},
		"the policy": func(w *world, policy *s3v1alpha1.BucketCORSPolicy) {
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Expectations[0].Exposes = nil })
		},
		"another policy of the same name": func(w *world, policy *s3v1alpha1.BucketCORSPolicy) {
			again := w.get(policy).DeepCopy()
			w.delete(policy)
			again.UID, again.ResourceVersion = "another", ""
			if err := w.client.Create(w.t.Context(), again); err != nil {
				w.t.Fatal(err)
			}
		},
		"the clock": func(w *world, _ *s3v1alpha1.BucketCORSPolicy) { w.later(-2 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			policy := aVerifiedPolicy()
			policy.Spec.DeletionPolicy = s3v1alpha1.DeletionPolicyRetain
			w := newWorld(t, policy, aProvider())
			w.settled(policy)
			w.endpoints.asked = nil
			change(w, policy)
			w.later(time.Second)
			w.mustPass(policy)
			w.expectAsked("assets", "logs", cdn)
			w.later(time.Second)
			w.mustPass(policy)
			w.expectAsked()
		})
	}
}

// A status that cannot be stored is told the next time, without asking again.
func TestWhatPlacesAnsweredIsToldEvenWhenItCouldNotBeStoredAtOnce(t *testing.T) {
	policy := aVerifiedPolicy()
	w := newWorld(t, policy, aProvider())
	w.endpoints.predicts = func(Preflights) []PreflightFinding {
		w.applyFault = apierrors.NewConflict(s3v1alpha1.SchemeGroupVersion.WithResource("bucketcorspolicies").GroupResource(), "web", errors.New("changed"))
		return nil
	}
	result, err := w.pass(policy)
	if err != nil || result.RequeueAfter != staleInterval {
		t.Errorf("the next look is in %s, %v", result.RequeueAfter, err)
	}
	w.expectAsked("assets", "logs", cdn)
	w.expectReady(w.get(policy), "Unknown NotAsked")
	w.applyFault = nil
	w.later(staleInterval)
	w.expectReady(w.mustPass(policy), "True Ready")
	w.expectAsked()
	var told []string
	for _, line := range w.events.take() {
		told = append(told, strings.Join(strings.Fields(line)[:2], " "))
	}
	expectEqual(t, "the events", told, []string{"Normal Applied", "Normal NotAsked", "Normal Ready"})
}
