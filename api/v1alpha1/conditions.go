// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// The condition types of a BucketCORSPolicy; a BucketProvider has Ready,
// Reconciling and Stalled of them. All of them have positive polarity. Ready,
// Accepted and Synced are always there, and Verified while verification is
// enabled; Reconciling and Stalled, which kstatus reads, are there only while
// they are True.
const (
	// ConditionReady is whether everything is as the policy says: True when
	// Accepted, Synced and Verified are, as far as they are there, otherwise a copy
	// of the first that is not. Of a suspended policy only Accepted counts, as nothing
	// is asked of its buckets.
	//
	// Reasons for True: Ready, Suspended.
	//
	// Of a BucketProvider it is whether policies can use it, as far as can be known
	// without asking the service: the spec is in order and there are credentials,
	// those of a role among them.
	//
	// Reason for True: Ready.
	// Reasons for False: SecretNotFound, SecretInvalid, InvalidEndpoint,
	// InvalidCABundle, ProviderInvalid, CredentialsInvalid, and Unreachable when
	// the certificate of STS is not trusted.
	// Reasons for Unknown: Throttled, Unreachable, Timeout, ServerError, all of STS.
	ConditionReady = "Ready"

	// ConditionAccepted is whether the operator can work with the spec: its rules
	// are such as S3 accepts, its expectations are met, its provider exists and
	// grants its buckets.
	//
	// Reason for True: Accepted.
	// Reasons for False: InvalidRules, ExpectationFailed, ProviderNotFound,
	// NotPermitted.
	ConditionAccepted = "Accepted"

	// ConditionSynced is whether the live configuration of every bucket equals
	// the desired one.
	//
	// Reason for True: Synced.
	// Reasons for False: Drifted, Conflicted, DoesNotFit, NotPermitted,
	// ExpectationFailed, of a bucket
	// or policy that is going away Settling, Restored, Removed, HandedOver and Kept, and
	// whatever kept the operator from reading or writing a bucket: BucketNotFound,
	// AccessDenied, CredentialsInvalid, SecretNotFound, SecretInvalid,
	// ProviderNotFound, ProviderInvalid, InvalidEndpoint, InvalidCABundle,
	// WrongRegion, Unsupported, RejectedByServer, NotSaved, Throttled, Unreachable,
	// Timeout, ServerError.
	// Reasons for Unknown: NotAccepted, Suspended, and Throttled, Unreachable,
	// Timeout and ServerError for a bucket that was synced when it was last seen.
	ConditionSynced = "Synced"

	// ConditionVerified is whether live preflights are answered as the rules predict,
	// at the service and at every endpoint of spec.verification. It is there while
	// verification is enabled, and keeps nothing from being applied.
	//
	// Reason for True: Verified.
	// Reasons for False: PreflightMismatch, EndpointUnreachable, EndpointNotAllowed.
	// Reasons for Unknown: NotSynced, Settling, NotAsked.
	ConditionVerified = "Verified"

	// ConditionReconciling is there while the operator will try again by itself.
	ConditionReconciling = "Reconciling"

	// ConditionStalled is there while only a change of the spec can help.
	ConditionStalled = "Stalled"
)

// Reasons of the condition Ready.
const (
	// ReasonReady is used with Ready=True.
	ReasonReady = "Ready"
)

// Reasons of the condition Accepted.
const (
	// ReasonAccepted is used with Accepted=True.
	ReasonAccepted = "Accepted"
	// ReasonInvalidRules is used when S3 would refuse the rules. The message names
	// each rule, field and remedy. Nothing is read or written; what
	// was applied before stays as it is, and changes that others make to it are not put
	// right.
	ReasonInvalidRules = "InvalidRules"
	// ReasonExpectationFailed is used when a browser would not do what an expectation
	// of the policy says. The message names the expectation, the bucket where it
	// matters, and what is missing. Nothing is read or written; what was
	// applied before stays as it is, and changes that others make to it are not put
	// right. Of a shared bucket it is a reason of Synced too: there only rules of this
	// policy that are new wait.
	ReasonExpectationFailed = "ExpectationFailed"
	// ReasonProviderNotFound is used when the BucketProvider does not exist.
	ReasonProviderNotFound = "ProviderNotFound"
	// ReasonNotPermitted is used when the BucketProvider does not grant a bucket
	// to the namespace of the policy, or not with these rules. The bucket is neither
	// read nor written; what was applied before stays as it is.
	ReasonNotPermitted = "NotPermitted"
)

