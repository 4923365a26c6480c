// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"slices"
	"time"

	"github.com/bucketcors/bucketcors/internal/browser"
)

// The pauses between two looks: longer each time, because what takes longer than
// a few seconds mostly takes a minute.
const (
	firstPause = time.Second
	maxPause   = 15 * time.Second
)

// Settle is Probe, repeated until everything is as predicted or what is not cannot
// pass by itself, for patience at most. When ctx ends, the results are those of the
// last time.
func (p *Prober) Settle(ctx context.Context, t Target, requests []browser.Request, patience time.Duration) []Result {
	deadline := time.Now().Add(patience)
	var last []Result
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		results := p.Probe(ctx, t, requests)
		if ctx.Err() != nil && last != nil {
			return last
		}
		left := time.Until(deadline)
		if ctx.Err() != nil || left <= 0 || !slices.ContainsFunc(results, Result.MayPass) {
			return results
		}
		last = results
		select {
		case <-ctx.Done():
			return last
		case <-time.After(min(pause, left)):
		}
	}
}

// MayPass reports whether another look may find something else.
func (r Result) MayPass() bool {
	switch r.Class {
	case Stale, AnotherRule, Unexplained, Unreachable:
		return true
	case AsPredicted, OriginStripped, CacheUnkeyed, VendorDefault, ProxyAnswers, WrongRegion, BucketMissing, NotS3, NotAllowed:
	}
	return false
}
