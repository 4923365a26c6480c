// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/bucketcors/bucketcors/internal/browser"
)

// row is one line of a table that compares what is said of a browser with what it
// does.
type row struct {
	*attempt

	of       string // what the server is told, or what it answers
	path     string
	script   scripted
	said     verdict
	answered answered
}

// tryAll has a browser make the requests of rows, those of one origin on one page.
func (b *chromium) tryAll(t *testing.T, rows []*row) {
	t.Helper()
	byOrigin := map[string][]*row{}
	for _, r := range rows {
		byOrigin[r.from] = append(byOrigin[r.from], r)
	}
	for origin, rows := range byOrigin {
		page, function := origin, "attemptAll"
		if origin == nullOrigin { // that of a frame in any page
			page, function = appOrigin, "attemptInSandbox"
		}
		scripts := make([]scripted, len(rows))
		for i, r := range rows {
			scripts[i] = r.script
		}
		for i, answer := range call[[]answered](b.open(t, page), function, scripts) {
			rows[i].answered = answer
		}
	}
}

// compare prints the table, and fails for rows that are not the same.
func compare(t *testing.T, of string, rows []*row, traffic *traffic) {
	t.Helper()
	var table bytes.Buffer
	columns := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintf(columns, "%s\tREQUEST\tORIGIN\tEVALUATOR\tBROWSER\tSAME\n", of)
	outcomes := map[string]int{}
	for _, r := range rows {
		preflight, actual := traffic.of(r.path)
		did, same := observe(t, r, preflight, actual), "yes"
		switch {
		case r.said == did:
		case r.deviation != "":
			same = "no, see " + r.deviation
		default:
			same = "NO"
			t.Errorf("%s; %s from %s:\nthe evaluator says %q\nthe browser does   %q\n%+v", r.of, r.what, r.from, r.said, did, r.answered)
		}
		outcomes[did.outcome]++
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\t%s\t%s\n", r.of, r.what, r.from, shortened(r.said.String()), shortened(did.String()), same)
	}
	_ = columns.Flush()
	t.Logf("%d comparisons:\n%s", len(rows), &table)
	for _, step := range []string{through, string(browser.StepPreflight), string(browser.StepResponse), string(browser.StepRead)} {
		if outcomes[step] < 2 {
			t.Errorf("too few rows are %q: %v", step, outcomes)
		}
	}
}

// through is the outcome of a request that a browser does not stop; other outcomes
// are the step at which it does.
const through = "through"

// verdict is what becomes of a request.
type verdict struct {
	// preflight is the method and the headers that the browser asks for; empty for
	// no preflight.
	preflight string
	outcome   string
	// unread is the first header that the script cannot read.
	unread string
}

func (v verdict) String() string {
	text := v.outcome
	if text != through {
		text = "stopped at " + text
	}
	if v.preflight != "" {
		text = "asks " + v.preflight + ": " + text
	}
	if v.unread != "" {
		text += " of " + v.unread
	}
	return text
}

// shortened keeps a cell of the table from being wider than all the others. It
// leaves out some of the headers that a preflight asks for.
func shortened(cell string) string {
	const width = 60
	colon := strings.LastIndex(cell, ": ")
	if len(cell) <= width || colon < 0 {
		return cell
	}
	end := cell[colon:]
	return cell[:max(0, width-len(end)-len("..."))] + "..." + end
}

// ended is the verdict with an outcome: through for no refusal.
func (v verdict) ended(refusal *browser.Refusal) verdict {
	v.outcome = through
	if refusal != nil {
		v.outcome = string(refusal.Step)
		if refusal.Step == browser.StepRead {
			v.unread = strings.ToLower(refusal.Value)
		}
	}
	return v
}

// asked is what a preflight asks for, in one string.
func asked(method, headers string) string {
	return strings.TrimSpace(method + " " + headers)
}

// judge is what the evaluator says of the answers that came.
func judge(a *attempt, preflight, actual *met) verdict {
	request := a.request()
	var v verdict
	switch {
	case preflight != nil:
		ask, _ := request.Preflight()
		v.preflight = asked(ask.RequestMethod, ask.RequestHeaders)
		if refusal := request.CheckPreflight(preflight.answer); refusal != nil {
			return v.ended(refusal)
		}
	case actual == nil:
		return verdict{outcome: string(browser.StepRequest)}
	}
	if actual == nil {
		return verdict{preflight: v.preflight, outcome: "never sent"}
	}
	return v.ended(request.CheckResponse(actual.answer))
}

// observe is what the browser did, from what the server saw and the script got.
func observe(t *testing.T, r *row, preflight, actual *met) verdict {
	t.Helper()
	for _, m := range []*met{preflight, actual} {
		if m != nil && m.request.Get("Origin") != r.from {
			t.Errorf("%s; %s: sent with the origin %q, not %q", r.of, r.what, m.request.Get("Origin"), r.from)
		}
	}
	var v verdict
	if preflight != nil {
		v.preflight = asked(preflight.request.Get(requestMethod), preflight.request.Get("Access-Control-Request-Headers"))
	}
	switch {
	case actual == nil && preflight == nil:
		v.outcome = string(browser.StepRequest)
	case actual == nil:
		v.outcome = string(browser.StepPreflight)
	case !r.answered.Resolved:
		v.outcome = string(browser.StepResponse)
	default:
		v.outcome = through
		for _, name := range r.reads {
			// A header that is not there tells nothing.
			if actual.answer.Header.Get(name) == "" {
				t.Errorf("%s; %s: the server sends no %s to read: %v", r.of, r.what, name, actual.answer.Header)
			}
			if v.unread == "" && !slices.Contains(r.answered.Readable, strings.ToLower(name)) {
				v.outcome, v.unread = string(browser.StepRead), strings.ToLower(name)
			}
		}
	}
	return v
}
