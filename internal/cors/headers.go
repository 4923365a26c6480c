// SPDX-License-Identifier: Apache-2.0

package cors

import "strings"

// Header is one header of a response.
type Header struct {
	Name, Value string
}

// maxHeaders is how many headers AppendHeaders appends at most.
const maxHeaders = 7

// Headers are the headers that S3 adds to its response because of the decision,
// the same for a preflight as for any other request, and to an error such as
// NoSuchKey as well: none, unless it is allowed. Other servers differ in all of
// this; a few add some also where it is not.
func (d Decision) Headers() []Header {
	if d.rule == nil && !d.hasHeadersWithoutRule() {
		return nil
	}
	return d.AppendHeaders(make([]Header, 0, maxHeaders))
}

// AppendHeaders appends the Headers of d to headers. It allocates only for the
// growth of headers and for Access-Control-Allow-Headers.
func (d Decision) AppendHeaders(headers []Header) []Header {
	if d.rule == nil {
		return d.appendWithoutRule(headers)
	}
	s := d.policy.dialect
	switch {
	case d.star:
		// S3 leaves Allow-Credentials out, then, and does not say false.
		headers = append(headers, Header{"Access-Control-Allow-Origin", "*"})
		headers = appendUnlessEmpty(headers, "Access-Control-Allow-Credentials", s.starCredentials)
	case s.joinsOrigins:
		headers = append(headers, Header{"Access-Control-Allow-Origin", d.rule.origins})
	default:
		headers = append(headers, Header{"Access-Control-Allow-Origin", d.origin})
		headers = appendUnlessEmpty(headers, "Access-Control-Allow-Credentials", s.credentials)
	}
	methods, allowed, expose, vary := d.rule.methods, s.headers, d.rule.expose, s.vary
	if !d.preflight {
		allowed, expose, vary = s.headersActual, d.rule.exposeActual, s.varyActual
	}
	if s.methodAsked {
		methods = d.method
	}
	if d.star && s.varyUnlessStar {
		vary = ""
	}
	headers = append(headers, Header{"Access-Control-Allow-Methods", methods})
	if names := d.allowedHeaders(allowed); names != "" || s.writesEmpty {
		headers = append(headers, Header{"Access-Control-Allow-Headers", names})
	}
	if expose != "" || s.writesEmpty {
		headers = append(headers, Header{"Access-Control-Expose-Headers", expose})
	}
	headers = appendUnlessEmpty(headers, "Access-Control-Max-Age", d.rule.maxAge)
	return appendUnlessEmpty(headers, "Vary", vary)
}

func appendUnlessEmpty(headers []Header, name, value string) []Header {
	if value == "" {
		return headers
	}
	return append(headers, Header{name, value})
}

// hasHeadersWithoutRule reports whether appendWithoutRule does anything.
func (d Decision) hasHeadersWithoutRule() bool {
	return d.policy != nil && (d.partly || d.policy.dialect.missing != nil || d.policy.dialect.varyAlways)
}

// appendWithoutRule appends the headers of a decision that no rule makes.
func (d Decision) appendWithoutRule(headers []Header) []Header {
	if d.policy == nil {
		return headers // the zero Decision
	}
	s := d.policy.dialect
	if d.preflight && d.Reason == BucketMissing {
		headers = append(headers, s.missing...)
	}
	if d.partly {
		headers = append(headers, Header{"Access-Control-Allow-Origin", d.origin})
	}
	switch {
	case !s.varyAlways:
	case d.preflight:
		headers = append(headers, Header{"Vary", s.vary})
	default:
		headers = append(headers, Header{"Vary", s.varyActual})
	}
	return headers
}

// allowedHeaders is the value of Access-Control-Allow-Headers.
func (d *Decision) allowedHeaders(kind allowHeaders) string {
	switch kind {
	case requestedLower:
		return joinLower(d.requestHeaders)
	case requestedNames:
		return d.joinAllowed()
	case requestedRaw:
		return d.requestHeaders
	case configuredList:
		return d.rule.headers
	case noHeaders:
	}
	return ""
}

// joinAllowed writes what is asked for and allowed as it was sent.
func (d *Decision) joinAllowed() string {
	if d.requestHeaders == "" {
		return ""
	}
	s := d.policy.dialect
	var names []string
	for entry := range strings.SplitSeq(d.requestHeaders, ",") {
		name := strings.TrimSpace(entry)
		if name == "" && s.gaps == gapsSkipped || !d.policy.headerRules(name).has(d.matched) {
			continue
		}
		names = append(names, name)
	}
	return strings.Join(names, s.separator)
}

// joinLower writes a value of Access-Control-Request-Headers the way S3 repeats
// it: in lower case, in order, separated by a comma and a space.
func joinLower(list string) string {
	if !strings.Contains(list, ",") {
		return lowerASCII(strings.TrimSpace(list))
	}
	var b strings.Builder
	b.Grow(len(list) + strings.Count(list, ","))
	for list != "" {
		var name string
		name, list, _ = nextName(list)
		if name = strings.TrimSpace(name); name == "" {
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
