// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// Meter counts what comes of the work on policies. It is used by many goroutines
// at a time.
type Meter interface {
	// DriftDetected is told of each foreign change of a bucket once.
	DriftDetected()
	// DriftCorrected is told of each that was put right.
	DriftCorrected()
	// PolicyReady is told of each generation of a policy that is Ready, and how long
	// that took since the spec was changed.
	PolicyReady(after time.Duration)
	// PlaceAnswered is told of each answer of a place to live preflights, with the
	// reason that it alone gives the condition Verified.
	PlaceAnswered(reason string)
}

// meter counts the step of a policy to a status that has been stored.
func (r *PolicyReconciler) meter(policy *s3v1alpha1.BucketCORSPolicy, after s3v1alpha1.BucketCORSPolicyStatus) {
	previous := map[bucketKey]s3v1alpha1.BucketStatus{}
	for _, b := range policy.Status.Buckets {
		previous[bucketKey{b.Service, b.Name}] = b
	}
	for _, b := range after.Buckets {
		detected, corrected := driftBetween(previous[bucketKey{b.Service, b.Name}], b)
		if detected {
			r.Meter.DriftDetected()
		}
		if corrected {
			r.Meter.DriftCorrected()
		}
	}
	// A suspended policy is Ready, too, and nothing came of its change.
	if ready := meta.FindStatusCondition(after.Conditions, s3v1alpha1.ConditionReady); ready != nil && ready.Reason == s3v1alpha1.ReasonReady {
		if took, first := r.readiness.ready(policy, r.Clock.Now()); first {
			r.Meter.PolicyReady(took)
		}
	}
}

// driftBetween is whether a foreign change appeared between two statuses of a
// bucket, and whether one was put right.
func driftBetween(was, is s3v1alpha1.BucketStatus) (detected, corrected bool) {
	switch {
	case is.LastDrift == nil || sameDrift(was.LastDrift, is.LastDrift):
		return false, false
	// A policy that has only observed until now undoes nothing.
	case is.LastDrift.Corrected && was.ConfigurationHash == "":
		return false, false
	}
	again := was.LastDrift != nil && was.LastDrift.DetectedTime.Equal(is.LastDrift.DetectedTime)
	return !again, is.LastDrift.Corrected
}

// readinessLog remembers since when policies are on their way to be Ready. The zero
// value is ready to use.
type readinessLog struct {
	mu       sync.Mutex
	policies map[types.NamespacedName]journey
}

// journey is that of one generation of a policy.
type journey struct {
	uid        types.UID
	generation int64
	since      time.Time
	// over is whether there is nothing more to measure.
	over bool
}

// begin is told of each pass over a policy. What an earlier process has seen began
// nobody knows when.
func (l *readinessLog) begin(policy *s3v1alpha1.BucketCORSPolicy, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := requestFor(policy).NamespacedName
	// The cache may be behind.
	if known, found := l.policies[name]; found && known.uid == policy.UID && known.generation >= policy.Generation {
		return
	}
	if l.policies == nil {
		l.policies = map[types.NamespacedName]journey{}
	}
	j := journey{uid: policy.UID, generation: policy.Generation, since: now, over: policy.Status.ObservedGeneration >= policy.Generation}
	if policy.Generation == 1 {
		j.since = policy.CreationTimestamp.Time
	}
	l.policies[name] = j
}

// ready is how long a generation took, and whether that is to be told: once.
func (l *readinessLog) ready(policy *s3v1alpha1.BucketCORSPolicy, now time.Time) (took time.Duration, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := requestFor(policy).NamespacedName
	j, found := l.policies[name]
	if !found || j.over || j.uid != policy.UID || j.generation != policy.Generation {
		return 0, false
	}
	j.over = true
	l.policies[name] = j
	return max(0, now.Sub(j.since)), true
}

func (l *readinessLog) forget(policy types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.policies, policy)
}

// reason is that of the condition Verified for what one place answered.
func (p placeReport) reason() string {
	return (&verification{reports: []placeReport{p}}).verdict().reason
}
