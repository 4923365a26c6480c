// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"
	"time"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// A service that does not answer costs a few requests, however many buckets are
// on it, and those of other services nothing.
func TestAServiceThatDoesNotAnswerIsNotAskedForEveryBucket(t *testing.T) {
	buckets := numbered("bucket", 40)
	policy, other := aPolicy(buckets...), namedPolicy("team-b", "web", noon, "assets")
	elsewhere := aProvider()
	elsewhere.Name, elsewhere.Spec.Endpoint = "elsewhere", newName
	other.Spec.ProviderRef = &s3v1alpha1.ProviderReference{Name: "elsewhere"}
	w := newWorld(t, policy, other, aProvider(), elsewhere)
	for _, name := range buckets {
		w.s3.faults["GET "+name] = timedOut
	}
	after := w.mustPass(policy)
	if asked := len(w.s3.takeRequests()); asked < silenceLimit || asked > 2*silenceLimit {
		t.Errorf("%d requests were made", asked)
	}
	w.expectReady(after, "False Timeout")
	w.expectReady(w.mustPass(other), "True Ready")
	w.s3.takeRequests()

	w.later(silencePause / 2)
	w.mustPass(policy)
	w.expect()
	w.later(silencePause)
	w.mustPass(policy)
	if asked := len(w.s3.takeRequests()); asked != 1 {
		t.Errorf("%d requests were made to see whether it answers again", asked)
	}

	clear(w.s3.faults)
	w.later(2 * silencePause)
	w.mustPass(policy)
	w.later(time.Minute)
	w.expectReady(w.mustPass(policy), "True Ready")
}

func TestAFewBucketsThatDoNotAnswerKeepNoOthers(t *testing.T) {
	buckets := numbered("bucket", 40)
	policy := aPolicy(buckets...)
	w := newWorld(t, policy, aProvider())
	for _, name := range buckets[:silenceLimit-1] {
		w.s3.faults["GET "+name] = timedOut
	}
	if summary := w.mustPass(policy).Status.BucketSummary; summary != "37/40" {
		t.Errorf("the summary is %s", summary)
	}
}

func TestANoteNamesAsManyBucketsAsItHasRoomFor(t *testing.T) {
	for _, tt := range []struct {
		names []string
		want  string
	}{
		{[]string{"b"}, `on bucket "b"`},
		{[]string{"b", "a"}, `on 2 buckets: "a", "b"`},
	} {
		if got := aboutBuckets(tt.names, "on %s"); len(got) != 1 || got[0] != tt.want {
			t.Errorf("%q", got)
		}
	}
	if got := aboutBuckets(nil, "on %s"); got != nil {
		t.Errorf("%q", got)
	}
	long := aboutBuckets(numbered(strings.Repeat("n", 60), 100), "on %s")[0]
	if len(long) > maxNoteLength || len(long) < maxNoteLength-100 || !strings.HasPrefix(long, "on 100 buckets: ") || !strings.HasSuffix(long, " more") {
		t.Errorf("%d bytes: %s", len(long), long)
	}
}

// What another policy has written a moment ago may not be there yet: a policy that
// never had the bucket does not say that all is well on a guess.
func TestABucketIsNotSyncedBeforeItIsTakenOver(t *testing.T) {
	old := aPolicy("assets")
	old.Spec.DeletionPolicy = s3v1alpha1.DeletionPolicyRetain
	w := newWorld(t, old, aProvider())
	w.s3.live["assets"] = theirs
	w.mustPass(old)
	w.delete(old)
	w.mustPass(old)
	w.later(5 * time.Second)
	w.s3.live["assets"] = theirs // somebody puts it back by hand
	again := namedPolicy("team-a", "again", noon, "assets")
	if err := w.client.Create(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	w.expectReady(w.mustPass(again), "False Settling")
	w.later(2 * time.Minute)
	w.expectReady(w.mustPass(again), "True Ready")
	w.settled(again)
	w.delete(again)
	w.mustPass(again)
	if live := w.s3.live["assets"]; !same(live, theirs) {
		t.Errorf("the bucket has %+v", live)
	}
}
