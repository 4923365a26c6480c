// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"
	"time"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// sharedPolicy has one rule, whose id and origin are of its name, on the bucket
// "assets".
func sharedPolicy(namespace, name string, age time.Duration, priority int32) *s3v1alpha1.BucketCORSPolicy {
	policy := namedPolicy(namespace, name, noon.Add(-age), "assets")
	policy.Spec.Sharing, policy.Spec.Priority = s3v1alpha1.SharingShared, priority
	policy.Spec.Rules = rulesFor("https://" + name + ".example.com")
	policy.Spec.Rules[0].ID = name
	return policy
}

// origins are those of the rules on a bucket, in order.
func (w *world) origins(bucketName string) string {
	var all []string
	for _, rule := range w.s3.live[bucketName].Rules {
		all = append(all, strings.TrimSuffix(strings.TrimPrefix(rule.AllowedOrigins[0], "https://"), ".example.com"))
	}
	return strings.Join(all, " ")
}

// settled makes passes over policies long after whatever was written.
func (w *world) settled(policies ...*s3v1alpha1.BucketCORSPolicy) {
	w.t.Helper()
	for range 2 {
		w.later(time.Hour)
		for _, policy := range policies {
			w.mustPass(policy)
		}
	}
}

func (w *world) expectOrigins(want string) {
	w.t.Helper()
	if got := w.origins("assets"); got != want {
		w.t.Errorf("the bucket has the rules of %q, not of %q", got, want)
	}
}

func TestSharedPoliciesComposeAndLeaveOneByOne(t *testing.T) {
	first, second, third := sharedPolicy("team-a", "first", 3*time.Hour, 0), sharedPolicy("team-b", "second", 2*time.Hour, 10), sharedPolicy("team-a", "third", time.Hour, 0)
	w := newWorld(t, first, second, third, aProvider())
	w.s3.live["assets"] = handmade()
	w.settled(first, second, third)
	w.expectOrigins("second first third")
	expectEqual(t, "shared with", w.get(first).Status.Buckets[0].SharedWith, []string{"team-b/second", "team-a/third"})
	expectEqual(t, "the originals", append(w.saved("team-a"), w.saved("team-b")...), []string{
		"assets Original https://z.example *", "assets Original https://z.example *", "assets Original https://z.example *"})

	w.delete(first) // the one that came first, and found the original
	w.s3.takeRequests()
	if w.mustPass(first) != nil {
		t.Fatal("something keeps the policy")
	}
	w.expect("GET assets", "PUT assets")
	w.expectOrigins("second third")
	w.settled(second, third)
	w.expectOrigins("second third")

	w.s3.live["assets"] = theirs
	w.mustPass(third)
	w.expectOrigins("second third")

	w.delete(second)
	w.mustPass(second)
	w.settled(third)
	w.expectOrigins("third")
	w.delete(third)
	w.mustPass(third)
	if live := w.s3.live["assets"]; !same(live, handmade()) {
		t.Errorf("the bucket has %+v", live)
	}
}

func TestAnExclusivePolicyAndSharedOnes(t *testing.T) {
	shared, exclusive := sharedPolicy("team-a", "shared", time.Hour, 0), sharedPolicy("team-b", "exclusive", 2*time.Hour, 0)
	exclusive.Spec.Sharing = s3v1alpha1.SharingExclusive
	w := newWorld(t, shared, exclusive, aProvider())
	w.settled(shared, exclusive)
	w.expectOrigins("exclusive")
	w.expectReady(w.get(shared), "False Conflicted")
	w.edit(exclusive, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Sharing = s3v1alpha1.SharingShared })
	w.settled(shared, exclusive)
	w.expectOrigins("shared exclusive")
	w.expectReady(w.get(shared), "True Ready")
}

// A policy that is renamed in Git leaves no gap, and loses nothing.
func TestASuccessorTakesOverWithoutAGap(t *testing.T) {
	for name, successorFirst := range map[string]bool{"the old one is looked at first": false, "the new one is looked at first": true} {
		t.Run(name, func(t *testing.T) {
			old, renamed := aPolicy("assets"), namedPolicy("team-a", "web2", noon.Add(-time.Minute), "assets")
			renamed.Spec.Rules = rulesFor("https://renamed.example.com")
			w := newWorld(t, old, renamed, aProvider())
			w.s3.live["assets"] = handmade()
			w.settled(old, renamed)
			w.expectReady(w.get(renamed), "False Conflicted")
			w.delete(old)
			w.s3.takeRequests()
			order := []*s3v1alpha1.BucketCORSPolicy{old, renamed}
			if successorFirst {
				order = []*s3v1alpha1.BucketCORSPolicy{renamed, old}
			}
			for _, policy := range order {
				w.mustPass(policy)
			}
			w.expect("GET assets", "PUT assets", "GET assets")
			if w.get(old) != nil {
				t.Fatal("something keeps the old policy")
			}
			w.expectOrigins("renamed")
			w.settled(renamed)
			w.delete(renamed)
			w.mustPass(renamed)
			if live := w.s3.live["assets"]; !same(live, handmade()) {
				t.Errorf("the bucket has %+v", live)
			}
		})
	}
}

