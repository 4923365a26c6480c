// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// maxBodyBytes is what is read of the body of an answer. Errors of S3 take a
	// kilobyte.
	maxBodyBytes   = 64 << 10
	defaultTimeout = 5 * time.Second
)

// defaultClient is used where the options have none.
var defaultClient = NewServiceClient(nil)

// sender sends asks to one target.
type sender struct {
	options Options
	client  http.Client
	target  *url.URL
}

func newSender(o Options, target *url.URL) *sender {
	base := cmp.Or(o.Client, defaultClient)
	o.Timeout = cmp.Or(max(o.Timeout, 0), defaultTimeout)
	o.UserAgent = cmp.Or(o.UserAgent, "bucketcors")
	return &sender{options: o, target: target, client: http.Client{
		Transport:     base.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// send asks. It returns false when nothing was learned because ctx is over or the
// options want no more requests; no answer is a reply, too.
func (s *sender) send(ctx context.Context, a ask) (reply, bool) {
	if s.options.Wait != nil {
		if err := s.options.Wait(ctx); err != nil {
			return reply{}, false
		}
	}
	r, err := s.exchange(ctx, a)
	if ctx.Err() != nil {
		return reply{}, false
	}
	if err != nil {
		return reply{err: err}, true
	}
	return r, true
}

func (s *sender) exchange(ctx context.Context, a ask) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, a.Method, a.address(s.target).String(), http.NoBody)
	if err != nil {
		return reply{}, err
	}
	request.Header = a.header(s.options.UserAgent)
	response, err := s.client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = response.Body.Close() }() // nothing depends on how it closes
	// The status and the headers are the answer; of the body we take what comes.
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxBodyBytes))
	return newReply(response.StatusCode, response.Header, body), nil
}
