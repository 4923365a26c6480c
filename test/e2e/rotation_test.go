// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/localenv"
)

// createUser adds a user of the S3 server who may do everything.
func (s *scene) createUser(accessKeyID, secretAccessKey string) {
	s.Helper()
	keepSecret(secretAccessKey)
	if err := s.storage.CreateUser(s.Context(), accessKeyID, secretAccessKey, localenv.RoleAdmin); err != nil {
		s.Fatal(err)
	}
}

// deleteUser has the S3 server forget a user.
func (s *scene) deleteUser(accessKeyID string) {
	s.Helper()
	command := exec.CommandContext(s.Context(), world.assets.VersityGW, "admin", "--endpoint-url", s.storage.Endpoint,
		"--region", s.storage.Region, "delete-user", "--access", accessKeyID)
	command.Env = append(os.Environ(), "ADMIN_ACCESS_KEY_ID="+s.storage.AccessKeyID, "ADMIN_SECRET_ACCESS_KEY="+s.storage.SecretAccessKey)
	if output, err := command.CombinedOutput(); err != nil {
		s.Fatalf("%v: %s", err, output)
	}
}

// provider is the provider of the scene.
func (s *scene) provider() *s3v1alpha1.BucketProvider {
	s.Helper()
	var provider s3v1alpha1.BucketProvider
	if err := world.client.Get(s.Context(), types.NamespacedName{Name: s.name}, &provider); err != nil {
		s.Fatal(err)
	}
	return &provider
}

// awaitProvider waits for the status of the provider of the scene, and returns
// the message of Ready.
func (s *scene) awaitProvider(within time.Duration, status metav1.ConditionStatus, reason string, policies int32) string {
	s.Helper()
	var message string
	s.eventually(within, func() error {
		provider := s.provider()
		ready := meta.FindStatusCondition(provider.Status.Conditions, s3v1alpha1.ConditionReady)
		if ready == nil {
			return fmt.Errorf("provider %s has no condition Ready yet", s.name)
		}
		if ready.Status != status || ready.Reason != reason || ready.ObservedGeneration != provider.Generation || provider.Status.Policies != policies {
			return fmt.Errorf("provider %s is %s/%s with %d policies: %s", s.name, ready.Status, ready.Reason, provider.Status.Policies, ready.Message)
		}
		message = ready.Message
		return nil
	})
	return message
}

// fleet are the policies of a test, each with a bucket of its own.
type fleet struct {
	*scene
	size int
}

// apply applies all of them, with one rule whose max age is given.
func (f fleet) apply(maxAgeSeconds int) {
	f.Helper()
	var manifests []string
	for i := range f.size {
		rules := strings.Replace(uploads, "3000", fmt.Sprint(maxAgeSeconds), 1)
		manifests = append(manifests, f.policyYAML(fmt.Sprintf("p%02d", i), rules, "", fmt.Sprintf("%02d", i)))
	}
	f.scene.apply(strings.Join(manifests, "---"))
}

// all waits until all of them have a condition of their generation.
func (f fleet) all(within time.Duration, conditionType string, status metav1.ConditionStatus, reason string) []s3v1alpha1.BucketCORSPolicy {
	f.Helper()
	var policies s3v1alpha1.BucketCORSPolicyList
	f.eventually(within, func() error {
		if err := world.client.List(f.Context(), &policies, client.InNamespace(f.name)); err != nil {
			return err
		}
		var others []string
		for _, policy := range policies.Items {
			condition := meta.FindStatusCondition(policy.Status.Conditions, conditionType)
			switch {
			case condition == nil:
				others = append(others, policy.Name+" without one")
			case condition.Status != status || condition.Reason != reason || condition.ObservedGeneration != policy.Generation:
				others = append(others, fmt.Sprintf("%s %s: %s", policy.Name, condition.Reason, condition.Message))
			}
		}
		if len(others) > 0 || len(policies.Items) != f.size {
			return fmt.Errorf("%d of %d are not %s: %.1000s", len(others), len(policies.Items), reason, strings.Join(others, "; "))
		}
		return nil
	})
	return policies.Items
}

