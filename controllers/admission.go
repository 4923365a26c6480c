// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/expectation"
)

// The bounds of what is said of a policy before it is stored. Of warnings that have
// more than 4096 characters together, the API server cuts each to 256.
const (
	maxRefusals         = 10
	maxLintWarnings     = 10
	maxConflictWarnings = 3
	maxWarningLength    = 256
)

// Judgement is what can be said of a policy before it is stored.
type Judgement struct {
	// Refusals are mistakes that nothing but another spec mends, by field. There are
	// none in a policy that may be stored.
	Refusals field.ErrorList
	// Warnings are about what may yet pass by itself, such as a provider that is not
	// there, and about what is probably not meant. Each is one line.
	Warnings []string
}

// Judge tells of policies what a pass over them would find before any request to
// S3.
type Judge struct {
	reader *PolicyReconciler
}

// NewJudge is a Judge that reads what it needs through a client with a cache, which
// the reconcilers have been set up with.
func NewJudge(cached client.Client) *Judge {
	return &Judge{&PolicyReconciler{Client: cached}}
}

// Judge judges a policy as it is going to be stored, among all that there are, in
// place of the one before; nil for a new one. An error is that the cluster could not be
// asked, or that it takes too long.
func (j *Judge) Judge(ctx context.Context, before, policy *s3v1alpha1.BucketCORSPolicy) (Judgement, error) {
	provider, err := j.reader.provider(ctx, providerName(policy))
	if err != nil {
		return Judgement{}, err
	}
	who, err := j.reader.tenant(ctx, policy.Namespace)
	if err != nil {
		return Judgement{}, err
	}
	rivals := map[string][]claimant{}
	for _, reference := range policy.Spec.Buckets {
		if rivals[reference.Name], err = j.reader.claimantsOf(ctx, bucketKey{name: reference.Name}); err != nil {
			return Judgement{}, err
		}
	}
	return judge(ctx, before, policy, provider, who, rivals)
}

// judge is what becomes of a policy of a tenant. The policy before is nil when there
// is none, the provider when it does not exist; rivals are the policies that name a
// bucket, by its name. An error is that the context is done.
//
// What accept finds hopeless is refused, with two exceptions. Without the provider
// nobody knows which kind of server the rules are for, so that those are refused only
// which are wrong for every kind. And a change of something else is let through, such
// as spec.suspend: the rules may have been fine when they were stored. Whatever else
// is in the way may be mended by others, in whatever order things are applied.
func judge(ctx context.Context, before, policy *s3v1alpha1.BucketCORSPolicy, provider *s3v1alpha1.BucketProvider, who tenant, rivals map[string][]claimant) (Judgement, error) {
	dialect := dialectOf(provider)
	a := accept(policy, provider, who)
	wrong := a.hopeless() && provider != nil
	if a.hopeless() && provider == nil {
		var err error
		if wrong, err = wrongForAll(ctx, policy, a.rules); err != nil {
			return Judgement{}, err
		}
	}
	var j Judgement
	switch {
	case wrong && before != nil && expectsAlike(before, policy):
		j.warn("the policy is not accepted, as before: %s", a.message)
	case wrong:
		j.Refusals = refusals(policy, a.rules, dialect)
	case a.hopeless():
		j.warn("there is no BucketProvider named %q, and unless it is of another kind of server than %s, the policy will not be accepted: %s",
			providerName(policy), dialect.Name(), a.message)
	case !a.workable():
		j.warn("the policy is not accepted yet: %s", a.message)
	default:
		for _, why := range conflicts(policy, provider, who, a.denied, rivals) {
			j.warn("%s", why)
		}
		if len(a.denied) > 0 {
			j.warn("the policy is not accepted yet: %s", a.message)
		}
	}
	if err := inTime(ctx); err != nil {
		return Judgement{}, err
	}
	if a.reason != s3v1alpha1.ReasonInvalidRules {
		j.lint(policy, a.rules, dialect)
	}
	return j, nil
}

// inTime is the error that a judgement takes longer than anybody waits for it. It is
// asked between steps that take seconds for the largest policies.
func inTime(ctx context.Context) error {
	if ctx.Err() != nil {
		return errors.New("that takes too long")
	}
	return nil
}

