// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"iter"
	"slices"
)

// canonicalRule is a Rule without what makes no difference to which requests it
// matches: its lists are sorted, without duplicates, and headers in lower case.
// Some servers store rules that way (Ceph RGW sorts and deduplicates).
type canonicalRule struct {
	id                                string
	origins, methods, headers, expose []string
	maxAge                            *int32
}

func canonical(r Rule) canonicalRule {
	set := func(list []string, fold func(string) string) []string {
		if len(list) == 0 {
			return nil
		}
		folded := make([]string, len(list))
		for i, s := range list {
			folded[i] = fold(s)
		}
		slices.Sort(folded)
		return slices.Compact(folded)
	}
	verbatim := func(s string) string { return s }
	return canonicalRule{
		id:      r.ID,
		origins: set(r.AllowedOrigins, verbatim),
		methods: set(r.AllowedMethods, verbatim),
		headers: set(r.AllowedHeaders, lowerASCII),
		expose:  set(r.ExposeHeaders, lowerASCII),
		maxAge:  r.MaxAgeSeconds,
	}
}

func canonicalRules(c Configuration) []canonicalRule {
	rules := make([]canonicalRule, len(c.Rules))
	for i, r := range c.Rules {
		rules[i] = canonical(r)
	}
	return rules
}

// sameMaxAge tells absent from 0.
func sameMaxAge(a, b *int32) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// sameID ignores an ID that a server made up for a rule that has none of ours.
func sameID(ours, live string) bool { return ours == live || ours == "" }

// equal reports whether a server that was given r may show it as live.
func (r canonicalRule) equal(live canonicalRule) bool {
	return sameID(r.id, live.id) && r.sharedFields(live) == ruleFields
}

// ruleFields is how many fields a rule has beside its ID.
const ruleFields = 5

// sharedFields counts the fields, beside the ID, in which two rules agree.
func (r canonicalRule) sharedFields(other canonicalRule) int {
	n := 0
	for _, same := range [ruleFields]bool{
		slices.Equal(r.origins, other.origins),
		slices.Equal(r.methods, other.methods),
		slices.Equal(r.headers, other.headers),
		slices.Equal(r.expose, other.expose),
		sameMaxAge(r.maxAge, other.maxAge),
	} {
		if same {
			n++
		}
	}
	return n
}

// append writes r, without its ID, such that no two different rules look alike:
// each string and each list is preceded by its length.
func (r canonicalRule) append(b []byte) []byte {
	for _, list := range [...][]string{r.origins, r.methods, r.headers, r.expose} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, s := range list {
			b = appendString(b, s)
		}
	}
	if r.maxAge == nil {
		return append(b, 0)
	}
	return binary.AppendVarint(append(b, 1), int64(*r.maxAge))
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Hash identifies what c does: "sha256:" and 64 hexadecimal digits. It is the
// same for configurations that differ only in the order or repetition of the
// values inside a rule, or in the case of headers, and differs when anything
// else does: the order of the rules, their IDs, a max age of 0 against none.
func Hash(c Configuration) string {
	h := sha256.New()
	for _, r := range c.Rules {
		h.Write(hashed(r))
	}
	return formatHash(h)
}

// hashed is what Hash sees of a rule. It is the beginning of that of no other
// rule, so that a list of rules is told from any other without its length.
func hashed(r Rule) []byte { return canonical(r).append(appendString(nil, r.ID)) }

func formatHash(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

// Runs are all lists of one rule to MaxRules that follow one another in c, each
// with its Hash. To go through all takes about as much work as to hash c MaxRules
// times.
func Runs(c Configuration) iter.Seq2[string, []Rule] {
	return func(yield func(string, []Rule) bool) {
		rules := make([][]byte, len(c.Rules))
		for i, r := range c.Rules {
			rules[i] = hashed(r)
		}
		for from := range rules {
			h := sha256.New()
			for to := from; to < min(from+MaxRules, len(rules)); to++ {
				h.Write(rules[to])
				if !yield(formatHash(h), c.Rules[from:to+1]) {
					return
				}
			}
		}
	}
}

// Equal reports whether live is what a server may show after it was given ours.
// The order of the rules counts; inside a rule, the order and repetition of
// values do not, nor does the case of headers. A max age of 0 is not none. The
// ID of a live rule is ignored where ours has none, so that Equal(a, b) is not
// always Equal(b, a).
//
// Where two configurations that compile are equal, they decide every request
// alike: the same ones allowed, by the rule with the same index.
func Equal(ours, live Configuration) bool {
	return slices.EqualFunc(ours.Rules, live.Rules, func(a, b Rule) bool {
		return canonical(a).equal(canonical(b))
	})
}
