// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"maps"
	"slices"
	"strings"
)

// index finds the rules that have a pattern for a string, at a cost that does
// not grow with the number of rules: S3 wants the first rule that matches, and
// with the set of rules for the origin, for the method and for each header that
// is the first of their intersection.
type index struct {
	any   ruleSet            // rules with the pattern "*"
	exact map[string]ruleSet // patterns without "*"
	// wild holds the other patterns by what follows the "*", read backwards,
	// and for each of those by what precedes it. Nil for none.
	wild *tree[*tree[ruleSet]]
	// few are there in place of exact and wild if one pattern after another is
	// quicker than a map and a tree; as is usual for headers.
	few []indexed
	// others are looked at one by one; AWS has none.
	others []otherPattern
}

// indexed is a pattern and the rules that have it.
type indexed struct {
	pattern
	rules ruleSet
}

// fewPatterns is how many are few.
const fewPatterns = 8

// otherPattern is what the rest of an index cannot find.
type otherPattern struct {
	match func(string) bool
	rule  int
}

// indexPatterns makes the index of the patterns of all rules, by rule.
func indexPatterns(rules [][]pattern) index {
	var x index
	x.add(rules)
	return x
}

// addOther adds what is no pattern, unless it is nil.
func (x *index) addOther(rule int, match func(string) bool) {
	if match != nil {
		x.others = append(x.others, otherPattern{match, rule})
	}
}

// add adds the patterns of all rules, by rule; only once.
func (x *index) add(rules [][]pattern) {
	distinct := map[pattern]ruleSet{}
	for i, patterns := range rules {
		for _, p := range patterns {
			if p == (pattern{wild: true}) {
				x.any.add(i)
			} else {
				put(distinct, p, i)
			}
		}
	}
	if len(distinct) <= fewPatterns {
		for p, rules := range distinct {
			x.few = append(x.few, indexed{p, rules})
		}
		return
	}
	x.exact = map[string]ruleSet{}
	bySuffix := map[string]map[string]ruleSet{}
	for p, rules := range distinct {
		if !p.wild {
			x.exact[p.prefix] = rules
			continue
		}
		key := reverse(p.suffix)
		if bySuffix[key] == nil {
			bySuffix[key] = map[string]ruleSet{}
		}
		bySuffix[key][p.prefix] = rules
	}
	if len(bySuffix) > 0 {
		trees := make(map[string]*tree[ruleSet], len(bySuffix))
		for suffix, prefixes := range bySuffix {
			trees[suffix] = newTree(prefixes)
		}
		x.wild = newTree(trees)
		x.wild.reverseLabels()
	}
}

func put[K comparable](sets map[K]ruleSet, key K, rule int) {
	set := sets[key]
	set.add(rule)
	sets[key] = set
}

// match is the set of rules that have a pattern for s.
func (x *index) match(s string) ruleSet {
	found := x.find(s)
	if len(x.others) > 0 {
		found = found.union(x.findOthers(s))
	}
	return found
}

// findOthers is match for what is in others. Apart, because it makes s escape.
func (x *index) findOthers(s string) ruleSet {
	var found ruleSet
	for _, other := range x.others {
		if other.match(s) {
			found.add(other.rule)
		}
	}
	return found
}

// find is match for all but what is in others.
func (x *index) find(s string) ruleSet {
	found := x.any
	if len(x.few) > 0 {
		for i := range x.few {
			if x.few[i].match(s) {
				found = found.union(x.few[i].rules)
			}
		}
		return found
	}
	if len(x.exact) > 0 {
		found = found.union(x.exact[s])
	}
	for t := x.wild; t != nil; {
		if !strings.HasSuffix(s, t.label) {
			break
		}
		// What a suffix took is gone for a prefix: the two never overlap.
		s = s[:len(s)-len(t.label)]
		if t.ends {
			found = found.union(matchPrefixes(t.value, s))
		}
		if s == "" {
			break
		}
		t = t.next(s[len(s)-1])
	}
	return found
}

// matchPrefixes is the union of the sets whose key s begins with.
func matchPrefixes(t *tree[ruleSet], s string) ruleSet {
	var found ruleSet
	for t != nil && strings.HasPrefix(s, t.label) {
		if t.ends {
			found = found.union(t.value)
		}
		s = s[len(t.label):]
		if s == "" {
			break
		}
		t = t.next(s[0])
	}
	return found
}

// tree is a radix tree: a map in which all keys that another string begins
// with are found in one pass over that string.
type tree[V any] struct {
	label string // what the keys from here on have in common, after what led here
	ends  bool   // a key ends after label, with value
	value V
	heads string     // the first byte of the label of each of branches
	grown []*tree[V] // branches, in the order of heads
}

// newTree makes a tree of a map that has at least one key.
func newTree[V any](values map[string]V) *tree[V] {
	return growTree(values, slices.Sorted(maps.Keys(values)), 0)
}

// growTree makes the tree of sorted keys that agree in their first depth bytes.
func growTree[V any](values map[string]V, keys []string, depth int) *tree[V] {
	first, last := keys[0], keys[len(keys)-1]
	end := depth
	for end < len(first) && end < len(last) && first[end] == last[end] {
		end++
	}
	t := &tree[V]{label: first[depth:end]}
	if len(first) == end {
		t.ends, t.value = true, values[first]
		keys = keys[1:]
	}
	var heads []byte
	for len(keys) > 0 {
		head := keys[0][end]
		n := 1
		for n < len(keys) && keys[n][end] == head {
			n++
		}
		heads = append(heads, head)
		t.grown = append(t.grown, growTree(values, keys[:n], end))
		keys = keys[n:]
	}
	t.heads = string(heads)
	return t
}

// next is the branch whose label begins with head; nil for none.
func (t *tree[V]) next(head byte) *tree[V] {
	if i := strings.IndexByte(t.heads, head); i >= 0 {
		return t.grown[i]
	}
	return nil
}

// reverseLabels prepares a tree of reversed keys for a walk from the end of a
// string: the byte of heads is the last of each label, then.
func (t *tree[V]) reverseLabels() {
	t.label = reverse(t.label)
	for _, branch := range t.grown {
		branch.reverseLabels()
	}
}

func reverse(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}
