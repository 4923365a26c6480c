// SPDX-License-Identifier: Apache-2.0

package lint_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/lint"
)

// ruleFindings are those of the checks about rules that stand in each other's way.
func ruleFindings(c cors.Configuration, o lint.Options) []lint.Finding {
	return slices.DeleteFunc(lint.Run(c, o), func(f lint.Finding) bool {
		return !slices.Contains([]string{"CORS016", "CORS017", "CORS018", "CORS038", "CORS040"}, f.ID)
	})
}

// told is a finding in short.
func told(f lint.Finding) string {
	return f.ID + " " + string(f.Severity) + " " + f.Path() + ": " + f.Fix
}

// exposing is a rule with headers to expose, and named is one with an ID.
func exposing(r cors.Rule, headers string) cors.Rule {
	r.ExposeHeaders = strings.Fields(headers)
	return r
}

func named(r cors.Rule, id string) cors.Rule {
	r.ID = id
	return r
}

func aged(r cors.Rule, seconds int32) cors.Rule {
	r.MaxAgeSeconds = &seconds
	return r
}

func TestRulesInEachOthersWay(t *testing.T) {
	const a, b = "https://a.example.com", "https://b.example.com"
	for _, test := range []struct {
		name  string
		rules []cors.Rule
		want  []string
	}{
		{"rules that have nothing to do with each other", []cors.Rule{
			ruleFor(a, "GET", ""), ruleFor(b, "PUT", "x"),
		}, nil},
		{"the special before the general", []cors.Rule{
			exposing(ruleFor(a, "GET", "x"), "ETag"), ruleFor("*", "GET", ""),
		}, nil},
		{"the same rule twice", []cors.Rule{
			named(ruleFor(a, "GET", ""), "one"), named(ruleFor(a, "GET", ""), "two"),
		}, []string{"CORS016 warning rules[1]: remove it"}},
		{"the general before the special, and lost headers", []cors.Rule{
			named(ruleFor("*", "GET HEAD", "*"), "all"), exposing(ruleFor(a, "GET", "x"), "ETag"),
		}, []string{`CORS016 error rules[1]: move it before rule "all", or remove it`}},
		{"an unreachable rule that says nothing of a max age", []cors.Rule{
			aged(ruleFor(a, "GET PUT", "*"), 3000), ruleFor(a, "GET PUT", ""),
		}, []string{"CORS016 warning rules[1]: remove it"}},
		{"an unreachable rule that says another max age", []cors.Rule{
			aged(ruleFor(a, "GET PUT", "*"), 3000), aged(ruleFor(a, "GET PUT", ""), 60),
		}, []string{"CORS016 error rules[1]: move it before rules[0], or remove it"}},
		{"a rule that could go, but for one between", []cors.Rule{
			ruleFor(a, "PUT", "x"), exposing(ruleFor("https://*.example.com", "PUT", ""), "y"), exposing(ruleFor(a, "PUT", "x y"), "ETag y"),
		}, []string{
			"CORS017 warning rules[2].allowedOrigins[0]: add ETag and y to exposeHeaders of rules[0]",
		}},
		{"an unreachable rule that would make the other one unreachable", []cors.Rule{
			ruleFor(a, "GET", ""), exposing(ruleFor(a, "GET", ""), "ETag"),
		}, []string{"CORS016 error rules[1]: write into rules[0] what is meant, and remove this one"}},
		{"two rules that leave nothing to a third", []cors.Rule{
			ruleFor(a, "GET", "x"), ruleFor(b, "GET", "x y"), exposing(ruleFor(a+" "+b, "GET", "x"), "ETag"),
		}, []string{"CORS016 error rules[2]: write into rules[0] and rules[1] what is meant, and remove this one"}},
		{"a general rule that answers actual requests", []cors.Rule{
			ruleFor("*", "GET", ""), exposing(ruleFor(a, "GET PUT", "x"), "ETag"),
		}, []string{"CORS017 warning rules[1].allowedOrigins[0]: move this rule before rules[0]"}},
		{"a rule with fewer headers for the same origin", []cors.Rule{
			ruleFor(a, "PUT", "x"), exposing(ruleFor(a, "PUT", "x y"), "ETag"),
		}, []string{"CORS017 warning rules[1].allowedOrigins[0]: remove rules[0], since this rule matches all that it matches, " +
			"or add ETag to exposeHeaders of rules[0]"}},
		{"no credentials", []cors.Rule{
			ruleFor("*", "GET", ""), ruleFor(a+" "+b, "GET PUT", ""),
		}, []string{"CORS017 warning rules[1]: move this rule before rules[0]"}},
		{"another max age, for a method without and one with preflights", []cors.Rule{
			aged(ruleFor(a, "GET", ""), 60), aged(ruleFor(a, "GET HEAD", "x"), 600),
		}, nil},
		{"another max age for preflights", []cors.Rule{
			aged(ruleFor(a, "PUT", ""), 60), aged(ruleFor(a, "PUT", "x"), 600),
		}, []string{"CORS017 info rules[1].allowedOrigins[0]: remove rules[0], since this rule matches all that it matches"}},
		{"each lacks what the other has", []cors.Rule{
			exposing(ruleFor("*", "PUT", ""), "x"), exposing(ruleFor(a+" *", "PUT", "x"), "x"), exposing(ruleFor("*", "PUT", "x y"), "y"),
		}, []string{
			`CORS018 warning rules[1].allowedOrigins[1]: remove "*" if the others are meant, or the others if everybody is; ` +
				`if both are, write "*" in a rule of its own after this one`,
			"CORS017 warning rules[2].allowedOrigins[0]: add y to exposeHeaders of rules[0]",
		}},
		{"a part that gets the same answer", []cors.Rule{
			exposing(ruleFor(a, "GET", ""), "ETag x"), exposing(ruleFor(a, "GET PUT", "x"), "etag"),
		}, nil},
		{"any origin and others", []cors.Rule{
			ruleFor(a+" * "+b, "GET", ""),
		}, []string{`CORS018 warning rules[0].allowedOrigins[1]: remove "*" if the others are meant, or the others if everybody is; ` +
			`if both are, write "*" in a rule of its own after this one`}},
		{"any origin twice", []cors.Rule{ruleFor("* *", "GET", "")}, []string{"CORS038 warning rules[0].allowedOrigins[1]: remove it"}},
		{"rules that differ in origins", []cors.Rule{
			ruleFor(a, "GET", "X y"), ruleFor(b, "GET", "y x"),
		}, []string{`CORS040 info rules[1].allowedOrigins: add "https://b.example.com" to allowedOrigins of rules[0] and remove this rule`}},
		{"rules that differ in methods", []cors.Rule{
			ruleFor(a, "GET", "x"), ruleFor(a, "PUT POST", "x"),
		}, []string{"CORS040 info rules[1].allowedMethods: add PUT and POST to allowedMethods of rules[0] and remove this rule"}},
		{"rules that differ in headers, of which one would allow more than both", []cors.Rule{
			ruleFor(a, "GET", "x"), ruleFor(a, "GET", "y"),
		}, nil},
		{"rules with names of their own", []cors.Rule{
			named(ruleFor(a, "GET", ""), "a"), named(ruleFor(b, "GET", ""), "b"),
		}, nil},
		{"a rule between that has nothing to do with them", []cors.Rule{
			ruleFor(a, "GET", "x"), ruleFor("https://c", "GET", ""), ruleFor(b, "GET", "x"),
		}, []string{`CORS040 info rules[2].allowedOrigins: add "https://b.example.com" to allowedOrigins of rules[0] and remove this rule`}},
		{"a rule between that answers part of it", []cors.Rule{
			ruleFor(a, "GET", "x"), ruleFor(b, "GET", "y"), ruleFor(b, "GET", "x"),
		}, nil},
		{"any origin in one of them", []cors.Rule{
			ruleFor(a, "GET", ""), ruleFor("*", "GET", ""),
		}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, f := range ruleFindings(cors.Configuration{Rules: test.rules}, lint.Options{}) {
				got = append(got, told(f))
				if f.Why == "" || f.Problem == "" {
					t.Errorf("%+v", f)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%q\nwant %q", got, test.want)
			}
		})
	}
}

