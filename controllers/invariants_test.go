// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/diff"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// statusReasons are the reasons that conditions and buckets can have.
var statusReasons = []string{
	s3v1alpha1.ReasonReady,
	s3v1alpha1.ReasonAccepted, s3v1alpha1.ReasonInvalidRules, s3v1alpha1.ReasonProviderNotFound, s3v1alpha1.ReasonNotPermitted,
	s3v1alpha1.ReasonSynced, s3v1alpha1.ReasonDrifted, s3v1alpha1.ReasonConflicted, s3v1alpha1.ReasonNotAccepted,
	s3v1alpha1.ReasonSuspended, s3v1alpha1.ReasonSecretNotFound, s3v1alpha1.ReasonSecretInvalid,
	s3v1alpha1.ReasonBucketNotFound, s3v1alpha1.ReasonAccessDenied, s3v1alpha1.ReasonCredentialsInvalid,
	s3v1alpha1.ReasonProviderInvalid, s3v1alpha1.ReasonWrongRegion, s3v1alpha1.ReasonUnsupported,
	s3v1alpha1.ReasonRejectedByServer, s3v1alpha1.ReasonThrottled, s3v1alpha1.ReasonUnreachable,
	s3v1alpha1.ReasonTimeout, s3v1alpha1.ReasonServerError,
	s3v1alpha1.ReasonDoesNotFit, s3v1alpha1.ReasonNotSaved, s3v1alpha1.ReasonInvalidEndpoint, s3v1alpha1.ReasonInvalidCABundle,
	s3v1alpha1.ReasonExpectationFailed, s3v1alpha1.ReasonVerified, s3v1alpha1.ReasonPreflightMismatch,
	s3v1alpha1.ReasonEndpointUnreachable, s3v1alpha1.ReasonEndpointNotAllowed, s3v1alpha1.ReasonNotSynced, s3v1alpha1.ReasonNotAsked,
	// While a policy is going away.
	s3v1alpha1.ReasonRemoved, s3v1alpha1.ReasonKept, s3v1alpha1.ReasonRestored, s3v1alpha1.ReasonHandedOver, s3v1alpha1.ReasonSettling,
}

// eventReasons are those that only events have.
var eventReasons = []string{
	s3v1alpha1.ReasonApplied, s3v1alpha1.ReasonDriftCorrected, s3v1alpha1.ReasonLintFindings,
}

// statesByUrgency are the states of buckets in the order in which they are listed.
var statesByUrgency = []s3v1alpha1.BucketState{
	s3v1alpha1.BucketFailed, s3v1alpha1.BucketDenied, s3v1alpha1.BucketConflicted,
	s3v1alpha1.BucketDrifted, s3v1alpha1.BucketPending, s3v1alpha1.BucketSynced,
}

