// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
)

func bucketProvider() kind {
	return kind{
		name:     "BucketProvider",
		crdFile:  "s3.bucketcors.dev_bucketproviders.yaml",
		spec:     `region: us-east-1`,
		object:   func() client.Object { return &v1alpha1.BucketProvider{} },
		accepted: acceptedProviders(),
		refused:  refusedProviders(),
	}
}

func withNamespaces(namespaces string) string {
	return `access: [{namespaces: ` + namespaces + `, buckets: ["*"]}]`
}

func withBuckets(buckets string) string {
	return `access: [{namespaces: ["*"], buckets: ` + buckets + `}]`
}

func acceptedProviders() []acceptedManifest {
	accepted := []acceptedManifest{
		{name: "only a region"},
		{name: "every field", spec: `
region: eu-west-1
endpoint: https://s3.internal:9000
addressing: Path
caBundle: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==
checksum: MD5
credentials: {secretRef: {name: s3-keys}}
access:
- namespaces: [team-a, "team-a-*"]
  buckets: ["team-a-*"]
requestsPerSecond: 50
`},
		{name: "a region of one character", spec: `region: a`},
		{name: "a region of 63 characters", spec: `region: ` + strings.Repeat("a", 63)},
		{name: "the region auto", spec: `region: auto`},

		{name: "an endpoint of 512 characters", spec: `endpoint: https://` + strings.Repeat("a", 504)},
		{name: "hosts in front", spec: `addressing: VirtualHosted`},
		{name: "any checksum", spec: `checksum: Auto`},
		{name: "CRC32", spec: `checksum: CRC32`},

		{name: "no certificate", spec: `caBundle: ""`},
		{name: "certificates without padding", spec: `caBundle: LS0t`},
		{name: "certificates with one sign of padding", spec: `caBundle: LS0tLS0=`},
		{name: "a bundle of 1048576 characters", spec: `caBundle: ` + strings.Repeat("A", 1048576)},

		{name: "a Secret with a name of one character", spec: `credentials: {secretRef: {name: a}}`},
		{name: "a Secret with a name of 253 characters", spec: `credentials: {secretRef: {name: ` + strings.Repeat("a", 253) + `}}`},

		{name: "no grants", spec: `access: []`},
		{name: "100 grants", spec: `access: ` + times(100, `{namespaces: ["*"], buckets: ["*"]}`)},
		{name: "100 namespaces", spec: withNamespaces(times(100, "team-#"))},
		{name: "namespaces with stars", spec: withNamespaces(`["*", "team-*", "*-dev", "team-*-dev", "*-*", "1-a"]`)},
		{name: "a namespace of 63 characters", spec: withNamespaces(`[` + strings.Repeat("a", 63) + `]`)},
		{name: "100 buckets", spec: withBuckets(times(100, "bucket-#"))},
		{name: "buckets with stars", spec: withBuckets(`["*", "team-a-*", "*.example.com", "My_Old.*", "**"]`)},
		{name: "a bucket of 255 characters", spec: withBuckets(`[` + strings.Repeat("a", 255) + `]`)},

		{name: "grants as long as a request can carry", spec: `access: ` + times(100, `{namespaces: `+
			times(100, `"`+strings.Repeat("*", 60)+`#"`)+`, buckets: `+times(100, `"`+strings.Repeat("*", 150)+`#"`)+`}`)},

		{name: "one request a second", spec: `requestsPerSecond: 1`},
		{name: "10000 requests a second", spec: `requestsPerSecond: 10000`},
	}
	for _, endpoint := range []string{
		"https://s3.internal", "https://s3.internal/", "https://s3.internal:9000/", "http://127.0.0.1:9000", "http://[::1]:9000",
		"HTTPS://S3.Internal", "https://minio", "https://my_server:443", "https://project.example.com/storage/v1/s3", "https://s3.bücher.example",
	} {
		accepted = append(accepted, acceptedManifest{"the endpoint " + endpoint, `endpoint: "` + endpoint + `"`})
	}
	return accepted
}

