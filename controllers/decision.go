// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"time"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// settleTime is how long after a write S3 may answer a read with what was there
// before it. S3 gives no figure; it says that bucket configurations are
// eventually consistent, and a minute is what other tools came to wait.
const settleTime = time.Minute

// view is everything that decides what has to be done to a bucket.
type view struct {
	desired cors.Configuration
	live    cors.Configuration
	// appliedHash is the hash of the configuration that was last seen in place
	// for this policy; empty when none was.
	appliedHash string
	// write is what this policy last wrote to the bucket; nil when it never did.
	write   *write
	observe bool
	now     time.Time
}

// write is a configuration that a policy wrote to a bucket.
type write struct {
	time time.Time
	// hash is of what was written.
	hash string
	// replacedHash is of what was there before; empty when it is not known,
	// because the operator started after the write.
	replacedHash string
	// olderHashes are of what was there before earlier writes that have not
	// settled either.
	olderHashes []string
}

// over is the write as one that follows another, which may be nil.
func (w write) over(earlier *write) write {
	if earlier != nil && earlier.replacedHash != "" && w.time.Sub(earlier.time) < settleTime {
		w.olderHashes = append(slices.Clone(earlier.olderHashes), earlier.replacedHash)
	}
	return w
}

// action is what has to be done to a bucket.
type action int

const (
	// keep: the bucket is as desired.
	keep action = iota
	// settle: the bucket answers with what was there before our write, or may do
	// so: too early to say that it is not as desired.
	settle
	// tell: the bucket is not as desired, and the policy only observes.
	tell
	// put: the bucket is not as desired because the policy is new or has changed.
	put
	// mend: the bucket was as desired and somebody changed it.
	mend

	// removed: the policy is going away, and the bucket has no configuration any
	// more.
	removed
	// spared: the policy is going away, and the bucket keeps a configuration that
	// is not ours.
	spared
)

func (v view) decide() action {
	switch {
	case cors.Equal(v.desired, v.live):
		return keep
	case v.settling():
		return settle
	case v.observe:
		return tell
	case v.appliedHash == cors.Hash(v.desired):
		return mend
	default:
		return put
	}
}

// settling is whether the live configuration can be an old answer of a bucket
// that is as desired.
func (v view) settling() bool {
	return v.outdated() && v.write.hash == cors.Hash(v.desired)
}

// outdated is whether the live configuration can be from before our last write.
// A third one, neither ours nor one from before, cannot: that is a foreign
// change, however soon after our write.
func (v view) outdated() bool {
	if v.write == nil {
		return false
	}
	// A write in the future is that of a replica whose clock is wrong: nobody
	// knows how old it is.
	if age := v.now.Sub(v.write.time); age < 0 || age >= settleTime {
		return false
	}
	live := cors.Hash(v.live)
	return live != v.write.hash &&
		(v.write.replacedHash == "" || v.write.replacedHash == live || slices.Contains(v.write.olderHashes, live))
}
