// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/cors/vectors"
)

// explanationGroup is what we say about some requests to one bucket, as the files
// in testdata/explanations hold it.
type explanationGroup struct {
	Name          string            `json:"name"`
	Dialect       string            `json:"dialect"` // AWS if empty
	Rules         []json.RawMessage `json:"rules"`   // as for ParseJSON; none for a bucket without
	MissingBucket bool              `json:"missingBucket"`
	Cases         []explanationCase `json:"cases"`
}

type explanationCase struct {
	Name       string `json:"name"`
	HTTPMethod string `json:"httpMethod"` // OPTIONS if empty
	Origin     string `json:"origin"`
	Method     string `json:"method"`  // Access-Control-Request-Method
	Headers    string `json:"headers"` // Access-Control-Request-Headers
	Advice     string `json:"advice"`
	// Trace has for each rule "yes" or "no" for the origin and the method, and the
	// names of the headers, after a "!" where they are not allowed. Null if it is
	// beside the point.
	Trace []string `json:"trace"`
}

func (g explanationGroup) policy(t testing.TB) *cors.Policy {
	t.Helper()
	dialect, ok := cors.DialectByName(cmp.Or(g.Dialect, "AWS"))
	switch {
	case !ok:
		t.Fatalf("no dialect %q", g.Dialect)
	case g.MissingBucket:
		return dialect.MissingBucket()
	case g.Rules == nil:
		return dialect.NoConfiguration()
	}
	data, err := json.Marshal(g.Rules)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cors.ParseJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	p, err := dialect.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (c explanationCase) request() cors.Request {
	return cors.Request{
		Method: cmp.Or(c.HTTPMethod, "OPTIONS"), Origin: c.Origin, RequestMethod: c.Method, RequestHeaders: c.Headers,
	}
}

func readExplanations(t testing.TB) []explanationGroup {
	t.Helper()
	files, err := vectors.ReadAs[explanationGroup]("testdata/explanations")
	if err != nil {
		t.Fatal(err)
	}
	var groups []explanationGroup
	for _, file := range files {
		groups = append(groups, file.Vectors...)
	}
	return groups
}

// traceLines writes a trace as an explanationCase has it.
func traceLines(trace []cors.RuleTrace) []string {
	word := map[bool]string{true: "yes", false: "no"}
	lines := []string{}
	for _, rule := range trace {
		line := word[rule.Origin] + " " + word[rule.Method]
		for _, h := range rule.Headers {
			line += map[bool]string{true: " ", false: " !"}[h.Allowed] + h.Name
		}
		lines = append(lines, line)
	}
	return lines
}

func TestExplanationsAdviseLikeAColleague(t *testing.T) {
	for _, g := range readExplanations(t) {
		policy := g.policy(t)
		for _, c := range g.Cases {
			t.Run(g.Name+"/"+c.Name, func(t *testing.T) {
				e := policy.Explain(c.request())
				if e.Advice != c.Advice {
					t.Errorf("advice\n  %s\nwant\n  %s", e.Advice, c.Advice)
				}
				if c.Trace != nil && !slices.Equal(traceLines(e.Trace), c.Trace) {
					t.Errorf("trace %q, want %q", traceLines(e.Trace), c.Trace)
				}
				checkExplanation(t, policy, c.request(), e)
			})
		}
	}
}

// checkExplanation checks what holds for every explanation.
func checkExplanation(t *testing.T, p *cors.Policy, r cors.Request, e cors.Explanation) {
	t.Helper()
	d := p.Decide(r)
	if e.Allowed != d.Allowed || e.Rule != d.Rule || e.Status != d.Status || e.Reason != d.Reason || e.Doubts != d.Doubts ||
		!slices.Equal(e.Headers(), d.Headers()) {
		t.Errorf("%+v: explained as %+v, decided as %+v", r, e.Decision, d)
	}
	if e.Trace == nil {
		t.Errorf("%+v: the trace is nil", r)
	}
	for i, rule := range e.Trace {
		whole := rule.Origin && rule.Method
		for _, h := range rule.Headers {
			whole = whole && h.Allowed
		}
		if rule.Rule != i || rule.Headers == nil || whole != (ruleMatches(e.Decision) && i == e.Rule) {
			t.Errorf("%+v: rules[%d] is traced as %+v, and rule %d matches", r, i, rule, e.Rule)
		}
	}
	if ruleMatches(e.Decision) && len(e.Trace) != e.Rule+1 {
		t.Errorf("%+v: rule %d of a trace of %d", r, e.Rule, len(e.Trace))
	}
	if e.Allowed && (e.Nearest != nil || e.Advice != "") || !e.Allowed && e.Advice == "" {
		t.Errorf("%+v: nearest %v, advice %q", r, e.Nearest, e.Advice)
	}
	if len(e.Advice) > 2000 || strings.ContainsAny(e.Advice, "\r\n") {
		t.Errorf("%+v: advice %q", r, e.Advice)
	}
	if n := e.Nearest; n != nil && (len(n.Missing) == 0 || e.Reason != cors.NoRuleMatches || !strings.HasPrefix(e.Advice, n.String())) {
		t.Errorf("%+v: nearest %+v, advice %q", r, n, e.Advice)
	}
	if data, err := e.JSON(cors.Subject{Document: "d", Request: "x"}); err != nil || !json.Valid(data) || bytes.ContainsAny(data, "\r\n") {
		t.Errorf("%+v: %s, %v", r, data, err)
	}
}

// withMissing is c with what the nearest rule lacks.
func withMissing(c cors.Configuration, n *cors.Nearest) cors.Configuration {
	rules := slices.Clone(c.Rules)
	r := &rules[n.Rule]
	for _, o := range n.Missing {
		switch o.Field {
		case cors.FieldAllowedOrigins:
			r.AllowedOrigins = append(slices.Clip(r.AllowedOrigins), o.Value)
		case cors.FieldAllowedMethods:
			r.AllowedMethods = append(slices.Clip(r.AllowedMethods), o.Value)
		default:
			r.AllowedHeaders = append(slices.Clip(r.AllowedHeaders), o.Value)
		}
	}
	return cors.Configuration{Rules: rules}
}

// ruleMatches reports whether a rule matches, also if browsers refuse the answer.
func ruleMatches(d cors.Decision) bool { return d.Allowed || d.Reason == cors.AnswerUnusable }

// checkNearest checks that the missing things are all that is missing, and that
// each of the first is.
func checkNearest(t *testing.T, dialect *cors.Dialect, c cors.Configuration, r cors.Request, n *cors.Nearest) {
	t.Helper()
	decide := func(n cors.Nearest) (cors.Decision, bool) {
		p, err := dialect.Compile(withMissing(c, &n))
		if err != nil {
			return cors.Decision{}, false // such as an origin with two "*"
		}
		return p.Decide(r), true
	}
	if d, ok := decide(*n); ok && (!ruleMatches(d) || d.Rule != n.Rule) {
		t.Errorf("%s: %+v with all that %q names is decided as %+v\n%+v", dialect.Name(), r, n, d, c)
	}
	for i := range min(len(n.Missing), 8) {
		less := *n
		less.Missing = slices.Delete(slices.Clone(n.Missing), i, i+1)
		if d, ok := decide(less); ok && ruleMatches(d) {
			t.Errorf("%s: %+v is allowed without %v of %q\n%+v", dialect.Name(), r, n.Missing[i], n, c)
		}
	}
}

func TestNearestNamesExactlyWhatIsMissing(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	one := func(values ...string) string { return values[random.IntN(len(values))] }
	seen := map[string]int{}
	for range 4_000 {
		c := randomConfiguration(random)
		r := cors.Request{
			Method:         one("OPTIONS", "OPTIONS", "GET", "PUT"),
			Origin:         one("https://a", "https://b", "http://b", "b", "HTTPS://b/", "x"),
			RequestMethod:  one("GET", "PUT", "DELETE", "HEAD", ""),
			RequestHeaders: one("", "", "x", "Y", "x,y", "z , y,y", ",x", "y,"),
		}
		for _, dialect := range cors.Dialects() {
			p, err := dialect.Compile(c)
			if err != nil {
				continue
			}
			e := p.Explain(r)
			if e.Nearest == nil {
				continue
			}
			seen[dialect.Name()]++
			checkNearest(t, dialect, c, r, e.Nearest)
			if t.Failed() {
				return
			}
		}
	}
	for name, n := range seen {
		if n < 500 {
			t.Errorf("only %d refusals of %s", n, name)
		}
	}
	if len(seen) < 5 {
		t.Errorf("only the dialects %v", seen)
	}
}

func TestExplanationsOfTheDecisionVectors(t *testing.T) {
	for _, g := range read(t, decisions) {
		policy := compileGroup(t, g, cors.AWS)
		for _, c := range g.Cases {
			t.Run(g.File+"/"+g.Name+"/"+c.Name, func(t *testing.T) {
				checkExplanation(t, policy, c.Request, policy.Explain(c.Request))
			})
		}
	}
}

func TestExplainingTheSameTwiceSaysTheSame(t *testing.T) {
	c := benchmarkConfiguration(50, "https://*.a%d-%d.co/")
	for i := range c.Rules {
		c.Rules[i].AllowedOrigins = append(c.Rules[i].AllowedOrigins, "https://B.co", "https://b.co/", "https://b.co:443", "b.co")
	}
	policy := compile(t, c.Rules...)
	r := cors.Request{Method: "OPTIONS", Origin: "https://b.co", RequestMethod: "GET", RequestHeaders: "x,y"}
	first := policy.Explain(r).Advice
	for range 20 {
		if again := policy.Explain(r).Advice; again != first {
			t.Fatalf("first %s\nthen %s", first, again)
		}
	}
}

func BenchmarkExplain(b *testing.B) {
	for _, rules := range []int{3, 100} {
		policy, err := cors.Compile(benchmarkConfiguration(rules, "https://a%d-%d.co"))
		if err != nil {
			b.Fatal(err)
		}
		for _, test := range []struct{ name, origin, headers string }{
			{"allowed", fmt.Sprintf("https://a%d-9.co", rules-1), "content-type,x-amz-acl,x-amz-meta-author"},
			{"header refused", fmt.Sprintf("https://a%d-9.co", rules-1), "content-type,range,x-amz-meta-author"},
			{"origin refused", fmt.Sprintf("http://a%d-9.co", rules-1), "content-type,x-amz-acl,x-amz-meta-author"},
		} {
			request := cors.Request{Method: "OPTIONS", Origin: test.origin, RequestMethod: "PUT", RequestHeaders: test.headers}
			b.Run(fmt.Sprintf("%dx10/%s", rules, test.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					policy.Explain(request)
				}
			})
		}
	}
}

