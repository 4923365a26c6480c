// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
)

// withExpectation has one expectation with these fields, as YAML, after a name and
// an origin.
func withExpectation(fields string) string {
	return `expectations: [{name: reads, origin: "https://app.example.com", ` + fields + `}]`
}

func withPageOrigin(origin string) string {
	return `expectations: [{name: reads, method: GET, origin: "` + origin + `"}]`
}

func withEndpoint(endpoint string) string { return `verification: {endpoints: ["` + endpoint + `"]}` }

func withAllowedHost(host string) string {
	return `verification: {allowedHosts: ["` + host + `"]}`
}

func acceptedExpectations() []acceptedManifest {
	accepted := []acceptedManifest{
		{name: "an upload from a browser", spec: `
expectations:
- name: browser upload
  origin: https://app.example.com
  method: PUT
  headers: [content-type]
  exposes: [ETag]
  outcome: Allowed
verification: {preflight: Enabled, endpoints: ["https://cdn.example.com"]}
`},
		{name: "every field of an expectation with a preset", spec: withExpectation(
			`preset: MultipartUpload, headers: [x-amz-meta-author], exposes: [x-amz-version-id], credentials: Include, outcome: Allowed`)},
		{name: "no expectation", spec: `expectations: []`},
		{name: "100 expectations", spec: `expectations: ` + times(100, `{name: "reads #", origin: "https://app.example.com", method: GET}`)},
		{name: "100 expectations with everything as long as it can be", spec: `expectations: ` + times(100,
			`{name: "`+strings.Repeat("n", 120)+` #", origin: "https://`+strings.Repeat("a", 504)+`", method: PUT, headers: `+
				times(50, strings.Repeat("h", 250)+`-#`)+`, exposes: `+times(50, strings.Repeat("e", 250)+`-#`)+`}`)},
		{name: "an expectation with a name of one character", spec: `expectations: [{name: a, origin: "https://app.example.com", method: GET}]`},
		{name: "an expectation with a name of 128 characters of several bytes each", spec: `expectations: [{name: "` +
			strings.Repeat("語", 128) + `", origin: "https://app.example.com", method: GET}]`},
		{name: "an origin of 512 characters", spec: withPageOrigin("https://" + strings.Repeat("a", 504))},
		{name: "no headers", spec: withExpectation(`method: PUT, headers: [], exposes: []`)},
		{name: "50 headers", spec: withExpectation(`method: PUT, headers: ` + times(50, "x-#") + `, exposes: ` + times(50, "x-#"))},
		{name: "headers of one character", spec: withExpectation(`method: PUT, headers: [a], exposes: [b]`)},
		{name: "headers of 256 characters", spec: withExpectation(
			`method: PUT, headers: [` + strings.Repeat("a", 256) + `], exposes: [` + strings.Repeat("b", 256) + `]`)},
		{name: "headers with every sign", spec: withExpectation(`method: PUT, headers: ["aZ0!#$%&+.^_|~-"]`)},
		{name: "headers in two cases", spec: withExpectation(`method: PUT, headers: [ETag, etag]`)},
		{name: "a request that has to be denied", spec: withExpectation(`method: DELETE, headers: [x-amz-date], outcome: Denied`)},
		{name: "a client that has to be denied", spec: withExpectation(`preset: SDKBrowser, outcome: Denied`)},
		{name: "without the browser's credentials", spec: withExpectation(`method: GET, credentials: Omit`)},

		{name: "preflights to the service alone", spec: `verification: {preflight: Enabled}`},
		{name: "no preflights", spec: `verification: {preflight: Disabled, endpoints: ["https://cdn.example.com"]}`},
		{name: "no endpoints", spec: `verification: {endpoints: []}`},
		{name: "10 endpoints", spec: `verification: {endpoints: ` + times(10, `"https://cdn-#.example.com"`) + `}`},
		{name: "an endpoint of 512 characters", spec: withEndpoint("https://" + strings.Repeat("a", 504))},
	}
	for _, method := range []string{"GET", "PUT", "POST", "DELETE", "HEAD"} {
		accepted = append(accepted, acceptedManifest{"the method " + method + " of an expectation", withExpectation("method: " + method)})
	}
	for _, preset := range []string{"PresignedUpload", "MultipartUpload", "RangeReader", "SDKBrowser"} {
		accepted = append(accepted, acceptedManifest{"the preset " + preset, withExpectation("preset: " + preset)})
	}
	for _, origin := range pageOrigins {
		accepted = append(accepted, acceptedManifest{"a page of " + origin, withPageOrigin(origin)})
	}
	for _, endpoint := range []string{
		"https://cdn.example.com", "http://cdn.example.com", "https://cdn.example.com/", "https://cdn.example.com/assets/images",
		"https://cdn.example.com:8443", "https://cdn.example.com:65535", "http://192.0.2.7:9000", "https://[2001:db8::7]:8443/assets", "HTTPS://CDN.Example.com",
	} {
		accepted = append(accepted, acceptedManifest{"the endpoint " + endpoint, withEndpoint(endpoint)})
	}
	return accepted
}

