// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"os"
	"slices"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

func TestCertificatesAreForWhomTheyAreIssued(t *testing.T) {
	const server = "https://10.0.0.2:6443"
	a, err := newAuthority(t.TempDir(), server)
	if err != nil {
		t.Fatal(err)
	}
	address := netip.MustParseAddr("10.0.0.2")
	if err := a.issueServer("server", []string{"kubernetes"}, address); err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(a.caFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	pair, err := tls.LoadX509KeyPair(a.certFile("server"), a.keyFile("server"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kubernetes", "10.0.0.2"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "10.0.0.3"}); err == nil {
		t.Error("the certificate is good for another server")
	}

	path, err := a.issueKubeconfig("node", "system:node:node", "system:nodes")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != server || !slices.Equal(config.CAData, authority) {
		t.Errorf("the kubeconfig is for %s", config.Host)
	}
	if pair, err = tls.X509KeyPair(config.CertData, config.KeyData); err != nil {
		t.Fatal(err)
	}
	client := x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := pair.Leaf.Verify(client); err != nil {
		t.Error(err)
	}
	if subject := pair.Leaf.Subject; subject.CommonName != "system:node:node" || !slices.Equal(subject.Organization, []string{"system:nodes"}) {
		t.Errorf("the certificate is for %s", subject)
	}
}
