// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// finding is what an answer tells.
type finding struct {
	class           Class
	message, advice string
	// others is whether the bucket is found to have other rules than are predicted.
	others bool
}

// final reports whether nothing else is worth asking after the finding.
func (f finding) final() bool {
	switch f.class {
	case Unreachable, NotAllowed, WrongRegion, BucketMissing, NotS3:
		return true
	case AsPredicted, Stale, AnotherRule, OriginStripped, CacheUnkeyed, VendorDefault, ProxyAnswers, Unexplained:
	}
	return false
}

// inquiry finds out what the answers of a target tell. It knows no network: it
// learns all from ask, and does the same whenever the answers are the same.
type inquiry struct {
	target  Target
	timeout time.Duration
	// ask returns false when no more can be learned.
	ask func(ask) (reply, bool)

	rounds []round
	// looked is what looking for S3 behind the answers found; nil before that.
	looked *sight
	// keptLooks is how often kept has looked, strangers how often opensToStrangers has,
	// and extra how often anything has been asked beside the preflights of the rounds.
	keptLooks, strangers, extra int
	// seen are all answers.
	seen []reply
}

// round is one preflight, and what came of it.
type round struct {
	index             int // of the request
	request           browser.Request
	ask               ask
	reply             reply
	decision          cors.Decision // zero when nothing is predicted
	allowed, expected bool
	refusal           *browser.Refusal // why not allowed
	finding           finding
}

func (r *round) stranger() bool { return r.request.Name == StrangerName }

// plan is the rounds for requests, that of the stranger last. What should be
// allowed comes first: that tells more, and what a cache that mixes things up keeps
// of it is what pages need.
func (q *inquiry) plan(requests []browser.Request) []round {
	rounds := make([]round, 0, len(requests))
	for i, request := range requests {
		r := round{index: i, request: request, ask: preflight(request)}
		if p := q.target.Predicted; p != nil {
			r.decision = p.Decide(r.ask.Request)
			r.expected = request.CheckPreflight(predictedAnswer(r.decision)) == nil
		}
		rounds = append(rounds, r)
	}
	rank := func(r round) int {
		switch {
		case r.stranger():
			return 2
		case r.expected:
			return 0
		}
		return 1
	}
	slices.SortStableFunc(rounds, func(a, b round) int { return cmp.Compare(rank(a), rank(b)) })
	return rounds
}

// run asks for the requests, that of the stranger among them, until an answer
// tells that nobody is there.
func (q *inquiry) run(requests []browser.Request) []Result {
	for _, r := range q.plan(requests) {
		var ok bool
		if r.reply, ok = q.ask(r.ask); !ok {
			break
		}
		if r.reply.err == nil {
			q.seen = append(q.seen, r.reply)
			r.refusal = r.request.CheckPreflight(r.reply.Answer)
			r.allowed = r.refusal == nil
		}
		r.finding = q.judge(&r)
		q.rounds = append(q.rounds, r)
		if r.finding.final() {
			break
		}
	}
	q.judgeReads()
	q.agree()
	return q.results()
}

// maxExtra bounds what is asked beside one preflight for each request.
const maxExtra = 24

// send asks what no request is about, and remembers the answer.
func (q *inquiry) send(a ask) (reply, bool) {
	if q.extra == maxExtra {
		return reply{}, false
	}
	q.extra++
	r, ok := q.ask(a)
	if ok && r.err == nil {
		q.seen = append(q.seen, r)
	}
	return r, ok
}

// judge says what the answer to one preflight tells, and asks more if it is not as
// predicted.
func (q *inquiry) judge(r *round) finding {
	if f, ok := q.elsewhere(r); ok {
		return f
	}
	if q.asPredicted(r) {
		return q.fine(r)
	}
	for _, explain := range []func(*round) (finding, bool){
		q.stripped, q.doubled, q.ofAnother, q.stale, q.notFromS3, q.vendorDefault, q.kept, q.anotherRule, q.doubtful, q.narrower, q.rewritten, q.similar, q.otherRules,
	} {
		if f, ok := explain(r); ok {
			return f
		}
	}
	return q.unexplained(r)
}

// elsewhere is an answer, or none, that tells where the bucket is not.
func (q *inquiry) elsewhere(r *round) (finding, bool) {
	a := r.reply
	switch code := a.document.Code; {
	case a.err != nil:
		return unanswered(a.err, q.timeout), true
	case a.redirects() || isRedirectCode(code):
		return q.redirected(a), true
	case a.bucketMissing() && r.decision.Reason != cors.BucketMissing:
		return bucketMissing(a), true
	case a.overloaded():
		return finding{
			class:   Unreachable,
			message: fmt.Sprintf("the service does not answer: %s came back", a.said()),
			advice:  "this often passes by itself; otherwise check the service, and what is in front of it",
		}, true
	}
	return finding{}, false
}

