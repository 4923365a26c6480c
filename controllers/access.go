// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"path"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// granted is whether the grants let a namespace have policies for a bucket. One
// grant has to match both: two halves of two grants open nothing.
func granted(grants []s3v1alpha1.AccessGrant, namespace, bucketName string) bool {
	for _, grant := range grants {
		if matchesAny(grant.Namespaces, namespace) && matchesAny(grant.Buckets, bucketName) {
			return true
		}
	}
	return false
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
