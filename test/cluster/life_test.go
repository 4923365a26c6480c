// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

const (
	// team is the namespace of all policies.
	team = "team-a"
	// driftCheckInterval is the shortest that there is.
	driftCheckInterval = 10 * time.Second
	// soon is for what takes moments, on a loaded machine.
	soon = 30 * time.Second
	// takeOver is for what a pod does once the lease of another has expired.
	takeOver = time.Minute

	appOrigin      = "https://app.example.com"
	foreignOrigin  = "https://evil.example"
	originalOrigin = "https://before.example.com"
)

// values are those of a person who has one S3 server.
const values = `
provider:
  enabled: true
  spec:
    endpoint: %s
    region: %s
    credentials: {secretRef: {name: s3-keys}}
    access: [{namespaces: [team-a], buckets: ["*"]}]
%s
`

func valuesWith(more string) string {
	return fmt.Sprintf(values, world.Storage.Endpoint, world.Storage.Region, more)
}

// The steps need what those before them did, on the only release that a cluster has
// at a time. Each looks at buckets, which is what it is all for.
func TestARelease(t *testing.T) {
	steps := []struct {
		name string
		do   func(*testing.T)
	}{
		{"installs where the restricted Pod Security Standard is enforced", testInstall},
		{"puts the rules of a policy on a bucket, and puts a change right", testBucket},
		{"serves metrics to those who may read them", func(t *testing.T) { expectMetrics(t, oldVersion) }},
		{"goes on when its process is killed", testKilledProcess},
		{"goes on when its pod is deleted", testDeletedPod},
		{"is upgraded under traffic, to two pods and a webhook", testUpgrade},
		{"refuses a bad policy through the Service of its webhook", testWebhook},
		{"hands the lease on when the node is drained, under traffic", testEviction},
		{"is rolled back under traffic", testRollback},
		{"leaves buckets as deletionPolicy says when it is uninstalled", testUninstall},
	}
	for _, step := range steps {
		if !t.Run(step.name, step.do) {
			t.FailNow()
		}
	}
}

func testInstall(t *testing.T) {
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name:   namespace,
			Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
		}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: team}},
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "s3-keys"},
			StringData: map[string]string{
				"AWS_ACCESS_KEY_ID": world.Storage.AccessKeyID, "AWS_SECRET_ACCESS_KEY": world.Storage.SecretAccessKey,
			},
		},
	} {
		if err := world.client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	// The standard is enforced, or this would prove nothing.
	err := world.client.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "unrestricted"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "none"}}},
	})
	if !apierrors.IsForbidden(err) {
		t.Fatalf("a pod that is not restricted: error %v; want that it is forbidden", err)
	}
	install(t, oldVersion, valuesWith(""))
	expectManagers(t, 1, oldVersion)
}

func testBucket(t *testing.T) {
	expectApplied(t, steadyBucket, soon)
	expectApplied(t, changingBucket, soon)
	var buckets []string
	for n := range driftingBuckets {
		buckets = append(buckets, driftingBucket(n))
	}
	expectApplied(t, driftingPolicy, soon, buckets...)
	for n := range writtenAt {
		writtenAt[n] = time.Now()
	}
	if err := preflight(t.Context(), steadyBucket, appOrigin); err != nil {
		t.Error(err)
	}
	meddleWith(t, buckets[0])
	expectHealed(t, buckets[0], soon)
	writtenAt[0] = time.Now()
}

// expectApplied creates a policy for new buckets, one of its name unless others are
// given, and waits until they have its rules.
func expectApplied(t *testing.T, name string, within time.Duration, buckets ...string) {
	t.Helper()
	if len(buckets) == 0 {
		buckets = []string{name}
	}
	for _, bucketName := range buckets {
		createBucket(t, bucketName)
	}
	create(t, policy(name, appOrigin, buckets...))
	eventually(t, "the policy "+name+" is applied", within, func() error {
		var errs []error
		for _, bucketName := range buckets {
			errs = append(errs, expectLive(t.Context(), bucketName, allowing(appOrigin)))
		}
		return errors.Join(errs...)
	})
}

