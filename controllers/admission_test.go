// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// expectant is a policy with an expectation of a PUT, which its rule does not allow.
func expectant(change func(*s3v1alpha1.BucketCORSPolicySpec)) *s3v1alpha1.BucketCORSPolicy {
	policy := aPolicy("assets")
	policy.Spec.Expectations = []s3v1alpha1.Expectation{
		{Name: "read", Origin: "https://app.example.com", Method: "GET"},
		{Name: "upload", Origin: "https://app.example.com", Method: "PUT"},
	}
	change(&policy.Spec)
	return policy
}

func asIs(*s3v1alpha1.BucketCORSPolicySpec) {}

// withOrigins is a policy with these in its only rule.
func withOrigins(origins ...s3v1alpha1.CORSOrigin) *s3v1alpha1.BucketCORSPolicy {
	policy := aPolicy("assets")
	policy.Spec.Rules[0].AllowedOrigins = origins
	return policy
}

func ofDialect(dialect s3v1alpha1.Dialect) *s3v1alpha1.BucketProvider {
	provider := aProvider()
	provider.Spec.Dialect = dialect
	return provider
}

func TestWhatIsSaidOfAPolicyBeforeItIsStored(t *testing.T) {
	invalidRule := `spec.rules[0].allowedOrigins[1]: Invalid value: "https://*.*.example.com" has more than one "*"; use at most one`
	unmet := `spec.expectations[1]: Invalid value: expectation "upload": PUT from "https://app.example.com" should be allowed and is not: `
	many := aPolicy("assets")
	many.Spec.Rules[0].AllowedOrigins = slices.Repeat([]s3v1alpha1.CORSOrigin{"**"}, 30)
	reserved := aProvider()
	reserved.Spec.Access = []s3v1alpha1.AccessGrant{grant("team-b", "*")}
	leaving := tenant{namespace: "team-a", labels: map[string]string{}, terminating: true}

	for name, tt := range map[string]struct {
		policy   *s3v1alpha1.BucketCORSPolicy
		provider *s3v1alpha1.BucketProvider
		who      *tenant
		rivals   map[string][]claimant
		// What each of the refusals and warnings begins with.
		refusals, warnings []string
	}{
		"in order": {policy: aPolicy("assets"), provider: aProvider()},
		"a rule that S3 refuses": {policy: withOrigins("https://app.example.com", "https://*.*.example.com"), provider: aProvider(),
			refusals: []string{invalidRule}},
		"a rule that this server takes": {policy: withOrigins("https://app.example.com", "https://*.*.example.com"), provider: ofDialect("Garage"),
			warnings: []string{"CORS042: ", "CORS042: ", "CORS048: "}},
		"a rule that S3 refuses, and no provider that says which server it is": {policy: withOrigins("https://app.example.com", "https://*.*.example.com"),
			warnings: []string{`there is no BucketProvider named "default", and unless it is of another kind of server than AWS, the policy will not be accepted: spec.rules[0].allowedOrigins[1]`}},
		"many mistakes": {policy: many, provider: aProvider(),
			refusals: append(slices.Repeat([]string{"spec.rules[0].allowedOrigins["}, maxRefusals), "spec: Invalid value: 20 more like these")},
		"an expectation that is not met":                  {policy: expectant(asIs), provider: aProvider(), refusals: []string{unmet}},
		"an expectation that is met by no kind of server": {policy: expectant(asIs), refusals: []string{unmet}},
		"an expectation of a policy that shares":          {policy: expectant(func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Sharing = s3v1alpha1.SharingShared }), provider: aProvider()},
		"an expectation of a policy that is suspended": {policy: expectant(func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Suspend = true }), provider: aProvider(),
			refusals: []string{unmet}},
		"no provider yet": {policy: aPolicy("assets"),
			warnings: []string{`the policy is not accepted yet: there is no BucketProvider named "default"; create it, or name another in spec.providerRef`}},
		"no grant yet": {policy: aPolicy("assets"), provider: reserved,
			warnings: []string{`the policy is not accepted yet: bucket "assets": no entry of spec.access of BucketProvider "default" grants it to namespace "team-a"`}},
		"an older policy": {policy: aPolicy("assets", "logs", "mine"), provider: aProvider(),
			rivals: map[string][]claimant{
				"assets": {{namedPolicy("team-b", "old", noon.Add(-2*time.Hour), "assets", "logs"), aProvider(), tenant{namespace: "team-b"}}},
				"logs":   {{namedPolicy("team-b", "old", noon.Add(-2*time.Hour), "assets", "logs"), aProvider(), tenant{namespace: "team-b"}}},
			},
			warnings: []string{`buckets "assets", "logs": policy team-b/old is older and owns this bucket; this policy takes over when that one goes`}},
		"a younger policy": {policy: aPolicy("assets"), provider: aProvider(),
			rivals: map[string][]claimant{"assets": {{namedPolicy("team-b", "new", noon, "assets"), aProvider(), tenant{namespace: "team-b"}}}}},
		"itself as it was": {policy: aPolicy("assets"), provider: aProvider(),
			rivals: map[string][]claimant{"assets": {{namedPolicy("team-a", "web", noon.Add(-3*time.Hour), "assets"), aProvider(), tenant{namespace: "team-a"}}}}},
		"a namespace that is being deleted": {policy: aPolicy("assets"), provider: aProvider(), who: &leaving},
		"what is probably not meant": {policy: withOrigins("https://app.example.com/"), provider: aProvider(),
			warnings: []string{`CORS010: spec.rules[0].allowedOrigins[0]: "https://app.example.com/" ends with a slash; write "https://app.example.com"`}},
		"what is probably not meant in rules that do not meet an expectation": {
			policy: expectant(func(spec *s3v1alpha1.BucketCORSPolicySpec) {
				spec.Rules[0].AllowedOrigins = []s3v1alpha1.CORSOrigin{"https://app.example.com", "https://app.example.com/"}
			}),
			provider: aProvider(), refusals: []string{unmet}, warnings: []string{"CORS010: "}},
	} {
		t.Run(name, func(t *testing.T) {
			who := tenant{namespace: "team-a", labels: map[string]string{}}
			if tt.who != nil {
				who = *tt.who
			}
			before := tt.policy.DeepCopy()
			j := judge(tt.policy, tt.provider, who, tt.rivals)
			var refusals []string
			for _, refusal := range j.Refusals {
				refusals = append(refusals, refusal.Error())
			}
			expectBeginnings(t, "refusals", refusals, tt.refusals)
			expectBeginnings(t, "warnings", j.Warnings, tt.warnings)
			if !reflect.DeepEqual(tt.policy, before) {
				t.Error("the policy was changed")
			}
			// What is refused is what a pass would find hopeless.
			if a := accept(tt.policy, tt.provider, who); tt.provider != nil && a.hopeless() != (len(j.Refusals) > 0) {
				t.Errorf("a pass says %s, and there are %d refusals", a.reason, len(j.Refusals))
			}
		})
	}
}

