// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// originChecks are about origins that let in more, or others, than meant. Those
// that never match at all are left to the checks of values.
var originChecks = []Check{
	{
		ID: "CORS019", Name: "any-origin-writes", Severity: Warning,
		Summary: "every site may use a method that changes objects",
		run:     anyOriginWrites,
	},
	{
		ID: "CORS020", Name: "any-origin-credentials", Severity: Warning,
		Summary: `cookies are expected of a rule with the origin "*", which never has them`,
		run:     anyOriginCredentials,
	},
	{
		ID: "CORS021", Name: "null-origin", Severity: Warning,
		Summary: `the origin "null", which anybody's page can have`,
		run:     nullOrigin,
	},
	{
		ID: "CORS022", Name: "wildcard-boundary", Severity: Error,
		Summary: `a "*" that lets in domains of others because no dot limits it`,
		run:     wildcardBoundary,
	},
	{
		ID: "CORS023", Name: "wildcard-public-suffix", Severity: Warning,
		Summary: `a "*" directly below a domain where anybody can have a name`,
		run:     wildcardPublicSuffix,
	},
	{
		ID: "CORS024", Name: "wildcard-without-apex", Severity: Info,
		Summary: `"https://*.example.com" without "https://example.com", which it does not include`,
		run:     wildcardWithoutApex,
	},
	{
		ID: "CORS025", Name: "insecure-scheme", Severity: Warning,
		Summary: "an origin that is not encrypted",
		run:     insecureScheme,
	},
	{
		ID: "CORS026", Name: "development-origin", Severity: Warning,
		Summary: "a developer's machine in production",
		run:     developmentOrigin,
	},
	{
		ID: "CORS027", Name: "localhost-without-port", Severity: Info,
		Summary: "an origin on the own machine without the port that it surely has",
		run:     localhostWithoutPort,
	},
}

// originRule is a rule with what its origins are looked up for.
type originRule struct {
	cors.Rule
	has    map[string]bool // the origins
	writes []string        // the methods that change objects
}

// eachOrigin goes through the origins that S3 accepts and a browser can have,
// with a finding that says where they are.
func (s *subject) eachOrigin(do func(originRule, origin, Finding)) {
	for _, at := range s.allOrigins() {
		do(*at.rule, at.origin, at.finding)
	}
}

// placedOrigin is what eachOrigin knows of an origin.
type placedOrigin struct {
	rule    *originRule
	origin  origin
	finding Finding
}

func (s *subject) allOrigins() []placedOrigin {
	if s.origins != nil {
		return s.origins
	}
	s.origins = []placedOrigin{}
	for i, rule := range s.Rules {
		r := originRule{Rule: rule, has: make(map[string]bool, len(rule.AllowedOrigins))}
		for _, raw := range rule.AllowedOrigins {
			r.has[raw] = true
		}
		for _, m := range []string{"PUT", "POST", "DELETE"} {
			if slices.Contains(rule.AllowedMethods, m) {
				r.writes = append(r.writes, m)
			}
		}
		for j, raw := range rule.AllowedOrigins {
			_, refused := s.refused[place{i, cors.FieldAllowedOrigins, j}]
			if o := parseOrigin(raw); o.ok && !refused {
				s.origins = append(s.origins, placedOrigin{
					rule: &r, origin: o, finding: Finding{Rule: i, Field: cors.FieldAllowedOrigins, Index: j, Value: raw},
				})
			}
		}
	}
	return s.origins
}

func anyOriginWrites(s *subject, report func(Finding)) {
	s.eachOrigin(func(r originRule, o origin, f Finding) {
		if !o.anySite() || len(r.writes) == 0 {
			return
		}
		if s.Production {
			f.Severity = Error
		}
		f.Problem = fmt.Sprintf("%s lets every site use %s", quote(o.raw), And(r.writes))
		f.Why = "a page of anybody can change objects from the browsers of its visitors as soon as it gets hold of a presigned URL or of keys"
		f.Fix = "write the origins of the applications that need it"
		if slices.Contains(r.AllowedMethods, "GET") || slices.Contains(r.AllowedMethods, "HEAD") {
			f.Fix += fmt.Sprintf(", and keep %s for reading in a rule of its own after this one", quote(o.raw))
		}
		report(f)
	})
}

// aboutCookies are headers that say that requests are to carry cookies. The
// header Authorization is none of them: a script that sets it needs no
// credentials mode, and S3 allows it by name also with the origin "*".
var aboutCookies = []string{"cookie", "set-cookie", "access-control-allow-credentials"}

