// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/bucketcors/bucketcors/internal/probe"
)

// resolverOf is a resolver that asks a DNS server on loopback, for which the nth
// answer to a question is answers(n), from 0, whatever the name. No addresses are
// that there is no such name.
func resolverOf(t *testing.T, answers func(n int) []netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	t.Cleanup(func() {
		_ = conn.Close()
		served.Wait()
	})
	served.Go(func() {
		asked := map[dnsmessage.Type]int{}
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			addrs := answers(asked[q.Type])
			asked[q.Type]++
			if packed, err := answer(m.ID, q, addrs).Pack(); err == nil {
				_, _ = conn.WriteTo(packed, from)
			}
		}
	})
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
		},
	}
}

func answer(id uint16, q dnsmessage.Question, addrs []netip.Addr) *dnsmessage.Message {
	m := &dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, Response: true, RecursionAvailable: true},
		Questions: []dnsmessage.Question{q},
	}
	if len(addrs) == 0 {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, a := range addrs {
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, Type: q.Type}
		switch {
		case q.Type == dnsmessage.TypeA && a.Is4():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: a.As4()}})
		case q.Type == dnsmessage.TypeAAAA && a.Is6():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	return m
}

// site is an HTTP server on several addresses of loopback, at one port.
type site struct {
	port string
	// accepted counts the connections to an address.
	accepted map[netip.Addr]*atomic.Int32
}

func (s *site) at(addr string) string { return net.JoinHostPort(addr, s.port) }

// newSite starts a site which answers every request with 204. An address that the
// machine does not have is left out.
func newSite(t *testing.T, addrs ...string) *site {
	t.Helper()
	for range 20 {
		first, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addrs[0]+":0")
		if err != nil {
			t.Fatal(err)
		}
		s := &site{port: strconv.Itoa(first.Addr().(*net.TCPAddr).Port), accepted: map[netip.Addr]*atomic.Int32{}}
		listeners := map[string]net.Listener{addrs[0]: first}
		taken := false
		for _, a := range addrs[1:] {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", s.at(a))
			if err == nil {
				listeners[a] = l
			}
			taken = taken || errors.Is(err, errAddressInUse)
		}
		if taken { // by somebody else on one of the addresses: take another port
			for _, l := range listeners {
				_ = l.Close()
			}
			continue
		}
		for a, l := range listeners {
			count := new(atomic.Int32)
			s.accepted[netip.MustParseAddr(a)] = count
			serve(t, counting{l, count}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
		}
		return s
	}
	t.Fatal("there is no port that is free on every address of loopback")
	return nil
}

func serve(t *testing.T, l net.Listener, h http.HandlerFunc) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	_ = server.Listener.Close()
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
}

// counting counts the connections that a listener accepts.
type counting struct {
	net.Listener

	n *atomic.Int32
}

func (l counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.n.Add(1)
	}
	return c, err
}

// wantAccepted compares the connections that a site saw with those that it should
// have. One more is made to each address: when that is through, so are all before.
func (s *site) wantAccepted(t *testing.T, want map[netip.Addr]int) {
	t.Helper()
	for addr, count := range s.accepted {
		send(t, probe.NewServiceClient(nil), "http://"+s.at(addr.String())+"/")
		if got := int(count.Load()) - 1; got != want[addr] {
			t.Errorf("%s got %d connections; want %d", addr, got, want[addr])
		}
	}
}

// send sends a preflight, and fails the test if that fails.
func send(t *testing.T, c *http.Client, to string) *http.Response {
	t.Helper()
	r, err := preflight(t, c, to)
	if err != nil {
		t.Fatalf("OPTIONS %s: %v", to, err)
	}
	return r
}

// preflight sends a preflight, and closes the connection.
func preflight(t *testing.T, c *http.Client, to string) (*http.Response, error) {
	t.Helper()
	defer c.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, to, http.NoBody)
	if err != nil {
		return nil, err
	}
	r, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	return r, r.Body.Close()
}
