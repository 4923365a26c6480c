// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// The indexes of policies in the cache.
const (
	bucketIndex   = "spec.buckets.name"
	providerIndex = "spec.providerRef.name"
)

// The bounds of the time between two tries of what failed and passes by itself.
const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// SetupWithManager adds the reconciler to a manager.
func (r *PolicyReconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager) error {
	if r.Client == nil || r.Buckets == nil || r.Recorder == nil || r.Clock == nil || r.Namespace == "" || r.DriftCheckInterval <= 0 {
		return errors.New("set up the policy reconciler: a required field is not set")
	}
	for field, extract := range map[string]client.IndexerFunc{bucketIndex: indexBuckets, providerIndex: indexProvider} {
		if err := mgr.GetFieldIndexer().IndexField(ctx, &s3v1alpha1.BucketCORSPolicy{}, field, extract); err != nil {
			return fmt.Errorf("index policies by %s: %w", field, err)
		}
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("bucketcorspolicy").
		For(&s3v1alpha1.BucketCORSPolicy{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&s3v1alpha1.BucketCORSPolicy{}, handler.EnqueueRequestsFromMapFunc(r.policiesOfSameBuckets),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&s3v1alpha1.BucketProvider{}, handler.EnqueueRequestsFromMapFunc(r.policiesOfProvider),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: r.Concurrency,
			RateLimiter: jitteredLimiter{
				workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
			},
		}).
		Complete(reconcile.AsReconciler(r.Client, r))
}

func indexBuckets(object client.Object) []string {
	var names []string
	for _, reference := range object.(*s3v1alpha1.BucketCORSPolicy).Spec.Buckets {
		names = append(names, reference.Name)
	}
	return names
}

func indexProvider(object client.Object) []string {
	return []string{providerName(object.(*s3v1alpha1.BucketCORSPolicy))}
}

// policiesOfSameBuckets are the other policies that name a bucket of a policy
// that came, changed or went: one of them may own it now, or no longer.
func (r *PolicyReconciler) policiesOfSameBuckets(ctx context.Context, object client.Object) []reconcile.Request {
	found := sets.New[types.NamespacedName]()
	for _, name := range indexBuckets(object) {
		found = found.Union(r.policiesWith(ctx, bucketIndex, name))
	}
	return requestsFor(found.Delete(client.ObjectKeyFromObject(object)))
}

// policiesOfProvider are the policies that a change of a provider concerns:
// those that use it, and those that share a bucket with one of these, because
// the grants of a provider decide who owns a bucket.
func (r *PolicyReconciler) policiesOfProvider(ctx context.Context, object client.Object) []reconcile.Request {
	var users s3v1alpha1.BucketCORSPolicyList
	if err := r.Client.List(ctx, &users, client.MatchingFields{providerIndex: object.GetName()}); err != nil {
		logf.FromContext(ctx).Error(err, "list the policies of a provider", "provider", object.GetName())
		return nil
	}
	found := sets.New[types.NamespacedName]()
	for i := range users.Items {
		found.Insert(client.ObjectKeyFromObject(&users.Items[i]))
		for _, name := range indexBuckets(&users.Items[i]) {
			found = found.Union(r.policiesWith(ctx, bucketIndex, name))
		}
	}
	return requestsFor(found)
}

func (r *PolicyReconciler) policiesWith(ctx context.Context, index, value string) sets.Set[types.NamespacedName] {
	found := sets.New[types.NamespacedName]()
	var policies s3v1alpha1.BucketCORSPolicyList
	if err := r.Client.List(ctx, &policies, client.MatchingFields{index: value}); err != nil {
		logf.FromContext(ctx).Error(err, "list policies by an index", "index", index, "value", value)
		return found
	}
	for i := range policies.Items {
		found.Insert(client.ObjectKeyFromObject(&policies.Items[i]))
	}
	return found
}

func requestsFor(names sets.Set[types.NamespacedName]) []reconcile.Request {
	requests := make([]reconcile.Request, 0, len(names))
	for name := range names {
		requests = append(requests, reconcile.Request{NamespacedName: name})
	}
	return requests
}

// jitteredLimiter keeps the policies that one outage hit from coming back in
// step.
type jitteredLimiter struct {
	workqueue.TypedRateLimiter[reconcile.Request]
}

func (l jitteredLimiter) When(request reconcile.Request) time.Duration {
	return wait.Jitter(l.TypedRateLimiter.When(request), jitterFactor)
}
