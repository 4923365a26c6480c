// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// valueChecks are about values that never match, or do nothing.
var valueChecks = []Check{
	{
		ID: idSlash, Name: "origin-trailing-slash", Severity: Error,
		Summary: "an origin that ends with a slash",
		run:     repairable(idSlash, "browsers send an origin without a slash at the end, so that this never matches"),
	},
	{
		ID: idPath, Name: "origin-path", Severity: Error,
		Summary: "an origin with a path, query, fragment or user name",
		run:     repairable(idPath, "an origin is scheme, host and port, so that this never matches"),
	},
	{
		ID: idScheme, Name: "origin-scheme-missing", Severity: Error,
		Summary: "an origin without a scheme",
		run:     schemeMissing,
	},
	{
		ID: idPort, Name: "origin-default-port", Severity: Error,
		Summary: "an origin with the default port of its scheme",
		run:     repairable(idPort, "browsers leave the default port out, so that this never matches"),
	},
	{
		ID: idCase, Name: "origin-not-normalized", Severity: Error,
		Summary: "an origin that is not in the one form that browsers send: lower case, punycode",
		run: repairable(idCase, "browsers send lower case and punycode, and S3 compares byte by byte, "+
			"so that this never matches"),
	},
	{
		ID: idPadding, Name: "value-padding", Severity: Error,
		Summary: "an empty value, several in one, or one with blanks or quotes around",
		run:     repairable(idPadding, "S3 stores the value as it is and compares all of it, so that this never matches"),
	},
	{
		ID: "CORS035", Name: "max-age-capped", Severity: Info,
		Summary: "a max age that browsers cut down",
		run:     maxAgeCapped,
	},
	{
		ID: "CORS036", Name: "max-age-short", Severity: Info,
		Summary: "next to no max age for methods that browsers always ask about first",
		run:     maxAgeShort,
	},
	{
		ID: idNegative, Name: "max-age-negative", Severity: Error,
		Summary: "a max age below 0",
		run:     maxAgeNegative,
	},
	{
		ID: "CORS039", Name: "header-without-effect", Severity: Info,
		Summary: "a header that does nothing in its list",
		run:     headersWithoutEffect,
	},
	{
		ID: idMalformed, Name: "origin-malformed", Severity: Error,
		Summary: "text that no browser sends as an origin",
		run:     repairable(idMalformed, "no browser sends such an origin, so that this never matches"),
	},
}

// repairable tells the values of which a check is what matters most.
func repairable(check, why string) func(*subject, func(Finding)) {
	return func(s *subject, report func(Finding)) {
		refusals(check)(s, report)
		s.reportRepairs(check, why, report)
	}
}

func (s *subject) reportRepairs(check, why string, report func(Finding)) {
	for _, at := range s.told[check] {
		r, value := s.repairs[at], values(s.Rules[at.rule], at.field)[at.index]
		report(Finding{
			Severity: r.severity, Rule: at.rule, Field: at.field, Index: at.index, Value: value,
			Problem: quote(value) + " " + r.problem, Why: why, Fix: r.fix, Edit: r.edit,
		})
	}
}

func schemeMissing(s *subject, report func(Finding)) {
	s.reportRepairs(idScheme, "browsers send the scheme too, so that this never matches", func(f Finding) {
		if f.Severity == Warning {
			if r := reachOf(parseOrigin(f.Value)); r.kind != ownDomain {
				return // there is a worse finding
			}
			f.Why = "what is served without encryption can be altered on its way, and is then trusted like the rest"
		}
		report(f)
	})
}

// What browsers make of Access-Control-Max-Age, in seconds. Sources:
// kMaxTimeout in services/network/cors/preflight_result.cc of Chromium,
// maxPreflightCacheTimeout in CrossOriginPreflightResultCache.cpp of WebKit, the
// page of MDN about the header for Firefox, and the Fetch standard for none.
const (
	maxAgeFirefox  = 86400
	maxAgeChromium = 7200
	maxAgeSafari   = 600
	maxAgeDefault  = 5
	maxAgeUseful   = 60 // a page load or so
)

func eachMaxAge(s *subject, do func(rule, seconds int)) {
	for i, r := range s.Rules {
		if r.MaxAgeSeconds != nil {
			do(i, int(*r.MaxAgeSeconds))
		}
	}
}

