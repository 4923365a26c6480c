// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// bucketIndex is the index of policies in the cache by the buckets that they name
// or that their status tells of.
const bucketIndex = "buckets.name"

// The bounds of the time between two tries of what failed and passes by itself.
const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// SetupWithManager adds the reconciler to a manager.
func (r *PolicyReconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager) error {
	if r.Client == nil || r.Buckets == nil || r.Preflights == nil || r.Recorder == nil || r.Meter == nil || r.Clock == nil || r.Namespace == "" || r.DriftCheckInterval <= 0 {
		return errors.New("set up the policy reconciler: a required field is not set")
	}
	if err := mgr.GetFieldIndexer().IndexField(ctx, &s3v1alpha1.BucketCORSPolicy{}, bucketIndex, indexBuckets); err != nil {
		return fmt.Errorf("index policies by the buckets they name: %w", err)
	}
	if err := mgr.Add(manager.RunnableFunc(r.verifyInBackground)); err != nil {
		return fmt.Errorf("set up what sends preflights: %w", err)
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("bucketcorspolicy").
		For(&s3v1alpha1.BucketCORSPolicy{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&s3v1alpha1.BucketCORSPolicy{}, handler.EnqueueRequestsFromMapFunc(r.policiesOfSameBuckets),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&s3v1alpha1.BucketProvider{}, handler.EnqueueRequestsFromMapFunc(r.policiesOfProvider),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.policiesOfNamespace),
			builder.WithPredicates(predicate.LabelChangedPredicate{})).
		WatchesRawSource(source.Func(r.verifications.wakeBy)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: r.Concurrency,
			// For errors of the API server; those of S3 are no errors of a pass.
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		}).
		Complete(wrapped(r, r.Wrap))
}

func wrapped(r reconcile.Reconciler, wrap func(reconcile.Reconciler) reconcile.Reconciler) reconcile.Reconciler {
	if wrap == nil {
		return r
	}
	return wrap(r)
}

func indexBuckets(object client.Object) []string {
	policy := object.(*s3v1alpha1.BucketCORSPolicy)
	names := sets.New[string]()
	for _, reference := range policy.Spec.Buckets {
		names.Insert(reference.Name)
	}
	for _, b := range policy.Status.Buckets {
		names.Insert(b.Name)
	}
	return names.UnsortedList()
}

// policiesOfSameBuckets are the other policies that name a bucket of a policy
// that came, changed or went: one of them may own it now, or no longer.
func (r *PolicyReconciler) policiesOfSameBuckets(ctx context.Context, object client.Object) []reconcile.Request {
	found := sets.New[reconcile.Request]()
	for _, name := range indexBuckets(object) {
		found.Insert(r.policiesWhere(ctx, func(*s3v1alpha1.BucketCORSPolicy) bool { return true }, client.MatchingFields{bucketIndex: name})...)
	}
	return found.Delete(requestFor(object)).UnsortedList()
}

// policiesOfProvider are the policies that a change of a provider concerns.
func (r *PolicyReconciler) policiesOfProvider(ctx context.Context, object client.Object) []reconcile.Request {
	return r.policiesBeside(ctx, func(policy *s3v1alpha1.BucketCORSPolicy) bool { return providerName(policy) == object.GetName() })
}

// policiesOfNamespace are the policies that a change of the labels of a namespace
// concerns.
func (r *PolicyReconciler) policiesOfNamespace(ctx context.Context, object client.Object) []reconcile.Request {
	return r.policiesBeside(ctx, func(policy *s3v1alpha1.BucketCORSPolicy) bool { return policy.Namespace == object.GetName() })
}

// policiesBeside are the policies that a change of what grants buckets to some
// policies concerns: those, and all that name a bucket of one of these, because
// grants decide who owns a bucket.
func (r *PolicyReconciler) policiesBeside(ctx context.Context, concerned func(*s3v1alpha1.BucketCORSPolicy) bool) []reconcile.Request {
	buckets := sets.New[string]()
	r.policiesWhere(ctx, func(policy *s3v1alpha1.BucketCORSPolicy) bool {
		if concerned(policy) {
			buckets.Insert(indexBuckets(policy)...)
		}
		return false
	})
	return r.policiesWhere(ctx, func(policy *s3v1alpha1.BucketCORSPolicy) bool { return buckets.HasAny(indexBuckets(policy)...) })
}

// policiesWhere asks the cache for policies. They are shared with it: not to be
// changed.
func (r *PolicyReconciler) policiesWhere(ctx context.Context, wanted func(*s3v1alpha1.BucketCORSPolicy) bool, options ...client.ListOption) []reconcile.Request {
	var policies s3v1alpha1.BucketCORSPolicyList
	if err := r.Client.List(ctx, &policies, append(options, client.UnsafeDisableDeepCopy)...); err != nil {
		logf.FromContext(ctx).Error(err, "list policies to look at after a change")
		return nil
	}
	var requests []reconcile.Request
	for i := range policies.Items {
		if wanted(&policies.Items[i]) {
			requests = append(requests, requestFor(&policies.Items[i]))
		}
	}
	return requests
}

func requestFor(object client.Object) reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKeyFromObject(object)}
}

// retries is the time between two tries of what failed and passes by itself,
// for each policy. The zero value is ready to use.
type retries struct {
	once    sync.Once
	limiter workqueue.TypedRateLimiter[types.UID]
}

func (r *retries) ready() workqueue.TypedRateLimiter[types.UID] {
	r.once.Do(func() {
		r.limiter = workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](firstRetry, lastRetry)
	})
	return r.limiter
}

// next is the time until the next try; jitter keeps the policies that one outage
// hit from coming back in step.
func (r *retries) next(policy types.UID) time.Duration {
	return wait.Jitter(r.ready().When(policy), jitterFactor)
}

func (r *retries) forget(policy types.UID) { r.ready().Forget(policy) }
