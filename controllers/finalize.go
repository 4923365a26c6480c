// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// cleansUp is whether there is something to do to the buckets when the policy
// goes away. A policy that never writes does not write then either.
func cleansUp(policy *s3v1alpha1.BucketCORSPolicy) bool {
	return policy.Spec.DeletionPolicy == s3v1alpha1.DeletionPolicyDelete &&
		policy.Spec.Mode != s3v1alpha1.PolicyModeObserve && !policy.Spec.Suspend
}

// ensureFinalizer puts the finalizer on policies that clean up, and takes it
// off the others, so that those can go at any time.
func (r *PolicyReconciler) ensureFinalizer(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, wanted bool) error {
	if controllerutil.ContainsFinalizer(policy, s3v1alpha1.FinalizerName) == wanted {
		return nil
	}
	// A merge patch replaces the whole list of finalizers: the lock keeps it from
	// dropping one that somebody else has just added.
	patch := client.MergeFromWithOptions(policy.DeepCopy(), client.MergeFromWithOptimisticLock{})
	if wanted {
		controllerutil.AddFinalizer(policy, s3v1alpha1.FinalizerName)
	} else {
		controllerutil.RemoveFinalizer(policy, s3v1alpha1.FinalizerName)
	}
	if err := r.Client.Patch(ctx, policy, patch); err != nil {
		return fmt.Errorf("patch the finalizers: %w", err)
	}
	return nil
}

// finalize cleans up after a policy that is going away, and lets it go when
// that is done. The work on buckets has a context of its own.
func (r *PolicyReconciler) finalize(ctx, work context.Context, policy *s3v1alpha1.BucketCORSPolicy) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(policy, s3v1alpha1.FinalizerName) {
		return ctrl.Result{}, nil
	}
	if cleansUp(policy) {
		o, err := r.cleanUp(work, policy)
		if err != nil {
			return ctrl.Result{}, err
		}
		if o.unfinished() {
			if err := r.publish(ctx, policy, o); err != nil {
				return r.retryWhenStale(err)
			}
			return r.result(ctx, policy, o)
		}
		r.record(ctx, policy, cleanUpEvents(o))
	}
	if err := r.ensureFinalizer(ctx, policy, false); err != nil {
		return r.retryWhenStale(err)
	}
	return ctrl.Result{}, nil
}

// unfinished is whether something keeps a policy from going away. A bucket that
// never had its configuration does not, nor one that is gone, denied, another
// policy's or of a server without CORS: there is nothing of ours, or nothing that
// we may touch.
func (o outcome) unfinished() bool {
	if o.acceptance.reason == s3v1alpha1.ReasonProviderNotFound {
		return true
	}
	return slices.ContainsFunc(o.buckets, bucketOutcome.unfinished)
}

func (b bucketOutcome) unfinished() bool {
	if b.failure == nil {
		return b.action == settle
	}
	return b.applied && b.failure.Reason != bucket.BucketNotFound && b.failure.Reason != bucket.Unsupported
}

const wayOut = "set spec.deletionPolicy to Retain to let the policy go"

// cleanUp removes the configuration of every bucket that still has the one that
// the policy put there.
func (r *PolicyReconciler) cleanUp(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy) (outcome, error) {
	provider, err := r.provider(ctx, providerName(policy))
	if err != nil {
		return outcome{}, err
	}
	o := outcome{acceptance: accept(policy, provider, tenant{namespace: policy.Namespace})}
	if o.acceptance.reason == s3v1alpha1.ReasonInvalidRules {
		// Rules that were never applied do not keep the policy here.
		o.acceptance.verdict = verdict{metav1.ConditionTrue, s3v1alpha1.ReasonAccepted, "the policy is going away: its rules no longer matter"}
	}
	if provider == nil {
		if !slices.ContainsFunc(policy.Status.Buckets, func(b s3v1alpha1.BucketStatus) bool { return b.ConfigurationHash != "" }) {
			return outcome{}, nil
		}
		o.acceptance.verdict = refuse(s3v1alpha1.ReasonProviderNotFound, fmt.Sprintf(
			"the policy is to remove the configuration of its buckets, but there is no BucketProvider named %q; create it, or %s", providerName(policy), wayOut))
		return o, nil
	}
	o.buckets, err = r.eachBucket(ctx, policy, provider, o.acceptance.desired, r.removeConfiguration)
	for i := range o.buckets {
		if failure := o.buckets[i].failure; failure != nil && o.buckets[i].unfinished() {
			advised := *failure
			advised.Message += "; mend it, or " + wayOut
			o.buckets[i].failure = &advised
		}
	}
	return o, err
}

// removeConfiguration removes the configuration of a bucket unless somebody has
// changed it since: what is not ours stays.
func (r *PolicyReconciler) removeConfiguration(ctx context.Context, task bucketTask) bucketOutcome {
	var o bucketOutcome
	live, err := task.bucket.GetCORS(ctx)
	if err != nil {
		o.failure = failureOf(err)
		return o
	}
	v := task.view(live)
	o.unsettled = v.write
	switch ours := cors.Equal(task.desired, live) || cors.Hash(live) == v.appliedHash; {
	case !ours && v.outdated():
		o.action = settle
		return o
	case len(live.Rules) == 0:
		o.action = removed
		return o
	case !ours:
		o.action = spared
		return o
	}
	if err := task.bucket.DeleteCORS(ctx); err != nil {
		o.failure = failureOf(err)
		return o
	}
	o.action = removed
	task.logWrite(v, cors.Hash(cors.Configuration{}), nil, r.now())
	return o
}

// isStale is whether the API server refused a write because it was made with
// knowledge of an older version of the object. A newer one is on its way.
func isStale(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsNotFound(err)
}
