// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// serverChecks are about servers other than S3, and about what is no ordinary
// bucket of S3. What a server refuses to store is told with the mistakes.
var serverChecks = []Check{
	{ID: "CORS041", Name: "origin-in-several-rules", Severity: Warning,
		Summary: "the server takes the first rule for the origin, and a later one is needed", run: checkFirstOrigin},
	{ID: "CORS042", Name: "garage-rule", Severity: Error,
		Summary: "Garage does not do with the rule what S3 does", run: checkGarage},
	{ID: "CORS043", Name: "bucket-without-cors", Severity: Error,
		Summary: "the bucket, or every bucket of the server, has no CORS configuration", run: checkBucketKind},
	{ID: "CORS046", Name: "own-endpoint", Severity: Warning,
		Summary: "the origin is the endpoint of S3 itself", run: checkOwnEndpoint},
	{ID: "CORS060", Name: "dialect-differs", Severity: Warning,
		Summary: "the server decides differently from S3", run: checkDialect},
}

// firstOriginServers go by the first rule that has the origin and ask that one
// alone for method and headers: RGWCORSConfiguration::host_name_rule in
// src/rgw/rgw_cors.cc of Ceph, weed/s3api/cors in SeaweedFS.
var firstOriginServers = []*cors.Dialect{cors.CephRGW, cors.SeaweedFS}

// maxSampleHeaders bounds the headers of all rules that requests are tried with.
const maxSampleHeaders = 16

// checkFirstOrigin looks for requests that S3 answers with another rule than the
// first one that has the origin.
func checkFirstOrigin(s *subject, report func(Finding)) {
	if !slices.Contains(firstOriginServers, s.Dialect) {
		return
	}
	j, ok := newJudge(s)
	if !ok || j.dialect == nil {
		return
	}
	for _, f := range j.splitOrigins() {
		report(f)
	}
}

// splitOrigins are the findings of checkFirstOrigin: one for each rule that
// requests do not get to, with the first such request.
func (j *judge) splitOrigins() []Finding {
	byOrigin, err := cors.Compile(originsOnly(j.rules))
	if err != nil {
		return nil // all of it is in j.rules, which compile
	}
	headers := []string{""}
	for _, r := range j.rules {
		for _, h := range r.AllowedHeaders {
			if sample := sampleHeader(h); len(headers) <= maxSampleHeaders && !slices.Contains(headers, sample) {
				headers = append(headers, sample)
			}
		}
	}
	found := make([]*Finding, len(j.rules))
	tried := map[string]bool{}
	for i := range j.rules {
		for _, origin := range j.origins(i) {
			if tried[origin] {
				continue
			}
			tried[origin] = true
			first := byOrigin.Decide(cors.Request{Method: "GET", Origin: origin}).Rule
			for _, header := range headers { // what needs no header says more
				for _, method := range allMethods {
					request := cors.Request{Method: method, Origin: origin}
					if header != "" || method == "PUT" || method == "DELETE" {
						request = preflight(origin, method, header)
					}
					answers := j.aws.Decide(request).Rule
					if answers > first && found[answers] == nil && !j.dialect.Decide(request).Allowed {
						found[answers] = new(j.splitOrigin(first, answers, origin, method, header))
					}
				}
			}
		}
	}
	var all []Finding
	for _, f := range found {
		if f != nil {
			all = append(all, *f)
		}
	}
	return all
}

// originsOnly are rules of which only the origins matter.
func originsOnly(rules []cors.Rule) cors.Configuration {
	c := cors.Configuration{}
	for _, r := range rules {
		c.Rules = append(c.Rules, cors.Rule{AllowedOrigins: r.AllowedOrigins, AllowedMethods: []string{"GET"}})
	}
	return c
}

func (j *judge) splitOrigin(first, answers int, origin, method, header string) Finding {
	what := method
	if header != "" {
		what += " with " + shown(header)
	}
	f := Finding{Rule: answers, Field: cors.FieldAllowedOrigins, Index: -1}
	for i, allowed := range j.rules[answers].AllowedOrigins {
		if cors.OriginContains(allowed, origin) {
			f.Index, f.Value = i, allowed
			break
		}
	}
	f.Problem = fmt.Sprintf("%s goes by the first rule that has the origin, so that this one is never asked for %s: %s from there is refused",
		serverName(j.Dialect), shown(origin), what)
	f.Why = fmt.Sprintf("%s has that origin too and does not allow it; S3 goes on to the next rule and %s does not", j.ruleName(first), serverName(j.Dialect))
	f.Fix = fmt.Sprintf("add to %s what %s needs of this rule, such as %s", j.ruleName(first), shown(origin), what)
	return f
}