// meddleWith changes a bucket behind the operator's back.
func meddleWith(t *testing.T, bucketName string) {
	t.Helper()
	if err := put(t.Context(), bucketName, somebodyElses()); err != nil {
		t.Fatal(err)
	}
}

func expectHealed(t *testing.T, bucketName string, within time.Duration) {
	t.Helper()
	eventually(t, "the bucket "+bucketName+" is put right", within, func() error {
		return expectLive(t.Context(), bucketName, allowing(appOrigin))
	})
}

func testKilledProcess(t *testing.T) {
	pod, former := leadingPod(t)
	kill(t, pod)
	meddleWith(t, driftingBucket(1)) // and the next step waits for it
	expectApplied(t, "after-kill", takeOver)
	expectOtherLeader(t, former)
	pods := expectManagers(t, 1, oldVersion)
	if pods[0].Name != pod.Name || pods[0].Status.ContainerStatuses[0].RestartCount != 1 {
		t.Errorf("the pod is %s, restarted %d times; want %s, restarted once", pods[0].Name,
			pods[0].Status.ContainerStatuses[0].RestartCount, pod.Name)
	}
}

func testDeletedPod(t *testing.T) {
	pod, former := leadingPod(t)
	if err := world.client.Delete(t.Context(), &pod, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	meddleWith(t, driftingBucket(2))
	expectApplied(t, "after-delete", takeOver)
	expectOtherLeader(t, former)
	if pods := expectManagers(t, 1, oldVersion); pods[0].Name == pod.Name {
		t.Errorf("the pod %s is still there", pod.Name)
	}
	for n := range 2 {
		expectHealed(t, driftingBucket(1+n), settled+wrongBound)
		writtenAt[1+n] = time.Now()
	}
}

const twoPodsAndWebhook = "replicaCount: 2\nwebhook: {enabled: true}"

func testUpgrade(t *testing.T) {
	underTraffic(t, func() {
		upgrade(t, newVersion, valuesWith(twoPodsAndWebhook))
		expectManagers(t, 2, newVersion)
	})
}

// The rules of this policy do not allow what it expects of them, which a schema
// cannot know.
func badPolicy() *s3v1alpha1.BucketCORSPolicy {
	bad := policy("bad", appOrigin, "bad")
	bad.Spec.Expectations = []s3v1alpha1.Expectation{{Name: "upload", Origin: foreignOrigin, Method: http.MethodPut}}
	return bad
}

func testWebhook(t *testing.T) {
	// Until it has its certificate, nothing is refused: nobody has to wait for it.
	eventually(t, "a bad policy is refused", time.Minute, func() error {
		err := world.client.Create(t.Context(), badPolicy(), client.DryRunAll)
		if err == nil {
			return errors.New("it was let through")
		}
		for _, want := range []string{"policies.s3.bucketcors.dev", "denied the request", `expectation "upload"`} {
			if !strings.Contains(err.Error(), want) {
				t.Fatalf("the refusal does not say %q: %v", want, err)
			}
		}
		return nil
	})
	if err := world.client.Create(t.Context(), policy("good", appOrigin, "good"), client.DryRunAll); err != nil {
		t.Errorf("a good policy was refused: %v", err)
	}
}

// testEviction does what kubectl drain does, with the node of the leader. The other
// pod stays where it is: there is one node.
func testEviction(t *testing.T) {
	pod, former := leadingPod(t)
	underTraffic(t, func() {
		setUnschedulable(t, true)
		defer setUnschedulable(t, false)
		evict := func(name string) error {
			return world.clientset.PolicyV1().Evictions(namespace).Evict(t.Context(), &policyv1.Eviction{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			})
		}
		if err := evict(pod.Name); err != nil {
			t.Fatal(err)
		}
		evicted := time.Now()
		expectOtherLeader(t, former)
		// Without being told, it would have to wait until the lease expires.
		if took := time.Since(evicted); took > 12*time.Second {
			t.Errorf("the lease was handed on after %s: it was not released", took)
		}
		other, _ := leadingPod(t)
		if err := evict(other.Name); !apierrors.IsTooManyRequests(err) {
			t.Errorf("evicting the last pod: error %v; want that the PodDisruptionBudget is in the way", err)
		}
	})
	expectManagers(t, 2, newVersion)
}

func setUnschedulable(t *testing.T, unschedulable bool) {
	t.Helper()
	var nodes corev1.NodeList
	if err := world.client.List(t.Context(), &nodes); err != nil {
		t.Fatal(err)
	}
	for _, node := range nodes.Items {
		before := node.DeepCopy()
		node.Spec.Unschedulable = unschedulable
		if err := world.client.Patch(t.Context(), &node, client.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
	}
}

func testRollback(t *testing.T) {
	before := provider(t)
	underTraffic(t, func() {
		rollback(t)
		expectManagers(t, 1, oldVersion)
	})
	if after := provider(t); after.UID != before.UID {
		t.Errorf("the BucketProvider was deleted, and made again: %s is %s now", before.UID, after.UID)
	}
	eventually(t, "the webhook is gone", soon, func() error {
		return world.client.Create(t.Context(), badPolicy(), client.DryRunAll)
	})
}

// provider is that of the release.
func provider(t *testing.T) *s3v1alpha1.BucketProvider {
	t.Helper()
	var found s3v1alpha1.BucketProvider
	if err := world.client.Get(t.Context(), client.ObjectKey{Name: "default"}, &found); err != nil {
		t.Fatal(err)
	}
	return &found
}

func testUninstall(t *testing.T) {
	policies := []struct {
		deletion s3v1alpha1.DeletionPolicy
		want     cors.Configuration
	}{
		{s3v1alpha1.DeletionPolicyRestore, allowing(originalOrigin)},
		{s3v1alpha1.DeletionPolicyDelete, cors.Configuration{}},
		{s3v1alpha1.DeletionPolicyRetain, allowing(appOrigin)},
	}
	bucketOf := func(deletion s3v1alpha1.DeletionPolicy) string { return strings.ToLower(string(deletion)) }
	for _, p := range policies {
		name := bucketOf(p.deletion)
		createBucket(t, name)
		if err := put(t.Context(), name, allowing(originalOrigin)); err != nil {
			t.Fatal(err)
		}
		leaving := policy(name, appOrigin, name)
		leaving.Spec.DeletionPolicy = p.deletion
		create(t, leaving)
	}
	for _, p := range policies {
		eventually(t, "the bucket "+bucketOf(p.deletion)+" has the rules", soon, func() error {
			return expectLive(t.Context(), bucketOf(p.deletion), allowing(appOrigin))
		})
	}

	uninstall(t)

	// By now all is done: that is what Helm waited for.
	for _, p := range policies {
		if err := expectLive(t.Context(), bucketOf(p.deletion), p.want); err != nil {
			t.Errorf("deletionPolicy %s: %v", p.deletion, err)
		}
	}
	if err := expectLive(t.Context(), steadyBucket, cors.Configuration{}); err != nil {
		t.Errorf("a bucket that had no configuration: %v", err)
	}
	var left s3v1alpha1.BucketCORSPolicyList
	if err := world.client.List(t.Context(), &left); err != nil || len(left.Items) > 0 {
		t.Errorf("%d policies are left, error %v", len(left.Items), err)
	}
	if pods, err := managers(t.Context()); err != nil || len(pods) > 0 {
		t.Errorf("%d pods are left, error %v", len(pods), err)
	}
	for _, name := range []string{"bucketcorspolicies.s3.bucketcors.dev", "bucketproviders.s3.bucketcors.dev"} {
		if err := world.client.Get(t.Context(), client.ObjectKey{Name: name}, &apiextensionsv1.CustomResourceDefinition{}); err != nil {
			t.Errorf("the CRD: %v", err)
		}
	}
	expectNamespacesGo(t)
}

// expectNamespacesGo deletes the namespaces, which nothing may hold up.
func expectNamespacesGo(t *testing.T) {
	t.Helper()
	names := []string{team, namespace}
	for _, name := range names {
		if err := world.client.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		eventually(t, "the namespace "+name+" is gone", time.Minute, func() error {
			var found corev1.Namespace
			err := world.client.Get(t.Context(), client.ObjectKey{Name: name}, &found)
			switch {
			case apierrors.IsNotFound(err):
				return nil
			case err != nil:
				return err
			}
			return fmt.Errorf("its conditions are %v", found.Status.Conditions)
		})
	}
}
