// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"
)

// forbiddenHeaders are the request headers that no script can set, but for those
// with a prefix of forbiddenPrefixes.
// See https://fetch.spec.whatwg.org/#forbidden-request-header.
var forbiddenHeaders = []string{
	"accept-charset", "accept-encoding", "access-control-request-headers", "access-control-request-method",
	"connection", "content-length", "cookie", "cookie2", "date", "dnt", "expect", "host", "keep-alive", "origin",
	"referer", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "via",
}

var forbiddenPrefixes = []string{"proxy-", "sec-"}

// forbidden reports whether no script can set a header, whose name is in lower
// case.
func forbidden(name string) bool {
	return slices.Contains(forbiddenHeaders, name) ||
		slices.ContainsFunc(forbiddenPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// safelistedNames are the request headers that browsers ask for only where the
// value is unusual. Content-Type is not among them: the usual application/json
// is one of the values that they ask for.
// See https://fetch.spec.whatwg.org/#cors-safelisted-request-header.
var safelistedNames = []string{"accept", "accept-language", "content-language", "range"}

// safelisted reports whether browsers send the header without asking first. A
// value that is too long or odd is left to the user.
func safelisted(name, value string) bool {
	switch name {
	case "accept", "accept-language", "content-language":
		return true
	case "content-type":
		essence, _, _ := strings.Cut(strings.ToLower(value), ";")
		return slices.Contains([]string{"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}, strings.TrimSpace(essence))
	case "range":
		first, last, found := strings.Cut(strings.TrimPrefix(value, "bytes="), "-")
		return strings.HasPrefix(value, "bytes=") && found && first != "" && strings.Trim(first+last, "0123456789") == ""
	default:
		return false
	}
}

// headerNotes say which of the headers, in lower case, browsers do not ask for, or
// seldom.
func headerNotes(names []string) []string {
	var never, seldom, notes []string
	for _, name := range names {
		switch {
		case forbidden(name):
			never = append(never, name)
		case slices.Contains(safelistedNames, name):
			seldom = append(seldom, name)
		}
	}
	if len(never) > 0 {
		notes = append(notes, "no script can set "+enumerate(never, "or")+", and no browser asks for that in a preflight")
	}
	if len(seldom) > 0 {
		notes = append(notes, "a browser asks for "+enumerate(seldom, "or")+" only where the value is unusual")
	}
	return notes
}
