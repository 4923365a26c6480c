// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	ctrlevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	s3v1alpha1ac "github.com/bucketcors/bucketcors/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
)

// providerIndex is the index of policies in the cache by the provider they use,
// whether they name it or leave it to the default.
const providerIndex = "spec.providerRef.name"

const (
	// providersAtOnce is how many providers are checked at a time, so that an STS
	// that does not answer delays no other provider.
	providersAtOnce = 4
	// checkTimeout bounds the look at a provider, the retries of STS included.
	checkTimeout = 30 * time.Second
	// countingDelay is how long policies are left to come and go before those of
	// a provider are counted, so that many of them at once cost one write.
	countingDelay = 2 * time.Second
)

// ProviderReconciler keeps the status of every BucketProvider. All exported
// fields but Wrap are required.
type ProviderReconciler struct {
	// Client reads policies and providers from a cache and Secrets from the API
	// server.
	Client      client.Client
	Connections Connections
	Recorder    events.EventRecorder
	Clock       clock.PassiveClock
	// Namespace is the operator's: the Secrets of providers are there.
	Namespace string
	// CheckInterval is the time between two looks at a provider that is ready.
	CheckInterval time.Duration
	// Wrap is as that of PolicyReconciler.
	Wrap func(reconcile.Reconciler) reconcile.Reconciler

	retries retries
}

// Server-side apply of the status is a patch of it. Events of what has no
// namespace are written in the namespace default.
// +kubebuilder:rbac:groups=s3.bucketcors.dev,resources=bucketproviders/status,verbs=patch

