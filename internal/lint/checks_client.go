// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// clientChecks are about what the clients of a bucket need. They ask the
// evaluator, with the requests that such a client sends, so that wildcards,
// several rules and their order count for what they are.
//
// Without a profile they say what can be told from one rule alone, and only where
// the rule shows what it is for: whoever names profiles is not to be told what
// other clients would need. A profile
// says that the bucket serves such a client, and not to which origins, because
// a rule for everybody's reads may well stand beside one for the uploads of one
// application. So a profile holds when there is one origin, of any rule, for
// which every request of the client works. Where there is none, the findings
// are about the nearest: the origin and the rule that lack the least. Rules
// that do not allow the method that the client is about are not looked at; if
// no rule does, that is the only finding.
//
// On a server other than S3, what works there or on S3 is taken to work: that
// the two differ is for the checks about servers to tell.
var clientChecks = []Check{
	{ID: "CORS028", Name: "missing-allowed-header", Severity: Warning,
		Summary: "a preflight that the client of the bucket sends asks for a header that no rule allows", run: checkAllowedHeaders},
	{ID: "CORS029", Name: "missing-sdk-header", Severity: Warning,
		Summary: "the headers of the AWS SDK for JavaScript are allowed in part only", run: checkSDKHeaders},
	{ID: "CORS030", Name: "etag-not-exposed", Severity: Warning,
		Summary: "a script that uploads cannot read the ETag", run: checkETag},
	{ID: "CORS031", Name: "missing-method", Severity: Warning,
		Summary: "the client of the bucket needs a method that is not allowed", run: profileCheck("CORS031", Profiles()...)},
	{ID: "CORS032", Name: "checksum-not-exposed", Severity: Info,
		Summary: "a script that uploads cannot read the checksum", run: profileCheck("CORS032", SDKBrowser)},
	{ID: "CORS033", Name: "get-without-head", Severity: Info,
		Summary: "GET is allowed and HEAD is not", run: checkHead},
	{ID: "CORS034", Name: "range-not-exposed", Severity: Info,
		Summary: "a script that reads ranges cannot see which one it got", run: profileCheck("CORS034", RangeReader)},
}

// exchange is one kind of request that a client makes.
type exchange struct {
	method string
	// asks are the headers that its preflight asks for, in lower case.
	asks []string
	// exposes are the headers of the answer that the script has to read.
	exposes []string
	// optional says that the client does something of use without it.
	optional bool
	// exposesCheck is the check that tells of a header that cannot be read.
	exposesCheck string
	// whyMethod, whyAsks and whyExposes say what it is good for.
	whyMethod, whyAsks, whyExposes string
}

// client is a profile in terms of requests.
type client struct {
	// subject is who needs something: "a multipart upload".
	subject string
	// ways are the exchanges of the client by what a rule is meant for, each way
	// complete in itself and beginning with the one without which the rule is
	// not meant for this client at all. The first is the one to be advised.
	ways func(cors.Rule) [][]exchange
}

func fixedWays(ways ...[]exchange) func(cors.Rule) [][]exchange {
	return func(cors.Rule) [][]exchange { return ways }
}

const whyContentType = "a browser asks for content-type before it sends a file or JSON with its type, and S3 refuses a preflight that asks for a header which the rule does not allow"

// clients are what the profiles stand for.
//
// Presigned upload: a PUT of a file, which has a type, or a form with POST, which
// needs no preflight. Multipart: a PUT of each part, whose ETag completes the
// upload; POST and DELETE only where no server of the application starts,
// completes and aborts uploads in the browser's stead.
//
// The SDK signs in headers and adds some about itself, also to requests without
// credentials (https://github.com/Kitware/VolView/issues/869); it uses whatever
// methods the rule is for.
//
// Range is safelisted for a simple range, in browsers that are not old; what
// reads the end of a file first, or makes sure that the file is still the same,
// asks for headers.
var clients = map[Profile]client{
	PresignedUpload: {"a presigned upload", fixedWays(
		[]exchange{{method: "PUT", asks: []string{"content-type"}, whyAsks: whyContentType}},
		[]exchange{{method: "POST"}},
	)},
	Multipart: {"a multipart upload", fixedWays([]exchange{
		{method: "PUT", exposes: []string{"ETag"}, exposesCheck: "CORS030",
			whyExposes: "the request that completes a multipart upload names the ETag of every part, which a script can read only where it is exposed"},
		{method: "POST", optional: true,
			whyMethod: "a multipart upload is created and completed with POST, and aborted with DELETE; nothing is wrong if a server of yours does this and the browser only sends the parts"},
		{method: "DELETE", optional: true,
			whyMethod: "a multipart upload is aborted with DELETE; parts of uploads that failed are paid for until a server of yours or a lifecycle rule removes them"},
	})},
	SDKBrowser: {"the AWS SDK for JavaScript", sdkWays},
	RangeReader: {"a reader of ranges", fixedWays([]exchange{
		{method: "GET", optional: true, exposesCheck: "CORS034", exposes: []string{"Content-Range", "Accept-Ranges", "ETag"},
			whyExposes: "readers of video, PDF, maps and archives look at these headers to know what they got and whether the file is still the same; without them some load the whole file or give up"},
		{method: "GET", optional: true, asks: []string{"if-match", "range"},
			whyAsks: `a browser asks for range unless it is one simple range such as "bytes=0-99", and some do so always; to read the end of a file first, or to make sure that the file is still the same, takes range and if-match`},
	})},
}

