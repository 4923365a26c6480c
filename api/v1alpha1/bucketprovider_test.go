// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

func bucketProvider() kind {
	return kind{
		name:     "BucketProvider",
		crdFile:  "s3.bucketcors.dev_bucketproviders.yaml",
		spec:     `region: us-east-1`,
		object:   func() client.Object { return &v1alpha1.BucketProvider{} },
		accepted: slices.Concat(acceptedProviders(), acceptedAllowedHosts()),
		refused:  slices.Concat(refusedProviders(), refusedAllowedHosts()),
	}
}

func withNamespaces(namespaces string) string {
	return `access: [{namespaces: ` + namespaces + `, buckets: ["*"]}]`
}

func withBuckets(buckets string) string {
	return `access: [{namespaces: ["*"], buckets: ` + buckets + `}]`
}

// withSelector grants everything to the namespaces of a selector.
func withSelector(selector string) string {
	return `access: [{namespaceSelector: ` + selector + `, buckets: ["*"]}]`
}

// withConstraints grants everything within constraints.
func withConstraints(constraints string) string {
	return `access: [{namespaces: ["*"], buckets: ["*"], constraints: ` + constraints + `}]`
}

const aRole = "arn:aws:iam::111122223333:role/bucketcors"

// withRole has a role with these fields, as YAML, beside its ARN.
func withRole(fields string) string {
	return `credentials: {assumeRole: {roleARN: "` + aRole + `", ` + fields + `}}`
}

func withRoleARN(arn string) string {
	return `credentials: {assumeRole: {roleARN: "` + arn + `"}}`
}

