// SPDX-License-Identifier: Apache-2.0

package lint_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/lint"
)

func TestProblemsOfThePolicyAreToldUnlessS3RefusesTheSame(t *testing.T) {
	c := of(func(r *cors.Rule) { r.AllowedMethods = []string{"GET", "HEAD", "PATCH"} })
	problem := func(path string) lint.ManifestProblem {
		return lint.ManifestProblem{Path: path, Value: "x", Problem: "it is wrong", Fix: "mend it"}
	}
	o := lint.Options{Manifest: []lint.ManifestProblem{
		problem("metadata.name"), problem("spec.mode"), problem("spec.rules"),
		problem("spec.rules[0].id"), problem("spec.rules[0].allowedMethods[2]"), problem("spec.rules[0].allowedMethods[7]"),
	}}
	var got []string
	for _, f := range lint.Run(c, o) {
		if f.ID == "CORS050" {
			got = append(got, fmt.Sprintf("%s %d %s %d", f.Path(), f.Rule, f.Field, f.Index))
		}
		if f.ID == "CORS050" && (f.Severity != lint.Error || f.Problem != "it is wrong" || f.Fix != "mend it" || f.Value != "x" || f.Why == "") {
			t.Errorf("%+v", f)
		}
	}
	want := []string{
		"metadata.name -1  -1", "spec.mode -1  -1", "rules -1  -1", "rules[0].id 0 id -1", "rules[0].allowedMethods[7] 0 allowedMethods 7",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	o.Disabled = []string{"policy-invalid"}
	if got := ids(lint.Run(c, o)); !slices.Equal(got, []string{"CORS004"}) {
		t.Errorf("disabled: %q", got)
	}
}
