// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

func TestEstablishingABucketCostsOneReadAndOneWriteAndAResyncOneRead(t *testing.T) {
	t.Parallel()
	s := newScene(t, "cost", "a")
	s.apply(hourly(s.policyYAML("p", uploads, "", "a")))
	s.awaitReady("p")
	s.expectCount(http.MethodGet, 1)
	s.expectCount(http.MethodPut, 1)
	s.expectLive("a", uploadsConfiguration())

	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	established := s.policy("p").ResourceVersion
	s.awaitCount(3*nextLook, http.MethodGet, s.gateway.count(http.MethodGet)+3)
	s.expectCount(http.MethodPut, 1)
	if now := s.policy("p").ResourceVersion; now != established {
		t.Errorf("three resyncs wrote to the API server: resourceVersion %s became %s", established, now)
	}
}

func TestABucketThatIsAsDesiredIsTakenOverWithoutAWrite(t *testing.T) {
	t.Parallel()
	s := newScene(t, "takeover", "a")
	s.put("a", uploadsConfiguration())
	s.apply(hourly(s.policyYAML("p", uploads, "", "a")))
	s.awaitReady("p")
	s.expectCount(http.MethodGet, 1)
	s.expectCount(http.MethodPut, 0)
	if b := s.bucketStatus("p", "a"); b.LastAppliedTime != nil {
		t.Errorf("the status tells of a write at %s that did not happen", b.LastAppliedTime)
	}
}

func TestAForeignEditRightAfterOurWriteIsHealedAtTheNextLook(t *testing.T) {
	t.Parallel()
	s := newScene(t, "drift", "a")
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	s.put("a", foreignConfiguration())

	s.eventually(nextLook, func() error { return s.differs("a", uploadsConfiguration()) })
	s.eventually(soon, func() error {
		drift := s.bucketStatus("p", "a").LastDrift
		if drift == nil || !drift.Corrected || drift.DetectedTime.IsZero() {
			return fmt.Errorf("lastDrift is %+v", drift)
		}
		if !slices.ContainsFunc(drift.Changes, func(change string) bool {
			return change == `rule "uploads": allowedOrigins: + https://evil.example, - https://app.example.com`
		}) {
			return fmt.Errorf("lastDrift.changes are %q", drift.Changes)
		}
		return nil
	})
	s.awaitEvent(s3v1alpha1.ReasonDriftCorrected, "https://evil.example")
	s.awaitReady("p")
}

func TestAStaleReadAfterOurWriteIsNotDrift(t *testing.T) {
	t.Parallel()
	s := newScene(t, "stale", "a")
	before := foreignConfiguration()
	s.put("a", before)
	s.gateway.rewrite(rewriteConfiguration(func(cors.Configuration) cors.Configuration { return before }))
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	s.expectCount(http.MethodPut, 1)

	// The next two looks are answered with what was there before our write. They come
	// long before it counts as settled.
	s.awaitCount(nextLook, http.MethodGet, 3)
	s.gateway.rewrite(nil)
	s.awaitCount(nextLook, http.MethodGet, s.gateway.count(http.MethodGet)+1)
	s.expectCount(http.MethodPut, 1)
	if b := s.bucketStatus("p", "a"); b.LastDrift != nil || b.State != s3v1alpha1.BucketSynced {
		t.Errorf("a stale read was taken for drift: %+v", b)
	}
	s.awaitReady("p")
}

func TestAReturnToWhatWasThereBeforeIsHealedWhenOurWriteHasSettled(t *testing.T) {
	t.Parallel()
	s := newScene(t, "removed", "a")
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	if err := s.open("a").DeleteCORS(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.eventually(settled, func() error { return s.differs("a", uploadsConfiguration()) })
	s.awaitEvent(s3v1alpha1.ReasonDriftCorrected, s.bucketName("a"))
}

func TestAChangeOfTheRulesIsAppliedAtOnceAndIsNotDrift(t *testing.T) {
	t.Parallel()
	s := newScene(t, "change", "a")
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	s.apply(s.policyYAML("p", `[{allowedOrigins: ["*"], allowedMethods: [GET], maxAgeSeconds: 0}]`, "", "a"))
	s.awaitReady("p")
	s.expectLive("a", cors.Configuration{Rules: []cors.Rule{{
		AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(0)),
	}}})
	if b := s.bucketStatus("p", "a"); b.LastDrift != nil {
		t.Errorf("a change of the spec was taken for drift: %+v", b.LastDrift)
	}
}

