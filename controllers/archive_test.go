// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// shelf is an archive on an API server in memory.
type shelf struct {
	archive
	t *testing.T
	// calls are those to the API server, as "VERB namespace".
	calls []string
	// fault is what a call is answered with; nil for what the API server says.
	// done is whether the API server has done already what it was asked for.
	fault func(call string, done bool) error
}

func newShelf(t *testing.T, revisions ...*appsv1.ControllerRevision) *shelf {
	t.Helper()
	s := &shelf{t: t, fault: func(string, bool) error { return nil }}
	do := func(verb, namespace string, work func() error) error {
		call := verb + " " + namespace
		s.calls = append(s.calls, call)
		if err := s.fault(call, false); err != nil {
			return err
		}
		if err := work(); err != nil {
			return err
		}
		return s.fault(call, true)
	}
	builder := fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme)
	for _, revision := range revisions {
		builder.WithObjects(revision.DeepCopy())
	}
	s.client = builder.WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			return do("GET", key.Namespace, func() error { return c.Get(ctx, key, obj, opts...) })
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			return do("LIST", (&client.ListOptions{}).ApplyOptions(opts).Namespace, func() error { return c.List(ctx, list, opts...) })
		},
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			return do("CREATE", obj.GetNamespace(), func() error { return c.Create(ctx, obj, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			return do("PATCH", obj.GetNamespace(), func() error { return c.Patch(ctx, obj, patch, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			return do("DELETE", obj.GetNamespace(), func() error { return c.Delete(ctx, obj, opts...) })
		},
	}).Build()
	return s
}

// failing answers calls that begin with a prefix with an error.
func (s *shelf) failing(prefix string, err error) {
	s.fault = func(call string, done bool) error {
		if strings.HasPrefix(call, prefix) && !done {
			return err
		}
		return nil
	}
}

// takeCalls are the calls since the last time.
func (s *shelf) takeCalls() []string {
	calls := s.calls
	s.calls = nil
	return calls
}

// holds are all revisions, as "namespace/policy bucket reason number found-at
// origin", with a + when the finalizer is on it and a - when it is being deleted.
func (s *shelf) holds() []string {
	s.t.Helper()
	fault := s.fault
	s.fault = func(string, bool) error { return nil }
	defer func() { s.fault, s.calls = fault, nil }()
	var revisions appsv1.ControllerRevisionList
	if err := s.client.List(s.t.Context(), &revisions); err != nil {
		s.t.Fatal(err)
	}
	var lines []string
	for i := range revisions.Items {
		revision := &revisions.Items[i]
		saved, err := readRevision(revision)
		if err != nil {
			s.t.Fatal(err)
		}
		line := fmt.Sprintf("%s/%s %s %s %d %s %s", revision.Namespace, revision.OwnerReferences[0].Name,
			revision.Annotations[s3v1alpha1.RevisionBucketAnnotation], revision.Annotations[s3v1alpha1.RevisionReasonAnnotation],
			revision.Revision, saved.foundAt.Format("15:04"), titleOf(saved.configuration))
		if isProtected(revision) {
			line += " +"
		}
		if revision.DeletionTimestamp != nil {
			line += " -"
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

func (s *shelf) expectHolds(want ...string) {
	s.t.Helper()
	expectEqual(s.t, "revisions", s.holds(), want)
}

// titleOf is how the tests call a configuration.
func titleOf(configuration cors.Configuration) string {
	for name, known := range map[string]cors.Configuration{"nothing": nothing, "ours": ours, "theirs": theirs, "third": third, "everything": everything} {
		if reflect.DeepEqual(configuration, known) {
			return name
		}
	}
	return configuration.Rules[0].AllowedOrigins[0]
}

// The policies that the tests are about: web and api are in one namespace.
func webPolicy() *s3v1alpha1.BucketCORSPolicy {
	return namedPolicy("team-a", "web", noon, "assets", "logs")
}
func apiPolicy() *s3v1alpha1.BucketCORSPolicy  { return namedPolicy("team-a", "api", noon, "assets") }
func shopPolicy() *s3v1alpha1.BucketCORSPolicy { return namedPolicy("team-b", "shop", noon, "assets") }

func withFinalizer(policy *s3v1alpha1.BucketCORSPolicy) *s3v1alpha1.BucketCORSPolicy {
	policy.Finalizers = append(policy.Finalizers, s3v1alpha1.FinalizerName)
	return policy
}

func claimantsOf(policies ...*s3v1alpha1.BucketCORSPolicy) []claimant {
	var claimants []claimant
	for _, policy := range policies {
		claimants = append(claimants, claimant{policy: policy, tenant: tenant{namespace: policy.Namespace}})
	}
	return claimants
}

// before is a moment before noon.
func before(minutes int) time.Time { return noon.Add(-time.Duration(minutes) * time.Minute) }

func TestTheOriginalOfABucket(t *testing.T) {
	const (
		original = s3v1alpha1.RevisionOriginal
		foreign  = s3v1alpha1.RevisionForeignChange
		former   = s3v1alpha1.RevisionFormerOriginal
	)
	type revisions []*appsv1.ControllerRevision
	going := withFinalizer(shopPolicy())
	going.DeletionTimestamp = at(noon)
	for name, tt := range map[string]struct {
		there     revisions
		policy    *s3v1alpha1.BucketCORSPolicy
		claimants []claimant
		live      cors.Configuration
		want      cors.Configuration
		wantTime  time.Time
		wantHolds []string
	}{
		"is what is there when nobody had it before": {
			nil, webPolicy(), claimantsOf(webPolicy()), theirs,
			theirs, noon, []string{"team-a/web assets Original 1 12:00 theirs"},
		},
		"is nothing when nothing is there": {
			nil, webPolicy(), claimantsOf(webPolicy()), nothing,
			nothing, noon, []string{"team-a/web assets Original 1 12:00 nothing"},
		},
		"is protected when the policy is": {
			nil, withFinalizer(webPolicy()), claimantsOf(webPolicy()), theirs,
			theirs, noon, []string{"team-a/web assets Original 1 12:00 theirs +"},
		},
		"is the one that the policy has": {
			revisions{mustRevision(t, webPolicy(), assets, found(third, before(10)), original, 4)},
			webPolicy(), claimantsOf(webPolicy()), theirs,
			third, before(10), []string{"team-a/web assets Original 4 11:50 third"},
		},
		"is protected when it was not before": {
			revisions{mustRevision(t, webPolicy(), assets, found(third, before(10)), original, 4)},
			withFinalizer(webPolicy()), claimantsOf(webPolicy()), theirs,
			third, before(10), []string{"team-a/web assets Original 4 11:50 third +"},
		},
		"is the policy's own rather than an older one of another": {
			revisions{mustRevision(t, webPolicy(), assets, found(third, before(10)), original, 1), mustRevision(t, shopPolicy(), assets, found(ours, before(20)), original, 1)},
			webPolicy(), claimantsOf(webPolicy(), shopPolicy()), theirs,
			third, before(10), []string{"team-a/web assets Original 1 11:50 third", "team-b/shop assets Original 1 11:40 ours"},
		},
		"is that of another claimant": {
			revisions{mustRevision(t, shopPolicy(), assets, found(everything, before(20)), original, 3)},
			withFinalizer(webPolicy()), claimantsOf(shopPolicy(), webPolicy()), theirs,
			everything, before(20), []string{"team-a/web assets Original 1 11:40 everything +", "team-b/shop assets Original 3 11:40 everything"},
		},
		"is that of another claimant in the same namespace": {
			revisions{mustRevision(t, apiPolicy(), assets, found(nothing, before(20)), original, 3)},
			webPolicy(), claimantsOf(webPolicy(), apiPolicy()), theirs,
			nothing, before(20), []string{"team-a/api assets Original 3 11:40 nothing", "team-a/web assets Original 1 11:40 nothing"},
		},
		"is that of a claimant that is going away": {
			revisions{mustRevision(t, going, assets, found(third, before(20)), original, 3)},
			webPolicy(), claimantsOf(webPolicy(), going), theirs,
			third, before(20), []string{"team-a/web assets Original 1 11:40 third", "team-b/shop assets Original 3 11:40 third +"},
		},
		"is the oldest of those of several claimants": {
			revisions{mustRevision(t, shopPolicy(), assets, found(third, before(20)), original, 1), mustRevision(t, apiPolicy(), assets, found(ours, before(30)), original, 1)},
			webPolicy(), claimantsOf(shopPolicy(), apiPolicy(), webPolicy()), theirs,
			ours, before(30), []string{"team-a/api assets Original 1 11:30 ours", "team-a/web assets Original 1 11:30 ours", "team-b/shop assets Original 1 11:40 third"},
		},
		"is not that of a policy that does not claim the bucket": {
			revisions{mustRevision(t, apiPolicy(), assets, found(third, before(20)), original, 1)},
			webPolicy(), claimantsOf(webPolicy(), shopPolicy()), theirs,
			theirs, noon, []string{"team-a/api assets Original 1 11:40 third", "team-a/web assets Original 1 12:00 theirs"},
		},
		"is not that of a policy of the same name that is gone": {
			revisions{mustRevision(t, func() *s3v1alpha1.BucketCORSPolicy { p := shopPolicy(); p.UID = "gone"; return p }(), assets, found(third, before(20)), original, 1)},
			webPolicy(), claimantsOf(webPolicy(), shopPolicy()), theirs,
			theirs, noon, []string{"team-a/web assets Original 1 12:00 theirs", "team-b/shop assets Original 1 11:40 third"},
		},
		"is not that of another bucket": {
			revisions{mustRevision(t, webPolicy(), bucketKey{"aws", "logs"}, found(third, before(20)), original, 1), mustRevision(t, shopPolicy(), bucketKey{"aws-cn", "assets"}, found(third, before(20)), original, 1)},
			webPolicy(), claimantsOf(webPolicy(), shopPolicy()), theirs,
			theirs, noon, []string{"team-a/web assets Original 1 12:00 theirs", "team-a/web logs Original 1 11:40 third", "team-b/shop assets Original 1 11:40 third"},
		},
		"is not what was the original once": {
			revisions{mustRevision(t, webPolicy(), assets, found(third, before(20)), former, 6), mustRevision(t, shopPolicy(), assets, found(third, before(20)), former, 1)},
			webPolicy(), claimantsOf(webPolicy(), shopPolicy()), theirs,
			theirs, noon, []string{"team-a/web assets FormerOriginal 6 11:40 third", "team-a/web assets Original 7 12:00 theirs", "team-b/shop assets FormerOriginal 1 11:40 third"},
		},
		"is what was the original once when it is there again": {
			revisions{mustRevision(t, webPolicy(), assets, found(third, before(20)), former, 1), mustRevision(t, webPolicy(), assets, found(ours, before(10)), foreign, 2)},
			withFinalizer(webPolicy()), claimantsOf(webPolicy()), third,
			third, noon, []string{"team-a/web assets ForeignChange 2 11:50 ours", "team-a/web assets Original 3 12:00 third +"},
		},
		"is what was overwritten once when another policy has it as the original": {
			revisions{mustRevision(t, webPolicy(), assets, found(third, before(5)), foreign, 1), mustRevision(t, shopPolicy(), assets, found(third, before(30)), original, 1)},
			webPolicy(), claimantsOf(webPolicy(), shopPolicy()), theirs,
			third, before(30), []string{"team-a/web assets Original 1 11:30 third", "team-b/shop assets Original 1 11:30 third"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, tt.there...)
			for range 2 {
				got, err := s.takeOver(t.Context(), tt.policy, assets, tt.claimants, tt.live, noon)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(got.configuration, tt.want) || !got.foundAt.Equal(tt.wantTime) {
					t.Errorf("got %+v of %s, want %+v of %s", got.configuration, got.foundAt, tt.want, tt.wantTime)
				}
				s.expectHolds(tt.wantHolds...)
				// Found by its name and without.
				for _, revision := range []string{got.revision, ""} {
					if again, err := s.original(t.Context(), tt.policy, assets, revision); err != nil || again == nil || !reflect.DeepEqual(*again, got) {
						t.Errorf("the original by the name %q is %v, %v; want %v", revision, again, err, got)
					}
				}
				// Nor does what is there later matter.
				tt.live = ours
			}
		})
	}
}

func TestEachNamespaceOfTheClaimantsIsListedOnce(t *testing.T) {
	s := newShelf(t)
	claimants := claimantsOf(shopPolicy(), webPolicy(), apiPolicy(), namedPolicy("team-b", "blog", noon, "assets"))
	if _, err := s.takeOver(t.Context(), webPolicy(), assets, claimants, theirs, noon); err != nil {
		t.Fatal(err)
	}
	expectEqual(t, "calls of the first time", s.takeCalls(), []string{"LIST team-a", "LIST team-b", "CREATE team-a"})
	if _, err := s.takeOver(t.Context(), webPolicy(), assets, claimants, theirs, noon); err != nil {
		t.Fatal(err)
	}
	expectEqual(t, "calls of the second time", s.takeCalls(), []string{"LIST team-a"})
}

func TestAnOriginalThatIsBeingDeletedIsOneWhileTheFinalizerHoldsIt(t *testing.T) {
	s := newShelf(t)
	policy := withFinalizer(webPolicy())
	saved, err := s.takeOver(t.Context(), policy, assets, nil, theirs, noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.client.DeleteAllOf(t.Context(), &appsv1.ControllerRevision{}, client.InNamespace("team-a")); err != nil {
		t.Fatal(err)
	}
	s.expectHolds("team-a/web assets Original 1 12:00 theirs + -")
	for range 2 {
		if got, err := s.takeOver(t.Context(), policy, assets, nil, ours, noon); err != nil || !reflect.DeepEqual(got, saved) {
			t.Errorf("taken over again: %v, %v", got, err)
		}
		if err := s.save(t.Context(), policy, assets, theirs, noon); err != nil {
			t.Error(err)
		}
	}
	if got, err := s.original(t.Context(), policy, assets, ""); err != nil || got == nil || !reflect.DeepEqual(*got, saved) {
		t.Errorf("the original is %v, %v", got, err)
	}
	if err := s.release(t.Context(), policy, assets); err != nil {
		t.Fatal(err)
	}
	s.expectHolds()
}

func TestForeignChangesAreSaved(t *testing.T) {
	s := newShelf(t)
	policy := withFinalizer(webPolicy())
	if _, err := s.takeOver(t.Context(), policy, assets, nil, nothing, before(30)); err != nil {
		t.Fatal(err)
	}
	save := func(key bucketKey, configuration cors.Configuration, at time.Time, want ...string) {
		t.Helper()
		if err := s.save(t.Context(), policy, key, configuration, at); err != nil {
			t.Fatal(err)
		}
		s.expectHolds(want...)
	}
	save(assets, theirs, before(20),
		"team-a/web assets ForeignChange 2 11:40 theirs",
		"team-a/web assets Original 1 11:30 nothing +")
	save(assets, third, before(10),
		"team-a/web assets ForeignChange 2 11:40 theirs",
		"team-a/web assets ForeignChange 3 11:50 third",
		"team-a/web assets Original 1 11:30 nothing +")
	// Again, for the second time.
	save(assets, theirs, before(5),
		"team-a/web assets ForeignChange 3 11:50 third",
		"team-a/web assets ForeignChange 4 11:55 theirs",
		"team-a/web assets Original 1 11:30 nothing +")
	save(assets, theirs, before(5),
		"team-a/web assets ForeignChange 3 11:50 third",
		"team-a/web assets ForeignChange 4 11:55 theirs",
		"team-a/web assets Original 1 11:30 nothing +")
	expectNoWrite(t, s, func() { save(assets, theirs, before(5), s.holds()...) })
	// Somebody puts back what was there at first.
	save(assets, nothing, noon,
		"team-a/web assets ForeignChange 3 11:50 third",
		"team-a/web assets ForeignChange 4 11:55 theirs",
		"team-a/web assets Original 5 11:30 nothing +")
	expectNoWrite(t, s, func() { save(assets, nothing, noon.Add(time.Hour), s.holds()...) })
	// Another bucket is numbered for itself.
	save(bucketKey{"aws", "logs"}, theirs, noon,
		"team-a/web assets ForeignChange 3 11:50 third",
		"team-a/web assets ForeignChange 4 11:55 theirs",
		"team-a/web assets Original 5 11:30 nothing +",
		"team-a/web logs ForeignChange 1 12:00 theirs")
}

func expectNoWrite(t *testing.T, s *shelf, work func()) {
	t.Helper()
	refused := errors.New("nothing may be written")
	s.fault = func(call string, _ bool) error {
		if strings.HasPrefix(call, "LIST") || strings.HasPrefix(call, "GET") {
			return nil
		}
		return refused
	}
	defer func() { s.fault = func(string, bool) error { return nil } }()
	work()
}

func TestTheLastTenForeignChangesAreKept(t *testing.T) {
	s := newShelf(t, mustRevision(t, shopPolicy(), assets, found(third, before(59)), s3v1alpha1.RevisionForeignChange, 1))
	if _, err := s.takeOver(t.Context(), webPolicy(), assets, nil, nothing, before(59)); err != nil {
		t.Fatal(err)
	}
	save := func(minute int) {
		t.Helper()
		if err := s.save(t.Context(), webPolicy(), assets, configured(fmt.Sprintf("https://%02d.example", minute)), noon.Add(time.Duration(minute)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	kept := func(from, to int) []string {
		lines := []string{"team-a/web assets Original 1 11:01 nothing", "team-b/shop assets ForeignChange 1 11:01 third"}
		for minute := from; minute <= to; minute++ {
			lines = append(lines, fmt.Sprintf("team-a/web assets ForeignChange %d 12:%02d https://%02d.example", minute+2, minute, minute))
		}
		slices.Sort(lines)
		return lines
	}
	for minute := range 12 {
		save(minute)
	}
	s.expectHolds(kept(2, 11)...)

	s.failing("DELETE", errors.New("not now"))
	save(12)
	s.expectHolds(kept(2, 12)...)
	s.fault = func(string, bool) error { return nil }
	save(13)
	s.expectHolds(kept(4, 13)...)
}

func TestWhatBecameTheOriginalMeanwhileIsNotPruned(t *testing.T) {
	policy := webPolicy()
	var there []*appsv1.ControllerRevision
	for number := range int64(maxSaved) {
		there = append(there, mustRevision(t, policy, assets, found(configured(fmt.Sprintf("https://%d.example", number)), noon), s3v1alpha1.RevisionForeignChange, number+1))
	}
	s := newShelf(t, there...)
	s.fault = func(call string, done bool) error {
		if call != "DELETE team-a" || done {
			return nil
		}
		oldest := there[0].DeepCopy()
		oldest.ResourceVersion = ""
		metav1.SetMetaDataAnnotation(&oldest.ObjectMeta, s3v1alpha1.RevisionReasonAnnotation, s3v1alpha1.RevisionOriginal)
		return s.client.Update(t.Context(), oldest)
	}
	if err := s.save(t.Context(), policy, assets, theirs, noon); err != nil {
		t.Fatal(err)
	}
	if got, err := s.original(t.Context(), policy, assets, ""); err != nil || got == nil {
		t.Errorf("the original is %v, %v; it holds %q", got, err, s.holds())
	}
}

func TestAnOriginalIsFoundByItsName(t *testing.T) {
	original := mustRevision(t, webPolicy(), assets, found(theirs, before(10)), s3v1alpha1.RevisionOriginal, 1)
	former := mustRevision(t, webPolicy(), assets, found(third, before(20)), s3v1alpha1.RevisionFormerOriginal, 2)
	others := mustRevision(t, apiPolicy(), assets, found(third, before(20)), s3v1alpha1.RevisionOriginal, 1)
	logs := mustRevision(t, webPolicy(), bucketKey{"aws", "logs"}, found(third, before(20)), s3v1alpha1.RevisionOriginal, 1)
	all := []*appsv1.ControllerRevision{original, former, others, logs}
	for name, tt := range map[string]struct {
		there []*appsv1.ControllerRevision
		name  string
		want  string
	}{
		"by the name of the original":             {all, original.Name, "theirs"},
		"after release":                           {all[1:], former.Name, "third"},
		"without a name":                          {all, "", "theirs"},
		"although the one of that name is gone":   {all, "web-00000000000000000000", "theirs"},
		"not by the name of another policy's":     {all, others.Name, "theirs"},
		"not by the name of another bucket's":     {all, logs.Name, "theirs"},
		"not where there is none":                 {all[1:], "", ""},
		"not where there are only other people's": {all[2:], others.Name, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newShelf(t, tt.there...).original(t.Context(), webPolicy(), assets, tt.name)
			switch {
			case err != nil:
				t.Fatal(err)
			case got == nil && tt.want != "", got != nil && titleOf(got.configuration) != tt.want:
				t.Errorf("got %+v, want %q", got, tt.want)
			}
		})
	}
}

func TestTheHeirsOfABucketGetItsOriginal(t *testing.T) {
	heirs := []*s3v1alpha1.BucketCORSPolicy{
		withFinalizer(shopPolicy()),
		apiPolicy(),
		namedPolicy("team-b", "blog", noon),
		namedPolicy("team-c", "docs", noon),
	}
	blogs := mustRevision(t, heirs[2], assets, found(third, before(5)), s3v1alpha1.RevisionOriginal, 2)
	apis := mustRevision(t, heirs[1], assets, found(theirs, before(7)), s3v1alpha1.RevisionForeignChange, 8)
	s := newShelf(t, blogs, apis)
	original := found(theirs, before(30))
	for range 2 {
		if err := s.bequeath(t.Context(), original, assets, heirs); err != nil {
			t.Fatal(err)
		}
		s.expectHolds(
			"team-a/api assets Original 8 11:30 theirs",
			"team-b/blog assets Original 2 11:55 third", // which was found later
			"team-b/blog assets Original 3 11:30 theirs",
			"team-b/shop assets Original 1 11:30 theirs +",
			"team-c/docs assets Original 1 11:30 theirs",
		)
	}
}

func TestAnHeirThatIsGoneGetsNothing(t *testing.T) {
	revisions := schema.GroupResource{Group: "apps", Resource: "controllerrevisions"}
	terminating := apierrors.NewForbidden(revisions, "shop-1", errors.New("unable to create new content in namespace team-b because it is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	heirs := []*s3v1alpha1.BucketCORSPolicy{shopPolicy(), namedPolicy("team-c", "docs", noon)}
	handed := "hand the original of bucket \"assets\" on to policy team-b/shop: create ControllerRevision team-b/"
	for name, tt := range map[string]struct {
		answer  error
		wantErr string
	}{
		"its namespace is being deleted": {terminating, ""},
		"its namespace is gone":          {apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "team-b"), ""},
		"it may not be written to":       {apierrors.NewForbidden(revisions, "shop-1", errors.New("exceeded quota")), handed},
		"something else is not found":    {apierrors.NewNotFound(revisions, "shop-1"), handed},
		"nobody knows":                   {errors.New("connection refused"), handed},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			s.failing("CREATE team-b", tt.answer)
			err := s.bequeath(t.Context(), found(theirs, before(30)), assets, heirs)
			switch {
			case tt.wantErr == "" && err != nil:
				t.Errorf("got %v", err)
			case tt.wantErr != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.wantErr) || !errors.Is(err, tt.answer)):
				t.Errorf("got %v, want %s...", err, tt.wantErr)
			}
			s.expectHolds("team-c/docs assets Original 1 11:30 theirs")
		})
	}
}

func TestReleaseEndsThePartOfAnOriginal(t *testing.T) {
	policy := withFinalizer(webPolicy())
	s := newShelf(t,
		mustRevision(t, policy, assets, found(theirs, before(30)), s3v1alpha1.RevisionOriginal, 1),
		mustRevision(t, policy, assets, found(third, before(20)), s3v1alpha1.RevisionForeignChange, 2),
		mustRevision(t, policy, bucketKey{"aws", "logs"}, found(theirs, before(30)), s3v1alpha1.RevisionOriginal, 1),
		mustRevision(t, withFinalizer(apiPolicy()), assets, found(theirs, before(30)), s3v1alpha1.RevisionOriginal, 1),
	)
	for range 2 {
		if err := s.release(t.Context(), policy, assets); err != nil {
			t.Fatal(err)
		}
		s.expectHolds(
			"team-a/api assets Original 1 11:30 theirs +",
			"team-a/web assets ForeignChange 2 11:40 third",
			"team-a/web assets FormerOriginal 1 11:30 theirs",
			"team-a/web logs Original 1 11:30 theirs +",
		)
	}
	if err := newShelf(t).release(t.Context(), policy, assets); err != nil {
		t.Errorf("where there is none: %v", err)
	}
}

func TestOriginalsAreProtectedAsTheirPolicyIs(t *testing.T) {
	logs := bucketKey{"aws", "logs"}
	statefulSets := mustRevision(t, webPolicy(), assets, found(theirs, noon), s3v1alpha1.RevisionOriginal, 1)
	statefulSets.Name, statefulSets.OwnerReferences[0].Kind = "db-1", "StatefulSet"
	s := newShelf(t,
		mustRevision(t, webPolicy(), assets, found(theirs, before(30)), s3v1alpha1.RevisionOriginal, 1),
		mustRevision(t, webPolicy(), assets, found(third, before(20)), s3v1alpha1.RevisionForeignChange, 2),
		mustRevision(t, webPolicy(), logs, found(theirs, before(30)), s3v1alpha1.RevisionOriginal, 1),
		mustRevision(t, apiPolicy(), assets, found(theirs, before(30)), s3v1alpha1.RevisionOriginal, 1),
		statefulSets,
	)
	unprotected := []string{
		"team-a/api assets Original 1 11:30 theirs",
		"team-a/web assets ForeignChange 2 11:40 third",
		"team-a/web assets Original 1 11:30 theirs",
		"team-a/web assets Original 1 12:00 theirs",
		"team-a/web logs Original 1 11:30 theirs",
	}
	protected := slices.Clone(unprotected)
	protected[2] += " +"
	protected[4] += " +"
	for _, step := range []struct {
		wanted bool
		holds  []string
		calls  []string
	}{
		{false, unprotected, []string{"LIST team-a"}},
		{true, protected, []string{"LIST team-a", "PATCH team-a", "PATCH team-a"}},
		{true, protected, []string{"LIST team-a"}},
		{false, unprotected, []string{"LIST team-a", "PATCH team-a", "PATCH team-a"}},
	} {
		if err := s.protect(t.Context(), webPolicy(), step.wanted); err != nil {
			t.Fatal(err)
		}
		expectEqual(t, "calls", s.takeCalls(), step.calls)
		s.expectHolds(step.holds...)
	}
}

func TestFinalizersOfOthersStay(t *testing.T) {
	revision := mustRevision(t, webPolicy(), assets, found(theirs, before(30)), s3v1alpha1.RevisionOriginal, 1)
	revision.Finalizers = []string{"example.com/backup"}
	s := newShelf(t, revision)
	for _, wanted := range []bool{true, false} {
		if err := s.protect(t.Context(), webPolicy(), wanted); err != nil {
			t.Fatal(err)
		}
		var after appsv1.ControllerRevision
		if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(revision), &after); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(after.Finalizers, "example.com/backup") {
			t.Errorf("protected %t: %q", wanted, after.Finalizers)
		}
	}
}

// vanishing is a revision that is being deleted, while somebody else's finalizer
// keeps it for a moment.
func vanishing(revision *appsv1.ControllerRevision) *appsv1.ControllerRevision {
	revision.DeletionTimestamp, revision.Finalizers = at(before(1)), []string{"foregroundDeletion"}
	return revision
}

func TestNothingIsSavedInWhatIsVanishing(t *testing.T) {
	policy := withFinalizer(webPolicy())
	revision := vanishing(mustRevision(t, webPolicy(), assets, found(theirs, before(30)), s3v1alpha1.RevisionForeignChange, 1))
	s := newShelf(t, revision)
	want := fmt.Sprintf(`save what is on bucket "assets": ControllerRevision team-a/%s is being deleted; it is saved anew when that one is gone`, revision.Name)
	if err := s.save(t.Context(), policy, assets, theirs, noon); err == nil || err.Error() != want {
		t.Errorf("save: got %v, want %s", err, want)
	}
	if _, err := s.takeOver(t.Context(), policy, assets, nil, theirs, noon); err == nil || err.Error() != want {
		t.Errorf("takeOver: got %v, want %s", err, want)
	}
	// The API server refuses a finalizer there.
	s = newShelf(t, vanishing(mustRevision(t, webPolicy(), assets, found(theirs, before(30)), s3v1alpha1.RevisionOriginal, 1)))
	if err := s.protect(t.Context(), policy, true); err != nil {
		t.Error(err)
	}
	s.expectHolds("team-a/web assets Original 1 11:30 theirs -")
}

func TestWhatCannotBeSavedIsAnError(t *testing.T) {
	down := errors.New("connection refused")
	notUTF8 := cors.Configuration{Rules: []cors.Rule{{ID: "\xff"}}}
	taken := mustRevision(t, apiPolicy(), assets, found(third, noon), s3v1alpha1.RevisionOriginal, 1)
	taken.Name = mustRevision(t, webPolicy(), assets, found(theirs, noon), s3v1alpha1.RevisionOriginal, 1).Name
	forged := mustRevision(t, webPolicy(), assets, found(theirs, noon), s3v1alpha1.RevisionForeignChange, 1)
	forged.Data = mustRevision(t, webPolicy(), assets, found(third, noon), s3v1alpha1.RevisionForeignChange, 1).Data
	unreadable := mustRevision(t, shopPolicy(), assets, found(third, noon), s3v1alpha1.RevisionOriginal, 1)
	unreadable.Data.Raw = []byte(`{"spec":{}}`)
	takeOver := func(s *shelf, live cors.Configuration) error {
		_, err := s.takeOver(s.t.Context(), webPolicy(), assets, claimantsOf(shopPolicy(), webPolicy()), live, noon)
		return err
	}
	save := func(s *shelf, live cors.Configuration) error {
		return s.save(s.t.Context(), webPolicy(), assets, live, noon)
	}
	for name, tt := range map[string]struct {
		there  *appsv1.ControllerRevision
		fails  string
		live   cors.Configuration
		method func(*shelf, cors.Configuration) error
		want   string
	}{
		"the original cannot be looked for":                {nil, "LIST team-a", theirs, takeOver, `list the ControllerRevisions in namespace team-a: connection refused`},
		"nor in another namespace":                         {nil, "LIST team-b", theirs, takeOver, `list the ControllerRevisions in namespace team-b: connection refused`},
		"the original cannot be created":                   {nil, "CREATE", theirs, takeOver, `create ControllerRevision team-a/NAME: connection refused`},
		"the original cannot be patched":                   {mustRevision(t, webPolicy(), assets, found(theirs, before(3)), s3v1alpha1.RevisionFormerOriginal, 1), "PATCH", theirs, takeOver, `patch ControllerRevision team-a/NAME: connection refused`},
		"the original of another cannot be read":           {unreadable, "none", theirs, takeOver, fmt.Sprintf(`ControllerRevision team-b/%s holds no CORS configuration: line 1, column 2: unknown key "spec"; known are CORSRules`, unreadable.Name)},
		"a foreign change cannot be looked for":            {nil, "LIST", theirs, save, `list the ControllerRevisions in namespace team-a: connection refused`},
		"a foreign change cannot be created":               {nil, "CREATE", theirs, save, `create ControllerRevision team-a/NAME: connection refused`},
		"a foreign change cannot be patched":               {mustRevision(t, webPolicy(), assets, found(theirs, before(3)), s3v1alpha1.RevisionFormerOriginal, 1), "PATCH", theirs, save, `patch ControllerRevision team-a/NAME: connection refused`},
		"what is there is not UTF-8, taken over":           {nil, "none", notUTF8, takeOver, `rules[0].id: JSON cannot carry "\xff"`},
		"what is there is not UTF-8, about to be replaced": {nil, "none", notUTF8, save, `rules[0].id: JSON cannot carry "\xff"`},
		"the name belongs to somebody else":                {taken, "none", theirs, save, `create ControllerRevision team-a/NAME: controllerrevisions.apps "NAME" already exists`},
		"something else was put there":                     {forged, "none", theirs, save, `ControllerRevision team-a/NAME does not hold what was saved there; delete it`},
	} {
		t.Run(name, func(t *testing.T) {
			var there []*appsv1.ControllerRevision
			if tt.there != nil {
				there = append(there, tt.there)
			}
			s := newShelf(t, there...)
			s.failing(tt.fails, down)
			err := tt.method(s, tt.live)
			want := `save what is on bucket "assets": ` + strings.ReplaceAll(tt.want, "NAME", taken.Name)
			if err == nil || err.Error() != want {
				t.Fatalf("got %v\nwant %s", err, want)
			}
			if strings.HasSuffix(want, down.Error()) && !errors.Is(err, down) {
				t.Error("the cause is lost")
			}
		})
	}
}

func TestOtherErrorsSayWhatCouldNotBeDone(t *testing.T) {
	down := errors.New("connection refused")
	there := mustRevision(t, withFinalizer(webPolicy()), assets, found(theirs, before(30)), s3v1alpha1.RevisionOriginal, 1)
	for name, tt := range map[string]struct {
		fails  string
		method func(*shelf) error
		want   string
	}{
		"original by name": {"LIST", func(s *shelf) error { _, err := s.original(s.t.Context(), webPolicy(), assets, there.Name); return err },
			`find the original of bucket "assets": list the ControllerRevisions in namespace team-a: connection refused`},
		"original": {"LIST", func(s *shelf) error { _, err := s.original(s.t.Context(), webPolicy(), assets, ""); return err },
			`find the original of bucket "assets": list the ControllerRevisions in namespace team-a: connection refused`},
		"bequeath": {"LIST", func(s *shelf) error {
			return s.bequeath(s.t.Context(), found(theirs, noon), assets, []*s3v1alpha1.BucketCORSPolicy{shopPolicy()})
		}, `hand the original of bucket "assets" on to policy team-b/shop: list the ControllerRevisions in namespace team-b: connection refused`},
		"release that finds nothing out": {"LIST", func(s *shelf) error { return s.release(s.t.Context(), webPolicy(), assets) },
			`release the original of bucket "assets": list the ControllerRevisions in namespace team-a: connection refused`},
		"release": {"PATCH", func(s *shelf) error { return s.release(s.t.Context(), webPolicy(), assets) },
			`release the original of bucket "assets": patch ControllerRevision team-a/NAME: connection refused`},
		"protect that finds nothing out": {"LIST", func(s *shelf) error { return s.protect(s.t.Context(), webPolicy(), false) },
			`patch the finalizers of what was saved: list the ControllerRevisions in namespace team-a: connection refused`},
		"protect": {"PATCH", func(s *shelf) error { return s.protect(s.t.Context(), webPolicy(), false) },
			`patch the finalizers of what was saved: patch ControllerRevision team-a/NAME: connection refused`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, there)
			s.failing(tt.fails, down)
			if err, want := tt.method(s), strings.ReplaceAll(tt.want, "NAME", there.Name); err == nil || err.Error() != want || !errors.Is(err, down) {
				t.Errorf("got %v\nwant %s", err, want)
			}
		})
	}
}

func TestAChangeThatComesBetweenIsAConflict(t *testing.T) {
	there := mustRevision(t, withFinalizer(webPolicy()), assets, found(theirs, before(30)), s3v1alpha1.RevisionOriginal, 1)
	s := newShelf(t, there)
	s.fault = func(call string, done bool) error {
		if call != "PATCH team-a" || done {
			return nil
		}
		changed := there.DeepCopy()
		changed.ResourceVersion, changed.Finalizers = "", append(changed.Finalizers, "example.com/backup")
		return s.client.Update(t.Context(), changed)
	}
	for name, err := range map[string]error{
		"release": s.release(t.Context(), webPolicy(), assets),
		"protect": s.protect(t.Context(), webPolicy(), false),
	} {
		if !apierrors.IsConflict(err) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Whatever call fails, and whether or not the API server did what it was asked
// for: what is called again comes to the same end.
func TestWhatIsCalledAgainAfterAFailureComesToTheSameEnd(t *testing.T) {
	web, shop, api := withFinalizer(webPolicy()), withFinalizer(shopPolicy()), apiPolicy()
	steps := []func(*shelf) error{
		func(s *shelf) error {
			_, err := s.takeOver(s.t.Context(), web, assets, claimantsOf(web, shop), everything, before(50))
			return err
		},
		func(s *shelf) error { return s.save(s.t.Context(), web, assets, theirs, before(40)) },
		func(s *shelf) error { return s.save(s.t.Context(), web, assets, third, before(30)) },
		func(s *shelf) error { return s.save(s.t.Context(), web, assets, theirs, before(20)) },
		func(s *shelf) error { return s.protect(s.t.Context(), web, false) },
		func(s *shelf) error {
			original, err := s.original(s.t.Context(), web, assets, "")
			if err != nil {
				return err
			}
			return s.bequeath(s.t.Context(), *original, assets, []*s3v1alpha1.BucketCORSPolicy{shop, api})
		},
		func(s *shelf) error { return s.release(s.t.Context(), web, assets) },
		func(s *shelf) error {
			_, err := s.takeOver(s.t.Context(), web, assets, claimantsOf(web), theirs, before(10))
			return err
		},
	}
	play := func(s *shelf) {
		for i, step := range steps {
			tries := 0
			for err := step(s); err != nil; err = step(s) {
				if tries++; tries > 3 {
					s.t.Fatalf("step %d: %v", i, err)
				}
			}
		}
	}
	faultless := newShelf(t)
	play(faultless)
	calls := len(faultless.calls)
	want := faultless.holds()
	expectEqual(t, "revisions without a fault", want, []string{
		"team-a/api assets Original 1 11:10 everything",
		"team-a/web assets ForeignChange 3 11:30 third",
		"team-a/web assets FormerOriginal 1 11:10 everything",
		"team-a/web assets Original 4 11:50 theirs +",
		"team-b/shop assets Original 1 11:10 everything +",
	})
	for broken := range calls {
		for _, after := range []bool{false, true} {
			s := newShelf(t)
			s.fault = func(_ string, done bool) error {
				if len(s.calls) == broken+1 && done == after {
					return errors.New("connection lost")
				}
				return nil
			}
			play(s)
			expectEqual(t, fmt.Sprintf("revisions when call %d fails, done %t", broken, after), s.holds(), want)
		}
	}
}
