// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// bucketsAtOnce is how many requests one policy has under way together.
const bucketsAtOnce = 4

func TestAFleetOverTwoProvidersWithOneBucketMissingAndOneDenied(t *testing.T) {
	t.Parallel()
	west, east := newScene(t, "fleet-west"), newScene(t, "fleet-east")
	var suffixes []string
	for i := range 30 {
		suffixes = append(suffixes, fmt.Sprintf("%02d", i))
	}
	const missing, denied = "17", "23"
	for _, suffix := range suffixes {
		east.createBucket(suffix)
		if suffix != missing {
			west.createBucket(suffix)
		}
	}
	west.gateway.answerFor(west.bucketName(denied), s3Error(http.StatusForbidden, "AccessDenied"))

	west.apply(west.policyYAML("p", uploads, "", suffixes...))
	east.apply(hourly(east.policyYAML("p", uploads, "", suffixes...)))
	east.awaitReady("p")
	east.expectCount(http.MethodGet, 30)
	east.expectCount(http.MethodPut, 30)
	message := west.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonBucketNotFound)
	west.expectContains(message, west.bucketName(missing), west.bucketName(denied), "s3:GetBucketCORS")

	status := west.policy("p").Status
	if status.BucketSummary != "28/30" || len(status.Buckets) != 30 {
		t.Fatalf("bucketSummary is %q of %d buckets", status.BucketSummary, len(status.Buckets))
	}
	for i, want := range []struct {
		suffix, reason string
		state          s3v1alpha1.BucketState
	}{
		{missing, s3v1alpha1.ReasonBucketNotFound, s3v1alpha1.BucketFailed},
		{denied, s3v1alpha1.ReasonAccessDenied, s3v1alpha1.BucketDenied},
	} {
		if b := status.Buckets[i]; b.Name != west.bucketName(want.suffix) || b.State != want.state || b.Reason != want.reason {
			t.Errorf("bucket %d of the status is %+v, not %+v", i, b, want)
		}
	}
	for _, b := range status.Buckets[2:] {
		if b.State != s3v1alpha1.BucketSynced {
			t.Errorf("bucket %s is %s: %s", b.Name, b.State, b.Message)
		}
	}
	if summary := east.policy("p").Status.BucketSummary; summary != "30/30" {
		t.Errorf("bucketSummary of the other policy is %q", summary)
	}
	for _, suffix := range suffixes {
		east.expectLive(suffix, uploadsConfiguration())
		if suffix != missing && suffix != denied {
			west.expectLive(suffix, uploadsConfiguration())
		}
	}
	for _, s := range []*scene{west, east} {
		if most := s.gateway.mostAtOnce(); most > bucketsAtOnce {
			t.Errorf("%s had %d requests at once", s.name, most)
		}
	}

	west.createBucket(missing)
	west.awaitCondition(nextLook, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonAccessDenied)
	if summary := west.policy("p").Status.BucketSummary; summary != "29/30" {
		t.Errorf("bucketSummary is %q when the missing bucket has appeared", summary)
	}
	west.gateway.answerFor(west.bucketName(denied), nil)
	west.awaitCondition(nextLook, "p", s3v1alpha1.ConditionReady, metav1.ConditionTrue, s3v1alpha1.ReasonReady)
	west.expectLive(missing, uploadsConfiguration())
	west.expectLive(denied, uploadsConfiguration())
	if summary := west.policy("p").Status.BucketSummary; summary != "30/30" {
		t.Errorf("bucketSummary is %q at the end", summary)
	}
}

func TestABucketInAnotherRegionIsFoundOutAndNamed(t *testing.T) {
	t.Parallel()
	s := newScene(t, "regions", "here", "there")
	// One bucket of the service is in another region, as on AWS.
	s.gateway.prepare(func(r *http.Request) error {
		if r.URL.Path != "/"+s.bucketName("there") {
			return nil
		}
		if signatureOf(r).region != "eu-west-3" {
			return s3Failure{status: http.StatusMovedPermanently, code: "PermanentRedirect", region: "eu-west-3"}
		}
		return signAnew(r, s.storage)
	})
	policy := s.policyYAML("p", uploads, "", "here", "there")
	s.apply(policy)
	message := s.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonWrongRegion)
	s.expectContains(message, s.bucketName("there"), "eu-west-3")
	s.expectLive("here", uploadsConfiguration())
	if summary := s.policy("p").Status.BucketSummary; summary != "1/2" {
		t.Errorf("bucketSummary is %q", summary)
	}

	s.apply(strings.Replace(policy, "{name: regions-there}", "{name: regions-there, region: eu-west-3}", 1))
	s.awaitReady("p")
	s.expectLive("there", uploadsConfiguration())
	// Its region is remembered when the bucket leaves the policy.
	s.apply(s.policyYAML("p", uploads, "", "here"))
	s.awaitReady("p")
	s.expectRaw("there", "")
}
