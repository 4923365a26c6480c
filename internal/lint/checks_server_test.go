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

// problemsOf are the findings of some checks, as "severity ID path: problem".
func problemsOf(c cors.Configuration, o lint.Options, ids ...string) []string {
	var lines []string
	for _, f := range lint.Run(c, o) {
		if slices.Contains(ids, f.ID) {
			lines = append(lines, fmt.Sprintf("%s %s %s: %s", f.Severity, f.ID, f.Path(), f.Problem))
		}
	}
	return lines
}

var serverIDs = []string{"CORS041", "CORS042", "CORS043", "CORS046", "CORS060"}

func TestServerChecks(t *testing.T) {
	const rgw, weed = "Ceph RGW goes by the first rule that has the origin, so that this one is never asked for ",
		"SeaweedFS goes by the first rule that has the origin, so that this one is never asked for "
	for _, test := range []struct {
		name  string
		rules cors.Configuration
		o     lint.Options
		want  []string
	}{
		{"one origin in two rules is fine on S3", rules("https://a.example | GET", "https://a.example | PUT | *"), lint.Options{}, nil},
		{"one origin in two rules on Ceph RGW", rules("https://a.example | GET", "https://a.example | PUT | *"), lint.Options{Dialect: cors.CephRGW}, []string{
			"warning CORS041 rules[1].allowedOrigins[0]: " + rgw + "https://a.example: PUT from there is refused"}},
		{"one origin in two rules on SeaweedFS", rules("https://a.example | GET | *", "https://a.example | PUT | *"), lint.Options{Dialect: cors.SeaweedFS}, []string{
			"warning CORS041 rules[1].allowedOrigins[0]: " + weed + "https://a.example: PUT from there is refused"}},
		{"a wide origin before a narrow one", rules("* | GET HEAD", "https://b.example https://a.example | PUT | *"), lint.Options{Dialect: cors.CephRGW}, []string{
			"warning CORS041 rules[1].allowedOrigins[0]: " + rgw + "https://b.example: PUT from there is refused"}},
		{"a narrow origin before a wide one", rules("https://a.example | PUT", "https://*.example | GET"), lint.Options{Dialect: cors.CephRGW}, []string{
			"warning CORS041 rules[1].allowedOrigins[0]: " + rgw + "https://a.example: GET from there is refused"}},
		{"the headers differ, not the methods", rules("https://a.example | PUT | content-type", "https://a.example | PUT | x-amz-acl"), lint.Options{Dialect: cors.CephRGW}, []string{
			"warning CORS041 rules[1].allowedOrigins[0]: " + rgw + "https://a.example: PUT with x-amz-acl from there is refused"}},
		{"one split is told by one check", rules("https://a.example | GET", "https://a.example | GET | x-amz-acl x-another-header"), lint.Options{Dialect: cors.CephRGW}, []string{
			"warning CORS041 rules[1].allowedOrigins[0]: " + rgw + "https://a.example: GET with x-amz-acl from there is refused"}},
		{"a later rule that S3 never gets to either", rules("https://a.example | GET PUT | *", "https://a.example | GET"), lint.Options{Dialect: cors.CephRGW}, nil},
		{"two origins in two rules", rules("https://a.example | GET", "https://b.example | PUT | *"), lint.Options{Dialect: cors.CephRGW}, nil},

		{"Garage: as it should be", rules("https://a.example | GET PUT | content-type | ETag", "* | GET | *"), lint.Options{Dialect: cors.Garage}, nil},
		{"Garage: all that it does not know", rules("https://a.example https://*.b.example | GET | Range x-amz-* *"), lint.Options{Dialect: cors.Garage}, []string{
			"error CORS042 rules[0].allowedOrigins: the rule has 2 origins, and Garage answers with all of them",
			`error CORS042 rules[0].allowedOrigins[1]: Garage takes the "*" in "https://*.b.example" for a letter`,
			`error CORS042 rules[0].allowedHeaders[0]: "Range" is not in lower case, and Garage compares with regard to case`,
			`error CORS042 rules[0].allowedHeaders[1]: Garage takes the "*" in "x-amz-*" for a letter`}},
		{"the same on S3", rules("https://a.example https://*.b.example | GET | Range x-amz-* *"), lint.Options{}, nil},

		{"a directory bucket", rules("https://a.example | GET"), lint.Options{Buckets: []string{"web", "fast--use1-az4--x-s3"}}, []string{
			`error CORS043 rules: "fast--use1-az4--x-s3" is a directory bucket, which has no CORS configuration`}},
		{"a server that stores no rules", rules("https://a.example | GET"), lint.Options{Dialect: cors.MinIO}, []string{
			"error CORS043 rules: MinIO stores no CORS configurations"}},
		{"a bucket of another server that looks like one", rules("https://a.example | GET"), lint.Options{Buckets: []string{"fast--use1-az4--x-s3"}, Dialect: cors.VersityGW}, nil},

		{"the endpoint of some bucket", rules("https://web.s3.eu-west-1.amazonaws.com | GET"), lint.Options{}, []string{
			`warning CORS046 rules[0].allowedOrigins[0]: "https://web.s3.eu-west-1.amazonaws.com" is the endpoint of bucket "web"`}},
		{"the endpoint of the bucket", rules("https://a.example https://my.web.s3.amazonaws.com | GET"), lint.Options{Buckets: []string{"my.web"}}, []string{
			`warning CORS046 rules[0].allowedOrigins[1]: "https://my.web.s3.amazonaws.com" is the endpoint of the bucket itself`}},
		{"the endpoint of another bucket", rules("https://web.s3.eu-west-1.amazonaws.com | GET"), lint.Options{Buckets: []string{"assets"}}, nil},
		{"the endpoint of everybody", rules("https://s3.eu-west-1.amazonaws.com https://s3.amazonaws.com https://s3.dualstack.us-east-1.amazonaws.com https://s3-us-west-2.amazonaws.com https://s3.cn-north-1.amazonaws.com.cn | GET"),
			lint.Options{Buckets: []string{"assets"}}, []string{
				`warning CORS046 rules[0].allowedOrigins[0]: "https://s3.eu-west-1.amazonaws.com" is the endpoint of S3 itself`,
				`warning CORS046 rules[0].allowedOrigins[1]: "https://s3.amazonaws.com" is the endpoint of S3 itself`,
				`warning CORS046 rules[0].allowedOrigins[2]: "https://s3.dualstack.us-east-1.amazonaws.com" is the endpoint of S3 itself`,
				`warning CORS046 rules[0].allowedOrigins[3]: "https://s3-us-west-2.amazonaws.com" is the endpoint of S3 itself`,
				`warning CORS046 rules[0].allowedOrigins[4]: "https://s3.cn-north-1.amazonaws.com.cn" is the endpoint of S3 itself`}},
		{"websites and other services", rules("http://web.s3-website-eu-west-1.amazonaws.com http://web.s3-website.eu-central-1.amazonaws.com https://x.execute-api.eu-west-1.amazonaws.com https://ap-1.s3-accesspoint.eu-west-1.amazonaws.com https://s3.example.com | GET"),
			lint.Options{}, nil},

		{"SeaweedFS takes no headers for all headers", rules("https://a.example | GET"), lint.Options{Dialect: cors.SeaweedFS}, []string{
			"info CORS060 rules[0]: SeaweedFS allows more than S3: a preflight for GET from https://a.example that asks for x-another-header"}},
		{"versitygw decides as S3 does", rules("https://a.example https://*.b.example | GET PUT | x-amz-* content-type | ETag", "* | GET"), lint.Options{Dialect: cors.VersityGW}, nil},
		{"Ceph RGW decides as S3 does, for one rule an origin", rules("https://a.example https://*.b.example | GET PUT | x-amz-* content-type | ETag"), lint.Options{Dialect: cors.CephRGW}, nil},
		{"SeaweedFS knows a wildcard only behind the scheme", rules("https://app-*.example.com | GET | *"), lint.Options{Dialect: cors.SeaweedFS}, []string{
			"warning CORS060 rules[0]: S3 allows a preflight for GET from https://app-some-app.example.com, and SeaweedFS does not"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := problemsOf(test.rules, test.o, serverIDs...)
			if !slices.Equal(got, test.want) {
				t.Errorf("found\n\t%s\nnot\n\t%s", strings.Join(got, "\n\t"), strings.Join(test.want, "\n\t"))
			}
		})
	}
}

