// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// certificateLifetime is longer than a cluster is kept.
const certificateLifetime = 90 * 24 * time.Hour

// authority signs all certificates of a cluster and writes them below a directory.
type authority struct {
	dir         string
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	// server is where the API server is, for kubeconfigs.
	server string
}

func newAuthority(dir, server string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certificateTemplate("bucketcors-cluster", "")
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a := &authority{dir: dir, key: key, certificate: certificate, server: server}
	return a, os.WriteFile(a.caFile(), encodePEM("CERTIFICATE", der), 0o600)
}

func (a *authority) caFile() string              { return a.certFile("ca") }
func (a *authority) certFile(name string) string { return filepath.Join(a.dir, name+".crt") }
func (a *authority) keyFile(name string) string  { return filepath.Join(a.dir, name+".key") }

// issueServer writes a certificate, and its key, for a server with these names and addresses.
func (a *authority) issueServer(name string, dnsNames []string, addresses ...netip.Addr) error {
	template := certificateTemplate(name, "")
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	template.DNSNames = dnsNames
	for _, address := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.IP(address.AsSlice()))
	}
	return a.issue(name, template)
}

// issueClient writes a certificate, and its key, for a user who is a member of a group or, when that is empty, of none.
func (a *authority) issueClient(name, user, group string) error {
	template := certificateTemplate(user, group)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(name, template)
}

func (a *authority) issue(name string, template *x509.Certificate) error {
	key, err := a.newKey(name)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return fmt.Errorf("issuing the certificate %s: %w", name, err)
	}
	return os.WriteFile(a.certFile(name), encodePEM("CERTIFICATE", der), 0o600)
}

// newKey writes a private key.
func (a *authority) newKey(name string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(a.keyFile(name), encodePEM("EC PRIVATE KEY", der), 0o600)
}

// issueKubeconfig writes a kubeconfig for a user, with a certificate in it, and returns its path.
func (a *authority) issueKubeconfig(name, user, group string) (string, error) {
	if err := a.issueClient(name, user, group); err != nil {
		return "", err
	}
	var content [3][]byte
	for i, path := range []string{a.caFile(), a.certFile(name), a.keyFile(name)} {
		var err error
		if content[i], err = os.ReadFile(path); err != nil {
			return "", err
		}
	}
	const cluster = "bucketcors"
	path := filepath.Join(a.dir, name+".kubeconfig")
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{cluster: {Server: a.server, CertificateAuthorityData: content[0]}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{name: {ClientCertificateData: content[1], ClientKeyData: content[2]}},
		Contexts:       map[string]*clientcmdapi.Context{cluster: {Cluster: cluster, AuthInfo: name}},
		CurrentContext: cluster,
	}, path)
	if err != nil {
		return "", fmt.Errorf("writing a kubeconfig: %w", err)
	}
	return path, nil
}

func certificateTemplate(name, group string) *x509.Certificate {
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(certificateLifetime),
	}
	if group != "" {
		template.Subject.Organization = []string{group}
	}
	return template
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
