// SPDX-License-Identifier: Apache-2.0

package lint_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/lint"
)

// rule is one of "origins | methods | headers | exposed", each separated by
// blanks.
func rule(text string) cors.Rule {
	parts := strings.Split(text, "|")
	for len(parts) < 4 {
		parts = append(parts, "")
	}
	return cors.Rule{
		AllowedOrigins: strings.Fields(parts[0]), AllowedMethods: strings.Fields(parts[1]),
		AllowedHeaders: strings.Fields(parts[2]), ExposeHeaders: strings.Fields(parts[3]),
	}
}

func rules(texts ...string) cors.Configuration {
	c := cors.Configuration{}
	for _, text := range texts {
		c.Rules = append(c.Rules, rule(text))
	}
	return c
}

// findingsOf are the findings of some checks, as "severity ID path: fix".
func findingsOf(c cors.Configuration, o lint.Options, ids ...string) []string {
	var lines []string
	for _, f := range lint.Run(c, o) {
		if slices.Contains(ids, f.ID) {
			lines = append(lines, fmt.Sprintf("%s %s %s: %s", f.Severity, f.ID, f.Path(), f.Fix))
		}
	}
	return lines
}

// checksBut are all other checks.
func checksBut(ids ...string) []string {
	var others []string
	for _, check := range lint.Catalogue() {
		if !slices.Contains(ids, check.ID) {
			others = append(others, check.ID)
		}
	}
	return others
}

var clientIDs = []string{"CORS028", "CORS029", "CORS030", "CORS031", "CORS032", "CORS033", "CORS034"}

const sdkHeaders = "authorization content-type x-amz-* amz-sdk-*"

