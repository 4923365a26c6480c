// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// xmlNamespace is that of every document of the S3 API.
const xmlNamespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// The elements of the document of PutBucketCors.
const (
	xmlConfiguration = "CORSConfiguration"
	xmlRule          = "CORSRule"
	xmlAllowedHeader = "AllowedHeader"
	xmlAllowedMethod = "AllowedMethod"
	xmlAllowedOrigin = "AllowedOrigin"
	xmlExposeHeader  = "ExposeHeader"
	xmlID            = "ID"
	xmlMaxAgeSeconds = "MaxAgeSeconds"
)

var xmlRuleElements = []string{
	xmlAllowedHeader, xmlAllowedMethod, xmlAllowedOrigin, xmlExposeHeader, xmlID, xmlMaxAgeSeconds,
}

// ParseXML reads the document of PutBucketCors and GetBucketCors, with the
// namespace of S3 or without any. It is strict: an element that is unknown or
// comes twice, an attribute, text between elements and a document type are
// errors. Entities are not expanded. The error is a *ParseError.
//
// An empty ID reads as none; values are not trimmed, as S3 does not trim them.
// Mistakes in the rules are for Compile.
func ParseXML(data []byte) (Configuration, error) {
	return parseXML(data, nil)
}

// ParseXMLSpans is ParseXML and says, by Path, where in data the rules and their
// values are: each the element with its tags, a list from its first element to
// its last. What is not in the document has no place.
func ParseXMLSpans(data []byte) (Configuration, map[string]Span, error) {
	places := spans{}
	c, err := parseXML(data, places)
	if err != nil {
		return Configuration{}, nil, err
	}
	return c, places, nil
}

func parseXML(data []byte, places spans) (Configuration, error) {
	whole := len(data)
	data = withoutBOM(data)
	if err := checkEncoding(data); err != nil {
		return Configuration{}, err
	}
	p := &xmlParser{data: data, decoder: xml.NewDecoder(bytes.NewReader(data)), spans: places}
	c, err := p.configuration()
	if err != nil {
		return Configuration{}, err
	}
	places.shift(whole - len(data))
	return c, nil
}

// xmlParser reads tokens and knows where each one began.
type xmlParser struct {
	data    []byte
	decoder *xml.Decoder
	start   int // offset of the token read last
	spans   spans
}

// end is where the token read last ends.
func (p *xmlParser) end() int { return int(p.decoder.InputOffset()) }

// fail is a ParseError at the token read last.
func (p *xmlParser) fail(format string, args ...any) error {
	return parseErrorAt(p.data, p.start, format, args...)
}

// next is the next token that means something: no comment and no declaration.
// After the root element it is io.EOF.
func (p *xmlParser) next() (xml.Token, error) {
	for {
		p.start = int(p.decoder.InputOffset())
		token, err := p.decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if err != nil {
			syntax, ok := errors.AsType[*xml.SyntaxError](err)
			if !ok {
				return nil, p.fail("the document declares another encoding than UTF-8")
			}
			p.start = int(p.decoder.InputOffset())
			return nil, p.fail("not XML: %s", clip(syntax.Msg))
		}
		switch token.(type) {
		case xml.Comment, xml.ProcInst:
		case xml.Directive:
			return nil, p.fail("a document type is not allowed; remove it")
		default:
			return token, nil
		}
	}
}

// child is the name of the next element in the element that is open, or empty
// at its end.
func (p *xmlParser) child() (string, error) {
	for {
		token, err := p.next()
		if err != nil {
			return "", err
		}
		switch token := token.(type) {
		case xml.StartElement:
			return token.Name.Local, p.checkElement(token)
		case xml.EndElement:
			return "", nil
		case xml.CharData:
			if text := bytes.TrimSpace(token); len(text) > 0 {
				p.start += bytes.Index(token, text)
				return "", p.fail("the text %s is not inside an element of a rule", quote(string(text)))
			}
		}
	}
}

