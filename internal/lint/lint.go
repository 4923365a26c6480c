// SPDX-License-Identifier: Apache-2.0

// Package lint knows what is wrong with CORS rules that S3 would accept, and
// with those it would not: rules that can never match, that let in more than
// was meant, or that will not serve the application they were written for. It
// touches no network.
package lint

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// Options are what the findings depend on beside the rules.
type Options struct {
	// Profiles are what the bucket serves, beside what can be told from the rules
	// and the expectations.
	Profiles []Profile
	// Dialect is that of the server; nil for AWS.
	Dialect *cors.Dialect
	// Production says that no developer's machine belongs among the origins.
	Production bool
	// Buckets are the names of the buckets that the rules are for, as far as
	// they are known.
	Buckets []string
	// Expectations are those of the policy that the rules are in.
	Expectations Expectations
	// Manifest are the problems of the policy that the rules are in, other than
	// what is wrong with the rules themselves.
	Manifest []ManifestProblem
	// Disabled are the checks to leave out, as ByID finds them. Others than
	// those of the catalogue have no effect.
	Disabled []string
}

// Profile is a kind of client.
type Profile string

// The profiles.
const (
	PresignedUpload Profile = "presigned-upload" // the browser PUTs or POSTs to a presigned URL
	Multipart       Profile = "multipart"        // the browser uploads in parts
	SDKBrowser      Profile = "sdk-browser"      // the AWS SDK for JavaScript in a browser
	RangeReader     Profile = "range-reader"     // the browser reads parts of objects: video, PDF, maps
)

// Profiles are all of them.
func Profiles() []Profile {
	return []Profile{PresignedUpload, Multipart, SDKBrowser, RangeReader}
}

// Run finds everything in c that the catalogue knows, in the order of the
// rules, what concerns all of them first.
//
// It says no more than maxFindings things of one kind about one rule, and about
// no more than cors.MaxRules rules; a last finding says how many there are beside.
func Run(c cors.Configuration, o Options) []Finding {
	s := newSubject(c, o)
	var found []Finding
	for _, check := range s.checks() {
		limit := limiter{check: check}
		check.run(s, func(f Finding) {
			f = s.complete(f, check)
			if limit.admit(f) {
				found = append(found, f)
			}
		})
		found = append(found, limit.rest(s)...)
	}
	s.spareExpectations(found)
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(min(a.more, 1), min(b.more, 1)),
			cmp.Compare(slices.Index(fields, a.Field), slices.Index(fields, b.Field)),
			cmp.Compare(a.Index, b.Index),
			cmp.Compare(a.ID, b.ID))
	})
	return found
}

// complete adds what a check need not say itself.
func (s *subject) complete(f Finding, c Check) Finding {
	f.ID, f.Name = c.ID, c.Name
	f.Severity = cmp.Or(f.Severity, c.Severity)
	if f.Rule >= 0 && f.Rule < len(s.Rules) {
		f.RuleID = s.Rules[f.Rule].ID
	}
	return f
}

// fields is the order in which findings about one rule are told.
var fields = []cors.Field{
	"", cors.FieldID, cors.FieldAllowedOrigins, cors.FieldAllowedMethods,
	cors.FieldAllowedHeaders, cors.FieldExposeHeaders, cors.FieldMaxAgeSeconds,
}

// maxFindings is how many findings of one check about one rule are told, so that
// nobody has to read the same of 200,000 origins.
const maxFindings = 20

// limiter counts the findings of one check.
type limiter struct {
	check  Check
	byRule map[int]int // findings by rule
	others int         // findings about rules too many
}

// admit counts f and reports whether it is to be told.
func (l *limiter) admit(f Finding) bool {
	if l.byRule == nil {
		l.byRule = map[int]int{}
	}
	if _, seen := l.byRule[f.Rule]; !seen && len(l.byRule) > cors.MaxRules {
		l.others++
		return false
	}
	l.byRule[f.Rule]++
	return l.byRule[f.Rule] <= maxFindings
}

// rest is what admit did not let pass.
func (l *limiter) rest(s *subject) []Finding {
	var rest []Finding
	add := func(rule, n int, where string) {
		rest = append(rest, s.complete(Finding{
			Rule: rule, Index: -1, more: n,
			Problem: fmt.Sprintf("%d more of the same in %s", n, where),
			Why:     "only the first ones are listed",
			Fix:     "fix those, then look again",
		}, l.check))
	}
	for rule, n := range l.byRule {
		if n > maxFindings {
			where := "this rule"
			if rule < 0 {
				where = "this configuration"
			}
			add(rule, n-maxFindings, where)
		}
	}
	if l.others > 0 {
		add(-1, l.others, "further rules")
	}
	return rest
}
