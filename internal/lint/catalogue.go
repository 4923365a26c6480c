// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// Check is one entry of the catalogue.
type Check struct {
	// ID is stable and never used again for something else: "CORS010".
	ID string
	// Name is the ID for people: "origin-trailing-slash".
	Name string
	// Severity is that of its findings, unless one says otherwise.
	Severity Severity
	// Summary is one clause that says what the check looks for.
	Summary string

	run func(*subject, func(Finding))
}

// Documentation is the address of the section about the check.
func (c Check) Documentation() string {
	return "https://github.com/bucketcors/bucketcors/blob/main/docs/lint.md#" + strings.ToLower(c.ID)
}

// Catalogue is every check, by ID.
func Catalogue() []Check { return slices.Clone(catalogue) }

// ByID finds a check by its ID or its name, without regard to case.
func ByID(id string) (Check, bool) {
	i := slices.IndexFunc(catalogue, func(c Check) bool {
		return strings.EqualFold(c.ID, id) || strings.EqualFold(c.Name, id)
	})
	if i < 0 {
		return Check{}, false
	}
	return catalogue[i], true
}

var catalogue = slices.SortedFunc(slices.Values(slices.Concat(
	documentChecks, valueChecks, originChecks, ruleChecks, clientChecks, serverChecks, manifestChecks, expectationChecks,
)), func(a, b Check) int { return cmp.Compare(a.ID, b.ID) })

// subject is a configuration prepared for the checks.
type subject struct {
	cors.Configuration
	Options
	// large says that the document is beyond what S3 stores. Checks that compare
	// values with one another leave it alone, so that their cost is bounded.
	large bool

	// mistakes are what the server refuses, the first one of each place.
	mistakes []*cors.Mistake
	// refused are the mistakes by place.
	refused map[place]*cors.Mistake
	// repairs are the values that never match or are refused, by place.
	repairs map[place]repair
	// told are the places of the repairs that a check tells, in order, by its ID.
	told map[string][]place
	// found are the shadows, idleRules the rules that never answer, and covered
	// whether one rule matches all that another one does: each once somebody asked.
	found     []cors.Shadow
	idleRules map[int]bool
	covered   map[[2]int]bool
	// origins are what eachOrigin goes through, once somebody asked.
	origins []placedOrigin
	// judged is what newJudge made, once somebody asked.
	judged *judge
	// failed are the expectations that are not met, once they were asked.
	failed []UnmetExpectation
	asked  bool
}

func newSubject(c cors.Configuration, o Options) *subject {
	if o.Dialect == nil {
		o.Dialect = cors.AWS
	}
	s := &subject{Configuration: c, Options: o, large: isLarge(c), refused: map[place]*cors.Mistake{},
		repairs: map[place]repair{}, told: map[string][]place{},
		idleRules: map[int]bool{}, covered: map[[2]int]bool{}}
	_, err := o.Dialect.Compile(c)
	for m := range cors.Mistakes(err) {
		// The second one about a value says nothing that helps to mend it; two
		// about the whole are two limits.
		at := place{m.Rule, m.Field, m.Index}
		_, known := s.refused[at]
		if known && m.Rule >= 0 {
			continue
		}
		s.mistakes = append(s.mistakes, m)
		s.refused[at] = m
	}
	s.repairAll()
	s.addClients()
	return s
}

// isLarge reports whether c has more rules or more text than S3 stores.
func isLarge(c cors.Configuration) bool {
	const element = len("<AllowedOrigin></AllowedOrigin>")
	bytes := 0
	for _, r := range c.Rules {
		for _, field := range listFields {
			for _, v := range values(r, field) {
				bytes += element + len(v)
			}
		}
	}
	return len(c.Rules) > cors.MaxRules || bytes > cors.MaxDocumentBytes
}

// checks are those that are not disabled.
func (s *subject) checks() []Check {
	disabled := map[string]bool{}
	for _, name := range s.Disabled {
		if check, known := ByID(name); known {
			disabled[check.ID] = true
		}
	}
	return slices.DeleteFunc(Catalogue(), func(c Check) bool { return disabled[c.ID] })
}
