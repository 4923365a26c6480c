// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

const (
	// verifiersAtOnce is how many policies have their places asked at a time.
	verifiersAtOnce = 4
	// placesAtOnce is how many places of one policy are.
	placesAtOnce = 4
	// verifyTimeout bounds the time that the places of one policy take from those of
	// the others. Who has no turn then has one later.
	verifyTimeout = time.Minute
)

// verificationJob is what is to be asked for a policy.
type verificationJob struct {
	provider     bucket.Provider
	allowedHosts []string
	dialect      *cors.Dialect
	requests     []browser.Request
	places       []place
	// atOnce is how many of the places are asked at a time.
	atOnce int
}

// verify is what is known of the places where browsers reach the buckets of a
// policy, and has those asked that are due. Their answers come with a later pass,
// which they cause: a place that does not answer keeps no policy waiting.
func (r *PolicyReconciler) verify(policy *s3v1alpha1.BucketCORSPolicy, o outcome) *verification {
	name := requestFor(policy).NamespacedName
	if !verifies(policy) {
		r.verifications.forget(name)
		return nil
	}
	r.verifications.keepOnly(name, policy)
	places := placesOf(policy, o)
	if len(places) == 0 {
		return &verification{}
	}
	connection := connectionFor(o.provider)
	requests, of := preflightsOf(policy, o.acceptance.rules, places, connection.RequestsPerSecond)
	v := &verification{sent: len(requests), of: of}
	var due []place
	for _, p := range places {
		report, current := r.verifications.recall(name, p, r.now(), r.interval(policy))
		v.reports = append(v.reports, report)
		if !current && !p.held {
			due = append(due, p)
		}
	}
	if v.asking = len(due) > 0; v.asking {
		r.verifications.submit(name, verificationJob{
			provider: connection, allowedHosts: allowedHosts(o.provider), dialect: o.dialect,
			requests: requests, places: due, atOnce: min(placesAtOnce, max(1, connection.RequestsPerSecond/2)),
		})
	}
	return v
}

// verifyInBackground asks places until the context is done.
func (r *PolicyReconciler) verifyInBackground(ctx context.Context) error {
	queue := r.verifications.ready()
	unhook := context.AfterFunc(ctx, queue.ShutDown)
	defer unhook()
	var group errgroup.Group
	for range verifiersAtOnce {
		group.Go(func() error {
			for r.verifyNext(ctx, queue) {
			}
			return nil
		})
	}
	return group.Wait()
}

// verifyNext asks the places of the policy whose turn it is, and causes a pass over
// it. It returns false when the queue has ended.
func (r *PolicyReconciler) verifyNext(ctx context.Context, queue workqueue.TypedInterface[types.NamespacedName]) bool {
	name, ended := queue.Get()
	if ended {
		return false
	}
	defer queue.Done(name)
	job, found := r.verifications.begin(name)
	if !found {
		return true
	}
	defer r.verifications.end(name)
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	// Places take turns, so that slow ones do not keep the others waiting for ever.
	rand.Shuffle(len(job.places), func(i, j int) { job.places[i], job.places[j] = job.places[j], job.places[i] })
	slices.SortStableFunc(job.places, func(a, b place) int {
		return r.verifications.asked(name, a).Compare(r.verifications.asked(name, b))
	})
	var group errgroup.Group
	group.SetLimit(job.atOnce)
	for _, p := range job.places {
		group.Go(func() error {
			tried, answered := r.now(), false
			var findings []PreflightFinding
			defer func() {
				if cause := recover(); cause != nil {
					logPanic(ctx, cause, "ask for preflights", "place", p.name)
				}
				r.verifications.remember(name, p, tried, findings, answered)
				if answered {
					r.Meter.PlaceAnswered(placeReport{tried: tried}.answered(findings, p.written).reason())
				}
			}()
			found, err := r.ask(ctx, job, p)
			findings, answered = found, err == nil
			return nil
		})
	}
	return group.Wait() == nil
}

// ask sends the preflights to one place. Behind an endpoint may be any of several
// buckets: it is fine when it answers like one of them. Where it does not answer at
// all, there is nothing to compare with the others. An error is that not all was asked.
func (r *PolicyReconciler) ask(ctx context.Context, job verificationJob, p place) ([]PreflightFinding, error) {
	var former []*cors.Policy
	for _, configuration := range p.former {
		if len(configuration.Rules) == 0 {
			former = append(former, job.dialect.NoConfiguration())
		} else if compiled, err := job.dialect.Compile(configuration); err == nil {
			former = append(former, compiled)
		}
	}
	var findings []PreflightFinding
	for i, prediction := range p.predictions {
		compiled, err := job.dialect.Compile(prediction)
		if err != nil {
			// Two providers say of one server that it is of two kinds.
			return []PreflightFinding{{
				Reason:  s3v1alpha1.ReasonPreflightMismatch,
				Message: "what it answers cannot be predicted: " + describeMistakes(err),
			}}, nil
		}
		found, err := r.Preflights.Probe(ctx, Preflights{
			Provider: job.provider, Location: locationFor(p.reference), Endpoint: p.endpoint, AllowedHosts: job.allowedHosts,
			Requests: job.requests, Predicted: compiled, Former: former,
		})
		if err != nil || len(found) == 0 {
			return nil, err
		}
		if !slices.ContainsFunc(found, func(f PreflightFinding) bool { return f.Reason == s3v1alpha1.ReasonPreflightMismatch }) {
			return found, nil
		}
		if i == 0 {
			findings = found
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

// wakeBy has passes over policies caused by the queue of their controller.
func (l *verificationLog) wakeBy(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wake = queue.Add
	return nil
}
