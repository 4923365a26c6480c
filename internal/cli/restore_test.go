// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

const (
	savedService   = "https://s3.example:443"
	anotherService = "https://elsewhere.example:443"
)

// namingPolicy is one that enforces its rules on bucket web-a of provider default,
// as the operator saw it last.
func namingPolicy(change func(*v1alpha1.BucketCORSPolicy)) v1alpha1.BucketCORSPolicy {
	p := v1alpha1.BucketCORSPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "p", UID: "p-uid", Generation: 3},
		Spec:       v1alpha1.BucketCORSPolicySpec{Buckets: []v1alpha1.BucketReference{{Name: "web-a"}}},
		Status: v1alpha1.BucketCORSPolicyStatus{
			ObservedGeneration: 3,
			Buckets:            []v1alpha1.BucketStatus{{Name: "web-a", Service: savedService, State: v1alpha1.BucketSynced, Reason: v1alpha1.ReasonSynced}},
		},
	}
	if change != nil {
		change(&p)
	}
	return p
}

func TestPoliciesThatWouldUndoARestoreAreKnown(t *testing.T) {
	keptOut := func(state v1alpha1.BucketState, reason string) func(*v1alpha1.BucketCORSPolicy) {
		return func(p *v1alpha1.BucketCORSPolicy) {
			p.Status.Buckets[0].State, p.Status.Buckets[0].Reason = state, reason
		}
	}
	type verdict struct{ enforces, unnoticed bool }
	services := map[string]string{"default": savedService, "twin": savedService, "other": anotherService}
	for name, test := range map[string]struct {
		change   func(*v1alpha1.BucketCORSPolicy)
		services map[string]string
		want     verdict
	}{
		"one that enforces":        {nil, services, verdict{enforces: true}},
		"one of another namespace": {func(p *v1alpha1.BucketCORSPolicy) { p.Namespace = "team-b" }, services, verdict{enforces: true}},
		"one that shares":          {func(p *v1alpha1.BucketCORSPolicy) { p.Spec.Sharing = v1alpha1.SharingShared }, services, verdict{enforces: true}},
		"one that was just created": {func(p *v1alpha1.BucketCORSPolicy) {
			p.Generation, p.Status = 1, v1alpha1.BucketCORSPolicyStatus{}
		}, services, verdict{enforces: true}},
		"one with a status of no buckets": {func(p *v1alpha1.BucketCORSPolicy) { p.Status.Buckets = nil }, services, verdict{enforces: true}},
		"one whose bucket is pending":     {keptOut(v1alpha1.BucketPending, v1alpha1.ReasonSettling), services, verdict{enforces: true}},
		"one that finds no room":          {keptOut(v1alpha1.BucketConflicted, v1alpha1.ReasonDoesNotFit), services, verdict{enforces: true}},
		"one whose operator S3 refuses":   {keptOut(v1alpha1.BucketDenied, v1alpha1.ReasonAccessDenied), services, verdict{enforces: true}},
		"one that waits for another":      {keptOut(v1alpha1.BucketConflicted, v1alpha1.ReasonConflicted), services, verdict{}},
		"one that is not granted it":      {keptOut(v1alpha1.BucketDenied, v1alpha1.ReasonNotPermitted), services, verdict{}},
		"one that waited before its last change": {func(p *v1alpha1.BucketCORSPolicy) {
			keptOut(v1alpha1.BucketConflicted, v1alpha1.ReasonConflicted)(p)
			p.Generation++
		}, services, verdict{enforces: true}},
		"one that waited elsewhere": {func(p *v1alpha1.BucketCORSPolicy) {
			keptOut(v1alpha1.BucketConflicted, v1alpha1.ReasonConflicted)(p)
			p.Status.Buckets[0].Service = anotherService
		}, services, verdict{enforces: true}},
		"one whose bucket of elsewhere is leaving": {func(p *v1alpha1.BucketCORSPolicy) {
			keptOut(v1alpha1.BucketDenied, v1alpha1.ReasonNotPermitted)(p)
			p.Status.Buckets[0].Leaving = true
		}, services, verdict{enforces: true}},
		"one that is suspended":   {func(p *v1alpha1.BucketCORSPolicy) { p.Spec.Suspend = true }, services, verdict{}},
		"one that observes":       {func(p *v1alpha1.BucketCORSPolicy) { p.Spec.Mode = v1alpha1.PolicyModeObserve }, services, verdict{}},
		"one suspended right now": {func(p *v1alpha1.BucketCORSPolicy) { p.Spec.Suspend, p.Generation = true, 4 }, services, verdict{unnoticed: true}},
		"one that observes now": {func(p *v1alpha1.BucketCORSPolicy) {
			p.Spec.Mode, p.Generation = v1alpha1.PolicyModeObserve, 4
		}, services, verdict{unnoticed: true}},
		"one that goes away":            {func(p *v1alpha1.BucketCORSPolicy) { p.DeletionTimestamp = new(metav1.Now()) }, services, verdict{}},
		"one of another bucket":         {func(p *v1alpha1.BucketCORSPolicy) { p.Spec.Buckets[0].Name = "web-b" }, services, verdict{}},
		"one of a twin provider":        {func(p *v1alpha1.BucketCORSPolicy) { p.Spec.ProviderRef = &v1alpha1.ProviderReference{Name: "twin"} }, services, verdict{enforces: true}},
		"one of another service":        {func(p *v1alpha1.BucketCORSPolicy) { p.Spec.ProviderRef = &v1alpha1.ProviderReference{Name: "other"} }, services, verdict{}},
		"one of a provider that is not": {func(p *v1alpha1.BucketCORSPolicy) { p.Spec.ProviderRef = &v1alpha1.ProviderReference{Name: "nobody"} }, services, verdict{}},
		"one that has moved here": {func(p *v1alpha1.BucketCORSPolicy) {
			p.Status.Buckets[0].Service = anotherService
		}, services, verdict{enforces: true}},

		// Where the providers may not be listed, the status says.
		"one seen here":      {nil, nil, verdict{enforces: true}},
		"one seen elsewhere": {func(p *v1alpha1.BucketCORSPolicy) { p.Status.Buckets[0].Service = anotherService }, nil, verdict{}},
		"one seen elsewhere before its last change": {func(p *v1alpha1.BucketCORSPolicy) {
			p.Status.Buckets[0].Service, p.Generation = anotherService, 4
		}, nil, verdict{enforces: true}},
		"one leaving elsewhere, and here": {func(p *v1alpha1.BucketCORSPolicy) {
			elsewhere := v1alpha1.BucketStatus{Name: "web-a", Service: anotherService, Leaving: true}
			p.Status.Buckets = append([]v1alpha1.BucketStatus{elsewhere}, p.Status.Buckets...)
		}, nil, verdict{enforces: true}},
		"one leaving elsewhere": {func(p *v1alpha1.BucketCORSPolicy) {
			p.Status.Buckets[0].Service, p.Status.Buckets[0].Leaving = anotherService, true
		}, nil, verdict{enforces: true}},
		"one seen nowhere":              {func(p *v1alpha1.BucketCORSPolicy) { p.Status.Buckets[0].Service = "" }, nil, verdict{enforces: true}},
		"one whose status says nothing": {func(p *v1alpha1.BucketCORSPolicy) { p.Status.Buckets = nil }, nil, verdict{enforces: true}},
	} {
		by, unnoticed := enforcedBy([]v1alpha1.BucketCORSPolicy{namingPolicy(test.change)}, test.services, "web-a", savedService)
		if got := (verdict{len(by) > 0, len(unnoticed) > 0}); got != test.want {
			t.Errorf("%s: %+v and not %+v", name, got, test.want)
		}
	}
}

