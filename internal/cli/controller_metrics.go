// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/pflag"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// metricsOptions are the flags of the verb controller that say how metrics are
// served.
type metricsOptions struct {
	address string
	secure  bool
	certDir string
}

func (o *metricsOptions) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&o.address, "metrics-bind-address", ":8443", `address of the metrics; "0" for none`)
	flags.BoolVar(&o.secure, "metrics-secure", true,
		"serve metrics over TLS, and only to those whom the cluster allows to get /metrics; false: plain HTTP, to everybody")
	flags.StringVar(&o.certDir, "metrics-cert-dir", "",
		"directory with tls.crt and tls.key of the metrics, read again when they change (default: a certificate signed by itself)")
}

// server is how the manager serves metrics.
func (o *metricsOptions) server() metricsserver.Options {
	server := metricsserver.Options{BindAddress: o.address}
	if o.secure {
		server.SecureServing = true
		server.CertDir = o.certDir
		server.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	return server
}
