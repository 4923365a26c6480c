// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"cmp"
	"context"
	"net/http"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"

	"github.com/bucketcors/bucketcors/internal/bucket"
)

const (
	// roleDuration is how long the credentials of a role are asked for: the
	// longest that every role permits, and the longest of all for one that is
	// assumed with the credentials of another.
	//
	// See https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html.
	roleDuration = time.Hour
	// renewBefore is how long before they expire they are asked for anew.
	renewBefore = 5 * time.Minute
	// maxSessionName is how many characters the name of a session may have.
	maxSessionName = 64
)

// assumption gets the credentials of a provider's role from STS. It keeps none:
// see assumedRole.
type assumption struct {
	provider bucket.Provider
	timeout  time.Duration
	// base are the credentials that the role is assumed with.
	base *credentialsSource
	sts  *stscreds.AssumeRoleProvider
}

// assumedRole returns the credentials of the provider's role, which are kept
// until shortly before they expire. However many calls need them at a time, they
// are asked for once. endpoint is nil for the STS of AWS.
func (c *Clients) assumedRole(p bucket.Provider, endpoint *string, transport http.RoundTripper, timeout time.Duration) *aws.CredentialsCache {
	base := &credentialsSource{provider: c.baseCredentials(p)}
	// As in build, the environment has no say in where requests go.
	api := awssts.New(awssts.Options{
		AppID:        product,
		BaseEndpoint: endpoint,
		Region:       cmp.Or(p.Region, defaultSigningRegion),
		Credentials:  base,
		Retryer:      c.retryer(),
		// The limit of the provider is one of its S3 service.
		HTTPClient:     &gate{limiter: rate.NewLimiter(rate.Inf, 1), base: transport, observer: c.options.Observer},
		TracerProvider: c.options.TracerProvider,
		APIOptions: []func(*middleware.Stack) error{
			awsmiddleware.AddUserAgentKeyValue(product, cmp.Or(c.options.Version, "unknown")),
		},
	})
	a := &assumption{
		provider: p,
		timeout:  timeout / 2, // which leaves as much for the request that needs them
		base:     base,
		sts: stscreds.NewAssumeRoleProvider(api, p.AssumeRole.RoleARN, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = sessionName(p.Name)
			o.Duration = roleDuration
			if p.AssumeRole.ExternalID != "" {
				o.ExternalID = &p.AssumeRole.ExternalID
			}
		}),
	}
	return aws.NewCredentialsCache(a, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = renewBefore })
}

// Retrieve implements aws.CredentialsProvider. The error is a *roleError.
//
// It runs once for all calls that wait, with the values of the context of the
// first and without its deadline: hence the deadline and the exchange of its own.
func (a *assumption) Retrieve(ctx context.Context) (aws.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	ctx, seen := withExchange(ctx)
	found, err := a.sts.Retrieve(ctx)
	if err != nil && seen.outdated() && a.base.renew(seen.signer) {
		seen.answer = nil
		found, err = a.sts.Retrieve(ctx)
	}
	if err == nil && !found.HasKeys() {
		err = errNotSTS
	}
	if err != nil {
		return aws.Credentials{}, &roleError{
			err:     err,
			answer:  seen.answer,
			secrets: append(seen.secrets, a.provider.AssumeRole.ExternalID),
			timeout: a.timeout,
		}
	}
	return found, nil
}

// HandleFailToRefresh implements the strategy of aws.CredentialsCache for
// credentials that are about to expire: while STS only has a bad moment, those
// that are there serve until they do.
func (a *assumption) HandleFailToRefresh(_ context.Context, previous aws.Credentials, err error) (aws.Credentials, error) {
	if !previous.HasKeys() {
		return aws.Credentials{}, err
	}
	previous.Expires = previous.Expires.Add(renewBefore) // the cache took that off
	failed := failure{credentials: a.provider.Credentials, role: a.provider.AssumeRole, err: &credentialsError{err}}
	if previous.Expired() || classify(&failed).Fate != bucket.Transient {
		return aws.Credentials{}, err
	}
	return previous, nil
}

// notOfASessionName are the characters that the name of a session cannot have.
var notOfASessionName = regexp.MustCompile(`[^\w+=,.@-]`)

// sessionName is how the requests that a provider's role signs are told from
// others in an audit log.
func sessionName(providerName string) string {
	name := notOfASessionName.ReplaceAllLiteralString(product+"-"+providerName, "-")
	return name[:min(len(name), maxSessionName)]
}

// roleError is a role that could not be assumed, with what is known about it.
type roleError struct {
	err     error
	answer  *answer  // of STS; nil when there was none
	secrets []string // that must not be quoted
	timeout time.Duration
}

func (e *roleError) Error() string { return e.err.Error() }

func (e *roleError) Unwrap() error { return e.err }
