// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/browser"
)

const (
	// verifyTimeout bounds the time in which the places of a policy are asked. The
	// status of its buckets is stored before.
	verifyTimeout = 20 * time.Second
	// placesAtOnce is how many of them are asked at a time.
	placesAtOnce = 4
)

// verify asks the places where browsers reach the buckets of a policy, as far as
// they are due and there is time: those first that were asked longest ago.
func (r *PolicyReconciler) verify(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, o outcome) *verification {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	places := placesOf(policy, o)
	requests, of := preflightsOf(policy, o.acceptance.rules)
	found := &verification{reports: make([]placeReport, len(places)), sent: len(requests), of: of}
	now, interval := r.now(), r.interval(policy)
	var due []int
	for i, p := range places {
		known, current := r.verifications.recall(policy.UID, p, now, interval)
		if found.reports[i] = known; !current {
			due = append(due, i)
		}
	}
	// Places that were never asked take turns, so that slow ones do not keep the
	// others waiting for ever.
	rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	slices.SortStableFunc(due, func(a, b int) int { return found.reports[a].asked.Compare(found.reports[b].asked) })
	var group errgroup.Group
	group.SetLimit(placesAtOnce)
	for _, i := range due {
		group.Go(func() error {
			defer func() {
				if cause := recover(); cause != nil {
					logPanic(ctx, cause, "ask for preflights", "place", places[i].name)
				}
			}()
			findings, err := r.ask(ctx, o, places[i], requests)
			if err != nil {
				return nil //nolint:nilerr // there is no time left: the report tells when the place was asked last
			}
			passing := slices.ContainsFunc(findings, func(f PreflightFinding) bool { return f.Passing })
			found.reports[i] = placeReport{
				place: places[i].name, asked: now, findings: findings,
				settling: passing && !places[i].written.IsZero() && now.Sub(places[i].written) < propagationTime,
			}
			r.verifications.remember(policy.UID, places[i], found.reports[i])
			return nil
		})
	}
	_ = group.Wait() // none returns an error
	r.verifications.keepOnly(policy.UID, places)
	return found
}

// ask sends the preflights to one place. Behind an endpoint may be any of several
// buckets: it is fine when it answers like one of them.
func (r *PolicyReconciler) ask(ctx context.Context, o outcome, p place, requests []browser.Request) ([]PreflightFinding, error) {
	var findings []PreflightFinding
	for i, prediction := range p.predictions {
		compiled, err := o.dialect.Compile(prediction)
		if err != nil {
			return nil, fmt.Errorf("compile what is in place: %w", err)
		}
		asked, err := r.Preflights.Probe(ctx, Preflights{
			Provider: connectionFor(o.provider), Location: locationFor(p.reference),
			Endpoint: p.endpoint, AllowedHosts: allowedHosts(o.provider),
			Requests: requests, Predicted: compiled,
		})
		if err != nil {
			return nil, err
		}
		if len(asked) == 0 {
			return nil, nil
		}
		if i == 0 {
			findings = asked
		}
	}
	return findings, nil
}

// allowedHosts are the hosts that the endpoints of policies may name.
func allowedHosts(provider *s3v1alpha1.BucketProvider) []string {
	if provider.Spec.Verification == nil {
		return nil
	}
	var hosts []string
	for _, host := range provider.Spec.Verification.AllowedHosts {
		hosts = append(hosts, string(host))
	}
	return hosts
}

// verificationLog remembers what places answered a short while ago, so that a pass
// that is made for another reason does not ask them all again. The zero value is
// ready to use.
type verificationLog struct {
	mu      sync.Mutex
	entries map[types.UID]map[string]verificationEntry
}

type verificationEntry struct {
	report  placeReport
	basis   string
	written time.Time
}

// recall is what a place answered last, unless something has changed since, and
// whether it need not be asked again yet.
func (l *verificationLog) recall(policy types.UID, p place, now time.Time, interval time.Duration) (report placeReport, current bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry, found := l.entries[policy][p.name]
	if !found || entry.basis != p.basis || !entry.written.Equal(p.written) || now.Before(entry.report.asked) {
		return placeReport{place: p.name}, false
	}
	return entry.report, now.Sub(entry.report.asked) < entry.report.due(interval)
}

func (l *verificationLog) remember(policy types.UID, p place, report placeReport) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.entries == nil {
		l.entries = map[types.UID]map[string]verificationEntry{}
	}
	if l.entries[policy] == nil {
		l.entries[policy] = map[string]verificationEntry{}
	}
	l.entries[policy][p.name] = verificationEntry{report, p.basis, p.written}
}

// keepOnly forgets places that a policy does not have any more.
func (l *verificationLog) keepOnly(policy types.UID, places []place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.entries[policy], func(name string, _ verificationEntry) bool {
		return !slices.ContainsFunc(places, func(p place) bool { return p.name == name })
	})
}

func (l *verificationLog) forget(policy types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.entries, policy)
}
