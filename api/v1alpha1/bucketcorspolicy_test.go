// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
)

func bucketCORSPolicy() kind {
	return kind{
		name:    "BucketCORSPolicy",
		crdFile: "s3.bucketcors.dev_bucketcorspolicies.yaml",
		spec: `
buckets: [{name: app-assets}]
rules: [{allowedOrigins: ["https://app.example.com"], allowedMethods: [GET]}]
`,
		object:   func() client.Object { return &v1alpha1.BucketCORSPolicy{} },
		accepted: slices.Concat(acceptedPolicies(), acceptedExpectations()),
		refused:  slices.Concat(refusedPolicies(), refusedExpectations()),
	}
}

// withRule returns rules of one rule, in which these fields, as YAML, come after
// an origin and a method.
func withRule(fields string) string {
	return `rules: [{allowedOrigins: ["https://app.example.com"], allowedMethods: [GET], ` + fields + `}]`
}

func withOrigins(origins string) string {
	return `rules: [{allowedOrigins: ` + origins + `, allowedMethods: [GET]}]`
}

func withMethods(methods string) string {
	return `rules: [{allowedOrigins: ["https://app.example.com"], allowedMethods: ` + methods + `}]`
}

func acceptedPolicies() []acceptedManifest {
	const aRule = `{allowedOrigins: ["*"], allowedMethods: [GET]}`
	return []acceptedManifest{
		{name: "only buckets and rules"},
		{name: "every field", spec: `
providerRef: {name: own-server}
buckets:
- name: team-a-uploads
  region: eu-west-1
  expectedBucketOwner: "111122223333"
rules:
- id: uploads
  allowedOrigins: ["https://app.example.com", "https://*.preview.example.com"]
  allowedMethods: [GET, PUT, HEAD]
  allowedHeaders: [content-type, "x-amz-*"]
  exposeHeaders: [ETag]
  maxAgeSeconds: 3000
expectations:
- name: browser upload
  origin: https://app.example.com
  method: PUT
  headers: [content-type]
  exposes: [ETag]
  credentials: Omit
  outcome: Allowed
- name: maps
  origin: https://app.example.com
  preset: RangeReader
verification: {preflight: Enabled, endpoints: ["https://cdn.example.com"]}
mode: Observe
sharing: Shared
priority: 100
driftCheckInterval: 5m
deletionPolicy: Delete
suspend: true
`},

		{name: "a provider with a name of one character", spec: `providerRef: {name: a}`},
		{name: "a provider with a name of 253 characters", spec: `providerRef: {name: ` + strings.Repeat("a", 253) + `}`},

		{name: "100 buckets", spec: `buckets: ` + times(100, "{name: bucket-#}")},
		{name: "a bucket with a name of 3 characters", spec: `buckets: [{name: abc}]`},
		{name: "a bucket with a name of more than 63 characters", spec: `buckets: [{name: ` + strings.Repeat("a", 64) + `}]`},
		{name: "a bucket with a name of 255 characters", spec: `buckets: [{name: ` + strings.Repeat("a", 255) + `}]`},
		{name: "a bucket of the time when upper case and underscores were allowed", spec: `buckets: [{name: My_Old.Bucket-1}]`},
		{name: "a bucket with a name that looks like an address", spec: `buckets: [{name: 192.168.5.4}]`},
		{name: "buckets that differ in case", spec: `buckets: [{name: assets}, {name: Assets}]`},

		{name: "100 buckets with everything as long as it can be", spec: `buckets: ` + times(100,
			`{name: "`+strings.Repeat("a", 252)+`-#", region: `+strings.Repeat("a", 63)+`, expectedBucketOwner: "111122223333"}`)},

		{name: "a region of one character", spec: `buckets: [{name: assets, region: a}]`},
		{name: "a region of 63 characters", spec: `buckets: [{name: assets, region: ` + strings.Repeat("a", 63) + `}]`},
		{name: "a region with an underscore", spec: `buckets: [{name: assets, region: zone_1}]`},
		{name: "a region in upper case", spec: `buckets: [{name: assets, region: RegionOne}]`},
		{name: "a bucket owner that begins with a zero", spec: `buckets: [{name: assets, expectedBucketOwner: "012345678901"}]`},

		{name: "100 rules", spec: `rules: ` + times(100, aRule)},
		{name: "equal rules", spec: `rules: ` + times(2, aRule)},
		{name: "equal ids", spec: `rules: ` + times(2, `{id: same, allowedOrigins: ["*"], allowedMethods: [GET]}`)},
		{name: "an id of one character", spec: withRule(`id: a`)},
		{name: "an id of 255 characters", spec: withRule(`id: ` + strings.Repeat("a", 255))},
		{name: "an id of 255 characters of several bytes each", spec: withRule(`id: ` + strings.Repeat("語", 255))},
		{name: "an id with spaces and signs", spec: withRule(`id: " uploads / <1> & more "`)},

		{name: "a star for all origins", spec: withOrigins(`["*"]`)},
		{name: "a star for the host", spec: withOrigins(`["http://*"]`)},
		{name: "a star for subdomains", spec: withOrigins(`["https://*.example.com"]`)},
		{name: "a star in a label", spec: withOrigins(`["http://*bar.com", "http://bar*.com", "http://foo*.example.com"]`)},
		{name: "a star for the scheme", spec: withOrigins(`["*://app.example.com", "http*://app.example.com"]`)},
		{name: "a star for the port", spec: withOrigins(`["http://localhost:*"]`)},
		{name: "a star for the end", spec: withOrigins(`["https://app.example.*"]`)},
		{name: "the origin null, which is a string", spec: withOrigins(`["null"]`)},
		{name: "origins without a scheme", spec: withOrigins(`["foo.suffix", "*.suffix", "localhost:4566", whatever]`)},
		{name: "an origin with a trailing slash", spec: withOrigins(`["https://app.example.com/"]`)},
		{name: "an origin with a path", spec: withOrigins(`["https://app.example.com/login?a=b#c"]`)},
		{name: "an origin with the port of its scheme", spec: withOrigins(`["https://app.example.com:443"]`)},
		{name: "an origin with an impossible port", spec: withOrigins(`["https://app.example.com:999999"]`)},
		{name: "an origin in upper case", spec: withOrigins(`["HTTPS://App.Example.COM"]`)},
		{name: "an origin with other letters", spec: withOrigins(`["https://bücher.example"]`)},
		{name: "an origin with an IPv6 address", spec: withOrigins(`["http://[::1]:8080"]`)},
		{name: "an origin of an app", spec: withOrigins(`["capacitor://localhost", "chrome-extension://abcdefgh"]`)},
		{name: "an origin with spaces around it", spec: withOrigins(`[" https://app.example.com "]`)},
		{name: "an empty origin", spec: withOrigins(`[""]`)},
		{name: "an origin twice", spec: withOrigins(`["https://app.example.com", "https://app.example.com"]`)},
		{name: "2200 origins", spec: withOrigins(times(2200, `"https://#.example"`))},
		{name: "an origin of 8192 characters", spec: withOrigins(`[` + strings.Repeat("a", 8192) + `]`)},

		{name: "every method", spec: withMethods(`[GET, PUT, POST, DELETE, HEAD]`)},
		{name: "a method 100 times", spec: withMethods(times(100, "GET"))},

		{name: "headers in any case, with and without a star", spec: withRule(`allowedHeaders: ["*", "x-amz-*", Content-Type, "*-id", "x-*-id"]`)},
		{name: "headers twice", spec: withRule(`allowedHeaders: [etag, etag, ETag], exposeHeaders: [etag, etag, ETag]`)},
		{name: "an empty header", spec: withRule(`allowedHeaders: [""], exposeHeaders: [""]`)},
		{name: "headers that are no tokens", spec: withRule(`allowedHeaders: ["content type", "x:y"]`)},
		{name: "empty lists of headers", spec: withRule(`allowedHeaders: [], exposeHeaders: []`)},
		{name: "2200 headers", spec: withRule(`allowedHeaders: ` + times(2200, "x-#") + `, exposeHeaders: ` + times(2200, "x-#"))},
		{name: "headers of 8192 characters", spec: withRule(
			`allowedHeaders: [` + strings.Repeat("a", 8192) + `], exposeHeaders: [` + strings.Repeat("a", 8192) + `]`)},

		{name: "a maximum age of 0", spec: withRule(`maxAgeSeconds: 0`)},
		{name: "a negative maximum age", spec: withRule(`maxAgeSeconds: -1`)},
		{name: "the greatest maximum age", spec: withRule(`maxAgeSeconds: 2147483647`)},
		{name: "the least maximum age", spec: withRule(`maxAgeSeconds: -2147483648`)},
		{name: "a maximum age with an exponent", spec: withRule(`maxAgeSeconds: 3e3`)},

		{name: "to enforce", spec: `mode: Enforce`},
		{name: "to be alone", spec: `sharing: Exclusive`},
		{name: "to be alone with a priority, which has no effect", spec: `{sharing: Exclusive, priority: 7}`},
		{name: "a priority without sharing", spec: `priority: 1`},
		{name: "a priority of 0", spec: `{sharing: Shared, priority: 0}`},
		{name: "a negative priority", spec: `{sharing: Shared, priority: -1}`},
		{name: "the greatest priority", spec: `{sharing: Shared, priority: 2147483647}`},
		{name: "the least priority", spec: `{sharing: Shared, priority: -2147483648}`},

		{name: "to restore", spec: `deletionPolicy: Restore`},
		{name: "to retain", spec: `deletionPolicy: Retain`},
		{name: "not to suspend", spec: `suspend: false`},

		{name: "the shortest interval", spec: `driftCheckInterval: 10s`},
		{name: "the longest interval", spec: `driftCheckInterval: 8760h`},
		{name: "an interval with a fraction", spec: `driftCheckInterval: 10.5s`},
		{name: "an interval in several units", spec: `driftCheckInterval: 1h30m`},
		{name: "an interval in milliseconds", spec: `driftCheckInterval: 10000ms`},
		{name: "an interval with a part that is 0", spec: `driftCheckInterval: 5m0s`},
		{name: "an interval of 32 characters", spec: `driftCheckInterval: ` + strings.Repeat("1m", 16)},
	}
}

