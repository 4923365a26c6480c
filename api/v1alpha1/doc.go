// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 is version v1alpha1 of the API group s3.bucketcors.dev:
// what a team wants of the CORS configuration of its buckets
// (BucketCORSPolicy), and where buckets are and who may touch them
// (BucketProvider).
//
// It imports nothing but apimachinery, so that another program can use the
// types without the operator's dependencies.
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +kubebuilder:ac:output:package="applyconfiguration"
// +groupName=s3.bucketcors.dev
package v1alpha1