func TestClientChecks(t *testing.T) {
	const (
		hintHead = `add "HEAD" to allowedMethods if the script uses it`
		hintETag = `add "ETag" to exposeHeaders if the script reads it`
		plainPut = `add "content-type" to allowedHeaders, and every other header that the script sets`
	)
	presigned, multipart := []lint.Profile{lint.PresignedUpload}, []lint.Profile{lint.Multipart}
	sdk, ranges := []lint.Profile{lint.SDKBrowser}, []lint.Profile{lint.RangeReader}
	for _, test := range []struct {
		name     string
		rules    cors.Configuration
		profiles []lint.Profile
		dialect  *cors.Dialect
		want     []string
	}{
		{"reads alone need nothing", rules("* | GET HEAD"), nil, nil, nil},
		{"most that GET never HEAD", rules("https://a.example | GET", "* | GET PUT | * | ETag"), nil, nil, nil},
		{"what asks for ranges may HEAD", rules("https://a.example | GET | Range"), nil, nil, []string{
			"info CORS033 rules[0].allowedMethods: " + hintHead}},
		{"what reads ranges may HEAD", rules("https://a.example | GET | | content-range"), nil, nil, []string{
			"info CORS033 rules[0].allowedMethods: " + hintHead}},
		{"what reads ranges does not only upload", rules("https://a.example | GET PUT | range content-type | ETag"), presigned, nil, nil},
		{"the SDK may HEAD", rules("https://a.example | GET | *"), sdk, nil, []string{
			"info CORS033 rules[0].allowedMethods: " + hintHead}},
		{"HEAD may be allowed by another rule", rules("https://a.example | GET | range", "https://*.example | HEAD"), nil, nil, nil},
		{"HEAD of another rule has to be for the same origin", rules("https://a.example | GET | range", "https://*.other | HEAD"), nil, nil, []string{
			"info CORS033 rules[0].allowedMethods: " + hintHead}},
		{"PUT without headers", rules("https://a.example | PUT | | ETag"), nil, nil, []string{
			"warning CORS028 rules[0].allowedHeaders: " + plainPut}},
		{"PUT without headers, which a later rule allows", rules("https://a.example | PUT | | ETag", "https://a.example | PUT | * | ETag"), nil, nil, nil},
		{"PUT without headers for two origins, of which a later rule serves one",
			rules("https://a.example https://b.example | PUT | | ETag", "https://a.example | PUT | * | ETag"), nil, nil, []string{
				"warning CORS028 rules[0].allowedHeaders: " + plainPut}},
		{"PUT without headers on a server that does not mind", rules("https://a.example | PUT | | ETag"), nil, cors.SeaweedFS, nil},
		{"a form and a DELETE need no headers", rules("https://a.example | POST DELETE"), nil, nil, nil},
		{"a PUT of a whole file seldom looks at its ETag", rules("https://a.example | PUT GET HEAD | *"), nil, nil, nil},
		{"PUT and POST without ETag", rules("https://a.example | PUT POST | *"), nil, nil, []string{
			"info CORS030 rules[0].exposeHeaders: " + hintETag}},
		{"PUT and POST without ETag, for presigned uploads", rules("https://a.example | PUT POST | *"), presigned, nil, nil},
		{"PUT and POST without ETag on a server that always exposes it", rules("https://a.example | PUT POST | *"), nil, cors.VersityGW, nil},
		{"ETag in any case", rules("https://a.example | PUT POST | * | etag"), nil, nil, nil},
		{"a rule that signs and knows nothing of the SDK", rules("https://a.example | PUT | Authorization x-amz-* content-type | ETag"), nil, nil, []string{
			`info CORS029 rules[0].allowedHeaders: add "amz-sdk-*" to allowedHeaders if the client is that SDK`}},
		{"a rule that names the old SDK", rules("https://a.example | GET | authorization x-amz-date x-amz-user-agent"), nil, nil, []string{
			`info CORS029 rules[0].allowedHeaders: add "amz-sdk-*" to allowedHeaders if the client is that SDK`}},
		{"the rule that the console of S3 once proposed", rules("* | GET | Authorization"), nil, nil, nil},
		{"a client that signs by itself, such as Uppy", rules("https://a.example | GET POST PUT | Authorization x-amz-date x-amz-content-sha256 content-type | ETag"), nil, nil, nil},
		{"what the SDK sends, for presigned uploads", rules("https://a.example | PUT | authorization x-amz-* content-type | ETag"), presigned, nil, nil},
		{"a mistake elsewhere hides nothing", rules("https://a.*.* | get put | | bad*"), nil, nil, nil},
		{"a mistake in a value hides nothing of the rule", rules("https://a.*.* https://b.example | get put post | x-*-* range | bad*"), nil, nil, []string{
			"info CORS033 rules[0].allowedMethods: " + hintHead, "info CORS030 rules[0].exposeHeaders: " + hintETag}},
		{"origins that never match are no concern", rules("https://a.example/ | PUT"), nil, nil, nil},

		{"presigned upload: a file with a type", rules("https://a.example | PUT | content-type | ETag"), presigned, nil, nil},
		{"presigned upload: a form", rules("https://a.example | POST"), presigned, nil, nil},
		{"presigned upload: one rule reads, another uploads", rules("* | GET HEAD", "https://*.example | PUT | * | ETag"), presigned, nil, nil},
		{"presigned upload: the headers of something else", rules("https://a.example | PUT | x-amz-* | ETag"), presigned, nil, []string{
			`warning CORS028 rules[0].allowedHeaders: add "content-type" to allowedHeaders`}},
		{"presigned upload: no headers is told once", rules("https://a.example | PUT | | ETag"), presigned, nil, []string{
			`warning CORS028 rules[0].allowedHeaders: add "content-type" to allowedHeaders`}},
		{"presigned upload: reads only", rules("* | GET HEAD"), presigned, nil, []string{
			`warning CORS031 rules: add a rule for the origins of the application that allows PUT, with "content-type" in allowedHeaders`}},

		{"multipart: parts have no type", rules("https://a.example | PUT POST DELETE | | ETag"), multipart, nil, nil},
		{"multipart: complete", rules("https://a.example | PUT POST DELETE | * | ETag"), multipart, nil, nil},
		{"multipart: complete in two rules", rules("https://a.example | PUT | * | ETag", "https://*.example | POST DELETE"), multipart, nil, nil},
		{"multipart: complete for one of two applications", rules("https://a.example | PUT POST DELETE | * | ETag", "https://b.example | PUT | *"), multipart, nil, nil},
		{"multipart: a server does all but the parts", rules("https://a.example | GET HEAD PUT | content-type content-disposition | ETag"), multipart, nil, []string{
			`info CORS031 rules[0].allowedMethods: add "POST" and "DELETE" to allowedMethods`}},
		{"multipart: the SDK in the browser does all of it", rules("https://a.example | PUT | * | ETag x-amz-checksum-crc32"), []lint.Profile{lint.Multipart, lint.SDKBrowser}, nil, []string{
			`warning CORS031 rules[0].allowedMethods: add "POST" to allowedMethods`,
			`info CORS031 rules[0].allowedMethods: add "DELETE" to allowedMethods`}},
		{"multipart: nothing but PUT", rules("https://a.example | PUT | *"), multipart, nil, []string{
			`info CORS031 rules[0].allowedMethods: add "POST" and "DELETE" to allowedMethods`,
			`warning CORS030 rules[0].exposeHeaders: add "ETag" to exposeHeaders`}},
		{"multipart: the rule for everybody is not the one to widen",
			rules("* | PUT | *", "https://a.example | PUT | * | "), multipart, nil, []string{
				// It is the first that answers PUT, though, and has to expose.
				`warning CORS030 rules[0].exposeHeaders: add "ETag" to exposeHeaders`,
				`info CORS031 rules[1].allowedMethods: add "POST" and "DELETE" to allowedMethods`}},
		{"multipart: the nearest rule is advised", rules("https://a.example | PUT | *", "https://b.example | PUT POST | * | ETag"), multipart, nil, []string{
			`info CORS031 rules[1].allowedMethods: add "DELETE" to allowedMethods`}},
		{"multipart: reads only", rules("* | GET HEAD"), multipart, nil, []string{
			`warning CORS031 rules: add a rule for the origins of the application that allows PUT, with "ETag" in exposeHeaders`}},

		{"SDK: complete", rules("https://a.example | GET HEAD PUT | " + sdkHeaders + " | ETag x-amz-checksum-crc32"), sdk, nil, nil},
		{"SDK: everything allowed", rules("https://a.example | GET HEAD PUT | * | ETag x-amz-checksum-crc32"), sdk, nil, nil},
		{"SDK: x-amz-* is not enough", rules("https://a.example | GET HEAD | x-amz-*"), sdk, nil, []string{
			`warning CORS029 rules[0].allowedHeaders: add "amz-sdk-*" and "authorization" to allowedHeaders`}},
		{"SDK: no headers at all", rules("https://a.example | GET HEAD"), sdk, nil, []string{
			`warning CORS028 rules[0].allowedHeaders: add "amz-sdk-*", "authorization" and "x-amz-*" to allowedHeaders`}},
		{"SDK: the content type of uploads", rules("https://a.example | GET HEAD PUT | authorization x-amz-* amz-sdk-* | ETag x-amz-checksum-crc32"), sdk, nil, []string{
			`warning CORS029 rules[0].allowedHeaders: add "content-type" to allowedHeaders`}},
		{"SDK: no checksum", rules("https://a.example | GET HEAD PUT | * | ETag"), sdk, nil, []string{
			`info CORS032 rules[0].exposeHeaders: add "x-amz-checksum-crc32" to exposeHeaders`}},
		{"SDK: a rule of public reads beside it", rules("* | GET HEAD", "https://a.example | GET HEAD | *"), sdk, nil, nil},
		{"SDK: of equals, the rule for the application", rules("* | GET HEAD", "https://a.example | GET HEAD"), sdk, nil, []string{
			`warning CORS028 rules[1].allowedHeaders: add "amz-sdk-*", "authorization" and "x-amz-*" to allowedHeaders`}},

		{"ranges: complete", rules("* | GET HEAD | range if-match | Content-Range Accept-Ranges ETag"), ranges, nil, nil},
		{"ranges: nothing", rules("* | GET HEAD"), ranges, nil, []string{
			`info CORS028 rules[0].allowedHeaders: add "if-match" and "range" to allowedHeaders`,
			`info CORS034 rules[0].exposeHeaders: add "Content-Range", "Accept-Ranges" and "ETag" to exposeHeaders`}},
		{"ranges: an earlier rule answers", rules("* | GET HEAD", "https://a.example | GET HEAD | * | Content-Range Accept-Ranges ETag"), ranges, nil, []string{
			`info CORS034 rules[0].exposeHeaders: add "Content-Range", "Accept-Ranges" and "ETag" to exposeHeaders`}},
		{"ranges: uploads only", rules("https://a.example | PUT | * | ETag"), ranges, nil, []string{
			`warning CORS031 rules: add a rule for the origins of the application that allows GET, with "Content-Range", "Accept-Ranges" and "ETag" in exposeHeaders, with "if-match" and "range" in allowedHeaders`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := findingsOf(test.rules, lint.Options{Profiles: test.profiles, Dialect: test.dialect}, clientIDs...)
			if !slices.Equal(got, test.want) {
				t.Errorf("found\n\t%s\nnot\n\t%s", strings.Join(got, "\n\t"), strings.Join(test.want, "\n\t"))
			}
		})
	}
}

