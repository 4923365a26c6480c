// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoapplyconfiguration "k8s.io/client-go/applyconfigurations"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	ctrlevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/api/v1alpha1/applyconfiguration"
	"github.com/bucketcors/bucketcors/internal/bucket"
)

// connections answer as told, and note what they are asked.
type connections struct {
	fault             error
	checked           []bucket.Provider
	forgotten         []string
	beforeCheckAnswer func()
}

func (c *connections) Check(_ context.Context, provider bucket.Provider) error {
	c.checked = append(c.checked, provider)
	if c.beforeCheckAnswer != nil {
		c.beforeCheckAnswer()
	}
	return c.fault
}

func (c *connections) Forget(name string) { c.forgotten = append(c.forgotten, name) }

// providerWorld is a reconciler of providers with an API server in memory.
type providerWorld struct {
	t           *testing.T
	client      client.Client
	connections *connections
	clock       *clocktesting.FakePassiveClock
	events      *eventList
	reconciler  *ProviderReconciler
	// requests are those to the API server that are no reads of the cache.
	requests []string
	// faults answer requests such as "GET Secret".
	faults map[string]error
}

func newProviderWorld(t *testing.T, objects ...client.Object) *providerWorld {
	t.Helper()
	w := &providerWorld{t: t, connections: &connections{}, clock: clocktesting.NewFakePassiveClock(noon), events: &eventList{}, faults: map[string]error{}}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, s3v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithStatusSubresource(&s3v1alpha1.BucketProvider{}).
		WithIndex(&s3v1alpha1.BucketCORSPolicy{}, providerIndex, indexProvider).
		WithTypeConverters(applyconfiguration.NewTypeConverter(scheme), clientgoapplyconfiguration.NewTypeConverter(clientgoscheme.Scheme)).
		WithInterceptorFuncs(interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				request := fmt.Sprintf("GET %T", obj)
				if _, ok := obj.(*corev1.Secret); ok {
					request = "GET Secret"
					w.requests = append(w.requests, request)
				}
				if err := w.faults[request]; err != nil {
					return err
				}
				return c.Get(ctx, key, obj, opts...)
			},
			List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
				if err := w.faults["LIST"]; err != nil {
					return err
				}
				return c.List(ctx, list, opts...)
			},
			SubResourceApply: func(ctx context.Context, c client.Client, subResource string, obj runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
				if subResource != "status" {
					t.Errorf("%s is written", subResource)
				}
				w.requests = append(w.requests, "APPLY")
				if err := w.faults["APPLY"]; err != nil {
					return err
				}
				// The fake client would create the object, which no API server does for
				// a subresource.
				if err := c.Get(ctx, types.NamespacedName{Name: s3v1alpha1.DefaultProviderName}, &s3v1alpha1.BucketProvider{}); err != nil {
					return err
				}
				return c.SubResource(subResource).Apply(ctx, obj, opts...)
			},
		}).Build()
	w.reconciler = &ProviderReconciler{Client: w.client, Connections: w.connections, Recorder: w.events, Clock: w.clock,
		Namespace: "bucketcors-system", CheckInterval: 5 * time.Minute}
	return w
}

func (w *providerWorld) pass(ctx context.Context) (ctrl.Result, error) {
	return w.reconciler.Reconcile(ctx, reconcile.Request{NamespacedName: types.NamespacedName{Name: s3v1alpha1.DefaultProviderName}})
}

