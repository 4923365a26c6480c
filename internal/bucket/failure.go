// SPDX-License-Identifier: Apache-2.0

package bucket

// Fate is what can be done about a failure.
type Fate int

const (
	// Invalid is what only a change of the spec mends: not tried again.
	Invalid Fate = iota + 1
	// Waiting is for something in the cluster whose appearance is noticed.
	Waiting
	// Refused is what somebody must mend where nobody tells us, for example
	// AccessDenied: looked at again at the normal interval.
	Refused
	// Transient passes by itself: tried again, with backoff.
	Transient
)

// Reason says why a call failed, in the CamelCase form of condition reasons.
type Reason string

// The reasons of a storage adapter.
const (
	BucketNotFound     Reason = "BucketNotFound"     // the bucket does not exist
	AccessDenied       Reason = "AccessDenied"       // the credentials may not do this, or the owner is another than expected
	CredentialsInvalid Reason = "CredentialsInvalid" // the keys are unknown, wrong or expired, there are none, or the role is refused
	Unsupported        Reason = "Unsupported"        // the server does not implement bucket CORS
	WrongRegion        Reason = "WrongRegion"        // the bucket is in another region
	RejectedByServer   Reason = "RejectedByServer"   // the server calls the configuration malformed or invalid
	ProviderInvalid    Reason = "ProviderInvalid"    // the provider cannot be used as it is written, for another reason than the next two
	InvalidEndpoint    Reason = "InvalidEndpoint"    // the endpoint, or that of STS, is not the base URL of a service
	InvalidCABundle    Reason = "InvalidCABundle"    // the CA bundle holds no certificates
	Throttled          Reason = "Throttled"          // SlowDown and its kin
	Unreachable        Reason = "Unreachable"        // no connection: DNS, refused, TLS
	Timeout            Reason = "Timeout"            // no answer in time
	ServerError        Reason = "ServerError"        // 5xx and OperationAborted, or an answer that makes no sense
)

// Error is a failed call. Its message is the same each time the same thing
// goes wrong (no request ids, times or addresses that change), because it ends
// up in conditions, and it never holds credentials.
type Error struct {
	Reason Reason
	Fate   Fate
	// Message is a sentence for people: what happened, where, what to do.
	Message string
	// Err is the cause, for logs; nil when there is none.
	Err error
}

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.Err }
