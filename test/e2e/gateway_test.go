// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
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
)

// gateway stands between the operator and the S3 server: one for each test, so
// that what it counts is what that test caused.
type gateway struct {
	URL string

	mu       sync.Mutex
	requests []string
	fault    http.HandlerFunc
	answered func(*http.Response) error
}

func newGateway(t *testing.T) *gateway {
	t.Helper()
	target, err := url.Parse(world.storage.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{}
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
		fault := g.fault
		g.mu.Unlock()
		if fault != nil {
			fault(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
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

// answer makes the gateway answer in place of the server; nil ends it.
func (g *gateway) answer(fault http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = fault
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
