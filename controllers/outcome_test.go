// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// accepted is the acceptance of a policy that is in order.
func accepted() acceptance {
	return accept(aPolicy("assets"), aProvider(), tenant{namespace: "team-a"})
}

func refused(reason string) acceptance {
	return acceptance{verdict: verdict{metav1.ConditionFalse, reason, "refused"}, rules: ours}
}

func TestTheOutcomeTellsWhenToLookAgain(t *testing.T) {
	const interval = 5 * time.Minute
	writtenAgo := func(ago time.Duration) *write {
		return &write{time: noon.Add(-ago)}
	}
	for name, tt := range map[string]struct {
		outcome  outcome
		interval time.Duration // that of the policy; 5m when 0
		want     time.Duration // without jitter; 0 for when something changes
		tryAgain bool          // with backoff
	}{
		"quiet":                              {outcome{acceptance: accepted(), buckets: []bucketOutcome{{action: keep}}}, 0, interval, false},
		"quiet at another interval":          {outcome{acceptance: accepted(), buckets: []bucketOutcome{{action: keep}}}, 10 * time.Second, 10 * time.Second, false},
		"suspended":                          {outcome{acceptance: accepted()}, 0, interval, false},
		"a difference that is only observed": {outcome{acceptance: accepted(), buckets: []bucketOutcome{{action: tell}}}, 0, interval, false},
		"denied and conflicted buckets":      {outcome{acceptance: accepted(), buckets: []bucketOutcome{{denied: "the provider does not grant it"}, {conflict: "policy team-b/web is older and owns this bucket"}}}, 0, interval, false},

		"mistakes wait for a change of the spec": {outcome{acceptance: refused(s3v1alpha1.ReasonInvalidRules)}, 0, 0, false},
		"a missing provider has a watch":         {outcome{acceptance: refused(s3v1alpha1.ReasonProviderNotFound)}, 0, interval, false},
		"a missing grant has a watch":            {outcome{acceptance: refused(s3v1alpha1.ReasonNotPermitted), buckets: []bucketOutcome{{denied: "the provider does not grant it"}}}, 0, interval, false},

		"refused: the normal interval":               {outcome{acceptance: accepted(), buckets: []bucketOutcome{{failure: accessDenied}}}, 0, interval, false},
		"no bucket: the normal interval":             {outcome{acceptance: accepted(), buckets: []bucketOutcome{{failure: notFound}, {action: keep}}}, 0, interval, false},
		"not implemented: the normal interval":       {outcome{acceptance: accepted(), buckets: []bucketOutcome{{failure: unsupported}}}, 0, interval, false},
		"invalid alone: only a change of the spec":   {outcome{acceptance: accepted(), buckets: []bucketOutcome{{failure: rejected}, {failure: rejected}}}, 0, 0, false},
		"invalid beside a good bucket: the interval": {outcome{acceptance: accepted(), buckets: []bucketOutcome{{failure: rejected}, {action: keep}}}, 0, interval, false},
		"invalid beside a refused one: the interval": {outcome{acceptance: accepted(), buckets: []bucketOutcome{{failure: rejected}, {failure: accessDenied}}}, 0, interval, false},
		"waiting: soon": {outcome{acceptance: accepted(), buckets: []bucketOutcome{{failure: secretMissing}}}, 0, waitingInterval, false},
		"waiting, but no later than the interval":       {outcome{acceptance: accepted(), buckets: []bucketOutcome{{failure: secretMissing}}}, 10 * time.Second, 10 * time.Second, false},
		"waiting beside refused: soon":                  {outcome{acceptance: accepted(), buckets: []bucketOutcome{{failure: accessDenied}, {failure: secretMissing}}}, 0, waitingInterval, false},
		"transient: backoff":                            {outcome{acceptance: accepted(), buckets: []bucketOutcome{{failure: throttled}}}, 0, 0, true},
		"transient beside everything else: backoff":     {outcome{acceptance: accepted(), buckets: []bucketOutcome{{failure: accessDenied}, {failure: throttled}, {failure: secretMissing}, {failure: rejected}, {action: put, unsettled: writtenAgo(0)}}}, 0, 0, true},
		"transient where another bucket is not granted": {outcome{acceptance: refused(s3v1alpha1.ReasonNotPermitted), buckets: []bucketOutcome{{denied: "the provider does not grant it"}, {failure: timedOut}}}, 0, 0, true},

		"a write is looked at when it has settled":           {outcome{acceptance: accepted(), buckets: []bucketOutcome{{action: put, unsettled: writtenAgo(0)}}}, 0, settleTime, false},
		"a mended bucket too":                                {outcome{acceptance: accepted(), buckets: []bucketOutcome{{action: mend, unsettled: writtenAgo(0)}}}, 0, settleTime, false},
		"an unsettled one too":                               {outcome{acceptance: accepted(), buckets: []bucketOutcome{{action: settle, unsettled: writtenAgo(45 * time.Second)}}}, 0, 15 * time.Second, false},
		"the write that settles first counts":                {outcome{acceptance: accepted(), buckets: []bucketOutcome{{action: keep, unsettled: writtenAgo(10 * time.Second)}, {action: keep, unsettled: writtenAgo(50 * time.Second)}}}, 0, 10 * time.Second, false},
		"a write is looked at no later than the interval":    {outcome{acceptance: accepted(), buckets: []bucketOutcome{{action: put, unsettled: writtenAgo(0)}}}, 20 * time.Second, 20 * time.Second, false},
		"a settled write is nothing special":                 {outcome{acceptance: accepted(), buckets: []bucketOutcome{{action: keep, unsettled: writtenAgo(settleTime)}}}, 0, interval, false},
		"an old write of a failed bucket is nothing special": {outcome{acceptance: accepted(), buckets: []bucketOutcome{{failure: accessDenied, unsettled: writtenAgo(time.Second)}}}, 0, interval, false},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.interval == 0 {
				tt.interval = interval
			}
			for range 50 { // there is jitter
				result, err := tt.outcome.result(tt.interval, noon)
				if (err != nil) != tt.tryAgain {
					t.Fatalf("the error is %v", err)
				}
				if longest := tt.want + tt.want/5; result.RequeueAfter < tt.want || result.RequeueAfter > longest {
					t.Fatalf("the next look is in %s, not between %s and %s", result.RequeueAfter, tt.want, longest)
				}
			}
		})
	}
}

func TestLooksAreSpread(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		result, err := outcome{acceptance: accepted(), buckets: []bucketOutcome{{}}}.result(5*time.Minute, noon)
		if err != nil {
			t.Fatal(err)
		}
		seen[result.RequeueAfter] = true
	}
	if len(seen) < 50 {
		t.Errorf("100 looks come at %d times", len(seen))
	}
}

func TestTheErrorOfAnOutcomeNamesWhatIsTriedAgain(t *testing.T) {
	_, err := outcome{acceptance: accepted(), buckets: []bucketOutcome{{failure: throttled}, {failure: accessDenied}, {failure: timedOut}}}.result(time.Minute, noon)
	if !errors.Is(err, throttled) || !errors.Is(err, timedOut) || errors.Is(err, accessDenied) {
		t.Errorf("the error is %v", err)
	}
	if want := "2 buckets to be tried again: "; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("the error is %q, without %q", err, want)
	}
}
