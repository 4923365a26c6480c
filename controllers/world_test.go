// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	clientgoapplyconfiguration "k8s.io/client-go/applyconfigurations"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/api/v1alpha1/applyconfiguration"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// world is a reconciler with an API server and an S3 service in memory.
type world struct {
	t          *testing.T
	client     client.Client
	s3         *service
	endpoints  *endpoints
	clock      *clocktesting.FakePassiveClock
	events     *eventList
	meter      *meterLog
	reconciler *PolicyReconciler
	// apiWrites counts the patches and applies of the operator.
	apiWrites atomic.Int32
	// createFault is what every creation is answered with; nil when it succeeds.
	createFault error
	// applyFault is what the next apply of a status is answered with; nil when
	// it succeeds.
	applyFault error
	// patchFault is what the patch of an object is answered with; nil when it
	// succeeds.
	patchFault func(client.Object) error
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	w := &world{t: t, s3: newService(), endpoints: &endpoints{findings: map[string][]PreflightFinding{}}, clock: clocktesting.NewFakePassiveClock(noon), events: &eventList{}, meter: &meterLog{}}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, corev1.AddToScheme, s3v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithStatusSubresource(&s3v1alpha1.BucketCORSPolicy{}).
		WithIndex(&s3v1alpha1.BucketCORSPolicy{}, bucketIndex, indexBuckets).
		WithTypeConverters(applyconfiguration.NewTypeConverter(scheme), clientgoapplyconfiguration.NewTypeConverter(clientgoscheme.Scheme), managedfields.NewDeducedTypeConverter()).
		WithInterceptorFuncs(interceptor.Funcs{
			Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
				if w.createFault != nil {
					return w.createFault
				}
				return c.Create(ctx, obj, opts...)
			},
			Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
				w.apiWrites.Add(1)
				if w.patchFault != nil {
					if err := w.patchFault(obj); err != nil {
						return err
					}
				}
				return c.Patch(ctx, obj, patch, opts...)
			},
			SubResourceApply: func(ctx context.Context, c client.Client, subResource string, obj runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if w.applyFault != nil {
					return w.applyFault
				}
				w.apiWrites.Add(1)
				return c.SubResource(subResource).Apply(ctx, obj, opts...)
			},
		}).Build()
	w.restart()
	return w
}

// restart is a new operator that knows nothing of the one before.
func (w *world) restart() {
	w.reconciler = &PolicyReconciler{Client: w.client, Buckets: w.s3, Preflights: w.endpoints, Recorder: w.events, Meter: w.meter, Clock: w.clock,
		Namespace: "bucketcors-system", DriftCheckInterval: 5 * time.Minute, Concurrency: 1}
}

// pass makes one pass over a policy and, if that has preflights sent, the one that
// is caused by the answers.
func (w *world) pass(policy *s3v1alpha1.BucketCORSPolicy) (ctrl.Result, error) {
	result, err := w.passUnanswered(policy)
	if err == nil && w.answerPreflights(w.t.Context()) {
		return w.passUnanswered(policy)
	}
	return result, err
}

// passUnanswered makes one pass over a policy.
func (w *world) passUnanswered(policy *s3v1alpha1.BucketCORSPolicy) (ctrl.Result, error) {
	return w.reconciler.Reconcile(w.t.Context(), requestFor(policy))
}

// answerPreflights sends what is to be sent, and returns whether that was anything.
func (w *world) answerPreflights(ctx context.Context) (sent bool) {
	queue := w.reconciler.verifications.ready()
	for queue.Len() > 0 {
		w.reconciler.verifyNext(ctx, queue)
		sent = true
	}
	return sent
}

// mustPass makes one pass that has to succeed, and returns the policy after it;
// nil when it is gone.
func (w *world) mustPass(policy *s3v1alpha1.BucketCORSPolicy) *s3v1alpha1.BucketCORSPolicy {
	w.t.Helper()
	if _, err := w.pass(policy); err != nil {
		w.t.Fatal(err)
	}
	after := w.get(policy)
	if after != nil && after.DeletionTimestamp.IsZero() {
		expectInvariants(w.t, after, after.Status)
	}
	return after
}

func (w *world) get(policy *s3v1alpha1.BucketCORSPolicy) *s3v1alpha1.BucketCORSPolicy {
	w.t.Helper()
	var found s3v1alpha1.BucketCORSPolicy
	switch err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(policy), &found); {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		w.t.Fatal(err)
	}
	return &found
}

// edit changes the spec of a policy as a person does.
func (w *world) edit(policy *s3v1alpha1.BucketCORSPolicy, change func(*s3v1alpha1.BucketCORSPolicySpec)) {
	w.t.Helper()
	found := w.get(policy)
	change(&found.Spec)
	found.Generation++
	if err := w.client.Update(w.t.Context(), found); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) delete(object client.Object) {
	w.t.Helper()
	if err := w.client.Delete(w.t.Context(), object); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) later(by time.Duration) { w.clock.SetTime(w.clock.Now().Add(by)) }

