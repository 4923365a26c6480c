// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestMetricsAreForThoseWhoMayReadThemUnlessToldOtherwise(t *testing.T) {
	for name, tt := range map[string]struct {
		flags   []string
		secure  bool
		certDir string
		refused string
	}{
		"by default":                  {nil, true, "", ""},
		"with a certificate":          {[]string{"--metrics-cert-dir=/certs"}, true, "/certs", ""},
		"when that is not wanted":     {[]string{"--metrics-secure=false"}, false, "", ""},
		"a certificate without a use": {[]string{"--metrics-secure=false", "--metrics-cert-dir=/certs"}, false, "", "--metrics-cert-dir"},
	} {
		t.Run(name, func(t *testing.T) {
			var options metricsOptions
			flags := pflag.NewFlagSet("", pflag.ContinueOnError)
			options.addTo(flags)
			if err := flags.Parse(tt.flags); err != nil {
				t.Fatal(err)
			}
			err := options.complete()
			if (err != nil) != (tt.refused != "") || err != nil && !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("the error is %v", err)
			}
			server := options.server()
			if server.BindAddress != ":8443" || server.SecureServing != tt.secure || (server.FilterProvider != nil) != tt.secure || server.CertDir != tt.certDir {
				t.Errorf("served as %+v", server)
			}
		})
	}
}

func TestWhatOthersCouldMisuseIsOffUntilAskedFor(t *testing.T) {
	flags := newControllerCommand().Flags()
	for name, want := range map[string]string{"pprof-bind-address": "0", "tracing": "false"} {
		if got := flags.Lookup(name).DefValue; got != want {
			t.Errorf("--%s is %q by default", name, got)
		}
	}
}