func anyOriginCredentials(s *subject, report func(Finding)) {
	for i, r := range s.Rules {
		star := slices.Index(r.AllowedOrigins, "*")
		if star < 0 {
			continue
		}
		headers := slices.Concat(r.AllowedHeaders, r.ExposeHeaders)
		named := slices.IndexFunc(headers, func(h string) bool { return slices.Contains(aboutCookies, lowerASCII(h)) })
		if named < 0 {
			continue
		}
		h := quote(headers[named])
		report(Finding{
			Rule: i, Field: cors.FieldAllowedOrigins, Index: star, Value: "*",
			Problem: fmt.Sprintf(`the rule names %s, and with the origin "*" no browser sends or takes cookies`, h),
			Why:     `S3 answers "*" without Access-Control-Allow-Credentials, and a browser refuses that answer to a request with cookies`,
			Fix:     fmt.Sprintf(`remove %s, and write the origins of the applications in place of "*" if they use cookies`, h),
		})
	}
}

func nullOrigin(s *subject, report func(Finding)) {
	s.eachOrigin(func(r originRule, o origin, f Finding) {
		// With "*" beside it, "null" is answered like everybody else.
		if o.raw != "null" || r.has["*"] {
			return
		}
		f.Problem = `"null" is the origin of every sandboxed frame, local file and data: URL`
		f.Why = "anybody can make a page that has it, and S3 answers that with Access-Control-Allow-Credentials like a site that is trusted"
		f.Fix = `remove it; serve the page over https and write its origin`
		report(f)
	})
}

// reach is how far the "*" in a host goes.
type reach struct {
	before, after string // of the host, around the "*"
	// domain is what every host that matches is under, if a dot precedes it in
	// after; empty for none. For "https://*.a.example.com" it is "a.example.com".
	domain string
	kind   domainKind
	// boundary says that a dot precedes domain directly after the "*".
	boundary bool
}

// domainKind is whose the names under a domain are.
type domainKind int

const (
	ownDomain    domainKind = iota // of whoever has the domain, or nobody on the internet
	registry                       // of anybody who registers one: "com", "co.uk"
	platform                       // of the customers of a platform: "github.io"
	noDomain                       // nothing follows the "*", so that of anybody
	unknownReach                   // the "*" is not in the host, or all of it
)

// platforms are domains under which anybody can have a name though the Public
// Suffix List does not have them.
var platforms = []string{
	"amazonaws.com", "amazonaws.com.cn", "app.github.dev", "b-cdn.net", "gitpod.io",
	"loca.lt", "surge.sh", "stackblitz.io", "webcontainer.io",
}

// reachOf says how far o goes; only the host is looked at.
func reachOf(o origin) reach {
	if o.wild != wildHost || o.host == "*" {
		return reach{kind: unknownReach}
	}
	r := reach{}
	r.before, r.after, _ = strings.Cut(o.host, "*")
	if r.after == "" {
		r.kind = noDomain
		return r
	}
	label, domain, dot := strings.Cut(r.after, ".")
	if !dot {
		// "*com" matches every name that ends so, and "*localhost" none on the internet.
		domain = label
	}
	r.boundary = dot && label == ""
	r.domain, r.kind = domain, kindOf(domain)
	return r
}

func kindOf(domain string) domainKind {
	suffix, icann := publicsuffix.PublicSuffix(domain)
	wild, _ := publicsuffix.PublicSuffix("x." + domain) // for a rule such as "*.elb.amazonaws.com"
	switch {
	case slices.Contains(platforms, domain):
		return platform
	case suffix != domain && wild != "x."+domain:
		return ownDomain
	case icann && suffix == domain:
		return registry
	case !strings.Contains(suffix, "."):
		return ownDomain // a name that no registry knows, such as "internal"
	default:
		return platform
	}
}

// crossesBoundary reports whether the "*" takes in names that only begin or end
// like the one that is meant. Inside the domain of a platform that is how previews
// are named ("https://app-*-team.vercel.app"), which is another matter.
func (r reach) crossesBoundary() bool {
	switch r.kind {
	case noDomain:
		return true
	case registry:
		return !r.boundary
	case platform:
		return !r.boundary && (r.before == "" || strings.HasSuffix(r.before, ".")) && r.after[0] != '-'
	default:
		return false
	}
}

