// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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
		WithBuckets(
			v1alpha1ac.BucketStatus().
				WithName("app-assets").WithService("aws").WithRegion("eu-west-1").WithExpectedBucketOwner("111122223333").
				WithState(v1alpha1.BucketDrifted).WithReason(v1alpha1.ReasonDrifted).
				WithMessage("rule 1 has the origin https://evil.example").WithConfigurationHash("sha256:0").WithRulesHash("sha256:1").
				WithSharedWith("team-b/web", "team-c/web").WithOriginalRevision("table-app-assets-1").WithLastAppliedTime(at).
				WithLastDrift(v1alpha1ac.Drift().WithDetectedTime(at).WithCorrected(true).
					WithChanges("rule 1: allowedOrigins: + https://evil.example")),
			// The same name is another bucket elsewhere, which has left the policy.
			v1alpha1ac.BucketStatus().WithName("app-assets").WithService("https://s3.internal:9000").WithLeaving(true).WithState(v1alpha1.BucketPending),
			v1alpha1ac.BucketStatus().WithName("app-assets").WithService("")))
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

// The status of a policy names each bucket once for each service that it is on.
func TestStatusOfAPolicyIsChecked(t *testing.T) {
	needsAPIServer(t)
	policy := createPolicy(t, "status-checked", time.Minute)
	const assets = `{name: app-assets, service: aws}`
	for _, c := range []struct {
		name, status, field, message string // neither field nor message when it is accepted
	}{
		{"nothing", `{}`, "", ""},
		{"two services", `{buckets: [{name: app-assets, service: aws}, {name: app-assets, service: "https://s3.internal"}]}`, "", ""},
		{"two buckets of one service", `{buckets: [{name: app-assets, service: aws}, {name: app-logs, service: aws}]}`, "", ""},
		{"a service that is not known", `{buckets: [{name: app-assets, service: ""}]}`, "", ""},
		{"500 buckets", `{buckets: ` + times(500, `{name: bucket-#, service: aws}`) + `}`, "", ""},
		{"shared with 100", `{buckets: [{name: app-assets, service: aws, sharedWith: ` + times(100, `team-#/web`) + `}]}`, "", ""},

		{"no service", `{buckets: [{name: app-assets}]}`, "status.buckets[0].service", "Required value"},
		{"no name", `{buckets: [{service: aws}]}`, "status.buckets[0].name", "Required value"},
		{"a bucket of a service twice", `{buckets: [` + assets + `, ` + assets + `]}`, "status.buckets[1]", "Duplicate value"},
		{"501 buckets", `{buckets: ` + times(501, `{name: bucket-#, service: aws}`) + `}`, "status.buckets", "must have at most 500 items"},
		{"shared with 101", `{buckets: [{name: app-assets, service: aws, sharedWith: ` + times(101, `team-#/web`) + `}]}`,
			"status.buckets[0].sharedWith", "must have at most 100 items"},
		{"shared with somebody twice", `{buckets: [{name: app-assets, service: aws, sharedWith: [team-b/web, team-b/web]}]}`,
			"status.buckets[0].sharedWith[1]", "Duplicate value"},
		{"a state that is not known", `{buckets: [{name: app-assets, service: aws, state: Fine}]}`, "status.buckets[0].state", "Unsupported value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			object := bucketCORSPolicy().manifest(t, "")
			object.SetName(policy.Name)
			object.Object["status"] = parseYAML(t, c.status)
			err := apiServer.client.Status().Update(t.Context(), withVersion(t, object), client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
			if c.message == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !slices.ContainsFunc(causes(err), func(cause metav1.StatusCause) bool {
				return cause.Field == c.field && strings.Contains(cause.Message, c.message)
			}) {
				t.Errorf("it says %v, and not %q about %s", err, c.message, c.field)
			}
		})
	}
}

// withVersion makes an object an update of that of its name.
func withVersion(t *testing.T, object *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	stored := &unstructured.Unstructured{}
	stored.SetGroupVersionKind(object.GroupVersionKind())
	if err := apiServer.client.Get(t.Context(), client.ObjectKeyFromObject(object), stored); err != nil {
		t.Fatal(err)
	}
	object.SetResourceVersion(stored.GetResourceVersion())
	return object
}

// createProvider creates a provider, which the test removes, with a status in
// which every field has a value.
func createProvider(t *testing.T, name string) (*v1alpha1.BucketProvider, *v1alpha1ac.BucketProviderApplyConfiguration) {
	t.Helper()
	provider := &v1alpha1.BucketProvider{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.BucketProviderSpec{Region: "us-east-1", Endpoint: "https://s3.internal:9000"},
	}
	if err := apiServer.client.Create(t.Context(), provider); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := apiServer.client.Delete(context.WithoutCancel(t.Context()), provider); err != nil {
			t.Error(err)
		}
	})
	applied := v1alpha1ac.BucketProvider(name).WithStatus(v1alpha1ac.BucketProviderStatus().
		WithObservedGeneration(provider.Generation).
		WithPolicies(7).
		WithConditions(metav1ac.Condition().
			WithType(v1alpha1.ConditionReady).WithStatus(metav1.ConditionFalse).WithReason(v1alpha1.ReasonSecretNotFound).
			WithMessage("there is no Secret s3-keys").WithObservedGeneration(provider.Generation).
			WithLastTransitionTime(metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))))
	if err := apiServer.client.Status().Apply(t.Context(), applied, client.FieldOwner(statusOwner)); err != nil {
		t.Fatal(err)
	}
	if err := apiServer.client.Get(t.Context(), client.ObjectKeyFromObject(provider), provider); err != nil {
		t.Fatal(err)
	}
	return provider, applied
}

func TestStatusOfAProviderComesBackAsItWasApplied(t *testing.T) {
	needsAPIServer(t)
	provider, applied := createProvider(t, "status-round-trip")
	if want, got := fieldsOf(t, applied.Status), fieldsOf(t, provider.Status); !reflect.DeepEqual(want, got) {
		t.Errorf("applied and read differ:\n%s", diff.Diff(want, got))
	}
}

func TestSpecAndStatusOfAProviderAreWrittenApart(t *testing.T) {
	needsAPIServer(t)
	provider, _ := createProvider(t, "written-apart")
	status := provider.Status.DeepCopy()

	provider.Spec.Region = "eu-west-1"
	provider.Status = v1alpha1.BucketProviderStatus{Policies: 9}
	if err := apiServer.client.Update(t.Context(), provider); err != nil {
		t.Fatal(err)
	}
	if provider.Generation != 2 || provider.Spec.Region != "eu-west-1" || !reflect.DeepEqual(provider.Status, *status) {
		t.Errorf("after an update of the spec, generation %d: the region is %s and the status\n%s",
			provider.Generation, provider.Spec.Region, diff.Diff(*status, provider.Status))
	}

	provider.Spec.Region = "us-east-1"
	provider.Status.Policies = 0
	if err := apiServer.client.Status().Update(t.Context(), provider); err != nil {
		t.Fatal(err)
	}
	if provider.Generation != 2 || provider.Spec.Region != "eu-west-1" || provider.Status.Policies != 0 {
		t.Errorf("after an update of the status, generation %d: the region is %s, and %d policies",
			provider.Generation, provider.Spec.Region, provider.Status.Policies)
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
