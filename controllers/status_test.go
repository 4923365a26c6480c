// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// conditionLines are the conditions, one a line.
func conditionLines(status s3v1alpha1.BucketCORSPolicyStatus) []string {
	var lines []string
	for _, c := range status.Conditions {
		lines = append(lines, fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return lines
}

// bucketLines are the summary and the buckets, one a line, with the names of
// the configurations.
func bucketLines(status s3v1alpha1.BucketCORSPolicyStatus) []string {
	lines := []string{status.BucketSummary}
	for _, b := range status.Buckets {
		line := fmt.Sprintf("%s %s %s (%s)", b.Name, b.State, b.Reason, configurationNames[b.ConfigurationHash])
		if b.LastAppliedTime != nil {
			line += fmt.Sprintf(" applied %s", b.LastAppliedTime.Sub(noon))
		}
		if b.LastDrift != nil {
			line += fmt.Sprintf(" drift %s %t %d", b.LastDrift.DetectedTime.Sub(noon), b.LastDrift.Corrected, len(b.LastDrift.Changes))
		}
		if b.Message != "" {
			line += ": " + b.Message
		}
		lines = append(lines, line)
	}
	return lines
}

var configurationNames = map[string]string{"": "none", cors.Hash(ours): "ours", cors.Hash(theirs): "theirs", cors.Hash(third): "third"}

// syncedBefore is the status of a bucket that was synced with ours.
func syncedBefore(name string) s3v1alpha1.BucketStatus {
	return s3v1alpha1.BucketStatus{Name: name, State: s3v1alpha1.BucketSynced, Reason: s3v1alpha1.ReasonSynced,
		ConfigurationHash: cors.Hash(ours), RulesHash: cors.Hash(ours), LastAppliedTime: at(noon.Add(-time.Hour))}
}

func TestTheStatusSaysWhatIsTrue(t *testing.T) {
	const (
		acceptedLine   = `Accepted=True Accepted: the rules are valid and BucketProvider "default" grants 1 bucket`
		changesOfOurs  = `rule "web": allowedOrigins: + https://evil.example, - https://app.example.com`
		observedChange = "the bucket differs from the policy, which only observes: " + changesOfOurs
		notAccepted    = "nothing is read or written while the policy is not accepted: what was applied before stays, and changes that others make to it are not put right"
		isSuspended    = "nothing is read or written while spec.suspend is true"
	)
	wrote := func(drift *s3v1alpha1.Drift) *loggedWrite {
		return &loggedWrite{write: write{time: noon, hash: cors.Hash(ours)}, drift: drift}
	}
	observe := func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Mode = s3v1alpha1.PolicyModeObserve }
	suspend := func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Suspend = true }
	was := func(buckets ...s3v1alpha1.BucketStatus) func(*s3v1alpha1.BucketCORSPolicy) {
		return func(p *s3v1alpha1.BucketCORSPolicy) { p.Status.Buckets = buckets }
	}
	with := func(b s3v1alpha1.BucketStatus, change func(*s3v1alpha1.BucketStatus)) s3v1alpha1.BucketStatus {
		change(&b)
		return b
	}
	both := func(changes ...func(*s3v1alpha1.BucketCORSPolicy)) func(*s3v1alpha1.BucketCORSPolicy) {
		return func(p *s3v1alpha1.BucketCORSPolicy) {
			for _, change := range changes {
				change(p)
			}
		}
	}
	allTrue := []string{"Ready=True Ready: 1 rule in place on 1 bucket", acceptedLine, "Synced=True Synced: 1 rule in place on 1 bucket"}
	// notSynced are the conditions when the only bucket is not synced; further
	// types repeat it.
	notSynced := func(status, reason, message string, further ...string) []string {
		said := fmt.Sprintf("=%s %s: %s", status, reason, message)
		lines := []string{"Ready" + said, acceptedLine, "Synced" + said}
		for _, conditionType := range further {
			lines = append(lines, fmt.Sprintf("%s=True %s: %s", conditionType, reason, message))
		}
		return lines
	}

	// suspended asks nothing of the buckets.
	suspended := notSynced("Unknown", "Suspended", isSuspended)
	suspended[0] = "Ready=True Suspended: " + isSuspended

	for name, tt := range map[string]struct {
		change     func(*s3v1alpha1.BucketCORSPolicy)
		acceptance *acceptance // of the policy with the default provider when nil
		buckets    []bucketOutcome
		conditions []string
		entries    []string
	}{
		"a bucket that was as desired already": {nil, nil, []bucketOutcome{{action: keep}},
			allTrue, []string{"1/1", "assets Synced Synced (ours)"}},
		"a bucket that was written": {nil, nil, []bucketOutcome{{action: put, write: wrote(nil)}},
			allTrue, []string{"1/1", "assets Synced Synced (ours) applied 0s"}},
		"a bucket that may still answer as before our write": {was(with(syncedBefore("assets"), func(b *s3v1alpha1.BucketStatus) { b.LastAppliedTime = at(noon) })), nil,
			[]bucketOutcome{{action: settle, write: wrote(nil)}},
			allTrue, []string{"1/1", "assets Synced Synced (ours) applied 0s"}},
		"a bucket that stays as it is": {was(syncedBefore("assets")), nil, []bucketOutcome{{action: keep}},
			allTrue, []string{"1/1", "assets Synced Synced (ours) applied -1h0m0s"}},
		"a write that no status told yet": {was(syncedBefore("assets")), nil, []bucketOutcome{{action: keep, write: wrote(driftOf(foreignChanges(), true, noon))}},
			allTrue, []string{"1/1", "assets Synced Synced (ours) applied 0s drift 0s true 1"}},
		"a write that the status told": {was(with(syncedBefore("assets"), func(b *s3v1alpha1.BucketStatus) { b.LastAppliedTime = at(noon.Add(time.Minute)) })), nil,
			[]bucketOutcome{{action: keep, write: wrote(driftOf(foreignChanges(), true, noon))}},
			allTrue, []string{"1/1", "assets Synced Synced (ours) applied 1m0s"}},
		"a foreign change that was put right": {was(syncedBefore("assets")), nil,
			[]bucketOutcome{{action: mend, changes: foreignChanges(), write: wrote(driftOf(foreignChanges(), true, noon))}},
			allTrue, []string{"1/1", "assets Synced Synced (ours) applied 0s drift 0s true 1"}},
		"a foreign change right after a write in the same second": {was(with(syncedBefore("assets"), func(b *s3v1alpha1.BucketStatus) { b.LastAppliedTime = at(noon) })), nil,
			[]bucketOutcome{{action: mend, changes: foreignChanges(), write: wrote(driftOf(foreignChanges(), true, noon))}},
			allTrue, []string{"1/1", "assets Synced Synced (ours) applied 0s drift 0s true 1"}},
		"a foreign change that could not be put right yet": {was(syncedBefore("assets")), nil,
			[]bucketOutcome{{action: mend, changes: foreignChanges(), failure: throttled}},
			notSynced("False", "Throttled", `bucket "assets": the server asks for fewer requests`, "Reconciling"),
			[]string{"0/1", "assets Pending Throttled (ours) applied -1h0m0s drift 0s false 1: the server asks for fewer requests"}},
		"a foreign change that we may not put right": {was(syncedBefore("assets")), nil,
			[]bucketOutcome{{action: mend, changes: foreignChanges(), failure: accessDenied}},
			notSynced("False", "AccessDenied", `bucket "assets": access denied`),
			[]string{"0/1", "assets Denied AccessDenied (ours) applied -1h0m0s drift 0s false 1: access denied"}},
		"a foreign change that is put right in the end keeps the time when it was seen": {
			was(with(syncedBefore("assets"), func(b *s3v1alpha1.BucketStatus) {
				b.State, b.Reason, b.Message = s3v1alpha1.BucketPending, s3v1alpha1.ReasonThrottled, "slow down"
				b.LastDrift = driftOf(foreignChanges(), false, noon.Add(-time.Minute))
			})), nil,
			[]bucketOutcome{{action: mend, changes: foreignChanges(), write: wrote(driftOf(foreignChanges(), true, noon.Add(-time.Minute)))}},
			allTrue, []string{"1/1", "assets Synced Synced (ours) applied 0s drift -1m0s true 1"}},

		"a difference that is only observed": {observe, nil, []bucketOutcome{{action: tell, changes: foreignChanges()}},
			notSynced("False", "Drifted", `bucket "assets": `+observedChange),
			[]string{"0/1", "assets Drifted Drifted (none) drift 0s false 1: " + observedChange}},
		"a difference that is still there keeps the time when it was seen": {
			both(observe, was(s3v1alpha1.BucketStatus{Name: "assets", State: s3v1alpha1.BucketDrifted, LastDrift: driftOf(foreignChanges(), false, noon.Add(-time.Hour))})), nil,
			[]bucketOutcome{{action: tell, changes: foreignChanges()}},
			notSynced("False", "Drifted", `bucket "assets": `+observedChange),
			[]string{"0/1", "assets Drifted Drifted (none) drift -1h0m0s false 1: " + observedChange}},
		"another difference is another drift": {
			both(observe, was(s3v1alpha1.BucketStatus{Name: "assets", State: s3v1alpha1.BucketDrifted, LastDrift: driftOf(cors.Diff(ours, third), false, noon.Add(-time.Hour))})), nil,
			[]bucketOutcome{{action: tell, changes: foreignChanges()}},
			notSynced("False", "Drifted", `bucket "assets": `+observedChange),
			[]string{"0/1", "assets Drifted Drifted (none) drift 0s false 1: " + observedChange}},
		"the same difference after a repair is another drift": {
			both(observe, was(with(syncedBefore("assets"), func(b *s3v1alpha1.BucketStatus) {
				b.LastDrift = driftOf(foreignChanges(), true, noon.Add(-time.Hour))
			}))), nil,
			[]bucketOutcome{{action: tell, changes: foreignChanges()}},
			notSynced("False", "Drifted", `bucket "assets": `+observedChange),
			[]string{"0/1", "assets Drifted Drifted (ours) applied -1h0m0s drift 0s false 1: " + observedChange}},
		"the same difference after it went away by itself is another drift": {
			both(observe, was(with(syncedBefore("assets"), func(b *s3v1alpha1.BucketStatus) {
				b.LastDrift = driftOf(foreignChanges(), false, noon.Add(-time.Hour))
			}))), nil,
			[]bucketOutcome{{action: tell, changes: foreignChanges()}},
			notSynced("False", "Drifted", `bucket "assets": `+observedChange),
			[]string{"0/1", "assets Drifted Drifted (ours) applied -1h0m0s drift 0s false 1: " + observedChange}},
		"an observed bucket that is as desired": {observe, nil, []bucketOutcome{{action: keep}},
			allTrue, []string{"1/1", "assets Synced Synced (ours)"}},

		"a synced bucket that cannot be read for a moment keeps its state": {was(syncedBefore("assets")), nil, []bucketOutcome{{failure: timedOut}},
			[]string{`Ready=Unknown Timeout: synced when last seen, but now: bucket "assets": no answer in time`, acceptedLine,
				`Synced=Unknown Timeout: synced when last seen, but now: bucket "assets": no answer in time`,
				`Reconciling=True Timeout: synced when last seen, but now: bucket "assets": no answer in time`},
			[]string{"1/1", "assets Synced Timeout (ours) applied -1h0m0s: no answer in time"}},
		"and keeps it the next time": {was(with(syncedBefore("assets"), func(b *s3v1alpha1.BucketStatus) { b.Reason, b.Message = s3v1alpha1.ReasonTimeout, "no answer in time" })), nil,
			[]bucketOutcome{{failure: throttled}},
			[]string{`Ready=Unknown Throttled: synced when last seen, but now: bucket "assets": the server asks for fewer requests`, acceptedLine,
				`Synced=Unknown Throttled: synced when last seen, but now: bucket "assets": the server asks for fewer requests`,
				`Reconciling=True Throttled: synced when last seen, but now: bucket "assets": the server asks for fewer requests`},
			[]string{"1/1", "assets Synced Throttled (ours) applied -1h0m0s: the server asks for fewer requests"}},
		"a bucket with the rules of an old spec is not synced, whether it can be read or not": {
			was(with(syncedBefore("assets"), func(b *s3v1alpha1.BucketStatus) {
				b.ConfigurationHash, b.RulesHash = cors.Hash(theirs), cors.Hash(theirs)
			})), nil,
			[]bucketOutcome{{failure: timedOut}},
			notSynced("False", "Timeout", `bucket "assets": no answer in time`, "Reconciling"),
			[]string{"0/1", "assets Pending Timeout (theirs) applied -1h0m0s: no answer in time"}},
		"a new spec that could not be written yet": {
			was(with(syncedBefore("assets"), func(b *s3v1alpha1.BucketStatus) {
				b.ConfigurationHash, b.RulesHash = cors.Hash(theirs), cors.Hash(theirs)
			})), nil,
			[]bucketOutcome{{action: put, failure: throttled}},
			notSynced("False", "Throttled", `bucket "assets": the server asks for fewer requests`, "Reconciling"),
			[]string{"0/1", "assets Pending Throttled (theirs) applied -1h0m0s: the server asks for fewer requests"}},
		"a bucket that was never read": {nil, nil, []bucketOutcome{{failure: timedOut}},
			notSynced("False", "Timeout", `bucket "assets": no answer in time`, "Reconciling"),
			[]string{"0/1", "assets Pending Timeout (none): no answer in time"}},
		"a bucket that does not exist": {nil, nil, []bucketOutcome{{failure: notFound}},
			notSynced("False", "BucketNotFound", `bucket "assets": the bucket does not exist`),
			[]string{"0/1", "assets Failed BucketNotFound (none): the bucket does not exist"}},
		"a bucket that is gone": {was(syncedBefore("assets")), nil, []bucketOutcome{{failure: notFound}},
			notSynced("False", "BucketNotFound", `bucket "assets": the bucket does not exist`),
			[]string{"0/1", "assets Failed BucketNotFound (ours) applied -1h0m0s: the bucket does not exist"}},
		"a server without CORS": {nil, nil, []bucketOutcome{{failure: unsupported}},
			notSynced("False", "Unsupported", `bucket "assets": the server does not support CORS of buckets`),
			[]string{"0/1", "assets Failed Unsupported (none): the server does not support CORS of buckets"}},
		"access denied by S3": {was(syncedBefore("assets")), nil, []bucketOutcome{{failure: accessDenied}},
			notSynced("False", "AccessDenied", `bucket "assets": access denied`),
			[]string{"0/1", "assets Denied AccessDenied (ours) applied -1h0m0s: access denied"}},
		"rules that the server refuses": {nil, nil, []bucketOutcome{{action: put, failure: rejected}},
			notSynced("False", "RejectedByServer", `bucket "assets": the server rejects the configuration`, "Stalled"),
			[]string{"0/1", "assets Failed RejectedByServer (none): the server rejects the configuration"}},
		"a Secret that is missing": {was(syncedBefore("assets")), nil, []bucketOutcome{{failure: secretMissing}},
			notSynced("False", "SecretNotFound", `bucket "assets": there is no Secret`, "Reconciling"),
			[]string{"0/1", "assets Pending SecretNotFound (ours) applied -1h0m0s: there is no Secret"}},
		"another policy's bucket": {was(syncedBefore("assets")), nil, []bucketOutcome{{conflict: "policy team-b/web is older and owns this bucket"}},
			notSynced("False", "Conflicted", `bucket "assets": policy team-b/web is older and owns this bucket`),
			[]string{"0/1", "assets Conflicted Conflicted (none) applied -1h0m0s: policy team-b/web is older and owns this bucket"}},
		"a bucket that the provider does not grant": {nil, new(refused(s3v1alpha1.ReasonNotPermitted)), []bucketOutcome{{denied: "the provider does not grant it"}},
			[]string{"Ready=False NotPermitted: refused", "Accepted=False NotPermitted: refused",
				`Synced=False NotPermitted: bucket "assets": the provider does not grant it`},
			[]string{"0/1", "assets Denied NotPermitted (none): the provider does not grant it"}},

		"mistakes before anything was applied": {nil, new(refused(s3v1alpha1.ReasonInvalidRules)), nil,
			[]string{"Ready=False InvalidRules: refused", "Accepted=False InvalidRules: refused", "Synced=Unknown NotAccepted: " + notAccepted, "Stalled=True InvalidRules: refused"},
			[]string{"0/1", "assets Pending NotAccepted (none): not looked at, because the policy is not accepted"}},
		"mistakes after something else was applied": {
			was(with(syncedBefore("assets"), func(b *s3v1alpha1.BucketStatus) {
				b.ConfigurationHash, b.RulesHash = cors.Hash(theirs), cors.Hash(theirs)
			})), new(refused(s3v1alpha1.ReasonInvalidRules)), nil,
			[]string{"Ready=False InvalidRules: refused", "Accepted=False InvalidRules: refused", "Synced=Unknown NotAccepted: " + notAccepted, "Stalled=True InvalidRules: refused"},
			[]string{"0/1", "assets Pending NotAccepted (theirs) applied -1h0m0s: not looked at, because the policy is not accepted"}},
		"a provider that is gone": {was(syncedBefore("assets")), new(refused(s3v1alpha1.ReasonProviderNotFound)), nil,
			[]string{"Ready=False ProviderNotFound: refused", "Accepted=False ProviderNotFound: refused", "Synced=Unknown NotAccepted: " + notAccepted, "Reconciling=True ProviderNotFound: refused"},
			[]string{"1/1", "assets Synced NotAccepted (ours) applied -1h0m0s: not looked at, because the policy is not accepted"}},
		"suspended from the start": {suspend, nil, nil,
			suspended,
			[]string{"0/1", "assets Pending Suspended (none): not looked at, because the policy is suspended"}},
		"suspended when all was well": {both(suspend, was(syncedBefore("assets"))), nil, nil,
			suspended,
			[]string{"1/1", "assets Synced Suspended (ours) applied -1h0m0s: not looked at, because the policy is suspended"}},
		"suspended with new rules": {both(suspend, was(with(syncedBefore("assets"), func(b *s3v1alpha1.BucketStatus) {
			b.ConfigurationHash, b.RulesHash = cors.Hash(theirs), cors.Hash(theirs)
		}))), nil, nil,
			suspended,
			[]string{"0/1", "assets Pending Suspended (theirs) applied -1h0m0s: not looked at, because the policy is suspended"}},
	} {
		t.Run(name, func(t *testing.T) {
			policy := aPolicy("assets")
			if tt.change != nil {
				tt.change(policy)
			}
			o := outcome{acceptance: accepted(), buckets: tt.buckets}
			if tt.acceptance != nil {
				o.acceptance = *tt.acceptance
			}
			for i := range o.buckets {
				o.buckets[i] = on("assets", o.buckets[i])
			}
			before := policy.DeepCopy()
			status := statusFor(policy, o, noon)
			expectEqual(t, "the conditions", conditionLines(status), tt.conditions)
			expectEqual(t, "the buckets", bucketLines(status), tt.entries)
			expectInvariants(t, policy, status)
			if !equality.Semantic.DeepEqual(policy, before) {
				t.Error("the policy was changed")
			}
		})
	}
}

