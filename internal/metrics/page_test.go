// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/metrics"
)

var update = flag.Bool("update", false, "write the metrics into their page")

const page = "../../docs/metrics.md"

// reference is the part of the page that the definitions tell.
func reference() string {
	var b strings.Builder
	for _, d := range metrics.Definitions() {
		fmt.Fprintf(&b, "\n### %s\n\n%s", d.Name, d.Type)
		if d.Unit != "" {
			fmt.Fprintf(&b, ", in %s", d.Unit)
		}
		if len(d.Labels) > 0 {
			fmt.Fprintf(&b, "; labels `%s`", strings.Join(d.Labels, "`, `"))
		}
		fmt.Fprintf(&b, "\n\n%s\n\n%s\n", wrap(d.Help), wrap(d.Use))
	}
	return b.String() + "\n"
}

// wrap breaks a text into lines, none of them within code.
func wrap(text string) string {
	const width = 88
	var b strings.Builder
	column, inCode := 0, false
	for word := range strings.FieldsSeq(text) {
		switch {
		case column > 0 && (inCode || column+1+len(word) <= width):
			b.WriteString(" ")
			column++
		case column > 0:
			b.WriteString("\n")
			column = 0
		}
		b.WriteString(word)
		column += len(word)
		inCode = inCode != (strings.Count(word, "`")%2 == 1)
	}
	return b.String()
}

func TestThePageTellsAllMetrics(t *testing.T) {
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	begin, rest, found := strings.Cut(string(content), "-update -->\n")
	written, end, closed := strings.Cut(rest, "<!-- end: metrics -->")
	if !found || !closed {
		t.Fatal("the comments around the metrics are missing")
	}
	if written == reference() {
		return
	}
	if !*update {
		t.Fatalf("the page is not as the definitions say; write it with\n\tgo test ./internal/metrics -run Page -update\nit should be\n%s", reference())
	}
	if err := os.WriteFile(page, []byte(begin+"-update -->\n"+reference()+"<!-- end: metrics -->"+end), 0o644); err != nil {
		t.Fatal(err)
	}
}
