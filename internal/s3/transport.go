// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"golang.org/x/time/rate"
)

const (
	// maxAnswerBytes is what is read of one answer. The largest that is wanted
	// is a configuration of 64 KB, which some servers send with indentation.
	maxAnswerBytes = 1 << 20
	// maxAnswerHeaderBytes is what is read of the header of one answer.
	maxAnswerHeaderBytes = 64 << 10
	// maxConnect bounds the time for a TCP connection, and for a TLS handshake.
	maxConnect = 5 * time.Second
)

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// newTransport returns the connections of one client. They use the proxy of the
// environment and TLS 1.2 or later. An attempt may wait for half of the call's
// time, so that a connection that died unnoticed leaves time for another.
func newTransport(roots *x509.CertPool, timeout time.Duration, dial dialFunc) *http.Transport {
	connect := min(maxConnect, timeout/2)
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = connect }).
		WithTransportOptions(func(t *http.Transport) {
			if dial != nil {
				t.DialContext = dial
			}
			t.TLSClientConfig.RootCAs = roots
			t.TLSHandshakeTimeout = connect
			t.ResponseHeaderTimeout = timeout / 2
			t.MaxResponseHeaderBytes = maxAnswerHeaderBytes
		}).
		GetTransport()
}

// gate lets the requests of one provider through, each attempt of them, as fast
// as the provider's limit says. It reads the answer whole, up to a bound, and
// leaves a copy where the call can find it. Redirects come back as they are:
// another host must not get what was signed for this one.
type gate struct {
	limiter  *rate.Limiter
	base     http.RoundTripper
	observer Observer
}

// Do implements the HTTP client of the SDK.
func (g *gate) Do(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	seen := exchangeFrom(ctx)
	seen.answer = nil
	if err := waitFor(ctx, g.limiter, g.observer); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		err := &limitError{perSecond: int(g.limiter.Limit())}
		g.observe(ctx, time.Now(), nil, err)
		return nil, err
	}
	began := time.Now()
	response, err := g.send(r, seen)
	g.observe(ctx, began, response, err)
	return response, err
}

// send makes one attempt, whose answer it notes.
func (g *gate) send(r *http.Request, seen *exchange) (*http.Response, error) {
	response, err := g.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes+1))
	_ = response.Body.Close() // nothing depends on how it closes: it was read
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(body) > maxAnswerBytes {
		return nil, errAnswerTooLong
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	seen.answer = &answer{status: response.StatusCode, header: response.Header, body: body}
	return response, nil
}

// errAnswerTooLong is an answer of more than maxAnswerBytes.
var errAnswerTooLong = errors.New("answer too long")

// limitError says that the provider's own limit leaves no time for a request
// before the deadline of the call.
type limitError struct {
	perSecond int
}

func (e *limitError) Error() string {
	return fmt.Sprintf("no time left by the limit of %d requests per second", e.perSecond)
}

// exchange collects what the server said during one call, and what it must not
// be quoted with.
type exchange struct {
	answer  *answer          // of the last attempt; nil when there was none
	signer  *aws.Credentials // of the last attempt; nil when there were none
	secrets []string         // of the credentials of all attempts
}

// outdated is whether the server refuses the credentials as ones that it does
// not know or know any more.
func (e *exchange) outdated() bool {
	if e.answer == nil || e.signer == nil {
		return false
	}
	code, _ := e.answer.stsError()
	return slices.Contains(outdatedCodes, code)
}

type exchangeKey struct{}

func withExchange(ctx context.Context) (context.Context, *exchange) {
	seen := &exchange{}
	return context.WithValue(ctx, exchangeKey{}, seen), seen
}

func exchangeFrom(ctx context.Context) *exchange {
	if seen, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return seen
	}
	return &exchange{}
}