func TestWhatToAddToTheRuleThatCephRGWAsks(t *testing.T) {
	for _, test := range []struct {
		rules cors.Configuration
		want  string
	}{
		// A public read behind the rule of one application, as many have it.
		{rules("https://a.example | PUT | * | ETag", "* | GET HEAD"),
			"warning CORS041 rules[1].allowedOrigins[0]: add to rules[0] what https://a.example needs of this rule, such as GET"},
		// What needs no header is named rather than what does.
		{rules("* | GET | authorization", "https://a.example | PUT GET | * | ETag"),
			"warning CORS041 rules[1].allowedOrigins[0]: add to rules[0] what https://a.example needs of this rule, such as PUT"},
		{rules("https://a.example | PUT | x-a", "https://a.example | PUT | *"),
			"warning CORS041 rules[1].allowedOrigins[0]: add to rules[0] what https://a.example needs of this rule, such as PUT with content-type"},
	} {
		got := findingsOf(test.rules, lint.Options{Dialect: cors.CephRGW}, "CORS041")
		if !slices.Equal(got, []string{test.want}) {
			t.Errorf("%q\nwant %q", got, test.want)
		}
	}
}

func TestLowerCaseIsMendedForGarage(t *testing.T) {
	c := rules("https://a.example | GET | Range If-Match")
	o := lint.Options{Dialect: cors.Garage}
	after := lint.Apply(c, lint.Edits(c, o))
	if got := after.Rules[0].AllowedHeaders; !slices.Equal(got, []string{"range", "if-match"}) {
		t.Errorf("mended to %q", got)
	}
}

