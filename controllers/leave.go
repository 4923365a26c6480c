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
// forgets it, and then ends what the archive has of it.
func (r *PolicyReconciler) leave(ctx context.Context, task bucketTask, connections map[string]connection) bucketOutcome {
	if done, found := task.departed(); found {
		return bucketOutcome{action: done}
	}
	o := r.depart(ctx, task, connections)
	if o.task(task); o.left() {
		if err := (archive{r.Client}).release(ctx, task.policy, task.key); err != nil {
			o.failure = notRestored(task.key, err)
		}
	}
	return o
}

// departed is what became of the bucket in an earlier pass over a policy that is
// going away, as its status tells.
func (t bucketTask) departed() (done action, found bool) {
	if t.policy.DeletionTimestamp.IsZero() || !t.before.Leaving {
		return 0, false
	}
	done, found = map[string]action{
		s3v1alpha1.ReasonRemoved: removed, s3v1alpha1.ReasonRestored: restored, s3v1alpha1.ReasonHandedOver: handedOver,
	}[t.before.Reason]
	return done, found
}

// depart does what the deletion policy says to a bucket that leaves its policy.
func (r *PolicyReconciler) depart(ctx context.Context, task bucketTask, connections map[string]connection) bucketOutcome {
	if !cleansUp(task.policy) || !task.owned() {
		return bucketOutcome{action: letGo}
	}
	if task.home != "" {
		if moved, failure := r.hasMoved(ctx, task); moved || failure != nil {
			return bucketOutcome{action: letGo, failure: failure}
		}
	}
	holders := established(task.claim.holders)
	if task.provider != nil && !granted(task.provider.Spec.Access, task.tenant, task.key.name) {
		return r.leaveDenied(ctx, task, heirs(holders))
	}
	o := bucketOutcome{write: task.ownWrite()}
	if o.failure = r.open(ctx, &task, connections); o.failure != nil {
		return o
	}
	live, err := task.bucket.GetCORS(ctx)
	if err != nil {
		o.failure = failureOf(err)
		return o
	}
	succession := composeFor(task.key, holders, task.found(task.view(cors.Configuration{}, live)), nil)
	v := task.view(succession.configuration, live)
	d := departure{
		deletionPolicy: task.policy.Spec.DeletionPolicy,
		live:           live,
		ours:           cors.Hash(live) == v.appliedHash || task.ours(live),
		successors:     len(succession.parts) > 0,
		succession:     succession.configuration,
	}
	var original *savedConfiguration
	if d.needsOriginal() {
		if original, err = (archive{r.Client}).original(ctx, task.policy, task.key, task.before.OriginalRevision); err != nil {
			o.failure = notRestored(task.key, err)
			return o
		}
	}
	if original != nil {
		d.original, o.original = &original.configuration, original.revision
		if v.write == nil && !ownedBefore(task.before) {
			// Neither a status nor the log tells of the write that came after it.
			v.write = &write{time: original.foundAt}
		}
	}
	o.unsettled, d.outdated = v.write, v.outdated()
	var target cors.Configuration
	if o.action, target = d.decide(); o.action == settle {
		return o
	}
	o.unknown = o.action == spared && d.ours
	if o.action == handedOver && original != nil {
		if err := (archive{r.Client}).bequeath(ctx, *original, task.key, heirs(holders)); err != nil {
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
	return o
}

// leaveDenied is what becomes of a bucket that leaves a policy which may not touch
// it any more: the heirs get its original, and nothing else is done.
func (r *PolicyReconciler) leaveDenied(ctx context.Context, task bucketTask, heirs []*s3v1alpha1.BucketCORSPolicy) bucketOutcome {
	o := bucketOutcome{denied: task.denied}
	if o.denied == "" {
		o.denied = fmt.Sprintf("BucketProvider %q does not grant it to namespace %q any more", task.provider.Name, task.tenant.namespace)
	}
	if len(heirs) == 0 {
		return o
	}
	archive := archive{r.Client}
	original, err := archive.original(ctx, task.policy, task.key, task.before.OriginalRevision)
	if err == nil && original != nil {
		err = archive.bequeath(ctx, *original, task.key, heirs)
	}
	if err != nil {
		return bucketOutcome{failure: notRestored(task.key, err)}
	}
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
