// SPDX-License-Identifier: Apache-2.0

package cors

import "unicode/utf8"

// tokenByte is, for each byte that may be in a header name (a token of RFC 9110,
// section 5.6.2), that byte in lower case, and 0 for every other byte.
var tokenByte = func() (lower [256]byte) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
		lower[c] = c
	}
	for c := byte('A'); c <= 'Z'; c++ {
		lower[c] = c + 'a' - 'A'
	}
	return lower
}()

// notToken finds the first character of s that cannot be in a header name.
func notToken(s string) (bad rune, found bool) {
	for _, r := range s {
		if r >= utf8.RuneSelf || tokenByte[r] == 0 {
			return r, true
		}
	}
	return 0, false
}

// notXML finds the first character of s that XML 1.0 cannot carry, which is
// utf8.RuneError where s is not UTF-8. See https://www.w3.org/TR/xml/#charsets.
func notXML(s string) (bad rune, found bool) {
	if !utf8.ValidString(s) {
		return utf8.RuneError, true
	}
	for _, r := range s {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
		case r < ' ' || r == 0xFFFE || r == 0xFFFF:
			return r, true
		}
	}
	return 0, false
}

// lowerASCII is s with A to Z in lower case. Names of headers have no other
// letters; strings.ToLower would make an ASCII "k" of the Kelvin sign.
func lowerASCII(s string) string {
	if !hasUpper(s) {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// hasUpper reports whether s has one of A to Z.
func hasUpper(s string) bool {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			return true
		}
	}
	return false
}