// Reasons of the condition Synced, and of buckets.
const (
	// ReasonSynced is used with Synced=True.
	ReasonSynced = "Synced"
	// ReasonDrifted is used when a bucket differs and the policy only observes.
	ReasonDrifted = "Drifted"
	// ReasonConflicted is used when an older policy owns a bucket.
	ReasonConflicted = "Conflicted"
	// ReasonDoesNotFit is used when a bucket is shared and there is no room for
	// the rules of the policy beside those of a higher priority: more than 100
	// rules or 64 KB, or an id that is taken. The message names the policies.
	ReasonDoesNotFit = "DoesNotFit"
	// ReasonNotSaved is used when what is on a bucket could not be saved, so that
	// nothing was written over it.
	ReasonNotSaved = "NotSaved"
	// ReasonNotAccepted is used when nothing was done because the policy is not
	// accepted.
	ReasonNotAccepted = "NotAccepted"
	// ReasonSuspended is used when nothing was done because the policy is
	// suspended; with Ready=True too.
	ReasonSuspended = "Suspended"
	// ReasonSecretNotFound is used when the Secret of the provider's credentials
	// does not exist in the operator's namespace.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretInvalid is used when that Secret lacks a key.
	ReasonSecretInvalid = "SecretInvalid"

	// ReasonBucketNotFound is used when the bucket does not exist.
	ReasonBucketNotFound = "BucketNotFound"
	// ReasonAccessDenied is used when S3 refuses the credentials the action, or
	// when the bucket belongs to another account than expected.
	ReasonAccessDenied = "AccessDenied"
	// ReasonCredentialsInvalid is used when S3 does not know the credentials, or
	// they are wrong or have expired.
	ReasonCredentialsInvalid = "CredentialsInvalid"
	// ReasonProviderInvalid is used when the provider cannot be used as it is
	// written.
	ReasonProviderInvalid = "ProviderInvalid"
	// ReasonInvalidEndpoint is used when the endpoint of the provider, or that of
	// its STS, is not the base URL of a service.
	ReasonInvalidEndpoint = "InvalidEndpoint"
	// ReasonInvalidCABundle is used when the caBundle of the provider holds no
	// certificates.
	ReasonInvalidCABundle = "InvalidCABundle"
	// ReasonWrongRegion is used when the bucket is in another region.
	ReasonWrongRegion = "WrongRegion"
	// ReasonUnsupported is used when the server has no CORS configurations.
	ReasonUnsupported = "Unsupported"
	// ReasonRejectedByServer is used when the server refuses rules that S3 would
	// accept.
	ReasonRejectedByServer = "RejectedByServer"
	// ReasonThrottled is used when the server, or the provider's own limit, asks
	// for patience.
	ReasonThrottled = "Throttled"
	// ReasonUnreachable is used when there is no connection.
	ReasonUnreachable = "Unreachable"
	// ReasonTimeout is used when no answer comes in time.
	ReasonTimeout = "Timeout"
	// ReasonServerError is used when the server fails.
	ReasonServerError = "ServerError"
)

