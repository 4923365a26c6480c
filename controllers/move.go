// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// When the endpoint of a provider gets another name, or a policy another provider
// of the same server, all buckets of the policy are on another service by name
// and have not moved at all. Such a bucket is known by what is on it: what the
// policy has put there under the other name.

// followMove passes on the original of a bucket that a policy is about to take
// over, if it has that bucket already, on another service by name.
func (r *PolicyReconciler) followMove(ctx context.Context, task bucketTask, found cors.Configuration) error {
	for _, b := range task.policy.Status.Buckets {
		if b.Name != task.key.name || b.Service == task.key.service || b.ConfigurationHash == "" || b.ConfigurationHash != cors.Hash(found) {
			continue
		}
		archive := archive{r.Client}
		original, err := archive.original(ctx, task.policy, bucketKey{b.Service, b.Name}, b.OriginalRevision)
		if err != nil || original == nil {
			return err
		}
		return archive.bequeath(ctx, *original, task.key, []*s3v1alpha1.BucketCORSPolicy{task.policy})
	}
	return nil
}

// hasMoved is whether a bucket that leaves a policy is one that the policy still
// has, under another name of the service: then both have the same original. The
// failure is that this cannot be told yet.
func (r *PolicyReconciler) hasMoved(ctx context.Context, task bucketTask) (bool, *bucket.Error) {
	archive := archive{r.Client}
	before, err := archive.original(ctx, task.policy, task.key, task.before.OriginalRevision)
	if err != nil {
		return false, notRestored(task.key, err)
	}
	now, err := archive.original(ctx, task.policy, bucketKey{task.home, task.key.name}, "")
	if err != nil {
		return false, notRestored(task.key, err)
	}
	if now == nil && task.unseenAtHome {
		return false, &bucket.Error{
			Reason: s3v1alpha1.ReasonSettling, Fate: bucket.Transient,
			Message: fmt.Sprintf("bucket %q on %s leaves the policy when the one of that name on %s has been taken over", task.key.name, task.key.service, task.home),
		}
	}
	return before != nil && now != nil && before.foundAt.Equal(now.foundAt) && same(before.configuration, now.configuration), nil
}