func TestEveryPolicyThatWouldUndoARestoreIsNamed(t *testing.T) {
	saved := savedRevision{namespace: "team-a", name: "p-1", bucket: "web-a", service: savedService}
	var policies []*v1alpha1.BucketCORSPolicy
	for i := range 12 {
		policies = append(policies, new(namingPolicy(func(p *v1alpha1.BucketCORSPolicy) { p.Name = fmt.Sprintf("p%d", i) })))
	}
	if got, want := undoneBy("bucketcors", policies[:1], saved), `policy team-a/p0 enforces its rules on bucket "web-a" and would undo this at the next look; `+
		`suspend it first: kubectl patch bcp/p0 -n team-a --type merge -p '{"spec":{"suspend":true}}'`; got != want {
		t.Errorf("%s\nand not\n%s", got, want)
	}
	saved.configuration = cors.Configuration{Rules: make([]cors.Rule, 1)}
	if got := undoneBy("kubectl bucketcors", policies[:2], saved); !strings.Contains(got, "policies team-a/p0 and team-a/p1 enforce their rules") ||
		!strings.Contains(got, "suspend them first: kubectl patch bcp/p0 ") || !strings.Contains(got, "; kubectl patch bcp/p1 ") ||
		!strings.HasSuffix(got, "into them, which kubectl bucketcors history -n team-a --revision p-1 prints") {
		t.Error(got)
	}
	if got := undoneBy("bucketcors", policies, saved); strings.Count(got, "kubectl patch") != 10 || !strings.Contains(got, "; and 2 more; or ") {
		t.Error(got)
	}
}

