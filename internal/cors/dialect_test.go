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

// dialectVectors reads testdata/dialects, by dialect.
func dialectVectors(t testing.TB) map[*cors.Dialect][]vectors.Group {
	t.Helper()
	all := map[*cors.Dialect][]vectors.Group{}
	for _, g := range read(t, "testdata/dialects") {
		d, ok := cors.DialectByName(g.File)
		if !ok {
			t.Fatalf("there is no dialect %s", g.File)
		}
		all[d] = append(all[d], g)
	}
	return all
}

func TestEveryDialectDecidesAsItsVectorsSay(t *testing.T) {
	all := dialectVectors(t)
	seen := cors.Doubt(0)
	for _, d := range cors.Dialects() {
		if len(all[d]) == 0 {
			t.Errorf("%s has no vectors", d.Name())
		}
		for _, g := range all[d] {
			seen |= checkDecisions(t, g, d)
		}
	}
	for _, doubt := range []cors.Doubt{cors.DoubtSettings, cors.DoubtRelease, cors.DoubtAuthorization} {
		if seen&doubt == 0 {
			t.Errorf("no vector has the doubt %q", doubt)
		}
	}
}

// What works on AWS and fails elsewhere, or the other way round: the vectors of
// testdata/dialects/aws.json that another dialect decides otherwise.
var otherwise = map[*cors.Dialect][]string{
	cors.CephRGW: {
		"fails two rules for one origin: the method of the second rule",
		"fails two rules for one origin: a header of the second rule",
		"fails two rules for one origin: method and headers of the second rule",
		"fails two rules for one origin: an actual request of the second rule",
		"works several origins in one rule: an actual request that asks for a header that is not allowed",
		"works several origins in one rule: an actual request that asks for no header name",
		"works two halves that could overlap: one character for both",
	},
	cors.SeaweedFS: {
		"fails two rules for one origin: the method of the second rule",
		"fails two rules for one origin: method and headers of the second rule",
		"fails several origins in one rule: an empty entry among the headers",
		"works several origins in one rule: no method",
		"works several origins in one rule: an actual request that asks for another method",
		"works several origins in one rule: an actual request that asks for a method that no rule can have",
		"works several origins in one rule: an actual request that asks for a header that is not allowed",
		"works several origins in one rule: an actual request that asks for no header name",
		"works every origin: preflight that asks for a header of a rule without any",
		"fails two halves that could overlap: a character for each",
		"fails two halves that could overlap: something between them",
		"works a bucket without a configuration: preflight",
		"works a bucket without a configuration: preflight of the bucket",
		"works a bucket without a configuration: no method",
		"works a bucket without a configuration: actual request",
		"works a bucket that does not exist: preflight",
		"works a bucket that does not exist: preflight that asks for a header",
		"works a bucket that does not exist: actual request",
	},
	cors.Garage: {
		"fails two rules for one origin: method and headers of the second rule",
		"fails several origins in one rule: the literal origin",
		"fails several origins in one rule: the wildcard origin",
		"fails several origins in one rule: a header as browsers write it",
		"fails several origins in one rule: a header in the capitals of the rule",
		"fails several origins in one rule: a header with the wildcard",
		"fails several origins in one rule: several headers",
		"fails several origins in one rule: an empty entry among the headers",
		"fails several origins in one rule: an actual request",
		"fails every origin after another: the other origin",
		"fails every origin after another: any origin",
		"fails every origin after another: an actual request from the other origin",
		"fails two halves that could overlap: a character for each",
		"fails two halves that could overlap: something between them",
		"works a bucket that does not exist: preflight",
	},
	cors.VersityGW: {
		"fails several origins in one rule: an empty entry among the headers",
	},
	cors.MinIO: {
		"works a bucket without a configuration: preflight",
		"works a bucket without a configuration: preflight of the bucket",
		"works a bucket without a configuration: no method",
		"works a bucket without a configuration: actual request",
		"works a bucket that does not exist: preflight",
		"works a bucket that does not exist: preflight that asks for a header",
		"works a bucket that does not exist: actual request",
	},
}

