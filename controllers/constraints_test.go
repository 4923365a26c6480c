// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// constrained is a grant of everything to team-a, within constraints.
func constrained(constraints *s3v1alpha1.RuleConstraints) s3v1alpha1.AccessGrant {
	within := grant("team-a", "*")
	within.Constraints = constraints
	return within
}

func onlyOrigins(list string) *s3v1alpha1.RuleConstraints {
	return &s3v1alpha1.RuleConstraints{AllowedOrigins: patterns[s3v1alpha1.CORSOriginPattern](list)}
}

func onlyMethods(list string) *s3v1alpha1.RuleConstraints {
	return &s3v1alpha1.RuleConstraints{AllowedMethods: patterns[s3v1alpha1.CORSMethod](list)}
}

func onlyWildcardMethods(list string) *s3v1alpha1.RuleConstraints {
	return &s3v1alpha1.RuleConstraints{WildcardOriginMethods: patterns[s3v1alpha1.CORSMethod](list)}
}

func onlyHeaders(list string) *s3v1alpha1.RuleConstraints {
	return &s3v1alpha1.RuleConstraints{AllowedHeaders: patterns[s3v1alpha1.CORSHeaderPattern](list)}
}

// corsRule is a rule of lists that are separated by commas; headers may be empty
// for none.
func corsRule(origins, methods, headers string) cors.Rule {
	rule := cors.Rule{AllowedOrigins: patterns[string](origins), AllowedMethods: patterns[string](methods)}
	if headers != "" {
		rule.AllowedHeaders = patterns[string](headers)
	}
	return rule
}

// denialFor is what team-a is told of rules for assets.
func denialFor(dialect s3v1alpha1.Dialect, grants []s3v1alpha1.AccessGrant, rules ...cors.Rule) string {
	provider := aProvider()
	provider.Spec.Dialect, provider.Spec.Access = dialect, grants
	return denialOf(provider, tenant{namespace: "team-a"}, "assets", cors.Configuration{Rules: rules})
}

