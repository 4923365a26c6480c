// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// aPolicyNamed is a policy as the operator left it, with its finalizer or others.
func aPolicyNamed(name string, finalizers ...string) *s3v1alpha1.BucketCORSPolicy {
	return &s3v1alpha1.BucketCORSPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: name, Finalizers: finalizers}}
}

// deletionOf is the deletion of policies that a cluster has, whose answers the
// functions change. The clock ticks as often as it is looked at, up to ticks.
func deletionOf(t *testing.T, ticks int, funcs interceptor.Funcs, policies ...client.Object) (*policyDeletion, *bytes.Buffer, context.Context) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := s3v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	poll := make(chan time.Time)
	go func() {
		for range ticks {
			select {
			case poll <- time.Time{}:
			case <-ctx.Done():
				return
			}
		}
		cancel()
	}()
	t.Cleanup(cancel)
	var out bytes.Buffer
	asked := fake.NewClientBuilder().WithScheme(scheme).WithObjects(policies...).WithInterceptorFuncs(funcs).Build()
	return &policyDeletion{client: asked, out: &out, poll: poll}, &out, ctx
}

func TestPoliciesAreDeletedUntilThereAreNone(t *testing.T) {
	d, out, ctx := deletionOf(t, 10, interceptor.Funcs{}, aPolicyNamed("web"), aPolicyNamed("api"))
	left, err := d.run(ctx)
	if err != nil || len(left) > 0 {
		t.Errorf("left %v, err %v", left, err)
	}
	if want := "waiting for 2 policies\nthere are no policies\n"; out.String() != want {
		t.Errorf("printed %q, want %q", out, want)
	}
}

func TestWithoutTheCRDThereAreNoPolicies(t *testing.T) {
	for name, missing := range map[string]error{
		"discovery does not know it": &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "s3.bucketcors.dev", Kind: "BucketCORSPolicy"}},
		"it went meanwhile":          apierrors.NewNotFound(schema.GroupResource{Resource: "bucketcorspolicies"}, ""),
	} {
		t.Run(name, func(t *testing.T) {
			d, out, ctx := deletionOf(t, 1, interceptor.Funcs{
				List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return missing },
			})
			if left, err := d.run(ctx); err != nil || len(left) > 0 {
				t.Errorf("left %v, err %v", left, err)
			}
			if want := "there are no policies\n"; out.String() != want {
				t.Errorf("printed %q, want %q", out, want)
			}
		})
	}
}

func TestWhatIsStillThereInTheEndIsTold(t *testing.T) {
	d, out, ctx := deletionOf(t, 3, interceptor.Funcs{}, aPolicyNamed("web", s3v1alpha1.FinalizerName), aPolicyNamed("api"))
	left, _ := d.run(ctx)
	if len(left) != 1 || left[0].Name != "web" {
		t.Fatalf("left %v", left)
	}
	d.explain(left, time.Minute)
	for _, want := range []string{
		"waiting for 2 policies\nwaiting for 1 policy\n", "after 1m0s, 1 policy is still there:\n\nteam-a/web\n  the operator has not dealt with it",
		`kubectl patch bcp/NAME -n NAMESPACE --type merge -p '{"spec":{"deletionPolicy":"Retain"}}'`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed no %q:\n%s", want, out)
		}
	}
}

// Who watches need not wait for the end to see that no operator runs.
func TestWhatKeepsAPolicyIsToldWhileItKeeps(t *testing.T) {
	d, out, ctx := deletionOf(t, quietPolls+5, interceptor.Funcs{}, aPolicyNamed("api"), aPolicyNamed("web", s3v1alpha1.FinalizerName))
	if left, _ := d.run(ctx); len(left) != 1 {
		t.Fatalf("left %v", left)
	}
	want := "waiting for 2 policies\nwaiting for 1 policy\nwaiting for 1 policy; team-a/web: the operator has not dealt with it since it was deleted: does it run, and what does its log say?\n"
	if out.String() != want {
		t.Errorf("printed %q, want %q", out, want)
	}
}

func TestTroubleThatPassesIsNotTheEnd(t *testing.T) {
	asked := 0
	d, out, ctx := deletionOf(t, 10, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if asked++; asked < 3 {
				return errors.New("connection refused")
			}
			return c.List(ctx, list, opts...)
		},
	}, aPolicyNamed("web"))
	if left, err := d.run(ctx); err != nil || len(left) > 0 {
		t.Errorf("left %v, err %v", left, err)
	}
	want := "trying again: list the policies: connection refused\nwaiting for 1 policy\nthere are no policies\n"
	if out.String() != want {
		t.Errorf("printed %q, want %q", out, want)
	}
}

func TestARightThatIsMissingIsTheEnd(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "bucketcorspolicies"}, "web", errors.New("no"))
	for name, funcs := range map[string]interceptor.Funcs{
		"to list": {
			List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
				return forbidden
			},
		},
		"to delete": {
			Delete: func(context.Context, client.WithWatch, client.Object, ...client.DeleteOption) error { return forbidden },
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, _, ctx := deletionOf(t, 1000, funcs, aPolicyNamed("web"))
			if left, err := d.run(ctx); !apierrors.IsForbidden(err) || left != nil {
				t.Errorf("left %v, err %v", left, err)
			}
		})
	}
}

