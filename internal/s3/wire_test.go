// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/diff"

	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

const emptyConfiguration = `<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></CORSConfiguration>`

func TestRequestsAreAddressedAndSigned(t *testing.T) {
	ca := newAuthority(t)
	later := time.Now().Add(time.Hour)
	for name, tt := range map[string]struct {
		provider bucket.Provider // Endpoint "server" stands for the URL of the server
		location bucket.Location
		dialed   string // "" when the server was dialed by its own address
		host     string // "" for the server's own
		path     string
		scope    string
		owner    string
	}{
		"an endpoint is addressed by path": {
			provider: bucket.Provider{Endpoint: "server", Region: "eu-west-1"},
			path:     "/assets", scope: "/eu-west-1/s3/aws4_request",
		},
		"a slash at the end of the endpoint makes no difference": {
			provider: bucket.Provider{Endpoint: "server/", Region: "eu-west-1"},
			path:     "/assets", scope: "/eu-west-1/s3/aws4_request",
		},
		"a path in the endpoint comes before the bucket": {
			provider: bucket.Provider{Endpoint: "server/storage/v1/", Region: "eu-west-1"},
			path:     "/storage/v1/assets", scope: "/eu-west-1/s3/aws4_request",
		},
		"an endpoint without a region is signed for us-east-1": {
			provider: bucket.Provider{Endpoint: "server"},
			path:     "/assets", scope: "/us-east-1/s3/aws4_request",
		},
		"an endpoint can be addressed by host": {
			provider: bucket.Provider{Endpoint: "https://s3.internal:9000", Region: "eu-west-1", Addressing: bucket.AddressingVirtualHosted},
			dialed:   "assets.s3.internal:9000", host: "assets.s3.internal:9000", path: "/", scope: "/eu-west-1/s3/aws4_request",
		},
		"AWS is addressed by host": {
			provider: bucket.Provider{Region: "eu-west-1"},
			dialed:   "assets.s3.eu-west-1.amazonaws.com:443", host: "assets.s3.eu-west-1.amazonaws.com", path: "/", scope: "/eu-west-1/s3/aws4_request",
		},
		"AWS can be addressed by path": {
			provider: bucket.Provider{Region: "eu-west-1", Addressing: bucket.AddressingPath},
			dialed:   "s3.eu-west-1.amazonaws.com:443", host: "s3.eu-west-1.amazonaws.com", path: "/assets", scope: "/eu-west-1/s3/aws4_request",
		},
		"the region of the bucket overrides the provider's": {
			provider: bucket.Provider{Region: "eu-west-1"},
			location: bucket.Location{Region: "us-west-2"},
			dialed:   "assets.s3.us-west-2.amazonaws.com:443", host: "assets.s3.us-west-2.amazonaws.com", path: "/", scope: "/us-west-2/s3/aws4_request",
		},
		"the region of the bucket alone will do": {
			location: bucket.Location{Region: "us-west-2"},
			dialed:   "assets.s3.us-west-2.amazonaws.com:443", host: "assets.s3.us-west-2.amazonaws.com", path: "/", scope: "/us-west-2/s3/aws4_request",
		},
		"the expected owner is sent": {
			provider: bucket.Provider{Endpoint: "server", Region: "eu-west-1"},
			location: bucket.Location{ExpectedOwner: "111122223333"},
			path:     "/assets", scope: "/eu-west-1/s3/aws4_request", owner: "111122223333",
		},
	} {
		for _, op := range []operation{getCORS, putCORS, deleteCORS} {
			t.Run(fmt.Sprintf("%s: %s", op, name), func(t *testing.T) {
				// Both would redirect a client that read its environment.
				t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
				t.Setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
				s := serveTLS(t, okay(), ca.issue(t, later, "127.0.0.1", "*.s3.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com",
					"*.s3.us-west-2.amazonaws.com", "*.s3.internal"))
				c := quick()
				var dialed []string
				c.dial = dialTo(s, &dialed)
				p := at(strings.Replace(tt.provider.Endpoint, "server", s.URL, 1))
				p.Region, p.Addressing, p.CABundle = tt.provider.Region, tt.provider.Addressing, ca.pem()
				l := tt.location
				l.Name = "assets"
				if err := do(t.Context(), open(t, c, p, l), op); err != nil {
					t.Fatal(err)
				}

				own := s.Listener.Addr().String()
				if want := orElse(tt.dialed, own); len(dialed) != 1 || dialed[0] != want {
					t.Errorf("dialed %q, want %q", dialed, want)
				}
				received := s.received()
				if len(received) != 1 {
					t.Fatalf("%d requests, want 1", len(received))
				}
				r := received[0]
				method := map[operation]string{getCORS: "GET", putCORS: "PUT", deleteCORS: "DELETE"}[op]
				if r.method != method || r.host != orElse(tt.host, own) || r.path != tt.path || r.query != "cors=" && r.query != "cors" {
					t.Errorf("%s %s%s?%s", r.method, r.host, r.path, r.query)
				}
				if got := r.header.Get("Authorization"); !strings.Contains(got, "Credential="+accessKey+"/") || !strings.Contains(got, tt.scope+",") {
					t.Errorf("Authorization: %s", got)
				}
				if got := r.header.Get("X-Amz-Expected-Bucket-Owner"); got != tt.owner {
					t.Errorf("expected owner %q, want %q", got, tt.owner)
				}
				if got := r.header.Get("User-Agent"); !strings.Contains(got, "bucketcors/v1.2.3") || !strings.Contains(got, "app/bucketcors") {
					t.Errorf("User-Agent: %s", got)
				}
			})
		}
	}
}