func maxAgeFinding(rule, seconds int) Finding {
	return Finding{Rule: rule, Field: cors.FieldMaxAgeSeconds, Index: -1, Value: strconv.Itoa(seconds)}
}

func maxAgeCapped(s *subject, report func(Finding)) {
	eachMaxAge(s, func(rule, seconds int) {
		f := maxAgeFinding(rule, seconds)
		switch {
		case seconds > maxAgeFirefox:
			f.Problem = fmt.Sprintf("%d seconds is more than any browser keeps the answer to a preflight", seconds)
		case seconds > maxAgeChromium:
			f.Problem = fmt.Sprintf("%d seconds is more than most browsers keep the answer to a preflight", seconds)
		default:
			return
		}
		f.Why = fmt.Sprintf("Firefox keeps it for %d seconds at most, Chrome and Edge for %d, Safari for %d",
			maxAgeFirefox, maxAgeChromium, maxAgeSafari)
		f.Fix = fmt.Sprintf("write %d or less", maxAgeChromium)
		report(f)
	})
}

// maxAgeShort is silent where there is nothing but presigned uploads: browsers
// keep the answer by URL, and no presigned URL comes twice.
func maxAgeShort(s *subject, report func(Finding)) {
	if slices.Equal(s.Profiles, []Profile{PresignedUpload}) {
		return
	}
	for i, r := range s.Rules {
		if !slices.Contains(r.AllowedMethods, "PUT") && !slices.Contains(r.AllowedMethods, "DELETE") || s.unreachable(i) {
			continue
		}
		f := Finding{
			Rule: i, Field: cors.FieldMaxAgeSeconds, Index: -1,
			Why: "every PUT and DELETE has a preflight, which costs a round trip and is billed; answers are kept by URL, so that presigned URLs gain nothing",
			Fix: fmt.Sprintf("write maxAgeSeconds: %d or more", maxAgeSafari),
		}
		switch {
		case r.MaxAgeSeconds == nil:
			f.Problem = fmt.Sprintf("there is no max age, and browsers keep the answer to a preflight for %d seconds", maxAgeDefault)
		case *r.MaxAgeSeconds >= 0 && *r.MaxAgeSeconds < maxAgeUseful:
			f.Value = strconv.Itoa(int(*r.MaxAgeSeconds))
			f.Problem = "browsers keep the answer to a preflight for " + f.Value + " seconds only"
		default:
			continue
		}
		report(f)
	}
}

func maxAgeNegative(s *subject, report func(Finding)) {
	refusals(idNegative)(s, report)
	eachMaxAge(s, func(rule, seconds int) {
		if _, refused := s.refused[place{rule, cors.FieldMaxAgeSeconds, -1}]; refused || seconds >= 0 {
			return
		}
		f := maxAgeFinding(rule, seconds)
		f.Problem = fmt.Sprintf("%d is not a number of seconds", seconds)
		f.Why = fmt.Sprintf("S3 stores it, and browsers ignore it and keep the answer to a preflight for %d seconds", maxAgeDefault)
		f.Fix = "write 0 to have nothing kept, or a number above"
		report(f)
	})
}

// Headers that make no difference, from the Fetch standard: forbidden request
// headers, request headers that need no permission as long as the value is
// ordinary, forbidden response headers, and those that every script may read.
var (
	forbiddenRequestHeaders = headerSet("accept-charset", "accept-encoding", "access-control-request-headers",
		"access-control-request-method", "connection", "content-length", "cookie", "cookie2", "date", "dnt", "expect",
		"host", "keep-alive", "origin", "referer", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "via")
	corsResponseHeaders = headerSet("access-control-allow-credentials", "access-control-allow-headers",
		"access-control-allow-methods", "access-control-allow-origin", "access-control-expose-headers", "access-control-max-age")
	safelistedRequestHeaders = headerSet("accept", "accept-language", "content-language")
	// Those that are taken for headers of S3's answers, and are none of them.
	requestHeaders             = headerSet("accept", "authorization", "content-md5", "host", "origin", "range", "referer", "user-agent")
	forbiddenResponseHeaders   = headerSet("set-cookie", "set-cookie2")
	safelistedResponseHeaders  = headerSet("cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma")
	forbiddenRequestHeaderGlob = []string{"proxy-", "sec-", "access-control-"}
)

