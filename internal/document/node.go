// SPDX-License-Identifier: Apache-2.0

package document

import (
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// node is a value of YAML or JSON, and where it is. An alias is the very node
// that it stands for, so that nodes form a graph, without cycles, and not a tree.
type node struct {
	kind  kind
	style style
	// flow is whether a list or mapping is written in brackets or braces.
	flow bool
	// exact is whether body to end is all of a scalar and nothing else.
	exact bool
	// resolved is whether entries has been here, and found merged.
	resolved bool
	// tag is the type of a scalar, or the tag that somebody wrote: "!Sub".
	tag string
	// text is what a scalar says.
	text string
	// keys are those of a mapping, and items its values or those of a list.
	keys, items []*node
	span
	// body is where the value begins, after its anchor and tag.
	body   int
	merged []entry
}

// kind is the kind of a node.
type kind uint8

const (
	scalar kind = iota
	list
	mapping
)

// style is how a scalar is written.
type style uint8

const (
	plain style = iota
	singleQuoted
	doubleQuoted
	block // "|" or ">"
)

// The tags of scalars.
const (
	tagString = "!!str"
	tagNull   = "!!null"
	tagBool   = "!!bool"
	tagInt    = "!!int"
	tagFloat  = "!!float"
	tagMerge  = "!!merge"
	tagMap    = "!!map"
	tagSeq    = "!!seq"
)

// describe says what a node is, for "want a list, not …".
func (n *node) describe() string {
	switch {
	case n.kind == list:
		return "a list"
	case n.kind == mapping && len(n.keys) == 0:
		return "an empty mapping"
	case n.kind == mapping:
		return "a mapping"
	case n.tag == tagNull && n.text == "":
		return "nothing"
	case n.tag == tagNull:
		return n.text // null, Null or ~
	case n.tag == tagString:
		return "the string " + cors.Quote(n.text)
	case n.tag == tagBool:
		return "the boolean " + n.text
	case n.tag == tagInt || n.tag == tagFloat:
		return "the number " + clip(n.text)
	default:
		return cors.Quote(n.text) + " with the tag " + clip(n.tag)
	}
}

// clip is the beginning of a text that has no blanks or control characters.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// isNull reports whether a node is null or empty.
func (n *node) isNull() bool { return n.kind == scalar && n.tag == tagNull }

// get is the value at a key of a mapping as it is written, without merge keys;
// nil where there is none.
func (n *node) get(key string) *node {
	if n == nil || n.kind != mapping {
		return nil
	}
	for i, k := range n.keys {
		if k.kind == scalar && k.text == key {
			return n.items[i]
		}
	}
	return nil
}

// getString is the string at a key; empty where there is none.
func (n *node) getString(key string) string {
	if v := n.get(key); v != nil && v.kind == scalar && v.tag == tagString {
		return v.text
	}
	return ""
}

// entry is a key of a mapping with its value.
type entry struct{ key, value *node }

// stream is what a file of YAML or JSON holds.
type stream struct {
	*places
	// isJSON is whether values are written as in JSON.
	isJSON bool
	// isTooLarge is whether it has more than mostNodes.
	isTooLarge bool
	roots      []*node
	// budget is how many more nodes may be looked at: aliases can stand for
	// vastly more than a file holds.
	budget int
}

// mostNodes is how many values a file may have. What people write has a value in
// 20 bytes or more, and so not half as many in a file of MaxBytes.
const mostNodes = 500_000

// errTooMany is an error about a file with more.
func (p *places) errTooMany(offset int) error {
	return p.problem(offset, "more than %d values; give what has CORS rules in a file of its own", mostNodes)
}

// nodeLooks is how often a node without aliases is looked at, at most.
const nodeLooks = 4

// spareBudget is how many nodes a file may have by aliases only.
const spareBudget = 200_000

// spend takes one node from the budget.
func (s *stream) spend(n *node) error {
	s.budget--
	if s.budget < 0 {
		return s.problem(n.start, "aliases repeat more than %d values; write them out, or use fewer", spareBudget)
	}
	return nil
}

// entries are the keys and values of a mapping, merge keys ("<<") followed.
func (s *stream) entries(n *node) ([]entry, error) {
	if n.resolved {
		return n.merged, nil
	}
	own := make(map[string]*node, len(n.keys))
	var entries []entry
	var merges []*node
	for i, k := range n.keys {
		if err := s.spend(k); err != nil {
			return nil, err
		}
		if k.kind != scalar {
			return nil, s.problem(k.start, "want a name as key, not %s", k.describe())
		}
		if k.tag == tagMerge {
			merges = append(merges, n.items[i])
			continue
		}
		if first := own[k.text]; first != nil {
			line, _ := s.at(first.start)
			return nil, s.problem(k.start, "%s comes twice; the first is on line %d", cors.Quote(k.text), line)
		}
		own[k.text] = k
		entries = append(entries, entry{k, n.items[i]})
	}
	for _, m := range merges {
		sources := []*node{m}
		if m.kind == list {
			sources = m.items
		}
		for _, source := range sources {
			if source.kind != mapping {
				return nil, s.problem(source.start, `want a mapping to merge with "<<", not %s`, source.describe())
			}
			merged, err := s.entries(source)
			if err != nil {
				return nil, err
			}
			for _, e := range merged {
				if err := s.spend(e.key); err != nil {
					return nil, err
				}
				if own[e.key.text] == nil {
					own[e.key.text] = e.key
					entries = append(entries, e)
				}
			}
		}
	}
	n.merged, n.resolved = entries, true
	return entries, nil
}
