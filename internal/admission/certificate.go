// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"k8s.io/client-go/util/cert"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// The keys of the Secret, as cert-manager names them too.
const (
	certKey = "tls.crt"
	keyKey  = "tls.key"
	caKey   = "ca.crt"
)

// bundle is a certificate and what it is known by, in PEM.
type bundle struct {
	cert, key []byte
	// authorities are the certificate of the authority that signed it, and those of
	// former ones that may still be met.
	authorities []byte
}

// bundleOf is what a Secret has.
func bundleOf(data map[string][]byte) bundle {
	return bundle{cert: data[certKey], key: data[keyKey], authorities: data[caKey]}
}

// equal is whether two bundles are the same.
func (b bundle) equal(other bundle) bool {
	return bytes.Equal(b.cert, other.cert) && bytes.Equal(b.key, other.key) && bytes.Equal(b.authorities, other.authorities)
}

// pair is the certificate as a server needs it, if whoever knows the authorities
// takes it for every one of some hosts.
func (b bundle) pair(hosts []string, now time.Time) (*tls.Certificate, error) {
	if b.equal(bundle{}) {
		return nil, errors.New("there was none yet")
	}
	pair, err := tls.X509KeyPair(b.cert, b.key)
	if err != nil {
		return nil, err
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(b.authorities) {
		return nil, errors.New("there is no certificate of an authority")
	}
	for _, host := range hosts {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: authorities, CurrentTime: now}); err != nil {
			return nil, err
		}
	}
	return &pair, nil
}

// due is when a certificate has to be renewed: a third of its life before it ends.
func due(certificate *x509.Certificate) time.Time {
	return certificate.NotAfter.Add(-certificate.NotAfter.Sub(certificate.NotBefore) / 3)
}

// renewed is a new certificate for some hosts, signed by an authority of its own,
// whose key nobody keeps. The former authorities that are still valid stay known, so
// that both certificates are taken while replicas and API servers change over.
func (b bundle) renewed(hosts []string, life time.Duration, now time.Time) (bundle, error) {
	options := cert.SelfSignedCertKeyOptions{Host: hosts[0], MaxAge: life}
	for _, host := range hosts[1:] {
		if ip := net.ParseIP(host); ip != nil {
			options.AlternateIPs = append(options.AlternateIPs, ip)
		} else {
			options.AlternateDNS = append(options.AlternateDNS, host)
		}
	}
	chain, key, err := cert.GenerateSelfSignedCertKeyWithOptions(options)
	if err != nil {
		return bundle{}, fmt.Errorf("make a certificate for the webhook: %w", err)
	}
	certificates, err := cert.ParseCertsPEM(chain)
	if err != nil {
		return bundle{}, fmt.Errorf("read the certificate that was made for the webhook: %w", err)
	}
	former, _ := cert.ParseCertsPEM(b.authorities) // none, or what nobody can use
	former = slices.DeleteFunc(former, func(c *x509.Certificate) bool { return now.After(c.NotAfter) })
	const keptAuthorities = 2
	authorities := slices.Concat(certificates[1:], former[:min(len(former), keptAuthorities)])
	encoded, err := cert.EncodeCertificates(authorities...)
	if err != nil {
		return bundle{}, fmt.Errorf("write the certificates of the webhook's authorities: %w", err)
	}
	return bundle{cert: chain, key: key, authorities: encoded}, nil
}

// logTrouble tells what keeps a certificate from being looked after, while one is
// served or none.
func logTrouble(ctx context.Context, err error, served bool) {
	log := logf.FromContext(ctx)
	if served {
		log.Error(err, "cannot look after the certificate of the webhook, which goes on with the one that it has")
		return
	}
	log.Error(err, "the webhook has no certificate in order, and policies are stored unjudged unless that is mended")
}

// logServing tells that another certificate is served than before.
func logServing(ctx context.Context, certificate *x509.Certificate) {
	logf.FromContext(ctx).Info("serving a certificate", "serial", certificate.SerialNumber.String(), "until", certificate.NotAfter)
}
