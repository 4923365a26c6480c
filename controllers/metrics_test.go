// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// meterLog is a Meter that remembers what it was told.
type meterLog struct {
	mu   sync.Mutex
	told []string
}

func (l *meterLog) tell(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, what)
}

func (l *meterLog) DriftDetected()                  { l.tell("drift detected") }
func (l *meterLog) DriftCorrected()                 { l.tell("drift corrected") }
func (l *meterLog) PolicyReady(after time.Duration) { l.tell(fmt.Sprintf("ready after %s", after)) }
func (l *meterLog) PlaceAnswered(reason string)     { l.tell("a place answered: " + reason) }

// expect compares what was told since the last time.
func (l *meterLog) expect(t *testing.T, when string, want ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	expectEqual(t, "what is counted "+when, l.told, want)
	l.told = nil
}

func TestAForeignChangeIsCountedWhenItIsSeenAndWhenItIsPutRight(t *testing.T) {
	w := newWorld(t, aProvider(), aPolicy("assets"))
	policy := w.mustPass(aPolicy("assets"))
	w.meter.told = nil
	w.later(2 * settleTime)
	w.mustPass(policy)
	w.meter.expect(t, "of a look at a bucket as desired")

	w.s3.live["assets"] = theirs
	w.s3.faults["PUT assets"] = throttled
	w.mustPass(policy)
	w.meter.expect(t, "while it cannot be put right", "drift detected")
	w.later(settleTime)
	w.mustPass(policy)
	w.meter.expect(t, "while it still cannot")
	delete(w.s3.faults, "PUT assets")
	w.later(settleTime)
	w.mustPass(policy)
	w.meter.expect(t, "when it can", "drift corrected")

	w.later(2 * settleTime)
	w.s3.live["assets"] = third
	policy = w.mustPass(policy)
	w.meter.expect(t, "of another that is put right at once", "drift detected", "drift corrected")

	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor("https://new.example") })
	w.mustPass(policy)
	w.meter.expect(t, "of a status that still tells of it", "ready after 0s")
}

func TestAPolicyThatObservesCountsEachForeignChangeOnce(t *testing.T) {
	observing := aPolicy("assets")
	observing.Spec.Mode = s3v1alpha1.PolicyModeObserve
	w := newWorld(t, aProvider(), observing)
	w.s3.live["assets"] = theirs
	for range 3 {
		w.mustPass(observing)
		w.later(5 * time.Minute)
	}
	w.meter.expect(t, "while it stays", "drift detected")
	w.s3.live["assets"] = third
	w.mustPass(observing)
	w.meter.expect(t, "when it becomes another", "drift detected")
	w.edit(observing, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Mode = s3v1alpha1.PolicyModeEnforce })
	w.mustPass(observing)
	w.meter.expect(t, "when the policy takes the bucket", "ready after 0s")
}

func TestAStatusThatIsNotStoredCountsNothing(t *testing.T) {
	w := newWorld(t, aProvider(), aPolicy("assets"))
	policy := w.mustPass(aPolicy("assets"))
	w.meter.told = nil
	w.later(2 * settleTime)
	w.s3.live["assets"] = theirs
	w.applyFault = errors.New("the API server is down")
	if _, err := w.pass(policy); err == nil {
		t.Fatal("the pass has no error")
	}
	w.meter.expect(t, "without a status")
	w.applyFault = nil
	w.mustPass(policy)
	w.meter.expect(t, "when it is stored", "drift detected", "drift corrected")
}

func TestTheTimeToReadyIsCountedOnceForEachGeneration(t *testing.T) {
	created := aPolicy("assets")
	created.Generation, created.CreationTimestamp = 1, *at(noon.Add(-3 * time.Second))
	w := newWorld(t, aProvider(), created)
	w.mustPass(created)
	w.meter.expect(t, "of a new policy", "ready after 3s")

	w.later(time.Hour)
	w.mustPass(created)
	w.meter.expect(t, "of a look")

	w.s3.faults["PUT assets"] = throttled
	w.edit(created, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor("https://new.example") })
	w.mustPass(created)
	delete(w.s3.faults, "PUT assets")
	w.later(40 * time.Second)
	w.mustPass(created)
	w.meter.expect(t, "of a change that took a while", "ready after 40s")

	w.edit(created, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor("https://newer.example") })
	w.s3.faults["PUT assets"] = throttled
	w.mustPass(created)
	w.restart()
	delete(w.s3.faults, "PUT assets")
	w.later(time.Hour)
	w.mustPass(created)
	w.meter.expect(t, "of a change that an earlier process saw first")
}

