// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/diff"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

func TestWhatCanBeSaidOfAPolicyBeforeAnyRequest(t *testing.T) {
	rules := func(change func(*s3v1alpha1.CORSRule)) []s3v1alpha1.CORSRule {
		all := rulesFor("https://app.example.com")
		change(&all[0])
		return all
	}
	large := rules(func(r *s3v1alpha1.CORSRule) {
		for i := range 2200 {
			r.AllowedOrigins = append(r.AllowedOrigins, s3v1alpha1.CORSOrigin(fmt.Sprintf("https://tenant-%04d.example.com", i)))
		}
	})
	tooMany := make([]s3v1alpha1.CORSRule, 101)
	for i := range tooMany {
		tooMany[i] = rulesFor("https://app.example.com")[0]
	}
	many := rules(func(r *s3v1alpha1.CORSRule) {
		r.AllowedMethods = []s3v1alpha1.CORSMethod{"GET", "PATCH", "OPTIONS", "get", "*", "TRACE", "CONNECT"}
	})
	granting := func(grants ...s3v1alpha1.AccessGrant) *s3v1alpha1.BucketProvider {
		provider := aProvider()
		provider.Spec.Access = grants
		return provider
	}
	closing := `: no entry of spec.access of BucketProvider "default" grants it to namespace "team-a"; ` + deniedMeans(aPolicy())

	for name, tt := range map[string]struct {
		rules    []s3v1alpha1.CORSRule // one good rule when nil
		buckets  []string              // assets when nil
		ref      string                // absent when empty
		provider *s3v1alpha1.BucketProvider
		reason   string
		message  string
		workable bool
	}{
		"in order": {provider: aProvider(), workable: true,
			reason: "Accepted", message: `the rules are valid and BucketProvider "default" grants 1 bucket`},
		"in order with several buckets": {provider: aProvider(), buckets: []string{"assets", "logs", "media"}, workable: true,
			reason: "Accepted", message: `the rules are valid and BucketProvider "default" grants 3 buckets`},
		"what S3 accepts and no browser can use": {provider: aProvider(), workable: true,
			rules: rules(func(r *s3v1alpha1.CORSRule) {
				r.AllowedOrigins = []s3v1alpha1.CORSOrigin{"https://app.example.com/", "ht*p", ""}
			}),
			reason: "Accepted", message: `the rules are valid and BucketProvider "default" grants 1 bucket`},

		"two wildcards in an origin": {provider: aProvider(),
			rules: rules(func(r *s3v1alpha1.CORSRule) {
				r.AllowedOrigins = append(r.AllowedOrigins, "https://*.*.example.com")
			}),
			reason: "InvalidRules", message: `spec.rules[0].allowedOrigins[1]: "https://*.*.example.com" has more than one "*"; use at most one`},
		"two wildcards in a header": {provider: aProvider(),
			rules:  rules(func(r *s3v1alpha1.CORSRule) { r.AllowedHeaders = []s3v1alpha1.CORSHeader{"x-*-*"} }),
			reason: "InvalidRules", message: `spec.rules[0].allowedHeaders[0]: "x-*-*" has more than one "*"; use at most one`},
		"OPTIONS": {provider: aProvider(),
			rules:  rules(func(r *s3v1alpha1.CORSRule) { r.AllowedMethods = []s3v1alpha1.CORSMethod{"GET", "OPTIONS"} }),
			reason: "InvalidRules", message: `spec.rules[0].allowedMethods[1]: "OPTIONS" is not a method that S3 supports in a rule; remove it: S3 answers preflights without it`},
		"a wildcard in exposeHeaders": {provider: aProvider(),
			rules:  rules(func(r *s3v1alpha1.CORSRule) { r.ExposeHeaders = []s3v1alpha1.CORSHeader{"ETag", "*"} }),
			reason: "InvalidRules", message: `spec.rules[0].exposeHeaders[1]: "*" has a "*", which S3 does not support here; list the names of the headers`},
		"an id that is too long": {provider: aProvider(),
			rules:  rules(func(r *s3v1alpha1.CORSRule) { r.ID = strings.Repeat("i", 256) }),
			reason: "InvalidRules", message: `spec.rules[0].id: "` + strings.Repeat("i", 64) + `"… has 256 characters, and S3 takes at most 255; shorten it`},
		"101 rules": {provider: aProvider(), rules: tooMany,
			reason: "InvalidRules", message: `spec.rules: there are 101, and S3 takes at most 100; merge or remove some`},
		"more than 64 KB": {provider: aProvider(), rules: large,
			reason: "InvalidRules", message: fmt.Sprintf(`spec.rules: the XML document has %d bytes, and S3 takes at most 65536; shorten or remove some`, documentSize(large))},
		"no rules": {provider: aProvider(), rules: []s3v1alpha1.CORSRule{},
			reason: "InvalidRules", message: `spec.rules: there are none, and S3 stores no empty configuration; add a rule, or delete the configuration`},
		"several mistakes at once": {provider: aProvider(),
			rules:  append(rulesFor("*.*"), s3v1alpha1.CORSRule{AllowedOrigins: []s3v1alpha1.CORSOrigin{"*"}, AllowedMethods: []s3v1alpha1.CORSMethod{"put"}, ExposeHeaders: []s3v1alpha1.CORSHeader{"x y"}}),
			reason: "InvalidRules", message: `spec.rules[0].allowedOrigins[0]: "*.*" has more than one "*"; use at most one; ` +
				`spec.rules[1].allowedMethods[0]: "put" is not a method that S3 supports in a rule; write "PUT"; ` +
				`spec.rules[1].exposeHeaders[0]: "x y" has the character ' ', which is in no header name; remove it`},
		"more mistakes than fit": {provider: aProvider(), rules: many,
			reason: "InvalidRules", message: `spec.rules[0].allowedMethods[1]: "PATCH" is not a method that S3 supports in a rule; use only GET, PUT, POST, DELETE and HEAD; ` +
				`spec.rules[0].allowedMethods[2]: "OPTIONS" is not a method that S3 supports in a rule; remove it: S3 answers preflights without it; ` +
				`spec.rules[0].allowedMethods[3]: "get" is not a method that S3 supports in a rule; write "GET"; ` +
				`spec.rules[0].allowedMethods[4]: "*" is not a method that S3 supports in a rule; list the methods: GET, PUT, POST, DELETE and HEAD; ` +
				`spec.rules[0].allowedMethods[5]: "TRACE" is not a method that S3 supports in a rule; use only GET, PUT, POST, DELETE and HEAD and 1 more mistake`},
		"mistakes are told before a missing provider": {
			rules:  rules(func(r *s3v1alpha1.CORSRule) { r.AllowedMethods = []s3v1alpha1.CORSMethod{"OPTIONS"} }),
			reason: "InvalidRules", message: `spec.rules[0].allowedMethods[0]: "OPTIONS" is not a method that S3 supports in a rule; remove it: S3 answers preflights without it`},
		"mistakes are told before a missing grant": {provider: granting(),
			rules:  rules(func(r *s3v1alpha1.CORSRule) { r.AllowedMethods = []s3v1alpha1.CORSMethod{"OPTIONS"} }),
			reason: "InvalidRules", message: `spec.rules[0].allowedMethods[0]: "OPTIONS" is not a method that S3 supports in a rule; remove it: S3 answers preflights without it`},

		"the default provider is missing": {
			reason: "ProviderNotFound", message: `there is no BucketProvider named "default"; create it, or name another in spec.providerRef`},
		"a named provider is missing": {ref: "minio",
			reason: "ProviderNotFound", message: `there is no BucketProvider named "minio"; create it, or name another in spec.providerRef`},

		"no grant at all": {provider: granting(), workable: true,
			reason: "NotPermitted", message: `bucket "assets"` + closing},
		"some buckets are granted": {provider: granting(grant("team-a", "assets")), buckets: []string{"logs", "assets", "media"}, workable: true,
			reason: "NotPermitted", message: `bucket "logs", "media"` + closing},
		"five buckets are named": {provider: granting(), buckets: numbered("b", 5), workable: true,
			reason: "NotPermitted", message: `bucket "b-00", "b-01", "b-02", "b-03", "b-04"` + closing},
		"the sixth is counted": {provider: granting(), buckets: numbered("b", 6), workable: true,
			reason: "NotPermitted", message: `bucket "b-00", "b-01", "b-02", "b-03", "b-04" and 1 more bucket` + closing},
		"a hundred are counted": {provider: granting(), buckets: numbered("b", 100), workable: true,
			reason: "NotPermitted", message: `bucket "b-00", "b-01", "b-02", "b-03", "b-04" and 95 more buckets` + closing},
	} {
		t.Run(name, func(t *testing.T) {
			policy := aPolicy("assets")
			if tt.buckets != nil {
				policy = aPolicy(tt.buckets...)
			}
			if tt.rules != nil {
				policy.Spec.Rules = tt.rules
			}
			if tt.ref != "" {
				policy.Spec.ProviderRef = &s3v1alpha1.ProviderReference{Name: tt.ref}
			}
			a := accept(policy, tt.provider, tenant{namespace: policy.Namespace})
			if a.reason != tt.reason || a.message != tt.message {
				t.Errorf("got  %s: %s\nwant %s: %s", a.reason, a.message, tt.reason, tt.message)
			}
			want := metav1.ConditionFalse
			if tt.reason == s3v1alpha1.ReasonAccepted {
				want = metav1.ConditionTrue
			}
			if a.status != want {
				t.Errorf("Accepted is %s", a.status)
			}
			if a.workable() != tt.workable {
				t.Errorf("workable is %t", a.workable())
			}
			if tt.workable && !cors.Equal(a.rules, configurationFor(policy.Spec.Rules)) {
				t.Errorf("the desired configuration is %+v", a.rules)
			}
		})
	}
}

