// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/bucketcors/bucketcors/internal/localenv"
)

// pages are the servers of the web app: whatever host a page is of, it comes from
// here, by https at the ports 443 and 8443 and by http at all others.
type pages struct {
	secure, plain *httptest.Server
}

// servePages serves the web app until the test ends.
func servePages(t *testing.T) *pages {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServer(http.Dir("testdata/webapp")))
	mux.HandleFunc("POST /sign", serveSigned)
	p := &pages{secure: httptest.NewUnstartedServer(mux), plain: httptest.NewServer(mux)}
	// The browser gives up connections that it opened in advance.
	p.secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.secure.StartTLS()
	t.Cleanup(p.secure.Close)
	t.Cleanup(p.plain.Close)
	return p
}

// resolverRules is for the flag --host-resolver-rules of the browser.
func (p *pages) resolverRules() string {
	secure, plain := p.secure.Listener.Addr(), p.plain.Listener.Addr()
	return fmt.Sprintf("EXCLUDE 127.0.0.1, MAP *:443 %s, MAP *:8443 %s, MAP * %s", secure, secure, plain)
}

// serveSigned is what the backend of the web app does: it signs a URL, with the
// headers of S3 that the request will have.
func serveSigned(w http.ResponseWriter, r *http.Request) {
	var wanted struct {
		Method, Bucket, Key, Query string
		Headers                    map[string]string
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&wanted); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request, err := http.NewRequestWithContext(r.Context(), wanted.Method, objectURL(world.storage.Endpoint, wanted.Bucket, wanted.Key), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request.URL.RawQuery = wanted.Query
	for name, value := range wanted.Headers {
		if strings.HasPrefix(strings.ToLower(name), "x-amz-") {
			request.Header.Set(name, value)
		}
	}
	signed, err := presign(request, world.storage)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = io.WriteString(w, signed)
}

// objectURL is the URL of an object at a server that is addressed by path.
func objectURL(endpoint, bucketName, key string) string {
	return endpoint + "/" + bucketName + "/" + (&url.URL{Path: key}).EscapedPath()
}

// presign is a URL that needs no other credentials for five minutes. The headers
// of the request have to be sent with it.
func presign(request *http.Request, storage *localenv.S3Server) (string, error) {
	query := request.URL.Query()
	query.Set("X-Amz-Expires", "300")
	request.URL.RawQuery = query.Encode()
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableHeaderHoisting = true })
	signed, _, err := signer.PresignHTTP(request.Context(), keysOf(storage), request, unsignedPayload, "s3", storage.Region, time.Now())
	return signed, err
}

// unsignedPayload stands for the hash of a body that the signature does not cover.
const unsignedPayload = "UNSIGNED-PAYLOAD"

// keysOf are the keys of the root user.
func keysOf(storage *localenv.S3Server) aws.Credentials {
	return aws.Credentials{AccessKeyID: storage.AccessKeyID, SecretAccessKey: storage.SecretAccessKey}
}
