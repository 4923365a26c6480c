// SPDX-License-Identifier: Apache-2.0

// Package conformance sends the evaluator's vectors to a real server over HTTP.
package conformance

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/cors/vectors"
	"github.com/bucketcors/bucketcors/internal/localenv"
	"github.com/bucketcors/bucketcors/internal/localenv/localenvtest"
)

// TestVersitygwAnswersTheVectorsAsItsDialectPredicts puts the configuration of
// every vector on a bucket of a real versitygw and sends the request. The answer
// has to be the one that the evaluator gives for the dialect.
func TestVersitygwAnswersTheVectorsAsItsDialectPredicts(t *testing.T) {
	server := localenvtest.StartS3(t)
	sent := 0
	for i, g := range readGroups(t) {
		policy, err := g.Compile(cors.VersityGW)
		if _, refused := errors.AsType[*cors.ConfigurationError](err); refused {
			continue // see TestVersitygwRefusesWhatItsDialectRefuses
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
			if refusal := put(t, server, name, g.Configuration); refusal.status != http.StatusOK {
				t.Fatalf("%s: %+v", g.Name, refusal)
			}
		}
		for _, c := range g.Cases {
			t.Run(g.File+"/"+g.Name+"/"+c.Name, func(t *testing.T) {
				r, err := cors.NewRequest(c.Request.Method, c.Request.Resource, header(c.Headers))
				if err != nil {
					t.Skipf("no HTTP client sends this: %v", err)
				}
				if r.Method != strings.ToUpper(r.Method) {
					t.Skip("the HTTP server below versitygw refuses the method")
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

// readGroups reads the vectors that are about AWS, which every server can be
// asked, and those that are about versitygw.
func readGroups(t *testing.T) []vectors.Group {
	t.Helper()
	const testdata = "../../internal/cors/testdata/"
	groups, err := vectors.Read(testdata + "decisions")
	if err != nil {
		t.Fatal(err)
	}
	dialects, err := vectors.Read(testdata + "dialects")
	if err != nil {
		t.Fatal(err)
	}
	own := slices.DeleteFunc(dialects, func(g vectors.Group) bool { return g.File != "versitygw" })
	if len(own) == 0 {
		t.Fatal("no vectors are about versitygw")
	}
	return append(groups, own...)
}

// TestVersitygwRefusesWhatItsDialectRefuses sends every configuration of the
// validation vectors to a real versitygw.
func TestVersitygwRefusesWhatItsDialectRefuses(t *testing.T) {
	files, err := vectors.ReadAs[vectors.Validation]("../../internal/cors/testdata/validation")
	if err != nil {
		t.Fatal(err)
	}
	server := localenvtest.StartS3(t)
	if err := server.CreateBucket("validation"); err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, v := range file.Vectors {
			t.Run(file.Name+"/"+v.Name, func(t *testing.T) {
				c, err := v.Parse()
				if err != nil {
					t.Fatal(err)
				}
				checkRefusal(t, server, c)
			})
		}
	}
}

func checkRefusal(t *testing.T, server *localenv.S3Server, c cors.Configuration) {
	t.Helper()
	_, err := cors.VersityGW.Compile(c)
	var expected []answer
	for m := range cors.Mistakes(err) {
		refusal := m.S3()
		if refusal.Code == "" {
			t.Skipf("%v: a limit of ours, not of the server", m)
		}
		expected = append(expected, answer{status: refusal.Status, body: errorBody{Code: refusal.Code, Message: refusal.Message}})
	}
	got := put(t, server, "validation", c)
	if err == nil {
		expected = append(expected, answer{status: http.StatusOK})
	}
	// The server tells the first mistake only, in an order of its own.
	if !slices.ContainsFunc(expected, got.equal) {
		t.Errorf("got %+v, want one of %+v", got, expected)
	}
}

// put sends a configuration as PutBucketCors does. The answer of success has
// nothing but its status.
func put(t *testing.T, server *localenv.S3Server, bucketName string, c cors.Configuration) answer {
	t.Helper()
	document, err := cors.FormatXML(c)
	if err != nil {
		t.Skipf("no XML: %v", err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.Endpoint+"/"+bucketName+"?cors=", bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum(document)
	request.Header.Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
	payload := sha256.Sum256(document)
	request.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(payload[:]))
	err = v4.NewSigner().SignHTTP(t.Context(), keys(server), request, hex.EncodeToString(payload[:]), "s3", server.Region, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return roundTrip(t, request)
}

func keys(server *localenv.S3Server) aws.Credentials {
	return aws.Credentials{AccessKeyID: server.AccessKeyID, SecretAccessKey: server.SecretAccessKey}
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
		request.URL.RawQuery = "X-Amz-Expires=60"
		signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), keys(server), request, "UNSIGNED-PAYLOAD", "s3", server.Region, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if request.URL, err = request.URL.Parse(signed); err != nil {
			t.Fatal(err)
		}
	}
	request.Header = header(c.Headers)
	a := roundTrip(t, request)
	if c.Request.Method != http.MethodOptions && a.status != http.StatusBadRequest {
		a.status, a.body = 0, errorBody{} // that there is no such key is not for CORS to say
	}
	return a
}

func roundTrip(t *testing.T, request *http.Request) answer {
	t.Helper()
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, headers: map[string]string{}}
	for name, values := range response.Header {
		if name == "Vary" || strings.HasPrefix(name, "Access-Control-") {
			a.headers[name] = strings.Join(values, " AND ")
		}
	}
	if a.status >= http.StatusBadRequest && len(body) > 0 {
		if err := xml.Unmarshal(body, &a.body); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
	}
	return a
}
