// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Guard decides where requests may go, by the allowedHosts of a BucketProvider:
// which hosts and ports a URL may name, and which addresses those may resolve to,
// looked at when the connection is made, so that a DNS answer that changes does not
// matter.
//
// Public addresses are allowed for a host that is. Private ones (RFC 1918, RFC 6598,
// RFC 4193) are if an entry is that very host, without "*", and loopback if that
// host is "localhost". Everything else, link-local and metadata services above all,
// takes an entry that is the address, or a range of such addresses: 0.0.0.0/0 opens
// public addresses alone, and a range around the address of a metadata service does
// not open that.
//
// It is safe for concurrent use.
type Guard struct {
	entries []entry
	// dialer makes the connections. Its ControlContext is asked after the guard.
	dialer net.Dialer
}

// entry is one of allowedHosts: a host, the hosts below a domain, or addresses.
type entry struct {
	// host is a name in lower case; empty for addresses.
	host string
	// below is whether host is a domain, and the entry all hosts below it.
	below bool
	// prefix is the addresses; the zero value for a host.
	prefix netip.Prefix
	// port is 0 for that of the scheme.
	port uint16
}

// NewGuard reads the entries of allowedHosts, in the forms that the schema of the
// API has. An entry that cannot be read is an error that names it.
func NewGuard(allowedHosts []string) (*Guard, error) {
	g := &Guard{entries: make([]entry, 0, len(allowedHosts)), dialer: net.Dialer{Timeout: dialTimeout}}
	for _, s := range allowedHosts {
		e, err := parseEntry(s)
		if err != nil {
			return nil, fmt.Errorf("the allowed host %s: %w", quoted(s), err)
		}
		g.entries = append(g.entries, e)
	}
	return g, nil
}

func parseEntry(s string) (entry, error) {
	if s != strings.ToLower(s) {
		return entry{}, errors.New("must be in lower case")
	}
	if strings.Contains(s, "/") {
		prefix, err := parsePrefix(s)
		return entry{prefix: prefix}, err
	}
	if addr, err := netip.ParseAddr(s); err == nil {
		return addressEntry(addr, 0)
	}
	host, port, err := splitPort(s)
	if err != nil {
		return entry{}, err
	}
	if bare, ok := strings.CutPrefix(host, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(bare, "]"))
		if err != nil || !addr.Is6() || port == 0 || !strings.HasSuffix(host, "]") {
			return entry{}, errors.New("brackets are for an IPv6 address with a port, such as [2001:db8::7]:8443")
		}
		return addressEntry(addr, port)
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is4() {
		return addressEntry(addr, port)
	}
	if strings.Contains(host, ":") {
		return entry{}, errors.New("neither a host with a port nor an IPv6 address")
	}
	name, below := strings.CutPrefix(host, "*.")
	if err := checkName(name); err != nil {
		return entry{}, err
	}
	if below && len(name) > longestName-len("a.") {
		return entry{}, errors.New("no host below this domain has a name that is short enough")
	}
	return entry{host: name, below: below, port: port}, nil
}

// parsePrefix reads a range of addresses.
func parsePrefix(s string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, errors.New("not a range of addresses, such as 192.0.2.0/24 or 2001:db8::/32")
	}
	if prefix.Addr().Is4In6() {
		return netip.Prefix{}, errors.New("a range of IPv4 addresses is written like 192.0.2.0/24")
	}
	if masked := prefix.Masked(); masked != prefix {
		return netip.Prefix{}, fmt.Errorf("%s is not the first address of the range: write %s for the range, or %s for the address",
			prefix.Addr(), masked, prefix.Addr())
	}
	return prefix, nil
}

func addressEntry(addr netip.Addr, port uint16) (entry, error) {
	switch {
	case addr.Zone() != "":
		return entry{}, errors.New("an address cannot have a zone")
	case addr.Is4In6():
		return entry{}, fmt.Errorf("an IPv4 address is written %s", addr.Unmap())
	case addr.IsUnspecified():
		return entry{}, errors.New("nothing can be sent to this address: for the host itself, list its loopback address")
	}
	return entry{prefix: netip.PrefixFrom(addr, addr.BitLen()), port: port}, nil
}

// splitPort takes a port off the end of what may have one; 0 is none.
func splitPort(s string) (host string, port uint16, err error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.HasSuffix(s, "]") {
		return s, 0, nil
	}
	n, err := strconv.ParseUint(s[i+1:], 10, 16)
	if err != nil || n == 0 || s[i+1] == '0' {
		return "", 0, fmt.Errorf("%s is no port: it is a number from 1 to 65535", quoted(s[i+1:]))
	}
	return s[:i], uint16(n), nil
}