func wildcardBoundary(s *subject, report func(Finding)) {
	s.eachOrigin(func(_ originRule, o origin, f Finding) {
		// In production, that a developer's machine is there at all matters more.
		if s.Production && o.local() {
			return
		}
		if r := reachOf(o); r.crossesBoundary() {
			report(boundaryFinding(o, r, f))
		}
	})
}

func boundaryFinding(o origin, r reach, f Finding) Finding {
	scheme := o.scheme
	if scheme == "" {
		scheme = "https"
	}
	write := func(host, port string) string { return quote(joinOrigin(scheme, host, port)) }
	stranger := r.before + "evil" + r.after
	switch {
	case r.kind != noDomain && (r.before == "" || strings.HasSuffix(r.before, ".")) && strings.Contains(r.after, ".") && r.after[0] != '-':
		f.Fix = fmt.Sprintf("write %s, and %s if that is meant as well",
			write(r.before+"*."+r.after, o.port), write(r.before+r.after, o.port))
	case r.kind != noDomain:
		f.Fix = "list the origins that are meant"
	case isAddress(r.before):
		stranger = strings.TrimSuffix(r.before, ".") + ".evil.example"
		f.Fix = "list the addresses that are meant"
	case strings.HasSuffix(r.before, "."):
		stranger = r.before + "evil.example"
		f.Fix = "list the domains that are meant, such as " + write(r.before+"com", o.port)
	default:
		stranger = r.before + ".evil.example"
		whole := r.before
		if !strings.Contains(whole, ".") && !o.loopback() {
			whole += ".example.com"
		}
		f.Fix = "write the whole name, such as " + write(whole, o.port)
		if o.port == "" {
			f.Fix += ", or " + write(whole, "*") + " for every port of it"
		}
	}
	f.Problem = fmt.Sprintf("%s also matches %s", quote(o.raw), write(stranger, strings.ReplaceAll(o.port, "*", "8080")))
	f.Why = `"*" stands for any characters, also dots, so that anybody can have a domain that matches`
	return f
}

// isAddress reports whether a host begins like an IPv4 address.
func isAddress(host string) bool {
	return strings.Contains(host, ".") && strings.Trim(host, "0123456789.") == ""
}

func wildcardPublicSuffix(s *subject, report func(Finding)) {
	s.eachOrigin(func(rule originRule, o origin, f Finding) {
		r := reachOf(o)
		switch {
		case o.raw == "*":
			return
		case o.anySite() && len(rule.writes) > 0:
			return // there is a worse finding
		case o.anySite():
			f.Problem = quote(o.raw) + " is every site there is"
			f.Why = `S3 answers each of them by its name and with Access-Control-Allow-Credentials, like a site that is trusted, which it does not do for "*"`
			f.Fix = `write the origins that are meant, or "*" if everybody is`
		case r.kind != registry && r.kind != platform || r.crossesBoundary():
			return
		case r.kind == registry:
			f.Problem = fmt.Sprintf("%s matches names that anybody can register under %s", quote(o.raw), quote(r.domain))
			f.Why = "S3 answers each of them with Access-Control-Allow-Credentials, like a site that is trusted"
			f.Fix = "list the domains that are meant"
		default:
			// Previews have names that nobody can list; what is around the "*" keeps
			// out whoever does not aim at it.
			if !r.boundary || r.before != "" && !strings.HasSuffix(r.before, ".") {
				f.Severity = Info
			}
			f.Problem = fmt.Sprintf("%s matches names that other customers can have under %s", quote(o.raw), quote(r.domain))
			f.Why = "whoever uses the platform can have a name there that matches, and S3 trusts it like yours"
			f.Fix = "list the names there that are yours"
			if r.before == "" && r.boundary && o.scheme != "" {
				f.Fix += ", such as " + quote(joinOrigin(o.scheme, "my-app."+r.domain, o.port))
			}
		}
		report(f)
	})
}

func wildcardWithoutApex(s *subject, report func(Finding)) {
	j, ok := newJudge(s)
	if !ok {
		return
	}
	// Any rule for the domain itself shows that it was thought of.
	all, err := cors.Compile(originsOnly(j.rules))
	if err != nil {
		return
	}
	s.eachOrigin(func(_ originRule, o origin, f Finding) {
		r := reachOf(o)
		if o.scheme != "https" || r.kind != ownDomain || r.before != "" || !r.boundary {
			return
		}
		// Only for a whole domain: of "https://*.preview.example.com" nobody expects
		// that "preview.example.com" itself is a site.
		if apex, err := publicsuffix.EffectiveTLDPlusOne(r.domain); err != nil || apex != r.domain {
			return
		}
		apex := joinOrigin(o.scheme, r.domain, o.port)
		if all.Decide(cors.Request{Method: "GET", Origin: apex}).Allowed {
			return
		}
		f.Problem = fmt.Sprintf("%s does not match %s", quote(o.raw), quote(apex))
		f.Why = `what "*" stands for comes before the dot, and the domain itself has none there`
		f.Fix = fmt.Sprintf("add %s if the application is there too", quote(apex))
		report(f)
	})
}

