// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// Bucket is the CORS configuration of one bucket. An error of its methods is a
// *bucket.Error, which says what can be done about it, or the error of the
// context.
type Bucket interface {
	// GetCORS returns what is there; a Configuration without rules when the
	// bucket has none.
	GetCORS(ctx context.Context) (cors.Configuration, error)
	// PutCORS replaces what is there, whole.
	PutCORS(ctx context.Context, configuration cors.Configuration) error
	// DeleteCORS removes what is there. Nothing there is not an error.
	DeleteCORS(ctx context.Context) error
}

// Buckets opens buckets. Opening costs no request.
type Buckets interface {
	Open(ctx context.Context, provider bucket.Provider, location bucket.Location) (Bucket, error)
}

// Prober sends live preflights.
type Prober interface {
	// Probe asks one place where browsers reach a bucket, and returns what is not as
	// predicted. An error is that of the context: not all was asked.
	Probe(ctx context.Context, ask Preflights) ([]PreflightFinding, error)
}

// Preflights are what is asked of one place.
type Preflights struct {
	// Provider and Location are the bucket. Its service is asked, unless there is an
	// Endpoint: the base URL under which browsers reach the objects of the bucket.
	Provider bucket.Provider
	Location bucket.Location
	Endpoint string
	// AllowedHosts are the hosts that Endpoint may name, as a BucketProvider has them.
	AllowedHosts []string
	// Requests are what browsers do, Predicted what answers them, and Former what may
	// still do so, because it did before the last write.
	Requests  []browser.Request
	Predicted *cors.Policy
	Former    []*cors.Policy
}

// PreflightFinding is something that is not as predicted.
type PreflightFinding struct {
	// Reason is one of the reasons for which the condition Verified is False.
	Reason string
	// Message is a sentence for people, the same each time the same is found: what
	// was asked and answered, who answered as far as that can be told, what to do.
	Message string
	// Passing is whether it may pass by itself within two minutes of a write.
	Passing bool
}

// Connections are what Buckets holds of each provider.
type Connections interface {
	// Check is whether a provider can be used as it is written and its credentials
	// can be had: those of a role are asked for, unless they are there already. The
	// service itself is not asked. The error is a *bucket.Error.
	Check(ctx context.Context, provider bucket.Provider) error
	// Forget drops what is held of a provider that is gone.
	Forget(providerName string)
}
