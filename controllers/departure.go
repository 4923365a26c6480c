// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// departure is everything that decides what becomes of a bucket that leaves its
// policy, because the policy is going away or names it no longer.
type departure struct {
	deletionPolicy s3v1alpha1.DeletionPolicy
	live           cors.Configuration
	// ours is whether live is what we put there, or what the policy wants there.
	ours bool
	// outdated is whether live can be from before our last write.
	outdated bool
	// original is what was there before the policy came; nil when it is not known.
	original *cors.Configuration
	// successors is whether other policies have rules on the bucket from now on,
	// which make up succession.
	successors bool
	succession cors.Configuration
}

// decide is what has to be done, and the configuration that the bucket has to
// have afterwards; that is live when nothing has to be written. It is never
// asked for a policy that retains.
//
// The action is one of settle, handedOver, restored, removed and spared.
func (d departure) decide() (action, cors.Configuration) {
	done, after := d.end()
	// An answer that may be from before our last write says nothing about what is
	// there now, and so is no reason to leave it as it is.
	if d.outdated && same(after, d.live) {
		return settle, d.live
	}
	return done, after
}

// end is what has to be done if live is what is there.
func (d departure) end() (action, cors.Configuration) {
	nothing := cors.Configuration{}
	bare := len(d.live.Rules) == 0
	if d.successors {
		// What is not ours the others save, and then put right.
		if !d.ours || cors.Equal(d.succession, d.live) {
			return handedOver, d.live
		}
		return handedOver, d.succession
	}
	if d.deletionPolicy == s3v1alpha1.DeletionPolicyDelete {
		switch {
		case bare:
			return removed, d.live
		case !d.ours:
			return spared, d.live
		default:
			return removed, nothing
		}
	}
	switch {
	case d.original == nil:
		return spared, d.live
	case bare && len(d.original.Rules) == 0:
		return removed, d.live
	case same(*d.original, d.live):
		return restored, d.live
	case !d.ours:
		return spared, d.live
	case len(d.original.Rules) == 0:
		return removed, nothing
	default:
		return restored, *d.original
	}
}

// needsOriginal is whether the original plays a part.
func (d departure) needsOriginal() bool {
	return d.successors || d.deletionPolicy != s3v1alpha1.DeletionPolicyDelete
}

// same is whether two configurations have the same in every field, in the same
// order. Of a list, absent and empty are the same: S3 stores no empty one.
func same(a, b cors.Configuration) bool {
	return slices.EqualFunc(a.Rules, b.Rules, func(a, b cors.Rule) bool {
		return a.ID == b.ID &&
			slices.Equal(a.AllowedOrigins, b.AllowedOrigins) &&
			slices.Equal(a.AllowedMethods, b.AllowedMethods) &&
			slices.Equal(a.AllowedHeaders, b.AllowedHeaders) &&
			slices.Equal(a.ExposeHeaders, b.ExposeHeaders) &&
			(a.MaxAgeSeconds == b.MaxAgeSeconds || a.MaxAgeSeconds != nil && b.MaxAgeSeconds != nil && *a.MaxAgeSeconds == *b.MaxAgeSeconds)
	})
}
