// SPDX-License-Identifier: Apache-2.0

package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/lint"
)

// about are the findings about values that S3 refuses or never matches.
func about(c cors.Configuration, o lint.Options) []lint.Finding {
	return slices.DeleteFunc(lint.Run(c, o), func(f lint.Finding) bool {
		return f.ID > "CORS015" && f.ID < "CORS035" || f.ID > "CORS039" && f.ID < "CORS047" || f.ID == "CORS038" || f.ID == "CORS036"
	})
}

// summary is what is found, "CORS010" or, with an edit, "CORS010 a | b"; without
// an edit and with values, nothing is to be found.
func summary(found []lint.Finding) string {
	var list []string
	for _, f := range found {
		text := f.ID
		if f.Severity != lint.Error {
			text += " " + string(f.Severity)
		}
		if f.Edit != nil {
			text += " -> " + strings.Join(f.Edit.Values, " | ")
		}
		list = append(list, text)
	}
	return strings.Join(list, "; ")
}

func TestOriginsThatBrowsersSendHaveNoFindings(t *testing.T) {
	for _, origin := range []string{
		"*", "null", "https://app.example.com", "https://*", "http*", "https://*.example.com:8443", "http://localhost:*", "http://localhost:3000",
		"http*://app.example.com", "*://app.example.com", "http://[::1]:8080", "https://app-*.example.com", "https://xn--bcher-kva.example",
		"chrome-extension://abcdefghijklmnop", "moz-extension://*", "capacitor://localhost", "ionic://localhost", "tauri://localhost", "file://", "app://obsidian.md",
		"myapp://Host", "https://a_b.example.com", "https://example.com.", "http://app.example.com:443", "https://app.example.com:80", "http://10.0.0.1:1", "https://example*",
	} {
		if got := summary(about(of(func(r *cors.Rule) { r.AllowedOrigins = []string{origin} }), lint.Options{})); got != "" {
			t.Errorf("%s: %s", origin, got)
		}
	}
}

func TestAnOriginThatNeverMatchesHasOneFinding(t *testing.T) {
	for _, test := range []struct{ origin, want string }{
		{"https://app.example.com/", "CORS010 -> https://app.example.com"},
		{"https://*.example.com/", "CORS010 -> https://*.example.com"},
		{"capacitor://localhost/", "CORS010 -> capacitor://localhost"},
		{"https://*/", "CORS010"}, // would let everybody in
		{"*/", "CORS010"},
		{"https://app.example.com/*", "CORS011 -> https://app.example.com"},
		{"https://app.example.com/login?next=/#top", "CORS011 -> https://app.example.com"},
		{"https://app.example.com?x", "CORS011 -> https://app.example.com"},
		{"https://app.example.com//", "CORS048"},
		{"https://user:secret@app.example.com", "CORS011"},
		{"file:///android_asset", "CORS011"},
		{"app.example.com", "CORS012"},
		{"app.example.com/path", "CORS012"},
		{"localhost:3000", "CORS012"},
		{"www.*", "CORS012"},
		{"*.example.com", "CORS012 warning"},
		{"*.Example.com", "CORS014 -> *.example.com"},
		{"https://app.example.com:443", "CORS013 -> https://app.example.com"},
		{"http://app.example.com:80", "CORS013 -> http://app.example.com"},
		{"https://*:443", "CORS013"},
		{"https://App.Example.com", "CORS014 -> https://app.example.com"},
		{"HTTPS://app.example.com", "CORS014 -> https://app.example.com"},
		{"Chrome-Extension://abc", "CORS014 -> chrome-extension://abc"},
		{"HTTPS://App.Example.com:443/", "CORS010 -> https://app.example.com"},
		{"https://bücher.example", "CORS014 -> https://xn--bcher-kva.example"},
		{"https://*.Bücher.example:8443", "CORS014 -> https://*.xn--bcher-kva.example:8443"},
		{"https://b*ü.example", "CORS014"},
		{"http://[0:0:0:0:0:0:0:1]:3000", "CORS014 -> http://[::1]:3000"},
		{"Null", "CORS014"},
		{"", "CORS015"},
		{" ", "CORS015"},
		{" https://app.example.com", "CORS015 -> https://app.example.com"},
		{" HTTPS://App.Example.com/ ", "CORS015 -> https://app.example.com"},
		{`"https://app.example.com"`, "CORS015 -> https://app.example.com"},
		{"https://a.example, https://b.example/", "CORS015 -> https://a.example | https://b.example"},
		{"https://a.example https://a.example", "CORS015 -> https://a.example"},
		{"https://a.example, b.example", "CORS015"},
		{"https://a.example, *", "CORS015"},
		{" * ", "CORS015"},
		{"https:/app.example.com", "CORS048"},
		{"https//app.example.com", "CORS048"},
		{"https://https://app.example.com", "CORS048"},
		{"https://", "CORS048"},
		{"/", "CORS048"},
		{"https://app.example.com:", "CORS048"},
		{"https://app.example.com:99999", "CORS048"},
		{"https://app.example.com:08443", "CORS048"},
		{"https://app.example.com:https", "CORS048"},
		{"https://a|b.example", "CORS048"},
		{"http://[::1", "CORS048"},
		{"https://*.*.example", "CORS005"},
		{"https://*.a.example,https://*.b.example", "CORS005 -> https://*.a.example | https://*.b.example"},
		{"https://a.example\x01", "CORS047"},
		{"\xff", "CORS047"},
	} {
		if got := summary(about(of(func(r *cors.Rule) { r.AllowedOrigins = []string{test.origin} }), lint.Options{})); got != test.want {
			t.Errorf("%q: got %s, want %s", test.origin, got, test.want)
		}
	}
}

