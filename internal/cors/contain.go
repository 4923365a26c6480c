// SPDX-License-Identifier: Apache-2.0

package cors

// OriginContains reports whether the allowed origin a stands for every origin
// that b stands for: "https://*.example.com" for "https://*.a.example.com", and
// not for "https://example.com". Each has at most one "*", as S3 wants it.
//
// Nothing is gained by looking at several origins together: if they stand for
// all that b stands for, then one of them does so alone.
func OriginContains(a, b string) bool { return parsePattern(a).contains(b) }

// HeaderContains is OriginContains for allowed headers, which are compared
// without regard to case.
func HeaderContains(a, b string) bool { return OriginContains(lowerASCII(a), lowerASCII(b)) }

// contains reports whether p stands for everything that the pattern q, as it is
// written, stands for.
//
// That is so exactly if p matches the text of q. Its "*" is a byte that the
// literals of no pattern have, so that p can match that byte only with a "*" of
// its own, and what precedes and follows that with the literals of q, which are
// in everything that q stands for. Conversely, the text of q is one of the
// strings that q stands for.
//
// The same holds for a union of patterns: one of them has to match the text of
// q, and so contains q alone. An index of patterns therefore answers, for the
// text of q, which of them contain q.
func (p pattern) contains(q string) bool { return p.match(q) }

// overlaps reports whether there is a string that both stand for.
func (p pattern) overlaps(q pattern) bool {
	switch {
	case !p.wild:
		return q.match(p.prefix)
	case !q.wild:
		return p.match(q.prefix)
	default:
		// The longer beginning and the longer end, one after the other, are such
		// a string if there is one.
		return eitherBegins(p.prefix, q.prefix) && eitherBegins(reverse(p.suffix), reverse(q.suffix))
	}
}

func eitherBegins(a, b string) bool {
	n := min(len(a), len(b))
	return a[:n] == b[:n]
}

// OriginsOverlap reports whether there is an origin that the allowed origins a
// and b both stand for.
func OriginsOverlap(a, b string) bool { return parsePattern(a).overlaps(parsePattern(b)) }
