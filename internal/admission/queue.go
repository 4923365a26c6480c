// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"net/http"
	"time"
)

const (
	// smallAtOnce and largeAtOnce bound how many requests are read and judged at a
	// time: a policy takes fifty times its size of memory, and the largest take
	// seconds, while the reconcilers need the memory and the processor too.
	smallAtOnce = 4
	largeAtOnce = 1
	// smallBytes is up to which size a request is small: that of nearly all.
	smallBytes = 256 << 10
	// judgeTimeout bounds the wait for a turn and the judgement together. It is
	// shorter than the API server waits, so that it gets an answer.
	judgeTimeout = 4 * time.Second
	// readTimeout is how long a request may take to come in.
	readTimeout = 5 * time.Second
)

// queue has requests take turns, before anything of them is read. Large ones wait
// for each other, and keep no small one waiting.
type queue struct {
	next         http.Handler
	small, large chan struct{}
}

func newQueue(next http.Handler) *queue {
	return &queue{next, make(chan struct{}, smallAtOnce), make(chan struct{}, largeAtOnce)}
}

// ServeHTTP answers a request when its turn comes. One whose turn does not come in
// time gets an answer that makes the API server go by the failurePolicy.
func (q *queue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), judgeTimeout)
	defer cancel()
	turns := q.small
	if r.ContentLength < 0 || r.ContentLength > smallBytes {
		turns = q.large
	}
	select {
	case turns <- struct{}{}:
	case <-ctx.Done():
		http.Error(w, "too many policies are judged at a time", http.StatusServiceUnavailable)
		return
	}
	defer func() { <-turns }()
	// A recorder in a test has no deadline, and needs none.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTimeout))
	q.next.ServeHTTP(w, r.WithContext(ctx))
}
