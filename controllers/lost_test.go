// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// cutShort makes a pass over a policy whose status is not stored, and starts the
// operator anew where it is told so.
func (w *world) cutShort(policy *s3v1alpha1.BucketCORSPolicy, restarts bool) {
	w.t.Helper()
	w.applyFault = errors.New("connection lost")
	if _, err := w.pass(policy); err == nil {
		w.t.Fatal("the status was stored")
	}
	w.applyFault = nil
	if restarts {
		w.restart()
	}
}

func (w *world) expectLive(bucketName string, want cors.Configuration) {
	w.t.Helper()
	if live := w.s3.live[bucketName]; !same(live, want) {
		w.t.Errorf("bucket %q has %+v, not %+v", bucketName, live, want)
	}
}

// expectEvent looks for a line among the events since the last time.
func (w *world) expectEvent(line string) {
	w.t.Helper()
	if events := w.events.take(); !slices.Contains(events, line) {
		w.t.Errorf("the events are %q, without %q", events, line)
	}
}

// provider changes the default provider.
func (w *world) provider(change func(*s3v1alpha1.BucketProvider)) {
	w.t.Helper()
	provider := aProvider()
	if err := w.client.Get(w.t.Context(), namedKey(provider), provider); err != nil {
		w.t.Fatal(err)
	}
	change(provider)
	provider.Generation++
	if err := w.client.Update(w.t.Context(), provider); err != nil {
		w.t.Fatal(err)
	}
}

// originals are those of a policy, with whether they are protected.
func (w *world) originals(policy *s3v1alpha1.BucketCORSPolicy) []appsv1.ControllerRevision {
	w.t.Helper()
	var list appsv1.ControllerRevisionList
	if err := w.client.List(w.t.Context(), &list, client.InNamespace(policy.Namespace)); err != nil {
		w.t.Fatal(err)
	}
	return slices.DeleteFunc(ownedBy(list.Items, policy.UID), func(r appsv1.ControllerRevision) bool { return !isOriginal(&r) })
}

func without(spec *s3v1alpha1.BucketCORSPolicySpec, bucketName string) {
	spec.Buckets = slices.DeleteFunc(spec.Buckets, func(b s3v1alpha1.BucketReference) bool { return b.Name == bucketName })
}

// forBoth runs a test with an operator that goes on, and with one that starts
// anew after its first pass.
func forBoth(t *testing.T, test func(t *testing.T, restarts bool)) {
	t.Helper()
	for _, restarts := range []bool{false, true} {
		t.Run(fmt.Sprintf("the operator starts anew %t", restarts), func(t *testing.T) { test(t, restarts) })
	}
}

func TestABucketThatNoStatusEverToldOfIsRestored(t *testing.T) {
	forBoth(t, func(t *testing.T, restarts bool) {
		policy := aPolicy("assets", "logs")
		w := newWorld(t, policy, aProvider())
		w.s3.live["assets"] = handmade()
		w.cutShort(policy, restarts)
		w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { without(spec, "assets") })
		w.later(time.Hour)
		w.mustPass(policy)
		w.expectLive("assets", handmade())
		w.expectEvent(`Normal Restored CleanUp: what was there before is back on bucket "assets"`)
	})
}

func TestAnOutageBeforeAPolicyRestsLosesNothing(t *testing.T) {
	for name, rest := range map[string]func(*s3v1alpha1.BucketCORSPolicySpec){
		"suspended":      func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Suspend = true },
		"with a mistake": func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor("*.*") },
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(t *testing.T, restarts bool) {
				policy := aPolicy("assets", "logs")
				w := newWorld(t, policy, aProvider())
				w.s3.live["assets"] = handmade()
				w.cutShort(policy, restarts)
				w.edit(policy, rest)
				w.mustPass(policy)
				w.later(time.Hour)
				w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
					spec.Suspend, spec.Rules = false, rulesFor("https://app.example.com")
					without(spec, "assets")
				})
				w.mustPass(policy)
				w.expectLive("assets", handmade())
			})
		})
	}
}

