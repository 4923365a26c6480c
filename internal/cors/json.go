// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The keys of the JSON that the AWS command line and console use.
const (
	jsonRules          = "CORSRules"
	jsonAllowedHeaders = "AllowedHeaders"
	jsonAllowedMethods = "AllowedMethods"
	jsonAllowedOrigins = "AllowedOrigins"
	jsonExposeHeaders  = "ExposeHeaders"
	jsonID             = "ID"
	jsonMaxAgeSeconds  = "MaxAgeSeconds"
)

var jsonRuleKeys = []string{
	jsonAllowedHeaders, jsonAllowedMethods, jsonAllowedOrigins, jsonExposeHeaders, jsonID, jsonMaxAgeSeconds,
}

// ParseJSON reads what `aws s3api get-bucket-cors` prints, {"CORSRules": […]},
// or the bare array of rules that the console of S3 shows. It is strict: a key
// that is unknown, differs in case or comes twice is an error, and so is a null.
// The error is a *ParseError.
//
// An empty list or ID reads as none. Mistakes in the rules are for Compile.
func ParseJSON(data []byte) (Configuration, error) {
	return parseJSON(data, nil)
}

// ParseJSONSpans is ParseJSON and says, by Path, where in data the rules, their
// fields and the values are: a value with its quotes, a list with its key. What
// is not in the document has no place.
func ParseJSONSpans(data []byte) (Configuration, map[string]Span, error) {
	places := spans{}
	c, err := parseJSON(data, places)
	if err != nil {
		return Configuration{}, nil, err
	}
	return c, places, nil
}

func parseJSON(data []byte, places spans) (Configuration, error) {
	whole := len(data)
	data = withoutBOM(data)
	if err := checkEncoding(data); err != nil {
		return Configuration{}, err
	}
	p := newJSONParser(data)
	p.spans = places
	c, err := p.configuration()
	if err != nil {
		return Configuration{}, err
	}
	places.shift(whole - len(data))
	return c, nil
}

// jsonParser reads tokens and knows where each one began.
type jsonParser struct {
	data    []byte
	decoder *json.Decoder
	start   int // offset of the token read last

	// spans are kept by the index of the rule and the field being read.
	spans spans
	rule  int
	field Field
}

func newJSONParser(data []byte) *jsonParser {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return &jsonParser{data: data, decoder: d}
}

// fail is a ParseError at the token read last.
func (p *jsonParser) fail(format string, args ...any) error {
	return parseErrorAt(p.data, p.start, format, args...)
}

// skip moves start to the next token. The decoder looks after the punctuation.
func (p *jsonParser) skip() {
	p.start = int(p.decoder.InputOffset())
	for p.start < len(p.data) && strings.IndexByte(" \t\r\n,:", p.data[p.start]) >= 0 {
		p.start++
	}
}

func (p *jsonParser) next() (json.Token, error) {
	p.skip()
	token, err := p.decoder.Token()
	if err == nil {
		return token, nil
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		// The offset is that of the byte after the offending one.
		return nil, parseErrorAt(p.data, max(p.start, int(syntax.Offset)-1), "not JSON: %s", syntax)
	}
	p.start = len(p.data)
	return nil, p.fail("the JSON ends too early")
}

// end is where the token read last ends.
func (p *jsonParser) end() int { return int(p.decoder.InputOffset()) }

// more reports whether the list or object goes on.
func (p *jsonParser) more() bool {
	p.skip()
	return p.decoder.More()
}

// configuration reads the whole document.
func (p *jsonParser) configuration() (Configuration, error) {
	token, err := p.next()
	if err != nil {
		return Configuration{}, err
	}
	var c Configuration
	start := p.start
	switch token {
	case json.Delim('['):
		c.Rules, err = p.rules()
		p.spans.add(start, p.end(), -1, "", -1)
	case json.Delim('{'):
		c.Rules, err = p.document()
	default:
		err = p.fail(`want {"CORSRules": […]} or an array of rules, not %s`, kindOf(token))
	}
	if err != nil {
		return Configuration{}, err
	}
	p.skip()
	if token, err := p.decoder.Token(); !errors.Is(err, io.EOF) {
		if err == nil {
			return Configuration{}, p.fail("nothing may follow the configuration, but %s does", kindOf(token))
		}
		return Configuration{}, p.fail("nothing may follow the configuration")
	}
	return c, nil
}

