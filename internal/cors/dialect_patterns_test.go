// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"regexp"
	"strings"
	"testing"
)

// matches is what is said of a server's patterns, in the plainest form.
var matches = map[string]struct {
	parse func(string) ([]pattern, func(string) bool)
	match func(value, s string) bool
}{
	"one pattern": {onePattern, func(value, s string) bool {
		return strings.Count(value, "*") > 1 || asRegexp(value).MatchString(s)
	}},
	"any wildcards":    {anyWildcards, func(value, s string) bool { return asRegexp(value).MatchString(s) }},
	"a whole wildcard": {wholeWildcard, func(value, s string) bool { return value == "*" || value == s }},
	"a wildcard at the end": {wildcardAtEnd, func(value, s string) bool {
		prefix, wild := strings.CutSuffix(value, "*")
		return value == s || wild && strings.HasPrefix(s, prefix)
	}},
	"loose halves": {looseWildcard, func(value, s string) bool {
		prefix, suffix, wild := strings.Cut(value, "*")
		fields := strings.Fields(strings.ReplaceAll(value, "*", " "))
		want := 0
		if prefix != "" {
			want++
		}
		if suffix != "" {
			want++
		}
		if !wild || len(fields) != want {
			return value == s
		}
		prefix, suffix = strings.TrimSpace(prefix), strings.TrimSpace(suffix)
		return value == s || strings.HasPrefix(s, prefix) && strings.HasSuffix(s, suffix)
	}},
}

func asRegexp(value string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(value), `\*`, ".*") + "$")
}

func TestPatternsOfOtherServersMatchWhatTheyShould(t *testing.T) {
	words := []string{""}
	for i := 0; len(words[i]) < 5; i++ {
		for _, c := range []string{"a", "b", "*", " "} {
			words = append(words, words[i]+c)
		}
	}
	for name, server := range matches {
		for _, value := range words {
			if name == "one pattern" && strings.Count(value, "*") > 1 || name == "loose halves" && odd(value) {
				continue
			}
			var x index
			patterns, other := server.parse(value)
			x.addOther(0, other)
			x.add([][]pattern{patterns})
			for _, s := range words {
				if len(s) > 3 || strings.Contains(s, " ") {
					continue
				}
				if got, want := !x.match(s).empty(), server.match(value, s); got != want {
					t.Fatalf("%s: %q matches %q: %t", name, value, s, got)
				}
			}
		}
	}
}

// odd reports whether a value is none that RGW stores, or has blanks in one half
// that the plain form does not tell from those in the other.
func odd(value string) bool {
	prefix, suffix, _ := strings.Cut(value, "*")
	return strings.Contains(suffix, "*") ||
		strings.Contains(strings.TrimSpace(prefix), " ") || strings.Contains(strings.TrimSpace(suffix), " ")
}

func TestWildcardsAfterASchemeMatch(t *testing.T) {
	for _, test := range []struct {
		value, s string
		want     bool
	}{
		{"*", "a", true},
		{"https://*.a", "https://b.a", true},
		{"https://*.a", "http://b.a", false},
		{"http://*", "http://", true},
		{"https://a.*", "https://a.b", false},
		{"https://a.*", "https://a.*", true},
		{"http://*//a", "http://a", true},
		{"http*", "http", false},
	} {
		var x index
		patterns, other := wildcardAfterScheme(test.value)
		x.addOther(0, other)
		x.add([][]pattern{patterns})
		if got := !x.match(test.s).empty(); got != test.want {
			t.Errorf("%q matches %q: %t", test.value, test.s, got)
		}
	}
}
