// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/localenv"
)

// headers are those of a request, with one value each.
type headers map[string]string

// attempt is one request of a script on a page.
type attempt struct {
	// what is the request in words, for people.
	what string
	// from is the origin of the page; "null" is that of a frame in a sandbox.
	from string
	// method is as the script writes it.
	method string
	// send are the headers that the script sets, except those in safe.
	send headers
	// safe are headers that browsers send to anybody because of their values.
	safe headers
	// credentials is whether the script says credentials: "include".
	credentials bool
	// reads are response headers that the script reads. The server has to send them.
	reads []string
	// signed has the signature in headers, as SDKs do, and not in the URL.
	signed bool
	// deviation is where it is told why Chromium may do otherwise than the standard
	// says; empty for an attempt of which it does not.
	deviation string
}

// signatureHeaders are set besides those of an attempt that is signed.
var signatureHeaders = []string{"authorization", "x-amz-content-sha256", "x-amz-date"}

// request is the attempt as the evaluator knows it.
func (a *attempt) request() browser.Request {
	names := slices.Sorted(maps.Keys(a.send))
	if a.signed {
		names = append(names, signatureHeaders...)
	}
	return browser.Request{
		Name: a.what, Origin: a.from, Method: a.method, Headers: names, Credentials: a.credentials, Reads: a.reads,
	}
}

// scripted is a request for testdata/webapp/attempts.js.
type scripted struct {
	URL         string  `json:"url"`
	Method      string  `json:"method"`
	Headers     headers `json:"headers"`
	Body        string  `json:"body"`
	Credentials bool    `json:"credentials"`
}

// answered is what testdata/webapp/attempts.js returns for a request.
type answered struct {
	// Resolved is whether the script got a response, of any status.
	Resolved bool
	Status   int
	Error    string
	// Readable are the names of the response headers that it got.
	Readable []string
}

// script is the attempt as the browser knows it.
func (a *attempt) script(ctx context.Context, url string, storage *localenv.S3Server) (scripted, error) {
	request, err := http.NewRequestWithContext(ctx, strings.ToUpper(a.method), url, http.NoBody)
	if err != nil {
		return scripted{}, err
	}
	script := scripted{URL: url, Method: a.method, Headers: headers{}, Credentials: a.credentials}
	maps.Copy(script.Headers, a.send)
	maps.Copy(script.Headers, a.safe)
	switch request.Method {
	case http.MethodPost:
		request.URL.RawQuery = "uploads=" // S3 has no POST to an object without a query
		script.URL = request.URL.String()
	case http.MethodPut:
		script.Body = "from a browser"
	}
	for name, value := range script.Headers {
		if strings.HasPrefix(strings.ToLower(name), "x-amz-") {
			request.Header.Set(name, value) // the signature has to cover it
		}
	}
	if !a.signed {
		script.URL, err = presign(request, storage)
		return script, err
	}
	request.Header.Set("X-Amz-Content-Sha256", unsignedPayload)
	err = v4.NewSigner().SignHTTP(ctx, keysOf(storage), request, unsignedPayload, "s3", storage.Region, time.Now())
	for _, name := range signatureHeaders {
		script.Headers[name] = request.Header.Get(name)
	}
	return script, err
}
