// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

func TestRulesThatS3WouldRefuseAreNotAcceptedAndTouchNothing(t *testing.T) {
	t.Parallel()
	longOrigins := make([]string, 1500)
	for i := range longOrigins {
		longOrigins[i] = fmt.Sprintf("%q", fmt.Sprintf("https://%04d.a-rather-long-name.example", i))
	}
	for name, test := range map[string]struct {
		rules string
		want  []string
	}{
		"two wildcards": {
			`[{id: ok, allowedOrigins: ["*"], allowedMethods: [GET]}, {id: web, allowedOrigins: ["https://*.*.com"], allowedMethods: [GET]}]`,
			[]string{"spec.rules[1].allowedOrigins[0]", `"https://*.*.com"`, "*"},
		},
		"wildcard in exposeheaders": {
			`[{allowedOrigins: ["*"], allowedMethods: [GET], exposeHeaders: ["x-amz-*"]}]`,
			[]string{"spec.rules[0].exposeHeaders[0]", `"x-amz-*"`},
		},
		"over 64 kb": {
			fmt.Sprintf(`[{allowedOrigins: [%s], allowedMethods: [GET]}]`, strings.Join(longOrigins, ", ")),
			[]string{"spec.rules", "65536"},
		},
		"several mistakes": {
			`[{allowedOrigins: ["**"], allowedMethods: [GET], allowedHeaders: ["*-*"], exposeHeaders: ["a b"]}]`,
			[]string{"spec.rules[0].allowedOrigins[0]", "spec.rules[0].allowedHeaders[0]", "spec.rules[0].exposeHeaders[0]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "refuse-"+strings.ReplaceAll(name, " ", "-"), "a")
			s.put("a", foreignConfiguration())
			s.apply(s.policyYAML("p", test.rules, "", "a"))
			message := s.awaitCondition(soon, "p", s3v1alpha1.ConditionAccepted, metav1.ConditionFalse, s3v1alpha1.ReasonInvalidRules)
			s.expectContains(message, test.want...)
			s.awaitCondition(soon, "p", s3v1alpha1.ConditionReady, metav1.ConditionFalse, s3v1alpha1.ReasonInvalidRules)
			s.awaitCondition(soon, "p", s3v1alpha1.ConditionStalled, metav1.ConditionTrue, s3v1alpha1.ReasonInvalidRules)
			s.awaitEvent(s3v1alpha1.ReasonInvalidRules, "spec.rules")
			if requests := s.gateway.all(); len(requests) > 0 {
				t.Errorf("the server was asked: %v", requests)
			}
			s.expectLive("a", foreignConfiguration())
		})
	}
}

func TestRulesThatTheSchemaRefusesNeverArrive(t *testing.T) {
	t.Parallel()
	s := newScene(t, "schema", "a")
	for name, test := range map[string]struct{ rules, want string }{
		"options":   {`[{allowedOrigins: ["*"], allowedMethods: [GET, OPTIONS]}]`, "spec.rules[0].allowedMethods[1]"},
		"101 rules": {"[" + strings.Repeat(`{allowedOrigins: ["*"], allowedMethods: [GET]}, `, 101) + "]", "spec.rules: Too many: 101"},
	} {
		s.expectContains(s.refused(s.policyYAML("p", test.rules, "", "a")), test.want)
		if t.Failed() {
			t.Fatalf("at %s", name)
		}
	}
}

func TestASlipInTheRulesLeavesTheOldOnesInForce(t *testing.T) {
	t.Parallel()
	s := newScene(t, "slip", "a")
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	s.apply(s.policyYAML("p", `[{allowedOrigins: ["**"], allowedMethods: [GET]}]`, "", "a"))
	s.awaitCondition(soon, "p", s3v1alpha1.ConditionReady, metav1.ConditionFalse, s3v1alpha1.ReasonInvalidRules)
	s.expectLive("a", uploadsConfiguration())
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	s.expectCount("PUT", 1)
}

