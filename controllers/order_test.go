// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

var (
	firstScenario = flag.Uint64("scenario", 1, "the first random scenario of TestTheOrderOfEventsDoesNotMatter")
	scenarios     = flag.Int("scenarios", 8, "how many scenarios there are, one after the other")
)

// orders is in how many orders the events of each scenario arrive: all before
// the first pass; with passes between them; and, for the rest, with passes and
// failures of all kinds between them.
const orders = 4

func TestTheOrderOfEventsDoesNotMatter(t *testing.T) {
	if testing.Short() {
		*scenarios = min(*scenarios, 2)
	}
	w := newWorld(t)
	for i := range *scenarios {
		seed := *firstScenario + uint64(i)
		s := randomScenario(walk{rand.New(rand.NewPCG(seed, 0))})
		for order := range orders {
			w.clear()
			run := newOrderRun(w, s, walk{rand.New(rand.NewPCG(seed, uint64(order)+1))}, order)
			run.all()
			if len(run.problems) > 0 {
				t.Fatalf("scenario %d in order %d (again: -run %s -scenario=%d -scenarios=1):\n%s\nWrong is:\n%s",
					seed, order, t.Name(), seed, strings.Join(run.history, "\n"), strings.Join(run.problems, "\n"))
			}
		}
	}
}

