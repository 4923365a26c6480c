// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// expectUntouched puts a configuration on a bucket by hand, and sees it stay
// there without a request to the server for longer than a look at it would take.
func (s *scene) expectUntouched(suffix string, by cors.Configuration) {
	s.Helper()
	s.put(suffix, by)
	before := len(s.gateway.all())
	s.throughout(pastALook, func() error {
		if after := s.gateway.all(); len(after) != before {
			return fmt.Errorf("the server was asked: %v", after[before:])
		}
		return nil
	})
	s.expectLive(suffix, by)
}

func TestRulesBeyondTheConstraintsOfAGrantAreNamedAndNotApplied(t *testing.T) {
	t.Parallel()
	s := newScene(t, "bounds", "a")
	s.putRaw("a", handMade)
	before := s.raw("a")
	s.applyProvider(`[{namespaces: [other], buckets: ["*"]}, {namespaces: [bounds], buckets: ["*"], constraints: {
		allowedOrigins: ["https://*.example.com"], allowedMethods: [GET, PUT], wildcardOriginMethods: [GET], allowedHeaders: ["content-type", "x-amz-*"]}}]`)
	for _, test := range []struct {
		rules string
		want  []string
	}{
		{
			`[{id: fine, allowedOrigins: ["https://app.example.com"], allowedMethods: [GET]}, {id: trick, allowedOrigins: ["https://evil-example.com"], allowedMethods: [GET]}]`,
			[]string{`spec.rules[1].allowedOrigins[0] (rule "trick")`, `"https://evil-example.com"`, "spec.access[1].constraints.allowedOrigins", `"https://*.example.com"`},
		},
		{
			`[{id: all, allowedOrigins: ["*"], allowedMethods: [GET]}]`,
			[]string{`spec.rules[0].allowedOrigins[0] (rule "all")`, `"*"`, "spec.access[1].constraints.allowedOrigins"},
		},
		{
			`[{allowedOrigins: ["https://app.example.com"], allowedMethods: [GET, DELETE]}]`,
			[]string{"spec.rules[0].allowedMethods[1]", "DELETE", "spec.access[1].constraints.allowedMethods", "GET, PUT"},
		},
		{
			`[{id: w, allowedOrigins: ["https://*.dev.example.com"], allowedMethods: [GET, PUT]}]`,
			[]string{`rule "w"`, "PUT", `"https://*.dev.example.com"`, "spec.access[1].constraints.wildcardOriginMethods"},
		},
		{
			`[{allowedOrigins: ["https://app.example.com"], allowedMethods: [PUT], allowedHeaders: [Content-Type, authorization]}]`,
			[]string{"spec.rules[0].allowedHeaders[1]", `"authorization"`, "spec.access[1].constraints.allowedHeaders"},
		},
	} {
		s.apply(s.policyYAML("p", test.rules, "", "a"))
		message := s.awaitCondition(soon, "p", s3v1alpha1.ConditionAccepted, metav1.ConditionFalse, s3v1alpha1.ReasonNotPermitted)
		s.expectContains(message, append(test.want, `BucketProvider "bounds"`)...)
		s.awaitCondition(soon, "p", s3v1alpha1.ConditionReady, metav1.ConditionFalse, s3v1alpha1.ReasonNotPermitted)
	}
	s.awaitEvent(s3v1alpha1.ReasonNotPermitted, "https://evil-example.com")
	if requests := s.gateway.all(); len(requests) > 0 {
		t.Errorf("the server was asked: %v", requests)
	}
	s.expectRaw("a", before)

	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	s.expectLive("a", uploadsConfiguration())
}

func TestAGrantThatIsWithdrawnEndsEnforcementAndTouchesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t, "withdrawn", "a", "b")
	s.putRaw("a", handMade)
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.apply(s.policyYAML("q", uploads, "", "b"))
	s.awaitReady("p")
	s.awaitReady("q")

	s.applyProvider(`[{namespaces: [withdrawn], buckets: ["*"], constraints: {allowedMethods: [GET]}}]`)
	message := s.awaitCondition(soon, "p", s3v1alpha1.ConditionAccepted, metav1.ConditionFalse, s3v1alpha1.ReasonNotPermitted)
	s.expectContains(message, `rule "uploads"`, "PUT", "spec.access[0].constraints.allowedMethods", "stays as it is")
	s.awaitCondition(soon, "q", s3v1alpha1.ConditionReady, metav1.ConditionFalse, s3v1alpha1.ReasonNotPermitted)
	s.awaitEvent(s3v1alpha1.ReasonNotPermitted, s.bucketName("a"))
	s.expectLive("a", uploadsConfiguration())
	s.expectUntouched("a", foreignConfiguration())

	s.applyProvider("")
	s.awaitReady("p")
	s.expectLive("a", uploadsConfiguration())
	s.expectRevisions("p", "a", s3v1alpha1.RevisionForeignChange, s3v1alpha1.RevisionOriginal)
	s.awaitReady("q")

	// Without a grant nothing is put back either, and nothing keeps the policy.
	s.applyProvider("[]")
	s.awaitCondition(soon, "q", s3v1alpha1.ConditionReady, metav1.ConditionFalse, s3v1alpha1.ReasonNotPermitted)
	s.awaitCondition(soon, "p", s3v1alpha1.ConditionReady, metav1.ConditionFalse, s3v1alpha1.ReasonNotPermitted)
	before := len(s.gateway.all())
	s.delete("q")
	s.awaitGone("q")
	s.awaitEvent(s3v1alpha1.ReasonKept, s.bucketName("b"))
	if after := s.gateway.all(); len(after) != before {
		t.Errorf("the server was asked: %v", after[before:])
	}
	s.expectLive("b", uploadsConfiguration())
}

func TestAGrantFollowsTheLabelsOfANamespace(t *testing.T) {
	t.Parallel()
	s := newScene(t, "labels", "a")
	label := func(change string) {
		t.Helper()
		if _, err := world.kubectl.Run(t.Context(), "", "label", "namespace", s.name, change, "--overwrite"); err != nil {
			t.Fatal(err)
		}
	}
	s.applyProvider(`[{namespaceSelector: {matchLabels: {cors: "yes"}}, buckets: ["*"]}]`)
	// So that it is not the next look that finds the label.
	s.apply(hourly(s.policyYAML("p", uploads, "", "a")))
	s.awaitCondition(soon, "p", s3v1alpha1.ConditionAccepted, metav1.ConditionFalse, s3v1alpha1.ReasonNotPermitted)
	if requests := s.gateway.all(); len(requests) > 0 {
		t.Errorf("the server was asked: %v", requests)
	}

	label("cors=yes")
	s.awaitReady("p")
	s.expectLive("a", uploadsConfiguration())
	label("cors=no")
	s.awaitCondition(soon, "p", s3v1alpha1.ConditionAccepted, metav1.ConditionFalse, s3v1alpha1.ReasonNotPermitted)
	s.put("a", foreignConfiguration())
	label("cors=yes")
	s.awaitReady("p")
	s.expectLive("a", uploadsConfiguration())
	label("cors-")
	s.awaitCondition(soon, "p", s3v1alpha1.ConditionAccepted, metav1.ConditionFalse, s3v1alpha1.ReasonNotPermitted)
	s.expectLive("a", uploadsConfiguration())
}
