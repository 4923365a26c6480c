// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// Buckets that there is traffic on. Each has a policy of the same name, but for the
// many that somebody changes, which have one together.
const (
	steadyBucket    = "steady"   // nobody but the operator touches it
	changingBucket  = "changing" // its policy changes, again and again
	driftingPolicy  = "drifting" // somebody else changes its buckets, one after another
	driftingBuckets = 24
)

func driftingBucket(n int) string { return fmt.Sprintf("drifting-%d", n) }

const (
	// wrongBound is how long a bucket may have what somebody else put there: a
	// drift check interval, and what it takes another pod to take over.
	wrongBound = 45 * time.Second
	// behindBound is how long a bucket may not have what its policy says.
	behindBound = 30 * time.Second
	// settled is when no answer of S3 is taken any more for one from before the
	// operator's last write. Until then a pod that takes over leaves a bucket as it
	// is: it does not know what was there before that write.
	settled = 65 * time.Second
)

// traffic is what goes on while pods come and go: browsers read a bucket, somebody
// changes others behind the operator's back, a team changes the policy of another.
type traffic struct {
	mu       sync.Mutex
	problems []string

	preflights int

	drifts, healed int
	longestWrong   time.Duration

	changesApplied, changesSeen int
	longestBehind               time.Duration
}

// underTraffic does something while there is traffic, and fails the test when a
// bucket lost its configuration, or had a wrong one for too long.
func underTraffic(t *testing.T, do func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var v traffic
	var goroutines sync.WaitGroup
	for _, goOn := range []func(context.Context) error{v.browse, v.meddle, v.change} {
		goroutines.Go(func() {
			if err := goOn(ctx); err != nil && ctx.Err() == nil {
				v.problem("%v", err)
			}
		})
	}
	// A test that fails ends here, too.
	defer func() {
		cancel()
		goroutines.Wait()
		v.report(t)
	}()
	do()
	// What was wrong at the end has to be put right, too.
	atTheEnd := v.counts()
	eventually(t, "buckets are put right and a policy applied after that", wrongBound, func() error {
		if now := v.counts(); now.healed <= atTheEnd.drifts || now.seen <= atTheEnd.seen {
			return fmt.Errorf("of %d changes of others %d were put right, and %d changes of the policy applied", now.drifts, now.healed, now.seen)
		}
		return nil
	})
}

type counts struct{ drifts, healed, seen int }

func (v *traffic) counts() counts {
	v.mu.Lock()
	defer v.mu.Unlock()
	return counts{v.drifts, v.healed, v.changesSeen}
}

func (v *traffic) problem(format string, values ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.problems = append(v.problems, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, values...))
}

