// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	s3v1alpha1ac "github.com/bucketcors/bucketcors/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

// FieldOwner is the owner of the fields that the operator writes.
const FieldOwner = "bucketcors"

// The bounds of one pass over a policy. The work on its buckets ends first, so
// that there is time left to tell what became of it.
const (
	reconcileTimeout = 2 * time.Minute
	workTimeout      = 90 * time.Second
	// workAfterStop is what is left of workTimeout when the operator is told to
	// stop. The manager waits longer than that.
	workAfterStop = 15 * time.Second
)

// PolicyReconciler keeps the buckets of every BucketCORSPolicy as it says. All
// exported fields but Wrap are required.
type PolicyReconciler struct {
	// Client reads policies and providers from a cache and Secrets from the API
	// server.
	Client     client.Client
	Buckets    Buckets
	Preflights Prober
	Recorder   events.EventRecorder
	Meter      Meter
	Clock      clock.PassiveClock
	// Namespace is the operator's: the Secrets of providers are there.
	Namespace string
	// DriftCheckInterval is the time between two looks at a bucket of a policy
	// that names none.
	DriftCheckInterval time.Duration
	// Concurrency is how many policies are worked on at a time.
	Concurrency int
	// Wrap goes around the reconciler, for example to trace its passes; nil for
	// nothing.
	Wrap func(reconcile.Reconciler) reconcile.Reconciler

	writes        writeLog
	looks         lookLog
	health        healthLog
	surveys       surveyLog
	verifications verificationLog
	readiness     readinessLog
	retries       retries
}

// The operator reads policies and providers, and marks policies that clean up
// with a finalizer: there is no narrower verb for that than patch.
// +kubebuilder:rbac:groups=s3.bucketcors.dev,resources=bucketcorspolicies,verbs=list;watch;patch
// +kubebuilder:rbac:groups=s3.bucketcors.dev,resources=bucketproviders,verbs=list;watch
//
// Grants may select namespaces by their labels, of which alone the cache keeps
// anything.
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=list;watch
//
// Server-side apply of the status is a patch of it.
// +kubebuilder:rbac:groups=s3.bucketcors.dev,resources=bucketcorspolicies/status,verbs=patch
//
// Events are written in the namespaces of the policies.
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
//
// Secrets are read one by one, by name, only in the operator's namespace: not
// listed, not watched.
// +kubebuilder:rbac:groups="",namespace=bucketcors-system,resources=secrets,verbs=get
//
// Leader election takes a lease, and says so in an event of the core group.
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=bucketcors-system,resources=leases,verbs=get;create;update
// +kubebuilder:rbac:groups="",namespace=bucketcors-system,resources=events,verbs=create;patch

// Reconcile makes one pass over a policy.
func (r *PolicyReconciler) Reconcile(ctx context.Context, request reconcile.Request) (ctrl.Result, error) {
	var policy s3v1alpha1.BucketCORSPolicy
	switch err := r.Client.Get(ctx, request.NamespacedName, &policy); {
	case apierrors.IsNotFound(err):
		r.verifications.forget(request.NamespacedName)
		r.readiness.forget(request.NamespacedName)
		return ctrl.Result{}, archive{r.Client}.abandon(ctx, request.NamespacedName)
	case err != nil:
		return ctrl.Result{}, fmt.Errorf("read the policy: %w", err)
	}
	return r.reconcile(ctx, &policy)
}

func (r *PolicyReconciler) reconcile(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy) (ctrl.Result, error) {
	// A signal to stop must not come between a write to a bucket and the status
	// that tells of it: the pass is finished, and the manager waits for it.
	work, cancelWork := workContext(ctx)
	defer cancelWork()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reconcileTimeout)
	defer cancel()

	if !policy.DeletionTimestamp.IsZero() {
		return r.finalize(ctx, work, policy)
	}
	r.readiness.begin(policy, r.Clock.Now())
	if err := r.ensureFinalizer(ctx, policy, cleansUp(policy)); err != nil {
		return r.lookAgain(policy, err)
	}
	o, err := r.sync(work, policy)
	if err == nil {
		o.verification = r.verify(policy, o)
		err = r.publish(ctx, policy, o)
	}
	if err != nil {
		return r.lookAgain(policy, err)
	}
	return r.result(ctx, policy, o)
}

