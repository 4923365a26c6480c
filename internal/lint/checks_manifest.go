// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"regexp"
	"strconv"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// ManifestProblem is something for which the API server refuses the policy that
// rules are in.
type ManifestProblem struct {
	// Path is the field of the policy: "spec.mode", "spec.rules[0].id".
	Path string
	// Value is what is refused; empty where it is not one string.
	Value string
	// Problem is what is wrong and Fix what to do, as in a Finding.
	Problem, Fix string
}

// manifestChecks are about policies.
var manifestChecks = []Check{{
	ID: "CORS050", Name: "policy-invalid", Severity: Error,
	Summary: "a policy that the API server refuses",
	run:     invalidPolicy,
}}

func invalidPolicy(s *subject, report func(Finding)) {
	for _, p := range s.Manifest {
		f := Finding{Rule: -1, Index: -1, Place: p.Path, Value: p.Value, Problem: p.Problem, Fix: p.Fix,
			Why: "the API server refuses the policy, and the cluster keeps what it has"}
		if at, inRules := rulesPlace(p.Path); inRules {
			if _, told := s.refused[at]; told {
				continue // S3 refuses the same, and another check says so
			}
			f.Place, f.Rule, f.Field, f.Index = "", at.rule, at.field, at.index
		}
		report(f)
	}
}

// rulesPath is a path into the rules of a policy.
var rulesPath = regexp.MustCompile(`^spec\.rules(?:\[(\d+)\](?:\.(\w+)(?:\[(\d+)\])?)?)?$`)

// rulesPlace is the place in the rules that a path of a policy leads to.
func rulesPlace(path string) (at place, inRules bool) {
	m := rulesPath.FindStringSubmatch(path)
	if m == nil {
		return place{}, false
	}
	index := func(digits string) int {
		i, err := strconv.Atoi(digits)
		if err != nil {
			return -1
		}
		return i
	}
	return place{index(m[1]), cors.Field(m[2]), index(m[3])}, true
}
