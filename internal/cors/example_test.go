// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"fmt"

	"github.com/bucketcors/bucketcors/internal/cors"
)

func ExamplePolicy_Decide() {
	policy, err := cors.Compile(cors.Configuration{Rules: []cors.Rule{{
		ID:             "uploads",
		AllowedOrigins: []string{"https://*.example.com"},
		AllowedMethods: []string{"GET", "PUT"},
		AllowedHeaders: []string{"content-type", "x-amz-*"},
		ExposeHeaders:  []string{"ETag"},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	preflight := cors.Request{
		Method:         "OPTIONS",
		Origin:         "https://app.example.com",
		RequestMethod:  "PUT",
		RequestHeaders: "content-type,x-amz-acl",
	}
	d := policy.Decide(preflight)
	fmt.Println(d.Status, d.Reason, d.RuleID)
	for _, h := range d.Headers() {
		fmt.Println(h.Name+":", h.Value)
	}
	preflight.RequestHeaders = "authorization"
	d = policy.Decide(preflight)
	fmt.Println(d.Status, d.Code, d.Reason)
	// Output:
	// 200 Matched uploads
	// Access-Control-Allow-Origin: https://app.example.com
	// Access-Control-Allow-Credentials: true
	// Access-Control-Allow-Methods: GET, PUT
	// Access-Control-Allow-Headers: content-type, x-amz-acl
	// Access-Control-Expose-Headers: ETag
	// Vary: Origin, Access-Control-Request-Headers, Access-Control-Request-Method
	// 403 AccessForbidden NoRuleMatches
}

func ExamplePolicy_Explain() {
	policy, err := cors.Compile(cors.Configuration{Rules: []cors.Rule{{
		ID:             "uploads",
		AllowedOrigins: []string{"https://app.example.com/"},
		AllowedMethods: []string{"GET", "PUT"},
		AllowedHeaders: []string{"content-type"},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := policy.Explain(cors.Request{
		Method:         "OPTIONS",
		Origin:         "https://app.example.com",
		RequestMethod:  "PUT",
		RequestHeaders: "content-type,x-amz-acl",
	})
	for _, rule := range e.Trace {
		fmt.Println(rule.RuleID, "origin:", rule.Origin, "method:", rule.Method, "headers:", rule.Headers)
	}
	fmt.Println(e.Nearest)
	fmt.Println(e.Nearest.Hint)
	// Output:
	// uploads origin: false method: true headers: [{content-type true} {x-amz-acl false}]
	// rule "uploads" matches but for origin "https://app.example.com" and header x-amz-acl
	// "https://app.example.com/" in the rule has a trailing slash, which browsers never send
}

func ExampleDialect_Compile() {
	c := cors.Configuration{Rules: []cors.Rule{
		{ID: "read", AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}},
		{ID: "write", AllowedOrigins: []string{"https://app.example.com"}, AllowedMethods: []string{"PUT"}},
	}}
	preflight := cors.Request{Method: "OPTIONS", Origin: "https://app.example.com", RequestMethod: "PUT"}
	for _, dialect := range []*cors.Dialect{cors.AWS, cors.CephRGW} {
		policy, err := dialect.Compile(c)
		if err != nil {
			fmt.Println(err)
			return
		}
		e := policy.Explain(preflight)
		fmt.Println(dialect.Name(), e.Status, e.Reason, e.Confidence)
		if e.Nearest != nil {
			fmt.Println(e.Nearest.Hint)
		}
	}
	// Output:
	// AWS 200 Matched high
	// CephRGW 403 NoRuleMatches medium
	// rule "write" would match, but this server looks no further than the first rule that allows the origin, rule "read"
}

func ExampleCompile() {
	_, err := cors.Compile(cors.Configuration{Rules: []cors.Rule{{
		AllowedOrigins: []string{"https://*.*.com"},
		AllowedMethods: []string{"get", "OPTIONS"},
	}}})
	for m := range cors.Mistakes(err) {
		fmt.Println(m)
		fmt.Println("  S3:", m.S3().Message)
	}
	// Output:
	// rules[0].allowedOrigins[0]: "https://*.*.com" has more than one "*"; use at most one
	//   S3: AllowedOrigin "https://*.*.com" can not have more than one wildcard.
	// rules[0].allowedMethods[0]: "get" is not a method that S3 supports in a rule; write "GET"
	//   S3: Found unsupported HTTP method in CORS config. Unsupported method is get
	// rules[0].allowedMethods[1]: "OPTIONS" is not a method that S3 supports in a rule; remove it: S3 answers preflights without it
	//   S3: Found unsupported HTTP method in CORS config. Unsupported method is OPTIONS
}

func ExampleDiff() {
	ours, err := cors.ParseJSON([]byte(`{"CORSRules": [
		{"ID": "uploads", "AllowedOrigins": ["https://app.example.com"], "AllowedMethods": ["PUT"], "MaxAgeSeconds": 3000},
		{"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "HEAD"]}
	]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	live, err := cors.ParseJSON([]byte(`{"CORSRules": [
		{"ID": "mine", "AllowedOrigins": ["*"], "AllowedMethods": ["DELETE"]},
		{"ID": "uploads", "AllowedOrigins": ["https://evil.example", "https://app.example.com"], "AllowedMethods": ["PUT"]},
		{"AllowedOrigins": ["*"], "AllowedMethods": ["HEAD", "GET"]}
	]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, change := range cors.Diff(ours, live) {
		fmt.Println(change)
	}
	// Output:
	// rule "uploads": allowedOrigins: + https://evil.example
	// rule "uploads": maxAgeSeconds: 3000 -> none
	// rule "mine" added
}
