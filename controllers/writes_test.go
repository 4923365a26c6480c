// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
)

func keyOf(name string) bucketKey { return bucketKey{"aws", name} }

func TestTheLogRemembersTheLastWriteToEachBucketWhoeverMadeIt(t *testing.T) {
	var l writeLog
	if got := l.last(keyOf("assets")); got != nil {
		t.Errorf("an empty log remembers %+v", got)
	}
	entry := func(hash string, moment time.Time) loggedWrite {
		return loggedWrite{write: write{time: moment, hash: hash}}
	}
	elsewhere := bucketKey{"https://s3.internal:443", "assets"}
	l.record(keyOf("assets"), entry("first", noon))
	l.record(keyOf("assets"), entry("second", noon.Add(time.Second)))
	l.record(keyOf("logs"), entry("logs", noon))
	l.record(elsewhere, entry("elsewhere", noon))
	for key, want := range map[bucketKey]string{
		keyOf("assets"): "second", keyOf("logs"): "logs", elsewhere: "elsewhere", keyOf("other"): "",
	} {
		got := ""
		if entry := l.last(key); entry != nil {
			got = entry.hash
		}
		if got != want {
			t.Errorf("the last write of %v is %q, not %q", key, got, want)
		}
	}
}

func TestTheLogRemembersARejectionOfThatConfigurationAlone(t *testing.T) {
	var l writeLog
	l.reject(keyOf("assets"), "hash", rejected)
	if l.rejected(keyOf("assets"), "hash") != rejected {
		t.Error("it is forgotten")
	}
	if l.rejected(keyOf("assets"), "other") != nil || l.rejected(keyOf("logs"), "hash") != nil {
		t.Error("something else is taken for it")
	}
}

func TestTheLogForgetsOldWrites(t *testing.T) {
	var l writeLog
	for i := range 1000 {
		l.record(keyOf(fmt.Sprintf("bucket-%d", i)), loggedWrite{write: write{time: noon.Add(time.Duration(i) * time.Second)}})
	}
	// The retention counts from the newest write, and is still remembered itself.
	if got, want := len(l.entries), int(writeLogRetention/time.Second)+1; got != want {
		t.Errorf("%d writes are remembered, not %d", got, want)
	}
	if l.last(keyOf("bucket-0")) != nil || l.last(keyOf("bucket-999")) == nil {
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
				l.record(keyOf(fmt.Sprintf("bucket-%d", i)), loggedWrite{write: write{time: noon}})
				l.last(keyOf(fmt.Sprintf("bucket-%d", (i+1)%8)))
			}
		})
	}
	wg.Wait()
	if len(l.entries) != 8 {
		t.Errorf("%d buckets are remembered, not 8", len(l.entries))
	}
}

func TestALockIsForgottenWhenNobodyHoldsOrWantsIt(t *testing.T) {
	var l writeLog
	users := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		if lock := l.locks[keyOf("assets")]; lock != nil {
			return lock.users
		}
		return 0
	}
	unlock := l.lock(keyOf("assets"))
	next := make(chan func())
	go func() { next <- l.lock(keyOf("assets")) }()
	for users() < 2 {
		runtime.Gosched()
	}
	select {
	case <-next:
		t.Fatal("two hold the lock")
	default:
	}
	l.lock(keyOf("logs"))()
	unlock()
	unlock = <-next
	if users() != 1 {
		t.Error("it is forgotten while somebody holds it, so that a third could hold it too")
	}
	unlock()
	if len(l.locks) != 0 {
		t.Errorf("%d locks are kept", len(l.locks))
	}
}
