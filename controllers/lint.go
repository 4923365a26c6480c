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
	var events eventBatch
	if note := lintNote(o.acceptance.rules, lintOptions(policy, o.dialect)); note != "" {
		events.add(corev1.EventTypeWarning, s3v1alpha1.ReasonLintFindings, actionReconcile, note)
	}
	return events
}

// lintOptions are what the findings about the rules of a policy depend on.
func lintOptions(policy *s3v1alpha1.BucketCORSPolicy, dialect *cors.Dialect) lint.Options {
	options := lint.Options{Dialect: dialect}
	for _, reference := range policy.Spec.Buckets {
		options.Buckets = append(options.Buckets, reference.Name)
	}
	return options
}

// lintFindings are what is wrong with rules that are valid, the worst first,
// without what is no more than good to know.
func lintFindings(rules cors.Configuration, options lint.Options) []lint.Finding {
	found := slices.DeleteFunc(lint.Run(rules, options), func(f lint.Finding) bool { return f.Severity == lint.Info })
	severities := []lint.Severity{lint.Error, lint.Warning}
	slices.SortStableFunc(found, func(a, b lint.Finding) int {
		return cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity))
	})
	return found
}

// lintNote is the findings about rules in as many bytes as an event holds; empty
// for none.
func lintNote(rules cors.Configuration, options lint.Options) string {
	found := lintFindings(rules, options)
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
