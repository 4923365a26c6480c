// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
	"github.com/bucketcors/bucketcors/internal/expectation"
	"github.com/bucketcors/bucketcors/internal/probe"
)

// refusedPolicy is a policy that the API server would not store.
type refusedPolicy struct {
	title    string // of the policy
	file     string
	lint     string // the command that says more
	problems []document.Problem
}

func newRefusedPolicy(cmd *cobra.Command, file *document.File, d *document.Document, problems []document.Problem) *refusedPolicy {
	path := file.Name
	if path == standardInputName {
		path = standardInput
	}
	return &refusedPolicy{
		title: documentTitle(file, d), file: file.Name, problems: problems,
		lint: cmd.Root().DisplayName() + " lint -f " + path,
	}
}

// Error lists the problems, each with its place and what to do.
func (r *refusedPolicy) Error() string {
	const most = 20
	var b strings.Builder
	fmt.Fprintf(&b, "%s: the API server refuses this policy, and nothing was sent:", r.title)
	for i, p := range r.problems {
		if i == most {
			fmt.Fprintf(&b, "\n  and %d more", len(r.problems)-most)
			break
		}
		fmt.Fprintf(&b, "\n  %s:%d:%d: %s; %s", r.file, p.Position.Line, p.Position.Column, printable(p.Text), printable(p.Fix))
	}
	fmt.Fprintf(&b, "\nWhat else is wrong: %s", r.lint)
	return b.String()
}

// expected is an expectation of a policy, and whether it is met.
type expected struct {
	denied   bool
	requests []browser.Request
	// byRules is whether the rules of the policy meet it, and decided whether that
	// decides: not where those of other policies answer, too.
	byRules, decided bool
}

// expectedOf are the expectations of a configuration, and what is to be known of
// them before its answers are looked at.
func expectedOf(file *document.File, d *document.Document, predicted *cors.Policy) (all []*expected, notes []string) {
	title := documentTitle(file, d)
	if d.Policy == nil || len(d.Policy.Spec.Expectations) == 0 {
		if len(d.Configuration.Rules) == 0 {
			return nil, nil
		}
		return nil, []string{title + " has no expectations: samples of what its rules allow are asked about"}
	}
	shared := d.Policy.Spec.Sharing == v1alpha1.SharingShared
	for _, e := range d.Policy.Spec.Expectations {
		all = append(all, &expected{
			denied: e.Outcome == v1alpha1.OutcomeDenied, requests: expectation.Requests(e), byRules: true, decided: !shared,
		})
	}
	found := "not even the rules meet its expectations, and the operator does not apply it"
	if shared {
		found = "its own rules alone do not meet its expectations; those of others on its buckets decide as well"
	}
	for _, f := range expectation.Check(d.Policy.Spec.Expectations, predicted) {
		all[f.Index].byRules = false
		notes = append(notes, fmt.Sprintf("%s: %s: %s", title, found, f.Message))
	}
	return all, notes
}

// expectations are those that the request of an answer comes from.
func (p probed) expectations() (all []*expected) {
	if p.stranger {
		return nil
	}
	ask, _ := p.Request.Preflight()
	for _, e := range p.target.expected {
		if slices.ContainsFunc(e.requests, func(r browser.Request) bool {
			other, _ := r.Preflight()
			return other == ask && r.Credentials == p.Request.Credentials
		}) {
			all = append(all, e)
		}
	}
	return all
}

// unmet reports whether the rules or the live answer do not meet an expectation.
func (p probed) unmet(e *expected) bool {
	return e.decided && !e.byRules || p.unmetLive(e)
}

// unmetLive reports whether the live answer does not meet an expectation. What is to
// be denied may be so only after the preflight: then the answer that the rules
// predict to that is fine.
func (p probed) unmetLive(e *expected) bool {
	if p.Answer.Status == 0 || p.Allowed != e.denied {
		return false
	}
	return !e.denied || !e.byRules || p.Allowed != p.Expected
}

// unmet is how many expectations are not met: by the rules, or by live answers that
// are as predicted. The class of all other answers says enough.
type unmet struct{ byRules, live int }

func unmetIn(all []probed) (u unmet) {
	seen := map[*expected]bool{}
	for _, p := range all {
		for _, e := range p.target.expected {
			if e.decided && !e.byRules && !seen[e] {
				seen[e] = true
				u.byRules++
			}
		}
	}
	for _, p := range all {
		if p.Class != probe.AsPredicted {
			continue
		}
		for _, e := range p.expectations() {
			if !seen[e] && p.unmetLive(e) {
				seen[e] = true
				u.live++
			}
		}
	}
	return u
}

func (u unmet) none() bool { return u == unmet{} }

// String continues the summary; it is empty where all are met.
func (u unmet) String() string {
	var b strings.Builder
	for _, part := range []struct {
		n  int
		by string
	}{{u.byRules, "the rules"}, {u.live, "the live answers"}} {
		switch {
		case part.n == 1:
			b.WriteString("; 1 expectation is not met by " + part.by)
		case part.n > 1:
			fmt.Fprintf(&b, "; %d expectations are not met by %s", part.n, part.by)
		}
	}
	return b.String()
}
