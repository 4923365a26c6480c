// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// NewRequest takes from an HTTP request what S3 looks at. Header names may be in
// any case, and values lose the blanks around them, as in HTTP. It is an error if
// there is no method, or a header or the method has characters that HTTP does not
// allow there, so that no server would see it.
//
// A header that has several values is one value joined by ", " in HTTP (RFC 9110,
// section 5.3). That is so for Access-Control-Request-Headers. Origin and
// Access-Control-Request-Method are no lists: browsers send one, servers differ in
// which of several they take, and so several are an error.
func NewRequest(method string, resource Resource, header map[string][]string) (Request, error) {
	if err := checkMethod(method); err != nil {
		return Request{}, err
	}
	r := Request{Method: method, Resource: resource}
	// Names that differ in case are one header; sorted, so that the outcome is
	// always the same.
	var relevant requestHeaders
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if err := checkHeader(name, header[name]); err != nil {
			return Request{}, err
		}
		relevant.add(name, header[name])
	}
	if err := relevant.fill(&r); err != nil {
		return Request{}, err
	}
	return r, nil
}

// The headers of a request that matter, as messages name them.
const (
	headerOrigin         = "Origin"
	headerRequestMethod  = "Access-Control-Request-Method"
	headerRequestHeaders = "Access-Control-Request-Headers"
)

// requestHeaders are the values of the headers that matter.
type requestHeaders struct {
	origin, method, headers []string
}

// add takes the values of a header, if it matters.
func (h *requestHeaders) add(name string, values []string) {
	switch {
	case strings.EqualFold(name, headerOrigin):
		h.origin = append(h.origin, values...)
	case strings.EqualFold(name, headerRequestMethod):
		h.method = append(h.method, values...)
	case strings.EqualFold(name, headerRequestHeaders):
		h.headers = append(h.headers, values...)
	}
}

// fill writes the headers into r.
func (h *requestHeaders) fill(r *Request) error {
	for _, single := range []struct {
		name   string
		values []string
		field  *string
	}{
		{headerOrigin, h.origin, &r.Origin},
		{headerRequestMethod, h.method, &r.RequestMethod},
	} {
		switch len(single.values) {
		case 0:
		case 1:
			*single.field = trimBlanks(single.values[0])
			r.Blank = r.Blank || *single.field == ""
		default:
			return fmt.Errorf("%s comes %d times; give it once, because servers differ in which one they take",
				single.name, len(single.values))
		}
	}
	if len(h.headers) > 0 {
		trimmed := make([]string, len(h.headers))
		for i, v := range h.headers {
			trimmed[i] = trimBlanks(v)
		}
		// Empty ones at the ends would leave blanks there.
		r.RequestHeaders = trimBlanks(strings.Join(trimmed, ", "))
		r.Blank = r.Blank || r.RequestHeaders == ""
	}
	return nil
}

func trimBlanks(s string) string { return strings.Trim(s, " \t") }

// checkMethod says what is wrong with an HTTP method.
func checkMethod(method string) error {
	if method == "" {
		return errors.New("there is no HTTP method; give one, such as GET, or OPTIONS for a preflight")
	}
	if bad, found := notToken(method); found {
		return fmt.Errorf("the HTTP method %s has the character %q, which is in no method", quote(method), bad)
	}
	return nil
}

// checkHeader says what is wrong with a header of a request, whatever it means.
func checkHeader(name string, values []string) error {
	if name == "" {
		return errors.New("a header has no name")
	}
	if bad, found := notToken(name); found {
		return fmt.Errorf("the header %s has the character %q, which is in no header name", quote(name), bad)
	}
	for _, v := range values {
		if i := strings.IndexFunc(v, isControl); i >= 0 {
			return fmt.Errorf("the header %s has the control character %q in its value %s; remove it", word(name), v[i], quote(v))
		}
	}
	return nil
}

// isControl reports whether r may not be in the value of a header (RFC 9110,
// section 5.5).
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
