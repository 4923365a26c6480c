// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/cors/vectors"
)

// configured are the decision vectors that have a configuration.
func configured(t testing.TB) []vectors.Group {
	t.Helper()
	return slices.DeleteFunc(read(t, decisions), func(g vectors.Group) bool { return len(g.Configuration.Rules) == 0 })
}

// groupJSON is the configuration of a group in JSON.
func groupJSON(t testing.TB, g vectors.Group) []byte {
	t.Helper()
	data, err := cors.FormatJSON(g.Configuration)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func FuzzParseJSON(f *testing.F) {
	for _, g := range configured(f) {
		f.Add(groupJSON(f, g))
	}
	f.Add([]byte(fullJSON))
	f.Add([]byte(`[{"ID":"\ud800","MaxAgeSeconds":-0}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := cors.ParseJSON(data)
		checkParsed(t, c, err)
		if err != nil {
			return
		}
		printed, err := cors.FormatJSON(c)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := cors.ParseJSON(printed); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%+v is printed as\n%s\nwhich reads as %+v, %v", c, printed, again, err)
		}
	})
}

func FuzzParseXML(f *testing.F) {
	for _, g := range configured(f) {
		data, err := cors.FormatXML(g.Configuration)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(fullXML))
	f.Add([]byte(`<CORSConfiguration><CORSRule><ID>&#xD;&#x85;<![CDATA[]]]]></ID></CORSRule></CORSConfiguration>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := cors.ParseXML(data)
		checkParsed(t, c, err)
		if err != nil {
			return
		}
		printed, err := cors.FormatXML(c)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := cors.ParseXML(printed); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%+v is printed as\n%s\nwhich reads as %+v, %v", c, printed, again, err)
		}
	})
}

// checkParsed checks what holds for every document.
func checkParsed(t *testing.T, c cors.Configuration, err error) {
	t.Helper()
	if err != nil {
		e, ok := errors.AsType[*cors.ParseError](err)
		if !ok || e.Line < 1 || e.Column < 1 || e.Problem == "" {
			t.Errorf("error %#v", err)
		}
		return
	}
	if !cors.Equal(c, c) || cors.Diff(c, c) != nil {
		t.Errorf("%+v differs from itself", c)
	}
	if _, err := cors.Compile(c); err != nil && err.Error() == "" {
		t.Error("an error without a text")
	}
}

func FuzzDecide(f *testing.F) {
	for _, g := range configured(f) {
		for _, c := range g.Cases {
			f.Add(groupJSON(f, g), c.Request.Method, c.Request.Origin, c.Request.RequestMethod, c.Request.RequestHeaders)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, method, origin, requestMethod, requestHeaders string) {
		c, err := cors.ParseJSON(data)
		if err != nil {
			return
		}
		policy, err := cors.Compile(c)
		if err != nil {
			return
		}
		r := cors.Request{Method: method, Origin: origin, RequestMethod: requestMethod, RequestHeaders: requestHeaders}
		d := policy.Decide(r)
		checkDecision(t, c, r, d)
		// A rule after the one that matched has no influence.
		c.Rules = append(c.Rules, cors.Rule{
			AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET", "PUT"}, AllowedHeaders: []string{"*"},
		})
		if longer, err := cors.Compile(c); d.Allowed && err == nil {
			if after := longer.Decide(r); after.Rule != d.Rule || !slices.Equal(after.Headers(), d.Headers()) {
				t.Errorf("a rule at the end changes %+v to %+v", d, after)
			}
		}
	})
}

// checkDecision compares d with a plain reading of the documentation, rule by
// rule, and checks what holds for every decision.
func checkDecision(t *testing.T, c cors.Configuration, r cors.Request, d cors.Decision) {
	t.Helper()
	want := -1
	if d.Reason == cors.Matched || d.Reason == cors.NoRuleMatches {
		want = slices.IndexFunc(c.Rules, func(rule cors.Rule) bool { return matches(rule, r) })
	}
	if d.Rule != want || d.Allowed != (want >= 0) || d.Allowed != (d.Reason == cors.Matched) {
		t.Errorf("%+v of %+v: %+v, want rule %d", r, c, d, want)
	}
	preflight := r.Method == "OPTIONS"
	if preflight != (d.Status != 0) || (d.Status == 200) != (preflight && d.Allowed) || (d.Code == "") != (d.Message == "") {
		t.Errorf("%+v is answered with %+v", r, d)
	}
	if headers := d.Headers(); d.Allowed != (len(headers) > 0) {
		t.Errorf("%+v gets the headers %v", r, headers)
	}
}

