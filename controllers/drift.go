// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// driftFor is the record of a foreign change to a bucket, whose status before
// is given. The same change that is still there keeps the time at which it was
// first seen.
func driftFor(b s3v1alpha1.BucketStatus, changes []cors.Change, corrected bool, now time.Time) *s3v1alpha1.Drift {
	drift := &s3v1alpha1.Drift{
		DetectedTime: new(metav1.NewTime(now)),
		Corrected:    corrected,
		Changes:      changeStrings(changes),
	}
	if before := openDrift(b); before != nil && slices.Equal(before.Changes, drift.Changes) {
		drift.DetectedTime = before.DetectedTime
	}
	return drift
}

// openDrift is the foreign change that was still there when a bucket was last
// seen; nil when there was none.
func openDrift(b s3v1alpha1.BucketStatus) *s3v1alpha1.Drift {
	if b.LastDrift == nil || b.LastDrift.Corrected || b.State == s3v1alpha1.BucketSynced {
		return nil
	}
	return b.LastDrift
}

// mayHaveTakenEffect is whether a write that failed for a reason may have reached
// the bucket all the same.
func mayHaveTakenEffect(reason string) bool {
	return slices.Contains([]string{s3v1alpha1.ReasonTimeout, s3v1alpha1.ReasonUnreachable, s3v1alpha1.ReasonServerError}, reason)
}

// changeStrings are the changes as the status holds them: bounded in number and
// length.
func changeStrings(changes []cors.Change) []string {
	var lines []string
	size := 0
	for i, change := range changes {
		line := truncate(change.String(), maxChangeLength)
		size += len(line)
		if i > 0 && (size > maxChangesBytes || (i == maxChanges-1 && len(changes) > maxChanges)) {
			return append(lines, fmt.Sprintf("and %d more", len(changes)-i))
		}
		lines = append(lines, line)
	}
	return lines
}
