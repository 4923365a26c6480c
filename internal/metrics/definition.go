// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// Type is how the values of a metric come about.
type Type string

// The types of metrics.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Histogram Type = "histogram"
)

// Definition is what there is to know about a metric.
type Definition struct {
	Name string
	Type Type
	// Unit is that of the values; empty when they are counts.
	Unit   string
	Labels []string
	// Help is one sentence on what the values mean. It is served with them.
	Help string
	// Use is what to do with it.
	Use string
	// Buckets are the upper bounds of a histogram, in its unit.
	Buckets []float64
}

// The names of the metrics.
const (
	s3RequestDuration   = "bucketcors_s3_request_duration_seconds"
	s3RateLimiterWait   = "bucketcors_s3_rate_limiter_wait_seconds"
	driftDetected       = "bucketcors_drift_detected_total"
	driftCorrected      = "bucketcors_drift_corrected_total"
	policyReadyDuration = "bucketcors_policy_ready_duration_seconds"
	verifications       = "bucketcors_verifications_total"
	policiesByCondition = "bucketcors_policies"
	providersByState    = "bucketcors_providers"
	bucketsByState      = "bucketcors_buckets"
	buildInfo           = "bucketcors_build_info"
)

// Definitions are all metrics of the operator, in the order of the reference.
func Definitions() []Definition {
	return []Definition{{
		Name: policiesByCondition, Type: Gauge, Labels: []string{"condition", "status", "reason"},
		Help: "Policies by each condition of their status; one without a condition Ready yet counts as Unknown, reason NotReconciled.",
		Use:  "`sum(bucketcors_policies{condition=\"Ready\"})` is how many policies there are; alert on those that are not `True` for long. What each reason means stands under [Status](bucketcorspolicy.md#status).",
	}, {
		Name: providersByState, Type: Gauge, Labels: []string{"condition", "status", "reason"},
		Help: "BucketProviders by each condition of their status; one without a condition Ready yet counts as Unknown, reason NotReconciled.",
		Use:  "A provider that is not ready keeps all of its policies from working: alert sooner than on a policy.",
	}, {
		Name: bucketsByState, Type: Gauge, Labels: []string{"state"},
		Help: "Buckets in the status of policies by their state; a bucket of several policies counts once for each.",
		Use:  "`Drifted` are the buckets of observing policies, and those whose correction failed. `Conflicted` and `Denied` are for whoever wrote the policy or the grant.",
	}, {
		Name: driftDetected, Type: Counter,
		Help: "Changes to the configuration of a bucket that somebody else made behind the back of a policy, each counted once when it was first seen.",
		Use:  "A steady rate is a second tool, or a person, that writes the same buckets: the event `DriftCorrected` and the audit log of the service tell who.",
	}, {
		Name: driftCorrected, Type: Counter,
		Help: "Changes by somebody else that were put right.",
		Use:  "What `bucketcors_drift_detected_total` has more is not put right: the policy only observes, or the write fails.",
	}, {
		Name: policyReadyDuration, Type: Histogram, Unit: "seconds",
		Help: "Time until a policy was Ready, once for each generation: from its creation or, for a change of its spec, from when this process first saw the change; not for generations that an earlier process saw first.",
		Use:  "How long a team waits for its change. What is not ready is not in it: see `bucketcors_policies`.",
		Buckets: []float64{
			0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600,
		},
	}, {
		Name: verifications, Type: Counter, Labels: []string{"reason"},
		Help: "Answers of places to live preflights, one for each time a bucket or endpoint was asked, by the reason that the condition Verified has for it.",
		Use:  "A share other than `Verified` is browsers that are refused, or let in, against the rules. `Settling` passes by itself within two minutes of a write.",
	}, {
		Name: s3RequestDuration, Type: Histogram, Unit: "seconds", Labels: []string{"operation", "code"},
		Help: "Time of requests to S3 and STS, each attempt by itself, by operation and HTTP status or, without an answer, a word: timeout, canceled, unreachable, unreadable, limited.",
		Use:  "`code=\"404\"` of `GetBucketCors` is a bucket without a configuration as often as one that does not exist: no error by itself. `503` and `429` are throttling; `limited` was not sent, because `requestsPerSecond` of the provider left no time for it.",
		Buckets: []float64{
			0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20,
		},
	}, {
		Name: s3RateLimiterWait, Type: Histogram, Unit: "seconds",
		Help: "Time that requestsPerSecond of a provider held back each request and preflight that it let through; 0 for those that passed at once.",
		Use:  "When much of it is above a second, the provider has too many buckets for its `requestsPerSecond` and the drift check interval: raise either.",
		Buckets: []float64{
			0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20,
		},
	}, {
		Name: buildInfo, Type: Gauge, Labels: []string{"version", "revision", "go_version"},
		Help: "Always 1; the labels tell the build.",
		Use:  "Which versions run, and whether an update has come everywhere.",
	}}
}

