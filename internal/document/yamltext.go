// SPDX-License-Identifier: Apache-2.0

package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// parseYAML reads the documents of a YAML stream. Empty ones are left out.
func parseYAML(p *places) (*stream, error) {
	if err := checkPieces(p); err != nil {
		return nil, err
	}
	s := &stream{places: p}
	shift := 0
	if bytes.HasPrefix(p.data, byteOrderMark) {
		shift = len(byteOrderMark)
	}
	r := &yamlReader{places: p, seen: map[*yaml.Node]*node{}, cursor: newCursor(p.data, shift)}
	decoder := yaml.NewDecoder(bytes.NewReader(p.data))
	for {
		var document yaml.Node
		err := decode(decoder, &document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, r.syntaxError(err)
		}
		for _, content := range document.Content {
			n, err := r.node(content)
			if err != nil {
				return nil, err
			}
			if !n.isNull() {
				s.roots = append(s.roots, n)
			}
		}
		clear(r.seen)
	}
	s.budget = nodeLooks*r.nodes + spareBudget
	return s, nil
}

// checkPieces refuses what the YAML package would make a tree of gigabytes of.
func checkPieces(p *places) error {
	const most = 1 << 20
	pieces := len(p.lines)
	for i, b := range p.data {
		if strings.IndexByte(",[{?", b) < 0 {
			continue
		}
		if pieces++; pieces > most {
			return p.problem(i, "more than %d lines and values; give what has CORS rules in a file of its own", most)
		}
	}
	if pieces > most {
		return p.problem(0, "more than %d lines; give what has CORS rules in a file of its own", most)
	}
	return nil
}

// decode reads the next document. The YAML package is known to panic on some
// comments, and a file must never crash a program.
func decode(d *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	return d.Decode(n)
}

type yamlReader struct {
	*places
	cursor *cursor
	seen   map[*yaml.Node]*node // those that aliases can refer to
	nodes  int
}

// node makes a node of the YAML package's and finds out where it ends.
func (r *yamlReader) node(y *yaml.Node) (*node, error) {
	if y.Kind == yaml.AliasNode {
		n := r.seen[y.Alias]
		if n == nil {
			return nil, r.problem(r.cursor.offset(y.Line, y.Column), "the alias *%s is inside of what it stands for", clip(y.Value))
		}
		return n, nil
	}
	r.nodes++
	n := &node{tag: y.ShortTag(), text: y.Value}
	n.start = r.cursor.offset(y.Line, y.Column)
	if r.nodes > mostNodes {
		return nil, r.errTooMany(n.start)
	}
	n.body = skipProperties(r.data, n.start, y)
	n.end = n.body
	var err error
	switch y.Kind {
	case yaml.SequenceNode:
		n.kind = list
		err = r.children(n, y, 1)
	case yaml.MappingNode:
		n.kind = mapping
		err = r.children(n, y, 2)
	default:
		r.scalar(n, y)
	}
	if err != nil {
		return nil, err
	}
	if y.Anchor != "" {
		r.seen[y] = n
	}
	return n, nil
}

// children reads the items of a list, or keys and values of a mapping.
func (r *yamlReader) children(n *node, y *yaml.Node, step int) error {
	n.flow = y.Style&yaml.FlowStyle != 0
	for i := 0; i+step <= len(y.Content); i += step {
		for j := range step {
			child, err := r.node(y.Content[i+j])
			if err != nil {
				return err
			}
			if j < step-1 {
				n.keys = append(n.keys, child)
			} else {
				n.items = append(n.items, child)
			}
			if y.Content[i+j].Kind != yaml.AliasNode {
				n.end = max(n.end, child.end)
			} else {
				// An alias ends where its name does.
				at := r.cursor.offset(y.Content[i+j].Line, y.Content[i+j].Column)
				n.end = max(n.end, min(len(r.data), at+1+len(y.Content[i+j].Value)))
			}
		}
	}
	if n.flow {
		if len(y.Content) == 0 {
			n.end = min(n.body+1, len(r.data))
		}
		n.end = skipBlank(r.data, n.end, yamlComments, ",")
		n.end = min(n.end+1, len(r.data)) // the bracket
	}
	return nil
}

