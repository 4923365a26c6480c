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

// claimant is a policy that names a bucket, together with the provider through
// which it reaches it; nil when that does not exist.
type claimant struct {
	policy   *s3v1alpha1.BucketCORSPolicy
	provider *s3v1alpha1.BucketProvider
}

// ownerOf is the policy that a bucket belongs to: the oldest of those that name
// it and may, whether or not its rules are in order, so that a slip in the
// owner's spec does not hand the bucket to somebody else. Policies of the same
// second are ordered by namespace and name. Nil when nobody may.
//
// A policy that is going away owns its buckets until it is gone: it may still
// have to clean up.
func ownerOf(service, bucketName string, claimants []claimant) *s3v1alpha1.BucketCORSPolicy {
	var owner *s3v1alpha1.BucketCORSPolicy
	for _, c := range claimants {
		if c.provider == nil || serviceOf(c.provider) != service || !names(c.policy, bucketName) ||
			!granted(c.provider.Spec.Access, c.policy.Namespace, bucketName) {
			continue
		}
		if owner == nil || byAge(c.policy, owner) < 0 {
			owner = c.policy
		}
	}
	return owner
}

func names(policy *s3v1alpha1.BucketCORSPolicy, bucketName string) bool {
	return slices.ContainsFunc(policy.Spec.Buckets, func(b s3v1alpha1.BucketReference) bool { return b.Name == bucketName })
}

func byAge(a, b *s3v1alpha1.BucketCORSPolicy) int {
	return cmp.Or(
		a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name),
	)
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