// pageOrigins are such as browsers send.
var pageOrigins = []string{
	"null", "https://app.example.com", "https://app.example.com:8443", "http://app.example.com:443", "https://app.example.com:80",
	"http://localhost", "http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:8080", "https://[2001:db8::80]",
	"https://xn--bcher-kva.example", "https://my_app.example.com", "https://example.com.", "capacitor://localhost",
	"chrome-extension://abcdefghijklmnop", "moz-extension://2f5b1c3a-0000-4000-8000-000000000000", "tauri://localhost",
}

func refusedExpectations() []refusedManifest {
	const (
		aPageOrigin = "spec.expectations[0].origin"
		anEndpoint  = "spec.verification.endpoints[0]"

		badOrigin = "must be one origin as a browser sends it, such as https://app.example.com: lower case, " +
			"other letters as in xn--bcher-kva.example, no path, no slash at the end, no *"
		badPort     = "must not have the port that is the scheme's own: browsers leave it out"
		badHeader   = "must be the name of one header, without *"
		badEndpoint = "must be an http or https URL with one host, a port up to 65535 if any, and without user, query or fragment, such as https://cdn.example.com"
		noRequest   = "must have either a method or a preset"
	)
	refused := []refusedManifest{
		{"an expectation that is a string", `expectations: [browser upload]`, "spec.expectations[0]", "must be of type object"},
		{"101 expectations", `expectations: ` + times(101, `{name: "reads #", origin: "https://app.example.com", method: GET}`),
			"spec.expectations", "must have at most 100 items"},
		{"an expectation twice", `expectations: ` + times(2, `{name: reads, origin: "https://app.example.com", method: GET}`),
			"spec.expectations[1]", `Duplicate value: {"name":"reads"}`},
		{"an expectation without a name", `expectations: [{origin: "https://app.example.com", method: GET}]`,
			"spec.expectations[0].name", "Required value"},
		{"an expectation with an empty name", `expectations: [{name: "", origin: "https://app.example.com", method: GET}]`,
			"spec.expectations[0].name", "should be at least 1 chars long"},
		{"an expectation with a name of 129 characters", `expectations: [{name: ` + strings.Repeat("a", 129) + `, origin: "https://app.example.com", method: GET}]`,
			"spec.expectations[0].name", "may not be more than 128 bytes"},
		{"an expectation without an origin", `expectations: [{name: reads, method: GET}]`, aPageOrigin, "Required value"},
		{"an expectation with the origin null without quotes", `expectations: [{name: reads, method: GET, origin: null}]`, aPageOrigin, "Required value"},
		{"an expectation with an origin of 513 characters", withPageOrigin("https://" + strings.Repeat("a", 505)), aPageOrigin, "may not be more than 512 bytes"},
		{"an expectation without a request", `expectations: [{name: reads, origin: "https://app.example.com"}]`, "spec.expectations[0]", noRequest},
		{"an expectation with a method and a preset", withExpectation(`method: PUT, preset: PresignedUpload`), "spec.expectations[0]", noRequest},
		{"an expectation of the method OPTIONS", withExpectation(`method: OPTIONS`), "spec.expectations[0].method",
			`Unsupported value: "OPTIONS": supported values: "GET", "PUT", "POST", "DELETE", "HEAD"`},
		{"a preset that is not known", withExpectation(`preset: presigned-upload`), "spec.expectations[0].preset",
			`supported values: "PresignedUpload", "MultipartUpload", "RangeReader", "SDKBrowser"`},
		{"headers that are one", withExpectation(`method: PUT, headers: content-type`), "spec.expectations[0].headers", "must be of type array"},
		{"51 headers", withExpectation(`method: PUT, headers: ` + times(51, "x-#")), "spec.expectations[0].headers", "must have at most 50 items"},
		{"a header twice", withExpectation(`method: PUT, headers: [etag, etag]`), "spec.expectations[0].headers[1]", `Duplicate value: "etag"`},
		{"an empty header", withExpectation(`method: PUT, headers: [""]`), "spec.expectations[0].headers[0]", "should be at least 1 chars long"},
		{"a header of 257 characters", withExpectation(`method: PUT, headers: [` + strings.Repeat("a", 257) + `]`),
			"spec.expectations[0].headers[0]", "may not be more than 256 bytes"},
		{"a pattern of headers", withExpectation(`method: PUT, headers: ["x-amz-*"]`), "spec.expectations[0].headers[0]", badHeader},
		{"a header with its value", withExpectation(`method: PUT, headers: ["content-type: text/plain"]`), "spec.expectations[0].headers[0]", badHeader},
		{"51 headers that are read", withExpectation(`method: PUT, exposes: ` + times(51, "x-#")), "spec.expectations[0].exposes", "must have at most 50 items"},
		{"a header that is read twice", withExpectation(`method: PUT, exposes: [ETag, ETag]`), "spec.expectations[0].exposes[1]", `Duplicate value: "ETag"`},
		{"an empty header that is read", withExpectation(`method: PUT, exposes: [""]`), "spec.expectations[0].exposes[0]", "should be at least 1 chars long"},
		{"a header of 257 characters that is read", withExpectation(`method: PUT, exposes: [` + strings.Repeat("a", 257) + `]`),
			"spec.expectations[0].exposes[0]", "may not be more than 256 bytes"},
		{"a star for the headers that are read", withExpectation(`method: PUT, exposes: ["*"]`), "spec.expectations[0].exposes[0]", badHeader},
		{"credentials as fetch has them", withExpectation(`method: PUT, credentials: include`), "spec.expectations[0].credentials",
			`supported values: "Omit", "Include"`},
		{"an outcome in lower case", withExpectation(`method: PUT, outcome: denied`), "spec.expectations[0].outcome", `supported values: "Allowed", "Denied"`},
		{"headers that a denied script reads", withExpectation(`method: PUT, outcome: Denied, exposes: [ETag]`), "spec.expectations[0].exposes",
			"must be absent when the outcome is Denied: a script that is denied reads nothing"},

		{"verification that is a boolean", `verification: true`, "spec.verification", "must be of type object"},
		{"verification of nothing", `verification: {}`, "spec.verification", "should have at least 1 properties"},
		{"preflights with a boolean", `verification: {preflight: true}`, "spec.verification.preflight", "must be of type string"},
		{"preflights in lower case", `verification: {preflight: enabled}`, "spec.verification.preflight", `supported values: "Enabled", "Disabled"`},
		{"11 endpoints", `verification: {endpoints: ` + times(11, `"https://cdn-#.example.com"`) + `}`,
			"spec.verification.endpoints", "must have at most 10 items"},
		{"an endpoint twice", `verification: {endpoints: ["https://cdn.example.com", "https://cdn.example.com"]}`,
			"spec.verification.endpoints[1]", `Duplicate value: "https://cdn.example.com"`},
		{"an endpoint of 513 characters", withEndpoint("https://" + strings.Repeat("a", 505)), anEndpoint, "may not be more than 512 bytes"},
	}
	for _, origin := range []string{
		"", "*", "Null", "app.example.com", "//app.example.com", "https:app.example.com", "https://", "https://*.example.com", "https://app.example.com/",
		"https://app.example.com/login", "https://app.example.com?", "https://app.example.com#top", "https://user@app.example.com",
		"https://App.example.com", "HTTPS://app.example.com", "https://bücher.example", " https://app.example.com", "https://app.example.com ",
		`https://app.example.com\n`, "https://a.example,https://b.example", "https://a.example https://b.example", "https://app.example.com:",
		"https://app.example.com:port", "https://app.example.com:999999", "https://[::1", "https://2001:db8::1", "https://[fe80::1%25eth0]", "1https://a",
	} {
		refused = append(refused, refusedManifest{`a page of "` + origin + `"`, withPageOrigin(origin), aPageOrigin, badOrigin})
	}
	for _, origin := range []string{"https://app.example.com:443", "http://app.example.com:80", "https://[::1]:443"} {
		refused = append(refused, refusedManifest{`a page of "` + origin + `"`, withPageOrigin(origin), aPageOrigin, badPort})
	}
	for _, endpoint := range []string{
		"", "cdn.example.com", "//cdn.example.com", "ftp://cdn.example.com", "https:cdn.example.com", "https://", "https:///assets", "https://:8443",
		"https://cdn.example.com:port", "https://cdn example.com", "https://cdn.example.com/a b", "https://user:password@cdn.example.com",
		"https://user@cdn.example.com", "https://cdn.example.com?x=1", "https://cdn.example.com?", "https://cdn.example.com#top", `https://cdn.example.com\n`,
		"https://*.example.com", "https://cdn.example.com/*", "https://cdn.example.com:65536", "https://cdn.example.com:99999", "https://cdn.example.com:99999999999999999999",
	} {
		refused = append(refused, refusedManifest{`the endpoint "` + endpoint + `"`, withEndpoint(endpoint), anEndpoint, badEndpoint})
	}
	return refused
}

