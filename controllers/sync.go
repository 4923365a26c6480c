// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// bucketsAtOnce is how many buckets of one policy are worked on at a time.
const bucketsAtOnce = 4

// sync brings the buckets of a policy to what it says and reports what it
// learned and did. An error is that the API server could not be asked: then
// nothing was learned and nothing done.
func (r *PolicyReconciler) sync(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy) (outcome, error) {
	provider, err := r.provider(ctx, providerName(policy))
	if err != nil {
		return outcome{}, err
	}
	o := outcome{acceptance: accept(policy, provider, tenant{namespace: policy.Namespace})}
	if !o.acceptance.workable() || policy.Spec.Suspend {
		return o, nil
	}
	o.buckets, err = r.eachBucket(ctx, policy, provider, o.acceptance.desired, r.syncBucket)
	return o, err
}

// bucketTask is one bucket of a policy to be worked on.
type bucketTask struct {
	policy  *s3v1alpha1.BucketCORSPolicy
	desired cors.Configuration
	key     bucketKey
	// before is the status of the bucket before this pass; the zero value when it
	// was another bucket of the same name.
	before s3v1alpha1.BucketStatus
	bucket Bucket
	log    *writeLog
	now    time.Time
}

// eachBucket works on those buckets of a policy that are its own, a few at a
// time. One bucket's failure does not keep the others from being worked on.
func (r *PolicyReconciler) eachBucket(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, provider *s3v1alpha1.BucketProvider,
	desired cors.Configuration, work func(context.Context, bucketTask) bucketOutcome,
) ([]bucketOutcome, error) {
	var unconnected *bucket.Error
	connection, err := r.connect(ctx, provider)
	if err != nil && !errors.As(err, &unconnected) {
		return nil, err
	}

	outcomes := make([]bucketOutcome, len(policy.Spec.Buckets))
	var group errgroup.Group
	group.SetLimit(bucketsAtOnce)
	// Not always from the first: where time runs out, it does so for others.
	start := rand.IntN(max(1, len(outcomes)))
	for i := range outcomes {
		i = (start + i) % len(outcomes)
		reference := policy.Spec.Buckets[i]
		group.Go(func() error {
			task := bucketTask{policy: policy, desired: desired, key: bucketKey{serviceOf(provider), reference.Name}, log: &r.writes, now: r.now()}
			task.before = statusBefore(policy, task.key)
			var err error
			outcomes[i], err = r.claimBucket(ctx, task, provider, func() bucketOutcome {
				if unconnected != nil {
					return bucketOutcome{failure: unconnected}
				}
				if ctx.Err() != nil {
					return bucketOutcome{failure: outOfTime(reference.Name)}
				}
				var err error
				if task.bucket, err = r.Buckets.Open(ctx, connection, locationFor(reference)); err != nil {
					return bucketOutcome{failure: failureOf(err)}
				}
				return work(ctx, task)
			})
			return err
		})
	}
	return outcomes, group.Wait()
}

// claimBucket does the work on a bucket if the policy may and the bucket is
// its own, and as the only one that works on it.
func (r *PolicyReconciler) claimBucket(ctx context.Context, task bucketTask, provider *s3v1alpha1.BucketProvider, work func() bucketOutcome) (o bucketOutcome, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			logf.FromContext(ctx).Error(fmt.Errorf("panic: %v", cause), "work on a bucket", "bucket", task.key.name, "stack", string(debug.Stack()))
			o.failure = &bucket.Error{
				Reason: bucket.ServerError, Fate: bucket.Transient,
				Message: fmt.Sprintf("the work on bucket %q met a mistake of the operator itself, which its log describes", task.key.name),
			}
		}
		o.name, o.service, o.applied = task.key.name, task.key.service, task.applied()
	}()
	// Who owns a bucket is no business of a namespace that may not touch it.
	if !granted(provider.Spec.Access, tenant{namespace: task.policy.Namespace}, task.key.name) {
		return bucketOutcome{denied: true}, nil
	}
	defer task.log.lock(task.key)()
	owner, err := r.owner(ctx, provider, task.key.name)
	switch {
	case err != nil:
		return bucketOutcome{}, err
	case owner == nil:
		// The policy is gone meanwhile.
		return bucketOutcome{denied: true}, nil
	case owner.UID != task.policy.UID:
		return bucketOutcome{owner: client.ObjectKeyFromObject(owner).String()}, nil
	}
	return work(), nil
}

func outOfTime(bucketName string) *bucket.Error {
	return &bucket.Error{
		Reason: bucket.Timeout, Fate: bucket.Transient,
		Message: fmt.Sprintf("bucket %q was not reached, because others of the policy took all the time", bucketName),
	}
}

