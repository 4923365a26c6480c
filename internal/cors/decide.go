// SPDX-License-Identifier: Apache-2.0

package cors

import "strings"

// Resource is what the URL of a request names.
type Resource int

const (
	// Object is a URL with a key, whether or not the object exists.
	Object Resource = iota
	// Bucket is the URL of the bucket itself.
	Bucket
)

// String is how S3 names the resource in the answer to a refused preflight.
func (r Resource) String() string {
	if r == Bucket {
		return "BUCKET"
	}
	return "OBJECT"
}

// Request is what S3 looks at in an HTTP request to decide about CORS. It looks
// at the two Access-Control headers of any request, not only of a preflight, and
// never at the other headers that the request itself carries.
type Request struct {
	// Method is the HTTP method. OPTIONS makes the request a preflight.
	Method string
	// Resource is what the URL names.
	Resource Resource
	// Origin is the header Origin; empty for none.
	Origin string
	// RequestMethod is Access-Control-Request-Method; empty for none.
	RequestMethod string
	// RequestHeaders is Access-Control-Request-Headers, several of them joined
	// by commas; empty for none.
	RequestHeaders string
	// Blank says that one of these headers is there but empty. It is taken for
	// absent, and the decision says that this is a guess.
	Blank bool
}

// Reason says why a Decision is what it is. The set is closed.
type Reason string

// The reasons of decisions. All but Matched mean that the request is not
// allowed, in the order in which S3 looks.
const (
	Matched               Reason = "Matched"               // a rule matches
	OriginMissing         Reason = "OriginMissing"         // no Origin: not a CORS request
	NotConfigured         Reason = "NotConfigured"         // the bucket has no CORS configuration
	BucketMissing         Reason = "BucketMissing"         // there is no such bucket
	RequestMethodInvalid  Reason = "RequestMethodInvalid"  // no rule can allow the method asked for
	RequestHeadersInvalid Reason = "RequestHeadersInvalid" // asks for a header whose name is no name
	NoRuleMatches         Reason = "NoRuleMatches"         // no rule matches origin, method and headers
)

// Decision is what S3 makes of a Request as far as CORS goes. Comparing two of
// different policies with == is meaningless; compare fields.
type Decision struct {
	// Allowed says whether a rule matches: a browser may go on.
	Allowed bool
	// Rule is the index of the rule that matches, the first in order; -1 for
	// none. RuleID is its ID.
	Rule   int
	RuleID string
	Reason Reason

	// Status, Code and Message are the answer of S3 to a preflight; Code and
	// Message are empty where it is allowed. CORS never refuses any other
	// request, so that for those Status is 0.
	Status        int
	Code, Message string
	// Method and ResourceType are what S3 reports beside a code AccessForbidden.
	Method, ResourceType string

	// Confidence is how sure all this is, and Doubts say why it is not High.
	Confidence Confidence
	Doubts     Doubt

	rule                   *rule
	origin, requestHeaders string
}

// Decide says what S3 answers to r. It allocates nothing, except for a message
// that quotes the request, and for capital letters in long header names, which no
// browser sends.
func (p *Policy) Decide(r Request) Decision {
	d := Decision{Rule: -1, origin: r.Origin, requestHeaders: r.RequestHeaders}
	if r.Blank {
		d.Doubts |= DoubtBlankHeader
	}
	invalid := p.evaluate(&r, &d)
	switch {
	case r.Method != "OPTIONS":
	case d.Allowed:
		d.Status = 200
	default:
		d.refuse(&r, invalid)
	}
	if d.Doubts != 0 {
		d.Confidence = d.Doubts.Confidence()
	}
	return d
}

// evaluate fills in everything but the answer to a preflight. The result is the
// requested header whose name is invalid, if that is the reason.
func (p *Policy) evaluate(r *Request, d *Decision) (invalid string) {
	switch {
	case r.Origin == "":
		d.Reason = OriginMissing
		return ""
	case p == nil:
		d.Reason = NotConfigured
		if r.RequestMethod != "" && methodOf(r.RequestMethod) == noMethod {
			// Recorded without a method, for which the configuration is looked for
			// first; a server may still look at the method before.
			d.Doubts |= DoubtRequestMethodInvalid
		}
		return ""
	case p.missing:
		d.Reason = BucketMissing
		if r.RequestMethod != "" {
			d.Doubts |= DoubtMissingBucket
		}
		return ""
	}
	// The method asked for counts on every request that names one: a GET with
	// Access-Control-Request-Method: PUT is decided as a PUT.
	method := methodOf(r.RequestMethod)
	switch {
	case r.RequestMethod == "":
		if r.Method == "OPTIONS" {
			d.Doubts |= DoubtRequestMethodMissing
		}
		method = methodOf(r.Method)
	case method == noMethod:
		d.Reason = RequestMethodInvalid
		d.Doubts |= DoubtRequestMethodInvalid
		return ""
	}
	var candidates ruleSet
	if method != noMethod {
		candidates = p.methods[method].intersect(p.origins.match(r.Origin))
	}
	candidates, invalid = p.allowHeaders(candidates, r.RequestHeaders, d)
	if invalid != "" {
		d.Reason = RequestHeadersInvalid
		d.Doubts |= DoubtRequestHeadersInvalid
		return invalid
	}
	d.Rule = candidates.first()
	d.Doubts |= p.originDoubts(r.Origin, d.Rule)
	if d.Rule < 0 {
		d.Reason = NoRuleMatches
		return ""
	}
	d.rule = &p.rules[d.Rule]
	d.Allowed, d.Reason, d.RuleID = true, Matched, d.rule.id
	d.Doubts |= d.rule.doubts
	return ""
}

