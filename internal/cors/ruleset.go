// SPDX-License-Identifier: Apache-2.0

package cors

import "math/bits"

// ruleSet is a set of indexes of rules. A compiled policy has at most MaxRules.
type ruleSet [2]uint64

// This fails to compile when a ruleSet is too small.
var _ [len(ruleSet{})*64 - MaxRules]struct{}

func (s *ruleSet) add(rule int) { s[rule/64] |= 1 << (rule % 64) }

func (s ruleSet) union(t ruleSet) ruleSet { return ruleSet{s[0] | t[0], s[1] | t[1]} }

func (s ruleSet) intersect(t ruleSet) ruleSet { return ruleSet{s[0] & t[0], s[1] & t[1]} }

func (s ruleSet) empty() bool { return s[0]|s[1] == 0 }

// first is the lowest index in s, or -1 for none.
func (s ruleSet) first() int {
	switch {
	case s[0] != 0:
		return bits.TrailingZeros64(s[0])
	case s[1] != 0:
		return 64 + bits.TrailingZeros64(s[1])
	default:
		return -1
	}
}
