// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/fatih/color"
	"github.com/spf13/cobra"
)

// style colours words for people, on a terminal only, and not where NO_COLOR
// says so.
type style struct{ coloured bool }

func styleOf(w io.Writer) style {
	return style{coloured: w == io.Writer(os.Stdout) && !color.NoColor}
}

func (s style) good(text string) string { return s.paint(text, color.FgGreen, color.Bold) }
func (s style) bad(text string) string  { return s.paint(text, color.FgRed, color.Bold) }
func (s style) warn(text string) string { return s.paint(text, color.FgYellow, color.Bold) }
func (s style) head(text string) string { return s.paint(text, color.Bold) }

func (s style) paint(text string, attributes ...color.Attribute) string {
	if !s.coloured {
		return text
	}
	return color.New(attributes...).Sprint(text)
}

// note says on stderr what is good to know beside the answer.
func note(cmd *cobra.Command, format string, args ...any) {
	fmt.Fprintf(cmd.ErrOrStderr(), "note: "+format+"\n", args...)
}

// count is a number and what it counts.
func count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if one == "policy" {
		return fmt.Sprintf("%d policies", n)
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// firstLine is the first line of a text, without the blanks around it.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(line)
}
