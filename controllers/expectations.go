// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/expectation"
)

// composeFor is the configuration that the holders of a bucket make up together:
// what contributionsOf says, without the rules of those whose expectations would
// not be met by it. These bring what is in force of them, as if their rules were
// invalid.
//
// Whether an expectation is met depends on the rules of all. Where several are
// not, the policy of the lowest priority yields first, of those that would not have
// what they expect without the others either, if there are such; then the others
// are looked at again. What remains meets the expectations of all whose rules are
// there as they are written, and everybody computes the same.
func composeFor(key bucketKey, holders []claimant, live cors.Configuration, observer *s3v1alpha1.BucketCORSPolicy) composition {
	// yieldingOneByOne bounds the rounds in which one policy yields, and no more.
	const yieldingOneByOne = 10
	whole := bringingAll(key, holders, observer)
	yielded := map[int]failing{}
	for round := 0; ; round++ {
		c := compose(contributionsOf(key, holders, whole, live))
		all := c.failingExpectations(holders, whole)
		if len(all) == 0 {
			c.unmet = c.stillUnmet(holders, yielded)
			return c
		}
		byItself := slices.ContainsFunc(slices.Collect(maps.Values(all)), func(f failing) bool { return f.byItself })
		for i := range slices.Backward(holders) {
			if f, fails := all[i]; fails && (f.byItself || !byItself) {
				whole[i], yielded[i] = false, f
				if round < yieldingOneByOne {
					break
				}
			}
		}
	}
}

// stillUnmet are those of the holders that have yielded, and why. One whose rules
// are in force as they are written has what it expects, if what was in the way has
// yielded too.
func (c composition) stillUnmet(holders []claimant, yielded map[int]failing) []refusal {
	asWritten := make([]bool, len(holders))
	for i := range yielded {
		own, found := c.partOf(holders[i].policy)
		asWritten[i] = found && cors.Equal(configurationFor(holders[i].policy.Spec.Rules), cors.Configuration{Rules: c.configuration.Rules[own.from:own.to]})
	}
	now := c.failingExpectations(holders, asWritten)
	var unmet []refusal
	for i, holder := range holders {
		f, found := yielded[i]
		if asWritten[i] {
			f, found = now[i]
		}
		if found {
			unmet = append(unmet, refusal{holder.policy, f.why})
		}
	}
	return unmet
}

// failing is why expectations of a policy are not met, and whether the rules of
// others have no part in that: no rule answers, or one of its own.
type failing struct {
	why      string
	byItself bool
}

// failingExpectations are which expectations are not met, by the index of those
// of the holders that are to be looked at.
func (c composition) failingExpectations(holders []claimant, looked []bool) map[int]failing {
	all := map[int]failing{}
	compiled := map[*cors.Dialect]*cors.Policy{}
	for i, holder := range holders {
		own, found := c.partOf(holder.policy)
		if !looked[i] || !found || len(holder.policy.Spec.Expectations) == 0 {
			continue
		}
		dialect := dialectOf(holder.provider)
		if compiled[dialect] == nil {
			policy, err := dialect.Compile(c.configuration)
			if err != nil {
				// Two providers say of one server that it is of two kinds.
				all[i] = failing{why: "what it expects cannot be told: " + describeMistakes(err)}
				continue
			}
			compiled[dialect] = policy
		}
		if failures := expectation.Check(holder.policy.Spec.Expectations, compiled[dialect]); len(failures) > 0 {
			all[i] = failing{c.describeFailures(own, failures), slices.ContainsFunc(failures, own.alone)}
		}
	}
	return all
}

// alone is whether nobody else keeps what is expected of the rules of a part from
// being met.
func (p part) alone(failure expectation.Failure) bool {
	answer := cmp.Or(failure.Verdict.Actual, failure.Verdict.Preflight)
	if failure.Verdict.Allowed {
		return answer != nil && answer.Rule >= p.from && answer.Rule < p.to
	}
	return answer == nil || answer.Rule < 0 || answer.Rule >= p.from && answer.Rule < p.to
}

// describeFailures names the expectations of the policy whose rules are own that
// are not met.
func (c composition) describeFailures(own part, failures []expectation.Failure) string {
	var sentences []string
	for _, failure := range failures {
		sentences = append(sentences, failure.Message+c.whoseRule(own, failure.Verdict.Rule()))
	}
	return enumerate(sentences, "; ", "expectation")
}

// whoseRule says of a rule, which messages call by its place on the bucket if it has
// no id, what the policy whose rules are own calls it; empty where that is the same,
// and where there is no such rule.
func (c composition) whoseRule(own part, rule int) string {
	switch {
	case rule < 0:
		return ""
	case rule < own.from || rule >= own.to:
		return fmt.Sprintf(" (that is %s)", c.ruleName(own, rule))
	case own.from > 0 && c.configuration.Rules[rule].ID == "":
		return fmt.Sprintf(" (that is %s of this policy)", c.ruleName(own, rule))
	default:
		return ""
	}
}

// unmetAlone is which expectations of a policy that shares no bucket its rules do
// not meet; empty when they meet all. What a policy that shares has on a bucket is
// not for its rules alone to say.
func unmetAlone(policy *s3v1alpha1.BucketCORSPolicy, rules cors.Configuration, dialect *cors.Dialect) string {
	if shares(policy) || len(policy.Spec.Expectations) == 0 {
		return ""
	}
	compiled, err := dialect.Compile(rules)
	if err != nil {
		return ""
	}
	c := composition{configuration: rules, parts: []part{{policy, 0, len(rules.Rules)}}}
	return c.describeFailures(c.parts[0], expectation.Check(policy.Spec.Expectations, compiled))
}

// What follows for the rules of a policy whose expectations are not met, on its own
// buckets and on those that it shares.
const (
	unmetMeans       = "the rules are not applied until they or the expectation are changed; what was applied before, if anything, stays as it is"
	unmetMeansShared = "rules of this policy that are on the bucket stay, and new ones wait until they, the expectation or the rules of the others are changed"
)

// accepted is what can be said of a policy after a pass: on a shared bucket, what
// others have there decides whether its expectations are met.
func (o outcome) accepted() verdict {
	if o.acceptance.status != metav1.ConditionTrue {
		return o.acceptance.verdict
	}
	var reasons []string
	buckets := map[string][]string{}
	for _, b := range o.buckets {
		if b.unmet == "" {
			continue
		}
		if len(buckets[b.unmet]) == 0 {
			reasons = append(reasons, b.unmet)
		}
		buckets[b.unmet] = append(buckets[b.unmet], fmt.Sprintf("%q", b.key.name))
	}
	if len(reasons) == 0 {
		return o.acceptance.verdict
	}
	sentences := make([]string, len(reasons))
	for i, why := range reasons {
		sentences[i] = fmt.Sprintf("bucket %s, with the rules of all that share it: %s", enumerate(buckets[why], ", ", "bucket"), why)
	}
	return refuse(s3v1alpha1.ReasonExpectationFailed, enumerate(sentences, "; ", "reason")+"; "+unmetMeansShared)
}