// manyOrigins have n origins in each of as many rules as S3 takes.
func manyOrigins(n int) cors.Configuration {
	c := cors.Configuration{}
	for i := range cors.MaxRules {
		r := rule("| GET PUT | x-amz-*")
		for k := range n {
			r.AllowedOrigins = append(r.AllowedOrigins, fmt.Sprintf("https://*.%d.%d", k, i))
		}
		c.Rules = append(c.Rules, r)
	}
	return c
}

func TestServersAndClientsAreLookedAtUpToTheLimitsOfS3(t *testing.T) {
	o := lint.Options{Profiles: lint.Profiles(), Disabled: checksBut(slices.Concat(clientIDs, serverIDs)...)}
	for _, d := range cors.Dialects() {
		o.Dialect = d
		if len(lint.Run(manyOrigins(10), o)) == 0 {
			t.Errorf("%s: nothing was looked at", d.Name())
		}
		if found := lint.Run(manyOrigins(30), o); slices.ContainsFunc(found, func(f lint.Finding) bool { return f.ID == "CORS028" }) {
			t.Errorf("%s: 3,000 origins were tried: %v", d.Name(), found)
		}
	}
}

func TestFindingsAboutLongValuesAreShort(t *testing.T) {
	long := "https://" + strings.Repeat("x", 20_000)
	header := strings.Repeat("h", 20_000)
	c := rules(long+" | GET PUT", long+" | POST | "+header)
	found := 0
	for _, d := range cors.Dialects() {
		for _, f := range lint.Run(c, lint.Options{Dialect: d, Profiles: lint.Profiles(), Disabled: checksBut(slices.Concat(clientIDs, serverIDs)...)}) {
			found++
			if n := len(f.Problem + f.Why + f.Fix); n > 1000 {
				t.Errorf("%s: %s has %d bytes", d.Name(), f.ID, n)
			}
		}
	}
	if found == 0 {
		t.Error("nothing was found")
	}
}
