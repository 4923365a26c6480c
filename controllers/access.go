// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"path"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// tenant is a namespace that asks for a bucket. labels are nil when the
// namespace is not known, which no selector selects; a namespace without labels
// has an empty map.
type tenant struct {
	namespace string
	labels    map[string]string
	// terminating is whether the namespace is being deleted, and its policies with
	// it.
	terminating bool
}

// granted is whether the grants let a namespace have policies for a bucket. One
// grant has to match both: two halves of two grants open nothing. What rules it
// may have there is for denialOf.
func granted(grants []s3v1alpha1.AccessGrant, who tenant, bucketName string) bool {
	return slices.ContainsFunc(grants, func(grant s3v1alpha1.AccessGrant) bool { return grantMatches(grant, who, bucketName) })
}

// matchingGrants are the places of the grants that are about a namespace and a
// bucket.
func matchingGrants(grants []s3v1alpha1.AccessGrant, who tenant, bucketName string) []int {
	var matching []int
	for i, grant := range grants {
		if grantMatches(grant, who, bucketName) {
			matching = append(matching, i)
		}
	}
	return matching
}

// grantMatches is whether a grant is about a namespace and a bucket. Names and
// selector both have to match where there are both; a grant with neither is
// about nobody.
func grantMatches(grant s3v1alpha1.AccessGrant, who tenant, bucketName string) bool {
	if len(grant.Namespaces) == 0 && grant.NamespaceSelector == nil {
		return false
	}
	if len(grant.Namespaces) > 0 && !matchesAny(grant.Namespaces, who.namespace) {
		return false
	}
	return matchesAny(grant.Buckets, bucketName) && (grant.NamespaceSelector == nil || selects(grant.NamespaceSelector, who))
}

// badSelector is the first namespaceSelector that selects nothing because it makes
// no sense, as a clause; empty when all make sense.
func badSelector(grants []s3v1alpha1.AccessGrant) string {
	for i, grant := range grants {
		if _, err := metav1.LabelSelectorAsSelector(grant.NamespaceSelector); err != nil {
			return fmt.Sprintf("spec.access[%d].namespaceSelector is not a selector, so that the entry grants nothing: %s", i, err)
		}
	}
	return ""
}

// selects is false for a selector that makes no sense. The schema leaves those
// to us: no other field of the provider should stop working for one.
func selects(selector *metav1.LabelSelector, who tenant) bool {
	if who.labels == nil {
		return false
	}
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && compiled.Matches(labels.Set(who.labels))
}

// matchesAny relies on the schema, which lets only characters of names and "*"
// into patterns: none that path.Match gives another meaning, and no slash,
// which its "*" would stop at.
func matchesAny[P ~string](patterns []P, name string) bool {
	for _, pattern := range patterns {
		if matched, err := path.Match(string(pattern), name); err == nil && matched {
			return true
		}
	}
	return false
}
