package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"runtime"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

func TestZZRop(t *testing.T) {
	_ = runtime.GC
	mk := func(rules, origins int, f func(i, k int) string, exp int) *s3v1alpha1.BucketCORSPolicy {
		p := aPolicy("assets")
		p.Spec.Rules = nil
		for i := range rules {
			r := s3v1alpha1.CORSRule{AllowedMethods: []s3v1alpha1.CORSMethod{"GET", "PUT", "HEAD", "POST", "DELETE"}}
			for k := range origins {
				r.AllowedOrigins = append(r.AllowedOrigins, s3v1alpha1.CORSOrigin(f(i, k)))
			}
			p.Spec.Rules = append(p.Spec.Rules, r)
		}
		for i := range exp {
			p.Spec.Expectations = append(p.Spec.Expectations, s3v1alpha1.Expectation{Name: fmt.Sprint("e", i), Origin: s3v1alpha1.PageOrigin(fmt.Sprintf("https://nobody%d.example.com", i)), Method: "PUT"})
		}
		return p
	}
	for name, p := range map[string]*s3v1alpha1.BucketCORSPolicy{
		"plain 100x1000":   mk(100, 1000, func(i, k int) string { return fmt.Sprintf("https://t%d-%d.ex", i, k) }, 0),
		"exp 100x1000":     mk(100, 1000, func(i, k int) string { return fmt.Sprintf("https://t%d-%d.ex", i, k) }, 100),
		"wild 100x1000":    mk(100, 1000, func(i, k int) string { return fmt.Sprintf("https://*t%d-%d.ex", i, k) }, 100),
		"midwild 100x1000": mk(100, 1000, func(i, k int) string { return fmt.Sprintf("a*%d-%d", i, k) }, 0),
		"long 100x50":      mk(100, 50, func(i, k int) string { return "https://" + strings.Repeat("a", 250) + fmt.Sprintf("*%d-%d", i, k) }, 100),
		"bad 100x1000":     mk(100, 1000, func(i, k int) string { return fmt.Sprintf("**%d-%d", i, k) }, 0),
		"same 100x1000":     mk(100, 1000, func(i, k int) string { return "https://a.example/" }, 0),
	} {
		for _, prov := range []*s3v1alpha1.BucketProvider{aProvider(), nil} {
			var a, b runtime.MemStats
			runtime.ReadMemStats(&a)
			began := time.Now()
			j := judge(p, prov, tenant{namespace: "team-a", labels: map[string]string{}}, nil)
			took := time.Since(began)
			runtime.ReadMemStats(&b)
			acc := accept(p, prov, tenant{namespace: "team-a", labels: map[string]string{}})
			t.Log(name, prov != nil, took, "alloc MB", (b.TotalAlloc-a.TotalAlloc)>>20, len(j.Refusals), len(j.Warnings), acc.reason)
		}
	}
}