// sdkHeaders are what version 3 of the SDK sends with every request that
// temporary credentials sign, and sdkMore what comes on top by method.
var (
	sdkHeaders = []string{
		"amz-sdk-invocation-id", "amz-sdk-request", "authorization",
		"x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amz-user-agent",
	}
	sdkMore = map[string][]string{
		"GET":  {"x-amz-checksum-mode"},
		"HEAD": {"x-amz-checksum-mode"},
		"PUT":  {"content-type", "x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm"},
		"POST": {"content-type"},
	}
)

func sdkWays(r cors.Rule) [][]exchange {
	var way []exchange
	for _, method := range allMethods {
		if !slices.Contains(r.AllowedMethods, method) {
			continue
		}
		e := exchange{method: method, asks: slices.Sorted(slices.Values(slices.Concat(sdkHeaders, sdkMore[method]))),
			whyAsks: `version 3 of the SDK sends the headers of a signature and some about itself with every request; "x-amz-*" does not cover those that begin with "amz-sdk-"`}
		way = append(way, e)
	}
	if slices.Contains(r.AllowedMethods, "PUT") {
		way = append(way, exchange{method: "PUT", optional: true, exposesCheck: "CORS032", exposes: []string{"x-amz-checksum-crc32"},
			whyExposes: `S3 answers an upload with the checksum that the SDK sent, CRC32 unless told otherwise, and a script can compare it, or complete a multipart upload with it, only where it is exposed; exposeHeaders takes no "*"`})
	}
	return [][]exchange{way}
}

// advised is the pattern to allow for a header.
func advised(name string) string {
	for _, prefix := range []string{"x-amz-", "amz-sdk-"} {
		if strings.HasPrefix(name, prefix) {
			return prefix + "*"
		}
	}
	return name
}

// lack is one value that a rule would need for a client.
type lack struct {
	rule     int
	field    cors.Field
	value    string
	exchange exchange
}

// check is the ID of the check that tells of it.
func (l lack) check(p Profile, rules []cors.Rule) string {
	switch {
	case l.field == cors.FieldAllowedMethods:
		return "CORS031"
	case l.field == cors.FieldExposeHeaders:
		return l.exchange.exposesCheck
	case p == SDKBrowser && len(rules[l.rule].AllowedHeaders) > 0:
		return "CORS029"
	default:
		return "CORS028"
	}
}

// lacks are the values that would have to be added to the rule with this index,
// and to rules that answer in its place, for an origin of it to get through a
// way of a client. What the rule allows by itself is for allows to say.
func (j *judge) lacks(rule int, origin string, way []exchange, allows func(header string) bool) []lack {
	var lacks []lack
	add := func(rule int, field cors.Field, value string, e exchange) {
		if !slices.ContainsFunc(lacks, func(l lack) bool { return l.rule == rule && l.field == field && l.value == value }) {
			lacks = append(lacks, lack{rule, field, value, e})
		}
	}
	r := j.rules[rule]
	for _, e := range way {
		if !j.allowed(preflight(origin, e.method, e.asks...)) {
			if !slices.Contains(r.AllowedMethods, e.method) {
				add(rule, cors.FieldAllowedMethods, e.method, e)
			}
			for _, name := range e.asks {
				if !allows(name) {
					add(rule, cors.FieldAllowedHeaders, advised(name), e)
				}
			}
		}
		if len(e.exposes) == 0 {
			continue
		}
		// The request itself asks for no headers, so that an earlier rule than
		// the one of its preflight may answer it.
		request := cors.Request{Method: e.method, Origin: origin}
		answers, readable := rule, []string(nil)
		if d := j.aws.Decide(request); d.Allowed {
			answers, readable = d.Rule, j.exposed(request)
		} else {
			for _, name := range r.ExposeHeaders {
				readable = append(readable, strings.ToLower(name))
			}
		}
		for _, name := range e.exposes {
			if !slices.Contains(readable, strings.ToLower(name)) {
				add(answers, cors.FieldExposeHeaders, name, e)
			}
		}
	}
	return lacks
}

