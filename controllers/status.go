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
	maxSharedWith             = 100
	maxBuckets                = 500
	maxSharedWithBytes        = 2048 // for the same reason, as whoever names a policy chooses the length
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
		BucketSummary:      summarize(policy, reports),
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
	// done is whether it has left the policy, and waits for others to do so.
	done bool
}

// bucketReports are the reports of all buckets of the spec, and of those that
// have left it and are not dealt with: those that need attention first, otherwise
// by name.
func bucketReports(policy *s3v1alpha1.BucketCORSPolicy, o outcome, now time.Time) []bucketReport {
	var reports []bucketReport
	if len(o.buckets) == 0 {
		reports = unseen(policy, o)
	}
	for _, b := range o.buckets {
		if b.left() && policy.DeletionTimestamp.IsZero() {
			continue
		}
		before := statusBefore(policy, b.key)
		before.Leaving = b.leaving
		before.Region, before.ExpectedBucketOwner = b.reference.Region, b.reference.ExpectedBucketOwner
		if b.leaving {
			before.LastDrift, before.SharedWith = nil, nil
		}
		reports = append(reports, reportFor(before, b, policy.Status.ObservedGeneration == policy.Generation, now))
	}
	slices.SortStableFunc(reports, func(a, b bucketReport) int {
		return cmp.Or(cmp.Compare(urgency(a), urgency(b)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Service, b.Service))
	})
	return fitting(reports)
}

// fitting are as many reports as a status holds, those of the spec among them. The
// archive remembers the buckets of the others.
func fitting(reports []bucketReport) []bucketReport {
	surplus := len(reports) - maxBuckets
	return slices.DeleteFunc(reports, func(r bucketReport) bool {
		if surplus <= 0 || !r.Leaving {
			return false
		}
		surplus--
		return true
	})
}

// unseen are the reports of a policy of which no bucket was looked at.
func unseen(policy *s3v1alpha1.BucketCORSPolicy, o outcome) []bucketReport {
	reason, message := s3v1alpha1.ReasonNotAccepted, "not looked at, because the policy is not accepted"
	if o.acceptance.workable() {
		reason, message = s3v1alpha1.ReasonSuspended, "not looked at, because the policy is suspended"
	}
	var reports []bucketReport
	seen := map[bucketKey]bool{}
	add := func(b s3v1alpha1.BucketStatus) {
		if key := (bucketKey{b.Service, b.Name}); !seen[key] {
			seen[key] = true
			b.Reason, b.Message = reason, message
			reports = append(reports, bucketReport{BucketStatus: b})
		}
	}
	rulesHash := cors.Hash(o.acceptance.rules)
	for _, reference := range policy.Spec.Buckets {
		b := statusBefore(policy, bucketKey{o.service, reference.Name})
		if b.State == "" || b.RulesHash != rulesHash || b.Leaving {
			b.State = s3v1alpha1.BucketPending
		}
		b.Leaving = false
		add(b)
	}
	for _, b := range policy.Status.Buckets {
		if ownedBefore(b) {
			b.State, b.Leaving = s3v1alpha1.BucketPending, true
			b.LastDrift, b.SharedWith = nil, nil
			add(b)
		}
	}
	return reports
}

// urgency orders reports: the smaller, the sooner somebody should look at it.
func urgency(r bucketReport) int {
	order := []s3v1alpha1.BucketState{
		s3v1alpha1.BucketFailed, s3v1alpha1.BucketDenied, s3v1alpha1.BucketConflicted,
		s3v1alpha1.BucketDrifted, s3v1alpha1.BucketPending, s3v1alpha1.BucketSynced,
	}
	place := 3 * slices.Index(order, r.State)
	switch {
	case r.done:
		place += 2
	case r.known:
		place++
	}
	return place
}

// reportFor is the report of a bucket that was looked at. b is its status before,
// which is about the same generation of the policy or about an older one.
func reportFor(b s3v1alpha1.BucketStatus, o bucketOutcome, sameGeneration bool, now time.Time) bucketReport {
	wasSynced := b.State == s3v1alpha1.BucketSynced && sameGeneration
	if o.desired != nil {
		wasSynced = b.State == s3v1alpha1.BucketSynced && b.ConfigurationHash == o.desired.hash
	}
	if o.write != nil && (b.LastAppliedTime == nil || !o.write.time.Before(b.LastAppliedTime.Time)) {
		b.LastAppliedTime = new(metav1.NewTime(o.write.time))
		if o.leaving {
			b.ConfigurationHash = o.write.hash
		}
		if drift := o.write.drift; drift != nil && (b.LastDrift == nil || !drift.DetectedTime.Before(b.LastDrift.DetectedTime)) {
			b.LastDrift = drift
		}
	}
	if o.original != "" {
		b.OriginalRevision = o.original
	}

	switch {
	case o.denied != "":
		b.State, b.Reason = s3v1alpha1.BucketDenied, s3v1alpha1.ReasonNotPermitted
		b.Message = truncate(o.denied, maxMessageLength)
		return bucketReport{BucketStatus: b, known: true}
	case o.conflict != "":
		b.State, b.Reason, b.Message = s3v1alpha1.BucketConflicted, s3v1alpha1.ReasonConflicted, truncate(o.conflict, maxMessageLength)
		if o.crowded {
			b.Reason = s3v1alpha1.ReasonDoesNotFit
		}
		b.ConfigurationHash, b.RulesHash, b.SharedWith = "", "", nil
		return bucketReport{BucketStatus: b, known: true}
	case o.failure != nil:
		return failureReport(b, o, wasSynced, now)
	case o.leaving:
		return departureReport(b, o)
	case o.action == settle && !ownedBefore(b):
		// What is there is not known, nor was it the policy's ever.
		b.State, b.Reason = s3v1alpha1.BucketPending, s3v1alpha1.ReasonSettling
		b.Message = "another policy has written to the bucket within the last minute: this one takes over when that has settled"
		return bucketReport{BucketStatus: b, known: true}
	case o.action == tell:
		b.LastDrift = driftFor(b, o.changes, false, now)
		b.State, b.Reason = s3v1alpha1.BucketDrifted, s3v1alpha1.ReasonDrifted
		b.Message = truncate("the bucket differs from the policy, which only observes: "+enumerate(changeStrings(o.changes), "; ", "difference"), maxMessageLength)
		b.SharedWith = bounded(o.desired.sharedWith)
		return bucketReport{BucketStatus: b, known: true}
	default:
		if open := openDrift(b); open != nil && (o.action == put || mayHaveTakenEffect(b.Reason)) {
			b.LastDrift = open.DeepCopy()
			b.LastDrift.Corrected = true
		}
		b.State, b.Reason, b.Message = s3v1alpha1.BucketSynced, s3v1alpha1.ReasonSynced, truncate(o.desired.shadows, maxMessageLength)
		b.ConfigurationHash, b.RulesHash, b.SharedWith = o.desired.hash, o.desired.rulesHash, bounded(o.desired.sharedWith)
		return bucketReport{BucketStatus: b, known: true}
	}
}