// document reads the object around the rules, after its brace.
func (p *jsonParser) document() ([]Rule, error) {
	var rules []Rule
	seen, err := p.object("the configuration", []string{jsonRules}, func(string) error {
		start := p.start
		var err error
		rules, err = p.ruleArray()
		p.spans.add(start, p.end(), -1, "", -1)
		return err
	})
	if err == nil && !seen[jsonRules] {
		err = p.fail("the configuration has no %q", jsonRules)
	}
	return rules, err
}

// object reads an object after its brace: read is called before each value, and
// the result says which keys there were.
func (p *jsonParser) object(what string, keys []string, read func(key string) error) (map[string]bool, error) {
	seen := map[string]bool{}
	for p.more() {
		token, err := p.next()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string) // the decoder accepts nothing else here
		switch {
		case !slices.Contains(keys, key):
			return nil, p.fail("%s", unknownName("key", key, keys))
		case seen[key]:
			return nil, p.fail("%s has %q twice", what, key)
		}
		seen[key] = true
		if err := read(key); err != nil {
			return nil, err
		}
	}
	_, err := p.next() // the closing brace
	return seen, err
}

// ruleArray reads an array of rules.
func (p *jsonParser) ruleArray() ([]Rule, error) {
	if err := p.open('[', "an array of rules"); err != nil {
		return nil, err
	}
	return p.rules()
}

// open reads the beginning of an array or object.
func (p *jsonParser) open(delim json.Delim, what string) error {
	token, err := p.next()
	if err == nil && token != delim {
		err = p.fail("want %s, not %s", what, kindOf(token))
	}
	return err
}

// rules reads the rules of an array after its bracket.
func (p *jsonParser) rules() ([]Rule, error) {
	var rules []Rule
	for p.more() {
		if err := p.open('{', "a rule, which is an object"); err != nil {
			return nil, err
		}
		start := p.start
		p.rule = len(rules)
		r, err := p.readRule()
		if err != nil {
			return nil, err
		}
		p.spans.add(start, p.end(), p.rule, "", -1)
		rules = append(rules, r)
	}
	_, err := p.next() // the closing bracket
	return rules, err
}

// jsonFields are the fields that the keys of a rule stand for.
var jsonFields = map[string]Field{
	jsonAllowedHeaders: FieldAllowedHeaders,
	jsonAllowedMethods: FieldAllowedMethods,
	jsonAllowedOrigins: FieldAllowedOrigins,
	jsonExposeHeaders:  FieldExposeHeaders,
	jsonID:             FieldID,
	jsonMaxAgeSeconds:  FieldMaxAgeSeconds,
}

// readRule reads a rule after its brace.
func (p *jsonParser) readRule() (Rule, error) {
	var r Rule
	_, err := p.object("the rule", jsonRuleKeys, func(key string) (err error) {
		p.field = jsonFields[key]
		start := p.start
		defer func() {
			if key == jsonID || key == jsonMaxAgeSeconds {
				start = p.start
			}
			p.spans.add(start, p.end(), p.rule, p.field, -1)
		}()
		switch key {
		case jsonAllowedHeaders:
			r.AllowedHeaders, err = p.strings(key)
		case jsonAllowedMethods:
			r.AllowedMethods, err = p.strings(key)
		case jsonAllowedOrigins:
			r.AllowedOrigins, err = p.strings(key)
		case jsonExposeHeaders:
			r.ExposeHeaders, err = p.strings(key)
		case jsonID:
			r.ID, err = p.string(key)
		case jsonMaxAgeSeconds:
			r.MaxAgeSeconds, err = p.maxAge()
		}
		return err
	})
	return r, err
}

