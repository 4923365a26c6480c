// SPDX-License-Identifier: Apache-2.0

package document

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// MaxBytes is the size of the largest file that is read. S3 allows 64 KiB for
// one configuration; the tree of a file of YAML takes up to 200 times its size.
const MaxBytes = 4 << 20

// wanted says what Read reads.
const wanted = "want a " + policyKind + ` manifest, the JSON of AWS ({"CORSRules": […]}), the XML of S3 (<CORSConfiguration>), ` +
	"Terraform with an aws_s3_bucket_cors_configuration, or a CloudFormation template"

// Read reads the configurations of a file, whose format it finds out from the
// content. The error says line and column, without the name of the file: it is
// or wraps a *cors.ParseError. A file larger than MaxBytes is refused.
//
// What is in the file beside policies, such as a Deployment, is passed over.
// Mistakes in the rules are for cors.Compile.
func Read(name string, data []byte) (*File, error) {
	if len(data) > MaxBytes {
		return nil, &cors.ParseError{Line: 1, Column: 1,
			Problem: fmt.Sprintf("the file has %d bytes, and more than %d MiB are not read", len(data), MaxBytes>>20)}
	}
	p := newPlaces(data)
	f := &File{Name: name, Data: data, places: p}
	if err := checkText(p); err != nil {
		return nil, err
	}
	var err error
	f.Documents, err = p.documents(name)
	if err != nil {
		return nil, p.hintAtTemplate(err)
	}
	return f, nil
}

// hintAtTemplate says what to do about a problem on a line of a Helm template.
func (p *places) hintAtTemplate(err error) error {
	e, ok := errors.AsType[*cors.ParseError](err)
	if !ok || strings.Contains(e.Problem, helmHint) || e.Line < 1 || e.Line > len(p.lines) ||
		!bytes.Contains(p.line(p.lines[e.Line-1]), []byte("{{")) {
		return err
	}
	return &cors.ParseError{Line: e.Line, Column: e.Column, Problem: e.Problem + helmHint}
}

// checkText refuses what is not UTF-8.
func checkText(p *places) error {
	const remedy = "save the file as UTF-8"
	data := p.data
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")),
		len(data) > 3 && (data[0] == 0) != (data[1] == 0) && (data[0] == 0) == (data[2] == 0) && (data[1] == 0) == (data[3] == 0):
		return &cors.ParseError{Line: 1, Column: 1, Problem: "the file is UTF-16; " + remedy}
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return p.problem(i, "not UTF-8; %s", remedy)
		}
		if r == 0 {
			return p.problem(i, "a NUL byte; the file is not text")
		}
		i += size
	}
	return nil
}

// terraformBlock begins a block of Terraform.
var terraformBlock = regexp.MustCompile(
	`(?m)^(resource|data|module|provider|variable|output|terraform|locals|moved|import|check|removed|ephemeral)\b[^:\r\n]*\{`)

// documents finds out the format and reads the documents.
func (p *places) documents(name string) ([]*Document, error) {
	data := bytes.TrimPrefix(p.data, byteOrderMark)
	text := bytes.TrimLeft(data, " \t\r\n")
	switch {
	case len(text) == 0:
		return nil, p.problem(0, "the file is empty; %s", wanted)
	case bytes.HasPrefix(text, []byte("{{")):
		return nil, p.problem(len(p.data)-len(text), "not a file of any format%s", helmHint)
	case strings.HasSuffix(name, ".tf.json"):
		return nil, p.problem(0, "the JSON of Terraform is not read; %s", useLiveBucket)
	case text[0] == '<':
		return withSpans(XML, p.data, cors.ParseXMLSpans)
	case text[0] == '[':
		return p.jsonOrYAML(func(s *stream) ([]*Document, error) {
			return withSpans(JSON, p.data, cors.ParseJSONSpans)
		})
	case text[0] == '{':
		return p.jsonOrYAML(p.jsonDocuments)
	case terraformBlock.Match(text) || strings.HasSuffix(name, ".tf"):
		return readTerraform(p.data)
	}
	s, err := parseYAML(p)
	if err != nil {
		return nil, err
	}
	return s.documents()
}

// withSpans makes the one document of a format of AWS.
func withSpans(
	format Format, data []byte, parse func([]byte) (cors.Configuration, map[string]cors.Span, error),
) ([]*Document, error) {
	c, found, err := parse(data)
	if err != nil {
		return nil, err
	}
	spans := make(map[string]span, len(found))
	for path, at := range found {
		spans[path] = span{at.Start, at.End}
	}
	return []*Document{{Format: format, Configuration: c, spans: spans}}, nil
}

