// SPDX-License-Identifier: Apache-2.0

package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
)

// deepest is how deep values may be nested; the API server allows no more.
const deepest = 1000

// parseJSON reads one JSON value or several, one after the other. With an error
// it is of no use but to see if there are too many.
func parseJSON(p *places) (*stream, error) {
	data := bytes.TrimPrefix(p.data, byteOrderMark)
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	r := &jsonReader{places: p, decoder: d, shift: len(p.data) - len(data)}
	s := &stream{places: p, isJSON: true}
	for {
		n, err := r.value(0)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.isTooLarge = r.nodes > mostNodes
			return s, err
		}
		s.roots = append(s.roots, n)
	}
	s.budget = nodeLooks*r.nodes + spareBudget
	return s, nil
}

type jsonReader struct {
	*places
	decoder *json.Decoder
	shift   int // what the decoder does not see at the beginning
	nodes   int
}

// next reads a token and says where it is. The error is io.EOF only where a
// document may end.
func (r *jsonReader) next(depth int) (json.Token, span, error) {
	at := span{start: r.shift + int(r.decoder.InputOffset())}
	for at.start < len(r.data) && bytes.IndexByte([]byte(" \t\r\n,:"), r.data[at.start]) >= 0 {
		at.start++
	}
	token, err := r.decoder.Token()
	at.end = r.shift + int(r.decoder.InputOffset())
	if err == nil {
		return token, at, nil
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset := max(at.start, r.shift+int(syntax.Offset)-1)
		return nil, at, r.problem(offset, "not JSON: %s%s", syntax, jsonHint(r.data, offset))
	}
	if depth == 0 && at.start == len(r.data) {
		return nil, at, io.EOF
	}
	return nil, at, r.problem(len(r.data), "the JSON ends too early")
}

// jsonHint says what to do about what people write most that is not JSON.
func jsonHint(data []byte, offset int) string {
	if offset >= len(data) {
		return ""
	}
	before := bytes.TrimRight(data[:offset], " \t\r\n")
	switch b := data[offset]; {
	case b == '/' || b == '#':
		return "; JSON has no comments: remove it"
	case b == '\'':
		return "; JSON has double quotes only"
	case (b == ']' || b == '}') && bytes.HasSuffix(before, []byte(",")):
		return "; remove the comma before it"
	}
	return ""
}

func (r *jsonReader) value(depth int) (*node, error) {
	token, at, err := r.next(depth)
	if err != nil {
		return nil, err
	}
	if r.nodes++; r.nodes > mostNodes {
		return nil, r.errTooMany(at.start)
	}
	n := &node{span: at, body: at.start, exact: true}
	switch token := token.(type) {
	case json.Delim:
		if depth == deepest {
			return nil, r.problem(at.start, "nested more than %d deep", deepest)
		}
		return n, r.container(n, token, depth+1)
	case string:
		n.tag, n.text, n.style = tagString, token, doubleQuoted
	case json.Number:
		n.tag, n.text = tagInt, token.String()
		if _, err := strconv.ParseInt(n.text, 10, 64); err != nil {
			n.tag = tagFloat
		}
	case bool:
		n.tag, n.text = tagBool, strconv.FormatBool(token)
	default:
		n.tag, n.text = tagNull, "null"
	}
	return n, nil
}

// container reads an array or an object after its opening token.
func (r *jsonReader) container(n *node, open json.Delim, depth int) error {
	n.kind, n.tag, n.flow = list, tagSeq, true
	if open == '{' {
		n.kind, n.tag = mapping, tagMap
	}
	for r.decoder.More() {
		item, err := r.value(depth)
		if err != nil {
			return err
		}
		if n.kind == mapping {
			n.keys = append(n.keys, item)
			if item, err = r.value(depth); err != nil {
				return err
			}
		}
		n.items = append(n.items, item)
	}
	_, at, err := r.next(depth)
	n.end = at.end
	return err
}
