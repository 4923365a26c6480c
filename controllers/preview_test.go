// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"testing"
	"time"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

func TestAPreviewIsWhatTheOperatorWouldDo(t *testing.T) {
	older := func() *s3v1alpha1.BucketCORSPolicy {
		policy := namedPolicy("team-b", "older", noon.Add(-2*time.Hour), "assets")
		policy.Spec.Rules = rulesFor("https://older.example.com")
		policy.Spec.Rules[0].ID = "older"
		return policy
	}
	own, both := []string{"web"}, []string{"older", "web"}
	for name, tt := range map[string]struct {
		policy        *s3v1alpha1.BucketCORSPolicy
		among         []*s3v1alpha1.BucketCORSPolicy
		reason, owner string
		want          []string
	}{
		"alone":     {policy: aPolicy("assets"), want: own},
		"observing": {policy: changed(aPolicy("assets"), func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Mode = s3v1alpha1.PolicyModeObserve }), want: own},
		"suspended": {policy: changed(aPolicy("assets"), func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Suspend = true }), want: own},
		"suspended and shared": {
			policy: changed(shared(aPolicy("assets"), 0), func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Suspend = true }),
			among:  []*s3v1alpha1.BucketCORSPolicy{shared(older(), 1)}, want: both,
		},
		"shared":         {policy: shared(aPolicy("assets"), 0), among: []*s3v1alpha1.BucketCORSPolicy{shared(older(), 1)}, want: both},
		"after an older": {policy: aPolicy("assets"), among: []*s3v1alpha1.BucketCORSPolicy{older()}, reason: s3v1alpha1.ReasonConflicted, owner: "team-b/older"},
		"where the other one goes away": {
			policy: aPolicy("assets"), among: []*s3v1alpha1.BucketCORSPolicy{goingAway(older())}, want: own,
		},
		"not granted": {policy: namedPolicy("team-c", "web", noon, "assets"), reason: s3v1alpha1.ReasonNotPermitted},
		"with mistakes": {
			policy: changed(aPolicy("assets"), func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Rules[0].AllowedOrigins[0] = "https://*.*.example" }),
			reason: s3v1alpha1.ReasonInvalidRules,
		},
		"without a provider": {
			policy: changed(aPolicy("assets"), func(p *s3v1alpha1.BucketCORSPolicy) {
				p.Spec.ProviderRef = &s3v1alpha1.ProviderReference{Name: "nobody"}
			}),
			reason: s3v1alpha1.ReasonProviderNotFound,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := PreviewBucket(tt.policy, "assets", cors.Configuration{}, Neighbours{
				Policies: append(tt.among, tt.policy), Providers: []*s3v1alpha1.BucketProvider{aProvider()},
			})
			var ids []string
			for _, rule := range p.Desired.Rules {
				ids = append(ids, rule.ID)
			}
			if p.Reason != tt.reason || p.Owner != tt.owner || (p.Message == "") != (tt.reason == "") || !slices.Equal(ids, tt.want) || p.DependsOnLive {
				t.Errorf("the rules are %q, not %q: %+v", ids, tt.want, p)
			}
			if shares := len(p.SharedWith) == 1; shares != (len(tt.want) == 2) {
				t.Errorf("shared with %q", p.SharedWith)
			}
		})
	}
}

func TestAPreviewHasTheReasonOfTheConditionWhereThereIsNoRoom(t *testing.T) {
	older := shared(namedPolicy("team-b", "older", noon.Add(-time.Hour), "assets"), 1)
	policy := shared(aPolicy("assets"), 0)
	policy.Spec.Rules[0].ID = older.Spec.Rules[0].ID
	p := PreviewBucket(policy, "assets", cors.Configuration{}, Neighbours{
		Policies: []*s3v1alpha1.BucketCORSPolicy{older, policy}, Providers: []*s3v1alpha1.BucketProvider{aProvider()},
	})
	if p.Reason != s3v1alpha1.ReasonDoesNotFit || !p.DependsOnLive || p.Message == "" {
		t.Errorf("the preview is %+v", p)
	}
}
