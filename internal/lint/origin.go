// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// origin is an allowed origin taken apart. S3 takes it for a string; browsers,
// which send the other side of the comparison, do not, and nor do people. The
// parts are as written, together they are raw again but for punctuation, and
// any of them may hold the "*".
type origin struct {
	raw string
	// scheme is what precedes "://"; empty for none.
	scheme string
	// userinfo is what precedes an "@", and it; empty for none.
	userinfo string
	// host is without brackets around an IPv6 address.
	host string
	// port is what follows the ":"; empty for none.
	port string
	// rest is everything from the first "/", "?" or "#" after the host on, such
	// as "/" or "/index.html"; empty for none.
	rest string
	// wild says in which part the first "*" is.
	wild wildcardPlace
	// ok reports whether a browser can send an origin that raw matches: lower
	// case, ASCII, nothing after the port, no port that is the default of the
	// scheme, and a scheme unless a "*" at the beginning stands for one. The
	// strings "*" and "null" are ok and have no parts.
	ok bool
}

// wildcardPlace is the part of an origin that has the "*".
type wildcardPlace int

const (
	noWildcard     wildcardPlace = iota
	wildEverything               // it takes in scheme and host: "*", "http*", "https:*"
	wildScheme                   // "*://example.com", "http*://example.com"
	wildHost                     // "https://*.example.com", and "*.example.com", where it stands for the scheme as well
	wildPort                     // "http://localhost:*"
	wildElsewhere                // before an "@", or after the port: it never matches
)

// parseOrigin takes an allowed origin apart. It never fails: what makes no sense
// is in one of the parts, and not ok.
func parseOrigin(raw string) origin {
	o := origin{raw: raw}
	if raw == "*" || raw == "null" {
		o.ok = true
		if raw == "*" {
			o.wild = wildEverything
		}
		return o
	}
	var authority string
	if scheme, after, found := strings.Cut(raw, "://"); found && !strings.ContainsAny(scheme, "/?#") {
		o.scheme, authority = scheme, after
	} else if before, after, found := strings.Cut(raw, "*"); found && after == "" && before != "" &&
		slices.ContainsFunc([]string{"https://", "http://"}, func(s string) bool { return strings.HasPrefix(s, before) }) {
		o.scheme, o.wild, o.ok = before, wildEverything, true
		return o
	} else {
		authority = raw
	}
	if i := strings.IndexAny(authority, "/?#"); i >= 0 {
		authority, o.rest = authority[:i], authority[i:]
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		o.userinfo, authority = authority[:i+1], authority[i+1:]
	}
	var colon, bracketed bool
	if inside, found := strings.CutPrefix(authority, "["); found && strings.Contains(inside, "]") {
		bracketed = true
		o.host, authority, _ = strings.Cut(inside, "]")
		// What is between "]" and ":" belongs nowhere; it makes the host odd.
		var odd string
		odd, o.port, colon = strings.Cut(authority, ":")
		o.host += odd
	} else {
		o.host, o.port, colon = strings.Cut(authority, ":")
	}
	switch {
	case strings.Contains(o.scheme, "*"):
		o.wild = wildScheme
	case strings.Contains(o.host, "*"):
		o.wild = wildHost
	case strings.Contains(o.port, "*"):
		o.wild = wildPort
	case strings.Contains(raw, "*"):
		o.wild = wildElsewhere
	}
	o.ok = o.rest == "" && o.userinfo == "" && strings.Count(raw, "*") <= 1 &&
		(validScheme(o.scheme) || o.scheme == "" && strings.HasPrefix(raw, "*")) &&
		(bracketed && validIPv6(o.host) || !bracketed && validHost(o.host)) &&
		(!colon || validPort(o.port) && !o.defaultPort())
	return o
}

// defaultPort reports whether the port is the one that browsers leave out.
func (o origin) defaultPort() bool {
	return o.scheme == "https" && o.port == "443" || o.scheme == "http" && o.port == "80"
}

// anySite reports whether o matches whoever asks, at least over one scheme:
// "*", "https://*", "http*".
func (o origin) anySite() bool {
	return o.ok && (o.wild == wildEverything || o.host == "*")
}

// local reports whether o names the machine of whoever uses it, or one in the
// network around: a developer's.
func (o origin) local() bool { return o.loopback() || o.private() }

// loopback reports whether the host is the machine itself. Browsers trust what
// it serves without encryption.
func (o origin) loopback() bool {
	if o.host == "localhost" || strings.HasSuffix(o.host, ".localhost") || o.host == "localhost*" {
		return true
	}
	ip, err := netip.ParseAddr(o.host)
	return err == nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// private reports whether the host is one that only the network around knows.
// Names under "internal" are what companies use in production.
func (o origin) private() bool {
	if strings.HasSuffix(o.host, ".local") || strings.HasSuffix(o.host, ".test") {
		return true
	}
	if ip, err := netip.ParseAddr(o.host); err == nil {
		return ip.IsPrivate() || ip.IsLinkLocalUnicast()
	}
	// "http://192.168.*" cannot be parsed, and means the same.
	before, _, wild := strings.Cut(o.host, "*")
	return wild && (strings.HasPrefix(before, "192.168.") || strings.HasPrefix(before, "10."))
}

func validScheme(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z' || c == '*':
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return s != ""
}

func validHost(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		case strings.IndexByte("-._~*", c) >= 0:
		default:
			return false
		}
	}
	return s != "" && s != "."
}

func validIPv6(s string) bool {
	if strings.Contains(s, "*") {
		return true
	}
	ip, err := netip.ParseAddr(s)
	// Browsers write the shortest form.
	return err == nil && ip.Is6() && ip.String() == s
}

func validPort(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || '9' < c) && c != '*' {
			return false
		}
	}
	if s == "" || len(s) > 5 {
		return false
	}
	port, err := strconv.ParseUint(s, 10, 16)
	return strings.Contains(s, "*") || err == nil && strconv.FormatUint(port, 10) == s
}
