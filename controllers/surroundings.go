// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// surroundings reads what a pass over a policy needs of the cluster. The
// providers are those of the cache: not to be changed.
func (r *PolicyReconciler) surroundings(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy) (surroundings, error) {
	who, err := r.tenant(ctx, policy.Namespace)
	if err != nil {
		return surroundings{}, err
	}
	archived, err := r.surveys.of(ctx, archive{r.Client}, policy)
	if err != nil {
		return surroundings{}, err
	}
	around := surroundings{tenant: who, archived: archived}
	var list s3v1alpha1.BucketProviderList
	if err := r.Client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return surroundings{}, fmt.Errorf("list the BucketProviders: %w", err)
	}
	for i := range list.Items {
		provider := &list.Items[i]
		around.providers = append(around.providers, provider)
		if provider.Name == providerName(policy) {
			around.provider = provider
		}
	}
	return around, nil
}

// provider is the BucketProvider of that name, from the cache: not to be changed;
// nil when there is none.
func (r *PolicyReconciler) provider(ctx context.Context, name string) (*s3v1alpha1.BucketProvider, error) {
	var provider s3v1alpha1.BucketProvider
	if err := r.Client.Get(ctx, types.NamespacedName{Name: name}, &provider, client.UnsafeDisableDeepCopy); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("read BucketProvider %q: %w", name, err)
	}
	return &provider, nil
}

// tenant is a namespace with its labels, of which only those are cached.
func (r *PolicyReconciler) tenant(ctx context.Context, namespace string) (tenant, error) {
	var found metav1.PartialObjectMetadata
	found.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	switch err := r.Client.Get(ctx, types.NamespacedName{Name: namespace}, &found); {
	case apierrors.IsNotFound(err):
		return tenant{namespace: namespace}, nil
	case err != nil:
		return tenant{}, fmt.Errorf("read the labels of namespace %q: %w", namespace, err)
	}
	who := tenant{namespace: namespace, labels: found.Labels, terminating: !found.DeletionTimestamp.IsZero()}
	if who.labels == nil {
		who.labels = map[string]string{}
	}
	return who, nil
}

// claimantsOf are all policies that name a bucket, and those that have named it
// and still have something of it, from the cache, with which they are shared: not
// to be changed.
func (r *PolicyReconciler) claimantsOf(ctx context.Context, key bucketKey) ([]claimant, error) {
	var policies s3v1alpha1.BucketCORSPolicyList
	if err := r.Client.List(ctx, &policies, client.MatchingFields{bucketIndex: key.name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the policies that name bucket %q: %w", key.name, err)
	}
	if writer, err := r.lastWriter(ctx, key, policies.Items); err != nil {
		return nil, err
	} else if writer != nil {
		policies.Items = append(policies.Items, *writer)
	}
	claimants := make([]claimant, 0, len(policies.Items))
	for i := range policies.Items {
		policy := &policies.Items[i]
		provider, err := r.provider(ctx, providerName(policy))
		if err != nil {
			return nil, err
		}
		who, err := r.tenant(ctx, policy.Namespace)
		if err != nil {
			return nil, err
		}
		claimants = append(claimants, claimant{policy, provider, who})
	}
	return claimants, nil
}

// lastWriter is the policy that wrote to a bucket last, as far as that is
// remembered, if it is still there and not one of those that are known: it may
// have dropped the bucket before its status could tell of the write.
func (r *PolicyReconciler) lastWriter(ctx context.Context, key bucketKey, known []s3v1alpha1.BucketCORSPolicy) (*s3v1alpha1.BucketCORSPolicy, error) {
	last := r.writes.last(key)
	if last == nil {
		return nil, nil
	}
	for i := range known {
		if known[i].UID == last.policy {
			return nil, nil
		}
	}
	var writer s3v1alpha1.BucketCORSPolicy
	switch err := r.Client.Get(ctx, last.name, &writer, client.UnsafeDisableDeepCopy); {
	case apierrors.IsNotFound(err), err == nil && writer.UID != last.policy:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read policy %s, which wrote to bucket %q: %w", last.name, key.name, err)
	}
	return &writer, nil
}