// syncBucket reads one bucket, and writes it only when it differs.
func (r *PolicyReconciler) syncBucket(ctx context.Context, task bucketTask) bucketOutcome {
	o := bucketOutcome{write: task.ownWrite()}
	live, err := task.bucket.GetCORS(ctx)
	if err != nil {
		o.failure = failureOf(err)
		return o
	}
	v := task.view(live)
	o.unsettled = v.write
	o.action = v.decide()
	if o.action == tell || o.action == mend {
		o.changes = cors.Diff(task.desired, live)
	}
	if o.action != put && o.action != mend {
		return o
	}

	wanted := cors.Hash(task.desired)
	if o.failure = task.log.rejected(task.key, wanted); o.failure != nil {
		return o
	}
	if err := task.bucket.PutCORS(ctx, task.desired); err != nil {
		o.failure = failureOf(err)
		if o.failure.Fate == bucket.Invalid {
			task.log.reject(task.key, wanted, o.failure)
		}
		return o
	}
	var drift *s3v1alpha1.Drift
	if o.action == mend {
		drift = driftFor(task.before, o.changes, true, task.now)
	}
	o.write = task.logWrite(v, wanted, drift, r.now())
	o.unsettled = &o.write.write
	return o
}

// logWrite remembers that a view of the bucket was answered with a write.
func (t bucketTask) logWrite(v view, hash string, drift *s3v1alpha1.Drift, now time.Time) *loggedWrite {
	entry := loggedWrite{
		write:  write{time: now, hash: hash, replacedHash: cors.Hash(v.live)}.over(v.write),
		policy: t.policy.UID,
		drift:  drift,
	}
	t.log.record(t.key, entry)
	return &entry
}

// ownWrite is the last write of this policy to the bucket that is remembered.
func (t bucketTask) ownWrite() *loggedWrite {
	if logged := t.log.last(t.key); logged != nil && logged.policy == t.policy.UID {
		return logged
	}
	return nil
}

// applied is whether the policy ever had its configuration on the bucket.
func (t bucketTask) applied() bool {
	return t.before.ConfigurationHash != "" || t.before.LastAppliedTime != nil || t.ownWrite() != nil
}

// statusBefore is what the status of a policy says of a bucket, unless that was
// said of one of the same name elsewhere.
func statusBefore(policy *s3v1alpha1.BucketCORSPolicy, key bucketKey) s3v1alpha1.BucketStatus {
	for _, b := range policy.Status.Buckets {
		if b.Name == key.name && (b.Service == "" || key.service == "" || b.Service == key.service) {
			return b
		}
	}
	return s3v1alpha1.BucketStatus{Name: key.name}
}

// view is what decides about the bucket: its status knows of writes before the
// operator's start, the log of writes that no status tells yet, and of those of
// other policies while they have not settled.
func (t bucketTask) view(live cors.Configuration) view {
	v := view{
		desired:     t.desired,
		live:        live,
		appliedHash: t.before.ConfigurationHash,
		observe:     t.policy.Spec.Mode == s3v1alpha1.PolicyModeObserve,
		now:         t.now,
	}
	if t.before.LastAppliedTime != nil {
		v.write = &write{time: t.before.LastAppliedTime.Time, hash: t.before.ConfigurationHash}
	}
	logged := t.log.last(t.key)
	switch {
	case logged == nil || (v.write != nil && logged.time.Before(v.write.time)):
	case logged.policy != t.policy.UID:
		if t.now.Sub(logged.time) < settleTime {
			v.write, v.appliedHash = &logged.write, ""
		}
	case v.write != nil && logged.time.Equal(v.write.time):
		v.write = &logged.write
	default:
		v.write, v.appliedHash = &logged.write, logged.hash
	}
	return v
}

// provider is the BucketProvider of that name; nil when there is none.
func (r *PolicyReconciler) provider(ctx context.Context, name string) (*s3v1alpha1.BucketProvider, error) {
	var provider s3v1alpha1.BucketProvider
	if err := r.Client.Get(ctx, types.NamespacedName{Name: name}, &provider); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("read BucketProvider %q: %w", name, err)
	}
	return &provider, nil
}

// owner is the policy that owns a bucket, from the cache, with which it is
// shared: not to be changed. Nil when no policy may have it.
func (r *PolicyReconciler) owner(ctx context.Context, provider *s3v1alpha1.BucketProvider, bucketName string) (*s3v1alpha1.BucketCORSPolicy, error) {
	var policies s3v1alpha1.BucketCORSPolicyList
	if err := r.Client.List(ctx, &policies, client.MatchingFields{bucketIndex: bucketName}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the policies that name bucket %q: %w", bucketName, err)
	}
	claimants := make([]claimant, 0, len(policies.Items))
	for i := range policies.Items {
		policy := &policies.Items[i]
		theirs := provider
		if name := providerName(policy); name != provider.Name {
			var err error
			if theirs, err = r.provider(ctx, name); err != nil {
				return nil, err
			}
		}
		claimants = append(claimants, claimant{policy, theirs, tenant{namespace: policy.Namespace}})
	}
	return claimOn(bucketKey{serviceOf(provider), bucketName}, claimants).decider, nil
}

// failureOf is the error of a bucket as the adapter classified it.
func failureOf(err error) *bucket.Error {
	if failure, ok := errors.AsType[*bucket.Error](err); ok {
		return failure
	}
	return &bucket.Error{Reason: bucket.ServerError, Fate: bucket.Transient, Message: err.Error(), Err: err}
}
