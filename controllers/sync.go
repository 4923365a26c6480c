// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// sync brings the buckets of a policy to what it says and reports what it
// learned and did. An error is that the API server could not be asked: then
// nothing was learned and nothing done.
func (r *PolicyReconciler) sync(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy) (outcome, error) {
	around, err := r.surroundings(ctx, policy)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{acceptance: accept(policy, around.provider, around.tenant), provider: around.provider, service: around.service(), dialect: dialectOf(around.provider)}
	if !o.acceptance.workable() || policy.Spec.Suspend {
		return o, nil
	}
	o.buckets, err = r.work(ctx, tasksFor(policy, around, o.acceptance.denied))
	return o, err
}

// syncBucket reads one bucket, and writes it only when it differs and what was
// there has been saved.
func (r *PolicyReconciler) syncBucket(ctx context.Context, task bucketTask) bucketOutcome {
	o := bucketOutcome{write: task.ownWrite()}
	live, err := task.bucket.GetCORS(ctx)
	if err != nil {
		o.failure = failureOf(err)
		return o
	}
	// What is in force of others may not be in an answer from before the last write.
	c := task.compose(task.found(task.view(cors.Configuration{}, live)))
	if o.unmet = truncate(c.unmetOf(task.policy), maxMessageLength); o.unmet != "" {
		if _, inForce := c.partOf(task.policy); inForce && cors.Equal(c.configuration, live) {
			o.desired = desiredOf(c, task.policy, live)
		}
		return o
	}
	if why := c.refusalOf(task.policy); why != "" {
		o.crowded, o.conflict = true, why+"; until then none of its rules is on the bucket"
		return o
	}
	o.desired = desiredOf(c, task.policy, live)
	v := task.view(c.configuration, live)
	o.unsettled = v.write
	o.action = v.decide()
	if o.action == tell || o.action == mend {
		o.changes = cors.Diff(v.desired, live)
	}
	writes := o.action == put || o.action == mend
	if writes {
		if o.failure = task.log.rejected(task.key, o.desired.hash); o.failure != nil {
			return o
		}
	}
	if o.original, err = r.preserve(ctx, task, v, o.action); err != nil {
		o.failure = notSaved(task.key, err)
		return o
	}
	if writes {
		r.apply(ctx, task, v, &o)
	}
	if verifies(task.policy) {
		o.desired.former = task.former()
	}
	return o
}

// preserve saves what is on a bucket where that is about to be lost, and returns
// the name of the revision with what was there before the policy came.
func (r *PolicyReconciler) preserve(ctx context.Context, task bucketTask, v view, next action) (original string, err error) {
	if v.observe || next == settle {
		return task.before.OriginalRevision, nil
	}
	archive, found := archive{r.Client}, task.found(v)
	original = task.before.OriginalRevision
	if original == "" {
		if err := r.followMove(ctx, task, found); err != nil {
			return "", err
		}
		saved, err := archive.takeOver(ctx, task.policy, task.key, task.predecessors(), found, task.now)
		if err != nil {
			return "", err
		}
		original = saved.revision
		if same(saved.configuration, found) {
			return original, nil
		}
	}
	if overwrites := next == put || next == mend; overwrites && len(found.Rules) > 0 && !task.wrote(cors.Hash(found)) {
		return original, archive.save(ctx, task.policy, task.key, found, task.now)
	}
	return original, nil
}

// apply puts the desired configuration on a bucket, and adds to the outcome what
// came of it.
func (r *PolicyReconciler) apply(ctx context.Context, task bucketTask, v view, o *bucketOutcome) {
	if err := task.bucket.PutCORS(ctx, v.desired); err != nil {
		o.failure = failureOf(err)
		if o.failure.Fate == bucket.Invalid {
			task.log.reject(task.key, o.desired.hash, o.failure)
		}
		return
	}
	var drift *s3v1alpha1.Drift
	if o.action == mend {
		drift = driftFor(task.before, o.changes, true, task.now)
	}
	o.write = task.logWrite(v, v.desired, drift, r.now())
	o.unsettled = &o.write.write
}

// desired is what a policy wants on a bucket.
type desired struct {
	hash string
	// configuration is that which is wanted; empty unless the policy verifies it.
	configuration cors.Configuration
	// former are those that answers may still be of.
	former []cors.Configuration
	// rulesHash is of the policy's own rules in it.
	rulesHash string
	// sharedWith are the other policies whose rules are there, as namespace/name.
	sharedWith []string
	// shadows says which rules the others keep from answering.
	shadows string
}

func desiredOf(c composition, policy *s3v1alpha1.BucketCORSPolicy, live cors.Configuration) *desired {
	d := &desired{hash: cors.Hash(c.configuration), sharedWith: c.others(policy), shadows: c.shadowsOf(policy)}
	if verifies(policy) {
		d.configuration = c.configuration
	}
	if part, found := c.partOf(policy); found {
		rules := c.configuration.Rules
		// Where the server makes up ids, the rules are known by those.
		if cors.Equal(c.configuration, live) {
			rules = live.Rules
		}
		d.rulesHash = cors.Hash(cors.Configuration{Rules: rules[part.from:part.to]})
	}
	return d
}

// notSaved is why nothing was written to a bucket.
func notSaved(key bucketKey, err error) *bucket.Error {
	return &bucket.Error{
		Reason: s3v1alpha1.ReasonNotSaved, Fate: bucket.Transient, Err: err,
		Message: fmt.Sprintf("nothing was written to bucket %q, because what is there could not be saved first: %s", key.name, truncate(err.Error(), maxChangeLength)),
	}
}

// failureOf is the error of a bucket as the adapter classified it.
func failureOf(err error) *bucket.Error {
	if failure, ok := errors.AsType[*bucket.Error](err); ok {
		return failure
	}
	return &bucket.Error{Reason: bucket.ServerError, Fate: bucket.Transient, Message: err.Error(), Err: err}
}
