// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// answer is an explanation as evaluate tells it to people.
type answer struct {
	style   style
	server  string
	bucket  askedBucket
	request asked
	cors.Explanation
}

func (a *answer) write(w io.Writer) {
	verdict := a.style.bad
	if a.Allowed {
		verdict = a.style.good
	}
	fmt.Fprintln(w, verdict(verdictOf(a.Explanation)))
	if a.Status == 0 && !a.Allowed && a.Reason != cors.OriginMissing {
		fmt.Fprintln(w, a.server+" carries the request out all the same; the browser keeps the answer from the script.")
	}
	a.writeRequest(w)
	a.writeResponse(w)
	a.writeTrace(w)
	a.writeNearest(w)
	if a.Confidence != cors.ConfidenceHigh {
		fmt.Fprintf(w, "\n%s %s.\n", a.style.warn("Not certain:"), a.Doubts)
	}
}

// verdictOf is the whole answer in a line.
func verdictOf(e cors.Explanation) string {
	switch {
	case e.Allowed && e.Rule >= 0:
		return "allowed by " + ruleName(e.Rule, e.RuleID)
	case e.Allowed:
		return "allowed without a rule: " + reasonOf(e)
	case e.Reason == cors.AnswerUnusable:
		return "refused by the browser: " + ruleName(e.Rule, e.RuleID) + " matches, but " + reasonOf(e)
	case e.Reason == cors.OriginMissing && e.Status != 0 && e.Code == "":
		return fmt.Sprintf("not allowed: %s; the answer is %d", reasonOf(e), e.Status)
	case e.Status == 0:
		return "not allowed: " + reasonOf(e)
	case e.Code == "":
		return fmt.Sprintf("refused by the browser: the answer is %d, without what the browser asked for", e.Status)
	default:
		return fmt.Sprintf("refused: %d %s", e.Status, e.Code)
	}
}

// reasonOf says in words why a request is not allowed.
func reasonOf(e cors.Explanation) string {
	switch e.Reason {
	case cors.OriginMissing:
		return "no CORS request, because it has no Origin"
	case cors.NotConfigured:
		return "the bucket has no CORS configuration"
	case cors.BucketMissing:
		return "there is no such bucket"
	case cors.RequestMethodInvalid:
		return "no rule can allow the method asked for"
	case cors.RequestHeadersInvalid:
		return "it asks for a header whose name is none"
	case cors.NoRuleMatches:
		return "no rule matches"
	case cors.AnswerUnusable:
		return "no browser takes what the server makes of it"
	case cors.Matched:
		// It is allowed.
	}
	return string(e.Reason)
}

// adviceAfter is the advice without what the verdict has said.
func adviceAfter(e cors.Explanation) string {
	if e.Status != 0 && e.Code != "" {
		return e.Advice
	}
	if e.Reason == cors.OriginMissing {
		return "browsers send an Origin when a script reads from another origin"
	}
	return strings.TrimPrefix(e.Advice, reasonOf(e)+"; ")
}

// ruleName names a rule by its ID, where it has one, and its place.
func ruleName(rule int, id string) string {
	if id == "" {
		return cors.Path(rule, "", -1)
	}
	return fmt.Sprintf("rule %q (%s)", id, cors.Path(rule, "", -1))
}

func (a *answer) writeRequest(w io.Writer) {
	what := " to an object"
	if a.request.Resource == cors.Bucket {
		what = " to the bucket"
	}
	head := "The browser sends"
	if a.request.unsent {
		head = "The request"
	}
	fmt.Fprintf(w, "\n%s\n  %s%s\n", a.style.head(head), a.request.Method, what)
	for _, h := range []cors.Header{
		{Name: "Origin", Value: a.request.Origin},
		{Name: "Access-Control-Request-Method", Value: a.request.RequestMethod},
		{Name: "Access-Control-Request-Headers", Value: a.request.RequestHeaders},
	} {
		if h.Value != "" {
			fmt.Fprintf(w, "  %s: %s\n", h.Name, h.Value)
		}
	}
}

