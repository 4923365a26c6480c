// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"cmp"
	"slices"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// Edit replaces one value of a list.
type Edit struct {
	Rule  int
	Field cors.Field
	Index int
	// Values take the place of the value: none removes it, several split it.
	Values []string
}

// place is that of a value or, with the index -1, of a field.
type place struct {
	rule  int
	field cors.Field
	index int
}

// Fixes are the findings with an Edit, none left out, as far as those can be made
// at the same time: one for a value at most, none that would leave a list
// empty, and none after which an expectation would fail that is met. They are in order. What they are made to may need more: those who mend
// a configuration go on until there are no Fixes. MaxRounds bounds that.
func Fixes(c cors.Configuration, o Options) []Finding {
	return withoutBreaking(c, o, newSubject(c, o).fixes())
}

// fixes are those of Fixes, whatever becomes of expectations.
func (s *subject) fixes() []Finding {
	var fixes []Finding
	for _, check := range s.checks() {
		check.run(s, func(f Finding) {
			if f.Edit != nil {
				fixes = append(fixes, s.complete(f, check))
			}
		})
	}
	slices.SortStableFunc(fixes, func(a, b Finding) int { return compareEdits(a.Edit, b.Edit) })
	fixes = slices.CompactFunc(fixes, func(a, b Finding) bool { return compareEdits(a.Edit, b.Edit) == 0 })
	left := map[place]int{} // values by list, after the edits so far
	return slices.DeleteFunc(fixes, func(f Finding) bool {
		e := f.Edit
		list := place{e.Rule, e.Field, -1}
		n, known := left[list]
		if !known {
			n = len(values(s.Rules[e.Rule], e.Field))
		}
		n += len(e.Values) - 1
		if n < 1 {
			return true
		}
		left[list] = n
		return false
	})
}

// Edits are those of Fixes.
func Edits(c cors.Configuration, o Options) []Edit {
	var edits []Edit
	for _, f := range Fixes(c, o) {
		edits = append(edits, *f.Edit)
	}
	return edits
}

// compareEdits compares the places of edits.
func compareEdits(a, b *Edit) int {
	return cmp.Or(
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(slices.Index(fields, a.Field), slices.Index(fields, b.Field)),
		cmp.Compare(a.Index, b.Index))
}

// MaxRounds is how often Fixes may have to be made, one after the other, before
// there are none left. Two is usual: the second removes what the first made
// redundant.
const MaxRounds = 10

// Apply makes edits of c, such as those of Fixes, and leaves c alone.
func Apply(c cors.Configuration, edits []Edit) cors.Configuration {
	byPlace := make(map[place][]string, len(edits))
	edited := map[place]bool{} // lists
	for _, e := range edits {
		byPlace[place{e.Rule, e.Field, e.Index}] = e.Values
		edited[place{e.Rule, e.Field, -1}] = true
	}
	rules := slices.Clone(c.Rules)
	for i := range rules {
		for _, field := range listFields {
			if !edited[place{i, field, -1}] {
				continue
			}
			var list []string
			for j, v := range values(rules[i], field) {
				if replacement, found := byPlace[place{i, field, j}]; found {
					list = append(list, replacement...)
				} else {
					list = append(list, v)
				}
			}
			*rules[i].List(field) = list
		}
	}
	return cors.Configuration{Rules: rules}
}

// listFields are the fields that are lists of values.
var listFields = []cors.Field{
	cors.FieldAllowedOrigins, cors.FieldAllowedMethods, cors.FieldAllowedHeaders, cors.FieldExposeHeaders,
}

// values is a list of a rule.
func values(r cors.Rule, field cors.Field) []string {
	if list := r.List(field); list != nil {
		return *list
	}
	return nil
}
