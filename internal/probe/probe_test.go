// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/probe"
)

var upload = browser.Request{Name: "upload", Origin: "https://app.example.com", Method: "PUT", Headers: []string{"Content-Type", "X-Amz-Acl"}}

// ask is what one look at a URL tells of the request.
func ask(t *testing.T, o probe.Options, url string) probe.Result {
	t.Helper()
	results := probe.New(o).Probe(t.Context(), probe.Target{URL: url}, []browser.Request{upload})
	if len(results) == 0 {
		t.Fatal("no results")
	}
	return results[0]
}

func TestWhatDoesNotAnswer(t *testing.T) {
	quiet := log.New(io.Discard, "", 0)
	// A port that was free a moment ago might be somebody's by now.
	closed := func(*testing.T) string { return "http://127.0.0.1:1" }
	serving := func(start func(*httptest.Server), h http.HandlerFunc) func(t *testing.T) string {
		return func(t *testing.T) string {
			s := httptest.NewUnstartedServer(h)
			s.Config.ErrorLog = quiet
			start(s)
			t.Cleanup(s.Close)
			return s.URL
		}
	}
	nothing := func(http.ResponseWriter, *http.Request) {}
	for name, tt := range map[string]struct {
		start   func(t *testing.T) string
		timeout time.Duration
		want    probe.Class
		message string
	}{
		"a closed port": {start: closed, want: probe.Unreachable, message: "no answer: the connection is refused"},
		"an unknown certificate": {
			start: serving((*httptest.Server).StartTLS, nothing),
			want:  probe.Unreachable, message: "no TLS connection: the certificate of the server is signed by an unknown authority",
		},
		"TLS where there is none": {
			start: func(t *testing.T) string {
				return strings.Replace(serving((*httptest.Server).Start, nothing)(t), "http://", "https://", 1)
			},
			want: probe.Unreachable, message: "no TLS connection: the server does not speak TLS",
		},
		"one that never answers": {
			start: serving((*httptest.Server).Start, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
			want:  probe.Unreachable, timeout: 50 * time.Millisecond, message: "no answer: none within 50ms",
		},
		"one that hangs up": {
			start: serving((*httptest.Server).Start, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
			want:  probe.Unreachable, message: "no answer: the connection was closed before an answer came",
		},
		"one whose headers do not end": {
			start: serving((*httptest.Server).Start, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
			}),
			want: probe.Unreachable, message: "no answer: there is no connection, or it does not speak HTTP",
		},
		"one whose body does not end": {
			start: serving((*httptest.Server).Start, func(w http.ResponseWriter, r *http.Request) {
				chunk := []byte(strings.Repeat("x", 4<<10))
				for r.Context().Err() == nil {
					if _, err := w.Write(chunk); err != nil {
						return
					}
				}
			}),
			want: probe.NotS3, message: "nothing there answers like S3: the preflight gets 200 OK",
		},
		"one whose body stops coming": {
			start: serving((*httptest.Server).Start, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusForbidden)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}),
			timeout: 2 * time.Second, want: probe.NotS3, message: "nothing there answers like S3: the preflight gets 403 Forbidden",
		},
		"no URL":            {start: func(*testing.T) string { return "ht tp://%" }, want: probe.Unreachable, message: "nothing was sent: the URL cannot be read"},
		"another scheme":    {start: func(*testing.T) string { return "file:///etc/passwd" }, want: probe.Unreachable, message: "nothing was sent: the URL does not begin with"},
		"no host":           {start: func(*testing.T) string { return "https:///x" }, want: probe.Unreachable, message: "nothing was sent: the URL names no host"},
		"a URL with a user": {start: func(*testing.T) string { return "https://me:secret@s3.example" }, want: probe.Unreachable, message: "nothing was sent: the URL holds a user name"},
	} {
		t.Run(name, func(t *testing.T) {
			r := ask(t, probe.Options{Timeout: tt.timeout}, tt.start(t))
			if r.Class != tt.want || !strings.Contains(r.Message, tt.message) || r.Advice == "" || strings.Contains(r.Message, "127.0.0.1:") {
				t.Errorf("%s: %q, want %s: %q; advice %q", r.Class, r.Message, tt.want, tt.message, r.Advice)
			}
		})
	}
}