// checkInvariants names what is wrong with a status of a policy, whatever it is
// about: nothing it names may ever be read from the API server.
func checkInvariants(policy *s3v1alpha1.BucketCORSPolicy, status s3v1alpha1.BucketCORSPolicyStatus) []string {
	var wrong []string
	broken := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	bounded := func(what, text string, shortest, longest int) {
		if n := utf8.RuneCountInString(text); n < shortest || n > longest {
			broken("%s has %d characters, not %d to %d", what, n, shortest, longest)
		}
	}

	if status.ObservedGeneration < 1 || status.ObservedGeneration > policy.Generation {
		broken("observedGeneration is %d and the generation %d", status.ObservedGeneration, policy.Generation)
	}
	conditions := map[string]metav1.Condition{}
	for _, c := range status.Conditions {
		if _, twice := conditions[c.Type]; twice {
			broken("the condition %s is there twice", c.Type)
		}
		conditions[c.Type] = c
		if c.ObservedGeneration != status.ObservedGeneration {
			broken("%s is about generation %d and the status about %d", c.Type, c.ObservedGeneration, status.ObservedGeneration)
		}
		if !slices.Contains(statusReasons, c.Reason) {
			broken("%s has the reason %q, which is not documented", c.Type, c.Reason)
		}
		if c.LastTransitionTime.IsZero() {
			broken("%s has no time of the last transition", c.Type)
		}
		bounded("the message of "+c.Type, c.Message, 1, 32768)
		switch c.Type {
		case s3v1alpha1.ConditionReady, s3v1alpha1.ConditionAccepted, s3v1alpha1.ConditionSynced, s3v1alpha1.ConditionVerified:
		case s3v1alpha1.ConditionReconciling, s3v1alpha1.ConditionStalled:
			if c.Status != metav1.ConditionTrue {
				broken("%s is there and %s", c.Type, c.Status)
			}
		default:
			broken("there is a condition %q", c.Type)
		}
	}

	ready, foundReady := conditions[s3v1alpha1.ConditionReady]
	accepted, foundAccepted := conditions[s3v1alpha1.ConditionAccepted]
	synced, foundSynced := conditions[s3v1alpha1.ConditionSynced]
	if !foundReady || !foundAccepted || !foundSynced {
		broken("one of Ready, Accepted and Synced is missing")
		return wrong
	}
	_, reconciling := conditions[s3v1alpha1.ConditionReconciling]
	_, stalled := conditions[s3v1alpha1.ConditionStalled]
	if reconciling && stalled {
		broken("Reconciling and Stalled are both there")
	}
	isReady := ready.Status == metav1.ConditionTrue
	verified, verifying := conditions[s3v1alpha1.ConditionVerified]
	if verifying != verifies(policy) {
		broken("the condition Verified is there: %t", verifying)
	}
	suspended := policy.Spec.Suspend && synced.Reason == s3v1alpha1.ReasonSuspended
	all := accepted.Status == metav1.ConditionTrue && (suspended || synced.Status == metav1.ConditionTrue && (!verifying || verified.Status == metav1.ConditionTrue))
	if isReady != all {
		broken("Ready is %s, Accepted %s, Synced %s and Verified %s", ready.Status, accepted.Status, synced.Status, verified.Status)
	}
	if isReady && (reconciling || stalled) {
		broken("Ready is True with Reconciling or Stalled there")
	}
	if isReady && status.ObservedGeneration != policy.Generation {
		broken("Ready is True for an old generation")
	}
	first := synced
	if synced.Status == metav1.ConditionTrue && verifying {
		first = verified
	}
	if accepted.Status != metav1.ConditionTrue {
		first = accepted
	}
	if !isReady && (ready.Status != first.Status || ready.Reason != first.Reason || ready.Message != first.Message) {
		broken("Ready is not a copy of %s", first.Type)
	}

	return append(wrong, checkBuckets(policy, status, synced.Status == metav1.ConditionTrue)...)
}