// okay answers each operation as a bucket without a configuration does.
func okay() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet:
			_, _ = io.WriteString(w, emptyConfiguration)
		case http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		}
	})
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func TestPutSendsTheChecksumThatTheProviderTakes(t *testing.T) {
	for name, tt := range map[string]struct {
		checksum bucket.Checksum
		md5      bool
	}{
		"auto":  {bucket.ChecksumAuto, false},
		"CRC32": {bucket.ChecksumCRC32, false},
		"MD5":   {bucket.ChecksumMD5, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, okay())
			b := open(t, quick(), at(s.URL, func(p *bucket.Provider) { p.Checksum = tt.checksum }), bucket.Location{})
			if err := b.PutCORS(t.Context(), sample()); err != nil {
				t.Fatal(err)
			}
			r := s.received()[0]
			checkChecksum(t, r, tt.md5)
			for _, name := range []string{"X-Amz-Trailer", "X-Amz-Sdk-Checksum-Algorithm", "Content-Encoding"} {
				if got := r.header.Get(name); got != "" {
					t.Errorf("%s: %s", name, got)
				}
			}
			if got := r.header.Get("X-Amz-Content-Sha256"); len(got) != 64 {
				t.Errorf("X-Amz-Content-Sha256: %s", got)
			}
		})
	}
}

// checkChecksum checks that a request has exactly one checksum, a right one.
func checkChecksum(t *testing.T, r request, wantMD5 bool) {
	t.Helper()
	sum := md5.Sum([]byte(r.body))
	crc := crc32.ChecksumIEEE([]byte(r.body))
	want := map[string]string{
		"Content-Md5":          base64.StdEncoding.EncodeToString(sum[:]),
		"X-Amz-Checksum-Crc32": base64.StdEncoding.EncodeToString([]byte{byte(crc >> 24), byte(crc >> 16), byte(crc >> 8), byte(crc)}),
	}
	if wantMD5 {
		want["X-Amz-Checksum-Crc32"] = ""
	} else {
		want["Content-Md5"] = ""
	}
	for name, value := range want {
		if got := r.header.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
}

func TestAutoFallsBackToMD5OnceAndRemembers(t *testing.T) {
	for name, refusal := range map[string]http.Handler{
		"BadDigest":                     s3Answers(400, "BadDigest", "The Content-MD5 you specified did not match what we received."),
		"a missing Content-MD5":         s3Answers(400, "InvalidRequest", "Missing required header for this request: Content-MD5"),
		"an unsupported header":         s3Answers(400, "InvalidArgument", "Unsupported header 'x-amz-checksum-crc32' received for this API call."),
		"an unimplemented header (501)": s3Answers(501, "NotImplemented", "x-amz-checksum-crc32 implies functionality that is not implemented."),
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Content-Md5") == "" {
					refusal.ServeHTTP(w, r)
				}
			}))
			c := quick()
			b := open(t, c, at(s.URL), bucket.Location{})
			if err := b.PutCORS(t.Context(), sample()); err != nil {
				t.Fatal(err)
			}
			other := open(t, c, at(s.URL), bucket.Location{Name: "other"})
			if err := other.PutCORS(t.Context(), sample()); err != nil {
				t.Fatal(err)
			}
			received := s.received()
			if len(received) != 3 {
				t.Fatalf("%d requests, want 3: CRC32 refused, MD5, and MD5 for the other bucket", len(received))
			}
			for i, md5 := range []bool{false, true, true} {
				checkChecksum(t, received[i], md5)
			}

			fixed := open(t, c, at(s.URL, func(p *bucket.Provider) { p.Checksum = bucket.ChecksumCRC32 }), bucket.Location{})
			e := failureOf(t, fixed.PutCORS(t.Context(), sample()))
			if e.Reason != bucket.Unsupported || e.Fate != bucket.Refused || !strings.Contains(e.Message, "checksum") {
				t.Errorf("CRC32 asked for: %s (%d) %s", e.Reason, e.Fate, e.Message)
			}
			if n := len(s.received()); n != 4 {
				t.Errorf("%d requests, want 4", n)
			}
		})
	}
}