func expectBeginnings(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i, text := range got {
		if i < len(want) && strings.HasPrefix(text, want[i]) {
			got[i] = want[i]
		}
	}
	expectEqual(t, what, got, want)
}

func TestWarningsAreNotCutByTheAPIServer(t *testing.T) {
	policy := aPolicy()
	rivals := map[string][]claimant{}
	for i := range 100 {
		name := fmt.Sprintf("%s-%d", strings.Repeat("b", 200), i)
		policy.Spec.Buckets = append(policy.Spec.Buckets, s3v1alpha1.BucketReference{Name: name})
		rivals[name] = []claimant{{namedPolicy("team-b", fmt.Sprint("old-", i), noon.Add(-2*time.Hour), name), aProvider(), tenant{namespace: "team-b"}}}
	}
	policy.Spec.Rules[0].AllowedOrigins = slices.Repeat([]s3v1alpha1.CORSOrigin{"https://" + s3v1alpha1.CORSOrigin(strings.Repeat("ä", 300)) + "/"}, 80)
	j := judge(policy, aProvider(), tenant{namespace: "team-a"}, rivals)
	total := 0
	for _, warning := range j.Warnings {
		n := utf8.RuneCountInString(warning)
		total += n
		if n > 256 || strings.ContainsFunc(warning, func(r rune) bool { return r < ' ' }) {
			t.Errorf("%d characters: %q", n, warning)
		}
	}
	if total > 4096 || total < 2000 || len(j.Refusals) > 0 {
		t.Errorf("%d characters in %d warnings, and %d refusals", total, len(j.Warnings), len(j.Refusals))
	}
	if last := j.Warnings[len(j.Warnings)-1]; !strings.Contains(last, "more findings: run `bucketcors lint`") {
		t.Errorf("the last warning is %q", last)
	}
}

func TestAJudgeReadsWhatIsAroundAPolicy(t *testing.T) {
	w := newWorld(t, aProvider(), namedPolicy("team-b", "old", noon.Add(-2*time.Hour), "assets"))
	j, err := NewJudge(w.client).Judge(t.Context(), aPolicy("assets"))
	if err != nil {
		t.Fatal(err)
	}
	expectBeginnings(t, "warnings", j.Warnings, []string{`bucket "assets": policy team-b/old is older and owns this bucket`})
	absent := aPolicy("assets")
	absent.Spec.ProviderRef = &s3v1alpha1.ProviderReference{Name: "elsewhere"}
	if j, err = NewJudge(w.client).Judge(t.Context(), absent); err != nil {
		t.Fatal(err)
	}
	expectBeginnings(t, "warnings", j.Warnings, []string{`the policy is not accepted yet: there is no BucketProvider named "elsewhere"`})
}
