// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// ask is one request to a target. Its method is OPTIONS, GET or HEAD.
type ask struct {
	cors.Request
	place place
	// word makes the place one that no cache has met; empty for the plain one.
	word string
}

// place is what is asked: the URL of the target, or one that no cache has met.
type place int

const (
	plain      place = iota
	freshQuery       // the URL with a parameter that was never used before
	freshPath        // a key below that of the URL, which was never used before
)

// preflight is what the browser asks before the request, or would.
func preflight(r browser.Request) ask {
	question, _ := r.Preflight()
	return ask{Request: question}
}

// read is a request for the content from an origin; empty for none.
func read(method, origin string) ask {
	return ask{Request: cors.Request{Method: method, Origin: origin}}
}

// at is the same question about a place that nothing was asked about before.
func (a ask) at(p place) ask {
	a.place, a.word = p, random()
	return a
}

// beside is the same question about the place of another one.
func (a ask) beside(other ask) ask {
	a.place, a.word = other.place, other.word
	return a
}

// address is the URL to ask. Queries are left out for everything but preflights,
// for they may hold a signature, and nothing is signed here.
func (a ask) address(target *url.URL) *url.URL {
	u := *target
	u.Fragment, u.RawFragment = "", ""
	if a.Method != http.MethodOptions {
		u.RawQuery, u.ForceQuery = "", false
	}
	switch a.place {
	case freshQuery:
		if u.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += "cors-probe=" + a.word
	case freshPath: // with the extension, by which many a CDN decides what to cache
		u = *u.JoinPath("cors-probe-" + a.word + path.Ext(u.Path))
	case plain:
	}
	return &u
}

// header are the headers to send.
func (a ask) header(userAgent string) http.Header {
	h := http.Header{"User-Agent": {userAgent}}
	for name, value := range map[string]string{
		"Origin":                         a.Origin,
		"Access-Control-Request-Method":  a.RequestMethod,
		"Access-Control-Request-Headers": a.RequestHeaders,
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
	if a.Method != http.MethodOptions {
		h.Set("Range", "bytes=0-0")
	}
	return h
}

// madeUp begins the origin of every stranger.
const madeUp = "https://cors-probe-"

// stranger is the request of an origin that no rule means, for what the first
// request is for, if there is one.
func stranger(requests []browser.Request) browser.Request {
	r := browser.Request{Name: StrangerName, Origin: madeUp + random() + ".invalid", Method: http.MethodGet}
	if len(requests) > 0 {
		r.Method, r.Headers = requests[0].Method, requests[0].Headers
	}
	return r
}

// random is a word that nobody used before.
func random() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// parseTarget reads the URL of a target. The error is a clause.
func parseTarget(target string) (*url.URL, error) {
	u, err := url.Parse(target)
	switch {
	case err != nil: // its text may repeat a password
		return nil, errors.New("the URL cannot be read: give one like https://host/bucket")
	case !strings.EqualFold(u.Scheme, "https") && !strings.EqualFold(u.Scheme, "http"):
		return nil, errors.New("the URL does not begin with https:// or http://")
	case u.Hostname() == "":
		return nil, errors.New("the URL names no host")
	case u.User != nil:
		return nil, errors.New("the URL holds a user name: leave it out, because preflights carry no credentials")
	}
	return u, nil
}
