// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// ruleChecks are about rules and values that stand in each other's way.
var ruleChecks = []Check{
	{
		ID: "CORS016", Name: "rule-unreachable", Severity: Error,
		Summary: "a rule that never answers, because earlier rules match all that it matches",
		run:     unreachableRules,
	},
	{
		ID: "CORS017", Name: "rule-partly-shadowed", Severity: Warning,
		Summary: "an earlier rule answers part of what the rule matches, and answers less",
		run:     shadowedRules,
	},
	{
		ID: "CORS018", Name: "any-origin-mixed", Severity: Warning,
		Summary: `the origin "*" and others in one rule`,
		run:     anyOriginMixed,
	},
	{
		ID: "CORS038", Name: "value-redundant", Severity: Warning,
		Summary: "a value that is there twice, or that another one includes",
		run:     redundantValues,
	},
	{
		ID: "CORS040", Name: "rules-mergeable", Severity: Info,
		Summary: "two rules that could be one",
		run:     mergeableRules,
	},
}

// ruleName is how to speak of a rule.
func (s *subject) ruleName(i int) string {
	if id := s.Rules[i].ID; id != "" {
		return "rule " + quote(id)
	}
	return cors.Path(i, "", -1)
}

func (s *subject) ruleNames(rules []int) string {
	const shown = 3
	var names []string
	for _, i := range rules[:min(len(rules), shown)] {
		names = append(names, s.ruleName(i))
	}
	if more := len(rules) - shown; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return And(names)
}

func unreachableRules(s *subject, report func(Finding)) {
	for _, shadow := range s.shadows() {
		if !shadow.Unreachable {
			continue
		}
		r, by := s.Rules[shadow.Rule], shadow.By()
		answering := slices.Clone(by) // the rules that answer in its place
		for _, t := range shadow.Taken {
			answering = append(answering, t.First)
		}
		slices.Sort(answering)
		answering = slices.Compact(answering)
		var lost cors.Loss
		for _, i := range answering {
			lost = BothLosses(lost, cors.LossOf(r, s.Rules[i]))
		}
		f := Finding{Rule: shadow.Rule, Index: -1}
		f.Problem = fmt.Sprintf("the rule never answers a request, because %s before it matches all that it matches", s.ruleNames(by))
		if len(by) > 1 {
			f.Problem = fmt.Sprintf("the rule never answers a request, because %s before it match all that it matches", s.ruleNames(by))
		}
		switch {
		case !lost.Credentials && len(lost.ExposeHeaders) == 0 && (!lost.MaxAge || r.MaxAgeSeconds == nil):
			f.Severity = Warning
			f.Why = "S3 uses the first rule that matches; that answers all that this one says, so that this one does nothing"
			f.Fix = "remove it"
		case s.canMoveBefore(shadow.Rule, answering[0]):
			f.Why = "S3 uses the first rule that matches, so that " + LossText(lost)
			f.Fix = fmt.Sprintf("move it before %s, or remove it", s.ruleName(answering[0]))
		default:
			f.Why = "S3 uses the first rule that matches, so that " + LossText(lost)
			f.Fix = fmt.Sprintf("write into %s what is meant, and remove this one", s.ruleNames(by))
		}
		report(f)
	}
}

// canMoveBefore reports whether each of the rules from the one with the index
// first on, which precede the rule, would still answer something after it.
func (s *subject) canMoveBefore(rule, first int) bool {
	for i := first; i < rule; i++ {
		if !s.unreachable(i) && s.covers(rule, i) {
			return false
		}
	}
	return true
}

// canRemove reports whether what the rule answers would be answered by a later
// one, which covers it, and not by others between the two.
func (s *subject) canRemove(rule, later int) bool {
	return s.covers(later, rule) && !slices.ContainsFunc(s.Rules[rule+1:later], func(between cors.Rule) bool {
		return s.overlap(between, s.Rules[rule])
	})
}

