// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// Neighbours are what decides, beside a policy, what it would have on a bucket.
type Neighbours struct {
	// Policies are all that there are, with the one that is previewed, each with a
	// UID of its own.
	Policies []*s3v1alpha1.BucketCORSPolicy
	// Providers are all that there are.
	Providers []*s3v1alpha1.BucketProvider
	// Labels are those of namespaces, by name. One that is missing is selected by
	// no selector.
	Labels map[string]map[string]string
}

// Preview is what the operator would make of a bucket of a policy.
type Preview struct {
	// Reason is why it would not put the rules of the policy there: the reason of a
	// condition, and Message its sentence for people. Both are empty where it would.
	Reason, Message string
	// Owner is the policy that has the bucket, as namespace/name, where Reason is
	// Conflicted because of it; empty otherwise.
	Owner string
	// DependsOnLive is whether there might be no such Reason with something else on
	// the bucket.
	DependsOnLive bool
	// Desired is what the bucket would have, unless there is a Reason.
	Desired cors.Configuration
	// SharedWith are the other policies whose rules are in Desired, as
	// namespace/name, in order.
	SharedWith []string
	// Shadows says which rules the others keep from answering; empty for none.
	Shadows string
}

// PreviewBucket is what the operator would make of a bucket that a policy names,
// where live is what it has now. It is that of an enforcing policy also where the
// policy observes or is suspended. Nothing is asked or changed.
func PreviewBucket(policy *s3v1alpha1.BucketCORSPolicy, bucketName string, live cors.Configuration, among Neighbours) Preview {
	if policy.Spec.Suspend {
		policy = policy.DeepCopy()
		policy.Spec.Suspend = false
	}
	provider, who := among.provider(policy), among.tenant(policy.Namespace)
	accepted := accept(policy, provider, who)
	if !accepted.workable() {
		return Preview{Reason: accepted.reason, Message: accepted.message}
	}
	if why := accepted.denied[bucketName]; why != "" {
		return Preview{Reason: s3v1alpha1.ReasonNotPermitted, Message: why}
	}
	key := bucketKey{serviceOf(provider), bucketName}
	claim := claimOn(key, among.claimants(policy))
	if !claim.holds(policy) {
		p := Preview{Reason: s3v1alpha1.ReasonConflicted, Message: conflictOf(claim, policy)}
		if claim.decider != nil {
			p.Owner = nameOf(claim.decider)
		}
		return p
	}
	c := composeFor(key, claim.holders, live, policy)
	if why := c.unmetOf(policy); why != "" {
		return Preview{Reason: s3v1alpha1.ReasonExpectationFailed, Message: why, DependsOnLive: true}
	}
	if why := c.refusalOf(policy); why != "" {
		return Preview{Reason: s3v1alpha1.ReasonDoesNotFit, Message: why, DependsOnLive: true}
	}
	return Preview{Desired: c.configuration, SharedWith: c.others(policy), Shadows: c.shadowsOf(policy)}
}

// ServiceOf tells S3 services apart: two providers with the same reach the same
// bucket by the same name.
func ServiceOf(provider *s3v1alpha1.BucketProvider) string { return serviceOf(provider) }

// ProviderName is the name of the BucketProvider of a policy.
func ProviderName(policy *s3v1alpha1.BucketCORSPolicy) string { return providerName(policy) }

// claimants are all policies, with policy in the place of the one that it is.
func (n Neighbours) claimants(policy *s3v1alpha1.BucketCORSPolicy) []claimant {
	var claimants []claimant
	for _, p := range n.Policies {
		if p.UID == policy.UID {
			p = policy
		}
		claimants = append(claimants, claimant{p, n.provider(p), n.tenant(p.Namespace)})
	}
	return claimants
}

func (n Neighbours) provider(policy *s3v1alpha1.BucketCORSPolicy) *s3v1alpha1.BucketProvider {
	i := slices.IndexFunc(n.Providers, func(p *s3v1alpha1.BucketProvider) bool { return p.Name == providerName(policy) })
	if i < 0 {
		return nil
	}
	return n.Providers[i]
}

func (n Neighbours) tenant(namespace string) tenant {
	return tenant{namespace: namespace, labels: n.Labels[namespace]}
}

// Connection is how the service of a provider is reached, without the keys of its
// Secret.
func Connection(provider *s3v1alpha1.BucketProvider) bucket.Provider { return connectionFor(provider) }

// Connect is how the service of a provider is reached, with the keys of its Secret
// in a namespace. What is missing in the cluster is a *bucket.Error.
func Connect(ctx context.Context, reader client.Reader, namespace string, provider *s3v1alpha1.BucketProvider) (bucket.Provider, error) {
	return connect(ctx, reader, namespace, provider)
}
