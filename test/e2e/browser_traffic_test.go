// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"sync"

	"github.com/bucketcors/bucketcors/internal/browser"
)

// traffic is what came through a gateway, by path.
type traffic struct {
	mu                 sync.Mutex
	preflights, others map[string]*met
}

// met is one request and what the server answered.
type met struct {
	request http.Header
	answer  browser.Answer
}

// requestMethod is the header that makes an OPTIONS a preflight.
const requestMethod = "Access-Control-Request-Method"

func newTraffic() *traffic { return &traffic{preflights: map[string]*met{}, others: map[string]*met{}} }

// watchTraffic remembers from now on what comes through the gateway of a scene.
func watchTraffic(s *scene) *traffic {
	t := newTraffic()
	s.gateway.prepare(func(r *http.Request) error {
		t.note(r, browser.Answer{})
		return nil
	})
	s.gateway.rewrite(func(response *http.Response) error {
		t.note(response.Request, browser.Answer{Status: response.StatusCode, Header: response.Header.Clone()})
		return nil
	})
	return t
}

// note remembers a request, in place of an earlier one of its kind to the same path.
func (t *traffic) note(r *http.Request, answer browser.Answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kind := t.others
	if r.Method == http.MethodOptions && r.Header.Get(requestMethod) != "" {
		kind = t.preflights
	}
	kind[r.URL.Path] = &met{request: r.Header.Clone(), answer: answer}
}

// of is the last preflight and the last other request to a path; nil for none.
func (t *traffic) of(path string) (preflight, other *met) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.preflights[path], t.others[path]
}
