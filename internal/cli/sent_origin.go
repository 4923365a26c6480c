// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// originNote says why no browser sends such an origin; empty where one may.
func originNote(origin string) string {
	const name = "name that of a page, such as https://app.example.com"
	switch {
	case origin == "":
		return ""
	case origin == "*":
		return `"*" in a rule stands for every origin, and no browser sends it: ` + name
	case strings.Contains(origin, "*"):
		return fmt.Sprintf(`an origin that a browser sends has no "*": name one that %s stands for`, origin)
	case strings.Count(origin, "://") > 1 && strings.ContainsAny(origin, ", \t;"):
		return "a browser sends one origin: ask about each of them on its own"
	}
	sent, schemeMissing := sentOrigin(origin)
	switch {
	case sent == origin:
		return ""
	case sent == "":
		return fmt.Sprintf("no browser sends the origin %q: %s", origin, name)
	case schemeMissing:
		return "an origin that a browser sends has a scheme, as in " + sent
	default:
		return fmt.Sprintf("a browser sends the origin %s, and never %s", sent, origin)
	}
}

// sentOrigin is the origin that a browser sends for a page at an address; empty if
// there is no such page. An address without a scheme gets the usual one.
// See https://url.spec.whatwg.org/#origin and
// https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin.
func sentOrigin(address string) (origin string, schemeMissing bool) {
	if strings.EqualFold(address, "null") {
		return "null", false
	}
	scheme, rest, found := strings.Cut(address, ":")
	if !found || !isScheme(scheme) || startsWithDigit(rest) { // example.com:8080
		rest = strings.TrimLeft(address, "/")
		scheme = "https"
		if host, _, _ := strings.Cut(rest, ":"); host == "localhost" || strings.HasPrefix(host, "127.") {
			scheme = "http"
		}
		return serialized(scheme, rest), true
	}
	switch scheme = strings.ToLower(scheme); scheme {
	case "http", "https":
		// Browsers do not mind how many slashes there are.
		return serialized(scheme, strings.TrimLeft(rest, `/\`)), false
	case "blob":
		return sentOrigin(rest)
	case "file", "data", "about", "javascript":
		return "null", false
	}
	// That of an extension or of an app, whose host is taken as it is.
	after, found := strings.CutPrefix(rest, "//")
	host := authorityOf(after)
	if !found || host == "" || strings.ContainsAny(host, " \t,\"<>") {
		return "", false
	}
	return scheme + "://" + host, false
}

// serialized is the origin of an address of http or https without its scheme;
// empty for what is none.
func serialized(scheme, address string) string {
	authority := authorityOf(strings.ReplaceAll(address, `\`, "/"))
	host, port, _ := strings.Cut(authority, ":")
	if inside, after, closed := strings.Cut(authority, "]"); closed {
		ip, err := netip.ParseAddr(strings.TrimPrefix(inside, "["))
		if err != nil || !ip.Is6() || ip.Zone() != "" || inside[0] != '[' || after != "" && after[0] != ':' {
			return ""
		}
		host, port = "["+ip.String()+"]", strings.TrimPrefix(after, ":")
		if b := ip.As16(); ip.Is4In6() {
			// Browsers write these in hexadecimal as well.
			host = fmt.Sprintf("[::ffff:%x:%x]", uint16(b[12])<<8|uint16(b[13]), uint16(b[14])<<8|uint16(b[15]))
		}
	} else if host = hostName(host); host == "" {
		return ""
	}
	if port != "" {
		number, err := strconv.ParseUint(port, 10, 16)
		switch {
		case err != nil:
			return ""
		case scheme == "https" && number == 443, scheme == "http" && number == 80:
		default:
			host += ":" + strconv.FormatUint(number, 10)
		}
	}
	return scheme + "://" + host
}

// authorityOf is the host and the port at the beginning of what follows the scheme
// of an address, without a user's name and password.
func authorityOf(address string) string {
	if i := strings.IndexAny(address, "/?#"); i >= 0 {
		address = address[:i]
	}
	return address[strings.LastIndexByte(address, '@')+1:]
}

// hostProfile makes ASCII of a host as browsers do.
// See https://url.spec.whatwg.org/#concept-domain-to-ascii.
var hostProfile = idna.New(idna.MapForLookup(), idna.StrictDomainName(false), idna.CheckHyphens(false),
	idna.CheckJoiners(true), idna.BidiRule(), idna.Transitional(false))

// hostName is a host that is no IPv6 address as browsers send it; empty for what
// is none. See https://url.spec.whatwg.org/#concept-host-parser.
func hostName(host string) string {
	decoded, err := url.PathUnescape(host)
	if err != nil {
		return ""
	}
	name, err := hostProfile.ToASCII(decoded)
	if err != nil || !utf8.ValidString(decoded) || strings.ContainsFunc(name, forbiddenInHost) {
		return ""
	}
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	if last := labels[len(labels)-1]; startsWithDigit(last) {
		if ip, numeric := ipv4(labels); numeric {
			return ip
		}
	}
	return name
}

// forbiddenInHost is what no host may have in it.
func forbiddenInHost(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`#/:<>?@[\]^|%,`, r)
}

// ipv4 is the IPv4 address that the labels of a host stand for, such as 127.1; empty
// if they end in a number and are none. See https://url.spec.whatwg.org/#concept-ipv4-parser.
func ipv4(labels []string) (ip string, numeric bool) {
	var numbers []uint64
	for i := range labels {
		label := labels[len(labels)-1-i]
		base := 10
		if after, hexadecimal := strings.CutPrefix(label, "0x"); hexadecimal {
			label, base = "0"+after, 16
		} else if len(label) > 1 && label[0] == '0' && strings.Trim(label, "0123456789") == "" {
			base = 8
		}
		number, err := strconv.ParseUint(label, base, 64)
		switch {
		case err != nil && i == 0 && strings.Trim(label, "0123456789") != "":
			return "", false // a name
		case err != nil || i > 0 && number > 255:
			return "", true
		}
		numbers = append(numbers, number)
	}
	if len(numbers) > 4 || numbers[0] >= 1<<(8*(5-len(numbers))) {
		return "", true
	}
	address := numbers[0]
	for i, number := range numbers[1:] {
		address |= number << (8 * (4 - (len(numbers) - 1 - i)))
	}
	return netip.AddrFrom4([4]byte{byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address)}).String(), true
}

func isScheme(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", r)) {
			return false
		}
	}
	return s != ""
}

func startsWithDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }
