// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/localenv"
)

// gateway stands between the operator and the S3 server: one for each test, so
// that what it counts is what that test caused.
type gateway struct {
	URL string

	mu       sync.Mutex
	requests []string
	answers  []exchange
	atOnce   int
	peak     int
	fault    http.HandlerFunc
	faults   map[string]http.HandlerFunc
	prepared func(*http.Request) error
	answered func(*http.Response) error
}

// exchange is a request that was answered.
type exchange struct {
	method, path string
	// accessKeyID is that of the signature.
	accessKeyID string
	status      int
}

func newGateway(t *testing.T) *gateway {
	t.Helper()
	return newGatewayTo(t, world.storage)
}

// newGatewayTo stands before another S3 server than that of most tests.
func newGatewayTo(t *testing.T, storage *localenv.S3Server) *gateway {
	t.Helper()
	target, err := url.Parse(storage.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{faults: map[string]http.HandlerFunc{}}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			// The signature covers the host that the client spoke to.
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{},
		ModifyResponse: func(response *http.Response) error {
			g.mu.Lock()
			answered := g.answered
			g.mu.Unlock()
			if answered == nil {
				return nil
			}
			return answered(response)
		},
		// A test that breaks off a request does so on purpose.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.requests = append(g.requests, fmt.Sprintf("%s %s", r.Method, r.URL.Path))
		g.atOnce++
		g.peak = max(g.peak, g.atOnce)
		fault := g.fault
		if fault == nil {
			fault = g.faults[r.URL.Path]
		}
		prepared := g.prepared
		g.mu.Unlock()
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		accessKeyID := signatureOf(r).accessKeyID
		defer func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.atOnce--
			g.answers = append(g.answers, exchange{r.Method, r.URL.Path, accessKeyID, seen.status})
		}()
		if fault == nil && prepared != nil {
			if err := prepared(r); err != nil {
				fault = refuse(err)
			}
		}
		if fault != nil {
			fault(seen, r)
			return
		}
		proxy.ServeHTTP(seen, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	g.URL = server.URL
	return g
}

// count is how many requests of a method came through so far.
func (g *gateway) count(method string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, request := range g.requests {
		if strings.HasPrefix(request, method+" ") {
			n++
		}
	}
	return n
}

// all is every request so far.
func (g *gateway) all() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.requests)
}

// exchanges are all requests that were answered so far.
func (g *gateway) exchanges() []exchange {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.answers)
}

// mostAtOnce is the largest number of requests that were under way together.
func (g *gateway) mostAtOnce() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.peak
}

// answer makes the gateway answer in place of the server; nil ends it.
func (g *gateway) answer(fault http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = fault
}

// answerFor is answer for one bucket.
func (g *gateway) answerFor(bucketName string, fault http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.faults["/"+bucketName] = fault; fault == nil {
		delete(g.faults, "/"+bucketName)
	}
}

// prepare makes the gateway change requests before the server has them. An error
// is answered in place of the server: see refuse.
func (g *gateway) prepare(prepared func(*http.Request) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.prepared = prepared
}

// rewrite makes the gateway change or act on the answers of the server.
func (g *gateway) rewrite(answered func(*http.Response) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answered = answered
}

// s3Error answers as S3 does.
func s3Error(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>as the test wants it</Message><RequestId>%s</RequestId></Error>`,
			code, strconv.Quote(r.Header.Get("Amz-Sdk-Invocation-Id")))
	}
}

// s3Failure is an error that is an answer of S3.
type s3Failure struct {
	status int
	code   string
	// region is where the bucket is; empty to not say.
	region string
}

func (f s3Failure) Error() string { return fmt.Sprintf("%d %s", f.status, f.code) }

// refuse answers with an error: an s3Failure as S3 does, any other as a server
// that is broken.
func refuse(err error) http.HandlerFunc {
	failure, known := errors.AsType[s3Failure](err)
	if !known {
		failure = s3Failure{status: http.StatusInternalServerError, code: "InternalError"}
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if failure.region != "" {
			w.Header().Set("X-Amz-Bucket-Region", failure.region)
		}
		s3Error(failure.status, failure.code)(w, r)
	}
}

// statusWriter remembers with which status a request was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// hangUp breaks the connection instead of answering.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// rewriteConfiguration applies a change to every configuration that the server
// answers with.
func rewriteConfiguration(change func(cors.Configuration) cors.Configuration) func(*http.Response) error {
	return func(response *http.Response) error {
		if response.Request.Method != http.MethodGet || response.StatusCode != http.StatusOK {
			return nil
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		configuration, err := cors.ParseXML(body)
		if err != nil {
			return err
		}
		if body, err = cors.FormatXML(change(configuration)); err != nil {
			return err
		}
		setBody(response, http.StatusOK, body)
		return nil
	}
}

func setBody(response *http.Response, status int, body []byte) {
	response.StatusCode = status
	response.Body = io.NopCloser(bytes.NewReader(body))
	response.ContentLength = int64(len(body))
	response.Header.Set("Content-Length", strconv.Itoa(len(body)))
}
