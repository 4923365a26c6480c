// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// Bounds of the schema; that of the message of a condition is far wider, but
// nobody reads more.
const (
	maxMessageLength          = 1024
	maxChanges                = 20
	maxChangeLength           = 512
	maxChangesBytes           = 4096 // so that the status of 100 buckets fits etcd
	maxConditionMessageLength = 4096
)

// statusFor is the whole status of a policy after a pass. What the pass could
// not learn is taken from the status before it, which the policy carries.
func statusFor(policy *s3v1alpha1.BucketCORSPolicy, o outcome, now time.Time) s3v1alpha1.BucketCORSPolicyStatus {
	reports := bucketReports(policy, o, now)
	synced := syncedVerdict(policy, o, reports)
	ready := verdict{metav1.ConditionTrue, s3v1alpha1.ReasonReady, synced.message}
	for _, v := range []verdict{o.acceptance.verdict, synced} {
		if v.status != metav1.ConditionTrue {
			ready = v
			break
		}
	}

	conditions := map[string]*verdict{
		s3v1alpha1.ConditionReady:       &ready,
		s3v1alpha1.ConditionAccepted:    &o.acceptance.verdict,
		s3v1alpha1.ConditionSynced:      &synced,
		s3v1alpha1.ConditionReconciling: reconcilingVerdict(o, ready),
		s3v1alpha1.ConditionStalled:     stalledVerdict(o, ready),
	}
	status := s3v1alpha1.BucketCORSPolicyStatus{
		ObservedGeneration: policy.Generation,
		BucketSummary:      summarize(reports),
	}
	for _, conditionType := range []string{
		s3v1alpha1.ConditionReady, s3v1alpha1.ConditionAccepted, s3v1alpha1.ConditionSynced,
		s3v1alpha1.ConditionReconciling, s3v1alpha1.ConditionStalled,
	} {
		if v := conditions[conditionType]; v != nil {
			status.Conditions = append(status.Conditions, conditionFor(policy, conditionType, *v, now))
		}
	}
	for _, report := range reports {
		status.Buckets = append(status.Buckets, report.BucketStatus)
	}
	return status
}

// conditionFor keeps the time of the last transition while the status stays the
// same.
func conditionFor(policy *s3v1alpha1.BucketCORSPolicy, conditionType string, v verdict, now time.Time) metav1.Condition {
	condition := metav1.Condition{
		Type:               conditionType,
		Status:             v.status,
		Reason:             v.reason,
		Message:            truncate(v.message, maxConditionMessageLength),
		ObservedGeneration: policy.Generation,
		LastTransitionTime: metav1.NewTime(now),
	}
	if before := meta.FindStatusCondition(policy.Status.Conditions, conditionType); before != nil && before.Status == v.status {
		condition.LastTransitionTime = before.LastTransitionTime
	}
	return condition
}

// bucketReport is the status of a bucket, and whether that is what it is like
// now (known) or only what it was like when it was last seen.
type bucketReport struct {
	s3v1alpha1.BucketStatus
	known bool
}

// bucketReports are the reports of all buckets of the spec: those that need
// attention first, otherwise by name.
func bucketReports(policy *s3v1alpha1.BucketCORSPolicy, o outcome, now time.Time) []bucketReport {
	looked := map[string]bucketOutcome{}
	for _, b := range o.buckets {
		looked[b.name] = b
	}

	reports := make([]bucketReport, 0, len(policy.Spec.Buckets))
	for _, reference := range policy.Spec.Buckets {
		outcome, found := looked[reference.Name]
		b := statusBefore(policy, bucketKey{outcome.service, reference.Name})
		if found {
			b.Service = outcome.service
			reports = append(reports, reportFor(b, outcome, o.acceptance.desired, now))
			continue
		}
		if b.State == "" || b.ConfigurationHash != cors.Hash(o.acceptance.desired) {
			b.State = s3v1alpha1.BucketPending
		}
		b.Reason, b.Message = s3v1alpha1.ReasonNotAccepted, "not looked at, because the policy is not accepted"
		if o.acceptance.workable() {
			b.Reason, b.Message = s3v1alpha1.ReasonSuspended, "not looked at, because the policy is suspended"
		}
		reports = append(reports, bucketReport{b, false})
	}
	slices.SortStableFunc(reports, func(a, b bucketReport) int {
		return cmp.Or(cmp.Compare(urgency(a), urgency(b)), cmp.Compare(a.Name, b.Name))
	})
	return reports
}

