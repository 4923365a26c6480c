// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/bucketcors/bucketcors/internal/localenv"
)

// signature is what the Authorization of a request says.
type signature struct {
	accessKeyID, region, service string
	headers                      []string
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request, ?SignedHeaders=([^,]+), ?Signature=[0-9a-f]{64}$`)

// signatureOf is the zero value for a request that is not signed.
func signatureOf(r *http.Request) signature {
	parts := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if parts == nil {
		return signature{}
	}
	return signature{accessKeyID: parts[1], region: parts[2], service: parts[3], headers: strings.Split(parts[4], ";")}
}

// dateFormat is that of the header X-Amz-Date.
const dateFormat = "20060102T150405Z"

// checkSignature is nil for a request that these credentials have signed. The
// body of the request can be read again.
func checkSignature(r *http.Request, credentials aws.Credentials) error {
	claimed := signatureOf(r)
	if claimed.accessKeyID != credentials.AccessKeyID {
		return fmt.Errorf("signed by %q", claimed.accessKeyID)
	}
	signedAt, err := time.Parse(dateFormat, r.Header.Get("X-Amz-Date"))
	if err != nil {
		return err
	}
	body, err := readAgain(r)
	if err != nil {
		return err
	}
	again := r.Clone(r.Context())
	again.Body = nil
	again.ContentLength = 0
	again.Header = http.Header{}
	for _, name := range claimed.headers {
		switch {
		case name == "content-length":
			again.ContentLength = r.ContentLength
		case name != "host" && name != "x-amz-date" && name != "x-amz-security-token":
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	sum := sha256.Sum256(body)
	if err := sign(r.Context(), again, credentials, hex.EncodeToString(sum[:]), claimed.service, claimed.region, signedAt); err != nil {
		return err
	}
	if got, want := r.Header.Get("Authorization"), again.Header.Get("Authorization"); got != want {
		return fmt.Errorf("the signature is %q, not %q", got, want)
	}
	if got := r.Header.Get("X-Amz-Security-Token"); got != credentials.SessionToken {
		return errors.New("the session token is another")
	}
	return nil
}

// signAnew makes a request to the gateway one of the owner of a server.
func signAnew(r *http.Request, server *localenv.S3Server) error {
	body, err := readAgain(r)
	if err != nil {
		return err
	}
	for _, name := range []string{"Authorization", "X-Amz-Security-Token", "X-Amz-Date"} {
		r.Header.Del(name)
	}
	sum := sha256.Sum256(body)
	return sign(r.Context(), r, ownerOf(server), hex.EncodeToString(sum[:]), "s3", server.Region, time.Now())
}

func readAgain(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}

func sign(ctx context.Context, r *http.Request, credentials aws.Credentials, payload, service, region string, at time.Time) error {
	return v4.NewSigner().SignHTTP(ctx, credentials, r, payload, service, region, at, func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = service == "s3"
	})
}

func ownerOf(server *localenv.S3Server) aws.Credentials {
	return aws.Credentials{AccessKeyID: server.AccessKeyID, SecretAccessKey: server.SecretAccessKey}
}

// rawCORS sends a configuration to a bucket, or asks for it without one, as
// its owner and with nothing of ours in between, and returns the answer.
func rawCORS(ctx context.Context, server *localenv.S3Server, bucketName, configuration string) (int, string, error) {
	method := http.MethodGet
	if configuration != "" {
		method = http.MethodPut
	}
	request, err := http.NewRequestWithContext(ctx, method, server.Endpoint+"/"+bucketName+"?cors=", strings.NewReader(configuration))
	if err != nil {
		return 0, "", err
	}
	if configuration != "" {
		sum := md5.Sum([]byte(configuration))
		request.Header.Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
	}
	payload := sha256.Sum256([]byte(configuration))
	request.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(payload[:]))
	if err := sign(ctx, request, ownerOf(server), hex.EncodeToString(payload[:]), "s3", server.Region, time.Now()); err != nil {
		return 0, "", err
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// putRaw has somebody put a configuration on a bucket by hand.
func (s *scene) putRaw(suffix, configuration string) {
	s.Helper()
	status, answer, err := rawCORS(s.Context(), s.storage, s.bucketName(suffix), configuration)
	if err != nil || status != http.StatusOK {
		s.Fatalf("put: %d %s (%v)", status, answer, err)
	}
}

// raw is what the server answers about the configuration of a bucket: every byte
// but the ids of the request.
func (s *scene) raw(suffix string) string {
	s.Helper()
	status, answer, err := rawCORS(s.Context(), s.storage, s.bucketName(suffix), "")
	if err != nil {
		s.Fatal(err)
	}
	if status == http.StatusNotFound && strings.Contains(answer, "<Code>NoSuchCORSConfiguration</Code>") {
		return ""
	}
	if status != http.StatusOK {
		s.Fatalf("get: %d %s", status, answer)
	}
	return answer
}

// expectRaw compares what the server answers byte by byte.
func (s *scene) expectRaw(suffix, want string) {
	s.Helper()
	if got := s.raw(suffix); got != want {
		s.Errorf("bucket %s has\n%s\nand not\n%s", s.bucketName(suffix), got, want)
	}
}