// served is how far a configuration serves a client.
type served struct {
	// meant says that a rule is meant for the client.
	meant bool
	// origin is the one that comes closest to what the client needs, and missing
	// what is missing for that: nothing, if one is served.
	origin  string
	missing []lack
}

// nearest finds the origin that comes closest to being served as a profile needs
// it.
func (j *judge) nearest(p Profile) served {
	if found, known := j.nearby[p]; known {
		return found
	}
	found := j.findNearest(j.client(p))
	j.nearby[p] = found
	return found
}

// client is what a profile stands for. An SDK in the browser does all of a
// multipart upload there; otherwise a server may do all but the parts.
func (j *judge) client(p Profile) client {
	c := clients[p]
	if p != Multipart || !slices.Contains(j.Profiles, SDKBrowser) {
		return c
	}
	way := slices.Clone(c.ways(cors.Rule{})[0])
	for i := range way {
		if way[i].method == "POST" {
			way[i].optional = false
			way[i].whyMethod = "the SDK creates and completes a multipart upload with POST, and goes over to it at some megabytes: small files upload and large ones fail"
		}
	}
	c.ways = fixedWays(way)
	return c
}

func (j *judge) findNearest(c client) served {
	found, lowest := served{}, -1
	for i, r := range j.rules {
		var ways [][]exchange
		for _, way := range c.ways(r) {
			if len(way) > 0 && slices.Contains(r.AllowedMethods, way[0].method) {
				ways = append(ways, way)
				found.meant = true
			}
		}
		allowsHeader := map[string]bool{} // the same for all origins of the rule
		allows := func(name string) bool {
			allowed, known := allowsHeader[name]
			if !known {
				allowed = slices.ContainsFunc(r.AllowedHeaders, func(h string) bool { return cors.HeaderContains(h, name) })
				allowsHeader[name] = allowed
			}
			return allowed
		}
		for allowed, sample := range j.origins(i) {
			for _, way := range ways {
				lacks := j.lacks(i, sample, way, allows)
				if len(lacks) == 0 {
					return served{meant: true}
				}
				if cost := costOf(lacks, allowed); lowest < 0 || cost < lowest {
					found.origin, found.missing, lowest = sample, lacks, cost
				}
			}
		}
	}
	return found
}

// costOf is what it would take to serve a client at an allowed origin.
func costOf(lacks []lack, allowed string) int {
	cost := 0
	for _, l := range lacks {
		if l.exchange.optional {
			cost += 2
		} else {
			cost += 100 // more than there can be of what is optional
		}
	}
	// Of two that are as near, the one that looks the more deliberate.
	if parseOrigin(allowed).anySite() {
		cost++
	}
	return cost
}

// profileCheck reports what a check has to say of profiles.
func profileCheck(id string, profiles ...Profile) func(*subject, func(Finding)) {
	return func(s *subject, report func(Finding)) {
		for _, f := range profileFindings(s, id, profiles...) {
			report(f)
		}
	}
}

func profileFindings(s *subject, id string, profiles ...Profile) []Finding {
	profiles = slices.DeleteFunc(slices.Clone(profiles), func(p Profile) bool { return !slices.Contains(s.Profiles, p) })
	if len(profiles) == 0 {
		return nil
	}
	j, ok := newJudge(s)
	if !ok {
		return nil
	}
	var found []Finding
	for _, p := range profiles {
		c := j.client(p)
		near := j.nearest(p)
		if !near.meant && id == "CORS031" {
			found = append(found, noRuleFor(c))
		}
		var mine []lack
		for _, l := range near.missing {
			if l.check(p, j.rules) == id {
				mine = append(mine, l)
			}
		}
		for len(mine) > 0 {
			first := mine[0]
			together := func(l lack) bool {
				return l.rule == first.rule && l.field == first.field && l.exchange.optional == first.exchange.optional
			}
			var values []string
			for _, l := range mine {
				if together(l) {
					values = append(values, l.value)
				}
			}
			mine = slices.DeleteFunc(mine, together)
			found = append(found, lackFinding(c, near.origin, first, values, j.rules[first.rule]))
		}
	}
	return found
}