func TestATimeToReadyIsNotCountedAgainByACacheThatIsBehind(t *testing.T) {
	var log readinessLog
	policy := aPolicy("assets")
	log.begin(policy, noon)
	if took, first := log.ready(policy, noon.Add(time.Second)); took != time.Second || !first {
		t.Fatalf("got %s, %t", took, first)
	}
	log.begin(policy, noon.Add(time.Minute))
	if _, first := log.ready(policy, noon.Add(time.Minute)); first {
		t.Error("it is counted again")
	}
	behind := policy.DeepCopy()
	behind.Generation--
	log.begin(behind, noon.Add(time.Minute))
	log.begin(policy, noon.Add(time.Minute))
	if _, first := log.ready(policy, noon.Add(time.Minute)); first {
		t.Error("it is counted again after an older generation")
	}
	replaced := policy.DeepCopy()
	replaced.UID, replaced.Generation, replaced.CreationTimestamp = "another", 1, *at(noon.Add(2 * time.Minute))
	log.begin(replaced, noon.Add(3*time.Minute))
	if took, first := log.ready(replaced, noon.Add(3*time.Minute)); took != time.Minute || !first {
		t.Errorf("one of the same name that came later: %s, %t", took, first)
	}
}

func TestATimeToReadyIsOfOneGenerationOfOnePolicy(t *testing.T) {
	var log readinessLog
	policy := aPolicy("assets")
	log.begin(policy, noon)
	newer, another := policy.DeepCopy(), policy.DeepCopy()
	newer.Generation++
	another.UID = "another"
	for what, other := range map[string]*s3v1alpha1.BucketCORSPolicy{"a generation that has not begun": newer, "another policy of the same name": another} {
		if _, first := log.ready(other, noon.Add(time.Second)); first {
			t.Errorf("%s is counted", what)
		}
	}
	// The clock of the node was set back.
	if took, first := log.ready(policy, noon.Add(-time.Hour)); took != 0 || !first {
		t.Errorf("got %s, %t", took, first)
	}
}

func TestNothingIsMeasuredOfAPolicyThatIsGone(t *testing.T) {
	w := newWorld(t, aProvider(), aPolicy("assets"))
	policy := w.mustPass(aPolicy("assets"))
	w.delete(policy)
	for range 3 {
		w.mustPass(policy)
	}
	if w.get(policy) != nil || len(w.reconciler.readiness.policies) > 0 {
		t.Errorf("there is %v", w.reconciler.readiness.policies)
	}
}

func TestEachAnswerOfAPlaceIsCounted(t *testing.T) {
	policy := aPolicy("assets")
	policy.Spec.Verification = &s3v1alpha1.Verification{Endpoints: []s3v1alpha1.VerificationEndpoint{"https://cdn.example.com"}}
	w := newWorld(t, aProvider(), policy)
	w.endpoints.findings["https://cdn.example.com"] = []PreflightFinding{{Reason: s3v1alpha1.ReasonPreflightMismatch, Message: "no", Passing: true}}
	w.mustPass(policy)
	slices.Sort(w.meter.told)
	w.meter.expect(t, "right after the write", "a place answered: Settling", "a place answered: Verified")

	w.endpoints.findings["https://cdn.example.com"] = []PreflightFinding{{Reason: s3v1alpha1.ReasonEndpointUnreachable, Message: "no"}}
	w.later(10 * time.Minute)
	w.mustPass(policy)
	slices.Sort(w.meter.told)
	w.meter.expect(t, "later", "a place answered: EndpointUnreachable", "a place answered: Verified")

	stopped, stop := context.WithCancel(t.Context())
	stop()
	w.later(10 * time.Minute)
	if _, err := w.passUnanswered(policy); err != nil || !w.answerPreflights(stopped) {
		t.Fatalf("nothing was to be asked, %v", err)
	}
	w.meter.expect(t, "of what was not asked to the end")
}

func TestASuspendedPolicyIsReadyWithoutAMeasuredTime(t *testing.T) {
	created := aPolicy("assets")
	created.Generation, created.CreationTimestamp = 1, *at(noon.Add(-3 * time.Second))
	created.Spec.Suspend = true
	w := newWorld(t, aProvider(), created)
	w.mustPass(created)
	w.meter.expect(t, "while nothing is done")

	w.edit(created, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Suspend = false })
	w.later(5 * time.Second)
	w.mustPass(created)
	w.meter.expect(t, "of the change that set it going", "ready after 0s")
}
