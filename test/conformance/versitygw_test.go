// SPDX-License-Identifier: Apache-2.0

// Package conformance sends the evaluator's vectors to a real server over HTTP.
package conformance

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/cors/vectors"
	"github.com/bucketcors/bucketcors/internal/localenv"
	"github.com/bucketcors/bucketcors/internal/s3"
)

// TestVersitygwAnswersTheVectorsAsItsDialectPredicts puts the configuration of
// every vector on a bucket of a real versitygw and sends the request. The answer
// has to be the one that the evaluator gives for the dialect.
func TestVersitygwAnswersTheVectorsAsItsDialectPredicts(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a real server, which may have to be built first")
	}
	groups, err := vectors.Read("../../internal/cors/testdata/decisions")
	if err != nil {
		t.Fatal(err)
	}
	server := start(t)
	clients := s3.New(s3.Options{})
	provider := bucket.Provider{
		Name: "real", Region: server.Region, Endpoint: server.Endpoint,
		Credentials: &bucket.Credentials{AccessKeyID: server.AccessKeyID, SecretAccessKey: server.SecretAccessKey},
	}
	sent := 0
	for i, g := range groups {
		policy, err := g.Compile(cors.VersityGW)
		if _, refused := errors.AsType[*cors.ConfigurationError](err); refused {
			continue // versitygw takes no such configuration, which is for another test
		}
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("vectors-%d", i)
		if !g.MissingBucket {
			if err := server.CreateBucket(name); err != nil {
				t.Fatal(err)
			}
		}
		if len(g.Configuration.Rules) > 0 {
			b, err := clients.Open(t.Context(), provider, bucket.Location{Name: name})
			if err != nil {
				t.Fatal(err)
			}
			if err := b.PutCORS(t.Context(), g.Configuration); err != nil {
				t.Fatalf("%s: %v", g.Name, err)
			}
		}
		for _, c := range g.Cases {
			t.Run(g.File+"/"+g.Name+"/"+c.Name, func(t *testing.T) {
				r, err := cors.NewRequest(c.Request.Method, c.Request.Resource, header(c.Headers))
				if err != nil {
					t.Skipf("no HTTP client sends this: %v", err)
				}
				got := send(t, server, name, c)
				sent++
				if want := predict(policy, r); !got.equal(want) {
					t.Errorf("got  %+v\nwant %+v", got, want)
				}
			})
		}
	}
	if sent < 100 {
		t.Errorf("only %d vectors were sent", sent)
	}
}

func start(t *testing.T) *localenv.S3Server {
	t.Helper()
	assets, err := localenv.Ensure(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	server, err := localenv.StartS3(t.Context(), localenv.S3Options{Assets: assets})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// answer is what a server says, as far as CORS goes.
type answer struct {
	status  int // 0 where CORS does not decide it
	body    errorBody
	headers map[string]string
}

type errorBody struct {
	XMLName      xml.Name `xml:"Error"`
	Code         string
	Message      string
	Method       string
	ResourceType string
}

func (a answer) equal(b answer) bool {
	a.body.XMLName, b.body.XMLName = xml.Name{}, xml.Name{}
	return a.status == b.status && a.body == b.body && maps.Equal(a.headers, b.headers)
}

func predict(p *cors.Policy, r cors.Request) answer {
	d := p.Decide(r)
	a := answer{
		status:  d.Status,
		body:    errorBody{Code: d.Code, Message: d.Message, Method: d.Method, ResourceType: d.ResourceType},
		headers: map[string]string{},
	}
	for _, h := range d.Headers() {
		a.headers[h.Name] = h.Value
	}
	return a
}

func header(values map[string]string) http.Header {
	h := http.Header{}
	for name, value := range values {
		h[name] = []string{value}
	}
	return h
}

// send asks for a key, or for the bucket itself. Preflights are not signed, as
// browsers do not sign them; versitygw answers with CORS headers to no other
// request that is not.
func send(t *testing.T, server *localenv.S3Server, bucketName string, c vectors.Case) answer {
	t.Helper()
	url := server.Endpoint + "/" + bucketName
	if c.Request.Resource == cors.Object {
		url += "/no-such-key"
	}
	request, err := http.NewRequestWithContext(t.Context(), c.Request.Method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Request.Method != http.MethodOptions {
		keys := aws.Credentials{AccessKeyID: server.AccessKeyID, SecretAccessKey: server.SecretAccessKey}
		request.URL.RawQuery = "X-Amz-Expires=60"
		signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), keys, request, "UNSIGNED-PAYLOAD", "s3", server.Region, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if request.URL, err = request.URL.Parse(signed); err != nil {
			t.Fatal(err)
		}
	}
	request.Header = header(c.Headers)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	a := answer{headers: map[string]string{}}
	for name, values := range response.Header {
		if name == "Vary" || strings.HasPrefix(name, "Access-Control-") {
			a.headers[name] = strings.Join(values, " AND ")
		}
	}
	if c.Request.Method == http.MethodOptions || response.StatusCode == http.StatusBadRequest {
		a.status = response.StatusCode
		if a.status != http.StatusOK {
			if err := xml.Unmarshal(body, &a.body); err != nil {
				t.Fatalf("%s: %v", body, err)
			}
		}
	}
	return a
}