// longestName is how many characters the name of a host has at most.
const longestName = 253

// checkName is why a string is not the name of a host, in lower case and without a
// dot at its end.
func checkName(s string) error {
	if s == "" {
		return errors.New("no host is named")
	}
	if len(s) > longestName {
		return fmt.Errorf("the name of a host has at most %d characters", longestName)
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 0x80:
			return errors.New("a name beyond ASCII is written in its ASCII form, with xn--")
		case c == '*':
			return errors.New(`"*" stands for what is before a domain, as in *.example.com, and nowhere else`)
		case c != '.' && c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z'):
			return fmt.Errorf("%s cannot be in the name of a host", quoted(s[i:i+1]))
		}
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 {
			return errors.New("between the dots of a name are 1 to 63 characters")
		}
	}
	if !alphanumeric(s[0]) || !alphanumeric(s[len(s)-1]) {
		return errors.New("the name of a host begins and ends with a letter or a digit")
	}
	if endsInNumber(s) {
		return errors.New("an IPv4 address is four decimal numbers without leading zeros, such as 192.0.2.7")
	}
	return nil
}

func alphanumeric(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' }

// endsInNumber is whether resolvers and browsers take a name for an IPv4 address,
// such as 127.1, 0177.0.0.1, 0x7f000001 or 2130706433.
//
// https://url.spec.whatwg.org/#ends-in-a-number-checker
func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if strings.Trim(last, "0123456789") == "" {
		return true
	}
	hex, ok := strings.CutPrefix(last, "0x")
	return ok && strings.Trim(hex, "0123456789abcdef") == ""
}

// NotAllowedError is that nothing was sent to a host, because it is not among
// allowedHosts or resolves to an address that is not allowed. It tells nothing of
// that address but its kind.
type NotAllowedError struct {
	// Host is the host of the URL, or the address.
	Host string
	// Why is a clause, and Advice one that says what to do: to have it allowed where
	// that may be right.
	Why, Advice string
}

func (e *NotAllowedError) Error() string { return e.Host + ": " + e.Why + "; " + e.Advice }

const (
	// theList is what messages call the entries.
	theList    = "spec.verification.allowedHosts of the BucketProvider"
	correctURL = "correct the URL"
	leaveOut   = "leave the endpoint out"
)

// unlisted is the error of what no entry allows. Kind is a noun and what else there
// is to say before the list, portless whether entries would allow it at the port of
// the scheme, and add the entry that would.
func unlisted(host, kind, add string, portless bool) *NotAllowedError {
	e := &NotAllowedError{Host: host, Why: kind + "not in " + theList, Advice: "add " + strconv.Quote(add) + " there to have it asked, or " + leaveOut}
	if portless {
		e.Why = kind + "not at this port in " + theList + ", where an entry without a port is for that of the scheme alone (443 of https, 80 of http)"
	}
	return e
}

// isMetadata is the error of a metadata service, which it does not say how to allow.
func isMetadata(host string) *NotAllowedError {
	return &NotAllowedError{Host: host, Why: kindMetadata.String(), Advice: leaveOut}
}

// Check is why nothing may be sent to a URL, a *NotAllowedError; nil when its host
// and port are allowed. Its addresses are looked at later.
func (g *Guard) Check(u *url.URL) error {
	if u == nil {
		return &NotAllowedError{Host: `""`, Why: "there is no URL", Advice: correctURL}
	}
	host := u.Hostname()
	var usual uint16
	switch u.Scheme {
	case "http":
		usual = 80
	case "https":
		usual = 443
	default:
		return &NotAllowedError{Host: printable(host), Why: "only URLs with https:// or http:// can be asked", Advice: correctURL}
	}
	if u.User != nil {
		return &NotAllowedError{Host: printable(host), Why: "the URL must not have a user or a password", Advice: correctURL}
	}
	port := usual
	if s := u.Port(); s != "" {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil || n == 0 {
			return &NotAllowedError{Host: printable(host), Why: quoted(s) + " is no port: it is a number from 1 to 65535", Advice: correctURL}
		}
		port = uint16(n)
	}
	_, err := g.permit(host, port, port == usual)
	return err
}