// savedObject is the ControllerRevision of policy p with this data.
func savedObject(data string) *appsv1.ControllerRevision {
	return &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "team-a", Name: "p-1", Labels: map[string]string{v1alpha1.RevisionBucketLabel: "x"},
			Annotations: map[string]string{
				v1alpha1.RevisionBucketAnnotation: "web-a", v1alpha1.RevisionServiceAnnotation: savedService,
				v1alpha1.RevisionReasonAnnotation: v1alpha1.RevisionOriginal, v1alpha1.RevisionTimeAnnotation: "2026-11-22T07:14:41Z",
			},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "s3.bucketcors.dev/v1alpha1", Kind: "BucketCORSPolicy", Name: "p", UID: "p-uid", Controller: new(true)}},
		},
		Data: runtime.RawExtension{Raw: []byte(data)},
	}
}

const (
	savedData = `{"CORSRules":[{"AllowedMethods":["GET"],"AllowedOrigins":["https://www.example.com"],"ID":"old"}]}`
	noData    = `{"CORSRules":[]}`
)

// liveProvider is the BucketProvider default.
func liveProvider(endpoint string) *v1alpha1.BucketProvider {
	return &v1alpha1.BucketProvider{ObjectMeta: metav1.ObjectMeta{Name: "default"}, Spec: v1alpha1.BucketProviderSpec{Endpoint: endpoint, Region: "us-east-1"}}
}

// fakeCluster has objects, and refuses the lists that forbidden names, as
// "BucketCORSPolicyList" or "BucketCORSPolicyList team-a".
func fakeCluster(t *testing.T, forbidden []string, objects ...client.Object) *cluster {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	refuse := func(what string) error {
		if !slices.Contains(forbidden, what) {
			return nil
		}
		return apierrors.NewForbidden(schema.GroupResource{Resource: what}, "", errors.New("no"))
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			given := (&client.ListOptions{}).ApplyOptions(options)
			what := strings.TrimSpace(strings.TrimPrefix(fmt.Sprintf("%T", list), "*v1alpha1.") + " " + given.Namespace)
			if err := refuse(what); err != nil {
				return err
			}
			return c.List(ctx, list, options...)
		},
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if err := refuse(strings.TrimPrefix(fmt.Sprintf("%T", object), "*v1alpha1.")); err != nil {
				return err
			}
			return c.Get(ctx, key, object, options...)
		},
	}).Build()
	return &cluster{Client: c, host: "https://cluster.example", namespace: "team-a"}
}

// saying is a restore command whose words are kept.
func saying(ctx context.Context) (cmd *cobra.Command, stdout, stderr *strings.Builder) {
	cmd = newRestoreCommand()
	stdout, stderr = &strings.Builder{}, &strings.Builder{}
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.SetContext(ctx)
	return cmd, stdout, stderr
}

