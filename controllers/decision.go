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
	// write is what was last written to the bucket, as far as is known.
	write   *write
	observe bool
	now     time.Time
}

// write is a configuration that a policy wrote to a bucket, or its removal.
type write struct {
	time time.Time
	// hash is of what was written; that of no rules for a removal.
	hash string
	// replacedHash is of what was there before; empty when it is not known,
	// because the operator started after the write.
	replacedHash string
	// olderHashes are of what earlier writes that have not settled either put
	// there, and of what was there before them.
	olderHashes []string
}

// maxOlderHashes bounds what is remembered of a bucket that somebody else
// changes again and again.
const maxOlderHashes = 16

// over is the write as one that follows another, which may be nil. An answer
// may then be from before either, or from between them.
func (w write) over(earlier *write) write {
	if earlier != nil && earlier.replacedHash != "" && w.time.Sub(earlier.time) < settleTime {
		older := append(slices.Clone(earlier.olderHashes), earlier.replacedHash, earlier.hash)
		w.olderHashes = older[max(0, len(older)-maxOlderHashes):]
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

	// The others are of a bucket that leaves its policy, because the policy is
	// going away or does not name it any more.

	// removed: it has no configuration any more.
	removed
	// restored: it has again what was there before the policy.
	restored
	// handedOver: it belongs to others from now on.
	handedOver
	// spared: it keeps a configuration that is not ours.
	spared
	// letGo: nothing was to be done about it.
	letGo
)

func (v view) decide() action {
	wanted := cors.Hash(v.desired)
	switch {
	case v.superseded(wanted) && !v.observe:
		return put
	case cors.Equal(v.desired, v.live):
		return keep
	case v.outdated() && v.write.hash == wanted:
		return settle
	case v.observe:
		return tell
	case v.appliedHash == wanted:
		return mend
	default:
		return put
	}
}

// superseded is whether the last write to the bucket was of something else, and
// so short a while ago that no answer can tell whether it has taken effect: what
// looks as desired may be from before it.
func (v view) superseded(wanted string) bool {
	return v.unsettled() && v.write.replacedHash != "" && v.write.hash != wanted
}

// outdated is whether the live configuration can be from before our last write.
// A third one, neither ours nor one from before, cannot: that is a foreign
// change, however soon after our write.
func (v view) outdated() bool {
	if !v.unsettled() {
		return false
	}
	live := cors.Hash(v.live)
	return live != v.write.hash &&
		(v.write.replacedHash == "" || v.write.replacedHash == live || slices.Contains(v.write.olderHashes, live))
}

// unsettled is whether the last write is so recent that an answer may be from
// before it. A write in the future is that of a replica whose clock is wrong:
// nobody knows how old it is.
func (v view) unsettled() bool {
	if v.write == nil {
		return false
	}
	age := v.now.Sub(v.write.time)
	return age >= 0 && age < settleTime
}