func acceptedProviders() []acceptedManifest {
	accepted := []acceptedManifest{
		{name: "only a region"},
		{name: "every field", spec: `
region: eu-west-1
endpoint: https://s3.internal:9000
addressing: Path
caBundle: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==
dialect: CephRGW
checksum: MD5
credentials:
  secretRef: {name: s3-keys}
  assumeRole:
    roleARN: arn:aws:iam::111122223333:role/bucketcors
    externalID: bucketcors-7
    stsEndpoint: https://sts.internal:9000
access:
- namespaces: [team-a, "team-a-*"]
  namespaceSelector:
    matchLabels: {example.com/stage: dev}
    matchExpressions:
    - {key: example.com/team, operator: In, values: [a, b]}
    - {key: example.com/frozen, operator: DoesNotExist}
  buckets: ["team-a-*"]
  constraints:
    allowedOrigins: ["https://*.example.com"]
    allowedMethods: [GET, HEAD, PUT]
    wildcardOriginMethods: [GET, HEAD]
    allowedHeaders: [content-type, "x-amz-*"]
verification:
  allowedHosts: [cdn.example.com, "*.cdn.example.com:8443", 192.0.2.7, "2001:db8::/32"]
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

		{name: "a role with the operator's own credentials", spec: withRoleARN(aRole)},
		{name: "a role with keys", spec: `credentials: {secretRef: {name: s3-keys}, assumeRole: {roleARN: "` + aRole + `"}}`},
		{name: "an ARN of 20 characters", spec: withRoleARN("arn:a:iam:::role/abc")},
		{name: "an ARN of 2048 characters", spec: withRoleARN("arn:aws:iam::111122223333:role/" + strings.Repeat("a", 2017))},
		{name: "a role in China", spec: withRoleARN("arn:aws-cn:iam::111122223333:role/bucketcors")},
		{name: "a role in a path", spec: withRoleARN("arn:aws:iam::111122223333:role/platform/s3/bucketcors")},
		{name: "a role with every sign of a name", spec: withRoleARN("arn:aws:iam::111122223333:role/a+=,.@_-1")},
		{name: "a role of a server without accounts", spec: withRoleARN("arn:minio:iam:::role/idmp-4711")},
		{name: "an external id of 2 characters", spec: withRole(`externalID: ab`)},
		{name: "an external id of 1224 characters", spec: withRole(`externalID: ` + strings.Repeat("a", 1224))},
		{name: "an external id with every sign", spec: withRole(`externalID: "aA0_+=,.@:/-"`)},
		{name: "an STS endpoint of 512 characters", spec: withRole(`stsEndpoint: https://` + strings.Repeat("a", 504))},
		{name: "an STS endpoint with a port and a path", spec: withRole(`stsEndpoint: "http://127.0.0.1:9000/sts"`)},

		{name: "a selector alone", spec: withSelector(`{matchLabels: {example.com/team: a}}`)},
		{name: "a selector of all", spec: withSelector(`{}`)},
		{name: "a selector with expressions", spec: withSelector(`{matchExpressions: [{key: stage, operator: NotIn, values: [prod]}]}`)},

		{name: "constraints of origins", spec: withConstraints(`{allowedOrigins: ["*", "https://*", "https://*.example.com", "null", "https://app.example.com:8443"]}`)},
		{name: "100 origins", spec: withConstraints(`{allowedOrigins: ` + times(100, `"https://#.example"`) + `}`)},
		{name: "an origin of one character", spec: withConstraints(`{allowedOrigins: ["*"]}`)},
		{name: "an origin of 512 characters", spec: withConstraints(`{allowedOrigins: [` + strings.Repeat("a", 512) + `]}`)},
		{name: "one method", spec: withConstraints(`{allowedMethods: [GET], wildcardOriginMethods: [HEAD]}`)},
		{name: "all methods", spec: withConstraints(`{allowedMethods: [GET, PUT, POST, DELETE, HEAD], wildcardOriginMethods: [GET, PUT, POST, DELETE, HEAD]}`)},
		{name: "constraints of headers", spec: withConstraints(`{allowedHeaders: ["*", "x-amz-*", Content-Type, "*-id"]}`)},
		{name: "one header", spec: withConstraints(`{allowedHeaders: [a]}`)},
		{name: "100 headers", spec: withConstraints(`{allowedHeaders: ` + times(100, `x-#`) + `}`)},
		{name: "a header of 256 characters", spec: withConstraints(`{allowedHeaders: [` + strings.Repeat("a", 256) + `]}`)},

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
	for _, dialect := range cors.Dialects() {
		accepted = append(accepted, acceptedManifest{"the dialect " + dialect.Name(), `dialect: ` + dialect.Name()})
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

		badStars = "must have at most one *"

		badRole        = "must be the ARN of a role, such as arn:aws:iam::111122223333:role/bucketcors"
		badExternalID  = "must be letters, digits and _+=,.@:/- only, as STS wants it"
		badSTSEndpoint = "must be an http or https URL with a host and without user, query or fragment, such as https://sts.internal"

		aRoleARN      = "spec.credentials.assumeRole.roleARN"
		anExternalID  = "spec.credentials.assumeRole.externalID"
		anSTSEndpoint = "spec.credentials.assumeRole.stsEndpoint"

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

		{"a dialect that is not known", `dialect: Ceph`, "spec.dialect",
			`supported values: "AWS", "CephRGW", "SeaweedFS", "Garage", "VersityGW", "MinIO"`},
		{"a dialect in lower case", `dialect: aws`, "spec.dialect", `Unsupported value: "aws"`},
		{"an empty dialect", `dialect: ""`, "spec.dialect", `Unsupported value: ""`},

		{"credentials without a source", `credentials: {}`, "spec.credentials", "must name a secretRef, an assumeRole, or both"},
		{"credentials of an earlier time", `credentials: {secretRef: null}`, "spec.credentials", "must name a secretRef, an assumeRole, or both"},
		{"a role without an ARN", `credentials: {assumeRole: {externalID: abc}}`, "spec.credentials.assumeRole.roleARN", "Required value"},
		{"a role that is a string", `credentials: {assumeRole: "` + aRole + `"}`, "spec.credentials.assumeRole", "must be of type object"},
		{"an ARN of 19 characters", withRoleARN("arn:a:iam:::role/ab"), aRoleARN, "should be at least 20 chars long"},
		{"an ARN of 2049 characters", withRoleARN("arn:aws:iam::111122223333:role/" + strings.Repeat("a", 2018)), aRoleARN, "may not be more than 2048 bytes"},
		{"an external id of 1 character", withRole(`externalID: a`), anExternalID, "should be at least 2 chars long"},
		{"an external id of 1225 characters", withRole(`externalID: ` + strings.Repeat("a", 1225)), anExternalID, "may not be more than 1224 bytes"},
		{"an external id with a blank", withRole(`externalID: "a b"`), anExternalID, badExternalID},
		{"an external id with a line break at the end", withRole(`externalID: "ab\n"`), anExternalID, badExternalID},
		{"an external id with other letters", withRole(`externalID: "größe"`), anExternalID, badExternalID},
		{"an external id that is a number", withRole(`externalID: 4711`), anExternalID, "must be of type string"},
		{"an STS endpoint of 513 characters", withRole(`stsEndpoint: https://` + strings.Repeat("a", 505)), anSTSEndpoint, "may not be more than 512 bytes"},
		{"a Secret without a name", `credentials: {secretRef: {}}`, "spec.credentials.secretRef.name", "Required value"},
		{"a Secret with an empty name", `credentials: {secretRef: {name: ""}}`, "spec.credentials.secretRef.name", "should be at least 1 chars long"},
		{"a Secret with a name of 254 characters", `credentials: {secretRef: {name: ` + strings.Repeat("a", 254) + `}}`,
			"spec.credentials.secretRef.name", "may not be more than 253 bytes"},

		{"101 grants", `access: ` + times(101, `{namespaces: ["*"], buckets: ["*"]}`), "spec.access", "must have at most 100 items"},
		{"a grant to nobody", `access: [{buckets: ["*"]}]`, "spec.access[0]", "must name namespaces, a namespaceSelector, or both"},
		{"a grant to nobody after another", `access: [{namespaces: ["*"], buckets: ["*"]}, {buckets: [assets]}]`,
			"spec.access[1]", "must name namespaces, a namespaceSelector, or both"},
		{"no namespace beside a selector", `access: [{namespaces: [], namespaceSelector: {}, buckets: ["*"]}]`,
			"spec.access[0].namespaces", "should have at least 1 items"},

		{"a selector that is a string", withSelector(`team-a`), "spec.access[0].namespaceSelector", "must be of type object"},
		{"a selector with labels themselves", withSelector(`{team: a}`), "", `unknown field "spec.access[0].namespaceSelector.team"`},
		{"an expression without a key", withSelector(`{matchExpressions: [{operator: Exists}]}`),
			"spec.access[0].namespaceSelector.matchExpressions[0].key", "Required value"},
		{"an expression without an operator", withSelector(`{matchExpressions: [{key: team}]}`),
			"spec.access[0].namespaceSelector.matchExpressions[0].operator", "Required value"},

		{"no constraint", withConstraints(`{}`), "spec.access[0].constraints", "should have at least 1 properties"},
		{"a constraint that is not known", withConstraints(`{exposeHeaders: [ETag]}`), "", `unknown field "spec.access[0].constraints.exposeHeaders"`},
		{"no origin", withConstraints(`{allowedOrigins: []}`), "spec.access[0].constraints.allowedOrigins", "should have at least 1 items"},
		{"101 origins", withConstraints(`{allowedOrigins: ` + times(101, `"https://#.example"`) + `}`),
			"spec.access[0].constraints.allowedOrigins", "must have at most 100 items"},
		{"an origin twice", withConstraints(`{allowedOrigins: ["*", "*"]}`), "spec.access[0].constraints.allowedOrigins[1]", `Duplicate value: "*"`},
		{"an empty origin", withConstraints(`{allowedOrigins: [""]}`), "spec.access[0].constraints.allowedOrigins[0]", "should be at least 1 chars long"},
		{"an origin of 513 characters", withConstraints(`{allowedOrigins: [` + strings.Repeat("a", 513) + `]}`),
			"spec.access[0].constraints.allowedOrigins[0]", "may not be more than 512 bytes"},
		{"an origin with two stars", withConstraints(`{allowedOrigins: ["https://*.*.example.com"]}`), "spec.access[0].constraints.allowedOrigins[0]", badStars},
		{"an origin with two stars in a row", withConstraints(`{allowedOrigins: ["**"]}`), "spec.access[0].constraints.allowedOrigins[0]", badStars},
		{"an origin with two stars and a line break between", withConstraints(`{allowedOrigins: ["*\n*"]}`), "spec.access[0].constraints.allowedOrigins[0]", badStars},
		{"no method", withConstraints(`{allowedMethods: []}`), "spec.access[0].constraints.allowedMethods", "should have at least 1 items"},
		{"a method twice", withConstraints(`{allowedMethods: [GET, GET]}`), "spec.access[0].constraints.allowedMethods[1]", `Duplicate value: "GET"`},
		{"a method that is none", withConstraints(`{allowedMethods: [OPTIONS]}`), "spec.access[0].constraints.allowedMethods[0]",
			`supported values: "GET", "PUT", "POST", "DELETE", "HEAD"`},
		{"no method for wildcards", withConstraints(`{wildcardOriginMethods: []}`), "spec.access[0].constraints.wildcardOriginMethods", "should have at least 1 items"},
		{"a method for wildcards twice", withConstraints(`{wildcardOriginMethods: [GET, GET]}`),
			"spec.access[0].constraints.wildcardOriginMethods[1]", `Duplicate value: "GET"`},
		{"a method for wildcards in lower case", withConstraints(`{wildcardOriginMethods: [get]}`),
			"spec.access[0].constraints.wildcardOriginMethods[0]", `supported values: "GET", "PUT", "POST", "DELETE", "HEAD"`},
		{"no header", withConstraints(`{allowedHeaders: []}`), "spec.access[0].constraints.allowedHeaders", "should have at least 1 items"},
		{"101 headers", withConstraints(`{allowedHeaders: ` + times(101, `x-#`) + `}`), "spec.access[0].constraints.allowedHeaders", "must have at most 100 items"},
		{"a header twice", withConstraints(`{allowedHeaders: [x-a, x-a]}`), "spec.access[0].constraints.allowedHeaders[1]", `Duplicate value: "x-a"`},
		{"an empty header", withConstraints(`{allowedHeaders: [""]}`), "spec.access[0].constraints.allowedHeaders[0]", "should be at least 1 chars long"},
		{"a header of 257 characters", withConstraints(`{allowedHeaders: [` + strings.Repeat("a", 257) + `]}`),
			"spec.access[0].constraints.allowedHeaders[0]", "may not be more than 256 bytes"},
		{"a header with two stars", withConstraints(`{allowedHeaders: ["x-*-*"]}`), "spec.access[0].constraints.allowedHeaders[0]", badStars},
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
	for _, arn := range []string{
		"bucketcors-operator-s3-role", "arn:aws:iam::111122223333:user/bucketcors", "arn:aws:sts::111122223333:assumed-role/bucketcors/session",
		"arn:aws:iam::111122223333:role/", "arn:aws:iam::111122223333:role/bucket cors", `arn:aws:iam::111122223333:role/bucketcors\n`,
		" arn:aws:iam::111122223333:role/bucketcors", "ARN:aws:iam::111122223333:role/bucketcors",
	} {
		refused = append(refused, refusedManifest{`the role "` + arn + `"`, withRoleARN(arn), aRoleARN, badRole})
	}
	for _, endpoint := range []string{
		"", "not a url", "s3.internal", "s3.internal:9000", "//s3.internal", "ftp://s3.internal", "s3://assets", "https:s3.internal",
		"https://", "https:///assets", "https://:9000", "https://s3.internal:port", "https://s3 internal", "https://s3.internal/a b",
		"https://user:password@s3.internal", "https://user@s3.internal", "https://s3.internal?x=1", "https://s3.internal?",
		"https://s3.internal#top", "https://s3.internal#", `https://s3.internal\n`, "https://s3.internal/%zz",
	} {
		refused = append(refused, refusedManifest{`the endpoint "` + endpoint + `"`, `endpoint: "` + endpoint + `"`, "spec.endpoint", badEndpoint},
			refusedManifest{`the STS endpoint "` + endpoint + `"`, withRole(`stsEndpoint: "` + endpoint + `"`), anSTSEndpoint, badSTSEndpoint})
	}
	return refused
}

// A provider can name every dialect that there is, and no other.
func TestDialectsAreThoseOfTheEvaluator(t *testing.T) {
	var want []any
	for _, dialect := range cors.Dialects() {
		want = append(want, dialect.Name())
	}
	got, _ := rootOf(t, bucketProvider()).fields()["spec"].fields()["dialect"].schema["enum"].([]any)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the schema has the dialects %q, and the evaluator %q", got, want)
	}
}
