// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"slices"
	"strings"
)

// Shadow is what earlier rules take away from a rule: requests that it matches
// and does not answer, because S3 uses the first rule that matches.
type Shadow struct {
	// Rule is the index of the rule in the shadow.
	Rule int
	// Unreachable says that nothing is left: the rule never answers any request.
	Unreachable bool
	// Taken are the origins and methods that earlier rules answer; never empty.
	Taken []Taken
}

// Taken is one of the origins of a rule, with one of its methods, when an earlier
// rule matches it too.
type Taken struct {
	// Origin and Method are indexes in the lists of the rule.
	Origin, Method int
	// First is the first earlier rule that matches what comes from the origin with
	// the method and asks for no header. Those are some preflights and all other
	// requests, since browsers ask for headers in preflights only.
	First int
	// Whole is the first earlier rule that also allows every header that the rule
	// in the shadow allows, so that nothing is left to it; -1 for none.
	Whole int
}

// By are the rules that cast the shadow, in order: those that leave nothing for
// an unreachable rule, or else those that come first.
func (s Shadow) By() []int {
	var rules []int
	for _, t := range s.Taken {
		if s.Unreachable {
			rules = append(rules, t.Whole)
		} else {
			rules = append(rules, t.First)
		}
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

// Shadows finds the rules of c that earlier rules keep from answering requests,
// in order. An origin counts as taken only where an earlier rule has one that
// contains it (see OriginContains): that two overlap is normal where the special
// comes before the general.
//
// A rule that matches no request even alone is in no shadow, nor is one that S3
// would refuse for what is written in it. A configuration that is larger than S3
// stores has no result.
//
// It is exact: a rule that is not Unreachable, though S3 would store it and it
// matches something alone, answers the request that comes from some origin of the
// rule that is not taken whole, with "*" taken for itself, and asks for all of
// AllowedHeaders in the same way. No earlier rule matches that request unless it
// contains all of them; see contain.go.
func Shadows(c Configuration) []Shadow {
	if !storable(c) {
		return nil
	}
	e := newEarlier(c)
	var all []Shadow
	for j, r := range c.Rules {
		before := rulesBefore(j)
		allowing := e.allowing(r, before)
		s := Shadow{Rule: j, Unreachable: true}
		for o, origin := range r.AllowedOrigins {
			if origin == "" {
				continue // no request has it
			}
			var containing ruleSet
			if strings.Count(origin, "*") <= 1 {
				containing = e.origins.match(origin).intersect(before)
			}
			for m, name := range r.AllowedMethods {
				if methodOf(name) == noMethod {
					s.Unreachable = false // S3 refuses it
					continue
				}
				matching := containing.intersect(e.methods[methodOf(name)])
				whole := matching.intersect(allowing)
				if !matching.empty() {
					s.Taken = append(s.Taken, Taken{Origin: o, Method: m, First: matching.first(), Whole: whole.first()})
				}
				if whole.empty() {
					s.Unreachable = false
				}
			}
		}
		if len(s.Taken) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// storable reports whether c is small enough for S3, and so for an analysis that
// compares values with one another. The size is that of the lists alone.
func storable(c Configuration) bool {
	if len(c.Rules) > MaxRules {
		return false
	}
	size := 0
	for _, r := range c.Rules {
		for _, list := range [...][]string{r.AllowedOrigins, r.AllowedMethods, r.AllowedHeaders, r.ExposeHeaders} {
			for _, s := range list {
				size += len("<AllowedOrigin></AllowedOrigin>") + len(s)
			}
		}
	}
	return size <= MaxDocumentBytes
}

// earlier finds the rules that contain an origin, method or header.
type earlier struct {
	origins, headers index
	methods          [noMethod]ruleSet
}

func newEarlier(c Configuration) *earlier {
	e := &earlier{}
	origins := make([][]pattern, len(c.Rules))
	headers := make([][]pattern, len(c.Rules))
	for i, r := range c.Rules {
		for _, o := range r.AllowedOrigins {
			if strings.Count(o, "*") <= 1 {
				origins[i] = append(origins[i], parsePattern(o))
			}
		}
		for _, h := range r.AllowedHeaders {
			if strings.Count(h, "*") <= 1 {
				headers[i] = append(headers[i], parsePattern(lowerASCII(h)))
			}
		}
		for _, m := range r.AllowedMethods {
			if methodOf(m) != noMethod {
				e.methods[methodOf(m)].add(i)
			}
		}
	}
	e.origins, e.headers = indexPatterns(origins), indexPatterns(headers)
	return e
}

// allowing is which of rules allow every header that r allows.
func (e *earlier) allowing(r Rule, rules ruleSet) ruleSet {
	for _, h := range r.AllowedHeaders {
		switch _, odd := notToken(h); {
		case h == "" || odd:
			// No request can ask for it.
		case strings.Count(h, "*") > 1:
			return ruleSet{}
		default:
			rules = rules.intersect(e.headers.match(lowerASCII(h)))
		}
	}
	return rules
}

// rulesBefore are the rules with a lower index.
func rulesBefore(rule int) ruleSet {
	if rule < 64 {
		return ruleSet{low: 1<<rule - 1}
	}
	return ruleSet{low: ^uint64(0), high: 1<<(rule-64) - 1}
}

// Loss is what a response lacks when one rule answers in place of another. The
// zero value is nothing.
type Loss struct {
	// ExposeHeaders are the headers that a script cannot read then.
	ExposeHeaders []string
	// Credentials says that the answer is "*" and has no
	// Access-Control-Allow-Credentials, so that a request with cookies fails.
	Credentials bool
	// MaxAge says that browsers keep the answer to a preflight for another time.
	MaxAge bool
}

// LossOf is what a response lacks when the rule by answers in place of r.
func LossOf(r, by Rule) Loss {
	l := Loss{
		Credentials: slices.Contains(by.AllowedOrigins, "*") && !slices.Contains(r.AllowedOrigins, "*"),
		MaxAge:      !sameMaxAge(r.MaxAgeSeconds, by.MaxAgeSeconds),
	}
	for _, h := range r.ExposeHeaders {
		same := func(other string) bool { return lowerASCII(other) == lowerASCII(h) }
		if !slices.ContainsFunc(by.ExposeHeaders, same) && !slices.ContainsFunc(l.ExposeHeaders, same) {
			l.ExposeHeaders = append(l.ExposeHeaders, h)
		}
	}
	return l
}

// None reports whether the answers are the same.
func (l Loss) None() bool { return len(l.ExposeHeaders) == 0 && !l.Credentials && !l.MaxAge }
