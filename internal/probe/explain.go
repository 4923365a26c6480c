// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// sight is what is behind the answers to preflights.
type sight int

const (
	unclear     sight = iota
	nothing           // nothing like S3
	service           // an S3 service
	noSuchPlace       // an S3 service that knows no such bucket
)

// behind looks once with a GET whether an S3 service is behind the target: what
// answers preflights in its place rarely answers that.
func (q *inquiry) behind() sight {
	if q.looked != nil {
		return *q.looked
	}
	found := unclear
	r, ok := q.send(read(http.MethodGet, ""))
	switch {
	case !ok || r.err != nil || r.Status >= 500 && !r.fromS3():
	case r.bucketMissing():
		found = noSuchPlace
	case r.fromS3():
		found = service
	default:
		found = nothing
	}
	q.looked = &found
	return found
}

// dialects are those that the server may have.
func (q *inquiry) dialects() []*cors.Dialect {
	if q.target.Predicted == nil {
		return cors.Dialects()
	}
	return []*cors.Dialect{q.target.Predicted.Dialect()}
}

// withoutOrigin reports whether the answer is the refusal of a preflight that had
// no header Origin.
func (q *inquiry) withoutOrigin(r *round) bool {
	bare := r.ask.Request
	bare.Origin = ""
	for _, d := range cors.Dialects() {
		if missing := d.NoConfiguration().Decide(bare); missing.Message != "" && gives(missing, r.reply) {
			return true
		}
	}
	if q.target.Predicted == nil {
		return false
	}
	missing := q.target.Predicted.Decide(bare)
	return gives(missing, r.reply) && !gives(r.decision, r.reply) && (missing.Code != "" || r.reply.fromS3())
}

// withoutConfiguration reports whether the answer is the refusal of a bucket that
// has no configuration: that of the dialect that is predicted or, when nothing is, in
// words that mean nothing else.
func (q *inquiry) withoutConfiguration(r *round) bool {
	if r.decision.Reason == cors.NotConfigured {
		return false
	}
	unset := func(d *cors.Dialect) bool {
		its := d.NoConfiguration().Decide(r.ask.Request)
		return its.Reason == cors.NotConfigured && its.Code != "" && gives(its, r.reply) &&
			(q.target.Predicted != nil || its.Message != "")
	}
	if !slices.ContainsFunc(q.dialects(), unset) {
		return false
	}
	if q.target.Predicted != nil {
		return !gives(r.decision, r.reply)
	}
	return !slices.ContainsFunc(q.dialects(), func(d *cors.Dialect) bool {
		p, err := d.Compile(cors.Configuration{Rules: []cors.Rule{
			{AllowedOrigins: []string{madeUp + "nobody.invalid"}, AllowedMethods: []string{http.MethodGet}},
		}})
		return err == nil && gives(p.Decide(r.ask.Request), r.reply)
	})
}

// formerGives reports whether the answer is that of what was on the bucket before.
func (q *inquiry) formerGives(r *round) bool {
	return slices.ContainsFunc(q.target.Former, func(p *cors.Policy) bool {
		return gives(p.Decide(r.ask.Request), r.reply)
	})
}

// stripped is a preflight of which a header does not reach the bucket.
func (q *inquiry) stripped(r *round) (finding, bool) {
	var header, or string
	asked := r.ask.Request
	switch {
	case q.withoutOrigin(r):
		header = "Origin"
	case q.target.Predicted == nil || !r.expected || r.allowed:
		return finding{}, false
	case q.withoutMethod(r):
		header = "Access-Control-Request-Method"
	case asked.RequestHeaders != "":
		asked.RequestHeaders = ""
		d := q.target.Predicted.Decide(asked)
		if !d.Allowed || !gives(d, r.reply) || q.formerGives(r) {
			return finding{}, false
		}
		// A cache may have kept the answer to a preflight that had none.
		if f, ok := q.kept(r); ok {
			return f, true
		}
		header, or = "Access-Control-Request-Headers", ", or the answer loses Access-Control-Allow-Headers on the way"
	default:
		return finding{}, false
	}
	return finding{
		class: OriginStripped,
		message: fmt.Sprintf("the preflight reaches the bucket without its header %s, which something in front of the bucket does not pass on%s",
			header, or),
		advice: q.front().passOn(),
	}, true
}

