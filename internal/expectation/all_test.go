// SPDX-License-Identifier: Apache-2.0

package expectation_test

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/expectation"
)

func TestAllHasEveryRequestOnce(t *testing.T) {
	expectations := []v1alpha1.Expectation{
		{Name: "parts", Origin: app, Preset: v1alpha1.PresetMultipartUpload},
		{Name: "part", Origin: app, Method: "PUT", Exposes: sets{"etag", "x-a"}},
		{Name: "upload", Origin: app, Method: "PUT", Headers: sets{"Content-Type", "x-a"}},
		{Name: "the same", Origin: app, Method: "PUT", Headers: sets{"X-A", "content-type", "accept"}},
		{Name: "elsewhere", Origin: "https://b.example", Method: "PUT", Outcome: v1alpha1.OutcomeDenied},
		{Name: "with credentials", Origin: app, Method: "PUT", Credentials: v1alpha1.CredentialsInclude},
	}
	want := []browser.Request{
		{Name: "CreateMultipartUpload", Origin: app, Method: "POST"},
		{Name: "UploadPart", Origin: app, Method: "PUT", Reads: names{"ETag", "x-a"}},
		{Name: "AbortMultipartUpload", Origin: app, Method: "DELETE"},
		{Name: "upload", Origin: app, Method: "PUT", Headers: names{"Content-Type", "x-a"}},
		{Name: "elsewhere", Origin: "https://b.example", Method: "PUT"},
		{Name: "with credentials", Origin: app, Method: "PUT", Credentials: true},
	}
	rules := cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: names{"*"}, AllowedMethods: names{"GET"}}}}
	got := expectation.All(expectations, rules)
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		w := want[i]
		if g := got[i]; g.Name != w.Name || g.Origin != w.Origin || g.Method != w.Method || g.Credentials != w.Credentials ||
			!slices.Equal(g.Headers, w.Headers) || !slices.Equal(g.Reads, w.Reads) {
			t.Errorf("got %+v, want %+v", g, w)
		}
	}
}

func TestSamples(t *testing.T) {
	for _, test := range []struct {
		name string
		rule cors.Rule
		want []browser.Request
	}{
		{"each method", cors.Rule{ID: "a", AllowedOrigins: names{app}, AllowedMethods: names{"GET", "PUT", "GET"}}, []browser.Request{
			{Name: `sample of rule "a"`, Origin: app, Method: "GET"}, {Name: `sample of rule "a"`, Origin: app, Method: "PUT"}}},
		{"any origin", cors.Rule{AllowedOrigins: names{"*"}, AllowedMethods: names{"GET"}}, []browser.Request{
			{Name: "sample of rules[0]", Origin: "https://sample.example.com", Method: "GET"}}},
		{"headers", cors.Rule{AllowedOrigins: names{app}, AllowedMethods: names{"PUT"}, AllowedHeaders: names{"*", "Content-Type", "X-Amz-*", "amz-sdk-*", "x-*-b", "(c)", "d e", ""}}, []browser.Request{
			{Name: "sample of rules[0]", Origin: app, Method: "PUT", Headers: names{"content-type", "x-amz-date", "amz-sdk-request", "x-sample-b"}}}},
		{"an origin that no browser sends", cors.Rule{AllowedOrigins: names{app + "/", "HTTPS://APP.EXAMPLE.COM", "", app}, AllowedMethods: names{"PUT"}}, []browser.Request{
			{Name: "sample of rules[0]", Origin: app, Method: "PUT"}}},
		{"none that a browser sends", cors.Rule{AllowedOrigins: names{app + "/", "app.example.com"}, AllowedMethods: names{"PUT"}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := expectation.All(nil, cors.Configuration{Rules: []cors.Rule{test.rule}})
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
	if got := expectation.All(nil, cors.Configuration{}); got != nil {
		t.Errorf("there are samples of nothing: %+v", got)
	}
}

func TestSamplesHaveOriginsThatBrowsersSend(t *testing.T) {
	for allowed, want := range map[string]string{
		"https://app.example.com":      "https://app.example.com",
		"http://localhost:3000":        "http://localhost:3000",
		"http://[::1]:3000":            "http://[::1]:3000",
		"null":                         "null",
		"capacitor://localhost":        "capacitor://localhost",
		"*":                            "https://sample.example.com",
		"https://*":                    "https://sample.example.com",
		"http://*":                     "http://sample.example.com",
		"http*":                        "https://sample.example.com",
		"https*":                       "https://sample.example.com",
		"https:*":                      "https://sample.example.com",
		"https://*.example.com":        "https://sample.example.com",
		"https://*example.com":         "https://sampleexample.com",
		"https://app-*.example.com":    "https://app-sample.example.com",
		"https://app.*.com":            "https://app.sample.com",
		"https://app.example.com*":     "https://app.example.com",
		"https://app.*":                "https://app.sample.example.com",
		"*.example.com":                "https://sample.example.com",
		"*://app.example.com":          "https://app.example.com",
		"http*://app.example.com":      "https://app.example.com",
		"*//app.example.com":           "https://app.example.com",
		"*-app.example.com":            "https://sample-app.example.com",
		"*:3000":                       "https://sample:3000",
		"ht*://app.example.com":        "https://app.example.com",
		"http:*":                       "http://sample.example.com",
		"ftp*":                         "",
		"*app.example.com":             "https://app.example.com",
		"http://localhost:*":           "http://localhost:8080",
		"http://localhost:30*":         "http://localhost:30",
		"http://localhost:*0":          "http://localhost:800",
		"http://*:3000":                "http://sample.example.com:3000",
		"https://*.example.com:8443":   "https://sample.example.com:8443",
		"https://app.example.com/":     "",
		"https://*/":                   "",
		"https://app.example.com:443":  "",
		"http://app.example.com:80":    "",
		"http://app.example.com:080":   "",
		"http://app.example.com:":      "",
		"http://app.example.com:99999": "",
		"https://App.example.com":      "",
		"https://a@b.example.com":      "",
		"app.example.com":              "",
		"https://":                     "",
		"1https://a":                   "",
		"http://[::1":                  "",
		"http://[0::1]":                "",
		"https://a*b*c":                "",
		"":                             "",
	} {
		got := expectation.All(nil, cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: names{allowed}, AllowedMethods: names{"GET"}}}})
		origin := ""
		if len(got) > 0 {
			origin = got[0].Origin
		}
		if origin != want {
			t.Errorf("%s: got %q, want %q", allowed, origin, want)
		}
		if origin != "" && !cors.OriginContains(allowed, origin) {
			t.Errorf("%s does not match %s", allowed, origin)
		}
	}
}