// mustPass makes one pass over the default provider that has to succeed, and
// returns the provider and when the next one is.
func (w *providerWorld) mustPass() (*s3v1alpha1.BucketProvider, time.Duration) {
	w.t.Helper()
	result, err := w.pass(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	provider := w.get()
	if provider != nil {
		expectProviderInvariants(w.t, provider, provider.Status)
	}
	return provider, result.RequeueAfter
}

// get is the default provider; nil when there is none.
func (w *providerWorld) get() *s3v1alpha1.BucketProvider {
	w.t.Helper()
	var provider s3v1alpha1.BucketProvider
	switch err := w.client.Get(w.t.Context(), types.NamespacedName{Name: s3v1alpha1.DefaultProviderName}, &provider); {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		w.t.Fatal(err)
	}
	return &provider
}

func (w *providerWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// expect compares Ready with "Status Reason", and the requests to the API
// server and the events since the last call.
func (w *providerWorld) expect(ready string, requests, events []string) {
	w.t.Helper()
	provider := w.get()
	if len(provider.Status.Conditions) == 0 {
		w.t.Fatal("there are no conditions")
	}
	if c := provider.Status.Conditions[0]; string(c.Status)+" "+c.Reason != ready {
		w.t.Errorf("Ready is %s %s (%s), not %s", c.Status, c.Reason, c.Message, ready)
	}
	expectEqual(w.t, "the requests to the API server", w.requests, requests)
	expectEqual(w.t, "the events", w.events.take(), events)
	w.requests = nil
}

// withSecret is the default provider with the keys of Secret s3-keys.
func withSecret() *s3v1alpha1.BucketProvider {
	provider := aProvider()
	provider.UID = "default-1"
	provider.Spec.Credentials = &s3v1alpha1.ProviderCredentials{SecretRef: &s3v1alpha1.SecretReference{Name: "s3-keys"}}
	return provider
}

func goodSecret() *corev1.Secret {
	return aSecret(map[string]string{"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s3cr3t"})
}

const (
	becameReady = "Normal Ready Reconcile: " + providerReady
	noSecret    = `Warning SecretNotFound Reconcile: there is no Secret bucketcors-system/s3-keys, which BucketProvider "default" takes its credentials from`
	noKey       = `Warning SecretInvalid Reconcile: Secret bucketcors-system/s3-keys, which BucketProvider "default" takes its credentials from, has no AWS_SECRET_ACCESS_KEY`
)

func TestAProviderFollowsItsSecret(t *testing.T) {
	w := newProviderWorld(t, withSecret())
	_, next := w.mustPass()
	w.expect("False SecretNotFound", []string{"GET Secret", "APPLY"}, []string{noSecret})
	expectBetween(t, "while the Secret is missing", next, waitingInterval, waitingInterval*6/5)
	if len(w.connections.checked) > 0 {
		t.Error("a provider without keys was checked")
	}

	w.must(w.client.Create(t.Context(), aSecret(map[string]string{"AWS_ACCESS_KEY_ID": "AKIA"})))
	_, next = w.mustPass()
	w.expect("False SecretInvalid", []string{"GET Secret", "APPLY"}, []string{noKey})
	expectBetween(t, "while a key is missing", next, waitingInterval, waitingInterval*6/5)

	w.must(w.client.Update(t.Context(), goodSecret()))
	w.clock.SetTime(noon.Add(time.Minute))
	provider, next := w.mustPass()
	w.expect("True Ready", []string{"GET Secret", "APPLY"}, []string{becameReady})
	expectBetween(t, "when the provider is ready", next, 5*time.Minute, 6*time.Minute)
	if turned := provider.Status.Conditions[0].LastTransitionTime; !turned.Time.Equal(noon.Add(time.Minute)) {
		t.Errorf("Ready turned at %s", turned)
	}
	if len(w.connections.checked) != 1 || w.connections.checked[0].Credentials.AccessKeyID != "AKIA" || w.connections.checked[0].Name != "default" {
		t.Errorf("checked was %+v", w.connections.checked)
	}

	w.must(w.client.Delete(t.Context(), goodSecret()))
	w.mustPass()
	w.expect("False SecretNotFound", []string{"GET Secret", "APPLY"}, []string{noSecret})
}

func TestNothingIsWrittenWhileNothingChanges(t *testing.T) {
	for name, failure := range providerFailures {
		t.Run(name, func(t *testing.T) {
			w := newProviderWorld(t, withSecret(), goodSecret(), aPolicy("assets"))
			if failure != nil {
				w.connections.fault = failure
			}
			first, _ := w.mustPass()
			w.requests = nil
			w.events.take()
			for range 3 {
				w.clock.SetTime(w.clock.Now().Add(time.Hour))
				after, _ := w.mustPass()
				if after.ResourceVersion != first.ResourceVersion {
					t.Error("the provider was written")
				}
			}
			expectEqual(t, "the requests to the API server", w.requests, []string{"GET Secret", "GET Secret", "GET Secret"})
			expectEqual(t, "the events", w.events.take(), nil)
		})
	}
}

func TestAProviderWithoutASecretCostsNoRequestWhileNothingChanges(t *testing.T) {
	w := newProviderWorld(t, aProvider())
	w.mustPass()
	w.expect("True Ready", []string{"APPLY"}, []string{becameReady})
	w.mustPass()
	w.expect("True Ready", nil, nil)
}

func TestTheNextLookAtAProviderDependsOnWhatCanBeDone(t *testing.T) {
	const interval = 5 * time.Minute
	normal, soon := [2]time.Duration{interval, interval * 6 / 5}, [2]time.Duration{waitingInterval, waitingInterval * 6 / 5}
	never, backoff := [2]time.Duration{}, [2]time.Duration{firstRetry, firstRetry * 6 / 5}
	wants := map[string][2]time.Duration{
		"nothing":                                    normal,
		"a Secret that is not there":                 soon,
		"a Secret without a key":                     soon,
		"a file of the operator that cannot be read": soon,
		"an endpoint that is none":                   never,
		"a caBundle without certificates":            never,
		"a provider that cannot be used":             never,
		"a provider that does not fit its service":   normal,
		"a role that is refused":                     soon,
		"an STS that is none":                        normal,
		"a certificate that is not trusted":          normal,
		"an STS that asks for patience":              backoff,
		"an STS that is not there":                   backoff,
		"an STS that does not answer":                backoff,
		"an STS that fails":                          backoff,
		"a failure without a fate":                   normal,
	}
	for name, failure := range providerFailures {
		t.Run(name, func(t *testing.T) {
			want, judged := wants[name]
			if !judged {
				t.Fatal("nobody says when to look again")
			}
			w := newProviderWorld(t, aProvider())
			if failure != nil {
				w.connections.fault = failure
			}
			_, next := w.mustPass()
			expectBetween(t, "after "+name, next, want[0], want[1])
		})
	}
}

func TestTriesOfAProviderGetRarerUntilOneSucceeds(t *testing.T) {
	w := newProviderWorld(t, withSecret(), goodSecret())
	w.connections.fault = timedOut
	for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		_, next := w.mustPass()
		expectBetween(t, "the pause", next, want, want*6/5)
	}
	for range 10 {
		w.mustPass()
	}
	w.reconciler.CheckInterval = time.Minute
	_, next := w.mustPass()
	expectBetween(t, "the longest pause", next, time.Minute, time.Minute*6/5)
	w.connections.fault = nil
	w.mustPass()
	w.connections.fault = timedOut
	_, next = w.mustPass()
	expectBetween(t, "the pause after a success", next, time.Second, time.Second*6/5)
}

func TestAnErrorWithoutAFateIsTriedAgain(t *testing.T) {
	w := newProviderWorld(t, aProvider())
	w.connections.fault = errors.New("something else")
	w.mustPass()
	w.expect("Unknown ServerError", []string{"APPLY"}, []string{"Warning ServerError Reconcile: something else"})
}

func TestASelectorThatMakesNoSenseIsToldOnTheProvider(t *testing.T) {
	provider := aProvider()
	selecting := func(requirement metav1.LabelSelectorRequirement) s3v1alpha1.AccessGrant {
		return s3v1alpha1.AccessGrant{Buckets: []s3v1alpha1.BucketPattern{"*"}, NamespaceSelector: &metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{requirement},
		}}
	}
	provider.Spec.Access = append(provider.Spec.Access,
		selecting(metav1.LabelSelectorRequirement{Key: "team", Operator: metav1.LabelSelectorOpExists}),
		selecting(metav1.LabelSelectorRequirement{Key: "team", Operator: "in", Values: []string{"a"}}))
	w := newProviderWorld(t, provider)
	// What keeps everybody from using the provider comes first.
	w.connections.fault = providerFailures["an endpoint that is none"]
	w.mustPass()
	w.expect("False InvalidEndpoint", []string{"APPLY"}, []string{"Warning InvalidEndpoint Reconcile: the endpoint is no URL"})

	w.connections.fault = nil
	after, next := w.mustPass()
	w.expect("False ProviderInvalid", []string{"APPLY"}, []string{`Warning ProviderInvalid Reconcile: BucketProvider "default": ` +
		`spec.access[2].namespaceSelector is not a selector, so that the entry grants nothing: "in" is not a valid label selector operator`})
	if next != 0 || !meta.IsStatusConditionTrue(after.Status.Conditions, s3v1alpha1.ConditionStalled) {
		t.Errorf("the next look is in %s, the conditions are %+v", next, after.Status.Conditions)
	}
	if !granted(after.Spec.Access, tenant{namespace: "team-a"}, "assets") {
		t.Error("the other entries count no longer")
	}
}