func (p *xmlParser) checkElement(e xml.StartElement) error {
	if e.Name.Space != "" && e.Name.Space != xmlNamespace {
		return p.fail("element %s is of the namespace %s, not of %s", quote(e.Name.Local), quote(e.Name.Space), xmlNamespace)
	}
	for _, a := range e.Attr {
		if a.Name.Local != "xmlns" && a.Name.Space != "xmlns" {
			return p.fail("element %s has the unknown attribute %s", quote(e.Name.Local), quote(a.Name.Local))
		}
	}
	return nil
}

// configuration reads the whole document.
func (p *xmlParser) configuration() (Configuration, error) {
	root, err := p.child()
	switch {
	case errors.Is(err, io.EOF):
		return Configuration{}, p.fail("there is no element; want %s", xmlConfiguration)
	case err != nil:
		return Configuration{}, err
	case root != xmlConfiguration:
		return Configuration{}, p.fail("want the element %s, not %s", xmlConfiguration, quote(root))
	}
	var c Configuration
	rootStart := p.start
	for {
		name, err := p.child()
		if err != nil {
			return Configuration{}, err
		}
		if name == "" {
			p.spans.add(rootStart, p.end(), -1, "", -1)
			break
		}
		if name != xmlRule {
			return Configuration{}, p.fail("%s", unknownName("element", name, []string{xmlRule}))
		}
		start := p.start
		r, err := p.rule(len(c.Rules))
		if err != nil {
			return Configuration{}, err
		}
		p.spans.add(start, p.end(), len(c.Rules), "", -1)
		c.Rules = append(c.Rules, r)
	}
	name, err := p.child()
	switch {
	case errors.Is(err, io.EOF):
		return c, nil
	case err != nil:
		return Configuration{}, err
	default:
		return Configuration{}, p.fail("nothing may follow the configuration, but %s does", quote(name))
	}
}

// addValue keeps the place of the element that was read last, the value number
// index of the field.
func (p *xmlParser) addValue(start, rule int, field Field, index int) {
	if p.spans == nil {
		return
	}
	end := p.end()
	p.spans.add(start, end, rule, field, index)
	if index > 0 {
		start = p.spans[Path(rule, field, -1)].Start
	}
	p.spans.add(start, end, rule, field, -1)
}

// rule reads the rule number index after its opening tag.
func (p *xmlParser) rule(index int) (Rule, error) {
	var r Rule
	hasID := false
	for {
		name, err := p.child()
		if name == "" || err != nil {
			return r, err
		}
		start := p.start
		if !slices.Contains(xmlRuleElements, name) {
			return r, p.fail("%s", unknownName("element", name, xmlRuleElements))
		}
		if name == xmlID && hasID || name == xmlMaxAgeSeconds && r.MaxAgeSeconds != nil {
			return r, p.fail("the rule has %s twice", name)
		}
		text, err := p.text(name)
		if err != nil {
			return r, err
		}
		switch name {
		case xmlAllowedHeader:
			p.addValue(start, index, FieldAllowedHeaders, len(r.AllowedHeaders))
			r.AllowedHeaders = append(r.AllowedHeaders, text)
		case xmlAllowedMethod:
			p.addValue(start, index, FieldAllowedMethods, len(r.AllowedMethods))
			r.AllowedMethods = append(r.AllowedMethods, text)
		case xmlAllowedOrigin:
			p.addValue(start, index, FieldAllowedOrigins, len(r.AllowedOrigins))
			r.AllowedOrigins = append(r.AllowedOrigins, text)
		case xmlExposeHeader:
			p.addValue(start, index, FieldExposeHeaders, len(r.ExposeHeaders))
			r.ExposeHeaders = append(r.ExposeHeaders, text)
		case xmlID:
			p.addValue(start, index, FieldID, -1)
			r.ID, hasID = text, true
		case xmlMaxAgeSeconds:
			seconds, err := parseMaxAge(strings.TrimSpace(text))
			if err != nil {
				return r, parseErrorAt(p.data, start, "%s: %s", name, err)
			}
			p.addValue(start, index, FieldMaxAgeSeconds, -1)
			r.MaxAgeSeconds = &seconds
		}
	}
}