// withoutMethod reports whether the answer is the refusal of a preflight that had no
// Access-Control-Request-Method.
func (q *inquiry) withoutMethod(r *round) bool {
	asked := r.ask.Request
	asked.RequestMethod = ""
	d := q.target.Predicted.Decide(asked)
	if d.Reason == cors.RequestMethodInvalid && d.Message != "" && gives(d, r.reply) {
		return true
	}
	// S3 repeats the method that it was asked for, and this word where there was none.
	return r.reply.fromAmazon() &&
		r.reply.document.Code == "AccessForbidden" && r.reply.document.Method == http.MethodOptions
}

// doubled is an answer that allows several origins at once.
func (q *inquiry) doubled(r *round) (finding, bool) {
	origins := termsOf(r.reply.Header).origins
	joined := strings.Join(origins, ", ")
	if !strings.Contains(joined, ",") {
		return finding{}, false
	}
	message := fmt.Sprintf("the answer has %d headers Access-Control-Allow-Origin, and browsers take one: "+
		"the bucket sets it, and so does something in front of the bucket", len(origins))
	if len(origins) == 1 {
		message = "the answer has several origins in its header Access-Control-Allow-Origin, and browsers take one: " +
			"the bucket sets it, and so does something in front of the bucket"
	}
	return finding{class: ProxyAnswers, message: message, advice: q.front().leaveHeaders()}, true
}

// ofAnother is an answer that allows another origin than the one that asked.
func (q *inquiry) ofAnother(r *round) (finding, bool) {
	origin := termsOf(r.reply.Header).origin()
	if origin == "" || origin == "*" || origin == r.ask.Origin {
		return finding{}, false
	}
	if q.unkeyedBefore() || q.isKept(r.ask, r.reply) {
		return q.unkeyed(), true
	}
	return q.fixed(origin), true
}

// unkeyedBefore reports whether an earlier round has found the cache, so that there
// is no need to look for it again.
func (q *inquiry) unkeyedBefore() bool {
	return slices.ContainsFunc(q.rounds, func(r round) bool { return r.finding.class == CacheUnkeyed })
}

// isKept reports whether an answer was kept by a cache: it came before, or a place
// that the cache has not met gets another one, or the answer says so itself.
func (q *inquiry) isKept(a ask, got reply) bool {
	if q.repeats(got) {
		return true
	}
	for _, place := range []place{freshQuery, freshPath} {
		fresh, ok := q.send(a.at(place))
		if !ok || fresh.err != nil {
			continue
		}
		origins := termsOf(fresh.Header).origins
		// Errors may lack a header that proxies set, and another key may be an error.
		alike := place == freshQuery || len(origins) > 0 || fresh.Status/100 == got.Status/100
		if alike && !slices.Equal(origins, termsOf(got.Header).origins) {
			return true
		}
	}
	return got.fromCache()
}

// repeats reports whether the answer, which is among those seen, came more than once.
// A server that names all its answers alike shows nothing by that.
func (q *inquiry) repeats(got reply) bool {
	same, others := 0, 0
	for _, r := range q.seen {
		switch r.id() {
		case "":
		case got.id():
			same++
		default:
			others++
		}
	}
	return same > 1 && others > 0
}

// unkeyed is a cache that does not tell origins apart.
func (q *inquiry) unkeyed() finding {
	return finding{
		class:   CacheUnkeyed,
		message: "a cache in front of the bucket does not tell origins apart: it answers one with what it kept for another, or for none",
		advice:  q.front().keyByOrigin(),
	}
}

// fixed is an answer that allows the same origin whoever asks.
func (q *inquiry) fixed(origin string) finding {
	return finding{
		class: ProxyAnswers,
		message: fmt.Sprintf("every answer has Access-Control-Allow-Origin %s, whoever asks: something in front of the bucket sets it",
			headerValue([]string{origin})),
		advice: q.front().leaveHeaders(),
	}
}

