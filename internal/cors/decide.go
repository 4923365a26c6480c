// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"cmp"
	"strings"
)

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
	AnswerUnusable        Reason = "AnswerUnusable"        // a rule matches, and browsers refuse what the server makes of it
)

// Decision is what S3 makes of a Request as far as CORS goes. Comparing two of
// different policies with == is meaningless; compare fields.
type Decision struct {
	// Allowed says whether a browser may go on: a rule matches, and the answer is
	// not one that browsers refuse, as that of Garage by a rule of several origins.
	Allowed bool
	// Rule is the index of the rule that matches, the first in order; -1 for
	// none. RuleID is its ID. Some servers allow requests by a rule of their own,
	// for buckets without a configuration: see Dialect.NoConfiguration.
	Rule   int
	RuleID string
	Reason Reason

	// Status, Code and Message are the answer of S3 to a preflight; Code and
	// Message are empty where it is allowed. CORS never refuses any other request
	// on AWS, so that for those Status is 0; on VersityGW it can.
	Status        int
	Code, Message string
	// Method and ResourceType are what S3 reports beside a code AccessForbidden.
	Method, ResourceType string

	// Confidence is how sure all this is, and Doubts say why it is not High.
	Confidence Confidence
	Doubts     Doubt

	policy                         *Policy
	rule                           *rule // nil unless one matches
	matched                        int   // its index in policy
	method, origin, requestHeaders string
	preflight                      bool
	star                           bool // the origin is answered with "*"
	partly                         bool // a rule allows the origin alone, and the answer says so
}

// Decide says what S3 answers to r. It allocates nothing, except for a message
// that quotes the request, and for capital letters in long header names, which no
// browser sends. It asks for no credentials, as S3 does for preflights, and
// whether the object exists does not matter.
func (p *Policy) Decide(r Request) Decision {
	if p == nil {
		p = notConfigured
	}
	d := Decision{Rule: -1, policy: p, origin: r.Origin, requestHeaders: r.RequestHeaders, preflight: r.Method == "OPTIONS"}
	if r.Blank {
		d.Doubts |= DoubtBlankHeader
	}
	invalid := p.evaluate(&r, &d)
	switch {
	case d.rule != nil:
		if d.preflight {
			d.Status = p.dialect.allowedStatus
		}
	case d.preflight, p.dialect.failsActual && (d.Reason == RequestMethodInvalid || d.Reason == RequestHeadersInvalid):
		d.refuse(&r, invalid)
	}
	if d.Doubts != 0 {
		d.Doubts &^= p.dialect.certain
		d.Confidence = d.Doubts.Confidence()
	}
	return d
}

