// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"net/netip"
	"slices"

	"code.dny.dev/ssrf"
)

// kind is what an address is for. Of the kinds of several addresses, messages name
// the lowest.
type kind int

const (
	kindUnspecified kind = iota
	kindLoopback
	kindMetadata
	kindLinkLocal
	kindSpecial
	kindPrivate
	kindPublic
)

// String is a noun with its article.
func (k kind) String() string {
	switch k {
	case kindUnspecified:
		return "the unspecified address"
	case kindLoopback:
		return "a loopback address"
	case kindMetadata:
		return "a cloud's metadata service, which gives out credentials"
	case kindLinkLocal:
		return "a link-local address"
	case kindSpecial:
		return "a special-purpose address"
	case kindPrivate:
		return "a private address"
	case kindPublic:
	}
	return "a public address"
}

// metadata are the addresses of metadata services, which give away credentials of
// the machine. They lie in link-local, private and public ranges.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("169.254.169.254/32"), // most clouds
	netip.MustParsePrefix("169.254.170.2/32"),   // AWS, of ECS tasks
	netip.MustParsePrefix("169.254.170.23/32"),  // AWS, of EKS pods
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba Cloud
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure
	netip.MustParsePrefix("fd00:ec2::/32"),      // AWS: 254 of instances, 23 of pods
	netip.MustParsePrefix("fd00:42::42/128"),    // Scaleway
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google Cloud
}

// metadataHosts are names of metadata services. A guard judges by addresses; this is
// for messages.
var metadataHosts = []string{
	"metadata.google.internal", "metadata.goog", "instance-data.ec2.internal", "metadata.tencentyun.com",
}

// private are the ranges of private networks: RFC 1918, the shared addresses of
// RFC 6598, which clouds give to pods, and RFC 4193.
var private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("fc00::/7"),
}

// kindOf is the kind of an address that is not an IPv4-mapped one, and the length of
// the prefix of its kind around it: an entry that is shorter names other addresses,
// and does not open this one.
func kindOf(addr netip.Addr) (k kind, bits int) {
	within := func(prefixes []netip.Prefix) bool {
		i := slices.IndexFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
		if i < 0 {
			return false
		}
		bits = prefixes[i].Bits()
		return true
	}
	switch {
	case addr.IsUnspecified():
		return kindUnspecified, addr.BitLen()
	case addr.IsLoopback() && addr.Is4():
		return kindLoopback, 8
	case addr.IsLoopback():
		return kindLoopback, 128
	case within(metadata):
		return kindMetadata, bits
	case addr.IsLinkLocalUnicast() && addr.Is4():
		return kindLinkLocal, 16
	case addr.IsLinkLocalUnicast():
		return kindLinkLocal, 10
	case within(private):
		return kindPrivate, bits
	case ssrf.IPv6NAT64Prefix.Contains(addr):
		return kindOfTranslated(addr)
	case within(ssrf.IPv4DeniedPrefixes), within(ssrf.IPv6DeniedPrefixes):
		return kindSpecial, bits
	case addr.Is6() && !ssrf.IPv6GlobalUnicast.Contains(addr):
		return kindSpecial, ssrf.IPv6GlobalUnicast.Bits()
	}
	return kindPublic, 0
}

// kindOfTranslated is kindOf for an address of RFC 6052, by which a network without
// IPv4 reaches an IPv4 address: that decides. What would be refused has to be named
// by the very address.
func kindOfTranslated(addr netip.Addr) (kind, int) {
	b := addr.As16()
	k, _ := kindOf(netip.AddrFrom4([4]byte(b[12:])))
	switch k {
	case kindPublic:
		return kindPublic, 0
	case kindPrivate:
		return kindPrivate, ssrf.IPv6NAT64Prefix.Bits()
	case kindUnspecified, kindLoopback, kindMetadata, kindLinkLocal, kindSpecial:
	}
	return k, addr.BitLen()
}