func TestAFixNeitherRepeatsAValueNorEmptiesAList(t *testing.T) {
	for _, test := range []struct {
		origins []string
		want    string
	}{
		{[]string{"https://a.example/", "https://a.example"}, "CORS010 -> "},
		{[]string{"https://a.example/", "HTTPS://a.example"}, "CORS010 -> https://a.example; CORS014 -> "},
		{[]string{"https://a.example,https://b.example", "https://b.example"}, "CORS015 -> https://a.example"},
		{[]string{"", "https://b.example"}, "CORS015 -> "},
		{[]string{"", " "}, "CORS015; CORS015"},
		{[]string{"", "b.example"}, "CORS015 -> ; CORS012"},
	} {
		if got := summary(about(of(func(r *cors.Rule) { r.AllowedOrigins = test.origins }), lint.Options{})); got != test.want {
			t.Errorf("%q: got %q, want %q", test.origins, got, test.want)
		}
	}
}

func TestMethodsThatS3RefusesAreMended(t *testing.T) {
	for _, test := range []struct {
		methods []string
		want    string
	}{
		{[]string{"get"}, "CORS004 -> GET"},
		{[]string{"get", "GET"}, "CORS004 -> "},
		{[]string{" Put "}, "CORS004 -> PUT"},
		{[]string{"GET,PUT"}, "CORS004 -> GET | PUT"},
		{[]string{"GET", "OPTIONS"}, "CORS004 -> "},
		{[]string{"OPTIONS"}, "CORS004"},
		{[]string{"GET, OPTIONS"}, "CORS004 -> GET"},
		{[]string{"PATCH"}, "CORS004"},
		{[]string{"*"}, "CORS004"},
		{[]string{""}, "CORS004"},
	} {
		if got := summary(about(of(func(r *cors.Rule) { r.AllowedMethods = test.methods }), lint.Options{})); got != test.want {
			t.Errorf("%q: got %q, want %q", test.methods, got, test.want)
		}
	}
}