// Reasons of the condition Verified.
const (
	// ReasonVerified is used with Verified=True.
	ReasonVerified = "Verified"
	// ReasonPreflightMismatch is used when a live preflight is answered otherwise
	// than the rules predict. The message says by whom, as far as can be told, and
	// what to do.
	ReasonPreflightMismatch = "PreflightMismatch"
	// ReasonEndpointUnreachable is used when an endpoint does not answer.
	ReasonEndpointUnreachable = "EndpointUnreachable"
	// ReasonEndpointNotAllowed is used when the BucketProvider does not allow the
	// host of an endpoint, or the address that it resolves to. Nothing was sent.
	ReasonEndpointNotAllowed = "EndpointNotAllowed"
	// ReasonNotSynced is used when there is nothing to verify, because no bucket is
	// as the policy says.
	ReasonNotSynced = "NotSynced"
	// ReasonNotAsked is used when no preflight was sent yet since the last change, or
	// there was no time left.
	ReasonNotAsked = "NotAsked"
)

// Reasons of events.
const (
	// ReasonApplied is used when a configuration was written to a bucket.
	ReasonApplied = "Applied"
	// ReasonDriftCorrected is used when a foreign change to a bucket was undone.
	ReasonDriftCorrected = "DriftCorrected"
	// ReasonLintFindings is used once for each generation whose rules are valid
	// and probably not what was meant, such as with an origin that no browser
	// ever sends. It changes no condition and keeps nothing from being applied.
	ReasonLintFindings = "LintFindings"
	// ReasonRestored is used when a bucket has again what was there before its
	// policy, which is going away or names it no longer; of buckets too while others
	// are in the way.
	ReasonRestored = "Restored"
	// ReasonRemoved is used when a bucket has no configuration any more, because
	// its policy is going away or names it no longer; of buckets too.
	ReasonRemoved = "Removed"
	// ReasonHandedOver is used when a bucket belongs to other policies from now on,
	// because its policy is going away or names it no longer; of buckets too.
	ReasonHandedOver = "HandedOver"
	// ReasonSettling is used of a bucket that comes to its policy or leaves it as
	// soon as it is certain what is there: S3 may answer for a minute with what was
	// there before the last write.
	ReasonSettling = "Settling"
	// ReasonKept is used when the configuration of a bucket was left as it is,
	// although its policy asked for its removal or for the original; of buckets
	// too.
	ReasonKept = "Kept"
)

// FinalizerName is on policies whose deletionPolicy asks for something to be
// done to the buckets, and on the ControllerRevisions that it is done with, so
// that no deletion of a whole namespace takes them away first. A policy with
// Retain has no finalizer: nothing keeps it from going away.
const FinalizerName = "s3.bucketcors.dev/finalizer"

// The marks of a ControllerRevision that holds what was found on a bucket. Its
// data is the configuration as the AWS command line writes it:
// {"CORSRules": […]}, with an empty list when there was none.
const (
	// RevisionBucketLabel is on all revisions of one bucket with the same value,
	// which stands for the service and the name of the bucket.
	RevisionBucketLabel = "s3.bucketcors.dev/bucket-id"
	// RevisionBucketAnnotation is the name of the bucket.
	RevisionBucketAnnotation = "s3.bucketcors.dev/bucket"
	// RevisionServiceAnnotation is the service that the bucket is on, as in the
	// status of a policy.
	RevisionServiceAnnotation = "s3.bucketcors.dev/service"
	// RevisionReasonAnnotation is why the configuration was saved: one of the
	// reasons below.
	RevisionReasonAnnotation = "s3.bucketcors.dev/reason"
	// RevisionTimeAnnotation is when the configuration was last found on the
	// bucket, in RFC 3339.
	RevisionTimeAnnotation = "s3.bucketcors.dev/found-at"
)

// Reasons why a configuration was saved.
const (
	// RevisionOriginal is what was there before the policy, and comes back with
	// deletionPolicy Restore. It is never pruned.
	RevisionOriginal = "Original"
	// RevisionForeignChange is what somebody else had put there, and was
	// overwritten.
	RevisionForeignChange = "ForeignChange"
	// RevisionFormerOriginal was the original of a bucket that has left the policy
	// since.
	RevisionFormerOriginal = "FormerOriginal"
)
