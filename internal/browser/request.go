// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"slices"
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// Request is what a script on a page asks a browser to do, as far as CORS goes.
type Request struct {
	// Name says what the request is for, in messages: "UploadPart". May be empty.
	Name string
	// Origin is that of the page, as the browser sends it.
	Origin string
	// Method is as the script writes it.
	Method string
	// Headers are the names of the headers that the script sets, in any case. A
	// name that can be safelisted by its value, such as content-type, counts as one
	// that is not: whoever sets it to that of a form leaves it out.
	Headers []string
	// Credentials is whether the browser sends cookies and its like (credentials
	// mode "include").
	Credentials bool
	// Reads are the names of the response headers that the script reads.
	Reads []string
}

// Preflight is the request that the browser sends first, and whether it sends
// one at all. Where it does not, the first value is what it would send: servers
// answer that, too.
//
// Browsers leave out headers that scripts cannot set, such as cookie, and those
// that are safelisted whatever they hold, such as accept. See
// https://fetch.spec.whatwg.org/#cors-preflight-fetch.
func (r Request) Preflight() (ask cors.Request, sent bool) {
	return r.preflight(r.unsafeHeaders())
}

// preflight is Preflight; asked are the unsafeHeaders of r.
func (r Request) preflight(asked []string) (ask cors.Request, sent bool) {
	method := normalMethod(r.Method)
	ask = cors.Request{
		Method:         "OPTIONS",
		Origin:         r.Origin,
		RequestMethod:  method,
		RequestHeaders: strings.Join(asked, ","),
	}
	return ask, len(asked) > 0 || !safelistedMethod(method)
}

// Actual is the request itself. It does not repeat what the preflight asks for, so
// that a server may answer it by another rule.
func (r Request) Actual() cors.Request {
	return cors.Request{Method: normalMethod(r.Method), Origin: r.Origin}
}

// unsafeHeaders are the names that a preflight asks for: in lower case, sorted by
// bytes, each once. See https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names.
func (r Request) unsafeHeaders() []string {
	if len(r.Headers) == 0 {
		return nil
	}
	names := make([]string, 0, len(r.Headers))
	for _, name := range r.Headers {
		name = lower(name)
		if !safelistedHeader(name) && !forbiddenHeader(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// unmade is why the browser does not even begin with the request; nil when it
// does. See https://fetch.spec.whatwg.org/#dom-request.
func (r Request) unmade() *Refusal {
	switch method := normalMethod(r.Method); {
	case !isToken(method):
		return &Refusal{StepRequest, MethodUnusable, r.Method, cors.Quote(r.Method) + " is no HTTP method"}
	case forbiddenMethod(method):
		return &Refusal{StepRequest, MethodUnusable, r.Method, "browsers let no script use the method " + r.Method}
	}
	for _, name := range r.Headers {
		if !isToken(name) {
			return &Refusal{StepRequest, HeaderUnusable, name, cors.Quote(name) + " is no name of a header"}
		}
	}
	return nil
}

// normalMethod is a method as browsers send it: they write some in capitals, and
// "patch" as it is. See https://fetch.spec.whatwg.org/#concept-method-normalize.
func normalMethod(method string) string {
	for _, known := range [...]string{"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"} {
		if equalFold(method, known) {
			return known
		}
	}
	return method
}

// safelistedMethod reports whether a method needs no preflight, nor an entry in
// Access-Control-Allow-Methods.
func safelistedMethod(method string) bool {
	return method == "GET" || method == "HEAD" || method == "POST"
}

// forbiddenMethod reports whether scripts cannot use a method. See
// https://fetch.spec.whatwg.org/#forbidden-method.
func forbiddenMethod(method string) bool {
	return equalFold(method, "CONNECT") || equalFold(method, "TRACE") || equalFold(method, "TRACK")
}

// safelistedHeader reports whether a request header, in lower case, needs no
// preflight whatever sane value it has. Others that are safelisted by their values,
// content-type and range, are not among them. See
// https://fetch.spec.whatwg.org/#cors-safelisted-request-header.
func safelistedHeader(name string) bool {
	return name == "accept" || name == "accept-language" || name == "content-language"
}

// forbiddenHeader reports whether a request header, in lower case, is the browser's
// own: it ignores scripts that set it. Headers that are forbidden by their values
// only, such as x-http-method-override with TRACE, are not among them. See
// https://fetch.spec.whatwg.org/#forbidden-request-header.
func forbiddenHeader(name string) bool {
	switch name {
	case "accept-charset", "accept-encoding", "access-control-request-headers", "access-control-request-method",
		"connection", "content-length", "cookie", "cookie2", "date", "dnt", "expect", "host", "keep-alive", "origin",
		"referer", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "via":
		return true
	}
	return strings.HasPrefix(name, "proxy-") || strings.HasPrefix(name, "sec-")
}
