// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// healthLog remembers which services do not answer, so that policies of one such
// service do not keep all workers waiting, and the policies of others with them.
// The zero value is ready to use.
type healthLog struct {
	mu       sync.Mutex
	services map[string]health
}

// health is of one service, as one provider reaches it.
type health struct {
	// silent is how many requests in a row were not answered in time.
	silent int
	// next is when one more request is tried.
	next time.Time
}

const (
	// silenceLimit is how many requests in a row have to be unanswered: as many as
	// a policy has under way at a time.
	silenceLimit = bucketsAtOnce
	// silencePause is the time between two tries of a service that does not answer.
	silencePause = 30 * time.Second
)

// ask is why a service is not asked for a bucket now; nil when it is to be.
func (l *healthLog) ask(provider string, key bucketKey, now time.Time) *bucket.Error {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := provider + " " + key.service
	known := l.services[name]
	if known.silent < silenceLimit {
		return nil
	}
	if !now.Before(known.next) {
		known.next = now.Add(silencePause)
		l.services[name] = known
		return nil
	}
	return &bucket.Error{
		Reason: bucket.Timeout, Fate: bucket.Transient,
		Message: fmt.Sprintf("bucket %q was not asked for, because %s has not answered the last requests of BucketProvider %q in time; it is tried twice a minute",
			key.name, key.service, provider),
	}
}

// note remembers what became of a request.
func (l *healthLog) note(provider string, key bucketKey, err error, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := provider + " " + key.service
	if failure, failed := errors.AsType[*bucket.Error](err); !failed || failure.Reason != bucket.Timeout {
		delete(l.services, name)
		return
	}
	if l.services == nil {
		l.services = map[string]health{}
	}
	l.services[name] = health{l.services[name].silent + 1, now.Add(silencePause)}
}

// watched is a bucket of which every answer is noted, unless it did not come
// because the pass had no more time.
type watched struct {
	Bucket
	note func(error)
}

func (w watched) noting(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		w.note(err)
	}
	return err
}

func (w watched) GetCORS(ctx context.Context) (cors.Configuration, error) {
	live, err := w.Bucket.GetCORS(ctx)
	return live, w.noting(ctx, err)
}

func (w watched) PutCORS(ctx context.Context, configuration cors.Configuration) error {
	return w.noting(ctx, w.Bucket.PutCORS(ctx, configuration))
}

func (w watched) DeleteCORS(ctx context.Context) error {
	return w.noting(ctx, w.Bucket.DeleteCORS(ctx))
}
