// SPDX-License-Identifier: Apache-2.0

package browser_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/browser"
)

// answer is an answer with headers written "Name: value".
func answer(status int, lines ...string) browser.Answer {
	a := browser.Answer{Status: status, Header: http.Header{}}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		a.Header.Add(name, value)
	}
	return a
}

const (
	allowApp  = "Access-Control-Allow-Origin: " + app
	allowAny  = "Access-Control-Allow-Origin: *"
	allowPut  = "Access-Control-Allow-Methods: PUT"
	withCreds = "Access-Control-Allow-Credentials: true"
)

func TestCheckPreflight(t *testing.T) {
	put := browser.Request{Origin: app, Method: "PUT"}
	typed := browser.Request{Origin: app, Method: "PUT", Headers: []string{"Content-Type"}}
	signed := browser.Request{Origin: app, Method: "PUT", Headers: []string{"Authorization"}}
	logged := browser.Request{Origin: app, Method: "PUT", Headers: []string{"x-a"}, Credentials: true}
	sandboxed := browser.Request{Origin: "null", Method: "PUT"}
	for _, test := range []struct {
		name    string
		request browser.Request
		answer  browser.Answer
		reason  browser.Reason // empty: goes on
		value   string
		message string
	}{
		{name: "the answer of S3", request: typed, answer: answer(200, allowApp, allowPut, withCreds, "Access-Control-Allow-Headers: content-type")},
		{name: "status 204", request: put, answer: answer(204, allowApp, allowPut)},
		{name: "status 299", request: put, answer: answer(299, allowApp, allowPut)},
		{name: "status 300", request: put, answer: answer(300, allowApp, allowPut), reason: browser.PreflightRedirected, value: app,
			message: "the answer has status 300, and browsers follow no redirect of a preflight"},
		{name: "a redirect to the region of the bucket", request: put, answer: answer(307, allowApp, allowPut), reason: browser.PreflightRedirected, value: app,
			message: "the answer has status 307, and browsers follow no redirect of a preflight"},
		{name: "a refusal", request: put, answer: answer(403), reason: browser.PreflightNotOK, value: app,
			message: "the answer has status 403, and browsers go on only after one from 200 to 299"},
		{name: "no status at all", request: put, answer: browser.Answer{}, reason: browser.PreflightNotOK, value: app,
			message: "the answer has status 0, and browsers go on only after one from 200 to 299"},
		{name: "no CORS headers", request: put, answer: answer(200), reason: browser.OriginNotAnswered, value: app,
			message: "the answer has no Access-Control-Allow-Origin"},
		{name: "no headers at all", request: put, answer: browser.Answer{Status: 200}, reason: browser.OriginNotAnswered, value: app,
			message: "the answer has no Access-Control-Allow-Origin"},
		{name: "another origin", request: put, answer: answer(200, "Access-Control-Allow-Origin: http://app.example.com", allowPut), reason: browser.OriginMismatch, value: app,
			message: `Access-Control-Allow-Origin is "http://app.example.com" and not "https://app.example.com"`},
		{name: "the origin in capitals", request: put, answer: answer(200, "Access-Control-Allow-Origin: HTTPS://app.example.com", allowPut), reason: browser.OriginMismatch, value: app,
			message: `Access-Control-Allow-Origin is "HTTPS://app.example.com" and not "https://app.example.com"`},
		{name: "an empty origin", request: put, answer: answer(200, "Access-Control-Allow-Origin:", allowPut), reason: browser.OriginMismatch, value: app,
			message: `Access-Control-Allow-Origin is "" and not "https://app.example.com"`},
		{name: "blanks around the origin", request: put, answer: answer(200, "Access-Control-Allow-Origin: \t"+app+" ", allowPut)},
		{name: "a wildcard within the origin", request: put, answer: answer(200, "Access-Control-Allow-Origin: https://*.example.com", allowPut), reason: browser.OriginMismatch, value: app,
			message: `Access-Control-Allow-Origin is "https://*.example.com" and not "https://app.example.com"`},
		{name: "the origin twice", request: put, answer: answer(200, allowApp, allowApp, allowPut), reason: browser.SeveralOrigins, value: app,
			message: `Access-Control-Allow-Origin is "https://app.example.com, https://app.example.com", and browsers take no more than one origin`},
		{name: "any origin twice", request: put, answer: answer(200, allowAny, allowAny, allowPut), reason: browser.SeveralOrigins, value: app,
			message: `Access-Control-Allow-Origin is "*, *", and browsers take no more than one origin`},
		{name: "two origins in one value", request: put, answer: answer(200, allowApp+", https://b.example", allowPut), reason: browser.SeveralOrigins, value: app,
			message: `Access-Control-Allow-Origin is "https://app.example.com, https://b.example", and browsers take no more than one origin`},
		{name: "any origin", request: put, answer: answer(200, allowAny, allowPut)},
		{name: "null for null", request: sandboxed, answer: answer(200, "Access-Control-Allow-Origin: null", allowPut)},
		{name: "null for another", request: put, answer: answer(200, "Access-Control-Allow-Origin: null", allowPut), reason: browser.OriginMismatch, value: app,
			message: `Access-Control-Allow-Origin is "null" and not "https://app.example.com"`},

		{name: "any origin with credentials", request: logged, answer: answer(200, allowAny, withCreds, allowPut), reason: browser.WildcardWithCredentials, value: app,
			message: `Access-Control-Allow-Origin is "*", which browsers do not take for a request with credentials`},
		{name: "credentials that are not allowed", request: logged, answer: answer(200, allowApp, allowPut), reason: browser.CredentialsNotAllowed, value: app,
			message: "the answer has no Access-Control-Allow-Credentials, which a request with credentials needs"},
		{name: "credentials allowed in capitals", request: logged, answer: answer(200, allowApp, allowPut, "Access-Control-Allow-Credentials: True"), reason: browser.CredentialsNotAllowed, value: app,
			message: `Access-Control-Allow-Credentials is "True" and not "true", which a request with credentials needs`},
		{name: "credentials allowed twice", request: logged, answer: answer(200, allowApp, allowPut, withCreds, withCreds), reason: browser.CredentialsNotAllowed, value: app,
			message: `Access-Control-Allow-Credentials is "true, true" and not "true", which a request with credentials needs`},
		{name: "credentials refused to a request without", request: put, answer: answer(200, allowApp, allowPut, "Access-Control-Allow-Credentials: false")},
		{name: "all that credentials need", request: logged, answer: answer(200, allowApp, allowPut, withCreds, "Access-Control-Allow-Headers: X-A")},

		{name: "no methods", request: put, answer: answer(200, allowApp), reason: browser.MethodNotAllowed, value: "PUT",
			message: "Access-Control-Allow-Methods lacks method PUT"},
		{name: "other methods", request: put, answer: answer(200, allowApp, "Access-Control-Allow-Methods: GET, POST"), reason: browser.MethodNotAllowed, value: "PUT",
			message: "Access-Control-Allow-Methods lacks method PUT"},
		{name: "the method in lower case", request: put, answer: answer(200, allowApp, "Access-Control-Allow-Methods: put"), reason: browser.MethodNotAllowed, value: "PUT",
			message: "Access-Control-Allow-Methods lacks method PUT"},
		{name: "a method that is not written in capitals", request: browser.Request{Origin: app, Method: "patch"},
			answer: answer(200, allowApp, "Access-Control-Allow-Methods: PATCH"), reason: browser.MethodNotAllowed, value: "patch",
			message: "Access-Control-Allow-Methods lacks method patch"},
		{name: "a safelisted method needs no entry", request: browser.Request{Origin: app, Method: "post", Headers: []string{"x-a"}}, answer: answer(200, allowApp, "Access-Control-Allow-Headers: x-a")},
		{name: "any method", request: put, answer: answer(200, allowApp, "Access-Control-Allow-Methods: *")},
		{name: "any method with credentials", request: logged, answer: answer(200, allowApp, withCreds, "Access-Control-Allow-Methods: *"), reason: browser.MethodNotAllowed, value: "PUT",
			message: `Access-Control-Allow-Methods has "*", which does not count with credentials, and lacks method PUT`},
		{name: "several lines of methods", request: put, answer: answer(200, allowApp, "Access-Control-Allow-Methods: GET", allowPut)},
		{name: "gaps among the methods", request: put, answer: answer(200, allowApp, "Access-Control-Allow-Methods: , GET ,,\tPUT\t,")},
		{name: "methods without commas", request: put, answer: answer(200, allowApp, "Access-Control-Allow-Methods: GET PUT"), reason: browser.MethodsUnreadable, value: "PUT",
			message: `Access-Control-Allow-Methods has "GET PUT", which is no method, and browsers take nothing of such a list`},
		{name: "methods without commas for a safelisted method", request: browser.Request{Origin: app, Method: "GET"}, answer: answer(200, allowApp, "Access-Control-Allow-Methods: GET PUT"), reason: browser.MethodsUnreadable, value: "GET",
			message: `Access-Control-Allow-Methods has "GET PUT", which is no method, and browsers take nothing of such a list`},

		{name: "no headers", request: typed, answer: answer(200, allowApp, allowPut), reason: browser.HeaderNotAllowed, value: "content-type",
			message: "Access-Control-Allow-Headers lacks header content-type"},
		{name: "the header in capitals", request: typed, answer: answer(200, allowApp, allowPut, "Access-Control-Allow-Headers: CONTENT-TYPE")},
		{name: "a header that begins like it", request: typed, answer: answer(200, allowApp, allowPut, "Access-Control-Allow-Headers: content-type-x"), reason: browser.HeaderNotAllowed, value: "content-type",
			message: "Access-Control-Allow-Headers lacks header content-type"},
		{name: "a wildcard within a header is none", request: typed, answer: answer(200, allowApp, allowPut, "Access-Control-Allow-Headers: content-*"), reason: browser.HeaderNotAllowed, value: "content-type",
			message: "Access-Control-Allow-Headers lacks header content-type"},
		{name: "any header", request: typed, answer: answer(200, allowApp, allowPut, "Access-Control-Allow-Headers: *")},
		{name: "any header does not cover authorization", request: signed, answer: answer(200, allowApp, allowPut, "Access-Control-Allow-Headers: *"), reason: browser.AuthorizationNotNamed, value: "authorization",
			message: `Access-Control-Allow-Headers has "*", which does not cover authorization in browsers, and lacks authorization itself`},
		{name: "any header and authorization", request: signed, answer: answer(200, allowApp, allowPut, "Access-Control-Allow-Headers: *, Authorization")},
		{name: "authorization without any header", request: signed, answer: answer(200, allowApp, allowPut), reason: browser.HeaderNotAllowed, value: "authorization",
			message: "Access-Control-Allow-Headers lacks header authorization"},
		{name: "any header with credentials", request: logged, answer: answer(200, allowApp, withCreds, allowPut, "Access-Control-Allow-Headers: *"), reason: browser.HeaderNotAllowed, value: "x-a",
			message: `Access-Control-Allow-Headers has "*", which does not count with credentials, and lacks header x-a`},
		{name: "several lines of headers", request: typed, answer: answer(200, allowApp, allowPut, "Access-Control-Allow-Headers: x-a", "Access-Control-Allow-Headers: content-type")},
		{name: "headers that are none", request: put, answer: answer(200, allowApp, allowPut, "Access-Control-Allow-Headers: x-a, (b)"), reason: browser.HeadersUnreadable, value: "(b)",
			message: `Access-Control-Allow-Headers has "(b)", which is no name of a header, and browsers take nothing of such a list`},
		{name: "the sign of a kelvin is no k", request: browser.Request{Origin: app, Method: "GET", Headers: []string{"x-k"}}, answer: answer(200, allowApp, "Access-Control-Allow-Headers: x-\u212a"), reason: browser.HeadersUnreadable, value: "x-\u212a",
			message: "Access-Control-Allow-Headers has \"x-\u212a\", which is no name of a header, and browsers take nothing of such a list"},
		{name: "a header that is not asked for", request: browser.Request{Origin: app, Method: "PUT", Headers: []string{"Cookie", "accept"}}, answer: answer(200, allowApp, allowPut)},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, test.request.CheckPreflight(test.answer), browser.StepPreflight, test.reason, test.value, test.message)
		})
	}
}

