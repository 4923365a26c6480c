// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// claimant is a policy that names a bucket, together with what decides whether
// it may.
type claimant struct {
	policy *s3v1alpha1.BucketCORSPolicy
	// provider is the one through which the policy reaches the bucket; nil when it
	// does not exist.
	provider *s3v1alpha1.BucketProvider
	// tenant is the namespace of the policy.
	tenant tenant
}

// claim is who has a bucket. The zero value is a bucket that nobody has.
type claim struct {
	// decider is the oldest of the policies that name the bucket and may. Its
	// sharing decides for all; nil when there is none.
	decider *s3v1alpha1.BucketCORSPolicy
	// holders are the policies whose rules make up the configuration, in the order
	// of their rules: the decider alone when it is Exclusive, otherwise all that are
	// Shared.
	holders []claimant
}

// holds is whether a policy is one of the holders.
func (c claim) holds(policy *s3v1alpha1.BucketCORSPolicy) bool {
	return slices.ContainsFunc(c.holders, func(h claimant) bool { return h.policy.UID == policy.UID })
}

// claimOn is who has a bucket, of those that name it and may, whether or not
// their rules are in order, so that a slip in the spec of an owner does not hand
// the bucket to somebody else. A policy that is going away, alone or with its
// namespace, has no claim any more. The oldest decides; policies of the same second
// are ordered by namespace and name. The order of claimants is of no matter.
func claimOn(key bucketKey, claimants []claimant) claim {
	var able []claimant
	for _, c := range claimants {
		if c.policy.DeletionTimestamp.IsZero() && !c.tenant.terminating && c.provider != nil && names(c.policy, key.name) &&
			serviceOf(c.provider) == key.service && granted(c.provider.Spec.Access, c.tenant, key.name) {
			able = append(able, c)
		}
	}
	if len(able) == 0 {
		return claim{}
	}
	decider := slices.MinFunc(able, func(a, b claimant) int { return byAge(a.policy, b.policy) })
	if !shares(decider.policy) {
		return claim{decider: decider.policy, holders: []claimant{decider}}
	}
	holders := slices.DeleteFunc(able, func(c claimant) bool { return !shares(c.policy) })
	slices.SortFunc(holders, func(a, b claimant) int { return byPriority(a.policy, b.policy) })
	return claim{decider: decider.policy, holders: holders}
}

func shares(policy *s3v1alpha1.BucketCORSPolicy) bool {
	return policy.Spec.Sharing == s3v1alpha1.SharingShared
}

func names(policy *s3v1alpha1.BucketCORSPolicy, bucketName string) bool {
	return slices.ContainsFunc(policy.Spec.Buckets, func(b s3v1alpha1.BucketReference) bool { return b.Name == bucketName })
}

func byAge(a, b *s3v1alpha1.BucketCORSPolicy) int {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), byName(a, b))
}

func byPriority(a, b *s3v1alpha1.BucketCORSPolicy) int {
	return cmp.Or(cmp.Compare(b.Spec.Priority, a.Spec.Priority), byName(a, b))
}

func byName(a, b *s3v1alpha1.BucketCORSPolicy) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// awsHost is the host of a regional or global endpoint of S3, or one of a VPC.
var awsHost = regexp.MustCompile(`(^|[.])s3([.-][a-z0-9.-]+)?[.]amazonaws[.]com([.]cn)?$`)

// serviceOf tells services apart: two providers with the same service reach the
// same bucket by the same name. The name of a bucket on AWS is unique in its
// partition, whatever the region.
func serviceOf(provider *s3v1alpha1.BucketProvider) string {
	endpoint, err := url.Parse(provider.Spec.Endpoint)
	if err != nil {
		return provider.Spec.Endpoint
	}
	if provider.Spec.Endpoint == "" || awsHost.MatchString(strings.ToLower(endpoint.Hostname())) {
		for _, partition := range []string{"cn-", "us-gov-", "us-iso"} {
			if strings.HasPrefix(string(provider.Spec.Region), partition) {
				return "aws-" + strings.Trim(partition, "-")
			}
		}
		return "aws"
	}
	scheme := strings.ToLower(endpoint.Scheme)
	port := endpoint.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return scheme + "://" + net.JoinHostPort(strings.ToLower(endpoint.Hostname()), port) + strings.TrimRight(endpoint.Path, "/")
}
