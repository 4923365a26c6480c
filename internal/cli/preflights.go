// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/controllers"
	"github.com/bucketcors/bucketcors/internal/probe"
	"github.com/bucketcors/bucketcors/internal/s3"
)

// preflights let the reconciler send preflights. It is its controllers.Prober.
type preflights struct {
	clients *s3.Clients
}

// Probe implements controllers.Prober. It counts for the limit of the provider.
func (p preflights) Probe(ctx context.Context, ask controllers.Preflights) ([]controllers.PreflightFinding, error) {
	target, client, err := reach(ask)
	if err != nil {
		return []controllers.PreflightFinding{{Reason: s3v1alpha1.ReasonEndpointNotAllowed, Message: err.Error()}}, nil
	}
	// Connections to endpoints are few and far between, and the guard of the next
	// time may be another.
	defer client.CloseIdleConnections()
	var unasked error
	prober := probe.New(probe.Options{
		Client: client,
		Wait: func(ctx context.Context) error {
			unasked = p.clients.Wait(ctx, ask.Provider)
			return unasked
		},
		UserAgent: "bucketcors/" + buildVersion(),
	})
	results := prober.Probe(ctx, probe.Target{URL: target, Predicted: ask.Predicted, Former: ask.Former}, ask.Requests)
	if err := cmp.Or(ctx.Err(), unasked); err != nil {
		return nil, err
	}
	return findingsOf(results), nil
}

// reach is the URL that is asked, and who may go there: anybody to the service of
// the provider, and to an endpoint that a policy names as the provider allows. An
// error is why nothing can be sent.
func reach(ask controllers.Preflights) (target string, client *http.Client, err error) {
	roots, err := s3.TrustedRoots(ask.Provider)
	if err != nil {
		return "", nil, err
	}
	service, err := s3.BucketURL(ask.Provider, ask.Location)
	if err != nil {
		return "", nil, err
	}
	if ask.Endpoint == "" {
		return service, probe.NewServiceClient(roots), nil
	}
	if sameOrigin(ask.Endpoint, service) {
		return ask.Endpoint, probe.NewServiceClient(roots), nil
	}
	client, err = guardedClient(ask.AllowedHosts, roots)
	return ask.Endpoint, client, err
}

func guardedClient(allowedHosts []string, roots *x509.CertPool) (*http.Client, error) {
	guard, err := probe.NewGuard(allowedHosts)
	if err != nil {
		return nil, fmt.Errorf("spec.verification.allowedHosts of the BucketProvider: %w", err)
	}
	return guard.NewClient(roots), nil
}

// sameOrigin is whether two URLs name the same scheme, host and port.
func sameOrigin(a, b string) bool {
	first, err := url.Parse(a)
	if err != nil {
		return false
	}
	second, err := url.Parse(b)
	return err == nil && strings.EqualFold(first.Scheme, second.Scheme) &&
		strings.EqualFold(first.Hostname(), second.Hostname()) && portOf(first) == portOf(second)
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
}

// reasonsOfSilence are the reasons of Verified for the classes of no answer.
var reasonsOfSilence = map[probe.Class]string{
	probe.Unreachable: s3v1alpha1.ReasonEndpointUnreachable,
	probe.NotAllowed:  s3v1alpha1.ReasonEndpointNotAllowed,
}

// findingsOf are what is not as predicted, each cause once.
func findingsOf(results []probe.Result) []controllers.PreflightFinding {
	type cause struct {
		result probe.Result
		others int
	}
	var causes []*cause
	for _, result := range results {
		if result.Class == probe.AsPredicted {
			continue
		}
		i := slices.IndexFunc(causes, func(c *cause) bool {
			return c.result.Class == result.Class && c.result.Message == result.Message && c.result.Advice == result.Advice
		})
		if i < 0 {
			causes = append(causes, &cause{result: result})
			continue
		}
		causes[i].others++
	}
	var findings []controllers.PreflightFinding
	for _, c := range causes {
		finding := controllers.PreflightFinding{
			Reason:  cmp.Or(reasonsOfSilence[c.result.Class], s3v1alpha1.ReasonPreflightMismatch),
			Message: c.result.Message,
			Passing: c.result.MayPass(),
		}
		if c.result.Class != probe.NotAllowed {
			finding.Message += " (" + preflightsText(c.result, c.others) + ")"
		}
		if c.result.Advice != "" {
			finding.Message += "; " + c.result.Advice
		}
		findings = append(findings, finding)
	}
	return findings
}

// preflightsText names the preflight that a result is of, and counts the others
// that had the same.
func preflightsText(result probe.Result, others int) string {
	text := probed{Result: result, stranger: result.Request.Name == probe.StrangerName}.describe()
	switch others {
	case 0:
		return text
	case 1:
		return text + ", and 1 more preflight"
	default:
		return fmt.Sprintf("%s, and %d more preflights", text, others)
	}
}