func checkBuckets(policy *s3v1alpha1.BucketCORSPolicy, status s3v1alpha1.BucketCORSPolicyStatus, allSynced bool) []string {
	var wrong []string
	broken := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }

	seen := map[bucketKey]bool{}
	synced, leaving := 0, 0
	for i, b := range status.Buckets {
		key := bucketKey{b.Service, b.Name}
		if seen[key] {
			broken("bucket %q is there twice", b.Name)
		}
		seen[key] = true
		if b.Leaving {
			leaving++
		} else if status.ObservedGeneration == policy.Generation && !names(policy, b.Name) {
			broken("bucket %q is not in the spec", b.Name)
		}
		place := slices.Index(statesByUrgency, b.State)
		if place < 0 {
			broken("bucket %q has the state %q", b.Name, b.State)
		}
		if i > 0 && place < slices.Index(statesByUrgency, status.Buckets[i-1].State) {
			broken("bucket %q is %s and comes after one that is %s", b.Name, b.State, status.Buckets[i-1].State)
		}
		if !slices.Contains(statusReasons, b.Reason) || len(b.Reason) > 64 {
			broken("bucket %q has the reason %q, which is not documented", b.Name, b.Reason)
		}
		if n := utf8.RuneCountInString(b.Message); n > 1024 {
			broken("the message of bucket %q has %d characters", b.Name, n)
		}
		isSynced := b.State == s3v1alpha1.BucketSynced && b.Reason == s3v1alpha1.ReasonSynced
		if !isSynced && b.Message == "" {
			broken("bucket %q is %s because of %s, without a message", b.Name, b.State, b.Reason)
		}
		if allSynced && !isSynced {
			broken("Synced is True, and bucket %q is %s because of %s", b.Name, b.State, b.Reason)
		}
		if b.State == s3v1alpha1.BucketSynced {
			synced++
			if b.Leaving {
				broken("bucket %q is synced and leaves", b.Name)
			}
			if b.ConfigurationHash == "" {
				broken("bucket %q is synced without a configurationHash", b.Name)
			}
		}
		if len(b.ConfigurationHash) > 128 {
			broken("the configurationHash of bucket %q has %d characters", b.Name, len(b.ConfigurationHash))
		}
		if b.LastDrift == nil {
			continue
		}
		if b.LastDrift.DetectedTime.IsZero() || len(b.LastDrift.Changes) == 0 || len(b.LastDrift.Changes) > 20 {
			broken("the lastDrift of bucket %q was detected at %s with %d changes", b.Name, b.LastDrift.DetectedTime, len(b.LastDrift.Changes))
		}
		for _, change := range b.LastDrift.Changes {
			if n := utf8.RuneCountInString(change); n == 0 || n > 512 {
				broken("a change of bucket %q has %d characters", b.Name, n)
			}
		}
	}
	if status.ObservedGeneration == policy.Generation && policy.DeletionTimestamp.IsZero() && len(seen)-leaving != len(policy.Spec.Buckets) {
		broken("%d of %d buckets are there", len(seen)-leaving, len(policy.Spec.Buckets))
	}
	if want := fmt.Sprintf("%d/%d", synced, len(policy.Spec.Buckets)); status.BucketSummary != want {
		broken("bucketSummary is %q with %s buckets synced", status.BucketSummary, want)
	}
	return wrong
}

func expectInvariants(t *testing.T, policy *s3v1alpha1.BucketCORSPolicy, status s3v1alpha1.BucketCORSPolicyStatus) {
	t.Helper()
	for _, wrong := range checkInvariants(policy, status) {
		t.Errorf("an invariant is broken: %s", wrong)
	}
}

func TestReasonsAreThoseOfTheAPI(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../api/v1alpha1/conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var exported []string
	for spec := range valueSpecs(file) {
		for i, name := range spec.Names {
			if !strings.HasPrefix(name.Name, "Reason") {
				continue
			}
			value, err := strconv.Unquote(spec.Values[i].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			if name.Name != "Reason"+value {
				t.Errorf("%s is %q", name.Name, value)
			}
			exported = append(exported, value)
		}
	}
	slices.Sort(exported)
	expectEqual(t, "the reasons", slices.Sorted(slices.Values(slices.Concat(statusReasons, eventReasons))), exported)
	for _, reason := range []bucket.Reason{
		bucket.BucketNotFound, bucket.AccessDenied, bucket.CredentialsInvalid, bucket.Unsupported, bucket.WrongRegion, bucket.RejectedByServer,
		bucket.ProviderInvalid, bucket.InvalidEndpoint, bucket.InvalidCABundle, bucket.Throttled, bucket.Unreachable, bucket.Timeout, bucket.ServerError,
	} {
		if !slices.Contains(statusReasons, string(reason)) {
			t.Errorf("the storage adapter's %s is no reason of the API", reason)
		}
	}
}

func valueSpecs(file *ast.File) func(yield func(*ast.ValueSpec) bool) {
	return func(yield func(*ast.ValueSpec) bool) {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, found := n.(*ast.ValueSpec)
			return !found || yield(spec)
		})
	}
}