func TestAutoDoesNotFallBackForOtherRefusals(t *testing.T) {
	for name, refusal := range map[string]http.Handler{
		"a rejected value that holds the word": s3Answers(400, "InvalidRequest", `AllowedHeader "x-amz-checksum-*-*" can not have more than one wildcard.`),
		"access denied":                        s3Answers(403, "AccessDenied", "no checksum for you"),
		"not implemented":                      s3Answers(501, "NotImplemented", "A header you provided implies functionality that is not implemented"),
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, refusal)
			b := open(t, quick(), at(s.URL), bucket.Location{})
			if e := failureOf(t, b.PutCORS(t.Context(), sample())); strings.Contains(e.Message, "set checksum") {
				t.Errorf("taken for a matter of checksums: %s", e.Message)
			}
			if n := len(s.received()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

// store keeps the documents that it is sent, as S3 does.
type store struct {
	mu        sync.Mutex
	documents map[string][]byte
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Method {
	case http.MethodPut:
		body, err := io.ReadAll(r.Body)
		if err != nil || xml.Unmarshal(body, new(struct{})) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.documents[r.URL.Path] = body
	case http.MethodDelete:
		delete(s.documents, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	default:
		if d := s.documents[r.URL.Path]; d != nil {
			_, _ = w.Write(d)
			return
		}
		s3Answers(404, "NoSuchCORSConfiguration", "The CORS configuration does not exist").ServeHTTP(w, r)
	}
}

func TestConfigurationsComeBackAsTheyWereWritten(t *testing.T) {
	s := httptest.NewServer(&store{documents: map[string][]byte{}})
	t.Cleanup(s.Close)
	b := open(t, quick(), at(s.URL), bucket.Location{})
	want := cors.Configuration{Rules: []cors.Rule{
		{
			ID:             "uploads & <more>",
			AllowedOrigins: []string{"https://b.example", "https://a.example", "https://*.example", "null"},
			AllowedMethods: []string{"PUT", "GET", "PUT"},
			AllowedHeaders: []string{"X-Amz-*", "content-type"},
			ExposeHeaders:  []string{"ETag", "x-amz-request-id"},
			MaxAgeSeconds:  new(int32(0)),
		},
		{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"HEAD"}},
		{AllowedOrigins: []string{""}, AllowedMethods: []string{"DELETE"}, MaxAgeSeconds: new(int32(2147483647))},
	}}

	if got, err := b.GetCORS(t.Context()); err != nil || len(got.Rules) != 0 {
		t.Fatalf("before: %v, %v", got, err)
	}
	if err := b.PutCORS(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	got, err := b.GetCORS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("came back differently:\n%s", diff.Diff(want, got))
	}
	if err := b.DeleteCORS(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := b.GetCORS(t.Context()); err != nil || len(got.Rules) != 0 {
		t.Fatalf("after: %v, %v", got, err)
	}
}

func TestAbsentElementsAreNotWritten(t *testing.T) {
	s := serve(t, okay())
	b := open(t, quick(), at(s.URL), bucket.Location{})
	c := sample()
	c.Rules[0].AllowedHeaders, c.Rules[0].ExposeHeaders = []string{}, []string{}
	if err := b.PutCORS(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ID", "MaxAgeSeconds", "AllowedHeader", "ExposeHeader"} {
		if body := s.received()[0].body; strings.Contains(body, name) {
			t.Errorf("%s in %s", name, body)
		}
	}
}

func TestNoConfigurationIsUnderstoodInEveryDialect(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"404 NoSuchCORSConfiguration": s3Answers(404, "NoSuchCORSConfiguration", "The CORS configuration does not exist"),
		"404 NoSuchKey":               s3Answers(404, "NoSuchKey", ""),
		"404 NotFound":                s3Answers(404, "NotFound", "Not Found"),
		"204":                         answers(204, ""),
		"200 without rules":           answers(200, emptyConfiguration),
		"200 without rules, closed":   answers(200, `<?xml version="1.0"?><CORSConfiguration/>`),
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, h)
			b := open(t, quick(), at(s.URL), bucket.Location{})
			if got, err := b.GetCORS(t.Context()); err != nil || !reflect.DeepEqual(got, cors.Configuration{}) {
				t.Errorf("get: %v, %v", got, err)
			}
			if name != "200 without rules" && name != "200 without rules, closed" {
				if err := b.DeleteCORS(t.Context()); err != nil {
					t.Errorf("delete: %v", err)
				}
			}
			if n := len(s.received()); n > 2 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestDeleteTakes200(t *testing.T) {
	s := serve(t, answers(200, ""))
	if err := open(t, quick(), at(s.URL), bucket.Location{}).DeleteCORS(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPutWithoutRulesIsRefusedUnsent(t *testing.T) {
	s := serve(t, okay())
	e := failureOf(t, open(t, quick(), at(s.URL), bucket.Location{}).PutCORS(t.Context(), cors.Configuration{}))
	if e.Fate != bucket.Invalid || len(s.received()) != 0 {
		t.Errorf("%v after %d requests", e, len(s.received()))
	}
}
