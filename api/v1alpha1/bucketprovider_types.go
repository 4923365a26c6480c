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
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=bucketproviders,singular=bucketprovider,scope=Cluster,categories=bucketcors
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether policies can use the provider"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why the provider is ready or not"
// +kubebuilder:printcolumn:name="Policies",type=integer,JSONPath=`.status.policies`,description="How many policies use the provider"
// +kubebuilder:printcolumn:name="Endpoint",type=string,JSONPath=`.spec.endpoint`,description="The base URL of the service; empty for AWS"
// +kubebuilder:printcolumn:name="Region",type=string,JSONPath=`.spec.region`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,description="What is true, in words"
type BucketProvider struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is that of every Kubernetes object.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is how to reach the service and who may.
	// +required
	Spec BucketProviderSpec `json:"spec"`

	// status is what is true of the service, as the operator last saw it.
	// +optional
	// +default={"observedGeneration":-1}
	Status BucketProviderStatus `json:"status,omitzero"`
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

	// dialect is how this server evaluates and stores rules, where it differs from
	// AWS: rules that it would refuse are not accepted, and lint knows what it does
	// differently. Absent: AWS.
	// +optional
	Dialect Dialect `json:"dialect,omitempty"`

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

	// verification bounds where policies may have the operator send preflights to.
	// Absent: to the service itself alone.
	// +optional
	Verification *ProviderVerification `json:"verification,omitempty"`

	// requestsPerSecond bounds the requests to the service, those of all
	// policies together. Absent: 50.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	RequestsPerSecond int32 `json:"requestsPerSecond,omitempty"`
}

// DefaultRequestsPerSecond is the bound of a provider that names none.
const DefaultRequestsPerSecond = 50

// ProviderVerification bounds where preflights are sent.
type ProviderVerification struct {
	// allowedHosts are the hosts that the endpoints of spec.verification of policies
	// may name, beside the service itself, which is always allowed:
	//
	// cdn.example.com is that host, and *.example.com any below example.com, each on
	// the port of its scheme; cdn.example.com:8443 is that port instead.
	// 192.0.2.7 and 2001:db8::/32 are addresses, as the host of a URL and as what a
	// host that is allowed resolves to.
	//
	// Loopback, link-local and other special addresses are refused unless they are
	// among these. Private addresses are refused unless they are, or the host is
	// named without "*". A range opens such addresses only where it lies within their
	// own: 0.0.0.0/0 opens public addresses alone.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	AllowedHosts []AllowedHost `json:"allowedHosts"`
}

// AllowedHost is a host with or without a port, "*." and a domain, an address or a
// range of addresses.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=260
// +kubebuilder:validation:XValidation:rule="self.matches('^([*][.])?[a-z0-9]([a-z0-9_.-]*[a-z0-9])?(:[0-9]{1,5})?$') || self.matches('^[0-9a-f:.]+(/[0-9]{1,3})?$') || self.matches('^[[][0-9a-f:.]+[]]:[0-9]{1,5}$')",message="must be a host such as cdn.example.com, *.example.com or cdn.example.com:8443, an address such as 192.0.2.7, or a range such as 192.0.2.0/24, in lower case, without scheme or path"
type AllowedHost string

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

