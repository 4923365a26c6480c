// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BucketProvider is one S3 service: how to reach it, with whose credentials,
// and which namespaces may have policies for which of its buckets. It belongs
// to the platform team.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=bucketproviders,singular=bucketprovider,scope=Cluster,categories=bucketcors
// +kubebuilder:printcolumn:name="Endpoint",type=string,JSONPath=`.spec.endpoint`,description="The base URL of the service; empty for AWS"
// +kubebuilder:printcolumn:name="Region",type=string,JSONPath=`.spec.region`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type BucketProvider struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is that of every Kubernetes object.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is how to reach the service and who may.
	// +required
	Spec BucketProviderSpec `json:"spec"`
}

// BucketProviderList is a list of BucketProvider.
//
// +kubebuilder:object:root=true
type BucketProviderList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []BucketProvider `json:"items"`
}

// BucketProviderSpec is how to reach an S3 service and who may.
type BucketProviderSpec struct {
	// region is the region that requests are signed for, and on AWS sent to. A
	// bucket can name its own.
	// +required
	Region Region `json:"region"`

	// endpoint is the base URL of the service, such as https://s3.internal:9000,
	// without a bucket. Absent: AWS.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != '' && !self.matches('[?#@ ]')",message="must be an http or https URL with a host and without user, query or fragment, such as https://s3.internal:9000"
	Endpoint string `json:"endpoint,omitempty"`

	// addressing is where the name of a bucket goes: into the Path or, as
	// VirtualHosted, in front of the host. Absent: VirtualHosted on AWS, Path
	// elsewhere.
	// +optional
	Addressing Addressing `json:"addressing,omitempty"`

	// The schema of caBundle has a rule in place of the format byte, of which the
	// API server says only "must be of type byte" to somebody who has put PEM here.

	// caBundle is PEM, base64-encoded in one line, with the certificate
	// authorities that are trusted beside those of the system and of AWS_CA_BUNDLE. Absent:
	// none.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=""
	// +kubebuilder:validation:MaxLength=1048576
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9+/]*={0,2}$') && size(self) % 4 == 0",message="must be PEM encoded with base64, without line breaks, as by: base64 -w0 ca.pem"
	CABundle []byte `json:"caBundle,omitempty"`

	// checksum is the integrity header that is sent with a configuration: CRC32,
	// or MD5 for servers that know no other. Auto is CRC32 today and may come to
	// choose by the server's answer. Absent: Auto.
	// +optional
	Checksum Checksum `json:"checksum,omitempty"`

	// credentials are the keys that sign requests. Absent: the operator's own,
	// from its environment (IRSA, EKS Pod Identity, variables).
	// +optional
	Credentials *ProviderCredentials `json:"credentials,omitempty"`

	// access grants buckets to namespaces. A policy may name a bucket when one
	// entry matches both its namespace and the bucket. Absent, or no entry
	// matches: denied.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Access []AccessGrant `json:"access,omitempty"`

	// requestsPerSecond bounds the requests to the service, those of all
	// policies together. Absent: 50.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	RequestsPerSecond int32 `json:"requestsPerSecond,omitempty"`
}

// DefaultRequestsPerSecond is the bound of a provider that names none.
const DefaultRequestsPerSecond = 50

// Addressing is where the name of a bucket goes in a request.
//
// +kubebuilder:validation:Enum=Path;VirtualHosted
type Addressing string

const (
	// AddressingPath is https://endpoint/bucket.
	AddressingPath Addressing = "Path"
	// AddressingVirtualHosted is https://bucket.endpoint.
	AddressingVirtualHosted Addressing = "VirtualHosted"
)

// Checksum is the integrity header that is sent with a configuration.
//
// +kubebuilder:validation:Enum=Auto;CRC32;MD5
type Checksum string

const (
	// ChecksumAuto leaves the choice to the operator.
	ChecksumAuto Checksum = "Auto"
	// ChecksumCRC32 is x-amz-checksum-crc32.
	ChecksumCRC32 Checksum = "CRC32"
	// ChecksumMD5 is Content-MD5.
	ChecksumMD5 Checksum = "MD5"
)

// ProviderCredentials are the keys that sign requests.
type ProviderCredentials struct {
	// secretRef names a Secret in the operator's namespace with the keys
	// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and, for temporary
	// credentials, AWS_SESSION_TOKEN. A change of the Secret is picked up at the
	// next drift check.
	// +required
	SecretRef *SecretReference `json:"secretRef,omitempty"`
}

// SecretReference names a Secret in the operator's namespace.
//
// +structType=atomic
type SecretReference struct {
	// name is the name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// The keys of a Secret that holds credentials.
const (
	SecretKeyAccessKeyID     = "AWS_ACCESS_KEY_ID"
	SecretKeySecretAccessKey = "AWS_SECRET_ACCESS_KEY"
	SecretKeySessionToken    = "AWS_SESSION_TOKEN"
)

// AccessGrant grants buckets to namespaces.
type AccessGrant struct {
	// namespaces are names of namespaces, in which "*" stands for any characters.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	Namespaces []NamespacePattern `json:"namespaces"`

	// buckets are names of buckets, in which "*" stands for any characters.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	Buckets []BucketPattern `json:"buckets"`
}

// NamespacePattern is the name of a namespace, in which "*" stands for any
// characters.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9*-]+$')",message="must be lower-case letters, digits and hyphens, with * for any characters"
type NamespacePattern string

// BucketPattern is the name of a bucket, in which "*" stands for any characters.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9._*-]+$')",message="must be letters, digits, dots, hyphens and underscores, with * for any characters"
type BucketPattern string