func acceptedAllowedHosts() []acceptedManifest {
	accepted := []acceptedManifest{
		{name: "100 hosts", spec: `verification: {allowedHosts: ` + times(100, "cdn-#.example.com") + `}`},
		{name: "a host of one character", spec: withAllowedHost("a")},
		{name: "a host of 260 characters", spec: withAllowedHost(strings.Repeat("a", 260))},
	}
	for _, host := range []string{
		"cdn.example.com", "cdn.example.com:8443", "*.example.com", "*.example.com:8443", "localhost", "my_cdn.example.com", "xn--bcher-kva.example",
		"192.0.2.7", "192.0.2.7:9000", "192.0.2.0/24", "0.0.0.0/0", "::1", "2001:db8::7", "[2001:db8::7]:8443", "2001:db8::/32", "fe80::/10",
	} {
		accepted = append(accepted, acceptedManifest{"the host " + host, withAllowedHost(host)})
	}
	return accepted
}

func refusedAllowedHosts() []refusedManifest {
	const (
		hosts   = "spec.verification.allowedHosts"
		badHost = "must be a host such as cdn.example.com, *.example.com or cdn.example.com:8443, an address such as 192.0.2.7, " +
			"or a range such as 192.0.2.0/24, in lower case, without scheme or path"
	)
	refused := []refusedManifest{
		{"verification of nothing", `verification: {}`, hosts, "Required value"},
		{"verification of a policy", `verification: {preflight: Enabled, allowedHosts: [a]}`, "", `unknown field "spec.verification.preflight"`},
		{"no host", `verification: {allowedHosts: []}`, hosts, "should have at least 1 items"},
		{"101 hosts", `verification: {allowedHosts: ` + times(101, "cdn-#.example.com") + `}`, hosts, "must have at most 100 items"},
		{"a host twice", `verification: {allowedHosts: [a, a]}`, hosts + "[1]", `Duplicate value: "a"`},
		{"an empty host", withAllowedHost(""), hosts + "[0]", "should be at least 1 chars long"},
		{"a host of 261 characters", withAllowedHost(strings.Repeat("a", 261)), hosts + "[0]", "may not be more than 260 bytes"},
	}
	for _, host := range []string{
		"*", "*.", "cdn.*", "cdn.*.example.com", "*cdn.example.com", "**.example.com", "https://cdn.example.com", "cdn.example.com/", "cdn.example.com/assets",
		"CDN.example.com", "bücher.example", " cdn.example.com", `cdn.example.com\n`, "cdn.example.com:", "cdn.example.com:https", "cdn.example.com:999999",
		"user@cdn.example.com", "-cdn.example.com", "192.0.2.0/", "192.0.2.0/1000", "192.0.2.*", "[::1]", "[::1]:", "[localhost]:8443", "fe80::1%eth0", "2001:DB8::/32",
	} {
		refused = append(refused, refusedManifest{`the host "` + host + `"`, withAllowedHost(host), hosts + "[0]", badHost})
	}
	return refused
}