func TestHeadersThatNeverMatch(t *testing.T) {
	for _, test := range []struct {
		header, allowed, exposed string
	}{
		{"content-encoding", "", ""},
		{"x-amz-*", "", "CORS007"},
		{"x-*-*", "CORS006", "CORS007"},
		{"*", "", "CORS007"},
		{"", "CORS015", "CORS015"},
		{" etag ", "CORS015 -> etag", "CORS009 -> etag"},
		{`"etag"`, "CORS015 -> etag", "CORS009 -> etag"},
		{"etag, x-amz-request-id", "CORS015 -> etag | x-amz-request-id", "CORS009 -> etag | x-amz-request-id"},
		{"x-a-*, x-b-*", "CORS006 -> x-a-* | x-b-*", "CORS007"},
		{"etag:", "CORS009", "CORS009"},
		{"content type", "CORS009", "CORS009"},
		{" content type ", "CORS009", "CORS009"},
		{"x\u00e4", "CORS009", "CORS009"},
		{"Origin", "CORS039 info", "CORS039 info"},
		{"sec-ch-*", "CORS039 info", "CORS007"},
		{"Access-Control-Allow-Origin", "CORS039 info", "CORS039 info"},
		{"accept", "CORS039 info", "CORS039 info"},
		{"Content-Type", "", "CORS039 info"},
		{"set-cookie", "CORS039 info", "CORS039 info"},
	} {
		if got := summary(about(of(func(r *cors.Rule) { r.AllowedHeaders = []string{test.header} }), lint.Options{})); got != test.allowed {
			t.Errorf("allowing %q: got %q, want %q", test.header, got, test.allowed)
		}
		if got := summary(about(of(func(r *cors.Rule) { r.ExposeHeaders = []string{test.header} }), lint.Options{})); got != test.exposed {
			t.Errorf("exposing %q: got %q, want %q", test.header, got, test.exposed)
		}
	}
}