func TestWhereADialectDiffersFromAWS(t *testing.T) {
	all := dialectVectors(t)
	onAWS := map[string]bool{}
	for _, g := range all[cors.AWS] {
		for _, c := range g.Cases {
			onAWS[g.Name+": "+c.Name] = c.Want.Allowed
		}
	}
	for d, want := range otherwise {
		var got []string
		for _, g := range all[d] {
			for _, c := range g.Cases {
				name := g.Name + ": " + c.Name
				allowed, ok := onAWS[name]
				switch {
				case !ok || allowed == c.Want.Allowed:
				case allowed:
					got = append(got, "fails "+name)
				default:
					got = append(got, "works "+name)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", d.Name(), strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestADialectIsFoundByItsName(t *testing.T) {
	for _, d := range cors.Dialects() {
		for _, name := range []string{d.Name(), strings.ToLower(d.Name()), strings.ToUpper(d.Name())} {
			if got, ok := cors.DialectByName(name); got != d || !ok {
				t.Errorf("%s: %v, %t", name, got, ok)
			}
		}
	}
	if d, ok := cors.DialectByName("S3"); d != nil || ok {
		t.Errorf("found %v", d)
	}
	if cors.Dialects()[0] != cors.AWS {
		t.Error("AWS is not the first")
	}
}

func TestNoConfigurationOfAWSIsANilPolicy(t *testing.T) {
	var none *cors.Policy
	for _, r := range []cors.Request{
		{},
		{Method: "OPTIONS", Origin: "https://a.example", RequestMethod: "PUT", RequestHeaders: "range"},
		{Method: "GET", Origin: "https://a.example"},
	} {
		a, b := vectors.DecisionOf(none.Decide(r)), vectors.DecisionOf(cors.AWS.NoConfiguration().Decide(r))
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%+v: %+v, %+v", r, a, b)
		}
	}
	missing := cors.Request{Method: "OPTIONS", Origin: "https://a.example"}
	if a, b := cors.MissingBucket().Decide(missing), cors.AWS.MissingBucket().Decide(missing); a.Message != b.Message {
		t.Errorf("a missing bucket: %q, %q", a.Message, b.Message)
	}
	if headers := (cors.Decision{}).Headers(); headers != nil {
		t.Errorf("the zero decision has the headers %v", headers)
	}
	if headers := (cors.Decision{}).AppendHeaders(nil); headers != nil {
		t.Errorf("the zero decision appends the headers %v", headers)
	}
}

func TestDialectsDecideWithoutAllocation(t *testing.T) {
	c := cors.Configuration{Rules: []cors.Rule{{
		AllowedOrigins: []string{"https://*.a.example", "https://a.example"},
		AllowedMethods: []string{"PUT"},
		AllowedHeaders: []string{"content-type", "x-amz-acl"},
	}}}
	for _, d := range cors.Dialects() {
		policy, err := d.Compile(c)
		if err != nil {
			policy = d.NoConfiguration()
		}
		r := cors.Request{Method: "OPTIONS", Origin: "https://a.example", RequestMethod: "PUT", RequestHeaders: "content-type,x-amz-acl"}
		if e := policy.Decide(r); !e.Allowed && e.Reason != cors.AnswerUnusable {
			t.Errorf("%s refuses", d.Name())
		}
		if n := testing.AllocsPerRun(100, func() { policy.Decide(r) }); n != 0 {
			t.Errorf("%s: %v allocations", d.Name(), n)
		}
	}
}

func TestAPatternOfManyWildcardsOrHalvesTakesNoLongTime(t *testing.T) {
	long := strings.Repeat("a", 30_000)
	for _, d := range []*cors.Dialect{cors.CephRGW, cors.VersityGW, cors.SeaweedFS} {
		rule := cors.Rule{
			AllowedOrigins: []string{"https://*" + long + "b"},
			AllowedMethods: []string{"GET"},
			AllowedHeaders: []string{long + "*" + long[:10]},
		}
		if d == cors.VersityGW {
			rule.AllowedHeaders = []string{"*a*" + strings.Repeat("*a", 1000) + "*b"}
		}
		policy, err := d.Compile(cors.Configuration{Rules: []cors.Rule{rule}})
		if err != nil {
			t.Fatal(err)
		}
		r := cors.Request{Method: "OPTIONS", Origin: "https://" + long + "b", RequestMethod: "GET", RequestHeaders: long + "c"}
		if policy.Decide(r).Allowed {
			t.Errorf("%s allows %s…", d.Name(), r.RequestHeaders[:10])
		}
	}
}

func FuzzDialects(f *testing.F) {
	for _, groups := range dialectVectors(f) {
		for _, g := range groups {
			for _, c := range g.Cases {
				f.Add(groupJSON(f, g), c.Request.Method, c.Request.Origin, c.Request.RequestMethod, c.Request.RequestHeaders)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, method, origin, requestMethod, requestHeaders string) {
		c, err := cors.ParseJSON(data)
		if err != nil {
			return
		}
		r := cors.Request{Method: method, Origin: origin, RequestMethod: requestMethod, RequestHeaders: requestHeaders}
		for _, d := range cors.Dialects() {
			policy, err := d.Compile(c)
			if err != nil {
				for m := range cors.Mistakes(err) {
					if problem, fix := m.Explain(); problem == "" || fix == "" {
						t.Errorf("%s: %+v is not explained", d.Name(), m)
					}
					_ = m.S3()
				}
				continue
			}
			for _, p := range []*cors.Policy{policy, d.NoConfiguration(), d.MissingBucket()} {
				decision := p.Decide(r)
				if decision.Allowed && len(decision.Headers()) == 0 || decision.Rule >= 0 && decision.Reason != cors.Matched && decision.Reason != cors.AnswerUnusable {
					t.Errorf("%s: %+v", d.Name(), decision)
				}
				if first := p.Explain(r); first.Allowed != decision.Allowed {
					t.Errorf("%s: explained as %t, decided as %t", d.Name(), first.Allowed, decision.Allowed)
				}
			}
		}
	})
}

func TestPolicyKnowsItsDialect(t *testing.T) {
	for _, d := range cors.Dialects() {
		for name, p := range map[string]*cors.Policy{"no configuration": d.NoConfiguration(), "no bucket": d.MissingBucket()} {
			if p.Dialect() != d {
				t.Errorf("%s, %s: %s", d.Name(), name, p.Dialect().Name())
			}
		}
	}
	if d := (*cors.Policy)(nil).Dialect(); d != cors.AWS {
		t.Errorf("nil: %s", d.Name())
	}
}
