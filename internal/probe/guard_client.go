// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	// idleTimeout is short: the preflights of a target come at once, and the next
	// ones minutes later.
	idleTimeout = 15 * time.Second
	maxIdle     = 8
	// maxHeaderBytes bounds the headers of an answer, which come from anybody.
	maxHeaderBytes = 64 << 10
)

// NewClient returns a client for endpoints that anybody may name: it goes straight
// to where the guard allows and, so that this can be known, through no proxy. With
// roots nil the certificates of the system are trusted. It follows no redirects. The
// connections it keeps are its own. It has no timeout: requests have theirs.
//
// Where the guard refuses, the error has a *NotAllowedError in it. Where a
// connection cannot be made, it does not have the address.
func (g *Guard) NewClient(roots *x509.CertPool) *http.Client {
	t := newTransport(roots)
	t.Proxy = nil
	t.DialContext = g.dial
	return &http.Client{Transport: &guarded{guard: g, transport: t}, CheckRedirect: noRedirect}
}

// NewServiceClient returns a client for endpoints that the platform team chose: it
// goes anywhere, through the proxy of the environment if that has one. With roots
// nil the certificates of the system are trusted. It follows no redirects. It has no
// timeout: requests have theirs.
func NewServiceClient(roots *x509.CertPool) *http.Client {
	t := newTransport(roots)
	t.Proxy = http.ProxyFromEnvironment
	t.DialContext = (&net.Dialer{Timeout: dialTimeout}).DialContext
	return &http.Client{Transport: t, CheckRedirect: noRedirect}
}

func newTransport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    handshakeTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           maxIdle,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// guarded checks URLs before its transport sees them.
type guarded struct {
	guard     *Guard
	transport *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (t *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.guard.Check(r.URL); err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as a RoundTripper must
		}
		return nil, err
	}
	return t.transport.RoundTrip(r)
}

// CloseIdleConnections is what the method of that name of http.Client calls.
func (t *guarded) CloseIdleConnections() { t.transport.CloseIdleConnections() }

// dial connects to a host and port if the guard allows them, at addresses that it
// allows. It does not rely on Check, but cannot tell the scheme.
func (g *Guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, err
	}
	p, err := g.permit(host, uint16(port), port == 80 || port == 443)
	if err != nil {
		return nil, err
	}

	// Addresses are tried in the order of the answer, and those of both families at
	// the same time. What is said must not depend on it.
	var (
		mu      sync.Mutex
		tried   bool
		refused []kind
	)
	d := g.dialer
	next := d.ControlContext
	d.ControlContext = func(ctx context.Context, network, address string, c syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		k, no := p.refuses(to)
		mu.Lock()
		if no {
			refused = append(refused, k)
		} else {
			tried = true
		}
		mu.Unlock()
		if no {
			return p.refusal(k, false)
		}
		if next != nil {
			return next(ctx, network, address, c)
		}
		return nil
	}
	conn, err := d.DialContext(ctx, network, address)
	if err == nil {
		return conn, nil
	}
	mu.Lock()
	defer mu.Unlock()
	if len(refused) > 0 {
		worst := refused[0]
		for _, k := range refused {
			worst = min(worst, k)
		}
		return nil, p.refusal(worst, tried)
	}
	return nil, withoutAddresses(err)
}

// withoutAddresses is an error of net.Dialer without the addresses of the host and
// of the resolver: whoever reads the message may not know of them, and it should be
// the same each time.
func withoutAddresses(err error) error {
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		short := *e
		short.Server = ""
		if !e.IsNotFound {
			short.Err = "the resolver does not answer as it should"
		}
		if e.IsTimeout {
			short.Err = "the resolver does not answer in time"
		}
		return &short
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return &net.OpError{Op: e.Op, Net: e.Net, Err: e.Err}
	}
	return err
}
