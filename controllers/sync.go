// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
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
	o := outcome{acceptance: accept(policy, provider)}
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
	name    string
	bucket  Bucket
	log     *writeLog
	now     time.Time
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
	for i, reference := range policy.Spec.Buckets {
		o := &outcomes[i]
		o.name = reference.Name
		// Who owns a bucket is no business of a namespace that may not touch it.
		if o.denied = !granted(provider.Spec.Access, policy.Namespace, reference.Name); o.denied {
			continue
		}
		owner, err := r.owner(ctx, provider, reference.Name)
		if err != nil {
			return nil, err
		}
		if owner != nil && owner.UID != policy.UID {
			o.owner = client.ObjectKeyFromObject(owner).String()
			continue
		}
		o.failure = unconnected
	}

	var group errgroup.Group
	group.SetLimit(bucketsAtOnce)
	for i, reference := range policy.Spec.Buckets {
		o := &outcomes[i]
		if o.denied || o.owner != "" || o.failure != nil {
			continue
		}
		group.Go(func() error {
			opened, err := r.Buckets.Open(ctx, connection, locationFor(reference))
			if err != nil {
				o.failure = failureOf(err)
				return nil
			}
			*o = work(ctx, bucketTask{policy: policy, desired: desired, name: reference.Name, bucket: opened, log: &r.writes, now: r.now()})
			return nil
		})
	}
	return outcomes, group.Wait()
}

// syncBucket reads one bucket, and writes it only when it differs.
func (r *PolicyReconciler) syncBucket(ctx context.Context, task bucketTask) bucketOutcome {
	o := bucketOutcome{name: task.name, write: task.log.last(task.policy.UID, task.name)}
	live, err := task.bucket.GetCORS(ctx)
	if err != nil {
		o.failure = failureOf(err)
		return o
	}
	v := task.view(live)
	o.write = task.remembered(v)
	o.action = v.decide()
	if o.action == tell || o.action == mend {
		o.changes = cors.Diff(task.desired, live)
	}
	if o.action != put && o.action != mend {
		return o
	}

	if err := task.bucket.PutCORS(ctx, task.desired); err != nil {
		o.failure = failureOf(err)
		return o
	}
	entry := loggedWrite{write: write{time: r.now(), hash: cors.Hash(task.desired), replacedHash: cors.Hash(live)}.over(v.write)}
	if o.action == mend {
		entry.drift = driftFor(task.before(), o.changes, true, task.now)
	}
	task.log.record(task.policy.UID, task.name, entry)
	o.write = &entry
	logf.FromContext(ctx).Info("wrote the CORS configuration", "bucket", task.name, "rules", len(task.desired.Rules), "foreignChanges", len(o.changes))
	return o
}

// remembered is the last write to the bucket, from the log or else from the
// status; nil when there was none.
func (t bucketTask) remembered(v view) *loggedWrite {
	if logged := t.log.last(t.policy.UID, t.name); logged != nil || v.write == nil {
		return logged
	}
	return &loggedWrite{write: *v.write}
}

// before is the status of the bucket before this pass.
func (t bucketTask) before() s3v1alpha1.BucketStatus {
	for _, b := range t.policy.Status.Buckets {
		if b.Name == t.name {
			return b
		}
	}
	return s3v1alpha1.BucketStatus{}
}

// view is what decides about the bucket: its status knows of writes before the
// operator's start, the log of writes that no status tells yet.
func (t bucketTask) view(live cors.Configuration) view {
	before := t.before()
	v := view{
		desired:     t.desired,
		live:        live,
		appliedHash: before.ConfigurationHash,
		observe:     t.policy.Spec.Mode == s3v1alpha1.PolicyModeObserve,
		now:         t.now,
	}
	if before.LastAppliedTime != nil {
		v.write = &write{time: before.LastAppliedTime.Time, hash: before.ConfigurationHash}
	}
	logged := t.log.last(t.policy.UID, t.name)
	switch {
	case logged == nil || (v.write != nil && logged.time.Before(v.write.time)):
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

// owner is the policy that owns a bucket, from the cache.
func (r *PolicyReconciler) owner(ctx context.Context, provider *s3v1alpha1.BucketProvider, bucketName string) (*s3v1alpha1.BucketCORSPolicy, error) {
	var policies s3v1alpha1.BucketCORSPolicyList
	if err := r.Client.List(ctx, &policies, client.MatchingFields{bucketIndex: bucketName}); err != nil {
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
		claimants = append(claimants, claimant{policy, theirs})
	}
	return ownerOf(serviceOf(provider), bucketName, claimants), nil
}

// failureOf is the error of a bucket as the adapter classified it.
func failureOf(err error) *bucket.Error {
	if failure, ok := errors.AsType[*bucket.Error](err); ok {
		return failure
	}
	return &bucket.Error{Reason: bucket.ServerError, Fate: bucket.Transient, Message: err.Error(), Err: err}
}
