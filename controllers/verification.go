// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/expectation"
)

const (
	// propagationTime is how long after a write preflights may be answered by what
	// was there before it. It is longer than settleTime, since there may be a cache
	// on the way.
	propagationTime = 2 * time.Minute
	// verifyAgainSettling is the time until a place is asked again whose answers may
	// be old.
	verifyAgainSettling = 10 * time.Second
	// verifyAgainWrong is that for a place that did not answer, or had no turn.
	verifyAgainWrong = time.Minute
	// maxPreflights is how many preflights are sent to one place.
	maxPreflights = 100
	// maxPredictions is how many configurations are tried to predict the answers of
	// an endpoint, behind which any of several buckets may be.
	maxPredictions = 5
)

// verifies is whether live preflights are to be sent for a policy.
func verifies(policy *s3v1alpha1.BucketCORSPolicy) bool {
	return policy.Spec.Verification != nil && policy.Spec.Verification.Preflight != s3v1alpha1.PreflightDisabled &&
		policy.DeletionTimestamp.IsZero()
}

// place is one place where browsers reach buckets of a policy.
type place struct {
	// name is what messages call it, and what tells it from the others of its policy.
	name string
	// reference is the bucket, asked at the service itself; of an endpoint, the
	// first that may be behind it.
	reference s3v1alpha1.BucketReference
	// endpoint is the base URL; empty for the service itself.
	endpoint string
	// predictions are the configurations by one of which it answers.
	predictions []cors.Configuration
	// written is when the buckets in question were last written to, as far as is
	// known; zero when that is not.
	written time.Time
	// basis stands for all that the answers are compared with.
	basis string
}

// placesOf are the places to ask after a pass over a policy: the service, for each
// bucket that is as the policy says, and the endpoints, if there is such a bucket.
func placesOf(policy *s3v1alpha1.BucketCORSPolicy, o outcome) []place {
	var places []place
	behind := map[string]cors.Configuration{}
	var hashes []string
	var first s3v1alpha1.BucketReference
	var written time.Time
	for _, b := range o.buckets {
		if !b.inPlace() {
			continue
		}
		at := b.writtenAt()
		places = append(places, place{
			name: fmt.Sprintf("bucket %q", b.key.name), reference: b.reference,
			predictions: []cors.Configuration{b.desired.configuration}, written: at, basis: b.desired.hash,
		})
		if _, known := behind[b.desired.hash]; !known && len(hashes) < maxPredictions {
			behind[b.desired.hash] = b.desired.configuration
			hashes = append(hashes, b.desired.hash)
		}
		if first.Name == "" {
			first = b.reference
		}
		if at.After(written) {
			written = at
		}
	}
	if len(places) == 0 {
		return nil
	}
	for _, endpoint := range policy.Spec.Verification.Endpoints {
		p := place{name: string(endpoint), endpoint: string(endpoint), reference: first, written: written, basis: strings.Join(hashes, " ")}
		for _, hash := range hashes {
			p.predictions = append(p.predictions, behind[hash])
		}
		places = append(places, p)
	}
	for i := range places {
		places[i].basis += fmt.Sprint(" ", policy.Generation, " ", o.provider.UID, " ", o.provider.Generation)
	}
	return places
}

// inPlace is whether a bucket has what its policy wants, or is about to.
func (b bucketOutcome) inPlace() bool {
	if b.leaving || b.denied != "" || b.conflict != "" || b.unmet != "" || b.failure != nil || b.desired == nil {
		return false
	}
	return b.action == keep || b.action == put || b.action == mend || b.action == settle
}

// writtenAt is when the bucket was last written to, whoever did it; zero when that
// is not known.
func (b bucketOutcome) writtenAt() time.Time {
	if b.unsettled == nil {
		return time.Time{}
	}
	return b.unsettled.time
}

// preflightsOf are what is asked of each place, and how many there are in all.
func preflightsOf(policy *s3v1alpha1.BucketCORSPolicy, rules cors.Configuration) (requests []browser.Request, of int) {
	requests = expectation.All(policy.Spec.Expectations, rules)
	return requests[:min(len(requests), maxPreflights)], len(requests)
}

// placeReport is what a place answered.
type placeReport struct {
	place string
	// asked is when; zero when there was no time.
	asked time.Time
	// findings are what is not as predicted.
	findings []PreflightFinding
	// settling is whether that may be from before the last write.
	settling bool
}

