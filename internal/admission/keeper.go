// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	admissionregistrationv1ac "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// certificateLife is how long a certificate is valid. It is renewed when two
	// thirds of that are over.
	certificateLife = 365 * 24 * time.Hour
	// lookInterval is the time between two looks at the Secret and the configuration:
	// how long it may take until all replicas serve a new certificate, and until a
	// configuration that was replaced works again.
	lookInterval = 30 * time.Second
	// lookAgainInterval is that time while something is amiss.
	lookAgainInterval = 5 * time.Second
	lookTimeout       = 20 * time.Second
	lookJitter        = 0.2
)

// Keeper keeps the certificate of the webhook: in a Secret, for all replicas, and
// known to the API server by the caBundle of the ValidatingWebhookConfiguration,
// which also says for which hosts it has to be. It makes the certificate, and renews
// it in time, and whenever it is missing or does not fit.
//
// Every replica has one, and each may be the one that renews: the API server lets
// only one of them write. None serves a certificate before the configuration knows
// its authority.
//
// It reads and writes these two objects by name. It lists and watches nothing, so
// that the operator needs no right to see the other Secrets or configurations.
type Keeper struct {
	// Reader reads from the API server, without a cache.
	Reader client.Reader
	Writer client.Client
	// Secret is where the certificate is kept. It has to exist.
	Secret types.NamespacedName
	// Configuration is the name of the ValidatingWebhookConfiguration.
	Configuration string
	// FieldOwner is the owner of the caBundle.
	FieldOwner string

	serving atomic.Pointer[served]
	// behind is whether a newer certificate than the one that is served is kept.
	behind bool
}

// served is a certificate that is served.
type served struct {
	bundle bundle
	pair   *tls.Certificate
}

// GetCertificate is for a tls.Config. The error is that there is none yet.
func (k *Keeper) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	current := k.serving.Load()
	if current == nil {
		return nil, errors.New("there is no certificate for the webhook yet: see the log of the operator")
	}
	return current.pair, nil
}

// NeedLeaderElection is false: every replica serves.
func (k *Keeper) NeedLeaderElection() bool { return false }

// Start keeps the certificate until the context is done. What goes wrong is logged,
// once, and tried again: it ends nothing.
func (k *Keeper) Start(ctx context.Context) error {
	ctx = logf.IntoContext(ctx, logf.FromContext(ctx).WithName("webhook-certificate"))
	var last string
	for ctx.Err() == nil {
		next, now := lookInterval, ""
		if err := k.look(ctx); err != nil && ctx.Err() == nil {
			next, now = lookAgainInterval, err.Error()
			if now != last {
				logTrouble(ctx, err, k.serving.Load() != nil)
			}
		}
		last = now
		if k.behind {
			next = lookAgainInterval
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait.Jitter(next, lookJitter)):
		}
	}
	return nil
}

// look brings the Secret, the configuration and what is served into line.
func (k *Keeper) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	// A conflict is that another replica was faster.
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		configuration, err := k.configuration(ctx)
		if err != nil {
			return err
		}
		hosts, err := hostsOf(configuration)
		if err != nil {
			return err
		}
		kept, err := k.kept(ctx, hosts)
		if err != nil {
			return err
		}
		news, err := k.makeKnown(ctx, configuration, kept.bundle.authorities)
		if err != nil {
			return err
		}
		// API servers take a moment to see it. Until the next look they get a certificate
		// that they take before and after, if there is one.
		if k.behind = news && k.servesFor(hosts, kept.bundle.authorities); k.behind {
			return nil
		}
		if current := k.serving.Swap(kept); current == nil || !current.bundle.equal(kept.bundle) {
			logServing(ctx, kept.pair.Leaf)
		}
		return nil
	})
}

func (k *Keeper) configuration(ctx context.Context) (*admissionregistrationv1.ValidatingWebhookConfiguration, error) {
	var configuration admissionregistrationv1.ValidatingWebhookConfiguration
	switch err := k.Reader.Get(ctx, types.NamespacedName{Name: k.Configuration}, &configuration); {
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("there is no ValidatingWebhookConfiguration %q: apply config/webhook, or name another with --webhook-configuration", k.Configuration)
	case err != nil:
		return nil, fmt.Errorf("read ValidatingWebhookConfiguration %q: %w", k.Configuration, err)
	}
	return &configuration, nil
}