// noRuleFor is the finding that no rule is meant for a client.
func noRuleFor(c client) Finding {
	ways := c.ways(cors.Rule{AllowedMethods: allMethods})
	var methods []string
	for _, way := range ways {
		methods = append(methods, way[0].method)
	}
	needed, fix := methods[:1:1], ""
	for _, e := range ways[0] {
		if !e.optional && !slices.Contains(needed, e.method) {
			needed = append(needed, e.method)
		}
		if len(e.asks) > 0 {
			fix += ", with " + quoted(e.asks) + " in allowedHeaders"
		}
		if len(e.exposes) > 0 {
			fix += ", with " + quoted(e.exposes) + " in exposeHeaders"
		}
	}
	fix = "add a rule for the origins of the application that allows " + strings.Join(needed, " and ") + fix
	return Finding{Rule: -1, Index: -1,
		Problem: fmt.Sprintf("no rule allows %s, which %s begins with", strings.Join(methods, " or "), c.subject),
		Why:     "a browser refuses to send the request, or to show its answer to the script, unless a rule allows the method",
		Fix:     fix,
	}
}

func lackFinding(c client, origin string, l lack, values []string, r cors.Rule) Finding {
	origin = shown(origin)
	f := Finding{Rule: l.rule, Field: l.field, Index: -1, Fix: "add " + quoted(values) + " to " + string(l.field)}
	if l.exchange.optional {
		f.Severity = Info
	}
	switch l.field {
	case cors.FieldAllowedMethods:
		f.Problem = fmt.Sprintf("%s uses %s too, which is not allowed for %s", c.subject, strings.Join(values, " and "), origin)
		f.Why = l.exchange.whyMethod
	case cors.FieldAllowedHeaders:
		f.Problem = fmt.Sprintf("%s asks for %s with %s, which is not allowed for %s", c.subject, quoted(values), l.exchange.method, origin)
		if len(r.AllowedHeaders) == 0 {
			f.Problem += ": the rule allows no headers"
		}
		f.Why = l.exchange.whyAsks
	default:
		f.Problem = fmt.Sprintf("%s cannot read %s of the answer to %s at %s", c.subject, quoted(values), l.exchange.method, origin)
		f.Why = l.exchange.whyExposes
	}
	return f
}

// quoted is a list of values in words.
func quoted(values []string) string {
	var all []string
	for _, v := range values {
		all = append(all, strconv.Quote(v))
	}
	if n := len(all) - 1; n > 0 {
		return strings.Join(all[:n], ", ") + " and " + all[n]
	}
	return strings.Join(all, "")
}

// withProfiles reports what profiles find and, of the rules that those do not
// name, what can be told from the rule alone: the finding about the first origin
// for which there is one.
func withProfiles(s *subject, report func(Finding), id string, profiles []Profile, alone func(j *judge, rule int, origin string) (Finding, bool)) {
	named := map[int]bool{}
	for _, f := range profileFindings(s, id, profiles...) {
		named[f.Rule] = true
		report(f)
	}
	j, ok := newJudge(s)
	if !ok {
		return
	}
	for i := range j.rules {
		if named[i] {
			continue
		}
		for _, origin := range j.origins(i) {
			if f, ok := alone(j, i, origin); ok {
				f.Rule, f.Index = i, -1
				report(f)
				break
			}
		}
	}
}