func TestCheckResponse(t *testing.T) {
	get := browser.Request{Origin: app, Method: "GET"}
	reads := func(names ...string) browser.Request {
		return browser.Request{Origin: app, Method: "GET", Reads: names}
	}
	logged := reads("ETag")
	logged.Credentials = true
	for _, test := range []struct {
		name    string
		request browser.Request
		answer  browser.Answer
		step    browser.Step
		reason  browser.Reason
		value   string
		message string
	}{
		{name: "any origin", request: get, answer: answer(200, allowAny)},
		{name: "an error is a response too", request: get, answer: answer(404, allowApp)},
		{name: "methods and headers do not matter", request: get, answer: answer(200, allowApp, "Access-Control-Allow-Methods: (", "Access-Control-Allow-Headers: (")},
		{name: "no CORS headers", request: get, answer: answer(200), step: browser.StepResponse, reason: browser.OriginNotAnswered, value: app,
			message: "the answer has no Access-Control-Allow-Origin"},
		{name: "any origin with credentials", request: logged, answer: answer(200, allowAny), step: browser.StepResponse, reason: browser.WildcardWithCredentials, value: app,
			message: `Access-Control-Allow-Origin is "*", which browsers do not take for a request with credentials`},

		{name: "some headers may always be read", request: reads("Cache-Control", "content-language", "Content-Length", "Content-Type", "Expires", "LAST-MODIFIED", "Pragma"), answer: answer(200, allowApp)},
		{name: "ETag is not one of them", request: reads("Content-Length", "ETag"), answer: answer(200, allowApp), step: browser.StepRead, reason: browser.HeaderNotExposed, value: "ETag",
			message: "Access-Control-Expose-Headers lacks ETag"},
		{name: "nor is content-encoding", request: reads("Content-Encoding"), answer: answer(200, allowApp), step: browser.StepRead, reason: browser.HeaderNotExposed, value: "Content-Encoding",
			message: "Access-Control-Expose-Headers lacks Content-Encoding"},
		{name: "an exposed header in another case", request: reads("ETag"), answer: answer(200, allowApp, "Access-Control-Expose-Headers: x-amz-request-id,etag")},
		{name: "several lines", request: reads("ETag"), answer: answer(200, allowApp, "Access-Control-Expose-Headers: x-a", "Access-Control-Expose-Headers: ETag")},
		{name: "any header", request: reads("ETag"), answer: answer(200, allowApp, "Access-Control-Expose-Headers: *")},
		{name: "any header covers authorization here", request: reads("Authorization"), answer: answer(200, allowApp, "Access-Control-Expose-Headers: *")},
		{name: "any header with credentials", request: logged, answer: answer(200, allowApp, withCreds, "Access-Control-Expose-Headers: *"), step: browser.StepRead, reason: browser.HeaderNotExposed, value: "ETag",
			message: `Access-Control-Expose-Headers has "*", which does not count with credentials, and lacks ETag`},
		{name: "a list that is none exposes nothing", request: reads("ETag"), answer: answer(200, allowApp, "Access-Control-Expose-Headers: ETag, x y"), step: browser.StepRead, reason: browser.ExposedUnreadable, value: "ETag",
			message: `Access-Control-Expose-Headers has "x y", which is no name of a header, so that browsers take nothing of the list, not ETag either`},
		{name: "and does no harm where nothing of it is read", request: reads("Content-Type"), answer: answer(200, allowApp, "Access-Control-Expose-Headers: ETag, x y")},
		{name: "cookies are never exposed", request: reads("Set-Cookie"), answer: answer(200, allowApp, "Access-Control-Expose-Headers: Set-Cookie, *"), step: browser.StepRead, reason: browser.HeaderNeverExposed, value: "Set-Cookie",
			message: "browsers let no script read Set-Cookie"},
		{name: "of whatever kind", request: reads("set-cookie2"), answer: answer(200, allowApp, "Access-Control-Expose-Headers: *"), step: browser.StepRead, reason: browser.HeaderNeverExposed, value: "set-cookie2",
			message: "browsers let no script read set-cookie2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, test.request.CheckResponse(test.answer), test.step, test.reason, test.value, test.message)
		})
	}
}

func check(t *testing.T, got *browser.Refusal, step browser.Step, reason browser.Reason, value, message string) {
	t.Helper()
	switch want := (browser.Refusal{Step: step, Reason: reason, Value: value, Message: message}); {
	case got == nil && reason != "":
		t.Errorf("the browser goes on; want %+v", want)
	case got != nil && reason == "":
		t.Errorf("the browser stops: %+v", *got)
	case got != nil && *got != want:
		t.Errorf("the browser stops with\n%+v, want\n%+v", *got, want)
	}
}
