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

func TestMistakesThatNoVectorCanHold(t *testing.T) {
	const malformed = "MalformedXML: The XML you provided was not well-formed or did not validate against our published schema"
	for name, test := range map[string]struct {
		configuration cors.Configuration
		want          []string // each mistake, and after it the answer of S3 if one is known
	}{
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
		"an allowed header that is no name": valid(func(r *cors.Rule) { r.AllowedHeaders = []string{"a b", "", "ä"} }),
		"any token to expose":               valid(func(r *cors.Rule) { r.ExposeHeaders = []string{"GET", "!#$%&'+-.^_`|~", ""} }),
		"any max age":                       valid(func(r *cors.Rule) { r.MaxAgeSeconds = new(int32(-1)) }),
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

func TestServersDifferInTheSizeTheyAccept(t *testing.T) {
	large := valid(func(r *cors.Rule) { r.AllowedOrigins = []string{strings.Repeat("a", 1<<20)} })
	for _, d := range cors.Dialects() {
		for _, reason := range []cors.MistakeReason{cors.DocumentTooLarge, cors.NotXML} {
			c := large
			if reason == cors.NotXML {
				c = valid(func(r *cors.Rule) { r.AllowedOrigins = []string{"\x00"} })
			}
			_, err := d.Compile(c)
			var texts []string
			for m := range cors.Mistakes(err) {
				texts = append(texts, m.Error()+" "+m.S3().Code)
			}
			if got, want := strings.Join(texts, "\n"), sizesAndXML[d][reason]; got != want {
				t.Errorf("%s: got %q, want %q", d.Name(), got, want)
			}
		}
	}
}

const (
	notXML  = `rules[0].allowedOrigins[0]: "\x00" has the character U+0000, which XML cannot carry; remove it MalformedXML`
	nothing = "rules: MinIO stores no CORS configurations; set the origins that it allows in the settings of the server NotImplemented"
)

var sizesAndXML = map[*cors.Dialect]map[cors.MistakeReason]string{
	cors.AWS: {
		cors.DocumentTooLarge: "rules: the XML document has 1048749 bytes, and S3 takes at most 65536; shorten or remove some ",
		cors.NotXML:           notXML,
	},
	cors.CephRGW: {
		cors.DocumentTooLarge: "rules: the XML document has 1048749 bytes, and CephRGW takes at most 1048576; shorten or remove some ",
		cors.NotXML:           notXML,
	},
	cors.SeaweedFS: {cors.NotXML: notXML},
	cors.Garage:    {cors.NotXML: notXML},
	cors.VersityGW: {cors.NotXML: notXML},
	cors.MinIO:     {cors.DocumentTooLarge: nothing, cors.NotXML: nothing},
}
