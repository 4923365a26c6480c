// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/expectation"
)

// composeFor is the configuration that the holders of a bucket make up together:
// what contributionsTo says, without the rules of those whose expectations would
// not be met by it. These bring what is in force of them, as if their rules were
// invalid.
//
// Whether an expectation is met depends on the rules of all. Where several are
// not, the policy of the lowest priority yields first, and then the others are
// looked at again: what remains meets the expectations of all whose rules are
// there as they are written, and everybody computes the same.
func composeFor(key bucketKey, holders []claimant, live cors.Configuration, observer *s3v1alpha1.BucketCORSPolicy) composition {
	// yieldingOneByOne bounds the rounds in which one policy yields, and no more.
	const yieldingOneByOne = 10
	whole := bringingAll(key, holders, observer)
	var unmet []refusal
	for round := 0; ; round++ {
		c := compose(contributionsOf(key, holders, whole, live))
		failing := c.failingExpectations(holders, whole)
		if len(failing) == 0 {
			c.unmet = unmet
			return c
		}
		for i, holder := range slices.Backward(holders) {
			if why := failing[i]; why != "" {
				whole[i] = false
				unmet = append(unmet, refusal{holder.policy, why})
				if round < yieldingOneByOne {
					break
				}
			}
		}
	}
}

// failingExpectations are which expectations are not met, by the index of those
// of the holders whose rules are there whole.
func (c composition) failingExpectations(holders []claimant, whole []bool) map[int]string {
	failing := map[int]string{}
	compiled := map[*cors.Dialect]*cors.Policy{}
	for i, holder := range holders {
		own, found := c.partOf(holder.policy)
		if !whole[i] || !found || len(holder.policy.Spec.Expectations) == 0 {
			continue
		}
		dialect := dialectOf(holder.provider)
		if compiled[dialect] == nil {
			policy, err := dialect.Compile(c.configuration)
			if err != nil {
				// Two providers say of one server that it is of two kinds.
				failing[i] = "what it expects cannot be told: " + describeMistakes(err)
				continue
			}
			compiled[dialect] = policy
		}
		if failures := expectation.Check(holder.policy.Spec.Expectations, compiled[dialect]); len(failures) > 0 {
			failing[i] = c.describeFailures(own, failures)
		}
	}
	return failing
}

// describeFailures names the expectations of the policy whose rules are own that
// are not met, and whose rule it is that matters, where that is another policy's.
func (c composition) describeFailures(own part, failures []expectation.Failure) string {
	var sentences []string
	for _, failure := range failures {
		sentence := failure.Message
		if rule := failure.Verdict.Rule(); rule >= 0 && (rule < own.from || rule >= own.to) {
			sentence += fmt.Sprintf(" (that is %s)", c.ruleName(own, rule))
		}
		sentences = append(sentences, sentence)
	}
	return enumerate(sentences, "; ", "expectation")
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

// unmetMeans is what follows for the rules of a policy whose expectations are not
// met.
const unmetMeans = "the rules are not applied until the expectation or the rules are changed, and what was applied before stays in force"

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
	return refuse(s3v1alpha1.ReasonExpectationFailed, enumerate(sentences, "; ", "reason")+"; "+unmetMeans)
}
