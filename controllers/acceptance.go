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
	// desired is the configuration that the rules ask for. It is without
	// mistakes unless the verdict is InvalidRules.
	desired cors.Configuration
}

// workable is whether there are rules to apply and a provider to apply them
// through. A policy that is denied some of its buckets is workable for the rest.
func (a acceptance) workable() bool {
	return a.reason == s3v1alpha1.ReasonAccepted || a.reason == s3v1alpha1.ReasonNotPermitted
}

// accept judges a policy of a tenant. The provider is nil when it does not exist.
func accept(policy *s3v1alpha1.BucketCORSPolicy, provider *s3v1alpha1.BucketProvider, who tenant) acceptance {
	a := acceptance{desired: configurationFor(policy.Spec.Rules)}
	if _, err := cors.Compile(a.desired); err != nil {
		a.verdict = refuse(s3v1alpha1.ReasonInvalidRules, describeMistakes(err))
		return a
	}
	if provider == nil {
		a.verdict = refuse(s3v1alpha1.ReasonProviderNotFound, fmt.Sprintf(
			"there is no BucketProvider named %q; create it, or name another in spec.providerRef", providerName(policy)))
		return a
	}

	var denied []string
	for _, reference := range policy.Spec.Buckets {
		if !granted(provider.Spec.Access, who, reference.Name) {
			denied = append(denied, fmt.Sprintf("%q", reference.Name))
		}
	}
	if len(denied) > 0 {
		a.verdict = refuse(s3v1alpha1.ReasonNotPermitted, notPermitted(provider.Name, policy.Namespace, denied))
		return a
	}
	a.verdict = verdict{metav1.ConditionTrue, s3v1alpha1.ReasonAccepted, fmt.Sprintf(
		"the rules are valid and BucketProvider %q grants %s", provider.Name, count(len(policy.Spec.Buckets), "bucket"))}
	return a
}

func refuse(reason, message string) verdict {
	return verdict{metav1.ConditionFalse, reason, message}
}

func notPermitted(provider, namespace string, buckets []string) string {
	return fmt.Sprintf("BucketProvider %q does not grant bucket %s to namespace %q: nothing is read or written there until an entry of its spec.access matches both",
		provider, enumerate(buckets, ", ", "bucket"), namespace)
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
