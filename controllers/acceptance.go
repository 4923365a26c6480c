// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// namedInMessage is how many things of a kind a message names before it counts
// the rest.
const namedInMessage = 5

// verdict is what a condition says.
type verdict struct {
	status  metav1.ConditionStatus
	reason  string
	message string
}

// acceptance is what can be said of a policy before any request to S3.
type acceptance struct {
	verdict
	// rules is the configuration that the rules ask for. It is without mistakes
	// unless the verdict is InvalidRules.
	rules cors.Configuration
	// denied is why the provider does not permit the rules on a bucket, by name.
	denied map[string]string
}

// workable is whether there are rules to apply and a provider to apply them
// through. A policy that is denied some of its buckets is workable for the rest.
func (a acceptance) workable() bool {
	return a.reason == s3v1alpha1.ReasonAccepted || a.reason == s3v1alpha1.ReasonNotPermitted
}

// hopeless is whether only a change of the spec helps.
func (a acceptance) hopeless() bool {
	return a.reason == s3v1alpha1.ReasonInvalidRules || a.reason == s3v1alpha1.ReasonExpectationFailed
}

// accept judges a policy of a tenant. The provider is nil when it does not exist.
func accept(policy *s3v1alpha1.BucketCORSPolicy, provider *s3v1alpha1.BucketProvider, who tenant) acceptance {
	a := acceptance{rules: configurationFor(policy.Spec.Rules)}
	if bad := judgeRules(policy, a.rules, dialectOf(provider)); bad != nil {
		a.verdict = *bad
		return a
	}
	if provider == nil {
		a.verdict = refuse(s3v1alpha1.ReasonProviderNotFound, fmt.Sprintf(
			"there is no BucketProvider named %q; create it, or name another in spec.providerRef", providerName(policy)))
		return a
	}
	if a.denied = denials(policy, provider, who, a.rules); len(a.denied) > 0 {
		a.verdict = refuse(s3v1alpha1.ReasonNotPermitted, describeDenials(policy, a.denied))
		return a
	}
	a.verdict = verdict{metav1.ConditionTrue, s3v1alpha1.ReasonAccepted, fmt.Sprintf(
		"the rules are valid and BucketProvider %q grants %s", provider.Name, count(len(policy.Spec.Buckets), "bucket"))}
	return a
}

// judgeRules is why the rules of a policy would not do on any bucket of a kind of
// server; nil when they would.
func judgeRules(policy *s3v1alpha1.BucketCORSPolicy, rules cors.Configuration, dialect *cors.Dialect) *verdict {
	if _, err := dialect.Compile(rules); err != nil {
		return new(refuse(s3v1alpha1.ReasonInvalidRules, describeMistakes(err)))
	}
	if why := unmetAlone(policy, rules, dialect); why != "" {
		return new(refuse(s3v1alpha1.ReasonExpectationFailed, why+"; "+unmetMeans))
	}
	return nil
}

// denials are why a provider does not permit the rules of a policy on some of
// its buckets, by the names of those.
func denials(policy *s3v1alpha1.BucketCORSPolicy, provider *s3v1alpha1.BucketProvider, who tenant, rules cors.Configuration) map[string]string {
	denied := map[string]string{}
	judged := map[string]string{} // by the grants that match
	for _, reference := range policy.Spec.Buckets {
		grants := matchingGrants(provider.Spec.Access, who, reference.Name)
		why, known := judged[fmt.Sprint(grants)]
		if !known {
			why = denialBy(provider, grants, who, rules)
			judged[fmt.Sprint(grants)] = why
		}
		if why != "" {
			denied[reference.Name] = why
		}
	}
	return denied
}

// describeDenials tells of all buckets that are denied for the same reason at
// once.
func describeDenials(policy *s3v1alpha1.BucketCORSPolicy, denied map[string]string) string {
	var reasons []string
	buckets := map[string][]string{}
	for _, reference := range policy.Spec.Buckets {
		why, found := denied[reference.Name]
		if !found {
			continue
		}
		if len(buckets[why]) == 0 {
			reasons = append(reasons, why)
		}
		buckets[why] = append(buckets[why], fmt.Sprintf("%q", reference.Name))
	}
	sentences := make([]string, len(reasons))
	for i, why := range reasons {
		sentences[i] = fmt.Sprintf("bucket %s: %s", enumerate(buckets[why], ", ", "bucket"), why)
	}
	return enumerate(sentences, "; ", "reason") + "; " + deniedMeans(policy)
}

// deniedMeans is what follows for a bucket that a provider denies.
func deniedMeans(policy *s3v1alpha1.BucketCORSPolicy) string {
	if policy.Spec.Sharing == s3v1alpha1.SharingShared {
		return "nothing is read or written there for this policy until that changes, and other policies that share the bucket do without its rules"
	}
	return "nothing is read or written there until that changes, and what was applied before stays as it is"
}

// dialectOf is how the server of a provider evaluates rules: AWS when it does
// not say, or does not exist.
func dialectOf(provider *s3v1alpha1.BucketProvider) *cors.Dialect {
	if provider != nil {
		if dialect, known := cors.DialectByName(string(provider.Spec.Dialect)); known {
			return dialect
		}
	}
	return cors.AWS
}

func refuse(reason, message string) verdict {
	return verdict{metav1.ConditionFalse, reason, message}
}

// providerName is the name of the BucketProvider of a policy.
func providerName(policy *s3v1alpha1.BucketCORSPolicy) string {
	if policy.Spec.ProviderRef == nil {
		return s3v1alpha1.DefaultProviderName
	}
	return policy.Spec.ProviderRef.Name
}

// describeMistakes names what Compile found by the paths of the manifest.
func describeMistakes(err error) string {
	var sentences []string
	for mistake := range cors.Mistakes(err) {
		sentences = append(sentences, "spec."+mistake.Error())
	}
	if len(sentences) == 0 {
		return err.Error()
	}
	return enumerate(sentences, "; ", "mistake")
}

// enumerate joins items and, past namedInMessage, counts the rest.
func enumerate(items []string, separator, noun string) string {
	if len(items) <= namedInMessage {
		return strings.Join(items, separator)
	}
	return strings.Join(items[:namedInMessage], separator) + " and " + count(len(items)-namedInMessage, "more "+noun)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
