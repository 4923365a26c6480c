// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// ruleOf makes a rule of lists separated by spaces.
func ruleOf(origins, methods, headers string) cors.Rule {
	return cors.Rule{
		AllowedOrigins: strings.Fields(origins),
		AllowedMethods: strings.Fields(methods),
		AllowedHeaders: strings.Fields(headers),
	}
}

func TestShadows(t *testing.T) {
	for _, test := range []struct {
		name  string
		rules []cors.Rule
		want  []cors.Shadow
	}{
		{"the same rule twice", []cors.Rule{
			ruleOf("https://a", "GET", "x"), ruleOf("https://a", "GET", "X"),
		}, []cors.Shadow{{Rule: 1, Unreachable: true, Taken: []cors.Taken{{}}}}},
		{"the special before the general", []cors.Rule{
			ruleOf("https://a", "GET", "*"), ruleOf("*", "GET", "*"),
		}, nil},
		{"the general before the special", []cors.Rule{
			ruleOf("*", "GET PUT", "*"), ruleOf("https://a https://*.b", "PUT", "x"),
		}, []cors.Shadow{{Rule: 1, Unreachable: true, Taken: []cors.Taken{{}, {Origin: 1}}}}},
		{"an origin that only overlaps", []cors.Rule{
			ruleOf("https://*.example.com", "GET", ""), ruleOf("https://a.*", "GET", ""),
		}, nil},
		{"another method", []cors.Rule{
			ruleOf("https://a", "GET", ""), ruleOf("https://a", "HEAD", ""),
		}, nil},
		{"a header that the earlier rule does not allow", []cors.Rule{
			ruleOf("https://a", "GET", "x"), ruleOf("https://a", "GET", "x y"),
		}, []cors.Shadow{{Rule: 1, Taken: []cors.Taken{{Whole: -1}}}}},
		{"headers of two earlier rules that a request can mix", []cors.Rule{
			ruleOf("https://a", "GET", "x"), ruleOf("https://a", "GET", "y"), ruleOf("https://a", "GET", "x y"),
		}, []cors.Shadow{
			{Rule: 1, Taken: []cors.Taken{{Whole: -1}}},
			{Rule: 2, Taken: []cors.Taken{{Whole: -1}}},
		}},
		{"a header pattern", []cors.Rule{
			ruleOf("https://a", "GET", "x-*"), ruleOf("https://a", "GET", "X-Amz-* x-y"),
		}, []cors.Shadow{{Rule: 1, Unreachable: true, Taken: []cors.Taken{{}}}}},
		{"a header that no request can ask for", []cors.Rule{
			ruleOf("https://a", "GET", ""), ruleOf("https://a", "GET", "x:"),
		}, []cors.Shadow{{Rule: 1, Unreachable: true, Taken: []cors.Taken{{}}}}},
		{"a header without a name", []cors.Rule{
			ruleOf("https://a", "GET", ""), {AllowedOrigins: []string{"https://a"}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{""}},
		}, []cors.Shadow{{Rule: 1, Unreachable: true, Taken: []cors.Taken{{}}}}},
		{"several earlier rules that take different parts", []cors.Rule{
			ruleOf("https://a", "GET PUT", ""), ruleOf("https://b", "GET", ""), ruleOf("https://b", "PUT", ""),
			ruleOf("https://a https://b", "PUT GET", ""),
		}, []cors.Shadow{{Rule: 3, Unreachable: true, Taken: []cors.Taken{
			{Origin: 0, Method: 0}, {Origin: 0, Method: 1},
			{Origin: 1, Method: 0, First: 2, Whole: 2}, {Origin: 1, Method: 1, First: 1, Whole: 1},
		}}}},
		{"a part that is left", []cors.Rule{
			ruleOf("https://a", "GET", ""), ruleOf("https://a https://b", "GET", ""),
		}, []cors.Shadow{{Rule: 1, Taken: []cors.Taken{{}}}}},
		{"one rule for requests without headers and another for the rest", []cors.Rule{
			ruleOf("https://a", "GET", ""), ruleOf("*", "GET", "*"), ruleOf("https://a", "GET", "x"),
		}, []cors.Shadow{{Rule: 2, Unreachable: true, Taken: []cors.Taken{{First: 0, Whole: 1}}}}},
		{"an origin that no request has", []cors.Rule{
			ruleOf("*", "GET", ""), {AllowedOrigins: []string{"", "https://a"}, AllowedMethods: []string{"GET"}},
		}, []cors.Shadow{{Rule: 1, Unreachable: true, Taken: []cors.Taken{{Origin: 1}}}}},
		{"a rule that matches nothing by itself", []cors.Rule{
			ruleOf("*", "GET", ""), {AllowedOrigins: []string{""}, AllowedMethods: []string{"GET"}},
		}, nil},
		{"values that S3 refuses", []cors.Rule{
			ruleOf("*", "GET", "* x*y*"), ruleOf("https://a*b*", "GET", ""), ruleOf("https://a", "GET get", ""),
			ruleOf("https://a", "GET", "x*y*"),
		}, []cors.Shadow{
			{Rule: 2, Taken: []cors.Taken{{}}},
			{Rule: 3, Taken: []cors.Taken{{Whole: -1}}},
		}},
		{"no rules", nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := cors.Shadows(cors.Configuration{Rules: test.rules}); !reflect.DeepEqual(got, test.want) {
				t.Errorf("%+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestAnyTwoOfAHundredRulesCanStandInEachOthersWay(t *testing.T) {
	for _, pair := range [][2]int{{0, 1}, {0, 63}, {62, 63}, {63, 64}, {64, 65}, {64, 99}, {98, 99}} {
		c := cors.Configuration{Rules: make([]cors.Rule, cors.MaxRules)}
		for i := range c.Rules {
			c.Rules[i] = ruleOf(fmt.Sprintf("https://%d", i), "GET", "")
		}
		c.Rules[pair[1]] = c.Rules[pair[0]]
		want := []cors.Shadow{{Rule: pair[1], Unreachable: true, Taken: []cors.Taken{{First: pair[0], Whole: pair[0]}}}}
		if got := cors.Shadows(c); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %+v", pair, got)
		}
	}
}

func TestTheRulesThatCastAShadow(t *testing.T) {
	taken := []cors.Taken{{First: 3, Whole: 4}, {First: 0, Whole: 2}, {First: 3, Whole: 4}}
	if got := (cors.Shadow{Rule: 5, Taken: taken}).By(); !slices.Equal(got, []int{0, 3}) {
		t.Errorf("%v", got)
	}
	if got := (cors.Shadow{Rule: 5, Taken: taken, Unreachable: true}).By(); !slices.Equal(got, []int{2, 4}) {
		t.Errorf("%v", got)
	}
}

func TestWhatAnotherRuleAnswersLess(t *testing.T) {
	plain := cors.Rule{AllowedOrigins: []string{"https://a"}, MaxAgeSeconds: new(int32(60)), ExposeHeaders: []string{"ETag"}}
	for _, test := range []struct {
		name  string
		by    cors.Rule
		want  cors.Loss
		empty bool
	}{
		{"the same", plain, cors.Loss{}, true},
		{"more", cors.Rule{AllowedOrigins: []string{"https://*"}, MaxAgeSeconds: new(int32(60)), ExposeHeaders: []string{"x", "etag"}}, cors.Loss{}, true},
		{"fewer headers", cors.Rule{MaxAgeSeconds: new(int32(60))}, cors.Loss{ExposeHeaders: []string{"ETag"}}, false},
		{"any origin", cors.Rule{AllowedOrigins: []string{"*"}, MaxAgeSeconds: new(int32(60)), ExposeHeaders: []string{"ETag"}}, cors.Loss{Credentials: true}, false},
		{"another max age", cors.Rule{MaxAgeSeconds: new(int32(0)), ExposeHeaders: []string{"ETag"}}, cors.Loss{MaxAge: true}, false},
		{"no max age", cors.Rule{ExposeHeaders: []string{"ETag"}}, cors.Loss{MaxAge: true}, false},
	} {
		got := cors.LossOf(plain, test.by)
		if !reflect.DeepEqual(got, test.want) || got.None() != test.empty {
			t.Errorf("%s: %+v, none: %t", test.name, got, got.None())
		}
	}
	everybody := cors.Rule{AllowedOrigins: []string{"https://a", "*"}, ExposeHeaders: []string{"ETag", "etag"}}
	want := cors.Loss{ExposeHeaders: []string{"ETag"}}
	if got := cors.LossOf(everybody, cors.Rule{AllowedOrigins: []string{"*"}}); !reflect.DeepEqual(got, want) {
		t.Errorf(`of a rule with "*", which has no credentials to lose: %+v`, got)
	}
}

func TestShadowsOfWhatS3WouldNotStoreAreNotLookedFor(t *testing.T) {
	rule := ruleOf("*", "GET", "")
	c := cors.Configuration{Rules: slices.Repeat([]cors.Rule{rule}, cors.MaxRules)}
	if got := len(cors.Shadows(c)); got != cors.MaxRules-1 {
		t.Errorf("%d of %d rules are in the shadow of the first", got, cors.MaxRules)
	}
	c.Rules = append(c.Rules, rule)
	if got := cors.Shadows(c); got != nil {
		t.Errorf("%d shadows of %d rules", len(got), len(c.Rules))
	}
	huge := ruleOf("*", "GET", "")
	huge.AllowedOrigins = slices.Repeat([]string{"https://*.example.com"}, 100_000)
	if got := cors.Shadows(cors.Configuration{Rules: []cors.Rule{rule, huge}}); got != nil {
		t.Errorf("%d shadows in megabytes", len(got))
	}
}

// worstCase is patterns that begin and end alike, as many as S3 stores.
func worstCase() cors.Configuration {
	c := cors.Configuration{Rules: make([]cors.Rule, cors.MaxRules)}
	for i := range c.Rules {
		c.Rules[i].AllowedMethods = []string{"GET", "PUT", "POST", "DELETE", "HEAD"}
		for j := range 5 {
			n := (i*5 + j) / 10
			c.Rules[i].AllowedOrigins = append(c.Rules[i].AllowedOrigins, strings.Repeat("a", n)+"*"+strings.Repeat("a", 50-n))
		}
	}
	return c
}

func TestShadowsAreFoundQuickly(t *testing.T) {
	for name, c := range map[string]cors.Configuration{
		"1,000 origins": benchmarkConfiguration(cors.MaxRules, "https://*.a%d-%d.co"),
		"worst case":    worstCase(),
	} {
		// It takes about a millisecond. Of several times the shortest says how much there
		// was to do, and the others how busy the machine was.
		shortest := time.Hour
		for range 5 {
			start := time.Now()
			cors.Shadows(c)
			shortest = min(shortest, time.Since(start))
		}
		if shortest > time.Second {
			t.Errorf("%s: %s", name, shortest)
		}
	}
}

func BenchmarkShadows(b *testing.B) {
	for name, c := range map[string]cors.Configuration{
		"disjoint": benchmarkConfiguration(cors.MaxRules, "https://*.a%d-%d.co"),
		"worst":    worstCase(),
	} {
		b.Run(fmt.Sprintf("%dx%d/%s", len(c.Rules), len(c.Rules[0].AllowedOrigins), name), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				cors.Shadows(c)
			}
		})
	}
}
