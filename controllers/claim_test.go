// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"math"
	"slices"
	"strconv"
	"strings"
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

// claims is a policy that names a bucket through a provider, which may be nil.
func claims(policy *s3v1alpha1.BucketCORSPolicy, provider *s3v1alpha1.BucketProvider) claimant {
	return claimant{policy, provider, tenant{namespace: policy.Namespace}}
}

// changed is a policy with one change.
func changed(policy *s3v1alpha1.BucketCORSPolicy, change func(*s3v1alpha1.BucketCORSPolicy)) *s3v1alpha1.BucketCORSPolicy {
	change(policy)
	return policy
}

// shared is a policy that shares its buckets.
func shared(policy *s3v1alpha1.BucketCORSPolicy, priority int32) *s3v1alpha1.BucketCORSPolicy {
	policy.Spec.Sharing, policy.Spec.Priority = s3v1alpha1.SharingShared, priority
	return policy
}

func exclusive(policy *s3v1alpha1.BucketCORSPolicy) *s3v1alpha1.BucketCORSPolicy {
	policy.Spec.Sharing = s3v1alpha1.SharingExclusive
	return policy
}

func goingAway(policy *s3v1alpha1.BucketCORSPolicy) *s3v1alpha1.BucketCORSPolicy {
	policy.DeletionTimestamp = at(noon)
	return policy
}

// claimed is the bucket that the claims are about.
var claimed = bucketKey{serviceOf(aProvider()), "assets"}

// policyName is namespace/name; empty for no policy.
func policyName(policy *s3v1alpha1.BucketCORSPolicy) string {
	if policy == nil {
		return ""
	}
	return client.ObjectKeyFromObject(policy).String()
}

func holderNames(c claim) string {
	var all []string
	for _, h := range c.holders {
		all = append(all, policyName(h.policy))
	}
	return strings.Join(all, " ")
}

func TestTheOldestPolicyThatMayDecidesAboutABucket(t *testing.T) {
	older, younger := noon.Add(-2*time.Hour), noon.Add(-time.Hour)
	web := func(namespace string, created time.Time) *s3v1alpha1.BucketCORSPolicy {
		return namedPolicy(namespace, "web", created, "assets")
	}
	grantsTeamB := aProvider()
	grantsTeamB.Spec.Access = []s3v1alpha1.AccessGrant{grant("team-b", "*")}
	grantsLogs := aProvider()
	grantsLogs.Spec.Access = []s3v1alpha1.AccessGrant{grant("team-a,team-b", "logs")}
	youngerB := claims(web("team-b", younger), aProvider())

	for name, tt := range map[string]struct {
		claimants []claimant
		want      string
	}{
		"nobody owns what nobody names": {nil, ""},
		"the only one":                  {[]claimant{claims(web("team-a", older), aProvider())}, "team-a/web"},
		"one that names other buckets":  {[]claimant{claims(namedPolicy("team-a", "web", older, "logs"), aProvider())}, ""},
		"one that names no bucket any more": {[]claimant{
			claims(namedPolicy("team-a", "web", older), aProvider()), youngerB,
		}, "team-b/web"},
		"the oldest, whatever its name": {[]claimant{
			claims(namedPolicy("team-a", "aaa", younger, "assets"), aProvider()), claims(namedPolicy("team-b", "zzz", older, "assets"), aProvider()),
		}, "team-b/zzz"},
		"of the same second, by namespace": {[]claimant{
			claims(namedPolicy("team-b", "aaa", older, "assets"), aProvider()), claims(namedPolicy("team-a", "zzz", older, "assets"), aProvider()),
		}, "team-a/zzz"},
		"of the same second and namespace, by name": {[]claimant{
			claims(namedPolicy("team-a", "web-2", older, "assets"), aProvider()), claims(namedPolicy("team-a", "web", older, "assets"), aProvider()),
		}, "team-a/web"},
		"the priority is of no matter among Exclusive ones": {[]claimant{
			claims(changed(web("team-a", younger), func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Priority = 1000 }), aProvider()), claims(web("team-b", older), aProvider()),
		}, "team-b/web"},
		"one that says Exclusive owns as one that says nothing": {[]claimant{
			claims(exclusive(web("team-a", older)), aProvider()), youngerB,
		}, "team-a/web"},
		"one that is not granted claims nothing": {[]claimant{
			claims(web("team-a", older), grantsTeamB), claims(web("team-b", younger), grantsTeamB),
		}, "team-b/web"},
		"one that is granted other buckets claims nothing": {[]claimant{claims(web("team-a", older), grantsLogs), youngerB}, "team-b/web"},
		"one whose provider does not exist does not":       {[]claimant{claims(web("team-a", older), nil), youngerB}, "team-b/web"},
		"nobody, when nobody is granted":                   {[]claimant{claims(web("team-a", older), grantsTeamB)}, ""},
		"mistakes in its rules lose it nothing": {[]claimant{
			claims(changed(web("team-a", older), func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Rules = nil }), aProvider()), youngerB,
		}, "team-a/web"},
		"one that is going away has no claim any more": {[]claimant{claims(goingAway(web("team-a", older)), aProvider()), youngerB}, "team-b/web"},
		"nobody, when the only one is going away":      {[]claimant{claims(goingAway(web("team-a", older)), aProvider())}, ""},
		"a suspended one keeps it": {[]claimant{
			claims(changed(web("team-a", older), func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Suspend = true }), aProvider()), youngerB,
		}, "team-a/web"},
		"one that only observes keeps it": {[]claimant{
			claims(changed(web("team-a", older), func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Mode = s3v1alpha1.PolicyModeObserve }), aProvider()), youngerB,
		}, "team-a/web"},
		"the same bucket by another provider of the same service": {[]claimant{
			claims(web("team-a", older), reaching("other", "HTTPS://S3.Internal:9000/")), youngerB,
		}, "team-a/web"},
		"a bucket of that name elsewhere is another bucket": {[]claimant{
			claims(web("team-a", older), reaching("other", "https://s3.elsewhere:9000")), youngerB,
		}, "team-b/web"},
		"a bucket of that name on AWS is another bucket": {[]claimant{
			claims(web("team-a", older), reaching("aws", "")), youngerB,
		}, "team-b/web"},
	} {
		t.Run(name, func(t *testing.T) {
			got := claimOn(claimed, tt.claimants)
			if policyName(got.decider) != tt.want {
				t.Errorf("the owner is %q, not %q", policyName(got.decider), tt.want)
			}
			if holderNames(got) != tt.want {
				t.Errorf("%q hold the bucket, not the owner alone", holderNames(got))
			}
			for _, c := range tt.claimants {
				if got.holds(c.policy) != (policyName(c.policy) == tt.want) {
					t.Errorf("%s holds the bucket: %t", policyName(c.policy), got.holds(c.policy))
				}
			}
		})
	}
}