// result is when to look again. What passes by itself is tried again with
// backoff, but no later than the other buckets of the policy are due.
func (r *PolicyReconciler) result(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, o outcome) (ctrl.Result, error) {
	interval := r.interval(policy)
	result, err := o.result(interval, r.now())
	r.looks.expectEarly(policy.UID, err != nil || o.waits() || o.verifiesBefore(interval, r.now()))
	switch {
	case err != nil:
		result.RequeueAfter = min(r.retries.next(policy.UID), wait.Jitter(interval, jitterFactor))
		logf.FromContext(ctx).Info("trying again", "after", result.RequeueAfter.String(), "cause", err.Error())
	case result.RequeueAfter == 0 && !policy.DeletionTimestamp.IsZero():
		result.RequeueAfter = wait.Jitter(interval, jitterFactor)
		fallthrough
	default:
		r.retries.forget(policy.UID)
	}
	return result, nil
}

// workContext bounds the work on buckets; when ctx is cancelled, more tightly.
func workContext(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), workTimeout)
	unhook := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(workAfterStop, cancel)
		context.AfterFunc(work, func() { timer.Stop() })
	})
	return work, func() {
		unhook()
		cancel()
	}
}

// publish writes the status when it changed and then, when it is stored, tells
// events what became different.
func (r *PolicyReconciler) publish(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, o outcome) error {
	status := statusFor(policy, o, r.now())
	var happened []event
	if !equality.Semantic.DeepEqual(policy.Status, status) {
		if err := r.applyStatus(ctx, policy, status); err != nil {
			return err
		}
		r.meter(policy, status)
		happened = slices.Concat(eventsFor(policy.Status, status), lintEvents(policy, o))
	}
	if len(o.buckets) > 0 {
		r.surveys.told(policy.UID)
	}
	if policy.DeletionTimestamp.IsZero() {
		happened = append(happened, departureEvents(o)...)
	}
	record(ctx, r.Recorder, policy, happened)
	return nil
}

func (r *PolicyReconciler) applyStatus(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, status s3v1alpha1.BucketCORSPolicyStatus) error {
	apply, err := statusApplyConfiguration(policy, status)
	if err != nil {
		return err
	}
	if err := r.Client.Status().Apply(ctx, apply, client.FieldOwner(FieldOwner), client.ForceOwnership); err != nil {
		return fmt.Errorf("apply the status: %w", err)
	}
	return nil
}

// statusApplyConfiguration is the whole status, to be applied only to the
// version of the policy that it was computed from: a field that is left out is
// lost, so nothing may have come between.
func statusApplyConfiguration(policy *s3v1alpha1.BucketCORSPolicy, status s3v1alpha1.BucketCORSPolicyStatus) (*s3v1alpha1ac.BucketCORSPolicyApplyConfiguration, error) {
	fields, err := applyFields[s3v1alpha1ac.BucketCORSPolicyStatusApplyConfiguration](status)
	if err != nil {
		return nil, err
	}
	return s3v1alpha1ac.BucketCORSPolicy(policy.Name, policy.Namespace).
		WithUID(policy.UID).WithResourceVersion(policy.ResourceVersion).WithStatus(fields), nil
}

// staleInterval is how soon a pass is made again that was based on an old
// version of the policy; the newer one is on its way to the cache.
const staleInterval = time.Second

// lookAgain is what becomes of a pass whose status could not be stored: what it
// did is asked of the archive next time. It takes the alarm out of an error that
// only says that the policy has changed meanwhile, or is gone.
func (r *PolicyReconciler) lookAgain(policy *s3v1alpha1.BucketCORSPolicy, err error) (ctrl.Result, error) {
	r.surveys.forget(policy.UID)
	if isStale(err) {
		return ctrl.Result{RequeueAfter: staleInterval}, nil
	}
	return ctrl.Result{}, err
}

// forget drops what is remembered of a policy that is gone.
func (r *PolicyReconciler) forget(policy types.UID) {
	r.surveys.forget(policy)
	r.looks.expectEarly(policy, false)
	r.retries.forget(policy)
}

// interval is the time between two looks at the buckets of a policy.
func (r *PolicyReconciler) interval(policy *s3v1alpha1.BucketCORSPolicy) time.Duration {
	if policy.Spec.DriftCheckInterval == nil {
		return r.DriftCheckInterval
	}
	return policy.Spec.DriftCheckInterval.Duration
}

// now is the time in the precision that the API stores.
func (r *PolicyReconciler) now() time.Time {
	return r.Clock.Now().Truncate(time.Second)
}