func (p *jsonParser) strings(key string) ([]string, error) {
	if err := p.open('[', key+" to be an array of strings"); err != nil {
		return nil, err
	}
	var list []string
	for p.more() {
		s, err := p.string(key)
		if err != nil {
			return nil, err
		}
		p.spans.add(p.start, p.end(), p.rule, p.field, len(list))
		list = append(list, s)
	}
	_, err := p.next() // the closing bracket
	return list, err
}

func (p *jsonParser) string(key string) (string, error) {
	token, err := p.next()
	if err != nil {
		return "", err
	}
	s, ok := token.(string)
	if !ok {
		return "", p.fail("want a string in %s, not %s", key, kindOf(token))
	}
	if strings.ContainsRune(s, unicode.ReplacementChar) && p.halfSurrogate(s) {
		return "", p.fail("the string has half of a surrogate pair, which is no character")
	}
	return s, nil
}

var escapedReplacement = regexp.MustCompile(`(?i)\\ufffd|\x{FFFD}`)

// halfSurrogate reports whether the string s read last has replacement
// characters that are not in the document: the decoder puts one where an escape
// such as \ud800 has no other half.
func (p *jsonParser) halfSurrogate(s string) bool {
	raw := p.data[p.start:p.decoder.InputOffset()]
	return strings.Count(s, string(unicode.ReplacementChar)) != len(escapedReplacement.FindAllIndex(raw, -1))
}

func (p *jsonParser) maxAge() (*int32, error) {
	token, err := p.next()
	if err != nil {
		return nil, err
	}
	number, ok := token.(json.Number)
	if !ok {
		return nil, p.fail("want a number in %s, not %s", jsonMaxAgeSeconds, kindOf(token))
	}
	seconds, err := parseMaxAge(number.String())
	if err != nil {
		return nil, p.fail("%s: %s", jsonMaxAgeSeconds, err)
	}
	return &seconds, nil
}

// parseMaxAge reads a whole number of seconds.
func parseMaxAge(s string) (int32, error) {
	seconds, err := strconv.ParseInt(s, 10, 32)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%s is out of range; S3 stores 32 bits", quote(s))
	case err != nil:
		return 0, fmt.Errorf("%s is not a whole number of seconds", quote(s))
	}
	return int32(seconds), nil
}

// kindOf describes a token.
func kindOf(token json.Token) string {
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			return "an object"
		}
		return "an array" // the decoder refuses closing ones where a value has to be
	case string:
		return "the string " + quote(token)
	case json.Number:
		return "the number " + quote(token.String())
	case bool:
		return strconv.FormatBool(token)
	default:
		return "null"
	}
}

// FormatJSON writes c as {"CORSRules": […]}, indented, with a line feed at the
// end; ParseJSON reads it back. Empty lists and IDs are left out. It is an error
// if a value is not UTF-8, which JSON cannot carry.
func FormatJSON(c Configuration) ([]byte, error) {
	type rule struct {
		AllowedHeaders []string `json:",omitempty"`
		AllowedMethods []string `json:",omitempty"`
		AllowedOrigins []string `json:",omitempty"`
		ExposeHeaders  []string `json:",omitempty"`
		ID             string   `json:",omitempty"`
		MaxAgeSeconds  *int32   `json:",omitempty"`
	}
	document := struct{ CORSRules []rule }{make([]rule, len(c.Rules))}
	for i, r := range c.Rules {
		document.CORSRules[i] = rule{
			AllowedHeaders: r.AllowedHeaders,
			AllowedMethods: r.AllowedMethods,
			AllowedOrigins: r.AllowedOrigins,
			ExposeHeaders:  r.ExposeHeaders,
			ID:             r.ID,
			MaxAgeSeconds:  r.MaxAgeSeconds,
		}
	}
	if err := checkCarried(c, "JSON", utf8.ValidString); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(document)
	return b.Bytes(), err
}
