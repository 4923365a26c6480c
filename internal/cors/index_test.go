// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"slices"
	"strings"
	"testing"
)

// matchAll is what index.match has to find, found one pattern after the other.
func matchAll(rules [][]pattern, s string) ruleSet {
	var found ruleSet
	for i, patterns := range rules {
		for _, p := range patterns {
			if p.match(s) {
				found.add(i)
			}
		}
	}
	return found
}

func TestAnIndexFindsWhatItsPatternsMatch(t *testing.T) {
	// Every pattern and string over a and b up to a length has all the overlaps,
	// common beginnings and common ends that there can be.
	words := []string{""}
	for i := 0; len(words[i]) < 3; i++ {
		words = append(words, words[i]+"a", words[i]+"b")
	}
	var all []pattern
	for _, prefix := range words {
		all = append(all, parsePattern(prefix))
		for _, suffix := range words {
			all = append(all, parsePattern(prefix+"*"+suffix))
		}
	}
	many := make([][]pattern, MaxRules)
	for i, p := range all {
		many[i%MaxRules] = append(many[i%MaxRules], p)
	}
	indexes := [][][]pattern{many}
	for few := range slices.Chunk(all, fewPatterns) {
		indexes = append(indexes, [][]pattern{few[1:], few[:1]})
	}
	for _, rules := range indexes {
		checkIndex(t, rules, words)
	}
}

func checkIndex(t *testing.T, rules [][]pattern, words []string) {
	t.Helper()
	x := indexPatterns(rules)
	for _, start := range words {
		for _, end := range words {
			s := start + end
			if got, want := x.match(s), matchAll(rules, s); got != want {
				t.Errorf("%q: found %v, want %v", s, got, want)
			}
		}
	}
}

func TestAPatternMatches(t *testing.T) {
	for _, test := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "https://a.example", true},
		{"a", "a", true},
		{"a", "A", false},
		{"a", "ab", false},
		{"a*", "a", true},
		{"*a", "a", true},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"ab*ba", "aba", false},
		{"ab*ba", "abba", true},
		{"https://*.example", "https://a.b.example", true},
		{"https://*.example", "https://example", false},
	} {
		if got := parsePattern(test.pattern).match(test.s); got != test.want {
			t.Errorf("%q matches %q: %t", test.pattern, test.s, got)
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add("ab*ba\n*\n\nabba", "aba")
	f.Add("https://*.example.com\nhttps://a.example.com\n*.com\nhttp*", "https://a.example.com")
	f.Add("x-amz-*\n*-md5\ncontent-*-md5\ncontent-md5", "content-md5")
	f.Fuzz(func(t *testing.T, patterns, s string) {
		rules := make([][]pattern, MaxRules)
		for i, line := range strings.Split(patterns, "\n") {
			if strings.Count(line, "*") <= 1 {
				rules[i%MaxRules] = append(rules[i%MaxRules], parsePattern(line))
			}
		}
		x := indexPatterns(rules)
		if got, want := x.match(s), matchAll(rules, s); got != want {
			t.Errorf("%q of %q: found %v, want %v", s, patterns, got, want)
		}
	})
}
