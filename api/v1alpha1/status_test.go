// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/diff"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	v1alpha1ac "github.com/bucketcors/bucketcors/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

const statusOwner = "status-owner"

// createPolicy creates a policy with a name and an interval, which the test removes.
func createPolicy(t *testing.T, name string, interval time.Duration) *v1alpha1.BucketCORSPolicy {
	t.Helper()
	policy := &v1alpha1.BucketCORSPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: testNamespace},
		Spec: v1alpha1.BucketCORSPolicySpec{
			Buckets:            []v1alpha1.BucketReference{{Name: "app-assets"}},
			Rules:              []v1alpha1.CORSRule{{AllowedOrigins: []v1alpha1.CORSOrigin{"*"}, AllowedMethods: []v1alpha1.CORSMethod{"GET"}}},
			DriftCheckInterval: &metav1.Duration{Duration: interval},
		},
	}
	if err := apiServer.client.Create(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := apiServer.client.Delete(context.WithoutCancel(t.Context()), policy); err != nil {
			t.Error(err)
		}
	})
	return policy
}

// applyStatus writes a status in which every field has a value.
func applyStatus(t *testing.T, policy *v1alpha1.BucketCORSPolicy) *v1alpha1ac.BucketCORSPolicyApplyConfiguration {
	t.Helper()
	at := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	applied := v1alpha1ac.BucketCORSPolicy(policy.Name, policy.Namespace).WithStatus(v1alpha1ac.BucketCORSPolicyStatus().
		WithObservedGeneration(policy.Generation).
		WithConditions(metav1ac.Condition().
			WithType(v1alpha1.ConditionReady).WithStatus(metav1.ConditionFalse).WithReason(v1alpha1.ReasonDrifted).
			WithMessage("app-assets differs: rule 1 has the origin https://evil.example").
			WithObservedGeneration(policy.Generation).WithLastTransitionTime(at)).
		WithBucketSummary("0/1").
		WithBuckets(v1alpha1ac.BucketStatus().
			WithName("app-assets").WithState(v1alpha1.BucketDrifted).WithReason(v1alpha1.ReasonDrifted).
			WithMessage("rule 1 has the origin https://evil.example").WithConfigurationHash("sha256:0").WithLastAppliedTime(at).
			WithLastDrift(v1alpha1ac.Drift().WithDetectedTime(at).WithCorrected(true).
				WithChanges("rule 1: allowedOrigins: + https://evil.example"))))
	if err := apiServer.client.Status().Apply(t.Context(), applied, client.FieldOwner(statusOwner)); err != nil {
		t.Fatal(err)
	}
	if err := apiServer.client.Get(t.Context(), client.ObjectKeyFromObject(policy), policy); err != nil {
		t.Fatal(err)
	}
	return applied
}

func TestStatusComesBackAsItWasApplied(t *testing.T) {
	needsAPIServer(t)
	policy := createPolicy(t, "status-round-trip", time.Minute)
	applied := applyStatus(t, policy)

	if want, got := fieldsOf(t, applied.Status), fieldsOf(t, policy.Status); !reflect.DeepEqual(want, got) {
		t.Errorf("applied and read differ:\n%s", diff.Diff(want, got))
	}
	extracted, err := v1alpha1ac.ExtractBucketCORSPolicyStatus(policy, statusOwner)
	if err != nil {
		t.Fatal(err)
	}
	if want, got := fieldsOf(t, applied.Status), fieldsOf(t, extracted.Status); !reflect.DeepEqual(want, got) {
		t.Errorf("applied and extracted differ:\n%s", diff.Diff(want, got))
	}
}

func TestStatusThatIsAppliedAgainChangesNothing(t *testing.T) {
	needsAPIServer(t)
	policy := createPolicy(t, "status-again", time.Minute)
	applyStatus(t, policy)
	before := policy.ResourceVersion
	applyStatus(t, policy)
	if policy.ResourceVersion != before {
		t.Errorf("resource version %s became %s", before, policy.ResourceVersion)
	}
}

func TestSpecAndStatusAreWrittenApart(t *testing.T) {
	needsAPIServer(t)
	policy := createPolicy(t, "written-apart", time.Minute)
	applyStatus(t, policy)
	status := policy.Status.DeepCopy()

	policy.Spec.Suspend = true
	policy.Status = v1alpha1.BucketCORSPolicyStatus{BucketSummary: "9/9"}
	if err := apiServer.client.Update(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	if !policy.Spec.Suspend || policy.Generation != 2 || !reflect.DeepEqual(policy.Status, *status) {
		t.Errorf("after an update of the spec, generation %d: suspend is %t and the status\n%s",
			policy.Generation, policy.Spec.Suspend, diff.Diff(*status, policy.Status))
	}

	policy.Spec.Suspend = false
	policy.Status.BucketSummary = "1/1"
	if err := apiServer.client.Status().Update(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	if !policy.Spec.Suspend || policy.Generation != 2 || policy.Status.BucketSummary != "1/1" {
		t.Errorf("after an update of the status, generation %d: suspend is %t, %s buckets are synced",
			policy.Generation, policy.Spec.Suspend, policy.Status.BucketSummary)
	}
}

func TestIntervalComesBackAsItWasWritten(t *testing.T) {
	needsAPIServer(t)
	for i, interval := range []time.Duration{
		10 * time.Second, 10*time.Second + 500*time.Millisecond, 90 * time.Second, 90 * time.Minute, 8760 * time.Hour,
		8759*time.Hour + 59*time.Minute + 59*time.Second + 999*time.Millisecond,
	} {
		policy := createPolicy(t, "interval-"+string(rune('a'+i)), interval)
		if err := apiServer.client.Get(t.Context(), client.ObjectKeyFromObject(policy), policy); err != nil {
			t.Fatal(err)
		}
		if got := policy.Spec.DriftCheckInterval.Duration; got != interval {
			t.Errorf("%s came back as %s", interval, got)
		}
	}
}

// fieldsOf is what a value is as JSON.
func fieldsOf(t *testing.T, value any) map[string]any {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}
