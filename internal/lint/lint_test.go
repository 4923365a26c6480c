// SPDX-License-Identifier: Apache-2.0

package lint_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/lint"
)

// of is a configuration of one rule that is fine but for edit.
func of(edit func(*cors.Rule)) cors.Configuration {
	r := cors.Rule{
		AllowedOrigins: []string{"https://app.example.com"},
		AllowedMethods: []string{"GET", "HEAD"},
	}
	edit(&r)
	return cors.Configuration{Rules: []cors.Rule{r}}
}

// ids are the IDs of findings, each once, in order.
func ids(found []lint.Finding) []string {
	var list []string
	for _, f := range found {
		list = append(list, f.ID)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func TestARuleWithoutProblemsHasNoFindings(t *testing.T) {
	if found := lint.Run(of(func(*cors.Rule) {}), lint.Options{}); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

func TestEveryCheckOfTheCatalogueHasAnIDANameAndASummary(t *testing.T) {
	names := map[string]bool{}
	last := ""
	for _, c := range lint.Catalogue() {
		if c.ID <= last {
			t.Errorf("%s comes after %s", c.ID, last)
		}
		last = c.ID
		if !strings.HasPrefix(c.ID, "CORS") || len(c.ID) != len("CORS001") || c.Severity == "" || c.Summary == "" {
			t.Errorf("%+v", c)
		}
		if c.Name == "" || c.Name != strings.ToLower(c.Name) || names[c.Name] {
			t.Errorf("%s has the name %q", c.ID, c.Name)
		}
		names[c.Name] = true
	}
}

func TestACheckIsFoundByItsIDAndByItsName(t *testing.T) {
	for _, id := range []string{"CORS010", "cors010", "origin-trailing-slash"} {
		if c, found := lint.ByID(id); !found || c.ID != "CORS010" {
			t.Errorf("%s: %v, %v", id, c.ID, found)
		}
	}
	for _, id := range []string{"", "CORS999", "CORS01"} {
		if c, found := lint.ByID(id); found {
			t.Errorf("%q is %s", id, c.ID)
		}
	}
}

func TestADisabledCheckFindsNothing(t *testing.T) {
	c := of(func(r *cors.Rule) { r.AllowedOrigins = []string{"https://app.example.com/", "https://b.example:443"} })
	for _, disabled := range []string{"CORS010", "origin-trailing-slash"} {
		o := lint.Options{Disabled: []string{disabled, "CORS999"}}
		if got := ids(lint.Run(c, o)); !slices.Equal(got, []string{"CORS013"}) {
			t.Errorf("without %s: %v", disabled, got)
		}
		if fixes := lint.Fixes(c, o); len(fixes) != 1 || fixes[0].ID != "CORS013" {
			t.Errorf("without %s: %v", disabled, fixes)
		}
	}
}

func TestFindingsComeInTheOrderOfTheRules(t *testing.T) {
	r := cors.Rule{
		ID:             "a",
		AllowedOrigins: []string{"https://b.example/", "https://c.example/"},
		AllowedMethods: []string{"get"},
		AllowedHeaders: []string{"a b"},
		ExposeHeaders:  []string{"*"},
		MaxAgeSeconds:  new(int32(-1)),
	}
	c := cors.Configuration{Rules: []cors.Rule{r, r}}
	var got []string
	for _, f := range lint.Run(c, lint.Options{Disabled: []string{"CORS016", "CORS017", "CORS038", "CORS040"}}) {
		if f.Severity == lint.Error {
			got = append(got, f.Path()+" "+f.ID)
		}
		if f.RuleID != "a" {
			t.Errorf("%v is about the rule %q", f, f.RuleID)
		}
	}
	var want []string
	for i := range c.Rules {
		for _, s := range []string{
			"allowedOrigins[0] CORS010", "allowedOrigins[1] CORS010", "allowedMethods[0] CORS004",
			"allowedHeaders[0] CORS009", "exposeHeaders[0] CORS007", "maxAgeSeconds CORS037",
		} {
			want = append(want, fmt.Sprintf("rules[%d].%s", i, s))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestNobodyReadsTheSameTenThousandTimes(t *testing.T) {
	origins := make([]string, 10_000)
	for i := range origins {
		origins[i] = fmt.Sprintf("https://a%d.example/", i)
	}
	c := of(func(r *cors.Rule) { r.AllowedOrigins = origins })
	found := lint.Run(c, lint.Options{})
	found = slices.DeleteFunc(found, func(f lint.Finding) bool { return f.ID != "CORS010" })
	if len(found) != 21 {
		t.Fatalf("%d findings", len(found))
	}
	last := found[20]
	if last.Path() != "rules[0]" || last.Problem != "9980 more of the same in this rule" {
		t.Errorf("the last one is %v", last)
	}
	fixes := lint.Fixes(c, lint.Options{})
	if len(fixes) != len(origins) {
		t.Errorf("%d fixes", len(fixes))
	}
}

// hostile are configurations that S3 would not store, of n values.
func hostile(n int) map[string]cors.Configuration {
	long := strings.Repeat("x", 8*n)
	return map[string]cors.Configuration{
		"rules without anything": {Rules: make([]cors.Rule, n)},
		"rules with the same": {Rules: slices.Repeat([]cors.Rule{{
			ID: "a", AllowedOrigins: []string{"https://*.a.example"}, AllowedMethods: []string{"PUT"}, AllowedHeaders: []string{"*"},
		}}, n)},
		"an origin often": of(func(r *cors.Rule) { r.AllowedOrigins = slices.Repeat([]string{"https://*.a.example"}, n) }),
		"origins": of(func(r *cors.Rule) {
			for i := range n {
				r.AllowedOrigins = append(r.AllowedOrigins, fmt.Sprintf("https://a%d.example", i))
			}
		}),
		"methods": of(func(r *cors.Rule) { r.AllowedMethods = slices.Repeat([]string{"put"}, n) }),
		"headers": of(func(r *cors.Rule) {
			r.AllowedHeaders = slices.Repeat([]string{"X-*", "b c"}, n)
			r.ExposeHeaders = slices.Repeat([]string{"X-*", "b c"}, n)
		}),
		"headers in vain": of(func(r *cors.Rule) {
			r.AllowedHeaders = slices.Repeat([]string{"Origin"}, n)
			r.ExposeHeaders = slices.Repeat([]string{"Content-Type"}, n)
		}),
		"two wildcards": of(func(r *cors.Rule) { r.AllowedOrigins = slices.Repeat([]string{"https://*.*"}, n) }),
		"empty values":  of(func(r *cors.Rule) { r.AllowedOrigins = make([]string, n); r.AllowedHeaders = make([]string, n) }),
		"long values": of(func(r *cors.Rule) {
			r.AllowedOrigins = []string{
				long, "https://" + long, "https://ä" + long, strings.Repeat("ä.", 4*n), strings.Repeat(",", 8*n), strings.Repeat("https://", n),
			}
			r.AllowedMethods, r.AllowedHeaders, r.ExposeHeaders, r.ID = r.AllowedOrigins, r.AllowedOrigins, r.AllowedOrigins, long
		}),
	}
}

func everything(d *cors.Dialect) lint.Options {
	return lint.Options{Dialect: d, Profiles: lint.Profiles(), Production: true, Buckets: []string{"b"}}
}

func TestHostileConfigurationsHaveFewAndShortFindings(t *testing.T) {
	for name, c := range hostile(1000) {
		t.Run(name, func(t *testing.T) {
			for _, d := range []*cors.Dialect{cors.AWS, cors.CephRGW, cors.Garage} {
				found := lint.Run(c, everything(d))
				// For each check, 21 about each of 101 rules at most, and one more.
				if most := len(lint.Catalogue()) * (21*min(len(c.Rules), 101) + 1); d == cors.AWS && len(found) == 0 || len(found) > most {
					t.Errorf("%s: %d findings", d.Name(), len(found))
				}
				for _, f := range found {
					if text := f.Problem + f.Why + f.Fix; len(text) > 4096 {
						t.Fatalf("%s: %s has a text of %d bytes: %.500s", d.Name(), f.ID, len(text), text)
					}
				}
			}
		})
	}
}

// What random configurations are made of: plausible things, broken ones, and
// pieces to make up more.
var (
	someOrigins = []string{
		"*", "null", "NULL", " * ", "*/", "", " ", `""`, ",", "https://*", "https://*/", "https://*:443", "http*", "Https://*",
		"https://app.example.com", "https://app.example.com/", "HTTPS://APP.example.com", " https://app.example.com", `"https://app.example.com"`,
		" HTTPS://App.Example.com/ ", "https://app.example.com:443", "http://app.example.com:80", "https://app.example.com/x?y#z",
		"https://a.example,https://b.example", "https://a.example, https://B.example/ ,https://a.example", "a.example b.example",
		"app.example.com", "*.example.com", "*.Example.com/", "localhost:3000", "http://localhost:*", "http://localhost:80", "http://[::1]:3000",
		"http://[0:0:0:0:0:0:0:1]", "http://[::1", "https://https://a.example", "https:/a.example", "https//a.example", "//a.example", "/", "https://",
		"https://user@a.example", "https://a.example:", "https://a.example:99999", "https://a.example:0443", "https://bücher.example", "https://*.bücher.example/",
		"https://b*ü.example", "https://*.*.example", "https://*.a.example,https://*.b.example", "chrome-extension://AbCd", "capacitor://localhost/", "file://", "file:///x",
		"https://a.example\x00", "\xff", "https://a.example//", "https://a.exa\u200bmple", "https://xn--bcher-kva.example", "about:blank", "https://a..example", "::1",
	}
	someMethods = []string{"GET", "get", " PUT", "PUT", "POST", "OPTIONS", "options", "PATCH", "*", "", "GET,PUT", "GET, HEAD,OPTIONS", "DELETE", "head"}
	someHeaders = []string{
		"*", "content-type", "Content-Type", " content-type", "x-amz-*", "x-*-*", "", "a b", "a,b", "a, b ,A", `"etag"`, "ETag", "etag:", "Origin",
		"authorization", "x-amz-date", "Content-Length", "x\u00e4", "x-amz-*, content-type", "sec-fetch-*", "ETag,x-amz-request-id",
	}
)

func randomConfiguration(random *rand.Rand) cors.Configuration {
	pick := func(from []string) []string {
		var list []string
		for range random.IntN(5) {
			v := from[random.IntN(len(from))]
			if random.IntN(8) == 0 { // something nobody thought of
				w := from[random.IntN(len(from))]
				v = v[:random.IntN(len(v)+1)] + w[random.IntN(len(w)+1):]
			}
			list = append(list, v)
		}
		return list
	}
	var c cors.Configuration
	for range random.IntN(4) {
		r := cors.Rule{
			AllowedOrigins: pick(someOrigins), AllowedMethods: pick(someMethods),
			AllowedHeaders: pick(someHeaders), ExposeHeaders: pick(someHeaders),
		}
		if random.IntN(2) == 0 {
			r.ID = "id"
		}
		if random.IntN(2) == 0 {
			r.MaxAgeSeconds = new(int32(random.IntN(100_000) - 100))
		}
		c.Rules = append(c.Rules, r)
	}
	return c
}

// someOptions are options of all kinds.
func someOptions(random *rand.Rand) lint.Options {
	o := lint.Options{Dialect: cors.Dialects()[random.IntN(len(cors.Dialects()))], Production: random.IntN(2) == 0}
	if random.IntN(2) == 0 {
		o.Dialect = nil
	}
	for _, p := range lint.Profiles() {
		if random.IntN(2) == 0 {
			o.Profiles = append(o.Profiles, p)
		}
	}
	return o
}

// rounds is how many random configurations a test tries.
const rounds = 1000

func TestFixingEndsAndLeavesNothingMechanical(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 1))
	for range rounds {
		before, o := randomConfiguration(random), someOptions(random)
		c := before
		for round := 0; ; round++ {
			fixes := lint.Fixes(c, o)
			if len(fixes) == 0 {
				break
			}
			if round == lint.MaxRounds {
				t.Fatalf("%+v still has fixes: %v", c, fixes)
			}
			var edits []lint.Edit
			for _, f := range fixes {
				edits = append(edits, *f.Edit)
			}
			c = lint.Apply(c, edits)
		}
		for _, f := range lint.Run(c, o) {
			if f.Edit != nil {
				t.Errorf("%+v has the mechanical finding %v", c, f)
			}
		}
		for i, r := range c.Rules {
			was := before.Rules[i]
			for _, list := range [][2][]string{
				{was.AllowedOrigins, r.AllowedOrigins}, {was.AllowedMethods, r.AllowedMethods},
				{was.AllowedHeaders, r.AllowedHeaders}, {was.ExposeHeaders, r.ExposeHeaders},
			} {
				if len(list[0]) > 0 && len(list[1]) == 0 {
					t.Errorf("fixing emptied a list: %q", list[0])
				}
			}
			for _, open := range []string{"*", "null", "https://*", "http://*", "http*"} {
				if slices.Contains(r.AllowedOrigins, open) && !slices.Contains(was.AllowedOrigins, open) {
					t.Errorf("fixing %q lets everybody in: %q", was.AllowedOrigins, r.AllowedOrigins)
				}
			}
		}
	}
}

func TestFixingWhatIsFoundOneByOneEndsToo(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 2))
	for range rounds / 10 {
		c, o := randomConfiguration(random), someOptions(random)
		for round := 0; ; round++ {
			if round == 200 {
				t.Fatalf("%+v still has fixes", c)
			}
			found := lint.Run(c, o)
			i := slices.IndexFunc(found, func(f lint.Finding) bool { return f.Edit != nil })
			if i < 0 {
				break
			}
			c = lint.Apply(c, []lint.Edit{*found[i].Edit})
		}
	}
}

func TestWhatTheServerRefusesIsFoundOnceAndNothingElseIsRefused(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	for range rounds {
		c, o := randomConfiguration(random), someOptions(random)
		if o.Dialect == nil {
			o.Dialect = cors.AWS
		}
		refusals := map[string]int{}
		for _, f := range lint.Run(c, o) {
			if f.ID <= "CORS009" || slices.Contains([]string{"CORS015", "CORS037", "CORS043", "CORS047", "CORS049"}, f.ID) {
				refusals[f.Path()]++
			}
		}
		_, err := o.Dialect.Compile(c)
		for m := range cors.Mistakes(err) {
			if refusals[m.Path()] != 1 {
				t.Errorf("%d findings say that %s refuses %s of %+v", refusals[m.Path()], o.Dialect.Name(), m, c)
			}
		}
	}
}

func TestFindingsAreTheSameEachTime(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range rounds / 10 {
		c, o := randomConfiguration(random), someOptions(random)
		first := lint.Run(c, o)
		if again := lint.Run(c, o); !reflect.DeepEqual(first, again) {
			t.Fatalf("%v\nthen\n%v", first, again)
		}
		for _, f := range first {
			if f.Problem == "" || f.Fix == "" || f.Why == "" || strings.ContainsAny(f.Problem+f.Why+f.Fix, "\n\r\x00") {
				t.Errorf("%#v", f)
			}
			if f.Edit != nil && (f.Edit.Rule != f.Rule || f.Edit.Field != f.Field) {
				t.Errorf("%v edits another place: %v", f, *f.Edit)
			}
		}
	}
}

func TestApplyLeavesTheOriginalAlone(t *testing.T) {
	c := of(func(r *cors.Rule) { r.AllowedOrigins = []string{"a", "b", "c"} })
	got := lint.Apply(c, []lint.Edit{
		{Field: cors.FieldAllowedOrigins, Index: 0, Values: []string{"x", "y"}},
		{Field: cors.FieldAllowedOrigins, Index: 2},
	})
	if want := []string{"x", "y", "b"}; !slices.Equal(got.Rules[0].AllowedOrigins, want) {
		t.Errorf("got %q, want %q", got.Rules[0].AllowedOrigins, want)
	}
	if want := []string{"a", "b", "c"}; !slices.Equal(c.Rules[0].AllowedOrigins, want) {
		t.Errorf("the original is %q now", c.Rules[0].AllowedOrigins)
	}
}

// BenchmarkLint has as many rules as S3 takes, with 1,000 origins.
func BenchmarkLint(b *testing.B) {
	var c cors.Configuration
	for i := range cors.MaxRules {
		r := cors.Rule{
			ID: fmt.Sprintf("rule-%d", i), AllowedMethods: []string{"GET", "HEAD", "PUT"},
			AllowedHeaders: []string{"content-type", "x-amz-*"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: new(int32(600)),
		}
		for j := range 10 {
			origin := fmt.Sprintf("https://app-%d.team-%d.example.com", j, i)
			if j == 0 {
				origin = fmt.Sprintf("https://*.team-%d.example.com", i)
			}
			r.AllowedOrigins = append(r.AllowedOrigins, origin)
		}
		c.Rules = append(c.Rules, r)
	}
	for _, d := range []*cors.Dialect{cors.AWS, cors.CephRGW} {
		b.Run(d.Name(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				lint.Run(c, everything(d))
			}
		})
	}
}

// BenchmarkHostile has what costs most: what S3 would just store, with rules
// that all stand in each other's way, and several megabytes that it would not.
func BenchmarkHostile(b *testing.B) {
	all := hostile(100_000)
	all["largest"] = largest(false)
	all["largest, each rule in the way of the next"] = largest(true)
	for name, c := range all {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				lint.Run(c, everything(cors.CephRGW))
			}
		})
	}
}

// largest is about as large as S3 stores. Of rules in the way of the next, none
// is unreachable, since each allows another header, and each loses something to
// all before it.
func largest(inTheWay bool) cors.Configuration {
	var c cors.Configuration
	for i := range cors.MaxRules {
		r := cors.Rule{
			AllowedMethods: []string{"GET", "PUT"}, AllowedHeaders: []string{fmt.Sprintf("x-%d", i)},
			ExposeHeaders: []string{fmt.Sprintf("y-%d", i)}, MaxAgeSeconds: new(int32(i)),
		}
		for j := range 10 {
			r.AllowedOrigins = append(r.AllowedOrigins, fmt.Sprintf("https://a%d*", j))
			if !inTheWay {
				r.AllowedOrigins[j] = fmt.Sprintf("https://a%d*b%d", j, i)
			}
		}
		c.Rules = append(c.Rules, r)
	}
	return c
}
