// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// maxNoteLength is the bound of events.k8s.io, in bytes.
const maxNoteLength = 1024

// The actions of events: what the operator was doing.
const (
	actionReconcile = "Reconcile"
	actionApply     = "Apply"
	actionCompose   = "Compose"
	actionObserve   = "Observe"
	actionCleanUp   = "CleanUp"
)

// event is one event to be recorded.
type event struct {
	kind, reason, action, note string
}

type eventBatch []event

// add makes one event of notes, if there are any.
func (l *eventBatch) add(kind, reason, action string, notes ...string) {
	if len(notes) > 0 {
		*l = append(*l, event{kind, reason, action, truncateBytes(strings.Join(notes, "; "), maxNoteLength)})
	}
}

// record tells events about an object, and the log what they tell.
func record(ctx context.Context, recorder events.EventRecorder, about runtime.Object, happened []event) {
	for _, e := range happened {
		logf.FromContext(ctx).Info("recorded an event", "type", e.kind, "reason", e.reason, "note", e.note)
		recorder.Eventf(about, nil, e.kind, e.reason, e.action, "%s", e.note)
	}
}

// eventsFor are the events of the step from one status to the next: for what
// was written, for foreign changes, and for a turn of Ready; none for what stays
// as it is. One event tells of all buckets that the same thing happened to,
// because events of the same kind, reason and action about one object are
// counted as one, with the note of the first.
func eventsFor(before, after s3v1alpha1.BucketCORSPolicyStatus) []event {
	previous := map[bucketKey]s3v1alpha1.BucketStatus{}
	for _, b := range before.Buckets {
		previous[bucketKey{b.Service, b.Name}] = b
	}
	var applied, corrected, drifted, shadowed []string
	for _, b := range after.Buckets {
		was := previous[bucketKey{b.Service, b.Name}]
		if b.State == s3v1alpha1.BucketSynced && b.Reason == s3v1alpha1.ReasonSynced && b.Message != "" && b.Message != was.Message {
			shadowed = append(shadowed, fmt.Sprintf("on bucket %q, %s", b.Name, b.Message))
		}
		foreign := b.LastDrift != nil && !sameDrift(was.LastDrift, b.LastDrift)
		switch {
		// A policy that has only observed until now undoes nothing.
		case foreign && b.LastDrift.Corrected && was.ConfigurationHash == "":
			applied = append(applied, b.Name)
		case foreign && b.LastDrift.Corrected:
			corrected = append(corrected, fmt.Sprintf("somebody changed bucket %q; put right: %s", b.Name, strings.Join(b.LastDrift.Changes, "; ")))
		case foreign:
			drifted = append(drifted, fmt.Sprintf("bucket %q is not as the policy says: %s", b.Name, strings.Join(b.LastDrift.Changes, "; ")))
		case b.LastAppliedTime != nil && !b.LastAppliedTime.Equal(was.LastAppliedTime):
			applied = append(applied, b.Name)
		}
	}
	var events eventBatch
	events.add(corev1.EventTypeNormal, s3v1alpha1.ReasonApplied, actionApply, aboutBuckets(applied, "wrote the rules to %s")...)
	events.add(corev1.EventTypeWarning, s3v1alpha1.ReasonDriftCorrected, actionApply, corrected...)
	events.add(corev1.EventTypeWarning, s3v1alpha1.ReasonDrifted, actionObserve, drifted...)
	events.add(corev1.EventTypeWarning, s3v1alpha1.ReasonLintFindings, actionCompose, shadowed...)

	return append(events, turnOfReady(before.Conditions, after.Conditions)...)
}

// turnOfReady is the event of a condition Ready that has another status or
// reason than before; none when it has not.
func turnOfReady(before, after []metav1.Condition) []event {
	was := meta.FindStatusCondition(before, s3v1alpha1.ConditionReady)
	is := meta.FindStatusCondition(after, s3v1alpha1.ConditionReady)
	if is == nil || (was != nil && was.Status == is.Status && was.Reason == is.Reason) {
		return nil
	}
	kind := corev1.EventTypeWarning
	switch quiet := []string{s3v1alpha1.ReasonSuspended, s3v1alpha1.ReasonSettling, s3v1alpha1.ReasonNotAsked}; {
	case is.Status == metav1.ConditionTrue, slices.Contains(quiet, is.Reason):
		kind = corev1.EventTypeNormal
	}
	var events eventBatch
	events.add(kind, is.Reason, actionReconcile, is.Message)
	return events
}

// aboutBuckets is one sentence about buckets, or none: it names as many as a note
// has room for, and counts the rest.
func aboutBuckets(names []string, sentence string) []string {
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	list, rest := "", ""
	for i, name := range names {
		quoted := fmt.Sprintf("%q", name)
		if i > 0 {
			quoted = ", " + quoted
		}
		rest = fmt.Sprintf(" and %d more", len(names)-i)
		if len(sentence)+len("100 buckets: ")+len(list)+len(quoted)+len(rest) > maxNoteLength {
			break
		}
		list, rest = list+quoted, ""
	}
	if len(names) == 1 {
		return []string{fmt.Sprintf(sentence, "bucket "+list)}
	}
	return []string{fmt.Sprintf(sentence, count(len(names), "bucket")+": "+list+rest)}
}

func sameDrift(a, b *s3v1alpha1.Drift) bool {
	return a != nil && a.DetectedTime.Equal(b.DetectedTime) && a.Corrected == b.Corrected
}

// departureEvents tell what became of the buckets that have left a policy.
func departureEvents(o outcome) []event {
	var back, removedFrom, passed, kept []string
	for _, b := range o.buckets {
		if !b.left() {
			continue
		}
		why := b.whyKept()
		switch {
		case !b.owned:
		case why != "":
			kept = append(kept, fmt.Sprintf("left bucket %q as it is: %s", b.key.name, why))
		case b.action == restored:
			back = append(back, b.key.name)
		case b.action == handedOver:
			passed = append(passed, b.key.name)
		case b.action == removed:
			removedFrom = append(removedFrom, b.key.name)
		}
	}
	var events eventBatch
	events.add(corev1.EventTypeNormal, s3v1alpha1.ReasonRestored, actionCleanUp, aboutBuckets(back, "what was there before is back on %s")...)
	events.add(corev1.EventTypeNormal, s3v1alpha1.ReasonHandedOver, actionCleanUp, aboutBuckets(passed, "other policies have %s from now on")...)
	events.add(corev1.EventTypeNormal, s3v1alpha1.ReasonRemoved, actionCleanUp, aboutBuckets(removedFrom, "there is no CORS configuration any more on %s")...)
	events.add(corev1.EventTypeWarning, s3v1alpha1.ReasonKept, actionCleanUp, kept...)
	return events
}

// whyKept is why a bucket that has left its policy was left as it is, although
// something was to be done about it; empty when it was not.
func (b bucketOutcome) whyKept() string {
	switch {
	case !b.owned:
		return ""
	case b.denied != "":
		return b.denied
	case b.failure != nil:
		return b.failure.Message
	case b.action == spared && b.unknown && b.owned:
		return "what was there before the policy is not known"
	case b.action == spared && b.owned:
		return "its configuration is not the one that this policy put there"
	default:
		return ""
	}
}
