// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/probe"
)

func TestSettle(t *testing.T) {
	const patience = 2 * time.Minute
	now, before := policy(t, "https://app.example.com"), policy(t, "https://old.example.com")
	for name, tt := range map[string]struct {
		after time.Duration // until the answer is the new one
		gone  bool          // and there is no bucket before that
		want  probe.Class
		least time.Duration // that it takes
		most  time.Duration
	}{
		"what is right takes no time":              {want: probe.AsPredicted},
		"what passes soon is soon noticed":         {after: time.Second, want: probe.AsPredicted, least: time.Second, most: 2 * time.Second},
		"what passes later is noticed, too":        {after: 90 * time.Second, want: probe.AsPredicted, least: 90 * time.Second, most: 105 * time.Second},
		"what does not pass is told in the end":    {after: time.Hour, want: probe.Stale, least: patience, most: patience},
		"what cannot pass by itself takes no time": {after: time.Hour, gone: true, want: probe.BucketMissing},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, looks := time.Now(), 0
				client := &http.Client{Transport: bucketBy(func() *cors.Policy {
					looks++
					switch {
					case time.Since(start) >= tt.after:
						return now
					case tt.gone:
						return cors.MissingBucket()
					}
					return before
				})}
				target := probe.Target{URL: "https://s3.example/assets", Predicted: now, Former: []*cors.Policy{before}}
				results := probe.New(probe.Options{Client: client}).Settle(t.Context(), target, []browser.Request{upload}, patience)
				if took := time.Since(start); took < tt.least || took > tt.most {
					t.Errorf("took %s, not %s to %s", took, tt.least, tt.most)
				}
				if results[0].Class != tt.want {
					t.Errorf("%s: %s, want %s", results[0].Class, results[0].Message, tt.want)
				}
				if looks > 40 {
					t.Errorf("%d requests", looks)
				}
			})
		})
	}
}

func TestSettleWaitsForRulesThatNobodyKnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now, before := policy(t, "https://app.example.com"), policy(t, "https://app.example.com", "https://old.example.com")
		denied := upload
		denied.Origin = "https://old.example.com"
		start := time.Now()
		client := &http.Client{Transport: bucketBy(func() *cors.Policy {
			if time.Since(start) < time.Minute {
				return before
			}
			return now
		})}
		results := probe.New(probe.Options{Client: client}).Settle(t.Context(),
			probe.Target{URL: "https://s3.example/assets", Predicted: now}, []browser.Request{upload, denied}, 2*time.Minute)
		if took := time.Since(start); took < time.Minute || results[1].Class != probe.AsPredicted {
			t.Errorf("after %s: %s: %s", took, results[1].Class, results[1].Message)
		}
	})
}

func TestSettleEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now, before := policy(t, "https://app.example.com"), policy(t, "https://old.example.com")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		client := &http.Client{Transport: bucketBy(func() *cors.Policy { return before })}
		start := time.Now()
		results := probe.New(probe.Options{Client: client}).Settle(ctx,
			probe.Target{URL: "https://s3.example/assets", Predicted: now, Former: []*cors.Policy{before}}, []browser.Request{upload}, time.Hour)
		if len(results) != 2 || results[0].Class != probe.Stale || time.Since(start) != 10*time.Second {
			t.Errorf("after %s: %+v", time.Since(start), results)
		}
	})
}

func TestSettleKeepsTheLastResultsWhenItsContextEndsWhileAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now, before := policy(t, "https://app.example.com"), policy(t, "https://old.example.com")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		asked := 0
		client := &http.Client{Transport: bucketBy(func() *cors.Policy { asked++; return before })}
		wait := func(ctx context.Context) error {
			if asked < 3 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}
		results := probe.New(probe.Options{Client: client, Wait: wait}).Settle(ctx,
			probe.Target{URL: "https://s3.example/assets", Predicted: now, Former: []*cors.Policy{before}}, []browser.Request{upload}, time.Hour)
		if len(results) != 2 {
			t.Errorf("%d results after %d requests: %+v", len(results), asked, results)
		}
	})
}
