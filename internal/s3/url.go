// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/bucketcors/bucketcors/internal/bucket"
)

// BucketURL is the URL of a bucket, without a slash at its end: the one that
// requests for it go to, and presigned URLs name.
//
// The error is a *bucket.Error, as that of Open.
func BucketURL(p bucket.Provider, l bucket.Location) (string, error) {
	if err := checkBucketName(p, l); err != nil {
		return "", err
	}
	endpoint, err := parseEndpoint(p.Name, "endpoint", p.Endpoint)
	if err != nil {
		return "", err
	}
	region := cmp.Or(l.Region, p.Region)
	if region == "" {
		if endpoint == nil {
			return "", noRegion(p.Name)
		}
		region = defaultSigningRegion
	}
	resolved, err := awss3.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(), awss3.EndpointParameters{
		Bucket:         aws.String(l.Name),
		Region:         aws.String(region),
		Endpoint:       endpoint,
		ForcePathStyle: aws.Bool(pathStyle(p)),
	})
	if err != nil {
		return "", unusable(bucket.ProviderInvalid, p.Name, fmt.Sprintf("bucket %q has no URL: %s", l.Name, err))
	}
	return resolved.URI.String(), nil
}

// TrustedRoots are the certificates that vouch for the endpoint of a provider:
// those of the system, of the file that AWS_CA_BUNDLE names, and of its CABundle;
// nil for those of the system alone. The error is a *bucket.Error.
func TrustedRoots(p bucket.Provider) (*x509.CertPool, error) { return trustedRoots(p) }

// Wait waits until the limit of a provider lets one more request through, and
// counts it: for requests to its service that are not made by this package. The
// error is that of the context, or that no time is left before its deadline.
func (c *Clients) Wait(ctx context.Context, p bucket.Provider) error {
	c.mu.Lock()
	limiter := c.known(p).limiter
	c.mu.Unlock()
	return waitFor(ctx, limiter, c.options.Observer)
}