// A server that never answers is no reason to say that all is well.
func TestWithoutAnAnswerNothingIsKnown(t *testing.T) {
	d, _, ctx := deletionOf(t, 3, interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return errors.New("connection refused")
		},
	})
	if _, err := d.run(ctx); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("err %v", err)
	}
}

func TestPoliciesAreReadPageByPage(t *testing.T) {
	var pages []string
	d, _, ctx := deletionOf(t, 1, interceptor.Funcs{
		List: func(_ context.Context, _ client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			options := (&client.ListOptions{}).ApplyOptions(opts)
			pages = append(pages, options.Continue)
			policies := list.(*s3v1alpha1.BucketCORSPolicyList)
			policies.Items = []s3v1alpha1.BucketCORSPolicy{*aPolicyNamed(fmt.Sprintf("p%d", len(pages)))}
			policies.Continue = ""
			if len(pages) == 1 {
				policies.Continue = "more"
			}
			return nil
		},
	})
	policies, err := d.list(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(policies) != 2 || policies[0].Name != "p1" || policies[1].Name != "p2" || !slices.Equal(pages, []string{"", "more"}) {
		t.Errorf("pages %q gave %v", pages, policies)
	}
}

func TestWhatKeepsAPolicy(t *testing.T) {
	gone := metav1.Now()
	stuck := func(change func(*s3v1alpha1.BucketCORSPolicy)) *s3v1alpha1.BucketCORSPolicy {
		policy := aPolicyNamed("web", s3v1alpha1.FinalizerName)
		policy.DeletionTimestamp, policy.Generation = &gone, 3
		policy.Status.Conditions = []metav1.Condition{{
			Type: s3v1alpha1.ConditionReady, ObservedGeneration: 3, Reason: "AccessDenied", Message: `bucket "one": denied`,
		}}
		policy.Status.Buckets = []s3v1alpha1.BucketStatus{
			{Name: "one", State: s3v1alpha1.BucketDenied, Reason: "AccessDenied", Message: "denied"},
			{Name: "two", State: s3v1alpha1.BucketFailed, Reason: "BucketNotFound", Message: "not there"},
			{Name: "three", State: s3v1alpha1.BucketSynced, Reason: "Synced", Message: "as desired"},
		}
		change(policy)
		return policy
	}
	for name, c := range map[string]struct {
		policy *s3v1alpha1.BucketCORSPolicy
		want   []string
	}{
		"its conditions and buckets say": {
			stuck(func(*s3v1alpha1.BucketCORSPolicy) {}),
			[]string{`AccessDenied: bucket "one": denied`, `bucket "two": BucketNotFound: not there`},
		},
		"the status is of before": {
			stuck(func(p *s3v1alpha1.BucketCORSPolicy) { p.Generation = 4 }),
			[]string{"the operator has not dealt with it since it was deleted: does it run, and what does its log say?"},
		},
		"there is no status": {
			stuck(func(p *s3v1alpha1.BucketCORSPolicy) { p.Status = s3v1alpha1.BucketCORSPolicyStatus{} }),
			[]string{"the operator has not dealt with it since it was deleted: does it run, and what does its log say?"},
		},
		"others hold it": {
			stuck(func(p *s3v1alpha1.BucketCORSPolicy) { p.Finalizers = []string{"foregroundDeletion", "example.com/x"} }),
			[]string{"the operator is done with it; these finalizers are of others: foregroundDeletion, example.com/x"},
		},
		"it was made anew": {
			stuck(func(p *s3v1alpha1.BucketCORSPolicy) { p.DeletionTimestamp = nil }),
			[]string{"it was not deleted, or created again: does something such as Argo CD or Flux apply it?"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := whatKeeps(c.policy); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestManyStuckPoliciesAreNotAllTold(t *testing.T) {
	var left []s3v1alpha1.BucketCORSPolicy
	for i := range 25 {
		left = append(left, *aPolicyNamed(fmt.Sprintf("p%d", i)))
	}
	var out bytes.Buffer
	(&policyDeletion{out: &out}).explain(left, time.Minute)
	if got := strings.Count(out.String(), "team-a/p"); got != maxStuckShown || !strings.Contains(out.String(), "and 5 more\n") {
		t.Errorf("told of %d:\n%s", got, &out)
	}
}

func TestDeletePoliciesNeedsTime(t *testing.T) {
	var stderr bytes.Buffer
	status := run(t.Context(), []string{"controller", "delete-policies", "--timeout=0s"}, strings.NewReader(""), &bytes.Buffer{}, &stderr)
	if want := "bucketcors: --timeout is 0s: it has to be more than 0\n"; status != exitCouldNot || stderr.String() != want {
		t.Errorf("exit status %d, %q", status, &stderr)
	}
}
