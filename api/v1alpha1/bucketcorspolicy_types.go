// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BucketCORSPolicy keeps the CORS configuration of S3 buckets equal to its
// rules.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=bucketcorspolicies,singular=bucketcorspolicy,shortName=bcp,categories=bucketcors
// +kubebuilder:printcolumn:name="Buckets",type=string,JSONPath=`.status.bucketSummary`,description="Buckets whose live configuration equals the desired one, of all buckets"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether everything is as the policy says"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why the policy is ready or not"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Provider",type=string,priority=1,JSONPath=`.spec.providerRef.name`,description="The BucketProvider; empty for the one named default"
// +kubebuilder:printcolumn:name="Mode",type=string,priority=1,JSONPath=`.spec.mode`,description="Enforce or Observe; empty for Enforce"
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,description="What is true, in words"
type BucketCORSPolicy struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is that of every Kubernetes object.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the buckets have to look like.
	// +required
	Spec BucketCORSPolicySpec `json:"spec"`

	// status is what is true of the buckets, as the operator last saw them.
	// +optional
	// +default={"observedGeneration":-1}
	Status BucketCORSPolicyStatus `json:"status,omitzero"`
}

// BucketCORSPolicyList is a list of BucketCORSPolicy.
//
// +kubebuilder:object:root=true
type BucketCORSPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []BucketCORSPolicy `json:"items"`
}

