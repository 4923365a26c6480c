// SPDX-License-Identifier: Apache-2.0

package expectation

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// MaxSamples is how many samples of rules there are at most.
const MaxSamples = 20

// sampleHeaders is how many headers a sample asks for at most.
const sampleHeaders = 10

// samples are requests that the rules mean to allow: one for each rule and method.
// Where there are too many, every rule has some before any has all.
func samples(c cors.Configuration) []browser.Request {
	byRule := make([][]browser.Request, 0, len(c.Rules))
	total := 0
	for i := range c.Rules {
		of := samplesOf(i, &c.Rules[i])
		byRule = append(byRule, of)
		total += len(of)
	}
	chosen := make([]int, len(byRule)) // how many of each rule
	for left := min(total, MaxSamples); left > 0; {
		for i := range byRule {
			if left > 0 && chosen[i] < len(byRule[i]) {
				chosen[i]++
				left--
			}
		}
	}
	var all []browser.Request
	for i, n := range chosen {
		all = append(all, byRule[i][:n]...)
	}
	return all
}

// samplesOf are the samples of one rule: none if no browser sends an origin that it
// allows.
func samplesOf(index int, r *cors.Rule) []browser.Request {
	origin, found := "", false
	for _, allowed := range r.AllowedOrigins {
		if origin, found = sampleOrigin(allowed); found {
			break
		}
	}
	if !found {
		return nil
	}
	name := "sample of " + cors.Path(index, "", -1)
	if r.ID != "" {
		name = "sample of rule " + cors.Quote(r.ID)
	}
	var headers []string
	for _, allowed := range r.AllowedHeaders {
		if header, ok := sampleHeader(allowed); ok && len(headers) < sampleHeaders && !slices.Contains(headers, header) {
			headers = append(headers, header)
		}
	}
	var requests []browser.Request
	var seen []string
	for _, method := range r.AllowedMethods {
		if !slices.Contains(seen, method) && len(seen) < MaxSamples {
			seen = append(seen, method)
			requests = append(requests, browser.Request{Name: name, Origin: origin, Method: method, Headers: headers})
		}
	}
	return requests
}

// sampleHeader is the name of a header that the allowed header matches, if it can
// be one.
func sampleHeader(allowed string) (string, bool) {
	name := strings.ToLower(allowed)
	switch name {
	case "*":
		name = "content-type"
	case "x-amz-*":
		name = "x-amz-date"
	case "amz-sdk-*":
		name = "amz-sdk-request"
	default:
		name = strings.Replace(name, "*", "sample", 1)
	}
	if name == "" || strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || 'z' < c) && (c < '0' || '9' < c) && c != '-' && c != '_'
	}) {
		return "", false
	}
	return name, true
}

// sampleOrigin is an origin that a browser can send and that the allowed origin
// matches, with something plausible in place of a "*". There is none for an
// allowed origin that no browser ever matches.
func sampleOrigin(allowed string) (string, bool) {
	const site = "sample.example.com"
	before, after, wild := strings.Cut(allowed, "*")
	if !wild {
		return allowed, sendable(allowed)
	}
	var beginnings []string // all that precedes after
	switch {
	case strings.Contains(before, "://"):
		if after == "" {
			// "https://app.example.com*" is meant for that site first of all.
			beginnings = append(beginnings, before, before+site)
		} else if strings.HasSuffix(before, "://") && after[0] == ':' {
			beginnings = append(beginnings, before+site)
		}
		beginnings = append(beginnings, before+"sample", before+"8080", before+"80", before)
	case after == "":
		beginnings = []string{"https://" + site, "http://" + site}
	default:
		for _, scheme := range [...]string{"https", "http"} {
			beginnings = append(beginnings, scheme, scheme+":", scheme+"://", scheme+"://sample")
		}
	}
	for _, beginning := range beginnings {
		if origin := beginning + after; strings.HasPrefix(beginning, before) && sendable(origin) {
			return origin, true
		}
	}
	return "", false
}

// sendable reports whether an origin is one that a browser sends: a scheme and a
// host in lower case and, unless it is the scheme's own, a port. It is not exact
// about hosts.
func sendable(origin string) bool {
	if origin == "null" {
		return true
	}
	scheme, authority, found := strings.Cut(origin, "://")
	if !found || !consists(scheme, "+-.") || scheme[0] < 'a' {
		return false
	}
	host, port := authority, ""
	if inside, ok := strings.CutPrefix(authority, "["); ok {
		var closed bool
		host, port, closed = strings.Cut(inside, "]")
		address, err := netip.ParseAddr(host)
		if !closed || err != nil || !address.Is6() || address.String() != host {
			return false
		}
		host = "ipv6"
	} else if i := strings.IndexByte(authority, ':'); i >= 0 {
		host, port = authority[:i], authority[i:]
	}
	return consists(host, "-._~") && !strings.HasSuffix(host, ".") && host[0] != '.' && host[0] != '-' && (port == "" || sendablePort(scheme, port))
}

// sendablePort reports whether browsers send a port, which begins with a colon.
func sendablePort(scheme, port string) bool {
	digits, found := strings.CutPrefix(port, ":")
	n, err := strconv.ParseUint(digits, 10, 16)
	if !found || err != nil || n == 0 || strconv.FormatUint(n, 10) != digits {
		return false
	}
	return (scheme != "http" || n != 80) && (scheme != "https" || n != 443)
}

// consists reports whether s has lower-case letters, digits and characters of
// others only, and any of them.
func consists(s, others string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || 'z' < c) && (c < '0' || '9' < c) && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return s != ""
}
