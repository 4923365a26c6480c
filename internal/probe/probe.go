// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// Class is what the answer to a preflight tells. The set is closed.
type Class string

// The classes.
const (
	// AsPredicted: the answer is the one that the rules predict.
	AsPredicted Class = "AsPredicted"
	// Stale: the answer is the one that the bucket gave before its last change, or
	// that of a bucket without a configuration: it may pass within two minutes.
	Stale Class = "Stale"
	// AnotherRule: the answer is that of another rule of the bucket than predicted.
	AnotherRule Class = "AnotherRule"
	// OriginStripped: something in front of the bucket does not pass on the header
	// Origin, or those of the preflight.
	OriginStripped Class = "OriginStripped"
	// CacheUnkeyed: a cache answers one origin with what it kept for another.
	CacheUnkeyed Class = "CacheUnkeyed"
	// VendorDefault: the server answers by a default of its own, which lets in
	// origins that the rules do not.
	VendorDefault Class = "VendorDefault"
	// ProxyAnswers: something in front of the bucket answers preflights itself, or
	// changes the headers of the answers.
	ProxyAnswers Class = "ProxyAnswers"
	// WrongRegion: the answer redirects to the region of the bucket, which browsers
	// do not follow.
	WrongRegion Class = "WrongRegion"
	// BucketMissing: there is no such bucket.
	BucketMissing Class = "BucketMissing"
	// NotS3: nothing there answers like an S3 service.
	NotS3 Class = "NotS3"
	// Unreachable: there is no answer: DNS, connection, TLS or time.
	Unreachable Class = "Unreachable"
	// NotAllowed: nothing was sent, because the host or its address is not allowed.
	NotAllowed Class = "NotAllowed"
	// Unexplained: the answer is another than predicted, and nothing tells why.
	Unexplained Class = "Unexplained"
)

// Target is one URL under which browsers reach a bucket.
type Target struct {
	// URL is that of the bucket, or of an object in it.
	URL string
	// Predicted is what answers there by the rules; nil when nothing is predicted:
	// then an answer that a browser accepts is AsPredicted.
	Predicted *cors.Policy
	// Former are what may have answered there before the last change, if known.
	Former []*cors.Policy
}

// Options are how a Prober sends.
type Options struct {
	// Client sends the requests; see NewClient. Its timeout and its policy for
	// redirects are not used.
	Client *http.Client
	// Wait is called before each request, and may delay it; nil for no delay.
	Wait func(context.Context) error
	// Timeout bounds one request; 0 for 5 seconds.
	Timeout time.Duration
	// UserAgent names us; empty for "bucketcors".
	UserAgent string
}

// Prober sends preflights. It is safe for concurrent use.
type Prober struct {
	options Options
}

// New returns a Prober.
func New(o Options) *Prober { return &Prober{options: o} }

// Result is what one preflight told.
type Result struct {
	// Request is what a browser would do. That of the stranger, a made-up origin
	// which every target is asked about too, has the name StrangerName.
	Request browser.Request
	Class   Class
	// Allowed is whether a browser would go on after the live answer, and Expected
	// whether it would after the predicted one.
	Allowed, Expected bool
	// Answer is what came back; the zero value when nothing did.
	Answer browser.Answer
	// Message says what was found, in one sentence in lower case without a full stop,
	// the same each time the same is found. Advice says what to do; empty where there
	// is nothing to do.
	Message, Advice string
}

// StrangerName is the name of the request of a made-up origin, which no rule means.
const StrangerName = "stranger"

// Probe asks a target about requests, one after the other, and about one of a
// stranger. The results are in the order of the requests, that of the stranger
// last. After an answer that tells that nobody is there, such as Unreachable, the
// rest is not asked, and not among the results; nor is what ctx leaves no time for.
func (p *Prober) Probe(ctx context.Context, t Target, requests []browser.Request) []Result {
	all := append(slices.Clone(requests), stranger(requests))
	target, err := parseTarget(t.URL)
	if err != nil {
		return []Result{{
			Request: all[0], Class: Unreachable,
			Message: "nothing was sent: " + err.Error(), Advice: "correct the URL",
		}}
	}
	s := newSender(p.options, target)
	q := inquiry{
		target: t, timeout: s.options.Timeout,
		ask: func(a ask) (reply, bool) { return s.send(ctx, a) },
	}
	return q.run(all)
}
