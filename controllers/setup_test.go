// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

func TestAChangeConcernsEveryPolicyThatItCanMakeADifferenceTo(t *testing.T) {
	through := func(provider string, policy *s3v1alpha1.BucketCORSPolicy) *s3v1alpha1.BucketCORSPolicy {
		policy.Spec.ProviderRef = &s3v1alpha1.ProviderReference{Name: provider}
		return policy
	}
	objects := []client.Object{
		namedPolicy("team-a", "web", noon, "assets", "logs"),
		through("other", namedPolicy("team-b", "assets", noon, "assets")),
		through("other", namedPolicy("team-b", "logs", noon, "logs", "media")),
		through("other", namedPolicy("team-b", "media", noon, "media")),
		through("default", namedPolicy("team-c", "extra", noon, "extra")),
	}
	w := newWorld(t, objects...)
	for name, tt := range map[string]struct {
		find   func(context.Context, client.Object) []reconcile.Request
		change client.Object
		want   []string
	}{
		"a policy and those of its buckets":   {w.reconciler.policiesOfSameBuckets, objects[0], []string{"team-b/assets", "team-b/logs"}},
		"a policy that shares nothing":        {w.reconciler.policiesOfSameBuckets, objects[4], nil},
		"a policy that is gone":               {w.reconciler.policiesOfSameBuckets, namedPolicy("team-x", "gone", noon, "media"), []string{"team-b/logs", "team-b/media"}},
		"the default provider":                {w.reconciler.policiesOfProvider, aProvider(), []string{"team-a/web", "team-b/assets", "team-b/logs", "team-c/extra"}},
		"another provider":                    {w.reconciler.policiesOfProvider, reaching("other", ""), []string{"team-a/web", "team-b/assets", "team-b/logs", "team-b/media"}},
		"a provider that no policy refers to": {w.reconciler.policiesOfProvider, reaching("unused", ""), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, request := range tt.find(t.Context(), tt.change) {
				got = append(got, request.String())
			}
			slices.Sort(got)
			expectEqual(t, "the policies", got, tt.want)
		})
	}
}

func TestTriesAreSpreadAndGetRarer(t *testing.T) {
	var tries retries
	wait := firstRetry
	for range 12 {
		if got := tries.next("uid"); got < wait || got > wait+wait/5 {
			t.Errorf("the pause is %s, not between %s and %s", got, wait, wait+wait/5)
		}
		wait = min(2*wait, lastRetry)
	}
	if wait != lastRetry {
		t.Errorf("the longest pause was not reached, only %s", wait)
	}
	tries.forget("uid")
	if got := tries.next("uid"); got > 2*time.Second {
		t.Errorf("after a success the pause is %s", got)
	}
}
