// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
)

// bucketsAtOnce is how many buckets of one policy are worked on at a time.
const bucketsAtOnce = 4

// work does the tasks of a policy, a few at a time. One bucket's failure does not
// keep the others from being worked on. An error is that the API server could
// not be asked.
func (r *PolicyReconciler) work(ctx context.Context, tasks []bucketTask) ([]bucketOutcome, error) {
	connections, err := r.connections(ctx, tasks)
	if err != nil {
		return nil, err
	}
	now := r.now()
	for i := range tasks {
		tasks[i].log, tasks[i].now, tasks[i].interval = &r.writes, now, r.interval(tasks[i].policy)
	}
	outcomes := make([]bucketOutcome, len(tasks))
	if err := r.workOnEach(ctx, tasks, false, connections, outcomes); err != nil {
		return outcomes, err
	}
	// What becomes of a bucket that leaves may depend on one that stays.
	for i := range tasks {
		home := bucketKey{tasks[i].home, tasks[i].key.name}
		tasks[i].unseenAtHome = tasks[i].home != "" &&
			slices.ContainsFunc(outcomes, func(o bucketOutcome) bool { return o.key == home && o.failure != nil })
	}
	return outcomes, r.workOnEach(ctx, tasks, true, connections, outcomes)
}

// workOnEach does the tasks for buckets that leave, or for those that do not.
func (r *PolicyReconciler) workOnEach(ctx context.Context, tasks []bucketTask, leaving bool, connections map[string]connection, outcomes []bucketOutcome) error {
	var group errgroup.Group
	group.SetLimit(bucketsAtOnce)
	// Not always from the first: where time runs out, it does so for others.
	start := rand.IntN(max(1, len(tasks)))
	for i := range tasks {
		i = (start + i) % len(tasks)
		if tasks[i].leaving != leaving {
			continue
		}
		group.Go(func() error {
			var err error
			outcomes[i], err = r.workOn(ctx, tasks[i], connections)
			return err
		})
	}
	return group.Wait()
}

// connection is how to reach the service of a provider, or why it cannot be
// reached.
type connection struct {
	bucket.Provider
	failure *bucket.Error
}

// connections are those of all providers of some tasks, by name.
func (r *PolicyReconciler) connections(ctx context.Context, tasks []bucketTask) (map[string]connection, error) {
	connections := map[string]connection{}
	for _, task := range tasks {
		if task.provider == nil {
			continue
		}
		if _, known := connections[task.provider.Name]; known {
			continue
		}
		connected, err := r.connect(ctx, task.provider)
		var failure *bucket.Error
		if err != nil && !errors.As(err, &failure) {
			return nil, err
		}
		connections[task.provider.Name] = connection{connected, failure}
	}
	return connections, nil
}

// workOn does a task, as the only one that works on the bucket.
func (r *PolicyReconciler) workOn(ctx context.Context, task bucketTask, connections map[string]connection) (o bucketOutcome, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			logPanic(ctx, cause, "work on a bucket", "bucket", task.key.name)
			o.failure = &bucket.Error{
				Reason: bucket.ServerError, Fate: bucket.Transient,
				Message: fmt.Sprintf("the work on bucket %q met a mistake of the operator itself, which its log describes", task.key.name),
			}
		}
		o.task(task)
	}()
	defer task.log.lock(task.key)()
	if task.claimants, err = r.claimantsOf(ctx, task.key); err != nil {
		return bucketOutcome{}, err
	}
	if task.outrun() {
		return bucketOutcome{}, changedMeanwhile(task.policy)
	}
	task.claim = claimOn(task.key, task.claimants)
	if task.leaving {
		return r.leave(ctx, task, connections), nil
	}
	return r.stay(ctx, task, connections), nil
}

// logPanic tells of a mistake of the operator itself, which ends what was being done
// and nothing else.
func logPanic(ctx context.Context, cause any, doing string, about ...any) {
	logf.FromContext(ctx).Error(fmt.Errorf("panic: %v", cause), doing, append(about, "stack", string(debug.Stack()))...)
}

