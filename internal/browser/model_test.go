// SPDX-License-Identifier: Apache-2.0

package browser_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/cors/vectors"
)

// The model of this file decides once more, slowly and by another way: S3 by a
// loop over the rules, and the browser by the words of the Fetch standard, over
// plain maps of headers.

// modelS3 answers as S3 does: the headers of a match, or none.
func modelS3(rules []cors.Rule, method, origin, acrm, acrh string) (status int, header map[string]string) {
	effective := method
	if acrm != "" {
		effective = acrm
	}
	var asked []string
	for name := range strings.SplitSeq(acrh, ",") {
		if name != "" {
			asked = append(asked, strings.ToLower(name))
		}
	}
	for _, r := range rules {
		if !matchesAny(r.AllowedOrigins, origin) || !slices.Contains(r.AllowedMethods, effective) {
			continue
		}
		all := true
		for _, name := range asked {
			all = all && matchesAny(lowered(r.AllowedHeaders), name)
		}
		if !all {
			continue
		}
		h := map[string]string{
			"allow-origin":  origin,
			"allow-methods": strings.Join(r.AllowedMethods, ", "),
			"allow-headers": strings.Join(asked, ", "),
			"expose":        strings.Join(r.ExposeHeaders, ", "),
		}
		if slices.Contains(r.AllowedOrigins, "*") {
			h["allow-origin"] = "*"
		} else {
			h["allow-credentials"] = "true"
		}
		return 200, h
	}
	return 403, nil
}

func matchesAny(patterns []string, s string) bool {
	for _, p := range patterns {
		expression := "^(?s:" + strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, ".*") + ")$"
		if regexp.MustCompile(expression).MatchString(s) {
			return true
		}
	}
	return false
}

func lowered(list []string) []string {
	var all []string
	for _, s := range list {
		all = append(all, strings.ToLower(s))
	}
	return all
}

var (
	modelNormal    = regexp.MustCompile("(?i)^(delete|get|head|options|post|put)$")
	modelForbidden = regexp.MustCompile("(?i)^(connect|trace|track)$")
	modelToken     = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	// modelOwn are the request headers that no preflight asks for.
	modelOwn = regexp.MustCompile(`^(accept-charset|accept-encoding|access-control-request-(headers|method)|connection|content-length|cookie2?|` +
		`date|dnt|expect|host|keep-alive|origin|referer|set-cookie|te|trailer|transfer-encoding|upgrade|via|proxy-.*|sec-.*|accept|accept-language|content-language)$`)
)

// modelBrowser plays a request; ask answers the two requests.
func modelBrowser(r browser.Request, ask func(method, origin, acrm, acrh string) (int, map[string]string)) (step browser.Step) {
	method := r.Method
	if modelNormal.MatchString(method) {
		method = strings.ToUpper(method)
	}
	if !modelToken.MatchString(method) || modelForbidden.MatchString(method) {
		return browser.StepRequest
	}
	unsafe := map[string]bool{}
	for _, name := range r.Headers {
		if !modelToken.MatchString(name) {
			return browser.StepRequest
		}
		if name = strings.ToLower(name); !modelOwn.MatchString(name) {
			unsafe[name] = true
		}
	}
	names := slices.Sorted(maps.Keys(unsafe))
	safe := method == "GET" || method == "HEAD" || method == "POST"
	if !safe || len(names) > 0 {
		status, h := ask("OPTIONS", r.Origin, method, strings.Join(names, ","))
		if status/100 != 2 || !modelOrigin(r, h) {
			return browser.StepPreflight
		}
		methods, okM := modelList(h["allow-methods"])
		headers, okH := modelList(strings.ToLower(h["allow-headers"]))
		if !okM || !okH || !methods[method] && !safe && (r.Credentials || !methods["*"]) {
			return browser.StepPreflight
		}
		for _, name := range names {
			if !headers[name] && (r.Credentials || !headers["*"] || name == "authorization") {
				return browser.StepPreflight
			}
		}
	}
	_, h := ask(method, r.Origin, "", "")
	if !modelOrigin(r, h) {
		return browser.StepResponse
	}
	exposed, ok := modelList(strings.ToLower(h["expose"]))
	for _, name := range r.Reads {
		name = strings.ToLower(name)
		always := slices.Contains([]string{"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"}, name)
		never := name == "set-cookie" || name == "set-cookie2"
		if !always && (never || !ok || !exposed[name] && (r.Credentials || !exposed["*"])) {
			return browser.StepRead
		}
	}
	return ""
}

func modelOrigin(r browser.Request, h map[string]string) bool {
	allowed, found := h["allow-origin"]
	if r.Credentials {
		return found && allowed == r.Origin && allowed != "*" && h["allow-credentials"] == "true"
	}
	return found && (allowed == "*" || allowed == r.Origin)
}

func modelList(value string) (map[string]bool, bool) {
	entries := map[string]bool{}
	for entry := range strings.SplitSeq(value, ",") {
		entry = strings.Trim(entry, " \t")
		if entry == "" {
			continue
		}
		if !modelToken.MatchString(entry) {
			return nil, false
		}
		entries[entry] = true
	}
	return entries, true
}