// urgency orders reports: the smaller, the sooner somebody should look at it.
func urgency(r bucketReport) int {
	order := []s3v1alpha1.BucketState{
		s3v1alpha1.BucketFailed, s3v1alpha1.BucketDenied, s3v1alpha1.BucketConflicted,
		s3v1alpha1.BucketDrifted, s3v1alpha1.BucketPending, s3v1alpha1.BucketSynced,
	}
	place := 2 * slices.Index(order, r.State)
	if r.known {
		place++
	}
	return place
}

// reportFor is the report of a bucket that was looked at. b is its status
// before.
func reportFor(b s3v1alpha1.BucketStatus, o bucketOutcome, desired cors.Configuration, now time.Time) bucketReport {
	wanted := cors.Hash(desired)
	wasSynced := b.State == s3v1alpha1.BucketSynced && b.ConfigurationHash == wanted
	if o.write != nil && (b.LastAppliedTime == nil || !o.write.time.Before(b.LastAppliedTime.Time)) {
		b.LastAppliedTime = new(metav1.NewTime(o.write.time))
		if drift := o.write.drift; drift != nil && (b.LastDrift == nil || !drift.DetectedTime.Before(b.LastDrift.DetectedTime)) {
			b.LastDrift = drift
		}
	}

	switch {
	case o.denied:
		b.State, b.Reason = s3v1alpha1.BucketDenied, s3v1alpha1.ReasonNotPermitted
		b.Message = "the provider does not grant this bucket to the namespace of the policy"
		return bucketReport{b, true}
	case o.owner != "":
		b.State, b.Reason = s3v1alpha1.BucketConflicted, s3v1alpha1.ReasonConflicted
		b.Message = fmt.Sprintf("policy %s is older and owns this bucket; this policy takes over when that one goes", o.owner)
		b.ConfigurationHash = ""
		return bucketReport{b, true}
	case o.failure != nil:
		if o.action == mend {
			b.LastDrift = driftFor(b, o.changes, false, now)
		}
		b.Reason, b.Message = string(o.failure.Reason), truncate(o.failure.Message, maxMessageLength)
		known := true
		switch {
		case o.failure.Fate == bucket.Transient && wasSynced && o.action == keep:
			known = false
		case o.failure.Fate == bucket.Transient || o.failure.Fate == bucket.Waiting:
			b.State = s3v1alpha1.BucketPending
		case o.failure.Reason == bucket.AccessDenied:
			b.State = s3v1alpha1.BucketDenied
		default:
			b.State = s3v1alpha1.BucketFailed
		}
		return bucketReport{b, known}
	case o.action == removed:
		b.State, b.Reason, b.ConfigurationHash = s3v1alpha1.BucketPending, s3v1alpha1.ReasonRemoved, ""
		b.Message = "the policy is going away and the bucket has no configuration any more"
		return bucketReport{b, true}
	case o.action == spared:
		b.State, b.Reason, b.ConfigurationHash = s3v1alpha1.BucketPending, s3v1alpha1.ReasonKept, ""
		b.Message = "the policy is going away and the bucket keeps its configuration, which is not that of the policy"
		return bucketReport{b, true}
	case o.action == tell:
		b.LastDrift = driftFor(b, o.changes, false, now)
		b.State, b.Reason = s3v1alpha1.BucketDrifted, s3v1alpha1.ReasonDrifted
		b.Message = truncate("the bucket differs from the policy, which only observes: "+enumerate(changeStrings(o.changes), "; ", "difference"), maxMessageLength)
		return bucketReport{b, true}
	default:
		if open := openDrift(b); open != nil && (o.action == put || mayHaveTakenEffect(b.Reason)) {
			b.LastDrift = open.DeepCopy()
			b.LastDrift.Corrected = true
		}
		b.State, b.Reason, b.Message = s3v1alpha1.BucketSynced, s3v1alpha1.ReasonSynced, ""
		b.ConfigurationHash = wanted
		return bucketReport{b, true}
	}
}

// driftFor is the record of a foreign change to a bucket, whose status before
// is given. The same change that is still there keeps the time at which it was
// first seen.
func driftFor(b s3v1alpha1.BucketStatus, changes []cors.Change, corrected bool, now time.Time) *s3v1alpha1.Drift {
	drift := &s3v1alpha1.Drift{
		DetectedTime: new(metav1.NewTime(now)),
		Corrected:    corrected,
		Changes:      changeStrings(changes),
	}
	if before := openDrift(b); before != nil && slices.Equal(before.Changes, drift.Changes) {
		drift.DetectedTime = before.DetectedTime
	}
	return drift
}

// openDrift is the foreign change that was still there when a bucket was last
// seen; nil when there was none.
func openDrift(b s3v1alpha1.BucketStatus) *s3v1alpha1.Drift {
	if b.LastDrift == nil || b.LastDrift.Corrected || b.State == s3v1alpha1.BucketSynced {
		return nil
	}
	return b.LastDrift
}

