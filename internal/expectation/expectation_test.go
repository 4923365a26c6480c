// SPDX-License-Identifier: Apache-2.0

package expectation_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/expectation"
)

const app = "https://app.example.com"

type (
	names = []string
	sets  = []v1alpha1.HeaderName
)

func compile(t testing.TB, rules ...cors.Rule) *cors.Policy {
	t.Helper()
	p, err := cors.Compile(cors.Configuration{Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCheck(t *testing.T) {
	uploads := cors.Rule{ID: "uploads", AllowedOrigins: names{app}, AllowedMethods: names{"PUT", "POST"}, AllowedHeaders: names{"content-type", "x-amz-*"}, ExposeHeaders: names{"ETag"}}
	public := cors.Rule{ID: "public", AllowedOrigins: names{"*"}, AllowedMethods: names{"GET"}}
	for _, test := range []struct {
		name        string
		expectation v1alpha1.Expectation
		rules       []cors.Rule
		message     string // empty: met
		rule        int
	}{
		{name: "an upload", expectation: v1alpha1.Expectation{Name: "upload", Origin: app, Method: "PUT", Headers: sets{"Content-Type"}, Exposes: sets{"ETag"}},
			rules: []cors.Rule{uploads}},
		{name: "allowed is the outcome where there is none", expectation: v1alpha1.Expectation{Name: "upload", Origin: app, Method: "PUT", Outcome: v1alpha1.OutcomeAllowed},
			rules: []cors.Rule{uploads}},
		{name: "a header that is missing", expectation: v1alpha1.Expectation{Name: "browser upload", Origin: app, Method: "PUT", Headers: sets{"Cache-Control", "content-type"}},
			rules:   []cors.Rule{public, uploads},
			message: `expectation "browser upload": PUT with cache-control and content-type from "https://app.example.com" should be allowed and is not: the preflight is refused: rule "uploads" matches but for header cache-control`, rule: 1},
		{name: "a header that is not exposed", expectation: v1alpha1.Expectation{Name: "reads", Origin: app, Method: "GET", Exposes: sets{"ETag"}},
			rules:   []cors.Rule{public},
			message: `expectation "reads": GET from "https://app.example.com" should be allowed and is not: the script cannot read ETag: rule "public" answers, and does not expose it; add "ETag" to exposeHeaders`},
		{name: "credentials", expectation: v1alpha1.Expectation{Name: "reads", Origin: app, Method: "GET", Credentials: v1alpha1.CredentialsInclude},
			rules:   []cors.Rule{public},
			message: `expectation "reads": GET from "https://app.example.com" with credentials should be allowed and is not: the response is kept from the script: rule "public" answers with the origin "*", which browsers do not take with credentials; allow "https://app.example.com" in a rule before it that does not have "*"`},
		{name: "no credentials", expectation: v1alpha1.Expectation{Name: "reads", Origin: app, Method: "GET", Credentials: v1alpha1.CredentialsOmit},
			rules: []cors.Rule{public}},
		{name: "names are quoted", expectation: v1alpha1.Expectation{Name: "a \"b\"\nc", Origin: "https://b.example", Method: "PUT"},
			rules:   []cors.Rule{uploads},
			message: `expectation "a \"b\"\nc": PUT from "https://b.example" should be allowed and is not: the preflight is refused: rule "uploads" matches but for origin "https://b.example"`},
		{name: "no rules at all", expectation: v1alpha1.Expectation{Name: "x", Origin: app, Method: "PUT"},
			message: `expectation "x": PUT from "https://app.example.com" should be allowed and is not: the preflight is refused: the bucket has no CORS configuration; give it one with a rule for the origin "https://app.example.com"`, rule: -1},

		{name: "a stranger", expectation: v1alpha1.Expectation{Name: "stranger", Origin: "https://evil.example", Method: "PUT", Outcome: v1alpha1.OutcomeDenied},
			rules: []cors.Rule{uploads, public}},
		{name: "a stranger who is let in", expectation: v1alpha1.Expectation{Name: "stranger", Origin: "https://evil.example", Method: "GET", Outcome: v1alpha1.OutcomeDenied},
			rules:   []cors.Rule{uploads, public},
			message: `expectation "stranger": GET from "https://evil.example" should be denied and is not: rule "public" answers, and the browser sends no preflight`, rule: 1},
		{name: "a response that a script gets without a header is not denied", expectation: v1alpha1.Expectation{Name: "stranger", Origin: "https://evil.example", Method: "GET", Exposes: sets{"ETag"}, Outcome: v1alpha1.OutcomeDenied},
			rules:   []cors.Rule{public},
			message: `expectation "stranger": GET from "https://evil.example" should be denied and is not: rule "public" answers, and the browser sends no preflight`},

		{name: "a preset", expectation: v1alpha1.Expectation{Name: "upload", Origin: app, Preset: v1alpha1.PresetPresignedUpload},
			rules: []cors.Rule{uploads}},
		{name: "a preset and a header that is allowed", expectation: v1alpha1.Expectation{Name: "upload", Origin: app, Preset: v1alpha1.PresetPresignedUpload, Headers: sets{"x-amz-acl"}, Exposes: sets{"ETag"}},
			rules: []cors.Rule{uploads}},
		{name: "a preset and a header that is not", expectation: v1alpha1.Expectation{Name: "upload", Origin: app, Preset: v1alpha1.PresetPresignedUpload, Headers: sets{"content-md5"}},
			rules:   []cors.Rule{uploads},
			message: `expectation "upload": PutObject of PresignedUpload, PUT with content-md5 and content-type from "https://app.example.com" should be allowed and is not: the preflight is refused: rule "uploads" matches but for header content-md5`},
		{name: "one request of a preset that fails", expectation: v1alpha1.Expectation{Name: "large files", Origin: app, Preset: v1alpha1.PresetMultipartUpload},
			rules:   []cors.Rule{uploads},
			message: `expectation "large files": AbortMultipartUpload of MultipartUpload, DELETE from "https://app.example.com" should be allowed and is not: the preflight is refused: rule "uploads" matches but for method DELETE`},
		{name: "a preset of which one request has to be denied and is not", expectation: v1alpha1.Expectation{Name: "nobody uploads", Origin: app, Preset: v1alpha1.PresetMultipartUpload, Outcome: v1alpha1.OutcomeDenied},
			rules:   []cors.Rule{{ID: "parts", AllowedOrigins: names{app}, AllowedMethods: names{"PUT"}}},
			message: `expectation "nobody uploads": UploadPart of MultipartUpload, PUT from "https://app.example.com" should be denied and is not: rule "parts" answers`},
		{name: "several headers", expectation: v1alpha1.Expectation{Name: "six", Origin: app, Method: "PUT", Headers: sets{"a1", "a2", "a3", "a4", "a5", "a6"}},
			rules:   []cors.Rule{{ID: "one", AllowedOrigins: names{app}, AllowedMethods: names{"PUT"}, AllowedHeaders: names{"a1", "a2", "a3", "a4", "a5"}}},
			message: `expectation "six": PUT with a1, a2, a3, a4, a5 and a6 from "https://app.example.com" should be allowed and is not: the preflight is refused: rule "one" matches but for header a6`},
		{name: "more headers than are shown", expectation: v1alpha1.Expectation{Name: "seven", Origin: app, Method: "PUT", Headers: sets{"a1", "a2", "a3", "a4", "a5", "a6", "a7"}},
			rules:   []cors.Rule{{ID: "one", AllowedOrigins: names{app}, AllowedMethods: names{"PUT"}, AllowedHeaders: names{"a1", "a2", "a3", "a4", "a5", "a6"}}},
			message: `expectation "seven": PUT with a1, a2, a3, a4, a5 and 2 more from "https://app.example.com" should be allowed and is not: the preflight is refused: rule "one" matches but for header a7`},
		{name: "many headers", expectation: v1alpha1.Expectation{Name: "sdk", Origin: app, Preset: v1alpha1.PresetSDKBrowser},
			rules:   []cors.Rule{uploads},
			message: `expectation "sdk": GetObject of SDKBrowser, GET with amz-sdk-invocation-id, amz-sdk-request, authorization, x-amz-checksum-mode, x-amz-content-sha256 and 3 more from "https://app.example.com" should be allowed and is not: the preflight is refused: rule "uploads" matches but for method GET and headers amz-sdk-invocation-id, amz-sdk-request and authorization; "x-amz-*" does not stand for the headers of AWS SDKs that begin with "amz-sdk-"; "amz-sdk-*" does`},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := cors.AWS.NoConfiguration()
			if len(test.rules) > 0 {
				p = compile(t, test.rules...)
			}
			met := v1alpha1.Expectation{Name: "met", Origin: app, Method: "DELETE", Outcome: v1alpha1.OutcomeDenied}
			failures := expectation.Check([]v1alpha1.Expectation{met, test.expectation}, p)
			if test.message == "" {
				if len(failures) > 0 {
					t.Errorf("fails: %s", failures[0].Message)
				}
				return
			}
			if len(failures) != 1 {
				t.Fatalf("%d failures", len(failures))
			}
			f := failures[0]
			if f.Message != test.message {
				t.Errorf("says\n%s, want\n%s", f.Message, test.message)
			}
			if f.Index != 1 || f.Name != test.expectation.Name || f.Request.Origin != string(test.expectation.Origin) || f.Verdict.Rule() != test.rule {
				t.Errorf("got %+v about rule %d", f, f.Verdict.Rule())
			}
		})
	}
}

func TestFailuresComeInOrderAndOnceEach(t *testing.T) {
	expectations := []v1alpha1.Expectation{
		{Name: "a", Origin: app, Preset: v1alpha1.PresetMultipartUpload},
		{Name: "b", Origin: app, Method: "GET"},
		{Name: "c", Origin: app, Method: "DELETE"},
	}
	failures := expectation.Check(expectations, compile(t, cors.Rule{AllowedOrigins: names{app}, AllowedMethods: names{"GET"}}))
	if len(failures) != 2 || failures[0].Name != "a" || failures[0].Request.Name != "CreateMultipartUpload" || failures[1].Name != "c" || failures[1].Index != 2 {
		t.Errorf("got %+v", failures)
	}
	if failures := expectation.Check(nil, nil); failures != nil {
		t.Errorf("no expectations fail: %+v", failures)
	}
}

func TestRequests(t *testing.T) {
	for _, test := range []struct {
		name        string
		expectation v1alpha1.Expectation
		want        []browser.Request
	}{
		{"a method", v1alpha1.Expectation{Name: "upload", Origin: app, Method: "PUT", Headers: sets{"x-a"}, Exposes: sets{"ETag"}, Credentials: v1alpha1.CredentialsInclude},
			[]browser.Request{{Name: "upload", Origin: app, Method: "PUT", Headers: names{"x-a"}, Reads: names{"ETag"}, Credentials: true}}},
		{"a preset with more", v1alpha1.Expectation{Name: "upload", Origin: app, Preset: v1alpha1.PresetPresignedUpload, Headers: sets{"x-a"}, Exposes: sets{"ETag"}},
			[]browser.Request{{Name: "PutObject", Origin: app, Method: "PUT", Headers: names{"content-type", "x-a"}, Reads: names{"ETag"}}}},
		{"what is denied reads nothing", v1alpha1.Expectation{Name: "ranges", Origin: app, Preset: v1alpha1.PresetRangeReader, Outcome: v1alpha1.OutcomeDenied},
			[]browser.Request{{Name: "GetObject", Origin: app, Method: "GET"}, {Name: "HeadObject", Origin: app, Method: "HEAD"}}},
		{"a preset that is not known", v1alpha1.Expectation{Name: "x", Origin: app, Preset: "Other"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := expectation.Requests(test.expectation); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// The presets of the API are the clients that are known.
func TestEveryPresetHasRequests(t *testing.T) {
	presets := []v1alpha1.ClientPreset{
		v1alpha1.PresetPresignedUpload, v1alpha1.PresetMultipartUpload, v1alpha1.PresetRangeReader, v1alpha1.PresetSDKBrowser,
	}
	for i, preset := range presets {
		if len(expectation.Requests(v1alpha1.Expectation{Name: "x", Origin: app, Preset: preset})) == 0 || string(preset) != string(browser.Clients()[i]) {
			t.Errorf("%s has no requests", preset)
		}
	}
	if len(presets) != len(browser.Clients()) {
		t.Errorf("%d presets for %d clients", len(presets), len(browser.Clients()))
	}
}

func BenchmarkCheck(b *testing.B) {
	var rules []cors.Rule
	var expectations []v1alpha1.Expectation
	for i := range 100 {
		origin := fmt.Sprintf("https://app%d.example.com", i)
		rules = append(rules, cors.Rule{AllowedOrigins: names{origin}, AllowedMethods: names{"GET", "HEAD", "PUT", "POST", "DELETE"}, AllowedHeaders: names{"*"},
			ExposeHeaders: names{"ETag", "Content-Range", "Accept-Ranges"}})
		expectations = append(expectations, v1alpha1.Expectation{Name: origin, Origin: v1alpha1.PageOrigin(origin),
			Preset: []v1alpha1.ClientPreset{v1alpha1.PresetPresignedUpload, v1alpha1.PresetMultipartUpload, v1alpha1.PresetRangeReader, v1alpha1.PresetSDKBrowser}[i%4]})
	}
	met := compile(b, rules...)
	unmet := compile(b, cors.Rule{AllowedOrigins: names{"https://other.example"}, AllowedMethods: names{"GET"}})
	for _, bench := range []struct {
		name     string
		policy   *cors.Policy
		failures int
	}{{"met", met, 0}, {"unmet", unmet, 100}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if failures := expectation.Check(expectations, bench.policy); len(failures) != bench.failures {
					b.Fatalf("%d failures: %+v", len(failures), failures[0])
				}
			}
		})
	}
}