// hostsOf are the names by which the API server calls the webhooks of a
// configuration.
func hostsOf(configuration *admissionregistrationv1.ValidatingWebhookConfiguration) ([]string, error) {
	hosts := sets.New[string]()
	for _, webhook := range configuration.Webhooks {
		switch at := webhook.ClientConfig; {
		case at.Service != nil:
			hosts.Insert(at.Service.Name + "." + at.Service.Namespace + ".svc")
		case at.URL != nil:
			parsed, err := url.Parse(*at.URL)
			if err != nil {
				return nil, fmt.Errorf("read the url of webhook %q in ValidatingWebhookConfiguration %q: %w", webhook.Name, configuration.Name, err)
			}
			hosts.Insert(parsed.Hostname())
		}
	}
	hosts.Delete("")
	if len(hosts) == 0 {
		return nil, fmt.Errorf("ValidatingWebhookConfiguration %q has no webhook with a service or a url", configuration.Name)
	}
	return sets.List(hosts), nil
}

// kept is the certificate of the Secret; a new one if that is missing, does not
// fit or is about to end.
func (k *Keeper) kept(ctx context.Context, hosts []string) (*served, error) {
	var secret corev1.Secret
	switch err := k.Reader.Get(ctx, k.Secret, &secret); {
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("there is no Secret %q to keep the certificate of the webhook in: apply config/webhook, or name another with --webhook-secret", k.Secret)
	case err != nil:
		return nil, fmt.Errorf("read Secret %q: %w", k.Secret, err)
	}
	now := time.Now()
	kept := bundleOf(secret.Data)
	pair, cause := kept.pair(hosts, now)
	if cause == nil && now.Before(due(pair.Leaf)) {
		return &served{kept, pair}, nil
	}
	renewed, err := kept.renewed(hosts, certificateLife, now)
	if err != nil {
		return nil, err
	}
	if pair, err = renewed.pair(hosts, now); err != nil {
		return nil, fmt.Errorf("use the certificate that was made for the webhook: %w", err)
	}
	secret.Data = map[string][]byte{certKey: renewed.cert, keyKey: renewed.key, caKey: renewed.authorities}
	if err := k.Writer.Update(ctx, &secret, client.FieldOwner(k.FieldOwner)); err != nil {
		return nil, fmt.Errorf("keep the new certificate of the webhook in Secret %q: %w", k.Secret, err)
	}
	cause = cmp.Or(cause, errors.New("two thirds of its life are over"))
	logf.FromContext(ctx).Info("made a new certificate", "cause", cause.Error(), "hosts", hosts)
	return &served{renewed, pair}, nil
}

// servesFor is whether those who know some authorities take what is served now, for
// some hosts.
func (k *Keeper) servesFor(hosts []string, authorities []byte) bool {
	current := k.serving.Load()
	if current == nil {
		return false
	}
	_, err := bundle{current.bundle.cert, current.bundle.key, authorities}.pair(hosts, time.Now())
	return err == nil
}

// makeKnown tells the API server by which authorities to know the certificate, and
// returns whether that is news.
func (k *Keeper) makeKnown(ctx context.Context, configuration *admissionregistrationv1.ValidatingWebhookConfiguration, authorities []byte) (news bool, err error) {
	known := func(webhook admissionregistrationv1.ValidatingWebhook) bool {
		return bytes.Equal(webhook.ClientConfig.CABundle, authorities)
	}
	if !slices.ContainsFunc(configuration.Webhooks, func(w admissionregistrationv1.ValidatingWebhook) bool { return !known(w) }) {
		return false, nil
	}
	// Of the version that was read, so that one that is deleted is not made again.
	apply := admissionregistrationv1ac.ValidatingWebhookConfiguration(configuration.Name).
		WithUID(configuration.UID).WithResourceVersion(configuration.ResourceVersion)
	for _, webhook := range configuration.Webhooks {
		apply.WithWebhooks(admissionregistrationv1ac.ValidatingWebhook().WithName(webhook.Name).
			WithClientConfig(admissionregistrationv1ac.WebhookClientConfig().WithCABundle(authorities...)))
	}
	if err := k.Writer.Apply(ctx, apply, client.FieldOwner(k.FieldOwner), client.ForceOwnership); err != nil {
		return false, fmt.Errorf("put the caBundle into ValidatingWebhookConfiguration %q: %w", configuration.Name, err)
	}
	return true, nil
}
