// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// outcome is what one pass over a policy learned and did: facts for the status,
// the events and the time of the next look.
type outcome struct {
	acceptance acceptance
	// service is where the buckets of the spec are; empty when it is not known.
	service string
	// dialect is how the server of the provider evaluates rules.
	dialect *cors.Dialect
	// provider is the policy's; nil when it does not exist.
	provider *s3v1alpha1.BucketProvider
	// verification is what the places where browsers reach the buckets answered;
	// nil before they are asked.
	verification *verification
	// buckets are those of the spec and those that leave the policy; empty when
	// none was looked at.
	buckets []bucketOutcome
}

// bucketOutcome is what one pass learned of one bucket and did to it. At most
// one of denied, conflict, unmet and failure is set, but for unmet and failure
// together: what was unmet before the bucket could not be read; with none, action
// tells.
type bucketOutcome struct {
	key       bucketKey
	reference s3v1alpha1.BucketReference
	// leaving is whether the bucket leaves the policy.
	leaving bool
	// denied is why the provider does not permit the rules on the bucket.
	denied string
	// conflict is why the policy does not have the bucket, because of others.
	conflict string
	// crowded is whether that is for want of room beside their rules.
	crowded bool
	// unmet is which expectation of the policy is not met by what would be on the
	// bucket, so that nothing was done to it.
	unmet   string
	failure *bucket.Error
	// action is what had to be done and, without a failure, was done.
	action action
	// desired is what the policy wants on the bucket, or with unmet what is in force
	// there of it and the others; nil when it is not known.
	desired *desired
	// changes are what somebody else made of the bucket; only with tell and mend.
	changes []cors.Change
	// unknown is whether a bucket was spared because nobody knows what was there
	// before the policy came.
	unknown bool
	// original is the revision with what was there before the policy came; empty
	// when there is none.
	original string
	// write is the last write of this policy that is remembered.
	write *loggedWrite
	// unsettled is the last write to the bucket, whoever made it; it may have
	// settled long ago.
	unsettled *write
	// written is when the bucket was last written to for any policy, as far as is
	// known; zero when that is not.
	written time.Time
	// owned is whether the bucket ever was the policy's.
	owned bool
	// age is the time since the bucket was read, when that was not in this pass.
	age time.Duration
}

// task notes which bucket an outcome is of.
func (b *bucketOutcome) task(t bucketTask) {
	b.key, b.reference, b.leaving, b.owned, b.written = t.key, t.reference, t.leaving, t.owned(), t.written()
	b.original = cmp.Or(b.original, t.original)
}

// left is whether nothing is to be done any more for a bucket that leaves its
// policy. One that never was the policy's is left, and so is one that is gone,
// denied, another policy's or of a server without CORS: there is nothing of ours,
// or nothing that we may touch.
func (b bucketOutcome) left() bool {
	if !b.leaving || b.action == settle {
		return false
	}
	return b.failure == nil || !b.owned || b.failure.Reason == bucket.BucketNotFound || b.failure.Reason == bucket.Unsupported
}

// waitingInterval is the time between two looks while something is missing in
// the cluster that is not watched, such as a Secret. Such a look costs one read
// of the API server and none of S3.
const waitingInterval = 30 * time.Second

// jitterFactor spreads the looks at buckets, so that the policies of a cluster
// do not stay in step after a restart.
const jitterFactor = 0.2

// result is when to look again. interval is the time between two looks in quiet
// times.
func (o outcome) result(interval time.Duration, now time.Time) (ctrl.Result, error) {
	if o.hopeless() {
		return ctrl.Result{}, nil
	}
	next := interval
	var transient []error
	for _, b := range o.buckets {
		switch {
		case b.failure == nil:
			next = min(next, max(interval-b.age, firstRetry))
			if b.unsettled != nil {
				if left := settleTime - now.Sub(b.unsettled.time); left > 0 && left <= settleTime {
					next = min(next, left)
				}
			}
		case b.failure.Fate == bucket.Transient:
			transient = append(transient, b.failure)
		case b.waits():
			next = min(next, waitingInterval)
		}
	}
	if o.verification != nil {
		next = min(next, o.verification.next(interval, now))
	}
	if len(transient) > 0 {
		return ctrl.Result{}, fmt.Errorf("%s to be tried again: %w", count(len(transient), "bucket"), errors.Join(transient...))
	}
	return ctrl.Result{RequeueAfter: wait.Jitter(next, jitterFactor)}, nil
}

// verifiesBefore is whether there is a pass because of preflights before the buckets
// are due.
func (o outcome) verifiesBefore(interval time.Duration, now time.Time) bool {
	return o.verification != nil && (o.verification.asking || o.verification.next(interval, now) < interval)
}

// passes is whether a failure passes by itself, or with something that appears in the
// cluster.
func passes(failure *bucket.Error) bool {
	return failure != nil && (failure.Fate == bucket.Transient || failure.Fate == bucket.Waiting)
}

// waits is whether something of the policy is looked at again soon, for which
// the rest need not be read again.
func (o outcome) waits() bool { return slices.ContainsFunc(o.buckets, bucketOutcome.waits) }

// waits is whether something is missing in the cluster that is not watched.
// Whoever corrects keys wants to see whether they are right now.
func (b bucketOutcome) waits() bool {
	return b.failure != nil && (b.failure.Fate == bucket.Waiting || b.failure.Reason == bucket.CredentialsInvalid)
}

// hopeless is whether nothing but a change of the spec can help anything of the
// policy.
func (o outcome) hopeless() bool {
	if len(o.buckets) == 0 {
		return o.acceptance.hopeless()
	}
	return !slices.ContainsFunc(o.buckets, func(b bucketOutcome) bool {
		return b.failure == nil || b.failure.Fate != bucket.Invalid
	})
}
