// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// An endpoint that still answers by what was on the bucket before the policy came, as
// a cache or S3 itself may for a while, raises no alarm, however open that was. Here
// it stands in front of a bucket that stays as it was.
func TestAnswersFromBeforeTheLastWriteAreSettling(t *testing.T) {
	t.Parallel()
	methods := []string{"GET", "PUT"}
	for name, before := range map[string]cors.Rule{
		"open":     {AllowedOrigins: []string{"*"}, AllowedMethods: methods, AllowedHeaders: []string{"*"}, ExposeHeaders: []string{"ETag"}},
		"wide":     {AllowedOrigins: []string{"https://*"}, AllowedMethods: methods, AllowedHeaders: []string{"*"}},
		"other":    {AllowedOrigins: []string{"https://old.example.com"}, AllowedMethods: methods},
		"narrower": {AllowedOrigins: []string{"https://app.example.com"}, AllowedMethods: methods, AllowedHeaders: []string{"content-type"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newVerifiedScene(t, "verify-settling-"+name)
			s.createBucket("before")
			for _, suffix := range []string{"a", "before"} {
				s.put(suffix, cors.Configuration{Rules: []cors.Rule{before}})
			}
			e := s.newEdge("before")
			s.allow(e.address)
			s.apply(s.policyYAML("p", uploads, readerAndUploader+", "+verifiedAt(e.URL), "a"))
			s.awaitCondition(soon, "p", s3v1alpha1.ConditionVerified, metav1.ConditionUnknown, s3v1alpha1.ReasonSettling)
		})
	}
}
