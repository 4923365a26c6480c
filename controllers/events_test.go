// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"strings"
	"testing"
	"time"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// eventLines are events, one a line.
func eventLines(events []event) []string {
	var lines []string
	for _, e := range events {
		lines = append(lines, strings.Join([]string{e.kind, e.reason, e.action}, " ")+": "+e.note)
	}
	return lines
}

// TestEventsTellWhatBecameDifferent takes one policy from step to step.
func TestEventsTellWhatBecameDifferent(t *testing.T) {
	const changesOfOurs = `rule "web": allowedOrigins: + https://evil.example, - https://app.example.com`
	const observed = `bucket "assets": the bucket differs from the policy, which only observes: ` + changesOfOurs
	policy := aPolicy("assets")
	now := noon
	wrote := func(drift *s3v1alpha1.Drift) *loggedWrite { return &loggedWrite{write: write{time: now}, drift: drift} }
	for _, step := range []struct {
		name       string
		acceptance *acceptance
		bucket     func() bucketOutcome // none when nil
		want       []string
	}{
		{"the first write", nil, func() bucketOutcome { return bucketOutcome{action: put, write: wrote(nil)} }, []string{
			`Normal Applied Apply: wrote the rules to bucket "assets"`, "Normal Ready Reconcile: 1 rule in place on 1 bucket"}},
		{"nothing new", nil, func() bucketOutcome { return bucketOutcome{action: keep} }, nil},
		{"an unsettled answer", nil, func() bucketOutcome { return bucketOutcome{action: settle} }, nil},
		{"another write", nil, func() bucketOutcome { return bucketOutcome{action: put, write: wrote(nil)} }, []string{
			`Normal Applied Apply: wrote the rules to bucket "assets"`}},
		{"a foreign change is put right", nil, func() bucketOutcome {
			return bucketOutcome{action: mend, changes: foreignChanges(), write: wrote(driftOf(foreignChanges(), true, now))}
		}, []string{`Warning DriftCorrected Apply: somebody changed bucket "assets"; put right: ` + changesOfOurs}},
		{"nothing new after it", nil, func() bucketOutcome { return bucketOutcome{action: keep} }, nil},
		{"the same foreign change again", nil, func() bucketOutcome {
			return bucketOutcome{action: mend, changes: foreignChanges(), write: wrote(driftFor(policy.Status.Buckets[0], foreignChanges(), true, now))}
		}, []string{`Warning DriftCorrected Apply: somebody changed bucket "assets"; put right: ` + changesOfOurs}},
		{"a foreign change that cannot be put right now", nil, func() bucketOutcome {
			return bucketOutcome{action: mend, changes: foreignChanges(), failure: throttled}
		}, []string{`Warning Drifted Observe: bucket "assets" is not as the policy says: ` + changesOfOurs,
			`Warning Throttled Reconcile: bucket "assets": the server asks for fewer requests`}},
		{"still not", nil, func() bucketOutcome {
			return bucketOutcome{action: mend, changes: foreignChanges(), failure: throttled}
		}, nil},
		{"now it can", nil, func() bucketOutcome {
			return bucketOutcome{action: mend, changes: foreignChanges(), write: wrote(driftFor(policy.Status.Buckets[0], foreignChanges(), true, now))}
		}, []string{`Warning DriftCorrected Apply: somebody changed bucket "assets"; put right: ` + changesOfOurs, "Normal Ready Reconcile: 1 rule in place on 1 bucket"}},
		{"a bad moment", nil, func() bucketOutcome { return bucketOutcome{failure: timedOut} }, []string{
			`Warning Timeout Reconcile: synced when last seen, but now: bucket "assets": no answer in time`}},
		{"a longer one", nil, func() bucketOutcome { return bucketOutcome{failure: timedOut} }, nil},
		{"another reason", nil, func() bucketOutcome { return bucketOutcome{failure: accessDenied} }, []string{
			`Warning AccessDenied Reconcile: bucket "assets": access denied`}},
		{"and another, as bad", nil, func() bucketOutcome { return bucketOutcome{failure: notFound} }, []string{
			`Warning BucketNotFound Reconcile: bucket "assets": the bucket does not exist`}},
		{"back", nil, func() bucketOutcome { return bucketOutcome{action: keep} }, []string{"Normal Ready Reconcile: 1 rule in place on 1 bucket"}},
		{"a difference is observed", nil, func() bucketOutcome { return bucketOutcome{action: tell, changes: foreignChanges()} }, []string{
			`Warning Drifted Observe: bucket "assets" is not as the policy says: ` + changesOfOurs, "Warning Drifted Reconcile: " + observed}},
		{"and again", nil, func() bucketOutcome { return bucketOutcome{action: tell, changes: foreignChanges()} }, nil},
		{"and another", nil, func() bucketOutcome { return bucketOutcome{action: tell, changes: cors.Diff(ours, nothing)} }, []string{
			`Warning Drifted Observe: bucket "assets" is not as the policy says: rule "web" removed`}},
		{"suspended", nil, nil, []string{"Normal Suspended Reconcile: nothing is read or written while spec.suspend is true"}},
		{"and mistaken", new(refused(s3v1alpha1.ReasonInvalidRules)), nil, []string{"Warning InvalidRules Reconcile: refused"}},
	} {
		policy.Spec.Suspend = step.bucket == nil
		o := outcome{acceptance: accepted()}
		if step.acceptance != nil {
			o.acceptance = *step.acceptance
		}
		if step.bucket != nil {
			o.buckets = []bucketOutcome{on("assets", step.bucket())}
		}
		status := statusFor(policy, o, now)
		expectEqual(t, "the events of: "+step.name, eventLines(eventsFor(policy.Status, status)), step.want)
		policy.Status = status
		now = now.Add(time.Minute)
	}
}

