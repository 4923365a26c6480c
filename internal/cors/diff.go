// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// ChangeKind says what happened to a rule. The set is closed.
type ChangeKind string

// The kinds of changes.
const (
	RuleAdded   ChangeKind = "RuleAdded"
	RuleRemoved ChangeKind = "RuleRemoved"
	// RuleMoved is a rule that other rules now come before or after. One that has
	// another index only because of rules added or removed did not move.
	RuleMoved ChangeKind = "RuleMoved"
	// FieldChanged is one field of a rule.
	FieldChanged ChangeKind = "FieldChanged"
)

// Change is one difference between two configurations.
type Change struct {
	Kind ChangeKind
	// RuleID is the ID of the rule, before the change if it had one then.
	RuleID string
	// From and To are the index of the rule before and after; -1 for none.
	From, To int
	// Field is the field of a FieldChanged.
	Field Field
	// Added and Removed are the values of a list that came and went, sorted, those
	// of headers in lower case.
	Added, Removed []string
	// Old and New are the ID or the max age before and after; empty for none.
	Old, New string
}

// shownValues is how many values of one list a Change names.
const shownValues = 10

// String is the change on one line, the rule named by its ID or, without one, by
// its place as in the path of a Mistake:
//
//	rule "uploads": allowedOrigins: + https://evil.example, - https://app.example.com
//	rules[3]: maxAgeSeconds: 3000 -> none
//	rule "uploads" moved from 2 to 0
//
// A change that adds or removes very many values names the first and counts the
// others.
func (c Change) String() string {
	name := fmt.Sprintf("rules[%d]", c.From)
	switch {
	case c.RuleID != "":
		name = "rule " + quote(c.RuleID)
	case c.Kind == RuleAdded:
		name = fmt.Sprintf("rules[%d]", c.To)
	}
	switch c.Kind {
	case RuleAdded:
		return name + " added"
	case RuleRemoved:
		return name + " removed"
	case RuleMoved:
		if c.From == c.To {
			return name + " moved past other rules"
		}
		return fmt.Sprintf("%s moved from %d to %d", name, c.From, c.To)
	case FieldChanged:
	}
	prefix := name + ": " + string(c.Field) + ": "
	if c.Field == FieldID || c.Field == FieldMaxAgeSeconds {
		return prefix + scalar(c.Old) + " -> " + scalar(c.New)
	}
	var values []string
	for _, v := range c.Added {
		values = append(values, "+ "+plain(v))
	}
	for _, v := range c.Removed {
		values = append(values, "- "+plain(v))
	}
	if more := len(values) - shownValues; more > 0 {
		values = append(values[:shownValues], fmt.Sprintf("and %d more", more))
	}
	return prefix + strings.Join(values, ", ")
}

func scalar(s string) string {
	if s == "" {
		return "none"
	}
	return plain(s)
}

// plain is s as it is if that reads well in a list, or else quoted.
func plain(s string) string {
	odd := func(r rune) bool {
		return r == ',' || r == '"' || r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsPrint(r)
	}
	if s == "" || len(s) > quotedRunes || strings.ContainsFunc(s, odd) {
		return quote(s)
	}
	return s
}

// Diff is what became of from in to: nothing exactly if Equal(from, to), for
// which from is ours and to is live. Rules are recognised by equal content, by
// ID, and then by similarity and place, so that a rule put in front of others is
// one addition.
func Diff(from, to Configuration) []Change {
	if Equal(from, to) {
		return nil
	}
	ours, live := canonicalRules(from), canonicalRules(to)
	partner := matchRules(ours, live)
	moved := movedRules(partner)
	taken := make([]bool, len(live))
	var changes []Change
	for i, j := range partner {
		at := Change{RuleID: ours[i].id, From: i, To: j}
		if j < 0 {
			at.Kind = RuleRemoved
			changes = append(changes, at)
			continue
		}
		taken[j] = true
		if at.RuleID == "" {
			at.RuleID = live[j].id
		}
		if moved[i] {
			at.Kind = RuleMoved
			changes = append(changes, at)
		}
		at.Kind = FieldChanged
		changes = appendFieldChanges(changes, at, ours[i], live[j])
	}
	for j, t := range taken {
		if !t {
			changes = append(changes, Change{Kind: RuleAdded, RuleID: live[j].id, From: -1, To: j})
		}
	}
	return changes
}

