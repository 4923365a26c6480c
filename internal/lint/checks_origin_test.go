// SPDX-License-Identifier: Apache-2.0

package lint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/lint"
)

// originIDs are the checks of origins that find something, with severity.
func originIDs(found []lint.Finding) string {
	var told []string
	for _, f := range found {
		if "CORS019" <= f.ID && f.ID <= "CORS027" {
			told = append(told, f.ID+" "+string(f.Severity))
		}
	}
	return strings.Join(told, ", ")
}

func TestOriginsThatLetInMoreThanMeant(t *testing.T) {
	for _, test := range []struct {
		origins    string // separated by blanks
		want       string
		production string // the same as want if empty
	}{
		// What is normal.
		{"*", "", ""},
		{"https://app.example.com http://localhost:3000", "", "CORS026 warning"},
		{"https://*.preview.example.com", "", ""},
		{"https://pr-*.example.com", "", ""},
		{"https://pr-*-app.example.com", "", ""},
		{"https://*app.example.com", "", ""},
		{"https://app.*.example.com", "", ""},
		{"https://app.example.com:*", "", ""},
		{"https://*.app.example.internal", "", ""},
		{"https://deploy-*.my-app.pages.dev", "", ""},
		{"chrome-extension://abcdefghijklmnop", "", ""},
		{"capacitor://localhost", "", ""},

		// "*" that no dot limits.
		{"https://*example.com", "CORS022 error", ""},
		{"https://www.*example.com", "CORS022 error", ""},
		{"https://*-example.com", "CORS022 error", ""},
		{"https://my*site.com", "CORS022 error", ""},
		{"https://*example.co.uk", "CORS022 error", ""},
		{"https://*my-app.github.io", "CORS022 error", ""},
		{"https://*com", "CORS022 error", ""},
		{"https://app*", "CORS022 error", ""},
		{"https://app.example.com*", "CORS022 error", ""},
		{"https://example.*", "CORS022 error", ""},
		{"https://example.*:8443", "CORS022 error", ""},
		{"*example.com", "CORS022 error", ""},
		{"http://localhost*", "CORS022 error", "CORS026 warning"},
		{"http://192.168.*", "CORS022 error", "CORS026 warning"},
		{"http://192.168.*.1", "", "CORS026 warning"},
		{"https://*localhost", "", ""},

		// Domains of many.
		{"https://*.com", "CORS023 warning", ""},
		{"https://app.*.com", "CORS023 warning", ""},
		{"https://*.co.uk", "CORS023 warning", ""},
		{"https://*.github.io", "CORS023 warning", ""},
		{"https://*.vercel.app", "CORS023 warning", ""},
		{"https://my-app-*.vercel.app", "CORS023 info", ""},
		{"https://my-app-*-team.vercel.app", "CORS023 info", ""},
		{"https://*-team.vercel.app", "CORS023 info", ""},
		{"https://*.workers.dev", "CORS023 warning", ""},
		{"https://*.my-account.workers.dev", "CORS024 info", ""},
		{"https://*.cloudfront.net", "CORS023 warning", ""},
		{"https://*.amazonaws.com", "CORS023 warning", ""},
		{"https://*.s3.amazonaws.com", "CORS023 warning", ""},
		{"https://*.us-east-1.elb.amazonaws.com", "CORS023 warning", ""},
		{"https://*", "CORS023 warning", ""},
		{"http://*", "CORS023 warning", ""},
		{"http*", "CORS023 warning", ""},
		{"http://*.github.io", "CORS023 warning", ""},

		// The domain itself.
		{"https://*.example.com", "CORS024 info", ""},
		{"https://*.example.co.uk", "CORS024 info", ""},
		{"https://*.example.com:8443 https://example.com", "CORS024 info", ""},
		{"https://*.example.com https://example.com", "", ""},
		{"https://*.example.com https://ex*.com", "CORS023 warning", ""}, // the second has the domain itself

		// Not encrypted.
		{"http://app.example.com", "CORS025 warning", ""},
		{"http://app.example.com:8080", "CORS025 warning", ""},
		{"http://*.app.example.com", "CORS025 warning", ""},
		{"http*://app.example.com", "CORS025 warning", ""},
		{"*://app.example.com", "CORS025 warning", ""},
		{"https*://app.example.com", "", ""},
		{"http://intranet", "", ""},
		{"http://wiki.corp", "", ""},
		{"http://192.168.1.5:3000", "", "CORS026 warning"},
		{"http://printer.local", "", "CORS026 warning"},

		// Developers' machines.
		{"http://localhost", "CORS027 info", "CORS026 info"},
		{"http://127.0.0.1", "CORS027 info", "CORS026 info"},
		{"http://[::1]", "CORS027 info", "CORS026 info"},
		{"https://localhost", "", "CORS026 info"},
		{"http://localhost:*", "", "CORS026 warning"},
		{"http://localhost http://localhost:3000", "", "CORS026 info, CORS026 warning"},
		{"http://localhost *", "", "CORS026 info"},

		{"null", "CORS021 warning", ""},
		{"null *", "", ""},

		// What never matches is told by other checks.
		{"https://*example.com/", "", ""},
		{"HTTP://app.example.com", "", ""},
		{"https://*.*.com", "", ""},
		{"http://localhost:80", "", ""},
	} {
		rule := cors.Rule{AllowedOrigins: strings.Fields(test.origins), AllowedMethods: []string{"GET", "HEAD"}}
		c := cors.Configuration{Rules: []cors.Rule{rule}}
		if got := originIDs(lint.Run(c, lint.Options{})); got != test.want {
			t.Errorf("%s: %q, want %q", test.origins, got, test.want)
		}
		want := test.production
		if want == "" {
			want = test.want
		}
		if got := originIDs(lint.Run(c, lint.Options{Production: true})); got != want {
			t.Errorf("%s in production: %q, want %q", test.origins, got, want)
		}
	}
}