// matches is the slow and simple form of the algorithm.
func matches(rule cors.Rule, r cors.Request) bool {
	like := func(s string) func(string) bool {
		return func(pattern string) bool {
			prefix, suffix, wild := strings.Cut(pattern, "*")
			return s == pattern || wild && len(s) >= len(pattern)-1 && strings.HasPrefix(s, prefix) && strings.HasSuffix(s, suffix)
		}
	}
	lower := func(c rune) rune { // without the letters beyond ASCII that become k and s
		if c < unicode.MaxASCII {
			return unicode.ToLower(c)
		}
		return c
	}
	method := r.Method
	if r.RequestMethod != "" {
		method = r.RequestMethod
	}
	if !slices.Contains(rule.AllowedMethods, method) || !slices.ContainsFunc(rule.AllowedOrigins, like(r.Origin)) {
		return false
	}
	for name := range strings.SplitSeq(r.RequestHeaders, ",") {
		name = strings.Map(lower, strings.Trim(name, " \t"))
		if name != "" && !slices.ContainsFunc(rule.AllowedHeaders, func(p string) bool { return like(name)(strings.Map(lower, p)) }) {
			return false
		}
	}
	return true
}

// randomConfiguration is made of so few values that rules often agree.
func randomConfiguration(r *rand.Rand) cors.Configuration {
	some := func(values ...string) []string {
		var list []string
		for range r.IntN(3) {
			list = append(list, values[r.IntN(len(values))])
		}
		return list
	}
	c := cors.Configuration{Rules: make([]cors.Rule, r.IntN(5))}
	for i := range c.Rules {
		c.Rules[i] = cors.Rule{
			ID:             []string{"", "a", "b"}[r.IntN(3)],
			AllowedOrigins: append(some("*", "https://b", "*b"), []string{"https://*", "https://b"}[r.IntN(2)]),
			AllowedMethods: append(some("GET", "PUT"), "GET"),
			AllowedHeaders: some("x", "X", "*"),
			ExposeHeaders:  some("ETag", "etag"),
		}
		if age := r.Int32N(3); age < 2 {
			c.Rules[i].MaxAgeSeconds = &age
		}
	}
	return c
}

// disturbed is c as a server might show it, and sometimes a bit more.
func disturbed(r *rand.Rand, c cors.Configuration) cors.Configuration {
	rules := slices.Clone(c.Rules)
	for i := range rules {
		for _, list := range []*[]string{&rules[i].AllowedOrigins, &rules[i].AllowedMethods, &rules[i].AllowedHeaders} {
			*list = slices.Clone(*list)
			r.Shuffle(len(*list), func(a, b int) { (*list)[a], (*list)[b] = (*list)[b], (*list)[a] })
		}
		if rules[i].ID == "" {
			rules[i].ID = []string{"", "made-up"}[r.IntN(2)]
		}
	}
	switch n := len(rules); r.IntN(4) {
	case 0:
		r.Shuffle(n, func(a, b int) { rules[a], rules[b] = rules[b], rules[a] })
	case 1:
		rules = append(rules, randomConfiguration(r).Rules...)
	}
	return cors.Configuration{Rules: rules}
}

func TestNoDifferenceMeansTheSameDecisions(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var equal, different int
	for range 5_000 {
		a := randomConfiguration(r)
		b := disturbed(r, a)
		same := cors.Equal(a, b)
		if none := len(cors.Diff(a, b)) == 0; none != same {
			t.Fatalf("Equal is %t, and Diff %v, for\n%+v\n%+v", same, cors.Diff(a, b), a, b)
		}
		if cors.Hash(a) == cors.Hash(b) && !same {
			t.Fatalf("different configurations have the same hash:\n%+v\n%+v", a, b)
		}
		if !same {
			different++
			continue
		}
		p, errA := cors.Compile(a)
		q, errB := cors.Compile(b)
		if (errA == nil) != (errB == nil) {
			t.Fatalf("%v, %v", errA, errB)
		}
		if errA != nil {
			continue
		}
		equal++
		for _, origin := range []string{"https://a", "https://b", "b"} {
			for _, method := range []string{"GET", "PUT"} {
				for _, headers := range []string{"", "x", "y"} {
					request := cors.Request{Method: "OPTIONS", Origin: origin, RequestMethod: method, RequestHeaders: headers}
					d, e := p.Decide(request), q.Decide(request)
					if d.Allowed != e.Allowed || d.Rule != e.Rule || d.Doubts != e.Doubts {
						t.Fatalf("%+v: %+v of\n%+v\n%+v of\n%+v", request, d, a, e, b)
					}
				}
			}
		}
	}
	if equal < 500 || different < 500 {
		t.Errorf("only %d equal and %d different pairs", equal, different)
	}
}
