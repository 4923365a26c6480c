// SPDX-License-Identifier: Apache-2.0

package document

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	schemaerrors "k8s.io/kube-openapi/pkg/validation/errors"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
	"sigs.k8s.io/yaml"

	"github.com/bucketcors/bucketcors/config/crd"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// Problem is one thing for which the API server refuses a policy.
type Problem struct {
	// Path is the field: "spec.buckets[1].name".
	Path string
	// Value is what is refused; empty where it is not one string.
	Value string
	// Text is what is wrong and Fix what to do: each a clause in lower case, which
	// may begin with a field, without a full stop.
	Text, Fix string
	// Position is where the value is, or else the nearest thing around it that is
	// in the file.
	Position Position
}

// Problems are those of the policies in the file, each in the order of the file
// and no more than one about a field: what the schema of the custom resource
// definition does not allow, and what the API server checks of the metadata of
// every object. What Read refuses already, such as unknown fields, is not among
// them, and neither is what depends on the cluster.
func (f *File) Problems() map[*Document][]Problem {
	problems := map[*Document][]Problem{}
	for _, d := range f.Documents {
		if d.Policy == nil || d.root == nil {
			continue
		}
		m := manifest{stream: d.source, root: d.root}
		m.checkMetadata(d.Policy.ObjectMeta)
		m.checkSpec()
		if found := m.sorted(); len(found) > 0 {
			problems[d] = found
		}
	}
	return problems
}

// manifest is a policy that is checked.
type manifest struct {
	*stream
	root     *node
	problems []placedProblem
}

type placedProblem struct {
	Problem
	at span
}

func (m *manifest) add(path, value, text, fix string) {
	m.problems = append(m.problems, placedProblem{Problem{Path: path, Value: value, Text: text, Fix: fix}, m.find(path)})
}

// sorted are the problems in the order of the file, the first one of each field.
func (m *manifest) sorted() []Problem {
	slices.SortStableFunc(m.problems, func(a, b placedProblem) int {
		return cmp.Or(cmp.Compare(a.at.start, b.at.start), cmp.Compare(a.Path, b.Path))
	})
	var sorted []Problem
	for _, p := range m.problems {
		if len(sorted) > 0 && sorted[len(sorted)-1].Path == p.Path {
			continue
		}
		p.Position = m.position(p.at)
		sorted = append(sorted, p.Problem)
	}
	return sorted
}

// pathStep is a field or an index.
var pathStep = regexp.MustCompile(`[^.\[\]]+`)

// find is the place of the value at a path, or else that of the nearest thing
// around it, as Position has it.
func (m *manifest) find(path string) span {
	n, at := m.root, m.root.span
	for _, step := range pathStep.FindAllString(path, -1) {
		switch n.kind {
		case mapping:
			entries, err := m.entries(n)
			i := slices.IndexFunc(entries, func(e entry) bool { return e.key.text == step })
			if err != nil || i < 0 {
				return at
			}
			e := entries[i]
			n, at = e.value, e.value.span
			if (n.kind != scalar || n.isNull()) && e.key.end <= n.start {
				at = span{e.key.start, n.end} // no alias
			}
		case list:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(n.items) {
				return at
			}
			n = n.items[i]
			at = span{n.body, n.end}
		case scalar:
			return at
		}
	}
	return at
}

// checkMetadata checks what the API server checks of every object.
func (m *manifest) checkMetadata(meta metav1.ObjectMeta) {
	if meta.Namespace == "" {
		meta.Namespace = metav1.NamespaceDefault // comes from the command line
	}
	if meta.Name == "" && meta.GenerateName != "" {
		meta.Name = "generated" // before the server checks it
	}
	for _, e := range apivalidation.ValidateObjectMeta(&meta, true, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata")) {
		value, _ := e.BadValue.(string)
		switch {
		case e.Field == "metadata.name" && e.Type == field.ErrorTypeRequired:
			m.add(e.Field, "", "metadata.name is missing", "name the policy")
		case e.Type == field.ErrorTypeRequired:
			m.add(e.Field, "", e.Field+" is missing", "add it")
		case e.Field == "metadata.name" || e.Field == "metadata.generateName":
			m.add(e.Field, value, fmt.Sprintf("%s %s cannot be the name of a policy", e.Field, cors.Quote(value)),
				"use up to 253 small letters, digits, hyphens and dots, and begin and end with a letter or digit")
		case e.Field == "metadata.namespace":
			m.add(e.Field, value, fmt.Sprintf("%s %s cannot be the name of a namespace", e.Field, cors.Quote(value)),
				"use up to 63 small letters, digits and hyphens, and begin and end with a letter or digit")
		default:
			detail, _, _ := strings.Cut(e.Detail, " (e.g.") // and a regular expression
			m.add(e.Field, value, strings.TrimSpace(e.Field+" is not as Kubernetes wants it "+quoteSome(value)), clipProblem(detail))
		}
	}
}

func quoteSome(value string) string {
	if value == "" {
		return ""
	}
	return "in " + cors.Quote(value)
}