func TestValuesThatAreThereTwiceOrIncluded(t *testing.T) {
	for _, test := range []struct {
		name    string
		rule    cors.Rule
		dialect *cors.Dialect
		want    []string
	}{
		{"nothing", ruleFor("https://a", "GET HEAD", "x-amz-* amz-sdk-*"), nil, nil},
		{"an origin", ruleFor("https://a https://b https://a https://a", "GET", ""), nil,
			[]string{"warning rules[0].allowedOrigins[2]", "warning rules[0].allowedOrigins[3]"}},
		{"a method", ruleFor("https://a", "GET GET", ""), nil, []string{"warning rules[0].allowedMethods[1]"}},
		{"a header in other letters", ruleFor("https://a", "GET", "X x"), nil, []string{"warning rules[0].allowedHeaders[1]"}},
		{"a header in other letters for Garage", ruleFor("https://a", "GET", "X x"), cors.Garage, nil},
		{"a header to expose", exposing(ruleFor("https://a", "GET", ""), "ETag etag"), nil, []string{"warning rules[0].exposeHeaders[1]"}},
		{"an origin that is included, before the pattern", ruleFor("https://a.example.com https://*.example.com", "GET", ""), nil,
			[]string{"info rules[0].allowedOrigins[0]"}},
		{"patterns in patterns", ruleFor("https://*.com https://*.example.com https://a.example.com", "GET", ""), nil,
			[]string{"info rules[0].allowedOrigins[1]", "info rules[0].allowedOrigins[2]"}},
		{"twice and included", ruleFor("https://a", "GET", "x-a x-* X-A"), nil,
			[]string{"info rules[0].allowedHeaders[0]", "warning rules[0].allowedHeaders[2]"}},
		{"everything beside the header *", ruleFor("https://a", "GET", "* authorization"), nil, []string{"info rules[0].allowedHeaders[1]"}},
		{"included, for a server that knows fewer patterns", ruleFor("https://a", "GET", "* x"), cors.SeaweedFS, nil},
		{"beside any origin, which is told otherwise", ruleFor("* https://*.b https://a.b", "GET", ""), nil, nil},
		{"what has to be mended first", ruleFor("https://a.b/ https://a.b/ https://*.b", "GET", ""), nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			c := cors.Configuration{Rules: []cors.Rule{test.rule}}
			for _, f := range lint.Run(c, lint.Options{Dialect: test.dialect}) {
				if f.ID != "CORS038" {
					continue
				}
				got = append(got, string(f.Severity)+" "+f.Path())
				if want := (&lint.Edit{Rule: f.Rule, Field: f.Field, Index: f.Index}); !reflect.DeepEqual(f.Edit, want) {
					t.Errorf("edit %+v, want %+v", f.Edit, want)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%q\nwant %q", got, test.want)
			}
		})
	}
}