// covers reports whether rule a matches all that rule b matches.
func (s *subject) covers(a, b int) bool {
	pair := [2]int{a, b}
	covers, known := s.covered[pair]
	if !known {
		ra, rb := s.Rules[a], s.Rules[b]
		// Shadows alone would do; most pairs differ in what is quick to see.
		covers = !slices.ContainsFunc(rb.AllowedMethods, func(m string) bool { return !slices.Contains(ra.AllowedMethods, m) }) &&
			len(rb.AllowedOrigins) > 0 && slices.ContainsFunc(ra.AllowedOrigins, func(o string) bool { return cors.OriginContains(o, rb.AllowedOrigins[0]) }) &&
			slices.ContainsFunc(cors.Shadows(cors.Configuration{Rules: []cors.Rule{ra, rb}}), func(shadow cors.Shadow) bool { return shadow.Unreachable })
		s.covered[pair] = covers
	}
	return covers
}

// shadows are those of the configuration.
func (s *subject) shadows() []cors.Shadow {
	if s.found == nil {
		s.found = append([]cors.Shadow{}, cors.Shadows(s.Configuration)...)
		for _, shadow := range s.found {
			if shadow.Unreachable {
				s.idleRules[shadow.Rule] = true
			}
		}
	}
	return s.found
}

// unreachable reports whether a rule never answers a request.
func (s *subject) unreachable(rule int) bool {
	s.shadows()
	return s.idleRules[rule]
}

// shadowedRules tells of rules of which requests get a lesser answer from an
// earlier rule, once for each such rule.
func shadowedRules(s *subject, report func(Finding)) {
	for _, shadow := range s.shadows() {
		if shadow.Unreachable {
			continue
		}
		for _, i := range shadow.By() {
			taken := slices.DeleteFunc(slices.Clone(shadow.Taken), func(t cors.Taken) bool { return t.First != i })
			lost := cors.LossOf(s.Rules[shadow.Rule], s.Rules[i])
			if f, found := s.shadowed(shadow.Rule, i, taken, lost); found {
				report(f)
			}
		}
	}
}

// shadowed is about what the rule by takes from another rule.
func (s *subject) shadowed(rule, by int, taken []cors.Taken, lost cors.Loss) (Finding, bool) {
	r := s.Rules[rule]
	f := Finding{Rule: rule, Index: -1}
	if len(lost.ExposeHeaders) == 0 && !lost.Credentials {
		// The rest makes a difference to preflights without headers only, which
		// browsers send for these methods.
		taken = slices.DeleteFunc(taken, func(t cors.Taken) bool {
			m := r.AllowedMethods[t.Method]
			return m != "PUT" && m != "DELETE"
		})
		f.Severity = Info
		if !lost.MaxAge || len(taken) == 0 {
			return f, false
		}
	}
	var origins, methods []string
	whole := true
	for _, t := range taken {
		if o := quote(r.AllowedOrigins[t.Origin]); !slices.Contains(origins[max(0, len(origins)-1):], o) {
			origins = append(origins, o)
		}
		if m := r.AllowedMethods[t.Method]; !slices.Contains(methods, m) {
			methods = append(methods, m)
		}
		whole = whole && t.Whole >= 0
	}
	if len(origins) == 1 {
		f.Field, f.Index = cors.FieldAllowedOrigins, taken[0].Origin
		f.Value = r.AllowedOrigins[taken[0].Origin]
	}
	name := s.ruleName(by)
	f.Problem = fmt.Sprintf("%s comes first and answers %s from %s in place of this rule", name, And(methods), SomeOf(origins))
	switch {
	case !whole && f.Severity == "":
		f.Problem += ", except preflights that ask for more headers than it allows"
		f.Why = fmt.Sprintf("only preflights ask for headers, so that a preflight may be answered by this rule, and the request after it by the other: %s",
			LossText(lost))
	case !whole:
		f.Problem += " when no header is asked for that it does not allow"
		f.Why = "how long a browser keeps the answer to a preflight depends on the headers of the request"
	default:
		f.Why = "S3 uses the first rule that matches, so that " + LossText(lost)
	}
	var ways []string
	back := cors.LossOf(s.Rules[by], r)
	switch {
	case s.canMoveBefore(rule, by):
		ways = append(ways, "move this rule before "+name)
	case len(back.ExposeHeaders) == 0 && !back.Credentials && s.canRemove(by, rule):
		ways = append(ways, fmt.Sprintf("remove %s, since this rule matches all that it matches", name))
	}
	if len(lost.ExposeHeaders) > 0 && !lost.Credentials {
		ways = append(ways, fmt.Sprintf("add %s to exposeHeaders of %s", SomeOf(lost.ExposeHeaders), name))
	}
	if len(ways) == 0 {
		ways = append(ways, fmt.Sprintf("give %s the answer that is meant, or take the origin out of it", name))
	}
	f.Fix = strings.Join(ways, ", or ")
	return f, true
}