// evaluate fills in everything but the answer to a preflight. The result is the
// requested header whose name is invalid, if that is the reason.
func (p *Policy) evaluate(r *Request, d *Decision) (invalid string) {
	s := p.dialect
	switch {
	case p.absent == BucketMissing && d.preflight && s.bucketFirst:
		d.Reason = BucketMissing
		d.Doubts |= DoubtMissingBucket
		return ""
	case r.Origin == "":
		d.Reason = OriginMissing
		return ""
	case p.absent != "" && len(p.rules) == 0 && (!d.preflight || !s.requestFirst):
		d.Reason = p.absent
		d.Doubts |= absenceDoubts(p.absent, r)
		return ""
	}
	// The method asked for counts on every request that names one: a GET with
	// Access-Control-Request-Method: PUT is decided as a PUT.
	d.method = p.effectiveMethod(r)
	switch {
	case r.RequestMethod == "":
		if d.preflight {
			if s.methodRequired {
				d.Reason = RequestMethodInvalid
				return ""
			}
			d.Doubts |= DoubtRequestMethodMissing
		}
	case s.checksMethod && methodOf(r.RequestMethod) == noMethod:
		d.Reason = RequestMethodInvalid
		d.Doubts |= DoubtRequestMethodInvalid
		return ""
	}
	origins := p.origins.match(r.Origin)
	candidates, invalid := p.allowHeaders(p.methodRules(d.method).intersect(origins), p.requestedHeaders(r), d)
	switch {
	case invalid != "":
		d.Reason = RequestHeadersInvalid
		return invalid
	case p.absent != "" && len(p.rules) == 0:
		d.Reason = p.absent
		return ""
	case p.goesByOrigin(r):
		first := origins.first()
		if !candidates.empty() && !candidates.has(first) {
			candidates = ruleSet{}
			d.Doubts |= s.laterRule
		}
		d.partly = s.partly && candidates.empty() && first >= 0
	}
	matched := candidates.first()
	d.Doubts |= p.originDoubts(r.Origin, matched, d)
	if matched >= 0 {
		d.rule, d.matched = &p.rules[matched], matched
		d.Allowed = true
		d.Doubts |= d.rule.doubts
		if d.rule.slashed && d.rule.acrossSlash(r.Origin) {
			d.Doubts |= DoubtWildcardSlash
		}
		if s.matchDoubts != nil {
			d.Doubts |= s.matchDoubts(d.preflight, r.RequestHeaders != "", d.rule.anyOrigin)
		}
	}
	switch {
	case p.absent != "":
		d.Reason = p.absent
		d.Doubts |= DoubtSettings
	case matched < 0:
		d.Reason = NoRuleMatches
	default:
		d.Reason, d.Rule, d.RuleID = Matched, matched, d.rule.id
		if s.joinsOrigins && d.rule.origins != r.Origin && d.rule.origins != "*" {
			// Several origins in Access-Control-Allow-Origin are none to a browser.
			d.Allowed, d.Reason = false, AnswerUnusable
		}
	}
	return ""
}

// absenceDoubts are those about a bucket without a configuration.
func absenceDoubts(absent Reason, r *Request) Doubt {
	switch {
	case absent == BucketMissing && r.RequestMethod != "":
		return DoubtMissingBucket
	case absent == NotConfigured && r.RequestMethod != "" && methodOf(r.RequestMethod) == noMethod:
		// Recorded without a method, for which the configuration is looked for
		// first; a server may still look at the method before.
		return DoubtRequestMethodInvalid
	case absent == NotConfigured && hasInvalidName(r.RequestHeaders):
		return DoubtRequestHeadersInvalid
	default:
		return 0
	}
}

// hasInvalidName reports whether a list as in Access-Control-Request-Headers has an
// entry that is no header name.
func hasInvalidName(list string) bool {
	for list != "" {
		_, rest, valid := nextName(list)
		if !valid {
			return true
		}
		list = rest
	}
	return false
}