func TestConstraintsPermitValuesThatTheyContain(t *testing.T) {
	const get = "GET"
	for name, tt := range map[string]struct {
		constraints *s3v1alpha1.RuleConstraints
		rule        cors.Rule
		permitted   bool
	}{
		"an origin as it is written":                 {onlyOrigins("https://app.example.com"), corsRule("https://app.example.com", get, ""), true},
		"another origin":                             {onlyOrigins("https://app.example.com"), corsRule("https://evil.example", get, ""), false},
		"an origin that is longer":                   {onlyOrigins("https://app.example.com"), corsRule("https://app.example.com.evil.example", get, ""), false},
		"an origin with another port":                {onlyOrigins("https://app.example.com"), corsRule("https://app.example.com:8443", get, ""), false},
		"an origin with another scheme":              {onlyOrigins("https://app.example.com"), corsRule("http://app.example.com", get, ""), false},
		"a host in capitals, which no browser sends": {onlyOrigins("https://app.example.com"), corsRule("https://App.example.com", get, ""), false},
		"a scheme in capitals":                       {onlyOrigins("https://*.example.com"), corsRule("HTTPS://app.example.com", get, ""), false},
		"an origin below a pattern":                  {onlyOrigins("https://*.example.com"), corsRule("https://a.example.com", get, ""), true},
		"an origin far below a pattern":              {onlyOrigins("https://*.example.com"), corsRule("https://a.b.c.example.com", get, ""), true},
		"a pattern within a pattern":                 {onlyOrigins("https://*.example.com"), corsRule("https://*.dev.example.com", get, ""), true},
		"a pattern within a label":                   {onlyOrigins("https://*.example.com"), corsRule("https://preview-*.example.com", get, ""), true},
		"the same pattern":                           {onlyOrigins("https://*.example.com"), corsRule("https://*.example.com", get, ""), true},
		"a domain that ends alike":                   {onlyOrigins("https://*.example.com"), corsRule("https://evil-example.com", get, ""), false},
		"a pattern of domains that end alike":        {onlyOrigins("https://*.example.com"), corsRule("https://*example.com", get, ""), false},
		"the domain itself":                          {onlyOrigins("https://*.example.com"), corsRule("https://example.com", get, ""), false},
		"all origins":                                {onlyOrigins("https://*.example.com"), corsRule("*", get, ""), false},
		"all hosts":                                  {onlyOrigins("https://*.example.com"), corsRule("https://*", get, ""), false},
		"all schemes":                                {onlyOrigins("https://*.example.com"), corsRule("*.example.com", get, ""), false},
		"a pattern that goes on after the domain":    {onlyOrigins("https://*.example.com"), corsRule("https://a.example.com*", get, ""), false},
		"a pattern with the domain in front":         {onlyOrigins("https://*.example.com"), corsRule("https://.example.com.*", get, ""), false},
		"a pattern within an exact origin":           {onlyOrigins("https://a.example.com"), corsRule("https://*.example.com", get, ""), false},
		"all origins within a star":                  {onlyOrigins("*"), corsRule("*,https://*,null", get, ""), true},
		"the origin null":                            {onlyOrigins("https://*"), corsRule("null", get, ""), false},
		"a star of the port":                         {onlyOrigins("http://localhost:*"), corsRule("http://localhost:5173,http://localhost:*", get, ""), true},
		"each origin within an entry of its own":     {onlyOrigins("https://a.example,https://*.b.example"), corsRule("https://x.b.example,https://a.example", get, ""), true},
		"one origin of several":                      {onlyOrigins("https://a.example,https://b.example"), corsRule("https://a.example,https://c.example", get, ""), false},
		"constraints on origins bound nothing else":  {onlyOrigins("https://a.example"), corsRule("https://a.example", "GET,PUT,POST,DELETE,HEAD", "*"), true},

		"a method":                                   {onlyMethods("GET,HEAD"), corsRule("*", "HEAD", "*"), true},
		"all methods of the list":                    {onlyMethods("GET,HEAD"), corsRule("*", "HEAD,GET", ""), true},
		"a method beyond the list":                   {onlyMethods("GET,HEAD"), corsRule("https://a.example", "GET,PUT", ""), false},
		"HEAD, which GET does not imply":             {onlyMethods("GET"), corsRule("https://a.example", "HEAD", ""), false},
		"a wildcard origin with a method to read":    {onlyWildcardMethods("GET,HEAD"), corsRule("https://*.example.com", "GET", ""), true},
		"a wildcard origin with a method to write":   {onlyWildcardMethods("GET,HEAD"), corsRule("https://*.example.com", "GET,PUT", ""), false},
		"an exact origin with a method to write":     {onlyWildcardMethods("GET,HEAD"), corsRule("https://a.example", "PUT", ""), true},
		"a wildcard origin beside an exact one":      {onlyWildcardMethods("GET"), corsRule("https://a.example,https://*", "PUT", ""), false},
		"the origin null with a method to read":      {onlyWildcardMethods("GET,HEAD"), corsRule("null", "GET", ""), true},
		"the origin null with a method to write":     {onlyWildcardMethods("GET,HEAD"), corsRule("https://a.example,null", "PUT", ""), false},
		"a host called null with a method to write":  {onlyWildcardMethods("GET,HEAD"), corsRule("https://null", "PUT", ""), true},
		"wildcardOriginMethods do not widen methods": {&s3v1alpha1.RuleConstraints{AllowedMethods: []s3v1alpha1.CORSMethod{"GET"}, WildcardOriginMethods: []s3v1alpha1.CORSMethod{"GET", "PUT"}}, corsRule("*", "PUT", ""), false},
		"methods alone bound wildcard origins":       {onlyMethods("GET"), corsRule("*", "PUT", ""), false},

		"a header":                        {onlyHeaders("content-type"), corsRule("*", get, "content-type"), true},
		"a header in another case":        {onlyHeaders("Content-Type,x-amz-*"), corsRule("*", get, "CONTENT-TYPE,X-Amz-Meta-A"), true},
		"a pattern of headers":            {onlyHeaders("x-amz-*"), corsRule("*", get, "x-amz-meta-*"), true},
		"a header beyond the list":        {onlyHeaders("x-amz-*"), corsRule("*", get, "authorization"), false},
		"all headers":                     {onlyHeaders("x-amz-*"), corsRule("*", get, "*"), false},
		"all headers within a star":       {onlyHeaders("*"), corsRule("*", get, "*"), true},
		"no headers":                      {onlyHeaders("content-type"), corsRule("*", get, ""), true},
		"exposed headers are not bounded": {onlyHeaders("content-type"), cors.Rule{AllowedOrigins: []string{"*"}, AllowedMethods: []string{get}, ExposeHeaders: []string{"ETag"}}, true},

		"no constraints":    {nil, corsRule("*", "PUT", "*"), true},
		"empty constraints": {&s3v1alpha1.RuleConstraints{}, corsRule("*", "PUT", "*"), true},
		"everything at once": {&s3v1alpha1.RuleConstraints{
			AllowedOrigins: []s3v1alpha1.CORSOriginPattern{"https://*.example.com"}, AllowedMethods: []s3v1alpha1.CORSMethod{"GET", "PUT"},
			WildcardOriginMethods: []s3v1alpha1.CORSMethod{"GET"}, AllowedHeaders: []s3v1alpha1.CORSHeaderPattern{"content-*"},
		}, corsRule("https://a.example.com", "PUT", "content-md5"), true},
	} {
		t.Run(name, func(t *testing.T) {
			denial := denialFor("", []s3v1alpha1.AccessGrant{constrained(tt.constraints)}, tt.rule)
			if permitted := denial == ""; permitted != tt.permitted {
				t.Errorf("permitted is %t: %s", permitted, denial)
			}
		})
	}
}