func anyOriginMixed(s *subject, report func(Finding)) {
	for i, r := range s.Rules {
		star := slices.Index(r.AllowedOrigins, "*")
		var others []string
		for _, o := range r.AllowedOrigins {
			if o != "*" && parseOrigin(o).ok {
				others = append(others, quote(o))
			}
		}
		if star < 0 || len(others) == 0 {
			continue
		}
		report(Finding{
			Rule: i, Field: cors.FieldAllowedOrigins, Index: star, Value: "*",
			Problem: fmt.Sprintf(`"*" stands for every origin, also for %s beside it`, SomeOf(others)),
			Why: `the whole rule is then answered with "*" and without Access-Control-Allow-Credentials by most servers, ` +
				"and with the name of the origin by some",
			Fix: `remove "*" if the others are meant, or the others if everybody is; if both are, write "*" in a rule of its own after this one`,
		})
	}
}

// redundantValues tells of values of one list that another one makes superfluous.
// To remove them changes no answer, but for the repetition itself.
func redundantValues(s *subject, report func(Finding)) {
	for i, r := range s.Rules {
		for _, field := range listFields {
			s.redundant(place{i, field, -1}, values(r, field), report)
		}
	}
}

func (s *subject) redundant(at place, list []string, report func(Finding)) {
	key := func(v string) string { return v }
	// Garage compares headers with regard to case.
	if s.Dialect != cors.Garage {
		key = func(v string) string { return listKey(at.field, v) }
	}
	first := make(map[string]int, len(list))
	broken := make([]bool, len(list))
	compare := !s.large && s.includes(at.field, list)
	var wildcards []int
	for j, v := range list {
		// Values to be mended, or refused, come first: what they will be is not known.
		at.index = j
		_, broken[j] = s.repairs[at]
		if _, refused := s.refused[at]; broken[j] || refused {
			continue
		}
		if _, found := first[key(v)]; !found {
			first[key(v)] = j
			if compare && strings.Contains(v, "*") {
				wildcards = append(wildcards, j)
			}
		}
	}
	for j, v := range list {
		if broken[j] {
			continue
		}
		k, sound := first[key(v)]
		if !sound {
			continue
		}
		f := Finding{
			Rule: at.rule, Field: at.field, Index: j, Value: v,
			Edit: &Edit{Rule: at.rule, Field: at.field, Index: j},
		}
		if k != j {
			f.Problem = quote(v) + " is in the list twice"
			if list[k] != v {
				f.Problem = fmt.Sprintf("%s is the same as %s in the list, because case does not count", quote(v), quote(list[k]))
			}
			f.Why = "it does nothing, and some servers drop it, so that tools that compare literally find a difference for ever"
			f.Fix = "remove it"
			report(f)
			continue
		}
		for _, w := range wildcards {
			if w != j && patternContains(at.field, list[w], v) {
				f.Severity = Info
				f.Problem = fmt.Sprintf("%s includes %s", quote(list[w]), quote(v))
				f.Why = "it does nothing that the other does not do"
				f.Fix = "remove it"
				report(f)
				break
			}
		}
	}
}

// includes reports whether a pattern in the list can make other values of it
// superfluous, on S3 and on the server of the dialect.
func (s *subject) includes(field cors.Field, list []string) bool {
	switch field {
	case cors.FieldAllowedOrigins:
		if slices.Contains(list, "*") {
			return false // which is more than superfluous: another check tells
		}
	case cors.FieldAllowedHeaders:
	default:
		return false
	}
	// Garage and SeaweedFS know fewer patterns, and list what is allowed in the
	// answer.
	return s.Dialect != cors.Garage && s.Dialect != cors.SeaweedFS
}

