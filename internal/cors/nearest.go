// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"slices"
	"strconv"
	"strings"
)

// Nearest is the rule that would match if little changed.
type Nearest struct {
	Rule   int
	RuleID string
	// Missing is what the rule does not allow, the least that would have to
	// change, each once; never empty.
	Missing []Obstacle
	// Hint is advice from what the request and the rule look like, such as that
	// the two origins differ in a trailing slash only; empty for none.
	Hint string
}

// Obstacle is one thing that a request asks for and a rule does not allow.
type Obstacle struct {
	Field Field  // FieldAllowedOrigins, FieldAllowedMethods or FieldAllowedHeaders
	Value string // what would have to be in it
}

// shownHeaders is how many headers the text of a Nearest names.
const shownHeaders = 5

// String says what would have to change: `rule "uploads" matches but for header
// x-amz-acl`. It is not long, however much is missing.
func (n *Nearest) String() string {
	var parts, headers []string
	for _, o := range n.Missing {
		switch o.Field {
		case FieldAllowedOrigins:
			parts = append(parts, "origin "+quote(o.Value))
		case FieldAllowedMethods:
			parts = append(parts, "method "+word(o.Value))
		default:
			if len(headers) < shownHeaders {
				headers = append(headers, word(o.Value))
			}
		}
	}
	if total := len(n.Missing) - len(parts); total > 0 {
		if more := total - len(headers); more > 0 {
			headers = append(headers, strconv.Itoa(more)+" more")
		}
		what := "header "
		if total > 1 {
			what = "headers "
		}
		parts = append(parts, what+enumerate(headers))
	}
	return ruleName(n.Rule, n.RuleID) + " matches but for " + enumerate(parts)
}

// advice is the whole of it in words.
func (n *Nearest) advice() string {
	if n.Hint == "" {
		return n.String()
	}
	return n.String() + "; " + n.Hint
}

// ruleName is how a sentence names a rule.
func ruleName(rule int, id string) string {
	if id == "" {
		return Path(rule, "", -1)
	}
	return "rule " + quote(id)
}

// word is s as it stands if it is a method or the name of a header, and quoted
// otherwise.
func word(s string) string {
	if _, bad := notToken(s); bad || s == "" || len(s) > quotedRunes {
		return quote(s)
	}
	return s
}

// enumerate is "a, b and c".
func enumerate(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// What it costs to change a rule, to weigh one against another. The order that
// comes of it: a rule written for the origin, or meant to be; a rule for an
// origin much like it; any other rule.
const (
	costHeader       = 1   // each,
	costHeaders      = 15  // but no more than this for all
	costHeadLikeGet  = 1   // HEAD, where GET is allowed
	costMethod       = 2   // any other method
	costAnyOrigin    = 2   // to change a rule for everybody
	costOpenToWrites = 100 // to let everybody write
)

// costs of an origin that the rule does not allow.
var costOrigin = [...]int{unlike: 100, likeParent: 40, likeRelated: 20, likeMisspelt: 1}

// nearest is the rule to change, and what; nil if no change would help, because
// no rule may have the method.
func (q *question) nearest() *Nearest {
	if q.methods.empty() && !q.policy.mayAllow(q.method) {
		return nil
	}
	var hints []string
	best := q.chosenByOrigin()
	switch {
	case best < 0:
		var alike map[int]resemblance
		if best = q.cheapest(nil); q.cost(best, nil) > costOrigin[likeMisspelt] {
			alike = q.resemblances()
			best = q.cheapest(alike)
		}
		hints = []string{alike[best].hint, q.methodHint(best), q.headerHint(best), q.earlierRuleHint(best)}
	case q.matchesWhole() >= 0:
		hints = []string{q.laterRuleHint(best)}
	default:
		hints = []string{q.methodHint(best), q.headerHint(best)}
	}
	hints = slices.DeleteFunc(hints, func(hint string) bool { return hint == "" })
	return &Nearest{
		Rule:    best,
		RuleID:  q.policy.rules[best].id,
		Missing: q.missing(best, len(q.headers)+2),
		Hint:    strings.Join(hints, "; "),
	}
}

// cheapest is the rule that costs least to change: of several, one that allows
// the origin already, and of those the first.
func (q *question) cheapest(alike map[int]resemblance) int {
	best, lowest := 0, q.cost(0, alike)
	for i := 1; i < len(q.policy.rules); i++ {
		cost := q.cost(i, alike)
		if cost < lowest || cost == lowest && q.origins.has(i) && !q.origins.has(best) {
			best, lowest = i, cost
		}
	}
	return best
}

// missing is what the request asks for and the rule does not allow, or the first
// few of that.
func (q *question) missing(rule, few int) []Obstacle {
	var missing []Obstacle
	if !q.origins.has(rule) {
		missing = append(missing, Obstacle{FieldAllowedOrigins, q.request.Origin})
	}
	if !q.methods.has(rule) {
		missing = append(missing, Obstacle{FieldAllowedMethods, q.method})
	}
	for _, h := range q.headers {
		if !h.rules.has(rule) && len(missing) < few {
			missing = append(missing, Obstacle{FieldAllowedHeaders, h.name})
		}
	}
	return missing
}

// cost is how much would have to change for the rule to match.
func (q *question) cost(rule int, alike map[int]resemblance) int {
	cost := 0
	for _, h := range q.headers {
		if !h.rules.has(rule) && cost < costHeaders {
			cost += costHeader
		}
	}
	anyOrigin := q.policy.rules[rule].anyOrigin
	switch {
	case q.methods.has(rule):
	case q.headLikeGet(rule):
		cost += costHeadLikeGet
	default:
		cost += costMethod
		if anyOrigin && q.method != "GET" && q.method != "HEAD" {
			cost += costOpenToWrites
		}
	}
	switch {
	case !q.origins.has(rule):
		cost += costOrigin[alike[rule].likeness]
	case anyOrigin:
		cost += costAnyOrigin
	}
	return cost
}

// headLikeGet reports whether the rule, which does not allow the method, would if
// GET implied HEAD.
func (q *question) headLikeGet(rule int) bool {
	return q.method == "HEAD" && q.policy.methodRules("GET").has(rule)
}

// resemblances are how the origins of the rules that do not allow the request's
// resemble it, the most alike of each rule.
func (q *question) resemblances() map[int]resemblance {
	const longest = 512 // a host has at most 253 characters
	alike := map[int]resemblance{}
	if len(q.request.Origin) > longest {
		return alike
	}
	sent := newSentOrigin(q.request.Origin)
	for i := range q.policy.rules {
		if q.origins.has(i) {
			continue
		}
		var most resemblance
		for _, allowed := range q.policy.rules[i].allowedOrigins {
			if found := sent.compare(allowed); found.likeness > most.likeness {
				most = found
			}
		}
		if most.likeness != unlike {
			alike[i] = most
		}
	}
	return alike
}