func TestInvariantsCanBeBroken(t *testing.T) {
	for name, breakIt := range map[string]func(*s3v1alpha1.BucketCORSPolicyStatus){
		"no Synced":                   func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.Conditions = s.Conditions[:2] },
		"Ready twice":                 func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.Conditions = append(s.Conditions, s.Conditions[0]) },
		"Ready though not synced":     func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.Conditions[2].Status = metav1.ConditionUnknown },
		"not Ready though synced":     func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.Conditions[0].Status = metav1.ConditionFalse },
		"a reason of its own":         func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.Conditions[2].Reason = "Whatever" },
		"a reason of events":          func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.Conditions[2].Reason = "Applied" },
		"no message":                  func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.Conditions[1].Message = "" },
		"another generation":          func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.Conditions[1].ObservedGeneration-- },
		"a generation to come":        func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.ObservedGeneration++ },
		"a bucket twice":              func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.Buckets = append(s.Buckets, s.Buckets[0]) },
		"a bucket too few":            func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.Buckets = s.Buckets[:1] },
		"somebody else's bucket":      func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.Buckets[0].Name = "other" },
		"a bucket that is not synced": func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.Buckets[0].State = s3v1alpha1.BucketPending },
		"a bucket without a state":    func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.Buckets[0].State = "" },
		"the worst last":              func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.Buckets[1].State = s3v1alpha1.BucketFailed },
		"a wrong sum":                 func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.BucketSummary = "1/2" },
		"a message that is too long":  func(s *s3v1alpha1.BucketCORSPolicyStatus) { s.Buckets[0].Message = strings.Repeat("ä", 1025) },
		"a drift without changes": func(s *s3v1alpha1.BucketCORSPolicyStatus) {
			s.Buckets[0].LastDrift = &s3v1alpha1.Drift{DetectedTime: at(noon)}
		},
		"Reconciling and Stalled at once": func(s *s3v1alpha1.BucketCORSPolicyStatus) {
			for _, conditionType := range []string{s3v1alpha1.ConditionReconciling, s3v1alpha1.ConditionStalled} {
				meta.SetStatusCondition(&s.Conditions, metav1.Condition{Type: conditionType, Status: metav1.ConditionTrue, Reason: "Timeout", Message: "m", ObservedGeneration: 3})
			}
		},
		"Stalled that is False": func(s *s3v1alpha1.BucketCORSPolicyStatus) {
			meta.SetStatusCondition(&s.Conditions, metav1.Condition{Type: s3v1alpha1.ConditionStalled, Status: metav1.ConditionFalse, Reason: "Timeout", Message: "m", ObservedGeneration: 3})
		},
	} {
		t.Run(name, func(t *testing.T) {
			policy := aPolicy("assets", "logs")
			status := statusFor(policy, outcome{acceptance: accepted(), buckets: []bucketOutcome{on("assets", bucketOutcome{}), on("logs", bucketOutcome{})}}, noon)
			expectInvariants(t, policy, status)
			breakIt(&status)
			if len(checkInvariants(policy, status)) == 0 {
				t.Error("no invariant is broken")
			}
		})
	}
}

// TestInvariantsHoldOnAnyWay takes policies through lives of random changes,
// edits, failures and repairs.
func TestInvariantsHoldOnAnyWay(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w := walk{rand.New(rand.NewPCG(seed, 0))}
			policy := aPolicy(numbered("bucket", 1+w.IntN(6))...)
			now := noon
			for range 30 {
				now = now.Add(time.Duration(w.IntN(300)) * time.Second)
				w.change(policy)
				o := w.outcome(policy, now)
				before := policy.Status
				status := statusFor(policy, o, now)
				expectInvariants(t, policy, status)
				for _, c := range status.Conditions {
					was := meta.FindStatusCondition(before.Conditions, c.Type)
					turned := was == nil || was.Status != c.Status
					if turned != c.LastTransitionTime.Time.Equal(now) && (was == nil || !was.LastTransitionTime.Time.Equal(now)) {
						t.Errorf("%s turned at %s, and it is %s", c.Type, c.LastTransitionTime, now)
					}
				}
				for _, e := range eventsFor(before, status) {
					if !slices.Contains(statusReasons, e.reason) && !slices.Contains(eventReasons, e.reason) {
						t.Errorf("an event has the reason %q", e.reason)
					}
				}
				policy.Status = status
				// The same again changes nothing, however much later.
				again := statusFor(policy, o, now.Add(time.Hour))
				if !equality.Semantic.DeepEqual(status, again) {
					t.Errorf("the same outcome made another status:\n%s", diff.Diff(status, again))
				}
				if events := eventsFor(status, again); len(events) > 0 {
					t.Errorf("the same outcome made events: %v", events)
				}
				if t.Failed() {
					t.Fatalf("spec: %+v\noutcome: %+v\nbefore: %+v\nstatus: %+v", policy.Spec, o, before, status)
				}
			}
		})
	}
}

