// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// contribution is what one policy brings to the configuration of a bucket.
type contribution struct {
	policy *s3v1alpha1.BucketCORSPolicy
	rules  []cors.Rule
}

// contributionsTo are what the holders of a bucket bring to its configuration,
// in their order; those who bring nothing are left out. observer is the policy
// for whose eyes it is computed, if that one only observes: its rules count as
// if it enforced them; nil otherwise.
//
// A holder that cannot enforce its rules now (they are invalid or not permitted,
// or it is suspended or only observes) brings those of its rules that are in
// force: what live has of them, see retained. They have to be permitted too.
func contributionsTo(key bucketKey, holders []claimant, live cors.Configuration, observer *s3v1alpha1.BucketCORSPolicy) []contribution {
	return nil
}

// enforces is whether the rules of a holder are to be put on a bucket as they
// are written: its policy is neither suspended nor observing, S3 would accept
// its rules, and its provider permits them there.
func enforces(holder claimant, key bucketKey) bool {
	return false
}

// retained are those rules of live, next to each other, that stand for a hash
// that the status of a policy has of its rules (rulesHash); nil when there are
// none.
func retained(live cors.Configuration, rulesHash string) []cors.Rule {
	return nil
}

// composition is the configuration that contributions make up together.
type composition struct {
	configuration cors.Configuration
	// parts are the contributions that fit, in order.
	parts []part
	// refused are those that do not, in order.
	refused []refusal
}

// part is where the rules of a policy are: from from up to but not including to.
type part struct {
	policy   *s3v1alpha1.BucketCORSPolicy
	from, to int
}

// refusal is a contribution for which there is no room.
type refusal struct {
	policy *s3v1alpha1.BucketCORSPolicy
	// why is a sentence that names the limit and the policies that come first.
	why string
}

// compose puts contributions one after the other, in their order. One that S3
// would refuse together with those before it (more than 100 rules, more than
// 64 KB, an id that is taken) is left out whole, and those after it still get
// their turn.
func compose(contributions []contribution) composition {
	return composition{}
}

// partOf is where the rules of a policy are; false when they are not there.
func (c composition) partOf(policy *s3v1alpha1.BucketCORSPolicy) (part, bool) {
	return part{}, false
}

// refusalOf is why there is no room for a policy; empty when there is.
func (c composition) refusalOf(policy *s3v1alpha1.BucketCORSPolicy) string {
	return ""
}

// others are the policies whose rules are there beside those of policy, as
// namespace/name, in order.
func (c composition) others(policy *s3v1alpha1.BucketCORSPolicy) []string {
	return nil
}

// shadowsOf says which rules of a policy rules of other policies keep from
// answering, naming both; empty when none do. What the rules of a policy do to
// one another is not told here: see lint.go.
func (c composition) shadowsOf(policy *s3v1alpha1.BucketCORSPolicy) string {
	return ""
}
