// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

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
	case o.unmet != "":
		b.State, b.Reason, b.Message = s3v1alpha1.BucketFailed, s3v1alpha1.ReasonExpectationFailed, o.unmet
		if o.desired != nil {
			b.ConfigurationHash, b.RulesHash, b.SharedWith = o.desired.hash, o.desired.rulesHash, bounded(o.desired.sharedWith)
		}
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
	case passes(o.failure):
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