func TestTheStatusIsAboutTheSpecThatWasSeen(t *testing.T) {
	w := newProviderWorld(t, aProvider())
	w.connections.fault = providerFailures["an endpoint that is none"]
	w.mustPass()
	w.expect("False InvalidEndpoint", []string{"APPLY"}, []string{"Warning InvalidEndpoint Reconcile: the endpoint is no URL"})
	edited := w.get()
	edited.Spec.Endpoint = "https://s3.example"
	edited.Generation++
	w.must(w.client.Update(t.Context(), edited))
	w.connections.fault = nil
	after, _ := w.mustPass()
	w.expect("True Ready", []string{"APPLY"}, []string{becameReady})
	if after.Status.ObservedGeneration != edited.Generation {
		t.Errorf("the status is about generation %d", after.Status.ObservedGeneration)
	}
	if got := w.connections.checked[1].Endpoint; got != "https://s3.example" {
		t.Errorf("checked was %s", got)
	}
}

func TestPoliciesAreCountedByTheProviderTheyUse(t *testing.T) {
	through := func(name string, policy *s3v1alpha1.BucketCORSPolicy) *s3v1alpha1.BucketCORSPolicy {
		policy.Spec.ProviderRef = &s3v1alpha1.ProviderReference{Name: name}
		return policy
	}
	web := namedPolicy("team-a", "web", noon, "assets")
	w := newProviderWorld(t, aProvider(), web, through("default", namedPolicy("team-b", "web", noon, "logs")), through("other", namedPolicy("team-a", "logs", noon, "logs")))
	count := func(want int32, events ...string) {
		t.Helper()
		provider, _ := w.mustPass()
		if provider.Status.Policies != want {
			t.Errorf("%d policies use the provider, not %d", provider.Status.Policies, want)
		}
		w.expect("True Ready", []string{"APPLY"}, events)
	}
	count(2, becameReady)
	w.must(w.client.Create(t.Context(), namedPolicy("team-c", "web", noon, "media")))
	count(3)
	w.must(w.client.Update(t.Context(), through("other", web)))
	count(2)
	w.must(w.client.DeleteAllOf(t.Context(), &s3v1alpha1.BucketCORSPolicy{}, client.InNamespace("team-b")))
	count(1)
	w.must(w.client.DeleteAllOf(t.Context(), &s3v1alpha1.BucketCORSPolicy{}, client.InNamespace("team-c")))
	count(0)
}