// permit is what is allowed of a host at a port, which may be that of its scheme,
// or a *NotAllowedError.
func (g *Guard) permit(host string, port uint16, usual bool) (permission, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return g.permitAddress(addr, port, usual)
	}
	name := lower(strings.TrimSuffix(host, "."))
	if err := checkName(name); err != nil {
		why := err.Error()
		if strings.Contains(name, "*") {
			why = `a URL names one host, without "*"`
		}
		return permission{}, &NotAllowedError{Host: printable(host), Why: why, Advice: correctURL}
	}
	p := permission{guard: g, host: name, port: port}
	found, portless := false, false
	for _, e := range g.entries {
		exact, below := !e.below && name == e.host, e.below && strings.HasSuffix(name, "."+e.host)
		switch {
		case e.host == "" || !exact && !below:
		case e.port == port, e.port == 0 && usual:
			p.exact, found = p.exact || exact, true
		case e.port == 0:
			portless = true
		}
	}
	if !found && slices.Contains(metadataHosts, name) {
		return permission{}, isMetadata(name)
	}
	if !found {
		add := name
		if !usual {
			add = net.JoinHostPort(name, strconv.Itoa(int(port)))
		}
		return permission{}, unlisted(name, "", add, portless)
	}
	return p, nil
}

// permitAddress is permit for a URL with an address instead of a name.
func (g *Guard) permitAddress(addr netip.Addr, port uint16, usual bool) (permission, error) {
	if addr.Zone() != "" {
		return permission{}, &NotAllowedError{Host: printable(addr.String()), Why: "an address with a zone cannot be asked", Advice: correctURL}
	}
	addr = addr.Unmap()
	host := addr.String()
	if addr.IsUnspecified() {
		return permission{}, &NotAllowedError{Host: host, Why: "nothing can be sent to " + kindUnspecified.String(), Advice: correctURL}
	}
	if g.lists(addr, port, usual) {
		return permission{guard: g, host: host, address: addr, port: port}, nil
	}
	add := host
	if !usual {
		add = net.JoinHostPort(host, strconv.Itoa(int(port)))
	}
	what := ""
	switch kind, _ := kindOf(addr); kind {
	case kindMetadata:
		return permission{}, isMetadata(host)
	case kindUnspecified, kindLoopback, kindLinkLocal, kindSpecial, kindPrivate:
		what = kind.String() + ", "
	case kindPublic:
	}
	return permission{}, unlisted(host, what, add, g.lists(addr, port, true))
}

// lists is whether an entry is an address at a port. Entries without a port are
// those of any if usual.
func (g *Guard) lists(addr netip.Addr, port uint16, usual bool) bool {
	_, bits := kindOf(addr)
	for _, e := range g.entries {
		if e.prefix.IsValid() && e.prefix.Bits() >= bits && e.prefix.Contains(addr) &&
			(e.port == port || e.port == 0 && usual) {
			return true
		}
	}
	return false
}

// permission is what is allowed of one host at one port.
type permission struct {
	guard *Guard
	host  string
	// exact is whether an entry is just that name.
	exact bool
	// address is the host if it is an address, not a name.
	address netip.Addr
	port    uint16
}

// refuses is whether a connection must not be made, and the kind of its address.
func (p permission) refuses(to netip.AddrPort) (kind, bool) {
	addr := to.Addr().Unmap()
	kind, _ := kindOf(addr)
	if to.Port() != p.port || addr.Zone() != "" || addr.IsUnspecified() {
		return kind, true
	}
	if p.address.IsValid() {
		return kind, addr != p.address
	}
	switch kind {
	case kindPublic:
		return kind, false
	case kindPrivate:
		if p.exact {
			return kind, false
		}
	case kindLoopback:
		if p.host == "localhost" {
			return kind, false
		}
	case kindUnspecified, kindLinkLocal, kindMetadata, kindSpecial:
	}
	return kind, !p.guard.lists(addr, p.port, true)
}

// refusal is the error of a host that resolves to an address that is refused.
// Another of its addresses may have been tried.
func (p permission) refusal(k kind, tried bool) *NotAllowedError {
	why := "resolves to " + k.String()
	if tried {
		why = "nobody answers at those of its addresses that are allowed, and another is " + k.String()
	}
	advice := "add that address to " + theList + " to have it asked, or " + leaveOut
	switch k {
	case kindUnspecified:
		why += ", to which nothing can be sent"
		advice = "correct the DNS record, or " + leaveOut
	case kindMetadata:
		advice = leaveOut
	case kindPrivate:
		advice = `add the host itself, without "*", or that address to ` + theList + " to have it asked, or " + leaveOut
	case kindLoopback, kindLinkLocal, kindSpecial, kindPublic:
	}
	return &NotAllowedError{Host: p.host, Why: why, Advice: advice}
}

// lower is a string with the ASCII letters in lower case, and no others: that of the
// Kelvin sign would be a k.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, s)
}

// printable is a host as far as a message can have it.
func printable(host string) string {
	if checkName(lower(host)) == nil {
		return host
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		return host
	}
	return quoted(host)
}

// quoted is a string of any content and length in quotes, cut to what a person
// reads.
func quoted(s string) string {
	const most = 80
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
