// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

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

// Connections are what Buckets holds of each provider.
type Connections interface {
	// Check is whether a provider can be used as it is written and its credentials
	// can be had: those of a role are asked for, unless they are there already. The
	// service itself is not asked. The error is a *bucket.Error.
	Check(ctx context.Context, provider bucket.Provider) error
	// Forget drops what is held of a provider that is gone.
	Forget(providerName string)
}
