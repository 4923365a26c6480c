// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// awaitUnmet waits until a policy is refused for an expectation, in all conditions
// that say so, and returns the message.
func (s *scene) awaitUnmet(name string) string {
	s.Helper()
	message := s.awaitCondition(soon, name, s3v1alpha1.ConditionAccepted, metav1.ConditionFalse, s3v1alpha1.ReasonExpectationFailed)
	if ready := s.awaitCondition(soon, name, s3v1alpha1.ConditionReady, metav1.ConditionFalse, s3v1alpha1.ReasonExpectationFailed); ready != message {
		s.Errorf("Ready says %q, and Accepted %q", ready, message)
	}
	return message
}

// expectLacks is expectContains for what must not be there.
func (s *scene) expectLacks(text string, substrings ...string) {
	s.Helper()
	for _, substring := range substrings {
		if strings.Contains(text, substring) {
			s.Errorf("%q is in %q", substring, text)
		}
	}
}

func TestAPolicyWhoseExpectationFailsTouchesNoBucketUntilItIsRepaired(t *testing.T) {
	t.Parallel()
	s := newScene(t, "expect", "a")
	s.putRaw("a", handMade)
	before := s.raw("a")
	const browserUpload = `expectations: [{name: page reads, origin: "https://app.example.com", method: GET, exposes: [ETag]},
	  {name: page uploads, origin: "https://app.example.com", method: PUT, headers: [content-type, x-amz-acl], exposes: [ETag]}]`
	s.apply(s.policyYAML("p", uploads, browserUpload, "a"))
	message := s.awaitUnmet("p")
	s.expectContains(message, `"page uploads"`, `"https://app.example.com"`, `rule "uploads" matches but for header x-amz-acl`)
	// What is met, and what is not missing, is not named.
	s.expectLacks(message, "page reads", "exposeHeaders")
	s.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionUnknown, s3v1alpha1.ReasonNotAccepted)
	s.awaitEvent(s3v1alpha1.ReasonExpectationFailed, "x-amz-acl")
	s.expectRaw("a", before)
	s.expectCount(http.MethodPut, 0)

	repaired := strings.Replace(uploads, "[content-type]", "[content-type, x-amz-acl]", 1)
	s.apply(s.policyYAML("p", repaired, browserUpload, "a"))
	s.awaitReady("p")
	want := uploadsConfiguration()
	want.Rules[0].AllowedHeaders = []string{"content-type", "x-amz-acl"}
	s.expectLive("a", want)

	// A change that breaks them is not applied, and what was there before it stays.
	s.apply(s.policyYAML("p", strings.Replace(repaired, "[ETag]", "[x-amz-version-id]", 1), browserUpload, "a"))
	message = s.awaitUnmet("p")
	s.expectContains(message, `"page reads"`, `"page uploads"`, `"ETag"`, "exposeHeaders")
	s.expectLive("a", want)
	s.expectCount(http.MethodPut, 1)

	s.apply(s.policyYAML("p", repaired, browserUpload, "a"))
	s.awaitReady("p")
	s.expectCount(http.MethodPut, 1)
}

func TestAPresetAsksForAllThatItsClientNeeds(t *testing.T) {
	t.Parallel()
	s := newScene(t, "preset", "a")
	const multipart = `expectations: [{name: large files, origin: "https://app.example.com", preset: MultipartUpload}]`
	s.apply(s.policyYAML("p", uploads, multipart, "a"))
	s.expectContains(s.awaitUnmet("p"), `"large files"`, "CreateMultipartUpload of MultipartUpload", "POST")
	s.expectCount(http.MethodPut, 0)

	// Without DELETE, uploads that were given up would stay and cost.
	rules := strings.Replace(uploads, "[GET, PUT]", "[GET, POST, PUT]", 1)
	s.apply(s.policyYAML("p", rules, multipart, "a"))
	s.expectContains(s.awaitUnmet("p"), "AbortMultipartUpload of MultipartUpload", "DELETE")

	s.apply(s.policyYAML("p", strings.Replace(rules, "[GET, POST, PUT]", "[DELETE, GET, POST, PUT]", 1), multipart, "a"))
	s.awaitReady("p")
	s.expectCount(http.MethodPut, 1)
}

func TestTheAPIServerRefusesAnExpectationThatCannotBe(t *testing.T) {
	t.Parallel()
	s := newScene(t, "expect-schema")
	for expectation, complaint := range map[string]string{
		`{name: x, origin: "https://app.example.com"}`:                                                    "either a method or a preset",
		`{name: x, origin: "https://app.example.com", method: GET, preset: RangeReader}`:                  "either a method or a preset",
		`{name: x, origin: "https://app.example.com/", method: GET}`:                                      "origin",
		`{name: x, origin: "https://app.example.com", method: GET, outcome: Denied, exposes: [ETag]}`:     "reads nothing",
		`{name: x, origin: "https://app.example.com", preset: CarrierPigeon}`:                             "preset",
		`{name: x, origin: "https://app.example.com", method: PUT, headers: ["x-amz-*"]}`:                 "without *",
		`{name: x, origin: "https://a.example", method: GET}, {name: x, origin: "null", method: CONNECT}`: "method",
	} {
		s.expectContains(s.refused(s.policyYAML("p", uploads, "expectations: ["+expectation+"]", "a")), complaint)
	}
}

func TestTheWildcardOfAnotherTeamBreaksADeniedExpectation(t *testing.T) {
	t.Parallel()
	a := newScene(t, "expect-a", "x")
	b := a.beside("expect-b", "")
	const private = `expectations: [{name: nobody else writes, origin: "https://stranger.example", method: PUT, outcome: Denied}]`
	a.apply(a.policyYAML("p", uploads, "sharing: Shared, "+private, "x"))
	a.awaitReady("p")
	a.expectLive("x", uploadsConfiguration())

	b.apply(b.policyYAML("p", `[{id: everybody, allowedOrigins: ["*"], allowedMethods: [PUT]}]`, "sharing: Shared", "x"))
	message := a.awaitUnmet("p")
	a.expectContains(message, a.bucketName("x"), `"nobody else writes"`, "should be denied", `"everybody"`, "expect-b/p")
	// What was in force of a stays, and b has no part in what a expects.
	b.awaitReady("p")
	everybody := cors.Rule{ID: "everybody", AllowedOrigins: []string{"*"}, AllowedMethods: []string{"PUT"}}
	a.awaitRules("x", uploadsConfiguration().Rules, []cors.Rule{everybody})

	// The other team narrows its rule.
	b.apply(b.policyYAML("p", `[{id: everybody, allowedOrigins: ["*"], allowedMethods: [GET]}]`, "sharing: Shared", "x"))
	a.awaitReady("p")
	everybody.AllowedMethods = []string{"GET"}
	a.awaitRules("x", uploadsConfiguration().Rules, []cors.Rule{everybody})
	b.awaitReady("p")
}