// clear makes the world one in which nothing has happened. To make a new one
// takes longer than most runs.
func (w *world) clear() {
	w.t.Helper()
	for _, list := range []client.ObjectList{
		&s3v1alpha1.BucketCORSPolicyList{}, &s3v1alpha1.BucketProviderList{}, &appsv1.ControllerRevisionList{}, &corev1.NamespaceList{},
	} {
		if err := w.client.List(w.t.Context(), list); err != nil {
			w.t.Fatal(err)
		}
		for _, object := range objectsOf(list) {
			if len(object.GetFinalizers()) > 0 {
				object.SetFinalizers(nil)
				if err := w.client.Update(w.t.Context(), object); err != nil {
					w.t.Fatal(err)
				}
			}
			if err := client.IgnoreNotFound(w.client.Delete(w.t.Context(), object)); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	w.s3, w.events.lines = newService(), nil
	w.clock.SetTime(noon)
	w.restart()
}

func objectsOf(list client.ObjectList) []client.Object {
	var objects []client.Object
	items := reflect.ValueOf(list).Elem().FieldByName("Items")
	for i := range items.Len() {
		objects = append(objects, items.Index(i).Addr().Interface().(client.Object))
	}
	return objects
}

func aNamespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// orderRun is a scenario while it happens in one order.
type orderRun struct {
	walk
	w     *world
	s     scenario
	order int
	now   moment

	// patches are made one at a time: the world counts them.
	patches sync.Mutex
	// mu guards the rest: a pass works on several buckets at a time.
	mu       sync.Mutex
	history  []string
	problems []string
	// current is the policy that a pass is made over.
	current int
	faults  passFaults
	// stale is until when reads of a bucket are answered with what was there
	// before a write.
	stale map[string]time.Time
	// written is which buckets the operator ever wrote to.
	written map[string]bool
	// untold is which buckets were written to for which policy in a pass that
	// could not say so.
	untold map[string]int
}

// passFaults are what goes wrong in one pass.
type passFaults struct {
	// requests answers requests to S3 such as "GET assets".
	requests map[string]error
	// belated is whether writes to S3 that fail take effect all the same.
	belated bool
	// apiCall is the number of the call to the API server that fails, of those
	// that write or are about what was saved; 0 for none. allAfter is whether those
	// after it do so, too.
	apiCall  int
	allAfter bool
	apiError error
	// calls counts, and hit is whether anything did go wrong.
	calls int
	hit   bool
	// stale is whether what is written is not read for a while.
	stale bool
}

func newOrderRun(w *world, s scenario, random walk, order int) *orderRun {
	r := &orderRun{walk: random, w: w, s: s, order: order, stale: map[string]time.Time{}, written: map[string]bool{}, untold: map[string]int{}}
	r.now = moment{providers: make([]int, len(s.providers)), namespaces: make([]int, len(s.namespaces)), edits: make([]int, len(s.edits))}
	for range s.policies {
		r.now.policies = append(r.now.policies, -1)
	}
	r.note("deletionPolicy %q", s.deletionPolicy)
	for label, c := range s.buckets {
		w.s3.live[label] = c
		if len(c.Rules) == 0 {
			delete(w.s3.live, label)
		}
		r.note("bucket %s has %s", label, brief(c))
	}
	for i := range s.providers {
		r.must(w.client.Create(w.t.Context(), s.apiProvider(i, 0)))
		r.note("provider %s grants %v", s.providers[i].name, s.providers[i].grants[0])
	}
	for i := range s.namespaces {
		r.must(w.client.Create(w.t.Context(), s.apiNamespace(i, 0)))
		r.note("namespace %s is labelled %t", s.namespaces[i].name, s.namespaces[i].labelled[0])
	}
	r.connect()
	return r
}

func (r *orderRun) must(err error) {
	r.w.t.Helper()
	if err != nil {
		r.w.t.Fatal(err)
	}
}

func (r *orderRun) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history = append(r.history, r.w.clock.Now().Format("15:04:05 ")+fmt.Sprintf(format, args...))
}

func (r *orderRun) wrong(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems = append(r.problems, r.w.clock.Now().Format("15:04:05 ")+fmt.Sprintf(format, args...))
	r.history = append(r.history, "  WRONG: "+fmt.Sprintf(format, args...))
}

// brief is a configuration in a few words.
func brief(c cors.Configuration) string {
	if len(c.Rules) == 0 {
		return "nothing"
	}
	var names []string
	for _, rule := range c.Rules[:min(4, len(c.Rules))] {
		names = append(names, rule.ID+"<"+strings.TrimPrefix(rule.AllowedOrigins[0], "https://")+">")
	}
	return fmt.Sprintf("%d rules %s", len(c.Rules), strings.Join(names, " "))
}

// connect starts a reconciler that sees what is watched and fails as told.
func (r *orderRun) connect() {
	r.w.restart()
	r.w.reconciler.Buckets = watchedBuckets{r}
	r.w.reconciler.Client = interceptor.NewClient(r.w.client.(client.WithWatch), interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if _, saved := list.(*appsv1.ControllerRevisionList); saved {
				if err := r.apiCall("list of what was saved"); err != nil {
					return err
				}
			}
			return c.List(ctx, list, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, opts ...client.CreateOption) error {
			if err := r.apiCall("create of " + object.GetName()); err != nil {
				return err
			}
			return c.Create(ctx, object, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, opts ...client.PatchOption) error {
			if err := r.apiCall("patch of " + object.GetName()); err != nil {
				return err
			}
			r.patches.Lock()
			defer r.patches.Unlock()
			return c.Patch(ctx, object, patch, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, opts ...client.DeleteOption) error {
			if err := r.apiCall("delete of " + object.GetName()); err != nil {
				return err
			}
			return c.Delete(ctx, object, opts...)
		},
		SubResourceApply: func(ctx context.Context, c client.Client, subResource string, object runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
			if err := r.apiCall("apply of the status"); err != nil {
				return err
			}
			return c.SubResource(subResource).Apply(ctx, object, opts...)
		},
	})
}

// apiCall is how a call to the API server goes wrong; nil when it does not.
func (r *orderRun) apiCall(what string) error {
	r.mu.Lock()
	f := &r.faults
	f.calls++
	fails := f.apiCall > 0 && (f.calls == f.apiCall || f.allAfter && f.calls > f.apiCall)
	f.hit = f.hit || fails
	r.mu.Unlock()
	if !fails {
		return nil
	}
	r.note("    %s fails: %v", what, f.apiError)
	return f.apiError
}

// all is the whole run.
func (r *orderRun) all() {
	for r.step() {
		if r.order == 0 {
			continue
		}
		for range r.IntN(4) {
			r.anyPass(r.order > 1)
		}
		r.passTime()
		if r.order > 1 && r.one(6) {
			r.restart()
		}
		if len(r.problems) > 0 {
			return
		}
	}
	r.settle()
	r.expectFinal()
}

// step lets the next thing happen to one of the objects; false when nothing is
// left to happen.
func (r *orderRun) step() bool {
	var next []func()
	end := r.s.end()
	for i := range r.s.providers {
		if r.now.providers[i] < end.providers[i] {
			next = append(next, func() { r.grant(i) })
		}
	}
	for i := range r.s.namespaces {
		if r.now.namespaces[i] < end.namespaces[i] {
			next = append(next, func() { r.label(i) })
		}
	}
	for i := range r.s.policies {
		if r.now.policies[i] < end.policies[i] {
			next = append(next, func() { r.advance(i) })
		}
	}
	for i, label := range slices.Sorted(maps.Keys(r.s.edits)) {
		if r.now.edits[i] < len(r.s.edits[label]) {
			next = append(next, func() {
				r.editBucket(label, r.s.edits[label][r.now.edits[i]])
				r.now.edits[i]++
			})
		}
	}
	if len(next) == 0 {
		return false
	}
	next[r.IntN(len(next))]()
	return true
}

func (r *orderRun) grant(provider int) {
	r.now.providers[provider]++
	object := r.s.apiProvider(provider, r.now.providers[provider])
	var found s3v1alpha1.BucketProvider
	r.must(r.w.client.Get(r.w.t.Context(), client.ObjectKeyFromObject(object), &found))
	found.Spec, found.Generation = object.Spec, object.Generation
	r.must(r.w.client.Update(r.w.t.Context(), &found))
	r.note("provider %s now grants %v", object.Name, r.s.providers[provider].grants[r.now.providers[provider]])
}

func (r *orderRun) label(namespace int) {
	r.now.namespaces[namespace]++
	object := r.s.apiNamespace(namespace, r.now.namespaces[namespace])
	r.must(r.w.client.Update(r.w.t.Context(), object))
	r.note("namespace %s now has the labels %v", object.GetName(), object.GetLabels())
}

func (r *orderRun) advance(policy int) {
	p := r.s.policies[policy]
	r.now.policies[policy]++
	switch version := r.now.policies[policy]; version {
	case 0:
		r.note("create %s of %s: %s", p, p.created.Format("15:04"), p.specs[0])
		r.must(r.w.client.Create(r.w.t.Context(), r.s.apiPolicy(policy, 0)))
	case len(p.specs):
		r.note("delete %s", p)
		r.w.delete(r.s.apiPolicy(policy, 0))
	default:
		r.note("edit %s: %s", p, p.specs[version])
		r.w.edit(r.s.apiPolicy(policy, version), func(spec *s3v1alpha1.BucketCORSPolicySpec) { *spec = r.s.apiSpec(p.specs[version]) })
	}
}

func (r *orderRun) editBucket(label string, c cors.Configuration) {
	r.note("somebody puts %s on %s", brief(c), label)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(label, c)
	r.refresh(label)
}

// put is what S3 does.
func (r *orderRun) put(label string, c cors.Configuration) {
	if len(c.Rules) == 0 {
		delete(r.w.s3.live, label)
		return
	}
	r.w.s3.live[label] = c
}

// refresh ends that reads are answered with what was there before.
func (r *orderRun) refresh(label string) {
	delete(r.w.s3.stale, label)
	delete(r.stale, label)
}

// passTime moves the clock.
func (r *orderRun) passTime() {
	by := time.Duration(r.IntN(20)) * time.Second
	// What no status tells is remembered for minutes, not for ever.
	if r.one(4) && len(r.untold) == 0 {
		by = time.Duration(1+r.IntN(10)) * time.Minute
	}
	r.w.later(by)
	r.mu.Lock()
	defer r.mu.Unlock()
	for label, until := range r.stale {
		if !r.w.clock.Now().Before(until) {
			r.refresh(label)
		}
	}
}

// restart is a new operator. What the one before wrote and could not tell is not
// known to it: then it may take an old answer for what is there, and what it has
// put on a bucket for somebody else's, which is then left there when nobody has
// the bucket any more.
func (r *orderRun) restart() {
	for label := range r.untold {
		if !r.s.held(label) {
			return
		}
	}
	r.note("the operator starts anew")
	for label := range r.stale {
		r.refresh(label)
	}
	clear(r.untold)
	r.connect()
}

// anyPass makes a pass over any of the policies.
func (r *orderRun) anyPass(failing bool) {
	if policy := r.IntN(len(r.s.policies)); r.now.policies[policy] >= 0 {
		r.faults = passFaults{}
		if failing {
			r.faults = r.randomFaults()
		}
		r.pass(policy)
	}
}

func (r *orderRun) randomFaults() passFaults {
	f := passFaults{stale: r.one(3), requests: map[string]error{}}
	if r.one(4) {
		errs := []error{throttled, timedOut, accessDenied}
		for label := range r.s.buckets {
			for _, verb := range []string{"GET ", "PUT ", "DELETE "} {
				if r.one(3) {
					f.requests[verb+label] = errs[r.IntN(len(errs))]
				}
			}
		}
		f.belated = r.one(3)
	}
	if r.one(4) {
		f.apiCall, f.allAfter = 1+r.IntN(8), r.one(2)
		f.apiError = []error{
			apierrors.NewInternalError(errors.New("etcd has no leader")),
			apierrors.NewConflict(appsv1.Resource("controllerrevisions"), "it", errors.New("changed")),
		}[r.IntN(2)]
	}
	return f
}

func (r *orderRun) pass(policy int) {
	p := r.s.policies[policy]
	r.current = policy
	object := r.s.apiPolicy(policy, 0)
	if r.w.get(object) == nil {
		return
	}
	r.note("  pass over %s", p)
	_, err := r.w.pass(object)
	after := r.w.get(object)
	if err != nil {
		r.note("    ends with %v", err)
	}
	if !r.faults.hit {
		if err != nil {
			r.wrong("the pass over %s failed with nothing wrong: %v", p, err)
		}
		if after != nil && after.DeletionTimestamp.IsZero() {
			for _, broken := range checkInvariants(after, after.Status) {
				r.wrong("an invariant of the status of %s is broken: %s", p, broken)
			}
		}
	}
	if after == nil {
		r.note("    %s is gone", p)
	}
	for label, by := range r.untold {
		if by == policy && (!r.faults.hit || after == nil) {
			delete(r.untold, label)
		}
	}
}

// settle makes passes over all policies until nothing changes any more.
func (r *orderRun) settle() {
	r.note("from here on nothing happens any more")
	r.faults = passFaults{}
	const rounds = 12
	for range rounds {
		r.w.later(2 * time.Minute)
		for label := range r.stale {
			r.refresh(label)
		}
		before := r.fingerprint()
		for _, policy := range r.Perm(len(r.s.policies)) {
			r.pass(policy)
		}
		if reflect.DeepEqual(before, r.fingerprint()) {
			return
		}
	}
	r.wrong("it did not come to rest in %d rounds", rounds)
}

// fingerprint is all that the operator can change.
func (r *orderRun) fingerprint() map[string]any {
	found := map[string]any{}
	for label := range r.s.buckets {
		found[label] = r.w.s3.live[label]
	}
	for _, list := range []client.ObjectList{&s3v1alpha1.BucketCORSPolicyList{}, &appsv1.ControllerRevisionList{}} {
		r.must(r.w.client.List(r.w.t.Context(), list))
		for _, object := range objectsOf(list) {
			found[reflect.TypeOf(object).String()+object.GetNamespace()+"/"+object.GetName()] = object.GetResourceVersion()
		}
	}
	return found
}

// expectFinal compares the end with the model.
func (r *orderRun) expectFinal() {
	for label := range r.s.buckets {
		want, defined := r.s.final(label, r.written[label])
		if got := r.w.s3.live[label]; defined && !sameConfiguration(got, want) {
			r.wrong("in the end bucket %s has %s (%+v), not %s (%+v)", label, brief(got), got, brief(want), want)
		}
	}
	owners := map[string]*s3v1alpha1.BucketCORSPolicy{}
	for i, p := range r.s.policies {
		object := r.w.get(r.s.apiPolicy(i, 0))
		switch {
		case object != nil && p.deleted:
			r.wrong("%s is still there: %+v", p, object.Status.Conditions)
		case object != nil:
			owners[string(object.UID)] = object
			r.expectStatus(i, object)
		}
	}
	for _, revision := range r.revisions() {
		owner := owners[string(metav1.GetControllerOf(&revision).UID)]
		original := revision.Annotations[s3v1alpha1.RevisionReasonAnnotation] == s3v1alpha1.RevisionOriginal
		switch protected := len(revision.Finalizers) > 0; {
		case owner == nil && protected:
			r.wrong("revision %s of a policy that is gone has finalizers %v", revision.Name, revision.Finalizers)
		case owner != nil && protected != (original && len(owner.Finalizers) > 0):
			r.wrong("revision %s is %s and has finalizers %v, and its policy %v", revision.Name,
				revision.Annotations[s3v1alpha1.RevisionReasonAnnotation], revision.Finalizers, owner.Finalizers)
		}
	}
}

func (r *orderRun) expectStatus(policy int, object *s3v1alpha1.BucketCORSPolicy) {
	spec, _ := r.s.spec(r.s.end(), policy)
	var got, want []string
	for _, b := range object.Status.Buckets {
		got = append(got, b.Name+" "+string(b.State)+" "+b.Reason)
	}
	for _, name := range spec.buckets {
		want = append(want, name+" "+r.s.state(policy, name+r.s.providers[spec.provider].site))
	}
	if refused := meta.FindStatusCondition(object.Status.Conditions, s3v1alpha1.ConditionAccepted).Reason == s3v1alpha1.ReasonExpectationFailed; !spec.shared &&
		refused != !spec.meets(cors.Configuration{Rules: spec.rules}) {
		r.wrong("in the end %s is refused for what it expects: %t", r.s.policies[policy], refused)
	} else if refused && !spec.shared {
		return // and nothing is looked at
	}
	for _, name := range spec.buckets {
		if label := name + r.s.providers[spec.provider].site; r.s.disputed(label) {
			r.expectDispute(policy, name, label, got)
			ofAnother := func(line string) bool { return strings.HasPrefix(line, name+" ") }
			got, want = slices.DeleteFunc(got, ofAnother), slices.DeleteFunc(want, ofAnother)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		r.wrong("in the end %s says %q, not %q", r.s.policies[policy], got, want)
	}
}

// expectDispute is about a bucket on which not all policies have what they expect.
func (r *orderRun) expectDispute(policy int, name, label string, states []string) {
	spec, _ := r.s.spec(r.s.end(), policy)
	live := r.w.s3.live[label]
	fine := spec.isIn(live) && spec.meets(live)
	synced, failed := slices.Contains(states, name+" Synced Synced"), slices.Contains(states, name+" Failed ExpectationFailed")
	holds := slices.Contains(r.s.holders(r.s.end(), label), policy)
	if synced && !fine || failed && (fine || !holds) {
		r.wrong("in the end %s says %q of %s with %s", r.s.policies[policy], states, label, brief(live))
	}
}

func (r *orderRun) revisions() []appsv1.ControllerRevision {
	var list appsv1.ControllerRevisionList
	r.must(r.w.client.List(r.w.t.Context(), &list))
	return list.Items
}

// sameConfiguration is whether two configurations are the same in every field.
func sameConfiguration(a, b cors.Configuration) bool {
	return len(a.Rules) == 0 && len(b.Rules) == 0 || reflect.DeepEqual(a, b)
}

// watchedBuckets are the buckets of a run: what is written to them is judged
// before it is there.
type watchedBuckets struct{ run *orderRun }

func (b watchedBuckets) Open(ctx context.Context, provider bucket.Provider, location bucket.Location) (Bucket, error) {
	opened, err := b.run.w.s3.Open(ctx, provider, location)
	return watchedBucket{opened, b.run, labelOf(provider, location)}, err
}

type watchedBucket struct {
	Bucket
	run   *orderRun
	label string
}

func (b watchedBucket) GetCORS(ctx context.Context) (cors.Configuration, error) {
	if err := b.run.faults.requests["GET "+b.label]; err != nil {
		b.run.failed("GET "+b.label, err)
		return cors.Configuration{}, err
	}
	return b.Bucket.GetCORS(ctx)
}

func (b watchedBucket) PutCORS(_ context.Context, c cors.Configuration) error {
	return b.run.write("PUT", b.label, c)
}

func (b watchedBucket) DeleteCORS(context.Context) error {
	return b.run.write("DELETE", b.label, cors.Configuration{})
}

func (r *orderRun) failed(request string, err error) {
	r.note("    %s fails: %v", request, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults.hit = true
}

// write is a write of the operator.
func (r *orderRun) write(verb, label string, c cors.Configuration) error {
	fault := r.faults.requests[verb+" "+label]
	// Of what took effect though it failed the operator does not know: only where
	// somebody has the bucket in the end is that of no matter.
	belated := fault != nil && r.faults.belated && r.s.held(label)
	if fault != nil {
		r.failed(verb+" "+label, fault)
		if !belated {
			return fault
		}
	}
	r.w.s3.mu.Lock()
	defer r.w.s3.mu.Unlock()
	live := r.w.s3.live[label]
	r.note("    %s %s: %s, where there is %s", verb, label, brief(c), brief(live))
	r.judge(label, live, c)

	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.faults.stale && !belated:
		r.w.s3.stale[label] = live
		r.stale[label] = r.w.clock.Now().Add(settleTime)
	default:
		r.refresh(label)
	}
	r.put(label, c)
	r.written[label] = true
	r.untold[label] = r.current
	// What is handed over only the heir can tell of.
	if holders := r.heirs(label); len(holders) > 0 && !slices.Contains(holders, r.current) {
		r.untold[label] = holders[0]
	}
	return fault
}

// judge is whether the operator may write a configuration to a bucket now, which
// has another.
func (r *orderRun) judge(label string, live, c cors.Configuration) {
	p := r.s.policies[r.current]
	named := false
	for version := range min(r.now.policies[r.current]+1, len(p.specs)) {
		named = named || r.s.names(p.specs[version], label)
	}
	granted := false
	for i, provider := range r.s.providers {
		granted = granted || strings.Contains(label, "@") == (provider.site != "") && r.s.granted(r.now, i, p.namespace, label)
	}
	spec, alive := r.s.spec(r.now, r.current)
	if !named || !granted || alive && spec.suspended {
		r.wrong("%s is written for %s, which has not to (named %t, granted %t)", label, p, named, granted)
	}

	if r.s.isForeign(label, live) && !sameConfiguration(live, c) && !r.saved(live) {
		r.wrong("%s on %s is lost", brief(live), label)
	}

	holders := r.s.holders(r.now, label)
	if !alive || !r.s.names(spec, label) {
		holders = r.heirs(label)
	}
	for _, i := range holders {
		if spec, _ := r.s.spec(r.now, i); spec.isIn(c) && !spec.isIn(live) && !spec.meets(c) {
			r.wrong("%s is put on %s, which is not what %s expects", brief(c), label, r.s.policies[i])
		}
	}
	if len(holders) > 0 {
		if want, _, known := r.s.composed(r.now, holders); known && !sameConfiguration(want, c) {
			r.wrong("%s is put on %s, and not %s", brief(c), label, brief(want))
		}
		return
	}
	if want := r.s.home(label, true); !r.s.contested(label) && !sameConfiguration(want, c) {
		r.wrong("%s is put on %s, which nobody has any more, and not %s", brief(c), label, brief(want))
	}
}

// heirs are the holders of a bucket that it can be handed over to: those that
// would clean up, or are suspended.
func (r *orderRun) heirs(label string) []int {
	return slices.DeleteFunc(r.s.holders(r.now, label), func(i int) bool {
		spec, _ := r.s.spec(r.now, i)
		return !spec.suspended && !isProtected(r.w.get(r.s.apiPolicy(i, 0)))
	})
}

// saved is whether a policy that is there has a configuration among what was
// saved for it.
func (r *orderRun) saved(c cors.Configuration) bool {
	if len(c.Rules) == 0 {
		return true
	}
	var policies s3v1alpha1.BucketCORSPolicyList
	r.must(r.w.client.List(r.w.t.Context(), &policies))
	return slices.ContainsFunc(r.revisions(), func(revision appsv1.ControllerRevision) bool {
		owner := metav1.GetControllerOf(&revision)
		alive := slices.ContainsFunc(policies.Items, func(policy s3v1alpha1.BucketCORSPolicy) bool { return policy.UID == owner.UID })
		held, err := cors.ParseJSON(revision.Data.Raw)
		return alive && err == nil && reflect.DeepEqual(held, c)
	})
}
