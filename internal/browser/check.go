// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// Answer is the answer of a server, as far as browsers look at it. The keys of
// Header are canonical, as net/http makes them.
type Answer struct {
	Status int
	Header http.Header
}

// Step is where in a request a browser stops.
type Step string

// The steps, in order.
const (
	// StepRequest: the browser does not even begin, because no script may send such
	// a request. The two checks of answers never stop here.
	StepRequest Step = "Request"
	// StepPreflight: the answer to the preflight keeps the request from being sent.
	StepPreflight Step = "Preflight"
	// StepResponse: the request was sent, and the response is kept from the script.
	StepResponse Step = "Response"
	// StepRead: the script gets the response without a header that it reads.
	StepRead Step = "Read"
)

// Refusal is why a browser does not go on. The set of reasons is closed.
type Refusal struct {
	Step   Step
	Reason Reason
	// Value is what is not allowed: the origin, the method or the name of a header.
	Value string
	// Message is a clause in lower case that says what is wrong with the answer.
	Message string
}

// Reason is why a browser does not go on, by the check of the Fetch standard that
// fails.
type Reason string

// The reasons of the step Request: https://fetch.spec.whatwg.org/#dom-request.
const (
	// MethodUnusable: the method is none, or one that no script may use.
	MethodUnusable Reason = "MethodUnusable"
	// HeaderUnusable: a name that the script sets is no name of a header.
	HeaderUnusable Reason = "HeaderUnusable"
)

// The reasons of the CORS check, of preflights and responses alike:
// https://fetch.spec.whatwg.org/#concept-cors-check.
const (
	// OriginNotAnswered: there is no Access-Control-Allow-Origin.
	OriginNotAnswered Reason = "OriginNotAnswered"
	// OriginMismatch: Access-Control-Allow-Origin is another than the request's.
	OriginMismatch Reason = "OriginMismatch"
	// SeveralOrigins: Access-Control-Allow-Origin has more than one origin, or comes
	// more than once.
	SeveralOrigins Reason = "SeveralOrigins"
	// WildcardWithCredentials: Access-Control-Allow-Origin is "*", and the request
	// has credentials.
	WildcardWithCredentials Reason = "WildcardWithCredentials"
	// CredentialsNotAllowed: Access-Control-Allow-Credentials is not "true", and the
	// request has credentials.
	CredentialsNotAllowed Reason = "CredentialsNotAllowed"
)

// The reasons of preflights alone: https://fetch.spec.whatwg.org/#cors-preflight-fetch.
const (
	// PreflightRedirected: the answer is a redirect, which is not followed.
	PreflightRedirected Reason = "PreflightRedirected"
	// PreflightNotOK: the status of the answer is not one from 200 to 299.
	PreflightNotOK Reason = "PreflightNotOK"
	// MethodsUnreadable: Access-Control-Allow-Methods is no list of methods.
	MethodsUnreadable Reason = "MethodsUnreadable"
	// HeadersUnreadable: Access-Control-Allow-Headers is no list of headers.
	HeadersUnreadable Reason = "HeadersUnreadable"
	// MethodNotAllowed: Access-Control-Allow-Methods lacks the method.
	MethodNotAllowed Reason = "MethodNotAllowed"
	// AuthorizationNotNamed: Access-Control-Allow-Headers has "*", which does not
	// cover Authorization, and lacks Authorization itself.
	AuthorizationNotNamed Reason = "AuthorizationNotNamed"
	// HeaderNotAllowed: Access-Control-Allow-Headers lacks a header.
	HeaderNotAllowed Reason = "HeaderNotAllowed"
)

// The reasons of the step Read:
// https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name.
const (
	// HeaderNotExposed: Access-Control-Expose-Headers lacks a header.
	HeaderNotExposed Reason = "HeaderNotExposed"
	// ExposedUnreadable: Access-Control-Expose-Headers is no list of headers.
	ExposedUnreadable Reason = "ExposedUnreadable"
	// HeaderNeverExposed: no script may read the header.
	HeaderNeverExposed Reason = "HeaderNeverExposed"
)

// CheckPreflight is why the browser does not send the request after this answer
// to its preflight; nil when it does. Redirects are no answer that a browser
// accepts. See https://fetch.spec.whatwg.org/#cors-preflight-fetch.
func (r Request) CheckPreflight(a Answer) *Refusal {
	return r.checkPreflight(grantOf(a), r.unsafeHeaders())
}

// CheckResponse is why the script does not get the response, or not with all the
// headers that it reads; nil when it does. The status does not matter: an error of
// S3 is a response, too. See https://fetch.spec.whatwg.org/#concept-cors-check.
func (r Request) CheckResponse(a Answer) *Refusal { return r.checkResponse(grantOf(a)) }

// grant is what an answer says about CORS. A header that is empty is there, for
// all that browsers care.
type grant struct {
	status int
	// origin is Access-Control-Allow-Origin; several values are one, joined by ", ".
	origin    string
	hasOrigin bool

	credentials              string
	methods, headers, expose list
}

func grantOf(a Answer) grant {
	g := grant{
		status:      a.Status,
		credentials: joined(a.Header, "Access-Control-Allow-Credentials"),
		methods:     list(joined(a.Header, "Access-Control-Allow-Methods")),
		headers:     list(joined(a.Header, "Access-Control-Allow-Headers")),
		expose:      list(joined(a.Header, "Access-Control-Expose-Headers")),
	}
	g.origin = joined(a.Header, "Access-Control-Allow-Origin")
	g.hasOrigin = len(a.Header.Values("Access-Control-Allow-Origin")) > 0
	return g
}

