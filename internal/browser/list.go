// SPDX-License-Identifier: Apache-2.0

package browser

import "strings"

// list is a response header whose value is a list of names, such as
// Access-Control-Allow-Headers. Entries may be empty (RFC 9110, section 5.6.1).
type list string

// invalid is the first entry that is no name; found reports whether there is one.
// Browsers take nothing of such a list.
func (l list) invalid() (entry string, found bool) {
	for entry := range strings.SplitSeq(string(l), ",") {
		if entry = trim(entry); entry != "" && !isToken(entry) {
			return entry, true
		}
	}
	return "", false
}

// has reports whether the list has an entry, with regard to case.
func (l list) has(name string) bool {
	for entry := range strings.SplitSeq(string(l), ",") {
		if entry = trim(entry); entry == name && name != "" {
			return true
		}
	}
	return false
}

// hasFold is has without regard to case.
func (l list) hasFold(name string) bool {
	for entry := range strings.SplitSeq(string(l), ",") {
		if entry = trim(entry); equalFold(entry, name) && name != "" {
			return true
		}
	}
	return false
}

// trim takes off the blanks that HTTP allows around a value.
func trim(s string) string { return strings.Trim(s, " \t") }

// isToken reports whether s can be the name of a header or a method (RFC 9110,
// section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// equalFold compares without regard to the case of ASCII letters: to
// strings.EqualFold the sign of a kelvin is a "k", to browsers it is not.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lowerByte(a[i]) != lowerByte(b[i]) {
			return false
		}
	}
	return true
}

// lower is s with ASCII letters in lower case.
func lower(s string) string {
	for i := range len(s) {
		if s[i] != lowerByte(s[i]) {
			b := []byte(s)
			for j := range b {
				b[j] = lowerByte(b[j])
			}
			return string(b)
		}
	}
	return s
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