func TestExplanationsOfLargeRequestsStayShort(t *testing.T) {
	policy := compile(t, benchmarkConfiguration(100, "https://a%d-%d.co").Rules...)
	var names []string
	for i := range 10_000 {
		names = append(names, fmt.Sprintf("x-%d", i))
	}
	r := cors.Request{
		Method: "OPTIONS", Origin: strings.Repeat("https://x.example", 10_000), RequestMethod: "GET", RequestHeaders: strings.Join(names, ","),
	}
	e := policy.Explain(r)
	checkExplanation(t, policy, r, e)
	if got := len(e.Nearest.Missing); got != 10_002 {
		t.Errorf("%d things missing, want 10,002", got)
	}
	if want := "headers x-0, x-1, x-2, x-3, x-4 and 9995 more"; !strings.HasSuffix(e.Nearest.String(), want) {
		t.Errorf("%q does not end in %q", e.Nearest, want)
	}
	if len(e.Trace) != 100 || len(e.Trace[99].Headers) != 101 {
		t.Fatalf("a trace of %d", len(e.Trace))
	}
	if rest := e.Trace[99].Headers[100]; rest != (cors.HeaderTrace{Name: "and 9900 more"}) {
		t.Errorf("%+v for the rest", rest)
	}
}

func TestTheRestOfALongTraceIsAllowedWhereAllOfItIs(t *testing.T) {
	policy := compile(t,
		cors.Rule{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{"x-*"}},
		cors.Rule{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{"*"}},
	)
	var names []string
	for i := range 102 {
		names = append(names, fmt.Sprintf("x-%d", i))
	}
	for name, test := range map[string]struct {
		headers []string
		rest    cors.HeaderTrace
		rule    int
	}{
		"as many as a trace has":     {names[:100], cors.HeaderTrace{Name: "x-99", Allowed: true}, 0},
		"one more":                   {names[:101], cors.HeaderTrace{Name: "and 1 more", Allowed: true}, 0},
		"two more":                   {names, cors.HeaderTrace{Name: "and 2 more", Allowed: true}, 0},
		"two more, the second wrong": {append(names[:101:101], "y"), cors.HeaderTrace{Name: "and 2 more"}, 1},
		"the same again":             {append(names[:100:100], names[:50]...), cors.HeaderTrace{Name: "x-99", Allowed: true}, 0},
	} {
		e := policy.Explain(cors.Request{
			Method: "OPTIONS", Origin: "https://a.example", RequestMethod: "GET", RequestHeaders: strings.Join(test.headers, ","),
		})
		headers := e.Trace[0].Headers
		if last := headers[len(headers)-1]; last != test.rest || e.Rule != test.rule {
			t.Errorf("%s: rule %d, and %+v", name, e.Rule, last)
		}
	}
}
