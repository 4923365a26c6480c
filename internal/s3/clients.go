// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/tracing"
	"golang.org/x/time/rate"

	"github.com/bucketcors/bucketcors/internal/bucket"
)

// product names us in the User-Agent header, by which an audit log tells our
// writes from everybody else's.
const product = "bucketcors"

// defaultSigningRegion signs requests to an endpoint whose provider names no
// region: the one that S3-compatible servers expect unless told otherwise.
const defaultSigningRegion = "us-east-1"

// Options are what all clients have in common. The zero value is usable.
type Options struct {
	// Version of the product, for the User-Agent header.
	Version string
	// Timeout bounds a call with its retries, for providers that set none
	// themselves; 0 for 15 seconds.
	Timeout time.Duration
	// MaxAttempts is how often a call is sent that fails with something
	// transient; 0 for 3.
	MaxAttempts int
	// MaxBackoff is the longest pause before another attempt; 0 for 2 seconds.
	MaxBackoff time.Duration
	// Observer is told of every attempt of a request; nil for nobody.
	Observer Observer
	// TracerProvider gets the spans of the SDK, whose attributes hold the texts of
	// errors as they came, and so perhaps secrets; nil for none.
	TracerProvider tracing.TracerProvider
}

// Clients opens buckets. It holds one client for each provider name, which all
// buckets of the provider share. It is safe for concurrent use.
type Clients struct {
	options Options
	// dial replaces the dialer of new clients; nil but in tests.
	dial dialFunc

	mu        sync.Mutex
	providers map[string]*provider
}

// provider is what is known under one provider name.
type provider struct {
	// limiter outlives the clients, so that a change of the provider does not
	// start with a full bucket of tokens.
	limiter *rate.Limiter
	client  *client // nil until the first that could be built
}

// client reaches one S3 service as one bucket.Provider describes it.
type client struct {
	provider    bucket.Provider
	timeout     time.Duration
	credentials *credentialsSource
	api         *awss3.Client
	transport   *http.Transport
	// md5 is set when the server was found to know no checksum but Content-MD5.
	md5 atomic.Bool
}

// New returns Clients without any client; they are built when first used.
func New(o Options) *Clients {
	o.Timeout = cmp.Or(o.Timeout, 15*time.Second)
	o.MaxAttempts = cmp.Or(o.MaxAttempts, 3)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, 2*time.Second)
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	return &Clients{options: o, providers: map[string]*provider{}}
}

// Open returns the bucket at l of the provider p, without a request to the
// server. The client of the provider is built anew when anything of p differs
// from what was opened under p.Name before; buckets opened until then keep the
// client that they have. A change of p.RequestsPerSecond holds at once, for
// them too.
//
// The error is a *bucket.Error: InvalidEndpoint, InvalidCABundle or
// ProviderInvalid when p cannot be used as it is written, and BucketNotFound or
// Unsupported when no bucket that has a CORS configuration can have such a name.
func (c *Clients) Open(_ context.Context, p bucket.Provider, l bucket.Location) (*Bucket, error) {
	if err := checkBucketName(p, l); err != nil {
		return nil, err
	}
	client, err := c.client(p)
	if err != nil {
		return nil, err
	}
	region := cmp.Or(l.Region, p.Region)
	if region == "" {
		if p.Endpoint == "" {
			return nil, noRegion(p.Name)
		}
		region = defaultSigningRegion
	}
	return &Bucket{client: client, location: l, region: region}, nil
}