func patternContains(field cors.Field, a, b string) bool {
	if field == cors.FieldAllowedHeaders {
		return cors.HeaderContains(a, b)
	}
	return cors.OriginContains(a, b)
}

// mergeableRules tells of rules that differ in origins or in methods only. With
// two lists of headers, one rule would allow what neither does: some of each.
func mergeableRules(s *subject, report func(Finding)) {
	if s.large {
		return
	}
	// What a merged rule would keep of each rule, by the field that grows.
	keys := map[cors.Field][]string{}
	told := map[int]bool{}
	for _, field := range []cors.Field{cors.FieldAllowedMethods, cors.FieldAllowedOrigins} {
		if field == cors.FieldAllowedOrigins && s.Dialect == cors.Garage {
			continue // which needs a rule for each origin
		}
		seen := map[string]bool{}
		keys[field] = make([]string, len(s.Rules))
		for j, r := range s.Rules {
			if s.unreachable(j) || len(r.AllowedOrigins) == 0 || len(r.AllowedMethods) == 0 {
				continue
			}
			key := keyWithout(r, field)
			keys[field][j] = key
			if !seen[key] {
				seen[key] = true
				continue
			}
			if i := s.partner(j, keys[field]); i >= 0 && !told[j] {
				told[j] = true
				report(s.merge(i, j, field))
			}
		}
	}
}

// partner is the last rule before j with the same key, if nothing changes when
// what j matches is answered there, and -1 for none.
func (s *subject) partner(j int, keys []string) int {
	for i := j - 1; i >= 0; i-- {
		a, b := s.Rules[i].ID, s.Rules[j].ID
		if keys[i] == keys[j] && (a == "" || b == "" || a == b) { // whoever names two rules wants them apart
			return i
		}
		if s.overlap(s.Rules[i], s.Rules[j]) {
			break
		}
	}
	return -1
}

// keyWithout is the same for rules that differ in no field but this one, and
// perhaps the ID. Whether the origin "*" is among them is no matter of one field.
func keyWithout(r cors.Rule, without cors.Field) string {
	var b strings.Builder
	for _, field := range listFields {
		if field == without {
			continue
		}
		var list []string
		for _, v := range values(r, field) {
			list = append(list, strconv.Quote(listKey(field, v)))
		}
		slices.Sort(list)
		fmt.Fprintln(&b, slices.Compact(list))
	}
	if r.MaxAgeSeconds != nil {
		fmt.Fprint(&b, *r.MaxAgeSeconds)
	}
	fmt.Fprint(&b, " ", slices.Contains(r.AllowedOrigins, "*"))
	return b.String()
}

// overlap reports whether there is a request that both rules match.
func (s *subject) overlap(a, b cors.Rule) bool {
	if !slices.Contains(firstOriginServers, s.Dialect) &&
		!slices.ContainsFunc(a.AllowedMethods, func(m string) bool { return slices.Contains(b.AllowedMethods, m) }) {
		return false
	}
	return slices.ContainsFunc(a.AllowedOrigins, func(o string) bool {
		return slices.ContainsFunc(b.AllowedOrigins, func(p string) bool { return cors.OriginsOverlap(o, p) })
	})
}

func (s *subject) merge(i, j int, field cors.Field) Finding {
	var missing []string
	for _, v := range values(s.Rules[j], field) {
		if !slices.Contains(values(s.Rules[i], field), v) && !slices.Contains(missing, v) {
			missing = append(missing, v)
		}
	}
	names := SomeOf(missing)
	if field == cors.FieldAllowedOrigins {
		var quoted []string
		for _, v := range missing {
			quoted = append(quoted, quote(v))
		}
		names = SomeOf(quoted)
	}
	f := Finding{Rule: j, Field: field, Index: -1}
	f.Problem = fmt.Sprintf("the rule differs from %s in %s only", s.ruleName(i), field)
	f.Why = "one rule would answer the same requests in the same way"
	if field == cors.FieldAllowedMethods {
		f.Why += ", but for Access-Control-Allow-Methods, which lists all methods of the rule"
	}
	f.Fix = fmt.Sprintf("add %s to %s of %s and remove this rule", cmp.Or(names, "nothing"), field, s.ruleName(i))
	return f
}
