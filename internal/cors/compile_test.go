// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// valid is a rule without mistakes, changed by edit.
func valid(edit func(*cors.Rule)) cors.Configuration {
	r := cors.Rule{AllowedOrigins: []string{"https://a.example"}, AllowedMethods: []string{"GET"}}
	edit(&r)
	return cors.Configuration{Rules: []cors.Rule{r}}
}

func repeat(n int, r cors.Rule) cors.Configuration {
	return cors.Configuration{Rules: slices.Repeat([]cors.Rule{r}, n)}
}

func TestMistakes(t *testing.T) {
	const malformed = "MalformedXML: The XML you provided was not well-formed or did not validate against our published schema"
	for name, test := range map[string]struct {
		configuration cors.Configuration
		want          []string // each mistake, and after it the answer of S3 if one is known
	}{
		"no rules": {cors.Configuration{}, []string{
			"rules: there are none, and S3 stores no empty configuration; add a rule, or delete the configuration", malformed,
		}},
		"an empty rule": {cors.Configuration{Rules: []cors.Rule{{}}}, []string{
			`rules[0].allowedOrigins: missing; name at least one origin, such as "https://app.example.com", or "*" for every origin`, malformed,
			"rules[0].allowedMethods: missing; name at least one of GET, PUT, POST, DELETE and HEAD", malformed,
		}},
		"a rule too many": {repeat(101, valid(func(*cors.Rule) {}).Rules[0]), []string{
			"rules: there are 101, and S3 takes at most 100; merge or remove some",
			"InvalidRequest: The number of CORS rules should not exceed allowed limit of 100 rules.",
		}},
		"OPTIONS": {valid(func(r *cors.Rule) { r.AllowedMethods = []string{"GET", "OPTIONS"} }), []string{
			`rules[0].allowedMethods[1]: "OPTIONS" is not a method that S3 supports in a rule; remove it: S3 answers preflights without it`,
			"InvalidRequest: Found unsupported HTTP method in CORS config. Unsupported method is OPTIONS",
		}},
		"a method in lower case": {valid(func(r *cors.Rule) { r.AllowedMethods = []string{"put"} }), []string{
			`rules[0].allowedMethods[0]: "put" is not a method that S3 supports in a rule; write "PUT"`,
			"InvalidRequest: Found unsupported HTTP method in CORS config. Unsupported method is put",
		}},
		"a method with blanks": {valid(func(r *cors.Rule) { r.AllowedMethods = []string{" Put"} }), []string{
			`rules[0].allowedMethods[0]: " Put" is not a method that S3 supports in a rule; write "PUT"`,
			"InvalidRequest: Found unsupported HTTP method in CORS config. Unsupported method is  Put",
		}},
		"every method": {valid(func(r *cors.Rule) { r.AllowedMethods = []string{"*"} }), []string{
			`rules[0].allowedMethods[0]: "*" is not a method that S3 supports in a rule; list the methods: GET, PUT, POST, DELETE and HEAD`,
			"InvalidRequest: Found unsupported HTTP method in CORS config. Unsupported method is *",
		}},
		"an empty method": {valid(func(r *cors.Rule) { r.AllowedMethods = []string{""} }), []string{
			`rules[0].allowedMethods[0]: "" is not a method that S3 supports in a rule; use only GET, PUT, POST, DELETE and HEAD`,
			"InvalidRequest: Found unsupported HTTP method in CORS config. Unsupported method is ",
		}},
		"two wildcards": {valid(func(r *cors.Rule) {
			r.AllowedOrigins = []string{"https://*.example", "https://*.*.com"}
			r.AllowedHeaders = []string{"x-*-*"}
		}), []string{
			`rules[0].allowedOrigins[1]: "https://*.*.com" has more than one "*"; use at most one`,
			`InvalidRequest: AllowedOrigin "https://*.*.com" can not have more than one wildcard.`,
			`rules[0].allowedHeaders[0]: "x-*-*" has more than one "*"; use at most one`,
			`InvalidRequest: AllowedHeader "x-*-*" can not have more than one wildcard.`,
		}},
		"headers to expose": {valid(func(r *cors.Rule) { r.ExposeHeaders = []string{"ETag", "*", "a b", "ä-*", ""} }), []string{
			`rules[0].exposeHeaders[1]: "*" has a "*", which S3 does not support here; list the names of the headers`,
			`InvalidRequest: ExposeHeader "*" contains wildcard. We currently do not support wildcard for ExposeHeader.`,
			`rules[0].exposeHeaders[2]: "a b" has the character ' ', which is in no header name; remove it`,
			`InvalidRequest: AllowedHeader "a b" contains invalid character.`,
			`rules[0].exposeHeaders[3]: "ä-*" has a "*", which S3 does not support here; list the names of the headers`,
			`InvalidRequest: ExposeHeader "ä-*" contains wildcard. We currently do not support wildcard for ExposeHeader.`,
			`rules[0].exposeHeaders[3]: "ä-*" has the character 'ä', which is in no header name; remove it`,
			`InvalidRequest: AllowedHeader "ä-*" contains invalid character.`,
		}},
		"a long ID": {valid(func(r *cors.Rule) { r.ID = strings.Repeat("é", 256) }), []string{
			`rules[0].id: "` + strings.Repeat("é", 64) + `"… has 256 characters, and S3 takes at most 255; shorten it`,
		}},
		"what XML cannot carry": {valid(func(r *cors.Rule) {
			r.ID = "a\x00"
			r.AllowedOrigins = []string{"\xff"}
			r.AllowedMethods = []string{"GET\x1b"}
			r.AllowedHeaders = []string{"\uffff*\x01*"}
			r.ExposeHeaders = []string{"\ufffe"}
		}), []string{
			`rules[0].id: "a\x00" has the character U+0000, which XML cannot carry; remove it`, malformed,
			`rules[0].allowedOrigins[0]: "\xff" is not valid UTF-8; write it in UTF-8`, malformed,
			`rules[0].allowedMethods[0]: "GET\x1b" has the character U+001B, which XML cannot carry; remove it`, malformed,
			`rules[0].allowedHeaders[0]: "\uffff*\x01*" has the character U+FFFF, which XML cannot carry; remove it`, malformed,
			`rules[0].exposeHeaders[0]: "\ufffe" has the character U+FFFE, which XML cannot carry; remove it`, malformed,
		}},
		"a large document": {valid(func(r *cors.Rule) { r.AllowedOrigins = []string{strings.Repeat("a", 1<<16)} }), []string{
			"rules: the XML document has 65709 bytes, and S3 takes at most 65536; shorten or remove some",
		}},
		"a large document of escapes": {valid(func(r *cors.Rule) { r.AllowedOrigins = []string{strings.Repeat("'", 1<<14)} }), []string{
			"rules: the XML document has 82093 bytes, and S3 takes at most 65536; shorten or remove some",
		}},
		"mistakes in several rules": {cors.Configuration{Rules: []cors.Rule{
			{AllowedMethods: []string{"GET"}},
			{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}},
			{ID: "x", AllowedOrigins: []string{"*"}},
		}}, []string{
			`rules[0].allowedOrigins: missing; name at least one origin, such as "https://app.example.com", or "*" for every origin`, malformed,
			"rules[2].allowedMethods: missing; name at least one of GET, PUT, POST, DELETE and HEAD", malformed,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			policy, err := cors.Compile(test.configuration)
			if policy != nil || err == nil {
				t.Fatalf("Compile = %v, %v; want an error alone", policy, err)
			}
			var got []string
			for m := range cors.Mistakes(fmt.Errorf("wrapped: %w", err)) {
				got = append(got, m.Error())
				if s3 := m.S3(); s3.Code != "" {
					got = append(got, s3.Code+": "+s3.Message)
					if s3.Status != 400 {
						t.Errorf("%s: status %d", m, s3.Status)
					}
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestWhatS3AcceptsIsNoMistake(t *testing.T) {
	for name, c := range map[string]cors.Configuration{
		"an empty origin":                   valid(func(r *cors.Rule) { r.AllowedOrigins = []string{""} }),
		"an origin that is no URL":          valid(func(r *cors.Rule) { r.AllowedOrigins = []string{"localhost:4566", "https://a.example/", "a b"} }),
		"one wildcard anywhere":             valid(func(r *cors.Rule) { r.AllowedOrigins = []string{"*", "http*://x", "https://example.*"} }),
		"an allowed header that is no name": valid(func(r *cors.Rule) { r.AllowedHeaders = []string{"a b", "", "ä"} }),
		"any token to expose":               valid(func(r *cors.Rule) { r.ExposeHeaders = []string{"GET", "!#$%&'+-.^_`|~", ""} }),
		"any max age":                       valid(func(r *cors.Rule) { r.MaxAgeSeconds = new(int32(-1)) }),
		"duplicates":                        valid(func(r *cors.Rule) { r.AllowedMethods = []string{"GET", "GET"} }),
		"control characters of XML":         valid(func(r *cors.Rule) { r.ID = "a\t\n\r\u0085\u2028\ufffd" }),
		"an ID of 255 characters":           valid(func(r *cors.Rule) { r.ID = strings.Repeat("é", 255) }),
		"100 rules with the same ID":        repeat(100, cors.Rule{ID: "x", AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}}),
		"a document of exactly 64 KB": valid(func(r *cors.Rule) {
			r.AllowedOrigins = []string{strings.Repeat("a", 1<<17-65709)}
		}),
	} {
		if _, err := cors.Compile(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManyMistakesMakeAShortMessage(t *testing.T) {
	_, err := cors.Compile(repeat(5000, cors.Rule{ID: strings.Repeat("x", 300)}))
	all := slices.Collect(cors.Mistakes(err))
	if want := 2 + 3*5000; len(all) != want {
		t.Errorf("%d mistakes, want %d", len(all), want)
	}
	if text := err.Error(); len(text) > 2000 || !strings.HasSuffix(text, "\nand 14997 more") {
		t.Errorf("the message has %d bytes: %s", len(text), text)
	}
	_, err = cors.Compile(repeat(2, cors.Rule{AllowedOrigins: []string{"*"}}))
	if text := err.Error(); strings.Count(text, "\n") != 1 || strings.Contains(text, "more") {
		t.Errorf("two mistakes read %q", text)
	}
}

func TestAMistakeNamesItsRule(t *testing.T) {
	_, err := cors.Compile(valid(func(r *cors.Rule) { r.ID, r.AllowedOrigins = "uploads", []string{"**"} }))
	for m := range cors.Mistakes(err) {
		want := cors.Mistake{
			Rule: 0, RuleID: "uploads", Field: cors.FieldAllowedOrigins, Index: 0, Value: "**", Reason: cors.TooManyWildcards,
		}
		if *m != want {
			t.Errorf("got %+v, want %+v", *m, want)
		}
	}
	whole := cors.Mistake{Rule: 3, Index: -1, Reason: "Unheard"}
	if got, want := whole.Error(), "rules[3]: Unheard; see the documentation of S3"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOtherErrorsHoldNoMistakes(t *testing.T) {
	for _, err := range []error{nil, errors.New("other")} {
		for m := range cors.Mistakes(err) {
			t.Errorf("%v holds %v", err, m)
		}
	}
}
