// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"slices"
	"strings"
)

// methodHint says what people overlook when the rule does not allow the method.
func (q *question) methodHint(rule int) string {
	switch {
	case q.methods.has(rule):
		return ""
	case q.headLikeGet(rule):
		return "GET does not imply HEAD, which is a method of its own"
	case q.method != q.request.Method && q.request.Method != "OPTIONS":
		return "Access-Control-Request-Method makes this " + word(q.request.Method) + " count as a " + word(q.method)
	}
	return ""
}

// headerHint says what people overlook when the rule does not allow a header.
func (q *question) headerHint(rule int) string {
	var refused []string
	for _, h := range q.headers {
		if !h.rules.has(rule) {
			refused = append(refused, h.name)
		}
	}
	if len(refused) == 0 {
		return ""
	}
	allowed := q.policy.rules[rule].allowedHeaders
	if len(allowed) == 0 {
		return "a rule without allowedHeaders refuses every request that asks for a header"
	}
	for _, h := range allowed {
		if lowerASCII(h) == "x-amz-*" && slices.ContainsFunc(refused, func(name string) bool { return strings.HasPrefix(name, "amz-sdk-") }) {
			return quote(h) + ` does not stand for the headers of AWS SDKs that begin with "amz-sdk-"; "amz-sdk-*" does`
		}
	}
	for _, h := range allowed {
		if hint := q.misspeltHeader(h, refused); hint != "" {
			return hint
		}
	}
	return ""
}

// misspeltHeader says what is wrong with an allowed header that was probably
// meant to allow one of the headers refused; empty for nothing.
func (q *question) misspeltHeader(allowed string, refused []string) string {
	meant := func(s string) bool {
		p := parsePattern(lowerASCII(s))
		return slices.ContainsFunc(refused, func(name string) bool { return p.match(lowerASCII(name)) })
	}
	in := quote(allowed) + " in the rule "
	switch {
	case strings.Contains(allowed, ","):
		for part := range strings.SplitSeq(allowed, ",") {
			if meant(strings.TrimSpace(part)) {
				return in + "has a comma; each header has to be a value of its own"
			}
		}
	case strings.Trim(allowed, " \t\r\n:") != allowed:
		if meant(strings.Trim(allowed, " \t\r\n:")) {
			return in + "has a blank or colon at an end, which no header name has"
		}
	case !meant(allowed):
	case q.policy.dialect.headerCase && hasUpper(allowed):
		return in + "has capitals; this server compares names with regard to case, and browsers send lower case"
	case slices.ContainsFunc(refused, hasUpper): // only where case counts
		return "this server compares names with regard to case, and browsers send lower case"
	default:
		return "this server does not read " + quote(allowed) + " in the rule the way AWS does"
	}
	return ""
}

// earlierRuleHint names a rule before this one that lacks one thing only, since
// the first match counts. It does not propose to let everybody write.
func (q *question) earlierRuleHint(rule int) string {
	for i := range rule {
		if !q.origins.has(i) || q.cost(i, nil) >= costOpenToWrites {
			continue
		}
		if missing := q.missing(i, 2); len(missing) == 1 {
			n := Nearest{Rule: i, RuleID: q.policy.rules[i].id, Missing: missing}
			return "before it, " + n.String()
		}
	}
	return ""
}

// laterRuleHint is for a server that goes by the origin first and has chosen a
// rule that does not match, while a later one does.
func (q *question) laterRuleHint(chosen int) string {
	later := q.matchesWhole()
	return ruleName(later, q.policy.rules[later].id) + " would match, but this server looks no further than the first rule that allows the origin, " +
		ruleName(chosen, q.policy.rules[chosen].id)
}

// matchesWhole is the first rule that allows everything; -1 for none.
func (q *question) matchesWhole() int {
	candidates := q.origins.intersect(q.methods)
	for _, h := range q.headers {
		candidates = candidates.intersect(h.rules)
	}
	return candidates.first()
}

// adviceWithoutRule is what to do about a request for which no rule is looked at.
func (e *Explanation) adviceWithoutRule(r *Request) string {
	switch e.Reason {
	case OriginMissing:
		return "without an Origin this has nothing to do with CORS; browsers send one when a script reads from another origin"
	case NotConfigured:
		return "the bucket has no CORS configuration; give it one with a rule for the origin " + quote(r.Origin)
	case BucketMissing:
		return "there is no such bucket; check its name and the endpoint"
	case RequestMethodInvalid:
		return methodAdvice(r)
	case RequestHeadersInvalid:
		for rest := r.RequestHeaders; rest != ""; {
			name, after, valid := nextName(rest)
			if !valid {
				return quote(name) + " in Access-Control-Request-Headers is no header name"
			}
			rest = after
		}
		return "Access-Control-Request-Headers has an entry with nothing in it, which this server takes for an invalid name"
	case Matched, NoRuleMatches, AnswerUnusable:
		// A matter of the rules.
	}
	return ""
}

// unusableAdvice is what to do about AnswerUnusable.
const unusableAdvice = "the server answers with all origins of the rule at once, which browsers refuse; give each origin a rule of its own"

// methodAdvice is what to do about a method that no rule can allow.
func methodAdvice(r *Request) string {
	m := r.RequestMethod
	if m == "" {
		m = r.Method
		if m == "OPTIONS" {
			return "a preflight names the method to come in Access-Control-Request-Method, and this one names none"
		}
	}
	upper := strings.ToUpper(strings.TrimSpace(m))
	switch {
	case upper == "OPTIONS":
		return "OPTIONS is the preflight itself; Access-Control-Request-Method names the method that is to follow it"
	case !isToken(m):
		return quote(m) + " is no HTTP method"
	case methodOf(upper) != noMethod:
		return quote(m) + " is not " + upper + ": methods are compared with regard to case"
	default:
		return "no rule can allow " + quote(m) + ", only " + supportedMethods
	}
}