func (r *yamlReader) scalar(n *node, y *yaml.Node) {
	switch {
	case y.Style&yaml.SingleQuotedStyle != 0:
		n.style = singleQuoted
		n.end, n.exact = endOfQuoted(r.data, n.body, '\'')
	case y.Style&yaml.DoubleQuotedStyle != 0:
		n.style = doubleQuoted
		n.end, n.exact = endOfQuoted(r.data, n.body, '"')
	case y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		n.style = block
		n.end = lineEnd(r.data, n.body)
		if strings.Trim(y.Value, "\n") != "" {
			n.end = endOfBlock(r.data, n.body)
		}
	default:
		n.end, n.exact = endOfPlain(r.data, n.body, y.Value)
		n.tag = plainTag(n.tag, n.text)
	}
}

// plainTag is the type that Kubernetes gives to a plain scalar: YAML 1.1 knows
// more words for true and false than the YAML package, and dates are strings.
func plainTag(tag, text string) string {
	switch tag {
	case "!!timestamp":
		return tagString
	case tagString:
		switch text {
		case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON",
			"n", "N", "no", "No", "NO", "off", "Off", "OFF":
			return tagBool
		}
	}
	return tag
}

// skipProperties is where a value begins whose anchor or tag is at offset.
func skipProperties(data []byte, offset int, y *yaml.Node) int {
	if y.Anchor == "" && y.Style&yaml.TaggedStyle == 0 {
		return offset
	}
	for offset < len(data) && (data[offset] == '&' || data[offset] == '!') {
		for offset < len(data) && bytes.IndexByte([]byte(" \t\r\n"), data[offset]) < 0 {
			offset++
		}
		offset = skipBlank(data, offset, yamlComments, "")
	}
	return offset
}

// endOfQuoted is the offset after the closing quote of the string at offset.
func endOfQuoted(data []byte, offset int, quote byte) (end int, ok bool) {
	if offset >= len(data) || data[offset] != quote {
		return offset, false
	}
	for i := offset + 1; i < len(data); i++ {
		switch {
		case data[i] == '\\' && quote == '"':
			i++
		case data[i] == quote && quote == '\'' && i+1 < len(data) && data[i+1] == quote:
			i++
		case data[i] == quote:
			return i + 1, true
		}
	}
	return len(data), false
}

// endOfPlain is the offset after the plain scalar at offset, and whether it is
// there as it reads: line breaks in it read as blanks.
func endOfPlain(data []byte, offset int, value string) (end int, ok bool) {
	if bytes.HasPrefix(data[offset:], []byte(value)) {
		return offset + len(value), true
	}
	for word := range strings.FieldsSeq(value) {
		i := bytes.Index(data[offset:], []byte(word))
		if i < 0 {
			break
		}
		offset += i + len(word)
	}
	return offset, false
}

// endOfBlock is the offset after the last line of the block scalar at offset.
func endOfBlock(data []byte, offset int) int {
	end, indent := lineEnd(data, offset), -1
	for next := afterBreak(data, end); next < len(data); next = afterBreak(data, lineEnd(data, next)) {
		line := data[next:lineEnd(data, next)]
		text := bytes.TrimLeft(line, " ")
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		if indent < 0 {
			indent = len(line) - len(text)
		}
		if indent == 0 || len(line)-len(text) < indent {
			break
		}
		end = next + len(line)
	}
	return end
}

// cursor finds the offsets of the lines and columns of the YAML package, which
// counts characters, and more line breaks than an editor does. Places are asked
// for in their order, nearly always.
type cursor struct {
	data   []byte
	origin int // of the first line
	line   int
	column int
	at     int
}

func newCursor(data []byte, origin int) *cursor {
	return &cursor{data: data, origin: origin, line: 1, column: 1, at: origin}
}

func (c *cursor) offset(line, column int) int {
	if line < c.line || line == c.line && column < c.column {
		c.back(line)
	}
	for c.at < len(c.data) && (c.line < line || c.line == line && c.column < column) {
		size := breakSize(c.data[c.at:])
		if size > 0 {
			if c.line == line {
				break // the column is behind the end of the line
			}
			c.line, c.column = c.line+1, 1
		} else {
			_, size = utf8.DecodeRune(c.data[c.at:])
			c.column++
		}
		c.at += size
	}
	return c.at
}

// back goes to the beginning of the line where the cursor is, or of the file.
func (c *cursor) back(line int) {
	if line < c.line {
		c.line, c.column, c.at = 1, 1, c.origin
		return
	}
	for c.at > c.origin && c.column > 1 {
		_, size := utf8.DecodeLastRune(c.data[:c.at])
		c.at -= size
		c.column--
	}
}

