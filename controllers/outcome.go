// SPDX-License-Identifier: Apache-2.0

package controllers

import (
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
	// buckets are in the order of the spec; empty when none was looked at.
	buckets []bucketOutcome
}

// bucketOutcome is what one pass learned of one bucket and did to it. At most
// one of owner and failure is set; with neither, action tells.
type bucketOutcome struct {
	name string
	// service is where the bucket is; see serviceOf.
	service string
	// denied: the provider does not grant the bucket.
	denied bool
	// owner is the policy that owns the bucket, as namespace/name, when it is
	// another.
	owner   string
	failure *bucket.Error
	// action is what had to be done and, without a failure, was done.
	action action
	// changes are what somebody else made of the bucket; only with tell and mend.
	changes []cors.Change
	// write is the last write of this policy that is remembered.
	write *loggedWrite
	// unsettled is the last write to the bucket, whoever made it; it may have
	// settled long ago.
	unsettled *write
	// applied is whether the policy ever had its configuration on the bucket.
	applied bool
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
			if b.unsettled != nil {
				if left := settleTime - now.Sub(b.unsettled.time); left > 0 && left <= settleTime {
					next = min(next, left)
				}
			}
		case b.failure.Fate == bucket.Transient:
			transient = append(transient, b.failure)
		// Whoever corrects keys wants to see whether they are right now.
		case b.failure.Fate == bucket.Waiting, b.failure.Reason == bucket.CredentialsInvalid:
			next = min(next, waitingInterval)
		}
	}
	if len(transient) > 0 {
		return ctrl.Result{}, fmt.Errorf("%s to be tried again: %w", count(len(transient), "bucket"), errors.Join(transient...))
	}
	return ctrl.Result{RequeueAfter: wait.Jitter(next, jitterFactor)}, nil
}

// hopeless is whether nothing but a change of the spec can help anything of the
// policy.
func (o outcome) hopeless() bool {
	if len(o.buckets) == 0 {
		return o.acceptance.reason == s3v1alpha1.ReasonInvalidRules
	}
	return !slices.ContainsFunc(o.buckets, func(b bucketOutcome) bool {
		return b.failure == nil || b.failure.Fate != bucket.Invalid
	})
}
