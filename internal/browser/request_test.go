// SPDX-License-Identifier: Apache-2.0

package browser_test

import (
	"testing"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
)

const app = "https://app.example.com"

func TestPreflight(t *testing.T) {
	for _, test := range []struct {
		name    string
		method  string
		headers []string
		sent    bool
		asks    string // the method
		with    string
	}{
		{"a GET asks nothing", "GET", nil, false, "GET", ""},
		{"nor does a HEAD", "HEAD", nil, false, "HEAD", ""},
		{"nor a POST", "POST", nil, false, "POST", ""},
		{"a PUT does", "PUT", nil, true, "PUT", ""},
		{"and so does a DELETE", "DELETE", nil, true, "DELETE", ""},
		{"lower case is written in capitals", "put", nil, true, "PUT", ""},
		{"also where nothing is asked then", "get", nil, false, "GET", ""},
		{"and mixed case", "DeLeTe", nil, true, "DELETE", ""},
		{"patch stays as it is", "patch", nil, true, "patch", ""},
		{"OPTIONS is not safelisted", "options", nil, true, "OPTIONS", ""},
		{"a header makes a GET ask", "GET", []string{"X-Amz-Date"}, true, "GET", "x-amz-date"},
		{"headers are sorted by bytes, in lower case", "PUT", []string{"x-b", "X_a", "X-A", "Content-Type"}, true, "PUT", "content-type,x-a,x-b,x_a"},
		{"each once", "PUT", []string{"ETag", "etag", "a", "A"}, true, "PUT", "a,etag"},
		{"safelisted headers are not asked for", "GET", []string{"Accept", "accept-language", "Content-Language"}, false, "GET", ""},
		{"content-type counts as one of another type", "POST", []string{"Content-Type"}, true, "POST", "content-type"},
		{"range counts as one that is not simple", "GET", []string{"Range"}, true, "GET", "range"},
		{"those of the browser are not asked for", "GET", []string{
			"Origin", "Host", "Cookie", "Content-Length", "Referer", "Sec-Fetch-Mode", "Proxy-Authorization", "Date", "Set-Cookie",
			"Access-Control-Request-Method", "Access-Control-Request-Headers", "Accept-Encoding", "TE", "Via", "DNT", "Expect", "Connection",
		}, false, "GET", ""},
		{"user-agent and authorization are the script's", "GET", []string{"User-Agent", "Authorization"}, true, "GET", "authorization,user-agent"},
		{"a header of answers is asked for where a script sets it", "GET", []string{"Access-Control-Allow-Origin"}, true, "GET", "access-control-allow-origin"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := browser.Request{Origin: app, Method: test.method, Headers: test.headers}
			ask, sent := r.Preflight()
			want := cors.Request{Method: "OPTIONS", Origin: app, RequestMethod: test.asks, RequestHeaders: test.with}
			if ask != want || sent != test.sent {
				t.Errorf("asks %+v, sent %v; want %+v, %v", ask, sent, want, test.sent)
			}
			if got, want := r.Actual(), (cors.Request{Method: test.asks, Origin: app}); got != want {
				t.Errorf("the request is %+v, want %+v", got, want)
			}
		})
	}
}

func TestThePreflightLeavesTheRequestAlone(t *testing.T) {
	headers := []string{"X-B", "X-A"}
	r := browser.Request{Origin: app, Method: "PUT", Headers: headers}
	r.Preflight()
	browser.Try(nil, r)
	if headers[0] != "X-B" || headers[1] != "X-A" {
		t.Errorf("the headers became %q", headers)
	}
}