func TestADenialNamesRuleValueAndGrant(t *testing.T) {
	const (
		start  = `BucketProvider "default" does not permit these rules: `
		remedy = "; keep within that, or have the provider permit more"
		split  = "; keep each rule within one entry of spec.access, or have the provider permit more"
	)
	elsewhere := grant("team-b", "*")
	readOrExample := &s3v1alpha1.RuleConstraints{
		AllowedOrigins:        []s3v1alpha1.CORSOriginPattern{"https://*.example.com", "https://example.com"},
		WildcardOriginMethods: []s3v1alpha1.CORSMethod{"GET", "HEAD"},
	}
	named := func(id string, rule cors.Rule) cors.Rule {
		rule.ID = id
		return rule
	}
	app := corsRule("https://app.example.com", "GET", "")
	evil := corsRule("https://evil.example", "PUT", "x-evil")

	for name, tt := range map[string]struct {
		dialect s3v1alpha1.Dialect
		grants  []s3v1alpha1.AccessGrant
		rules   []cors.Rule
		want    string
	}{
		"not granted": {grants: []s3v1alpha1.AccessGrant{elsewhere}, rules: []cors.Rule{app},
			want: `no entry of spec.access of BucketProvider "default" grants it to namespace "team-a"`},
		"granted to others without constraints": {grants: []s3v1alpha1.AccessGrant{elsewhere, constrained(onlyMethods("PUT"))}, rules: []cors.Rule{app},
			want: start + `spec.rules[0].allowedMethods[0] is GET, and spec.access[1].constraints.allowedMethods permits only PUT` + remedy},
		"no rules": {grants: []s3v1alpha1.AccessGrant{constrained(onlyMethods("PUT"))}},

		"an origin": {grants: []s3v1alpha1.AccessGrant{elsewhere, elsewhere, constrained(readOrExample)},
			rules: []cors.Rule{app, named("web", corsRule("https://app.example.com,https://evil.example", "GET", ""))},
			want: start + `spec.rules[1].allowedOrigins[1] (rule "web") is "https://evil.example", and ` +
				`spec.access[2].constraints.allowedOrigins permits only "https://*.example.com", "https://example.com"` + remedy},
		"a wildcard origin with a method to write": {grants: []s3v1alpha1.AccessGrant{constrained(onlyWildcardMethods("GET,HEAD"))},
			rules: []cors.Rule{corsRule("https://app.example.com,https://*", "GET,PUT,DELETE", "")},
			want: start + `spec.rules[0] allows PUT from "https://*", spec.rules[0] allows DELETE from "https://*", and ` +
				`spec.access[0].constraints.wildcardOriginMethods permits only GET, HEAD for origins with a "*"` + remedy},
		"the origin null with a method to write": {grants: []s3v1alpha1.AccessGrant{constrained(onlyWildcardMethods("GET"))},
			rules: []cors.Rule{corsRule("null", "PUT", ""), corsRule("https://*", "PUT", "")},
			want: start + `spec.rules[0] allows PUT from "null", and ` +
				`spec.access[0].constraints.wildcardOriginMethods permits only GET for origins with a "*" and for "null", which any page can send; ` +
				`spec.rules[1] allows PUT from "https://*", and ` +
				`spec.access[0].constraints.wildcardOriginMethods permits only GET for origins with a "*"` + remedy},
		"headers": {grants: []s3v1alpha1.AccessGrant{constrained(onlyHeaders("content-type,x-amz-*"))},
			rules: []cors.Rule{corsRule("*", "GET", "Content-Type,*")},
			want: start + `spec.rules[0].allowedHeaders[1] is "*", and ` +
				`spec.access[0].constraints.allowedHeaders permits only "content-type", "x-amz-*"` + remedy},
		"no headers where they are all": {dialect: "SeaweedFS", grants: []s3v1alpha1.AccessGrant{constrained(onlyHeaders("content-type"))},
			rules: []cors.Rule{app},
			want: start + `spec.rules[0] has no allowedHeaders, which are all headers on SeaweedFS, and ` +
				`spec.access[0].constraints.allowedHeaders permits only "content-type"` + remedy},
		"no headers where they are all, and all are permitted": {dialect: "SeaweedFS",
			grants: []s3v1alpha1.AccessGrant{constrained(onlyHeaders("*"))}, rules: []cors.Rule{app}},

		"of one constraint in several rules": {grants: []s3v1alpha1.AccessGrant{constrained(onlyOrigins("https://a.example"))},
			rules: []cors.Rule{evil, app},
			want: start + `spec.rules[0].allowedOrigins[0] is "https://evil.example", spec.rules[1].allowedOrigins[0] is "https://app.example.com", and ` +
				`spec.access[0].constraints.allowedOrigins permits only "https://a.example"` + remedy},
		"of several constraints": {grants: []s3v1alpha1.AccessGrant{constrained(&s3v1alpha1.RuleConstraints{
			AllowedOrigins: []s3v1alpha1.CORSOriginPattern{"https://a.example"}, AllowedMethods: []s3v1alpha1.CORSMethod{"GET"},
			AllowedHeaders: []s3v1alpha1.CORSHeaderPattern{"x-a"},
		})}, rules: []cors.Rule{evil},
			want: start + `spec.rules[0].allowedOrigins[0] is "https://evil.example", and spec.access[0].constraints.allowedOrigins permits only "https://a.example"; ` +
				`spec.rules[0].allowedMethods[0] is PUT, and spec.access[0].constraints.allowedMethods permits only GET; ` +
				`spec.rules[0].allowedHeaders[0] is "x-evil", and spec.access[0].constraints.allowedHeaders permits only "x-a"` + remedy},
		"the sixth is counted": {grants: []s3v1alpha1.AccessGrant{constrained(onlyOrigins("https://a,https://b,https://c,https://d,https://e,https://f"))},
			rules: []cors.Rule{corsRule("https://1,https://2,https://3,https://4,https://5,https://6", "GET", "")},
			want: start + `spec.rules[0].allowedOrigins[0] is "https://1", spec.rules[0].allowedOrigins[1] is "https://2", spec.rules[0].allowedOrigins[2] is "https://3", ` +
				`spec.rules[0].allowedOrigins[3] is "https://4", spec.rules[0].allowedOrigins[4] is "https://5", and ` +
				`spec.access[0].constraints.allowedOrigins permits only "https://a", "https://b", "https://c", "https://d", "https://e" and 1 more origin; and 1 more violation` + remedy},
		"a long value and a long id are clipped": {grants: []s3v1alpha1.AccessGrant{constrained(onlyOrigins("https://" + strings.Repeat("p", 500)))},
			rules: []cors.Rule{named(strings.Repeat("i", 255), corsRule(strings.Repeat("o", 8192), "GET", ""))},
			want: start + `spec.rules[0].allowedOrigins[0] (rule "` + strings.Repeat("i", 64) + `"…) is "` + strings.Repeat("o", 64) + `"…, and ` +
				`spec.access[0].constraints.allowedOrigins permits only "https://` + strings.Repeat("p", 56) + `"…` + remedy},

		"one of several grants has no constraints": {rules: []cors.Rule{evil},
			grants: []s3v1alpha1.AccessGrant{constrained(onlyMethods("GET")), constrained(nil)}},
		"each rule within a grant of its own": {rules: []cors.Rule{app, evil},
			grants: []s3v1alpha1.AccessGrant{constrained(onlyOrigins("https://evil.example")), constrained(onlyOrigins("https://app.example.com"))}},
		"a rule within two grants only together": {rules: []cors.Rule{corsRule("https://a.example,https://b.example", "GET", "")},
			grants: []s3v1alpha1.AccessGrant{constrained(onlyOrigins("https://a.example")), constrained(onlyOrigins("https://b.example"))},
			want: start + `spec.rules[0].allowedOrigins[1] is "https://b.example", and ` +
				`spec.access[0].constraints.allowedOrigins permits only "https://a.example"` + split},
		"the grant that comes closest is told": {rules: []cors.Rule{evil},
			grants: []s3v1alpha1.AccessGrant{
				constrained(&s3v1alpha1.RuleConstraints{AllowedMethods: []s3v1alpha1.CORSMethod{"GET"}, AllowedHeaders: []s3v1alpha1.CORSHeaderPattern{"x-a"}}),
				constrained(onlyMethods("HEAD")),
				constrained(onlyMethods("POST")),
			},
			want: start + `spec.rules[0].allowedMethods[0] is PUT, and spec.access[1].constraints.allowedMethods permits only HEAD` + split},
		"the same constraint of two grants": {rules: []cors.Rule{corsRule("https://c.example", "GET", ""), corsRule("https://d.example", "PUT", "")},
			grants: []s3v1alpha1.AccessGrant{
				constrained(&s3v1alpha1.RuleConstraints{AllowedOrigins: []s3v1alpha1.CORSOriginPattern{"https://a.example"}, AllowedMethods: []s3v1alpha1.CORSMethod{"GET"}}),
				constrained(&s3v1alpha1.RuleConstraints{AllowedOrigins: []s3v1alpha1.CORSOriginPattern{"https://b.example"}, AllowedMethods: []s3v1alpha1.CORSMethod{"PUT"}}),
			},
			want: start + `spec.rules[0].allowedOrigins[0] is "https://c.example", and spec.access[0].constraints.allowedOrigins permits only "https://a.example"; ` +
				`spec.rules[1].allowedOrigins[0] is "https://d.example", and spec.access[1].constraints.allowedOrigins permits only "https://b.example"` + split},
		"each rule is told of the grant that comes closest": {rules: []cors.Rule{corsRule("https://a.example", "PUT", ""), corsRule("https://b.example", "GET", "")},
			grants: []s3v1alpha1.AccessGrant{
				constrained(&s3v1alpha1.RuleConstraints{AllowedOrigins: []s3v1alpha1.CORSOriginPattern{"https://a.example"}, AllowedMethods: []s3v1alpha1.CORSMethod{"GET"}}),
				constrained(&s3v1alpha1.RuleConstraints{AllowedOrigins: []s3v1alpha1.CORSOriginPattern{"https://b.example"}, AllowedMethods: []s3v1alpha1.CORSMethod{"HEAD"}}),
			},
			want: start + `spec.rules[0].allowedMethods[0] is PUT, and spec.access[0].constraints.allowedMethods permits only GET; ` +
				`spec.rules[1].allowedOrigins[0] is "https://b.example", and spec.access[0].constraints.allowedOrigins permits only "https://a.example"` + split},
	} {
		t.Run(name, func(t *testing.T) {
			if got := denialFor(tt.dialect, tt.grants, tt.rules...); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// Nothing that a rule allows gets past the constraints. Small alphabets make
// every relation between two patterns likely.
func TestNothingGetsPastConstraints(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	pick := func(all []string) string { return all[r.IntN(len(all))] }
	some := func(generate func() string) []string {
		list := []string{generate()}
		for r.IntN(3) == 0 {
			list = append(list, generate())
		}
		return list
	}
	perhaps := func(generate func() string) []string {
		if r.IntN(2) == 0 {
			return nil
		}
		return append(some(generate), some(generate)...)
	}
	literal := func() string {
		letters := make([]byte, r.IntN(3))
		for i := range letters {
			letters[i] = "ab"[r.IntN(2)]
		}
		return string(letters)
	}
	pattern := func() string {
		if r.IntN(2) == 0 {
			return literal() + "*" + literal()
		}
		return literal() + "a"
	}
	header := func() string {
		if r.IntN(2) == 0 {
			return strings.ToUpper(pattern())
		}
		return pattern()
	}
	method := func() string { return pick([]string{"GET", "PUT", "HEAD"}) }

	denied, permitted, allowed := 0, 0, 0
	for range 10_000 {
		var grants []s3v1alpha1.AccessGrant
		var all []*s3v1alpha1.RuleConstraints
		for range 1 + r.IntN(2) {
			constraints := &s3v1alpha1.RuleConstraints{
				AllowedOrigins:        listOf[s3v1alpha1.CORSOriginPattern](perhaps(pattern)),
				AllowedMethods:        listOf[s3v1alpha1.CORSMethod](perhaps(method)),
				WildcardOriginMethods: listOf[s3v1alpha1.CORSMethod](perhaps(method)),
				AllowedHeaders:        listOf[s3v1alpha1.CORSHeaderPattern](perhaps(header)),
			}
			all = append(all, constraints)
			grants = append(grants, constrained(constraints))
		}
		var rules []cors.Rule
		for range 1 + r.IntN(2) {
			rules = append(rules, cors.Rule{AllowedOrigins: some(pattern), AllowedMethods: some(method), AllowedHeaders: perhaps(header)})
		}
		policy, err := cors.Compile(cors.Configuration{Rules: rules})
		if err != nil {
			t.Fatal(err)
		}
		denial := denialFor("", grants, rules...)

		within := !slices.ContainsFunc(rules, func(rule cors.Rule) bool {
			return !slices.ContainsFunc(all, func(c *s3v1alpha1.RuleConstraints) bool { return keepsWithin(rule, c) })
		})
		if within != (denial == "") {
			t.Fatalf("within is %t, and the denial %q\nof %+v\nwithin %s", within, denial, rules, describeConstraints(all))
		}
		if denial != "" {
			denied++
			continue
		}
		permitted++
		for range 20 {
			origin, sent, asked := literal()+pick([]string{"a", "c", "bc"})+literal(), method(), literal()+pick([]string{"c", "a"})
			decision := policy.Decide(cors.Request{Method: "OPTIONS", Origin: origin, RequestMethod: sent, RequestHeaders: asked})
			if !decision.Allowed {
				continue
			}
			allowed++
			wild := slices.ContainsFunc(rules[decision.Rule].AllowedOrigins, func(o string) bool { return strings.Contains(o, "*") })
			if !slices.ContainsFunc(all, func(c *s3v1alpha1.RuleConstraints) bool { return permitsRequest(c, origin, sent, asked, wild) }) {
				t.Fatalf("%s of %q with %q gets through\nby %+v\nand is not within %s", sent, origin, asked, rules, describeConstraints(all))
			}
		}
	}
	if denied < 1000 || permitted < 1000 || allowed < 1000 {
		t.Errorf("only %d sets of rules were denied and %d permitted, and %d requests allowed", denied, permitted, allowed)
	}
}

func listOf[P ~string](list []string) []P {
	var all []P
	for _, s := range list {
		all = append(all, P(s))
	}
	return all
}

// keepsWithin is the plain reading of what constraints mean. A value that is put
// in the place of a "*", and is in no constraint, stands for all others.
func keepsWithin(rule cors.Rule, c *s3v1alpha1.RuleConstraints) bool {
	for _, origin := range rule.AllowedOrigins {
		for _, sent := range rule.AllowedMethods {
			if !permitsRequest(c, strings.Replace(origin, "*", "c", 1), sent, "", strings.Contains(origin, "*")) {
				return false
			}
			for _, h := range rule.AllowedHeaders {
				if !permitsRequest(c, strings.Replace(origin, "*", "c", 1), sent, strings.Replace(strings.ToLower(h), "*", "c", 1), strings.Contains(origin, "*")) {
					return false
				}
			}
		}
	}
	return true
}

func permitsRequest(c *s3v1alpha1.RuleConstraints, origin, method, header string, wildcardOrigin bool) bool {
	return (len(c.AllowedOrigins) == 0 || anyLike(c.AllowedOrigins, origin)) &&
		(len(c.AllowedMethods) == 0 || slices.Contains(c.AllowedMethods, s3v1alpha1.CORSMethod(method))) &&
		(!wildcardOrigin || len(c.WildcardOriginMethods) == 0 || slices.Contains(c.WildcardOriginMethods, s3v1alpha1.CORSMethod(method))) &&
		(header == "" || len(c.AllowedHeaders) == 0 || anyLike(c.AllowedHeaders, header))
}

// anyLike is the plain reading of a list of patterns; s is in lower case.
func anyLike[P ~string](list []P, s string) bool {
	return slices.ContainsFunc(list, func(p P) bool {
		prefix, suffix, wild := strings.Cut(strings.ToLower(string(p)), "*")
		rest, begins := strings.CutPrefix(s, prefix)
		return begins && (wild && strings.HasSuffix(rest, suffix) || rest == "" && !wild)
	})
}

func describeConstraints(all []*s3v1alpha1.RuleConstraints) string {
	var lines []string
	for _, c := range all {
		lines = append(lines, fmt.Sprintf("%+v", *c))
	}
	return strings.Join(lines, "\nor ")
}