func TestAPolicyWhoseFirstStatusIsMissingDoesNotGoBeforeItsBuckets(t *testing.T) {
	for name, inTheWay := range map[string]struct{ comes, goes func(*world) }{
		"the server is busy": {func(w *world) { w.s3.faults["GET assets"] = throttled }, func(w *world) { delete(w.s3.faults, "GET assets") }},
		"there is no provider": {func(w *world) { w.delete(aProvider()) }, func(w *world) {
			if err := w.client.Create(w.t.Context(), aProvider()); err != nil {
				w.t.Fatal(err)
			}
		}},
		"S3 answers with what was there before": {func(w *world) { w.s3.stale["assets"] = handmade() }, func(w *world) { delete(w.s3.stale, "assets") }},
	} {
		t.Run(name, func(t *testing.T) {
			policy := aPolicy("assets")
			w := newWorld(t, policy, aProvider())
			w.s3.live["assets"] = handmade()
			w.cutShort(policy, true)
			w.later(5 * time.Second)
			inTheWay.comes(w)
			w.delete(policy)
			if w.mustPass(policy) == nil {
				t.Error("the policy is gone")
			}
			w.later(2 * settleTime)
			inTheWay.goes(w)
			if w.mustPass(policy) != nil {
				t.Error("the policy is still there")
			}
			w.expectLive("assets", handmade())
		})
	}
}

// The status of the first may be on its way when the second is looked at.
func TestWhoJoinsFirstTakesNothingOfOursForTheOriginal(t *testing.T) {
	forBoth(t, func(t *testing.T, restarts bool) {
		first, second := sharedPolicy("team-a", "first", 2*time.Hour, 0), sharedPolicy("team-b", "second", time.Hour, 0)
		w := newWorld(t, first, second, aProvider())
		w.s3.live["assets"] = handmade()
		w.cutShort(first, restarts)
		w.mustPass(second)
		w.settled(first, second)
		w.delete(first)
		w.mustPass(first)
		w.settled(second)
		w.delete(second)
		w.mustPass(second)
		w.expectLive("assets", handmade())
	})
}

func TestASuccessorOfOneThatDroppedTheBucketAtOnceTakesNothingOfItsForTheOriginal(t *testing.T) {
	forBoth(t, func(t *testing.T, restarts bool) {
		old, next := aPolicy("assets", "logs"), namedPolicy("team-b", "next", noon.Add(-time.Minute), "assets")
		next.Spec.Rules = rulesFor("https://next.example.com")
		w := newWorld(t, old, next, aProvider())
		w.s3.live["assets"] = handmade()
		w.mustPass(next)
		w.cutShort(old, restarts)
		w.edit(old, func(spec *s3v1alpha1.BucketCORSPolicySpec) { without(spec, "assets") })
		if restarts {
			w.later(10 * time.Second)
		}
		w.mustPass(next)
		w.settled(old, next)
		w.expectOrigins("next")
		w.delete(next)
		w.mustPass(next)
		w.expectLive("assets", handmade())
	})
}

func TestABucketThatIsBackBeforeItsLeaveIsToldHasItsOriginal(t *testing.T) {
	forBoth(t, func(t *testing.T, restarts bool) {
		policy := aPolicy("assets", "logs")
		w := newWorld(t, policy, aProvider())
		w.s3.live["assets"] = handmade()
		w.mustPass(policy)
		w.later(time.Hour)
		w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { without(spec, "assets") })
		w.cutShort(policy, restarts)
		w.expectLive("assets", handmade())
		w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
			spec.Buckets = append(spec.Buckets, s3v1alpha1.BucketReference{Name: "assets"})
		})
		w.settled(policy)
		w.expectLive("assets", ours)
		originals := w.originals(policy)
		if len(originals) != 2 || !isProtected(&originals[0]) || !isProtected(&originals[1]) {
			t.Errorf("the originals are %+v", originals)
		}
		w.delete(policy)
		w.mustPass(policy)
		w.expectLive("assets", handmade())
	})
}

