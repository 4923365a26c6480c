// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// diffPrinter prints comparisons in the order in which they come.
type diffPrinter interface {
	bucket(c compared) error
	// end prints what there is to say about all of them.
	end(all []compared) error
}

func (o *diffOptions) printer(cmd *cobra.Command) diffPrinter {
	w := cmd.OutOrStdout()
	if o.output.value == "json" {
		return &diffJSON{w: w}
	}
	return &diffText{w: w, style: styleOf(w)}
}

// diffText prints comparisons for people; of buckets without a difference, only how
// many there are.
type diffText struct {
	w     io.Writer
	style style
}

func (t *diffText) bucket(c compared) error {
	if c.state == diffEqual {
		return nil
	}
	// In one piece, so that a pipe that breaks is noticed once.
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s (%s)", t.style.head(printable(c.location.Name)), printable(c.about()))
	switch c.state {
	case diffNotApplied:
		fmt.Fprintf(&b, ": %s: %s\n", t.style.bad(c.reason), printable(c.message))
	case diffUnknown:
		fmt.Fprintf(&b, ": %s: %s\n", t.style.warn(c.reason), printable(c.message))
	case diffEqual, diffDifferent:
		b.WriteByte('\n')
		t.writeChanges(&b, c)
	}
	b.WriteByte('\n')
	_, err := t.w.Write(b.Bytes())
	return err
}

// about names the policy, and what else is to be known of it.
func (c compared) about() string {
	words := []string{c.name()}
	if len(c.preview.SharedWith) > 0 {
		words = append(words, "shared with "+strings.Join(c.preview.SharedWith, " and "))
	}
	if c.policy.Spec.Mode == v1alpha1.PolicyModeObserve {
		words = append(words, "observes")
	}
	if c.policy.Spec.Suspend {
		words = append(words, "suspended")
	}
	return strings.Join(words, ", ")
}

// writeChanges writes the changes, those of one rule together.
func (t *diffText) writeChanges(w io.Writer, c compared) {
	switch {
	case len(c.live.Rules) == 0:
		fmt.Fprintln(w, "  the bucket has no rules")
	case len(c.preview.Desired.Rules) == 0:
		fmt.Fprintln(w, "  the bucket is to have no rules")
	}
	last := ""
	for _, change := range c.changes {
		switch change.Kind {
		case cors.RuleAdded:
			fmt.Fprintf(w, "  %s %s\n", t.style.good("+"), diffRuleName(change.RuleID, change.To))
			t.writeRule(w, t.style.good("+"), c.preview.Desired.Rules[change.To])
		case cors.RuleRemoved:
			fmt.Fprintf(w, "  %s %s\n", t.style.bad("-"), diffRuleName(change.RuleID, change.From))
			t.writeRule(w, t.style.bad("-"), c.live.Rules[change.From])
		case cors.RuleMoved:
			if change.From == change.To {
				fmt.Fprintf(w, "  %s %s moves past other rules\n", t.style.warn("~"), diffRuleName(change.RuleID, change.To))
			} else {
				fmt.Fprintf(w, "  %s %s moves from place %d to %d\n", t.style.warn("~"), diffRuleName(change.RuleID, change.To), change.From, change.To)
			}
		case cors.FieldChanged:
			if name := diffRuleName(change.RuleID, change.To); name != last {
				fmt.Fprintf(w, "  %s %s\n", t.style.warn("~"), name)
				last = name
			}
			t.writeField(w, change)
		}
	}
	if c.preview.Shadows != "" {
		fmt.Fprintf(w, "  note: %s\n", printable(c.preview.Shadows))
	}
}

// diffRuleName is how people call a rule: by its ID, or by its place.
func diffRuleName(id string, place int) string {
	if id != "" {
		return "rule " + cors.Quote(id)
	}
	return cors.Path(place, "", -1)
}

// shownValues is how many values of a list are shown.
const shownValues = 20

func (t *diffText) writeField(w io.Writer, c cors.Change) {
	if c.Field == cors.FieldID || c.Field == cors.FieldMaxAgeSeconds {
		fmt.Fprintf(w, "      %s: %s -> %s\n", c.Field, printable(cmp.Or(c.Old, "none")), printable(cmp.Or(c.New, "none")))
		return
	}
	t.writeValues(w, t.style.good("+"), c.Field, c.Added)
	t.writeValues(w, t.style.bad("-"), c.Field, c.Removed)
}

func (t *diffText) writeValues(w io.Writer, sign string, field cors.Field, values []string) {
	for i, v := range values {
		if i == shownValues {
			fmt.Fprintf(w, "    %s %s: and %d more\n", sign, field, len(values)-shownValues)
			return
		}
		fmt.Fprintf(w, "    %s %s: %s\n", sign, field, shownValue(v))
	}
}

// writeRule writes all fields of a rule that comes or goes.
func (t *diffText) writeRule(w io.Writer, sign string, r cors.Rule) {
	for _, field := range []cors.Field{cors.FieldAllowedOrigins, cors.FieldAllowedMethods, cors.FieldAllowedHeaders, cors.FieldExposeHeaders} {
		list := *r.List(field)
		if len(list) == 0 {
			continue
		}
		shown := make([]string, 0, min(len(list), shownValues)+1)
		for i, v := range list {
			if i == shownValues {
				shown = append(shown, fmt.Sprintf("and %d more", len(list)-shownValues))
				break
			}
			shown = append(shown, shownValue(v))
		}
		fmt.Fprintf(w, "    %s %s: %s\n", sign, field, strings.Join(shown, ", "))
	}
	if r.MaxAgeSeconds != nil {
		fmt.Fprintf(w, "    %s %s: %d\n", sign, cors.FieldMaxAgeSeconds, *r.MaxAgeSeconds)
	}
}

// shownValue is a value as it is, or in quotes if that reads better in a list.
func shownValue(v string) string {
	const longest = 200
	if v == "" || len(v) > longest || strings.ContainsAny(v, " ,\"") || strconv.Quote(v) != `"`+v+`"` {
		return cors.Quote(v)
	}
	return v
}

// end prints how many buckets there are of each kind: "3 buckets: 1 differs, 2 equal".
func (t *diffText) end(all []compared) error {
	counts := map[diffState]int{}
	for _, c := range all {
		counts[c.state]++
	}
	text, paint := count(len(all), "bucket"), t.style.good
	var parts []string
	add := func(n int, one, several string) {
		switch {
		case n == 1:
			parts = append(parts, "1 "+one)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", n, several))
		}
	}
	add(counts[diffDifferent], "differs", "differ")
	add(counts[diffNotApplied], "not applied", "not applied")
	add(counts[diffUnknown], "could not be compared", "could not be compared")
	if len(parts) > 0 {
		paint = t.style.bad
	}
	if counts[diffEqual] == len(all) {
		parts = append(parts, "no differences")
	} else {
		add(counts[diffEqual], "without a difference", "without a difference")
	}
	_, err := fmt.Fprintln(t.w, paint(text+": "+strings.Join(parts, ", ")))
	return err
}
