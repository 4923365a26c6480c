// SPDX-License-Identifier: Apache-2.0

package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/expectation"
	"github.com/bucketcors/bucketcors/internal/lint"
)

// profileOf is the profile of a preset, and clientOf the client.
var (
	profileOf = map[v1alpha1.ClientPreset]lint.Profile{
		v1alpha1.PresetPresignedUpload: lint.PresignedUpload,
		v1alpha1.PresetMultipartUpload: lint.Multipart,
		v1alpha1.PresetRangeReader:     lint.RangeReader,
		v1alpha1.PresetSDKBrowser:      lint.SDKBrowser,
	}
	clientOf = map[lint.Profile]browser.Client{
		lint.PresignedUpload: browser.PresignedUpload,
		lint.Multipart:       browser.MultipartUpload,
		lint.RangeReader:     browser.RangeReader,
		lint.SDKBrowser:      browser.SDKBrowser,
	}
)

// expecting are expectations as the command line gives them to lint.
func expecting(list ...v1alpha1.Expectation) lint.Expectations {
	var all []lint.Expectation
	for _, e := range list {
		expected := lint.Expectation{Origin: string(e.Origin)}
		for _, h := range e.Headers {
			expected.Headers = append(expected.Headers, string(h))
		}
		if e.Outcome != v1alpha1.OutcomeDenied {
			expected.Client = profileOf[e.Preset]
		}
		all = append(all, expected)
	}
	return lint.Expectations{All: all, Unmet: func(p *cors.Policy) []lint.UnmetExpectation {
		var unmet []lint.UnmetExpectation
		for _, f := range expectation.Check(list, p) {
			unmet = append(unmet, lint.UnmetExpectation{Index: f.Index, Name: f.Name, Problem: f.Message, Fix: "mend it"})
		}
		return unmet
	}}
}

// only are the findings of some checks.
func only(found []lint.Finding, ids ...string) []string {
	var list []string
	for _, f := range found {
		if slices.Contains(ids, f.ID) {
			list = append(list, fmt.Sprintf("%s %s %s", f.Severity, f.ID, f.Path()))
		}
	}
	return list
}

const app = "https://app.example.com"

func uploads() cors.Configuration {
	return of(func(r *cors.Rule) {
		r.AllowedMethods = []string{"GET", "PUT"}
		r.AllowedHeaders = []string{"content-type"}
	})
}