// Check is whether the provider p can be used as it is written and its
// credentials can be had: those of a role are asked for, unless they are there
// already. The S3 service itself is not asked. It builds the client of the
// provider like Open.
//
// The error is a *bucket.Error: that of Open about a provider, or the one that
// any call would return for want of credentials.
func (c *Clients) Check(ctx context.Context, p bucket.Provider) error {
	client, err := c.client(p)
	if err != nil {
		return err
	}
	if p.Region == "" && p.Endpoint == "" {
		return noRegion(p.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, client.timeout)
	defer cancel()
	ctx, seen := withExchange(ctx)
	if _, err := client.credentials.Retrieve(ctx); err != nil {
		f := client.failure(seen, err)
		f.where = fmt.Sprintf("credentials of BucketProvider %q", p.Name)
		return classify(f)
	}
	return nil
}

// failure is what is known of a call that failed with an error, without what it
// was about.
func (c *client) failure(seen *exchange, err error) *failure {
	return &failure{
		credentials: c.provider.Credentials,
		role:        c.provider.AssumeRole,
		stsRegion:   c.provider.Region,
		secrets:     seen.secrets,
		timeout:     c.timeout,
		answer:      seen.answer,
		err:         err,
	}
}

// Forget drops the client of a provider that is gone. Buckets opened with it
// keep working.
func (c *Clients) Forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.providers[name]; known != nil && known.client != nil {
		known.client.transport.CloseIdleConnections()
	}
	delete(c.providers, name)
}

func (c *Clients) client(p bucket.Provider) (*client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.known(p)
	if known.client != nil && reflect.DeepEqual(known.client.provider, p) {
		return known.client, nil
	}
	built, err := c.build(p, known.limiter)
	if err != nil {
		return nil, err
	}
	if known.client != nil {
		known.client.transport.CloseIdleConnections()
	}
	known.client = built
	return built, nil
}

// known is what is known under the name of p, with its limit. The caller holds
// c.mu.
func (c *Clients) known(p bucket.Provider) *provider {
	known := c.providers[p.Name]
	if known == nil {
		known = &provider{limiter: rate.NewLimiter(rate.Inf, 1)}
		c.providers[p.Name] = known
	}
	limit(known.limiter, p.RequestsPerSecond)
	return known
}

// limit sets the rate of a token bucket. It holds a tenth of a second's tokens,
// so that no second sees more than a tenth above the limit.
func limit(l *rate.Limiter, perSecond int) {
	if perSecond <= 0 {
		l.SetLimit(rate.Inf)
		return
	}
	l.SetBurst(max(1, perSecond/10))
	l.SetLimit(rate.Limit(perSecond))
}

func (c *Clients) build(p bucket.Provider, limiter *rate.Limiter) (*client, error) {
	p.CABundle = bytes.Clone(p.CABundle)
	if p.Credentials != nil {
		p.Credentials = new(*p.Credentials)
	}
	if p.AssumeRole != nil {
		p.AssumeRole = new(*p.AssumeRole)
	}
	endpoint, err := parseEndpoint(p.Name, "endpoint", p.Endpoint)
	if err != nil {
		return nil, err
	}
	roots, err := trustedRoots(p)
	if err != nil {
		return nil, err
	}
	timeout := cmp.Or(p.Timeout, c.options.Timeout)
	transport := newTransport(roots, timeout, c.dial)
	source, err := c.credentials(p, transport, timeout)
	if err != nil {
		return nil, err
	}

	// The options are given to the client directly and not by way of
	// aws.Config, so that AWS_ENDPOINT_URL and its kin in the operator's
	// environment cannot send a provider's requests elsewhere.
	api := awss3.New(awss3.Options{
		AppID:          product,
		BaseEndpoint:   endpoint,
		Region:         p.Region,
		UsePathStyle:   pathStyle(p),
		Credentials:    source,
		Retryer:        c.retryer(),
		HTTPClient:     &gate{limiter: limiter, base: transport, observer: c.options.Observer},
		TracerProvider: c.options.TracerProvider,
		// A bucket name of the right form would otherwise make the SDK open a
		// session for a directory bucket first.
		DisableS3ExpressSessionAuth: aws.Bool(true),
	}, awss3.WithAPIOptions(awsmiddleware.AddUserAgentKeyValue(product, cmp.Or(c.options.Version, "unknown"))))
	return &client{provider: p, timeout: timeout, credentials: source, api: api, transport: transport}, nil
}

func pathStyle(p bucket.Provider) bool {
	switch p.Addressing {
	case bucket.AddressingPath:
		return true
	case bucket.AddressingVirtualHosted:
		return false
	default:
		return p.Endpoint != ""
	}
}

func (c *Clients) retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = c.options.MaxAttempts
		o.MaxBackoff = c.options.MaxBackoff
		o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(lasting)}, o.Retryables...)
	})
}
