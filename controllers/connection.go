// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
)

// connect is how the reconciler reaches the service of a provider.
func (r *PolicyReconciler) connect(ctx context.Context, provider *s3v1alpha1.BucketProvider) (bucket.Provider, error) {
	return connect(ctx, r.Client, r.Namespace, provider)
}

// connect is how to reach the service of a provider, with the keys of its
// Secret in a namespace. What is missing in the cluster is a *bucket.Error; any
// other error is that the API server could not be asked.
func connect(ctx context.Context, reader client.Reader, namespace string, provider *s3v1alpha1.BucketProvider) (bucket.Provider, error) {
	connection := connectionFor(provider)
	if provider.Spec.Credentials == nil || provider.Spec.Credentials.SecretRef == nil {
		return connection, nil
	}
	key := types.NamespacedName{Namespace: namespace, Name: provider.Spec.Credentials.SecretRef.Name}
	var secret corev1.Secret
	switch err := reader.Get(ctx, key, &secret); {
	case apierrors.IsNotFound(err):
		return bucket.Provider{}, &bucket.Error{
			Reason: s3v1alpha1.ReasonSecretNotFound, Fate: bucket.Waiting, Err: err,
			Message: fmt.Sprintf("there is no Secret %s, which BucketProvider %q takes its credentials from", key, provider.Name),
		}
	case apierrors.IsForbidden(err):
		return bucket.Provider{}, &bucket.Error{
			Reason: s3v1alpha1.ReasonSecretNotFound, Fate: bucket.Waiting, Err: err,
			Message: fmt.Sprintf("the operator has no right to get Secret %s, which BucketProvider %q takes its credentials from", key, provider.Name),
		}
	case err != nil:
		return bucket.Provider{}, fmt.Errorf("read Secret %s of BucketProvider %q: %w", key, provider.Name, err)
	}
	credentials, missing := credentialsFrom(secret.Data)
	if len(missing) > 0 {
		return bucket.Provider{}, &bucket.Error{
			Reason: s3v1alpha1.ReasonSecretInvalid, Fate: bucket.Waiting,
			Message: fmt.Sprintf("Secret %s, which BucketProvider %q takes its credentials from, has no %s",
				key, provider.Name, strings.Join(missing, " and no ")),
		}
	}
	connection.Credentials = credentials
	return connection, nil
}

// credentialsFrom reads the data of a Secret, and names the keys that are
// missing or empty. A line break at the end, which editors and echo add, is no
// part of a key.
func credentialsFrom(data map[string][]byte) (credentials *bucket.Credentials, missing []string) {
	value := func(key string) string { return strings.TrimSpace(string(data[key])) }
	for _, key := range []string{s3v1alpha1.SecretKeyAccessKeyID, s3v1alpha1.SecretKeySecretAccessKey} {
		if value(key) == "" {
			missing = append(missing, key)
		}
	}
	return &bucket.Credentials{
		AccessKeyID:     value(s3v1alpha1.SecretKeyAccessKeyID),
		SecretAccessKey: value(s3v1alpha1.SecretKeySecretAccessKey),
		SessionToken:    value(s3v1alpha1.SecretKeySessionToken),
	}, missing
}

// connectionFor is the part of a connection that the provider itself tells.
func connectionFor(provider *s3v1alpha1.BucketProvider) bucket.Provider {
	connection := bucket.Provider{
		Name:              provider.Name,
		Region:            string(provider.Spec.Region),
		Endpoint:          provider.Spec.Endpoint,
		Addressing:        bucket.Addressing(provider.Spec.Addressing),
		CABundle:          provider.Spec.CABundle,
		RequestsPerSecond: int(provider.Spec.RequestsPerSecond),
	}
	if provider.Spec.Checksum != s3v1alpha1.ChecksumAuto {
		connection.Checksum = bucket.Checksum(provider.Spec.Checksum)
	}
	if connection.RequestsPerSecond == 0 {
		connection.RequestsPerSecond = s3v1alpha1.DefaultRequestsPerSecond
	}
	if credentials := provider.Spec.Credentials; credentials != nil && credentials.AssumeRole != nil {
		connection.AssumeRole = new(bucket.AssumeRole(*credentials.AssumeRole))
	}
	return connection
}

// locationFor is where a bucket of a policy is.
func locationFor(reference s3v1alpha1.BucketReference) bucket.Location {
	return bucket.Location{
		Name:          reference.Name,
		Region:        string(reference.Region),
		ExpectedOwner: reference.ExpectedBucketOwner,
	}
}