func isRedirectCode(code string) bool { return slices.Contains(redirectCodes, code) }

func bucketMissing(a reply) finding {
	return finding{
		class:   BucketMissing,
		message: fmt.Sprintf("there is no such bucket (%s)", a.said()),
		advice:  "check the name of the bucket in the URL, or in the origin settings of what is in front of it",
	}
}

func (q *inquiry) redirected(a reply) finding {
	region, fromS3 := a.region(), isRedirectCode(a.document.Code) || a.Header.Get("X-Amz-Bucket-Region") != ""
	switch {
	case fromS3 && region != "":
		return finding{
			class:   WrongRegion,
			message: fmt.Sprintf("the bucket is in region %s, and the answer redirects there (%s), which browsers do not follow", region, a.said()),
			advice:  fmt.Sprintf("use the endpoint of region %s in the URL, and in the origin settings of what is in front of it", region),
		}
	case fromS3:
		return finding{
			class:   WrongRegion,
			message: fmt.Sprintf("the bucket is in another region, and the answer redirects there (%s), which browsers do not follow", a.said()),
			advice:  "use the endpoint of the bucket's region in the URL, and in the origin settings of what is in front of it",
		}
	}
	to := a.location(q.target.URL)
	if to == "" {
		to = "another path"
	}
	return finding{
		class:   NotS3,
		message: fmt.Sprintf("it is not S3 that answers: the preflight is redirected to %s (%s), which browsers do not follow", to, a.said()),
		advice:  "use the URL that answers without a redirect, or take the redirect away for OPTIONS",
	}
}

// asPredicted reports whether the answer is that of the rules, as far as browsers
// care.
func (q *inquiry) asPredicted(r *round) bool {
	mine, its := termsOf(predictedAnswer(r.decision).Header), termsOf(r.reply.Header)
	switch {
	case q.target.Predicted == nil:
		if !r.stranger() {
			return r.allowed
		}
		// Strangers may be let in or not, but not by somebody else than the bucket.
		return r.allowed && r.reply.fromS3() || !r.allowed && q.refuses(r) && !q.withoutOrigin(r)
	case r.allowed != r.expected:
		return false
	case r.allowed:
		return len(mine.differences(its)) == 0 && (mine.same(its) || !q.formerGives(r))
	case gives(r.decision, r.reply):
		return true
	case !q.refuses(r) && r.reply.Status/100 != r.decision.Status/100:
		return false
	default:
		// Refused is refused, whatever the words, unless the words tell something.
		return !q.withoutOrigin(r) && !q.withoutConfiguration(r) && (r.reply.fromS3() || q.proven() || q.behind() != nothing)
	}
}

// refuses reports whether the answer is a refusal: that of S3 or, once the bucket is
// known to answer, another one, as a CDN may have a page for all errors.
func (q *inquiry) refuses(r *round) bool {
	return r.reply.Status/100 == 4 || r.reply.Status/100 == 2 && len(termsOf(r.reply.Header).origins) == 0 && q.proven()
}

// proven reports whether something has been allowed as the rules say, so that it is
// the bucket that answers preflights.
func (q *inquiry) proven() bool {
	return slices.ContainsFunc(q.rounds, func(r round) bool { return r.allowed && r.finding.class == AsPredicted })
}

// sure reports whether the server is known to be of the dialect of the prediction.
// That of Amazon S3 is the default, and many a server that is not goes by it.
func (q *inquiry) sure(r *round) bool {
	return q.target.Predicted.Dialect() != cors.AWS || r.reply.fromAmazon()
}

// fine is an answer that is as predicted.
func (q *inquiry) fine(r *round) finding {
	f := finding{class: AsPredicted}
	switch {
	case q.target.Predicted == nil && r.stranger() && r.allowed:
		f.message = "any origin is let in, also a made-up one"
	case q.target.Predicted == nil && r.allowed:
		f.message = "a browser goes on"
	case r.allowed && r.decision.Rule >= 0:
		f.message = fmt.Sprintf("a browser goes on, by %s", ruleName(r.decision.Rule, r.decision.RuleID))
	case r.allowed:
		f.message = "a browser goes on, by the default of the server"
	case q.target.Predicted == nil:
		f.message = "a made-up origin is not let in"
	default:
		f.message = "a browser does not go on, as the rules say"
	}
	return f
}

