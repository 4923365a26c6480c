// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"math/rand/v2"
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
	oneTooMany := aPolicy("assets")
	oneTooMany.Spec.Rules[0].AllowedOrigins = slices.Repeat([]s3v1alpha1.CORSOrigin{"**"}, maxRefusals+1)
	shared := func(policy *s3v1alpha1.BucketCORSPolicy) *s3v1alpha1.BucketCORSPolicy {
		policy.Spec.Sharing = s3v1alpha1.SharingShared
		return policy
	}
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
		"one mistake more than are shown": {policy: oneTooMany, provider: aProvider(),
			refusals: append(slices.Repeat([]string{"spec.rules[0].allowedOrigins["}, maxRefusals), "spec: Invalid value: 1 more like these")},
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
		"itself, which shared the bucket with an older one": {policy: aPolicy("assets"), provider: aProvider(),
			rivals: map[string][]claimant{"assets": {
				{shared(namedPolicy("team-b", "old", noon.Add(-2*time.Hour), "assets")), aProvider(), tenant{namespace: "team-b"}},
				{shared(aPolicy("assets")), aProvider(), tenant{namespace: "team-a"}},
			}},
			warnings: []string{`bucket "assets": `}},
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
			j := mustJudge(t, nil, tt.policy, tt.provider, who, tt.rivals)
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

func mustJudge(t *testing.T, before, policy *s3v1alpha1.BucketCORSPolicy, provider *s3v1alpha1.BucketProvider, who tenant, rivals map[string][]claimant) Judgement {
	t.Helper()
	j, err := judge(t.Context(), before, policy, provider, who, rivals)
	if err != nil {
		t.Fatal(err)
	}
	return j
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
	j := mustJudge(t, nil, policy, aProvider(), tenant{namespace: "team-a"}, rivals)
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
	j, err := NewJudge(w.client).Judge(t.Context(), nil, aPolicy("assets"))
	if err != nil {
		t.Fatal(err)
	}
	expectBeginnings(t, "warnings", j.Warnings, []string{`bucket "assets": policy team-b/old is older and owns this bucket`})
	absent := aPolicy("assets")
	absent.Spec.ProviderRef = &s3v1alpha1.ProviderReference{Name: "elsewhere"}
	if j, err = NewJudge(w.client).Judge(t.Context(), nil, absent); err != nil {
		t.Fatal(err)
	}
	expectBeginnings(t, "warnings", j.Warnings, []string{`the policy is not accepted yet: there is no BucketProvider named "elsewhere"`})
}

func TestAChangeOfSomethingElseIsNotRefusedForRulesThatWereThereBefore(t *testing.T) {
	for name, tt := range map[string]struct {
		change  func(*s3v1alpha1.BucketCORSPolicySpec)
		refused bool
	}{
		"it is suspended":     {change: func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Suspend = true }},
		"it keeps the bucket": {change: func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.DeletionPolicy = s3v1alpha1.DeletionPolicyRetain }},
		"it drops a bucket":   {change: func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Buckets = spec.Buckets[:1] }},
		"the default by name": {change: func(spec *s3v1alpha1.BucketCORSPolicySpec) {
			spec.ProviderRef = &s3v1alpha1.ProviderReference{Name: "default"}
		}},
		"another mistake":     {change: func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules[0].AllowedOrigins[0] = "***" }, refused: true},
		"another expectation": {change: func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Expectations = nil }, refused: true},
		"it shares no longer": {change: func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Sharing = s3v1alpha1.SharingExclusive }, refused: true},
		"it goes elsewhere": {change: func(spec *s3v1alpha1.BucketCORSPolicySpec) {
			spec.ProviderRef = &s3v1alpha1.ProviderReference{Name: "b"}
		}, refused: true},
		"it was not there yet": {refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			after := withOrigins("**")
			after.Spec.Buckets = append(after.Spec.Buckets, s3v1alpha1.BucketReference{Name: "logs"})
			after.Spec.Sharing = s3v1alpha1.SharingShared
			after.Spec.Expectations = []s3v1alpha1.Expectation{{Name: "read", Origin: "https://app.example.com", Method: "GET"}}
			var before *s3v1alpha1.BucketCORSPolicy
			if tt.change != nil {
				before = after.DeepCopy()
				tt.change(&after.Spec)
			}
			j := mustJudge(t, before, after, aProvider(), tenant{namespace: "team-a", labels: map[string]string{}}, nil)
			if refused := len(j.Refusals) > 0; refused != tt.refused {
				t.Errorf("refused: %t", refused)
			}
			if !tt.refused {
				expectBeginnings(t, "warnings", j.Warnings, []string{`the policy is not accepted, as before: spec.rules[0].allowedOrigins[0]: "**" has more than one "*"`})
			}
		})
	}
}

