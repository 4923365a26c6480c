// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/lint"
)

// shadowsOf says which rules of a policy rules of other policies keep from
// answering, naming both; empty when none do. What the rules of a policy do to
// one another is not told here: see lint.go. Nor is that another rule gives the
// same answer to some requests, but for the time that browsers keep it.
func (c composition) shadowsOf(policy *s3v1alpha1.BucketCORSPolicy) string {
	own, found := c.partOf(policy)
	if !found || own.from == 0 {
		return ""
	}
	alone := map[int]cors.Shadow{}
	for _, shadow := range cors.Shadows(cors.Configuration{Rules: c.configuration.Rules[own.from:own.to]}) {
		alone[own.from+shadow.Rule] = shadow
	}
	var silenced, curtailed, superfluous []string
	for _, shadow := range cors.Shadows(c.configuration) {
		before := alone[shadow.Rule]
		if shadow.Rule < own.from || shadow.Rule >= own.to || before.Unreachable {
			continue
		}
		if !shadow.Unreachable {
			if sentence := c.partlyShadowed(own, shadow, before); sentence != "" {
				curtailed = append(curtailed, sentence)
			}
		} else if sentence, suffers := c.unreachable(own, shadow); suffers {
			silenced = append(silenced, sentence)
		} else {
			superfluous = append(superfluous, sentence)
		}
	}
	told := enumerate(slices.Concat(silenced, curtailed, superfluous), "; ", "rule")
	if len(silenced)+len(curtailed) > 0 {
		told += "; a higher spec.priority of this policy would put its rules first"
	}
	return told
}

// unreachable is about a rule that never answers, and whether the answers that
// others give in its place lack something.
func (c composition) unreachable(own part, shadow cors.Shadow) (sentence string, suffers bool) {
	rules := c.configuration.Rules
	rule := rules[shadow.Rule]
	answering := shadow.By()
	for _, taken := range shadow.Taken {
		answering = append(answering, taken.First)
	}
	slices.Sort(answering)
	answering = slices.Compact(answering)
	lost := c.lost(rule, answering)
	come, match := "comes", "matches"
	if len(shadow.By()) > 1 {
		come, match = "come", "match"
	}
	sentence = fmt.Sprintf("%s never answers a request, because %s %s first and %s all that it matches",
		c.ruleName(own, shadow.Rule), c.ruleNames(own, shadow.By()), come, match)
	if len(lost.ExposeHeaders) == 0 && !lost.Credentials && (!lost.MaxAge || rule.MaxAgeSeconds == nil) {
		return sentence + ", with the same answers", false
	}
	return sentence + ", so that " + lint.LossText(lost), true
}

// partlyShadowed is about a rule of which other policies answer some requests and
// leave something out; empty when they leave out nothing. alone is what the rules
// of its own policy take from it.
func (c composition) partlyShadowed(own part, shadow, alone cors.Shadow) string {
	rule := c.configuration.Rules[shadow.Rule]
	var by []int
	var origins, methods []string
	add := func(list []string, value string) []string {
		if slices.Contains(list, value) {
			return list
		}
		return append(list, value)
	}
	ownTake := map[[2]int]bool{}
	for _, taken := range alone.Taken {
		ownTake[[2]int{taken.Origin, taken.Method}] = true
	}
	lesser := map[int]bool{} // rules whose answers lack something
	for _, i := range shadow.By() {
		lost := cors.LossOf(rule, c.configuration.Rules[i])
		lesser[i] = len(lost.ExposeHeaders) > 0 || lost.Credentials
	}
	whole := true
	for _, taken := range shadow.Taken {
		if ownTake[[2]int{taken.Origin, taken.Method}] || !lesser[taken.First] {
			continue
		}
		if !slices.Contains(by, taken.First) {
			by = append(by, taken.First)
		}
		origins = add(origins, quoteID(rule.AllowedOrigins[taken.Origin]))
		methods = add(methods, rule.AllowedMethods[taken.Method])
		whole = whole && taken.Whole >= 0
	}
	if len(by) == 0 {
		return ""
	}
	slices.Sort(by)
	come, answer := "comes", "answers"
	if len(by) > 1 {
		come, answer = "come", "answer"
	}
	sentence := fmt.Sprintf("%s answers only in part: %s %s first and %s %s from %s",
		c.ruleName(own, shadow.Rule), c.ruleNames(own, by), come, answer, lint.And(methods), lint.SomeOf(origins))
	if !whole {
		sentence += ", except preflights that ask for more headers than allowed there"
	}
	return sentence + ", so that " + lint.LossText(c.lost(rule, by))
}

// lost is what answers of any of some other rules lack.
func (c composition) lost(rule cors.Rule, by []int) cors.Loss {
	var all cors.Loss
	for _, i := range by {
		all = lint.BothLosses(all, cors.LossOf(rule, c.configuration.Rules[i]))
	}
	return all
}

// ruleName is how to speak of a rule to those whose rules are own: by its place
// in the list of its own policy.
func (c composition) ruleName(own part, rule int) string {
	for _, p := range c.parts {
		if rule >= p.to {
			continue
		}
		name := cors.Path(rule-p.from, "", -1)
		if id := c.configuration.Rules[rule].ID; id != "" {
			name = "rule " + quoteID(id)
		}
		if p.policy.UID != own.policy.UID {
			name += " of policy " + nameOf(p.policy)
		}
		return name
	}
	return ""
}

// ruleNames names the first few of some rules, in full: each says whose it is.
func (c composition) ruleNames(own part, rules []int) string {
	const shown = 3
	var names []string
	for _, rule := range rules[:min(len(rules), shown)] {
		names = append(names, c.ruleName(own, rule))
	}
	if more := len(rules) - shown; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return lint.And(names)
}