// Reconcile makes one pass over a provider. It is given the name alone, so that
// it sees a provider that is gone.
func (r *ProviderReconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var provider s3v1alpha1.BucketProvider
	switch err := r.Client.Get(ctx, request.NamespacedName, &provider); {
	case apierrors.IsNotFound(err):
		r.Connections.Forget(request.Name)
		return ctrl.Result{}, nil
	case err != nil:
		return ctrl.Result{}, fmt.Errorf("read BucketProvider %q: %w", request.Name, err)
	}
	policies, err := r.policies(ctx, provider.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	failure, err := r.check(ctx, &provider)
	if ctx.Err() != nil {
		// What fails because the operator is told to stop says nothing of the
		// provider.
		return ctrl.Result{}, nil //nolint:nilerr // a stop is no error to be logged and tried again
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	status := statusOfProvider(&provider, failure, policies, r.Clock.Now().Truncate(time.Second))
	switch err := r.publish(ctx, &provider, status); {
	case isStale(err):
		return ctrl.Result{RequeueAfter: staleInterval}, nil
	case err != nil:
		return ctrl.Result{}, err
	}
	return r.result(ctx, provider.UID, failure), nil
}

// policies is how many policies use a provider.
func (r *ProviderReconciler) policies(ctx context.Context, providerName string) (int, error) {
	var policies s3v1alpha1.BucketCORSPolicyList
	if err := r.Client.List(ctx, &policies, client.MatchingFields{providerIndex: providerName}, client.UnsafeDisableDeepCopy); err != nil {
		return 0, fmt.Errorf("list the policies of BucketProvider %q: %w", providerName, err)
	}
	return len(policies.Items), nil
}

// check is what keeps policies from using a provider as it is meant; nil when
// nothing does. An error is that the API server could not be asked.
func (r *ProviderReconciler) check(ctx context.Context, provider *s3v1alpha1.BucketProvider) (*bucket.Error, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	connection, err := connect(ctx, r.Client, r.Namespace, provider)
	if failure, ok := errors.AsType[*bucket.Error](err); ok {
		return failure, nil
	}
	if err != nil {
		return nil, err
	}
	if err := r.Connections.Check(ctx, connection); err != nil {
		return ofTheSpec(failureOf(err)), nil
	}
	if bad := badSelector(provider.Spec.Access); bad != "" {
		return &bucket.Error{
			Reason: bucket.ProviderInvalid, Fate: bucket.Invalid,
			Message: fmt.Sprintf("BucketProvider %q: %s", provider.Name, bad),
		}, nil
	}
	return nil, nil
}

// ofTheSpec is a failure as the provider has it. What a policy waits for, its
// provider mended, takes a change of the spec here.
func ofTheSpec(failure *bucket.Error) *bucket.Error {
	written := failure.Reason == bucket.InvalidEndpoint || failure.Reason == bucket.InvalidCABundle
	if failure.Fate != bucket.Waiting || !written {
		return failure
	}
	mine := *failure
	mine.Fate = bucket.Invalid
	return &mine
}

// publish writes the status when it changed and then, when it is stored, tells
// an event when Ready turned.
func (r *ProviderReconciler) publish(ctx context.Context, provider *s3v1alpha1.BucketProvider, status s3v1alpha1.BucketProviderStatus) error {
	if equality.Semantic.DeepEqual(provider.Status, status) {
		return nil
	}
	apply, err := providerStatusApplyConfiguration(provider, status)
	if err != nil {
		return err
	}
	if err := r.Client.Status().Apply(ctx, apply, client.FieldOwner(FieldOwner), client.ForceOwnership); err != nil {
		return fmt.Errorf("apply the status: %w", err)
	}
	record(ctx, r.Recorder, provider, turnOfReady(provider.Status.Conditions, status.Conditions))
	return nil
}

// providerStatusApplyConfiguration is the whole status, to be applied only to
// the version of the provider that it was computed from.
func providerStatusApplyConfiguration(provider *s3v1alpha1.BucketProvider, status s3v1alpha1.BucketProviderStatus) (*s3v1alpha1ac.BucketProviderApplyConfiguration, error) {
	fields, err := applyFields[s3v1alpha1ac.BucketProviderStatusApplyConfiguration](status)
	if err != nil {
		return nil, err
	}
	return s3v1alpha1ac.BucketProvider(provider.Name).
		WithUID(provider.UID).WithResourceVersion(provider.ResourceVersion).WithStatus(fields), nil
}

// result is when to look again. What passes by itself is tried again with
// backoff; what only a change of the spec mends, when that comes.
func (r *ProviderReconciler) result(ctx context.Context, uid types.UID, failure *bucket.Error) ctrl.Result {
	next := wait.Jitter(r.CheckInterval, jitterFactor)
	if failure != nil && failure.Fate == bucket.Transient {
		next = min(next, r.retries.next(uid))
		logf.FromContext(ctx).Info("trying again", "after", next.String(), "cause", failure.Error())
		return ctrl.Result{RequeueAfter: next}
	}
	r.retries.forget(uid)
	switch {
	case failure == nil:
	case failure.Fate == bucket.Invalid:
		next = 0
	// Whoever corrects keys wants to see whether they are right now.
	case failure.Fate == bucket.Waiting, failure.Reason == bucket.CredentialsInvalid:
		next = min(next, wait.Jitter(waitingInterval, jitterFactor))
	}
	return ctrl.Result{RequeueAfter: next}
}

// SetupWithManager adds the reconciler to a manager.
func (r *ProviderReconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager) error {
	if r.Client == nil || r.Connections == nil || r.Recorder == nil || r.Clock == nil || r.Namespace == "" || r.CheckInterval <= 0 {
		return errors.New("set up the provider reconciler: a required field is not set")
	}
	if err := mgr.GetFieldIndexer().IndexField(ctx, &s3v1alpha1.BucketCORSPolicy{}, providerIndex, indexProvider); err != nil {
		return fmt.Errorf("index policies by the provider they use: %w", err)
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("bucketprovider").
		For(&s3v1alpha1.BucketProvider{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&s3v1alpha1.BucketCORSPolicy{}, countingHandler()).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: providersAtOnce,
			// For errors of the API server; those of STS are no errors of a pass.
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		}).
		Complete(wrapped(r, r.Wrap))
}

func indexProvider(object client.Object) []string {
	return []string{providerName(object.(*s3v1alpha1.BucketCORSPolicy))}
}

// countingHandler has the policies of a provider counted a little later when
// one comes, goes or uses another.
func countingHandler() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	soon := func(q queue, policies ...client.Object) {
		names := sets.New[string]()
		for _, policy := range policies {
			names.Insert(indexProvider(policy)...)
		}
		for name := range names {
			q.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}, countingDelay)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e ctrlevent.CreateEvent, q queue) {
			// The first pass over each provider comes after the initial list.
			if !e.IsInInitialList {
				soon(q, e.Object)
			}
		},
		UpdateFunc: func(_ context.Context, e ctrlevent.UpdateEvent, q queue) {
			if indexProvider(e.ObjectOld)[0] != indexProvider(e.ObjectNew)[0] {
				soon(q, e.ObjectOld, e.ObjectNew)
			}
		},
		DeleteFunc: func(_ context.Context, e ctrlevent.DeleteEvent, q queue) { soon(q, e.Object) },
	}
}