// appendFieldChanges appends a copy of at for each field that differs.
func appendFieldChanges(changes []Change, at Change, a, b canonicalRule) []Change {
	scalarField := func(field Field, before, after string) {
		c := at
		c.Field, c.Old, c.New = field, before, after
		changes = append(changes, c)
	}
	listField := func(field Field, before, after []string) {
		c := at
		c.Field, c.Added, c.Removed = field, without(after, before), without(before, after)
		if len(c.Added)+len(c.Removed) > 0 {
			changes = append(changes, c)
		}
	}
	if !sameID(a.id, b.id) {
		scalarField(FieldID, a.id, b.id)
	}
	listField(FieldAllowedOrigins, a.origins, b.origins)
	listField(FieldAllowedMethods, a.methods, b.methods)
	listField(FieldAllowedHeaders, a.headers, b.headers)
	listField(FieldExposeHeaders, a.expose, b.expose)
	if !sameMaxAge(a.maxAge, b.maxAge) {
		scalarField(FieldMaxAgeSeconds, formatMaxAge(a.maxAge), formatMaxAge(b.maxAge))
	}
	return changes
}

func formatMaxAge(seconds *int32) string {
	if seconds == nil {
		return ""
	}
	return strconv.Itoa(int(*seconds))
}

// without is what of the sorted list a is not in the sorted list b.
func without(a, b []string) []string {
	var rest []string
	for _, s := range a {
		if _, found := slices.BinarySearch(b, s); !found {
			rest = append(rest, s)
		}
	}
	return rest
}

// matchRules finds for each rule of ours the live rule that it became, or -1.
func matchRules(ours, live []canonicalRule) []int {
	m := matching{ours: ours, live: live, partner: make([]int, len(ours)), taken: make([]bool, len(live))}
	for i := range m.partner {
		m.partner[i] = -1
	}
	content := func(r canonicalRule) string { return string(r.append(nil)) }
	m.byKey(func(r canonicalRule) string { return string(appendString(nil, r.id)) + content(r) })
	m.byKey(content)
	m.byKey(func(r canonicalRule) string { return r.id })
	m.bySimilarity()
	return m.partner
}

type matching struct {
	ours, live []canonicalRule
	partner    []int  // by index in ours: index in live, or -1
	taken      []bool // by index in live
}

func (m *matching) pair(i, j int) {
	m.partner[i], m.taken[j] = j, true
}

// byKey pairs the rules that have the same key, in order; an empty key is none.
func (m *matching) byKey(key func(canonicalRule) string) {
	free := map[string][]int{}
	for j, r := range m.live {
		if k := key(r); !m.taken[j] && k != "" {
			free[k] = append(free[k], j)
		}
	}
	for i, r := range m.ours {
		if m.partner[i] >= 0 {
			continue
		}
		if k := key(r); len(free[k]) > 0 {
			m.pair(i, free[k][0])
			free[k] = free[k][1:]
		}
	}
}

// bySimilarity pairs each rule that is left with the one that has most in common
// with it, the nearer one if there are two. Different IDs are different rules.
func (m *matching) bySimilarity() {
	for i, r := range m.ours {
		if m.partner[i] >= 0 {
			continue
		}
		best, bestShared := -1, -1
		// No server has more than MaxRules, so that none is farther away.
		for j := max(0, i-MaxRules); j < min(len(m.live), i+MaxRules+1); j++ {
			if m.taken[j] || r.id != "" && m.live[j].id != "" {
				continue
			}
			shared := r.sharedFields(m.live[j])
			if shared == 0 && j != i {
				continue
			}
			if shared > bestShared || shared == bestShared && distance(i, j) < distance(i, best) {
				best, bestShared = j, shared
			}
		}
		if best >= 0 {
			m.pair(i, best)
		}
	}
}

func distance(i, j int) int { return max(i-j, j-i) }

// movedRules says which rules have to move to get from the order of indexes to
// that of their partners: all but a longest run of rules that stay in order.
func movedRules(partner []int) []bool {
	// tails[n] is the rule that ends the best run of n+1 rules so far, the one
	// with the lowest partner; before links each rule to its run.
	var tails []int
	before := make([]int, len(partner))
	moved := make([]bool, len(partner))
	for i, j := range partner {
		if j < 0 {
			continue
		}
		moved[i] = true
		n, _ := slices.BinarySearchFunc(tails, j, func(tail, j int) int { return cmp.Compare(partner[tail], j) })
		before[i] = -1
		if n > 0 {
			before[i] = tails[n-1]
		}
		if n == len(tails) {
			tails = append(tails, i)
		} else {
			tails[n] = i
		}
	}
	if len(tails) == 0 {
		return moved
	}
	for i := tails[len(tails)-1]; i >= 0; i = before[i] {
		moved[i] = false
	}
	return moved
}