// every calls do now and then until the context ends or do returns an error.
func every(ctx context.Context, interval time.Duration, do func() error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if err := do(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// browse asks whether the app may upload, which it always may.
func (v *traffic) browse(ctx context.Context) error {
	return every(ctx, 100*time.Millisecond, func() error {
		if err := preflight(ctx, steadyBucket, appOrigin); err != nil && ctx.Err() == nil {
			v.problem("%v", err)
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		v.preflights++
		return nil
	})
}

// writtenAt is when the operator last wrote to each of the drifting buckets.
var writtenAt [driftingBuckets]time.Time

func longestInOrder() int {
	longest := 0
	for n := range writtenAt {
		if writtenAt[n].Before(writtenAt[longest]) {
			longest = n
		}
	}
	return longest
}

// meddle changes a bucket every few seconds, and measures how long each is wrong.
func (v *traffic) meddle(ctx context.Context) error {
	type wrong struct {
		since time.Time
		with  cors.Configuration
	}
	wrongs := map[int]wrong{}
	var last time.Time
	return every(ctx, 200*time.Millisecond, func() error {
		next := longestInOrder()
		if time.Since(last) > 2*time.Second && time.Since(writtenAt[next]) > settled {
			last = time.Now()
			wrongs[next] = wrong{last, somebodyElses()}
			// Until it is put right.
			writtenAt[next] = last.Add(time.Hour)
			if err := put(ctx, driftingBucket(next), wrongs[next].with); err != nil {
				return err
			}
			v.mu.Lock()
			v.drifts++
			v.mu.Unlock()
		}
		for n, w := range wrongs {
			found, err := live(ctx, driftingBucket(n))
			if err != nil {
				return err
			}
			v.mu.Lock()
			v.longestWrong = max(v.longestWrong, time.Since(w.since))
			v.mu.Unlock()
			switch {
			case cors.Equal(allowing(appOrigin), found):
				delete(wrongs, n)
				writtenAt[n] = time.Now()
				v.mu.Lock()
				v.healed++
				v.mu.Unlock()
			case !cors.Equal(w.with, found):
				return fmt.Errorf("the bucket %s has %v, which neither the policy nor anybody else put there", driftingBucket(n), found)
			}
		}
		return nil
	})
}

// changes are when each change of the policy was applied, whatever the step.
var changes []time.Time

// change applies another policy each second, and looks at what becomes of it.
func (v *traffic) change(ctx context.Context) error {
	first, seen := len(changes), -1
	return every(ctx, 200*time.Millisecond, func() error {
		if n := len(changes); n == first || time.Since(changes[n-1]) >= time.Second {
			changes = append(changes, time.Now())
			if err := applyChange(ctx, n); err != nil {
				return err
			}
		}
		found, err := live(ctx, changingBucket)
		if err != nil {
			return err
		}
		now := changeOf(found)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.changesApplied = len(changes) - first
		switch {
		case now < 0 && seen < 0 && cors.Equal(allowing(appOrigin), found):
			// As it was before the first change.
		case now < 0:
			return fmt.Errorf("the bucket %s has %v, which the policy never said", changingBucket, found)
		case now < seen:
			return fmt.Errorf("the bucket %s went back from change %d to %d", changingBucket, seen, now)
		case now > seen:
			seen = now
			if now >= first {
				v.changesSeen++
			}
		}
		if next := max(first, seen+1); next < len(changes) {
			v.longestBehind = max(v.longestBehind, time.Since(changes[next]))
		}
		return nil
	})
}

// changeOrigin is the origin that the n-th change allows.
const changeOrigin = "https://change-%d.example.com"

func applyChange(ctx context.Context, n int) error {
	var p s3v1alpha1.BucketCORSPolicy
	if err := world.client.Get(ctx, types.NamespacedName{Namespace: team, Name: changingBucket}, &p); err != nil {
		return err
	}
	before := p.DeepCopy()
	p.Spec.Rules[0].AllowedOrigins = []s3v1alpha1.CORSOrigin{s3v1alpha1.CORSOrigin(fmt.Sprintf(changeOrigin, n))}
	return world.client.Patch(ctx, &p, client.MergeFrom(before))
}

// changeOf returns the number of the change that made a configuration; -1 for none.
func changeOf(c cors.Configuration) int {
	n := -1
	if len(c.Rules) == 1 && len(c.Rules[0].AllowedOrigins) == 1 {
		if _, err := fmt.Sscanf(c.Rules[0].AllowedOrigins[0], changeOrigin, &n); err != nil {
			return -1
		}
	}
	return n
}

// report fails the test for what went wrong, and tells what was measured.
func (v *traffic) report(t *testing.T) {
	t.Helper()
	t.Logf("%d preflights; %d buckets changed by others and %d put right, the longest wrong for %s; %d changes of a policy and %d seen, the longest behind for %s",
		v.preflights, v.drifts, v.healed, v.longestWrong.Round(time.Millisecond), v.changesApplied, v.changesSeen, v.longestBehind.Round(time.Millisecond))
	for i, problem := range v.problems {
		if i == 10 {
			t.Errorf("and %d more", len(v.problems)-i)
			break
		}
		t.Error(problem)
	}
	if v.longestWrong > wrongBound {
		t.Errorf("a bucket was wrong for %s, more than %s", v.longestWrong, wrongBound)
	}
	if v.longestBehind > behindBound {
		t.Errorf("the bucket %s was behind its policy for %s, more than %s", changingBucket, v.longestBehind, behindBound)
	}
}
