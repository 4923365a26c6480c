// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"path/filepath"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// phase is when a state can be seen.
type phase int

const (
	// working is while the operator runs.
	working phase = iota
	// second is while another policy is older for certain.
	second
	// before is before the operator has looked at the object.
	before
	// outdated is when the spec has changed since the operator looked.
	outdated
	// deserted is when the server of a bucket has gone away since.
	deserted
	// deleted is as deserted, and then the object was deleted.
	deleted
)

// state is a state of a policy or of a provider, and what the tools have to make of
// it.
type state struct {
	kind string
	// name is that of the test data, and with hyphens that of the object.
	name string
	// spec is YAML, in one line, of what makes the spec special. In it stand {s3},
	// {lost} and {odd} for the addresses of servers.
	spec string
	// ready is the condition Ready as status/reason; empty: there is none.
	ready string
	phase phase
	// bare is whether the bucket of a policy does not exist, and set is whether it has
	// the rules of the policy before that comes.
	bare, set bool
	argo      health.HealthStatusCode
	// kstatus is what Flux and Helm see.
	kstatus status.Status
}

func (s state) resource() schema.GroupVersionResource {
	if s.kind == "BucketProvider" {
		return providers
	}
	return policies
}

// namespace is that of the object.
func (s state) namespace() string {
	if s.kind == "BucketProvider" {
		return ""
	}
	return "team-a"
}

// customizations is where Argo CD's scripts for a kind are, and their test data.
func customizations(kind string) string {
	return filepath.Join(root, "config/argocd/s3.bucketcors.dev", kind)
}

func (s state) file() string {
	return filepath.Join(customizations(s.kind), "testdata", s.name+".yaml")
}

