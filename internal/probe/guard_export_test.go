// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
)

// Dialing has a guard ask a resolver, and then before each connection that it
// allows.
func (g *Guard) Dialing(resolver *net.Resolver, then func(netip.AddrPort) error) *Guard {
	g.dialer.Resolver = resolver
	g.dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return then(to)
	}
	return g
}

// Connects is whether a connection to a host is made if it has an address.
func (g *Guard) Connects(host, port string, to netip.Addr) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return false
	}
	p, err := g.permit(host, uint16(n), n == 80 || n == 443)
	if err != nil {
		return false
	}
	_, refused := p.refuses(netip.AddrPortFrom(to, uint16(n)))
	return !refused
}

// TransportOf is what sends the requests of a client.
func TransportOf(c *http.Client) *http.Transport {
	if t, ok := c.Transport.(*guarded); ok {
		return t.transport
	}
	return c.Transport.(*http.Transport)
}