func TestASecretIsRotatedWhile50PoliciesRunWithoutAFailedRequest(t *testing.T) {
	t.Parallel()
	s := newBareScene(t, "rotation")
	f := fleet{scene: s, size: 50}
	s.createUser("rotation-old", "rotation-old-secret")
	s.createUser("rotation-new", "rotation-new-secret")
	s.applySecret("rotation-old", "rotation-old-secret")
	s.applyProvider("")
	for i := range f.size {
		s.createBucket(fmt.Sprintf("%02d", i))
	}
	f.apply(1)
	established := f.all(2*soon, s3v1alpha1.ConditionReady, metav1.ConditionTrue, s3v1alpha1.ReasonReady)
	s.awaitProvider(soon, metav1.ConditionTrue, s3v1alpha1.ReasonReady, int32(f.size))
	before := len(s.gateway.exchanges())

	// Passes are under way before, while and after the Secret changes. When all
	// policies have made one that began after it, nobody uses the old keys.
	f.apply(2)
	s.applySecret("rotation-new", "rotation-new-secret")
	f.apply(3)
	f.all(2*soon, s3v1alpha1.ConditionReady, metav1.ConditionTrue, s3v1alpha1.ReasonReady)
	s.deleteUser("rotation-old")
	after := len(s.gateway.exchanges())
	f.apply(4)
	rotated := f.all(2*soon, s3v1alpha1.ConditionReady, metav1.ConditionTrue, s3v1alpha1.ReasonReady)

	exchanges := s.gateway.exchanges()
	for _, seen := range exchanges[before:] {
		if seen.status != http.StatusOK {
			t.Errorf("%+v", seen)
		}
	}
	writers := map[string]int{}
	for _, seen := range exchanges {
		writers[seen.accessKeyID]++
	}
	if writers["rotation-old"] == 0 || writers["rotation-new"] < 2*f.size || len(writers) != 2 {
		t.Errorf("the requests were signed by %v", writers)
	}
	for _, seen := range exchanges[after:] {
		if seen.accessKeyID != "rotation-new" {
			t.Errorf("with the old keys: %+v", seen)
		}
	}
	for i := range established {
		was := meta.FindStatusCondition(established[i].Status.Conditions, s3v1alpha1.ConditionReady)
		is := meta.FindStatusCondition(rotated[i].Status.Conditions, s3v1alpha1.ConditionReady)
		if !is.LastTransitionTime.Equal(&was.LastTransitionTime) {
			t.Errorf("policy %s was not ready in between", rotated[i].Name)
		}
	}
	want := uploadsConfiguration()
	want.Rules[0].MaxAgeSeconds = new(int32(4))
	for i := range f.size {
		s.expectLive(fmt.Sprintf("%02d", i), want)
	}
	s.awaitProvider(soon, metav1.ConditionTrue, s3v1alpha1.ReasonReady, int32(f.size))
}

func TestWrongKeysAreNamedAndCorrectedWithoutARestart(t *testing.T) {
	t.Parallel()
	s := newBareScene(t, "wrongkeys")
	s.createUser("wrongkeys-user", "wrongkeys-right-secret")
	s.createBucket("a")
	s.applyProvider("")
	message := s.awaitProvider(soon, metav1.ConditionFalse, s3v1alpha1.ReasonSecretNotFound, 0)
	s.expectContains(message, "bucketcors-system/wrongkeys")
	s.applySecret("wrongkeys-user", "wrongkeys-wrong-secret")
	s.apply(s.policyYAML("p", uploads, "", "a"))
	message = s.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonCredentialsInvalid)
	s.expectContains(message, s.bucketName("a"))
	s.applySecret("wrongkeys-user", "wrongkeys-right-secret")
	s.awaitCondition(nextLook, "p", s3v1alpha1.ConditionReady, metav1.ConditionTrue, s3v1alpha1.ReasonReady)
	s.awaitProvider(nextLook, metav1.ConditionTrue, s3v1alpha1.ReasonReady, 1)

	// Temporary keys that have expired are told too, and what is there stays.
	s.gateway.answer(s3Error(http.StatusBadRequest, "ExpiredToken"))
	message = s.awaitCondition(nextLook, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonCredentialsInvalid)
	s.expectContains(message, "expired")
	s.expectLive("a", uploadsConfiguration())
	s.gateway.answer(nil)
	s.awaitCondition(nextLook, "p", s3v1alpha1.ConditionReady, metav1.ConditionTrue, s3v1alpha1.ReasonReady)

	s.delete("p")
	s.awaitGone("p")
	s.awaitProvider(soon, metav1.ConditionTrue, s3v1alpha1.ReasonReady, 0)
}
