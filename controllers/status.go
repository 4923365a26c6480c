// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
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
	accepted := o.accepted()
	synced := syncedVerdict(policy, o, reports)
	verified := verifiedVerdict(policy, o)
	ready := verdict{metav1.ConditionTrue, s3v1alpha1.ReasonReady, synced.message}
	applying := []*verdict{&accepted, &synced, verified}
	if synced.reason == s3v1alpha1.ReasonSuspended {
		// The operator does what the spec says. Whoever waits for Ready would wait for
		// ever otherwise.
		ready.reason, applying = s3v1alpha1.ReasonSuspended, applying[:1]
	}
	for _, v := range applying {
		if v != nil && v.status != metav1.ConditionTrue {
			ready = *v
			break
		}
	}

	conditions := map[string]*verdict{
		s3v1alpha1.ConditionReady:       &ready,
		s3v1alpha1.ConditionAccepted:    &accepted,
		s3v1alpha1.ConditionSynced:      &synced,
		s3v1alpha1.ConditionVerified:    verified,
		s3v1alpha1.ConditionReconciling: reconcilingVerdict(o, ready),
		s3v1alpha1.ConditionStalled:     stalledVerdict(o, ready),
	}
	status := s3v1alpha1.BucketCORSPolicyStatus{
		ObservedGeneration: policy.Generation,
		BucketSummary:      summarize(policy, reports),
	}
	for _, conditionType := range []string{
		s3v1alpha1.ConditionReady, s3v1alpha1.ConditionAccepted, s3v1alpha1.ConditionSynced, s3v1alpha1.ConditionVerified,
		s3v1alpha1.ConditionReconciling, s3v1alpha1.ConditionStalled,
	} {
		if v := conditions[conditionType]; v != nil {
			status.Conditions = append(status.Conditions, conditionFor(policy.Status.Conditions, policy.Generation, conditionType, *v, now))
		}
	}
	for _, report := range reports {
		status.Buckets = append(status.Buckets, report.BucketStatus)
	}
	return status
}

// conditionFor is a condition of an object of that generation, with the time of
// the last transition that the conditions before tell while its status stays the
// same.
func conditionFor(before []metav1.Condition, generation int64, conditionType string, v verdict, now time.Time) metav1.Condition {
	condition := metav1.Condition{
		Type:               conditionType,
		Status:             v.status,
		Reason:             v.reason,
		Message:            truncate(v.message, maxConditionMessageLength),
		ObservedGeneration: generation,
		LastTransitionTime: metav1.NewTime(now),
	}
	if was := meta.FindStatusCondition(before, conditionType); was != nil && was.Status == v.status {
		condition.LastTransitionTime = was.LastTransitionTime
	}
	return condition
}

// syncedVerdict sums up the buckets.
func syncedVerdict(policy *s3v1alpha1.BucketCORSPolicy, o outcome, reports []bucketReport) verdict {
	switch {
	case !o.acceptance.workable():
		return verdict{metav1.ConditionUnknown, s3v1alpha1.ReasonNotAccepted,
			"nothing is read or written while the policy is not accepted: what was applied before stays, and changes that others make to it are not put right"}
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
		if passes(b.failure) {
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
	if o.acceptance.hopeless() {
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
