// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/internal/probe"
)

// probePrinter prints answers in the order in which they come.
type probePrinter interface {
	// target prints the answers of one target.
	target(answers []probed) error
	// end prints what there is to say about all of them, which are not all that were
	// to come where somebody interrupted.
	end(all []probed, interrupted bool) error
	// changed prints answers that were others before.
	changed(at time.Time, answers []probed) error
}

func (o *probeOptions) printer(cmd *cobra.Command) probePrinter {
	w := cmd.OutOrStdout()
	if o.output.value == "json" {
		p := &probeJSON{w: w}
		if o.watch {
			p.now = o.clock.Now
		}
		return p
	}
	return &probeText{w: w, style: styleOf(w)}
}

// probeText prints answers for people.
type probeText struct {
	w     io.Writer
	style style
}

// target prints a table.
func (t *probeText) target(answers []probed) error {
	if len(answers) == 0 {
		return nil
	}
	// In one piece, so that a pipe that breaks is noticed once.
	var b bytes.Buffer
	target := answers[0].target
	b.WriteString(t.style.head(printable(target.shown)))
	if target.document != "" {
		fmt.Fprintf(&b, " (%s)", printable(target.document))
	}
	b.WriteByte('\n')
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	predicted := answers[0].predicted()
	if predicted {
		fmt.Fprintln(table, "  REQUEST\tPREDICTED\tLIVE\tCLASS")
	} else {
		fmt.Fprintln(table, "  REQUEST\tLIVE\tCLASS")
	}
	for _, p := range answers {
		// Colours would count as width: only the last column has one.
		if predicted {
			fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", p.describe(), outcome(p.Expected), p.live(), t.class(p))
		} else {
			fmt.Fprintf(table, "  %s\t%s\t%s\n", p.describe(), p.live(), t.class(p))
		}
	}
	table.Flush()
	if left := len(target.requests) + 1 - len(answers); left > 0 {
		fmt.Fprintf(&b, "  %s after it: not asked\n", count(left, "request"))
	}
	b.WriteByte('\n')
	_, err := t.w.Write(b.Bytes())
	return err
}

// end prints what was found, once for each cause, and how many answers there were.
func (t *probeText) end(all []probed, interrupted bool) error {
	var b bytes.Buffer
	for _, f := range findings(all) {
		t.writeFinding(&b, f)
	}
	fmt.Fprint(&b, t.summary(all))
	if interrupted {
		b.WriteString("; interrupted")
	}
	b.WriteByte('\n')
	_, err := t.w.Write(b.Bytes())
	return err
}

// probeFinding are answers of which there is something to say, and for which there
// is the same to do.
type probeFinding struct {
	class   probe.Class
	advice  string
	good    bool     // for the exit status it does not matter
	notices []string // where, and what was found there; each once
}

// findings puts together what has one cause.
func findings(all []probed) []*probeFinding {
	var found []*probeFinding
	for _, p := range all {
		if !p.remarkable() {
			continue
		}
		advice := p.advice()
		i := slices.IndexFunc(found, func(f *probeFinding) bool { return f.class == p.Class && f.advice == advice })
		if i < 0 {
			i = len(found)
			found = append(found, &probeFinding{class: p.Class, advice: advice, good: true})
		}
		f := found[i]
		f.good = f.good && p.good()
		if notice := p.target.shown + ": " + p.message(); !slices.Contains(f.notices, notice) {
			f.notices = append(f.notices, notice)
		}
	}
	return found
}

// writeFinding writes a finding and a blank line.
func (t *probeText) writeFinding(w io.Writer, f *probeFinding) {
	fmt.Fprintln(w, t.paint(f.class, f.good))
	const most = 10
	for i, notice := range f.notices {
		if i == most {
			fmt.Fprintf(w, "    and %d more\n", len(f.notices)-most)
			break
		}
		fmt.Fprintf(w, "    %s\n", notice)
	}
	if f.advice != "" {
		fmt.Fprintf(w, "    to do: %s\n", f.advice)
	}
	fmt.Fprintln(w)
}