// mayHaveTakenEffect is whether a write that failed for a reason may have reached
// the bucket all the same.
func mayHaveTakenEffect(reason string) bool {
	return slices.Contains([]string{s3v1alpha1.ReasonTimeout, s3v1alpha1.ReasonUnreachable, s3v1alpha1.ReasonServerError}, reason)
}

// changeStrings are the changes as the status holds them: bounded in number and
// length.
func changeStrings(changes []cors.Change) []string {
	var lines []string
	size := 0
	for i, change := range changes {
		line := truncate(change.String(), maxChangeLength)
		size += len(line)
		if i > 0 && (size > maxChangesBytes || (i == maxChanges-1 && len(changes) > maxChanges)) {
			return append(lines, fmt.Sprintf("and %d more", len(changes)-i))
		}
		lines = append(lines, line)
	}
	return lines
}

// syncedVerdict sums up the buckets.
func syncedVerdict(policy *s3v1alpha1.BucketCORSPolicy, o outcome, reports []bucketReport) verdict {
	switch {
	case !o.acceptance.workable():
		return verdict{metav1.ConditionUnknown, s3v1alpha1.ReasonNotAccepted,
			"nothing was done, because the policy is not accepted; what was applied before stays in force"}
	case policy.Spec.Suspend && len(o.buckets) == 0:
		return verdict{metav1.ConditionUnknown, s3v1alpha1.ReasonSuspended,
			"nothing is read or written while spec.suspend is true"}
	}
	var wrong, unknown []bucketReport
	for _, report := range reports {
		switch {
		case report.State != s3v1alpha1.BucketSynced:
			wrong = append(wrong, report)
		case !report.known:
			unknown = append(unknown, report)
		}
	}
	switch {
	case len(wrong) > 0:
		return verdict{metav1.ConditionFalse, wrong[0].Reason, describeReports(wrong)}
	case len(unknown) > 0:
		return verdict{metav1.ConditionUnknown, unknown[0].Reason, "synced when last seen, but now: " + describeReports(unknown)}
	default:
		return verdict{metav1.ConditionTrue, s3v1alpha1.ReasonSynced, fmt.Sprintf(
			"%s in place on %s", count(len(policy.Spec.Rules), "rule"), count(len(reports), "bucket"))}
	}
}

func describeReports(reports []bucketReport) string {
	sentences := make([]string, len(reports))
	for i, report := range reports {
		sentences[i] = report.Message
		if name := fmt.Sprintf("bucket %q", report.Name); !strings.Contains(report.Message, name) {
			sentences[i] = name + ": " + report.Message
		}
	}
	return enumerate(sentences, "; ", "bucket")
}

// reconcilingVerdict is there while the operator tries again by itself.
func reconcilingVerdict(o outcome, ready verdict) *verdict {
	for _, b := range o.buckets {
		if b.failure != nil && (b.failure.Fate == bucket.Transient || b.failure.Fate == bucket.Waiting) {
			return &verdict{metav1.ConditionTrue, string(b.failure.Reason), ready.message}
		}
	}
	if o.acceptance.reason == s3v1alpha1.ReasonProviderNotFound {
		return &verdict{metav1.ConditionTrue, o.acceptance.reason, ready.message}
	}
	return nil
}

// stalledVerdict is there while only a change of the spec can help.
func stalledVerdict(o outcome, ready verdict) *verdict {
	if reconcilingVerdict(o, ready) != nil {
		return nil
	}
	if o.acceptance.reason == s3v1alpha1.ReasonInvalidRules {
		return &verdict{metav1.ConditionTrue, o.acceptance.reason, ready.message}
	}
	for _, b := range o.buckets {
		if b.failure != nil && b.failure.Fate == bucket.Invalid {
			return &verdict{metav1.ConditionTrue, string(b.failure.Reason), ready.message}
		}
	}
	return nil
}

// summarize is how many buckets had the desired configuration when they were
// last seen, of how many.
func summarize(reports []bucketReport) string {
	synced := 0
	for _, report := range reports {
		if report.State == s3v1alpha1.BucketSynced {
			synced++
		}
	}
	return fmt.Sprintf("%d/%d", synced, len(reports))
}

// truncateBytes cuts a text to a number of bytes, between characters.
func truncateBytes(text string, size int) string {
	const ellipsis = "…"
	if len(text) <= size {
		return text
	}
	return strings.ToValidUTF8(text[:size-len(ellipsis)], "") + ellipsis
}

// truncate cuts a text to a number of characters, which is what a schema
// counts.
func truncate(text string, characters int) string {
	runes := []rune(text)
	if len(runes) <= characters {
		return text
	}
	return string(runes[:characters-1]) + "…"
}
