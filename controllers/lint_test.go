// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/lint"
)

// doubtful is the origin of a rule with which nothing is wrong but that it
// never matches, and soundOrigin that of one with which nothing is.
const (
	doubtful    = "https://app.example.com/"
	soundOrigin = "https://app.example.com"
)

func TestTheNoteAboutFindings(t *testing.T) {
	reads := func(origins ...string) cors.Configuration {
		return cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: origins, AllowedMethods: []string{"GET"}}}}
	}
	var many []string
	for i := range 30 {
		many = append(many, fmt.Sprintf("https://%02d.example.com/", i))
	}
	for _, test := range []struct {
		name     string
		rules    cors.Configuration
		options  lint.Options
		contains []string // in this order; none for no note
	}{
		{"nothing is wrong", reads(soundOrigin), lint.Options{}, nil},
		{"what is good to know is not told", reads("http://localhost"), lint.Options{}, nil},
		{"one thing is", reads(doubtful), lint.Options{}, []string{"CORS010 spec.rules[0].allowedOrigins[0]: ", `"https://app.example.com"`}},
		{"the worst is told first", reads("null", doubtful), lint.Options{}, []string{"CORS010 spec.rules[0].allowedOrigins[1]: ", ". CORS021 spec.rules[0].allowedOrigins[0]: "}},
		{"more than fits is counted", reads(many...), lint.Options{}, []string{"CORS010 spec.rules[0].allowedOrigins[0]: ", "; and ", " more; run `bucketcors lint`"}},
		{"one that is too long by itself is cut", reads("https://" + strings.Repeat("é", 2000) + ".example/"), lint.Options{}, []string{"CORS"}},
		{"the names of buckets count", reads(soundOrigin), lint.Options{Buckets: []string{"web--use1-az4--x-s3"}}, []string{"CORS043 spec.rules: "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			note := lintNote(test.rules, test.options)
			if (note == "") != (len(test.contains) == 0) {
				t.Fatalf("the note is %q", note)
			}
			if len(note) > 1024 || !utf8.ValidString(note) {
				t.Errorf("the note has %d bytes: %q", len(note), note)
			}
			rest := note
			for _, part := range test.contains {
				_, after, found := strings.Cut(rest, part)
				if !found {
					t.Fatalf("%q is not, or not there, in %q", part, note)
				}
				rest = after
			}
		})
	}
}

// Whatever is found, the number at the end is that of what is not told.
func TestTheNoteAboutFindingsCountsRight(t *testing.T) {
	for n := range 60 {
		rules := cors.Configuration{Rules: []cors.Rule{}}
		for i := range n + 1 {
			rules.Rules = append(rules.Rules, cors.Rule{
				ID: fmt.Sprint("r", i), AllowedMethods: []string{"GET", "HEAD"},
				AllowedOrigins: []string{"https://" + strings.Repeat("x", i) + fmt.Sprint(i) + ".example.com/"}})
		}
		total := 0
		for _, f := range lint.Run(rules, lint.Options{}) {
			if f.Severity != lint.Info {
				total++
			}
		}
		note := lintNote(rules, lint.Options{})
		told, more := strings.Count(note, "CORS0"), 0
		if _, tail, found := strings.Cut(note, "; and "); found {
			if _, err := fmt.Sscanf(tail, "%d more", &more); err != nil {
				t.Fatal(err)
			}
		}
		if strings.Contains(note, "…") {
			t.Errorf("a finding that is not the only one is cut: %q", note)
		}
		if told+more != total || told == 0 || len(note) > 1024 {
			t.Errorf("%d findings: %d told and %d counted in %d bytes", total, told, more, len(note))
		}
	}
}

func TestFindingsAreToldOnceForAGeneration(t *testing.T) {
	policy := aPolicy("assets")
	policy.Spec.Rules = rulesFor(doubtful)
	w := newWorld(t, policy, aProvider())
	told := func() int {
		n := 0
		for _, line := range w.events.take() {
			if strings.HasPrefix(line, "Warning LintFindings Reconcile: CORS010 spec.rules[0].allowedOrigins[0]: ") {
				n++
			}
		}
		return n
	}
	after := w.mustPass(policy)
	w.expectReady(after, "True Ready")
	if n := told(); n != 1 {
		t.Errorf("told %d times at first", n)
	}

	w.later(time.Hour)
	w.mustPass(policy)
	w.s3.live["assets"] = theirs // a foreign change makes another status
	w.later(time.Hour)
	w.mustPass(policy)
	w.restart()
	w.later(time.Hour)
	w.mustPass(policy)
	if n := told(); n != 0 {
		t.Errorf("told %d times again", n)
	}

	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules[0].ID = "renamed" })
	w.mustPass(policy)
	if n := told(); n != 1 {
		t.Errorf("told %d times of the next generation", n)
	}
	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules = rulesFor(soundOrigin) })
	w.mustPass(policy)
	if n := told(); n != 0 {
		t.Errorf("told %d times of sound rules", n)
	}
}

// A provider may come after the policy, which is another status of the same
// generation.
func TestFindingsAreToldBeforeTheProviderIsThere(t *testing.T) {
	policy := aPolicy("assets")
	policy.Spec.Rules = rulesFor(doubtful)
	w := newWorld(t, policy)
	isLint := func(line string) bool { return strings.HasPrefix(line, "Warning LintFindings ") }
	w.mustPass(policy)
	if !slices.ContainsFunc(w.events.take(), isLint) {
		t.Error("not told")
	}
	if err := w.client.Create(t.Context(), aProvider()); err != nil {
		t.Fatal(err)
	}
	w.expectReady(w.mustPass(policy), "True Ready")
	if events := w.events.take(); slices.ContainsFunc(events, isLint) {
		t.Errorf("told again: %q", events)
	}
}

func TestFindingsOfRulesThatAreRefusedAreNotTold(t *testing.T) {
	policy := aPolicy("assets")
	policy.Spec.Rules = rulesFor(doubtful)
	policy.Spec.Rules[0].AllowedOrigins = append(policy.Spec.Rules[0].AllowedOrigins, "https://*.*")
	w := newWorld(t, policy, aProvider())
	w.expectReady(w.mustPass(policy), "False InvalidRules")
	for _, line := range w.events.take() {
		if strings.HasPrefix(line, "Warning LintFindings ") {
			t.Error(line)
		}
	}
}

func TestAPolicyThatGoesAwayIsNotLinted(t *testing.T) {
	policy := aPolicy("assets")
	policy.Spec.Rules = rulesFor(doubtful)
	// The API server counts a deletion as a change of the spec.
	policy.DeletionTimestamp = at(noon)
	if events := lintEvents(policy, outcome{acceptance: acceptance{rules: configured(doubtful)}}); len(events) > 0 {
		t.Errorf("%+v", events)
	}
}