// Dialect is how a server evaluates and stores rules.
//
// +kubebuilder:validation:Enum=AWS;CephRGW;SeaweedFS;Garage;VersityGW;MinIO
type Dialect string

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
//
// +kubebuilder:validation:XValidation:rule="has(self.secretRef) || has(self.assumeRole)",message="must name a secretRef, an assumeRole, or both"
type ProviderCredentials struct {
	// secretRef names a Secret in the operator's namespace with the keys
	// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and, for temporary
	// credentials, AWS_SESSION_TOKEN. A change of the Secret is picked up by the
	// next request. Absent: the operator's own credentials.
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`

	// assumeRole is a role that is assumed with these credentials, and whose
	// credentials then sign the requests to the service. Absent: none.
	// +optional
	AssumeRole *AssumeRole `json:"assumeRole,omitempty"`
}

// AssumeRole is a role, and how to get its credentials from STS.
type AssumeRole struct {
	// roleARN is the ARN of the role, such as
	// arn:aws:iam::111122223333:role/bucketcors.
	// +required
	// +kubebuilder:validation:MinLength=20
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^arn:[A-Za-z0-9-]+:iam:[A-Za-z0-9_-]*:[A-Za-z0-9_-]*:role/[!-~]+$')",message="must be the ARN of a role, such as arn:aws:iam::111122223333:role/bucketcors"
	RoleARN string `json:"roleARN"`

	// externalID is what the trust policy of the role asks for as sts:ExternalId,
	// so that nobody else can have the operator use the role. Absent: none is sent.
	// +optional
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=1224
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9_+=,.@:/-]*$')",message="must be letters, digits and _+=,.@:/- only, as STS wants it"
	ExternalID string `json:"externalID,omitempty"`

	// stsEndpoint is the base URL of STS, for a server with an STS of its own.
	// Absent: that of AWS in the provider's region.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != '' && !self.matches('[?#@ ]')",message="must be an http or https URL with a host and without user, query or fragment, such as https://sts.internal"
	STSEndpoint string `json:"stsEndpoint,omitempty"`
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
//
// +kubebuilder:validation:XValidation:rule="has(self.namespaces) || has(self.namespaceSelector)",message="must name namespaces, a namespaceSelector, or both"
type AccessGrant struct {
	// namespaces are names of namespaces, in which "*" stands for any characters.
	// With a namespaceSelector, a namespace has to match both. Absent: any that
	// the selector selects.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	Namespaces []NamespacePattern `json:"namespaces,omitempty"`

	// namespaceSelector selects namespaces by their labels; an empty selector
	// selects all. Absent: namespaces alone decide.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// buckets are names of buckets, in which "*" stands for any characters.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	Buckets []BucketPattern `json:"buckets"`

	// constraints are bounds of the rules that this grant permits on its buckets.
	// Where several grants match, each rule has to keep within one of them. Absent:
	// any rules.
	// +optional
	Constraints *RuleConstraints `json:"constraints,omitempty"`
}

// RuleConstraints are bounds of the rules of a policy.
//
// +kubebuilder:validation:MinProperties=1
type RuleConstraints struct {
	// allowedOrigins are origins, or patterns of origins with one "*". Each allowed
	// origin of a rule has to be covered by one of them as a whole:
	// https://*.example.com covers https://a.example.com and
	// https://*.dev.example.com, but neither https://example.com nor
	// https://evil-example.com. Absent: any.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	AllowedOrigins []CORSOriginPattern `json:"allowedOrigins,omitempty"`

	// allowedMethods are the methods that a rule may allow. Absent: any.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=5
	AllowedMethods []CORSMethod `json:"allowedMethods,omitempty"`

	// wildcardOriginMethods are the methods that a rule may allow when one of its
	// origins has a "*", or is null, which any page can have a browser send. Absent:
	// those of allowedMethods.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=5
	WildcardOriginMethods []CORSMethod `json:"wildcardOriginMethods,omitempty"`

	// allowedHeaders are names of request headers, or patterns with one "*", in any
	// case. Each allowed header of a rule has to be covered by one of them as a
	// whole. Absent: any.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	AllowedHeaders []CORSHeaderPattern `json:"allowedHeaders,omitempty"`
}

// CORSOriginPattern is an origin, or a pattern of origins with one "*".
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:XValidation:rule="!self.matches('[*][^*]*[*]')",message="must have at most one *"
type CORSOriginPattern string

// CORSHeaderPattern is the name of a header, or a pattern of names with one "*".
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:XValidation:rule="!self.matches('[*][^*]*[*]')",message="must have at most one *"
type CORSHeaderPattern string

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

// BucketProviderStatus is what is true of a service.
type BucketProviderStatus struct {
	// observedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions say what is true: Ready is whether policies can use the provider.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=10
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// policies is how many policies name the provider.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Policies int32 `json:"policies"`
}
