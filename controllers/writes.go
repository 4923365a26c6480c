// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// writeLog remembers what was written to buckets a short while ago. It bridges
// the time until a status that says so is stored and read back: without it, a
// status that could not be stored would lose what it had to tell, and an old
// answer of S3 could not be told from a foreign change. The zero value is ready
// to use.
type writeLog struct {
	mu      sync.Mutex
	entries map[writeKey]loggedWrite
}

// writeLogRetention is longer than settleTime, and than most outages of an API
// server.
const writeLogRetention = 10 * time.Minute

type writeKey struct {
	policy types.UID
	bucket string
}

// loggedWrite is a write, and the foreign change that made it necessary; nil
// when it was none.
type loggedWrite struct {
	write
	drift *s3v1alpha1.Drift
}

func (l *writeLog) record(policy types.UID, bucketName string, entry loggedWrite) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.entries == nil {
		l.entries = map[writeKey]loggedWrite{}
	}
	maps.DeleteFunc(l.entries, func(_ writeKey, old loggedWrite) bool {
		return entry.time.Sub(old.time) > writeLogRetention
	})
	l.entries[writeKey{policy, bucketName}] = entry
}

// last is the last write of a policy to a bucket that is remembered; nil when
// none is.
func (l *writeLog) last(policy types.UID, bucketName string) *loggedWrite {
	l.mu.Lock()
	defer l.mu.Unlock()
	if entry, found := l.entries[writeKey{policy, bucketName}]; found {
		return &entry
	}
	return nil
}
