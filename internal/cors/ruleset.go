// SPDX-License-Identifier: Apache-2.0

package cors

import "math/bits"

// ruleSet is a set of indexes of rules. A compiled policy has at most MaxRules.
type ruleSet struct {
	low, high uint64 // indexes from 0, and from 64; the compiler keeps no array in registers
}

// This fails to compile when a ruleSet is too small.
var _ [128 - MaxRules]struct{}

func (s *ruleSet) add(rule int) {
	if rule < 64 {
		s.low |= 1 << rule
	} else {
		s.high |= 1 << (rule - 64)
	}
}

func (s ruleSet) has(rule int) bool {
	if rule < 64 {
		return s.low>>rule&1 != 0
	}
	return s.high>>(rule-64)&1 != 0
}

func (s ruleSet) union(t ruleSet) ruleSet { return ruleSet{s.low | t.low, s.high | t.high} }

func (s ruleSet) intersect(t ruleSet) ruleSet { return ruleSet{s.low & t.low, s.high & t.high} }

func (s ruleSet) empty() bool { return s.low|s.high == 0 }

// first is the lowest index in s, or -1 for none.
func (s ruleSet) first() int {
	switch {
	case s.low != 0:
		return bits.TrailingZeros64(s.low)
	case s.high != 0:
		return 64 + bits.TrailingZeros64(s.high)
	default:
		return -1
	}
}
