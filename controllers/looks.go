// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// lookLog remembers which buckets were found as desired a short while ago, so
// that a pass that is made because of some buckets of a policy does not read all
// the others again. The zero value is ready to use.
type lookLog struct {
	mu    sync.Mutex
	looks map[lookKey]look
	swept time.Time
	// early are the policies whose next pass comes before their buckets are due.
	early map[types.UID]bool
}

// lookRetention is longer than the time between two tries of what failed, and
// is the longest that a bucket goes unread because of what is remembered.
const lookRetention = 2 * lastRetry

type lookKey struct {
	policy types.UID
	bucket bucketKey
}

// look is what was found, as of when, and what it depends on.
type look struct {
	outcome bucketOutcome
	time    time.Time
	basis   string
}

// remember keeps the outcome of a task, if it is that all is as desired and
// there is nothing to wait for.
func (l *lookLog) remember(task bucketTask, o bucketOutcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := lookKey{task.policy.UID, task.key}
	if o.failure != nil || o.conflict != "" || o.unmet != "" || o.action != keep {
		delete(l.looks, key)
		return
	}
	if l.looks == nil {
		l.looks = map[lookKey]look{}
	}
	if task.now.Sub(l.swept) > lookRetention {
		maps.DeleteFunc(l.looks, func(_ lookKey, old look) bool { return task.now.Sub(old.time) > lookRetention })
		l.swept = task.now
	}
	l.looks[key] = look{o, task.now, task.basis()}
}

// recall is the outcome of the last look at a bucket, if it still holds.
func (l *lookLog) recall(task bucketTask) (bucketOutcome, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, found := l.looks[lookKey{task.policy.UID, task.key}]
	age := task.now.Sub(known.time)
	if !found || !l.early[task.policy.UID] || known.basis != task.basis() || age < 0 || age >= lookRetention || age >= task.interval || known.outcome.unsettledAt(task.now) {
		return bucketOutcome{}, false
	}
	o := known.outcome
	o.age = age
	return o, true
}

// expectEarly is told whether the next pass over a policy comes before its buckets
// are due, because some of them need it.
func (l *lookLog) expectEarly(policy types.UID, early bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !early {
		delete(l.early, policy)
		return
	}
	if l.early == nil {
		l.early = map[types.UID]bool{}
	}
	l.early[policy] = true
}

// unsettledAt is whether an answer of S3 may be from before the last write.
func (b bucketOutcome) unsettledAt(now time.Time) bool {
	return b.unsettled != nil && now.Sub(b.unsettled.time) < settleTime
}

// basis stands for all that an outcome depends on, beside the bucket.
func (t bucketTask) basis() string {
	var b strings.Builder
	for _, holder := range t.claim.holders {
		fmt.Fprint(&b, holder.policy.UID, " ", holder.policy.Generation, " ", holder.provider.UID, " ", holder.provider.Generation, " ", holder.tenant.labels, "\n")
	}
	return b.String()
}