// originDoubts are the doubts that the origin raises when the rule with this
// index matches, or none does. It also finds out whether "*" is the answer.
func (p *Policy) originDoubts(origin string, matched int, d *Decision) Doubt {
	var doubts Doubt
	if origin == "null" {
		doubts |= DoubtNullOrigin
	}
	if matched < 0 {
		matched = len(p.rules)
	} else if r := &p.rules[matched]; r.anyOrigin {
		d.star = d.preflight && p.dialect.starPreflight || !d.preflight && p.dialect.starActual
		for _, o := range r.otherOrigins {
			if o.match(origin) {
				doubts |= DoubtMixedOrigins
				d.star = d.star && !p.dialect.firstEntry
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
// value of Access-Control-Request-Headers lists. Where the server checks the names,
// it stops at an entry that is none, and returns it, or emptyEntry.
func (p *Policy) allowHeaders(candidates ruleSet, list string, d *Decision) (_ ruleSet, invalid string) {
	for rest := list; rest != ""; {
		name, after, upper, valid := nextEntry(rest)
		if name == "" || !valid {
			if candidates, valid = p.allowOdd(candidates, name, d); !valid {
				if p.dialect.blanksCount {
					name, _, _ = strings.Cut(rest, ",")
				}
				return ruleSet{}, cmp.Or(name, emptyEntry)
			}
		} else if !candidates.empty() {
			if upper && !p.dialect.headerCase {
				candidates = candidates.intersect(p.allowInLower(name))
			} else {
				candidates = candidates.intersect(p.headers.match(name))
			}
		}
		rest = after
	}
	if strings.HasSuffix(list, ",") {
		var valid bool
		if candidates, valid = p.allowOdd(candidates, "", d); !valid {
			return ruleSet{}, emptyEntry
		}
	}
	return candidates, ""
}

// emptyEntry stands for an entry without anything in it, to tell it from none.
const emptyEntry = ","

// allowInLower is the set of rules that allow a header in lower case. It is
// headerRules without the allocation.
func (p *Policy) allowInLower(name string) ruleSet {
	var buffer [64]byte
	lower := append(buffer[:0], name...)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	found := p.headers.find(string(lower))
	if len(p.headers.others) > 0 {
		found = found.union(p.headers.findOthers(lowerASCII(name)))
	}
	return found
}

// allowOdd is allowHeaders for one entry that is empty or no header name. It is
// not valid if the server refuses the request because of it.
func (p *Policy) allowOdd(candidates ruleSet, name string, d *Decision) (_ ruleSet, valid bool) {
	s := p.dialect
	if name == "" {
		d.Doubts |= DoubtRequestHeadersGap
		switch s.gaps {
		case gapsSkipped:
			return candidates, true
		case gapsInvalid:
			return ruleSet{}, false
		case gapsNamed:
		}
	} else {
		d.Doubts |= DoubtRequestHeadersInvalid
		if s.checksHeaders {
			// versitygw regards other blanks than HTTP's as well.
			if name = strings.TrimSpace(name); s.gaps != gapsInvalid || !isToken(name) {
				return ruleSet{}, false
			}
		}
	}
	return candidates.intersect(p.headerRules(name)), true
}

// nextName takes the first entry off a list as in Access-Control-Request-Headers,
// without the blanks around it, and reports whether it is empty or a header name.
func nextName(list string) (name, rest string, valid bool) {
	name, rest, _, valid = nextEntry(list)
	return name, rest, valid
}

// nextEntry is nextName, and reports whether a valid name has a capital.
func nextEntry(list string) (name, rest string, upper, valid bool) {
	start := skipBlanks(list, 0)
	end := start
	changed := byte(0) // by lower case
	for end < len(list) {
		c := list[end]
		lower := tokenByte[c]
		if lower == 0 {
			break
		}
		changed |= lower ^ c
		end++
	}
	next := end
	if next < len(list) && list[next] != ',' {
		next = skipBlanks(list, end)
	}
	switch {
	case next == len(list):
		return list[start:end], "", changed != 0, true
	case list[next] == ',':
		return list[start:end], list[next+1:], changed != 0, true
	}
	name, rest, _ = strings.Cut(list[start:], ",")
	return strings.TrimRight(name, " \t"), rest, false, false
}

// skipBlanks is the first index from i on that is not of a blank.
func skipBlanks(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	return i
}

// refuse fills in what S3 answers to a request that is not allowed.
func (d *Decision) refuse(r *Request, invalid string) {
	s := d.policy.dialect
	a := s.refusals[d.Reason]
	if d.partly {
		a = refusal{status: s.allowedStatus}
	}
	if d.Reason == BucketMissing && s.missing != nil {
		// The answer allows no header.
		d.Allowed = r.Origin != "" && r.RequestHeaders == ""
	}
	d.Status, d.Code, d.Message = a.status, a.code, a.message
	switch d.Reason {
	case RequestMethodInvalid:
		if strings.HasSuffix(a.message, " ") {
			d.Message += r.RequestMethod
		}
	case RequestHeadersInvalid:
		d.Message += strings.TrimSuffix(invalid, emptyEntry) + a.after
	case Matched, OriginMissing, NotConfigured, BucketMissing, NoRuleMatches, AnswerUnusable:
	}
	if a.code != accessForbidden {
		return
	}
	d.Method, d.ResourceType = "OPTIONS", Bucket.String()
	if r.RequestMethod != "" && !s.saysOptions {
		d.Method = r.RequestMethod
	}
	if d.Reason == NoRuleMatches {
		// Otherwise S3 says BUCKET also for the URL of an object.
		d.ResourceType = r.Resource.String()
	}
}
