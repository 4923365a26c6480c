// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// matrixPolicy is a configuration, and requests to a bucket that has it.
type matrixPolicy struct {
	name     string
	rules    []cors.Rule // none for a bucket without a configuration
	attempts []attempt
}

// Origins of pages, beside those of the web app.
const (
	apexOrigin      = "https://example.com"
	deepOrigin      = "https://a.b.example.com"
	plainOrigin     = "http://app.example.com"
	portOrigin      = "https://app.example.com:8443"
	localhostOrigin = "http://localhost:3000"
	lookalikeOrigin = "https://evil-example.com"
	punycodeOrigin  = "https://xn--bcher-kva.example.com"
	nullOrigin      = "null"
)

// Headers that requests have, in each of the ways that make a difference.
var (
	jsonType = headers{"content-type": "application/json"}
	formType = headers{"content-type": "application/x-www-form-urlencoded"}
	sdk      = headers{
		"amz-sdk-invocation-id": "b0f1", "amz-sdk-request": "attempt=1; max=3", "x-amz-user-agent": "aws-sdk-js/3.0",
		"content-type": "image/png",
	}
)

// These rules are equal but for their origins.
func readers(origins ...string) []cors.Rule {
	return []cors.Rule{{AllowedOrigins: origins, AllowedMethods: []string{"GET", "HEAD"}, MaxAgeSeconds: new(int32(3000))}}
}