func TestSamplesAreFewAndOfAllRules(t *testing.T) {
	var c cors.Configuration
	for i := range 8 {
		c.Rules = append(c.Rules, cors.Rule{ID: "r" + strconv.Itoa(i), AllowedOrigins: names{"https://a" + strconv.Itoa(i) + ".example"}, AllowedMethods: names{"GET", "PUT", "POST"}})
	}
	c.Rules[0].AllowedMethods = names{"GET"}
	got := expectation.All(nil, c)
	if len(got) != expectation.MaxSamples {
		t.Fatalf("there are %d", len(got))
	}
	for i := range c.Rules {
		of := 0
		for _, r := range got {
			if strings.Contains(r.Name, strconv.Quote("r"+strconv.Itoa(i))) {
				of++
			}
		}
		if most := len(c.Rules[i].AllowedMethods); of > most || of < min(2, most) {
			t.Errorf("rule %d has %d", i, of)
		}
	}
	again := cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: names{app}, AllowedMethods: append(slices.Repeat(names{"GET"}, 50), "PUT")}}}
	if got := expectation.All(nil, again); len(got) != 2 {
		t.Errorf("a method that is there often keeps the other out: %+v", got)
	}
	big := cors.Configuration{Rules: slices.Repeat(c.Rules, 100)}
	if got := expectation.All(nil, big); len(got) > expectation.MaxSamples {
		t.Errorf("of many rules there are %d", len(got))
	}
}

func TestASampleAsksForFewHeaders(t *testing.T) {
	r := cors.Rule{AllowedOrigins: names{app}, AllowedMethods: names{"PUT"}}
	for i := range 2000 {
		r.AllowedHeaders = append(r.AllowedHeaders, "x-"+strconv.Itoa(i))
	}
	if got := expectation.All(nil, cors.Configuration{Rules: []cors.Rule{r}}); len(got) != 1 || len(got[0].Headers) != 10 {
		t.Errorf("got %+v", got)
	}
}

func TestSamplesGetThroughByTheirRules(t *testing.T) {
	c := cors.Configuration{Rules: []cors.Rule{
		{AllowedOrigins: names{"https://*.example.com"}, AllowedMethods: names{"GET", "PUT", "DELETE"}, AllowedHeaders: names{"x-amz-*", "Content-*", "range"}},
		{AllowedOrigins: names{"http://localhost:*"}, AllowedMethods: names{"HEAD", "POST"}},
	}}
	p := compile(t, c.Rules...)
	requests := expectation.All(nil, c)
	if len(requests) != 5 {
		t.Fatalf("there are %d: %+v", len(requests), requests)
	}
	for _, r := range requests {
		if v := browser.Try(p, r); !v.Allowed {
			t.Errorf("%+v: %s", r, v.Message)
		}
	}
}