// states are all that there are: one for each way in which the operator makes up the
// conditions. Where kstatus says InProgress of what Argo CD calls Degraded, somebody
// has to do something, but not to the object: kstatus has no word for that, and
// whoever waits is told in the end what the matter is.
var states = []state{
	{kind: "BucketCORSPolicy", name: "healthy", ready: "True/Ready", argo: health.HealthStatusHealthy, kstatus: status.CurrentStatus},
	{
		kind: "BucketCORSPolicy", name: "healthy_verified", ready: "True/Ready", set: true,
		spec: "verification: {preflight: Enabled}",
		argo: health.HealthStatusHealthy, kstatus: status.CurrentStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "healthy_observed", ready: "True/Ready", set: true,
		spec: "mode: Observe",
		argo: health.HealthStatusHealthy, kstatus: status.CurrentStatus,
	},

	{kind: "BucketCORSPolicy", name: "progressing_no_status", phase: before, argo: health.HealthStatusProgressing, kstatus: status.InProgressStatus},
	{
		kind: "BucketCORSPolicy", name: "progressing_old_generation", ready: "True/Ready", phase: outdated,
		argo: health.HealthStatusProgressing, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "progressing_provider_not_found", ready: "False/ProviderNotFound",
		spec: "providerRef: {name: missing}",
		argo: health.HealthStatusProgressing, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "progressing_secret_not_found", ready: "False/SecretNotFound",
		spec: "providerRef: {name: progressing-secret-not-found}",
		argo: health.HealthStatusProgressing, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "progressing_unreachable", ready: "False/Unreachable",
		spec: "providerRef: {name: unreachable}",
		argo: health.HealthStatusProgressing, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "progressing_throttled", ready: "False/Throttled",
		spec: "providerRef: {name: odd}",
		argo: health.HealthStatusProgressing, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "progressing_invalid_ca_bundle", ready: "False/InvalidCABundle",
		spec: "providerRef: {name: degraded-invalid-ca-bundle}",
		argo: health.HealthStatusProgressing, kstatus: status.InProgressStatus,
	},
	{
		// The last change may not have come everywhere yet.
		kind: "BucketCORSPolicy", name: "progressing_settling", ready: "Unknown/Settling",
		spec: "verification: {endpoints: ['http://{s3}/team-a-plain']}",
		argo: health.HealthStatusProgressing, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "progressing_synced_when_last_seen", ready: "Unknown/Unreachable", phase: deserted,
		spec: "providerRef: {name: lost}, driftCheckInterval: 10s",
		argo: health.HealthStatusProgressing, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "progressing_deletion", ready: "False/Unreachable", phase: deleted,
		spec: "providerRef: {name: lost}, driftCheckInterval: 10s",
		argo: health.HealthStatusProgressing, kstatus: status.TerminatingStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "progressing_suspended_provider_not_found", ready: "False/ProviderNotFound",
		spec: "suspend: true, providerRef: {name: missing}",
		argo: health.HealthStatusProgressing, kstatus: status.InProgressStatus,
	},

	{
		kind: "BucketCORSPolicy", name: "degraded_invalid_rules", ready: "False/InvalidRules",
		spec: `rules: [{allowedOrigins: ["**"], allowedMethods: [GET]}]`,
		argo: health.HealthStatusDegraded, kstatus: status.FailedStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "degraded_expectation_failed", ready: "False/ExpectationFailed",
		spec: `expectations: [{name: upload, origin: "https://app.example.com", method: DELETE}]`,
		argo: health.HealthStatusDegraded, kstatus: status.FailedStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "degraded_rejected_by_server", ready: "False/RejectedByServer",
		spec: "providerRef: {name: odd}",
		argo: health.HealthStatusDegraded, kstatus: status.FailedStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "degraded_suspended_invalid_rules", ready: "False/InvalidRules",
		spec: `suspend: true, rules: [{allowedOrigins: ["**"], allowedMethods: [GET]}]`,
		argo: health.HealthStatusDegraded, kstatus: status.FailedStatus,
	},

	{
		kind: "BucketCORSPolicy", name: "degraded_not_permitted", ready: "False/NotPermitted",
		spec: "buckets: [{name: of-another-team}]",
		argo: health.HealthStatusDegraded, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "degraded_conflicted", ready: "False/Conflicted", phase: second,
		spec: "buckets: [{name: team-a-healthy}]",
		argo: health.HealthStatusDegraded, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "degraded_drifted", ready: "False/Drifted",
		spec: "mode: Observe",
		argo: health.HealthStatusDegraded, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "degraded_bucket_not_found", ready: "False/BucketNotFound", bare: true,
		argo: health.HealthStatusDegraded, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "degraded_access_denied", ready: "False/AccessDenied",
		spec: "providerRef: {name: guest}",
		argo: health.HealthStatusDegraded, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "degraded_credentials_invalid", ready: "False/CredentialsInvalid",
		spec: "providerRef: {name: stranger}",
		argo: health.HealthStatusDegraded, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "degraded_unsupported", ready: "False/Unsupported",
		spec: "providerRef: {name: odd}",
		argo: health.HealthStatusDegraded, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "degraded_preflight_mismatch", ready: "False/PreflightMismatch", set: true,
		spec: "verification: {endpoints: ['http://{s3}/team-a-plain']}",
		argo: health.HealthStatusDegraded, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "degraded_endpoint_not_allowed", ready: "False/EndpointNotAllowed", set: true,
		spec: "verification: {endpoints: ['https://cdn.example.com']}",
		argo: health.HealthStatusDegraded, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "degraded_suspended_not_permitted", ready: "False/NotPermitted",
		spec: "suspend: true, buckets: [{name: of-another-team}]",
		argo: health.HealthStatusDegraded, kstatus: status.InProgressStatus,
	},

	{
		kind: "BucketCORSPolicy", name: "suspended", ready: "True/Suspended",
		spec: "suspend: true",
		argo: health.HealthStatusSuspended, kstatus: status.CurrentStatus,
	},
	{
		kind: "BucketCORSPolicy", name: "suspended_verified", ready: "True/Suspended",
		spec: "suspend: true, verification: {preflight: Enabled}",
		argo: health.HealthStatusSuspended, kstatus: status.CurrentStatus,
	},

	{kind: "BucketProvider", name: "healthy", ready: "True/Ready", argo: health.HealthStatusHealthy, kstatus: status.CurrentStatus},

	{kind: "BucketProvider", name: "progressing_no_status", phase: before, argo: health.HealthStatusProgressing, kstatus: status.InProgressStatus},
	{
		kind: "BucketProvider", name: "progressing_old_generation", ready: "True/Ready", phase: outdated,
		argo: health.HealthStatusProgressing, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketProvider", name: "progressing_secret_not_found", ready: "False/SecretNotFound",
		spec: "credentials: {secretRef: {name: missing}}",
		argo: health.HealthStatusProgressing, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketProvider", name: "progressing_unreachable", ready: "Unknown/Unreachable",
		spec: "credentials: {secretRef: {name: s3-keys}, assumeRole: {roleARN: 'arn:aws:iam::111122223333:role/bucketcors', stsEndpoint: 'http://127.0.0.1:1'}}",
		argo: health.HealthStatusProgressing, kstatus: status.InProgressStatus,
	},
	{
		kind: "BucketProvider", name: "degraded_invalid_ca_bundle", ready: "False/InvalidCABundle",
		spec: "caBundle: bm9uZQ==",
		argo: health.HealthStatusDegraded, kstatus: status.FailedStatus,
	},
	{
		kind: "BucketProvider", name: "degraded_invalid_selector", ready: "False/ProviderInvalid",
		spec: `access: [{namespaceSelector: {matchLabels: {"not a label": x}}, buckets: ["*"]}]`,
		argo: health.HealthStatusDegraded, kstatus: status.FailedStatus,
	},
	{
		kind: "BucketProvider", name: "degraded_credentials_invalid", ready: "False/CredentialsInvalid",
		spec: "credentials: {secretRef: {name: s3-keys}, assumeRole: {roleARN: 'arn:aws:iam::111122223333:role/bucketcors', stsEndpoint: 'http://{odd}'}}",
		argo: health.HealthStatusDegraded, kstatus: status.InProgressStatus,
	},
}
