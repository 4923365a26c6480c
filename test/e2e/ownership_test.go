// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

const publicRead = `[{allowedOrigins: ["*"], allowedMethods: [GET]}]`

func publicReadConfiguration() cors.Configuration {
	return cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}}}}
}

// awaitGone waits until a policy no longer exists.
func (s *scene) awaitGone(name string) {
	s.Helper()
	s.eventually(soon, func() error { return s.gone(name) })
}

// gone is nil when a policy does not exist.
func (s *scene) gone(name string) error {
	err := world.client.Get(s.Context(), types.NamespacedName{Namespace: s.name, Name: name}, &s3v1alpha1.BucketCORSPolicy{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("policy %s is still there (%w)", name, err)
}

// awaitOlderThanAllToCome waits until a policy is older than one that is made
// now. Ages are in seconds.
func (s *scene) awaitOlderThanAllToCome(name string) {
	s.Helper()
	born := s.policy(name).CreationTimestamp
	s.eventually(soon, func() error {
		if time.Since(born.Time) < 2*time.Second {
			return errors.New("the policy is too young")
		}
		return nil
	})
}

func TestTheOldestPolicyOwnsABucketAndTheNextTakesOverWhenItGoes(t *testing.T) {
	t.Parallel()
	s := newScene(t, "owners", "a")
	s.apply(s.policyYAML("zz-first", uploads, "", "a"))
	s.awaitReady("zz-first")
	s.awaitOlderThanAllToCome("zz-first")
	// So that it is not the next look that finds the bucket free.
	s.apply(hourly(s.policyYAML("aa-second", publicRead, "", "a")))
	message := s.awaitCondition(soon, "aa-second", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonConflicted)
	s.expectContains(message, "owners/zz-first")
	s.expectLive("a", uploadsConfiguration())
	s.expectCount("PUT", 1)

	s.delete("zz-first")
	s.awaitReady("aa-second")
	s.expectLive("a", publicReadConfiguration())
}

func TestRetainLeavesTheConfigurationAndNeedsNoFinalizer(t *testing.T) {
	t.Parallel()
	s := newScene(t, "retain", "a")
	s.apply(s.policyYAML("p", uploads, "deletionPolicy: Retain", "a"))
	s.awaitReady("p")
	if finalizers := s.policy("p").Finalizers; len(finalizers) > 0 {
		t.Errorf("finalizers %q for nothing", finalizers)
	}
	s.delete("p")
	s.awaitGone("p")
	s.expectLive("a", uploadsConfiguration())
	s.expectCount("DELETE", 0)
}

func TestDeleteRemovesWhatIsOursAndKeepsWhatIsNot(t *testing.T) {
	t.Parallel()
	s := newScene(t, "delete", "a", "b")
	s.apply(s.policyYAML("p", uploads, "deletionPolicy: Delete", "a", "b"))
	s.awaitReady("p")
	s.put("b", foreignConfiguration())
	s.delete("p")
	s.awaitGone("p")
	s.expectLive("a", cors.Configuration{})
	s.expectLive("b", foreignConfiguration())
	s.awaitEvent(s3v1alpha1.ReasonRemoved, "delete-a")
	s.awaitEvent(s3v1alpha1.ReasonKept, "delete-b")
}

func TestACleanUpThatCannotBeDoneKeepsThePolicyUntilItCanOrRetainIsChosen(t *testing.T) {
	t.Parallel()
	s := newScene(t, "stuck", "a")
	s.apply(s.policyYAML("p", uploads, "deletionPolicy: Delete", "a"))
	s.awaitReady("p")
	s.gateway.answer(s3Error(403, "AccessDenied"))
	s.delete("p")
	s.eventually(soon, func() error {
		if b := s.bucketStatus("p", "a"); b.Reason != s3v1alpha1.ReasonAccessDenied {
			return fmt.Errorf("the bucket is %s", b.Reason)
		}
		return nil
	})
	s.apply(s.policyYAML("p", uploads, "deletionPolicy: Retain", "a"))
	s.awaitGone("p")
	s.expectLive("a", uploadsConfiguration())
}