// serverName is what people call the server of a dialect.
func serverName(d *cors.Dialect) string {
	switch d {
	case cors.AWS:
		return "S3"
	case cors.CephRGW:
		return "Ceph RGW"
	default:
		return d.Name()
	}
}

// checkGarage: src/api/common/cors.rs of Garage compares origins and headers
// byte by byte but for "*", and answers with all origins of the rule.
func checkGarage(s *subject, report func(Finding)) {
	if s.Dialect != cors.Garage {
		return
	}
	for i, r := range s.Rules {
		if len(r.AllowedOrigins) > 1 {
			report(Finding{Rule: i, Field: cors.FieldAllowedOrigins, Index: -1,
				Problem: fmt.Sprintf("the rule has %d origins, and Garage answers with all of them", len(r.AllowedOrigins)),
				Why:     "a browser takes an Access-Control-Allow-Origin for one origin, so that it refuses every answer of this rule",
				Fix:     "write a rule for each origin",
			})
		}
		for k, o := range r.AllowedOrigins {
			if o != "*" && strings.Contains(o, "*") {
				report(Finding{Rule: i, Field: cors.FieldAllowedOrigins, Index: k, Value: o,
					Problem: fmt.Sprintf(`Garage takes the "*" in %s for a letter`, quote(o)),
					Why:     `it knows "*" only for every origin, so that this one never matches`,
					Fix:     "write a rule for each origin that is meant",
				})
			}
		}
		for k, h := range r.AllowedHeaders {
			f := Finding{Rule: i, Field: cors.FieldAllowedHeaders, Index: k, Value: h}
			switch lower := lowerASCII(h); {
			case h != "*" && strings.Contains(h, "*"):
				f.Problem = fmt.Sprintf(`Garage takes the "*" in %s for a letter`, quote(h))
				f.Why = `it knows "*" only for every header, so that this one never matches`
				f.Fix = `list the headers that are meant, in lower case, or write "*"`
			case lower != h:
				f.Problem = quote(h) + " is not in lower case, and Garage compares with regard to case"
				f.Why = "a browser asks for headers in lower case, so that this one never matches"
				f.Fix = "write " + quote(lower)
				f.Edit = &Edit{Rule: i, Field: f.Field, Index: k, Values: []string{lower}}
			default:
				continue
			}
			report(f)
		}
	}
}

// directoryBucketSuffix ends the names of directory buckets and of nothing else:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-bucket-naming-rules.html.
const directoryBucketSuffix = "--x-s3"

func checkBucketKind(s *subject, report func(Finding)) {
	refusals("CORS043")(s, report) // of a server that has no configurations at all
	if s.Dialect != cors.AWS {
		return
	}
	for _, bucket := range s.Buckets {
		if strings.HasSuffix(bucket, directoryBucketSuffix) {
			report(Finding{Rule: -1, Index: -1, Value: bucket,
				Problem: fmt.Sprintf("%s is a directory bucket, which has no CORS configuration", quote(bucket)),
				Why:     "S3 does not support PutBucketCors for directory buckets, and refuses it",
				Fix:     "use a general purpose bucket for what browsers read and write",
			})
		}
	}
}

// checkOwnEndpoint tells of origins that are an endpoint of S3. Those of
// websites are none: they answer no API requests, and are an origin of their own.
func checkOwnEndpoint(s *subject, report func(Finding)) {
	for i, r := range s.Rules {
		for k, allowed := range r.AllowedOrigins {
			o := parseOrigin(allowed)
			if !o.ok || o.wild != noWildcard {
				continue
			}
			bucket, ok := bucketOfEndpoint(o.host)
			f := Finding{Rule: i, Field: cors.FieldAllowedOrigins, Index: k, Value: allowed}
			switch {
			case !ok:
				continue
			case bucket == "":
				f.Problem = quote(allowed) + " is the endpoint of S3 itself"
				f.Why = "every page that somebody opens there with the bucket in the path has this origin, whoever owns the bucket, and a page of this bucket needs no CORS"
				f.Fix = "write the origin of the application in its place"
			case len(s.Buckets) == 0:
				f.Problem = fmt.Sprintf("%s is the endpoint of bucket %s", quote(allowed), quote(bucket))
				f.Why = "the origin to allow is that of the page, not that of the bucket; for a page that is in the same bucket it has no effect"
				f.Fix = "write the origin of the page, unless it really is in a bucket, and another one than this"
			case slices.Contains(s.Buckets, bucket):
				f.Problem = quote(allowed) + " is the endpoint of the bucket itself"
				f.Why = "a page that comes from the bucket is of the same origin and needs no CORS; the origin to allow is that of the page, not that of the bucket"
				f.Fix = "write the origin of the page in its place"
			default: // a page in one bucket that reads another
				continue
			}
			report(f)
		}
	}
}

