// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/localenv"
)

// What only a real API server knows: that data does not change, what a patch
// makes of it, and what deletion leaves.
func TestTheArchiveOnAnAPIServer(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a real server, which may have to be built first")
	}
	servers, err := localenv.Ensure(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	plane, err := localenv.StartControlPlane(t.Context(), localenv.Options{Assets: servers, CRDPaths: []string{filepath.Join("..", "config", "crd", "bases")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), s3v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	api, err := client.New(plane.Config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	a := archive{api}

	// newPolicy is a policy in a namespace of its own.
	newPolicy := func(t *testing.T, namespace string, finalizers ...string) *s3v1alpha1.BucketCORSPolicy {
		t.Helper()
		policy := namedPolicy(namespace, "web", time.Time{}, "assets")
		policy.UID, policy.Finalizers = "", finalizers
		for _, object := range []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, policy} {
			if err := api.Create(t.Context(), object); err != nil {
				t.Fatal(err)
			}
		}
		return policy
	}
	takeOver := func(t *testing.T, policy *s3v1alpha1.BucketCORSPolicy, live cors.Configuration) savedConfiguration {
		t.Helper()
		saved, err := a.takeOver(t.Context(), policy, assets, nil, live, noon)
		if err != nil {
			t.Fatal(err)
		}
		return saved
	}
	get := func(t *testing.T, policy *s3v1alpha1.BucketCORSPolicy, name string) *appsv1.ControllerRevision {
		t.Helper()
		var revision appsv1.ControllerRevision
		switch err := api.Get(t.Context(), client.ObjectKey{Namespace: policy.Namespace, Name: name}, &revision); {
		case apierrors.IsNotFound(err):
			return nil
		case err != nil:
			t.Fatal(err)
		}
		return &revision
	}

	t.Run("what is saved survives every change of its marks", func(t *testing.T) {
		policy := newPolicy(t, "marks")
		saved := takeOver(t, policy, everything)
		for _, step := range []func() error{
			func() error { return a.protect(t.Context(), policy, true) },
			func() error { return a.save(t.Context(), policy, assets, theirs, noon) },
			func() error { return a.save(t.Context(), policy, assets, everything, noon) },
			func() error { return a.protect(t.Context(), policy, false) },
			func() error { return a.release(t.Context(), policy, assets) },
			func() error { return a.save(t.Context(), policy, assets, everything, noon) },
		} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
			if got, err := a.original(t.Context(), policy, assets, saved.revision); err != nil || got == nil || !reflect.DeepEqual(*got, saved) {
				t.Fatalf("got %+v, %v\nwant %+v", got, err, saved)
			}
		}
		if again := takeOver(t, policy, everything); !reflect.DeepEqual(again, saved) {
			t.Errorf("got %+v, want %+v", again, saved)
		}
	})

	t.Run("nobody changes what is saved", func(t *testing.T) {
		policy := newPolicy(t, "data")
		revision := get(t, policy, takeOver(t, policy, theirs).revision)
		revision.Data.Raw = []byte(`{"CORSRules":[]}`)
		if err := api.Update(t.Context(), revision); !apierrors.IsInvalid(err) {
			t.Errorf("got %v", err)
		}
	})

	t.Run("kubectl shows what the AWS command line takes", func(t *testing.T) {
		for namespace, live := range map[string]cors.Configuration{"shown": everything, "shown-empty": nothing} {
			policy := newPolicy(t, namespace)
			saved := takeOver(t, policy, live)
			kubectl := exec.CommandContext(t.Context(), servers.Kubectl, "--kubeconfig", plane.Kubeconfig, "--namespace", namespace,
				"get", "controllerrevision", saved.revision, "--output", "jsonpath={.data}")
			shown, err := kubectl.Output()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := cors.ParseJSON(shown); err != nil || !reflect.DeepEqual(got, live) {
				t.Errorf("kubectl shows %s, which is %+v, %v", shown, got, err)
			}
		}
	})

	t.Run("a protected original outlives the deletion of all there is", func(t *testing.T) {
		policy := newPolicy(t, "deleted", s3v1alpha1.FinalizerName)
		saved := takeOver(t, policy, theirs)
		if err := a.save(t.Context(), policy, assets, third, noon); err != nil {
			t.Fatal(err)
		}
		for _, propagation := range []metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationForeground} {
			if err := api.DeleteAllOf(t.Context(), &appsv1.ControllerRevision{}, client.InNamespace("deleted"), client.PropagationPolicy(propagation)); err != nil {
				t.Fatal(err)
			}
		}
		if revisions, err := a.revisionsOf(t.Context(), "deleted", assets); err != nil || len(revisions) != 1 || revisions[0].DeletionTimestamp == nil {
			t.Fatalf("left are %+v, %v", revisions, err)
		}
		if err := a.save(t.Context(), policy, assets, theirs, noon); err != nil {
			t.Error(err)
		}
		if err := a.protect(t.Context(), policy, true); err != nil {
			t.Error(err)
		}
		if got, err := a.original(t.Context(), policy, assets, ""); err != nil || got == nil || !reflect.DeepEqual(*got, saved) {
			t.Errorf("the original is %+v, %v", got, err)
		}
		if err := a.release(t.Context(), policy, assets); err != nil {
			t.Fatal(err)
		}
		if left := get(t, policy, saved.revision); left != nil && slices.Contains(left.Finalizers, s3v1alpha1.FinalizerName) {
			t.Errorf("left is %+v", left)
		}
	})

	t.Run("an unprotected original may be deleted", func(t *testing.T) {
		policy := newPolicy(t, "unprotected")
		saved := takeOver(t, policy, theirs)
		if err := api.DeleteAllOf(t.Context(), &appsv1.ControllerRevision{}, client.InNamespace("unprotected")); err != nil {
			t.Fatal(err)
		}
		if got, err := a.original(t.Context(), policy, assets, saved.revision); err != nil || got != nil {
			t.Errorf("got %+v, %v", got, err)
		}
	})

	t.Run("only what is unchanged is pruned", func(t *testing.T) {
		policy := newPolicy(t, "pruned")
		saved := takeOver(t, policy, theirs)
		stale := get(t, policy, saved.revision)
		if err := a.release(t.Context(), policy, assets); err != nil {
			t.Fatal(err)
		}
		metav1.SetMetaDataAnnotation(&stale.ObjectMeta, s3v1alpha1.RevisionReasonAnnotation, s3v1alpha1.RevisionForeignChange)
		a.prune(t.Context(), slices.Repeat([]appsv1.ControllerRevision{*stale}, maxSaved+1))
		fresh := get(t, policy, saved.revision)
		if fresh == nil {
			t.Fatal("what changed meanwhile was pruned")
		}
		a.prune(t.Context(), slices.Repeat([]appsv1.ControllerRevision{*fresh}, maxSaved+1))
		if left := get(t, policy, saved.revision); left != nil {
			t.Errorf("left is %+v", left)
		}
	})

	t.Run("nothing is bequeathed to a namespace that is going", func(t *testing.T) {
		heir := newPolicy(t, "going")
		if err := api.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "going"}}); err != nil {
			t.Fatal(err)
		}
		gone := namedPolicy("never-there", "web", noon)
		there := newPolicy(t, "there")
		if err := a.bequeath(t.Context(), found(theirs, noon), assets, []*s3v1alpha1.BucketCORSPolicy{heir, gone, there}); err != nil {
			t.Error(err)
		}
		if got, err := a.original(t.Context(), there, assets, ""); err != nil || got == nil || !reflect.DeepEqual(got.configuration, theirs) {
			t.Errorf("the last heir has %+v, %v", got, err)
		}
	})

	t.Run("what is too large is an error", func(t *testing.T) {
		policy := newPolicy(t, "large")
		large := cors.Configuration{Rules: slices.Repeat(everything.Rules, 10_000)}
		if _, err := a.takeOver(t.Context(), policy, assets, nil, large, noon); err == nil {
			t.Error("it was saved")
		} else if len(err.Error()) > 1000 {
			t.Errorf("the error has %d characters", len(err.Error()))
		}
	})
}