// stale is the answer of a configuration that was on the bucket before.
func (q *inquiry) stale(r *round) (finding, bool) {
	if q.target.Predicted == nil {
		return finding{}, false
	}
	f := finding{class: Stale, advice: "wait two minutes; if the rules were never applied, apply them; if it stays so, " +
		"look at what is on the bucket (aws s3api get-bucket-cors), and at caches in front of it"}
	switch {
	case q.formerGives(r):
		f.message = "the answer is that of the configuration before the last change"
	case q.withoutConfiguration(r):
		f.message = "the answer is that of a bucket without a CORS configuration"
		if !strings.Contains(r.reply.document.Message, "not enabled") {
			f.message += ", or with one that does not allow this"
		}
	default:
		return finding{}, false
	}
	return f, true
}

// notFromS3 is an answer that does not come from S3.
func (q *inquiry) notFromS3(r *round) (finding, bool) {
	if r.reply.fromS3() {
		return finding{}, false
	}
	switch q.behind() {
	case nothing:
		if q.proven() {
			break // some services show that they are S3 to those who sign alone
		}
		f := finding{
			class:   NotS3,
			message: fmt.Sprintf("nothing there answers like S3: the preflight gets %s", statusText(r.reply.Status)),
			advice:  "check the URL: scheme, host, port and path have to be those under which the bucket is reached",
		}
		switch r.reply.Status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
			f.advice += "; if they are, something in front of the bucket wants a login or takes this for an attack, and has to let preflights through"
		}
		return f, true
	case noSuchPlace:
		return q.lost(), true
	case service:
		return finding{
			class: ProxyAnswers,
			message: fmt.Sprintf("something in front of the bucket answers preflights itself (%s), and the rules of the bucket do not count",
				statusText(r.reply.Status)),
			advice: q.front().passPreflights(),
		}, true
	case unclear:
	}
	return finding{}, false
}

func (q *inquiry) lost() finding {
	return finding{
		class:   BucketMissing,
		message: "there is no such bucket, as a GET shows",
		advice:  "check the name of the bucket in the URL, or in the origin settings of what is in front of it",
	}
}

// letsIn reports whether an answer lets in who is not meant, as far as that is certain.
func (q *inquiry) letsIn(r *round) bool {
	return q.target.Predicted != nil && r.allowed && !r.expected && r.decision.Doubts == 0
}

// maxStrangers bounds for how many rounds a stranger is asked about.
const maxStrangers = 3

// opensToStrangers reports whether the server also lets in a made-up origin with the
// question of a round that lets in who is not meant. Once it does, it does so always.
func (q *inquiry) opensToStrangers(r *round) bool {
	if r.stranger() || slices.ContainsFunc(q.rounds, func(r round) bool { return r.finding.class == VendorDefault }) {
		return true
	}
	expected, allowed, known := q.askStranger(r)
	return known && allowed && !expected
}

// askStranger asks the question of a round as a made-up origin.
func (q *inquiry) askStranger(r *round) (expected, allowed, known bool) {
	request := r.request
	request.Origin = madeUp + random() + ".invalid"
	a := preflight(request)
	d := q.target.Predicted.Decide(a.Request)
	if d.Doubts != 0 || q.strangers == maxStrangers {
		return false, false, false
	}
	q.strangers++
	got, ok := q.send(a)
	if !ok || got.err != nil {
		return false, false, false
	}
	return request.CheckPreflight(predictedAnswer(d)) == nil, request.CheckPreflight(got.Answer) == nil, true
}

