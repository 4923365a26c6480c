// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"strings"
	"unicode"

	"github.com/bucketcors/bucketcors/internal/bucket"
)

// parseEndpoint returns a base URL in the form that the SDK takes, nil for that
// of AWS. field is where the provider has it.
func parseEndpoint(providerName, field, endpoint string) (*string, error) {
	if endpoint == "" {
		return nil, nil
	}
	u, err := url.Parse(endpoint)
	var what string
	switch {
	case err != nil:
		// The text of the error may repeat a password that was put into the URL.
		what = "is not a URL like https://host:port"
	case u.Scheme != "http" && u.Scheme != "https":
		what = "does not begin with https:// or http://"
	case u.Hostname() == "":
		what = "names no host"
	case u.User != nil:
		what = "holds a user name; credentials belong into a Secret"
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(endpoint, "#"):
		what = "holds a query or a fragment; only scheme, host, port and path are used"
	default:
		u.Path = strings.TrimRight(u.Path, "/")
		return new(u.Scheme + "://" + u.Host + u.EscapedPath()), nil
	}
	return nil, unusable(bucket.InvalidEndpoint, providerName, field+" "+what)
}

// environmentRoots returns the certificates that the operator's environment
// trusts: the system's and those of the file that AWS_CA_BUNDLE names. It is nil
// when there is no such file, which stands for the system's.
func environmentRoots() (*x509.CertPool, error) {
	file := os.Getenv("AWS_CA_BUNDLE")
	if file == "" {
		return nil, nil
	}
	roots := systemRoots()
	bundle, err := os.ReadFile(file)
	if err != nil || !roots.AppendCertsFromPEM(bundle) {
		return nil, &bucket.Error{
			Reason:  bucket.ProviderInvalid,
			Fate:    bucket.Refused,
			Message: "the file that AWS_CA_BUNDLE names in the operator's environment holds no readable certificates",
			Err:     err,
		}
	}
	return roots, nil
}

// trustedRoots returns the certificates that vouch for the provider's endpoint:
// those of the environment and the provider's own.
func trustedRoots(p bucket.Provider) (*x509.CertPool, error) {
	roots, err := environmentRoots()
	if err != nil || len(p.CABundle) == 0 {
		return roots, err
	}
	if roots == nil {
		roots = systemRoots()
	}
	if err := appendPEM(roots, p.CABundle); err != nil {
		return nil, unusable(bucket.InvalidCABundle, p.Name, "caBundle: "+err.Error())
	}
	return roots, nil
}

// systemRoots returns a copy of the system's certificates. A system without any
// leaves those that are added to them.
func systemRoots() *x509.CertPool {
	roots, err := x509.SystemCertPool()
	if err != nil {
		return x509.NewCertPool()
	}
	return roots
}

// appendPEM adds every certificate of a bundle to the pool. It is stricter than
// AppendCertsFromPEM, which skips what it cannot read: a bundle with one broken
// certificate fails here and not as a TLS error later.
func appendPEM(pool *x509.CertPool, bundle []byte) error {
	added := 0
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		added++
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("certificate %d cannot be read: %w", added, err)
		}
		pool.AddCert(certificate)
	}
	if added == 0 {
		return errors.New("no PEM certificate in it")
	}
	return nil
}

// checkBucketName refuses names that the SDK or a server could take for
// something else than one bucket: an ARN, which chooses host and region by
// itself, or a path.
func checkBucketName(p bucket.Provider, l bucket.Location) error {
	odd := func(r rune) bool { return r == '/' || r == '\\' || r == '?' || r == '#' || !unicode.IsGraphic(r) }
	switch {
	case l.Name == "", l.Name == ".", l.Name == "..", strings.HasPrefix(l.Name, "arn:"), strings.ContainsFunc(l.Name, odd):
		return &bucket.Error{
			Reason:  bucket.BucketNotFound,
			Fate:    bucket.Invalid,
			Message: fmt.Sprintf("%q is not the name of a bucket", l.Name),
		}
	case endpointNames(p.Endpoint, l.Name):
		// A request for the bucket would be one for an object of that name.
		return unusable(bucket.InvalidEndpoint, p.Name, fmt.Sprintf("the endpoint %s holds the name of bucket %q: it has to be that of the service, without a bucket", p.Endpoint, l.Name))
	case p.Endpoint == "" && strings.HasSuffix(l.Name, "--x-s3"):
		// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html
		return &bucket.Error{
			Reason:  bucket.Unsupported,
			Fate:    bucket.Invalid,
			Message: fmt.Sprintf("bucket %q is a directory bucket, which has no CORS configuration", l.Name),
		}
	}
	return nil
}

// endpointNames is whether a bucket stands in an endpoint where the adapter
// would put it: at the end of the path or in front of the host.
func endpointNames(endpoint, bucketName string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	return path.Base(u.Path) == bucketName || strings.HasPrefix(strings.ToLower(u.Hostname()), strings.ToLower(bucketName)+".s3")
}

// endpointHasPath is whether an endpoint has a path, which may be a bucket.
func endpointHasPath(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && strings.Trim(u.Path, "/") != ""
}

// unusable is a provider that cannot be used as it is written. Nothing but a
// change of it helps, and that is noticed.
func unusable(reason bucket.Reason, providerName, what string) *bucket.Error {
	return &bucket.Error{
		Reason:  reason,
		Fate:    bucket.Waiting,
		Message: fmt.Sprintf("provider %q: %s", providerName, what),
	}
}

func noRegion(providerName string) *bucket.Error {
	return unusable(bucket.ProviderInvalid, providerName, "region is empty, and without an endpoint it chooses the AWS host")
}
