// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"
	"time"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

const newName = "https://s3-new.internal:9000"

// rename gives the endpoint of the provider another name.
func (w *world) rename(endpoint string) {
	w.t.Helper()
	provider := aProvider()
	if err := w.client.Get(w.t.Context(), namedKey(provider), provider); err != nil {
		w.t.Fatal(err)
	}
	provider.Spec.Endpoint = endpoint
	provider.Generation++
	if err := w.client.Update(w.t.Context(), provider); err != nil {
		w.t.Fatal(err)
	}
}

func TestAServerUnderAnotherNameHasTheSameBuckets(t *testing.T) {
	for name, oldNameWorks := range map[string]bool{"and no provider has the old name": false, "and another provider has the old name": true} {
		t.Run(name, func(t *testing.T) {
			policy := aPolicy("assets")
			w := newWorld(t, policy, aProvider())
			w.s3.live["assets"] = handmade()
			w.mustPass(policy)
			w.later(time.Hour)
			w.s3.alias = map[string]string{"assets@" + newName: "assets"}
			w.rename(newName)
			if oldNameWorks {
				old := aProvider()
				old.Name = "old"
				if err := w.client.Create(t.Context(), old); err != nil {
					t.Fatal(err)
				}
			}
			w.s3.faults["GET assets@"+newName] = throttled
			w.mustPass(policy)
			if !cors.Equal(ours, w.s3.live["assets"]) {
				t.Fatalf("the bucket has %+v before it was seen under its new name", w.s3.live["assets"])
			}
			delete(w.s3.faults, "GET assets@"+newName)
			w.s3.takeRequests()
			after := w.mustPass(policy)
			w.expect("GET assets@" + newName)
			w.expectReady(after, "True Ready")
			if len(after.Status.Buckets) != 1 {
				t.Errorf("the status has %+v", after.Status.Buckets)
			}
			w.later(time.Hour)
			w.delete(policy)
			if w.mustPass(policy) != nil {
				t.Error("something keeps the policy")
			}
			if live := w.s3.live["assets"]; !same(live, handmade()) {
				t.Errorf("the bucket has %+v", live)
			}
		})
	}
}

func TestAnotherServerHasOtherBuckets(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.s3.live["assets"], w.s3.live["assets@"+newName] = handmade(), third
	w.mustPass(policy)
	w.later(time.Hour)
	w.rename(newName)
	after := w.mustPass(policy)
	w.expectReady(after, "False ProviderNotFound") // nothing reaches the old one
	if !cors.Equal(ours, w.s3.live["assets"]) || !cors.Equal(ours, w.s3.live["assets@"+newName]) {
		t.Fatalf("the buckets have %+v", w.s3.live)
	}
	old := aProvider()
	old.Name = "old"
	if err := w.client.Create(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	w.later(time.Minute)
	w.expectReady(w.mustPass(policy), "True Ready")
	if live := w.s3.live["assets"]; !same(live, handmade()) {
		t.Errorf("the old bucket has %+v", live)
	}
	w.later(time.Hour)
	w.delete(policy)
	w.mustPass(policy)
	if live := w.s3.live["assets@"+newName]; !same(live, third) {
		t.Errorf("the new bucket has %+v", live)
	}
}

func TestAPolicyThatWaitsGoesWithoutAWord(t *testing.T) {
	owner, waiting := namedPolicy("team-b", "owner", noon.Add(-2*time.Hour), "assets"), aPolicy("assets", "ghost")
	w := newWorld(t, owner, waiting, aProvider())
	w.s3.faults["GET ghost"] = notFound
	w.mustPass(owner)
	w.mustPass(waiting)
	w.s3.takeRequests()
	w.events.take()
	w.delete(waiting)
	if w.mustPass(waiting) != nil {
		t.Error("something keeps the policy")
	}
	w.expect()
	expectEqual(t, "the events", w.events.take(), nil)
}

func TestToEnforceAfterObservingIsNoCorrection(t *testing.T) {
	policy := aPolicy("assets")
	policy.Spec.Mode = s3v1alpha1.PolicyModeObserve
	w := newWorld(t, policy, aProvider())
	w.s3.live["assets"] = theirs
	w.mustPass(policy)
	w.events.take()
	w.later(time.Hour)
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Mode = s3v1alpha1.PolicyModeEnforce })
	w.expectReady(w.mustPass(policy), "True Ready")
	events := strings.Join(w.events.take(), "\n")
	if !strings.Contains(events, `Normal Applied Apply: wrote the rules to bucket "assets"`) || strings.Contains(events, s3v1alpha1.ReasonDriftCorrected) {
		t.Errorf("the events are\n%s", events)
	}
}

func TestWhatStillHasToLeaveIsToldBeforeWhatHasLeft(t *testing.T) {
	policy := aPolicy("assets", "logs")
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.later(time.Hour)
	w.delete(policy)
	w.s3.faults["GET logs"] = throttled
	after := w.mustPass(policy)
	w.expectReady(after, "False Throttled")
	if after.Status.Buckets[0].Name != "logs" || after.Status.BucketSummary != "0/2" {
		t.Errorf("the status is %+v", after.Status)
	}
}