// due is how long after it was asked a place is asked again.
func (p placeReport) due(interval time.Duration) time.Duration {
	switch {
	case p.settling:
		return min(interval, verifyAgainSettling)
	case p.unreachable():
		return min(interval, verifyAgainWrong)
	default:
		return interval
	}
}

func (p placeReport) unreachable() bool {
	return slices.ContainsFunc(p.findings, func(f PreflightFinding) bool { return f.Reason == s3v1alpha1.ReasonEndpointUnreachable })
}

// verification is what all places of a policy answered.
type verification struct {
	reports []placeReport
	// sent is how many preflights each place was sent, of how many; the one of a
	// stranger is not counted.
	sent, of int
}

// next is the time until a place has to be asked again.
func (v *verification) next(interval time.Duration, now time.Time) time.Duration {
	next := interval
	for _, report := range v.reports {
		left := report.due(interval) - now.Sub(report.asked)
		if left <= 0 {
			left = min(interval, verifyAgainWrong) // it had no turn
		}
		next = min(next, left)
	}
	return next
}

// verdict is the condition Verified.
func (v *verification) verdict() verdict {
	if len(v.reports) == 0 {
		return verdict{metav1.ConditionUnknown, s3v1alpha1.ReasonNotSynced, "no preflight was sent, because no bucket is as the policy says"}
	}
	var wrong, settling []PreflightFinding
	var unasked []string
	for _, report := range v.reports {
		for _, finding := range report.findings {
			finding.Message = report.place + ": " + finding.Message
			if report.settling {
				settling = append(settling, finding)
			} else {
				wrong = append(wrong, finding)
			}
		}
		if report.asked.IsZero() {
			unasked = append(unasked, report.place)
		}
	}
	byWeight := func(a, b PreflightFinding) int {
		order := []string{s3v1alpha1.ReasonEndpointNotAllowed, s3v1alpha1.ReasonPreflightMismatch, s3v1alpha1.ReasonEndpointUnreachable}
		return cmp.Compare(slices.Index(order, a.Reason), slices.Index(order, b.Reason))
	}
	slices.SortStableFunc(wrong, byWeight)
	switch {
	case len(wrong) > 0:
		return verdict{metav1.ConditionFalse, wrong[0].Reason, describeFindings(wrong)}
	case len(settling) > 0:
		return verdict{metav1.ConditionUnknown, s3v1alpha1.ReasonSettling,
			"the last change may not have come everywhere yet: " + describeFindings(settling)}
	case len(unasked) > 0:
		return verdict{metav1.ConditionUnknown, s3v1alpha1.ReasonNotAsked,
			fmt.Sprintf("there was no time yet to ask %s", enumerate(unasked, ", ", "place"))}
	default:
		message := fmt.Sprintf("%s answered as the rules predict", count(len(v.reports), "place"))
		if v.sent < v.of {
			message += fmt.Sprintf("; the first %d of %d preflights were sent", v.sent, v.of)
		}
		return verdict{metav1.ConditionTrue, s3v1alpha1.ReasonVerified, message}
	}
}

func describeFindings(findings []PreflightFinding) string {
	sentences := make([]string, len(findings))
	for i, finding := range findings {
		sentences[i] = finding.Message
	}
	return enumerate(sentences, "; ", "finding")
}

// verifiedVerdict is the condition Verified after a pass; nil while verification
// is not enabled. Before the places are asked it is what was known before the
// pass, unless that is about another spec or something was written since.
func verifiedVerdict(policy *s3v1alpha1.BucketCORSPolicy, o outcome) *verdict {
	if !verifies(policy) {
		return nil
	}
	if o.verification != nil {
		return new(o.verification.verdict())
	}
	was := meta.FindStatusCondition(policy.Status.Conditions, s3v1alpha1.ConditionVerified)
	wrote := slices.ContainsFunc(o.buckets, func(b bucketOutcome) bool {
		return b.inPlace() && (b.action == put || b.action == mend)
	})
	switch {
	case !slices.ContainsFunc(o.buckets, bucketOutcome.inPlace):
		return new((&verification{}).verdict())
	case was == nil, was.ObservedGeneration != policy.Generation, wrote, was.Reason == s3v1alpha1.ReasonNotSynced:
		return &verdict{metav1.ConditionUnknown, s3v1alpha1.ReasonNotAsked, "no preflight was sent since the last change"}
	default:
		return &verdict{was.Status, was.Reason, was.Message}
	}
}
