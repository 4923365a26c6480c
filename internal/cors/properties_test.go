// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// crowdedConfiguration has rules that S3 accepts, made of so few patterns that
// they stand in each other's way in every manner there is.
func crowdedConfiguration(r *rand.Rand) cors.Configuration {
	some := func(least int, values ...string) []string {
		r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
		return slices.Clone(values[:least+r.IntN(min(3, len(values)-least+1))])
	}
	c := cors.Configuration{Rules: make([]cors.Rule, 1+r.IntN(5))}
	for i := range c.Rules {
		c.Rules[i] = cors.Rule{
			AllowedOrigins: some(1, "*", "a*", "*b", "a*b", "ab", "aab", "b", ""),
			AllowedMethods: some(1, "GET", "PUT", "HEAD"),
			AllowedHeaders: some(0, "*", "x*", "*y", "x-y", "X", "y", "no name"),
			ExposeHeaders:  some(0, "ETag", "etag", "x"),
		}
		if age := r.Int32N(3); age < 2 {
			c.Rules[i].MaxAgeSeconds = &age
		}
	}
	return c
}

// crowdedRequests are requests for everything that makes a difference to the
// patterns of a crowdedConfiguration. "c" and "z" are in none of them.
func crowdedRequests() []cors.Request {
	var requests []cors.Request
	headers := []string{"", "x", "y", "x-y", "xcy", "z", "x,y", "x-y,x", "xc,cy", "z,x"}
	for _, origin := range append(words("ab", 3), "c", "ac", "cb", "acb", "a*b", "null") {
		for _, method := range []string{"GET", "PUT", "HEAD", "POST"} {
			requests = append(requests, cors.Request{Method: method, Origin: origin})
			for _, list := range headers {
				requests = append(requests, cors.Request{
					Method: "OPTIONS", Origin: origin, RequestMethod: method, RequestHeaders: list,
				})
			}
		}
	}
	return requests
}

