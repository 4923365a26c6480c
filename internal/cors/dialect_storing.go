// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// check is every mistake of c: those of the whole first, then rule by rule.
func (d *Dialect) check(c Configuration) []*Mistake {
	var mistakes []*Mistake
	whole := func(reason MistakeReason, value string) {
		mistakes = append(mistakes, &Mistake{Rule: -1, Index: -1, Reason: reason, Value: value, dialect: d.unlessAWS()})
	}
	if d.nothing {
		whole(NotImplemented, "")
		return mistakes
	}
	switch n := len(c.Rules); {
	case n == 0:
		whole(NoRules, "")
	case n > MaxRules:
		whole(TooManyRules, strconv.Itoa(n))
	}
	if d.maxDocument > 0 {
		if size := len(appendXML(nil, c, "")); size > d.maxDocument {
			whole(DocumentTooLarge, strconv.Itoa(size))
		}
	}
	for i, r := range c.Rules {
		mistakes = d.checkRule(mistakes, i, r)
	}
	return mistakes
}

// unlessAWS is d, and nil for AWS, so that a Mistake can be written down.
func (d *Dialect) unlessAWS() *Dialect {
	if d == AWS {
		return nil
	}
	return d
}

// checkRule appends the mistakes of the rule with index i.
func (d *Dialect) checkRule(mistakes []*Mistake, i int, r Rule) []*Mistake {
	add := func(field Field, index int, value string, reasons ...MistakeReason) {
		for _, reason := range reasons {
			if reason != "" {
				mistakes = append(mistakes, &Mistake{
					Rule: i, RuleID: r.ID, Field: field, Index: index, Value: value, Reason: reason, dialect: d.unlessAWS(),
				})
			}
		}
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
	// AWS documents that IDs are unique; that it refuses others is not known, and
	// no other server does.
	if carried(FieldID, -1, r.ID) && d.idLength != nil && d.idLength(r.ID) > MaxIDLength {
		add(FieldID, -1, r.ID, TooLong)
	}
	if len(r.AllowedOrigins) == 0 {
		add(FieldAllowedOrigins, -1, "", Missing)
	}
	for j, o := range r.AllowedOrigins {
		if carried(FieldAllowedOrigins, j, o) {
			add(FieldAllowedOrigins, j, o, d.checkOrigin(o))
		}
	}
	if len(r.AllowedMethods) == 0 && !d.methodsOptional {
		add(FieldAllowedMethods, -1, "", Missing)
	}
	for j, m := range r.AllowedMethods {
		if carried(FieldAllowedMethods, j, m) && !d.storesMethod(m) {
			add(FieldAllowedMethods, j, m, UnsupportedMethod)
		}
	}
	for j, h := range r.AllowedHeaders {
		if carried(FieldAllowedHeaders, j, h) {
			add(FieldAllowedHeaders, j, h, d.checkHeader(h))
		}
	}
	for j, h := range r.ExposeHeaders {
		if carried(FieldExposeHeaders, j, h) {
			add(FieldExposeHeaders, j, h, d.checkExpose(h)...)
		}
	}
	// AWS takes any number, says other servers' experience; no maximum is known.
	if age := r.MaxAgeSeconds; age != nil && *age < 0 && d.negativeMaxAge {
		add(FieldMaxAgeSeconds, -1, strconv.Itoa(int(*age)), Negative)
	}
	return mistakes
}

// The functions below check one value, each as one or several servers do.

func characters(id string) int { return utf8.RuneCountInString(id) }

func isMethod(s string) bool { return methodOf(s) != noMethod }

func isToken(s string) bool { return token(s) == "" }

func oneWildcard(s string) MistakeReason {
	if strings.Count(s, "*") > 1 {
		return TooManyWildcards
	}
	return ""
}

func oneWildcardNotEmpty(s string) MistakeReason {
	if s == "" {
		return Empty
	}
	return oneWildcard(s)
}

func wildcardWithScheme(s string) MistakeReason {
	if reason := oneWildcardNotEmpty(s); reason != "" {
		return reason
	}
	if s != "*" && strings.Contains(s, "*") && !strings.HasPrefix(s, "http://") && !strings.HasPrefix(s, "https://") {
		return WildcardWithoutScheme
	}
	return ""
}

func tokenOrEmpty(s string) MistakeReason {
	if _, bad := notToken(s); bad {
		return InvalidCharacter
	}
	return ""
}

func token(s string) MistakeReason {
	if s == "" {
		return Empty
	}
	return tokenOrEmpty(s)
}

func exposable(s string) []MistakeReason {
	var found []MistakeReason
	if strings.Contains(s, "*") {
		found = append(found, WildcardNotSupported)
	}
	return append(found, tokenOrEmpty(s))
}

func reasons(reason MistakeReason) []MistakeReason { return []MistakeReason{reason} }