func TestOriginalsGetTheirFinalizerWhateverComesBetween(t *testing.T) {
	for name, between := range map[string]func(*world, *s3v1alpha1.BucketCORSPolicy){
		"their patch fails": func(w *world, policy *s3v1alpha1.BucketCORSPolicy) {
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.DeletionPolicy = s3v1alpha1.DeletionPolicyRetain })
			w.mustPass(policy)
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.DeletionPolicy = s3v1alpha1.DeletionPolicyRestore })
			w.patchFault = func(object client.Object) error {
				if _, ok := object.(*appsv1.ControllerRevision); ok {
					return errors.New("connection lost")
				}
				return nil
			}
			if _, err := w.pass(policy); err == nil {
				w.t.Error("the originals have their finalizer already")
			}
		},
		"the spec is changed back": func(w *world, policy *s3v1alpha1.BucketCORSPolicy) {
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.DeletionPolicy = s3v1alpha1.DeletionPolicyRetain })
			w.patchFault = func(object client.Object) error {
				if _, ok := object.(*s3v1alpha1.BucketCORSPolicy); ok {
					return errors.New("connection lost")
				}
				return nil
			}
			if _, err := w.pass(policy); err == nil {
				w.t.Error("the policy has lost its finalizer already")
			}
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.DeletionPolicy = s3v1alpha1.DeletionPolicyRestore })
		},
		"the rules are wrong meanwhile": func(w *world, policy *s3v1alpha1.BucketCORSPolicy) {
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.DeletionPolicy = s3v1alpha1.DeletionPolicyRetain })
			w.mustPass(policy)
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
				spec.DeletionPolicy, spec.Rules = s3v1alpha1.DeletionPolicyRestore, rulesFor("*.*")
			})
		},
		"the operator starts anew": func(w *world, policy *s3v1alpha1.BucketCORSPolicy) {
			original := w.originals(policy)[0]
			original.Finalizers = nil
			if err := w.client.Update(w.t.Context(), &original); err != nil {
				w.t.Fatal(err)
			}
			w.restart()
		},
	} {
		t.Run(name, func(t *testing.T) {
			policy := aPolicy("assets")
			w := newWorld(t, policy, aProvider())
			w.s3.live["assets"] = handmade()
			w.mustPass(policy)
			w.later(time.Hour)
			between(w, policy)
			w.patchFault = nil
			w.mustPass(policy)
			if originals := w.originals(policy); len(originals) != 1 || !isProtected(&originals[0]) {
				t.Errorf("the originals are %+v", originals)
			}
		})
	}
}

func TestAnOriginalThatSomebodyDeletedIsMissedInSoManyWords(t *testing.T) {
	policy := aPolicy("assets", "logs")
	w := newWorld(t, policy, aProvider())
	w.s3.live["assets"] = handmade()
	revision := w.mustPass(policy).Status.Buckets[0].OriginalRevision
	for _, original := range w.originals(policy) {
		if original.Name != revision {
			continue
		}
		original.Finalizers = nil
		if err := w.client.Update(t.Context(), &original); err != nil {
			t.Fatal(err)
		}
		w.delete(&original)
	}
	w.restart()
	w.later(time.Hour)
	w.mustPass(policy)
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { without(spec, "assets") })
	w.events.take()
	if after := w.mustPass(policy); len(after.Status.Buckets) != 1 {
		t.Errorf("the bucket did not leave: %+v", after.Status.Buckets)
	}
	w.expectLive("assets", ours)
	w.expectEvent(`Warning Kept CleanUp: left bucket "assets" as it is: what was there before the policy is not known`)
}

func TestDeleteDoesNotNeedWhatWasThereBefore(t *testing.T) {
	policy := deletable("assets")
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	original := w.originals(policy)[0]
	original.Annotations[s3v1alpha1.RevisionTimeAnnotation] = "yesterday"
	if err := w.client.Update(t.Context(), &original); err != nil {
		t.Fatal(err)
	}
	w.later(time.Hour)
	w.delete(policy)
	if after := w.mustPass(policy); after != nil {
		t.Errorf("it is still there: %s", after.Status.Conditions[0].Message)
	}
	w.expectLive("assets", nothing)
}

func TestAnOriginalThatCannotBeReadKeepsThePolicyAndNamesTheWayOut(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	original := w.originals(policy)[0]
	original.Annotations[s3v1alpha1.RevisionTimeAnnotation] = "yesterday"
	if err := w.client.Update(t.Context(), &original); err != nil {
		t.Fatal(err)
	}
	w.later(time.Hour)
	w.delete(policy)
	message := w.mustPass(policy).Status.Conditions[0].Message
	for _, part := range []string{original.Name, "put a time like", wayOut} {
		if !strings.Contains(message, part) {
			t.Errorf("the message is %q", message)
		}
	}
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.DeletionPolicy = s3v1alpha1.DeletionPolicyRetain })
	if w.mustPass(policy) != nil {
		t.Error("the way out does not work")
	}
}