func mustCompile(t *testing.T, c cors.Configuration) *cors.Policy {
	t.Helper()
	p, err := cors.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// answer is everything that a server sends.
type answer struct {
	Allowed      bool
	Status       int
	Code, Detail string
	Headers      []cors.Header
}

func answerTo(p *cors.Policy, r cors.Request) answer {
	d := p.Decide(r)
	return answer{d.Allowed, d.Status, d.Code, d.Message + d.Method + d.ResourceType, d.Headers()}
}

func TestARuleAfterAMatchNeverChangesTheAnswer(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	requests := crowdedRequests()
	for range 300 {
		c := crowdedConfiguration(r)
		short := mustCompile(t, c)
		long := mustCompile(t, cors.Configuration{Rules: slices.Concat(c.Rules, crowdedConfiguration(r).Rules)})
		for _, request := range requests {
			before, after := short.Decide(request), long.Decide(request)
			if before.Allowed && (after.Rule != before.Rule || !reflect.DeepEqual(answerTo(short, request), answerTo(long, request))) {
				t.Fatalf("%+v: %+v, and with more rules %+v, of\n%+v", request, before, after, c)
			}
			if !before.Allowed && after.Rule >= 0 && after.Rule < len(c.Rules) {
				t.Fatalf("%+v: rule %d matches only with more rules after it, of\n%+v", request, after.Rule, c)
			}
		}
	}
}

// requestFor asks for the origin, the method and every header of a rule, each "*"
// taken for itself, so that only what contains a pattern matches it.
func requestFor(r cors.Rule, origin, method int) cors.Request {
	return cors.Request{
		Method:         "OPTIONS",
		Origin:         r.AllowedOrigins[origin],
		RequestMethod:  r.AllowedMethods[method],
		RequestHeaders: strings.Join(names(r.AllowedHeaders), ","),
	}
}

// names are the headers that a request can ask for.
func names(headers []string) []string {
	return slices.DeleteFunc(slices.Clone(headers), func(h string) bool { return strings.Contains(h, " ") })
}

func TestShadowsAreWhatDecisionsShow(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	requests := crowdedRequests()
	var unreachable, partly, lit int
	for range 1_500 {
		c := crowdedConfiguration(r)
		policy := mustCompile(t, c)
		byRule := make([]cors.Shadow, len(c.Rules))
		for _, s := range cors.Shadows(c) {
			byRule[s.Rule] = s
		}
		answered := make([]bool, len(c.Rules)) // by the rule, something
		for _, request := range requests {
			if d := policy.Decide(request); d.Allowed {
				answered[d.Rule] = true
			}
		}
		for j, rule := range c.Rules {
			s, possible := byRule[j], false
			for o, origin := range rule.AllowedOrigins {
				for m := range rule.AllowedMethods {
					whole := requestFor(rule, o, m)
					plain := whole
					plain.RequestHeaders = ""
					taken := cors.Taken{Origin: o, Method: m, First: j, Whole: j}
					for _, reported := range s.Taken {
						if reported.Origin == o && reported.Method == m {
							taken = reported
						}
					}
					if taken.Whole < 0 {
						taken.Whole = j
					}
					if origin == "" {
						continue
					}
					possible = true
					first, all := policy.Decide(plain).Rule, policy.Decide(whole).Rule
					if first != taken.First || all != taken.Whole {
						t.Fatalf("%q %q of rule %d: %d answers requests without headers and %d those with all, not %+v, of\n%+v",
							origin, rule.AllowedMethods[m], j, first, all, taken, c)
					}
					answered[j] = answered[j] || all == j
				}
			}
			if s.Unreachable == answered[j] && possible {
				t.Fatalf("rule %d unreachable: %t, answers something: %t, of\n%+v", j, s.Unreachable, answered[j], c)
			}
			switch {
			case s.Unreachable:
				unreachable++
				checkRemoval(t, c, j, policy, requests)
			case len(s.Taken) > 0:
				partly++
			default:
				lit++
			}
		}
	}
	if unreachable < 200 || partly < 200 || lit < 200 {
		t.Errorf("%d rules unreachable, %d partly, %d not in a shadow", unreachable, partly, lit)
	}
}

// checkRemoval checks that no answer changes without an unreachable rule.
func checkRemoval(t *testing.T, c cors.Configuration, rule int, policy *cors.Policy, requests []cors.Request) {
	t.Helper()
	without := mustCompile(t, cors.Configuration{Rules: slices.Delete(slices.Clone(c.Rules), rule, rule+1)})
	for _, request := range requests {
		if before, after := answerTo(policy, request), answerTo(without, request); !reflect.DeepEqual(before, after) {
			t.Fatalf("%+v is answered with %+v, and without rule %d with %+v, of\n%+v", request, before, rule, after, c)
		}
	}
}

// sameMeaning is an answer whose lists of methods and of exposed headers are
// sorted, without duplicates, and the latter in lower case: what a browser
// makes of it. Equal leaves exactly that open.
func sameMeaning(a answer) answer {
	a.Headers = slices.Clone(a.Headers)
	for i, h := range a.Headers {
		switch h.Name {
		case "Access-Control-Expose-Headers":
			h.Value = strings.ToLower(h.Value)
			fallthrough
		case "Access-Control-Allow-Methods":
			list := strings.Split(h.Value, ", ")
			slices.Sort(list)
			a.Headers[i].Value = strings.Join(slices.Compact(list), ", ")
		}
	}
	return a
}

func TestNoDifferenceMeansTheSameAnswers(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	requests := crowdedRequests()
	reordered := 0
	for range 300 {
		a := crowdedConfiguration(r)
		b := disturbed(r, a)
		for i := range b.Rules {
			if expose := b.Rules[i].ExposeHeaders; len(expose) > 0 { // repeated, and in other letters
				b.Rules[i].ExposeHeaders = append(slices.Clone(expose), strings.ToUpper(expose[0]))
			}
		}
		if len(cors.Diff(a, b)) > 0 {
			continue
		}
		p, q := mustCompile(t, a), mustCompile(t, b)
		for _, request := range requests {
			d, e := p.Decide(request), q.Decide(request)
			x, y := answerTo(p, request), answerTo(q, request)
			if d.Rule != e.Rule || d.Reason != e.Reason || d.Doubts != e.Doubts || !reflect.DeepEqual(sameMeaning(x), sameMeaning(y)) {
				t.Fatalf("%+v: %+v of\n%+v\n%+v of\n%+v", request, x, a, y, b)
			}
			if !reflect.DeepEqual(x, y) {
				reordered++
			}
		}
	}
	if reordered == 0 {
		t.Error("no answer ever had its lists in another order")
	}
}

func TestWhatIsPrintedReadsBack(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	odd := []string{"", " ", "a", "<b>&\"'", "]]>", "\u00e9\u2028", "\t\n", "null", "1", `\`, "\U0001F600", "*"}
	list := func() []string {
		var values []string
		for range r.IntN(4) {
			values = append(values, odd[r.IntN(len(odd))])
		}
		return values
	}
	for range 2_000 {
		var c cors.Configuration
		for range r.IntN(4) {
			rule := cors.Rule{
				ID:             odd[r.IntN(len(odd))],
				AllowedOrigins: list(), AllowedMethods: list(), AllowedHeaders: list(), ExposeHeaders: list(),
			}
			if r.IntN(2) == 0 {
				rule.MaxAgeSeconds = new(int32(r.Uint32()))
			}
			c.Rules = append(c.Rules, rule)
		}
		data, err := cors.FormatJSON(c)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := cors.ParseJSON(data); err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("%+v as JSON reads back as %+v, %v:\n%s", c, again, err, data)
		}
		data, err = cors.FormatXML(c)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := cors.ParseXML(data); err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("%+v as XML reads back as %+v, %v:\n%s", c, again, err, data)
		}
	}
}