// definition is the one of that name. A name that is not in the table is a mistake
// in this package, which every test finds.
func definition(name string) Definition {
	all := Definitions()
	return all[slices.IndexFunc(all, func(d Definition) bool { return d.Name == name })]
}

// The word for what is not foreseen, as the values around it are written.
const (
	other       = "other"
	otherReason = "Other"
)

// reasonNotReconciled is the reason of an object without conditions.
const reasonNotReconciled = "NotReconciled"

// conditionTypes are the conditions that an object may have.
var conditionTypes = []string{
	s3v1alpha1.ConditionReady, s3v1alpha1.ConditionAccepted, s3v1alpha1.ConditionSynced,
	s3v1alpha1.ConditionVerified, s3v1alpha1.ConditionReconciling, s3v1alpha1.ConditionStalled,
}

// conditionStatuses are those that a condition may have.
var conditionStatuses = []string{string(metav1.ConditionTrue), string(metav1.ConditionFalse), string(metav1.ConditionUnknown)}

// reasons are those that conditions may have.
var reasons = []string{
	s3v1alpha1.ReasonReady,
	s3v1alpha1.ReasonAccepted, s3v1alpha1.ReasonInvalidRules, s3v1alpha1.ReasonExpectationFailed,
	s3v1alpha1.ReasonProviderNotFound, s3v1alpha1.ReasonNotPermitted,
	s3v1alpha1.ReasonSynced, s3v1alpha1.ReasonDrifted, s3v1alpha1.ReasonConflicted, s3v1alpha1.ReasonDoesNotFit,
	s3v1alpha1.ReasonNotSaved, s3v1alpha1.ReasonNotAccepted, s3v1alpha1.ReasonSuspended,
	s3v1alpha1.ReasonSecretNotFound, s3v1alpha1.ReasonSecretInvalid,
	s3v1alpha1.ReasonBucketNotFound, s3v1alpha1.ReasonAccessDenied, s3v1alpha1.ReasonCredentialsInvalid,
	s3v1alpha1.ReasonProviderInvalid, s3v1alpha1.ReasonInvalidEndpoint, s3v1alpha1.ReasonInvalidCABundle,
	s3v1alpha1.ReasonWrongRegion, s3v1alpha1.ReasonUnsupported, s3v1alpha1.ReasonRejectedByServer,
	s3v1alpha1.ReasonThrottled, s3v1alpha1.ReasonUnreachable, s3v1alpha1.ReasonTimeout, s3v1alpha1.ReasonServerError,
	s3v1alpha1.ReasonVerified, s3v1alpha1.ReasonPreflightMismatch, s3v1alpha1.ReasonEndpointUnreachable,
	s3v1alpha1.ReasonEndpointNotAllowed, s3v1alpha1.ReasonNotSynced, s3v1alpha1.ReasonNotAsked,
	s3v1alpha1.ReasonRestored, s3v1alpha1.ReasonRemoved, s3v1alpha1.ReasonHandedOver,
	s3v1alpha1.ReasonSettling, s3v1alpha1.ReasonKept,
}

// bucketStates are those that a bucket may have.
var bucketStates = []string{
	string(s3v1alpha1.BucketSynced), string(s3v1alpha1.BucketDrifted), string(s3v1alpha1.BucketPending),
	string(s3v1alpha1.BucketConflicted), string(s3v1alpha1.BucketDenied), string(s3v1alpha1.BucketFailed),
}

// known is a value that is foreseen, or the word for those that are not.
func known(value string, foreseen []string, other string) string {
	if slices.Contains(foreseen, value) {
		return value
	}
	return other
}