func TestWhoMayWrite(t *testing.T) {
	for _, test := range []struct {
		origin, methods, want, production string
	}{
		{"*", "GET HEAD", "", ""},
		{"*", "GET PUT", "CORS019 warning", "CORS019 error"},
		{"*", "POST", "CORS019 warning", "CORS019 error"},
		{"https://*", "DELETE", "CORS019 warning", "CORS019 error"},
		{"https://app.example.com", "PUT POST DELETE", "", ""},
	} {
		c := cors.Configuration{Rules: []cors.Rule{ruleFor(test.origin, test.methods, "")}}
		if got := originIDs(lint.Run(c, lint.Options{})); got != test.want {
			t.Errorf("%s, %s: %q", test.origin, test.methods, got)
		}
		if got := originIDs(lint.Run(c, lint.Options{Production: true})); got != test.production {
			t.Errorf("%s, %s in production: %q", test.origin, test.methods, got)
		}
	}
}

func TestCookiesAndAnyOrigin(t *testing.T) {
	for _, test := range []struct {
		origin, headers, expose, want string
	}{
		{"*", "Cookie", "", "CORS020 warning"},
		{"*", "", "set-cookie", "CORS020 warning"},
		{"*", "authorization x-amz-*", "", ""},
		{"*", "*", "", ""},
		{"https://app.example.com", "cookie", "", ""},
	} {
		r := ruleFor(test.origin, "GET", test.headers)
		r.ExposeHeaders = strings.Fields(test.expose)
		if got := originIDs(lint.Run(cors.Configuration{Rules: []cors.Rule{r}}, lint.Options{})); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

func TestWhatToWriteForAnOrigin(t *testing.T) {
	for _, test := range []struct{ origin, problem, fix string }{
		{"https://*example.com", `"https://*example.com" also matches "https://evilexample.com"`,
			`write "https://*.example.com", and "https://example.com" if that is meant as well`},
		{"https://*example.com:8443", `"https://*example.com:8443" also matches "https://evilexample.com:8443"`,
			`write "https://*.example.com:8443", and "https://example.com:8443" if that is meant as well`},
		{"*example.com", `"*example.com" also matches "https://evilexample.com"`,
			`write "https://*.example.com", and "https://example.com" if that is meant as well`},
		{"https://app*", `"https://app*" also matches "https://app.evil.example"`,
			`write the whole name, such as "https://app.example.com", or "https://app.example.com:*" for every port of it`},
		{"http://localhost*", `"http://localhost*" also matches "http://localhost.evil.example"`,
			`write the whole name, such as "http://localhost", or "http://localhost:*" for every port of it`},
		{"https://example.*", `"https://example.*" also matches "https://example.evil.example"`,
			`list the domains that are meant, such as "https://example.com"`},
		{"http://192.168.*", `"http://192.168.*" also matches "http://192.168.evil.example"`, "list the addresses that are meant"},
		{"https://my*site.com", `"https://my*site.com" also matches "https://myevilsite.com"`, "list the origins that are meant"},
		{"http://app.example.com", `"http://app.example.com" is not encrypted`, `write "https://app.example.com"`},
		{"*://app.example.com", `"*://app.example.com" matches over http too, which is not encrypted`, `write "https://app.example.com"`},
		{"https://*.github.io", `"https://*.github.io" matches names that other customers can have under "github.io"`,
			`list the names there that are yours, such as "https://my-app.github.io"`},
	} {
		c := cors.Configuration{Rules: []cors.Rule{ruleFor(test.origin, "GET HEAD", "")}}
		found := lint.Run(c, lint.Options{})
		i := slices.IndexFunc(found, func(f lint.Finding) bool { return "CORS019" <= f.ID && f.ID <= "CORS027" })
		if i < 0 || found[i].Problem != test.problem || found[i].Fix != test.fix || found[i].Value != test.origin {
			t.Errorf("%s:\n%v", test.origin, found)
		}
	}
	// The example has to be one.
	if !cors.OriginContains("https://my*site.com", "https://myevilsite.com") {
		t.Error("it does not match")
	}
}

// ruleFor makes a rule of lists separated by blanks.
func ruleFor(origins, methods, headers string) cors.Rule {
	return cors.Rule{
		AllowedOrigins: strings.Fields(origins),
		AllowedMethods: strings.Fields(methods),
		AllowedHeaders: strings.Fields(headers),
	}
}