// specSchema is the schema of the spec of a policy.
var specSchema = sync.OnceValue(func() *spec.Schema {
	var definition struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema spec.Schema `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	err := yaml.Unmarshal(crd.BucketCORSPolicies, &definition)
	if err != nil || len(definition.Spec.Versions) == 0 {
		panic(fmt.Sprintf("the definition of BucketCORSPolicy in this program has no schema: %v", err))
	}
	schema := definition.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	return &schema
})

// checkSpec checks the spec against the schema.
func (m *manifest) checkSpec() {
	entries, err := m.entries(m.root)
	i := slices.IndexFunc(entries, func(e entry) bool { return e.key.text == "spec" })
	if err != nil || i < 0 {
		return // Read wants it
	}
	value, isMapping := m.value(entries[i].value).(map[string]any)
	if !isMapping {
		return
	}
	m.validator(specSchema(), "spec").Validate(value)
	m.checkExtensions(value)
}

// validator is that of a schema, which adds what it finds to the problems and
// returns nothing: results that are merged, one item of a list after the other,
// take time with the square of their number.
func (m *manifest) validator(schema *spec.Schema, path string) validate.ValueValidator {
	return &collector{
		SchemaValidator: validate.NewSchemaValidator(schema, nil, path, strfmt.Default, func(o *validate.SchemaValidatorOptions) {
			o.NewValidatorForField = func(
				_ string, schema *spec.Schema, _ any, path string, _ strfmt.Registry, _ ...validate.Option,
			) validate.ValueValidator {
				return m.validator(schema, path)
			}
			o.NewValidatorForIndex = func(
				i int, item *spec.Schema, _ any, path string, _ strfmt.Registry, _ ...validate.Option,
			) validate.ValueValidator {
				if schema.MaxItems != nil && int64(i) >= *schema.MaxItems {
					return (*validate.SchemaValidator)(nil) // that there are too many is told
				}
				return m.validator(item, path)
			}
		}),
		manifest: m,
	}
}

// collector gives what a validator finds to a manifest.
type collector struct {
	*validate.SchemaValidator
	manifest *manifest
}

func (c *collector) Validate(value any) *validate.Result {
	for _, err := range c.SchemaValidator.Validate(value).Errors {
		if v, ok := errors.AsType[*schemaerrors.Validation](err); ok {
			text, fix, quoted := describeViolation(v)
			c.manifest.add(v.Name, quoted, text, fix)
		} else {
			c.manifest.add(c.Path, "", c.Path+" is refused: "+clipProblem(err.Error()), "write it as the schema says")
		}
	}
	return &validate.Result{}
}

// patterns are what the patterns of the schema let through, by field.
var patterns = map[string]string{
	"buckets[].name":                "letters, digits, dots, hyphens and underscores only",
	"buckets[].expectedBucketOwner": "the 12 digits of the id of an AWS account",
}

// anyIndex is an index in a path.
var anyIndex = regexp.MustCompile(`\[\d+\]`)

// describeViolation says what a violation of the schema means, and which value it
// is about where that is one string.
func describeViolation(v *schemaerrors.Validation) (text, fix, value string) {
	field := strings.TrimPrefix(v.Name, "spec.")
	value, _ = v.Value.(string)
	characters := utf8.RuneCountInString(value)
	switch v.Code() {
	case schemaerrors.RequiredFailCode:
		return field + " is missing", "add it", ""
	case schemaerrors.EnumFailCode:
		var known []string
		for _, k := range v.Values {
			known = append(known, fmt.Sprint(k))
		}
		return fmt.Sprintf("%s %s is not supported", field, cors.Quote(value)), "use " + orList(known), value
	case schemaerrors.PatternFailCode:
		if allowed := patterns[anyIndex.ReplaceAllString(field, "[]")]; allowed != "" {
			return fmt.Sprintf("%s %s has characters that it cannot have", field, cors.Quote(value)), "use " + allowed, value
		}
	case schemaerrors.TooShortFailCode:
		if value == "" {
			return field + " is empty", "give it a value, or remove it if it is not needed", ""
		}
		return fmt.Sprintf("%s %s has %s, and needs at least %v", field, cors.Quote(value), plural(characters, "character"), v.Valid), "make it longer", value
	case schemaerrors.TooLongFailCode:
		return fmt.Sprintf("%s has %s, and may have at most %v", field, plural(characters, "character"), v.Valid), "make it shorter", value
	case schemaerrors.MinItemsFailCode:
		return field + " is empty", fmt.Sprintf("name at least %v", v.Valid), ""
	case schemaerrors.TooFewPropertiesCode:
		return field + " is empty", "give it a field, or remove it", ""
	case schemaerrors.MaxItemsFailCode:
		return fmt.Sprintf("%s has %v items, and may have at most %v", field, v.Value, v.Valid), "remove some, or make two policies of it", ""
	}
	return field + " is refused: " + clipProblem(v.Error()), "write it as the schema says", value
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// orList is "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// value is what a node says, as the API server gets it: of a mapping it drops
// what is null.
func (m *manifest) value(n *node) any {
	switch n.kind {
	case list:
		items := make([]any, len(n.items))
		for i, item := range n.items {
			items[i] = m.value(item)
		}
		return items
	case mapping:
		entries, err := m.entries(n)
		if err != nil {
			return nil
		}
		fields := make(map[string]any, len(entries))
		for _, e := range entries {
			if !e.value.isNull() {
				fields[e.key.text] = m.value(e.value)
			}
		}
		return fields
	case scalar:
	}
	switch n.tag {
	case tagNull:
		return nil
	case tagBool:
		return true // whatever it is: no schema tells them apart
	case tagInt, tagFloat:
		i, _ := strconv.ParseInt(strings.ReplaceAll(n.text, "_", ""), 0, 64)
		return i
	default:
		return n.text
	}
}