// modelKeys are the names of headers in the model.
var modelKeys = map[string]string{
	"Access-Control-Allow-Origin":      "allow-origin",
	"Access-Control-Allow-Credentials": "allow-credentials",
	"Access-Control-Allow-Methods":     "allow-methods",
	"Access-Control-Allow-Headers":     "allow-headers",
	"Access-Control-Expose-Headers":    "expose",
}

// decided answers as the policy decides.
func decided(p *cors.Policy) func(method, origin, acrm, acrh string) (int, map[string]string) {
	return func(method, origin, acrm, acrh string) (int, map[string]string) {
		d := p.Decide(cors.Request{Method: method, Origin: origin, RequestMethod: acrm, RequestHeaders: acrh})
		h := map[string]string{}
		for _, header := range d.Headers() {
			if key := modelKeys[header.Name]; key != "" {
				h[key] = header.Value
			}
		}
		return d.Status, h
	}
}

// choice draws from few values, so that rules and requests meet.
type choice struct{ *rand.Rand }

func (c choice) some(most int, of ...string) []string {
	var list []string
	for range c.IntN(most + 1) {
		list = append(list, of[c.IntN(len(of))])
	}
	return list
}

func (c choice) one(of ...string) string { return of[c.IntN(len(of))] }

func (c choice) rules(exposeAny bool) []cors.Rule {
	var rules []cors.Rule
	exposed := []string{"ETag", "x-a", "X-Amz-Id-2", "Set-Cookie", "content-range"}
	if exposeAny {
		exposed = append(exposed, "*")
	}
	for range 1 + c.IntN(3) {
		rules = append(rules, cors.Rule{
			AllowedOrigins: append(c.some(1, "https://b.example", "null", "*"), c.one(app, "https://*.example.com", "*", "https://*", "http://app.example.com", app+"/", "null")),
			AllowedMethods: append(c.some(2, "GET", "PUT", "HEAD", "POST", "DELETE"), c.one("GET", "PUT", "POST")),
			AllowedHeaders: c.some(3, "content-type", "X-Amz-*", "*", "authorization", "Range", "x-a"),
			ExposeHeaders:  c.some(3, exposed...),
		})
	}
	return rules
}

func (c choice) request() browser.Request {
	return browser.Request{
		Origin:      c.one(app, app, "https://b.example", "null", "", "http://x.example.com"),
		Method:      c.one("GET", "PUT", "put", "Post", "HEAD", "delete", "patch", "PATCH", "options", "TRACE", "", "*", "a b"),
		Headers:     c.some(4, "Content-Type", "content-type", "authorization", "x-amz-date", "Range", "accept", "Cookie", "X-A", "Sec-X", "a,b", "*"),
		Credentials: c.IntN(3) == 0,
		Reads:       c.some(2, "ETag", "x-a", "Content-Length", "set-cookie", "Content-Range"),
	}
}

// stepOf is where a request ends, and checks what holds for every verdict.
func stepOf(t *testing.T, p *cors.Policy, r browser.Request) browser.Step {
	t.Helper()
	v := browser.Try(p, r)
	if v.Allowed != (v.Refusal == nil) || v.Message == "" || strings.HasSuffix(v.Message, ".") || strings.Contains(v.Message, "\n") {
		t.Errorf("%+v: %+v", r, v)
	}
	if allowed := browser.Allowed(p, r); allowed != v.Allowed {
		t.Errorf("%+v: Allowed is %v, Try says %v: %s", r, allowed, v.Allowed, v.Message)
	}
	if v.Refusal == nil {
		return ""
	}
	if v.Refusal.Reason == "" || v.Refusal.Message == "" {
		t.Errorf("%+v: %+v", r, *v.Refusal)
	}
	return v.Refusal.Step
}

func TestTryAgreesWithTheModel(t *testing.T) {
	const rounds = 2000
	ends := map[browser.Step]int{}
	for i := range uint64(rounds) {
		c := choice{rand.New(rand.NewPCG(i, 1))}
		for _, d := range cors.Dialects() {
			rules, r := c.rules(d != cors.AWS), c.request()
			p, err := d.Compile(cors.Configuration{Rules: rules})
			if err != nil {
				p = d.NoConfiguration()
			}
			got, want := stepOf(t, p, r), modelBrowser(r, decided(p))
			if got != want {
				t.Fatalf("seed %d, %s: %+v\nwith %+v ends at %q, want %q", i, d.Name(), rules, r, got, want)
			}
			ends[got]++
			if d != cors.AWS || err != nil {
				continue
			}
			want = modelBrowser(r, func(method, origin, acrm, acrh string) (int, map[string]string) {
				if origin == "" {
					return 400, nil
				}
				return modelS3(rules, method, origin, acrm, acrh)
			})
			if got != want {
				t.Fatalf("seed %d, S3: %+v\nwith %+v ends at %q, want %q", i, rules, r, got, want)
			}
		}
	}
	for _, step := range []browser.Step{"", browser.StepRequest, browser.StepPreflight, browser.StepResponse, browser.StepRead} {
		if ends[step] < rounds/20 {
			t.Errorf("only %d of the requests end at %q", ends[step], step)
		}
	}
}

