// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestTheLogRemembersTheLastWriteToEachBucketOfEachPolicy(t *testing.T) {
	var l writeLog
	if got := l.last("uid-1", "assets"); got != nil {
		t.Errorf("an empty log remembers %+v", got)
	}
	entry := func(hash string, moment time.Time) loggedWrite {
		return loggedWrite{write: write{time: moment, hash: hash}}
	}
	l.record("uid-1", "assets", entry("first", noon))
	l.record("uid-1", "assets", entry("second", noon.Add(time.Second)))
	l.record("uid-1", "logs", entry("logs", noon))
	l.record("uid-2", "assets", entry("other policy", noon))
	for key, want := range map[writeKey]string{
		{"uid-1", "assets"}: "second", {"uid-1", "logs"}: "logs", {"uid-2", "assets"}: "other policy",
		{"uid-2", "logs"}: "", {"uid-3", "assets"}: "",
	} {
		got := ""
		if entry := l.last(key.policy, key.bucket); entry != nil {
			got = entry.hash
		}
		if got != want {
			t.Errorf("the last write of %v is %q, not %q", key, got, want)
		}
	}
}

func TestTheLogForgetsOldWrites(t *testing.T) {
	var l writeLog
	for i := range 1000 {
		l.record("uid", fmt.Sprintf("bucket-%d", i), loggedWrite{write: write{time: noon.Add(time.Duration(i) * time.Second)}})
	}
	// The retention counts from the newest write, and is still remembered itself.
	if got, want := len(l.entries), int(writeLogRetention/time.Second)+1; got != want {
		t.Errorf("%d writes are remembered, not %d", got, want)
	}
	if l.last("uid", "bucket-0") != nil || l.last("uid", "bucket-999") == nil {
		t.Error("the wrong writes are forgotten")
	}
	if writeLogRetention <= settleTime {
		t.Error("writes are forgotten before they have settled")
	}
}

func TestTheLogTakesWritesAtTheSameTime(t *testing.T) {
	var l writeLog
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 100 {
				l.record("uid", fmt.Sprintf("bucket-%d", i), loggedWrite{write: write{time: noon}})
				l.last("uid", fmt.Sprintf("bucket-%d", (i+1)%8))
			}
		})
	}
	wg.Wait()
	if len(l.entries) != 8 {
		t.Errorf("%d buckets are remembered, not 8", len(l.entries))
	}
}