// Whoever waits for a bucket that its owner may not touch any more.
func TestAnOwnerWithoutItsGrantHandsTheOriginalOn(t *testing.T) {
	for name, leave := range map[string]func(*world, *s3v1alpha1.BucketCORSPolicy){
		"is deleted": func(w *world, policy *s3v1alpha1.BucketCORSPolicy) { w.delete(policy) },
		"drops the bucket": func(w *world, policy *s3v1alpha1.BucketCORSPolicy) {
			w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { without(spec, "assets") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			owner, next := aPolicy("assets", "logs"), namedPolicy("team-b", "next", noon.Add(-time.Minute), "assets")
			next.Spec.Rules = rulesFor("https://next.example.com")
			next.Finalizers = []string{s3v1alpha1.FinalizerName}
			w := newWorld(t, owner, next, aProvider())
			w.s3.live["assets"] = handmade()
			w.mustPass(owner)
			w.later(time.Hour)
			w.provider(func(p *s3v1alpha1.BucketProvider) { p.Spec.Access = []s3v1alpha1.AccessGrant{grant("team-b", "*")} })
			leave(w, owner)
			if after := w.mustPass(owner); after != nil && len(after.Status.Buckets) != 1 {
				t.Errorf("the bucket does not leave: %+v", after.Status.Buckets)
			}
			w.settled(next)
			w.expectOrigins("next")
			w.delete(next)
			w.mustPass(next)
			w.expectLive("assets", handmade())
		})
	}
}

func TestOneThatRetainsHasNoSayInWhatWasThereBeforeItsSuccessor(t *testing.T) {
	for name, successorFirst := range map[string]bool{"the old one is looked at first": false, "the new one is looked at first": true} {
		t.Run(name, func(t *testing.T) {
			old, next := aPolicy("assets", "logs"), namedPolicy("team-a", "web2", noon.Add(-time.Minute), "assets")
			old.Spec.DeletionPolicy = s3v1alpha1.DeletionPolicyRetain
			next.Spec.Rules = rulesFor("https://next.example.com")
			w := newWorld(t, old, next, aProvider())
			w.s3.live["assets"] = handmade()
			w.settled(old, next)
			w.edit(old, func(spec *s3v1alpha1.BucketCORSPolicySpec) { without(spec, "assets") })
			order := []*s3v1alpha1.BucketCORSPolicy{old, next}
			if successorFirst {
				slices.Reverse(order)
			}
			w.settled(order...)
			w.expectOrigins("next")
			w.delete(next)
			w.mustPass(next)
			w.expectLive("assets", ours)
		})
	}
}

func TestWhatWasFoundInABucketThatIsGoneIsNotPutIntoANewOne(t *testing.T) {
	policy := aPolicy("assets", "logs")
	w := newWorld(t, policy, aProvider())
	w.s3.live["assets"] = handmade()
	w.mustPass(policy)
	w.later(time.Hour)
	w.s3.faults["GET assets"] = notFound
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { without(spec, "assets") })
	w.mustPass(policy)
	delete(w.s3.faults, "GET assets")
	w.s3.live["assets"] = third
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
		spec.Buckets = append(spec.Buckets, s3v1alpha1.BucketReference{Name: "assets"})
	})
	w.settled(policy)
	w.delete(policy)
	w.mustPass(policy)
	w.expectLive("assets", third)
}

// The rules of a policy are composed from the cache, which may have a newer one.
func TestAPassThatThePolicyHasOutrunDoesNothing(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.s3.live["assets"] = handmade()
	read := w.mustPass(policy)
	w.later(time.Hour)
	w.s3.takeRequests()
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Suspend = true })
	w.restart()
	if result, err := w.reconciler.reconcile(t.Context(), read); err != nil || result.RequeueAfter != staleInterval {
		t.Errorf("the next pass is in %s (%v)", result.RequeueAfter, err)
	}
	w.expect()
}