func TestRestoreKnowsTheRightBucketOrRefuses(t *testing.T) {
	policyWith := func(change func(*v1alpha1.BucketCORSPolicy)) *v1alpha1.BucketCORSPolicy {
		return new(namingPolicy(change))
	}
	withRegion := policyWith(func(p *v1alpha1.BucketCORSPolicy) {
		p.Spec.Buckets = []v1alpha1.BucketReference{{Name: "web-b", Region: "eu-west-9"}, {Name: "web-a", Region: "eu-west-1", ExpectedBucketOwner: "111122223333"}}
	})
	const byHandSays = "print it with restore history -n team-a --revision p-1, and put it back with aws s3api put-bucket-cors"
	for name, test := range map[string]struct {
		revision  func(*appsv1.ControllerRevision)
		data      string
		forbidden []string
		objects   []client.Object
		location  bucket.Location
		note      string
		err       string
	}{
		"with the region and owner that the policy names": {
			objects:  []client.Object{withRegion, liveProvider("https://S3.example/")},
			location: bucket.Location{Name: "web-a", Region: "eu-west-1", ExpectedOwner: "111122223333"},
		},
		"of a bucket that is leaving": {
			objects: []client.Object{policyWith(func(p *v1alpha1.BucketCORSPolicy) {
				p.Spec.Buckets[0].Name = "web-b"
				p.Status.Buckets = []v1alpha1.BucketStatus{
					{Name: "web-a", Service: anotherService, Region: "eu-west-9"},
					{Name: "web-a", Service: savedService, Region: "eu-west-2", ExpectedBucketOwner: "444455556666", Leaving: true},
				}
			}), liveProvider("https://s3.example")},
			location: bucket.Location{Name: "web-a", Region: "eu-west-2", ExpectedOwner: "444455556666"},
		},
		"of a bucket that has left": {
			objects: []client.Object{policyWith(func(p *v1alpha1.BucketCORSPolicy) {
				p.Spec.Buckets[0].Name, p.Status.Buckets = "web-b", nil
			}), liveProvider("https://s3.example")},
			location: bucket.Location{Name: "web-a"},
			note:     "note: policy team-a/p does not name bucket web-a any more: neither its region nor its owner is known\n",
		},
		"of a policy that is gone": {
			objects: []client.Object{liveProvider("https://s3.example")}, err: `policy team-a/p is gone, which said where bucket "web-a" is: ` + byHandSays,
		},
		"of nothing, whose policy is gone": {
			data: noData, err: `is: there was nothing on it, which aws s3api delete-bucket-cors puts back`,
		},
		"of an earlier policy of the name": {
			revision: func(r *appsv1.ControllerRevision) { r.OwnerReferences[0].UID = "another" },
			objects:  []client.Object{policyWith(nil), liveProvider("https://s3.example")},
			err:      "another policy team-a/p saved it, which is gone",
		},
		"of another kind of owner": {
			revision: func(r *appsv1.ControllerRevision) { r.OwnerReferences[0].Kind = "StatefulSet" },
			objects:  []client.Object{policyWith(nil), liveProvider("https://s3.example")},
			err:      "ControllerRevision team-a/p-1 does not say which policy saved it",
		},
		"of an owner of another group": {
			revision: func(r *appsv1.ControllerRevision) { r.OwnerReferences[0].APIVersion = "s3.bucketcors.dev.evil/v1" },
			objects:  []client.Object{policyWith(nil), liveProvider("https://s3.example")},
			err:      "ControllerRevision team-a/p-1 does not say which policy saved it",
		},
		"of an owner that does not control it": {
			revision: func(r *appsv1.ControllerRevision) { r.OwnerReferences[0].Controller = nil },
			objects:  []client.Object{policyWith(nil), liveProvider("https://s3.example")},
			err:      "does not say which policy saved it",
		},
		"of no bucket": {
			revision: func(r *appsv1.ControllerRevision) { delete(r.Annotations, v1alpha1.RevisionBucketAnnotation) },
			objects:  []client.Object{policyWith(nil), liveProvider("https://s3.example")},
			err:      "or of which bucket",
		},
		"of no service": {
			revision: func(r *appsv1.ControllerRevision) { delete(r.Annotations, v1alpha1.RevisionServiceAnnotation) },
			objects:  []client.Object{policyWith(nil), liveProvider("https://s3.example")},
			err:      "or of which bucket",
		},
		"by a provider that has moved": {
			objects: []client.Object{policyWith(nil), liveProvider("https://elsewhere.example")},
			err:     `bucket "web-a" was on "https://s3.example:443" when it was saved, and BucketProvider "default" reaches "https://elsewhere.example:443" now: ` + byHandSays,
		},
		"by a provider that is gone": {
			objects: []client.Object{policyWith(nil)}, err: `has no BucketProvider "default", which says where bucket "web-a" is: ` + byHandSays,
		},
		"by a provider that may not be read": {
			forbidden: []string{"BucketProvider"}, objects: []client.Object{policyWith(nil)}, err: "have the ClusterRole bucketcors-provider-viewer",
		},
	} {
		data := savedData
		if test.data != "" {
			data = test.data
		}
		revision := savedObject(data)
		if test.revision != nil {
			test.revision(revision)
		}
		cmd, stdout, stderr := saying(t.Context())
		var o restoreOptions
		in, location, err := o.place(cmd, fakeCluster(t, test.forbidden, test.objects...), readSaved(revision))
		switch {
		case test.err != "":
			if err == nil || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "--endpoint") {
				t.Errorf("%s: %q is missing in %v", name, test.err, err)
			}
		case err != nil, location != test.location, in.provider != "default", stderr.String() != test.note, stdout.String() != "":
			t.Errorf("%s: %+v, %+v, %v, %s%s", name, location, in.provider, err, stdout, stderr)
		}
	}
}

