// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/localenv"
)

func TestWhatSomebodyHasToMendIsCheckedAtTheNormalInterval(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		reason string
		want   string
	}{
		"missing bucket":  {s3Error(http.StatusNotFound, "NoSuchBucket"), s3v1alpha1.ReasonBucketNotFound, "does not exist"},
		"access denied":   {s3Error(http.StatusForbidden, "AccessDenied"), s3v1alpha1.ReasonAccessDenied, "s3:GetBucketCORS"},
		"not implemented": {s3Error(http.StatusNotImplemented, "NotImplemented"), s3v1alpha1.ReasonUnsupported, "CORS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "refused-"+strings.ReplaceAll(name, " ", "-"), "a")
			s.gateway.answer(test.answer)
			s.apply(s.policyYAML("p", uploads, "", "a"))
			message := s.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, test.reason)
			s.expectContains(message, s.bucketName("a"), test.want)

			// One look each 10 to 12 seconds: no storm, and no end to looking either. The
			// first may come at once, if we were late to see the condition.
			version := s.policy("p").ResourceVersion
			before := s.gateway.count(http.MethodGet)
			started := time.Now()
			s.awaitCount(3*nextLook, http.MethodGet, before+3)
			if took := time.Since(started); took < 20*time.Second {
				t.Errorf("three more looks within %s: %v", took, s.gateway.all())
			}
			if now := s.policy("p").ResourceVersion; now != version {
				t.Error("the same failure seen again wrote to the API server")
			}

			s.gateway.answer(nil)
			s.awaitCondition(nextLook, "p", s3v1alpha1.ConditionReady, metav1.ConditionTrue, s3v1alpha1.ReasonReady)
			s.expectLive("a", uploadsConfiguration())
		})
	}
}

func TestARealServerThatDeniesAccessIsUnderstood(t *testing.T) {
	t.Parallel()
	s := newScene(t, "denied", "a")
	if err := world.storage.CreateUser(t.Context(), "denied-user", "denied-user-secret-key", localenv.RoleUser); err != nil {
		t.Fatal(err)
	}
	s.applySecret("denied-user", "denied-user-secret-key")
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonAccessDenied)
	if b := s.bucketStatus("p", "a"); b.State != s3v1alpha1.BucketDenied {
		t.Errorf("the state of the bucket is %s", b.State)
	}
}

func TestWhatPassesByItselfIsTriedAgainWithBackoffAndKeepsTheLastGoodState(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		reason string
	}{
		"slow down":    {s3Error(http.StatusServiceUnavailable, "SlowDown"), s3v1alpha1.ReasonThrottled},
		"server error": {s3Error(http.StatusInternalServerError, "InternalError"), s3v1alpha1.ReasonServerError},
		"hang up":      {hangUp, s3v1alpha1.ReasonUnreachable},
		"timeout":      {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, s3v1alpha1.ReasonTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "passes-"+strings.ReplaceAll(name, " ", "-"), "a")
			s.apply(s.policyYAML("p", uploads, "", "a"))
			s.awaitReady("p")
			good := s.bucketStatus("p", "a")

			s.gateway.answer(test.answer)
			s.awaitCondition(2*nextLook, "p", s3v1alpha1.ConditionSynced, metav1.ConditionUnknown, test.reason)
			s.awaitCondition(soon, "p", s3v1alpha1.ConditionReconciling, metav1.ConditionTrue, test.reason)
			bad := s.bucketStatus("p", "a")
			if bad.State != good.State || bad.ConfigurationHash != good.ConfigurationHash || !bad.LastAppliedTime.Equal(good.LastAppliedTime) {
				t.Errorf("the last good state was lost: %+v became %+v", good, bad)
			}
			// Retries are attempts of three requests each, ever further apart.
			before := len(s.gateway.all())
			s.throughout(20*time.Second, func() error {
				if more := len(s.gateway.all()) - before; more > 21 {
					return fmt.Errorf("%d requests: no backoff", more)
				}
				return nil
			})

			s.gateway.answer(nil)
			s.awaitCondition(2*time.Minute, "p", s3v1alpha1.ConditionReady, metav1.ConditionTrue, s3v1alpha1.ReasonReady)
			s.expectCount(http.MethodPut, 1)
		})
	}
}

func TestAServerThatCannotBeReachedIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t, "unreachable", "a")
	url := s.gateway.URL
	// Nothing listens on the port of a reserved address of loopback.
	s.gateway.URL = "http://127.0.0.1:1"
	s.applyProvider("")
	s.apply(s.policyYAML("p", uploads, "", "a"))
	message := s.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonUnreachable)
	s.expectContains(message, "127.0.0.1:1")
	s.gateway.URL = url
	s.applyProvider("")
	s.awaitReady("p")
	s.expectLive("a", uploadsConfiguration())
}

func TestRulesThatOnlyThisServerRefusesAreToldAsItsOwn(t *testing.T) {
	t.Parallel()
	s := newScene(t, "rejected", "a")
	s.gateway.answer(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			s3Error(http.StatusBadRequest, "InvalidRequest")(w, r)
			return
		}
		s3Error(http.StatusNotFound, "NoSuchCORSConfiguration")(w, r)
	})
	s.apply(s.policyYAML("p", uploads, "", "a"))
	message := s.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonRejectedByServer)
	s.expectContains(message, "as the test wants it")
	s.awaitCondition(soon, "p", s3v1alpha1.ConditionStalled, metav1.ConditionTrue, s3v1alpha1.ReasonRejectedByServer)
}
