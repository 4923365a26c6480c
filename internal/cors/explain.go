// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"fmt"
	"slices"
	"strings"
)

// Explanation is a Decision and why it is so.
type Explanation struct {
	Decision
	// Trace is what the server found rule by rule, in order. It ends with the
	// rule that decided, because the server looks no further: the one that
	// matched or, on a server that goes by the origin first, the first whose
	// origin matches. It is empty, and never nil, where the server looks at no
	// rule.
	Trace []RuleTrace
	// Nearest is the rule that comes closest to a request that no rule matches;
	// nil for any other, and where no rule could allow the method.
	Nearest *Nearest
	// Advice is what would have to change, in words: that of Nearest with its
	// hint, or what else keeps the request from being decided by a rule. Empty
	// for a request that is allowed.
	Advice string
}

// RuleTrace is how a request compares with one rule. The rule matches if
// everything in it is true.
type RuleTrace struct {
	Rule    int           `json:"rule"`
	RuleID  string        `json:"ruleID,omitempty"`
	Origin  bool          `json:"origin"`
	Method  bool          `json:"method"`
	Headers []HeaderTrace `json:"headers"` // one for each header asked for, in order and once; never null
}

// tracedHeaders is how many headers a RuleTrace has: far more than any browser asks
// for. Of a longer list, one that is called "and 9900 more" stands for the rest and
// is allowed if they all are.
const tracedHeaders = 100

// HeaderTrace is whether a rule allows one of the headers asked for.
type HeaderTrace struct {
	Name    string `json:"name"` // as the rule is compared with: lower case where case does not count
	Allowed bool   `json:"allowed"`
}

// Explain decides r and says why, rule by rule.
func (p *Policy) Explain(r Request) Explanation {
	e := Explanation{Decision: p.Decide(r), Trace: []RuleTrace{}}
	if p == nil {
		p = notConfigured
	}
	q := p.question(&r)
	switch e.Reason {
	case Matched:
		e.Trace = q.trace(e.Rule)
	case AnswerUnusable:
		e.Trace = q.trace(e.Rule)
		e.Advice = unusableAdvice
	case NoRuleMatches:
		e.Trace = q.trace(e.Rule)
		if e.Nearest = q.nearest(); e.Nearest != nil {
			e.Advice = e.Nearest.advice()
		} else {
			e.Advice = methodAdvice(&r)
		}
	default:
		// Some servers allow something for a bucket without a configuration.
		if !e.Allowed {
			e.Advice = e.adviceWithoutRule(&r)
		}
	}
	return e
}

// question is a request as all rules of a policy answer it.
type question struct {
	policy  *Policy
	request *Request
	method  string // that the rules are asked for
	origins ruleSet
	methods ruleSet
	headers []requestedHeader // each once
}

type requestedHeader struct {
	name  string // as in HeaderTrace
	rules ruleSet
}

func (p *Policy) question(r *Request) question {
	q := question{policy: p, request: r, method: p.effectiveMethod(r)}
	q.origins = p.originRules(r.Origin)
	q.methods = p.methodRules(q.method)
	list := p.requestedHeaders(r)
	asked := map[string]bool{}
	ask := func(name string) {
		// Nothing between two commas is a name to some servers.
		compared := p.comparedName(name)
		if !asked[compared] && (name != "" || p.dialect.gaps == gapsNamed) {
			asked[compared] = true
			q.headers = append(q.headers, requestedHeader{compared, p.headerRules(name)})
		}
	}
	for rest := list; rest != ""; {
		var name string
		name, rest, _ = nextName(rest)
		ask(name)
	}
	if strings.HasSuffix(list, ",") {
		ask("")
	}
	return q
}

// trace compares every rule that the server looks at; matched is the index of
// the rule that matched, or -1.
func (q *question) trace(matched int) []RuleTrace {
	end := len(q.policy.rules)
	if matched >= 0 {
		end = matched + 1
	} else if chosen := q.chosenByOrigin(); chosen >= 0 {
		end = chosen + 1
	}
	asked := q.headers
	if len(asked) > tracedHeaders {
		rest := requestedHeader{fmt.Sprintf("and %d more", len(asked)-tracedHeaders), asked[tracedHeaders].rules}
		for _, h := range asked[tracedHeaders:] {
			rest.rules = rest.rules.intersect(h.rules)
		}
		asked = append(slices.Clip(asked[:tracedHeaders]), rest)
	}
	trace := make([]RuleTrace, end)
	headers := make([]HeaderTrace, 0, end*len(asked))
	for i := range trace {
		start := len(headers)
		for _, h := range asked {
			headers = append(headers, HeaderTrace{h.name, h.rules.has(i)})
		}
		trace[i] = RuleTrace{
			Rule:    i,
			RuleID:  q.policy.rules[i].id,
			Origin:  q.origins.has(i),
			Method:  q.methods.has(i),
			Headers: headers[start:len(headers):len(headers)],
		}
	}
	return trace
}

// chosenByOrigin is the rule that a server takes that goes by the origin first;
// -1 for none, and for every other server.
func (q *question) chosenByOrigin() int {
	if !q.policy.goesByOrigin(q.request) {
		return -1
	}
	return q.origins.first()
}
