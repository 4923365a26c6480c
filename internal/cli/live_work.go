// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
)

// mostBuckets is how many buckets are asked at a time.
const mostBuckets = 8

// inOrder works on all items, some at a time, and gives each result in the order of
// the items. When the context ends, no more are begun or given, and the error is
// the cause.
func inOrder[T, R any](ctx context.Context, items []T, work func(context.Context, T) R, each func(T, R) error) error {
	cause := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make([]chan R, len(items))
	for i := range results {
		results[i] = make(chan R, 1)
	}
	go func() {
		places := make(chan struct{}, mostBuckets)
		for i, item := range items {
			places <- struct{}{}
			if ctx.Err() != nil {
				return
			}
			go func() {
				defer func() { <-places }()
				results[i] <- work(ctx, item)
			}()
		}
	}()
	for i, item := range items {
		select {
		case <-cause.Done():
			return context.Cause(cause)
		case result := <-results[i]:
			if cause.Err() != nil {
				return context.Cause(cause)
			}
			if err := each(item, result); err != nil {
				return err
			}
		}
	}
	return nil
}