// failureReport is the report of a bucket that could not be read or written.
func failureReport(b s3v1alpha1.BucketStatus, o bucketOutcome, wasSynced bool, now time.Time) bucketReport {
	if o.action == mend {
		b.LastDrift = driftFor(b, o.changes, false, now)
	}
	message := o.failure.Message
	if o.leaving && !o.left() {
		message = truncate(message, maxMessageLength-2*len(wayOut)) + "; mend it, or " + wayOut
	}
	b.Reason, b.Message = string(o.failure.Reason), truncate(message, maxMessageLength)
	known := true
	switch {
	case o.failure.Fate == bucket.Transient && wasSynced && o.action == keep && !o.leaving:
		known = false
	case o.failure.Fate == bucket.Transient || o.failure.Fate == bucket.Waiting:
		b.State = s3v1alpha1.BucketPending
	case o.failure.Reason == bucket.AccessDenied:
		b.State = s3v1alpha1.BucketDenied
	default:
		b.State = s3v1alpha1.BucketFailed
	}
	return bucketReport{BucketStatus: b, known: known}
}

// departureReport is the report of a bucket that leaves its policy.
func departureReport(b s3v1alpha1.BucketStatus, o bucketOutcome) bucketReport {
	b.State = s3v1alpha1.BucketPending
	switch o.action {
	case settle:
		b.Reason, b.Message = s3v1alpha1.ReasonSettling, "the bucket leaves the policy as soon as the last change of it has settled"
		return bucketReport{BucketStatus: b, known: true}
	case removed:
		b.Reason, b.Message = s3v1alpha1.ReasonRemoved, "the bucket leaves the policy and has no configuration any more"
	case restored:
		b.Reason, b.Message = s3v1alpha1.ReasonRestored, "the bucket leaves the policy and has again what was there before"
	case handedOver:
		b.Reason, b.Message = s3v1alpha1.ReasonHandedOver, "the bucket leaves the policy and belongs to others from now on"
	default:
		b.Reason, b.Message = s3v1alpha1.ReasonKept, "the bucket leaves the policy and stays as it is"
		if why := o.whyKept(); why != "" {
			b.Message += ": " + why
		}
	}
	b.ConfigurationHash, b.RulesHash, b.SharedWith = "", "", nil
	return bucketReport{BucketStatus: b, known: true, done: true}
}

// bounded are as many policies as the status of a bucket holds.
func bounded(policies []string) []string {
	size := 0
	for i, name := range policies {
		if size += len(name); i == maxSharedWith || size > maxSharedWithBytes {
			return policies[:i]
		}
	}
	return policies
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

// describeReports says what is the matter with buckets: in full for the first of
// those that have the same reason, by name for the others.
func describeReports(reports []bucketReport) string {
	var kinds []string
	alike := map[string][]string{}
	for _, report := range reports {
		kind := string(report.State) + " " + report.Reason
		name := fmt.Sprintf("bucket %q", report.Name)
		if len(alike[kind]) == 0 {
			kinds = append(kinds, kind)
			sentence := report.Message
			if !strings.Contains(sentence, name) {
				sentence = name + ": " + sentence
			}
			alike[kind] = append(alike[kind], sentence)
			continue
		}
		alike[kind] = append(alike[kind], name)
	}
	var sentences []string
	left := len(reports)
	for _, kind := range kinds[:min(len(kinds), namedInMessage)] {
		left -= len(alike[kind])
		sentence := alike[kind][0]
		if rest := alike[kind][1:]; len(rest) > 0 {
			_, reason, _ := strings.Cut(kind, " ")
			sentence += fmt.Sprintf(" (%s too: %s)", reason, enumerate(rest, ", ", "bucket"))
		}
		sentences = append(sentences, sentence)
	}
	message := strings.Join(sentences, "; ")
	if left > 0 {
		message += " and " + count(left, "more bucket")
	}
	return message
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

// summarize is how many buckets of the spec had the desired configuration when
// they were last seen, of how many.
func summarize(policy *s3v1alpha1.BucketCORSPolicy, reports []bucketReport) string {
	synced := 0
	for _, report := range reports {
		if report.State == s3v1alpha1.BucketSynced {
			synced++
		}
	}
	return fmt.Sprintf("%d/%d", synced, len(policy.Spec.Buckets))
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