// documentSize is what the document of the rules is said to have.
func documentSize(rules []s3v1alpha1.CORSRule) int {
	_, err := cors.Compile(configurationFor(rules))
	size := 0
	for mistake := range cors.Mistakes(err) {
		if mistake.Reason == cors.DocumentTooLarge {
			_, err := fmt.Sscan(mistake.Value, &size)
			if err != nil {
				return -1
			}
		}
	}
	return size
}

func TestAnErrorThatIsNoMistakeIsToldAsItIs(t *testing.T) {
	if got := describeMistakes(errors.New("something else")); got != "something else" {
		t.Errorf("it is told as %q", got)
	}
}

func TestRulesBecomeAConfigurationWithNothingLost(t *testing.T) {
	rules := []s3v1alpha1.CORSRule{
		{ID: "a", AllowedOrigins: []s3v1alpha1.CORSOrigin{"https://b", "https://a"}, AllowedMethods: []s3v1alpha1.CORSMethod{"PUT", "GET"},
			AllowedHeaders: []s3v1alpha1.CORSHeader{"X-A"}, ExposeHeaders: []s3v1alpha1.CORSHeader{"ETag"}, MaxAgeSeconds: new(int32(0))},
		{AllowedOrigins: []s3v1alpha1.CORSOrigin{"*"}, AllowedMethods: []s3v1alpha1.CORSMethod{"HEAD"}},
	}
	want := cors.Configuration{Rules: []cors.Rule{
		{ID: "a", AllowedOrigins: []string{"https://b", "https://a"}, AllowedMethods: []string{"PUT", "GET"},
			AllowedHeaders: []string{"X-A"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: new(int32(0))},
		{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"HEAD"}},
	}}
	got := configurationFor(rules)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the rules became something else:\n%s", diff.Diff(want, got))
	}
	if len(configurationFor(nil).Rules) != 0 {
		t.Error("no rules became some")
	}
}
