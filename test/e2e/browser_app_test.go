// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"strings"
	"sync"
	"testing"
)

const (
	appOrigin      = "https://app.example.com"
	previewOrigin  = "https://pr-7.preview.example.com"
	strangerOrigin = "https://app.example.net"
)

// webAppRules is what the web app needs.
const webAppRules = `[{id: web-app, allowedOrigins: ["https://app.example.com", "https://*.preview.example.com"], allowedMethods: [GET, HEAD, PUT, POST, DELETE], allowedHeaders: [content-type, "x-amz-meta-*"], exposeHeaders: [ETag, Content-Range], maxAgeSeconds: 3000}]`

// use is something that the web app can do.
type use struct {
	// function is its name in testdata/webapp/app.js.
	function string
	// seeded is whether the object is there before.
	seeded bool
	// result is what the function returns; empty for anything.
	result string
	// stored is the object afterwards; empty for none. Its only metadata are the team,
	// if that is not empty.
	stored, team string
	// never is whether no rule lets it through.
	never bool
}

var uses = []use{
	{function: "read", seeded: true, result: seedContent, stored: seedContent},
	{function: "size", seeded: true, result: "10", stored: seedContent},
	{function: "readPart", seeded: true, result: "bytes 3-6/10: 3456", stored: seedContent},
	{function: "upload", stored: `{"from": "a browser"}`},
	{function: "uploadWithMetadata", result: "200", stored: "annotated", team: "web"},
	{function: "uploadInParts", result: "true", stored: strings.Repeat("a", 5<<20) + "the end"},
	{function: "readWithCredentials", seeded: true, result: seedContent, stored: seedContent},
	{function: "remove", seeded: true, result: "204"},
	{function: "uploadWithStrangeHeader", never: true},
}

// outcome is what a function of the web app comes to.
type outcome struct {
	Through, Blocked bool
	Result, Error    string
}

// testWebApp follows a policy through its life as users of the app see it.
func testWebApp(t *testing.T, b *chromium) {
	s := newScene(t, "web-app", "a")
	objects := newObjects(s, "a")

	blocked := func(when, origin string) {
		t.Helper()
		page := b.open(t, origin)
		for _, use := range uses {
			key := objects.prepare(when, origin, use)
			if got := call[outcome](page, "use", use.function, s.bucketName("a"), key); !got.Blocked {
				t.Errorf("%s, %s: %s is not blocked: %+v", when, origin, use.function, got)
			}
			// Whatever would change an object has a preflight, or a request before it
			// whose answer the script needs.
			if use.seeded {
				objects.expect(key, seedContent, "")
			} else {
				objects.expect(key, "", "")
			}
		}
	}
	through := func(when, origin string) {
		t.Helper()
		page := b.open(t, origin)
		for _, use := range uses {
			key := objects.prepare(when, origin, use)
			got := call[outcome](page, "use", use.function, s.bucketName("a"), key)
			switch {
			case use.never && !got.Blocked:
				t.Errorf("%s, %s: %s is not blocked: %+v", when, origin, use.function, got)
			case !use.never && (!got.Through || use.result != "" && got.Result != use.result):
				t.Errorf("%s, %s: %s does not get through with %q: %+v", when, origin, use.function, use.result, got)
			}
			objects.expect(key, use.stored, use.team)
		}
	}

	blocked("before the policy", appOrigin)
	s.apply(s.policyYAML("p", webAppRules, "", "a"))
	s.awaitReady("p")
	through("with the policy", appOrigin)
	through("with the policy", previewOrigin)
	blocked("with the policy", strangerOrigin)

	desired := s.live("a")
	// So that the operator does not put it right while the browser looks.
	goOn := s.holdOperator()
	s.put("a", foreignConfiguration())
	blocked("after drift", appOrigin)
	goOn()
	s.eventually(nextLook, func() error { return s.differs("a", desired) })
	through("after it was healed", appOrigin)
}

// holdOperator keeps all requests of the operator waiting until the result is
// called or the test is over.
func (s *scene) holdOperator() (release func()) {
	released := make(chan struct{})
	release = sync.OnceFunc(func() { close(released) })
	s.Cleanup(release)
	s.gateway.prepare(func(r *http.Request) error {
		select {
		case <-released:
			return nil
		case <-r.Context().Done():
			return r.Context().Err()
		}
	})
	return release
}
