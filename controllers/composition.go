// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// contribution is what one policy brings to the configuration of a bucket.
type contribution struct {
	policy *s3v1alpha1.BucketCORSPolicy
	rules  []cors.Rule
	// dialect is that of the server, as the provider of the policy has it; nil for
	// AWS.
	dialect *cors.Dialect
}

// bringingAll says of each holder of a bucket whether it can bring its rules as they
// are written. observer is the policy for whose eyes it is computed, if that one only
// observes: its rules count as if it enforced them; nil otherwise.
func bringingAll(key bucketKey, holders []claimant, observer *s3v1alpha1.BucketCORSPolicy) []bool {
	whole := make([]bool, len(holders))
	for i, holder := range holders {
		seen := observer != nil && holder.policy.UID == observer.UID && !holder.policy.Spec.Suspend
		whole[i] = enforces(holder, key) || seen && enforceable(holder, key)
	}
	return whole
}

// contributionsOf are what the holders of a bucket bring to its configuration, in
// their order; those who bring nothing are left out.
//
// A holder that does not bring its rules whole (they are invalid, not permitted or
// not as it expects, or it is suspended or only observes) brings those of its rules
// that are in force: what live has of them, see inForce. They have to be permitted too.
func contributionsOf(key bucketKey, holders []claimant, whole []bool, live cors.Configuration) []contribution {
	wanted := sets.New[string]()
	for i, holder := range holders {
		if rulesHash := statusBefore(holder.policy, key).RulesHash; !whole[i] && rulesHash != "" {
			wanted.Insert(rulesHash)
		}
	}
	kept := inForce(live, wanted)
	var contributions []contribution
	for i, holder := range holders {
		var rules []cors.Rule
		if whole[i] {
			rules = configurationFor(holder.policy.Spec.Rules).Rules
		} else {
			rules = kept[statusBefore(holder.policy, key).RulesHash]
			if denialOf(holder.provider, holder.tenant, key.name, cors.Configuration{Rules: rules}) != "" {
				rules = nil
			}
		}
		if len(rules) > 0 {
			contributions = append(contributions, contribution{holder.policy, rules, dialectOf(holder.provider)})
		}
	}
	return contributions
}

// enforces is whether the rules of a holder are to be put on a bucket as they
// are written: its policy is neither suspended nor observing, S3 would accept
// its rules, and its provider permits them there.
func enforces(holder claimant, key bucketKey) bool {
	return !holder.policy.Spec.Suspend && !observes(holder.policy) && enforceable(holder, key)
}

// enforceable is whether the rules of a holder could be put on a bucket if its
// policy wanted that.
func enforceable(holder claimant, key bucketKey) bool {
	rules := configurationFor(holder.policy.Spec.Rules)
	if err := dialectOf(holder.provider).Check(rules); err != nil {
		return false
	}
	return denialOf(holder.provider, holder.tenant, key.name, rules) == ""
}

// maxSearched bounds the bytes that inForce hashes: several times what all runs
// of the largest configuration have that S3 stores, and a second's work.
const maxSearched = 256 << 20

// inForce are those rules of live, next to each other, that stand for hashes that
// the status of policies has of their rules (rulesHash). Those of all policies are
// looked for at once: where some are not found, that takes a while.
func inForce(live cors.Configuration, rulesHashes sets.Set[string]) map[string][]cors.Rule {
	found := map[string][]cors.Rule{}
	if len(rulesHashes) == 0 || len(live.Rules) == 0 {
		return found
	}
	// Most buckets are of one policy alone.
	if whole := cors.Hash(live); rulesHashes.Has(whole) {
		found[whole] = live.Rules
	}
	searched := 0
	for hash, run := range cors.Runs(live) {
		searched += sizeOf(run[len(run)-1])
		if len(found) == len(rulesHashes) || searched > maxSearched {
			break
		}
		if rulesHashes.Has(hash) {
			found[hash] = run
		}
	}
	return found
}

// sizeOf is about how many bytes there are to hash to add a rule to a run.
func sizeOf(rule cors.Rule) int {
	size := 128 + len(rule.ID)
	for _, list := range [][]string{rule.AllowedOrigins, rule.AllowedMethods, rule.AllowedHeaders, rule.ExposeHeaders} {
		for _, value := range list {
			size += len(value) + 1
		}
	}
	return size
}

// composition is the configuration that contributions make up together.
type composition struct {
	configuration cors.Configuration
	// parts are the contributions that fit, in order.
	parts []part
	// refused are those that do not, in order.
	refused []refusal
	// unmet are the policies with an expectation that their rules would not meet
	// here, so that what is in force of them is there instead; in order.
	unmet []refusal
}

// part is where the rules of a policy are: the first at from, and the last before
// to.
type part struct {
	policy   *s3v1alpha1.BucketCORSPolicy
	from, to int
}

// refusal is a policy whose rules are left out.
type refusal struct {
	policy *s3v1alpha1.BucketCORSPolicy
	// why is a sentence: for want of room it names the limit and the policies that
	// come first, for an expectation what is missing.
	why string
}

