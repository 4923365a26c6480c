// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"regexp"
	"strconv"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

func full() cors.Rule {
	return cors.Rule{
		ID:             "uploads",
		AllowedOrigins: []string{"https://b.example", "https://a.example"},
		AllowedMethods: []string{"PUT", "GET"},
		AllowedHeaders: []string{"X-Amz-*", "content-type"},
		ExposeHeaders:  []string{"ETag", "x-amz-request-id"},
		MaxAgeSeconds:  new(int32(0)),
	}
}

func TestWhatMakesAConfigurationAnother(t *testing.T) {
	for name, test := range map[string]struct {
		edit     func(*cors.Rule)
		equal    bool // what Equal says of the rule before and after
		sameHash bool
	}{
		"nothing":             {func(*cors.Rule) {}, true, true},
		"the order of values": {func(r *cors.Rule) { r.AllowedOrigins = []string{"https://a.example", "https://b.example"} }, true, true},
		"repetition":          {func(r *cors.Rule) { r.AllowedMethods = []string{"GET", "PUT", "GET"} }, true, true},
		"the case of headers": {func(r *cors.Rule) { r.AllowedHeaders = []string{"x-amz-*", "Content-Type"} }, true, true},
		"the case of exposed": {func(r *cors.Rule) { r.ExposeHeaders = []string{"etag", "X-Amz-Request-Id", "ETAG"} }, true, true},
		"the case of origins": {func(r *cors.Rule) { r.AllowedOrigins[0] = "https://B.example" }, false, false},
		"the Kelvin sign":     {func(r *cors.Rule) { r.AllowedHeaders = append(r.AllowedHeaders, "\u212a") }, false, false},
		"a method less":       {func(r *cors.Rule) { r.AllowedMethods = []string{"PUT"} }, false, false},
		"no headers":          {func(r *cors.Rule) { r.AllowedHeaders = nil }, false, false},
		"no exposed headers":  {func(r *cors.Rule) { r.ExposeHeaders = nil }, false, false},
		"no max age":          {func(r *cors.Rule) { r.MaxAgeSeconds = nil }, false, false},
		"another max age":     {func(r *cors.Rule) { r.MaxAgeSeconds = new(int32(1)) }, false, false},
		"another ID":          {func(r *cors.Rule) { r.ID = "other" }, false, false},
		"no ID":               {func(r *cors.Rule) { r.ID = "" }, false, false},
		"one value for two": {func(r *cors.Rule) {
			r.AllowedOrigins = []string{"https://a.examplehttps://b.example"}
		}, false, false},
		"a value in another list": {func(r *cors.Rule) {
			r.AllowedHeaders, r.ExposeHeaders = []string{"x-amz-*"}, []string{"content-type", "ETag", "x-amz-request-id"}
		}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			edited := full()
			test.edit(&edited)
			a, b := cors.Configuration{Rules: []cors.Rule{full()}}, cors.Configuration{Rules: []cors.Rule{edited}}
			if got := cors.Equal(a, b); got != test.equal {
				t.Errorf("Equal = %t", got)
			}
			if got := cors.Hash(a) == cors.Hash(b); got != test.sameHash {
				t.Errorf("same hash: %t", got)
			}
			if got := len(cors.Diff(a, b)) == 0; got != test.equal {
				t.Errorf("empty diff: %t", got)
			}
		})
	}
}

func TestAnIDThatTheServerMadeUpIsIgnored(t *testing.T) {
	named, unnamed := cors.Configuration{Rules: []cors.Rule{full()}}, cors.Configuration{Rules: []cors.Rule{full()}}
	unnamed.Rules[0].ID = ""
	if !cors.Equal(unnamed, named) || cors.Diff(unnamed, named) != nil {
		t.Errorf("ours has no ID, and live differs: %v", cors.Diff(unnamed, named))
	}
	if cors.Equal(named, unnamed) {
		t.Error("live has lost our ID, and is equal")
	}
}

func TestEmptyAndNilAreTheSame(t *testing.T) {
	a := cors.Configuration{Rules: []cors.Rule{{}}}
	b := cors.Configuration{Rules: []cors.Rule{{
		AllowedOrigins: []string{}, AllowedMethods: []string{}, AllowedHeaders: []string{}, ExposeHeaders: []string{},
	}}}
	if !cors.Equal(a, b) || !cors.Equal(b, a) || cors.Hash(a) != cors.Hash(b) {
		t.Error("an empty list is not the same as none")
	}
	if none, empty := (cors.Configuration{}), (cors.Configuration{Rules: []cors.Rule{}}); !cors.Equal(none, empty) || cors.Hash(none) != cors.Hash(empty) {
		t.Error("no rules are not the same as none")
	}
}

func TestTheOrderOfRulesCounts(t *testing.T) {
	second := full()
	second.ID, second.AllowedMethods = "reads", []string{"GET"}
	a := cors.Configuration{Rules: []cors.Rule{full(), second}}
	b := cors.Configuration{Rules: []cors.Rule{second, full()}}
	if cors.Equal(a, b) || cors.Hash(a) == cors.Hash(b) {
		t.Error("rules in another order are the same")
	}
}

func TestRunsAreAllListsOfRulesThatFollowOneAnother(t *testing.T) {
	c := cors.Configuration{Rules: make([]cors.Rule, cors.MaxRules+2)}
	for i := range c.Rules {
		c.Rules[i] = full()
		c.Rules[i].ID = strconv.Itoa(i)
	}
	found := map[string]bool{}
	for hash, run := range cors.Runs(c) {
		if want := cors.Hash(cors.Configuration{Rules: run}); hash != want {
			t.Fatalf("the hash of %d rules from %s is %s, not %s", len(run), run[0].ID, hash, want)
		}
		found[run[0].ID+" to "+run[len(run)-1].ID] = true
	}
	// Of the two rules more than MaxRules, three runs are too long.
	if want := len(c.Rules)*(len(c.Rules)+1)/2 - 3; len(found) != want {
		t.Errorf("%d runs, not %d", len(found), want)
	}
	for range cors.Runs(c) {
		break
	}
	for range cors.Runs(cors.Configuration{}) {
		t.Error("no rules have a run")
	}
}

func TestHashesStayTheSameAcrossReleases(t *testing.T) {
	got := cors.Hash(cors.Configuration{Rules: []cors.Rule{full()}})
	if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(got) {
		t.Fatalf("hash %q", got)
	}
	// Hashes are stored in the status of policies: a change makes each of them look
	// edited after an upgrade.
	if want := "sha256:4bf045cc95038c2bbad85c95adee7277835c17ca8e8c1d6715f678240bac0340"; got != want {
		t.Errorf("hash %q, want %q", got, want)
	}
}
