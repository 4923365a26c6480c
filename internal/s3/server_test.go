// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

const (
	accessKey = "AKIDEXAMPLE"
	secretKey = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"
)

// discardLog swallows what an HTTP server says about broken handshakes.
var discardLog = log.New(io.Discard, "", 0)

// request is what a fakeServer received.
type request struct {
	method, host, path, query string
	header                    http.Header
	body                      string
}

// fakeServer answers as its handler says and remembers what it was asked.
type fakeServer struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
}

func (s *fakeServer) received() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *fakeServer) record(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		s.mu.Lock()
		s.requests = append(s.requests, request{r.Method, r.Host, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Clone(), string(body)})
		s.mu.Unlock()
		h.ServeHTTP(w, r)
	})
}

func serve(t *testing.T, h http.Handler) *fakeServer {
	t.Helper()
	s := &fakeServer{}
	s.Server = httptest.NewServer(s.record(h))
	t.Cleanup(s.Close)
	return s
}

func serveTLS(t *testing.T, h http.Handler, certificates ...tls.Certificate) *fakeServer {
	t.Helper()
	s := &fakeServer{}
	s.Server = httptest.NewUnstartedServer(s.record(h))
	s.Config.ErrorLog = discardLog
	if certificates != nil {
		s.TLS = &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// answers sends the same answer to every request.
func answers(status int, body string, header ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// s3Error is the error document of S3, with what changes from call to call.
func s3Error(code, message string) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>%s</Code><Message>%s</Message><RequestId>%s</RequestId><HostId>x</HostId></Error>`, code, message, rand.Text())
}

// s3Answers sends an error document to every request.
func s3Answers(status int, code, message string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers(status, s3Error(code, message), "Content-Type", "application/xml").ServeHTTP(w, r)
	})
}

// quick returns Clients whose retries do not wait.
func quick(options ...func(*Options)) *Clients {
	o := Options{Version: "v1.2.3", Timeout: time.Minute, MaxBackoff: time.Millisecond}
	for _, set := range options {
		set(&o)
	}
	return New(o)
}

func once(o *Options) { o.MaxAttempts = 1 }

func within(d time.Duration) func(*Options) {
	return func(o *Options) { o.Timeout = d }
}

// exhaust takes the tokens of a provider's limit beforehand, those of the next ten
// seconds and more: however slow the machine is, there is none in the meantime.
func exhaust(t *testing.T, c *Clients, p bucket.Provider) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	limiter := c.providers[p.Name].limiter
	for range max(60, 10*p.RequestsPerSecond) {
		if !limiter.Reserve().OK() {
			t.Fatalf("there is no token at %v a second", limiter.Limit())
		}
	}
}

// at returns a provider for an endpoint.
func at(endpoint string, change ...func(*bucket.Provider)) bucket.Provider {
	p := bucket.Provider{
		Name:        "test",
		Region:      "eu-west-1",
		Endpoint:    endpoint,
		Credentials: &bucket.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey},
	}
	for _, set := range change {
		set(&p)
	}
	return p
}

func open(t *testing.T, c *Clients, p bucket.Provider, l bucket.Location) *Bucket {
	t.Helper()
	if l.Name == "" {
		l.Name = "assets"
	}
	b, err := c.Open(t.Context(), p, l)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return b
}

// failureOf returns the error as what every error of the package has to be.
func failureOf(t *testing.T, err error) *bucket.Error {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	e, ok := errors.AsType[*bucket.Error](err)
	if !ok {
		t.Fatalf("%T is not a *bucket.Error: %v", err, err)
	}
	return e
}

// do makes one call of the kind that op names.
func do(ctx context.Context, b *Bucket, op operation) error {
	switch op {
	case putCORS:
		return b.PutCORS(ctx, sample())
	case deleteCORS:
		return b.DeleteCORS(ctx)
	default:
		_, err := b.GetCORS(ctx)
		return err
	}
}

func sample() cors.Configuration {
	return cors.Configuration{Rules: []cors.Rule{{
		AllowedOrigins: []string{"https://app.example.com"},
		AllowedMethods: []string{"GET"},
	}}}
}

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "test authority"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate, key}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// issue returns a certificate for names, valid until a time.
func (a *authority) issue(t *testing.T, until time.Time, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		NotBefore:    time.Now().Add(-2 * time.Hour),
		NotAfter:     until,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// dialTo sends every connection to one address, whatever its name, and
// remembers the names.
func dialTo(s *fakeServer, names *[]string) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		*names = append(*names, address)
		return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
	}
}
