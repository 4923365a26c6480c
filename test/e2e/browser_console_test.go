// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
)

// complaint is what a browser says in its console about an answer, and the heading
// of docs/troubleshooting.md under which people look for it.
type complaint struct {
	answering

	heading string
	// says are the parts of the heading that the browser says literally; nil for all
	// of it.
	says []string
}

var complaints = []complaint{
	{
		heading:   "No 'Access-Control-Allow-Origin' header is present on the requested resource",
		answering: toPreflight("refused", 403, changes{allowOrigin: nil}),
	}, {
		heading:   "No 'Access-Control-Allow-Origin' header is present on the requested resource",
		answering: toGet("refused", changes{allowOrigin: nil}),
	}, {
		heading:   "Request header field x is not allowed by Access-Control-Allow-Headers in preflight response",
		says:      []string{"Request header field x", " is not allowed by Access-Control-Allow-Headers in preflight response"},
		answering: toPreflight("no header", 200, changes{allowHeaders: nil}),
	}, {
		heading:   "Method PUT is not allowed by Access-Control-Allow-Methods in preflight response",
		answering: toPreflight("another method", 200, changes{allowMethods: {"GET"}}),
	}, {
		heading:   "It does not have HTTP ok status",
		answering: toPreflight("403 with the headers", 403, nil),
	}, {
		heading:   "The 'Access-Control-Allow-Origin' header has a value that is not equal to the supplied origin",
		says:      []string{"The 'Access-Control-Allow-Origin' header has a value", "that is not equal to the supplied origin"},
		answering: toGet("another origin", changes{allowOrigin: {strangerOrigin}}),
	}, {
		heading:   "The 'Access-Control-Allow-Origin' header contains multiple values, but only one is allowed",
		says:      []string{"The 'Access-Control-Allow-Origin' header contains multiple values", ", but only one is allowed"},
		answering: toGet("two origins", changes{allowOrigin: {appOrigin + ", " + strangerOrigin}}),
	}, {
		heading:   "must not be the wildcard '*' when the request's credentials mode is 'include'",
		answering: toGet("any origin", changes{allowOrigin: {"*"}}).withCredentials(),
	}, {
		heading:   "Redirect is not allowed for a preflight request",
		answering: toPreflight("a redirect", 307, changes{"Location": {"/0"}}),
	},
}

// testConsole sees that the page about symptoms has the words of the browser.
func testConsole(t *testing.T, b *chromium) {
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	for i := range complaints {
		c := &complaints[i]
		t.Run(c.name+", "+c.what, func(t *testing.T) {
			t.Parallel()
			if !regexp.MustCompile(`(?m)^### ` + regexp.QuoteMeta(c.heading) + `$`).Match(page) {
				t.Errorf("docs/troubleshooting.md has no heading %q", c.heading)
			}
			says := c.says
			if says == nil {
				says = []string{c.heading}
			}
			for _, part := range says {
				if !strings.Contains(c.heading, part) {
					t.Errorf("the heading %q does not have what the browser is to say: %q", c.heading, part)
				}
			}
			console := b.complain(t, c)
			for _, part := range says {
				if !strings.Contains(console, part) {
					t.Errorf("the browser does not say %q, but %s", part, console)
				}
			}
		})
	}
}

// complain has a browser meet an answer, and returns what it says in its console.
func (b *chromium) complain(t *testing.T, c *complaint) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := c.response
		if r.Method == http.MethodOptions {
			answer = c.preflight
		}
		maps.Copy(w.Header(), answer.Header)
		w.WriteHeader(answer.Status)
	}))
	t.Cleanup(server.Close)
	tab := b.open(t, appOrigin)
	lines := make(chan string, 100)
	err := chromedp.Listen(tab.ctx, func(event any) {
		if entry, ok := event.(*log.EventEntryAdded); ok {
			select {
			case lines <- entry.Entry.Text:
			default: // more than a test of one request needs
			}
		}
	})
	if err == nil {
		_, err = chromedp.Call(tab.ctx, log.Enable, cdp.Empty{})
	}
	if err != nil {
		t.Fatal(err)
	}
	got := call[answered](tab, "attempt", scripted{URL: server.URL, Method: c.method, Headers: c.send, Credentials: c.credentials})
	if got.Resolved {
		t.Fatalf("the browser let it through: %+v", got)
	}
	var said []string
	for late := time.After(soon); ; {
		select {
		case line := <-lines:
			if said = append(said, line); strings.Contains(line, "CORS policy") {
				return line
			}
		case <-late:
			t.Fatalf("the browser says nothing of CORS, but %q", said)
		}
	}
}