func TestAPolicyThatCannotEnforceKeepsWhatIsInForce(t *testing.T) {
	for name, change := range map[string]func(*s3v1alpha1.BucketCORSPolicySpec){
		"mistakes": func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor("https://*.*.example.com") },
		"suspended": func(spec *s3v1alpha1.BucketCORSPolicySpec) {
			spec.Suspend, spec.Rules = true, rulesFor("https://later")
		},
		"observing": func(spec *s3v1alpha1.BucketCORSPolicySpec) {
			spec.Mode, spec.Rules = s3v1alpha1.PolicyModeObserve, rulesFor("https://later")
		},
	} {
		t.Run(name, func(t *testing.T) {
			first, second := sharedPolicy("team-a", "first", 3*time.Hour, 0), sharedPolicy("team-b", "second", 2*time.Hour, 0)
			w := newWorld(t, first, second, aProvider())
			w.settled(first, second)
			w.edit(first, change)
			w.settled(first, second)
			w.expectOrigins("first second")
			w.edit(second, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor("https://new.example.com") })
			w.settled(first, second)
			w.expectOrigins("first new")
		})
	}
}

func TestThereIsRoomForTheFirstOnly(t *testing.T) {
	many := func(policy *s3v1alpha1.BucketCORSPolicy, n int) *s3v1alpha1.BucketCORSPolicy {
		rule := policy.Spec.Rules[0]
		rule.ID = ""
		policy.Spec.Rules = nil
		for range n {
			policy.Spec.Rules = append(policy.Spec.Rules, rule)
		}
		return policy
	}
	first, second, third := many(sharedPolicy("team-a", "first", 3*time.Hour, 0), 60), many(sharedPolicy("team-b", "second", 2*time.Hour, 10), 50), sharedPolicy("team-a", "third", time.Hour, -1)
	w := newWorld(t, first, second, third, aProvider())
	w.settled(first, second, third)
	if got := len(w.s3.live["assets"].Rules); got != 51 {
		t.Errorf("the bucket has %d rules", got)
	}
	w.expectReady(w.get(second), "True Ready")
	w.expectReady(w.get(third), "True Ready")
	refused := w.get(first)
	w.expectReady(refused, "False DoesNotFit")
	if message := refused.Status.Buckets[0].Message; !strings.Contains(message, "team-b/second") {
		t.Errorf("the message is %q", message)
	}
	w.delete(second)
	w.mustPass(second)
	w.settled(first, third)
	w.expectReady(w.get(first), "True Ready")
	if got := len(w.s3.live["assets"].Rules); got != 61 {
		t.Errorf("the bucket has %d rules", got)
	}
}

func TestARuleInTheShadowOfAnotherTeamIsToldToItsOwn(t *testing.T) {
	first, second := sharedPolicy("team-a", "first", 3*time.Hour, 1), sharedPolicy("team-b", "second", 2*time.Hour, 0)
	first.Spec.Rules[0].AllowedOrigins = []s3v1alpha1.CORSOrigin{"https://*.example.com"}
	second.Spec.Rules[0].ExposeHeaders = []s3v1alpha1.CORSHeader{"ETag"}
	w := newWorld(t, first, second, aProvider())
	w.settled(first, second)
	if message := w.get(first).Status.Buckets[0].Message; message != "" {
		t.Errorf("the first is told %q", message)
	}
	if message := w.get(second).Status.Buckets[0].Message; !strings.Contains(message, "team-a/first") || !strings.Contains(message, "ETag") {
		t.Errorf("the second is told %q", message)
	}
	events := strings.Join(w.events.take(), "\n")
	if n := strings.Count(events, "LintFindings Compose: on bucket \"assets\","); n != 1 {
		t.Errorf("it is told %d times:\n%s", n, events)
	}
	if !cors.Equal(cors.Configuration{Rules: append(configurationFor(first.Spec.Rules).Rules, configurationFor(second.Spec.Rules).Rules...)}, w.s3.live["assets"]) {
		t.Errorf("the bucket has %+v", w.s3.live["assets"])
	}
}
