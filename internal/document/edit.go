// SPDX-License-Identifier: Apache-2.0

package document

import (
	"bytes"
	"slices"
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// replaced are the indexes of the changed values, in order.
func (l *changedList) replaced() []int {
	var indexes []int
	for i := range l.values {
		if _, found := l.changes[i]; found {
			indexes = append(indexes, i)
		}
	}
	return indexes
}

// removed reports whether the value at index goes.
func (l *changedList) removed(index int) bool {
	values, found := l.changes[index]
	return found && len(values) == 0
}

// lineBreak is the one that ends the line around offset, or any in the file.
func (a *application) lineBreak(offset int) string {
	end := lineEnd(a.data, offset)
	if end == len(a.data) {
		end = lineEnd(a.data, 0)
	}
	if end < len(a.data) && a.data[end] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// indent is the beginning of the line before offset, if it is blank.
func (a *application) indent(offset int) (blanks string, isBlank bool) {
	start := lineStart(a.data, offset)
	if start == 0 && bytes.HasPrefix(a.data, byteOrderMark) {
		start = len(byteOrderMark)
	}
	return string(a.data[start:offset]), backSpaces(a.data[start:], offset-start) == 0
}

// endsLine reports whether nothing but blanks, and one comment, is between
// offset and the end of its line.
func (a *application) endsLine(offset int, c comments) bool {
	offset = skipSpaces(a.data, offset)
	return offset == lineEnd(a.data, offset) || c.startsLine(a.data[offset:])
}

// removeLines is the edit that removes the lines from start to end, with their breaks.
// At the end of a file without a line break the one before goes instead.
func (a *application) removeLines(start, end int) edit {
	start = lineStart(a.data, start)
	end = lineEnd(a.data, end)
	if end == len(a.data) && start > 0 {
		start--
		if start > 0 && a.data[start-1] == '\r' {
			start--
		}
		return edit{span: span{start, end}}
	}
	return edit{span: span{start, afterBreak(a.data, end)}}
}

// bracketEdits changes a list in brackets, whose items are apart by commas.
func (a *application) bracketEdits(
	l *changedList, items []span, c comments, quote func(index int, s string) string,
) ([]edit, error) {
	// comma is the offset of the comma after an item, or -1.
	comma := func(i int) int {
		at := skipBlank(a.data, items[i].end, c, "")
		if at < len(a.data) && a.data[at] == ',' {
			return at
		}
		return -1
	}
	var edits []edit
	for _, i := range l.replaced() {
		item, values := items[i], l.changes[i]
		blanks, ownLine := a.indent(item.start)
		after := comma(i)
		if len(values) == 0 {
			edits = append(edits, a.bracketRemoval(item, after, ownLine, c))
			continue
		}
		separator := ", "
		if ownLine && a.endsLine(max(item.end, after+1), c) {
			separator = "," + a.lineBreak(item.end) + blanks
		}
		texts := make([]string, len(values))
		for j, v := range values {
			texts[j] = quote(i, v)
		}
		start := item.start
		if n := a.file.Documents[l.document].nodes[l.path(i)]; n != nil {
			start = n.body // the anchor and the tag stay
		}
		edits = append(edits, edit{span{start, item.end}, strings.Join(texts, separator)})
	}
	// Where the last items go, the one that is the last now must have no comma,
	// unless there always was one.
	last := len(items) - 1
	if l.removed(last) && comma(last) < 0 {
		for last >= 0 && l.removed(last) {
			last--
		}
		if last >= 0 {
			if at := comma(last); at >= 0 {
				edits = append(edits, edit{span: span{at, at + 1}})
			}
		}
	}
	return edits, nil
}

// bracketRemoval removes an item with the comma after it, if there is one, and
// its line, if it has one for itself.
func (a *application) bracketRemoval(item span, comma int, ownLine bool, c comments) edit {
	end := max(item.end, comma+1)
	sameLine := lineEnd(a.data, item.end) == lineEnd(a.data, end)
	switch {
	case ownLine && sameLine && a.endsLine(end, c):
		return a.removeLines(item.start, end)
	case comma < 0 || !sameLine || a.endsLine(end, c):
		return edit{span: span{backSpaces(a.data, item.start), end}}
	default:
		return edit{span: span{item.start, skipSpaces(a.data, end)}}
	}
}

// blockEdits changes a list of YAML whose items follow dashes.
func (a *application) blockEdits(l *changedList, d *Document) ([]edit, error) {
	var edits []edit
	for _, i := range l.replaced() {
		n, values := d.nodes[l.path(i)], l.changes[i]
		if len(values) == 1 {
			edits = append(edits, edit{span{n.body, n.end}, inStyle(values[0], n.style)})
			continue
		}
		dash := backSpaces(a.data, n.start) - 1
		if dash < 0 || a.data[dash] != '-' || !a.endsLine(n.end, yamlComments) {
			return nil, a.problem(n.start, "%s is not on a line of its own with its dash; write it so, and try again", cors.Quote(n.text))
		}
		blanks, ownLine := a.indent(dash)
		if !ownLine {
			return nil, a.problem(n.start, "%s is not on a line of its own with its dash; write it so, and try again", cors.Quote(n.text))
		}
		if len(values) == 0 {
			edits = append(edits, a.removeLines(dash, n.end))
			continue
		}
		edits = append(edits, edit{span{n.body, n.end}, inStyle(values[0], n.style)})
		var more strings.Builder
		for _, v := range values[1:] {
			more.WriteString(a.lineBreak(n.end) + blanks + string(a.data[dash:n.start]) + inStyle(v, n.style))
		}
		end := lineEnd(a.data, n.end)
		edits = append(edits, edit{span{end, end}, more.String()})
	}
	if len(l.result()) > 0 {
		return edits, nil
	}
	// Nothing at all would read as null.
	key := d.keys[l.path(-1)]
	colon := skipSpaces(a.data, key.end)
	if colon >= len(a.data) || a.data[colon] != ':' || !a.endsLine(colon+1, yamlComments) {
		return nil, a.problem(key.start, "%s would be empty; remove it by hand", l.path(-1))
	}
	return append(edits, edit{span{colon + 1, colon + 1}, " []"}), nil
}

// elementEdits changes a list whose values are elements of XML.
func (a *application) elementEdits(l *changedList, items []span) ([]edit, error) {
	var edits []edit
	for _, i := range l.replaced() {
		item, values := items[i], l.changes[i]
		blanks, ownLine := a.indent(item.start)
		ownLine = ownLine && a.endsLine(item.end, noComments)
		if len(values) == 0 {
			if ownLine {
				edits = append(edits, a.removeLines(item.start, item.end))
			} else {
				edits = append(edits, edit{span: item})
			}
			continue
		}
		open, shut, ok := tags(a.data[item.start:item.end])
		if !ok {
			return nil, a.problem(item.start, "the element holds a comment; move that out of it, and try again")
		}
		separator := ""
		if ownLine {
			separator = a.lineBreak(item.end) + blanks
		}
		texts := make([]string, len(values))
		for j, v := range values {
			texts[j] = open + escapeXML(v) + shut
		}
		edits = append(edits, edit{item, strings.Join(texts, separator)})
	}
	return edits, nil
}

// tags are the opening and the closing tag of an element that holds only text.
func tags(element []byte) (open, shut string, ok bool) {
	end := 0
	for quote := byte(0); end < len(element); end++ {
		b := element[end]
		switch {
		case quote != 0:
			if b == quote {
				quote = 0
			}
			continue
		case b == '"' || b == '\'':
			quote = b
			continue
		}
		if b == '>' {
			break
		}
	}
	if end >= len(element) {
		return "", "", false
	}
	open = string(element[:end+1])
	if inner, empty := strings.CutSuffix(open, "/>"); empty {
		name := strings.TrimLeft(inner, "<")
		if i := strings.IndexAny(name, " \t\r\n"); i >= 0 {
			name = name[:i]
		}
		return strings.TrimRight(inner, " \t\r\n") + ">", "</" + name + ">", true
	}
	closing := bytes.LastIndex(element, []byte("</"))
	if closing < end || slices.ContainsFunc([]string{"<!--", "<?"}, func(s string) bool {
		return bytes.Contains(element[end:closing], []byte(s))
	}) {
		return "", "", false
	}
	return open, string(element[closing:]), true
}
