// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// archive keeps what was found on buckets, as ControllerRevisions that belong to
// the policies. Nothing of it is cached: it is asked only before a first write,
// before a foreign change is overwritten, and when a bucket leaves its policy.
//
// Every method may be called again after a failure, and comes to the same end.
type archive struct {
	client client.Client
}

// The operator saves what is on buckets in the namespaces of the policies.
// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;create;patch;delete

// savedConfiguration is what was found on a bucket.
type savedConfiguration struct {
	// revision is the name of the ControllerRevision.
	revision      string
	configuration cors.Configuration
	foundAt       time.Time
}

// takeOver makes sure that there is an original of a bucket for a policy that is
// about to write to it for the first time, and returns it. It is, in this order:
// the one that the policy has; that of another of the claimants, which had the
// bucket before; or live, what is there now.
func (a archive) takeOver(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, key bucketKey,
	claimants []claimant, live cors.Configuration, now time.Time,
) (savedConfiguration, error) {
	return savedConfiguration{}, nil
}

// save keeps a configuration that somebody else has put on a bucket and that is
// about to be overwritten. One that is kept already is not kept twice, but
// becomes the latest. The last maxSaved of a bucket are kept, beside the original.
func (a archive) save(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, key bucketKey, live cors.Configuration, now time.Time) error {
	return nil
}

// original is what was on a bucket before the policy came; nil when that is not
// known. revision is its name if the status of the policy has one: it is found
// by it even after release.
func (a archive) original(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, key bucketKey, revision string) (*savedConfiguration, error) {
	return nil, nil
}

// bequeath gives the original of a bucket to those heirs that have none.
func (a archive) bequeath(ctx context.Context, original savedConfiguration, key bucketKey, heirs []*s3v1alpha1.BucketCORSPolicy) error {
	return nil
}

// release ends the part of an original for a bucket that has left a policy: it
// becomes a former one, and nothing keeps it from being deleted. Should the
// bucket come back, what is there then is the original.
func (a archive) release(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, key bucketKey) error {
	return nil
}

// protect puts the finalizer on all originals of a policy that has it itself,
// or takes it off when the policy is to lose it.
func (a archive) protect(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, wanted bool) error {
	return nil
}