func TestTheGuardOfTheClientIsAsked(t *testing.T) {
	guard, err := probe.NewGuard([]string{"cdn.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	sent := false
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sent = true }))
	t.Cleanup(s.Close)
	if r := ask(t, probe.Options{Client: guard.NewClient(nil)}, s.URL); r.Class != probe.NotAllowed || sent ||
		!strings.HasSuffix(r.Message, "not in spec.verification.allowedHosts of the BucketProvider") ||
		r.Advice != "add "+strconv.Quote(strings.TrimPrefix(s.URL, "http://"))+" there to have it asked, or leave the endpoint out" {
		t.Errorf("%s: %s; %s; sent: %v", r.Class, r.Message, r.Advice, sent)
	}
}

// trip is the network of a test.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answerTo is an answer of the network.
func answerTo(r *http.Request, status int, body string, headers ...cors.Header) *http.Response {
	w := httptest.NewRecorder()
	for _, h := range headers {
		w.Header().Set(h.Name, h.Value)
	}
	w.WriteHeader(status)
	_, _ = w.WriteString(body)
	a := w.Result()
	a.Request = r
	return a
}

// bucketBy answers by the rules, as S3 does.
func bucketBy(p func() *cors.Policy) trip {
	return func(r *http.Request) (*http.Response, error) {
		question, err := cors.NewRequest(r.Method, cors.Object, r.Header)
		if err != nil {
			return nil, err
		}
		d := p().Decide(question)
		status, body := d.Status, ""
		if d.Code != "" {
			body = "<Error><Code>" + d.Code + "</Code><Message>" + d.Message + "</Message></Error>"
		}
		if r.Method != http.MethodOptions {
			status, body = http.StatusOK, "x"
		}
		return answerTo(r, status, body, append(d.Headers(), cors.Header{Name: "X-Amz-Request-Id", Value: "1"})...), nil
	}
}

