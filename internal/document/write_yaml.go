// SPDX-License-Identifier: Apache-2.0

package document

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// yamlText is YAML as a person writes it: items of lists begin in the column of
// the key, short lists of strings are in brackets, strings are in quotes only if
// they need them.
type yamlText struct{ strings.Builder }

// line writes a line, indented by so many spaces.
func (y *yamlText) line(indent int, format string, args ...any) {
	y.WriteString(strings.Repeat(" ", indent))
	fmt.Fprintf(y, format, args...)
	y.WriteByte('\n')
}

// longestLine is how many bytes a list in brackets may make a line.
const longestLine = 100

// fields writes the fields of an item of a list, the first after the hyphen.
func (y *yamlText) fields(indent int, fields []yamlField) {
	lead := "- "
	for _, f := range fields {
		y.WriteString(strings.Repeat(" ", indent) + lead + f.key + ":")
		lead = "  "
		if f.list == nil {
			y.WriteString(" " + f.scalar + "\n")
			continue
		}
		quoted := make([]string, len(f.list))
		size := indent + len(lead) + len(f.key) + len(": []")
		for i, s := range f.list {
			quoted[i] = yamlString(s)
			size += len(quoted[i]) + len(", ")
		}
		if size-len(", ") <= longestLine {
			y.WriteString(" [" + strings.Join(quoted, ", ") + "]\n")
			continue
		}
		y.WriteByte('\n')
		for _, s := range quoted {
			y.line(indent+len(lead), "- %s", s)
		}
	}
}

// yamlField is a field with one value or a list of strings.
type yamlField struct {
	key    string
	scalar string
	list   []string
}

// plainYAML matches what reads as itself without quotes, and is no number,
// anywhere in a document. It is less than YAML allows: what has a colon, as
// origins have, is better read in quotes.
var plainYAML = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$`)

// yamlWords are the strings that some version of YAML takes for something else.
var yamlWords = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}

// yamlString is s as a scalar of YAML that every version reads as that string.
func yamlString(s string) string {
	if plainYAML.MatchString(s) && !slices.Contains(yamlWords, strings.ToLower(s)) {
		return s
	}
	// The escapes of Go are all among those of YAML, and mean the same there
	// as long as the string is UTF-8.
	return strconv.Quote(s)
}
