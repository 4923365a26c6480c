// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/localenv"
	"github.com/bucketcors/bucketcors/internal/localenv/localenvtest"
	"github.com/bucketcors/bucketcors/internal/probe"
	"github.com/bucketcors/bucketcors/internal/s3"
)

// publicBucket makes a bucket with these rules and an object that anybody may read.
func publicBucket(t *testing.T, server *localenv.S3Server, name string, rules cors.Configuration) {
	t.Helper()
	if err := server.CreateBucket(name); err != nil {
		t.Fatal(err)
	}
	client := sdk.New(sdk.Options{
		Region: server.Region, BaseEndpoint: &server.Endpoint, UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: server.AccessKeyID, SecretAccessKey: server.SecretAccessKey}, nil
		}),
	})
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + name + `/*"}]}`
	if _, err := client.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: &name, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: &name, Key: aws.String("logo"), Body: strings.NewReader("a logo")}); err != nil {
		t.Fatal(err)
	}
	b, err := s3.New(s3.Options{Version: "test"}).Open(t.Context(), bucket.Provider{
		Name: "test", Region: server.Region, Endpoint: server.Endpoint,
		Credentials: &bucket.Credentials{AccessKeyID: server.AccessKeyID, SecretAccessKey: server.SecretAccessKey},
	}, bucket.Location{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	if len(rules.Rules) == 0 {
		return
	}
	if err := b.PutCORS(t.Context(), rules); err != nil {
		t.Fatal(err)
	}
}

// pass is a proxy that changes nothing.
func pass(to *url.URL) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
}

// strip is a proxy that passes on requests without a header.
func strip(to *url.URL, name string) http.Handler {
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Header.Del(name)
	}}
}

// change is a proxy that changes the headers of answers.
func change(to *url.URL, how func(http.Header)) http.Handler {
	proxy := pass(to)
	proxy.ModifyResponse = func(r *http.Response) error {
		how(r.Header)
		return nil
	}
	return proxy
}

// cache is a proxy that keeps the answers to some methods, by URL and these headers.
func cache(to *url.URL, methods []string, headers ...string) http.Handler {
	var mu sync.Mutex
	kept := map[string]*httptest.ResponseRecorder{}
	proxy := pass(to)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(methods, r.Method) {
			proxy.ServeHTTP(w, r)
			return
		}
		key := r.Method + " " + r.URL.String()
		for _, name := range headers {
			key += "\n" + r.Header.Get(name)
		}
		mu.Lock()
		defer mu.Unlock()
		if kept[key] == nil {
			kept[key] = httptest.NewRecorder()
			proxy.ServeHTTP(kept[key], r)
		}
		maps.Copy(w.Header(), kept[key].Header())
		w.WriteHeader(kept[key].Code)
		_, _ = io.Copy(w, bytes.NewReader(kept[key].Body.Bytes()))
	})
}