// vendorDefault is an answer of S3 that lets in who is not meant, whoever that is.
func (q *inquiry) vendorDefault(r *round) (finding, bool) {
	if !q.letsIn(r) {
		return finding{}, false
	}
	if q.behind() == noSuchPlace {
		return q.lost(), true
	}
	// Amazon S3 has no default: what it lets in, the rules of a bucket let in.
	if r.reply.fromAmazon() || !q.opensToStrangers(r) {
		return finding{}, false
	}
	return finding{
		class:   VendorDefault,
		message: "the server lets in origins that no rule allows: it answers by a default of its own",
		advice: "check that the server implements CORS of buckets, and what its own settings allow (MinIO: MINIO_API_CORS_ALLOW_ORIGIN; " +
			"SeaweedFS: allowedOrigins; versitygw: --cors-allow-origin); look whether a rule for all origins is on the bucket " +
			"(aws s3api get-bucket-cors); " + checkDialect,
	}, true
}

// checkDialect is advice both for who asks from a laptop and for who runs the operator.
const checkDialect = "check the dialect (--dialect here, spec.dialect of the BucketProvider)"

// otherRules is the answer of a bucket that lets in who is not meant, but not
// everybody.
func (q *inquiry) otherRules(r *round) (finding, bool) {
	if !q.letsIn(r) || !r.reply.fromS3() && !q.proven() {
		return finding{}, false
	}
	return others(), true
}

// narrower is the answer of a bucket to an origin that it names, where the rules
// mean all origins and the bucket does not let in all.
func (q *inquiry) narrower(r *round) (finding, bool) {
	if q.target.Predicted == nil || !r.allowed || r.stranger() || r.decision.Doubts != 0 ||
		termsOf(predictedAnswer(r.decision).Header).origin() != "*" || termsOf(r.reply.Header).origin() != r.ask.Origin {
		return finding{}, false
	}
	if !slices.ContainsFunc(q.rounds, func(r round) bool { return r.finding.others }) {
		if expected, allowed, known := q.askStranger(r); !known || !expected || allowed {
			return finding{}, false
		}
	}
	return others(), true
}

// others is that the bucket answers by rules that are not the predicted ones. It may
// pass by itself.
func others() finding {
	return finding{
		class: Unexplained,
		message: "the bucket has other rules than the ones compared with: " +
			"these are not applied yet, or somebody changed what is on the bucket, or the URL leads to another bucket",
		advice: ifApplied + "look at what is on the bucket (aws s3api get-bucket-cors), and whether the URL leads to that bucket",
		others: true,
	}
}

// ifApplied begins the advice about a bucket that may have other rules.
const ifApplied = "if the rules were just applied, wait two minutes; if they were never applied, apply them; otherwise "

// maxKept bounds how many answers are looked at for whether a cache kept them.
const maxKept = 3

// kept is an answer other than what the bucket says now: a cache kept it.
func (q *inquiry) kept(r *round) (finding, bool) {
	if q.target.Predicted == nil || q.keptLooks == maxKept {
		return finding{}, false
	}
	q.keptLooks++
	for _, place := range []place{freshQuery, freshPath} {
		fresh, ok := q.send(r.ask.at(place))
		if !ok || fresh.err != nil || !gives(r.decision, fresh) {
			continue
		}
		if again, ok := q.send(r.ask); !ok || again.err != nil || gives(r.decision, again) {
			// It has become right since: not the cache's doing.
			return finding{}, false
		}
		return q.outdated(), true
	}
	return finding{}, false
}

// outdated is a cache that keeps an answer which is not the bucket's.
func (q *inquiry) outdated() finding {
	return finding{
		class: CacheUnkeyed,
		message: "a cache in front of the bucket does not answer what the bucket does now, but what it kept for another origin, for none, " +
			"or from before the last change",
		advice: q.front().keyByOrigin(),
	}
}

