// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// reaching is aProvider with another name and endpoint.
func reaching(name, endpoint string) *s3v1alpha1.BucketProvider {
	provider := aProvider()
	provider.Name, provider.Spec.Endpoint = name, endpoint
	return provider
}

func TestTheOldestPolicyThatMayOwnsABucket(t *testing.T) {
	older, younger := noon.Add(-2*time.Hour), noon.Add(-time.Hour)
	changed := func(policy *s3v1alpha1.BucketCORSPolicy, change func(*s3v1alpha1.BucketCORSPolicy)) *s3v1alpha1.BucketCORSPolicy {
		change(policy)
		return policy
	}
	grantsTeamB := aProvider()
	grantsTeamB.Spec.Access = []s3v1alpha1.AccessGrant{grant("team-b", "*")}
	for name, tt := range map[string]struct {
		claimants []claimant
		want      string
	}{
		"nobody owns what nobody names":              {nil, ""},
		"the only one":                               {[]claimant{{namedPolicy("team-a", "web", older, "assets"), aProvider(), tenant{}}}, "team-a/web"},
		"one that names other buckets":               {[]claimant{{namedPolicy("team-a", "web", older, "logs"), aProvider(), tenant{}}}, ""},
		"the oldest, whatever its name":              {[]claimant{{namedPolicy("team-a", "aaa", younger, "assets"), aProvider(), tenant{}}, {namedPolicy("team-b", "zzz", older, "assets"), aProvider(), tenant{}}}, "team-b/zzz"},
		"of the same second, by namespace":           {[]claimant{{namedPolicy("team-b", "aaa", older, "assets"), aProvider(), tenant{}}, {namedPolicy("team-a", "zzz", older, "assets"), aProvider(), tenant{}}}, "team-a/zzz"},
		"of the same second and namespace, by name":  {[]claimant{{namedPolicy("team-a", "web-2", older, "assets"), aProvider(), tenant{}}, {namedPolicy("team-a", "web", older, "assets"), aProvider(), tenant{}}}, "team-a/web"},
		"the namespace counts before the name":       {[]claimant{{namedPolicy("a-b", "a", older, "assets"), nil, tenant{}}, {namedPolicy("team-a", "b", older, "assets"), aProvider(), tenant{}}}, "team-a/b"},
		"one that is not granted claims nothing":     {[]claimant{{namedPolicy("team-a", "web", older, "assets"), grantsTeamB, tenant{}}, {namedPolicy("team-b", "web", younger, "assets"), grantsTeamB, tenant{}}}, "team-b/web"},
		"one whose provider does not exist does not": {[]claimant{{namedPolicy("team-a", "web", older, "assets"), nil, tenant{}}, {namedPolicy("team-b", "web", younger, "assets"), aProvider(), tenant{}}}, "team-b/web"},
		"nobody, when nobody is granted":             {[]claimant{{namedPolicy("team-a", "web", older, "assets"), grantsTeamB, tenant{}}}, ""},
		"mistakes in its rules lose it nothing": {[]claimant{
			{changed(namedPolicy("team-a", "web", older, "assets"), func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Rules = nil }), aProvider(), tenant{}},
			{namedPolicy("team-b", "web", younger, "assets"), aProvider(), tenant{}},
		}, "team-a/web"},
		"one that is going away owns it until it is gone": {[]claimant{
			{changed(namedPolicy("team-a", "web", older, "assets"), func(p *s3v1alpha1.BucketCORSPolicy) { p.DeletionTimestamp = at(noon) }), aProvider(), tenant{}},
			{namedPolicy("team-b", "web", younger, "assets"), aProvider(), tenant{}},
		}, "team-a/web"},
		"a suspended one keeps it": {[]claimant{
			{changed(namedPolicy("team-a", "web", older, "assets"), func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Suspend = true }), aProvider(), tenant{}},
			{namedPolicy("team-b", "web", younger, "assets"), aProvider(), tenant{}},
		}, "team-a/web"},
		"one that only observes keeps it": {[]claimant{
			{changed(namedPolicy("team-a", "web", older, "assets"), func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Mode = s3v1alpha1.PolicyModeObserve }), aProvider(), tenant{}},
			{namedPolicy("team-b", "web", younger, "assets"), aProvider(), tenant{}},
		}, "team-a/web"},
		"the same bucket by another provider of the same service": {[]claimant{
			{namedPolicy("team-a", "web", older, "assets"), reaching("other", "HTTPS://S3.Internal:9000/"), tenant{}},
			{namedPolicy("team-b", "web", younger, "assets"), aProvider(), tenant{}},
		}, "team-a/web"},
		"a bucket of that name elsewhere is another bucket": {[]claimant{
			{namedPolicy("team-a", "web", older, "assets"), reaching("other", "https://s3.elsewhere:9000"), tenant{}},
			{namedPolicy("team-b", "web", younger, "assets"), aProvider(), tenant{}},
		}, "team-b/web"},
		"a bucket of that name on AWS is another bucket": {[]claimant{
			{namedPolicy("team-a", "web", older, "assets"), reaching("aws", ""), tenant{}},
			{namedPolicy("team-b", "web", younger, "assets"), aProvider(), tenant{}},
		}, "team-b/web"},
	} {
		t.Run(name, func(t *testing.T) {
			owner := claimOn(bucketKey{serviceOf(aProvider()), "assets"}, tt.claimants).decider
			got := ""
			if owner != nil {
				got = client.ObjectKeyFromObject(owner).String()
			}
			if got != tt.want {
				t.Errorf("the owner is %q, not %q", got, tt.want)
			}
		})
	}
}