func TestWhatIsRemovedAsRedundantChangesNoAnswer(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	some := func(values ...string) []string {
		list := []string{values[r.IntN(len(values))]}
		for range r.IntN(5) {
			list = append(list, values[r.IntN(len(values))])
		}
		return list
	}
	origins := []string{"https://a", "https://b", "https://ab", "https://a.b", "https://x.a.b", "http://a", "null"}
	edits := 0
	for range 500 {
		var c cors.Configuration
		for range 1 + r.IntN(3) {
			c.Rules = append(c.Rules, cors.Rule{
				AllowedOrigins: some("*", "https://a", "https://*", "https://a*", "https://*b", "https://a.b", "https://*.b"),
				AllowedMethods: some("GET", "PUT"),
				AllowedHeaders: some("*", "x", "X-*", "x-a", "X-A", "*-a"),
				ExposeHeaders:  some("ETag", "etag", "x"),
			})
		}
		var all []lint.Edit
		for _, f := range lint.Fixes(c, lint.Options{}) {
			if f.ID == "CORS038" {
				all = append(all, *f.Edit)
			}
		}
		if len(all) == 0 {
			continue
		}
		edits += len(all)
		before, errBefore := cors.Compile(c)
		after, errAfter := cors.Compile(lint.Apply(c, all))
		if errBefore != nil || errAfter != nil {
			t.Fatal(errBefore, errAfter)
		}
		for _, origin := range origins {
			for _, method := range []string{"GET", "PUT"} {
				for _, headers := range []string{"", "x", "x-a", "y-a,x-b", "y"} {
					request := cors.Request{Method: "OPTIONS", Origin: origin, RequestMethod: method, RequestHeaders: headers}
					d, e := before.Decide(request), after.Decide(request)
					if d.Allowed != e.Allowed || d.Rule != e.Rule || !slices.Equal(decisive(d), decisive(e)) {
						t.Fatalf("%+v: %+v, and after %+v: %+v, of\n%+v", request, d, all, e, c)
					}
				}
			}
		}
	}
	if edits < 500 {
		t.Errorf("only %d edits", edits)
	}
}

// decisive are the headers of an answer without repetitions in lists.
func decisive(d cors.Decision) []string {
	var all []string
	for _, h := range d.Headers() {
		list := strings.Split(strings.ToLower(h.Value), ", ")
		slices.Sort(list)
		all = append(all, h.Name+": "+strings.Join(slices.Compact(list), ", "))
	}
	return all
}