func TestABucketThatCannotLeaveDoesNotHaveTheOthersReadAllTheTime(t *testing.T) {
	policy, elsewhere := aPolicy(numbered("bucket", 20)...), aProvider()
	elsewhere.Name, elsewhere.Spec.Endpoint = "elsewhere", "https://new.internal:9000"
	w := newWorld(t, policy, aProvider(), elsewhere)
	w.mustPass(policy)
	w.later(time.Hour)
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
		spec.ProviderRef = &s3v1alpha1.ProviderReference{Name: "elsewhere"}
		spec.Buckets = spec.Buckets[:10]
	})
	w.delete(aProvider())
	w.settled(policy)
	w.mustPass(policy)
	w.s3.takeRequests()
	w.apiWrites.Store(0)
	w.events.take()
	for range 5 {
		w.later(waitingInterval)
		result, err := w.pass(policy)
		if err != nil || result.RequeueAfter < waitingInterval {
			t.Errorf("the next look is in %s (%v)", result.RequeueAfter, err)
		}
	}
	w.expect()
	if w.apiWrites.Load() != 0 {
		t.Errorf("%d writes while nothing happens", w.apiWrites.Load())
	}
	expectEqual(t, "the events", w.events.take(), nil)
	w.later(5 * time.Minute)
	w.mustPass(policy)
	if requests := w.s3.takeRequests(); len(requests) != 10 {
		t.Errorf("the requests are %q", requests)
	}
}

func TestADeletionThatIsStuckDoesNotWorkOnWhatIsDone(t *testing.T) {
	policy := aPolicy("assets", "empty", "stuck")
	w := newWorld(t, policy, aProvider())
	w.s3.live["assets"] = handmade()
	w.mustPass(policy)
	w.later(time.Hour)
	w.delete(policy)
	w.s3.faults["GET stuck"] = accessDenied
	w.mustPass(policy)
	w.later(time.Minute)
	w.s3.takeRequests()
	w.events.take()
	w.s3.live["assets"] = third
	w.apiWrites.Store(0)
	w.mustPass(policy)
	w.expect("GET stuck")
	if w.apiWrites.Load() != 0 {
		t.Errorf("%d writes while nothing happens", w.apiWrites.Load())
	}
	delete(w.s3.faults, "GET stuck")
	if w.mustPass(policy) != nil {
		t.Error("it is still there")
	}
	w.expectLive("assets", third)
	expectEqual(t, "the events", w.events.take(), []string{
		`Normal Restored CleanUp: what was there before is back on bucket "assets"`,
		`Normal Removed CleanUp: there is no CORS configuration any more on 2 buckets: "empty", "stuck"`})
}

func TestAStatusHoldsAsManyBucketsAsItMayAndTheArchiveTheOthers(t *testing.T) {
	policy := aPolicy(numbered("bucket", 100)...)
	o := outcome{acceptance: accepted()}
	for _, name := range numbered("bucket", 100) {
		o.buckets = append(o.buckets, on(name, bucketOutcome{failure: notFound}))
		policy.Status.Buckets = append(policy.Status.Buckets, s3v1alpha1.BucketStatus{Name: name, LastDrift: driftOf(foreignChanges(), true, noon)})
	}
	for _, name := range numbered("left", 600) {
		o.buckets = append(o.buckets, on(name, bucketOutcome{leaving: true, owned: true, failure: unreached(assets)}))
		policy.Status.Buckets = append(policy.Status.Buckets, s3v1alpha1.BucketStatus{Name: name, LastDrift: driftOf(foreignChanges(), true, noon)})
	}
	o.buckets[0].failure, o.buckets[0].action = nil, keep
	policy.Status = statusFor(policy, o, noon)
	expectInvariants(t, policy, policy.Status)
	staying := 0
	for _, b := range policy.Status.Buckets {
		if !b.Leaving {
			staying++
		}
		if b.Leaving != (b.LastDrift == nil) {
			t.Errorf("the last drift of %q, leaving %t, is %v", b.Name, b.Leaving, b.LastDrift)
		}
	}
	if n := len(policy.Status.Buckets); n != maxBuckets || staying != 100 {
		t.Errorf("the status has %d buckets, %d of the spec", n, staying)
	}

	w := newWorld(t)
	revision := mustRevision(t, policy, assets, found(theirs, noon), s3v1alpha1.RevisionOriginal, 1)
	if err := w.client.Create(t.Context(), revision); err != nil {
		t.Fatal(err)
	}
	surveys := &w.reconciler.surveys
	for range 2 {
		surveys.told(policy.UID)
		if told, err := surveys.of(t.Context(), archive{w.client}, policy); err != nil || told.originals[assets] != revision.Name {
			t.Errorf("a full status has the archive tell %+v (%v)", told, err)
		}
	}
	policy.Status.Buckets = policy.Status.Buckets[1:]
	surveys.told(policy.UID)
	if told, err := surveys.of(t.Context(), archive{w.client}, policy); err != nil || len(told.originals) > 0 {
		t.Errorf("the archive tells %+v again (%v)", told, err)
	}
}