// jsonOrYAML reads what begins like JSON, and is YAML in braces otherwise.
func (p *places) jsonOrYAML(read func(*stream) ([]*Document, error)) ([]*Document, error) {
	s, err := parseJSON(p)
	if err == nil {
		return read(s)
	}
	if s.isTooLarge {
		return nil, err
	}
	if s, yamlErr := parseYAML(p); yamlErr == nil && len(s.roots) > 0 {
		documents, yamlErr := s.documents()
		isJSON := func(d *Document) bool { return d.Format == JSON }
		if yamlErr == nil && !slices.ContainsFunc(documents, isJSON) {
			return documents, nil
		}
	}
	return nil, err
}

// jsonDocuments reads JSON that begins with an object.
func (p *places) jsonDocuments(s *stream) ([]*Document, error) {
	root := s.roots[0]
	for _, key := range root.keys {
		if isConfigurationKey(key.text) {
			if err := s.checkWrapped(root); err != nil {
				return nil, err
			}
			return withSpans(JSON, p.data, cors.ParseJSONSpans)
		}
	}
	return s.documents()
}

// isConfigurationKey reports whether a key is, or is meant to be, the one of the
// JSON of AWS.
func isConfigurationKey(key string) bool {
	for _, known := range []string{awsRules, "CORSRule", awsConfiguration} {
		if strings.EqualFold(key, known) {
			return true
		}
	}
	return false
}

// documents reads all manifests and templates, and fails if there are none.
func (s *stream) documents() ([]*Document, error) {
	var documents []*Document
	var instead error // what is better to say than that there are no rules
	others := map[string]int{}
	for _, root := range s.roots {
		var found []*Document
		var err error
		switch {
		case root.kind != mapping:
			others[root.describe()]++
		case root.get("kind") != nil || root.get("apiVersion") != nil:
			found, err = s.policies(root, others, 0)
		case isTemplate(root):
			found, err = s.template(root)
		case slices.ContainsFunc(root.keys, func(k *node) bool { return isConfigurationKey(k.text) }):
			if err = s.checkWrapped(root); err == nil {
				found, err = s.awsDocument(root)
			}
		default:
			err = s.checkCase(root)
			instead = cmp.Or(instead, s.checkTerraform(root), s.checkWrapped(root))
			others[describeKeys(root)]++
		}
		if err != nil {
			return nil, err
		}
		documents = append(documents, found...)
	}
	if len(documents) > 0 {
		return documents, nil
	}
	if instead != nil {
		return nil, instead
	}
	if len(others) == 0 {
		return nil, s.problem(0, "the file is empty or has comments only; %s", wanted)
	}
	return nil, s.problem(s.roots[0].start, "no CORS rules here, only %s; %s", listKinds(others), wanted)
}

// checkTerraform refuses a configuration, a state or a plan of Terraform in JSON.
func (s *stream) checkTerraform(root *node) error {
	resources := root.get("resource")
	if resources.get(terraformResource) == nil && resources.get(terraformBucket) == nil && root.get("terraform_version") == nil {
		return nil
	}
	return s.problem(root.start, "the JSON of Terraform is not read; %s", useLiveBucket)
}

// checkCase refuses a manifest whose kind is not a lower-case key.
func (s *stream) checkCase(root *node) error {
	for _, k := range root.keys {
		for _, known := range []string{"kind", "apiVersion"} {
			if strings.EqualFold(k.text, known) {
				return s.problem(k.start, "unknown field %s in the manifest; did you mean %q?", cors.Quote(k.text), known)
			}
		}
	}
	return nil
}

// describeKeys describes a mapping that is no manifest.
func describeKeys(n *node) string {
	const most = 3
	var keys []string
	for _, k := range n.keys {
		if k.kind == scalar && len(keys) < most {
			keys = append(keys, cors.Quote(clip(k.text)))
		}
	}
	if len(keys) == 0 {
		return n.describe()
	}
	text := "a mapping with " + strings.Join(keys, ", ")
	if len(n.keys) > len(keys) {
		text += ", …"
	}
	return text
}

// listKinds says what is in a file that holds no rules.
func listKinds(others map[string]int) string {
	const most = 5
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(others)) {
		if len(kinds) == most {
			kinds = append(kinds, "…")
			break
		}
		if kind == "" {
			kind = "a manifest without a kind"
		}
		kinds = append(kinds, kind)
	}
	return strings.Join(kinds, ", ")
}

// Position is where the value at path is, or else the nearest thing around it
// that is in the file. A path is that of cors.Path or, in a policy, that of any
// field: "spec.expectations[0].origin". A list is where its key is, up to its
// end; what is not written where it is used, but by an alias of YAML, is where
// the alias leads.
func (f *File) Position(d *Document, path string) Position {
	p := f.places
	if p == nil {
		p = newPlaces(f.Data)
	}
	if d.Policy != nil && d.root != nil && (strings.HasPrefix(path, "spec.") || strings.HasPrefix(path, "metadata")) {
		m := manifest{stream: d.source, root: d.root}
		return p.position(m.find(path))
	}
	for {
		if at, found := d.spans[path]; found {
			return p.position(at)
		}
		if path == "" {
			return Position{Line: 1, Column: 1, EndLine: 1, EndColumn: 1}
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}