func TestAProviderThatIsGoneIsForgottenAndNotResurrected(t *testing.T) {
	w := newProviderWorld(t, aProvider())
	w.connections.beforeCheckAnswer = func() { w.must(w.client.Delete(t.Context(), aProvider())) }
	provider, next := w.mustPass()
	if provider != nil {
		t.Fatalf("the provider is back: %+v", provider)
	}
	expectBetween(t, "when the provider went meanwhile", next, staleInterval, staleInterval)
	expectEqual(t, "what is forgotten", w.connections.forgotten, nil)
	expectEqual(t, "the events", w.events.take(), nil)

	_, next = w.mustPass()
	expectBetween(t, "when the provider is gone", next, 0, 0)
	expectEqual(t, "what is forgotten", w.connections.forgotten, []string{"default"})
}

func TestAStatusIsNotAppliedToAnotherVersionOfTheProvider(t *testing.T) {
	for name, meanwhile := range map[string]func(*providerWorld){
		"edited": func(w *providerWorld) {
			provider := w.get()
			provider.Spec.Region = "eu-west-1"
			provider.Generation++
			w.must(w.client.Update(t.Context(), provider))
		},
		"replaced by another of the same name": func(w *providerWorld) {
			w.must(w.client.Delete(t.Context(), aProvider()))
			provider := withSecret()
			provider.UID = "default-2"
			w.must(w.client.Create(t.Context(), provider))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newProviderWorld(t, withSecret(), goodSecret())
			w.connections.beforeCheckAnswer = func() { w.connections.beforeCheckAnswer = nil; meanwhile(w) }
			result, err := w.pass(t.Context())
			if err != nil {
				t.Fatalf("an error makes noise about what is none: %v", err)
			}
			expectBetween(t, "when the provider changed meanwhile", result.RequeueAfter, staleInterval, staleInterval)
			if status := w.get().Status; len(status.Conditions) > 0 {
				t.Errorf("the status is %+v", status)
			}
			expectEqual(t, "the events", w.events.take(), nil)
			w.mustPass()
			expectEqual(t, "the events of the next pass", w.events.take(), []string{becameReady})
		})
	}
}