func (a *answer) writeResponse(w io.Writer) {
	headers := a.Headers()
	if a.Status == 0 {
		fmt.Fprintf(w, "\n%s\n", a.style.head(a.server+" adds to its answer"))
		if len(headers) == 0 {
			fmt.Fprintln(w, "  no header")
		}
	} else {
		fmt.Fprintf(w, "\n%s\n  %d %s\n", a.style.head(a.server+" answers"), a.Status, http.StatusText(a.Status))
	}
	for _, h := range headers {
		if h.Value == "" {
			h.Value = "(empty)" // as some servers send it
		}
		fmt.Fprintf(w, "  %s: %s\n", h.Name, h.Value)
	}
	for _, element := range []cors.Header{
		{Name: "Code", Value: a.Code}, {Name: "Message", Value: a.Message},
		{Name: "Method", Value: a.Method}, {Name: "ResourceType", Value: a.ResourceType},
	} {
		if element.Value != "" {
			fmt.Fprintf(w, "  <%s>%s</%[1]s>\n", element.Name, printable(element.Value))
		}
	}
}

// printable is text without control characters, which a terminal would obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, text)
}

func (a *answer) writeTrace(w io.Writer) {
	if len(a.Trace) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", a.style.head("Rule by rule"))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  RULE\tORIGIN\tMETHOD\tHEADERS")
	for _, t := range a.Trace {
		name := cors.Path(t.Rule, "", -1)
		if t.RuleID != "" {
			name += fmt.Sprintf(" %q", t.RuleID)
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", name, yes(t.Origin), yes(t.Method), headersOf(t.Headers))
	}
	table.Flush()
	if left := len(a.bucket.document.Configuration.Rules) - len(a.Trace); left > 0 {
		fmt.Fprintf(w, "  %s after it: not looked at\n", count(left, "rule"))
	}
}

func yes(matches bool) string {
	if matches {
		return "yes"
	}
	return "no"
}

// headersOf says which of the headers asked for a rule does not allow.
func headersOf(trace []cors.HeaderTrace) string {
	const most = 5
	var refused []string
	more := 0
	for _, h := range trace {
		switch {
		case h.Allowed:
		case len(refused) < most:
			refused = append(refused, h.Name)
		default:
			more++
		}
	}
	switch {
	case len(trace) == 0:
		return "none asked for"
	case len(refused) == 0:
		return "yes"
	case more > 0:
		return fmt.Sprintf("no: %s and %d more", strings.Join(refused, ", "), more)
	default:
		return "no: " + strings.Join(refused, ", ")
	}
}

// writeNearest says what to change, and where.
func (a *answer) writeNearest(w io.Writer) {
	if a.Nearest == nil {
		if advice := adviceAfter(a.Explanation); advice != "" && !a.Allowed {
			fmt.Fprintf(w, "\n%s\n", printable(sentence(advice)))
		}
		return
	}
	fmt.Fprintf(w, "\n%s %s.\n", a.style.head("Nearest:"), printable(a.Nearest.String()))
	format := a.bucket.document.Format
	if a.Nearest.Hint != "" {
		fmt.Fprintln(w, printable(sentence(worded(format, a.Nearest.Hint))))
	}
	var fields []cors.Field
	values := map[cors.Field][]string{}
	for _, o := range a.Nearest.Missing {
		if a.Nearest.Hint == "" && a.request.neverSent[o.Value] {
			continue // no browser has to be allowed it
		}
		if values[o.Field] == nil {
			fields = append(fields, o.Field)
		}
		values[o.Field] = append(values[o.Field], o.Value)
	}
	for i, field := range fields {
		at := a.bucket.file.Position(a.bucket.document, cors.Path(a.Nearest.Rule, field, -1))
		place := fmt.Sprintf("%s:%d:%d", a.bucket.file.Name, at.Line, at.Column)
		name := fieldName(format, field)
		switch {
		case a.Nearest.Hint != "":
			// To add the value may not be what the hint calls for.
			fmt.Fprintf(w, "Its %s: %s\n", name, place)
		case i == 0:
			fmt.Fprintf(w, "To allow it, add %s to %s: %s\n", quoted(values[field]), name, place)
		default:
			fmt.Fprintf(w, "and %s to %s: %s\n", quoted(values[field]), name, place)
		}
	}
}

// quoted lists values, as many as a reader wants to see.
func quoted(values []string) string {
	const most = 8
	var words []string
	for i, v := range values {
		if i == most {
			words = append(words, fmt.Sprintf("%d more", len(values)-most))
			break
		}
		words = append(words, fmt.Sprintf("%q", v))
	}
	return enumerate(words, "and")
}

// sentence is a clause as a sentence of its own.
func sentence(clause string) string {
	clause = strings.TrimSuffix(clause, ".")
	if clause == "" {
		return ""
	}
	return strings.ToUpper(clause[:1]) + clause[1:] + "."
}
