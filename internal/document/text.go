// SPDX-License-Identifier: Apache-2.0

package document

import (
	"bytes"
	"strings"
)

// comments says how comments begin in a format.
type comments struct {
	line  []string // up to the end of the line
	block bool     // from "/*" to "*/"
}

var (
	noComments        = comments{}
	yamlComments      = comments{line: []string{"#"}}
	terraformComments = comments{line: []string{"#", "//"}, block: true}
)

// skipBlank is the offset of the first byte from offset on that is neither
// blank, nor a line break, nor part of a comment, nor one of also.
func skipBlank(data []byte, offset int, c comments, also string) int {
	for offset < len(data) {
		switch b := data[offset]; {
		case strings.IndexByte(" \t\r\n", b) >= 0 || strings.IndexByte(also, b) >= 0:
			offset++
		case bytes.HasPrefix(data[offset:], byteOrderMark):
			offset += len(byteOrderMark)
		case c.startsLine(data[offset:]):
			offset = lineEnd(data, offset)
		case c.block && bytes.HasPrefix(data[offset:], []byte("/*")):
			end := bytes.Index(data[offset:], []byte("*/"))
			if end < 0 {
				return len(data)
			}
			offset += end + len("*/")
		default:
			return offset
		}
	}
	return offset
}

// startsLine reports whether data begins with a comment to the end of the line.
func (c comments) startsLine(data []byte) bool {
	for _, mark := range c.line {
		if bytes.HasPrefix(data, []byte(mark)) {
			return true
		}
	}
	return false
}

// skipSpaces is the offset of the first byte from offset on that is neither a
// blank nor a tab.
func skipSpaces(data []byte, offset int) int {
	for offset < len(data) && (data[offset] == ' ' || data[offset] == '\t') {
		offset++
	}
	return offset
}

// backSpaces is the offset after the last byte before offset that is neither a
// blank nor a tab.
func backSpaces(data []byte, offset int) int {
	for offset > 0 && (data[offset-1] == ' ' || data[offset-1] == '\t') {
		offset--
	}
	return offset
}

// lineStart is the offset of the first byte of the line around offset.
func lineStart(data []byte, offset int) int {
	return bytes.LastIndexByte(data[:offset], '\n') + 1
}

// lineEnd is the offset of the line break, or of the end of the file, from
// offset on.
func lineEnd(data []byte, offset int) int {
	end := bytes.IndexByte(data[offset:], '\n')
	if end < 0 {
		return len(data)
	}
	if end > 0 && data[offset+end-1] == '\r' {
		end--
	}
	return offset + end
}

// afterBreak is the offset after the line break at end, which lineEnd found.
func afterBreak(data []byte, end int) int {
	if end < len(data) && data[end] == '\r' {
		end++
	}
	if end < len(data) && data[end] == '\n' {
		end++
	}
	return end
}
