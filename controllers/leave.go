// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// leave does to a bucket what has to be done before its policy goes away or
// forgets it.
func (r *PolicyReconciler) leave(ctx context.Context, task bucketTask) bucketOutcome {
	o := bucketOutcome{write: task.ownWrite()}
	live, err := task.bucket.GetCORS(ctx)
	if err != nil {
		o.failure = failureOf(err)
		return o
	}
	archive := archive{r.Client}
	original, err := archive.original(ctx, task.policy, task.key, task.before.OriginalRevision)
	if err != nil {
		o.failure = notRestored(task.key, err)
		return o
	}
	holders := established(task.claim.holders)
	succession := compose(contributionsTo(task.key, holders, live, nil))
	v := task.view(succession.configuration, live)
	o.unsettled = v.write
	d := departure{
		deletionPolicy: task.policy.Spec.DeletionPolicy,
		live:           live,
		ours:           cors.Hash(live) == v.appliedHash || task.ours(live),
		outdated:       v.outdated(),
		successors:     len(succession.parts) > 0,
		succession:     succession.configuration,
	}
	if original != nil {
		d.original, o.original = &original.configuration, original.revision
	}
	var target cors.Configuration
	if o.action, target = d.decide(); o.action == settle {
		return o
	}
	o.unknown = o.action == spared && original == nil
	if o.action == handedOver && original != nil {
		if err := archive.bequeath(ctx, *original, task.key, heirs(holders)); err != nil {
			o.failure = notRestored(task.key, err)
			return o
		}
	}
	if !same(target, live) {
		if err := replace(ctx, task.bucket, target); err != nil {
			o.failure = failureOf(err)
			return o
		}
		task.writer(o.action, heirs(holders)).logWrite(v, target, nil, r.now())
	}
	return r.released(ctx, task, o)
}

// nothingToDo is what becomes of a bucket that leaves a policy, if nothing has to
// be done to it: because the policy wants that, or never had the bucket. One of
// which only an original tells was taken over by an operator that stopped before
// it could say so.
func (r *PolicyReconciler) nothingToDo(ctx context.Context, task *bucketTask) (bucketOutcome, bool) {
	if !cleansUp(task.policy) {
		return r.retain(ctx, *task), true
	}
	if task.owned() {
		return bucketOutcome{}, false
	}
	original, err := archive{r.Client}.original(ctx, task.policy, task.key, "")
	switch {
	case err != nil:
		return bucketOutcome{failure: notRestored(task.key, err)}, true
	case original == nil:
		return bucketOutcome{action: letGo}, true
	}
	task.before.OriginalRevision = original.revision
	return bucketOutcome{}, false
}

// retain is what becomes of a bucket that leaves a policy which does nothing
// about it.
func (r *PolicyReconciler) retain(ctx context.Context, task bucketTask) bucketOutcome {
	return r.released(ctx, task, bucketOutcome{action: letGo})
}

// released ends what the archive has of a bucket that has left its policy.
func (r *PolicyReconciler) released(ctx context.Context, task bucketTask, o bucketOutcome) bucketOutcome {
	if err := (archive{r.Client}).release(ctx, task.policy, task.key); err != nil {
		o.failure = notRestored(task.key, err)
	}
	task.log.leave(task.key, task.policy.UID)
	return o
}

// replace makes a configuration that of a bucket.
func replace(ctx context.Context, b Bucket, configuration cors.Configuration) error {
	if len(configuration.Rules) == 0 {
		return b.DeleteCORS(ctx)
	}
	return b.PutCORS(ctx, configuration)
}

// established are those of the holders that put a bucket back when they go, or
// have nothing to put back. One without its finalizer has not been seen by a pass
// of its own: it could go without a trace, and what it was given with it.
func established(holders []claimant) []claimant {
	return slices.DeleteFunc(slices.Clone(holders), func(h claimant) bool { return cleansUp(h.policy) && !isProtected(h.policy) })
}

// heirs are the policies that a bucket is handed over to.
func heirs(holders []claimant) []*s3v1alpha1.BucketCORSPolicy {
	var policies []*s3v1alpha1.BucketCORSPolicy
	for _, holder := range holders {
		if !observes(holder.policy) {
			policies = append(policies, holder.policy)
		}
	}
	return policies
}

// notRestored is why a bucket could not leave its policy.
func notRestored(key bucketKey, err error) *bucket.Error {
	return &bucket.Error{
		Reason: s3v1alpha1.ReasonNotSaved, Fate: bucket.Transient, Err: err,
		Message: fmt.Sprintf("what was on bucket %q before the policy cannot be looked up or passed on: %s", key.name, truncate(err.Error(), maxChangeLength)),
	}
}