func refusedProviders() []refusedManifest {
	const (
		badRegion    = "must be the name of a region, such as eu-west-1: letters and digits, with hyphens and underscores between them"
		badEndpoint  = "must be an http or https URL with a host and without user, query or fragment, such as https://s3.internal:9000"
		badBundle    = "must be PEM encoded with base64, without line breaks, as by: base64 -w0 ca.pem"
		badNamespace = "must be lower-case letters, digits and hyphens, with * for any characters"
		badBucket    = "must be letters, digits, dots, hyphens and underscores, with * for any characters"

		aNamespace = "spec.access[0].namespaces[0]"
		aBucket    = "spec.access[0].buckets[0]"
	)
	refused := []refusedManifest{
		{"a field that is not known", `colour: red`, "", `unknown field "spec.colour"`},
		{"a field of credentials that is not known", `credentials: {secretRef: {name: s3-keys, namespace: team-a}}`,
			"", `unknown field "spec.credentials.secretRef.namespace"`},

		{"no region", `region: null`, "spec.region", "Required value"},
		{"an empty region", `region: ""`, "spec.region", "should be at least 1 chars long"},
		{"a region of 64 characters", `region: ` + strings.Repeat("a", 64), "spec.region", "may not be more than 63 bytes"},
		{"a region in words", `region: EU (Ireland)`, "spec.region", badRegion},
		{"a region that would lead to another host", `region: "evil.example#"`, "spec.region", badRegion},

		{"an endpoint of 513 characters", `endpoint: https://` + strings.Repeat("a", 505), "spec.endpoint", "may not be more than 512 bytes"},
		{"addressing in lower case", `addressing: path`, "spec.addressing", `supported values: "Path", "VirtualHosted"`},
		{"a checksum that is not known", `checksum: SHA256`, "spec.checksum", `supported values: "Auto", "CRC32", "MD5"`},

		{"PEM that is not encoded", "caBundle: |\n  -----BEGIN CERTIFICATE-----\n  LS0t\n  -----END CERTIFICATE-----", "spec.caBundle", badBundle},
		{"base64 with line breaks", "caBundle: |\n  LS0t\n  LS0t", "spec.caBundle", badBundle},
		{"base64 without its padding", `caBundle: LS0tLS0`, "spec.caBundle", badBundle},
		{"base64 with padding in between", `caBundle: LS0tLS0=LS0t`, "spec.caBundle", badBundle},
		{"base64 for URLs", `caBundle: "LS_-"`, "spec.caBundle", badBundle},
		{"a file name", `caBundle: /etc/ssl/ca.pem`, "spec.caBundle", badBundle},
		{"a bundle of 1048577 characters", `caBundle: ` + strings.Repeat("A", 1048577), "spec.caBundle", "may not be more than 1048576 bytes"},

		{"credentials without a source", `credentials: {}`, "spec.credentials.secretRef", "Required value"},
		{"a Secret without a name", `credentials: {secretRef: {}}`, "spec.credentials.secretRef.name", "Required value"},
		{"a Secret with an empty name", `credentials: {secretRef: {name: ""}}`, "spec.credentials.secretRef.name", "should be at least 1 chars long"},
		{"a Secret with a name of 254 characters", `credentials: {secretRef: {name: ` + strings.Repeat("a", 254) + `}}`,
			"spec.credentials.secretRef.name", "may not be more than 253 bytes"},

		{"101 grants", `access: ` + times(101, `{namespaces: ["*"], buckets: ["*"]}`), "spec.access", "must have at most 100 items"},
		{"a grant without namespaces", `access: [{buckets: ["*"]}]`, "spec.access[0].namespaces", "Required value"},
		{"a grant without buckets", `access: [{namespaces: ["*"]}]`, "spec.access[0].buckets", "Required value"},

		{"no namespace", withNamespaces(`[]`), "spec.access[0].namespaces", "should have at least 1 items"},
		{"101 namespaces", withNamespaces(times(101, "team-#")), "spec.access[0].namespaces", "must have at most 100 items"},
		{"a namespace twice", withNamespaces(`[team-a, team-a]`), "spec.access[0].namespaces[1]", `Duplicate value: "team-a"`},
		{"an empty namespace", withNamespaces(`[""]`), aNamespace, "should be at least 1 chars long"},
		{"a namespace of 64 characters", withNamespaces(`[` + strings.Repeat("a", 64) + `]`), aNamespace, "may not be more than 63 bytes"},
		{"a namespace in upper case", withNamespaces(`[Team-a]`), aNamespace, badNamespace},
		{"a namespace with a dot", withNamespaces(`[team.a]`), aNamespace, badNamespace},
		{"a namespace with a question mark", withNamespaces(`["team-?"]`), aNamespace, badNamespace},
		{"a namespace with a bracket", withNamespaces(`["team-[ab]"]`), aNamespace, badNamespace},
		{"a namespace as a regular expression", withNamespaces(`["team-(a|b)$"]`), aNamespace, badNamespace},

		{"no bucket", withBuckets(`[]`), "spec.access[0].buckets", "should have at least 1 items"},
		{"101 buckets", withBuckets(times(101, "bucket-#")), "spec.access[0].buckets", "must have at most 100 items"},
		{"a bucket twice", withBuckets(`[assets, assets]`), "spec.access[0].buckets[1]", `Duplicate value: "assets"`},
		{"an empty bucket", withBuckets(`[""]`), aBucket, "should be at least 1 chars long"},
		{"a bucket of 256 characters", withBuckets(`[` + strings.Repeat("a", 256) + `]`), aBucket, "may not be more than 255 bytes"},
		{"a bucket with a question mark", withBuckets(`["asset?"]`), aBucket, badBucket},
		{"a bucket with a bracket", withBuckets(`["asset[st]"]`), aBucket, badBucket},
		{"a bucket with a path", withBuckets(`["assets/*"]`), aBucket, badBucket},

		{"no requests", `requestsPerSecond: 0`, "spec.requestsPerSecond", "should be greater than or equal to 1"},
		{"10001 requests a second", `requestsPerSecond: 10001`, "spec.requestsPerSecond", "should be less than or equal to 10000"},
		{"more requests than an integer holds", `requestsPerSecond: 2147483648`, "", "format int32 in spec.requestsPerSecond"},
		{"half a request", `requestsPerSecond: 0.5`, "", "spec.requestsPerSecond in body must be of type int32"},
	}
	for _, endpoint := range []string{
		"", "not a url", "s3.internal", "s3.internal:9000", "//s3.internal", "ftp://s3.internal", "s3://assets", "https:s3.internal",
		"https://", "https:///assets", "https://:9000", "https://s3.internal:port", "https://s3 internal", "https://s3.internal/a b",
		"https://user:password@s3.internal", "https://user@s3.internal", "https://s3.internal?x=1", "https://s3.internal?",
		"https://s3.internal#top", "https://s3.internal#", `https://s3.internal\n`, "https://s3.internal/%zz",
	} {
		refused = append(refused, refusedManifest{`the endpoint "` + endpoint + `"`, `endpoint: "` + endpoint + `"`, "spec.endpoint", badEndpoint})
	}
	return refused
}