func TestTheWorstBucketsComeFirst(t *testing.T) {
	policy := aPolicy("synced-1", "unread", "pending", "observed", "conflicted", "s3-denied", "failed-2", "not-granted", "failed-1", "synced-0")
	policy.Status.Buckets = []s3v1alpha1.BucketStatus{syncedBefore("unread"), syncedBefore("gone")}
	status := statusFor(policy, outcome{acceptance: refused(s3v1alpha1.ReasonNotPermitted), buckets: []bucketOutcome{
		on("synced-1", bucketOutcome{}), on("unread", bucketOutcome{failure: timedOut}), on("pending", bucketOutcome{failure: throttled}), on("observed", bucketOutcome{action: tell, changes: foreignChanges()}),
		on("conflicted", bucketOutcome{conflict: "policy team-b/web is older and owns this bucket"}), on("s3-denied", bucketOutcome{failure: accessDenied}), on("failed-2", bucketOutcome{failure: unsupported}),
		on("not-granted", bucketOutcome{denied: "the provider does not grant it"}), on("failed-1", bucketOutcome{failure: notFound}), on("synced-0", bucketOutcome{}),
	}}, noon)
	var got []string
	for _, b := range status.Buckets {
		got = append(got, b.Name)
	}
	expectEqual(t, "the buckets", got, []string{"failed-1", "failed-2", "not-granted", "s3-denied", "conflicted", "observed", "pending", "unread", "synced-0", "synced-1"})
	expectInvariants(t, policy, status)
	if status.BucketSummary != "3/10" {
		t.Errorf("the summary is %s", status.BucketSummary)
	}
	// The worst names the condition, and no more than fit are described.
	synced := status.Conditions[2]
	if synced.Reason != s3v1alpha1.ReasonBucketNotFound || !strings.HasPrefix(synced.Message, `bucket "failed-1": the bucket does not exist; bucket "failed-2": `) ||
		!strings.HasSuffix(synced.Message, " and 2 more buckets") {
		t.Errorf("Synced is %s: %s", synced.Reason, synced.Message)
	}
}