// BucketCORSPolicySpec is what the buckets have to look like.
type BucketCORSPolicySpec struct {
	// providerRef names the BucketProvider through which the buckets are
	// reached, and which has to grant them to this namespace. Absent: the
	// BucketProvider named "default".
	// +optional
	ProviderRef *ProviderReference `json:"providerRef,omitempty"`

	// buckets are the buckets that get the rules. When several policies name a
	// bucket, the oldest of them decides: see sharing. A bucket that leaves the
	// list is dealt with as deletionPolicy says.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	Buckets []BucketReference `json:"buckets"`

	// rules are the CORS rules, in order: S3 answers a request by the first rule
	// that matches its origin, its method and every header that it asks for.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	Rules []CORSRule `json:"rules"`

	// expectations are requests of browsers that have to be allowed, or denied, by
	// what would be on a bucket: these rules, and with sharing Shared those of the
	// other policies. Where one is not met, the rules are not applied and what was
	// applied before stays in force. Absent: none.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=100
	Expectations []Expectation `json:"expectations,omitempty"`

	// verification is whether and where live preflights are sent, to see that
	// browsers get the answers that the rules predict. Absent: none are sent.
	// +optional
	Verification *Verification `json:"verification,omitempty"`

	// mode is Enforce to put the rules on the buckets and to put them right when
	// somebody changes them, or Observe to only report differences: nothing is
	// ever written to a bucket. Absent: Enforce.
	// +optional
	Mode PolicyMode `json:"mode,omitempty"`

	// sharing is what becomes of a bucket that other policies name too. With
	// Exclusive the bucket belongs to the oldest policy that names it, and the
	// others wait for it to go. With Shared the rules of all Shared policies of the
	// bucket, of whatever namespace, make up its configuration together, unless
	// the oldest of all is Exclusive. Absent: Exclusive.
	// +optional
	Sharing Sharing `json:"sharing,omitempty"`

	// priority is where the rules of this policy come among those of the other
	// Shared policies of a bucket: those of a higher priority come first, and S3
	// answers by the first rule that matches; the same priority is ordered by
	// namespace and name. It has no effect on an Exclusive policy. Absent: 0.
	// +optional
	Priority int32 `json:"priority,omitempty"`

	// driftCheckInterval is the time between two looks at a bucket, from 10s to
	// 8760h, as in "90s", "5m" or "1h30m". Absent: the operator's
	// --drift-check-interval.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('10s') && duration(self) <= duration('8760h')",message="must be a duration from 10s to 8760h, such as 90s, 5m or 1h30m"
	DriftCheckInterval *metav1.Duration `json:"driftCheckInterval,omitempty"`

	// deletionPolicy is what becomes of a bucket when this policy is deleted or no
	// longer names it. Restore puts back what was there before this policy: the
	// configuration that was saved before the first write, or none. Delete removes
	// the configuration. Both leave alone what somebody else has changed since.
	// Retain leaves everything as it is. A bucket that other policies share keeps
	// their rules in any case. Absent: Restore.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// suspend stops all work on the buckets: they are neither read nor written.
	// The policy keeps its claim on them. Absent: false.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// PolicyMode is whether differences are mended or only reported.
//
// +kubebuilder:validation:Enum=Enforce;Observe
type PolicyMode string

const (
	// PolicyModeEnforce mends differences.
	PolicyModeEnforce PolicyMode = "Enforce"
	// PolicyModeObserve reports differences and never writes to a bucket.
	PolicyModeObserve PolicyMode = "Observe"
)

// Sharing is whether the rules of a policy may stand beside those of others.
//
// +kubebuilder:validation:Enum=Exclusive;Shared
type Sharing string

const (
	// SharingExclusive wants a bucket alone.
	SharingExclusive Sharing = "Exclusive"
	// SharingShared composes with the other Shared policies of a bucket.
	SharingShared Sharing = "Shared"
)

// DeletionPolicy is what becomes of the configuration of a bucket whose policy
// is deleted or names it no longer.
//
// +kubebuilder:validation:Enum=Restore;Delete;Retain
type DeletionPolicy string

const (
	// DeletionPolicyRestore puts back what was there before the policy, where the
	// bucket still has what the policy put there.
	DeletionPolicyRestore DeletionPolicy = "Restore"
	// DeletionPolicyDelete removes the configuration where it is ours.
	DeletionPolicyDelete DeletionPolicy = "Delete"
	// DeletionPolicyRetain leaves the configuration as it is.
	DeletionPolicyRetain DeletionPolicy = "Retain"
)

// DefaultProviderName is the name of the BucketProvider of a policy that names
// none.
const DefaultProviderName = "default"

// ProviderReference names a BucketProvider.
//
// +structType=atomic
type ProviderReference struct {
	// name is the name of the BucketProvider.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// BucketReference names one bucket.
type BucketReference struct {
	// name is the name of the bucket: 3 to 255 letters, digits, dots, hyphens
	// and underscores. S3 allows new buckets only a part of that; old buckets and
	// other servers have the rest.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9._-]+$`
	Name string `json:"name"`

	// region is the region of the bucket. Absent: the provider's.
	// +optional
	Region Region `json:"region,omitempty"`

	// expectedBucketOwner is the id of the AWS account that has to own the
	// bucket: with any other owner S3 refuses to read or change it, which guards
	// against a name that changed hands. Absent: not checked.
	// +optional
	// +kubebuilder:validation:MaxLength=12
	// +kubebuilder:validation:Pattern=`^[0-9]{12}$`
	ExpectedBucketOwner string `json:"expectedBucketOwner,omitempty"`
}

// Region is the name of a region of an S3 service.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$')",message="must be the name of a region, such as eu-west-1: letters and digits, with hyphens and underscores between them"
type Region string

// CORSRule is one CORS rule. What S3 accepts and a browser can never use, such
// as an origin with a trailing slash, is accepted here too.
type CORSRule struct {
	// id names the rule in reports, in at most 255 characters. Absent: the rule
	// is known by its place in the list.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	ID string `json:"id,omitempty"`

	// allowedOrigins are the origins that may use the bucket, as a browser sends
	// them: scheme, host and, unless it is the scheme's own, port; no path, no
	// trailing slash. One "*" in each stands for any characters, dots and slashes
	// among them.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2200
	AllowedOrigins []CORSOrigin `json:"allowedOrigins"`

	// allowedMethods are the HTTP methods that those origins may use. OPTIONS is
	// not one of them: S3 answers preflights by itself. GET does not imply HEAD.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	AllowedMethods []CORSMethod `json:"allowedMethods"`

	// allowedHeaders are the request headers that a preflight may ask for, in any
	// case. One "*" in each stands for any characters. Absent: a preflight that
	// asks for any header is refused, as nearly every upload's does.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=2200
	AllowedHeaders []CORSHeader `json:"allowedHeaders,omitempty"`

	// exposeHeaders are the response headers that a script may read beside those
	// that it always may, such as ETag for multipart uploads. S3 knows no "*"
	// here. Absent: none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=2200
	ExposeHeaders []CORSHeader `json:"exposeHeaders,omitempty"`

	// maxAgeSeconds is how long a browser may keep the answer to a preflight.
	// Absent: S3 says nothing and browsers keep it for 5 seconds; that is not the
	// same as 0.
	// +optional
	MaxAgeSeconds *int32 `json:"maxAgeSeconds,omitempty"`
}

// CORSOrigin is an origin, or a pattern of origins with one "*". An origin
// longer than a request header can be would never match.
//
// +kubebuilder:validation:MaxLength=8192
type CORSOrigin string

// CORSMethod is a method that S3 accepts in a CORS rule.
//
// +kubebuilder:validation:Enum=GET;PUT;POST;DELETE;HEAD
type CORSMethod string

// CORSHeader is the name of a header, or a pattern of names with one "*". A
// name longer than a request header can be would never match.
//
// +kubebuilder:validation:MaxLength=8192
type CORSHeader string

// Expectation is what a script on a page does, and whether the browser has to
// let it.
//
// +kubebuilder:validation:XValidation:rule="has(self.preset) != has(self.method)",message="must have either a method or a preset"
// +kubebuilder:validation:XValidation:rule="!has(self.outcome) || self.outcome != 'Denied' || !has(self.exposes)",fieldPath=".exposes",message="must be absent when the outcome is Denied: a script that is denied reads nothing"
type Expectation struct {
	// name names the expectation in messages.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name"`

	// origin is that of the page, as a browser sends it: scheme, host and, unless
	// it is the scheme's own, port.
	// +required
	Origin PageOrigin `json:"origin"`

	// method is that of the request. Absent: those of the preset.
	// +optional
	Method CORSMethod `json:"method,omitempty"`

	// preset stands for all requests of a kind of client: PresignedUpload puts an
	// object to a presigned URL, MultipartUpload uploads in parts and reads the ETag
	// of each, RangeReader reads parts of objects, and SDKBrowser uses the AWS SDK for
	// JavaScript. Each of the requests has to have the outcome. Absent: the request
	// is the one that the other fields describe.
	// +optional
	Preset ClientPreset `json:"preset,omitempty"`

	// headers are the request headers that the script sets and that browsers ask
	// for in a preflight, such as content-type (unless it is that of a form) and
	// all that begin with x-amz-. With a preset they come on top of its own.
	// Absent: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=50
	Headers []HeaderName `json:"headers,omitempty"`

	// exposes are the response headers that the script reads. With a preset they
	// come on top of its own. Absent: none beside those that it always may.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=50
	Exposes []HeaderName `json:"exposes,omitempty"`

	// credentials is Include when the browser is to send cookies or other
	// credentials of its own with the request, which the origin "*" in a rule does
	// not allow. Those that the script sets itself, as for a presigned URL or in the
	// header authorization, are none of these. Absent: Omit.
	// +optional
	Credentials CredentialsMode `json:"credentials,omitempty"`

	// outcome is whether the browser has to let the script send the request and
	// read the response, Allowed or Denied. Absent: Allowed.
	// +optional
	Outcome Outcome `json:"outcome,omitempty"`
}

// PageOrigin is the origin of one page, as a browser sends it.
//
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:XValidation:rule="self == 'null' || self.matches('^[a-z][a-z0-9+.-]*://([[][0-9a-f:.]+[]]|[a-z0-9._-]+)(:[0-9]{1,5})?$')",message="must be one origin as a browser sends it, such as https://app.example.com: lower case, other letters as in xn--bcher-kva.example, no path, no slash at the end, no *"
// +kubebuilder:validation:XValidation:rule="!self.matches('^(http://.*:80|https://.*:443)$')",message="must not have the port that is the scheme's own: browsers leave it out"
type PageOrigin string

// HeaderName is the name of a header.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9!#$%&+.^_|~-]+$')",message="must be the name of one header, without *"
type HeaderName string

// ClientPreset is a kind of client, of which the requests are known.
//
// +kubebuilder:validation:Enum=PresignedUpload;MultipartUpload;RangeReader;SDKBrowser
type ClientPreset string

const (
	// PresetPresignedUpload puts an object to a presigned URL.
	PresetPresignedUpload ClientPreset = "PresignedUpload"
	// PresetMultipartUpload uploads an object in parts, and reads the ETag of each.
	PresetMultipartUpload ClientPreset = "MultipartUpload"
	// PresetRangeReader reads parts of objects, as players and maps do.
	PresetRangeReader ClientPreset = "RangeReader"
	// PresetSDKBrowser uses the AWS SDK for JavaScript.
	PresetSDKBrowser ClientPreset = "SDKBrowser"
)

// CredentialsMode is whether a browser sends credentials of its own.
//
// +kubebuilder:validation:Enum=Omit;Include
type CredentialsMode string

const (
	// CredentialsOmit sends none to another origin, as browsers do by default.
	CredentialsOmit CredentialsMode = "Omit"
	// CredentialsInclude sends them, as fetch does with credentials "include".
	CredentialsInclude CredentialsMode = "Include"
)

// Outcome is what becomes of a request in a browser.
//
// +kubebuilder:validation:Enum=Allowed;Denied
type Outcome string

const (
	// OutcomeAllowed lets the script send the request and read the response.
	OutcomeAllowed Outcome = "Allowed"
	// OutcomeDenied keeps the request from being sent, or the response from the
	// script.
	OutcomeDenied Outcome = "Denied"
)

// Verification is whether and where live preflights are sent.
//
// +kubebuilder:validation:MinProperties=1
type Verification struct {
	// preflight is Enabled to send the preflights of all expectations after each
	// write and at each drift check, or Disabled. What they find is the condition
	// Verified; it keeps nothing from being applied. Absent: Enabled.
	// +optional
	Preflight PreflightVerification `json:"preflight,omitempty"`

	// endpoints are base URLs under which browsers reach the objects of the
	// buckets, such as https://cdn.example.com, beside that of the S3 service, which
	// is always asked. The BucketProvider has to allow their hosts. Absent: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=10
	Endpoints []VerificationEndpoint `json:"endpoints,omitempty"`
}

// PreflightVerification is whether preflights are sent.
//
// +kubebuilder:validation:Enum=Enabled;Disabled
type PreflightVerification string

const (
	// PreflightEnabled sends them.
	PreflightEnabled PreflightVerification = "Enabled"
	// PreflightDisabled does not.
	PreflightDisabled PreflightVerification = "Disabled"
)

// VerificationEndpoint is a base URL under which browsers reach objects.
//
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && size(url(self).getHostname()) > 0 && !self.matches('[?#@* ]') && !self.matches('://[^/]*:(6553[6-9]|655[4-9][0-9]|65[6-9][0-9]{2}|6[6-9][0-9]{3}|[7-9][0-9]{4}|[0-9]{6,})(/|$)')",message="must be an http or https URL with one host, a port up to 65535 if any, and without user, query or fragment, such as https://cdn.example.com"
type VerificationEndpoint string

// BucketCORSPolicyStatus is what is true of the buckets of a policy.
type BucketCORSPolicyStatus struct {
	// observedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions say what is true: Ready sums up Accepted, Synced and, where
	// verification is enabled, Verified. Reconciling and Stalled are there only
	// while they are True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=10
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// bucketSummary is how many buckets are synced, of how many, as in "97/100".
	// +optional
	// +kubebuilder:validation:MaxLength=16
	BucketSummary string `json:"bucketSummary,omitempty"`

	// buckets say what is true of each bucket; those that need attention first.
	// Beside the buckets of the spec there are those that left it and have not been
	// dealt with yet.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +listMapKey=service
	// +kubebuilder:validation:MaxItems=500
	Buckets []BucketStatus `json:"buckets,omitempty"`
}

// BucketState is what a bucket is like in one word.
//
// +kubebuilder:validation:Enum=Synced;Drifted;Pending;Conflicted;Denied;Failed
type BucketState string

const (
	// BucketSynced has exactly the desired configuration.
	BucketSynced BucketState = "Synced"
	// BucketDrifted differs from the policy, which only observes.
	BucketDrifted BucketState = "Drifted"
	// BucketPending has not been dealt with, or is about to be tried again.
	BucketPending BucketState = "Pending"
	// BucketConflicted belongs to another, older policy, or has no room beside the
	// rules of those that share it.
	BucketConflicted BucketState = "Conflicted"
	// BucketDenied is out of bounds: by the provider, or by S3's own permissions.
	BucketDenied BucketState = "Denied"
	// BucketFailed cannot be dealt with until somebody mends what the reason names.
	BucketFailed BucketState = "Failed"
)

// BucketStatus is what is true of one bucket.
type BucketStatus struct {
	// name is the name of the bucket.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name"`

	// service is the S3 service that the bucket is on: "aws", or the endpoint of
	// the provider; empty when it is not known. What is said of the bucket is not
	// said of one of the same name elsewhere.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	Service string `json:"service"`

	// region is the region that the policy names for the bucket. Absent: the
	// provider's.
	// +optional
	Region Region `json:"region,omitempty"`

	// expectedBucketOwner is the account that the policy names as the owner of the
	// bucket. Absent: not checked.
	// +optional
	// +kubebuilder:validation:MaxLength=12
	ExpectedBucketOwner string `json:"expectedBucketOwner,omitempty"`

	// leaving is whether the policy no longer names the bucket, and what
	// deletionPolicy asks for has not been done yet. Absent: false.
	// +optional
	Leaving bool `json:"leaving,omitempty"`

	// state is what the bucket is like in one word. A bucket that was Synced stays
	// so after a failure that passes by itself; reason and message tell of it.
	// +optional
	State BucketState `json:"state,omitempty"`

	// reason is why, one of the reasons of the condition Synced.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`

	// message is why, in words.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// configurationHash stands for the whole configuration that was last seen on
	// the bucket while it was as desired.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	ConfigurationHash string `json:"configurationHash,omitempty"`

	// rulesHash stands for the rules of this policy in that configuration. It is
	// the same as configurationHash unless the bucket is shared.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	RulesHash string `json:"rulesHash,omitempty"`

	// sharedWith are the other policies whose rules are on the bucket, as
	// namespace/name.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MaxLength=512
	SharedWith []string `json:"sharedWith,omitempty"`

	// originalRevision is the ControllerRevision in the namespace of the policy
	// that holds what was on the bucket before the policy came. Absent: the policy
	// has not taken the bucket over yet.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	OriginalRevision string `json:"originalRevision,omitempty"`

	// lastAppliedTime is when this policy last wrote to the bucket. Absent: it
	// never had to.
	// +optional
	LastAppliedTime *metav1.Time `json:"lastAppliedTime,omitempty"`

	// lastDrift is the last change that somebody else made to the bucket.
	// +optional
	LastDrift *Drift `json:"lastDrift,omitempty"`
}

// Drift is a change that somebody else made to a bucket.
type Drift struct {
	// detectedTime is when the operator saw it.
	// +optional
	DetectedTime *metav1.Time `json:"detectedTime,omitempty"`

	// corrected is whether the operator has undone it.
	// +optional
	Corrected bool `json:"corrected,omitempty"`

	// changes are the differences of what was found to what was desired: "+" is
	// what somebody added, "-" what somebody removed.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MaxLength=512
	Changes []string `json:"changes,omitempty"`
}
