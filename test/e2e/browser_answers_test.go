// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/bucketcors/bucketcors/internal/browser"
)

// testAnswers compares what a browser makes of answers with what the evaluator says
// it makes of them, for answers that other servers and proxies give and versitygw
// never does.
func testAnswers(t *testing.T, b *chromium) {
	traffic := newTraffic()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	rows := make([]*row, len(answers))
	for i := range answers {
		a := &answers[i]
		path := fmt.Sprintf("/%02d", i)
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			answer := a.response
			if r.Method == http.MethodOptions {
				answer = a.preflight
			}
			traffic.note(r, answer)
			maps.Copy(w.Header(), answer.Header)
			w.WriteHeader(answer.Status)
		})
		var preflight *met
		if _, sent := a.request().Preflight(); sent {
			preflight = &met{answer: a.preflight}
		}
		rows[i] = &row{
			attempt: &a.attempt, of: a.name, path: path, said: judge(&a.attempt, preflight, &met{answer: a.response}),
			script: scripted{URL: server.URL + path, Method: a.method, Headers: a.send, Credentials: a.credentials},
		}
	}
	b.tryAll(t, rows)
	compare(t, "ANSWER", rows, traffic)
}

// answering is a request and what a server answers to it.
type answering struct {
	attempt

	name                string
	preflight, response browser.Answer
}

const (
	allowOrigin      = "Access-Control-Allow-Origin"
	allowCredentials = "Access-Control-Allow-Credentials"
	allowMethods     = "Access-Control-Allow-Methods"
	allowHeaders     = "Access-Control-Allow-Headers"
	exposeHeaders    = "Access-Control-Expose-Headers"
)

// changes are headers of an answer that are not as they should be; nil for one that
// is not there.
type changes map[string][]string

// answerWith lets a PUT with the header x-mine through, but for the changes.
func answerWith(status int, changed changes) browser.Answer {
	header := http.Header{allowOrigin: {appOrigin}, allowMethods: {"PUT"}, allowHeaders: {"x-mine"}}
	for name, values := range changed {
		if header[name] = values; values == nil {
			delete(header, name)
		}
	}
	return browser.Answer{Status: status, Header: header}
}

// toPreflight is a PUT whose preflight is answered like this.
func toPreflight(name string, status int, changed changes) answering {
	return answering{
		attempt: attempt{what: "PUT with x-mine", from: appOrigin, method: "PUT", send: headers{"x-mine": "1"}},
		name:    name, preflight: answerWith(status, changed), response: answerWith(http.StatusOK, nil),
	}
}

// toGet is a GET that is answered like this, with a header x-theirs that is read.
func toGet(name string, changed changes) answering {
	a := answering{
		attempt: attempt{what: "GET, reads x-theirs", from: appOrigin, method: "GET", reads: []string{"X-Theirs"}},
		name:    name, response: answerWith(http.StatusOK, changed),
	}
	a.response.Header.Set("X-Theirs", "1")
	return a
}

// withCredentials is the same with credentials, which the answers allow if they do
// not say otherwise.
func (a answering) withCredentials() answering {
	a.what += " and credentials"
	a.credentials = true
	for _, answer := range []browser.Answer{a.preflight, a.response} {
		if answer.Header != nil && answer.Header.Get(allowCredentials) == "" {
			answer.Header.Set(allowCredentials, "true")
		}
	}
	return a
}

// authorized is the same with Authorization in place of x-mine.
func (a answering) authorized() answering {
	a.what, a.send = "PUT with Authorization", headers{"authorization": "Bearer 1"}
	return a
}

// deviating is the same where Chromium does otherwise than the standard says.
func (a answering) deviating(link string) answering {
	a.deviation = link
	return a
}

