// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"slices"
	"strings"
)

// likeness is how much an allowed origin resembles that of a request which it
// does not match.
type likeness int

const (
	unlike       likeness = iota
	likeParent            // the request comes from a subdomain
	likeRelated           // another scheme or port, "www.", or the domain of a wildcard itself
	likeMisspelt          // the same, written as no browser writes it, or as this server does not read it
)

// resemblance is a likeness and what it consists in.
type resemblance struct {
	likeness likeness
	hint     string
}

// sentOrigin is the origin of a request, taken apart once to be compared with many.
type sentOrigin struct {
	normalOrigin
	written string // as the request has it
	// Without a scheme, none of these is set. The host has the port.
	scheme, host, otherScheme, bare, www, withoutPort, port string
}

func newSentOrigin(origin string) *sentOrigin {
	s := &sentOrigin{normalOrigin: normalizeOrigin(origin), written: origin}
	if s.hasScheme {
		s.scheme, s.host, _ = strings.Cut(s.text, "://")
		s.otherScheme = "http"
		if s.scheme == "http" {
			s.otherScheme = "https"
		}
		if bare, ok := strings.CutPrefix(s.host, "www."); ok {
			s.bare = s.scheme + "://" + bare
		}
		s.www = s.scheme + "://www." + s.host
		s.withoutPort, s.port = cutPort(s.text)
	}
	return s
}

// compare compares an origin of a rule, which may have a "*", with that of a
// request which it does not match. Browsers send a scheme, a host and, unless it
// is the default, a port, in lower case, and nothing else:
// https://fetch.spec.whatwg.org/#origin-header.
func (s *sentOrigin) compare(allowed string) resemblance {
	written := normalizeOrigin(allowed)
	p := parsePattern(written.text)
	switch {
	case strings.Contains(allowed, ","):
		for part := range strings.SplitSeq(allowed, ",") {
			if parsePattern(normalizeOrigin(part).text).match(s.text) {
				return misspelt(quote(allowed) + " in the rule has a comma; each origin has to be a value of its own")
			}
		}
		return resemblance{}
	case p.match(s.text):
		if written.faults == nil && s.faults == nil {
			return misspelt("this server does not read " + quote(allowed) + " in the rule the way AWS does")
		}
	case s.hasScheme && !written.hasScheme && p.match(s.host):
		written.faults = append(written.faults, "no scheme")
	case !s.hasScheme && (p.match("https://"+s.text) || p.match("http://"+s.text)):
		return misspelt(quote(s.written) + " in the request has " + faultsOf(append(slices.Clip(s.faults), "no scheme")))
	default:
		return s.relate(allowed, written.text)
	}
	if written.faults != nil {
		return misspelt(quote(allowed) + " in the rule has " + faultsOf(written.faults))
	}
	return misspelt(quote(s.written) + " in the request has " + faultsOf(s.faults))
}

func misspelt(hint string) resemblance { return resemblance{likeMisspelt, hint} }

// faultsOf completes a sentence that ends in "has".
func faultsOf(faults []string) string {
	if last := len(faults) - 1; faults[last] == "no scheme" {
		if last == 0 {
			return "no scheme, which browsers always send"
		}
		return enumerate(faults) + ", unlike what browsers send"
	}
	return enumerate(faults) + ", which browsers never send"
}

// relate compares normalized origins: text is that of the rule, which was written
// as allowed.
func (s *sentOrigin) relate(allowed, text string) resemblance {
	if !s.hasScheme {
		return resemblance{}
	}
	p := parsePattern(text)
	related := func(hint string) resemblance {
		return resemblance{likeRelated, quote(allowed) + " in the rule " + hint}
	}
	scheme, hosts, hasScheme := strings.Cut(text, "://")
	if !hasScheme {
		scheme, hosts = s.scheme, text
	}
	withoutPort, port := cutPort(text)
	switch {
	case scheme == s.scheme && hosts == "*."+s.host:
		return related("stands for the subdomains and not for the domain itself")
	case p.match(s.otherScheme + "://" + s.host):
		return related("has the scheme " + s.otherScheme + ", and the request " + s.scheme)
	case s.bare != "" && p.match(s.bare):
		return related(`lacks the "www." of the request`)
	case p.match(s.www):
		return related(`has a "www." that the request has not`)
	case parsePattern(withoutPort).match(s.withoutPort): // the ports differ, then
		switch {
		case port == "":
			return related("has no port, and the request has " + quote(s.port))
		case s.port == "":
			return related("has the port " + quote(port) + ", and the request has none")
		}
		return related("has the port " + quote(port) + ", and the request " + quote(s.port))
	}
	if sub, ok := strings.CutSuffix(s.host, hosts); ok && scheme == s.scheme && strings.HasSuffix(sub, ".") {
		return resemblance{likeParent, quote(allowed) + ` in the rule does not stand for its subdomains; "*." before the domain would`}
	}
	return resemblance{}
}

// cutPort takes the port off an origin, which may be "*".
func cutPort(origin string) (without, port string) {
	i := strings.LastIndexByte(origin, ':')
	if i < 0 || strings.Trim(origin[i+1:], "0123456789*") != "" {
		return origin, ""
	}
	return origin[:i], origin[i+1:]
}

// normalOrigin is an origin as a browser would write it.
type normalOrigin struct {
	text      string
	hasScheme bool
	faults    []string // what it had that it should not have
}

func normalizeOrigin(s string) normalOrigin {
	n := normalOrigin{text: s}
	become := func(text, fault string) {
		if text != n.text {
			n.text, n.faults = text, append(n.faults, fault)
		}
	}
	become(strings.Trim(n.text, " \t\r\n"), "a blank at an end")
	become(strings.Trim(n.text, "\"'`"), "quotes around it")
	become(lowerASCII(n.text), "capitals")
	scheme, host, hasScheme := strings.Cut(n.text, "://")
	if n.hasScheme = hasScheme; !hasScheme {
		scheme, host = "", n.text
	}
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		fault := "a path"
		if host[i:] == "/" {
			fault = "a trailing slash"
		}
		become(n.text[:len(n.text)-len(host)+i], fault)
	}
	switch scheme {
	case "https":
		become(strings.TrimSuffix(n.text, ":443"), "the default port")
	case "http":
		become(strings.TrimSuffix(n.text, ":80"), "the default port")
	}
	become(strings.TrimSuffix(n.text, ":"), "a colon without a port")
	return n
}
