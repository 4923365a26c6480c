// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// saved are the configurations that were saved of all buckets in a namespace, as
// "bucket reason origin".
func (w *world) saved(namespace string) []string {
	w.t.Helper()
	var list appsv1.ControllerRevisionList
	if err := w.client.List(w.t.Context(), &list, client.InNamespace(namespace)); err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for _, revision := range list.Items {
		saved, err := readRevision(&revision)
		if err != nil {
			w.t.Fatal(err)
		}
		line := revision.Annotations[s3v1alpha1.RevisionBucketAnnotation] + " " + revision.Annotations[s3v1alpha1.RevisionReasonAnnotation]
		for _, rule := range saved.configuration.Rules {
			line += " " + rule.AllowedOrigins[0]
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// handmade is what nobody would write for a test of equality alone.
func handmade() cors.Configuration {
	return cors.Configuration{Rules: []cors.Rule{
		{ID: "b", AllowedOrigins: []string{"https://z.example", "https://a.example"}, AllowedMethods: []string{"PUT", "GET"}, MaxAgeSeconds: new(int32(0))},
		{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"HEAD"}, AllowedHeaders: []string{"X-B", "x-a", "X-B"}, ExposeHeaders: []string{"ETag", "Date"}},
	}}
}

func TestWhatWasThereComesBackWhenThePolicyGoes(t *testing.T) {
	for name, original := range map[string]cors.Configuration{"hand-made rules": handmade(), "nothing": nothing} {
		t.Run(name, func(t *testing.T) {
			policy := aPolicy("assets")
			w := newWorld(t, policy, aProvider())
			if len(original.Rules) > 0 {
				w.s3.live["assets"] = original
			}
			after := w.mustPass(policy)
			if !cors.Equal(ours, w.s3.live["assets"]) || after.Status.Buckets[0].OriginalRevision == "" {
				t.Fatalf("the bucket has %+v and the status %+v", w.s3.live["assets"], after.Status.Buckets)
			}
			w.later(time.Hour)
			w.s3.live["assets"] = theirs
			w.mustPass(policy)
			w.later(time.Hour)
			w.delete(policy)
			w.s3.takeRequests()
			if w.mustPass(policy) != nil {
				t.Error("something keeps the policy")
			}
			if live := w.s3.live["assets"]; !same(live, original) {
				t.Errorf("the bucket has %+v", live)
			}
		})
	}
}

func TestWhatIsOverwrittenIsSavedOnce(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.s3.live["assets"] = handmade()
	w.mustPass(policy)
	expectEqual(t, "what is saved", w.saved("team-a"), []string{"assets Original https://z.example *"})
	for _, foreign := range []cors.Configuration{theirs, third, theirs, handmade()} {
		w.later(time.Hour)
		w.s3.live["assets"] = foreign
		w.mustPass(policy)
	}
	expectEqual(t, "what is saved", w.saved("team-a"), []string{
		"assets ForeignChange https://evil.example", "assets ForeignChange https://third.example", "assets Original https://z.example *"})

	w.later(time.Hour)
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor("https://new.example.com") })
	w.mustPass(policy)
	if saved := w.saved("team-a"); len(saved) != 3 {
		t.Errorf("what we wrote ourselves was saved too: %q", saved)
	}
}

func TestNothingIsWrittenBeforeItIsSaved(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.s3.live["assets"] = theirs
	w.createFault = errors.New("quota exceeded")
	after := w.mustPass(policy)
	w.expect("GET assets")
	w.expectReady(after, "False NotSaved")
	if message := after.Status.Buckets[0].Message; !strings.Contains(message, "quota exceeded") {
		t.Errorf("the message is %q", message)
	}
	w.createFault = nil
	w.expectReady(w.mustPass(policy), "True Ready")
	w.expect("GET assets", "PUT assets")

	w.later(time.Hour)
	w.s3.live["assets"] = third
	w.createFault = errors.New("quota exceeded")
	after = w.mustPass(policy)
	w.expect("GET assets")
	w.expectReady(after, "False NotSaved")
	if drift := after.Status.Buckets[0].LastDrift; drift == nil || drift.Corrected {
		t.Errorf("the foreign change is told as %+v", drift)
	}
}

func TestAnEqualBucketIsTakenOverWithoutAWrite(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	reordered := configured("https://app.example.com")
	reordered.Rules[0].AllowedMethods = []string{"GET", "GET"}
	w.s3.live["assets"] = reordered
	w.mustPass(policy)
	w.expect("GET assets")
	w.later(time.Hour)
	w.s3.live["assets"] = theirs
	w.mustPass(policy)
	w.expect("GET assets", "PUT assets")
	w.later(time.Hour)
	w.delete(policy)
	w.mustPass(policy)
	if live := w.s3.live["assets"]; !same(live, reordered) {
		t.Errorf("the bucket has %+v", live)
	}
}

func TestABucketThatLeavesThePolicyIsRestoredAlone(t *testing.T) {
	policy := aPolicy("assets", "logs")
	w := newWorld(t, policy, aProvider())
	w.s3.live["assets"] = handmade()
	w.mustPass(policy)
	w.later(time.Hour)
	w.s3.takeRequests()
	w.events.take()
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Buckets = spec.Buckets[1:] })

	w.s3.faults["GET assets"] = throttled
	after := w.mustPass(policy)
	w.expect("GET assets", "GET logs")
	w.expectReady(after, "False Throttled")
	expectEqual(t, "the buckets", bucketLines(after.Status), []string{"1/1",
		"assets Pending Throttled (ours) applied 0s: the server asks for fewer requests; mend it, or set spec.deletionPolicy to Retain to leave everything as it is",
		"logs Synced Synced (ours) applied 0s"})

	delete(w.s3.faults, "GET assets")
	after = w.mustPass(policy)
	w.expectReady(after, "True Ready")
	if live := w.s3.live["assets"]; !same(live, handmade()) || !cors.Equal(ours, w.s3.live["logs"]) {
		t.Errorf("the buckets have %+v", w.s3.live)
	}
	if len(after.Status.Buckets) != 1 {
		t.Errorf("the status has %+v", after.Status.Buckets)
	}
	if events := strings.Join(w.events.take(), "\n"); !strings.Contains(events, `Normal Restored CleanUp: what was there before is back on bucket "assets"`) {
		t.Errorf("the events are\n%s", events)
	}

	// What is there when it comes back is the original then.
	w.later(time.Hour)
	w.s3.live["assets"] = third
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
		spec.Buckets = append(spec.Buckets, s3v1alpha1.BucketReference{Name: "assets"})
	})
	w.mustPass(policy)
	w.later(time.Hour)
	w.delete(policy)
	w.mustPass(policy)
	if live := w.s3.live["assets"]; !same(live, third) {
		t.Errorf("the bucket has %+v", live)
	}
}

func TestWhatWasSavedForAPolicyThatIsGoneIsInNobodysWay(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.s3.live["assets"] = theirs
	w.mustPass(policy)
	found := w.get(policy)
	found.Finalizers = nil
	if err := w.client.Update(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	w.delete(policy)
	w.mustPass(policy)
	var list appsv1.ControllerRevisionList
	if err := w.client.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 || len(list.Items[0].Finalizers) > 0 {
		t.Errorf("there is %+v", list.Items)
	}
}

func TestAPolicyThatNeverWroteGoesAtOnce(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.s3.live["assets"] = ours
	w.mustPass(policy)
	w.later(time.Second)
	w.delete(policy)
	if w.mustPass(policy) != nil {
		t.Error("something keeps the policy")
	}
	w.expect("GET assets", "GET assets")
}
