// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// words are all strings over letters up to a length.
func words(letters string, length int) []string {
	all := []string{""}
	for start := 0; length > 0; length-- {
		end := len(all)
		for _, w := range all[start:end] {
			for _, c := range letters {
				all = append(all, w+string(c))
			}
		}
		start = end
	}
	return all
}

// like is the plain reading of what a pattern stands for.
func like(pattern, s string) bool {
	prefix, suffix, wild := strings.Cut(pattern, "*")
	if !wild {
		return s == pattern
	}
	rest, begins := strings.CutPrefix(s, prefix)
	return begins && strings.HasSuffix(rest, suffix)
}

// smallPatterns are all patterns over a and b with at most two letters on each
// side, and a string over a, b and c of up to five letters tells any two apart:
// the "c" is what a "*" can stand for and no pattern names.
func smallPatterns() (patterns, strings []string) {
	literals := words("ab", 2)
	patterns = slices.Clone(literals)
	for _, prefix := range literals {
		for _, suffix := range literals {
			patterns = append(patterns, prefix+"*"+suffix)
		}
	}
	return patterns, words("abc", 5)
}

func TestContainmentAndOverlapAgreeWithEnumeration(t *testing.T) {
	patterns, universe := smallPatterns()
	for _, a := range patterns {
		for _, b := range patterns {
			contains, overlaps := true, false
			for _, s := range universe {
				if like(b, s) {
					contains = contains && like(a, s)
					overlaps = overlaps || like(a, s)
				}
			}
			if got := cors.OriginContains(a, b); got != contains {
				t.Errorf("%q contains %q: %t, want %t", a, b, got, contains)
			}
			if got := cors.OriginsOverlap(a, b); got != overlaps {
				t.Errorf("%q overlaps %q: %t, want %t", a, b, got, overlaps)
			}
		}
	}
}

func TestAUnionThatContainsAPatternHasOneThatDoesAlone(t *testing.T) {
	patterns, universe := smallPatterns()
	r := rand.New(rand.NewPCG(3, 4))
	covered := 0
	for range 20_000 {
		b := patterns[r.IntN(len(patterns))]
		union := make([]string, 2+r.IntN(4))
		for i := range union {
			union[i] = patterns[r.IntN(len(patterns))]
		}
		all := !slices.ContainsFunc(universe, func(s string) bool {
			return like(b, s) && !slices.ContainsFunc(union, func(a string) bool { return like(a, s) })
		})
		alone := slices.ContainsFunc(union, func(a string) bool { return cors.OriginContains(a, b) })
		if all != alone {
			t.Fatalf("%q in the union of %q: %t, in one of them: %t", b, union, all, alone)
		}
		if all {
			covered++
		}
	}
	if covered < 1_000 {
		t.Errorf("only %d patterns were covered", covered)
	}
}

func TestOriginAndHeaderContainment(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"*", "https://example.com", true},
		{"*", "*", true},
		{"https://example.com", "*", false},
		{"https://*.example.com", "https://*.a.example.com", true},
		{"https://*.example.com", "https://a.*.example.com", true},
		{"https://*.example.com", "https://example.com", false},
		{"https://*.example.com", "http://*.example.com", false},
		{"https://*.example.com", "https://*.EXAMPLE.com", false},
		{"ab*ba", "aba", false},
		{"ab*ba", "ab*aba", true},
	} {
		if got := cors.OriginContains(test.a, test.b); got != test.want {
			t.Errorf("the origin %q contains %q: %t", test.a, test.b, got)
		}
	}
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"X-Amz-*", "x-amz-META-*", true},
		{"x-amz-*", "amz-sdk-request", false},
		{"content-type", "Content-Type", true},
		{"\u212A", "k", false}, // the Kelvin sign, of which Unicode makes a k
	} {
		if got := cors.HeaderContains(test.a, test.b); got != test.want {
			t.Errorf("the header %q contains %q: %t", test.a, test.b, got)
		}
	}
}

func FuzzContain(f *testing.F) {
	f.Add("https://*.example.com", "https://*.a.example.com", "x")
	f.Add("ab*ba", "ab*aba", "")
	f.Add("*", "a", "*")
	f.Fuzz(func(t *testing.T, a, b, filling string) {
		if strings.Count(a, "*") > 1 || strings.Count(b, "*") > 1 {
			return
		}
		s := strings.Replace(b, "*", filling, 1) // b stands for it
		if cors.OriginContains(a, b) {
			if !like(a, s) {
				t.Errorf("%q contains %q, and does not match %q", a, b, s)
			}
			if !cors.OriginsOverlap(a, b) || !cors.OriginsOverlap(b, a) {
				t.Errorf("%q contains %q, and does not overlap it", a, b)
			}
		} else if s := strings.Replace(b, "*", "**", 1); like(a, s) {
			t.Errorf("%q does not contain %q, and matches %q", a, b, s)
		}
		if like(a, s) && !cors.OriginsOverlap(a, b) {
			t.Errorf("%q and %q do not overlap, and match %q", a, b, s)
		}
		if cors.OriginContains(a, b) && cors.OriginContains(b, a) && a != b {
			t.Errorf("%q and %q contain each other", a, b)
		}
	})
}
