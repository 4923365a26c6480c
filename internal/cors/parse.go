// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ParseError is a document that ParseJSON or ParseXML cannot read.
type ParseError struct {
	// Line and Column are where, both from 1; columns count characters.
	Line, Column int
	// Problem is what is wrong there and, where it is known, what would be right.
	Problem string
}

// Error is the place and the problem.
func (e *ParseError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Problem)
}

// parseErrorAt is a ParseError for the byte at offset of data.
func parseErrorAt(data []byte, offset int, format string, args ...any) error {
	before := data[:min(offset, len(data))]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return &ParseError{
		Line:    bytes.Count(before, []byte("\n")) + 1,
		Column:  utf8.RuneCount(line) + 1,
		Problem: fmt.Sprintf(format, args...),
	}
}

// checkEncoding refuses what is not UTF-8, which the decoders of the standard
// library would alter silently.
func checkEncoding(data []byte) error {
	if utf8.Valid(data) {
		return nil
	}
	offset := 0
	for {
		r, size := utf8.DecodeRune(data[offset:])
		if r == utf8.RuneError && size == 1 {
			return parseErrorAt(data, offset, "not UTF-8; save it as UTF-8")
		}
		offset += size
	}
}

// withoutBOM is data without the byte order mark that some editors begin with.
func withoutBOM(data []byte) []byte {
	return bytes.TrimPrefix(data, []byte("\uFEFF"))
}

// Span is a range of bytes of a document: from Start up to, not including, End.
type Span struct{ Start, End int }

// spans are the places of what a parser has read, by Path; nil keeps none.
type spans map[string]Span

func (s spans) add(start, end, rule int, field Field, index int) {
	if s != nil {
		s[Path(rule, field, index)] = Span{start, end}
	}
}

// shift moves all spans by what was cut off the beginning of the document.
func (s spans) shift(by int) {
	if by == 0 {
		return
	}
	for path, at := range s {
		s[path] = Span{at.Start + by, at.End + by}
	}
}

// Quote makes a value printable on one line and not too long.
func Quote(s string) string { return quote(s) }

// UnknownName describes a name that is none of known, what saying what kind of
// name it is ("field"), and suggests the nearest.
func UnknownName(what, name string, known []string) string {
	return unknownName(what, name, known)
}

// unknownName describes a name that is none of known and suggests the nearest.
func unknownName(what, name string, known []string) string {
	text := "unknown " + what + " " + quote(name)
	if nearest := nearestName(name, known); nearest != "" {
		return text + "; did you mean " + quote(nearest) + "?"
	}
	return text + "; known are " + strings.Join(known, ", ")
}

// nearestName is the one of known that name was probably meant to be; empty for
// none. MaxAge and ExposedHeaders are popular.
func nearestName(name string, known []string) string {
	const longest = 40 // as much as any typo of ours has, to bound the work
	if name == "" || len(name) > longest {
		return ""
	}
	name = strings.ToLower(name)
	best, bestDistance := "", max(1, len(name)/3)+1
	for _, k := range known {
		lower := strings.ToLower(k)
		d := editDistance(name, lower)
		if strings.HasPrefix(lower, name) {
			d = min(d, 1)
		}
		if d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// editDistance is how many bytes must be put in, taken out or replaced to make b
// of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