// breakSize is the length of the line break that data begins with, if any.
func breakSize(data []byte) int {
	switch {
	case bytes.HasPrefix(data, []byte("\r\n")):
		return 2
	case data[0] == '\n', data[0] == '\r':
		return 1
	case bytes.HasPrefix(data, []byte("\u0085")):
		return 2
	case bytes.HasPrefix(data, []byte("\u2028")), bytes.HasPrefix(data, []byte("\u2029")):
		return 3
	}
	return 0
}

var (
	yamlLine      = regexp.MustCompile(`^line (\d+): `)
	yamlAlias     = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	unquotedStar  = regexp.MustCompile(`(^|[\s\[,-])(\*[^\s,\]#]*)`)
	unquotedBrace = regexp.MustCompile(`[:\[,-]\s*\{\{`)
)

// syntaxError gives an error of the YAML package a place and, for what people
// do wrong most, a remedy.
func (r *yamlReader) syntaxError(err error) error {
	problem := strings.TrimPrefix(err.Error(), "yaml: ")
	offset := 0
	if m := yamlLine.FindStringSubmatch(problem); m != nil {
		problem = problem[len(m[0]):]
		if line, err := strconv.Atoi(m[1]); err == nil {
			if strings.HasPrefix(problem, "did not find expected") {
				line = r.problemLine(line, problem)
			}
			offset = newCursor(r.data, 0).offset(line, 1)
		}
	}
	if m := yamlAlias.FindStringSubmatch(problem); m != nil {
		name := []byte("*" + m[1])
		for at := range bytes.Lines(r.data) {
			if found := unquotedStar.FindSubmatch(at); len(found) == 3 && bytes.Equal(found[2], name) {
				break
			}
			offset += len(at)
		}
		if offset >= len(r.data) {
			offset = max(0, bytes.Index(r.data, name))
		}
	}
	offset += len(r.data[offset:]) - len(bytes.TrimLeft(r.data[offset:], " \t-"))
	start := bytes.LastIndexByte(r.data[:offset], '\n') + 1
	// The package reports some problems a line early or late.
	for _, from := range []int{start, afterBreak(r.data, lineEnd(r.data, start)), bytes.LastIndexByte(r.data[:max(0, start-1)], '\n') + 1} {
		if m := unquotedStar.FindSubmatchIndex(r.data[from:lineEnd(r.data, from)]); m != nil && starProblem(problem) {
			text := string(r.data[from+m[4] : from+m[5]])
			return r.problem(from+m[4], `YAML takes %s for an alias; put it in quotes: %s`, cors.Quote(text), quoteYAML(text))
		}
	}
	if tab := bytes.IndexByte(r.data[start:lineEnd(r.data, start)], '\t'); tab >= 0 && strings.Contains(problem, "cannot start any token") {
		return r.problem(start+tab, "YAML wants blanks here, not a tab")
	}
	if strings.Contains(problem, "incompatible YAML document") {
		return r.problem(offset, "only YAML 1.1 is read here, as in Kubernetes; remove the line that begins with %%YAML")
	}
	hint := ""
	if unquotedBrace.Match(r.data) {
		hint = helmHint
	}
	return r.problem(offset, "not YAML: %s%s", clipProblem(problem), hint)
}

// problemLine is the line of a problem for which the YAML package gives the
// beginning of the mapping or list that it is in: the first line without which
// the file does not have that problem.
func (r *yamlReader) problemLine(line int, problem string) int {
	const most = 1 << 20 // bytes; what is larger is not worth the time
	if len(r.data) > most || line > len(r.lines) {
		return line
	}
	after, _ := slices.BinarySearchFunc(r.lines[line:], problem, func(end int, problem string) int {
		d := yaml.NewDecoder(bytes.NewReader(r.data[:end]))
		for {
			err := decode(d, &yaml.Node{})
			switch {
			case err == nil:
			case strings.HasSuffix(err.Error(), problem):
				return 1
			default:
				return -1
			}
		}
	})
	return line + after
}

func starProblem(problem string) bool {
	return strings.Contains(problem, "alphabetic or numeric") || strings.Contains(problem, "unknown anchor") ||
		strings.Contains(problem, "did not find expected")
}

// clipProblem bounds the text of a foreign error, which may quote the file.
func clipProblem(problem string) string {
	const most = 200
	if len(problem) > most {
		problem = strings.ToValidUTF8(problem[:most], "") + "…"
	}
	return problem
}

// helmHint says what to do with a template of Helm.
const helmHint = `; "{{" looks like a template of Helm: render it first, as "helm template" does`
