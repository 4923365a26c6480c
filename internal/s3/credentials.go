// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"

	"github.com/bucketcors/bucketcors/internal/bucket"
)

// credentials returns what signs the requests of a provider.
func (c *Clients) credentials(p bucket.Provider, transport http.RoundTripper, timeout time.Duration) (*credentialsSource, error) {
	if p.AssumeRole == nil {
		return &credentialsSource{provider: c.baseCredentials(p)}, nil
	}
	if p.Region == "" && p.AssumeRole.STSEndpoint == "" {
		return nil, unusable(bucket.ProviderInvalid, p.Name, "region is empty, and without an stsEndpoint it chooses the STS of AWS")
	}
	endpoint, err := parseEndpoint(p.Name, "stsEndpoint", p.AssumeRole.STSEndpoint)
	if err != nil {
		return nil, err
	}
	return &credentialsSource{provider: c.assumedRole(p, endpoint, transport, timeout)}, nil
}

// baseCredentials returns what signs the requests of a provider, or assumes its
// role: its keys, or the operator's own when it has none.
func (c *Clients) baseCredentials(p bucket.Provider) aws.CredentialsProvider {
	if k := p.Credentials; k != nil {
		return credentials.NewStaticCredentialsProvider(k.AccessKeyID, k.SecretAccessKey, k.SessionToken)
	}
	return &ambient{load: func(ctx context.Context) (aws.CredentialsProvider, error) {
		roots, err := environmentRoots()
		if err != nil {
			return nil, err
		}
		options := []func(*config.LoadOptions) error{
			config.WithLogger(logging.Nop{}),
			config.WithRetryer(c.retryer),
			// The SDK itself would trust AWS_CA_BUNDLE alone. It insists on this
			// type of client when the variable is set.
			config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
				t.TLSClientConfig.RootCAs = roots
			})),
		}
		if p.Endpoint == "" {
			// For STS, when the environment names no region.
			options = append(options, config.WithDefaultRegion(p.Region))
		}
		loaded, err := config.LoadDefaultConfig(ctx, options...)
		return loaded.Credentials, err
	}}
}

// ambient is the operator's own credentials: the default chain of the SDK
// (environment, IRSA, Pod Identity, node role), looked for when first needed,
// and again after a failure. The last of the chain, the metadata service of
// EC2, stays on because node roles are a legitimate source; where there is
// none the SDK gives up within seconds.
type ambient struct {
	load func(context.Context) (aws.CredentialsProvider, error)

	mu    sync.Mutex
	chain aws.CredentialsProvider
}

// Retrieve implements aws.CredentialsProvider. What the chain finds is cached
// in the chain until it expires.
func (a *ambient) Retrieve(ctx context.Context) (aws.Credentials, error) {
	chain, err := a.resolve(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	return chain.Retrieve(ctx)
}

func (a *ambient) resolve(ctx context.Context) (aws.CredentialsProvider, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.chain != nil {
		return a.chain, nil
	}
	chain, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	a.chain = chain
	return chain, nil
}

// Invalidate has the next call look for credentials anew.
func (a *ambient) Invalidate() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.chain = nil
}

// credentialsSource marks the failures of a provider of credentials, which may
// be of the network or of another service, as such, and leaves what it provides
// where the call can find it, to be kept out of messages.
type credentialsSource struct {
	provider aws.CredentialsProvider
	// newest are the last credentials that were provided.
	newest atomic.Pointer[aws.Credentials]
}

// Retrieve implements aws.CredentialsProvider.
func (s *credentialsSource) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := s.provider.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, &credentialsError{err}
	}
	seen := exchangeFrom(ctx)
	seen.secrets = append(seen.secrets, found.SecretAccessKey, found.SessionToken, found.AccessKeyID)
	seen.signer = &found
	s.newest.Store(&found)
	return found, nil
}

// renew drops credentials that a server calls outdated, unless there are newer
// ones by now: many calls may find it out at a time. It reports whether another
// attempt may be signed by others.
func (s *credentialsSource) renew(outdated *aws.Credentials) bool {
	keeper, ok := s.provider.(interface{ Invalidate() })
	if !ok {
		return false
	}
	if newest := s.newest.Load(); newest != nil && *newest == *outdated {
		keeper.Invalidate()
	}
	return true
}

// credentialsError is a call that was not sent, because there was nothing to
// sign it with.
type credentialsError struct {
	err error
}

func (e *credentialsError) Error() string { return e.err.Error() }

func (e *credentialsError) Unwrap() error { return e.err }
