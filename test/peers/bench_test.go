// SPDX-License-Identifier: Apache-2.0

package peers_test

import (
	"fmt"
	"net/http"
	"testing"

	rscors "github.com/rs/cors"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3err"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// BenchmarkPreflight is one preflight with three headers that the last of some
// rules allows, each of which has ten origins. What is measured of each:
//
//   - decide: bucketcors's decision.
//   - headers: bucketcors's decision and the headers of the response.
//   - versitygw: its decision, which has the values of the headers. The requested
//     headers are parsed beforehand, as its handler has done by then.
//   - rs-cors: its middleware, which has one list of origins and no rules, and
//     writes into the headers of a response.
func BenchmarkPreflight(b *testing.B) {
	for _, origins := range []struct{ name, pattern, origin string }{
		{"exact", "https://a%d-%d.co", "https://a%d-%d.co"},
		{"wildcard", "https://*.a%d-%d.co", "https://www.a%d-%d.co"},
	} {
		for _, rules := range []int{3, 100} {
			c := configuration(rules, origins.pattern)
			request := cors.Request{
				Method:         http.MethodOptions,
				Origin:         fmt.Sprintf(origins.origin, rules-1, 9),
				RequestMethod:  http.MethodPut,
				RequestHeaders: "content-type,x-amz-acl,x-amz-meta-author",
			}
			size := fmt.Sprintf("origins=%s/rules=%dx10", origins.name, rules)
			b.Run(size+"/of=decide", func(b *testing.B) { benchmarkDecide(b, c, request) })
			b.Run(size+"/of=headers", func(b *testing.B) { benchmarkHeaders(b, c, request) })
			b.Run(size+"/of=versitygw", func(b *testing.B) { benchmarkVersitygw(b, c, request) })
			b.Run(size+"/of=rs-cors", func(b *testing.B) { benchmarkRS(b, c, request) })
		}
	}
}

// configuration has the given number of rules with ten origins each. The names
// are so short because 1,000 longer ones would be more than S3 takes.
func configuration(rules int, origin string) cors.Configuration {
	var c cors.Configuration
	for i := range rules {
		r := cors.Rule{
			AllowedMethods: []string{http.MethodPut},
			AllowedHeaders: []string{"content-type", "x-amz-*"},
		}
		for j := range 10 {
			r.AllowedOrigins = append(r.AllowedOrigins, fmt.Sprintf(origin, i, j))
		}
		c.Rules = append(c.Rules, r)
	}
	return c
}

func compile(b *testing.B, c cors.Configuration) *cors.Policy {
	b.Helper()
	p, err := cors.Compile(c)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func benchmarkDecide(b *testing.B, c cors.Configuration, r cors.Request) {
	p := compile(b, c)
	var d cors.Decision
	b.ReportAllocs()
	for b.Loop() {
		d = p.Decide(r)
	}
	if d.Rule != len(c.Rules)-1 {
		b.Fatalf("%+v", d)
	}
}

func benchmarkHeaders(b *testing.B, c cors.Configuration, r cors.Request) {
	p := compile(b, c)
	var headers []cors.Header
	b.ReportAllocs()
	for b.Loop() {
		headers = p.Decide(r).AppendHeaders(headers[:0])
	}
	if len(headers) == 0 || headers[0].Value != r.Origin {
		b.Fatal(headers)
	}
}

func benchmarkVersitygw(b *testing.B, c cors.Configuration, r cors.Request) {
	stored, err := store(c)
	if err != nil {
		b.Fatal(err)
	}
	headers, err := auth.ParseCORSHeaders(r.RequestHeaders)
	if err != nil {
		b.Fatal(err)
	}
	var allowed *auth.CORSAllowanceConfig
	b.ReportAllocs()
	for b.Loop() {
		allowed, err = stored.IsAllowed(r.Origin, auth.CORSHTTPMethod(r.RequestMethod), headers, s3err.ResourceTypeObject)
	}
	if err != nil || allowed.Origin != r.Origin {
		b.Fatal(allowed, err)
	}
}

func benchmarkRS(b *testing.B, c cors.Configuration, r cors.Request) {
	options := rscors.Options{
		AllowCredentials: true,
		AllowedMethods:   c.Rules[0].AllowedMethods,
		// It has no wildcards inside header names.
		AllowedHeaders: []string{"content-type", "x-amz-acl", "x-amz-meta-author"},
	}
	for _, rule := range c.Rules {
		options.AllowedOrigins = append(options.AllowedOrigins, rule.AllowedOrigins...)
	}
	handler := rscors.New(options)
	request := &http.Request{Method: r.Method, Header: http.Header{
		"Origin":                         {r.Origin},
		"Access-Control-Request-Method":  {r.RequestMethod},
		"Access-Control-Request-Headers": {r.RequestHeaders},
	}}
	w := responseWriter{}
	b.ReportAllocs()
	for b.Loop() {
		clear(w)
		handler.HandlerFunc(w, request)
	}
	if got := http.Header(w).Get(allowOrigin); got != r.Origin {
		b.Fatal(w)
	}
}

// responseWriter keeps the headers only.
type responseWriter http.Header

func (w responseWriter) Header() http.Header         { return http.Header(w) }
func (w responseWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w responseWriter) WriteHeader(int)             {}