func headerSet(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// idleHeaders is why some headers do nothing in a list.
type idleHeaders struct{ one, several, why string }

var (
	onlyInResponses = idleHeaders{"is a header of responses", "are headers of responses", "browsers never ask to send such a header: S3 adds it itself"}
	onlyInRequests  = idleHeaders{"is a header of requests", "are headers of requests", "S3 answers with no such header, so that there is nothing to read"}
	setByBrowsers   = idleHeaders{"is a header that no script can set", "are headers that no script can set",
		"browsers send such a header on their own and never ask for it"}
	needsNoPermission = idleHeaders{"is a header that needs no permission", "are headers that need no permission",
		"browsers ask for such a header only if its value is unusual or longer than 128 bytes"}
	forBrowsersAlone = idleHeaders{"is for the browser and not for scripts", "are for the browser and not for scripts",
		"S3 sends such a header when the rule matches, and it works without being exposed"}
	hiddenFromScripts = idleHeaders{"is a header that no script can read", "are headers that no script can read",
		"browsers hide such a header from scripts whatever the response says"}
	alwaysReadable = idleHeaders{"is a header that every script can read", "are headers that every script can read",
		"browsers show such a header without being told"}
	takenLiterally = idleHeaders{"is the name of no header", "are the names of no headers",
		`browsers know "*" only by itself here, and take it for a letter elsewhere`}
)

// headersWithoutEffect tells once of all headers of a list that do nothing for
// the same reason.
func headersWithoutEffect(s *subject, report func(Finding)) {
	for i, r := range s.Rules {
		s.idle(i, cors.FieldAllowedHeaders, r.AllowedHeaders, allowedInVain, report)
		s.idle(i, cors.FieldExposeHeaders, r.ExposeHeaders, exposedInVain, report)
	}
}

func (s *subject) idle(rule int, field cors.Field, list []string, inVain func(string) *idleHeaders, report func(Finding)) {
	var reasons []*idleHeaders
	indexes := map[*idleHeaders][]int{}
	for j, h := range list {
		reason := inVain(lowerASCII(h))
		if _, refused := s.refused[place{rule, field, j}]; reason == nil || refused {
			continue
		}
		if indexes[reason] == nil {
			reasons = append(reasons, reason)
		}
		indexes[reason] = append(indexes[reason], j)
	}
	for _, reason := range reasons {
		var quoted []string
		for _, j := range indexes[reason] {
			if q := quote(list[j]); !slices.Contains(quoted, q) && len(quoted) <= maxFindings {
				quoted = append(quoted, q)
			}
		}
		first := indexes[reason][0]
		f := Finding{
			Rule: rule, Field: field, Index: first, Value: list[first],
			Problem: quoted[0] + " " + reason.one, Why: reason.why, Fix: "remove it",
		}
		if len(quoted) > 1 {
			f.Problem = SomeOf(quoted) + " " + reason.several
			f.Fix = "remove them"
		}
		report(f)
	}
}

// allowedInVain is why it makes no difference to allow a request header; nil if
// it does make one.
func allowedInVain(h string) *idleHeaders {
	before, _, wild := strings.Cut(h, "*")
	switch {
	case corsResponseHeaders[h]:
		return &onlyInResponses
	case forbiddenRequestHeaders[h], slices.ContainsFunc(forbiddenRequestHeaderGlob, func(prefix string) bool {
		return strings.HasPrefix(h, prefix) && (!wild || strings.HasPrefix(before, prefix))
	}):
		return &setByBrowsers
	case safelistedRequestHeaders[h]:
		return &needsNoPermission
	}
	return nil
}

// exposedInVain is allowedInVain for a header to expose.
func exposedInVain(h string) *idleHeaders {
	switch {
	case forbiddenResponseHeaders[h]:
		return &hiddenFromScripts
	case safelistedResponseHeaders[h]:
		return &alwaysReadable
	case corsResponseHeaders[h]:
		return &forBrowsersAlone
	case requestHeaders[h]:
		return &onlyInRequests
	case h != "*" && strings.Contains(h, "*"):
		return &takenLiterally
	}
	return nil
}
