// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"
)

func TestANoteSaysWhatBrowsersSendForAnOrigin(t *testing.T) {
	const never, scheme = "never", "scheme"
	for origin, want := range map[string]string{
		// What a browser may send needs no note.
		"":                              "",
		"null":                          "",
		"https://app.example.com":       "",
		"https://app.example.com:8443":  "",
		"http://localhost:3000":         "",
		"https://a_b.example":           "",
		"https://-a.example":            "",
		"https://app.example.com.":      "",
		"https://1a.example":            "",
		"https://1.2.3.4":               "",
		"https://[::1]":                 "",
		"https://xn--bcher-kva.example": "",
		"chrome-extension://abcdef":     "",
		"capacitor://localhost":         "",

		"https://app.example.com/":        "sends the origin https://app.example.com, and never https://app.example.com/",
		"https://App.example.com:443/x?y": "sends the origin https://app.example.com, and",
		"http://app.example.com:080":      "sends the origin http://app.example.com, and",
		"https://app.example.com:":        "sends the origin https://app.example.com, and",
		"https://app.example.com:08443":   "sends the origin https://app.example.com:8443, and",
		"https://me:secret@a.example":     "sends the origin https://a.example, and",
		"https://bücher.example":          "sends the origin https://xn--bcher-kva.example, and",
		"https://straße.example":          "sends the origin https://xn--strae-oqa.example, and",
		"https://ａ.example":               "sends the origin https://a.example, and",
		"https://%61.example":             "sends the origin https://a.example, and",
		"https://a。example":               "sends the origin https://a.example, and",
		"HTTPS://a.example":               "sends the origin https://a.example, and",
		"https:app.example.com":           "sends the origin https://app.example.com, and never https:app.example.com",
		"http:/a.example":                 "sends the origin http://a.example, and",
		`https:\\a.example\b`:             "sends the origin https://a.example, and",
		"https://1.2.3":                   "sends the origin https://1.2.0.3, and",
		"https://0x7f.1":                  "sends the origin https://127.0.0.1, and",
		"https://017.0.0.1":               "sends the origin https://15.0.0.1, and",
		"https://2130706433":              "sends the origin https://127.0.0.1, and",
		"https://[0:0::1]:443":            "sends the origin https://[::1], and",
		"https://[::ffff:1.2.3.4]":        "sends the origin https://[::ffff:102:304], and",
		"Null":                            "sends the origin null, and never Null",
		"file:///tmp/x.html":              "sends the origin null, and",
		"data:text/html,x":                "sends the origin null, and",
		"blob:https://a.example/5":        "sends the origin https://a.example, and",
		"moz-extension://a-b/page.html":   "sends the origin moz-extension://a-b, and",

		"app.example.com":       scheme + " https://app.example.com",
		"app.example.com:8080":  scheme + " https://app.example.com:8080",
		"app.example.com/login": scheme + " https://app.example.com",
		"//app.example.com":     scheme + " https://app.example.com",
		"localhost:3000":        scheme + " http://localhost:3000",
		"bücher.example":        scheme + " https://xn--bcher-kva.example",

		"*":                                   `"*" in a rule stands for every origin`,
		"https://*.example.com":               `has no "*": name one that https://*.example.com stands for`,
		"https://a.example,https://b.example": "sends one origin",
		"https://a.example https://b.example": "sends one origin",

		"https://":                never,
		"https://a b":             never,
		"https://a.example,b":     never,
		"https://a.example:99999": never,
		"https://a.example:x":     never,
		"https://[::1":            never,
		"https://[::1%25eth0]":    never,
		"https://[1.2.3.4]":       never,
		"https://::1]":            never,
		"https://256.1.1.1":       never,
		"https://1.2.3.4.5":       never,
		"https://1.2.3.09":        never,
		"https://a%zz":            never,
		"https://xn--a":           never,
		"mailto:me":               never,
		"extension://":            never,
		"a b":                     never,
		"https://\xc3.example":    never,
	} {
		switch got := originNote(origin); {
		case want == "" && got != "":
			t.Errorf("%s: %s", origin, got)
		case want == never:
			want = "no browser sends the origin"
			fallthrough
		default:
			if after, missing := strings.CutPrefix(want, scheme+" "); missing {
				if got != "an origin that a browser sends has a scheme, as in "+after {
					t.Errorf("%s: %s", origin, got)
				}
			} else if !strings.Contains(got, want) {
				t.Errorf("%s: %q is missing in %q", origin, want, got)
			}
		}
	}
}

func FuzzOriginNote(f *testing.F) {
	for _, origin := range []string{"", "https://a", "https://[::1]:5", "1.2", "https://0x", "a:b", "]", "https://]", "https://@", "https://..", "blob:blob:"} {
		f.Add(origin)
	}
	f.Fuzz(func(t *testing.T, origin string) {
		// What a browser sends is sent as it is.
		sent, _ := sentOrigin(origin)
		if again, missing := sentOrigin(sent); sent != "" && (again != sent || missing) {
			t.Errorf("%q becomes %q and then %q", origin, sent, again)
		}
		_ = originNote(origin)
	})
}