func TestAnAPIServerThatFailsIsNoFailureOfTheProvider(t *testing.T) {
	unwell := apierrors.NewInternalError(errors.New("etcd"))
	for _, request := range []string{"GET *v1alpha1.BucketProvider", "LIST", "GET Secret", "APPLY"} {
		t.Run(request, func(t *testing.T) {
			w := newProviderWorld(t, withSecret(), goodSecret())
			w.faults[request] = unwell
			if _, err := w.pass(t.Context()); !errors.Is(err, unwell) {
				t.Errorf("the error is %v", err)
			}
			clear(w.faults)
			if status := w.get().Status; len(status.Conditions) > 0 {
				t.Errorf("the status is %+v", status)
			}
			expectEqual(t, "the events", w.events.take(), nil)
			expectEqual(t, "what is forgotten", w.connections.forgotten, nil)
		})
	}
}

func TestARightThatIsMissingIsToldOnTheProvider(t *testing.T) {
	w := newProviderWorld(t, withSecret(), goodSecret())
	w.faults["GET Secret"] = &apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonForbidden, Code: http.StatusForbidden}}
	w.mustPass()
	w.expect("False SecretNotFound", []string{"GET Secret", "APPLY"},
		[]string{`Warning SecretNotFound Reconcile: the operator has no right to get Secret bucketcors-system/s3-keys, which BucketProvider "default" takes its credentials from`})
}

func TestAStopSaysNothingOfTheProvider(t *testing.T) {
	w := newProviderWorld(t, aProvider())
	ctx, cancel := context.WithCancel(t.Context())
	w.connections.beforeCheckAnswer = cancel
	w.connections.fault = timedOut
	if result, err := w.pass(ctx); err != nil || result != (ctrl.Result{}) {
		t.Errorf("the pass ended with %+v, %v", result, err)
	}
	expectEqual(t, "the requests to the API server", w.requests, nil)
	expectEqual(t, "the events", w.events.take(), nil)
}

