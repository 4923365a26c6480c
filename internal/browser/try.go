// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"fmt"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// Verdict is what becomes of a request in a browser.
type Verdict struct {
	// Allowed is whether the script gets the response with all the headers that it
	// reads.
	Allowed bool
	// Refusal is why not; nil when it is allowed.
	Refusal *Refusal
	// Preflight is how the server decides about the preflight; nil when the browser
	// sends none.
	Preflight *cors.Explanation
	// Actual is how the server decides about the request itself; nil when it is not
	// sent.
	Actual *cors.Explanation
	// Message is one sentence, in lower case and without a full stop: for a refusal
	// the one thing that is missing and where, otherwise which rule answers.
	Message string
}

// Rule is the index of the rule that the verdict is about: the one that answers
// or, for a refusal, the one that would have to change; -1 for none.
func (v Verdict) Rule() int {
	e := v.Actual
	if e == nil {
		e = v.Preflight
	}
	switch {
	case e == nil:
		return -1
	case e.Rule < 0 && e.Nearest != nil:
		return e.Nearest.Rule
	default:
		return e.Rule
	}
}

// Try plays a request against the rules of a bucket.
func Try(p *cors.Policy, r Request) Verdict {
	var v Verdict
	if v.Refusal = r.unmade(); v.Refusal != nil {
		v.Message = v.Refusal.Message
		return v
	}
	asked := r.unsafeHeaders()
	if ask, sent := r.preflight(asked); sent {
		e := p.Explain(ask)
		v.Preflight = &e
		if v.Refusal = r.checkPreflight(predicted(e.Decision), asked); v.Refusal != nil {
			v.Message = v.preflightRefused(r)
			return v
		}
	}
	e := p.Explain(r.Actual())
	v.Actual = &e
	if v.Refusal = r.checkResponse(predicted(e.Decision)); v.Refusal != nil {
		v.Message = v.responseRefused(r)
		return v
	}
	v.Allowed = true
	v.Message = v.allowed()
	return v
}

// Allowed is Try for those who need to know no more. It costs much less.
func Allowed(p *cors.Policy, r Request) bool {
	if r.unmade() != nil {
		return false
	}
	asked := r.unsafeHeaders()
	if ask, sent := r.preflight(asked); sent && r.checkPreflight(predicted(p.Decide(ask)), asked) != nil {
		return false
	}
	return r.checkResponse(predicted(p.Decide(r.Actual()))) == nil
}

// predicted is what a server says by a decision.
func predicted(d cors.Decision) grant {
	var buffer [8]cors.Header
	g := grant{status: d.Status}
	for _, h := range d.AppendHeaders(buffer[:0]) {
		switch h.Name {
		case "Access-Control-Allow-Origin":
			g.origin, g.hasOrigin = trim(h.Value), true
		case "Access-Control-Allow-Credentials":
			g.credentials = h.Value
		case "Access-Control-Allow-Methods":
			g.methods = list(h.Value)
		case "Access-Control-Allow-Headers":
			g.headers = list(h.Value)
		case "Access-Control-Expose-Headers":
			g.expose = list(h.Value)
		}
	}
	return g
}

// preflightRefused is the message for a preflight whose answer stops the browser.
func (v *Verdict) preflightRefused(r Request) string {
	return "the preflight is refused: " + stopped(v.Preflight, v.Refusal, r)
}

// responseRefused is the message for a response that the script does not get, or
// not whole.
func (v *Verdict) responseRefused(r Request) string {
	if v.Refusal.Step == StepRead {
		return v.unread(r)
	}
	message := "the response is kept from the script: "
	if v.Preflight != nil {
		message = "the preflight passes, and " + message
	}
	if !v.Actual.Allowed {
		return message + stopped(v.Actual, v.Refusal, r)
	}
	message += v.because()
	if v.laterRuleServes(r) {
		return message + ruleOf(v.Actual) + " answers, and " + v.Refusal.Message + "; move " + ruleOf(v.Preflight) + " before it"
	}
	return message + stopped(v.Actual, v.Refusal, r)
}

// stopped is why a browser stops at the answer that a rule gives, or at that of a
// server which no rule makes allow the request, and what to change.
func stopped(e *cors.Explanation, refusal *Refusal, r Request) string {
	rule := ruleOf(e)
	switch {
	case e.Allowed || e.Advice == "":
	case e.Rule >= 0:
		return rule + " matches, but " + e.Advice
	default:
		return e.Advice
	}
	switch refusal.Reason {
	case WildcardWithCredentials:
		return fmt.Sprintf(`%s answers with the origin "*", which browsers do not take with credentials; allow %s in a rule before it that does not have "*"`,
			rule, cors.Quote(r.Origin))
	case CredentialsNotAllowed:
		return rule + " answers, and this server never sends the Access-Control-Allow-Credentials that a request with credentials needs; send the request without"
	case AuthorizationNotNamed:
		return rule + ` answers with the allowed headers "*", which do not cover authorization in browsers; add "authorization" to allowedHeaders`
	default:
		return rule + " answers, but " + refusal.Message
	}
}

// because says why another rule answers the request than its preflight; empty
// where it is the same.
func (v *Verdict) because() string {
	if v.Preflight == nil || v.Preflight.Rule == v.Actual.Rule {
		return ""
	}
	return "unlike its preflight, which " + ruleOf(v.Preflight) + " answers, the request itself asks for no headers; "
}

// laterRuleServes reports whether the request would get through if the rule that
// answers its preflight, a later one, answered it as well.
func (v *Verdict) laterRuleServes(r Request) bool {
	return v.Preflight != nil && v.Preflight.Rule > v.Actual.Rule && r.checkResponse(predicted(v.Preflight.Decision)) == nil
}

// unread is the message for a header that the script cannot read.
func (v *Verdict) unread(r Request) string {
	rule, name := ruleOf(v.Actual), word(v.Refusal.Value)
	message := "the script cannot read " + name + ": " + v.because() + rule + " answers, "
	switch {
	case v.Refusal.Reason == HeaderNeverExposed:
		return v.Refusal.Message + ", whatever a rule exposes"
	case v.Refusal.Reason == ExposedUnreadable:
		return message + "but " + v.Refusal.Message
	case r.Credentials && predicted(v.Actual.Decision).expose.has("*"):
		message += `and exposes it by "*" only, which does not count with credentials`
	default:
		message += "and does not expose it"
	}
	if v.Actual.Rule < 0 {
		return message
	}
	message += "; add " + cors.Quote(v.Refusal.Value) + " to exposeHeaders"
	if v.laterRuleServes(r) {
		message += " of " + rule + ", or move " + ruleOf(v.Preflight) + " before it"
	}
	return message
}

// allowed is the message for a request that gets through.
func (v *Verdict) allowed() string {
	switch {
	case v.Preflight == nil:
		return ruleOf(v.Actual) + " answers, and the browser sends no preflight"
	case v.Preflight.Rule == v.Actual.Rule:
		return ruleOf(v.Actual) + " answers"
	default:
		return ruleOf(v.Preflight) + " answers the preflight, and " + ruleOf(v.Actual) + " the request itself"
	}
}

// ruleOf is how a sentence names the rule that answers.
func ruleOf(e *cors.Explanation) string {
	switch {
	case e.Rule < 0:
		return "the server's own default"
	case e.RuleID == "":
		return cors.Path(e.Rule, "", -1)
	default:
		return "rule " + cors.Quote(e.RuleID)
	}
}