func TestWhatIsKeptForAnEarlierPolicyOfThatNameIsLetGo(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	found := w.get(policy)
	found.Finalizers = nil
	if err := w.client.Update(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	w.delete(policy)
	again := aPolicy("logs")
	again.UID = "another"
	if err := w.client.Create(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	w.mustPass(again)
	for _, original := range w.originals(policy) {
		if isProtected(&original) {
			t.Errorf("nobody will ever take the finalizer off %s", original.Name)
		}
	}
}

func TestTheArchiveIsNotAskedInQuietTimes(t *testing.T) {
	policy := aPolicy("assets", "logs")
	w := newWorld(t, policy, aProvider())
	w.settled(policy)
	w.reconciler.Client = noRevisions{w.client}
	for range 3 {
		w.later(time.Hour)
		w.mustPass(policy)
	}
}

// noRevisions is an API server that may not be asked for ControllerRevisions.
type noRevisions struct{ client.Client }

func (c noRevisions) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if strings.Contains(fmt.Sprintf("%T", list), "PartialObjectMetadata") || strings.Contains(fmt.Sprintf("%T", list), "ControllerRevision") {
		return errors.New("nobody should ask")
	}
	return c.Client.List(ctx, list, options...)
}

func TestWhatCannotLeaveYetKeepsItsOriginal(t *testing.T) {
	policy := aPolicy("assets", "logs")
	w := newWorld(t, policy, aProvider())
	w.s3.live["assets"] = handmade()
	w.mustPass(policy)
	w.later(time.Hour)
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { without(spec, "assets") })
	w.s3.faults["GET assets"] = accessDenied
	w.mustPass(policy)
	originals := w.originals(policy)
	if len(originals) != 2 || !isProtected(&originals[0]) || !isProtected(&originals[1]) {
		t.Errorf("the originals are %+v", originals)
	}
}

func TestOneThatDeletesHandsTheOriginalOnToOneThatRestores(t *testing.T) {
	old, next := deletable("assets"), namedPolicy("team-b", "next", noon.Add(-time.Minute), "assets")
	next.Spec.Rules = rulesFor("https://next.example.com")
	w := newWorld(t, old, next, aProvider())
	w.s3.live["assets"] = handmade()
	w.settled(old, next)
	w.delete(old)
	w.mustPass(old)
	w.settled(next)
	w.expectOrigins("next")
	w.delete(next)
	w.mustPass(next)
	w.expectLive("assets", handmade())
}

func TestABucketIsReachedThroughAProviderThatGrantsIt(t *testing.T) {
	policy, other := aPolicy("assets", "logs"), aProvider()
	other.Name, other.Spec.Access = "other", []s3v1alpha1.AccessGrant{grant("team-a", "logs")}
	w := newWorld(t, policy, aProvider(), other)
	w.s3.live["assets"] = handmade()
	w.mustPass(policy)
	w.later(time.Hour)
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
		spec.ProviderRef = &s3v1alpha1.ProviderReference{Name: "other"}
		without(spec, "assets")
	})
	w.mustPass(policy)
	w.expectLive("assets", handmade())
}

func TestAnOriginalWithoutItsLabelIsFound(t *testing.T) {
	policy := aPolicy("assets")
	w := newWorld(t, policy, aProvider())
	w.s3.live["assets"] = handmade()
	w.mustPass(policy)
	var list appsv1.ControllerRevisionList
	if err := w.client.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	list.Items[0].Labels = nil
	if err := w.client.Update(t.Context(), &list.Items[0]); err != nil {
		t.Fatal(err)
	}
	w.later(time.Hour)
	w.delete(policy)
	if w.mustPass(policy) != nil {
		t.Error("something keeps the policy")
	}
	if live := w.s3.live["assets"]; !same(live, handmade()) {
		t.Errorf("the bucket has %+v", live)
	}
	if err := w.client.List(t.Context(), &list); err != nil || len(list.Items[0].Finalizers) > 0 {
		t.Errorf("there is %+v (%v)", list.Items, err)
	}
}
