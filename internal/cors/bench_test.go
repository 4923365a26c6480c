// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"fmt"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// benchmarkConfiguration has the given number of rules with ten origins each. The
// names are so short because 1,000 longer ones would not fit in MaxDocumentBytes.
func benchmarkConfiguration(rules int, origin string) cors.Configuration {
	var c cors.Configuration
	for i := range rules {
		r := cors.Rule{
			AllowedMethods: []string{"PUT"},
			AllowedHeaders: []string{"content-type", "x-amz-*"},
		}
		for j := range 10 {
			r.AllowedOrigins = append(r.AllowedOrigins, fmt.Sprintf(origin, i, j))
		}
		c.Rules = append(c.Rules, r)
	}
	return c
}

func BenchmarkDecide(b *testing.B) {
	for _, origins := range []struct{ name, pattern, origin string }{
		{"exact", "https://a%d-%d.co", "https://a%d-%d.co"},
		{"wildcard", "https://*.a%d-%d.co", "https://www.a%d-%d.co"},
	} {
		for _, rules := range []int{3, 100} {
			policy, err := cors.Compile(benchmarkConfiguration(rules, origins.pattern))
			if err != nil {
				b.Fatal(err)
			}
			for _, headers := range []struct{ name, value string }{
				{"browser", "content-type,x-amz-acl,x-amz-meta-author"},
				{"capitals", "Content-Type, X-Amz-Acl, X-Amz-Meta-Author"},
			} {
				request := cors.Request{
					Method:         "OPTIONS",
					Origin:         fmt.Sprintf(origins.origin, rules-1, 9),
					RequestMethod:  "PUT",
					RequestHeaders: headers.value,
				}
				if d := policy.Decide(request); d.Rule != rules-1 {
					b.Fatalf("%+v", d)
				}
				name := fmt.Sprintf("%s/%dx10/%s", origins.name, rules, headers.name)
				b.Run(name+"/decide", func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						policy.Decide(request)
					}
				})
				b.Run(name+"/headers", func(b *testing.B) {
					b.ReportAllocs()
					var rendered []cors.Header
					for b.Loop() {
						rendered = policy.Decide(request).AppendHeaders(rendered[:0])
					}
				})
			}
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	c := benchmarkConfiguration(100, "https://*.a%d-%d.co")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cors.Compile(c); err != nil {
			b.Fatal(err)
		}
	}
}
