// SPDX-License-Identifier: Apache-2.0

package cors

// patterns yields what the index was made of, each with the rules that have it,
// in no order.
func (x *index) patterns(yield func(pattern string, rules ruleSet) bool) {
	if !x.any.empty() && !yield("*", x.any) {
		return
	}
	for s, rules := range x.exact {
		if !yield(s, rules) {
			return
		}
	}
	x.wild.walk("", func(suffix, label string) string { return label + suffix }, func(suffix string, prefixes *tree[ruleSet]) bool {
		return prefixes.walk("", func(prefix, label string) string { return prefix + label }, func(prefix string, rules ruleSet) bool {
			return yield(prefix+"*"+suffix, rules)
		})
	})
}

// walk yields every key of the tree with its value, until yield returns false;
// join puts a label to what led to it.
func (t *tree[V]) walk(path string, join func(path, label string) string, yield func(key string, value V) bool) bool {
	if t == nil {
		return true
	}
	path = join(path, t.label)
	if t.ends && !yield(path, t.value) {
		return false
	}
	for _, branch := range t.grown {
		if !branch.walk(path, join, yield) {
			return false
		}
	}
	return true
}