// expectsAlike is whether two policies have the same in all that one can be refused
// for.
func expectsAlike(a, b *s3v1alpha1.BucketCORSPolicy) bool {
	return providerName(a) == providerName(b) && shares(a) == shares(b) &&
		equality.Semantic.DeepEqual(a.Spec.Rules, b.Spec.Rules) && equality.Semantic.DeepEqual(a.Spec.Expectations, b.Spec.Expectations)
}

// warn adds a warning.
func (j *Judgement) warn(format string, arguments ...any) {
	j.Warnings = append(j.Warnings, truncate(fmt.Sprintf(format, arguments...), maxWarningLength))
}

// lint adds what is probably not meant in rules that are valid, the worst first.
func (j *Judgement) lint(policy *s3v1alpha1.BucketCORSPolicy, rules cors.Configuration, dialect *cors.Dialect) {
	found := lintFindings(rules, lintOptions(policy, dialect))
	for i, f := range found {
		if i == maxLintWarnings {
			j.warn("%d more findings: run `bucketcors lint`", len(found)-i)
			break
		}
		j.warn("%s: spec.%s", f.ID, f.String())
	}
}

// wrongForAll is whether no kind of server there is would do for a policy. An error
// is that the context is done.
func wrongForAll(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, rules cors.Configuration) (bool, error) {
	for _, dialect := range cors.Dialects() {
		if err := inTime(ctx); err != nil {
			return false, err
		}
		if judgeRules(policy, rules, dialect) == nil {
			return false, nil
		}
	}
	return true, nil
}

// refusals are the mistakes for which judgeRules does not accept the rules of a
// policy, by field.
func refusals(policy *s3v1alpha1.BucketCORSPolicy, rules cors.Configuration, dialect *cors.Dialect) field.ErrorList {
	spec := field.NewPath("spec")
	var all field.ErrorList
	compiled, err := dialect.Compile(rules)
	for mistake := range cors.Mistakes(err) {
		problem, fix := mistake.Explain()
		all = append(all, invalid(fieldPath(spec.Child("rules"), mistake), problem+"; "+fix))
	}
	if err == nil {
		for _, failure := range expectation.Check(policy.Spec.Expectations, compiled) {
			all = append(all, invalid(spec.Child("expectations").Index(failure.Index), failure.Message))
		}
	}
	if more := len(all) - maxRefusals; more > 0 {
		all = append(all[:maxRefusals], invalid(spec, fmt.Sprintf("%d more like these: run `bucketcors lint`", more)))
	}
	return all
}

// invalid is an error of a field whose message quotes the value where that helps.
func invalid(path *field.Path, message string) *field.Error {
	return field.Invalid(path, field.OmitValueType{}, message)
}

func fieldPath(rules *field.Path, m *cors.Mistake) *field.Path {
	if m.Rule < 0 {
		return rules
	}
	path := rules.Index(m.Rule)
	if m.Field != "" {
		path = path.Child(string(m.Field))
	}
	if m.Index >= 0 {
		path = path.Index(m.Index)
	}
	return path
}

// conflicts are why a policy would not have buckets that it may have, one sentence
// for each reason.
func conflicts(policy *s3v1alpha1.BucketCORSPolicy, provider *s3v1alpha1.BucketProvider, who tenant, denied map[string]string, rivals map[string][]claimant) []string {
	var reasons []string
	buckets := map[string][]string{}
	for _, reference := range policy.Spec.Buckets {
		if denied[reference.Name] != "" || who.terminating {
			continue
		}
		others := slices.DeleteFunc(slices.Clone(rivals[reference.Name]), func(c claimant) bool { return nameOf(c.policy) == nameOf(policy) })
		claim := claimOn(bucketKey{serviceOf(provider), reference.Name}, append(others, claimant{policy, provider, who}))
		if claim.holds(policy) {
			continue
		}
		why := conflictOf(claim, policy)
		if len(buckets[why]) == 0 {
			reasons = append(reasons, why)
		}
		buckets[why] = append(buckets[why], cors.Quote(reference.Name))
	}
	var sentences []string
	for i, why := range reasons {
		if i == maxConflictWarnings {
			sentences = append(sentences, count(len(reasons)-i, "more conflict")+" with other policies")
			break
		}
		noun := "bucket"
		if len(buckets[why]) > 1 {
			noun = "buckets"
		}
		sentences = append(sentences, noun+" "+enumerate(buckets[why], ", ", "bucket")+": "+why)
	}
	return sentences
}