// anotherRule is the answer of a rule that should not have been the one to answer.
func (q *inquiry) anotherRule(r *round) (finding, bool) {
	if q.target.Predicted == nil || r.decision.Doubts != 0 || len(termsOf(r.reply.Header).origins) == 0 {
		return finding{}, false
	}
	live := termsOf(r.reply.Header)
	live.headers = nil // depend on what is asked for
	for _, method := range methods {
		for _, headers := range []string{r.ask.RequestHeaders, ""} {
			asked := r.ask.Request
			asked.RequestMethod, asked.RequestHeaders = method, headers
			d := q.target.Predicted.Decide(asked)
			its := termsOf(predictedAnswer(d).Header)
			its.headers = nil
			if d.Rule < 0 || d.Rule == r.decision.Rule || !its.same(live) {
				continue
			}
			expected := "none should"
			if r.decision.Rule >= 0 {
				expected = ruleName(r.decision.Rule, r.decision.RuleID) + " should"
			}
			return finding{
				class:   AnotherRule,
				message: fmt.Sprintf("the answer is that of %s, where %s", ruleName(d.Rule, d.RuleID), expected),
				advice: checkDialect + ": servers differ in which rule they take; " +
					"where they do, put the rules in an order that leaves no choice",
			}, true
		}
	}
	return finding{}, false
}

// rewritten is an answer of S3 whose headers something changed on the way.
func (q *inquiry) rewritten(r *round) (finding, bool) {
	its := termsOf(r.reply.Header)
	if q.target.Predicted == nil {
		return finding{}, false
	}
	if len(its.origins) == 0 {
		if !r.expected || r.reply.Status/100 != 2 || !r.reply.fromS3() {
			return finding{}, false
		}
		return finding{
			class:   ProxyAnswers,
			message: "the bucket answers the preflight, and the answer arrives without Access-Control-Allow-Origin: something in front of the bucket removes the header",
			advice:  q.front().leaveHeaders(),
		}, true
	}
	own := termsOf(predictedAnswer(r.decision).Header)
	if own.origin() == "*" && its.origin() == r.ask.Origin && q.sure(r) {
		if own.origins, own.credentials = its.origins, its.credentials; own.same(its) {
			return finding{
				class: ProxyAnswers,
				message: "the answer has the origin that asks in Access-Control-Allow-Origin, where the bucket says \"*\": " +
					"something in front of the bucket replaces the header",
				advice: q.front().leaveHeaders(),
			}, true
		}
	}
	if own.origin() == r.ask.Origin && its.origin() == "*" {
		if own.origins, own.credentials = its.origins, false; own.same(its) {
			return finding{
				class: ProxyAnswers,
				message: "the answer has Access-Control-Allow-Origin \"*\", where the bucket names the origin that asks: " +
					"something in front of the bucket replaces the header",
				advice: q.front().leaveHeaders(),
			}, true
		}
	}
	// A preflight without an origin shows who sets the header: S3 does not.
	bare, ok := q.send(ask{Request: cors.Request{Method: http.MethodOptions}})
	if !ok || bare.err != nil || termsOf(bare.Header).origin() == "" {
		return finding{}, false
	}
	return q.fixed(termsOf(bare.Header).origin()), true
}

// ranked are the classes that are about the target as a whole, the one that
// explains most first.
var ranked = []Class{OriginStripped, CacheUnkeyed, ProxyAnswers, VendorDefault}

// agree tells one cause for all answers that are not as predicted, as far as it
// explains them.
func (q *inquiry) agree() {
	var causes []finding
	found := func(is func(finding) bool) {
		if i := slices.IndexFunc(q.rounds, func(r round) bool { return is(r.finding) }); i >= 0 {
			causes = append(causes, q.rounds[i].finding)
		}
	}
	for _, class := range ranked {
		found(func(f finding) bool { return f.class == class })
	}
	found(func(f finding) bool { return f.others })
	for i := range q.rounds {
		r := &q.rounds[i]
		if c := r.finding.class; c != Unexplained && c != AnotherRule && !slices.Contains(ranked, c) {
			continue
		}
		if j := slices.IndexFunc(causes, r.fits); j >= 0 {
			r.finding = causes[j]
		}
	}
}

// fits reports whether a cause found elsewhere also explains the answer of a round
// that is not as predicted.
func (r *round) fits(cause finding) bool {
	switch {
	case cause.others:
		return !slices.Contains(ranked, r.finding.class) && r.reply.Status < 500 && r.decision.Doubts == 0
	case cause.class == VendorDefault:
		return r.allowed
	case cause.class == OriginStripped:
		return !r.allowed || r.finding.class == OriginStripped
	}
	return true
}
