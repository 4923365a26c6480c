// SPDX-License-Identifier: Apache-2.0

package cors

import "strings"

// Header is one header of a response.
type Header struct {
	Name, Value string
}

// vary is what S3 sends with every match, and never without one, which makes
// caches keep answers that were given to requests without an Origin.
const vary = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"

// maxHeaders is how many headers AppendHeaders appends at most.
const maxHeaders = 7

// Headers are the headers that S3 adds to its response because of the decision,
// the same for a preflight as for any other request: none, unless it is allowed.
func (d Decision) Headers() []Header {
	if !d.Allowed {
		return nil
	}
	return d.AppendHeaders(make([]Header, 0, maxHeaders))
}

// AppendHeaders appends the Headers of d to headers. It allocates only for the
// growth of headers and for Access-Control-Allow-Headers.
func (d Decision) AppendHeaders(headers []Header) []Header {
	if !d.Allowed {
		return headers
	}
	if d.rule.anyOrigin {
		// S3 leaves Allow-Credentials out, then, and does not say false.
		headers = append(headers, Header{"Access-Control-Allow-Origin", "*"})
	} else {
		headers = append(headers,
			Header{"Access-Control-Allow-Origin", d.origin},
			Header{"Access-Control-Allow-Credentials", "true"})
	}
	headers = append(headers, Header{"Access-Control-Allow-Methods", d.rule.methods})
	if allowed := joinRequested(d.requestHeaders); allowed != "" {
		headers = append(headers, Header{"Access-Control-Allow-Headers", allowed})
	}
	if d.rule.exposeHeaders != "" {
		headers = append(headers, Header{"Access-Control-Expose-Headers", d.rule.exposeHeaders})
	}
	if d.rule.maxAge != "" {
		headers = append(headers, Header{"Access-Control-Max-Age", d.rule.maxAge})
	}
	return append(headers, Header{"Vary", vary})
}

// joinRequested writes a value of Access-Control-Request-Headers the way S3
// repeats it: in lower case, in order, separated by a comma and a space.
func joinRequested(list string) string {
	if !strings.ContainsAny(list, ", \t") {
		return lowerASCII(list)
	}
	var b strings.Builder
	b.Grow(len(list) + strings.Count(list, ","))
	for list != "" {
		var name string
		name, list, _ = nextName(list)
		if name == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		for i := range len(name) {
			b.WriteByte(tokenByte[name[i]])
		}
	}
	return b.String()
}