// expect compares the requests to S3 since the last call with want.
func (w *world) expect(want ...string) {
	w.t.Helper()
	got := w.s3.takeRequests()
	slices.Sort(want)
	expectEqual(w.t, "the requests to S3", got, want)
}

// expectReady compares the condition Ready of a policy with "Status Reason".
func (w *world) expectReady(policy *s3v1alpha1.BucketCORSPolicy, want string) {
	w.t.Helper()
	if len(policy.Status.Conditions) == 0 {
		w.t.Fatal("there are no conditions")
	}
	if c := policy.Status.Conditions[0]; string(c.Status)+" "+c.Reason != want {
		w.t.Errorf("Ready is %s %s (%s), not %s", c.Status, c.Reason, c.Message, want)
	}
}

// eventList is what was recorded.
type eventList struct {
	mu    sync.Mutex
	lines []string
}

func (l *eventList) Eventf(_, _ runtime.Object, kind, reason, action, note string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, kind+" "+reason+" "+action+": "+fmt.Sprintf(note, args...))
}

// take are the events since the last call.
func (l *eventList) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

// service is an S3 service in memory, which notes requests and does as told.
type service struct {
	mu       sync.Mutex
	live     map[string]cors.Configuration
	requests []string
	// faults answer requests such as "GET assets".
	faults map[string]error
	// stale answers reads in place of what is there.
	stale map[string]cors.Configuration
	// alias are the buckets that have another name too, by that name.
	alias map[string]string
	// opened are the connections of the buckets, by name.
	opened map[string]bucket.Provider
	// working and mostWorking count requests that are worked on at the same time.
	working, mostWorking int
	// hang makes requests wait for the end of their context.
	hang bool
}

func newService() *service {
	return &service{live: map[string]cors.Configuration{}, faults: map[string]error{}, stale: map[string]cors.Configuration{}, opened: map[string]bucket.Provider{}}
}

func (s *service) Open(_ context.Context, provider bucket.Provider, location bucket.Location) (Bucket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened[location.Name] = provider
	if err := s.faults["OPEN "+location.Name]; err != nil {
		return nil, err
	}
	label := labelOf(provider, location)
	return serviceBucket{s, label, cmp.Or(s.alias[label], label)}, nil
}

// labelOf is how requests name a bucket: with the service, where that is not
// the one of aProvider.
func labelOf(provider bucket.Provider, location bucket.Location) string {
	service := strings.TrimRight(strings.ToLower(provider.Endpoint), "/")
	if service == aProvider().Spec.Endpoint {
		return location.Name
	}
	return location.Name + "@" + service
}

// takeRequests are the requests since the last call, sorted.
func (s *service) takeRequests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := s.requests
	s.requests = nil
	slices.Sort(requests)
	return requests
}

// do is one request: it is noted, and fails when told to.
func (s *service) do(ctx context.Context, request string, work func()) error {
	s.mu.Lock()
	s.requests = append(s.requests, request)
	s.working++
	s.mostWorking = max(s.mostWorking, s.working)
	hang := s.hang
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.working--
	if err := s.faults[request]; err != nil {
		return err
	}
	if ctx.Err() != nil {
		return &bucket.Error{Reason: bucket.Timeout, Fate: bucket.Transient, Message: "no answer in time", Err: ctx.Err()}
	}
	work()
	return nil
}

type serviceBucket struct {
	service *service
	label   string // in requests
	name    string // in live
}

func (b serviceBucket) GetCORS(ctx context.Context) (live cors.Configuration, err error) {
	err = b.service.do(ctx, "GET "+b.label, func() {
		live = b.service.live[b.name]
		if old, found := b.service.stale[b.name]; found {
			live = old
		}
	})
	return live, err
}

func (b serviceBucket) PutCORS(ctx context.Context, configuration cors.Configuration) error {
	return b.service.do(ctx, "PUT "+b.label, func() { b.service.live[b.name] = configuration })
}

func (b serviceBucket) DeleteCORS(ctx context.Context) error {
	return b.service.do(ctx, "DELETE "+b.label, func() { delete(b.service.live, b.name) })
}

// aSecret is the Secret "s3-keys" in the operator's namespace.
func aSecret(data map[string]string) *corev1.Secret {
	secret := &corev1.Secret{Data: map[string][]byte{}}
	secret.Namespace, secret.Name = "bucketcors-system", "s3-keys"
	for key, value := range data {
		secret.Data[key] = []byte(value)
	}
	return secret
}
