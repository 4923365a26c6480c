// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// rule is short for a rule for GET from origins.
func rule(id string, origins ...string) cors.Rule {
	return cors.Rule{ID: id, AllowedOrigins: origins, AllowedMethods: []string{"GET"}}
}

func TestDiff(t *testing.T) {
	a, b, c, d := rule("a", "https://a"), rule("b", "https://b"), rule("c", "https://c"), rule("d", "https://d")
	edited := func(r cors.Rule, edit func(*cors.Rule)) cors.Rule { edit(&r); return r }
	many := make([]string, 30)
	for i := range many {
		many[i] = fmt.Sprintf("https://%02d", i)
	}
	for name, test := range map[string]struct {
		from, to []cors.Rule
		want     []string
	}{
		"nothing": {[]cors.Rule{a, b}, []cors.Rule{a, b}, nil},
		"an origin more": {[]cors.Rule{a}, []cors.Rule{rule("a", "https://a", "https://evil.example")}, []string{
			`rule "a": allowedOrigins: + https://evil.example`,
		}},
		"an origin less and another more": {[]cors.Rule{rule("a", "https://x", "https://a")}, []cors.Rule{rule("a", "https://a", "https://y")}, []string{
			`rule "a": allowedOrigins: + https://y, - https://x`,
		}},
		"every field of a rule": {
			[]cors.Rule{full()},
			[]cors.Rule{{ID: "uploads", AllowedOrigins: []string{"*"}, AllowedMethods: []string{"PUT", "POST"}, AllowedHeaders: []string{"X-AMZ-*"}, ExposeHeaders: []string{"Etag", "Range"}}},
			[]string{
				`rule "uploads": allowedOrigins: + *, - https://a.example, - https://b.example`,
				`rule "uploads": allowedMethods: + POST, - GET`,
				`rule "uploads": allowedHeaders: - content-type`,
				`rule "uploads": exposeHeaders: + range, - x-amz-request-id`,
				`rule "uploads": maxAgeSeconds: 0 -> none`,
			},
		},
		"max age of a rule without ID": {
			[]cors.Rule{a, edited(rule("", "*"), func(r *cors.Rule) { r.MaxAgeSeconds = new(int32(3000)) })},
			[]cors.Rule{a, edited(rule("", "*"), func(r *cors.Rule) { r.MaxAgeSeconds = new(int32(0)) })},
			[]string{"rules[1]: maxAgeSeconds: 3000 -> 0"},
		},
		"the ID lost":            {[]cors.Rule{a}, []cors.Rule{rule("", "https://a")}, []string{`rule "a": id: a -> none`}},
		"the ID changed":         {[]cors.Rule{a}, []cors.Rule{rule("A 1", "https://a")}, []string{`rule "a": id: a -> "A 1"`}},
		"added":                  {[]cors.Rule{a}, []cors.Rule{a, b}, []string{`rule "b" added`}},
		"added without ID":       {[]cors.Rule{a}, []cors.Rule{a, rule("", "*")}, []string{"rules[1] added"}},
		"removed":                {[]cors.Rule{a, b}, []cors.Rule{b}, []string{`rule "a" removed`}},
		"all removed":            {[]cors.Rule{a, rule("", "*")}, nil, []string{`rule "a" removed`, "rules[1] removed"}},
		"all added":              {nil, []cors.Rule{a, b}, []string{`rule "a" added`, `rule "b" added`}},
		"put in front":           {[]cors.Rule{a, b, c}, []cors.Rule{d, a, b, c}, []string{`rule "d" added`}},
		"put in front, no IDs":   {[]cors.Rule{rule("", "x"), rule("", "y")}, []cors.Rule{rule("", "z"), rule("", "x"), rule("", "y")}, []string{"rules[0] added"}},
		"put in front, IDs made": {[]cors.Rule{rule("", "x"), rule("", "y")}, []cors.Rule{rule("s1", "z"), rule("s2", "x"), rule("s3", "y")}, []string{`rule "s1" added`}},
		"moved to the front":     {[]cors.Rule{a, b, c}, []cors.Rule{c, a, b}, []string{`rule "c" moved from 2 to 0`}},
		"moved to the end":       {[]cors.Rule{a, b, c, d}, []cors.Rule{b, c, d, a}, []string{`rule "a" moved from 0 to 3`}},
		"reversed":               {[]cors.Rule{a, b, c}, []cors.Rule{c, b, a}, []string{`rule "a" moved from 0 to 2`, `rule "b" moved past other rules`}},
		"moved and changed": {[]cors.Rule{a, b, c}, []cors.Rule{rule("c", "https://c2"), a, b}, []string{
			`rule "c" moved from 2 to 0`, `rule "c": allowedOrigins: + https://c2, - https://c`,
		}},
		"replaced by a rule with another ID": {[]cors.Rule{a}, []cors.Rule{edited(b, func(r *cors.Rule) { r.AllowedMethods = []string{"PUT"} })}, []string{
			`rule "a" removed`, `rule "b" added`,
		}},
		"nothing in common, at the same place": {[]cors.Rule{full(), rule("", "x")}, []cors.Rule{full(), {ID: "", AllowedOrigins: []string{"y"}, AllowedMethods: []string{"PUT"}, MaxAgeSeconds: new(int32(1)), AllowedHeaders: []string{"*"}, ExposeHeaders: []string{"ETag"}}}, []string{
			"rules[1]: allowedOrigins: + y, - x", "rules[1]: allowedMethods: + PUT, - GET",
			"rules[1]: allowedHeaders: + *", "rules[1]: exposeHeaders: + etag", "rules[1]: maxAgeSeconds: none -> 1",
		}},
		"nothing in common, at another place": {[]cors.Rule{a, rule("", "x")}, []cors.Rule{{ID: "", AllowedOrigins: []string{"y"}, AllowedMethods: []string{"PUT"}, MaxAgeSeconds: new(int32(1)), AllowedHeaders: []string{"*"}, ExposeHeaders: []string{"ETag"}}, a}, []string{
			"rules[1] removed", "rules[0] added",
		}},
		"the more similar rule is the same one": {
			[]cors.Rule{edited(rule("", "x"), func(r *cors.Rule) { r.AllowedHeaders = []string{"h"} })},
			[]cors.Rule{rule("", "y"), edited(rule("", "x"), func(r *cors.Rule) { r.AllowedHeaders = []string{"i"} })},
			[]string{"rules[0]: allowedHeaders: + i, - h", "rules[0] added"},
		},
		"of two equally similar rules the nearer": {
			[]cors.Rule{a, b, rule("", "x")},
			[]cors.Rule{rule("", "y"), a, b, rule("", "z")},
			[]string{"rules[2]: allowedOrigins: + z, - x", "rules[0] added"},
		},
		"of two equally similar rules the nearer, though it comes first": {
			[]cors.Rule{rule("", "x")},
			[]cors.Rule{rule("", "y"), rule("", "z")},
			[]string{"rules[0]: allowedOrigins: + y, - x", "rules[1] added"},
		},
		"two rules alike but for IDs": {[]cors.Rule{rule("", "x"), rule("n", "x")}, []cors.Rule{rule("n", "x"), rule("s", "x")}, []string{
			`rule "s" moved from 0 to 1`,
		}},
		"values that read badly in a list": {[]cors.Rule{rule("a", "x")}, []cors.Rule{rule("a", "x", "", "b, c", "\x00", `"`)}, []string{
			`rule "a": allowedOrigins: + "", + "\x00", + "\"", + "b, c"`,
		}},
		"very many values": {[]cors.Rule{rule("a", "x")}, []cors.Rule{rule("a", many...)}, []string{
			`rule "a": allowedOrigins: + https://00, + https://01, + https://02, + https://03, + https://04, + https://05, + https://06, ` +
				`+ https://07, + https://08, + https://09, and 21 more`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, change := range cors.Diff(cors.Configuration{Rules: test.from}, cors.Configuration{Rules: test.to}) {
				got = append(got, change.String())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestAChangeCanBeTakenApart(t *testing.T) {
	changes := cors.Diff(
		cors.Configuration{Rules: []cors.Rule{rule("", "x")}},
		cors.Configuration{Rules: []cors.Rule{rule("made", "y")}},
	)
	if len(changes) != 1 {
		t.Fatalf("changes %v", changes)
	}
	got := changes[0]
	if got.Kind != cors.FieldChanged || got.RuleID != "made" || got.From != 0 || got.To != 0 ||
		got.Field != cors.FieldAllowedOrigins || !slices.Equal(got.Added, []string{"y"}) || !slices.Equal(got.Removed, []string{"x"}) {
		t.Errorf("change %+v", got)
	}
}
