// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// edge is what stands between browsers and a bucket, as a CDN does: the objects are
// right below its URL. It remembers what came.
type edge struct {
	URL string
	// address is host and port.
	address string
	// connections is how many were made to it.
	connections atomic.Int64

	mu       sync.Mutex
	behavior http.Handler
	headers  []http.Header
	rounds   int
}

// newEdge serves until the test ends. It passes everything to the bucket until it is
// told otherwise.
func (s *scene) newEdge(suffix string) *edge {
	s.Helper()
	e := &edge{}
	e.behave(s.passingTo(s.bucketName(suffix)))
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		e.headers = append(e.headers, r.Header.Clone())
		// Each round ends with the preflight of a made-up origin.
		if r.Method == http.MethodOptions && strings.HasSuffix(r.Header.Get("Origin"), ".invalid") && r.URL.RawQuery == "" {
			e.rounds++
		}
		behavior := e.behavior
		e.mu.Unlock()
		behavior.ServeHTTP(w, r)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			e.connections.Add(1)
		}
	}
	server.Start()
	s.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		e.expectNoCredentials(s.T)
	})
	e.URL, e.address = server.URL, server.Listener.Addr().String()
	return e
}

// behave changes what the edge does.
func (e *edge) behave(behavior http.Handler) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.behavior = behavior
}

// expectNoCredentials looks through all that came, ever.
func (e *edge) expectNoCredentials(t *testing.T) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, header := range e.headers {
		if expectNoCredentials(t, header); t.Failed() {
			return // all are alike
		}
	}
}

// expectNoCredentials allows the headers that preflights and reads have, and no
// other.
func expectNoCredentials(t *testing.T, header http.Header) {
	t.Helper()
	harmless := []string{
		"Accept-Encoding", "User-Agent", "Origin", "Range", "Content-Length",
		"Access-Control-Request-Method", "Access-Control-Request-Headers",
	}
	rest := maps.Clone(header)
	for _, name := range harmless {
		delete(rest, name)
	}
	if len(rest) > 0 {
		t.Errorf("a preflight came with %v", rest)
	}
	if agent := header.Get("User-Agent"); !strings.HasPrefix(agent, "bucketcors/") {
		t.Errorf("a preflight came from %q", agent)
	}
}

// roundsSoFar is how often all preflights of a policy came.
func (e *edge) roundsSoFar() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rounds
}

// passingTo passes all requests to a bucket of the server as they are.
func (s *scene) passingTo(bucketName string) http.Handler {
	s.Helper()
	server, err := url.Parse(s.storage.Endpoint)
	if err != nil {
		s.Fatal(err)
	}
	server.Path = "/" + bucketName
	return &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(server) },
		Transport:    &http.Transport{},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
}

// publish lets anybody read a bucket, as they do behind a CDN.
func (s *scene) publish(suffix string) {
	s.Helper()
	name := s.bucketName(suffix)
	policy := fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
		"Action": ["s3:ListBucket", "s3:GetObject"], "Resource": ["arn:aws:s3:::%s", "arn:aws:s3:::%s/*"]}]}`, name, name)
	if _, err := newObjects(s, suffix).client.PutBucketPolicy(s.Context(), &s3.PutBucketPolicyInput{Bucket: &name, Policy: &policy}); err != nil {
		s.Fatal(err)
	}
}

// strippingOrigin does not pass on who asks.
func strippingOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Origin")
		next.ServeHTTP(w, r)
	})
}

// answeringOptions lets everybody in, as a well-meant snippet does.
func answeringOptions(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Server", "nginx/1.27.0")
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD, PUT, POST, DELETE, OPTIONS")
		w.Header().Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
		w.WriteHeader(http.StatusNoContent)
	})
}

// caching keeps the answers to some methods by their URLs alone, and has the bucket
// not say that they vary.
func caching(next http.Handler, methods ...string) http.Handler {
	var mu sync.Mutex
	kept := map[string]*http.Response{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		key := r.Method + " " + r.URL.String()
		answer := kept[key]
		if answer == nil {
			recorder := httptest.NewRecorder()
			next.ServeHTTP(recorder, r)
			answer = recorder.Result()
			answer.Header.Del("Vary")
		}
		for _, method := range methods {
			if r.Method == method {
				kept[key] = answer
			}
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		answer.Body = io.NopCloser(bytes.NewReader(body))
		maps.Copy(w.Header(), answer.Header)
		w.WriteHeader(answer.StatusCode)
		_, _ = w.Write(body)
	})
}

// redirectingTo sends everybody elsewhere.
func redirectingTo(target string) http.Handler {
	return http.RedirectHandler(target, http.StatusFound)
}

// openToAll has a server let in strangers by a default of its own, whatever the
// bucket says: a rewrite of the gateway.
func openToAll(response *http.Response) error {
	if response.Request.Method != http.MethodOptions || response.StatusCode == http.StatusOK {
		return nil
	}
	for _, name := range []string{"Origin", "Methods", "Headers"} {
		response.Header.Set("Access-Control-Allow-"+name, "*")
	}
	setBody(response, http.StatusOK, nil)
	return nil
}

// loopbackName is a name other than localhost that resolves to 127.0.0.0/8 here,
// such as that of this machine; empty if there is none.
func loopbackName(t *testing.T) string {
	t.Helper()
	hosts, err := os.ReadFile("/etc/hosts")
	if err != nil {
		t.Log(err)
	}
	for line := range strings.Lines(string(hosts)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || !strings.HasPrefix(fields[0], "127.") {
			continue
		}
		for _, name := range fields[1:] {
			if strings.HasPrefix(name, "#") {
				break
			}
			if name != "localhost" && name == strings.ToLower(name) {
				return name
			}
		}
	}
	return ""
}

// closedPort is an address at which nobody listens. A port that was free a moment
// ago would soon be that of another test.
const closedPort = "127.0.0.1:1"

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// verifiedAt is YAML for a policy that is verified at endpoints too.
func verifiedAt(endpoints ...string) string {
	quoted := make([]string, len(endpoints))
	for i, endpoint := range endpoints {
		quoted[i] = fmt.Sprintf("%q", endpoint)
	}
	return "verification: {preflight: Enabled, endpoints: [" + strings.Join(quoted, ", ") + "]}"
}