func policy(t testing.TB, origins ...string) *cors.Policy {
	t.Helper()
	p, err := cors.Compile(cors.Configuration{Rules: []cors.Rule{
		{ID: "r", AllowedOrigins: origins, AllowedMethods: []string{"GET", "PUT"}, AllowedHeaders: []string{"*"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhatIsSent(t *testing.T) {
	p := policy(t, "https://app.example.com")
	type sent struct {
		url    string
		method string
		header http.Header
	}
	var all []sent
	waits := 0
	client := &http.Client{Transport: trip(func(r *http.Request) (*http.Response, error) {
		all = append(all, sent{r.URL.String(), r.Method, r.Header.Clone()})
		if r.Body != nil && r.Body != http.NoBody {
			t.Error("there is a body")
		}
		return bucketBy(func() *cors.Policy { return p })(r)
	})}
	client.Jar = cookies{}
	o := probe.Options{Client: client, UserAgent: "bucketcors/v1", Wait: func(context.Context) error { waits++; return nil }}
	get := browser.Request{Origin: "https://app.example.com", Method: "get"}
	results := probe.New(o).Probe(t.Context(), probe.Target{URL: "https://s3.example/assets/logo?X-Amz-Signature=abc#x", Predicted: p}, []browser.Request{upload, get})

	stranger := results[len(results)-1].Request
	if stranger.Name != probe.StrangerName || stranger.Method != upload.Method || !reflect.DeepEqual(stranger.Headers, upload.Headers) ||
		!strings.HasPrefix(stranger.Origin, "https://cors-probe-") || !strings.HasSuffix(stranger.Origin, ".invalid") {
		t.Errorf("the stranger: %+v", stranger)
	}
	const signed, unsigned = "https://s3.example/assets/logo?X-Amz-Signature=abc", "https://s3.example/assets/logo"
	header := func(pairs ...string) http.Header {
		h := http.Header{"User-Agent": {"bucketcors/v1"}}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	preflight := func(origin, method, headers string) sent {
		h := header("Origin", origin, "Access-Control-Request-Method", method)
		if headers != "" {
			h.Set("Access-Control-Request-Headers", headers)
		}
		return sent{signed, "OPTIONS", h}
	}
	want := []sent{
		preflight(upload.Origin, "PUT", "content-type,x-amz-acl"),
		preflight(get.Origin, "GET", ""),
		preflight(stranger.Origin, "PUT", "content-type,x-amz-acl"),
		{unsigned, "GET", header("Range", "bytes=0-0", "Origin", get.Origin)},
		{"", "GET", header("Range", "bytes=0-0", "Origin", get.Origin)},
		{"", "GET", header("Range", "bytes=0-0")},
		{"", "GET", header("Range", "bytes=0-0", "Origin", "")},
		{"", "GET", header("Range", "bytes=0-0", "Origin", get.Origin)},
	}
	if len(all) != len(want) {
		t.Fatalf("%d requests, want %d: %v", len(all), len(want), all)
	}
	if apart := all[4].url; !strings.HasPrefix(apart, unsigned+"?cors-probe=") {
		t.Errorf("the place apart is %s", apart)
	}
	for i := 4; i < len(want); i++ {
		want[i].url = all[4].url
	}
	if other := all[6].header.Get("Origin"); !strings.HasPrefix(other, "https://cors-probe-") || other == stranger.Origin {
		t.Errorf("the other origin is %s", other)
	}
	want[6].header.Set("Origin", all[6].header.Get("Origin"))
	for i := range want {
		if !reflect.DeepEqual(all[i], want[i]) {
			t.Errorf("%d: %v\nwant %v", i, all[i], want[i])
		}
	}
	if waits != len(all) {
		t.Errorf("waited %d times for %d requests", waits, len(all))
	}
}

// cookies is a jar that has one for everybody.
type cookies struct{}

func (cookies) SetCookies(*url.URL, []*http.Cookie) {}
func (cookies) Cookies(*url.URL) []*http.Cookie {
	return []*http.Cookie{{Name: "session", Value: "secret", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	asked := 0
	client := &http.Client{Transport: trip(func(r *http.Request) (*http.Response, error) {
		asked++
		return answerTo(r, http.StatusTemporaryRedirect, "", cors.Header{Name: "Location", Value: "http://169.254.169.254/"}), nil
	})}
	r := ask(t, probe.Options{Client: client}, "https://s3.example/assets")
	if asked != 1 || r.Class != probe.NotS3 || r.Answer.Status != http.StatusTemporaryRedirect {
		t.Errorf("asked %d times: %s: %s", asked, r.Class, r.Message)
	}
	if client.CheckRedirect != nil {
		t.Error("the client of the caller was changed")
	}
}

func TestWhereNoTimeIsLeftTheRestIsNotAsked(t *testing.T) {
	p := policy(t, "https://app.example.com")
	asked := 0
	tired := errors.New("no more")
	for name, tt := range map[string]struct {
		wait func(context.Context) error
		stop func(cancel context.CancelFunc)
		want int
	}{
		"because the limit says so": {stop: func(context.CancelFunc) {}, wait: func(context.Context) error {
			if asked == 2 {
				return tired
			}
			return nil
		}, want: 2},
		"because the context has ended": {stop: func(cancel context.CancelFunc) {
			if asked == 2 {
				cancel()
			}
		}, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			asked = 0
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			client := &http.Client{Transport: trip(func(r *http.Request) (*http.Response, error) {
				asked++
				tt.stop(cancel)
				if err := r.Context().Err(); err != nil {
					return nil, err
				}
				return bucketBy(func() *cors.Policy { return p })(r)
			})}
			results := probe.New(probe.Options{Client: client, Wait: tt.wait}).Probe(ctx, probe.Target{URL: "https://s3.example/a", Predicted: p},
				[]browser.Request{upload, upload, upload, upload})
			if len(results) != tt.want {
				t.Errorf("%d results, want %d", len(results), tt.want)
			}
			for _, r := range results {
				if r.Class != probe.AsPredicted {
					t.Errorf("%s: %s", r.Class, r.Message)
				}
			}
		})
	}
}
