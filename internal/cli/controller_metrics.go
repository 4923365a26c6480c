// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"crypto/tls"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/pflag"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	runtimemetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/bucketcors/bucketcors/internal/metrics"
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

// complete refuses flags that cannot work together.
func (o *metricsOptions) complete() error {
	if o.certDir != "" && !o.secure {
		return errors.New("--metrics-cert-dir is set, but --metrics-secure=false serves metrics without TLS: leave out one of them")
	}
	return nil
}

// server is how the manager serves metrics.
func (o *metricsOptions) server() metricsserver.Options {
	server := metricsserver.Options{BindAddress: o.address}
	if o.secure {
		server.SecureServing = true
		server.CertDir = o.certDir
		server.FilterProvider = filters.WithAuthenticationAndAuthorization
		server.TLSOpts = []func(*tls.Config){withoutHTTP2}
	}
	return server
}

// withoutHTTP2 keeps a server to HTTP/1.1. A scraper sends one request at a time
// and gains nothing by HTTP/2, of which anyone who reaches the port could open
// streams by the thousand (CVE-2023-44487, CVE-2023-39325) before it is known who
// that is.
func withoutHTTP2(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }

// newMetrics are the metrics of the process, registered where the manager serves
// them, beside those of controller-runtime.
func newMetrics() (*metrics.Metrics, error) {
	m := metrics.New(metrics.Build{Version: buildVersion(), Revision: buildRevision(), GoVersion: runtime.Version()})
	err := m.Register(runtimemetrics.Registry)
	return m, err
}

// countObjects has the manager tell metrics of policies and providers.
func countObjects(mgr manager.Manager) error {
	if err := runtimemetrics.Registry.Register(metrics.NewInventory(mgr.GetCache(), mgr.Elected())); err != nil {
		return fmt.Errorf("register the metrics of policies and providers: %w", err)
	}
	return nil
}

// buildRevision is the commit that this binary was built from, as far as the
// compiler recorded it.
func buildRevision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, modified := "unknown", ""
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			revision = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			modified = "-modified"
		}
	}
	return revision + modified
}