// changedMeanwhile is why a pass is given up: what it knows of the policy is not
// what the other policies of a bucket go by, and its status would be refused.
func changedMeanwhile(policy *s3v1alpha1.BucketCORSPolicy) error {
	return apierrors.NewConflict(s3v1alpha1.SchemeGroupVersion.WithResource("bucketcorspolicies").GroupResource(), policy.Name, errors.New("it has changed meanwhile"))
}

// stay does what there is to do about a bucket that its policy names.
func (r *PolicyReconciler) stay(ctx context.Context, task bucketTask, connections map[string]connection) bucketOutcome {
	// Who owns a bucket is no business of a namespace that may not touch it.
	if task.denied != "" {
		return bucketOutcome{denied: task.denied}
	}
	if task.tenant.terminating {
		return bucketOutcome{conflict: fmt.Sprintf("namespace %q is being deleted: what is on the bucket stays until the policy is deleted with it", task.tenant.namespace)}
	}
	if !task.claim.holds(task.policy) {
		return bucketOutcome{conflict: conflictOf(task.claim, task.policy)}
	}
	if again, found := r.looks.recall(task); found {
		return again
	}
	if failure := r.open(ctx, &task, connections); failure != nil {
		return bucketOutcome{failure: failure, unmet: task.unmetBefore(failure)}
	}
	o := r.syncBucket(ctx, task)
	if o.failure != nil && o.desired == nil {
		o.unmet = task.unmetBefore(o.failure)
	}
	r.looks.remember(task, o)
	return o
}

// open opens the bucket of a task, if there is a way to it and time left.
func (r *PolicyReconciler) open(ctx context.Context, task *bucketTask, connections map[string]connection) *bucket.Error {
	switch {
	case task.provider == nil:
		return unreached(task.key)
	case ctx.Err() != nil:
		return outOfTime(task.key)
	}
	connection := connections[task.provider.Name]
	if connection.failure != nil {
		return connection.failure
	}
	if failure := r.health.ask(task.provider.Name, task.key, r.now()); failure != nil {
		return failure
	}
	opened, err := r.Buckets.Open(ctx, connection.Provider, locationFor(task.reference))
	if err != nil {
		return failureOf(err)
	}
	task.bucket = watched{opened, func(err error) { r.health.note(task.provider.Name, task.key, err, r.now()) }}
	return nil
}

func outOfTime(key bucketKey) *bucket.Error {
	return &bucket.Error{
		Reason: bucket.Timeout, Fate: bucket.Transient,
		Message: fmt.Sprintf("bucket %q was not reached, because others of the policy took all the time", key.name),
	}
}

// unreached is a bucket that has left its policy together with its provider.
func unreached(key bucketKey) *bucket.Error {
	return &bucket.Error{
		Reason: s3v1alpha1.ReasonProviderNotFound, Fate: bucket.Waiting,
		Message: fmt.Sprintf("no BucketProvider that grants bucket %q to the policy reaches %s any more", key.name, key.service),
	}
}

// conflictOf is why a policy does not have a bucket.
func conflictOf(c claim, policy *s3v1alpha1.BucketCORSPolicy) string {
	if c.decider == nil {
		return "the policy is going away, or has not been seen by all yet"
	}
	decider := nameOf(c.decider)
	switch {
	case c.decider.Spec.Sharing == s3v1alpha1.SharingShared:
		return fmt.Sprintf("policy %s is older and shares this bucket: set spec.sharing to Shared to have the rules of this policy beside its own", decider)
	case policy.Spec.Sharing == s3v1alpha1.SharingShared:
		return fmt.Sprintf("policy %s is older and owns this bucket: this policy takes over when that one goes, or joins it when its spec.sharing is Shared", decider)
	default:
		return fmt.Sprintf("policy %s is older and owns this bucket; this policy takes over when that one goes", decider)
	}
}

// nameOf is the name of a policy in messages.
func nameOf(policy *s3v1alpha1.BucketCORSPolicy) string { return policy.Namespace + "/" + policy.Name }
