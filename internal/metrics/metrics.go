// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// Metrics counts what the operator does. It is safe for concurrent use.
type Metrics struct {
	s3RequestDuration   *prometheus.HistogramVec
	s3RateLimiterWait   prometheus.Histogram
	driftDetected       prometheus.Counter
	driftCorrected      prometheus.Counter
	policyReadyDuration prometheus.Histogram
	verifications       *prometheus.CounterVec
	buildInfo           *prometheus.GaugeVec
}

// Build is what is known of a binary.
type Build struct {
	// Version is that of the product, Revision the commit it was built from.
	Version, Revision string
	// GoVersion is that of the compiler.
	GoVersion string
}

// New returns metrics of nothing yet.
func New(build Build) *Metrics {
	m := &Metrics{
		s3RequestDuration:   prometheus.NewHistogramVec(histogramOpts(s3RequestDuration), definition(s3RequestDuration).Labels),
		s3RateLimiterWait:   prometheus.NewHistogram(histogramOpts(s3RateLimiterWait)),
		driftDetected:       prometheus.NewCounter(prometheus.CounterOpts(opts(driftDetected))),
		driftCorrected:      prometheus.NewCounter(prometheus.CounterOpts(opts(driftCorrected))),
		policyReadyDuration: prometheus.NewHistogram(histogramOpts(policyReadyDuration)),
		verifications:       prometheus.NewCounterVec(prometheus.CounterOpts(opts(verifications)), definition(verifications).Labels),
		buildInfo:           prometheus.NewGaugeVec(prometheus.GaugeOpts(opts(buildInfo)), definition(buildInfo).Labels),
	}
	m.buildInfo.WithLabelValues(build.Version, build.Revision, build.GoVersion).Set(1)
	// The first of a kind is seen as an increase only where there was a 0 before.
	for _, reason := range []string{
		s3v1alpha1.ReasonVerified, s3v1alpha1.ReasonPreflightMismatch, s3v1alpha1.ReasonEndpointUnreachable,
		s3v1alpha1.ReasonEndpointNotAllowed, s3v1alpha1.ReasonSettling,
	} {
		m.verifications.WithLabelValues(reason)
	}
	return m
}

func opts(name string) prometheus.Opts {
	d := definition(name)
	return prometheus.Opts{Name: d.Name, Help: d.Help}
}

func histogramOpts(name string) prometheus.HistogramOpts {
	d := definition(name)
	return prometheus.HistogramOpts{Name: d.Name, Help: d.Help, Buckets: d.Buckets}
}

// Register has a registry serve the metrics. The error is that it serves some of
// the same names already.
func (m *Metrics) Register(registry prometheus.Registerer) error {
	var errs []error
	for _, collector := range []prometheus.Collector{
		m.s3RequestDuration, m.s3RateLimiterWait, m.driftDetected, m.driftCorrected, m.policyReadyDuration, m.verifications, m.buildInfo,
	} {
		errs = append(errs, registry.Register(collector))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("register the metrics: %w", err)
	}
	return nil
}

// operations are the requests that the storage adapter makes.
var operations = []string{"GetBucketCors", "PutBucketCors", "DeleteBucketCors", "AssumeRole"}

// unanswered are the codes of requests without an answer.
var unanswered = []string{"timeout", "canceled", "unreachable", "unreadable", "limited"}

// Request counts an attempt of a request to S3 or STS. The code is an HTTP status
// or a word for why there is none.
func (m *Metrics) Request(operation, code string, took time.Duration) {
	if status, err := strconv.Atoi(code); err == nil && http.StatusText(status) != "" {
		code = strconv.Itoa(status)
	} else {
		code = known(code, unanswered, other)
	}
	m.s3RequestDuration.WithLabelValues(known(operation, operations, other), code).Observe(took.Seconds())
}

// Waited counts a request that the limit of a provider let through, after a time.
func (m *Metrics) Waited(d time.Duration) { m.s3RateLimiterWait.Observe(d.Seconds()) }

// DriftDetected counts a foreign change to a bucket that was not seen before.
func (m *Metrics) DriftDetected() { m.driftDetected.Inc() }

// DriftCorrected counts a foreign change that was put right.
func (m *Metrics) DriftCorrected() { m.driftCorrected.Inc() }

// PolicyReady counts a generation of a policy that is Ready, after a time.
func (m *Metrics) PolicyReady(after time.Duration) { m.policyReadyDuration.Observe(after.Seconds()) }

// PlaceAnswered counts an answer to live preflights. The reason is that of the
// condition Verified.
func (m *Metrics) PlaceAnswered(reason string) {
	m.verifications.WithLabelValues(known(reason, reasons, otherReason)).Inc()
}
