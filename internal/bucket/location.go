// SPDX-License-Identifier: Apache-2.0

package bucket

import "time"

// Addressing is how the name of a bucket is put into a request.
type Addressing string

const (
	// AddressingAuto is VirtualHosted on AWS, Path on every other endpoint.
	AddressingAuto Addressing = ""
	// AddressingPath puts the name into the path: https://endpoint/bucket.
	AddressingPath Addressing = "Path"
	// AddressingVirtualHosted puts the name into the host: https://bucket.endpoint.
	AddressingVirtualHosted Addressing = "VirtualHosted"
)

// Checksum is the integrity header that is sent with PutBucketCors, which S3
// refuses without one.
type Checksum string

const (
	// ChecksumAuto leaves the choice to the SDK, which sends CRC32.
	ChecksumAuto Checksum = ""
	// ChecksumCRC32 sends x-amz-checksum-crc32.
	ChecksumCRC32 Checksum = "CRC32"
	// ChecksumMD5 sends Content-MD5 alone, for servers that know no other.
	ChecksumMD5 Checksum = "MD5"
)

// Credentials sign requests. Neither fmt nor encoding/json, with which loggers
// show what they do not know, shows any of them.
type Credentials struct {
	AccessKeyID     string `json:"-"`
	SecretAccessKey string `json:"-"`
	SessionToken    string `json:"-"` // empty for long-lived keys
}

// String says that there are credentials without showing any of them.
func (Credentials) String() string { return "[redacted]" }

// GoString is String, so that %#v shows nothing either.
func (Credentials) GoString() string { return "[redacted]" }

// AssumeRole is a role and how to get its credentials from STS.
type AssumeRole struct {
	RoleARN string
	// ExternalID is what the trust policy of the role asks for; empty for nothing.
	// It is shown no more than credentials are.
	ExternalID string `json:"-"`
	// STSEndpoint is the base URL of STS; empty for that of AWS in the provider's
	// region.
	STSEndpoint string
}

// String is the role alone.
func (r AssumeRole) String() string { return r.RoleARN }

// GoString is String, so that %#v shows nothing else either.
func (r AssumeRole) GoString() string { return r.RoleARN }

// Provider is everything needed to reach one S3 service.
type Provider struct {
	// Name identifies the provider: what was opened under a name before is
	// replaced when anything else of the provider changes.
	Name string
	// Region signs requests, and on AWS chooses the host.
	Region string
	// Endpoint is the base URL of the service; empty for AWS.
	Endpoint   string
	Addressing Addressing
	// CABundle is PEM that is trusted in addition to the system's roots and to
	// what AWS_CA_BUNDLE names.
	CABundle []byte
	Checksum Checksum
	// Credentials are nil for the operator's own: the SDK's default chain.
	Credentials *Credentials
	// AssumeRole is the role that is assumed with Credentials, and signs requests
	// in their place; nil for none.
	AssumeRole *AssumeRole
	// RequestsPerSecond bounds the calls to the provider, all buckets together;
	// 0 or less for no bound.
	RequestsPerSecond int
	// Timeout bounds one call with its retries; 0 for the adapter's default.
	Timeout time.Duration
}

// Location is one bucket of a Provider.
type Location struct {
	Name string
	// Region is the bucket's; empty for the provider's.
	Region string
	// ExpectedOwner is the account that has to own the bucket, or the call is
	// refused; empty to not check.
	ExpectedOwner string
}