// text reads what is inside the element name, after its opening tag.
func (p *xmlParser) text(name string) (string, error) {
	var b strings.Builder
	for {
		token, err := p.next()
		if err != nil {
			return "", err
		}
		switch token := token.(type) {
		case xml.CharData:
			b.Write(token)
		case xml.StartElement:
			return "", p.fail("%s holds the element %s; want only text", name, quote(token.Name.Local))
		case xml.EndElement:
			return b.String(), nil
		}
	}
}

// FormatXML writes c as the document of PutBucketCors, indented, with a line
// feed at the end; ParseXML reads it back. It is an error if a value has a
// character that XML cannot carry.
func FormatXML(c Configuration) ([]byte, error) {
	err := checkCarried(c, "XML", func(s string) bool {
		_, bad := notXML(s)
		return !bad
	})
	if err != nil {
		return nil, err
	}
	return append(appendXML([]byte(xml.Header), c, "  "), '\n'), nil
}

// appendXML writes c with its elements in the order of the AWS SDKs, each on a
// line of its own if indent is not empty. Without, it is byte by byte what an
// SDK sends.
func appendXML(b []byte, c Configuration, indent string) []byte {
	newLine := func(depth int) {
		if indent != "" {
			b = append(b, '\n')
			b = append(b, strings.Repeat(indent, depth)...)
		}
	}
	element := func(name, value string) {
		newLine(2)
		b = append(append(append(b, '<'), name...), '>')
		b = append(b, xmlEscapes.Replace(value)...)
		b = append(append(append(b, "</"...), name...), '>')
	}
	b = append(b, "<"+xmlConfiguration+` xmlns="`+xmlNamespace+`">`...)
	for _, r := range c.Rules {
		newLine(1)
		b = append(b, "<"+xmlRule+">"...)
		for _, h := range r.AllowedHeaders {
			element(xmlAllowedHeader, h)
		}
		for _, m := range r.AllowedMethods {
			element(xmlAllowedMethod, m)
		}
		for _, o := range r.AllowedOrigins {
			element(xmlAllowedOrigin, o)
		}
		for _, h := range r.ExposeHeaders {
			element(xmlExposeHeader, h)
		}
		if r.ID != "" {
			element(xmlID, r.ID)
		}
		if r.MaxAgeSeconds != nil {
			element(xmlMaxAgeSeconds, strconv.Itoa(int(*r.MaxAgeSeconds)))
		}
		newLine(1)
		b = append(b, "</"+xmlRule+">"...)
	}
	newLine(0)
	return append(b, "</"+xmlConfiguration+">"...)
}

// xmlEscapes are those of the AWS SDK, so that the size of a document is the one
// that S3 sees.
var xmlEscapes = strings.NewReplacer(
	`"`, "&#34;", "'", "&#39;", "&", "&amp;", "<", "&lt;", ">", "&gt;",
	"\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;", "\u0085", "&#x85;", "\u2028", "&#x2028;",
)

// checkCarried refuses to write a value that the format cannot carry.
func checkCarried(c Configuration, format string, carried func(string) bool) error {
	for i, r := range c.Rules {
		if !carried(r.ID) {
			return fmt.Errorf("rules[%d].%s: %s cannot carry %s", i, FieldID, format, quote(r.ID))
		}
		for _, list := range [...]struct {
			field  Field
			values []string
		}{
			{FieldAllowedOrigins, r.AllowedOrigins},
			{FieldAllowedMethods, r.AllowedMethods},
			{FieldAllowedHeaders, r.AllowedHeaders},
			{FieldExposeHeaders, r.ExposeHeaders},
		} {
			for j, v := range list.values {
				if !carried(v) {
					return fmt.Errorf("rules[%d].%s[%d]: %s cannot carry %s", i, list.field, j, format, quote(v))
				}
			}
		}
	}
	return nil
}