func TestTheOwnerDoesNotDependOnTheOrderOfClaimants(t *testing.T) {
	claimants := []claimant{
		{namedPolicy("team-c", "web", noon.Add(-5*time.Hour), "assets"), aProvider(), tenant{}}, // not granted
		{namedPolicy("team-a", "old", noon.Add(-4*time.Hour), "assets"), nil, tenant{}},         // no provider
		{namedPolicy("team-b", "web", noon.Add(-3*time.Hour), "assets"), aProvider(), tenant{}},
		{namedPolicy("team-a", "web-2", noon.Add(-3*time.Hour), "assets"), aProvider(), tenant{}},
		{namedPolicy("team-a", "web-1", noon.Add(-3*time.Hour), "logs", "assets"), reaching("other", "https://s3.internal:9000/"), tenant{}},
		{namedPolicy("team-a", "aaa", noon.Add(-2*time.Hour), "assets"), aProvider(), tenant{}},
	}
	orders := 0
	permute(claimants, func(order []claimant) {
		orders++
		owner := claimOn(bucketKey{serviceOf(aProvider()), "assets"}, order).decider
		if owner == nil || owner.Name != "web-1" {
			t.Fatalf("the owner is %v with the claimants in another order", owner)
		}
	})
	if orders != 720 {
		t.Errorf("%d orders were tried, not all", orders)
	}
}

// permute calls visit with every order of items.
func permute[T any](items []T, visit func([]T)) {
	var from func(int)
	from = func(i int) {
		if i == len(items) {
			visit(items)
			return
		}
		for j := i; j < len(items); j++ {
			items[i], items[j] = items[j], items[i]
			from(i + 1)
			items[i], items[j] = items[j], items[i]
		}
	}
	from(0)
}

func TestProvidersOfTheSameServiceAreRecognised(t *testing.T) {
	services := map[string][]string{
		"AWS":                    {""},
		"https and its port":     {"https://s3.internal", "https://s3.internal/", "https://s3.internal:443", "HTTPS://S3.INTERNAL:443//"},
		"http and its port":      {"http://s3.internal", "http://s3.internal:80", "http://S3.internal/"},
		"another port":           {"https://s3.internal:9000", "https://s3.internal:9000/", "https://S3.Internal:9000"},
		"an address":             {"http://10.0.0.1:9000", "http://10.0.0.1:9000/"},
		"an IPv6 address":        {"http://[::1]:9000", "http://[::1]:9000/"},
		"below a path":           {"https://s3.internal/store", "https://s3.internal:443/store/"},
		"below the path in CAPS": {"https://s3.internal/STORE"},
		"another host":           {"https://s3.internal.example"},
	}
	known := map[string]string{}
	for service, endpoints := range services {
		want := serviceOf(reaching("first", endpoints[0]))
		if other, taken := known[want]; taken {
			t.Errorf("%s and %s are taken for the same service", service, other)
		}
		known[want] = service
		for i, endpoint := range endpoints {
			provider := reaching("provider", endpoint)
			provider.Spec.Region = s3v1alpha1.Region([]string{"us-east-1", "eu-west-1"}[i%2])
			if got := serviceOf(provider); got != want {
				t.Errorf("%q is the service %q, and %q is %q", endpoint, got, endpoints[0], want)
			}
		}
	}
}

func TestAgeOrdersPolicies(t *testing.T) {
	sorted := []*s3v1alpha1.BucketCORSPolicy{
		namedPolicy("z", "z", noon, "b"), namedPolicy("a", "b", noon.Add(time.Second), "b"),
		namedPolicy("b", "a", noon.Add(time.Second), "b"), namedPolicy("b", "b", noon.Add(time.Second), "b"),
	}
	permute(slices.Clone(sorted), func(order []*s3v1alpha1.BucketCORSPolicy) {
		if got := slices.SortedFunc(slices.Values(order), byAge); !slices.Equal(got, sorted) {
			t.Errorf("another order: %v", got)
		}
	})
	unsaved := &s3v1alpha1.BucketCORSPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "a"}}
	if byAge(unsaved, unsaved) != 0 {
		t.Error("a policy is not as old as itself")
	}
}