// bucketOfEndpoint is the bucket that the host of an S3 endpoint names; empty
// for an endpoint that has the bucket in the path. See
// https://docs.aws.amazon.com/general/latest/gr/s3.html.
func bucketOfEndpoint(host string) (bucket string, ok bool) {
	inside, found := strings.CutSuffix(host, ".amazonaws.com")
	if !found {
		if inside, found = strings.CutSuffix(host, ".amazonaws.com.cn"); !found {
			return "", false
		}
	}
	// A bucket may have dots, and also a label that looks like the service.
	labels := strings.Split(inside, ".")
	for n := range min(len(labels), 3) {
		at := len(labels) - 1 - n
		if isS3Label(labels[at], n == 0) && (n < 2 || labels[at+1] == "dualstack") {
			return strings.Join(labels[:at], "."), true
		}
	}
	return "", false
}

// isS3Label reports whether a label of a host is that of the API of S3. One that
// names the region as well, as was usual once, is last.
func isS3Label(label string, last bool) bool {
	if slices.Contains([]string{"s3", "s3-fips", "s3-accelerate"}, label) {
		return true
	}
	region, found := strings.CutPrefix(label, "s3-")
	return last && found && !strings.HasPrefix(region, "website-") && strings.Count(region, "-") >= 1
}

// checkDialect decides requests that the rules themselves suggest, as S3 does
// and as the server does, and reports for each rule the first about which the
// two disagree. Rules that a check with more to say about the server reports
// are left to that one.
func checkDialect(s *subject, report func(Finding)) {
	if s.Dialect == cors.AWS {
		return
	}
	j, ok := newJudge(s)
	if !ok || j.dialect == nil {
		return
	}
	explained := map[int]bool{}
	explain := func(f Finding) { explained[f.Rule] = true }
	checkFirstOrigin(s, explain)
	checkGarage(s, explain)
	for i := range j.rules {
		if explained[i] {
			continue
		}
		for r := range j.requests(i) {
			here, there := j.aws.Decide(r), j.dialect.Decide(r)
			if here.Allowed != there.Allowed && !explained[here.Rule] {
				report(dialectFinding(i, r, there, serverName(s.Dialect)))
				break
			}
		}
	}
}

// requests yields requests for which a rule looks made, and one that asks for a
// header too many.
func (j *judge) requests(rule int) iter.Seq[cors.Request] {
	return func(yield func(cors.Request) bool) {
		r := j.rules[rule]
		asks := []string{""}
		for _, h := range r.AllowedHeaders[:min(len(r.AllowedHeaders), maxSampleHeaders)] {
			asks = append(asks, sampleHeader(h))
		}
		if len(asks) > 2 {
			asks = append(asks, strings.Join(asks[1:], ","))
		}
		asks = append(asks, "x-another-header")
		for _, origin := range j.origins(rule) {
			for _, method := range r.AllowedMethods {
				for _, ask := range asks {
					if !yield(preflight(origin, method, ask)) {
						return
					}
				}
				if !yield(cors.Request{Method: method, Origin: origin}) {
					return
				}
			}
		}
	}
}

func dialectFinding(rule int, r cors.Request, there cors.Decision, server string) Finding {
	f := Finding{Rule: rule, Index: -1}
	what := fmt.Sprintf("the answer to %s from %s", r.Method, shown(r.Origin))
	if r.Method == "OPTIONS" {
		what = fmt.Sprintf("a preflight for %s from %s", r.RequestMethod, shown(r.Origin))
		if r.RequestHeaders != "" {
			what += " that asks for " + shown(r.RequestHeaders)
		}
	}
	if there.Allowed {
		f.Severity = Info
		f.Problem = fmt.Sprintf("%s allows more than S3: %s", server, what)
		f.Why = "the rules mean less there than they say, and what works there will not work on S3"
		f.Fix = "write down what the application needs, and keep what must not be in a bucket of its own"
		return f
	}
	f.Problem = fmt.Sprintf("S3 allows %s, and %s does not", what, server)
	f.Why = fmt.Sprintf("the two match rules differently, so that this works on S3 and fails on %s", server)
	if there.Message != "" {
		f.Why += ", which answers " + quote(there.Message)
	}
	f.Fix = "write the rule so that both allow it; \"bucketcors evaluate\" with --dialect shows why it does not"
	return f
}