func refusedPolicies() []refusedManifest {
	const (
		aRule       = `{allowedOrigins: ["*"], allowedMethods: [GET]}`
		interval    = "spec.driftCheckInterval"
		badInterval = "must be a duration from 10s to 8760h, such as 90s, 5m or 1h30m"
		badRegion   = "must be the name of a region, such as eu-west-1: letters and digits, with hyphens and underscores between them"
	)
	refused := []refusedManifest{
		{"a field that is not known", `colour: red`, "", `unknown field "spec.colour"`},
		{"a field that is not known in a rule", withRule(`allowedOrigin: ["*"]`), "", `unknown field "spec.rules[0].allowedOrigin"`},

		{"a provider that is a string", `providerRef: default`, "spec.providerRef", "must be of type object"},
		{"a provider without a name", `providerRef: {}`, "spec.providerRef.name", "Required value"},
		{"a provider with an empty name", `providerRef: {name: ""}`, "spec.providerRef.name", "should be at least 1 chars long"},
		{"a provider with a name of 254 characters", `providerRef: {name: ` + strings.Repeat("a", 254) + `}`,
			"spec.providerRef.name", "may not be more than 253 bytes"},

		{"no field buckets", `buckets: null`, "spec.buckets", "Required value"},
		{"no bucket", `buckets: []`, "spec.buckets", "should have at least 1 items"},
		{"101 buckets", `buckets: ` + times(101, "{name: bucket-#}"), "spec.buckets", "must have at most 100 items"},
		{"a bucket that is a string", `buckets: [assets]`, "spec.buckets[0]", "must be of type object"},
		{"a bucket twice", `buckets: [{name: assets}, {name: assets, region: eu-west-1}]`, "spec.buckets[1]", `Duplicate value: {"name":"assets"}`},
		{"a bucket without a name", `buckets: [{region: eu-west-1}]`, "spec.buckets[0].name", "Required value"},
		{"a bucket with a name of 2 characters", `buckets: [{name: ab}]`, "spec.buckets[0].name", "should be at least 3 chars long"},
		{"a bucket with a name of 256 characters", `buckets: [{name: ` + strings.Repeat("a", 256) + `}]`,
			"spec.buckets[0].name", "may not be more than 255 bytes"},
		{"a bucket with a path", `buckets: [{name: assets/images}]`, "spec.buckets[0].name", `should match '^[A-Za-z0-9._-]+$'`},
		{"a bucket as a URL", `buckets: [{name: "s3://assets"}]`, "spec.buckets[0].name", `should match '^[A-Za-z0-9._-]+$'`},
		{"a bucket as an ARN", `buckets: [{name: "arn:aws:s3:::assets"}]`, "spec.buckets[0].name", `should match '^[A-Za-z0-9._-]+$'`},
		{"a bucket with a star", `buckets: [{name: "assets-*"}]`, "spec.buckets[0].name", `should match '^[A-Za-z0-9._-]+$'`},
		{"a bucket with a line break at the end", `buckets: [{name: "assets\n"}]`, "spec.buckets[0].name", `should match '^[A-Za-z0-9._-]+$'`},

		{"an empty region", `buckets: [{name: assets, region: ""}]`, "spec.buckets[0].region", "should be at least 1 chars long"},
		{"a region of 64 characters", `buckets: [{name: assets, region: ` + strings.Repeat("a", 64) + `}]`,
			"spec.buckets[0].region", "may not be more than 63 bytes"},
		{"a region that would lead to another host", `buckets: [{name: assets, region: evil.example/}]`, "spec.buckets[0].region", badRegion},
		{"a region that begins with a hyphen", `buckets: [{name: assets, region: -west}]`, "spec.buckets[0].region", badRegion},
		{"a region that ends with a hyphen", `buckets: [{name: assets, region: west-}]`, "spec.buckets[0].region", badRegion},

		{"a bucket owner without quotes", `buckets: [{name: assets, expectedBucketOwner: 111122223333}]`,
			"spec.buckets[0].expectedBucketOwner", "must be of type string"},
		{"a bucket owner of 11 digits", `buckets: [{name: assets, expectedBucketOwner: "11112222333"}]`,
			"spec.buckets[0].expectedBucketOwner", `should match '^[0-9]{12}$'`},
		{"a bucket owner of 13 digits", `buckets: [{name: assets, expectedBucketOwner: "1111222233334"}]`,
			"spec.buckets[0].expectedBucketOwner", "may not be more than 12 bytes"},
		{"a bucket owner with hyphens", `buckets: [{name: assets, expectedBucketOwner: "1111-22-3333"}]`,
			"spec.buckets[0].expectedBucketOwner", `should match '^[0-9]{12}$'`},

		{"no field rules", `rules: null`, "spec.rules", "Required value"},
		{"no rule", `rules: []`, "spec.rules", "should have at least 1 items"},
		{"101 rules", `rules: ` + times(101, aRule), "spec.rules", "must have at most 100 items"},
		{"an empty id", withRule(`id: ""`), "spec.rules[0].id", "should be at least 1 chars long"},
		{"an id of 256 characters", withRule(`id: ` + strings.Repeat("a", 256)), "spec.rules[0].id", "may not be more than 255 bytes"},
		{"an id of 256 characters of several bytes each", withRule(`id: ` + strings.Repeat("語", 256)),
			"spec.rules[0].id", "may not be more than 255 bytes"},

		{"a rule without origins", `rules: [{allowedMethods: [GET]}]`, "spec.rules[0].allowedOrigins", "Required value"},
		{"a rule with no origin", withOrigins(`[]`), "spec.rules[0].allowedOrigins", "should have at least 1 items"},
		{"an origin that is no list", withOrigins(`"*"`), "spec.rules[0].allowedOrigins", "must be of type array"},
		{"2201 origins", withOrigins(times(2201, `"https://#.example"`)), "spec.rules[0].allowedOrigins", "must have at most 2200 items"},
		{"the origin null without quotes", withOrigins(`[null]`), "spec.rules[0].allowedOrigins[0]", "must be of type string"},
		{"an origin of 8193 characters", withOrigins(`[` + strings.Repeat("a", 8193) + `]`),
			"spec.rules[0].allowedOrigins[0]", "may not be more than 8192 bytes"},

		{"a rule without methods", `rules: [{allowedOrigins: ["*"]}]`, "spec.rules[0].allowedMethods", "Required value"},
		{"a rule with no method", withMethods(`[]`), "spec.rules[0].allowedMethods", "should have at least 1 items"},
		{"101 methods", withMethods(times(101, "GET")), "spec.rules[0].allowedMethods", "must have at most 100 items"},
		{"the method OPTIONS", withMethods(`[GET, OPTIONS]`), "spec.rules[0].allowedMethods[1]",
			`Unsupported value: "OPTIONS": supported values: "GET", "PUT", "POST", "DELETE", "HEAD"`},
		{"the method PATCH", withMethods(`[PATCH]`), "spec.rules[0].allowedMethods[0]", `Unsupported value: "PATCH"`},
		{"a method in lower case", withMethods(`[get]`), "spec.rules[0].allowedMethods[0]", `Unsupported value: "get"`},
		{"a star for all methods", withMethods(`["*"]`), "spec.rules[0].allowedMethods[0]", `Unsupported value: "*"`},

		{"2201 allowed headers", withRule(`allowedHeaders: ` + times(2201, "x-#")), "spec.rules[0].allowedHeaders", "must have at most 2200 items"},
		{"an allowed header of 8193 characters", withRule(`allowedHeaders: [` + strings.Repeat("a", 8193) + `]`),
			"spec.rules[0].allowedHeaders[0]", "may not be more than 8192 bytes"},
		{"2201 exposed headers", withRule(`exposeHeaders: ` + times(2201, "x-#")), "spec.rules[0].exposeHeaders", "must have at most 2200 items"},
		{"an exposed header of 8193 characters", withRule(`exposeHeaders: [` + strings.Repeat("a", 8193) + `]`),
			"spec.rules[0].exposeHeaders[0]", "may not be more than 8192 bytes"},

		// The API server names the field only in the message.
		{"a maximum age that is too great", withRule(`maxAgeSeconds: 2147483648`), "<nil>", "format int32 in spec.rules[0].maxAgeSeconds"},
		{"a maximum age that is too small", withRule(`maxAgeSeconds: -2147483649`), "<nil>", "format int32 in spec.rules[0].maxAgeSeconds"},
		{"a maximum age that no integer holds", withRule(`maxAgeSeconds: 99999999999999999999`), "",
			"spec.rules[0].maxAgeSeconds in body must be of type int32"},
		{"a maximum age with a fraction", withRule(`maxAgeSeconds: 0.5`), "", "spec.rules[0].maxAgeSeconds in body must be of type int32"},
		{"a maximum age in quotes", withRule(`maxAgeSeconds: "600"`), "spec.rules[0].maxAgeSeconds", "must be of type integer"},

		{"a mode in lower case", `mode: enforce`, "spec.mode", `supported values: "Enforce", "Observe"`},
		{"an empty mode", `mode: ""`, "spec.mode", `supported values: "Enforce", "Observe"`},
		{"sharing in lower case", `sharing: shared`, "spec.sharing", `supported values: "Exclusive", "Shared"`},
		{"sharing that is a boolean", `sharing: true`, "spec.sharing", "must be of type string"},
		{"an empty sharing", `sharing: ""`, "spec.sharing", `supported values: "Exclusive", "Shared"`},
		{"a priority that is too great", `priority: 2147483648`, "<nil>", "format int32 in spec.priority"},
		{"a priority that is too small", `priority: -2147483649`, "<nil>", "format int32 in spec.priority"},
		{"a priority with a fraction", `priority: 1.5`, "", "spec.priority in body must be of type int32"},
		{"a priority in words", `priority: high`, "spec.priority", "must be of type integer"},

		{"a deletion policy that is not known", `deletionPolicy: Orphan`, "spec.deletionPolicy", `supported values: "Restore", "Delete", "Retain"`},
		{"an empty deletion policy", `deletionPolicy: ""`, "spec.deletionPolicy", `supported values: "Restore", "Delete", "Retain"`},
		{"to suspend with a string", `suspend: "true"`, "spec.suspend", "must be of type boolean"},

		{"an interval that is a number", `driftCheckInterval: 300`, interval, "must be of type string"},
		{"an interval of 33 characters", `driftCheckInterval: ` + strings.Repeat("1m", 16) + `s`, interval, "may not be more than 32 bytes"},
	}
	for _, value := range []string{
		"", "9s", "9.999s", "8760h0m1s", "2562047h", // the last is about what 64 bits hold
		"2562048h", "99999999999h", // and these they do not hold
		"0s", "-5m", "+5m", "10", "5 minutes", "1h 30m", " 5m", "5m ", "1d", "1w", "5M", ".5h", "5.m", "1,5h", "30000000us", "PT5M", "NaNs",
	} {
		refused = append(refused, refusedManifest{`the interval "` + value + `"`, `driftCheckInterval: "` + value + `"`, interval, badInterval})
	}
	return refused
}