// What a profile finds is exactly what has to be added, by the word of the
// evaluator: with it, nothing is missing any more.
func TestWhatAProfileAsksForIsEnough(t *testing.T) {
	var texts []string
	for _, o := range []string{"*", "https://a.example", "https://*.example http://localhost:*"} {
		for _, m := range []string{"GET", "GET HEAD PUT", "PUT POST"} {
			for _, h := range []string{"", "x-amz-*", "authorization range", "*"} {
				for _, e := range []string{"", "ETag x-amz-checksum-crc32 Content-Range"} {
					texts = append(texts, strings.Join([]string{o, m, h, e}, "|"))
				}
			}
		}
	}
	others := checksBut(clientIDs...)
	for i, text := range texts {
		for _, other := range []string{texts[(i*7+3)%len(texts)], texts[(i*31+11)%len(texts)]} {
			for _, profile := range lint.Profiles() {
				o := lint.Options{Profiles: []lint.Profile{profile}, Disabled: others}
				c := rules(text, other)
				if !addWhatIsAdvised(t, &c, lint.Run(c, o)) {
					continue
				}
				for _, f := range lint.Run(c, o) {
					if advice.MatchString(f.Fix) {
						t.Errorf("%s of %q and %q: after what was advised, still: %s", profile, text, other, f)
					}
				}
			}
		}
	}
}

