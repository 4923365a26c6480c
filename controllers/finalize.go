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
)

// cleansUp is whether there is something to do to the buckets when the policy
// goes away. A policy that never writes does not write then either.
func cleansUp(policy *s3v1alpha1.BucketCORSPolicy) bool {
	return !leavesAsItIs(policy) && !policy.Spec.Suspend
}

// leavesAsItIs is whether buckets that leave the policy stay as they are.
func leavesAsItIs(policy *s3v1alpha1.BucketCORSPolicy) bool {
	return policy.Spec.DeletionPolicy == s3v1alpha1.DeletionPolicyRetain || observes(policy)
}

// ensureFinalizer puts the finalizer on policies that clean up, and takes it
// off the others, so that those can go at any time.
func (r *PolicyReconciler) ensureFinalizer(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, wanted bool) error {
	if controllerutil.ContainsFinalizer(policy, s3v1alpha1.FinalizerName) == wanted {
		return nil
	}
	// Originals have the finalizer only while their policy has it. The next survey
	// puts it on them, and also does so when something here comes half-way only.
	r.surveys.forget(policy.UID)
	if !wanted {
		if err := (archive{r.Client}).protect(ctx, policy, false); err != nil {
			return err
		}
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
	var o outcome
	if cleansUp(policy) {
		var err error
		if o, err = r.cleanUp(work, policy); err != nil {
			return r.lookAgain(policy, err)
		}
		if o.unfinished() {
			if err := r.publish(ctx, policy, o); err != nil {
				return r.lookAgain(policy, err)
			}
			return r.result(ctx, policy, o)
		}
	}
	if err := r.ensureFinalizer(ctx, policy, false); err != nil {
		return r.lookAgain(policy, err)
	}
	record(ctx, r.Recorder, policy, departureEvents(o))
	r.forget(policy.UID)
	return ctrl.Result{}, nil
}

// unfinished is whether something keeps a policy from going away.
func (o outcome) unfinished() bool {
	return slices.ContainsFunc(o.buckets, func(b bucketOutcome) bool { return !b.left() })
}

// wayOut is what to do about a bucket that cannot leave its policy.
const wayOut = "set spec.deletionPolicy to Retain to leave everything as it is"

// cleanUp does to every bucket what the deletion policy says.
func (r *PolicyReconciler) cleanUp(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy) (outcome, error) {
	// This is the last time that anything is looked for.
	r.surveys.forget(policy.UID)
	around, err := r.surroundings(ctx, policy)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{acceptance: accept(policy, around.provider, around.tenant), service: around.service()}
	switch o.acceptance.reason {
	case s3v1alpha1.ReasonInvalidRules, s3v1alpha1.ReasonExpectationFailed:
		// Rules that were never applied do not keep the policy here.
		o.acceptance.verdict = verdict{metav1.ConditionTrue, s3v1alpha1.ReasonAccepted, "the policy is going away: its rules no longer matter"}
	case s3v1alpha1.ReasonProviderNotFound:
		o.acceptance.verdict = refuse(s3v1alpha1.ReasonProviderNotFound, fmt.Sprintf(
			"the policy is to put its buckets back as they were, but there is no BucketProvider named %q; create it, or %s", providerName(policy), wayOut))
	}
	o.buckets, err = r.work(ctx, tasksFor(policy, around, o.acceptance.denied))
	return o, err
}

// isStale is whether the API server refused a write because it was made with
// knowledge of an older version of the object. A newer one is on its way.
func isStale(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsNotFound(err)
}