func TestTryAgreesWithWhatIsRecorded(t *testing.T) {
	groups, err := vectors.Read("../cors/testdata/decisions")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, g := range groups {
		p, err := g.Compile(cors.AWS)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range g.Cases {
			r := browser.Request{Origin: c.Request.Origin, Method: c.Request.RequestMethod}
			if c.Request.RequestHeaders != "" {
				r.Headers = strings.Split(c.Request.RequestHeaders, ",")
			}
			// Of what is recorded only some is what a browser would send.
			if ask, sent := r.Preflight(); !sent || r.Origin == "" || ask != c.Request {
				continue
			}
			v := browser.Try(p, r)
			if v.Refusal != nil && v.Refusal.Step == browser.StepRequest {
				continue
			}
			tried++
			if stopped := v.Refusal != nil && v.Refusal.Step == browser.StepPreflight; stopped == c.Want.Allowed {
				t.Errorf("%s: %s: %s: %s", g.File, g.Name, c.Name, v.Message)
			}
			a := browser.Answer{Status: c.Want.Status, Header: http.Header{}}
			for name, value := range c.Want.Headers {
				a.Header.Set(name, value)
			}
			if refusal := r.CheckPreflight(a); (refusal == nil) != c.Want.Allowed {
				t.Errorf("%s: %s: %s: %+v", g.File, g.Name, c.Name, refusal)
			}
		}
	}
	if tried < 20 {
		t.Errorf("only %d requests are what a browser sends", tried)
	}
}

func FuzzTry(f *testing.F) {
	f.Add([]byte(`[{"AllowedOrigins":["*"],"AllowedMethods":["PUT"],"AllowedHeaders":["*"],"ExposeHeaders":["ETag"]}]`), uint8(0), app, "put", "content-type\nAuthorization", "ETag", true)
	f.Add([]byte(`[{"AllowedOrigins":["https://*"],"AllowedMethods":["GET"]}]`), uint8(3), "null", "GET", "", "Set-Cookie", false)
	f.Fuzz(func(t *testing.T, rules []byte, dialect uint8, origin, method, headers, reads string, credentials bool) {
		d := cors.Dialects()[int(dialect)%len(cors.Dialects())]
		c, err := cors.ParseJSON(rules)
		if err != nil {
			return
		}
		p, err := d.Compile(c)
		if err != nil {
			p = d.NoConfiguration()
		}
		r := browser.Request{Origin: origin, Method: method, Credentials: credentials}
		if headers != "" {
			r.Headers = strings.Split(headers, "\n")
		}
		if reads != "" {
			r.Reads = strings.Split(reads, "\n")
		}
		stepOf(t, p, r)
	})
}

func FuzzCheck(f *testing.F) {
	f.Add(200, []byte("Access-Control-Allow-Origin: "+app+"\nAccess-Control-Allow-Methods: PUT"), "PUT", "x-a", "ETag", false)
	f.Fuzz(func(t *testing.T, status int, lines []byte, method, header, reads string, credentials bool) {
		a := browser.Answer{Status: status, Header: http.Header{}}
		for line := range bytes.SplitSeq(lines, []byte("\n")) {
			name, value, _ := strings.Cut(string(line), ":")
			a.Header.Add(name, value)
		}
		r := browser.Request{Origin: app, Method: method, Headers: names{header}, Reads: names{reads}, Credentials: credentials}
		for _, refusal := range []*browser.Refusal{r.CheckPreflight(a), r.CheckResponse(a)} {
			if refusal != nil && (refusal.Step == "" || refusal.Reason == "" || refusal.Message == "" || strings.Contains(refusal.Message, "\n")) {
				t.Errorf("%+v: %+v", a, *refusal)
			}
		}
	})
}

func BenchmarkTry(b *testing.B) {
	for _, rules := range []int{3, 100} {
		var c cors.Configuration
		for i := range rules {
			c.Rules = append(c.Rules, rule("", names{fmt.Sprintf("https://a%d.example.com", i)}, names{"GET", "PUT"}, names{"content-type", "x-amz-*"}, names{"ETag"}))
		}
		p, err := cors.Compile(c)
		if err != nil {
			b.Fatal(err)
		}
		r := browser.Request{Origin: fmt.Sprintf("https://a%d.example.com", rules-1), Method: "PUT", Headers: names{"content-type", "x-amz-acl"}, Reads: names{"ETag"}}
		b.Run(fmt.Sprintf("%d rules/Try", rules), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				browser.Try(p, r)
			}
		})
		b.Run(fmt.Sprintf("%d rules/Allowed", rules), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				browser.Allowed(p, r)
			}
		})
	}
}