func TestSharedPoliciesHoldABucketTogetherIfTheOldestIsShared(t *testing.T) {
	// The first one is the oldest.
	type settings []func(*s3v1alpha1.BucketCORSPolicy)
	policies := func(changes settings) []claimant {
		var all []claimant
		for i, c := range changes {
			namespace := []string{"team-b", "team-a", "team-b", "team-a"}[i]
			policy := namedPolicy(namespace, "p"+strconv.Itoa(i), noon.Add(time.Duration(i-10)*time.Hour), "assets")
			all = append(all, claims(changed(policy, c), aProvider()))
		}
		return all
	}
	alone := func(p *s3v1alpha1.BucketCORSPolicy) { exclusive(p) }
	unsaid := func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Sharing = "" }
	sharing := func(priority int32) func(*s3v1alpha1.BucketCORSPolicy) {
		return func(p *s3v1alpha1.BucketCORSPolicy) { shared(p, priority) }
	}
	and := func(changes ...func(*s3v1alpha1.BucketCORSPolicy)) func(*s3v1alpha1.BucketCORSPolicy) {
		return func(p *s3v1alpha1.BucketCORSPolicy) {
			for _, c := range changes {
				c(p)
			}
		}
	}
	suspended := func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Suspend = true }
	invalid := func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Rules = nil }
	leaving := func(p *s3v1alpha1.BucketCORSPolicy) { goingAway(p) }
	elsewhere := func(p *s3v1alpha1.BucketCORSPolicy) { p.Spec.Buckets[0].Name = "logs" }

	throughTwo := policies(settings{sharing(0), sharing(0)})
	throughTwo[0].provider = reaching("other", "HTTPS://S3.INTERNAL:9000//")
	twoServices := policies(settings{sharing(0), sharing(0)})
	twoServices[1].provider = reaching("other", "https://s3.elsewhere")
	oneMissing := policies(settings{sharing(0), sharing(0)})
	oneMissing[0].provider = nil
	oneDenied := policies(settings{sharing(0), sharing(0), alone})
	oneDenied[0].provider = changedProvider(func(p *s3v1alpha1.BucketProvider) { p.Spec.Access = []s3v1alpha1.AccessGrant{grant("team-a", "*")} })

	for name, tt := range map[string]struct {
		claimants        []claimant
		decider, holders string
	}{
		"one that is Shared holds it alone while it is the only one":      {policies(settings{sharing(0)}), "team-b/p0", "team-b/p0"},
		"two of the same priority are in the order of their names":        {policies(settings{sharing(0), sharing(0)}), "team-b/p0", "team-a/p1 team-b/p0"},
		"in one namespace by name":                                        {policies(settings{sharing(0), sharing(7), sharing(0), sharing(7)}), "team-b/p0", "team-a/p1 team-a/p3 team-b/p0 team-b/p2"},
		"the higher priority comes first":                                 {policies(settings{sharing(1), sharing(0), sharing(2)}), "team-b/p0", "team-b/p2 team-b/p0 team-a/p1"},
		"a negative priority comes after none":                            {policies(settings{sharing(0), sharing(-1), sharing(-2)}), "team-b/p0", "team-b/p0 team-a/p1 team-b/p2"},
		"the extremes of priorities":                                      {policies(settings{sharing(math.MinInt32), sharing(0), sharing(math.MaxInt32)}), "team-b/p0", "team-b/p2 team-a/p1 team-b/p0"},
		"an older Exclusive one keeps Shared ones out":                    {policies(settings{alone, sharing(5), sharing(9)}), "team-b/p0", "team-b/p0"},
		"one that says nothing is Exclusive":                              {policies(settings{unsaid, sharing(5)}), "team-b/p0", "team-b/p0"},
		"a younger Exclusive one is kept out":                             {policies(settings{sharing(0), alone, sharing(0)}), "team-b/p0", "team-b/p0 team-b/p2"},
		"a younger one that says nothing is kept out":                     {policies(settings{sharing(0), unsaid}), "team-b/p0", "team-b/p0"},
		"an Exclusive one that is going away makes room":                  {policies(settings{and(alone, leaving), sharing(0), sharing(1)}), "team-a/p1", "team-b/p2 team-a/p1"},
		"a Shared one that is going away holds nothing":                   {policies(settings{sharing(0), and(sharing(9), leaving), sharing(1)}), "team-b/p0", "team-b/p2 team-b/p0"},
		"a Shared one that is going away decides nothing":                 {policies(settings{and(sharing(0), leaving), alone, sharing(1)}), "team-a/p1", "team-a/p1"},
		"all are going away":                                              {policies(settings{and(sharing(0), leaving), and(alone, leaving)}), "", ""},
		"a suspended one holds and decides":                               {policies(settings{and(sharing(0), suspended), sharing(1)}), "team-b/p0", "team-a/p1 team-b/p0"},
		"a suspended Exclusive one keeps the others out":                  {policies(settings{and(alone, suspended), sharing(1)}), "team-b/p0", "team-b/p0"},
		"one with mistakes holds and decides":                             {policies(settings{and(sharing(0), invalid), sharing(1)}), "team-b/p0", "team-a/p1 team-b/p0"},
		"one that names another bucket is none of it":                     {policies(settings{and(alone, elsewhere), sharing(1), and(sharing(2), elsewhere)}), "team-a/p1", "team-a/p1"},
		"one bucket through two providers of the same service":            {throughTwo, "team-b/p0", "team-a/p1 team-b/p0"},
		"buckets of the same name on two services are not shared":         {twoServices, "team-b/p0", "team-b/p0"},
		"one whose provider does not exist holds and decides nothing":     {oneMissing, "team-a/p1", "team-a/p1"},
		"one that its own provider does not grant it, whoever grants it ": {oneDenied, "team-a/p1", "team-a/p1"},
	} {
		t.Run(name, func(t *testing.T) {
			got := claimOn(claimed, tt.claimants)
			if policyName(got.decider) != tt.decider || holderNames(got) != tt.holders {
				t.Errorf("%q decides and %q hold it, not %q and %q", policyName(got.decider), holderNames(got), tt.decider, tt.holders)
			}
			for _, c := range tt.claimants {
				if want := slices.Contains(strings.Fields(tt.holders), policyName(c.policy)); got.holds(c.policy) != want {
					t.Errorf("%s holds the bucket: %t", policyName(c.policy), got.holds(c.policy))
				}
			}
		})
	}
}