func TestRestoreLooksForPoliciesAsFarAsItMay(t *testing.T) {
	saved := readSaved(savedObject(savedData))
	enforcing := new(namingPolicy(nil))
	elsewhere := new(namingPolicy(func(p *v1alpha1.BucketCORSPolicy) { p.Namespace, p.Name = "team-b", "q" }))
	suspended := new(namingPolicy(func(p *v1alpha1.BucketCORSPolicy) { p.Spec.Suspend, p.Generation = true, 4 }))
	const others = "you may not list the policies of other namespaces"
	for name, test := range map[string]struct {
		forbidden      []string
		objects        []client.Object
		obstacle, note string
		err            string
	}{
		"nothing":                       {nil, nil, "", "", ""},
		"a policy":                      {nil, []client.Object{enforcing, liveProvider("https://s3.example")}, "policy team-a/p enforces", "", ""},
		"one of another namespace":      {nil, []client.Object{elsewhere, liveProvider("https://s3.example")}, "policy team-b/q enforces", "", ""},
		"one of its own namespace":      {[]string{"BucketCORSPolicyList"}, []client.Object{enforcing, elsewhere, liveProvider("https://s3.example")}, "policy team-a/p enforces", others, ""},
		"one that it may not see":       {[]string{"BucketCORSPolicyList"}, []client.Object{elsewhere, liveProvider("https://s3.example")}, "", others, ""},
		"no right at all":               {[]string{"BucketCORSPolicyList", "BucketCORSPolicyList team-a"}, nil, "", others, "you may not list BucketCORSPolicies in namespace team-a"},
		"providers that may not be had": {[]string{"BucketProviderList"}, []client.Object{enforcing}, "policy team-a/p enforces", "", ""},
		"one that nobody has looked at": {nil, []client.Object{suspended, liveProvider("https://s3.example")}, "", "has not looked at policy team-a/p since", ""},
	} {
		cmd, _, stderr := saying(t.Context())
		obstacle, err := fakeCluster(t, test.forbidden, test.objects...).obstacle(cmd, saved, 0)
		if !strings.HasPrefix(obstacle, test.obstacle) || obstacle != "" && test.obstacle == "" ||
			!strings.Contains(stderr.String(), test.note) || stderr.String() != "" && test.note == "" ||
			(err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %q, %v, %s", name, obstacle, err, stderr)
		}
	}
}