func TestBehindProxies(t *testing.T) {
	server := localenvtest.StartS3(t)
	rules := cors.Configuration{Rules: []cors.Rule{
		{
			ID: "uploads", AllowedOrigins: []string{"https://app.example.com", "https://admin.example.com"}, AllowedMethods: []string{"GET", "PUT"},
			AllowedHeaders: []string{"content-type"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: new(int32(600)),
		},
		{AllowedOrigins: []string{"https://*.example.com"}, AllowedMethods: []string{"GET"}},
	}}
	publicBucket(t, server, "assets", rules)
	publicBucket(t, server, "unset", cors.Configuration{})
	predicted, err := cors.VersityGW.Compile(rules)
	if err != nil {
		t.Fatal(err)
	}
	origin, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	requests := []browser.Request{
		{Name: "upload", Origin: "https://app.example.com", Method: "PUT", Headers: []string{"content-type"}},
		{Name: "read", Origin: "https://admin.example.com", Method: "GET"},
		{Name: "read elsewhere", Origin: "https://www.example.com", Method: "GET"},
		{Name: "refused header", Origin: "https://app.example.com", Method: "PUT", Headers: []string{"x-other"}},
		{Name: "refused origin", Origin: "https://app.example.org", Method: "GET"},
	}
	type classes = map[string]probe.Class // of those that are not as predicted
	all := func(c probe.Class) classes {
		found := classes{probe.StrangerName: c}
		for _, r := range requests {
			found[r.Name] = c
		}
		return found
	}

	for name, tt := range map[string]struct {
		proxy   http.Handler // the server itself if nil
		path    string       // that of the object if empty
		want    classes
		last    string // the request that was asked last; the stranger's if empty
		message string // of the first that is not as predicted
	}{
		"nothing":                {},
		"nothing, at the bucket": {path: "/assets"},
		"nothing, at an object that is not there": {path: "/assets/nothing/here"},
		"nothing, with a slash at the end":        {path: "/assets/"},
		"a proxy":                                 {proxy: pass(origin)},
		"a cache of reads by Origin":              {proxy: cache(origin, []string{"GET", "HEAD"}, "Origin")},
		"a cache of everything by all that matters": {
			proxy: cache(origin, []string{"GET", "HEAD", "OPTIONS"}, "Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"),
		},
		"a proxy that adds what does not matter": {proxy: change(origin, func(h http.Header) {
			h.Add("Vary", "Accept-Encoding")
			h.Set("Server", "nginx")
			h.Set("Via", "1.1 proxy")
			h.Set("Strict-Transport-Security", "max-age=1")
		})},
		"a proxy that removes the traces of S3": {proxy: change(origin, func(h http.Header) {
			for _, name := range []string{"Server", "X-Amz-Request-Id", "X-Amz-Id-2"} {
				h.Del(name)
			}
		})},
		"a proxy that strips Origin": {
			proxy: strip(origin, "Origin"), want: all(probe.OriginStripped), message: "the preflight reaches the bucket without its header Origin",
		},
		"a proxy that strips the method": {
			proxy:   strip(origin, "Access-Control-Request-Method"),
			want:    classes{"upload": probe.OriginStripped, "read": probe.OriginStripped, "read elsewhere": probe.OriginStripped},
			message: "without its header Access-Control-Request-Method",
		},
		"a cache without Vary": {
			proxy: cache(origin, []string{"GET", "OPTIONS"}),
			want: classes{"read": probe.CacheUnkeyed, "read elsewhere": probe.CacheUnkeyed, "refused header": probe.CacheUnkeyed, "refused origin": probe.CacheUnkeyed,
				probe.StrangerName: probe.CacheUnkeyed},
			message: "a cache in front of the bucket does not tell origins apart",
		},
		"a cache of reads without Vary": {
			proxy: cache(origin, []string{"GET"}), want: classes{"read": probe.CacheUnkeyed, "read elsewhere": probe.CacheUnkeyed},
			message: "a cache in front of the bucket does not tell origins apart",
		},
		"a proxy that answers OPTIONS": {
			proxy: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodOptions {
					pass(origin).ServeHTTP(w, r)
					return
				}
				w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
				w.Header().Set("Access-Control-Allow-Methods", "*")
				w.Header().Set("Access-Control-Allow-Headers", "*")
				w.WriteHeader(http.StatusNoContent)
			}),
			want: all(probe.ProxyAnswers), message: "something in front of the bucket answers preflights itself (204 No Content)",
		},
		"a proxy that sets one origin": {
			proxy:   change(origin, func(h http.Header) { h.Set("Access-Control-Allow-Origin", "https://app.example.com") }),
			want:    classes{"read": probe.ProxyAnswers, "read elsewhere": probe.ProxyAnswers},
			message: `every answer has Access-Control-Allow-Origin "https://app.example.com", whoever asks`,
		},
		"a proxy that sets a star": {
			proxy:   change(origin, func(h http.Header) { h.Set("Access-Control-Allow-Origin", "*") }),
			want:    classes{"upload": probe.ProxyAnswers, "read": probe.ProxyAnswers, "read elsewhere": probe.ProxyAnswers},
			message: `the answer has Access-Control-Allow-Origin "*", where the bucket names the origin that asks`,
		},
		"a proxy that adds a star": {
			proxy:   change(origin, func(h http.Header) { h.Add("Access-Control-Allow-Origin", "*") }),
			want:    classes{"upload": probe.ProxyAnswers, "read": probe.ProxyAnswers, "read elsewhere": probe.ProxyAnswers},
			message: "the answer has 2 headers Access-Control-Allow-Origin, and browsers take one",
		},
		"a redirect to the region": {
			proxy: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Amz-Bucket-Region", "eu-west-1")
				w.Header().Set("Location", server.Endpoint+"/assets")
				w.WriteHeader(http.StatusTemporaryRedirect)
			}),
			want: classes{"upload": probe.WrongRegion}, last: "upload", message: "the bucket is in region eu-west-1",
		},
		"a web site": {
			proxy: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "<html>405</html>", http.StatusMethodNotAllowed)
			}),
			want: classes{"upload": probe.NotS3}, last: "upload", message: "nothing there answers like S3: the preflight gets 405 Method Not Allowed",
		},
		"no such bucket": {
			path: "/missing/key", want: classes{"upload": probe.BucketMissing}, last: "upload", message: "there is no such bucket (404 NoSuchBucket)",
		},
		"a bucket without a configuration": {
			path: "/unset/logo", want: all(probe.Stale), message: "the answer is that of a bucket without a CORS configuration",
		},
	} {
		t.Run(name, func(t *testing.T) {
			target := server.Endpoint
			if tt.proxy != nil {
				front := httptest.NewServer(tt.proxy)
				t.Cleanup(front.Close)
				target = front.URL
			}
			if tt.path == "" {
				tt.path = "/assets/logo"
			}
			results := probe.New(probe.Options{}).Probe(t.Context(), probe.Target{URL: target + tt.path, Predicted: predicted}, requests)
			got, message, last := classes{}, "", ""
			for _, r := range results {
				last = r.Request.Name
				if r.Class == probe.AsPredicted {
					if r.Allowed != r.Expected {
						t.Errorf("%s: as predicted, but allowed %v and expected %v", last, r.Allowed, r.Expected)
					}
					continue
				}
				got[last] = r.Class
				if message == "" {
					message = r.Message
				}
				if strings.Contains(r.Message, "127.0.0.1:") || strings.Contains(r.Message, "cors-probe") || r.Advice == "" {
					t.Errorf("%s: %s; advice %q", last, r.Message, r.Advice)
				}
			}
			if tt.want == nil {
				tt.want = classes{}
			}
			if tt.last == "" {
				tt.last = probe.StrangerName
			}
			if !maps.Equal(got, tt.want) || last != tt.last || !strings.Contains(message, tt.message) {
				t.Errorf("%v, the last one %s: %s\nwant %v, the last one %s: %s", got, last, message, tt.want, tt.last, tt.message)
			}
		})
	}
}