// walk makes random choices.
type walk struct{ *rand.Rand }

// one is whether something happens that does so one time in n.
func (w walk) one(n int) bool { return w.IntN(n) == 0 }

// change may change the spec.
func (w walk) change(policy *s3v1alpha1.BucketCORSPolicy) {
	if !w.one(3) {
		return
	}
	policy.Generation++
	switch w.IntN(6) {
	case 0:
		policy.Spec.Rules = rulesFor([]string{"https://a.example", "https://b.example", "*.*"}[w.IntN(3)])
	case 1:
		policy.Spec.Suspend = !policy.Spec.Suspend
	case 2:
		policy.Spec.Mode = []s3v1alpha1.PolicyMode{"", s3v1alpha1.PolicyModeObserve, s3v1alpha1.PolicyModeEnforce}[w.IntN(3)]
	case 3:
		policy.Spec.Buckets = aPolicy(numbered("bucket", 1+w.IntN(6))...).Spec.Buckets
	case 4:
		policy.Spec.Buckets = aPolicy(numbered("other", 1+w.IntN(6))...).Spec.Buckets
	}
}

// outcome is one that a pass over the policy can have.
func (w walk) outcome(policy *s3v1alpha1.BucketCORSPolicy, now time.Time) outcome {
	provider := aProvider()
	switch {
	case w.one(10):
		provider = nil
	case w.one(5):
		provider.Spec.Access = []s3v1alpha1.AccessGrant{grant("team-a", "*-0"+strconv.Itoa(w.IntN(3)))}
	}
	o := outcome{acceptance: accept(policy, provider, tenant{namespace: policy.Namespace})}
	if !o.acceptance.workable() || policy.Spec.Suspend {
		return o
	}
	for _, reference := range policy.Spec.Buckets {
		b := on(reference.Name, bucketOutcome{})
		switch {
		case !granted(provider.Spec.Access, tenant{namespace: policy.Namespace}, reference.Name):
			b.denied = "the provider does not grant it"
		case w.one(6):
			b.conflict = "policy team-b/web is older and owns this bucket"
		default:
			b.desired = &desired{hash: cors.Hash(o.acceptance.rules), rulesHash: cors.Hash(o.acceptance.rules)}
			w.work(&b, policy, o.acceptance.rules, now)
		}
		o.buckets = append(o.buckets, b)
	}
	return o
}

// work is what can come of one bucket.
func (w walk) work(b *bucketOutcome, policy *s3v1alpha1.BucketCORSPolicy, desired cors.Configuration, now time.Time) {
	if w.one(4) { // reading failed
		b.failure = w.failure()
		return
	}
	changes := cors.Diff(desired, []cors.Configuration{nothing, theirs, third}[w.IntN(3)])
	if policy.Spec.Mode == s3v1alpha1.PolicyModeObserve {
		if w.one(2) {
			b.action, b.changes = tell, changes
		}
		return
	}
	switch b.action = []action{keep, settle, put, mend}[w.IntN(4)]; b.action {
	case mend:
		b.changes = changes
	case put:
	default:
		return
	}
	if w.one(3) { // writing failed
		b.failure = w.failure()
		return
	}
	b.write = &loggedWrite{write: write{time: now, hash: cors.Hash(desired)}}
	if b.action == mend {
		b.write.drift = driftOf(changes, true, now)
	}
}

func (w walk) failure() *bucket.Error {
	failures := []bucket.Error{*throttled, *timedOut, *accessDenied, *notFound, *unsupported, *rejected, *secretMissing}
	failure := failures[w.IntN(len(failures))]
	if w.one(4) {
		failure.Message = strings.Repeat("lang und breit: ä, ö, ü; ", 100)
	}
	return &failure
}
