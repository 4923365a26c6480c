// SPDX-License-Identifier: Apache-2.0

package cors

import "strings"

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

// compareOrigins compares an origin of a rule, which may have a "*", with that of
// a request which it does not match. Browsers send a scheme, a host and, unless it
// is the default, a port, in lower case, and nothing else:
// https://fetch.spec.whatwg.org/#origin-header.
func compareOrigins(allowed, origin string, sent normalOrigin) resemblance {
	written := normalizeOrigin(allowed)
	p := parsePattern(written.text)
	switch {
	case strings.Contains(allowed, ","):
		for part := range strings.SplitSeq(allowed, ",") {
			if parsePattern(normalizeOrigin(part).text).match(sent.text) {
				return misspelt(quote(allowed) + " in the rule has a comma; each origin has to be a value of its own")
			}
		}
		return resemblance{}
	case p.match(sent.text):
		if written.faults == nil && sent.faults == nil {
			return misspelt("this server does not read " + quote(allowed) + " in the rule the way AWS does")
		}
	case !written.hasScheme && matchAnyScheme(written.text, sent.text):
		written.faults = append(written.faults, "no scheme")
	case !sent.hasScheme && (p.match("https://"+sent.text) || p.match("http://"+sent.text)):
		sent.faults = append(sent.faults, "no scheme")
	default:
		return relateOrigins(allowed, written.text, sent.text)
	}
	if written.faults != nil {
		return misspelt(quote(allowed) + " in the rule has " + faultsOf(written))
	}
	return misspelt(quote(origin) + " in the request has " + faultsOf(sent))
}

func misspelt(hint string) resemblance { return resemblance{likeMisspelt, hint} }

// matchAnyScheme reports whether the pattern would match with a scheme before it.
func matchAnyScheme(text, origin string) bool {
	return parsePattern("https://"+text).match(origin) || parsePattern("http://"+text).match(origin)
}

// faultsOf completes a sentence that ends in "has".
func faultsOf(n normalOrigin) string {
	if last := len(n.faults) - 1; n.faults[last] == "no scheme" {
		if last == 0 {
			return "no scheme, which browsers always send"
		}
		return enumerate(n.faults) + ", unlike what browsers send"
	}
	return enumerate(n.faults) + ", which browsers never send"
}

// relateOrigins compares normalized origins: text is that of the rule, which was
// written as allowed.
func relateOrigins(allowed, text, origin string) resemblance {
	p := parsePattern(text)
	scheme, host, hasScheme := strings.Cut(origin, "://")
	if !hasScheme {
		return resemblance{}
	}
	related := func(hint string) resemblance {
		return resemblance{likeRelated, quote(allowed) + " in the rule " + hint}
	}
	if strings.Replace(text, "://*.", "://", 1) == origin || text == "*."+host {
		return related("stands for the subdomains and not for the domain itself")
	}
	other := "http"
	if scheme == "http" {
		other = "https"
	}
	if p.match(other + "://" + host) {
		return related("has the scheme " + other + ", and the request " + scheme)
	}
	if bare, www := strings.CutPrefix(host, "www."); www && p.match(scheme+"://"+bare) {
		return related(`lacks the "www." of the request`)
	}
	if p.match(scheme + "://www." + host) {
		return related(`has a "www." that the request has not`)
	}
	withoutPort, port := cutPort(origin)
	ruleWithoutPort, rulePort := cutPort(text)
	if parsePattern(ruleWithoutPort).match(withoutPort) { // the ports differ, then
		switch {
		case rulePort == "":
			return related("has no port, and the request has " + quote(port))
		case port == "":
			return related("has the port " + quote(rulePort) + ", and the request has none")
		}
		return related("has the port " + quote(rulePort) + ", and the request " + quote(port))
	}
	if _, domain, ok := strings.Cut(text, "://"); ok && !p.wild && domain != "" && text == scheme+"://"+domain &&
		strings.HasSuffix(host, "."+domain) {
		return resemblance{likeParent, quote(allowed) + ` in the rule does not stand for its subdomains; "*." before the domain would`}
	}
	return resemblance{}
}

// cutPort takes the port off an origin, which may be "*".
func cutPort(origin string) (without, port string) {
	i := strings.LastIndexByte(origin, ':')
	if i < 0 || i == len(origin)-1 || strings.Trim(origin[i+1:], "0123456789*") != "" {
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
		if strings.Trim(host[i:], "/") == "" {
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
	return n
}