func TestPoliciesThatComeAndGoHaveTheirProvidersCounted(t *testing.T) {
	through := func(name string) *s3v1alpha1.BucketCORSPolicy {
		policy := aPolicy("assets")
		policy.Spec.ProviderRef = &s3v1alpha1.ProviderReference{Name: name}
		return policy
	}
	counting := countingHandler()
	for name, tt := range map[string]struct {
		happens func(context.Context, priorityqueue.PriorityQueue[reconcile.Request])
		want    []string
	}{
		"a policy is there from the start": {func(ctx context.Context, q priorityqueue.PriorityQueue[reconcile.Request]) {
			counting.Create(ctx, ctrlevent.CreateEvent{Object: aPolicy("assets"), IsInInitialList: true}, q)
		}, nil},
		"a policy comes": {func(ctx context.Context, q priorityqueue.PriorityQueue[reconcile.Request]) {
			counting.Create(ctx, ctrlevent.CreateEvent{Object: aPolicy("assets")}, q)
		}, []string{"default"}},
		"a policy goes": {func(ctx context.Context, q priorityqueue.PriorityQueue[reconcile.Request]) {
			counting.Delete(ctx, ctrlevent.DeleteEvent{Object: through("other")}, q)
		}, []string{"other"}},
		"a policy changes and stays with its provider": {func(ctx context.Context, q priorityqueue.PriorityQueue[reconcile.Request]) {
			counting.Update(ctx, ctrlevent.UpdateEvent{ObjectOld: aPolicy("assets"), ObjectNew: through("default")}, q)
		}, nil},
		"a policy turns to another provider": {func(ctx context.Context, q priorityqueue.PriorityQueue[reconcile.Request]) {
			counting.Update(ctx, ctrlevent.UpdateEvent{ObjectOld: aPolicy("assets"), ObjectNew: through("other")}, q)
		}, []string{"default", "other"}},
		"500 policies come at once and turn to another provider": {func(ctx context.Context, q priorityqueue.PriorityQueue[reconcile.Request]) {
			for range 500 {
				counting.Create(ctx, ctrlevent.CreateEvent{Object: aPolicy("assets")}, q)
				counting.Update(ctx, ctrlevent.UpdateEvent{ObjectOld: aPolicy("assets"), ObjectNew: through("other")}, q)
			}
		}, []string{"default", "other"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := priorityqueue.New[reconcile.Request]("test")
				defer q.ShutDown()
				tt.happens(t.Context(), q)
				synctest.Wait()
				if q.Len() > 0 {
					t.Errorf("%d are to be counted at once", q.Len())
				}
				<-time.After(2 * countingDelay)
				synctest.Wait()
				var got []string
				for range q.Len() {
					request, _ := q.Get()
					got = append(got, request.Name)
				}
				slices.Sort(got)
				expectEqual(t, "the providers", got, tt.want)
			})
		})
	}
}

func TestAReconcilerOfProvidersThatIsNotCompleteIsRefused(t *testing.T) {
	for name, forget := range map[string]func(*ProviderReconciler){
		"Client":        func(r *ProviderReconciler) { r.Client = nil },
		"Connections":   func(r *ProviderReconciler) { r.Connections = nil },
		"Recorder":      func(r *ProviderReconciler) { r.Recorder = nil },
		"Clock":         func(r *ProviderReconciler) { r.Clock = nil },
		"Namespace":     func(r *ProviderReconciler) { r.Namespace = "" },
		"CheckInterval": func(r *ProviderReconciler) { r.CheckInterval = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			r := newProviderWorld(t).reconciler
			forget(r)
			if err := r.SetupWithManager(t.Context(), nil); err == nil {
				t.Error("no error")
			}
		})
	}
}

func expectBetween(t *testing.T, what string, got, shortest, longest time.Duration) {
	t.Helper()
	if got < shortest || got > longest {
		t.Errorf("%s: %s is not between %s and %s", what, got, shortest, longest)
	}
}

func TestWhatPoliciesWaitForTakesAChangeOfTheProvider(t *testing.T) {
	for _, reason := range []bucket.Reason{bucket.InvalidEndpoint, bucket.InvalidCABundle} {
		w := newProviderWorld(t, aProvider())
		fault := &bucket.Error{Reason: reason, Fate: bucket.Waiting, Message: "as it is written it cannot be used"}
		w.connections.fault = fault
		_, next := w.mustPass()
		expectBetween(t, "after "+string(reason), next, 0, 0)
		if fault.Fate != bucket.Waiting {
			t.Errorf("%s: policies get the fate %v", reason, fault.Fate)
		}
	}
}