// advice is the fix of what a profile finds, and of nothing else.
var advice = regexp.MustCompile(`^add ("[^"]+"(?:(?:, | and )"[^"]+")*) to \w+$`)

// addWhatIsAdvised follows advice about rules. It is false if there is some
// that it cannot follow, which is to add a rule.
func addWhatIsAdvised(t *testing.T, c *cors.Configuration, found []lint.Finding) bool {
	t.Helper()
	for _, f := range found {
		if f.ID == "CORS031" && f.Rule < 0 {
			return false
		}
		match := advice.FindStringSubmatch(f.Fix)
		if match == nil {
			continue
		}
		for _, quoted := range regexp.MustCompile(`"[^"]+"`).FindAllString(match[1], -1) {
			value := strings.Trim(quoted, `"`)
			r := &c.Rules[f.Rule]
			switch f.Field {
			case cors.FieldAllowedMethods:
				r.AllowedMethods = append(r.AllowedMethods, value)
			case cors.FieldAllowedHeaders:
				r.AllowedHeaders = append(r.AllowedHeaders, value)
			case cors.FieldExposeHeaders:
				r.ExposeHeaders = append(r.ExposeHeaders, value)
			default:
				t.Fatalf("advice about %s", f.Path())
			}
		}
	}
	return true
}