func TestAFleetStaysReadable(t *testing.T) {
	names := numbered("bucket", 100)
	policy := aPolicy(names...)
	o := outcome{acceptance: accepted()}
	for i, name := range names {
		b := on(name, bucketOutcome{})
		if i%33 == 5 {
			b.failure = notFound
		}
		o.buckets = append(o.buckets, b)
	}
	status := statusFor(policy, o, noon)
	expectInvariants(t, policy, status)
	if status.BucketSummary != "97/100" {
		t.Errorf("the summary is %s", status.BucketSummary)
	}
	if got, want := status.Conditions[0].Message, `bucket "bucket-05": the bucket does not exist (BucketNotFound too: bucket "bucket-38", bucket "bucket-71")`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestConditionsTellWhenTheyTurned(t *testing.T) {
	policy := aPolicy("assets")
	turned := func(status s3v1alpha1.BucketCORSPolicyStatus, conditionType string) string {
		for _, c := range status.Conditions {
			if c.Type == conditionType {
				return c.LastTransitionTime.Sub(noon).String()
			}
		}
		return "absent"
	}
	for i, step := range []struct {
		bucket                             bucketOutcome
		ready, acceptedAt, synced, waiting string
	}{
		{bucketOutcome{action: put}, "0s", "0s", "0s", "absent"},
		{bucketOutcome{action: keep}, "0s", "0s", "0s", "absent"},
		{bucketOutcome{failure: throttled}, "2m0s", "0s", "2m0s", "2m0s"},
		{bucketOutcome{failure: timedOut}, "2m0s", "0s", "2m0s", "2m0s"}, // another reason, the same status
		{bucketOutcome{failure: notFound}, "4m0s", "0s", "4m0s", "absent"},
		{bucketOutcome{failure: accessDenied}, "4m0s", "0s", "4m0s", "absent"},
		{bucketOutcome{action: keep}, "6m0s", "0s", "6m0s", "absent"},
	} {
		step.bucket = on("assets", step.bucket)
		policy.Generation++
		policy.Status = statusFor(policy, outcome{acceptance: accepted(), buckets: []bucketOutcome{step.bucket}}, noon.Add(time.Duration(i)*time.Minute))
		expectEqual(t, fmt.Sprintf("the times of step %d", i),
			[]string{turned(policy.Status, "Ready"), turned(policy.Status, "Accepted"), turned(policy.Status, "Synced"), turned(policy.Status, "Reconciling")},
			[]string{step.ready, step.acceptedAt, step.synced, step.waiting})
		expectInvariants(t, policy, policy.Status)
	}
}

func TestTheStatusIsAboutTheSpecOfNow(t *testing.T) {
	policy := aPolicy("assets", "new")
	policy.Status = s3v1alpha1.BucketCORSPolicyStatus{ObservedGeneration: 2, Buckets: []s3v1alpha1.BucketStatus{syncedBefore("assets"), syncedBefore("removed")}}
	policy.Generation = 7
	status := statusFor(policy, outcome{acceptance: accepted(), buckets: []bucketOutcome{on("assets", bucketOutcome{}), on("new", bucketOutcome{action: put})}}, noon)
	expectInvariants(t, policy, status)
	expectEqual(t, "the buckets", bucketLines(status), []string{"2/2", "assets Synced Synced (ours) applied -1h0m0s", "new Synced Synced (ours)"})
	if status.ObservedGeneration != 7 {
		t.Errorf("observedGeneration is %d", status.ObservedGeneration)
	}
}

func TestTheStatusIsBounded(t *testing.T) {
	long := &bucket.Error{Reason: bucket.RejectedByServer, Fate: bucket.Refused, Message: strings.Repeat("ä", 2000)}
	names := make([]string, 100)
	for i := range names {
		names[i] = fmt.Sprintf("%s%03d", strings.Repeat("b", 252), i)
	}
	wide := cors.Configuration{}
	for i := range 100 {
		wide.Rules = append(wide.Rules, cors.Rule{ID: fmt.Sprintf("%s%d", strings.Repeat("ö", 250), i), AllowedOrigins: []string{strings.Repeat("o", 500)}, AllowedMethods: []string{"GET"}})
	}
	policy := aPolicy(names...)
	policy.Spec.Mode = s3v1alpha1.PolicyModeObserve
	o := outcome{acceptance: accepted()}
	for i, name := range names {
		b := on(name, bucketOutcome{failure: long})
		if i%2 == 0 {
			b = on(name, bucketOutcome{action: tell, changes: cors.Diff(ours, wide)})
		}
		o.buckets = append(o.buckets, b)
	}
	status := statusFor(policy, o, noon)
	expectInvariants(t, policy, status)
	for _, e := range eventsFor(s3v1alpha1.BucketCORSPolicyStatus{}, status) {
		if len(e.note) > 1024 {
			t.Errorf("the note of an event has %d bytes; the API server refuses more than 1024", len(e.note))
			break
		}
	}
}

func TestALongListOfChangesIsCounted(t *testing.T) {
	changes := func(n int) []cors.Change {
		var all []cors.Change
		for i := range n {
			all = append(all, cors.Change{Kind: cors.RuleAdded, From: -1, To: i})
		}
		return all
	}
	for n, want := range map[int]struct {
		lines int
		last  string
	}{
		1: {1, "rules[0] added"}, 19: {19, "rules[18] added"}, 20: {20, "rules[19] added"},
		21: {20, "and 2 more"}, 100: {20, "and 81 more"},
	} {
		lines := changeStrings(changes(n))
		if len(lines) != want.lines || lines[len(lines)-1] != want.last {
			t.Errorf("%d changes are %d lines that end with %q", n, len(lines), lines[len(lines)-1])
		}
	}
}

func TestTextsAreCutBetweenCharacters(t *testing.T) {
	for text, want := range map[string]string{"": "", "abc": "abc", "abcd": "abcd", "abcde": "abc…", "äöüß": "äöüß", "äöüßx": "äöü…"} {
		if got := truncate(text, 4); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// A clean-up that is not finished publishes a status too.
func TestTheStatusOfACleanUpSaysWhatIsTrue(t *testing.T) {
	deleted := func() *s3v1alpha1.BucketCORSPolicy {
		policy := aPolicy("assets", "logs")
		policy.Spec.DeletionPolicy = s3v1alpha1.DeletionPolicyDelete
		policy.DeletionTimestamp = at(noon)
		policy.Status.Buckets = []s3v1alpha1.BucketStatus{syncedBefore("assets"), syncedBefore("logs")}
		return policy
	}
	t.Run("with mistakes in the rules and a bucket to be tried again", func(t *testing.T) {
		policy := deleted()
		policy.Spec.Rules = rulesFor("*.*")
		o := outcome{acceptance: accept(policy, aProvider(), tenant{namespace: "team-a"}), buckets: []bucketOutcome{on("assets", bucketOutcome{leaving: true, action: removed}), on("logs", bucketOutcome{leaving: true, owned: true, failure: throttled})}}
		expectInvariants(t, policy, statusFor(policy, o, noon))
		if result, err := o.result(time.Minute, noon); err == nil && result.RequeueAfter == 0 {
			t.Error("nobody comes back to finish it")
		}
	})
	t.Run("a bucket whose configuration was removed is not synced", func(t *testing.T) {
		policy := deleted()
		status := statusFor(policy, outcome{acceptance: accepted(), buckets: []bucketOutcome{on("assets", bucketOutcome{leaving: true, action: removed}), on("logs", bucketOutcome{leaving: true, owned: true, failure: accessDenied})}}, noon)
		for _, b := range status.Buckets {
			if b.Name == "assets" && b.State == s3v1alpha1.BucketSynced {
				t.Errorf("it is %s with the configuration %s, summary %s", b.State, configurationNames[b.ConfigurationHash], status.BucketSummary)
			}
		}
	})
}

func TestSyncedIsTheConditionOfAllBuckets(t *testing.T) {
	policy := aPolicy("assets", "logs")
	policy.Status.Buckets = []s3v1alpha1.BucketStatus{syncedBefore("assets"), syncedBefore("logs")}
	for name, tt := range map[string]struct {
		assets, logs bucketOutcome
		status       metav1.ConditionStatus
		reason       string
		further      string
	}{
		"both are":                                {bucketOutcome{}, bucketOutcome{}, metav1.ConditionTrue, "Synced", ""},
		"of one it is not known":                  {bucketOutcome{}, bucketOutcome{failure: timedOut}, metav1.ConditionUnknown, "Timeout", "Reconciling"},
		"what is wrong counts more than unknown":  {bucketOutcome{failure: timedOut}, bucketOutcome{failure: notFound}, metav1.ConditionFalse, "BucketNotFound", "Reconciling"},
		"Reconciling counts more than Stalled":    {bucketOutcome{failure: rejected}, bucketOutcome{failure: throttled}, metav1.ConditionFalse, "RejectedByServer", "Reconciling"},
		"Stalled though the other one is refused": {bucketOutcome{failure: rejected}, bucketOutcome{failure: accessDenied}, metav1.ConditionFalse, "RejectedByServer", "Stalled"},
		"refused alone is neither":                {bucketOutcome{}, bucketOutcome{failure: accessDenied}, metav1.ConditionFalse, "AccessDenied", ""},
	} {
		t.Run(name, func(t *testing.T) {
			tt.assets, tt.logs = on("assets", tt.assets), on("logs", tt.logs)
			status := statusFor(policy, outcome{acceptance: accepted(), buckets: []bucketOutcome{tt.assets, tt.logs}}, noon)
			expectInvariants(t, policy, status)
			if synced := status.Conditions[2]; synced.Status != tt.status || synced.Reason != tt.reason {
				t.Errorf("Synced is %s because of %s", synced.Status, synced.Reason)
			}
			further := ""
			for _, c := range status.Conditions[3:] {
				further += c.Type
			}
			if further != tt.further {
				t.Errorf("further conditions are %q, not %q", further, tt.further)
			}
		})
	}
}
