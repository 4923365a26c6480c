// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// bucketKey is a bucket, however many policies and providers name it.
type bucketKey struct {
	// service is what serviceOf returns of the provider.
	service string
	name    string
}

// writeLog remembers what was written to buckets a short while ago. It bridges
// the time until a status that says so is stored and read back: without it, a
// status that could not be stored would lose what it had to tell, and an old
// answer of S3 could not be told from a foreign change. The zero value is ready
// to use.
type writeLog struct {
	mu         sync.Mutex
	entries    map[bucketKey]loggedWrite
	rejections map[bucketKey]rejection
	locks      map[bucketKey]*bucketLock
}

// bucketLock is held by one of its users; the others wait for it.
type bucketLock struct {
	sync.Mutex
	users int
}

// writeLogRetention is longer than settleTime, and than most outages of an API
// server.
const writeLogRetention = 10 * time.Minute

// loggedWrite is a write, who made it, and the foreign change that made it
// necessary; nil when it was none.
type loggedWrite struct {
	write
	policy types.UID
	// name is that of the policy.
	name types.NamespacedName
	// configuration is what was written, and replaced what was there before, as far
	// as S3 told.
	configuration, replaced cors.Configuration
	drift                   *s3v1alpha1.Drift
}

// rejection is a configuration that a server refused for good.
type rejection struct {
	hash    string
	failure *bucket.Error
}

func (l *writeLog) record(key bucketKey, entry loggedWrite) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.entries == nil {
		l.entries = map[bucketKey]loggedWrite{}
	}
	maps.DeleteFunc(l.entries, func(_ bucketKey, old loggedWrite) bool {
		return entry.time.Sub(old.time) > writeLogRetention
	})
	l.entries[key] = entry
}

// last is the last write to a bucket that is remembered; nil when none is.
func (l *writeLog) last(key bucketKey) *loggedWrite {
	l.mu.Lock()
	defer l.mu.Unlock()
	if entry, found := l.entries[key]; found {
		return &entry
	}
	return nil
}

// reject remembers that the server refuses a configuration for a bucket.
func (l *writeLog) reject(key bucketKey, hash string, failure *bucket.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rejections == nil {
		l.rejections = map[bucketKey]rejection{}
	}
	l.rejections[key] = rejection{hash, failure}
}

// rejected is the failure with which the server refused a configuration for a
// bucket; nil when it did not.
func (l *writeLog) rejected(key bucketKey, hash string) *bucket.Error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, found := l.rejections[key]; found && known.hash == hash {
		return known.failure
	}
	return nil
}

// lock keeps two policies from working on a bucket at the same time, which
// happens when one takes over from the other.
func (l *writeLog) lock(key bucketKey) (unlock func()) {
	l.mu.Lock()
	if l.locks == nil {
		l.locks = map[bucketKey]*bucketLock{}
	}
	if l.locks[key] == nil {
		l.locks[key] = &bucketLock{}
	}
	lock := l.locks[key]
	lock.users++
	l.mu.Unlock()
	lock.Lock()
	return func() {
		lock.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		// Policies may name any number of buckets, one after the other.
		if lock.users--; lock.users == 0 {
			delete(l.locks, key)
		}
	}
}