func TestRestoreWaitsForTheOperatorToSeeThatAPolicyIsSuspended(t *testing.T) {
	suspended := new(namingPolicy(func(p *v1alpha1.BucketCORSPolicy) { p.Spec.Suspend, p.Generation = true, 4 }))
	c := fakeCluster(t, nil, suspended, liveProvider("https://s3.example"))
	looks := 0
	c.Client = interceptor.NewClient(c.Client.(client.WithWatch), interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if _, ok := list.(*v1alpha1.BucketCORSPolicyList); ok {
				if looks++; looks == 2 {
					seen := &v1alpha1.BucketCORSPolicy{}
					if err := c.Get(ctx, types.NamespacedName{Namespace: "team-a", Name: "p"}, seen); err != nil {
						return err
					}
					seen.Status.ObservedGeneration = seen.Generation
					if err := c.Update(ctx, seen); err != nil {
						return err
					}
				}
			}
			return c.List(ctx, list, options...)
		},
	})
	cmd, _, stderr := saying(t.Context())
	obstacle, err := c.obstacle(cmd, readSaved(savedObject(savedData)), time.Hour)
	if obstacle != "" || err != nil || stderr.String() != "" || looks != 2 {
		t.Errorf("%q, %v, %s, %d looks", obstacle, err, stderr, looks)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cmd, _, _ = saying(ctx)
	c = fakeCluster(t, nil, suspended, liveProvider("https://s3.example"))
	if _, err := c.obstacle(cmd, readSaved(savedObject(savedData)), time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// scriptedBucket answers reads in turn, the last one for ever, and keeps what was
// written.
type scriptedBucket struct {
	reads   []any // a cors.Configuration or an error
	fails   error // of the write
	written []string
	// beforeWrite is called when one begins; nil for nothing.
	beforeWrite func()
}

func (b *scriptedBucket) GetCORS(context.Context) (cors.Configuration, error) {
	next := b.reads[0]
	if len(b.reads) > 1 {
		b.reads = b.reads[1:]
	}
	if err, failed := next.(error); failed {
		return cors.Configuration{}, err
	}
	return next.(cors.Configuration), nil
}

func (b *scriptedBucket) PutCORS(_ context.Context, c cors.Configuration) error {
	return b.write(fmt.Sprintf("put %s", c.Rules[0].ID))
}

func (b *scriptedBucket) DeleteCORS(context.Context) error { return b.write("delete") }

func (b *scriptedBucket) write(what string) error {
	if b.beforeWrite != nil {
		b.beforeWrite()
	}
	b.written = append(b.written, what)
	return b.fails
}

func TestRestoreWritesWhatWasShownAndTellsWhatBecameOfIt(t *testing.T) {
	rules := func(id string, origins ...string) cors.Configuration {
		return cors.Configuration{Rules: []cors.Rule{{ID: id, AllowedOrigins: origins, AllowedMethods: []string{"GET"}}}}
	}
	shown, old, other := rules("new", "https://new.example"), rules("old", "https://www.example.com"), rules("", "https://new.example")
	failure := func(fate bucket.Fate) error {
		return &bucket.Error{Reason: bucket.ServerError, Fate: fate, Message: "it failed"}
	}
	const unknown = "whether the bucket was changed is not known: run it again without --yes"
	for name, test := range map[string]struct {
		at          scriptedBucket
		data        string
		interrupted bool
		written     string
		err         string // of nothing is nil, "no" is errNo
		out, note   string
	}{
		"it is there":       {at: scriptedBucket{reads: []any{shown, old}}, written: "put old", out: "bucket web-a has again what it had at 2026-11-22T07:14:41Z\n"},
		"nothing was there": {at: scriptedBucket{reads: []any{shown, cors.Configuration{}}}, data: noData, written: "delete", out: "has again what it had"},
		"the server adds an id": {
			at:   scriptedBucket{reads: []any{shown, rules("made up", "https://www.example.com")}},
			data: strings.Replace(savedData, `,"ID":"old"`, "", 1), written: "put ", out: "has again what it had",
		},
		"somebody wrote meanwhile":       {at: scriptedBucket{reads: []any{old}}, err: `somebody has changed bucket "web-a" meanwhile, so that nothing was changed`},
		"somebody took an id meanwhile":  {at: scriptedBucket{reads: []any{other}}, err: "meanwhile"},
		"it cannot be read again":        {at: scriptedBucket{reads: []any{failure(bucket.Transient)}}, err: "it failed"},
		"it is not there yet":            {at: scriptedBucket{reads: []any{shown, shown}}, written: "put old", err: "no", note: "the bucket has something else"},
		"it cannot be read back":         {at: scriptedBucket{reads: []any{shown, failure(bucket.Transient)}}, written: "put old", err: "it was written, but whether the bucket has it is not known: it failed"},
		"it is refused":                  {at: scriptedBucket{reads: []any{shown}, fails: failure(bucket.Refused)}, written: "put old", err: "it failed"},
		"there is no answer":             {at: scriptedBucket{reads: []any{shown}, fails: failure(bucket.Transient)}, written: "put old", err: "it failed; " + unknown},
		"it is interrupted":              {at: scriptedBucket{reads: []any{shown}, fails: failure(bucket.Transient)}, interrupted: true, written: "put old", err: "it failed", note: "note: interrupted: " + unknown},
		"it is interrupted when written": {at: scriptedBucket{reads: []any{shown, failure(bucket.Transient)}}, interrupted: true, written: "put old", err: "it failed", note: "note: interrupted after it was written\n"},
	} {
		data := savedData
		if test.data != "" {
			data = test.data
		}
		ctx, cancel := context.WithCancel(t.Context())
		if test.interrupted {
			test.at.beforeWrite = cancel
		}
		cmd, stdout, stderr := saying(ctx)
		err := (&restoreOptions{}).replace(cmd, &test.at, service{provider: "default"}, readSaved(savedObject(data)), shown)
		cancel()
		said := ""
		if err != nil {
			said = err.Error()
		}
		if !strings.Contains(said, test.err) || (said == "") != (test.err == "") || strings.Contains(said, unknown) != strings.Contains(test.err, unknown) {
			t.Errorf("%s: %q and not %q", name, said, test.err)
		}
		if got := strings.Join(test.at.written, ", "); got != test.written || !strings.Contains(stdout.String(), test.out) ||
			!strings.Contains(stderr.String(), test.note) || test.note == "" && stderr.String() != "" {
			t.Errorf("%s: wrote %q, %s%s", name, got, stdout, stderr)
		}
		if kept := strings.HasPrefix(stdout.String(), "what it had until now:\n{\n") && strings.Contains(stdout.String(), "https://new.example"); kept != (test.written != "") {
			t.Errorf("%s: %s", name, stdout)
		}
	}
}

func TestRestoreNoticesThatSomebodyGaveARuleAnID(t *testing.T) {
	rule := cors.Rule{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}}
	shown := cors.Configuration{Rules: []cors.Rule{rule}}
	rule.ID = "theirs"
	at := &scriptedBucket{reads: []any{cors.Configuration{Rules: []cors.Rule{rule}}}}
	cmd, _, _ := saying(t.Context())
	err := (&restoreOptions{}).replace(cmd, at, service{}, readSaved(savedObject(savedData)), shown)
	if err == nil || !strings.Contains(err.Error(), "meanwhile") || len(at.written) > 0 {
		t.Errorf("%v, %q", err, at.written)
	}
}

func TestRestoreLeavesAloneWhatCannotBeWrittenDown(t *testing.T) {
	live := cors.Configuration{Rules: []cors.Rule{{ID: "\xff"}}}
	at := &scriptedBucket{reads: []any{live}}
	cmd, stdout, _ := saying(t.Context())
	err := (&restoreOptions{}).replace(cmd, at, service{}, readSaved(savedObject(savedData)), live)
	if err == nil || !strings.Contains(err.Error(), "is left as it is") || len(at.written) > 0 || stdout.String() != "" {
		t.Errorf("%v, %q, %s", err, at.written, stdout)
	}
}

func TestRestoreShowsWhatWouldChange(t *testing.T) {
	cmd, stdout, _ := saying(t.Context())
	saved := readSaved(savedObject(savedData))
	saved.bucket, saved.why = "web-a\x1b[31m", "Original\u009b"
	live := cors.Configuration{Rules: []cors.Rule{{ID: "new", AllowedOrigins: []string{"https://evil.example"}, AllowedMethods: []string{"PUT"}}}}
	if err := (&restoreOptions{}).show(cmd, saved, live); err != nil {
		t.Fatal(err)
	}
	const want = "web-a\uFFFD[31m (Original\uFFFD of 2026-11-22T07:14:41Z, saved by policy team-a/p)\n" +
		"  + rule \"old\"\n    + allowedOrigins: https://www.example.com\n    + allowedMethods: GET\n" +
		"  - rule \"new\"\n    - allowedOrigins: https://evil.example\n    - allowedMethods: PUT\n"
	if stdout.String() != want {
		t.Errorf("%s\nand not\n%s", stdout, want)
	}
}