// intranets end names that only a local network knows: RFC 6762, appendix G, and
// RFC 8375.
var intranets = []string{".internal", ".intranet", ".private", ".corp", ".home", ".lan", ".home.arpa"}

func insecureScheme(s *subject, report func(Finding)) {
	s.eachOrigin(func(r originRule, o origin, f Finding) {
		insecure := o.scheme == "http" || o.wild == wildScheme && like(o.scheme, "http")
		// No public authority certifies what only a local network knows.
		local := o.local() || !strings.Contains(o.host, ".") || slices.ContainsFunc(intranets, func(top string) bool {
			return strings.HasSuffix(o.host, top)
		})
		if !insecure || local || o.anySite() {
			return
		}
		if r := reachOf(o); r.crossesBoundary() || r.kind == registry || r.kind == platform {
			return // there is a worse finding
		}
		secure := joinOrigin("https", o.host, o.port)
		f.Problem = quote(o.raw) + " is not encrypted"
		if o.wild == wildScheme {
			f.Problem = quote(o.raw) + " matches over http too, which is not encrypted"
		}
		f.Why = "whoever is on the way can put a script into the page, and S3 trusts it like yours"
		switch {
		case r.has[secure]:
			f.Fix = fmt.Sprintf("remove it: %s is in the list as well", quote(secure))
		case o.port != "":
			f.Fix = "serve the application over https and write that origin"
		default:
			f.Fix = "write " + quote(secure)
		}
		report(f)
	})
}

// like reports whether a pattern matches s.
func like(pattern, s string) bool { return cors.OriginContains(pattern, s) }

func developmentOrigin(s *subject, report func(Finding)) {
	if !s.Production {
		return
	}
	s.eachOrigin(func(_ originRule, o origin, f Finding) {
		// Other schemes, such as "capacitor://localhost", are those of apps.
		if !o.local() || !like(o.scheme, "http") && !like(o.scheme, "https") {
			return
		}
		switch {
		case o.loopback() && o.port == "" && o.wild == noWildcard:
			// What apps made with Capacitor or Ionic have on Android.
			f.Severity = Info
			f.Problem = quote(o.raw) + " is the machine of whoever opens the page"
			f.Why = "what runs there is nothing that you deployed, unless it is a mobile app that has this origin"
			f.Fix = "remove it, unless there is such an app"
		case o.loopback():
			f.Problem = quote(o.raw) + " is the machine of whoever opens the page"
			f.Why = "any program that somebody runs there can serve a page with this origin, and S3 trusts it like yours"
			f.Fix = "remove it, and allow it on a bucket for development"
		default:
			f.Problem = quote(o.raw) + " is a machine in a local network"
			f.Why = "in another network that name or address is somebody else's, and S3 trusts it like yours"
			f.Fix = "remove it, or give the application a name of its own"
		}
		report(f)
	})
}

func localhostWithoutPort(s *subject, report func(Finding)) {
	if s.Production {
		return
	}
	for i, r := range s.Rules {
		// Beside one that has a port or takes any, those without are meant.
		if slices.ContainsFunc(r.AllowedOrigins, func(raw string) bool {
			o := parseOrigin(raw)
			return o.anySite() || o.ok && o.loopback() && (o.port != "" || o.wild != noWildcard)
		}) {
			continue
		}
		for j, raw := range r.AllowedOrigins {
			o := parseOrigin(raw)
			if !o.ok || o.scheme != "http" || !o.loopback() {
				continue
			}
			report(Finding{
				Rule: i, Field: cors.FieldAllowedOrigins, Index: j, Value: raw,
				Problem: quote(raw) + " matches port 80 only",
				Why:     "the port is part of an origin, and servers for development have others",
				Fix: fmt.Sprintf("write the port, as in %s, or %s for every port",
					quote(joinOrigin(o.scheme, o.host, "3000")), quote(joinOrigin(o.scheme, o.host, "*"))),
			})
		}
	}
}
