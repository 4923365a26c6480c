// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/bucketcors/bucketcors/controllers"
	"github.com/bucketcors/bucketcors/internal/admission"
)

// webhookOptions are the flags of the verb controller about admission.
type webhookOptions struct {
	enabled       bool
	address       string
	certDir       string
	secret        string
	configuration string

	host string
	port int
}

func (o *webhookOptions) addTo(flags *pflag.FlagSet) {
	flags.BoolVar(&o.enabled, "webhook", false,
		"serve the validating webhook, which refuses policies that could not be accepted")
	flags.StringVar(&o.address, "webhook-bind-address", ":9443", "address of the webhook")
	flags.StringVar(&o.certDir, "webhook-cert-dir", "",
		"directory with tls.crt and tls.key of the webhook, read again when they change (default: a certificate that the operator makes and renews itself)")
	flags.StringVar(&o.secret, "webhook-secret", "bucketcors-webhook-cert",
		"the Secret in the operator's namespace that keeps the certificate that it makes")
	flags.StringVar(&o.configuration, "webhook-configuration", "bucketcors",
		"the ValidatingWebhookConfiguration that is told how to know the certificate that the operator makes")
}

// complete refuses flags that cannot work together.
func (o *webhookOptions) complete() error {
	if !o.enabled {
		return nil
	}
	host, port, err := net.SplitHostPort(o.address)
	if err != nil {
		return fmt.Errorf("--webhook-bind-address is %q: it has to be an address such as :9443", o.address)
	}
	if o.port, err = strconv.Atoi(port); err != nil || o.port < 1 || o.port > 65535 {
		return fmt.Errorf("--webhook-bind-address is %q: it has to end with a port from 1 to 65535", o.address)
	}
	o.host = host
	if o.certDir == "" && (o.secret == "" || o.configuration == "") {
		return errors.New("without --webhook-cert-dir, --webhook-secret and --webhook-configuration have to be names")
	}
	return nil
}

// setup adds the webhook to the manager, if it is wanted. namespace is the
// operator's.
func (o *webhookOptions) setup(ctx context.Context, mgr ctrl.Manager, namespace string) error {
	if !o.enabled {
		return nil
	}
	var certificate admission.Certificate = &admission.Files{Dir: o.certDir}
	if o.certDir == "" {
		certificate = &admission.Keeper{
			Reader:        mgr.GetAPIReader(),
			Writer:        mgr.GetClient(),
			Secret:        types.NamespacedName{Namespace: namespace, Name: o.secret},
			Configuration: o.configuration,
			FieldOwner:    controllers.FieldOwner,
		}
	}
	return admission.Setup(ctx, mgr, o.host, o.port, certificate)
}
