// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// decisionGroup is what S3 makes of some requests to one bucket, as the files in
// testdata/decisions hold it.
type decisionGroup struct {
	Name          string          `json:"name"`
	Configuration json.RawMessage `json:"configuration"` // as for ParseJSON; null for a bucket without
	MissingBucket bool            `json:"missingBucket"`
	Cases         []decisionCase  `json:"cases"`
}

type decisionCase struct {
	Name    string         `json:"name"`
	Source  string         `json:"source"`
	Request requestVector  `json:"request"`
	Want    decisionVector `json:"want"`
}

type requestVector struct {
	HTTPMethod string            `json:"httpMethod"`
	Resource   string            `json:"resource"`
	Headers    map[string]string `json:"headers"`
}

func (v requestVector) request() cors.Request {
	r := cors.Request{
		Method:         v.HTTPMethod,
		Origin:         v.Headers["Origin"],
		RequestMethod:  v.Headers["Access-Control-Request-Method"],
		RequestHeaders: v.Headers["Access-Control-Request-Headers"],
		Blank:          slices.Contains(slices.Collect(maps.Values(v.Headers)), ""),
	}
	if v.Resource == "bucket" {
		r.Resource = cors.Bucket
	}
	return r
}

type decisionVector struct {
	Allowed      bool              `json:"allowed"`
	Reason       cors.Reason       `json:"reason"`
	Rule         int               `json:"rule"`
	RuleID       string            `json:"ruleID,omitempty"`
	Status       int               `json:"status,omitempty"`
	Code         string            `json:"code,omitempty"`
	Message      string            `json:"message,omitempty"`
	Method       string            `json:"method,omitempty"`
	ResourceType string            `json:"resourceType,omitempty"`
	Headers      map[string]string `json:"headers"`
	Confidence   string            `json:"confidence"`
}

func vectorOf(d cors.Decision) decisionVector {
	v := decisionVector{
		Allowed: d.Allowed, Reason: d.Reason, Rule: d.Rule, RuleID: d.RuleID,
		Status: d.Status, Code: d.Code, Message: d.Message, Method: d.Method, ResourceType: d.ResourceType,
		Headers: map[string]string{}, Confidence: d.Confidence.String(),
	}
	for _, h := range d.Headers() {
		v.Headers[h.Name] = h.Value
	}
	return v
}

func readDecisions(t testing.TB) map[string][]decisionGroup {
	t.Helper()
	return readGroups(t, "testdata/decisions")
}

// readGroups reads the files of a directory, by name without extension.
func readGroups(t testing.TB, dir string) map[string][]decisionGroup {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	groups := map[string][]decisionGroup{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		var g []decisionGroup
		if err := d.Decode(&g); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		groups[strings.TrimSuffix(filepath.Base(file), ".json")] = g
	}
	return groups
}

// policy is the bucket of the group on AWS.
func (g decisionGroup) policy(t testing.TB) *cors.Policy {
	t.Helper()
	if !g.MissingBucket && string(g.Configuration) == "null" {
		return nil
	}
	return g.policyOn(t, cors.AWS)
}

// policyOn is the bucket of the group on another server.
func (g decisionGroup) policyOn(t testing.TB, d *cors.Dialect) *cors.Policy {
	t.Helper()
	switch {
	case g.MissingBucket:
		return d.MissingBucket()
	case string(g.Configuration) == "null":
		return d.NoConfiguration()
	}
	c, err := cors.ParseJSON(g.Configuration)
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDecisionsAreThoseOfS3(t *testing.T) {
	for name, groups := range readDecisions(t) {
		for _, g := range groups {
			policy := g.policy(t)
			for _, c := range g.Cases {
				t.Run(name+"/"+g.Name+"/"+c.Name, func(t *testing.T) {
					got, err := json.MarshalIndent(vectorOf(policy.Decide(c.Request.request())), "", " ")
					if err != nil {
						t.Fatal(err)
					}
					want, err := json.MarshalIndent(c.Want, "", " ")
					if err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(got, want) {
						t.Errorf("source: %s\ngot  %s\nwant %s", c.Source, got, want)
					}
				})
			}
		}
	}
}

func TestDoubtfulDecisionsSayWhy(t *testing.T) {
	seen := cors.Doubt(0)
	for _, groups := range readDecisions(t) {
		for _, g := range groups {
			policy := g.policy(t)
			for _, c := range g.Cases {
				d := policy.Decide(c.Request.request())
				if certain := d.Confidence == cors.ConfidenceHigh; certain != (d.Doubts.String() == "") {
					t.Errorf("%s/%s: confidence %s with doubts %q", g.Name, c.Name, d.Confidence, d.Doubts)
				}
				seen |= d.Doubts
			}
		}
	}
	if all := cors.DoubtMissingBucket<<1 - 1; seen != all {
		t.Errorf("no vector has the doubts %q", all&^seen)
	}
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
		AllowedOrigins: []string{"https://a.example"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(60)),
	}}}
	policy, err := cors.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	r := cors.Request{Method: "GET", Origin: "https://a.example"}
	before := policy.Decide(r).Headers()
	c.Rules[0].AllowedOrigins[0], c.Rules[0].AllowedMethods[0], *c.Rules[0].MaxAgeSeconds = "https://b.example", "PUT", 0
	if after := policy.Decide(r).Headers(); !slices.Equal(before, after) {
		t.Errorf("before %v, after %v", before, after)
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