func TestAJudgementThatNobodyWaitsForEnds(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for what, provider := range map[string]*s3v1alpha1.BucketProvider{"a provider": aProvider(), "no provider": nil} {
		if j, err := judge(stopped, nil, expectant(asIs), provider, tenant{}, nil); err == nil || len(j.Refusals) > 0 {
			t.Errorf("with %s: got %v, %v", what, j, err)
		}
	}
	if _, err := wrongForAll(stopped, expectant(asIs), ours); err == nil {
		t.Error("it goes on through all kinds of servers")
	}
}

// What is refused is what a pass would find hopeless, for the same reasons; only
// without a provider, which says what kind of server it is, some of that is let
// through.
func TestWhatIsRefusedIsWhatAPassDoesNotAccept(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := func(n int, of ...string) []string {
		var chosen []string
		for range n {
			chosen = append(chosen, of[random.IntN(len(of))])
		}
		return chosen
	}
	who := tenant{namespace: "team-a", labels: map[string]string{}}
	met := map[string]int{}
	for range 3000 {
		policy := aPolicy(some(1+random.IntN(2), "assets", "logs", "secret")...)
		policy.Spec.Rules = nil
		for range 1 + random.IntN(3) {
			var rule s3v1alpha1.CORSRule
			for _, origin := range some(1+random.IntN(2), "https://app.example.com", "https://*.example.com", "*", "**", "https://app.example.com/", "https://b.example") {
				rule.AllowedOrigins = append(rule.AllowedOrigins, s3v1alpha1.CORSOrigin(origin))
			}
			for _, method := range some(1+random.IntN(3), "GET", "PUT", "HEAD", "POST", "DELETE", "GET", "PUT", "PATCH") {
				rule.AllowedMethods = append(rule.AllowedMethods, s3v1alpha1.CORSMethod(method))
			}
			for _, header := range some(random.IntN(3), "content-type", "x-amz-*", "*", "x*y*") {
				rule.AllowedHeaders = append(rule.AllowedHeaders, s3v1alpha1.CORSHeader(header))
			}
			for _, header := range some(max(0, random.IntN(6)-4), "ETag", "x-*") {
				rule.ExposeHeaders = append(rule.ExposeHeaders, s3v1alpha1.CORSHeader(header))
			}
			policy.Spec.Rules = append(policy.Spec.Rules, rule)
		}
		for i := range random.IntN(3) {
			policy.Spec.Expectations = append(policy.Spec.Expectations, s3v1alpha1.Expectation{
				Name: fmt.Sprint("e", i), Origin: s3v1alpha1.PageOrigin(some(1, "https://app.example.com", "https://evil.example")[0]),
				Method: s3v1alpha1.CORSMethod(some(1, "GET", "PUT")[0]), Outcome: s3v1alpha1.Outcome(some(1, "", "Allowed", "Denied")[0]),
			})
		}
		policy.Spec.Sharing = s3v1alpha1.Sharing(some(1, "", "Exclusive", "Shared")[0])
		policy.Spec.Suspend = random.IntN(4) == 0
		var provider *s3v1alpha1.BucketProvider
		if dialect := some(1, "", "", "AWS", "CephRGW", "SeaweedFS", "Garage", "VersityGW", "MinIO", "none")[0]; dialect != "none" {
			provider = ofDialect(s3v1alpha1.Dialect(dialect))
			if random.IntN(3) == 0 {
				provider.Spec.Access = []s3v1alpha1.AccessGrant{grant("team-a", "assets")}
			}
		}

		a := accept(policy, provider, who)
		j := mustJudge(t, nil, policy, provider, who, nil)
		refused := len(j.Refusals) > 0
		switch {
		case refused && !a.hopeless(), provider != nil && refused != a.hopeless(), !refused && a.hopeless() && len(j.Warnings) == 0:
			t.Fatalf("a pass says %s: %s, and it is said %v, %q\nof %+v", a.reason, a.message, j.Refusals, j.Warnings, policy.Spec)
		case !refused && a.reason != s3v1alpha1.ReasonAccepted && !slices.ContainsFunc(j.Warnings, func(w string) bool {
			return strings.Contains(w, "not accepted yet") || strings.Contains(w, "will not be accepted")
		}):
			t.Fatalf("a pass says %s: %s, and there are the warnings %q", a.reason, a.message, j.Warnings)
		}
		for _, refusal := range j.Refusals[:min(len(j.Refusals), namedInMessage)] {
			if why := strings.TrimPrefix(refusal.ErrorBody(), "Invalid value: "); !strings.Contains(a.message, why) {
				t.Fatalf("refused for %q, and a pass says %q", why, a.message)
			}
			if a.reason == s3v1alpha1.ReasonInvalidRules && !strings.Contains(a.message, refusal.Field+": ") {
				t.Fatalf("refused for %s, and a pass says %q", refusal.Field, a.message)
			}
		}
		met[fmt.Sprint(a.reason, " ", refused)]++
	}
	for _, want := range []string{"Accepted false", "NotPermitted false", "ProviderNotFound false", "InvalidRules true", "InvalidRules false", "ExpectationFailed true"} {
		if met[want] == 0 {
			t.Errorf("%q was never met: %v", want, met)
		}
	}
}