// summary is the last line: "4 preflights: 3 as predicted, 1 Stale; 1 expectation is
// not met by the rules".
func (t *probeText) summary(all []probed) string {
	good := true
	var classes []probe.Class
	counts := map[probe.Class]int{}
	for _, p := range all {
		good = good && p.good()
		if counts[p.Class] == 0 {
			classes = append(classes, p.Class)
		}
		counts[p.Class]++
	}
	paint := t.style.good
	unmet := unmetIn(all)
	if !good || !unmet.none() {
		paint = t.style.bad
	}
	if len(all) > 0 && !all[0].predicted() {
		return paint(all[0].verdict())
	}
	if len(classes) == 1 && classes[0] == probe.AsPredicted {
		return paint(count(len(all), "preflight") + ": all as predicted" + unmet.String())
	}
	var parts []string
	for _, c := range classes {
		name := string(c)
		if c == probe.AsPredicted {
			name = "as predicted"
		}
		parts = append(parts, fmt.Sprintf("%d %s", counts[c], name))
	}
	return paint(count(len(all), "preflight") + ": " + strings.Join(parts, ", ") + unmet.String())
}

// changed prints a line for each answer, and below it what was found.
func (t *probeText) changed(at time.Time, answers []probed) error {
	var b bytes.Buffer
	for _, p := range answers {
		fmt.Fprintf(&b, "%s %s %s: ", at.Format(time.RFC3339), printable(p.target.shown), p.describe())
		if p.predicted() {
			fmt.Fprintf(&b, "predicted %s, live %s, %s\n", outcome(p.Expected), p.live(), t.class(p))
		} else {
			fmt.Fprintf(&b, "live %s, %s\n", p.live(), t.class(p))
		}
		if !p.remarkable() {
			continue
		}
		fmt.Fprintf(&b, "    %s\n", p.message())
		if advice := p.advice(); advice != "" {
			fmt.Fprintf(&b, "    to do: %s\n", advice)
		}
	}
	_, err := t.w.Write(b.Bytes())
	return err
}

// remarkable reports whether there is more to say about an answer than its class:
// also of one that differs from a prediction which was not certain.
func (p probed) remarkable() bool {
	return p.Class != probe.AsPredicted || p.predicted() && p.Allowed != p.Expected
}

// describe names the request and says what is asked.
func (p probed) describe() string {
	switch {
	case p.stranger:
		return "a stranger: " + printable(p.Request.Method+" from a made-up origin")
	case p.Request.Name != "":
		return printable(p.Request.Name + ": " + describe(p.Request))
	default:
		return printable(describe(p.Request))
	}
}

// live says what a browser makes of the answer.
func (p probed) live() string {
	switch {
	case p.Class == probe.NotAllowed:
		return "not sent"
	case p.Answer.Status == 0:
		return "no answer"
	default:
		return fmt.Sprintf("%s (%d)", outcome(p.Allowed), p.Answer.Status)
	}
}

// verdict is what there is to say in the end where nothing is predicted.
func (p probed) verdict() string {
	switch {
	case p.Answer.Status == 0:
		return "no answer"
	case p.Allowed && !p.good():
		return "allowed, and yet not as it should be: " + string(p.Class)
	default:
		return outcome(p.Allowed)
	}
}

func outcome(allowed bool) string {
	if allowed {
		return "allowed"
	}
	return "refused"
}

// class is the class of an answer; a dash where nothing is predicted, and nothing
// was found.
func (t *probeText) class(p probed) string {
	if p.Class == probe.AsPredicted && !p.predicted() {
		return "-"
	}
	return t.paint(p.Class, p.good())
}

func (t *probeText) paint(class probe.Class, good bool) string {
	switch {
	case class == probe.AsPredicted:
		return t.style.good(string(class))
	case class == probe.Stale, good:
		return t.style.warn(string(class))
	default:
		return t.style.bad(string(class))
	}
}