// joined is a header that may come several times as one value. See
// https://fetch.spec.whatwg.org/#concept-header-list-get.
func joined(h http.Header, name string) string {
	values := h.Values(name)
	if len(values) == 1 {
		return trim(values[0])
	}
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = trim(v)
	}
	return strings.Join(trimmed, ", ")
}

// checkPreflight is CheckPreflight; asked are the unsafeHeaders of r.
func (r Request) checkPreflight(g grant, asked []string) *Refusal {
	refuse := func(reason Reason, value, format string, args ...any) *Refusal {
		return &Refusal{StepPreflight, reason, value, fmt.Sprintf(format, args...)}
	}
	method := normalMethod(r.Method)
	// Both the status and the origin have to be right; the status tells more.
	switch {
	case g.status >= 300 && g.status < 400:
		return refuse(PreflightRedirected, r.Origin, "the answer has status %d, and browsers follow no redirect of a preflight", g.status)
	case g.status < 200 || g.status > 299:
		return refuse(PreflightNotOK, r.Origin, "the answer has status %d, and browsers go on only after one from 200 to 299", g.status)
	}
	if refusal := r.checkOrigin(g, StepPreflight); refusal != nil {
		return refusal
	}
	if entry, found := g.methods.invalid(); found {
		return refuse(MethodsUnreadable, method, "Access-Control-Allow-Methods has %s, which is no method, and browsers take nothing of such a list", cors.Quote(entry))
	}
	if entry, found := g.headers.invalid(); found {
		return refuse(HeadersUnreadable, entry, "Access-Control-Allow-Headers has %s, which is no name of a header, and browsers take nothing of such a list", cors.Quote(entry))
	}
	if !safelistedMethod(method) && !g.methods.has(method) && (r.Credentials || !g.methods.has("*")) {
		return refuse(MethodNotAllowed, method, "Access-Control-Allow-Methods %s method %s", lacks(r, g.methods), word(method))
	}
	wildcard := !r.Credentials && g.headers.has("*")
	for _, name := range asked {
		switch {
		case g.headers.hasFold(name):
		case name == "authorization" && wildcard:
			return refuse(AuthorizationNotNamed, name, `Access-Control-Allow-Headers has "*", which does not cover authorization in browsers, and lacks authorization itself`)
		case !wildcard:
			return refuse(HeaderNotAllowed, name, "Access-Control-Allow-Headers %s header %s", lacks(r, g.headers), word(name))
		}
	}
	return nil
}

// lacks is the predicate of a list without something.
func lacks(r Request, l list) string {
	if r.Credentials && l.has("*") {
		return `has "*", which does not count with credentials, and lacks`
	}
	return "lacks"
}

// checkOrigin is the CORS check.
func (r Request) checkOrigin(g grant, step Step) *Refusal {
	refuse := func(reason Reason, message string) *Refusal {
		return &Refusal{step, reason, r.Origin, message}
	}
	switch {
	case !g.hasOrigin:
		return refuse(OriginNotAnswered, "the answer has no Access-Control-Allow-Origin")
	case g.origin == "*" && !r.Credentials:
		return nil
	case g.origin == r.Origin:
	case g.origin == "*":
		return refuse(WildcardWithCredentials, `Access-Control-Allow-Origin is "*", which browsers do not take for a request with credentials`)
	case strings.Contains(g.origin, ","):
		return refuse(SeveralOrigins, "Access-Control-Allow-Origin is "+cors.Quote(g.origin)+", and browsers take no more than one origin")
	default:
		return refuse(OriginMismatch, "Access-Control-Allow-Origin is "+cors.Quote(g.origin)+" and not "+cors.Quote(r.Origin))
	}
	switch {
	case !r.Credentials || g.credentials == "true":
		return nil
	case g.credentials == "":
		return refuse(CredentialsNotAllowed, "the answer has no Access-Control-Allow-Credentials, which a request with credentials needs")
	default:
		return refuse(CredentialsNotAllowed, "Access-Control-Allow-Credentials is "+cors.Quote(g.credentials)+` and not "true", which a request with credentials needs`)
	}
}

// checkResponse is CheckResponse.
func (r Request) checkResponse(g grant) *Refusal {
	if refusal := r.checkOrigin(g, StepResponse); refusal != nil {
		return refusal
	}
	for _, name := range r.Reads {
		refuse := func(reason Reason, message string) *Refusal {
			return &Refusal{StepRead, reason, name, message}
		}
		if safelistedResponseHeader(name) {
			continue
		}
		if equalFold(name, "set-cookie") || equalFold(name, "set-cookie2") {
			return refuse(HeaderNeverExposed, "browsers let no script read "+name)
		}
		if entry, found := g.expose.invalid(); found {
			return refuse(ExposedUnreadable, "Access-Control-Expose-Headers has "+cors.Quote(entry)+
				", which is no name of a header, so that browsers take nothing of the list, not "+word(name)+" either")
		}
		if !g.expose.hasFold(name) && (r.Credentials || !g.expose.has("*")) {
			return refuse(HeaderNotExposed, "Access-Control-Expose-Headers "+lacks(r, g.expose)+" "+word(name))
		}
	}
	return nil
}

// safelistedResponseHeader reports whether scripts may read a header that is not
// exposed.
func safelistedResponseHeader(name string) bool {
	for _, safe := range [...]string{
		"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma",
	} {
		if equalFold(name, safe) {
			return true
		}
	}
	return false
}

// word is a method or the name of a header as it stands, and quoted where it is
// neither or long.
func word(s string) string {
	const longest = 64
	if isToken(s) && len(s) <= longest {
		return s
	}
	return cors.Quote(s)
}