func TestAServerThatSortsAndDeduplicatesListsCausesNoEndlessWrites(t *testing.T) {
	t.Parallel()
	s := newScene(t, "rgw", "a")
	s.gateway.rewrite(rewriteConfiguration(func(c cors.Configuration) cors.Configuration {
		for i := range c.Rules {
			rule := &c.Rules[i]
			for _, list := range []*[]string{&rule.AllowedOrigins, &rule.AllowedHeaders, &rule.AllowedMethods} {
				slices.Sort(*list)
				*list = slices.Compact(*list)
			}
			rule.ID = "made-up-by-the-server"
		}
		return c
	}))
	s.apply(s.policyYAML("p", `[{allowedOrigins: ["https://z.example", "https://a.example", "https://z.example"],
		allowedMethods: [PUT, GET, PUT], allowedHeaders: [X-B, x-a]}]`, "", "a"))
	s.awaitReady("p")
	s.awaitCount(3*nextLook, http.MethodGet, 4)
	s.expectCount(http.MethodPut, 1)
	if b := s.bucketStatus("p", "a"); b.LastDrift != nil {
		t.Errorf("another order was taken for drift: %+v", b.LastDrift)
	}
}

func TestAServerThatAnswersNoContentForNoConfigurationIsUnderstood(t *testing.T) {
	t.Parallel()
	s := newScene(t, "nocontent", "a")
	s.gateway.rewrite(func(response *http.Response) error {
		if response.StatusCode == http.StatusNotFound {
			setBody(response, http.StatusNoContent, nil)
		}
		return nil
	})
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	s.expectCount(http.MethodPut, 1)
	s.expectLive("a", uploadsConfiguration())
}

func TestObserveReportsAndNeverWrites(t *testing.T) {
	t.Parallel()
	s := newScene(t, "observe", "a")
	s.put("a", foreignConfiguration())
	s.apply(s.policyYAML("p", uploads, "mode: Observe, deletionPolicy: Delete", "a"))
	message := s.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonDrifted)
	s.expectContains(message, s.bucketName("a"), "https://evil.example")
	if drift := s.bucketStatus("p", "a").LastDrift; drift == nil || drift.Corrected {
		t.Errorf("lastDrift is %+v", drift)
	}
	s.awaitEvent(s3v1alpha1.ReasonDrifted, "https://evil.example")
	version := s.policy("p").ResourceVersion
	s.awaitCount(nextLook, http.MethodGet, 3)
	if now := s.policy("p").ResourceVersion; now != version {
		t.Error("the same drift seen again wrote to the API server")
	}

	s.put("a", uploadsConfiguration())
	s.awaitCondition(nextLook, "p", s3v1alpha1.ConditionReady, metav1.ConditionTrue, s3v1alpha1.ReasonReady)
	s.delete("p")
	s.awaitGone("p")
	s.expectCount(http.MethodPut, 0)
	s.expectCount(http.MethodDelete, 0)
	s.expectLive("a", uploadsConfiguration())
}

func TestASuspendedPolicyNeitherReadsNorWrites(t *testing.T) {
	t.Parallel()
	s := newScene(t, "suspend", "a")
	s.apply(s.policyYAML("p", uploads, "suspend: true, deletionPolicy: Delete", "a"))
	s.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionUnknown, s3v1alpha1.ReasonSuspended)
	s.throughout(pastALook, func() error {
		if requests := s.gateway.all(); len(requests) > 0 {
			return fmt.Errorf("a suspended policy caused %v", requests)
		}
		return nil
	})
	s.apply(s.policyYAML("p", uploads, "suspend: false, deletionPolicy: Delete", "a"))
	s.awaitReady("p")
	s.expectLive("a", uploadsConfiguration())
}

func TestOneBucketThatFailsDoesNotKeepTheOthersBack(t *testing.T) {
	t.Parallel()
	s := newScene(t, "fleet", "a", "b", "c")
	s.apply(s.policyYAML("p", uploads, "", "a", "missing", "b", "c"))
	message := s.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonBucketNotFound)
	s.expectContains(message, s.bucketName("missing"))
	for _, suffix := range []string{"a", "b", "c"} {
		s.expectLive(suffix, uploadsConfiguration())
	}
	status := s.policy("p").Status
	if status.BucketSummary != "3/4" || status.Buckets[0].Name != s.bucketName("missing") {
		t.Errorf("bucketSummary %q, the bucket that needs attention is not first: %+v", status.BucketSummary, status.Buckets)
	}
}
