// SPDX-License-Identifier: Apache-2.0

package cors

import "strings"

// The functions of this file say what a configured value stands for, as patterns
// for an index and, beside or instead of them, as a function.

// onePattern: one "*" at most, anywhere.
func onePattern(value string) ([]pattern, func(string) bool) {
	return []pattern{parsePattern(value)}, nil
}

// wholeWildcard: "*" alone is a wildcard.
func wholeWildcard(value string) ([]pattern, func(string) bool) {
	if value == "*" {
		return onePattern(value)
	}
	return []pattern{{prefix: value}}, nil
}

// wildcardAtEnd: a "*" is a wildcard at the end only.
func wildcardAtEnd(value string) ([]pattern, func(string) bool) {
	prefix, wild := strings.CutSuffix(value, "*")
	return []pattern{{prefix: prefix, wild: wild}}, nil
}

// wildcardAfterScheme: a "*" is a wildcard alone, or right after "http://" or
// "https://"; elsewhere it stands for itself.
func wildcardAfterScheme(value string) ([]pattern, func(string) bool) {
	for _, scheme := range []string{"http://", "https://"} {
		if host, ok := strings.CutPrefix(value, scheme+"*"); ok {
			return looseHalves(scheme, host)
		}
	}
	return wholeWildcard(value)
}

// looseWildcard: one "*" at most, anywhere, and its two halves may overlap. RGW
// splits the value at blanks as well, and finds nothing if too much is left.
func looseWildcard(value string) ([]pattern, func(string) bool) {
	star := strings.IndexByte(value, '*')
	if star < 0 {
		return onePattern(value)
	}
	parts := strings.FieldsFunc(value, func(c rune) bool { return c == '*' || c == ' ' || c == '\t' })
	itself := pattern{prefix: value}
	var halves []string // of the wildcard, those that RGW looks for
	for _, wanted := range []bool{star > 0, star < len(value)-1} {
		half := ""
		if wanted {
			if len(parts) == 0 {
				return []pattern{itself}, nil
			}
			half, parts = parts[0], parts[1:]
		}
		halves = append(halves, half)
	}
	if len(parts) > 0 {
		return []pattern{itself}, nil
	}
	return looseHalves(halves[0], halves[1])
}

// looseHalves is a "*" between prefix and suffix that may overlap, as "ab" and
// "ba" do in "aba". The index has no such thing; it is looked up one by one, and
// only where the halves have anything in common.
func looseHalves(prefix, suffix string) ([]pattern, func(string) bool) {
	patterns := []pattern{{prefix: prefix, suffix: suffix, wild: true}}
	if prefix == "" || suffix == "" ||
		strings.IndexByte(prefix, suffix[0]) < 0 || strings.IndexByte(suffix, prefix[len(prefix)-1]) < 0 {
		return patterns, nil
	}
	return patterns, func(s string) bool {
		return strings.HasPrefix(s, prefix) && strings.HasSuffix(s, suffix)
	}
}

// anyWildcards: any number of "*".
func anyWildcards(value string) ([]pattern, func(string) bool) {
	parts := strings.Split(value, "*")
	last := len(parts) - 1
	if last <= 1 {
		return onePattern(value)
	}
	return nil, func(s string) bool {
		p := pattern{prefix: parts[0], suffix: parts[last], wild: true}
		if !p.match(s) {
			return false
		}
		s = s[len(p.prefix) : len(s)-len(p.suffix)]
		for _, part := range parts[1:last] {
			i := strings.Index(s, part)
			if i < 0 {
				return false
			}
			s = s[i+len(part):]
		}
		return true
	}
}
