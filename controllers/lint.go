// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/lint"
)

// lintEvents tell what is probably not meant in the rules of a policy, whose
// status is the one before the pass. That blocks nothing and is in no condition,
// so that it is told once for each generation, with the first status of it.
func lintEvents(policy *s3v1alpha1.BucketCORSPolicy, o outcome) []event {
	if policy.Status.ObservedGeneration == policy.Generation || !policy.DeletionTimestamp.IsZero() ||
		o.acceptance.reason == s3v1alpha1.ReasonInvalidRules {
		return nil
	}
	options := lint.Options{Dialect: o.dialect}
	for _, reference := range policy.Spec.Buckets {
		options.Buckets = append(options.Buckets, reference.Name)
	}
	var events eventBatch
	if note := lintNote(o.acceptance.rules, options); note != "" {
		events.add(corev1.EventTypeWarning, s3v1alpha1.ReasonLintFindings, actionReconcile, note)
	}
	return events
}

// lintNote is what is wrong with rules that are valid, the worst first, in as
// many bytes as an event holds; empty for what is no more than good to know.
func lintNote(rules cors.Configuration, options lint.Options) string {
	found := slices.DeleteFunc(lint.Run(rules, options), func(f lint.Finding) bool { return f.Severity == lint.Info })
	severities := []lint.Severity{lint.Error, lint.Warning}
	slices.SortStableFunc(found, func(a, b lint.Finding) int {
		return cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity))
	})
	note := ""
	for i, f := range found {
		sentence := f.ID + " spec." + f.String()
		if i > 0 {
			sentence = ". " + sentence
		}
		rest := ""
		if left := len(found) - i - 1; left > 0 {
			rest = fmt.Sprintf("; and %d more; run `bucketcors lint`", left)
		}
		if i > 0 && len(note)+len(sentence)+len(rest) > maxNoteLength {
			return note + fmt.Sprintf("; and %d more; run `bucketcors lint`", len(found)-i)
		}
		note += truncateBytes(sentence, maxNoteLength-len(note)-len(rest))
	}
	return note
}