func TestHeadersThatDoNothingForOneReasonAreToldAtOnce(t *testing.T) {
	const uploadsOfRails = "Origin Content-Type Content-MD5 Content-Disposition"
	for _, test := range []struct {
		allowed, exposed string
		dialect          *cors.Dialect
		want             []string
	}{
		{"content-type", "ETag Content-Disposition x-amz-meta-name", nil, nil},
		{"*", "ETag Content-Length Content-Type", nil, []string{
			`exposeHeaders[1]: "Content-Length" and "Content-Type" are headers that every script can read; remove them`}},
		{"Range Origin Accept", "Content-Range", nil, []string{
			`allowedHeaders[1]: "Origin" is a header that no script can set; remove it`,
			`allowedHeaders[2]: "Accept" is a header that needs no permission; remove it`}},
		{"*", uploadsOfRails, nil, []string{
			`exposeHeaders[0]: "Origin" and "Content-MD5" are headers of requests; remove them`,
			`exposeHeaders[1]: "Content-Type" is a header that every script can read; remove it`}},
		{"Authorization", "Access-Control-Allow-Origin", nil, []string{
			`exposeHeaders[0]: "Access-Control-Allow-Origin" is for the browser and not for scripts; remove it`}},
		{"*", "ETag x-amz-meta-*", cors.CephRGW, []string{
			`exposeHeaders[1]: "x-amz-meta-*" is the name of no header; remove it`}},
		{"*", "*", cors.CephRGW, nil},
		{"*", "x-amz-meta-*", nil, nil}, // refused, which another check tells
	} {
		c := of(func(r *cors.Rule) {
			r.AllowedHeaders, r.ExposeHeaders = strings.Fields(test.allowed), strings.Fields(test.exposed)
		})
		var got []string
		for _, f := range lint.Run(c, lint.Options{Dialect: test.dialect}) {
			if f.ID == "CORS039" {
				got = append(got, strings.TrimPrefix(f.String(), "rules[0]."))
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s | %s:\ngot  %q\nwant %q", test.allowed, test.exposed, got, test.want)
		}
	}
}

func TestThereIsNothingToGainByAMaxAge(t *testing.T) {
	put := of(func(r *cors.Rule) { r.AllowedMethods = []string{"PUT"} })
	shadowed := cors.Configuration{Rules: slices.Repeat(of(func(r *cors.Rule) {
		r.AllowedMethods = []string{"PUT"}
	}).Rules, 2)}
	shadowed.Rules[0].MaxAgeSeconds = new(int32(600))
	for name, test := range map[string]struct {
		c        cors.Configuration
		profiles []lint.Profile
		want     bool
	}{
		"uploads":                   {put, nil, true},
		"presigned uploads":         {put, []lint.Profile{lint.PresignedUpload}, false},
		"also by the SDK":           {put, []lint.Profile{lint.PresignedUpload, lint.SDKBrowser}, true},
		"a rule that never answers": {shadowed, nil, false},
	} {
		found := lint.Run(test.c, lint.Options{Profiles: test.profiles})
		if got := slices.Contains(ids(found), "CORS036"); got != test.want {
			t.Errorf("%s: %v", name, found)
		}
	}
}

func TestAStarForTheSchemeIsNotToldBesideSomethingWorse(t *testing.T) {
	for origin, want := range map[string]string{
		"*.example.com":    "CORS012 CORS024 ",
		"*.amazonaws.com":  "CORS023 ",
		"*example.com":     "CORS022 ",
		"*.app.vercel.app": "CORS012 ",
	} {
		got := ""
		for _, f := range lint.Run(of(func(r *cors.Rule) { r.AllowedOrigins = []string{origin} }), lint.Options{}) {
			got += f.ID + " "
		}
		if strings.Replace(got, "CORS024 ", "", 1) != strings.Replace(want, "CORS024 ", "", 1) {
			t.Errorf("%s: %s", origin, got)
		}
	}
}

func TestMaxAge(t *testing.T) {
	for _, test := range []struct {
		method  string
		seconds *int32
		want    string
	}{
		{"GET", nil, ""},
		{"GET", new(int32(0)), ""},
		{"PUT", nil, "CORS036"},
		{"DELETE", new(int32(0)), "CORS036"},
		{"DELETE", new(int32(59)), "CORS036"},
		{"PUT", new(int32(60)), ""},
		{"PUT", new(int32(7200)), ""},
		{"PUT", new(int32(7201)), "CORS035"},
		{"GET", new(int32(86401)), "CORS035"},
		{"PUT", new(int32(-1)), "CORS037"},
	} {
		found := lint.Run(of(func(r *cors.Rule) {
			r.AllowedMethods, r.MaxAgeSeconds = []string{test.method}, test.seconds
		}), lint.Options{})
		found = slices.DeleteFunc(found, func(f lint.Finding) bool { return f.Field != cors.FieldMaxAgeSeconds })
		if got := strings.Join(ids(found), " "); got != test.want {
			t.Errorf("%s %v: got %q, want %q", test.method, test.seconds, got, test.want)
		}
	}
}

func TestWhatS3AnswersIsToldInItsOwnWords(t *testing.T) {
	for _, test := range []struct {
		edit func(*cors.Rule)
		want string
	}{
		{
			func(r *cors.Rule) { r.AllowedMethods = []string{"PATCH"} },
			"S3 answers 400 InvalidRequest: Found unsupported HTTP method in CORS config. Unsupported method is PATCH",
		},
		{
			func(r *cors.Rule) { r.AllowedOrigins = nil },
			"S3 answers 400 MalformedXML: The XML you provided was not well-formed or did not validate against our published schema",
		},
		{
			func(r *cors.Rule) { r.ID = strings.Repeat("a", 256) },
			"S3 documents this limit, and refuses the whole configuration",
		},
	} {
		found := about(of(test.edit), lint.Options{})
		if len(found) != 1 || found[0].Why != test.want {
			t.Errorf("got %+v, want %q", found, test.want)
		}
	}
}

func TestIDsThatTwoRulesHave(t *testing.T) {
	r := of(func(r *cors.Rule) { r.ID = "a" }).Rules[0]
	c := cors.Configuration{Rules: []cors.Rule{r, of(func(*cors.Rule) {}).Rules[0], r, of(func(*cors.Rule) {}).Rules[0]}}
	found := slices.DeleteFunc(lint.Run(c, lint.Options{}), func(f lint.Finding) bool { return f.ID != "CORS008" })
	if len(found) != 1 || found[0].String() != `rules[2].id: "a" is the ID of rules[0] as well; give each rule an ID of its own, or none` {
		t.Errorf("found %v", found)
	}
}

func TestManyRules(t *testing.T) {
	for n, want := range map[int]string{80: "", 81: "CORS002 info", 100: "CORS002 info", 101: "CORS002"} {
		var c cors.Configuration
		for i := range n {
			c.Rules = append(c.Rules, of(func(r *cors.Rule) { r.AllowedOrigins = []string{fmt.Sprintf("https://a%d.example", i)} }).Rules...)
		}
		if got := summary(about(c, lint.Options{})); got != want {
			t.Errorf("%d rules: %q, want %q", n, got, want)
		}
	}
}