// Recorders of events.k8s.io count events of the same type, reason and action
// about the same object as one, and keep only the note of the first.
func TestEventsOfOneStepAreNotTakenForTheSame(t *testing.T) {
	policy := aPolicy("assets", "logs")
	o := outcome{acceptance: accepted()}
	for _, name := range []string{"assets", "logs"} {
		o.buckets = append(o.buckets, on(name, bucketOutcome{action: put, write: &loggedWrite{write: write{time: noon}}}))
	}
	seen := map[event]string{}
	var notes []string
	for _, e := range eventsFor(policy.Status, statusFor(policy, o, noon)) {
		key := event{kind: e.kind, reason: e.reason, action: e.action}
		if first, found := seen[key]; found {
			t.Errorf("nobody will read %q after %q", e.note, first)
		}
		seen[key] = e.note
		notes = append(notes, e.note)
	}
	for _, name := range []string{"assets", "logs"} {
		if !slices.ContainsFunc(notes, func(note string) bool { return strings.Contains(note, name) }) {
			t.Errorf("no event names bucket %q: %q", name, notes)
		}
	}
}

func TestNotesOfEventsFitTheAPI(t *testing.T) {
	policy := aPolicy(numbered("bucket", 20)...)
	o := outcome{acceptance: accepted()}
	for _, reference := range policy.Spec.Buckets {
		failure := *notFound
		failure.Message = strings.Repeat("long ", 190)
		o.buckets = append(o.buckets, on(reference.Name, bucketOutcome{failure: &failure}))
	}
	for _, e := range eventsFor(policy.Status, statusFor(policy, o, noon)) {
		// k8s.io/kubernetes/pkg/apis/core/validation counts bytes.
		if len(e.note) == 0 || len(e.note) > 1024 {
			t.Errorf("the note of %s has %d bytes; the API server refuses more than 1024", e.reason, len(e.note))
		}
	}
}

func TestACleanUpTellsWhyItLeftABucket(t *testing.T) {
	for want, b := range map[string]bucketOutcome{
		"":                               {action: removed},
		"the provider does not grant it": {denied: "the provider does not grant it", owned: true},
		"the bucket does not exist":      {failure: notFound, owned: true},
		"its configuration is not the one that this policy put there": {action: spared, owned: true},
	} {
		if got := b.whyKept(); got != want {
			t.Errorf("%+v was left because %q, not %q", b, got, want)
		}
	}
}
