// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"strings"
	"testing"
)

func TestAnOriginIsTakenApart(t *testing.T) {
	for _, test := range []struct {
		raw  string
		want origin
	}{
		{"*", origin{wild: wildEverything, ok: true}},
		{"null", origin{ok: true}},
		{"https://app.example.com", origin{scheme: "https", host: "app.example.com", ok: true}},
		{"https://app.example.com:8443", origin{scheme: "https", host: "app.example.com", port: "8443", ok: true}},
		{"http://[::1]:3000", origin{scheme: "http", host: "::1", port: "3000", ok: true}},
		{"http://[0:0::1]", origin{scheme: "http", host: "0:0::1"}},
		{"http://[::1", origin{scheme: "http", host: "[", port: ":1"}},
		{"http://[::1]x:3", origin{scheme: "http", host: "::1x", port: "3"}},
		{"https://*.example.com", origin{scheme: "https", host: "*.example.com", wild: wildHost, ok: true}},
		{"https://*", origin{scheme: "https", host: "*", wild: wildHost, ok: true}},
		{"http://localhost:*", origin{scheme: "http", host: "localhost", port: "*", wild: wildPort, ok: true}},
		{"http*://example.com", origin{scheme: "http*", host: "example.com", wild: wildScheme, ok: true}},
		{"*://example.com", origin{scheme: "*", host: "example.com", wild: wildScheme, ok: true}},
		{"http*", origin{scheme: "http", wild: wildEverything, ok: true}},
		{"https:/*", origin{scheme: "https:/", wild: wildEverything, ok: true}},
		{"*.example.com", origin{host: "*.example.com", wild: wildHost, ok: true}},
		{"*.example.com:8443", origin{host: "*.example.com", port: "8443", wild: wildHost, ok: true}},
		{"capacitor://localhost", origin{scheme: "capacitor", host: "localhost", ok: true}},

		{"", origin{}},
		{"example.com", origin{host: "example.com"}},
		{"app.*.com", origin{host: "app.*.com", wild: wildHost}},
		{"localhost:3000", origin{host: "localhost", port: "3000"}},
		{"https://", origin{scheme: "https"}},
		{"://a", origin{host: "a"}},
		{"https://example.com/", origin{scheme: "https", host: "example.com", rest: "/"}},
		{"https://example.com/*", origin{scheme: "https", host: "example.com", rest: "/*", wild: wildElsewhere}},
		{"https://example.com:8443?x", origin{scheme: "https", host: "example.com", port: "8443", rest: "?x"}},
		{"https://u:p@example.com", origin{scheme: "https", userinfo: "u:p@", host: "example.com"}},
		{"https://*@example.com", origin{scheme: "https", userinfo: "*@", host: "example.com", wild: wildElsewhere}},
		{"https://example.com:443", origin{scheme: "https", host: "example.com", port: "443"}},
		{"https://example.com:80", origin{scheme: "https", host: "example.com", port: "80", ok: true}},
		{"http://example.com:80", origin{scheme: "http", host: "example.com", port: "80"}},
		{"https://example.com:", origin{scheme: "https", host: "example.com"}},
		{"https://example.com:123456", origin{scheme: "https", host: "example.com", port: "123456"}},
		{"https://example.com:x", origin{scheme: "https", host: "example.com", port: "x"}},
		{"https://Example.com", origin{scheme: "https", host: "Example.com"}},
		{"HTTPS://example.com", origin{scheme: "HTTPS", host: "example.com"}},
		{"https://bücher.example", origin{scheme: "https", host: "bücher.example"}},
		{"https://a b", origin{scheme: "https", host: "a b"}},
		{"https://*.*.com", origin{scheme: "https", host: "*.*.com", wild: wildHost}},
		{"*://*", origin{scheme: "*", host: "*", wild: wildScheme}},
	} {
		test.want.raw = test.raw
		got := parseOrigin(test.raw)
		if test.raw == "://a" {
			test.want.host = got.host // no scheme, and nothing to rely on
		}
		if got != test.want {
			t.Errorf("%q:\n%+v\nwant %+v", test.raw, got, test.want)
		}
	}
}

func TestWhoseMachineAnOriginIs(t *testing.T) {
	for _, test := range []struct {
		raw             string
		loopback, local bool
	}{
		{"http://localhost:3000", true, true},
		{"http://localhost*", true, true},
		{"http://app.localhost", true, true},
		{"http://*.localhost", true, true},
		{"http://127.0.0.2", true, true},
		{"http://[::1]:3000", true, true},
		{"http://0.0.0.0:3000", true, true},
		{"http://printer.local", false, true},
		{"http://192.168.1.5:3000", false, true},
		{"http://192.168.*", false, true},
		{"http://10.1.2.3", false, true},
		{"http://172.16.0.1", false, true},
		{"http://172.32.0.1", false, false},
		{"http://169.254.1.1", false, true},
		{"http://[fd00::1]", false, true},
		{"https://localhost.example.com", false, false},
		{"https://10.example.com", false, false},
		{"https://mylocal", false, false},
		{"https://app.internal", false, false}, // also what companies use in production
		{"*", false, false},
	} {
		o := parseOrigin(test.raw)
		if o.loopback() != test.loopback || o.local() != test.local {
			t.Errorf("%q: loopback %t, local %t", test.raw, o.loopback(), o.local())
		}
	}
}

func TestWhichOriginsAreEverySite(t *testing.T) {
	for raw, want := range map[string]bool{
		"*": true, "https://*": true, "http://*": true, "http*": true, "https:*": true, "https://*:8443": true,
		"null": false, "": false, "*://*": false, "https://*/": false, "https://*.com": false, "https://a*": false,
	} {
		if got := parseOrigin(raw).anySite(); got != want {
			t.Errorf("%q is every site: %t", raw, got)
		}
	}
}

func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"", "*", "null", "http*", "https://u@[::1]x:3/?#*", "://", "[]", "*://*:*", "http://[::1%25en0]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		o := parseOrigin(raw)
		if o.ok && (o.rest != "" || o.userinfo != "" || strings.Count(raw, "*") > 1) {
			t.Errorf("%q is ok: %+v", raw, o)
		}
		if (o.local() || reachOf(o).crossesBoundary()) && o.host == "" {
			t.Errorf("%q has no host, and yet is told of it: %+v", raw, o)
		}
	})
}
