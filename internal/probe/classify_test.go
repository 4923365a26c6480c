// SPDX-License-Identifier: Apache-2.0

// In the package, because what is tested has no network and no exported name.
package probe

import (
	"context"
	"crypto/x509"
	"encoding/xml"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// answering is a place that answers.
type answering func(ask) reply

// header makes headers of names and values.
func header(pairs ...string) http.Header {
	h := http.Header{}
	for pair := range slices.Chunk(pairs, 2) {
		h.Add(pair[0], pair[1])
	}
	return h
}

// bucketOf answers as a bucket does. What is read is a public object.
func bucketOf(p *cors.Policy) answering {
	return func(a ask) reply {
		d := p.Decide(a.Request)
		answer := predictedAnswer(d)
		answer.Header.Set("X-Amz-Request-Id", random())
		if p.Dialect() == cors.AWS {
			answer.Header.Set("Server", "AmazonS3")
		}
		if a.Method != http.MethodOptions {
			return newReply(http.StatusPartialContent, answer.Header, []byte("x"))
		}
		var body []byte
		if d.Code != "" {
			body, _ = xml.Marshal(struct {
				XMLName               xml.Name `xml:"Error"`
				Code, Message, Method string
			}{Code: d.Code, Message: d.Message, Method: d.Method})
		}
		return newReply(d.Status, answer.Header, body)
	}
}

// site answers everything alike, without a trace of S3.
func site(status int, pairs ...string) answering {
	return func(ask) reply {
		return newReply(status, header(pairs...), []byte("<html><body>Welcome</body></html>"))
	}
}

// fails never answers.
func fails(err error) answering { return func(ask) reply { return reply{err: err} } }

// onlyReads is a proxy that answers preflights itself.
func onlyReads(own, bucket answering) answering {
	return func(a ask) reply {
		if a.Method == http.MethodOptions {
			return own(a)
		}
		return bucket(a)
	}
}

// sending is a proxy that changes what it passes on.
func sending(bucket answering, change func(*ask)) answering {
	return func(a ask) reply {
		change(&a)
		return bucket(a)
	}
}

// changing is a proxy that changes what comes back.
func changing(bucket answering, change func(ask, http.Header)) answering {
	return func(a ask) reply {
		r := bucket(a)
		r.Header = r.Header.Clone()
		change(a, r.Header)
		return r
	}
}

// cached is a cache with the key of an ask; an empty key is not cached.
func cached(bucket answering, key func(ask) string) answering {
	kept := map[string]reply{}
	return func(a ask) reply {
		k := key(a)
		if k == "" {
			return bucket(a)
		}
		k += " " + a.word
		if _, ok := kept[k]; !ok {
			kept[k] = bucket(a)
		}
		return kept[k]
	}
}

// varying is a cache that goes by the header Vary of the answers, as HTTP has it.
func varying(bucket answering) answering {
	kept := map[string]reply{}
	return func(a ask) reply {
		if a.Method == http.MethodOptions {
			return bucket(a)
		}
		key := a.Method + " " + a.word
		for _, k := range []string{key, key + " " + a.Origin} {
			if r, ok := kept[k]; ok {
				return r
			}
		}
		r := bucket(a)
		if r.Header.Get("Vary") != "" {
			key += " " + a.Origin
		}
		kept[key] = r
		return r
	}
}

// pathOnly is a cache that does not look at queries.
func pathOnly(cache answering) answering {
	return func(a ask) reply {
		if a.place == freshQuery {
			a.word = ""
		}
		return cache(a)
	}
}

// errorPage is a CDN that has a page of its own for what is refused or missing.
func errorPage(bucket, page answering) answering {
	return func(a ask) reply {
		if r := bucket(a); r.Status < 400 {
			return r
		}
		return page(a)
	}
}

// inquire runs an inquiry, and tells how many asks it took.
func inquire(target Target, at answering, requests ...browser.Request) ([]Result, int) {
	asked := 0
	q := inquiry{target: target, timeout: 5 * time.Second, ask: func(a ask) (reply, bool) {
		asked++
		return at(a), true
	}}
	return q.run(append(requests, stranger(requests))), asked
}

// exposing is a rule with that exposed header.
func exposing(name string) cors.Rule {
	r := uploads
	r.ExposeHeaders = []string{name}
	return r
}

func compiled(t testing.TB, d *cors.Dialect, rules ...cors.Rule) *cors.Policy {
	t.Helper()
	p, err := d.Compile(cors.Configuration{Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const (
	app   = "https://app.example.com"
	admin = "https://admin.example.com"
)

var (
	uploads = cors.Rule{
		ID: "uploads", AllowedOrigins: []string{app, admin}, AllowedMethods: []string{"GET", "PUT"},
		AllowedHeaders: []string{"content-type"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: new(int32(600)),
	}
	everybody = cors.Rule{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}}
	former    = cors.Rule{AllowedOrigins: []string{app}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(60))}

	get    = browser.Request{Name: "read", Origin: app, Method: "GET"}
	put    = browser.Request{Name: "upload", Origin: app, Method: "PUT", Headers: []string{"content-type"}}
	byBoss = browser.Request{Name: "read as admin", Origin: admin, Method: "GET"}

	// What uploads refuses.
	post    = browser.Request{Name: "post", Origin: app, Method: "POST"}
	remove  = browser.Request{Name: "remove", Origin: app, Method: "DELETE"}
	byOther = browser.Request{Name: "read as another", Origin: "https://other.example", Method: "GET"}

	wider   = cors.Rule{AllowedOrigins: []string{app}, AllowedMethods: []string{"GET", "PUT", "POST", "DELETE"}, AllowedHeaders: []string{"*"}}
	foreign = cors.Rule{AllowedOrigins: []string{"https://other.example"}, AllowedMethods: []string{"GET", "POST"}}
)

const s3Error = "<Error><Code>%s</Code><Message>%s</Message><Endpoint>%s</Endpoint></Error>"

func TestClassify(t *testing.T) {
	aws := bucketOf(compiled(t, cors.AWS, uploads))
	regional := func(status int, body string, pairs ...string) answering {
		return func(ask) reply { return newReply(status, header(pairs...), []byte(body)) }
	}
	stripsOrigin := sending(aws, func(a *ask) { a.Origin = "" })
	byURL := func(a ask) string { return a.Method }
	readsByURL := func(a ask) string {
		if a.Method == http.MethodOptions {
			return ""
		}
		return a.Method
	}
	minio := bucketOf(cors.MinIO.NoConfiguration())

	tests := []struct {
		name     string
		at       answering
		dialect  *cors.Dialect // AWS if nil
		rules    []cors.Rule   // uploads if nil
		former   []cors.Rule   // none if nil; empty for no configuration
		unknown  bool          // nothing is predicted
		missing  bool          // that there is no bucket is predicted
		requests []browser.Request
		want     []Class // the stranger's last
		message  string  // of the first that is not as predicted
		advice   string
	}{
		{
			name: "the bucket itself", at: aws, requests: []browser.Request{get, put, byBoss},
			want: []Class{AsPredicted, AsPredicted, AsPredicted, AsPredicted},
		},
		{
			name: "a status of its own is no difference", requests: []browser.Request{get}, want: []Class{AsPredicted, AsPredicted},
			at: func(a ask) reply {
				r := aws(a)
				if r.Status == http.StatusOK {
					r.Status = http.StatusNoContent
				}
				return r
			},
		},
		{
			name: "the order and case of lists are no difference", requests: []browser.Request{put}, want: []Class{AsPredicted, AsPredicted},
			at: changing(aws, func(_ ask, h http.Header) {
				if h.Get("Access-Control-Allow-Methods") != "" {
					h.Set("Access-Control-Allow-Methods", "PUT,GET")
					h.Set("Access-Control-Allow-Headers", "Content-Type")
				}
				h.Set("Vary", "Accept-Encoding")
				h.Set("X-Cache", "Miss from cloudfront")
			}),
		},
		{
			name: "a refusal in other words is no difference", requests: []browser.Request{put}, want: []Class{AsPredicted, AsPredicted},
			at: func(a ask) reply {
				if strings.HasPrefix(a.Origin, madeUp) {
					return site(http.StatusForbidden)(a)
				}
				return aws(a)
			},
		},
		{
			name: "nobody there", at: fails(fmt.Errorf("Options: %w", syscall.ECONNREFUSED)), requests: []browser.Request{get, put},
			want: []Class{Unreachable}, message: "no answer: the connection is refused", advice: "check that the service runs",
		},
		{
			name: "an overloaded service", at: regional(503, fmt.Sprintf(s3Error, "SlowDown", "", "")), requests: []browser.Request{get},
			want: []Class{Unreachable}, message: "the service does not answer: 503 SlowDown came back",
		},
		{
			name: "an address that is not allowed", requests: []browser.Request{get},
			at:   fails(fmt.Errorf("Options: %w", &NotAllowedError{Host: "10.0.0.1", Why: "a private address", Advice: "leave it out"})),
			want: []Class{NotAllowed}, message: "nothing was sent: 10.0.0.1: a private address", advice: "leave it out",
		},
		{
			name: "a redirect to the bucket's region", requests: []browser.Request{get},
			at:   regional(301, fmt.Sprintf(s3Error, "PermanentRedirect", "", ""), "X-Amz-Bucket-Region", "eu-west-1"),
			want: []Class{WrongRegion}, message: "the bucket is in region eu-west-1, and the answer redirects there (301 PermanentRedirect)",
			advice: "use the endpoint of region eu-west-1",
		},
		{
			name: "a redirect whose region is in the document", requests: []browser.Request{get},
			at:   regional(307, fmt.Sprintf(s3Error, "TemporaryRedirect", "", "assets.s3.ap-southeast-2.amazonaws.com")),
			want: []Class{WrongRegion}, message: "region ap-southeast-2",
		},
		{
			name: "a redirect that does not tell the region", requests: []browser.Request{get},
			at:   regional(307, fmt.Sprintf(s3Error, "TemporaryRedirect", "", "")),
			want: []Class{WrongRegion}, message: "the bucket is in another region",
		},
		{
			name: "a redirect of somebody else", at: site(308, "Location", "https://www.example.com/x?signature=secret"), requests: []browser.Request{get},
			want:    []Class{NotS3},
			message: "it is not S3 that answers: the preflight is redirected to https://www.example.com (308 Permanent Redirect), which browsers do not follow",
		},
		{
			name: "a bucket that is gone", at: bucketOf(cors.VersityGW.MissingBucket()), requests: []browser.Request{get, put},
			want: []Class{BucketMissing}, message: "there is no such bucket (404 NoSuchBucket)",
		},
		{
			name: "a bucket that is gone, on Amazon S3", at: bucketOf(cors.AWS.MissingBucket()), requests: []browser.Request{get},
			want: []Class{BucketMissing}, message: "there is no such bucket (403 AccessForbidden)",
		},
		{
			name: "a web site", at: site(405, "Server", "nginx"), requests: []browser.Request{get, put},
			want: []Class{NotS3}, message: "nothing there answers like S3: the preflight gets 405 Method Not Allowed", advice: "check the URL",
		},
		{
			name: "a web site that refuses what has to be refused", at: site(405), requests: nil,
			want: []Class{NotS3}, message: "nothing there answers like S3",
		},
		{
			name: "a proxy that strips Origin", at: stripsOrigin, requests: []browser.Request{get, put},
			want:    []Class{OriginStripped, OriginStripped, OriginStripped},
			message: "the preflight reaches the bucket without its header Origin", advice: "have the proxy or CDN pass on Origin",
		},
		{
			name: "a CloudFront distribution that strips Origin", requests: []browser.Request{put},
			at:   changing(stripsOrigin, func(_ ask, h http.Header) { h.Set("X-Cache", "Error from cloudfront") }),
			want: []Class{OriginStripped, OriginStripped}, message: "without its header Origin", advice: "CloudFront: attach the managed origin request policy CORS-S3Origin",
		},
		{
			name: "a proxy that strips Origin, and nothing is predicted", at: stripsOrigin, unknown: true, requests: []browser.Request{get},
			want: []Class{OriginStripped, OriginStripped}, message: "without its header Origin",
		},
		{
			name: "a proxy that strips the requested headers", requests: []browser.Request{get, put},
			at:   sending(aws, func(a *ask) { a.RequestHeaders = "" }),
			want: []Class{AsPredicted, OriginStripped, AsPredicted}, message: "without its header Access-Control-Request-Headers",
		},
		{
			name: "a proxy that strips the requested method", requests: []browser.Request{put},
			at: changing(sending(aws, func(a *ask) {
				if a.Method == http.MethodOptions {
					a.RequestMethod = ""
				}
			}), func(_ ask, h http.Header) { h.Set("Server", "AmazonS3") }),
			want: []Class{OriginStripped, AsPredicted}, message: "without its header Access-Control-Request-Method",
		},
		{
			name: "a proxy that strips Origin off reads", requests: []browser.Request{get, put},
			at: sending(aws, func(a *ask) {
				if a.Method != http.MethodOptions {
					a.Origin = ""
				}
			}),
			want: []Class{OriginStripped, AsPredicted, AsPredicted}, message: "preflights are answered as predicted, but GET is answered without",
		},
		{
			name: "a cache of everything by URL", at: cached(aws, byURL), requests: []browser.Request{get, byBoss},
			want:    []Class{AsPredicted, CacheUnkeyed, CacheUnkeyed},
			message: "a cache in front of the bucket does not tell origins apart", advice: "put the header Origin into the key of the cache",
		},
		{
			name: "a cache of everything by URL, and nothing is predicted", at: cached(aws, byURL), requests: []browser.Request{get, byBoss}, unknown: true,
			want: []Class{AsPredicted, CacheUnkeyed, CacheUnkeyed}, message: "does not tell origins apart",
		},
		{
			name: "a cache of reads by URL", at: cached(aws, readsByURL), requests: []browser.Request{put, get},
			want: []Class{AsPredicted, CacheUnkeyed, AsPredicted}, message: "does not tell origins apart",
		},
		{
			name: "a cache of reads by URL, with an answer for none in it", requests: []browser.Request{get},
			at: func() answering {
				c := cached(aws, readsByURL)
				c(read(http.MethodGet, ""))
				return c
			}(),
			want: []Class{CacheUnkeyed, AsPredicted}, message: "it answers one with what it kept for another, or for none",
		},
		{
			name: "a cache of reads by URL, where everybody may read", rules: []cors.Rule{everybody}, requests: []browser.Request{get},
			at:   cached(bucketOf(compiled(t, cors.AWS, everybody)), readsByURL),
			want: []Class{CacheUnkeyed, AsPredicted}, message: "does not tell origins apart",
		},
		{
			name: "a cache of reads by origin", at: cached(aws, func(a ask) string { return readsByURL(a) + " " + a.Origin }), requests: []browser.Request{get, byBoss},
			want: []Class{AsPredicted, AsPredicted, AsPredicted},
		},
		{
			name: "a cache that keeps preflights of before", requests: []browser.Request{put},
			at: func() answering {
				now := bucketOf(compiled(t, cors.AWS, everybody))
				c := cached(func(a ask) reply { return now(a) }, func(a ask) string { return fmt.Sprint(a.Request) })
				for _, r := range []browser.Request{get, put} {
					c(preflight(r))
				}
				now = aws
				return c
			}(),
			want: []Class{CacheUnkeyed, AsPredicted}, message: "from before the last change",
		},
		{
			name: "a proxy that answers preflights for everybody", requests: []browser.Request{get, put},
			at:      onlyReads(site(204, "Access-Control-Allow-Origin", "*", "Access-Control-Allow-Methods", "GET, PUT", "Server", "nginx"), aws),
			want:    []Class{ProxyAnswers, ProxyAnswers, ProxyAnswers},
			message: "something in front of the bucket answers preflights itself (204 No Content)", advice: "nginx: remove the block that answers OPTIONS",
		},
		{
			name: "a proxy that answers preflights for everybody, and nothing is predicted", requests: []browser.Request{get}, unknown: true,
			at:   onlyReads(site(204, "Access-Control-Allow-Origin", "*", "Access-Control-Allow-Methods", "GET, PUT"), aws),
			want: []Class{AsPredicted, ProxyAnswers}, message: "something in front of the bucket answers preflights itself",
		},
		{
			name: "a proxy that does not let OPTIONS through", requests: []browser.Request{put}, at: onlyReads(site(405), aws),
			want: []Class{ProxyAnswers, AsPredicted}, message: "answers preflights itself (405 Method Not Allowed)", advice: "pass OPTIONS",
		},
		{
			name: "a proxy that sets one origin for all", requests: []browser.Request{get, byBoss},
			at:   changing(aws, func(_ ask, h http.Header) { h.Set("Access-Control-Allow-Origin", app) }),
			want: []Class{AsPredicted, ProxyAnswers, AsPredicted}, message: `every answer has Access-Control-Allow-Origin "https://app.example.com", whoever asks`,
		},
		{
			name: "a proxy that replaces the origin by a star", requests: []browser.Request{put},
			at: changing(aws, func(_ ask, h http.Header) {
				if h.Get("Access-Control-Allow-Origin") != "" {
					h.Set("Access-Control-Allow-Origin", "*")
				}
			}),
			want: []Class{ProxyAnswers, AsPredicted}, message: `the answer has Access-Control-Allow-Origin "*", where the bucket names the origin that asks`,
		},
		{
			name: "a proxy that adds an origin", requests: []browser.Request{put},
			at:   changing(aws, func(_ ask, h http.Header) { h.Add("Access-Control-Allow-Origin", "*") }),
			want: []Class{ProxyAnswers, AsPredicted}, message: "the answer has 2 headers Access-Control-Allow-Origin, and browsers take one",
			advice: "leave the Access-Control headers to the bucket",
		},
		{
			name: "a proxy that lets everybody read", requests: []browser.Request{get},
			at: changing(aws, func(a ask, h http.Header) {
				if a.Method != http.MethodOptions && a.Origin != "" {
					h.Set("Access-Control-Allow-Origin", a.Origin)
				}
			}),
			want: []Class{ProxyAnswers, AsPredicted}, message: "GET also lets in origins that no rule allows",
		},
		{
			name: "a server with a default for everybody", at: minio, requests: []browser.Request{get, put},
			want: []Class{AsPredicted, AsPredicted, VendorDefault}, message: "the server lets in origins that no rule allows", advice: "MINIO_API_CORS_ALLOW_ORIGIN",
		},
		{
			name: "a server with a default for everybody, as expected", at: minio, dialect: cors.MinIO, rules: []cors.Rule{}, requests: []browser.Request{get, put},
			want: []Class{AsPredicted, AsPredicted, AsPredicted},
		},
		{
			name: "the configuration before", at: bucketOf(compiled(t, cors.AWS, former)), former: []cors.Rule{former}, requests: []browser.Request{get, put},
			want: []Class{Stale, Stale, AsPredicted}, message: "the answer is that of the configuration before the last change",
			advice: "wait two minutes; if the rules were never applied, apply them",
		},
		{
			name: "the configuration before, which let in everybody", at: bucketOf(compiled(t, cors.AWS, everybody)), former: []cors.Rule{everybody},
			requests: []browser.Request{get}, want: []Class{Stale, Stale},
		},
		{
			name: "no configuration yet", at: bucketOf(cors.AWS.NoConfiguration()), requests: []browser.Request{get, put},
			want: []Class{Stale, Stale, Stale}, message: "the answer is that of a bucket without a CORS configuration",
		},
		{
			name: "no configuration, where none is predicted", at: bucketOf(cors.AWS.NoConfiguration()), rules: []cors.Rule{}, requests: []browser.Request{get},
			want: []Class{AsPredicted, AsPredicted},
		},
		{
			name: "no configuration, and nothing is predicted", at: bucketOf(cors.AWS.NoConfiguration()), unknown: true, requests: []browser.Request{get},
			want: []Class{Unexplained, AsPredicted}, message: "a browser does not go on, because the bucket has no CORS configuration",
		},
		{
			name: "another rule", rules: []cors.Rule{uploads, {AllowedOrigins: []string{"https://*.example.com"}, AllowedMethods: []string{"GET", "DELETE"}}},
			at: bucketOf(compiled(t, cors.AWS,
				cors.Rule{AllowedOrigins: []string{"https://*.example.com"}, AllowedMethods: []string{"GET", "DELETE"}}, uploads)),
			requests: []browser.Request{get, put}, want: []Class{AnotherRule, AsPredicted, AsPredicted},
			message: `the answer is that of rules[1], where rule "uploads" should`,
		},
		{
			name: "a configuration that nobody knows", at: bucketOf(compiled(t, cors.AWS, former)), requests: []browser.Request{get, put},
			want:    []Class{Unexplained, Unexplained, AsPredicted},
			message: `the answer is another than predicted: Access-Control-Allow-Methods is "GET", not "GET, PUT"; Access-Control-Max-Age is "60", not "600"`,
		},
		{
			name: "a bucket whose rules allow more methods, on Amazon S3", at: bucketOf(compiled(t, cors.AWS, wider)),
			requests: []browser.Request{put, post, remove}, want: []Class{Unexplained, Unexplained, Unexplained, AsPredicted},
			message: "the bucket has other rules than the ones compared with", advice: "if the rules were just applied, wait two minutes; if they were never applied, apply them;",
		},
		{
			name: "a bucket whose rules allow more methods", at: bucketOf(compiled(t, cors.VersityGW, wider)), dialect: cors.VersityGW,
			requests: []browser.Request{put, post, remove}, want: []Class{Unexplained, Unexplained, Unexplained, AsPredicted},
			message: "the bucket has other rules than the ones compared with", advice: "whether the URL leads to that bucket",
		},
		{
			name: "another bucket, which lets in another origin", at: bucketOf(compiled(t, cors.VersityGW, foreign)), dialect: cors.VersityGW,
			requests: []browser.Request{put, get, byOther}, want: []Class{Unexplained, Unexplained, Unexplained, AsPredicted},
			message: "the bucket has other rules than the ones compared with", advice: "get-bucket-cors",
		},
		{
			name: "a bucket that lets in one origin where all are meant", dialect: cors.VersityGW, rules: []cors.Rule{everybody},
			at: bucketOf(compiled(t, cors.VersityGW, uploads)), requests: []browser.Request{get, byOther, put},
			want:    []Class{Unexplained, Unexplained, Unexplained, Unexplained},
			message: "the bucket has other rules than the ones compared with", advice: "if they were never applied, apply them",
		},
		{
			name: "a bucket that lets in one origin where all are meant, in the same words", rules: []cors.Rule{everybody},
			at:       bucketOf(compiled(t, cors.AWS, cors.Rule{AllowedOrigins: []string{app}, AllowedMethods: []string{"GET"}})),
			requests: []browser.Request{get, byOther}, want: []Class{Unexplained, Unexplained, Unexplained},
			message: "the bucket has other rules than the ones compared with",
		},
		{
			name: "a bucket that lets in everybody, on Amazon S3, which has no default", at: bucketOf(compiled(t, cors.AWS, everybody)),
			requests: []browser.Request{byOther}, want: []Class{Unexplained, Unexplained}, message: "the bucket has other rules than the ones compared with",
		},
		{
			name: "a server with a default for everybody, and one that refuses what should be allowed", dialect: cors.VersityGW,
			at: func(a ask) reply {
				if a.RequestMethod == "PUT" {
					return bucketOf(compiled(t, cors.VersityGW, former))(a)
				}
				return minio(a)
			},
			requests: []browser.Request{put, get, byOther}, want: []Class{Unexplained, VendorDefault, VendorDefault, AsPredicted},
			message: `rule "uploads" should allow it, and a browser does not go on`,
		},
		{
			name: "a server with a default for everybody, and strangers are asked with another method", at: minio, requests: []browser.Request{byOther, post},
			want: []Class{VendorDefault, VendorDefault, VendorDefault}, message: "the server lets in origins that no rule allows",
			advice: "check the dialect (--dialect here, spec.dialect of the BucketProvider)",
		},
		{
			name: "a method of no rule, and nothing is predicted", at: aws, unknown: true, requests: []browser.Request{{Origin: app, Method: "PATCH"}},
			want: []Class{Unexplained, AsPredicted}, message: `no rule of S3 can allow the method "PATCH"`, advice: "use one of GET, PUT, POST, DELETE, HEAD",
		},
		{
			name: "a refusal that has two reasons, and nothing is predicted", at: bucketOf(cors.Garage.NoConfiguration()), unknown: true, requests: []browser.Request{put},
			want: []Class{Unexplained, AsPredicted}, message: "a browser does not go on: the bucket refuses the preflight (403 AccessDenied)",
			advice: "with -f",
		},
		{
			name: "a difference in what only later answers are for", requests: []browser.Request{put}, want: []Class{AsPredicted, AsPredicted},
			at: changing(aws, func(_ ask, h http.Header) { h.Del("Access-Control-Expose-Headers") }),
		},
		{
			name: "what was guessed", rules: []cors.Rule{{AllowedOrigins: []string{"*", app}, AllowedMethods: []string{"GET"}}}, requests: []browser.Request{get},
			at:   bucketOf(compiled(t, cors.AWS, cors.Rule{AllowedOrigins: []string{app}, AllowedMethods: []string{"GET"}}, everybody)),
			want: []Class{AsPredicted, AsPredicted},
		},
		{
			name: "what was guessed, and decides who gets through", rules: []cors.Rule{{AllowedOrigins: []string{"null"}, AllowedMethods: []string{"GET"}}},
			at: aws, requests: []browser.Request{{Origin: "null", Method: "GET"}},
			want:    []Class{Unexplained, AsPredicted},
			message: `rules[0] should allow it, and a browser does not go on: the bucket refuses the preflight (403 AccessForbidden); what the server does here was not certain: the origin "null"`,
		},
		{
			name: "settings other than the defaults", at: aws, dialect: cors.MinIO, rules: []cors.Rule{}, requests: nil, want: []Class{AsPredicted},
		},
		{
			name: "no configuration, on a server that says no more", dialect: cors.CephRGW, at: bucketOf(cors.CephRGW.NoConfiguration()),
			requests: []browser.Request{put}, want: []Class{Stale, AsPredicted},
			message: "the answer is that of a bucket without a CORS configuration, or with one that does not allow this",
		},
		{
			name: "the configuration before, which exposed other headers", requests: []browser.Request{put},
			at: bucketOf(compiled(t, cors.AWS, exposing("Content-Range"))), former: []cors.Rule{exposing("Content-Range")}, rules: []cors.Rule{exposing("ETag")},
			want: []Class{Stale, AsPredicted},
		},
		{
			name: "a bucket that is gone, as expected", at: bucketOf(cors.AWS.MissingBucket()), missing: true, requests: []browser.Request{get},
			want: []Class{AsPredicted, AsPredicted},
		},
		{
			name: "a bucket that is gone, on a server that lets in everybody then", requests: nil,
			at:   onlyReads(bucketOf(cors.Garage.MissingBucket()), regional(404, fmt.Sprintf(s3Error, "NoSuchBucket", "", ""))),
			want: []Class{BucketMissing}, message: "there is no such bucket, as a GET shows",
		},
		{
			name: "many answers that nobody knows", at: bucketOf(compiled(t, cors.AWS, former)), requests: slices.Repeat([]browser.Request{put}, 30),
			want: append(slices.Repeat([]Class{Unexplained}, 30), AsPredicted),
		},
		{
			name: "many answers from a cache", at: cached(aws, byURL), requests: append([]browser.Request{get}, slices.Repeat([]browser.Request{byBoss}, 30)...),
			want: append([]Class{AsPredicted}, slices.Repeat([]Class{CacheUnkeyed}, 31)...),
		},
		{
			name: "a cache that says so", requests: []browser.Request{byBoss}, want: []Class{CacheUnkeyed, AsPredicted},
			at: changing(aws, func(_ ask, h http.Header) {
				h.Set("Access-Control-Allow-Origin", app)
				h.Set("Age", "30")
			}),
		},
		{
			name: "a cache of reads that says so", requests: []browser.Request{get}, want: []Class{CacheUnkeyed, AsPredicted},
			at: changing(aws, func(a ask, h http.Header) {
				if a.Method == http.MethodGet {
					h.Del("Access-Control-Allow-Origin")
					h.Set("X-Cache", "Hit from cloudfront")
				}
			}),
			advice: "CloudFront: use a cache policy",
		},
		{
			name: "an answer that becomes right meanwhile", requests: []browser.Request{put}, want: []Class{Unexplained, AsPredicted},
			at: func() answering {
				old := bucketOf(compiled(t, cors.AWS, former))
				return func(a ask) reply {
					defer func() { old = aws }()
					return old(a)
				}
			}(),
		},
		{
			name: "reads that become right meanwhile", requests: []browser.Request{get}, want: []Class{AsPredicted, AsPredicted},
			at: func() answering {
				reads := 0
				return changing(aws, func(a ask, h http.Header) {
					if a.Method == http.MethodGet && a.Origin == app && a.place == plain {
						if reads++; reads <= 1 {
							h.Del("Access-Control-Allow-Origin")
						}
					}
				})
			}(),
		},
		{
			name: "a proxy that answers preflights without a word of CORS", dialect: cors.SeaweedFS, requests: []browser.Request{put},
			at:   onlyReads(site(200), bucketOf(compiled(t, cors.SeaweedFS, uploads))),
			want: []Class{ProxyAnswers, ProxyAnswers}, message: "answers preflights itself (200 OK)",
		},
		{
			name: "a server that strips Origin, and answers without it", dialect: cors.SeaweedFS, requests: []browser.Request{put},
			at:   sending(bucketOf(compiled(t, cors.SeaweedFS, uploads)), func(a *ask) { a.Origin = "" }),
			want: []Class{OriginStripped, OriginStripped},
		},
		{
			name: "other headers than were asked for", requests: []browser.Request{put}, want: []Class{Unexplained, AsPredicted},
			at: changing(aws, func(_ ask, h http.Header) { h.Set("Access-Control-Allow-Headers", "x-other") }),
		},
		{
			name: "a proxy that lets everybody read what everybody may", rules: []cors.Rule{everybody}, requests: []browser.Request{get},
			at: changing(bucketOf(compiled(t, cors.AWS, everybody)), func(a ask, h http.Header) {
				if a.Method == http.MethodGet {
					h.Set("Access-Control-Allow-Origin", "*")
				}
			}),
			want: []Class{AsPredicted, AsPredicted},
		},
		{
			name: "a proxy that sets the one origin that there is", requests: []browser.Request{get}, want: []Class{AsPredicted, AsPredicted},
			at: changing(aws, func(_ ask, h http.Header) { h.Set("Access-Control-Allow-Origin", app) }),
		},
		{
			name: "a proxy that sets the one origin that is asked for, and nothing is predicted", unknown: true, requests: []browser.Request{get},
			at:   changing(aws, func(a ask, h http.Header) { h.Set("Access-Control-Allow-Origin", app) }),
			want: []Class{AsPredicted, AsPredicted},
		},
		{
			name: "a proxy that answers preflights, before a bucket that anybody may list", requests: []browser.Request{put},
			at:   onlyReads(site(405), regional(200, "<ListBucketResult><Name>assets</Name><Contents><Key>cut off")),
			want: []Class{ProxyAnswers, AsPredicted},
		},
		{
			name: "a proxy that sets one origin on what it reads and finds", requests: []browser.Request{get, byBoss},
			at: func(a ask) reply {
				r := aws(a)
				switch {
				case a.Method == http.MethodOptions:
				case a.place == freshPath:
					return regional(404, fmt.Sprintf(s3Error, "NoSuchKey", "", ""))(a)
				default:
					r.Header.Set("Access-Control-Allow-Origin", app)
				}
				return r
			},
			want: []Class{ProxyAnswers, ProxyAnswers, AsPredicted}, message: "whoever asks",
		},
		{
			name: "the web page of a firewall, with the status of before", dialect: cors.CephRGW, former: []cors.Rule{former},
			at:       onlyReads(site(403), bucketOf(compiled(t, cors.CephRGW, uploads))),
			requests: []browser.Request{put}, want: []Class{ProxyAnswers, AsPredicted},
		},
		{
			name: "an error of the service where the refusal was guessed", at: regional(500, fmt.Sprintf(s3Error, "InternalError", "", "")),
			requests: []browser.Request{{Origin: "null", Method: "GET"}},
			want:     []Class{Unexplained, Unexplained}, message: "a browser does not go on, as the rules say, and yet the answer is another than predicted: 500 InternalError",
		},
		{
			name: "an error of the service", at: regional(500, fmt.Sprintf(s3Error, "InternalError", "", "")), requests: []browser.Request{put},
			want: []Class{Unexplained, Unexplained}, message: "the bucket refuses the preflight (500 InternalError)",
		},
		{
			name: "a cache by URL that goes by Vary, which S3 sends to origins alone", at: varying(aws), requests: []browser.Request{get, byBoss},
			want: []Class{CacheUnkeyed, CacheUnkeyed, AsPredicted}, message: "what it kept for another origin, for none",
		},
		{
			name: "a cache by URL that goes by Vary, which all answers have", requests: []browser.Request{get, byBoss},
			at:   varying(changing(aws, func(_ ask, h http.Header) { h.Set("Vary", "Origin") })),
			want: []Class{AsPredicted, AsPredicted, AsPredicted},
		},
		{
			name: "a cache that does not look at the query, and keeps errors", requests: []browser.Request{get}, want: []Class{CacheUnkeyed, AsPredicted},
			at:      changing(pathOnly(cached(aws, readsByURL)), func(_ ask, h http.Header) { h.Set("Via", "1.1 abc.cloudfront.net (CloudFront)") }),
			message: "does not tell origins apart", advice: "CloudFront: use a cache policy",
		},
		{
			name: "a cache of reads by URL, before a bucket for everybody, without another key", rules: []cors.Rule{everybody}, requests: []browser.Request{get},
			at:   pathOnly(cached(bucketOf(compiled(t, cors.AWS, everybody)), readsByURL)),
			want: []Class{CacheUnkeyed, AsPredicted},
		},
		{
			name: "a Varnish that does not tell origins apart", requests: []browser.Request{get}, want: []Class{CacheUnkeyed, AsPredicted},
			at: changing(varying(aws), func(_ ask, h http.Header) { h.Set("X-Varnish", "32770 3") }), advice: "hash_data(req.http.Origin)",
		},
		{
			name: "a server that names all its answers alike", rules: []cors.Rule{everybody}, requests: []browser.Request{get},
			at: changing(bucketOf(compiled(t, cors.AWS, everybody)), func(a ask, h http.Header) {
				h.Set("X-Amz-Request-Id", "4442587FB7D0A2F9")
				if a.Method == http.MethodGet {
					h.Set("Access-Control-Allow-Origin", "*")
				}
			}),
			want: []Class{AsPredicted, AsPredicted},
		},
		{
			name: "a limit of reads", requests: []browser.Request{get}, want: []Class{AsPredicted, AsPredicted},
			at: func() answering {
				reads := 0
				return func(a ask) reply {
					if a.Method == http.MethodGet {
						if reads++; reads%2 == 1 {
							return site(http.StatusTooManyRequests)(a)
						}
					}
					return aws(a)
				}
			}(),
		},
		{
			name: "a CDN whose page for errors is the application", requests: []browser.Request{{Origin: app, Method: "DELETE"}, put},
			at:   errorPage(aws, site(http.StatusOK, "Server", "AmazonS3", "X-Amz-Request-Id", "1", "X-Cache", "Error from cloudfront")),
			want: []Class{AsPredicted, AsPredicted, AsPredicted},
		},
		{
			name: "a proxy whose page for errors is its own", requests: []browser.Request{put}, at: errorPage(aws, site(http.StatusOK)),
			want: []Class{AsPredicted, AsPredicted},
		},
		{
			name: "a proxy whose page for errors is its own, and nothing is predicted", requests: []browser.Request{put}, at: errorPage(aws, site(http.StatusOK)),
			unknown: true, want: []Class{AsPredicted, AsPredicted},
		},
		{
			name: "a service that does not look like S3", requests: []browser.Request{{Origin: app, Method: "DELETE"}, put, get},
			at: func(a ask) reply {
				r := aws(a)
				if a.Method != http.MethodOptions {
					r = site(http.StatusNotFound)(a)
				}
				if r.Status >= 400 {
					r = site(r.Status)(a)
				}
				r.Header.Del("X-Amz-Request-Id")
				r.Header.Set("Server", "cloudflare")
				return r
			},
			want: []Class{AsPredicted, AsPredicted, AsPredicted, AsPredicted},
		},
		{
			name: "a service that does not look like S3 and lets in everybody, and nothing is predicted", requests: []browser.Request{get}, unknown: true,
			at: func(a ask) reply {
				if a.Method != http.MethodOptions {
					return site(http.StatusNotFound)(a)
				}
				return newReply(http.StatusNoContent, header("Access-Control-Allow-Origin", "*", "Access-Control-Allow-Methods", "GET"), nil)
			},
			want: []Class{AsPredicted, AsPredicted},
		},
		{
			name: "a service that does not look like S3, and refuses what it should allow", requests: []browser.Request{get, put},
			at: func(a ask) reply {
				if a.Method != http.MethodOptions || a.RequestMethod == "PUT" {
					return site(http.StatusForbidden)(a)
				}
				return aws(a)
			},
			want: []Class{AsPredicted, Unexplained, AsPredicted}, message: "the preflight gets 403 Forbidden",
		},
		{
			name: "many answers with one origin for all", requests: slices.Repeat([]browser.Request{byBoss}, 30),
			at:   changing(aws, func(_ ask, h http.Header) { h.Set("Access-Control-Allow-Origin", app) }),
			want: append(slices.Repeat([]Class{ProxyAnswers}, 30), AsPredicted),
		},
		{
			name: "a server of the dialect, which allows the same in other words", dialect: cors.VersityGW, requests: []browser.Request{put},
			at:   changing(bucketOf(compiled(t, cors.VersityGW, uploads)), func(_ ask, h http.Header) { h.Set("Access-Control-Max-Age", "1") }),
			want: []Class{Unexplained, AsPredicted}, message: `Access-Control-Max-Age is "1", not "600"`,
		},
		{
			name: "another server than Amazon S3, which allows the same in other words", requests: []browser.Request{get, put},
			at: changing(aws, func(a ask, h http.Header) {
				h.Set("Server", "nginx")
				if h.Get("Access-Control-Allow-Methods") != "" {
					h.Set("Access-Control-Allow-Methods", a.RequestMethod)
				}
			}),
			want: []Class{AsPredicted, AsPredicted, AsPredicted},
		},
		{
			name: "a proxy that names the origin where the bucket says all", rules: []cors.Rule{everybody}, requests: []browser.Request{get},
			at:   changing(bucketOf(compiled(t, cors.AWS, everybody)), func(a ask, h http.Header) { h.Set("Access-Control-Allow-Origin", a.Origin) }),
			want: []Class{ProxyAnswers, ProxyAnswers}, message: `where the bucket says "*": something in front of the bucket replaces the header`,
		},
		{
			name: "a proxy that names whoever reads", requests: []browser.Request{get, byBoss},
			at: changing(aws, func(a ask, h http.Header) {
				if a.Origin != "" {
					h.Set("Access-Control-Allow-Origin", a.Origin)
				}
			}),
			want: []Class{ProxyAnswers, ProxyAnswers, AsPredicted}, message: "GET also lets in origins that no rule allows",
		},
		{
			name: "a proxy that removes the header", requests: []browser.Request{put},
			at:   changing(aws, func(_ ask, h http.Header) { h.Del("Access-Control-Allow-Origin") }),
			want: []Class{ProxyAnswers, AsPredicted}, message: "something in front of the bucket removes the header", advice: "leave the Access-Control headers to the bucket",
		},
		{
			name: "a CloudFront distribution without OPTIONS", requests: []browser.Request{put},
			at:   onlyReads(site(http.StatusForbidden, "Server", "CloudFront", "X-Cache", "Error from cloudfront"), aws),
			want: []Class{ProxyAnswers, AsPredicted}, message: "answers preflights itself (403 Forbidden)", advice: "CloudFront: add OPTIONS to the allowed methods",
		},
		{
			name: "a login in front of everything", at: site(http.StatusUnauthorized), requests: []browser.Request{put},
			want: []Class{NotS3}, message: "the preflight gets 401 Unauthorized", advice: "wants a login",
		},
		{
			name: "a redirect to another path", at: site(302, "Location", "https://CDN.example.com/en/logo"), requests: []browser.Request{get},
			want: []Class{NotS3}, message: "the preflight is redirected to another path (302 Found)",
		},
		{
			name: "a redirect to another scheme", at: site(301, "Location", "http://cdn.example.com/assets/logo"), requests: []browser.Request{get},
			want: []Class{NotS3}, message: "the preflight is redirected to http://cdn.example.com (301 Moved Permanently)",
		},
		{
			name: "a CDN that does not reach the bucket", at: site(522, "Server", "cloudflare"), requests: []browser.Request{get},
			want: []Class{Unreachable}, message: "the service does not answer: 522 came back",
		},
		{
			name: "a website endpoint without its bucket", at: site(404, "X-Amz-Error-Code", "NoSuchBucket", "X-Amz-Request-Id", "1"), requests: []browser.Request{get},
			want: []Class{BucketMissing}, message: "there is no such bucket (404 NoSuchBucket)",
		},
		{
			name: "an answer that a browser accepts, and nothing is predicted", at: aws, unknown: true, requests: []browser.Request{get},
			want: []Class{AsPredicted, AsPredicted},
		},
		{
			name: "an answer that a browser does not accept, and nothing is predicted", at: aws, unknown: true,
			requests: []browser.Request{{Origin: app, Method: "DELETE"}}, want: []Class{Unexplained, AsPredicted},
			message: "a browser does not go on: the bucket refuses the preflight (403 AccessForbidden)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dialect, rules := tt.dialect, tt.rules
			if dialect == nil {
				dialect = cors.AWS
			}
			if rules == nil {
				rules = []cors.Rule{uploads}
			}
			target := Target{URL: "https://cdn.example.com/assets/logo"}
			switch {
			case tt.unknown:
			case tt.missing:
				target.Predicted = dialect.MissingBucket()
			case len(rules) == 0:
				target.Predicted = dialect.NoConfiguration()
			default:
				target.Predicted = compiled(t, dialect, rules...)
			}
			if tt.former != nil {
				target.Former = []*cors.Policy{compiled(t, dialect, tt.former...)}
			}
			results, asked := inquire(target, tt.at, tt.requests...)
			var classes []Class
			first := -1
			for i, r := range results {
				classes = append(classes, r.Class)
				if first < 0 && r.Class != AsPredicted {
					first = i
				}
				if strings.Contains(r.Message+r.Advice, "cors-probe-") {
					t.Errorf("a word that changes: %s; %s", r.Message, r.Advice)
				}
				if (r.Class == AsPredicted) != (r.Advice == "") || r.Message == "" {
					t.Errorf("%s: %q, advice %q", r.Class, r.Message, r.Advice)
				}
				if testing.Verbose() {
					t.Logf("%s %s: %s\n   -> %s", r.Request.Name, r.Class, r.Message, r.Advice)
				}
			}
			if !slices.Equal(classes, tt.want) {
				for _, r := range results {
					t.Logf("%s %s: %s", r.Request.Name, r.Class, r.Message)
				}
				t.Fatalf("%q, want %q", classes, tt.want)
			}
			if most := maxExtra + len(results); asked > most {
				t.Errorf("asked %d times", asked)
			}
			if first < 0 {
				return
			}
			if r := results[first]; !strings.Contains(r.Message, tt.message) || !strings.Contains(r.Advice, tt.advice) {
				t.Errorf("%q\nwant %q\nadvice %q\nwant %q", r.Message, tt.message, r.Advice, tt.advice)
			}
		})
	}
}

// A cache that does not tell origins apart gives what it keeps to pages. So what may
// not be read is not asked at the URL itself, nor its preflight before those of what
// may.
func TestCachesAreNotLeftWorse(t *testing.T) {
	p := compiled(t, cors.AWS, uploads)
	denied := browser.Request{Name: "denied", Origin: "https://elsewhere.example", Method: "GET"}
	for name, tt := range map[string]struct {
		at    answering
		apart place // where others than those that may are asked
		asks  int
	}{
		"the bucket":                            {bucketOf(p), freshQuery, 11},
		"a cache that does not look at queries": {pathOnly(varying(bucketOf(p))), freshPath, 12},
	} {
		t.Run(name, func(t *testing.T) {
			var asks []ask
			results, _ := inquire(Target{Predicted: p}, func(a ask) reply {
				asks = append(asks, a)
				return tt.at(a)
			}, denied, get, put, byBoss)
			var names []string
			for _, r := range results {
				names = append(names, r.Request.Name)
			}
			if want := []string{denied.Name, get.Name, put.Name, byBoss.Name, StrangerName}; !slices.Equal(names, want) {
				t.Errorf("results %q, want %q", names, want)
			}
			word := ""
			for i, a := range asks[:tt.asks] {
				allowed := len(termsOf(predictedAnswer(p.Decide(a.Request)).Header).origins) > 0
				switch {
				case a.Method == http.MethodOptions:
					if allowed != (i < 3) {
						t.Errorf("preflight %d is from %s", i, a.Origin)
					}
				case allowed:
				case a.place != tt.apart:
					t.Errorf("place %d is read as %q", a.place, a.Origin)
				case word == "":
					word = a.word
				case a.word != word:
					t.Errorf("%q is not the place that was asked before", a.word)
				}
			}
			if word == "" {
				t.Error("nobody else was asked for")
			}
		})
	}
}

// Whatever the dialect, its own answers are as predicted, and so are those that come
// through a proxy that changes nothing that matters.
func TestEveryDialectIsAsItPredicts(t *testing.T) {
	requests := []browser.Request{
		get, put, byBoss,
		{Origin: "https://other.example.com", Method: "GET"},
		{Origin: app, Method: "PATCH"},
		{Origin: app, Method: "PUT", Headers: []string{"x-other"}},
		{Origin: "null", Method: "GET"},
		{Origin: app, Method: "HEAD"},
		{Origin: app, Method: "GET", Credentials: true},
	}
	configurations := map[string][]cors.Rule{
		"one rule":       {uploads},
		"two rules":      {former, uploads},
		"for everybody":  {everybody},
		"both":           {uploads, everybody},
		"no rules":       {},
		"a single route": {{AllowedOrigins: []string{app}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{"*"}}},
	}
	for _, d := range cors.Dialects() {
		for name, rules := range configurations {
			t.Run(d.Name()+", "+name, func(t *testing.T) {
				p := d.NoConfiguration()
				if len(rules) > 0 && d != cors.MinIO {
					p = compiled(t, d, rules...)
				}
				results, _ := inquire(Target{Predicted: p, Former: []*cors.Policy{d.NoConfiguration()}}, bucketOf(p), requests...)
				if len(results) != len(requests)+1 {
					t.Errorf("%d results of %d", len(results), len(requests)+1)
				}
				for _, r := range results {
					if r.Class != AsPredicted || r.Allowed != r.Expected {
						t.Errorf("%+v: %s, allowed %v, expected %v: %s", r.Request, r.Class, r.Allowed, r.Expected, r.Message)
					}
				}
			})
		}
	}
}

func TestUnansweredIsToldInWordsThatStay(t *testing.T) {
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 41234}, Err: err}
	}
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"refused":        {dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), "no answer: the connection is refused"},
		"no route":       {dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), "no answer: no route to host"},
		"reset":          {dial(os.NewSyscallError("read", syscall.ECONNRESET)), "no answer: the connection was closed before an answer came"},
		"no such host":   {dial(&net.DNSError{Err: "no such host", Name: "cdn.example.com", Server: "10.0.0.53:53", IsNotFound: true}), `no answer: there is no host "cdn.example.com"`},
		"no DNS":         {dial(&net.DNSError{Err: "server misbehaving", Name: "cdn.example.com", Server: "10.0.0.53:53"}), `no answer: the host name "cdn.example.com" cannot be resolved`},
		"time":           {context.DeadlineExceeded, "no answer: none within 5s"},
		"unknown issuer": {x509.UnknownAuthorityError{}, "no TLS connection: the certificate of the server is signed by an unknown authority"},
		"other name":     {x509.HostnameError{Host: "cdn.example.com", Certificate: &x509.Certificate{}}, `no TLS connection: the certificate of the server is not for "cdn.example.com"`},
		"expired":        {x509.CertificateInvalidError{Reason: x509.Expired}, "no TLS connection: the certificate of the server has expired or is not valid yet"},
		"no TLS":         {fmt.Errorf("Options: %w", http.ErrSchemeMismatch), "no TLS connection: the server does not speak TLS"},
		"no HTTP":        {fmt.Errorf("malformed HTTP response %q", "220 ready at 41234"), "no answer: there is no connection, or it does not speak HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			f := unanswered(tt.err, 5*time.Second)
			if f.class != Unreachable || f.message != tt.want || f.advice == "" {
				t.Errorf("%s: %q, want %q; advice %q", f.class, f.message, tt.want, f.advice)
			}
		})
	}
}