// originDoubts are the doubts that the origin raises when the rule with this
// index matches, or none does.
func (p *Policy) originDoubts(origin string, matched int) Doubt {
	var doubts Doubt
	if origin == "null" {
		doubts |= DoubtNullOrigin
	}
	if matched < 0 {
		matched = len(p.rules)
	} else {
		for _, o := range p.rules[matched].otherOrigins {
			if o.match(origin) {
				doubts |= DoubtMixedOrigins
				break
			}
		}
	}
	// An origin in capitals can match more rules, from the first on, if case
	// does not count, and so can configured capitals before the rule that matched.
	if matched > 0 && (p.upperOrigin < matched || hasUpper(origin)) {
		doubts |= DoubtOriginCase
	}
	return doubts
}

// allowHeaders leaves in candidates the rules that allow every header that a
// value of Access-Control-Request-Headers lists. It stops at an entry that is no
// header name, and returns it.
func (p *Policy) allowHeaders(candidates ruleSet, list string, d *Decision) (_ ruleSet, invalid string) {
	var buffer [64]byte
	for rest := list; rest != ""; {
		name, after, valid := nextName(rest)
		switch {
		case !valid:
			return ruleSet{}, name
		case name == "":
			d.Doubts |= DoubtRequestHeadersGap
		case candidates.empty():
			// Only for a later entry that is invalid.
		case hasUpper(name):
			lower := buffer[:0]
			for i := range len(name) {
				lower = append(lower, tokenByte[name[i]])
			}
			candidates = candidates.intersect(p.headers.match(string(lower)))
		default:
			candidates = candidates.intersect(p.headers.match(name))
		}
		rest = after
	}
	if strings.HasSuffix(list, ",") {
		d.Doubts |= DoubtRequestHeadersGap
	}
	return candidates, ""
}

// nextName takes the first entry off a list as in Access-Control-Request-Headers,
// without the blanks around it, and reports whether it is empty or a header name.
func nextName(list string) (name, rest string, valid bool) {
	start := skipBlanks(list, 0)
	end := start
	for end < len(list) && tokenByte[list[end]] != 0 {
		end++
	}
	next := skipBlanks(list, end)
	switch {
	case next == len(list):
		return list[start:end], "", true
	case list[next] == ',':
		return list[start:end], list[next+1:], true
	}
	name, rest, _ = strings.Cut(list[start:], ",")
	return strings.TrimRight(name, " \t"), rest, false
}

// skipBlanks is the first index from i on that is not of a blank.
func skipBlanks(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	return i
}

// The messages of S3, to the letter ("evalution" included).
const (
	messageOriginMissing = "Insufficient information. Origin request header needed."
	messageNotConfigured = "CORSResponse: CORS is not enabled for this bucket."
	messageBucketMissing = "CORSResponse: Bucket not found"
	messageNoRuleMatches = "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, " +
		"request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
)

// refuse fills in what S3 answers to a preflight that is not allowed.
func (d *Decision) refuse(r *Request, invalid string) {
	badRequest := func(message string) {
		d.Status, d.Code, d.Message = 400, "BadRequest", message
	}
	forbidden := func(message string, resource Resource) {
		d.Status, d.Code, d.Message = 403, "AccessForbidden", message
		d.Method, d.ResourceType = "OPTIONS", resource.String()
		if r.RequestMethod != "" {
			d.Method = r.RequestMethod
		}
	}
	switch d.Reason {
	case OriginMissing:
		badRequest(messageOriginMissing)
	case NotConfigured:
		// S3 says BUCKET also for the URL of an object.
		forbidden(messageNotConfigured, Bucket)
	case BucketMissing:
		forbidden(messageBucketMissing, Bucket)
	case RequestMethodInvalid:
		badRequest("Invalid Access-Control-Request-Method: " + r.RequestMethod)
	case RequestHeadersInvalid:
		badRequest(`Access-Control-Request-Headers "` + invalid + `" contains invalid character.`)
	case NoRuleMatches:
		forbidden(messageNoRuleMatches, r.Resource)
	case Matched:
		// Not refused.
	}
}
