// SPDX-License-Identifier: Apache-2.0

package document

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/bucketcors/bucketcors/internal/cors"
)

var byteOrderMark = []byte("\uFEFF")

// places turns offsets of bytes into lines and columns.
type places struct {
	data  []byte
	lines []int // offset of the first byte of each line
	runes []int // characters before every multiple of runeStep bytes
}

// runeStep bounds how much of a line is counted for one column: some files are
// a single line of megabytes.
const runeStep = 1024

func newPlaces(data []byte) *places {
	p := &places{data: data, lines: []int{0}}
	for i := 0; ; {
		n := bytes.IndexByte(data[i:], '\n')
		if n < 0 {
			break
		}
		i += n + 1
		p.lines = append(p.lines, i)
	}
	count := 0
	for i := 0; i < len(data); i += runeStep {
		p.runes = append(p.runes, count)
		count += countRunes(data[i:min(i+runeStep, len(data))])
	}
	p.runes = append(p.runes, count)
	return p
}

// countRunes counts the first bytes of characters.
func countRunes(data []byte) int {
	n := 0
	for _, b := range data {
		if b&0xC0 != 0x80 {
			n++
		}
	}
	return n
}

func (p *places) runesBefore(offset int) int {
	step := offset / runeStep
	return p.runes[step] + countRunes(p.data[step*runeStep:offset])
}

// at is the line and the column of the byte at offset, from 1.
func (p *places) at(offset int) (line, column int) {
	offset = max(0, min(offset, len(p.data)))
	line, found := slices.BinarySearch(p.lines, offset)
	if found {
		line++
	}
	start := p.lines[line-1]
	if line == 1 && bytes.HasPrefix(p.data, byteOrderMark) && offset >= len(byteOrderMark) {
		start = len(byteOrderMark) // editors do not show it
	}
	return line, p.runesBefore(offset) - p.runesBefore(start) + 1
}

// line is the text of the line around offset, without its end.
func (p *places) line(offset int) []byte {
	line, _ := p.at(offset)
	end := len(p.data)
	if line < len(p.lines) {
		end = p.lines[line]
	}
	return bytes.TrimRight(p.data[p.lines[line-1]:end], "\r\n")
}

// problem is an error about the byte at offset.
func (p *places) problem(offset int, format string, args ...any) error {
	line, column := p.at(offset)
	return &cors.ParseError{Line: line, Column: column, Problem: fmt.Sprintf(format, args...)}
}

// position is the place of a span.
func (p *places) position(s span) Position {
	line, column := p.at(s.start)
	endLine, endColumn := p.at(max(s.start, s.end))
	return Position{Line: line, Column: column, EndLine: endLine, EndColumn: endColumn}
}