// checkAllowedHeaders tells of rules for PUT without any allowed header beside
// what profiles find. A form that POSTs and a DELETE with a presigned URL need
// no header, so that rules for those are left alone, nor does one of the parts of
// an upload, which has no type.
func checkAllowedHeaders(s *subject, report func(Finding)) {
	files := len(s.Profiles) == 0 || slices.Contains(s.Profiles, PresignedUpload) || slices.Contains(s.Profiles, SDKBrowser)
	withProfiles(s, report, "CORS028", Profiles(), func(j *judge, rule int, origin string) (Finding, bool) {
		r := j.rules[rule]
		if !files || !slices.Contains(r.AllowedMethods, "PUT") || len(r.AllowedHeaders) > 0 || j.allowed(preflight(origin, "PUT", "content-type")) {
			return Finding{}, false
		}
		return Finding{Field: cors.FieldAllowedHeaders,
			Problem: fmt.Sprintf("the rule allows PUT and no headers, so that an upload with a content type is refused for %s", shown(origin)),
			Why:     whyContentType,
			Fix:     `add "content-type" to allowedHeaders, and every other header that the script sets`,
		}, true
	})
}

// checkSDKHeaders takes a rule that names authorization beside x-amz-*, or the
// header in which an SDK names itself, for one that is meant for an SDK.
func checkSDKHeaders(s *subject, report func(Finding)) {
	withProfiles(s, report, "CORS029", []Profile{SDKBrowser}, func(j *judge, rule int, origin string) (Finding, bool) {
		r := j.rules[rule]
		if len(s.Profiles) > 0 || !namesHeader(r.AllowedHeaders, "authorization") || !namesHeader(r.AllowedHeaders, "x-amz-*", "x-amz-user-agent") ||
			j.allowed(preflight(origin, r.AllowedMethods[0], "amz-sdk-invocation-id", "amz-sdk-request", "authorization")) {
			return Finding{}, false
		}
		return Finding{Field: cors.FieldAllowedHeaders, Severity: Info,
			Problem: `"authorization" is allowed and "amz-sdk-*" is not`,
			Why:     `version 3 of the AWS SDK for JavaScript sends amz-sdk-invocation-id and amz-sdk-request with every request, and "x-amz-*" does not cover them; other clients do not need them`,
			Fix:     `add "amz-sdk-*" to allowedHeaders if the client is that SDK`,
		}, true
	})
}

// namesHeader reports whether one of the names is in a list of headers.
func namesHeader(headers []string, names ...string) bool {
	return slices.ContainsFunc(headers, func(h string) bool { return slices.Contains(names, lowerASCII(h)) })
}

// checkETag is no more than a hint without the profile, about rules that allow
// what a browser that does a whole multipart upload needs. Scripts that upload a
// file at once seldom look at its ETag.
func checkETag(s *subject, report func(Finding)) {
	withProfiles(s, report, "CORS030", []Profile{Multipart}, func(j *judge, rule int, origin string) (Finding, bool) {
		methods := j.rules[rule].AllowedMethods
		if len(s.Profiles) > 0 || !slices.Contains(methods, "PUT") || !slices.Contains(methods, "POST") {
			return Finding{}, false
		}
		put := cors.Request{Method: "PUT", Origin: origin}
		if j.aws.Decide(put).Rule != rule || slices.Contains(j.exposed(put), "etag") {
			return Finding{}, false
		}
		return Finding{Field: cors.FieldExposeHeaders, Severity: Info,
			Problem: "the rule allows PUT and POST, and does not expose ETag",
			Why:     "S3 never exposes it by itself; a script that uploads in parts has to read it, one that uploads a file at once seldom does",
			Fix:     `add "ETag" to exposeHeaders if the script reads it`,
		}, true
	})
}

// checkHead speaks of clients that look before they load: those that the profiles
// name and, without any, those of a rule that is about ranges. Most scripts that
// GET never HEAD.
func checkHead(s *subject, report func(Finding)) {
	looks := slices.Contains(s.Profiles, RangeReader) || slices.Contains(s.Profiles, SDKBrowser)
	withProfiles(s, report, "CORS033", nil, func(j *judge, rule int, origin string) (Finding, bool) {
		r := j.rules[rule]
		ranges := len(s.Profiles) == 0 && (namesHeader(r.AllowedHeaders, "range") || namesHeader(r.ExposeHeaders, "content-range", "accept-ranges"))
		if !looks && !ranges || !slices.Contains(r.AllowedMethods, "GET") || j.allowed(cors.Request{Method: "HEAD", Origin: origin}) {
			return Finding{}, false
		}
		return Finding{Field: cors.FieldAllowedMethods,
			Problem: fmt.Sprintf("GET is allowed for %s and HEAD is not", shown(origin)),
			Why:     "to S3 they are two methods; a script that asks for the size or the type of an object first does not get to see the answer",
			Fix:     `add "HEAD" to allowedMethods if the script uses it`,
		}, true
	})
}