var answers = []answering{
	toPreflight("as it should be", 200, nil),
	toPreflight("status 204", 204, nil),
	toPreflight("status 299", 299, nil),
	toPreflight("status 301", 301, changes{"Location": {"/00"}}),
	toPreflight("status 307", 307, changes{"Location": {"/00"}}),
	toPreflight("status 403, with all headers", 403, nil),
	toPreflight("status 500, with all headers", 500, nil),

	toPreflight("origin *", 200, changes{allowOrigin: {"*"}}),
	toPreflight("no origin", 200, changes{allowOrigin: nil}),
	toPreflight("an empty origin", 200, changes{allowOrigin: {""}}),
	toPreflight("two origins", 200, changes{allowOrigin: {appOrigin + ", " + strangerOrigin}}),
	toPreflight("the origin twice", 200, changes{allowOrigin: {appOrigin, appOrigin}}),
	toPreflight("the origin *, twice", 200, changes{allowOrigin: {"*", "*"}}),
	toPreflight("the origin with a slash", 200, changes{allowOrigin: {appOrigin + "/"}}),
	toPreflight("the origin with its port", 200, changes{allowOrigin: {appOrigin + ":443"}}),
	toPreflight("the origin in capitals", 200, changes{allowOrigin: {"HTTPS://APP.EXAMPLE.COM"}}),
	toPreflight("a pattern of origins", 200, changes{allowOrigin: {"https://*.example.com"}}),
	toPreflight("origin null", 200, changes{allowOrigin: {"null"}}),

	toPreflight("any header", 200, changes{allowHeaders: {"*"}}),
	toPreflight("any header", 200, changes{allowHeaders: {"*"}}).authorized().deviating("https://crbug.com/1176753"),
	toPreflight("any header, and authorization", 200, changes{allowHeaders: {"*, Authorization"}}).authorized(),
	toPreflight("any header", 200, changes{allowHeaders: {"*"}}).withCredentials(),
	toPreflight("a pattern of headers", 200, changes{allowHeaders: {"x-*"}}),
	toPreflight("the header in capitals", 200, changes{allowHeaders: {"X-MINE"}}),
	toPreflight("the header in a list", 200, changes{allowHeaders: {"a,x-mine ,b"}}),
	toPreflight("the header in the second list", 200, changes{allowHeaders: {"a", "x-mine"}}),
	toPreflight("a list of headers with gaps", 200, changes{allowHeaders: {", ,x-mine,"}}),
	toPreflight("a list of headers with a name that is none", 200, changes{allowHeaders: {"x-mine, no name"}}),
	toPreflight("headers by blanks", 200, changes{allowHeaders: {"x-mine x-other"}}),
	toPreflight("no headers", 200, changes{allowHeaders: nil}),
	toPreflight("other headers", 200, changes{allowHeaders: {"x-mine-too"}}),

	toPreflight("any method", 200, changes{allowMethods: {"*"}}),
	toPreflight("any method", 200, changes{allowMethods: {"*"}}).withCredentials(),
	toPreflight("the method in lower case", 200, changes{allowMethods: {"put"}}),
	toPreflight("no methods", 200, changes{allowMethods: nil}),
	toPreflight("other methods", 200, changes{allowMethods: {"GET, POST"}}),
	toPreflight("a list of methods with a method that is none", 200, changes{allowMethods: {"PUT, no method"}}),

	toPreflight("as it should be", 200, nil).withCredentials(),
	toPreflight("credentials false", 200, changes{allowCredentials: {"false"}}).withCredentials(),
	toPreflight("credentials in capitals", 200, changes{allowCredentials: {"TRUE"}}).withCredentials(),
	toPreflight("credentials twice", 200, changes{allowCredentials: {"true", "true"}}).withCredentials(),
	toPreflight("origin *", 200, changes{allowOrigin: {"*"}}).withCredentials(),

	toGet("nothing exposed", nil),
	toGet("the header exposed", changes{exposeHeaders: {"a, X-THEIRS"}}),
	toGet("the header in the second list", changes{exposeHeaders: {"a", "x-theirs"}}),
	toGet("any header exposed", changes{exposeHeaders: {"*"}}),
	toGet("any header exposed", changes{exposeHeaders: {"*"}}).withCredentials(),
	toGet("a pattern of headers exposed", changes{exposeHeaders: {"x-*"}}),
	toGet("a list of exposed headers with gaps", changes{exposeHeaders: {",x-theirs, ,"}}),
	toGet("a list of exposed headers with a name that is none", changes{exposeHeaders: {"x-theirs, no name"}}),
	toGet("no origin", changes{allowOrigin: nil}),
	toGet("another origin", changes{allowOrigin: {strangerOrigin}}),
	toGet("origin *", changes{allowOrigin: {"*"}}),
	toGet("origin *", changes{allowOrigin: {"*"}}).withCredentials(),
	toGet("credentials false", changes{allowCredentials: {"false"}}).withCredentials(),
	toGet("two origins", changes{allowOrigin: {appOrigin + ", " + strangerOrigin}, exposeHeaders: {"*"}}),
}