func changedProvider(change func(*s3v1alpha1.BucketProvider)) *s3v1alpha1.BucketProvider {
	provider := aProvider()
	change(provider)
	return provider
}

// The tenant of a holder is what its grants and their constraints are asked for.
func TestAHolderKeepsItsProviderAndTenant(t *testing.T) {
	provider := reaching("other", "https://s3.internal:9000")
	labelled := claims(shared(aPolicy("assets"), 0), provider)
	labelled.tenant.labels = map[string]string{"team": "a"}
	holders := claimOn(claimed, []claimant{labelled}).holders
	if len(holders) != 1 {
		t.Fatalf("%d hold the bucket", len(holders))
	}
	if h := holders[0]; h.provider != provider || h.tenant.namespace != "team-a" || h.tenant.labels["team"] != "a" {
		t.Errorf("the holder is %+v", h)
	}
}

func TestAClaimDoesNotDependOnTheOrderOfClaimants(t *testing.T) {
	hoursAgo := func(n int) time.Time { return noon.Add(-time.Duration(n) * time.Hour) }
	for name, tt := range map[string]struct {
		claimants        []claimant
		decider, holders string
	}{
		"the decider is Exclusive": {[]claimant{
			claims(namedPolicy("team-c", "web", hoursAgo(5), "assets"), aProvider()), // not granted
			claims(namedPolicy("team-a", "old", hoursAgo(4), "assets"), nil),
			claims(namedPolicy("team-b", "web", hoursAgo(3), "assets"), aProvider()),
			claims(namedPolicy("team-a", "web-2", hoursAgo(3), "assets"), aProvider()),
			claims(namedPolicy("team-a", "web-1", hoursAgo(3), "logs", "assets"), reaching("other", "https://s3.internal:9000/")),
			claims(shared(namedPolicy("team-a", "aaa", hoursAgo(2), "assets"), 9), aProvider()),
		}, "team-a/web-1", "team-a/web-1"},
		"the decider is Shared": {[]claimant{
			claims(goingAway(namedPolicy("team-a", "gone", hoursAgo(9), "assets")), aProvider()),
			claims(shared(namedPolicy("team-b", "web", hoursAgo(3), "assets"), -3), aProvider()),
			claims(exclusive(namedPolicy("team-b", "alone", hoursAgo(2), "assets")), aProvider()),
			claims(shared(namedPolicy("team-b", "a", hoursAgo(1), "assets"), 0), aProvider()),
			claims(shared(namedPolicy("team-a", "z", hoursAgo(1), "assets"), 0), aProvider()),
			claims(shared(namedPolicy("team-a", "y", hoursAgo(1), "assets"), 4), reaching("other", "https://s3.internal:9000/")),
		}, "team-b/web", "team-a/y team-a/z team-b/a team-b/web"},
	} {
		t.Run(name, func(t *testing.T) {
			orders := 0
			permute(tt.claimants, func(order []claimant) {
				orders++
				before := slices.Clone(order)
				got := claimOn(claimed, order)
				if policyName(got.decider) != tt.decider || holderNames(got) != tt.holders {
					t.Fatalf("with the claimants in another order, %q decides and %q hold it", policyName(got.decider), holderNames(got))
				}
				if !slices.EqualFunc(order, before, func(a, b claimant) bool { return a.policy == b.policy }) {
					t.Fatal("the claimants were put in another order")
				}
			})
			if orders != 720 {
				t.Errorf("%d orders were tried, not all", orders)
			}
		})
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

func TestEveryRegionOfAPartitionOfAWSIsOneService(t *testing.T) {
	for _, tt := range []struct{ endpoint, region, want string }{
		{"", "us-east-1", "aws"},
		{"", "", "aws"},
		{"https://s3.amazonaws.com", "us-east-1", "aws"},
		{"https://S3.EU-West-1.amazonaws.com:443/", "eu-west-1", "aws"},
		{"https://s3.dualstack.eu-west-1.amazonaws.com", "eu-west-1", "aws"},
		{"https://bucket.vpce-1a2b.s3.us-east-1.vpce.amazonaws.com", "us-east-1", "aws"},
		{"", "cn-north-1", "aws-cn"},
		{"https://s3.cn-north-1.amazonaws.com.cn", "cn-north-1", "aws-cn"},
		{"", "us-gov-west-1", "aws-us-gov"},
		{"https://s3-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1", "aws-us-gov"},
		{"", "us-iso-east-1", "aws-us-iso"},
		{"https://s3.amazonaws.com.example.com", "us-east-1", "https://s3.amazonaws.com.example.com:443"},
		{"https://nots3.amazonaws.com", "us-east-1", "https://nots3.amazonaws.com:443"},
		{"://", "us-east-1", "://"},
	} {
		provider := reaching("provider", tt.endpoint)
		provider.Spec.Region = s3v1alpha1.Region(tt.region)
		if got := serviceOf(provider); got != tt.want {
			t.Errorf("%q in %q is the service %q, not %q", tt.endpoint, tt.region, got, tt.want)
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

func TestPriorityOrdersPolicies(t *testing.T) {
	policy := func(namespace, name string, priority int32, created time.Duration) *s3v1alpha1.BucketCORSPolicy {
		return shared(namedPolicy(namespace, name, noon.Add(created), "b"), priority)
	}
	sorted := []*s3v1alpha1.BucketCORSPolicy{
		policy("z", "z", 1, 0), policy("a", "b", 0, time.Hour), policy("a", "c", 0, 0), policy("b", "a", 0, -time.Hour), policy("a", "a", -1, -time.Hour),
	}
	permute(slices.Clone(sorted), func(order []*s3v1alpha1.BucketCORSPolicy) {
		if got := slices.SortedFunc(slices.Values(order), byPriority); !slices.Equal(got, sorted) {
			t.Errorf("another order: %v", got)
		}
	})
}
