// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// ProviderReconciler keeps the status of every BucketProvider. All fields are
// required.
type ProviderReconciler struct {
	// Client reads policies and providers from a cache and Secrets from the API
	// server.
	Client      client.Client
	Connections Connections
	Clock       clock.PassiveClock
	// Namespace is the operator's: the Secrets of providers are there.
	Namespace string
	// CheckInterval is the time between two looks at a provider that is ready.
	CheckInterval time.Duration
}

// Reconcile makes one pass over a provider.
func (r *ProviderReconciler) Reconcile(ctx context.Context, provider *s3v1alpha1.BucketProvider) (ctrl.Result, error) {
	return ctrl.Result{}, nil
}

// SetupWithManager adds the reconciler to a manager.
func (r *ProviderReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return nil
}
