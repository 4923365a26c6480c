// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/cors/vectors"
)

// read reads a directory of vectors.
func read(t testing.TB, dir string) []vectors.Group {
	t.Helper()
	groups, err := vectors.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

const decisions = "testdata/decisions"

// compileGroup is the bucket of a group as a server of the dialect decides for it.
func compileGroup(t testing.TB, g vectors.Group, d *cors.Dialect) *cors.Policy {
	t.Helper()
	p, err := g.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDecisionsAreThoseOfS3(t *testing.T) {
	seen := cors.Doubt(0)
	for _, g := range read(t, decisions) {
		seen |= checkDecisions(t, g, cors.AWS)
	}
	if all := cors.DoubtWildcardSlash<<1 - 1; seen != all {
		t.Errorf("no vector has the doubts %q", all&^seen)
	}
}

// checkDecisions compares the cases of a group with what a dialect makes of them.
// The result is the doubts that were seen.
func checkDecisions(t *testing.T, g vectors.Group, dialect *cors.Dialect) (seen cors.Doubt) {
	t.Helper()
	policy := compileGroup(t, g, dialect)
	for _, c := range g.Cases {
		t.Run(g.File+"/"+g.Name+"/"+c.Name, func(t *testing.T) {
			d := policy.Decide(c.Request)
			if got := vectors.DecisionOf(d); !reflect.DeepEqual(got, c.Want) {
				t.Errorf("source: %s\ngot  %+v\nwant %+v", c.Source, got, c.Want)
			}
			if certain := d.Confidence == cors.ConfidenceHigh; certain != (d.Doubts.String() == "") {
				t.Errorf("confidence %s with doubts %q", d.Confidence, d.Doubts)
			}
			seen |= d.Doubts
		})
	}
	return seen
}

func TestTheWorstDoubtCounts(t *testing.T) {
	d := cors.DoubtMixedOrigins | cors.DoubtNullOrigin | cors.DoubtMissingBucket
	if got := d.Confidence(); got != cors.ConfidenceLow {
		t.Errorf("confidence %s, want low", got)
	}
	if got := strings.Count(d.String(), "; "); got != 3 { // one of them is inside a text
		t.Errorf("%q", d)
	}
}

func TestHeadersComeInTheOrderOfS3(t *testing.T) {
	policy := compile(t, cors.Rule{
		AllowedOrigins: []string{"https://a.example"},
		AllowedMethods: []string{"GET"},
		AllowedHeaders: []string{"*"},
		ExposeHeaders:  []string{"ETag"},
		MaxAgeSeconds:  new(int32(60)),
	})
	d := policy.Decide(cors.Request{
		Method: "OPTIONS", Origin: "https://a.example", RequestMethod: "GET", RequestHeaders: "range",
	})
	want := []cors.Header{
		{Name: "X-First", Value: "kept"},
		{Name: "Access-Control-Allow-Origin", Value: "https://a.example"},
		{Name: "Access-Control-Allow-Credentials", Value: "true"},
		{Name: "Access-Control-Allow-Methods", Value: "GET"},
		{Name: "Access-Control-Allow-Headers", Value: "range"},
		{Name: "Access-Control-Expose-Headers", Value: "ETag"},
		{Name: "Access-Control-Max-Age", Value: "60"},
		{Name: "Vary", Value: "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"},
	}
	if got := d.AppendHeaders(want[:1:1]); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	refused := policy.Decide(cors.Request{Method: "GET", Origin: "https://b.example"})
	if got := refused.AppendHeaders(want[:1]); len(got) != 1 {
		t.Errorf("a refused request gets the headers %v", got[1:])
	}
	if got := refused.Headers(); got != nil {
		t.Errorf("a refused request gets the headers %v", got)
	}
}

func TestDecidingDoesNotAllocate(t *testing.T) {
	policy, err := cors.Compile(benchmarkConfiguration(100, "https://*.a%d-%d.co"))
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]cors.Request{
		"allowed":        {Method: "OPTIONS", Origin: "https://x.a99-9.co", RequestMethod: "PUT", RequestHeaders: "content-type, X-Amz-Acl"},
		"refused":        {Method: "OPTIONS", Origin: "https://evil.example", RequestMethod: "PUT"},
		"actual request": {Method: "PUT", Origin: "https://x.a0-0.co"},
	} {
		if n := testing.AllocsPerRun(100, func() { policy.Decide(r) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestTheHundredthRuleCanMatch(t *testing.T) {
	policy, err := cors.Compile(benchmarkConfiguration(cors.MaxRules, "https://a%d-%d.co"))
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]int{
		"https://a0-0.co": 0, "https://a63-9.co": 63, "https://a64-0.co": 64, "https://a99-9.co": 99, "https://a100-0.co": -1,
	} {
		if d := policy.Decide(cors.Request{Method: "PUT", Origin: origin}); d.Rule != want {
			t.Errorf("%s: rule %d, want %d", origin, d.Rule, want)
		}
	}
}

func TestAPolicyDoesNotChangeWithItsConfiguration(t *testing.T) {
	c := cors.Configuration{Rules: []cors.Rule{{
		AllowedOrigins: []string{"https://a.example"}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{"x-a:"},
		MaxAgeSeconds: new(int32(60)),
	}}}
	policy, err := cors.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	r := cors.Request{Method: "GET", Origin: "https://a.example"}
	refused := cors.Request{Method: "GET", Origin: "https://a.example/", RequestHeaders: "x-a"}
	before, advice := policy.Decide(r).Headers(), policy.Explain(refused).Advice
	rule := c.Rules[0]
	rule.AllowedOrigins[0], rule.AllowedMethods[0], rule.AllowedHeaders[0], *rule.MaxAgeSeconds = "https://b.example", "PUT", "x-b", 0
	if after := policy.Decide(r).Headers(); !slices.Equal(before, after) {
		t.Errorf("before %v, after %v", before, after)
	}
	if after := policy.Explain(refused).Advice; after != advice {
		t.Errorf("before %q, after %q", advice, after)
	}
}

func TestTenThousandRequestedHeaders(t *testing.T) {
	policy := compile(t, cors.Rule{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{"x-*"}})
	names := strings.Repeat("x-a,", 10_000)
	r := cors.Request{Method: "OPTIONS", Origin: "https://a.example", RequestMethod: "GET", RequestHeaders: names + "x-b"}
	d := policy.Decide(r)
	if !d.Allowed {
		t.Fatalf("not allowed: %s", d.Reason)
	}
	for _, h := range d.Headers() {
		if want := strings.Repeat("x-a, ", 10_000) + "x-b"; h.Name == "Access-Control-Allow-Headers" && h.Value != want {
			t.Errorf("Access-Control-Allow-Headers has %d bytes, want %d", len(h.Value), len(want))
		}
	}
	r.RequestHeaders = names + "y"
	if policy.Decide(r).Allowed {
		t.Error("allowed with a header that is not")
	}
}

func compile(t testing.TB, rules ...cors.Rule) *cors.Policy {
	t.Helper()
	p, err := cors.Compile(cors.Configuration{Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
