// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// Expectations are what the policy that the rules are in wants of them. This
// package knows nothing of browsers, and asks those who do.
type Expectations struct {
	// All are the expectations, in order.
	All []Expectation
	// Unmet are those that a configuration does not meet, in order.
	Unmet func(*cors.Policy) []UnmetExpectation
	// Shared is whether the rules of other policies count beside these.
	Shared bool
}

// Expectation is a request, or those of a client, that a policy wants to be
// allowed or denied.
type Expectation struct {
	// Origin is that of the page, and Headers those that its script sets.
	Origin  string
	Headers []string
	// Client is who sends the requests and has to get through with them; empty for
	// a request of its own, and for a client that has to be denied.
	Client Profile
}

// UnmetExpectation is an expectation that rules do not meet.
type UnmetExpectation struct {
	// Index is its place among all, and Name its name.
	Index int
	Name  string
	// Problem is what is wrong and Fix what to do, as in a Finding.
	Problem, Fix string
}

// expectationChecks are about what a policy expects of its own rules.
var expectationChecks = []Check{
	{ID: "CORS051", Name: "expectation-failed", Severity: Error,
		Summary: "an expectation of the policy that its rules do not meet", run: checkExpectations},
	{ID: "CORS052", Name: "expectation-without-effect", Severity: Warning,
		Summary: "an expectation about what no browser sends", run: checkExpectedRequests},
}

// addClients adds the clients that are expected to work, and do, to the profiles:
// who expects that has told what the bucket serves. What keeps one from working
// is told with the expectation, and would be told twice.
func (s *subject) addClients() {
	unmet := map[int]bool{}
	for _, e := range s.unmet() {
		unmet[e.Index] = true
	}
	s.Profiles = slices.Clone(s.Profiles)
	for i, e := range s.Expectations.All {
		if e.Client != "" && !unmet[i] && !slices.Contains(s.Profiles, e.Client) {
			s.Profiles = append(s.Profiles, e.Client)
		}
	}
}

// checkExpectations tells of the expectations that would keep the operator from
// applying the rules. Beside a Shared policy there may be others, whose rules
// nobody knows here.
func checkExpectations(s *subject, report func(Finding)) {
	for _, e := range s.unmet() {
		if s.refusedExpectation(e.Index) {
			continue
		}
		f := Finding{Rule: -1, Index: -1, Place: expectationPath(e.Index), Value: e.Name, Problem: e.Problem, Fix: e.Fix,
			Why: "the operator does not apply rules that do not meet the expectations of their policy: what was applied before stays, and changes that others make to it are not put right"}
		if s.Expectations.Shared {
			f.Severity = Warning
			f.Why = "the operator asks the rules of all Shared policies of a bucket together: unless those of the others mend this, it does not apply these there"
		}
		report(f)
	}
}

// unmet are the expectations that the server would not meet with the rules.
func (s *subject) unmet() []UnmetExpectation {
	if len(s.Expectations.All) == 0 || s.Expectations.Unmet == nil {
		return nil
	}
	if s.asked {
		return s.failed
	}
	s.asked = true
	if j, ok := newJudge(s); ok {
		policy := j.aws
		if s.Dialect != cors.AWS {
			policy = j.dialect
		}
		if policy != nil { // otherwise the server refuses the rules, which other checks tell
			s.failed = s.Expectations.Unmet(policy)
		}
	}
	return s.failed
}

// refusedExpectation reports whether the API server refuses an expectation, which
// then says nothing.
func (s *subject) refusedExpectation(index int) bool {
	path := expectationPath(index)
	return slices.ContainsFunc(s.Manifest, func(p ManifestProblem) bool {
		after, found := strings.CutPrefix(p.Path, path)
		return found && (after == "" || after[0] == '.')
	})
}

func expectationPath(index int) string { return fmt.Sprintf("spec.expectations[%d]", index) }

// checkExpectedRequests tells of parts of expectations that are about nothing.
func checkExpectedRequests(s *subject, report func(Finding)) {
	for i, e := range s.Expectations.All {
		if s.refusedExpectation(i) {
			continue
		}
		path := expectationPath(i)
		if !parseOrigin(e.Origin).ok {
			report(Finding{Rule: -1, Index: -1, Place: path + ".origin", Value: e.Origin,
				Problem: quote(e.Origin) + " is not how a browser writes an origin",
				Why:     "no page has it, so that the expectation says nothing about any",
				Fix:     "write it as a browser sends it in the header Origin",
			})
		}
		for j, name := range e.Headers {
			f := Finding{Rule: -1, Index: -1, Place: fmt.Sprintf("%s.headers[%d]", path, j), Value: name,
				Problem: "no preflight asks for " + quote(name), Fix: "remove it"}
			switch lower := lowerASCII(name); allowedInVain(lower) {
			case &setByBrowsers:
				f.Why = "browsers let no script set it, so that the expectation says nothing about it"
				if lower == "cookie" {
					f.Fix = "remove it, and write credentials: Include if the browser is to send its cookies"
				}
			case &needsNoPermission:
				f.Severity = Info
				f.Why = "browsers send it without asking, so that the expectation says nothing about it"
			default:
				continue
			}
			report(f)
		}
	}
}

// withoutBreaking are the fixes that can be made, all of them together, so that
// no expectation fails which is met now: an origin that never matched may be just
// what the policy expects to be denied. They are tried by halves, because nearly
// always all of them can be made.
func withoutBreaking(c cors.Configuration, o Options, fixes []Finding) []Finding {
	if len(o.Expectations.All) == 0 || len(fixes) == 0 {
		return fixes
	}
	unmet := func(made []Finding) map[int]bool {
		edits := make([]Edit, 0, len(made))
		for _, f := range made {
			edits = append(edits, *f.Edit)
		}
		indexes := map[int]bool{}
		for _, e := range newSubject(Apply(c, edits), o).unmet() {
			indexes[e.Index] = true
		}
		return indexes
	}
	before := unmet(nil)
	var made []Finding
	var try func([]Finding)
	try = func(more []Finding) {
		all := slices.Concat(made, more)
		breaks := false
		for index := range unmet(all) {
			breaks = breaks || !before[index]
		}
		switch {
		case !breaks:
			made = all
		case len(more) > 1:
			try(more[:len(more)/2])
			try(more[len(more)/2:])
		}
	}
	try(fixes)
	return made
}

// spareExpectations takes the edits that withoutBreaking leaves out from the
// findings, and says why.
func (s *subject) spareExpectations(found []Finding) {
	if len(s.Expectations.All) == 0 || !slices.ContainsFunc(found, func(f Finding) bool { return f.Edit != nil }) {
		return
	}
	breaking := map[place]bool{}
	fixes := s.fixes()
	for _, f := range fixes {
		breaking[place{f.Edit.Rule, f.Edit.Field, f.Edit.Index}] = true
	}
	for _, f := range withoutBreaking(s.Configuration, s.Options, fixes) {
		delete(breaking, place{f.Edit.Rule, f.Edit.Field, f.Edit.Index})
	}
	for i := range found {
		if e := found[i].Edit; e != nil && breaking[place{e.Rule, e.Field, e.Index}] {
			found[i].Edit = nil
			found[i].Fix += ", and change the expectation that would fail then"
		}
	}
}
