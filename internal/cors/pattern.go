// SPDX-License-Identifier: Apache-2.0

package cors

import "strings"

// pattern is an allowed origin or header: a literal, or two with one "*"
// between, which stands for any characters, also none. In origins it spans
// dots, colons and slashes alike, because S3 takes an origin for a string and
// not for a URL. For slashes that is not recorded; see DoubtWildcardSlash.
type pattern struct {
	prefix, suffix string // suffix is empty unless wild
	wild           bool
}

// parsePattern splits s at its first "*".
func parsePattern(s string) pattern {
	prefix, suffix, wild := strings.Cut(s, "*")
	return pattern{prefix: prefix, suffix: suffix, wild: wild}
}

// acrossSlash reports whether the rule allows the origin only if a "*" that is not
// a whole value also stands for slashes.
func (r *rule) acrossSlash(origin string) bool {
	across := false
	for _, o := range r.allowedOrigins {
		p := parsePattern(o)
		switch {
		case !p.match(origin):
		case p.wild && o != "*" && strings.Contains(origin[len(p.prefix):len(origin)-len(p.suffix)], "/"):
			across = true
		default:
			return false
		}
	}
	return across
}

// match reports whether p stands for s, all of it and byte by byte.
func (p pattern) match(s string) bool {
	if !p.wild {
		return s == p.prefix
	}
	// Without the comparison of lengths, "ab*ba" would match "aba".
	return len(s) >= len(p.prefix)+len(p.suffix) &&
		strings.HasPrefix(s, p.prefix) && strings.HasSuffix(s, p.suffix)
}
