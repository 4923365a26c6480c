// SPDX-License-Identifier: Apache-2.0

package controllers

import (
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
	// wrote is whether the policy ever wrote to the bucket or had its configuration
	// there.
	applied bool
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
	return spared, d.live
}