func TestExpectationsThatTheRulesDoNotMeetAreErrors(t *testing.T) {
	put := v1alpha1.Expectation{Name: "upload", Origin: app, Method: "PUT", Headers: []v1alpha1.HeaderName{"content-type"}}
	etag := v1alpha1.Expectation{Name: "etag", Origin: app, Method: "PUT", Exposes: []v1alpha1.HeaderName{"ETag"}}
	denied := v1alpha1.Expectation{Name: "no reads", Origin: app, Method: "GET", Outcome: v1alpha1.OutcomeDenied}
	for name, c := range map[string]struct {
		configuration cors.Configuration
		options       lint.Options
		want          []string
	}{
		"none":       {uploads(), lint.Options{}, nil},
		"met":        {uploads(), lint.Options{Expectations: expecting(put)}, nil},
		"not met":    {uploads(), lint.Options{Expectations: expecting(put, etag)}, []string{"error CORS051 spec.expectations[1]"}},
		"not denied": {uploads(), lint.Options{Expectations: expecting(denied)}, []string{"error CORS051 spec.expectations[0]"}},
		"beside others": {
			uploads(), lint.Options{Expectations: func() lint.Expectations { e := expecting(etag); e.Shared = true; return e }()},
			[]string{"warning CORS051 spec.expectations[0]"},
		},
		"refused by the API server": {
			uploads(), lint.Options{Expectations: expecting(etag, etag), Manifest: []lint.ManifestProblem{{Path: "spec.expectations[1].name"}, {Path: "spec.expectations[10]"}}},
			[]string{"error CORS051 spec.expectations[0]"},
		},
		"on a server that always exposes the ETag": {uploads(), lint.Options{Dialect: cors.VersityGW, Expectations: expecting(etag)}, nil},
		"on a server that takes no rules":          {uploads(), lint.Options{Dialect: cors.MinIO, Expectations: expecting(denied)}, nil},
		"on a server that refuses the rules": {
			of(func(r *cors.Rule) { r.AllowedOrigins = []string{"https://*.*.example.com"} }), lint.Options{Dialect: cors.Garage, Expectations: expecting(denied)}, nil,
		},
		"rules with a mistake elsewhere": {
			of(func(r *cors.Rule) { r.AllowedMethods = []string{"GET", "PATCH"} }), lint.Options{Expectations: expecting(put)},
			[]string{"error CORS051 spec.expectations[0]"},
		},
		"no rules": {cors.Configuration{}, lint.Options{Expectations: expecting(put)}, nil},
		"disabled": {uploads(), lint.Options{Expectations: expecting(etag), Disabled: []string{"expectation-failed"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			found := lint.Run(c.configuration, c.options)
			if got := only(found, "CORS051"); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			for _, f := range found {
				if f.ID == "CORS051" && (f.Value == "" || f.Why == "" || f.Fix == "" || !strings.Contains(f.Problem, f.Value)) {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

func TestExpectationsAboutWhatNoBrowserSendsAreTold(t *testing.T) {
	e := v1alpha1.Expectation{
		Name: "a", Origin: "https://app.example.com:08443", Method: "PUT",
		Headers: []v1alpha1.HeaderName{"Cookie", "content-type", "Accept", "sec-fetch-mode", "range", "x-amz-date"},
	}
	fine := v1alpha1.Expectation{Name: "b", Origin: "null", Method: "PUT", Headers: []v1alpha1.HeaderName{"authorization"}}
	found := lint.Run(uploads(), lint.Options{Expectations: expecting(e, fine)})
	want := []string{
		"warning CORS052 spec.expectations[0].origin", "warning CORS052 spec.expectations[0].headers[0]",
		"info CORS052 spec.expectations[0].headers[2]", "warning CORS052 spec.expectations[0].headers[3]",
	}
	if got := only(found, "CORS052"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Lint says nothing of a header that a browser would ask for, and the reverse.
func TestHeadersWithoutEffectAreThoseOfTheBrowser(t *testing.T) {
	for _, name := range []string{
		"accept", "accept-charset", "accept-encoding", "accept-language", "access-control-allow-origin", "access-control-request-method",
		"authorization", "cache-control", "connection", "content-language", "content-length", "content-md5", "content-type", "cookie", "cookie2",
		"date", "dnt", "expect", "host", "if-match", "keep-alive", "origin", "proxy-authorization", "range", "referer", "sec-ch-ua", "set-cookie",
		"te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via", "x-amz-date",
	} {
		ask, _ := browser.Request{Method: "GET", Headers: []string{name}}.Preflight()
		e := v1alpha1.Expectation{Name: "a", Origin: app, Method: "GET", Headers: []v1alpha1.HeaderName{v1alpha1.HeaderName(name)}}
		told := only(lint.Run(uploads(), lint.Options{Expectations: expecting(e)}), "CORS052")
		if (len(told) == 0) != (ask.RequestHeaders == name) {
			t.Errorf("a browser asks for %q, and lint tells %q of %s", ask.RequestHeaders, told, name)
		}
	}
}

func TestAClientThatIsExpectedToWorkIsAProfile(t *testing.T) {
	c := of(func(r *cors.Rule) {
		r.AllowedMethods = []string{"GET", "HEAD", "PUT", "POST", "DELETE"}
		r.ExposeHeaders = []string{"Content-Range", "Accept-Ranges", "ETag"}
	})
	reader := v1alpha1.Expectation{Name: "maps", Origin: app, Preset: v1alpha1.PresetRangeReader}
	asked := lint.Options{Profiles: []lint.Profile{lint.RangeReader}}
	if got, want := ids(lint.Run(c, lint.Options{Expectations: expecting(reader)})), ids(lint.Run(c, asked)); !slices.Equal(got, want) {
		t.Errorf("with the expectation there are %q, and with the profile %q", got, want)
	}
	reader.Outcome = v1alpha1.OutcomeDenied
	without := ids(lint.Run(c, lint.Options{}))
	if got := ids(lint.Run(c, lint.Options{Expectations: expecting(reader)})); !slices.Equal(got, append(without, "CORS051")) {
		t.Errorf("with a client to be denied there are %q, and without %q", got, without)
	}
	// What is missing is told once.
	sdk := v1alpha1.Expectation{Name: "sdk", Origin: app, Preset: v1alpha1.PresetSDKBrowser}
	if got := only(lint.Run(c, lint.Options{Expectations: expecting(sdk)}), "CORS029", "CORS032", "CORS051"); !slices.Equal(got, []string{"error CORS051 spec.expectations[0]"}) {
		t.Errorf("got %q", got)
	}
}

// The profiles of lint and the clients of package browser are of the same kinds
// and need the same: a header that keeps a client from working is a finding of the
// profile, and what is worse than information keeps the client from working. About
// methods they differ: lint takes a form that POSTs for a presigned upload too, and
// asks an SDK for no more methods than the rule is for.
func TestProfilesAndPresetsAgree(t *testing.T) {
	if len(clientOf) != len(lint.Profiles()) || len(clientOf) != len(browser.Clients()) {
		t.Fatalf("there are %d profiles and %d clients", len(lint.Profiles()), len(browser.Clients()))
	}
	all := cors.Rule{
		AllowedOrigins: []string{app}, AllowedMethods: []string{"GET", "HEAD", "PUT", "POST", "DELETE"},
		AllowedHeaders: []string{"content-type", "x-amz-*", "amz-sdk-*", "authorization", "range", "if-match"},
		ExposeHeaders:  []string{"ETag", "Content-Range", "Accept-Ranges", "x-amz-checksum-crc32"},
	}
	configurations := map[string]cors.Configuration{"everything": {Rules: []cors.Rule{all}}}
	for _, field := range []cors.Field{cors.FieldAllowedMethods, cors.FieldAllowedHeaders, cors.FieldExposeHeaders} {
		for i, value := range *all.List(field) {
			without := all
			*without.List(field) = slices.Delete(slices.Clone(*all.List(field)), i, i+1)
			configurations["all but "+value] = cors.Configuration{Rules: []cors.Rule{without}}
		}
	}
	profileChecks := []string{"CORS028", "CORS029", "CORS030", "CORS031", "CORS032", "CORS033", "CORS034"}
	for name, c := range configurations {
		aboutMethods := len(c.Rules[0].AllowedMethods) < len(all.AllowedMethods)
		for profile, client := range clientOf {
			c := cors.Configuration{Rules: slices.Clone(c.Rules)}
			if profile == lint.PresignedUpload {
				methods := &c.Rules[0].AllowedMethods
				*methods = slices.DeleteFunc(slices.Clone(*methods), func(m string) bool { return m == "POST" })
			}
			policy, err := cors.Compile(c)
			if err != nil {
				t.Fatal(err)
			}
			works := true
			for _, r := range client.Requests(app) {
				works = works && browser.Allowed(policy, r)
			}
			found := only(lint.Run(c, lint.Options{Profiles: []lint.Profile{profile}}), profileChecks...)
			bad := slices.ContainsFunc(found, func(f string) bool { return !strings.HasPrefix(f, string(lint.Info)) })
			if !works && !aboutMethods && len(found) == 0 || works && bad {
				t.Errorf("%s of %s: the client works: %t, and lint tells %q", name, profile, works, found)
			}
		}
	}
}

func TestNoFixMakesAnExpectationFail(t *testing.T) {
	c := of(func(r *cors.Rule) {
		r.AllowedOrigins = []string{"https://app.example.com/", "https://evil.example/", "https://b.example:443"}
	})
	expected := expecting(
		v1alpha1.Expectation{Name: "reads", Origin: app, Method: "GET"}, // not met now, and met with the fix
		v1alpha1.Expectation{Name: "not evil", Origin: "https://evil.example", Method: "GET", Outcome: v1alpha1.OutcomeDenied},
	)
	o := lint.Options{Expectations: expected}
	var values []string
	for _, e := range lint.Edits(c, o) {
		values = append(values, e.Values...)
	}
	if want := []string{app, "https://b.example"}; !slices.Equal(values, want) {
		t.Errorf("the fixes write %q, want %q", values, want)
	}
	for _, f := range lint.Run(c, o) {
		if spared := f.Value == "https://evil.example/"; f.ID == "CORS010" && (f.Edit == nil) != spared ||
			spared && !strings.HasSuffix(f.Fix, "change the expectation that would fail then") {
			t.Errorf("%+v", f)
		}
	}
	if got := lint.Edits(c, lint.Options{}); len(got) != 3 {
		t.Errorf("without expectations there are %v", got)
	}
}

// Whatever is fixed, what was met stays so.
func FuzzFixesKeepExpectations(f *testing.F) {
	f.Add("https://app.example.com/", "https://b.example:443", "https://app.example.com", "PUT", "x-amz-*", "x-amz-date")
	f.Add("HTTPS://a.example", "https://*.example", "https://a.example", "GET", " etag", "etag")
	f.Fuzz(func(t *testing.T, a, b, origin, method, allowed, header string) {
		c := cors.Configuration{Rules: []cors.Rule{
			{AllowedOrigins: []string{a, b}, AllowedMethods: []string{method, "GET"}, AllowedHeaders: []string{allowed, "content-type"}, ExposeHeaders: []string{header, allowed}},
			{AllowedOrigins: []string{b, origin}, AllowedMethods: []string{"GET"}},
		}}
		var list []v1alpha1.Expectation
		for _, outcome := range []v1alpha1.Outcome{v1alpha1.OutcomeAllowed, v1alpha1.OutcomeDenied} {
			for _, m := range []string{"GET", method} {
				list = append(list, v1alpha1.Expectation{Name: "a", Origin: v1alpha1.PageOrigin(origin), Method: v1alpha1.CORSMethod(m),
					Headers: []v1alpha1.HeaderName{v1alpha1.HeaderName(header)}, Outcome: outcome})
			}
		}
		o := lint.Options{Expectations: expecting(list...)}
		unmet := func(c cors.Configuration) []string {
			return only(lint.Run(c, o), "CORS051")
		}
		before := unmet(c)
		for _, failure := range unmet(lint.Apply(c, lint.Edits(c, o))) {
			if !slices.Contains(before, failure) {
				t.Errorf("%s fails after the fixes of %+v", failure, c)
			}
		}
	})
}
