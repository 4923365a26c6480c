// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"

	"github.com/spf13/pflag"
	ctrl "sigs.k8s.io/controller-runtime"
)

// webhookOptions are the flags of the verb controller about admission.
type webhookOptions struct {
	enabled bool
}

func (o *webhookOptions) addTo(flags *pflag.FlagSet) {
	flags.BoolVar(&o.enabled, "webhook", false, "serve the validating webhook")
}

// complete refuses flags that cannot work together.
func (o *webhookOptions) complete() error { return nil }

// configure prepares the options of the manager.
func (o *webhookOptions) configure(*ctrl.Options) {}

// setup adds the webhook to the manager, if it is wanted. namespace is the
// operator's.
func (o *webhookOptions) setup(_ context.Context, _ ctrl.Manager, _ string) error { return nil }
