// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Policy is a Configuration that S3 accepts, compiled to decide requests. It is
// immutable and safe for concurrent use. A nil Policy is a bucket without a
// CORS configuration; see also MissingBucket.
type Policy struct {
	rules   []rule
	origins index
	headers index             // of lower-case names
	methods [noMethod]ruleSet // which rules allow a method
	// upperOrigin is the first rule with an upper-case letter in an origin:
	// before it, whether S3 regards the case of configured origins is no
	// question. The number of rules for none.
	upperOrigin int
	missing     bool
}

// rule is what a Decision needs of a Rule that has been chosen.
type rule struct {
	id            string
	anyOrigin     bool      // has the origin "*", so that the answer names no other
	otherOrigins  []pattern // beside "*"; nil unless anyOrigin
	methods       string    // as in Access-Control-Allow-Methods
	exposeHeaders string    // as in Access-Control-Expose-Headers
	maxAge        string    // as in Access-Control-Max-Age; empty for none
	doubts        Doubt
}

// method is one of those that a rule can allow.
type method int

const (
	methodGet method = iota
	methodPut
	methodPost
	methodDelete
	methodHead
	noMethod // any other string
)

func methodOf(s string) method {
	switch s {
	case "GET":
		return methodGet
	case "PUT":
		return methodPut
	case "POST":
		return methodPost
	case "DELETE":
		return methodDelete
	case "HEAD":
		return methodHead
	default:
		return noMethod
	}
}

// Compile checks c the way S3 checks the document of a PutBucketCors, and
// prepares it for decisions. The error is a *ConfigurationError with every
// mistake, which Mistakes takes apart. Compile keeps nothing of c that a caller
// could change later.
//
// S3 also accepts a good deal that can never match, such as an origin with a
// trailing slash. That is no mistake.
func Compile(c Configuration) (*Policy, error) {
	if mistakes := check(c); len(mistakes) > 0 {
		return nil, &ConfigurationError{Mistakes: mistakes}
	}
	p := &Policy{rules: make([]rule, len(c.Rules)), upperOrigin: len(c.Rules)}
	origins := make([][]pattern, len(c.Rules))
	headers := make([][]pattern, len(c.Rules))
	for i, r := range c.Rules {
		for _, m := range r.AllowedMethods {
			p.methods[methodOf(m)].add(i)
		}
		for _, h := range r.AllowedHeaders {
			headers[i] = append(headers[i], parsePattern(lowerASCII(h)))
		}
		for _, o := range r.AllowedOrigins {
			origins[i] = append(origins[i], parsePattern(o))
			if hasUpper(o) {
				p.upperOrigin = min(p.upperOrigin, i)
			}
		}
		p.rules[i] = compileRule(r, origins[i])
	}
	p.origins = indexPatterns(origins)
	p.headers = indexPatterns(headers)
	return p, nil
}

func compileRule(r Rule, origins []pattern) rule {
	compiled := rule{
		id:            r.ID,
		methods:       strings.Join(r.AllowedMethods, ", "),
		exposeHeaders: strings.Join(r.ExposeHeaders, ", "),
	}
	var others []pattern
	for _, o := range origins {
		if o == parsePattern("*") {
			compiled.anyOrigin = true
		} else {
			others = append(others, o)
		}
	}
	if compiled.anyOrigin {
		compiled.otherOrigins = others
	}
	if r.MaxAgeSeconds != nil {
		compiled.maxAge = strconv.Itoa(int(*r.MaxAgeSeconds))
		if *r.MaxAgeSeconds <= 0 {
			compiled.doubts |= DoubtMaxAge
		}
	}
	return compiled
}

var missingBucket = &Policy{missing: true}

// MissingBucket decides as S3 does for a bucket that does not exist.
func MissingBucket() *Policy { return missingBucket }

// check is every mistake of c: those of the whole first, then rule by rule.
func check(c Configuration) []*Mistake {
	var mistakes []*Mistake
	whole := func(reason MistakeReason, value string) {
		mistakes = append(mistakes, &Mistake{Rule: -1, Index: -1, Reason: reason, Value: value})
	}
	switch n := len(c.Rules); {
	case n == 0:
		whole(NoRules, "")
	case n > MaxRules:
		whole(TooManyRules, strconv.Itoa(n))
	}
	if size := len(appendXML(nil, c, "")); size > MaxDocumentBytes {
		whole(DocumentTooLarge, strconv.Itoa(size))
	}
	for i, r := range c.Rules {
		mistakes = checkRule(mistakes, i, r)
	}
	return mistakes
}

// checkRule appends the mistakes of the rule with index i.
func checkRule(mistakes []*Mistake, i int, r Rule) []*Mistake {
	add := func(field Field, index int, value string, reason MistakeReason) {
		mistakes = append(mistakes, &Mistake{
			Rule: i, RuleID: r.ID, Field: field, Index: index, Value: value, Reason: reason,
		})
	}
	// carried reports whether XML can carry a value, without which no other
	// check of it makes sense.
	carried := func(field Field, index int, value string) bool {
		_, bad := notXML(value)
		if bad {
			add(field, index, value, NotXML)
		}
		return !bad
	}
	if carried(FieldID, -1, r.ID) && utf8.RuneCountInString(r.ID) > MaxIDLength {
		add(FieldID, -1, r.ID, TooLong)
	}
	if len(r.AllowedOrigins) == 0 {
		add(FieldAllowedOrigins, -1, "", Missing)
	}
	for j, o := range r.AllowedOrigins {
		if carried(FieldAllowedOrigins, j, o) && strings.Count(o, "*") > 1 {
			add(FieldAllowedOrigins, j, o, TooManyWildcards)
		}
	}
	if len(r.AllowedMethods) == 0 {
		add(FieldAllowedMethods, -1, "", Missing)
	}
	for j, m := range r.AllowedMethods {
		if carried(FieldAllowedMethods, j, m) && methodOf(m) == noMethod {
			add(FieldAllowedMethods, j, m, UnsupportedMethod)
		}
	}
	for j, h := range r.AllowedHeaders {
		if carried(FieldAllowedHeaders, j, h) && strings.Count(h, "*") > 1 {
			add(FieldAllowedHeaders, j, h, TooManyWildcards)
		}
	}
	for j, h := range r.ExposeHeaders {
		if !carried(FieldExposeHeaders, j, h) {
			continue
		}
		if strings.Contains(h, "*") {
			add(FieldExposeHeaders, j, h, WildcardNotSupported)
		}
		if _, bad := notToken(h); bad {
			add(FieldExposeHeaders, j, h, InvalidCharacter)
		}
	}
	return mistakes
}
