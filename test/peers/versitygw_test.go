// SPDX-License-Identifier: Apache-2.0

package peers_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3err"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// answer is what a server says to a request, as far as CORS goes.
type answer struct {
	status               int
	code, message        string
	method, resourceType string
	headers              map[string]string
}

func (a answer) equal(b answer) bool {
	return a.status == b.status && a.code == b.code && a.message == b.message &&
		a.method == b.method && a.resourceType == b.resourceType && maps.Equal(a.headers, b.headers)
}

func (a answer) String() string {
	if a.code != "" {
		return fmt.Sprintf("%d %s %q method=%s resource=%s", a.status, a.code, a.message, a.method, a.resourceType)
	}
	return fmt.Sprintf("%d %v", a.status, a.headers)
}

// ours is the answer that the evaluator predicts.
func ours(p *cors.Policy, r cors.Request) answer {
	d := p.Decide(r)
	a := answer{status: d.Status, code: d.Code, message: d.Message, method: d.Method, resourceType: d.ResourceType}
	for _, h := range d.Headers() {
		if a.headers == nil {
			a.headers = map[string]string{}
		}
		a.headers[h.Name] = h.Value
	}
	return a
}

const vary = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"

// versitygw is the answer of versitygw. The matching, the parsing and the errors
// are its own; what its handlers add around them (s3api/controllers/options.go and base.go,
// s3api/middlewares/apply-bucket-cors.go) is written down here, and checked over
// HTTP by the conformance tests.
func versitygw(c *auth.CORSConfiguration, r cors.Request) answer {
	preflight := r.Method == http.MethodOptions
	method := auth.CORSHTTPMethod(r.RequestMethod)
	switch {
	case r.Origin == "" && preflight:
		return refusal(s3err.GetAPIError(s3err.ErrMissingCORSOrigin))
	case r.Origin == "":
		return answer{}
	case method.IsEmpty() && !preflight:
		method = auth.CORSHTTPMethod(r.Method)
	case !method.IsValid():
		return refusal(s3err.GetInvalidCORSMethodErr(method.String()))
	}
	headers, err := auth.ParseCORSHeaders(r.RequestHeaders)
	if err != nil {
		return refusal(err)
	}
	resource := s3err.ResourceTypeObject
	if r.Resource == cors.Bucket {
		resource = s3err.ResourceTypeBucket
	}
	allowed, err := c.IsAllowed(r.Origin, method, headers, resource)
	switch {
	case err != nil && preflight:
		return refusal(err)
	case err != nil:
		return answer{}
	}
	a := answer{headers: map[string]string{}}
	if preflight {
		a.status = http.StatusOK
	}
	for name, value := range map[string]string{
		"Access-Control-Allow-Origin":      allowed.Origin,
		"Access-Control-Allow-Methods":     allowed.Methods,
		"Access-Control-Expose-Headers":    allowed.ExposedHeaders,
		"Access-Control-Allow-Credentials": allowed.AllowCredentials,
		"Access-Control-Allow-Headers":     allowed.AllowHeaders,
		"Vary":                             vary,
	} {
		if value != "" {
			a.headers[name] = value
		}
	}
	if allowed.MaxAge != nil {
		a.headers["Access-Control-Max-Age"] = strconv.Itoa(int(*allowed.MaxAge))
	}
	expose(a.headers, preflight)
	return a
}

// refusal is an error as versitygw writes it into its response.
func refusal(err error) answer {
	if forbidden, ok := errors.AsType[s3err.AccessForbiddenError](err); ok {
		return answer{
			status: forbidden.HTTPStatusCode, code: forbidden.Code, message: forbidden.Description,
			method: forbidden.Method, resourceType: string(forbidden.ResourceType),
		}
	}
	if e, ok := errors.AsType[s3err.APIError](err); ok {
		return answer{status: e.HTTPStatusCode, code: e.Code, message: e.Description}
	}
	panic(fmt.Sprintf("an error of versitygw's that is none of S3: %T %v", err, err))
}

// expose adds what versitygw exposes whatever the rules say.
func expose(headers map[string]string, preflight bool) {
	always := []string{"ETag"}
	if !preflight {
		always = append(always, "x-amz-storage-class")
	}
	exposed := strings.TrimSpace(headers[exposeHeaders])
	if preflight && exposed == "*" {
		return
	}
	for _, name := range always {
		listed := func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), name) }
		switch {
		case exposed == "":
			exposed = name
		case !slices.ContainsFunc(strings.Split(exposed, ","), listed):
			exposed += ", " + name
		default:
			continue
		}
		headers[exposeHeaders] = exposed
	}
}