func TestAMissingProviderIsNamedAndHealsWhenItAppears(t *testing.T) {
	t.Parallel()
	s := newBareScene(t, "noprovider")
	s.createBucket("a")
	s.applySecret(world.storage.AccessKeyID, world.storage.SecretAccessKey)
	s.apply(s.policyYAML("p", uploads, "", "a"))
	message := s.awaitCondition(soon, "p", s3v1alpha1.ConditionAccepted, metav1.ConditionFalse, s3v1alpha1.ReasonProviderNotFound)
	s.expectContains(message, `"noprovider"`)
	s.applyProvider("")
	s.awaitReady("p")
	s.expectLive("a", uploadsConfiguration())
}

func TestAGrantOpensAndClosesBuckets(t *testing.T) {
	t.Parallel()
	s := newScene(t, "grant", "a", "b")
	// Each half of a grant matches, but no grant matches whole.
	s.applyProvider(`[{namespaces: [grant], buckets: [grant-b]}, {namespaces: [other], buckets: ["*"]}]`)
	s.apply(s.policyYAML("p", uploads, "", "a", "b"))
	message := s.awaitCondition(soon, "p", s3v1alpha1.ConditionAccepted, metav1.ConditionFalse, s3v1alpha1.ReasonNotPermitted)
	s.expectContains(message, `bucket "grant-a"`, `to namespace "grant"`)
	// The bucket that is granted does not have to wait for the other.
	s.eventually(soon, func() error { return s.differs("b", uploadsConfiguration()) })
	for _, request := range s.gateway.all() {
		if strings.Contains(request, "grant-a") {
			t.Errorf("a bucket that is not granted was touched: %s", request)
		}
	}

	s.applyProvider(`[{namespaces: ["gr*"], buckets: ["grant-*"]}]`)
	s.awaitReady("p")
	s.expectLive("a", uploadsConfiguration())

	s.applyProvider(`[]`)
	s.awaitCondition(soon, "p", s3v1alpha1.ConditionReady, metav1.ConditionFalse, s3v1alpha1.ReasonNotPermitted)
	s.expectLive("a", uploadsConfiguration())
	s.put("a", foreignConfiguration())
	before := len(s.gateway.all())
	s.throughout(pastALook, func() error {
		if after := len(s.gateway.all()); after != before {
			return fmt.Errorf("%d requests after the grant was withdrawn", after-before)
		}
		return nil
	})
	s.expectLive("a", foreignConfiguration())
}

func TestAMissingSecretIsNamedAndHealsWhenItAppears(t *testing.T) {
	t.Parallel()
	s := newBareScene(t, "nosecret")
	s.createBucket("a")
	s.applyProvider("")
	s.apply(s.policyYAML("p", uploads, "", "a"))
	message := s.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonSecretNotFound)
	s.expectContains(message, "bucketcors-system/nosecret", `BucketProvider "nosecret"`)

	s.apply(`{apiVersion: v1, kind: Secret, metadata: {name: nosecret, namespace: bucketcors-system}, stringData: {AWS_ACCESS_KEY_ID: someone}}`)
	message = s.awaitCondition(nextLook, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonSecretInvalid)
	s.expectContains(message, "AWS_SECRET_ACCESS_KEY")

	s.applySecret("someone", "wrong-key-of-someone")
	s.awaitCondition(nextLook, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonCredentialsInvalid)

	s.applySecret(world.storage.AccessKeyID, world.storage.SecretAccessKey)
	s.awaitCondition(nextLook, "p", s3v1alpha1.ConditionReady, metav1.ConditionTrue, s3v1alpha1.ReasonReady)
	s.expectLive("a", uploadsConfiguration())
}

func TestABucketInTheEndpointIsNotTakenForTheService(t *testing.T) {
	t.Parallel()
	s := newScene(t, "inendpoint", "a", "b")
	url := s.gateway.URL
	for suffix, reason := range map[string]string{"a": s3v1alpha1.ReasonInvalidEndpoint, "b": s3v1alpha1.ReasonBucketNotFound} {
		s.gateway.URL = url + "/" + s.bucketName(suffix)
		s.applyProvider("")
		s.apply(s.policyYAML("p", uploads, "", "a"))
		s.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, reason)
	}
	s.expectCount("PUT", 0)
}