// matrix is what is tried: every policy with requests that it should allow, and
// some that it should not.
var matrix = []matrixPolicy{
	{
		name: "no configuration",
		attempts: []attempt{
			{what: "GET", from: appOrigin, method: "GET"},
			{what: "POST of a form", from: appOrigin, method: "POST", safe: formType},
			{what: "PUT", from: appOrigin, method: "PUT"},
			{what: "GET with a header", from: appOrigin, method: "GET", send: headers{"x-request": "1"}},
		},
	},
	{
		name:  "reading by one origin",
		rules: readers(appOrigin),
		attempts: []attempt{
			{what: "GET", from: appOrigin, method: "GET"},
			{what: "get in lower case", from: appOrigin, method: "get"},
			{what: "HEAD, reads Content-Length", from: appOrigin, method: "HEAD", reads: []string{"Content-Length"}},
			{what: "GET with credentials", from: appOrigin, method: "GET", credentials: true},
			{what: "GET", from: strangerOrigin, method: "GET"},
			{what: "GET by http", from: plainOrigin, method: "GET"},
			{what: "GET from another port", from: portOrigin, method: "GET"},
			{what: "GET", from: nullOrigin, method: "GET"},
			{what: "GET with json", from: appOrigin, method: "GET", send: jsonType},
			{what: "GET with headers that are the browser's own", from: appOrigin, method: "GET", send: headers{
				"cookie": "a=b", "sec-mine": "1", "proxy-mine": "1", "dnt": "1", "access-control-request-headers": "x-mine",
			}},
			{what: "GET with Accept", from: appOrigin, method: "GET", send: headers{"Accept": "text/plain"}},
			{what: "PUT", from: appOrigin, method: "PUT"},
			{what: "DELETE", from: appOrigin, method: "DELETE"},
			{what: "POST of a form", from: appOrigin, method: "POST", safe: formType},
			{what: "PATCH, which S3 does not know", from: appOrigin, method: "PATCH"},
			{what: "patch, which stays in lower case", from: appOrigin, method: "patch"},
			{what: "OPTIONS by a script", from: appOrigin, method: "OPTIONS"},
			{what: "TRACE, which no script may use", from: appOrigin, method: "TRACE"},
			{what: "GET with a header that has no name", from: appOrigin, method: "GET", send: headers{"no name": "1"}},
		},
	},
	{
		name: "uploads of one origin",
		rules: []cors.Rule{{
			AllowedOrigins: []string{appOrigin}, AllowedMethods: []string{"PUT", "POST", "DELETE"},
			AllowedHeaders: []string{"Content-Type", "X-Amz-*"}, MaxAgeSeconds: new(int32(0)),
		}},
		attempts: []attempt{
			{what: "PUT of json, reads ETag", from: appOrigin, method: "PUT", send: jsonType, reads: []string{"ETag"}},
			{what: "PUT of a form", from: appOrigin, method: "PUT", safe: formType},
			{what: "PUT of text", from: appOrigin, method: "PUT", safe: headers{"content-type": "text/plain; charset=utf-8"}},
			{what: "PUT of text of a long type", from: appOrigin, method: "PUT", send: headers{"content-type": "text/plain; note=" + strings.Repeat("x", 128)}},
			{what: "put in lower case", from: appOrigin, method: "put"},
			{what: "PUT with capitals in headers", from: appOrigin, method: "PUT", send: headers{"X-AMZ-META-TEAM": "web", "CONTENT-TYPE": "text/css"}},
			{what: "PUT with a header that is not allowed", from: appOrigin, method: "PUT", send: headers{"content-type": "text/css", "x-request": "1"}},
			{what: "PUT with amz-sdk-request", from: appOrigin, method: "PUT", send: headers{"amz-sdk-request": "attempt=1"}},
			{what: "PUT, signed in headers", from: appOrigin, method: "PUT", signed: true},
			{what: "PUT", from: strangerOrigin, method: "PUT"},
			{what: "PUT with credentials", from: appOrigin, method: "PUT", send: jsonType, credentials: true},
			{what: "POST of a form", from: appOrigin, method: "POST", safe: formType},
			{what: "POST of json", from: appOrigin, method: "POST", send: jsonType},
			{what: "DELETE", from: appOrigin, method: "DELETE"},
			{what: "GET", from: appOrigin, method: "GET"},
		},
	},
	{
		name: "any origin and any header",
		rules: []cors.Rule{{
			AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET", "PUT"}, AllowedHeaders: []string{"*"},
		}},
		attempts: []attempt{
			{what: "GET", from: strangerOrigin, method: "GET"},
			{what: "GET", from: nullOrigin, method: "GET"},
			{what: "GET with credentials", from: appOrigin, method: "GET", credentials: true},
			{what: "PUT with credentials", from: appOrigin, method: "PUT", send: jsonType, credentials: true},
			{what: "PUT with Authorization", from: appOrigin, method: "PUT", send: headers{"Authorization": "Bearer 1"}},
			{what: "PUT of an SDK", from: appOrigin, method: "PUT", send: sdk, signed: true, reads: []string{"ETag"}},
			{what: "PUT of json", from: nullOrigin, method: "PUT", send: jsonType},
			{what: "DELETE", from: appOrigin, method: "DELETE"},
		},
	},
	{
		name: "wildcards in headers",
		rules: []cors.Rule{{
			AllowedOrigins: []string{appOrigin}, AllowedMethods: []string{"PUT"}, AllowedHeaders: []string{"x-amz-*", "amz-sdk-*", "*-type"},
		}},
		attempts: []attempt{
			{what: "PUT of an SDK, presigned", from: appOrigin, method: "PUT", send: sdk},
			{what: "PUT of an SDK, signed in headers", from: appOrigin, method: "PUT", send: sdk, signed: true},
			{what: "PUT with x-amz, which is no x-amz-", from: appOrigin, method: "PUT", send: headers{"x-amz": "1"}},
			{what: "PUT with another end", from: appOrigin, method: "PUT", send: headers{"x-my-type": "1"}},
		},
	},
	{
		name: "exposed headers",
		rules: []cors.Rule{{
			AllowedOrigins: []string{appOrigin}, AllowedMethods: []string{"GET", "HEAD"},
			ExposeHeaders: []string{"content-RANGE", "Accept-Ranges"},
		}},
		attempts: []attempt{
			{what: "GET, reads ETag, which is not listed", from: appOrigin, method: "GET", reads: []string{"ETag"}},
			{what: "GET, reads headers that anybody may", from: appOrigin, method: "GET", reads: []string{"Content-Type", "Last-Modified", "Content-Length"}},
			{what: "GET of a part, reads Content-Range", from: appOrigin, method: "GET", safe: headers{"range": "bytes=2-5"}, reads: []string{"Content-Range", "accept-ranges"}},
			{what: "GET of an open range", from: appOrigin, method: "GET", safe: headers{"range": "bytes=2-"}, reads: []string{"Content-Range"}},
			{what: "GET of the last bytes", from: appOrigin, method: "GET", send: headers{"range": "bytes=-2"}},
			{what: "GET of two parts", from: appOrigin, method: "GET", send: headers{"range": "bytes=0-1,4-5"}},
			{what: "GET, reads Content-Disposition", from: appOrigin, method: "GET", reads: []string{"Content-Disposition"}},
			{what: "HEAD, reads two, one not listed", from: appOrigin, method: "HEAD", reads: []string{"Accept-Ranges", "content-disposition"}},
			{what: "HEAD, reads Date", from: appOrigin, method: "HEAD", reads: []string{"Date"}},
		},
	},
	{
		name: "nothing exposed",
		rules: []cors.Rule{{
			AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{"range"},
		}},
		attempts: []attempt{
			{what: "GET of a part, reads Content-Range", from: appOrigin, method: "GET", safe: headers{"range": "bytes=2-5"}, reads: []string{"Content-Range"}},
			{what: "GET of the last bytes, reads Content-Range", from: appOrigin, method: "GET", send: headers{"range": "bytes=-2"}, reads: []string{"Content-Range"}},
			{what: "GET of the last bytes, reads ETag", from: appOrigin, method: "GET", send: headers{"range": "bytes=-2"}, reads: []string{"etag"}},
		},
	},
	{
		// Not on AWS, which refuses this "*". To browsers it means any header, unless
		// there are credentials.
		name:  "any header exposed",
		rules: []cors.Rule{{AllowedOrigins: []string{appOrigin}, AllowedMethods: []string{"GET"}, ExposeHeaders: []string{"*"}}},
		attempts: []attempt{
			{what: "GET, reads Content-Disposition", from: appOrigin, method: "GET", reads: []string{"Content-Disposition"}},
			{what: "GET with credentials, reads Content-Disposition", from: appOrigin, method: "GET", credentials: true, reads: []string{"Content-Disposition"}},
		},
	},
	{
		name:  "subdomains",
		rules: readers("https://*.example.com"),
		attempts: []attempt{
			{what: "GET", from: appOrigin, method: "GET", credentials: true},
			{what: "GET from two levels below", from: deepOrigin, method: "GET"},
			{what: "GET from the domain itself", from: apexOrigin, method: "GET"},
			{what: "GET from a name that looks alike", from: lookalikeOrigin, method: "GET"},
			{what: "GET from another port", from: portOrigin, method: "GET"},
			{what: "GET by http", from: plainOrigin, method: "GET"},
		},
	},
	{
		name:  "the dot forgotten",
		rules: readers("https://*example.com"),
		attempts: []attempt{
			{what: "GET from a name that looks alike", from: lookalikeOrigin, method: "GET", credentials: true},
			{what: "GET from the domain itself", from: apexOrigin, method: "GET"},
		},
	},
	{
		name:  "any port",
		rules: readers("http://localhost:*", "https://app.example.com:*"),
		attempts: []attempt{
			{what: "GET", from: localhostOrigin, method: "GET"},
			{what: "GET", from: portOrigin, method: "GET"},
			{what: "GET from the default port", from: appOrigin, method: "GET"},
		},
	},
	{
		name:  "a default port, written",
		rules: readers("https://app.example.com:443"),
		attempts: []attempt{
			{what: "GET", from: appOrigin, method: "GET"},
		},
	},
	{
		name:  "a slash at the end",
		rules: readers(appOrigin + "/"),
		attempts: []attempt{
			{what: "GET", from: appOrigin, method: "GET"},
		},
	},
	{
		name:  "capitals in the origin",
		rules: readers("https://App.Example.com"),
		attempts: []attempt{
			{what: "GET", from: appOrigin, method: "GET"},
		},
	},
	{
		name:  "a name with an umlaut",
		rules: readers("https://bücher.example.com"),
		attempts: []attempt{
			{what: "GET", from: punycodeOrigin, method: "GET"},
		},
	},
	{
		name:  "a name with an umlaut, as browsers send it",
		rules: readers(punycodeOrigin),
		attempts: []attempt{
			{what: "GET", from: punycodeOrigin, method: "GET"},
		},
	},
	{
		name:  "any scheme",
		rules: readers("*://app.example.com"),
		attempts: []attempt{
			{what: "GET by http", from: plainOrigin, method: "GET"},
			{what: "GET", from: appOrigin, method: "GET"},
		},
	},
	{
		name:  "null",
		rules: readers("null"),
		attempts: []attempt{
			{what: "GET with credentials", from: nullOrigin, method: "GET", credentials: true},
			{what: "GET", from: appOrigin, method: "GET"},
		},
	},
	{
		name:  "two origins",
		rules: readers(appOrigin, strangerOrigin),
		attempts: []attempt{
			{what: "GET", from: appOrigin, method: "GET"},
			{what: "GET with credentials", from: strangerOrigin, method: "GET", credentials: true},
			{what: "GET", from: apexOrigin, method: "GET"},
		},
	},
	{
		name:  "an origin, and any",
		rules: readers(appOrigin, "*"),
		attempts: []attempt{
			{what: "GET with credentials", from: appOrigin, method: "GET", credentials: true},
			{what: "GET with credentials", from: strangerOrigin, method: "GET", credentials: true},
			{what: "GET", from: strangerOrigin, method: "GET"},
		},
	},
	{
		// The preflight asks for a header, and so skips the first rule. The request
		// itself asks for none, and does not.
		name: "the first rule answers the request, not the preflight",
		rules: []cors.Rule{
			{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"PUT", "GET"}, MaxAgeSeconds: new(int32(-1))},
			{
				AllowedOrigins: []string{appOrigin}, AllowedMethods: []string{"PUT", "GET"}, AllowedHeaders: []string{"*"},
				ExposeHeaders: []string{"Content-Range"},
			},
		},
		attempts: []attempt{
			{what: "PUT of json", from: appOrigin, method: "PUT", send: jsonType},
			{what: "PUT of json with credentials", from: appOrigin, method: "PUT", send: jsonType, credentials: true},
			{what: "PUT with credentials", from: appOrigin, method: "PUT", credentials: true},
			{what: "GET of the last bytes, reads Content-Range", from: appOrigin, method: "GET", send: headers{"range": "bytes=-2"}, reads: []string{"Content-Range"}},
			{what: "PUT of json", from: strangerOrigin, method: "PUT", send: jsonType},
		},
	},
	{
		name: "the right rule first",
		rules: []cors.Rule{
			{
				AllowedOrigins: []string{appOrigin}, AllowedMethods: []string{"PUT", "GET"}, AllowedHeaders: []string{"*"},
				ExposeHeaders: []string{"Content-Range"},
			},
			{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"PUT", "GET"}},
		},
		attempts: []attempt{
			{what: "PUT of json with credentials", from: appOrigin, method: "PUT", send: jsonType, credentials: true},
			{what: "GET of the last bytes, reads Content-Range", from: appOrigin, method: "GET", send: headers{"range": "bytes=-2"}, reads: []string{"Content-Range"}},
			{what: "PUT with credentials", from: strangerOrigin, method: "PUT", credentials: true},
			{what: "PUT", from: strangerOrigin, method: "PUT"},
		},
	},
	{
		name: "methods in rules of their own",
		rules: []cors.Rule{
			{AllowedOrigins: []string{appOrigin}, AllowedMethods: []string{"GET"}},
			{AllowedOrigins: []string{appOrigin}, AllowedMethods: []string{"PUT"}, AllowedHeaders: []string{"content-type"}},
			{AllowedOrigins: []string{strangerOrigin}, AllowedMethods: []string{"DELETE"}},
		},
		attempts: []attempt{
			{what: "PUT of json", from: appOrigin, method: "PUT", send: jsonType},
			{what: "GET with json", from: appOrigin, method: "GET", send: jsonType},
			{what: "DELETE", from: appOrigin, method: "DELETE"},
			{what: "DELETE", from: strangerOrigin, method: "DELETE"},
			{what: "POST", from: appOrigin, method: "POST"},
		},
	},
	{
		name: "many headers",
		rules: []cors.Rule{{
			AllowedOrigins: []string{appOrigin}, AllowedMethods: []string{"PUT"}, AllowedHeaders: []string{"x-amz-meta-*"},
		}},
		attempts: []attempt{
			{what: "PUT with metadata in no order", from: appOrigin, method: "PUT", send: headers{
				"x-amz-meta-z": "1", "X-Amz-Meta-B": "2", "x-amz-meta-a-b": "3", "x-amz-meta-a_b": "4", "x-amz-meta-long": strings.Repeat("5", 500),
			}},
			{what: "PUT with Accept-Language", from: appOrigin, method: "PUT", send: headers{"accept-language": "fr", "content-language": "fr"}},
			{what: "PUT with User-Agent", from: appOrigin, method: "PUT", send: headers{"user-agent": "mine"}, deviation: "https://crbug.com/40450316"},
			{what: "PUT with Cache-Control", from: appOrigin, method: "PUT", send: headers{"cache-control": "no-store"}},
			{what: "PUT with If-None-Match", from: appOrigin, method: "PUT", send: headers{"if-none-match": "*"}},
		},
	},
}
