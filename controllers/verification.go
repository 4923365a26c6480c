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
	// preflightsBeside is about how many more requests that takes: the preflight of a
	// stranger, and reads.
	preflightsBeside = 8
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
	// predictions are the configurations by one of which it answers, and former those
	// that were there before the last writes, as far as answers may be that old.
	predictions, former []cors.Configuration
	// held is whether it is not asked for now, because what one of the buckets has
	// that may be behind it is not known.
	held bool
	// written is when the buckets in question were last written to, as far as is
	// known; zero when that is not.
	written time.Time
	// basis stands for all that the answers are compared with.
	basis string
}

// answersFor is whether what it answers holds for another that is the same place:
// nothing has changed since.
func (p place) answersFor(other place) bool {
	return p.name == other.name && p.basis == other.basis && !other.written.After(p.written)
}

// placesOf are the places to ask after a pass over a policy: the service, for each
// bucket that is as the policy says, and the endpoints, if there is such a bucket.
func placesOf(policy *s3v1alpha1.BucketCORSPolicy, o outcome) []place {
	var places []place
	behind := map[string]cors.Configuration{}
	var hashes []string
	var first s3v1alpha1.BucketReference
	var former []cors.Configuration
	var written time.Time
	held := false
	for _, b := range o.buckets {
		inPlace := b.inPlace()
		if !inPlace && (b.desired == nil || b.unmet == "") {
			held = held || !b.leaving && (b.unmet != "" || passes(b.failure))
			continue
		}
		if inPlace {
			places = append(places, place{
				name: bucketPlace(b.key.name), reference: b.reference,
				predictions: []cors.Configuration{b.desired.configuration}, former: b.desired.former, written: b.written, basis: b.desired.hash,
			})
			if first.Name == "" {
				first = b.reference
			}
		}
		if _, known := behind[b.desired.hash]; !known && len(hashes) < maxPredictions {
			behind[b.desired.hash] = b.desired.configuration
			hashes = append(hashes, b.desired.hash)
		}
		if len(former) < maxPredictions {
			former = append(former, b.desired.former...)
		}
		if b.written.After(written) {
			written = b.written
		}
	}
	if len(places) == 0 {
		return nil
	}
	for _, endpoint := range policy.Spec.Verification.Endpoints {
		p := place{name: string(endpoint), endpoint: string(endpoint), reference: first, former: former, held: held, written: written, basis: strings.Join(hashes, " ")}
		for _, hash := range hashes {
			p.predictions = append(p.predictions, behind[hash])
		}
		places = append(places, p)
	}
	for i := range places {
		places[i].basis += fmt.Sprint(" ", policy.UID, " ", policy.Generation, " ", o.provider.UID, " ", o.provider.Generation)
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

// bucketPlace is the name of the place that is a bucket of the policy.
func bucketPlace(bucketName string) string { return fmt.Sprintf("bucket %q", bucketName) }

// hasPlace is whether a policy may have a place of that name.
func hasPlace(policy *s3v1alpha1.BucketCORSPolicy, name string) bool {
	return slices.Contains(policy.Spec.Verification.Endpoints, s3v1alpha1.VerificationEndpoint(name)) ||
		slices.ContainsFunc(policy.Spec.Buckets, func(b s3v1alpha1.BucketReference) bool { return bucketPlace(b.Name) == name })
}

// preflightsOf are what is asked of each place, and how many there are in all. Where
// the provider lets few requests through, it is no more than there is time for: a
// place that is not asked about all of them has told nothing.
func preflightsOf(policy *s3v1alpha1.BucketCORSPolicy, rules cors.Configuration, places []place, perSecond int) (requests []browser.Request, of int) {
	requests = expectation.All(policy.Spec.Expectations, rules)
	predictions := 1
	for _, p := range places {
		predictions = max(predictions, len(p.predictions))
	}
	inTime := perSecond*int(verifyTimeout.Seconds())/(placesAtOnce*predictions) - preflightsBeside
	return requests[:min(len(requests), maxPreflights, max(1, inTime))], len(requests)
}

// placeReport is what a place answered.
type placeReport struct {
	place string
	// tried is when somebody last wanted to ask it, and asked when it last was asked;
	// zero for never. They differ when there was no time.
	tried, asked time.Time
	// findings are what is not as predicted.
	findings []PreflightFinding
	// settling is whether those of them that may pass can be from before the last
	// write.
	settling bool
	// silentSince is when it was first asked of the times in a row when it did not
	// answer; zero when it did.
	silentSince time.Time
}

// due is how long after it was tried a place is asked again.
func (p placeReport) due(interval time.Duration) time.Duration {
	switch {
	case p.settling:
		return min(interval, verifyAgainSettling)
	case !p.asked.Equal(p.tried):
		return min(interval, verifyAgainWrong)
	case p.unreachable():
		// Ever later: a place that is gone for good must not keep others waiting.
		return min(interval, max(verifyAgainWrong, p.asked.Sub(p.silentSince)))
	default:
		return interval
	}
}

func (p placeReport) unreachable() bool {
	return slices.ContainsFunc(p.findings, func(f PreflightFinding) bool { return f.Reason == s3v1alpha1.ReasonEndpointUnreachable })
}

// answered is the report with what the place answered when it was tried.
func (p placeReport) answered(findings []PreflightFinding, written time.Time) placeReport {
	p.asked, p.findings = p.tried, findings
	passing := slices.ContainsFunc(findings, func(f PreflightFinding) bool { return f.Passing })
	age := p.tried.Sub(written)
	p.settling = passing && age >= 0 && age < propagationTime
	switch {
	case !p.unreachable():
		p.silentSince = time.Time{}
	case p.silentSince.IsZero(), p.silentSince.After(p.tried):
		p.silentSince = p.tried
	}
	return p
}

// verification is what all places of a policy answered.
type verification struct {
	reports []placeReport
	// sent is how many preflights each place was sent, of how many; the one of a
	// stranger is not counted.
	sent, of int
	// asking is whether places are being asked: they cause a pass when they have
	// answered.
	asking bool
}

// next is the time until a place has to be asked again.
func (v *verification) next(interval time.Duration, now time.Time) time.Duration {
	next := interval
	for _, report := range v.reports {
		left := report.due(interval) - now.Sub(report.tried)
		if left <= 0 {
			left = min(interval, verifyAgainWrong)
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
			if report.settling && finding.Passing {
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
			"not asked since the last change: " + enumerate(unasked, ", ", "place")}
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
// is not enabled. While places wait to be asked it is what was known before the pass,
// unless that was about another spec or something was written since: a new operator
// asks a fleet in turns.
func verifiedVerdict(policy *s3v1alpha1.BucketCORSPolicy, o outcome) *verdict {
	if !verifies(policy) {
		return nil
	}
	v := o.verification
	if v == nil {
		v = &verification{}
	}
	is := v.verdict()
	was := meta.FindStatusCondition(policy.Status.Conditions, s3v1alpha1.ConditionVerified)
	wrote := slices.ContainsFunc(o.buckets, func(b bucketOutcome) bool {
		return b.inPlace() && (b.action == put || b.action == mend)
	})
	if is.reason == s3v1alpha1.ReasonNotAsked && !wrote && was != nil &&
		was.ObservedGeneration == policy.Generation && was.Status != metav1.ConditionUnknown {
		is = verdict{was.Status, was.Reason, was.Message}
	}
	return &is
}