// Two owners, say a team and its platform, each apply expectations of their own:
// each keeps and removes its own, and neither changes one of the other by mistake.
func TestExpectationsHaveSeveralOwners(t *testing.T) {
	needsAPIServer(t)
	policy := func(spec string) *unstructured.Unstructured {
		object := &unstructured.Unstructured{Object: map[string]any{"spec": parseYAML(t, spec)}}
		object.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind("BucketCORSPolicy"))
		object.SetNamespace(testNamespace)
		object.SetName("expectations-of-two")
		return object
	}
	apply := func(owner, spec string) error {
		return apiServer.client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(policy(spec)), client.FieldOwner(owner))
	}
	names := func() []string {
		var stored v1alpha1.BucketCORSPolicy
		if err := apiServer.client.Get(t.Context(), client.ObjectKeyFromObject(policy("")), &stored); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range stored.Spec.Expectations {
			names = append(names, e.Name+" "+string(e.Method))
		}
		return names
	}
	const team = `
buckets: [{name: app-assets}]
rules: [{allowedOrigins: ["https://app.example.com"], allowedMethods: [GET]}]
`
	const platform = `expectations: [{name: nobody deletes, origin: "https://app.example.com", method: DELETE, outcome: Denied}]`
	if err := apply("team", team+`expectations: [{name: reads, origin: "https://app.example.com", method: GET}]`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := apiServer.client.Delete(context.WithoutCancel(t.Context()), policy("")); err != nil {
			t.Error(err)
		}
	})
	if err := apply("platform", platform); err != nil {
		t.Fatal(err)
	}
	if got, want := names(), []string{"reads GET", "nobody deletes DELETE"}; !slices.Equal(got, want) {
		t.Errorf("after both applied there are %q, want %q", got, want)
	}
	err := apply("team", team+
		`expectations: [{name: nobody deletes, origin: "https://app.example.com", method: GET}]`)
	if !apierrors.IsConflict(err) || !strings.Contains(err.Error(), `.spec.expectations[name="nobody deletes"].method`) {
		t.Errorf("to change that of another is %v, not a conflict about the method", err)
	}
	if err := apply("team", team); err != nil {
		t.Fatal(err)
	}
	if got, want := names(), []string{"nobody deletes DELETE"}; !slices.Equal(got, want) {
		t.Errorf("after one took its own away there are %q, want %q", got, want)
	}
}