// doubtful is an answer that differs from a prediction that is a guess, in what makes
// no difference to who gets through.
func (q *inquiry) doubtful(r *round) (finding, bool) {
	harmless := r.allowed == r.expected || r.stranger() && !r.allowed
	if r.decision.Doubts == 0 || !harmless || r.reply.Status >= 500 {
		return finding{}, false
	}
	f := q.fine(r)
	if !r.allowed && r.expected {
		f.message = "a browser does not go on"
	}
	f.message += "; the answer is not quite the one expected, which was not certain: " + r.decision.Doubts.String()
	return f, true
}

// similar is an answer that differs from that of Amazon S3 in what makes no
// difference to the request, where the server may be another one.
func (q *inquiry) similar(r *round) (finding, bool) {
	if q.target.Predicted == nil || !r.allowed || !r.expected || q.sure(r) {
		return finding{}, false
	}
	f := q.fine(r)
	f.message += "; the answer is not quite that of Amazon S3: " + strings.Join(r.differences(), "; ")
	return f, true
}

func (q *inquiry) unexplained(r *round) finding {
	f := finding{class: Unexplained}
	switch {
	case q.target.Predicted == nil && r.allowed:
		return q.fine(r)
	case q.target.Predicted == nil:
		f.message = "a browser does not go on: " + r.why()
		f.advice = "give the bucket a rule that allows the request, and name the rules with -f to have the answers compared"
		switch method := r.ask.RequestMethod; {
		case !slices.Contains(methods, method):
			f.message = fmt.Sprintf("a browser does not go on: no rule of S3 can allow the method %q", clean(method, 64))
			f.advice = "use one of " + strings.Join(methods, ", ") + "; S3 has no others for rules"
		case q.withoutConfiguration(r):
			f.message = "a browser does not go on, because the bucket has no CORS configuration"
			f.advice = "give the bucket a CORS configuration"
		}
		return f
	case r.expected && !r.allowed:
		f.message = fmt.Sprintf("%s should allow it, and a browser does not go on: %s", ruleName(r.decision.Rule, r.decision.RuleID), r.why())
	case r.allowed && !r.expected:
		f.message = "a browser goes on, and no rule allows it"
	case r.allowed:
		f.message = "the answer is another than predicted: " + strings.Join(r.differences(), "; ")
	default:
		f.message = fmt.Sprintf("a browser does not go on, as the rules say, and yet the answer is another than predicted: %s, not %s",
			r.reply.said(), statusText(r.decision.Status))
	}
	if r.decision.Doubts != 0 {
		f.message += "; what the server does here was not certain: " + r.decision.Doubts.String()
	}
	f.advice = ifApplied + "compare the configuration that is on the bucket (aws s3api get-bucket-cors) with the one that should be, and " +
		checkDialect + "; if both are right, ask the bucket's own endpoint, past whatever is in front of it"
	return f
}

// methods are those that rules can name.
var methods = []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodHead}

// why is why a browser does not go on.
func (r *round) why() string {
	switch {
	case r.reply.Status/100 != 2 && r.reply.fromS3():
		return fmt.Sprintf("the bucket refuses the preflight (%s)", r.reply.said())
	case r.reply.Status/100 != 2:
		return fmt.Sprintf("the preflight gets %s", r.reply.said())
	case r.refusal == nil:
		return "the answer is not one for it"
	}
	return clean(r.refusal.Message, 300)
}

func (r *round) differences() []string {
	return termsOf(predictedAnswer(r.decision).Header).differences(termsOf(r.reply.Header))
}

// results are the findings, without words that would be others the next time.
func (q *inquiry) results() []Result {
	slices.SortFunc(q.rounds, func(a, b round) int { return cmp.Compare(a.index, b.index) })
	results := make([]Result, 0, len(q.rounds))
	for _, r := range q.rounds {
		result := Result{
			Request: r.request, Class: r.finding.class, Allowed: r.allowed, Expected: r.expected,
			Answer: r.reply.Answer, Message: r.finding.message, Advice: r.finding.advice,
		}
		if r.stranger() {
			result.Message = strings.ReplaceAll(result.Message, r.request.Origin, "a made-up origin")
		}
		results = append(results, result)
	}
	return results
}

// ruleName names a rule by its ID or, without one, by its place.
func ruleName(index int, id string) string {
	switch {
	case index < 0:
		return "the default of the server"
	case id != "":
		return "rule " + strconv.Quote(clean(id, 64))
	default:
		return fmt.Sprintf("rules[%d]", index)
	}
}