// compose puts contributions one after the other, in their order. One that S3
// would refuse together with those before it (more than 100 rules, more than
// 64 KB, an id that is taken) is left out whole, and those after it still get
// their turn.
func compose(contributions []contribution) composition {
	if all, fit := together(contributions); fit {
		return all
	}
	var c composition
	for _, added := range contributions {
		if len(added.rules) == 0 {
			continue
		}
		if why := c.noRoomFor(added); why != "" {
			c.refused = append(c.refused, refusal{added.policy, why})
			continue
		}
		c.add(added)
	}
	return c
}

// together are contributions that all fit, as they mostly do: one look at the whole
// tells, in place of one for each.
func together(contributions []contribution) (all composition, fit bool) {
	owners := map[string]*s3v1alpha1.BucketCORSPolicy{}
	dialects := sets.New[*cors.Dialect]()
	for _, added := range contributions {
		if len(added.rules) == 0 {
			continue
		}
		for _, rule := range added.rules {
			if owner := owners[rule.ID]; rule.ID != "" && owner != nil && owner != added.policy {
				return composition{}, false
			}
			owners[rule.ID] = added.policy
		}
		dialects.Insert(cmp.Or(added.dialect, cors.AWS))
		all.add(added)
	}
	for dialect := range dialects {
		if dialect.Check(all.configuration) != nil {
			return composition{}, false
		}
	}
	return all, true
}

// add puts a contribution after what is there.
func (c *composition) add(added contribution) {
	from := len(c.configuration.Rules)
	c.configuration.Rules = append(c.configuration.Rules, added.rules...)
	c.parts = append(c.parts, part{added.policy, from, len(c.configuration.Rules)})
}

// noRoomFor is why a contribution cannot follow what is there; empty when it can.
func (c composition) noRoomFor(added contribution) string {
	dialect := cmp.Or(added.dialect, cors.AWS)
	var reasons []string
	err := dialect.Check(cors.Configuration{Rules: slices.Concat(c.configuration.Rules, added.rules)})
	if err != nil {
		if alone := dialect.Check(cors.Configuration{Rules: added.rules}); alone != nil {
			return "the server takes the rules of this policy on no bucket: " + describeMistakes(alone)
		}
		var limits []string
		for mistake := range cors.Mistakes(err) {
			problem, fix := mistake.Explain()
			limits = append(limits, problem+"; "+fix)
		}
		reasons = append(reasons, fmt.Sprintf("there is no room for the %s of this policy after the %d that come first: together %s, here or in %s",
			count(len(added.rules), "rule"), len(c.configuration.Rules), enumerate(limits, "; and ", "limit"), c.comeFirst()))
	}
	if taken := c.takenIDs(added.rules); len(taken) > 0 {
		reasons = append(reasons, enumerate(taken, ", ", "id")+"; choose another")
	}
	return strings.Join(reasons, "; ")
}

// comeFirst names the policies that are there, with what puts them first.
func (c composition) comeFirst() string {
	var all []string
	for _, p := range c.parts {
		all = append(all, fmt.Sprintf("%s (priority %d)", nameOf(p.policy), p.policy.Spec.Priority))
	}
	return enumerate(all, ", ", "policy")
}

// takenIDs are clauses about the ids of rules that other policies have already.
// S3 documents that an id is unique in a configuration. One that a policy has
// twice itself is its own affair.
func (c composition) takenIDs(rules []cors.Rule) []string {
	owners := map[string]*s3v1alpha1.BucketCORSPolicy{}
	for _, p := range c.parts {
		for _, rule := range c.configuration.Rules[p.from:p.to] {
			owners[rule.ID] = p.policy
		}
	}
	var taken []string
	for _, rule := range rules {
		if owner := owners[rule.ID]; rule.ID != "" && owner != nil {
			taken = append(taken, fmt.Sprintf("id %s is taken by a rule of policy %s", quoteID(rule.ID), nameOf(owner)))
			delete(owners, rule.ID)
		}
	}
	return taken
}

// quoteID is an id for a message, which needs no more of a long one.
func quoteID(id string) string { return fmt.Sprintf("%q", truncate(id, 64)) }

// partOf is where the rules of a policy are; false when they are not there.
func (c composition) partOf(policy *s3v1alpha1.BucketCORSPolicy) (part, bool) {
	for _, p := range c.parts {
		if p.policy.UID == policy.UID {
			return p, true
		}
	}
	return part{}, false
}

// refusalOf is why there is no room for a policy; empty when there is.
func (c composition) refusalOf(policy *s3v1alpha1.BucketCORSPolicy) string {
	return whyOf(c.refused, policy)
}

// unmetOf is which expectation of a policy is not met; empty when all are.
func (c composition) unmetOf(policy *s3v1alpha1.BucketCORSPolicy) string {
	return whyOf(c.unmet, policy)
}

func whyOf(refusals []refusal, policy *s3v1alpha1.BucketCORSPolicy) string {
	for _, r := range refusals {
		if r.policy.UID == policy.UID {
			return r.why
		}
	}
	return ""
}

// others are the policies whose rules are there beside those of policy, as
// namespace/name, in order.
func (c composition) others(policy *s3v1alpha1.BucketCORSPolicy) []string {
	var others []string
	for _, p := range c.parts {
		if p.policy.UID != policy.UID {
			others = append(others, nameOf(p.policy))
		}
	}
	return others
}
