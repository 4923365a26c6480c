// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const crdDir = "../../config/crd/bases"

// A node is a place in the schema of a CRD.
type node struct {
	path   string // as in the messages of the API server, with [] for any item
	schema map[string]any
}

// rootOf returns the schema of whole objects of a kind.
func rootOf(t *testing.T, k kind) node {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(crdDir, k.crdFile))
	if err != nil {
		t.Fatal(err)
	}
	versions, _, err := unstructured.NestedSlice(parseYAML(t, string(text)), "spec", "versions")
	if err != nil || len(versions) != 1 {
		t.Fatalf("%d versions, error %v; these tests are about one", len(versions), err)
	}
	schema, found, err := unstructured.NestedMap(versions[0].(map[string]any), "schema", "openAPIV3Schema")
	if err != nil || !found {
		t.Fatalf("no schema, error %v", err)
	}
	return node{schema: schema}
}

// fields are the nodes of the fields of an object, by name.
func (n node) fields() map[string]node {
	fields := map[string]node{}
	properties, _ := n.schema["properties"].(map[string]any)
	for name, schema := range properties {
		path := strings.TrimPrefix(n.path+"."+name, ".")
		fields[name] = node{path, schema.(map[string]any)}
	}
	return fields
}

// item is the node of any item of a list.
func (n node) item() (node, bool) {
	schema, ok := n.schema["items"].(map[string]any)
	return node{n.path + "[]", schema}, ok
}

// all are the node and everything below it.
func (n node) all() []node {
	nodes := []node{n}
	for _, field := range n.fields() {
		nodes = append(nodes, field.all()...)
	}
	if item, ok := n.item(); ok {
		nodes = append(nodes, item.all()...)
	}
	return nodes
}

// ofKubernetes is whether the node is inside of a type of Kubernetes itself, whose
// bounds and prose are not ours: a change of them would be another type.
func (n node) ofKubernetes() bool { return strings.Contains(n.path, ".namespaceSelector.") }

func (n node) required() []any {
	required, _ := n.schema["required"].([]any)
	return required
}

// Nothing that anybody can write, us among them, is without bounds, and every
// list says how two writers share it. A default would show up as a difference
// in whoever applies manifests from Git, and inside a list it cannot even be
// told from what another writer wrote. Of the status nobody applies a manifest.
func TestSchemaIsBounded(t *testing.T) {
	for _, k := range kinds() {
		root := rootOf(t, k)
		for _, name := range []string{"spec", "status"} {
			top, ok := root.fields()[name]
			if !ok {
				t.Fatalf("%s has no %s", k.name, name)
			}
			for _, n := range top.all() {
				if n.ofKubernetes() {
					continue
				}
				for _, problem := range problemsOf(n) {
					t.Errorf("%s: %s %s", k.name, n.path, problem)
				}
			}
		}
	}
}

// kstatus, by which Flux and Helm wait, takes an object without conditions for one
// that is as it should be, unless it can see that nobody has looked at it.
func TestNewObjectsAreNotTakenForReady(t *testing.T) {
	for _, k := range kinds() {
		if is := fmt.Sprint(rootOf(t, k).fields()["status"].schema["default"]); is != "map[observedGeneration:-1]" {
			t.Errorf("%s: status is %s by default", k.name, is)
		}
	}
}

func problemsOf(n node) []string {
	var problems []string
	lacks := func(keyword string) bool { _, ok := n.schema[keyword]; return !ok }
	for _, keyword := range []string{"default", "nullable", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"} {
		if !lacks(keyword) && (keyword != "default" || n.path != "status") {
			problems = append(problems, "has "+keyword)
		}
	}
	switch n.schema["type"] {
	case "string":
		if lacks("maxLength") && lacks("enum") && n.schema["format"] != "date-time" {
			problems = append(problems, "is a string without an upper bound")
		}
		pattern, ok := n.schema["pattern"].(string)
		if ok && (!strings.HasPrefix(pattern, "^") || !strings.HasSuffix(pattern, "$")) {
			problems = append(problems, "has a pattern that may match in the middle")
		}
	case "array":
		if lacks("maxItems") {
			problems = append(problems, "is a list without an upper bound")
		}
		if lacks("x-kubernetes-list-type") {
			problems = append(problems, "is a list without a list type")
		}
		item, _ := n.item()
		keys, _ := n.schema["x-kubernetes-list-map-keys"].([]any)
		for _, key := range keys {
			if !slices.Contains(item.required(), key) {
				problems = append(problems, fmt.Sprintf("is a list by the key %s, which may be absent", key))
			}
		}
	case "object":
		if !lacks("additionalProperties") && lacks("maxProperties") {
			problems = append(problems, "is a map without an upper bound")
		}
	case "integer":
		if lacks("format") {
			problems = append(problems, "is an integer without a size")
		}
	case "boolean":
	default:
		problems = append(problems, fmt.Sprintf("is of type %v", n.schema["type"]))
	}
	return problems
}

// What `kubectl explain` shows names the field, and says what leaving it out means.
func TestSchemaSaysWhatFieldsMean(t *testing.T) {
	for _, k := range kinds() {
		root := rootOf(t, k)
		for _, n := range root.all() {
			for name, field := range n.fields() {
				if n.path == "" && !slices.Contains([]string{"spec", "status"}, name) {
					continue // the fields of every Kubernetes object
				}
				prose, _ := field.schema["description"].(string)
				if !strings.HasPrefix(prose, name+" ") {
					t.Errorf("%s: the prose of %s does not begin with its name: %q", k.name, field.path, prose)
				}
				if field.ofKubernetes() {
					continue
				}
				optional := !slices.Contains(n.required(), any(name))
				if optional && strings.HasPrefix(field.path, "spec.") && !strings.Contains(prose, "Absent") {
					t.Errorf("%s: the prose of %s does not say what absent means: %q", k.name, field.path, prose)
				}
			}
		}
	}
}

// A constraint is one thing that the schema asks of a spec.
type constraint struct {
	path    string
	keyword string
	says    string // a part of what the API server says when it is broken
	bound   int64  // of the keywords in bounds
}

// bounds are the keywords with a number: what the API server says of it, and
// the step from the last value that is allowed to the first that is not.
var bounds = map[string]struct {
	says string
	step int64
}{
	"maxItems":  {"must have at most %d items", 1},
	"minItems":  {"should have at least %d items", -1},
	"maxLength": {"may not be more than %d bytes", 1}, // it means characters
	"minLength": {"should be at least %d chars long", -1},
	"maximum":   {"should be less than or equal to %d", 1},
	"minimum":   {"should be greater than or equal to %d", -1},

	"minProperties": {"should have at least %d properties", -1},
}

// measure is what a bound is about.
func measure(value any) int64 {
	switch value := value.(type) {
	case []any:
		return int64(len(value))
	case map[string]any:
		return int64(len(value))
	case string:
		return int64(utf8.RuneCountInString(value))
	case int64:
		return value
	default:
		return 0
	}
}

// constraints are what the schema asks at a node.
func (n node) constraints() []constraint {
	var constraints []constraint
	for _, keyword := range slices.Sorted(maps.Keys(n.schema)) {
		add := func(path, says string) {
			constraints = append(constraints, constraint{path: path, keyword: keyword, says: says})
		}
		switch value := n.schema[keyword]; keyword {
		case "pattern":
			add(n.path, fmt.Sprintf("should match '%s'", value))
		case "format":
			add(n.path, fmt.Sprintf("format %s", value))
		case "enum":
			var names []string
			for _, name := range value.([]any) {
				names = append(names, fmt.Sprintf("%q", name))
			}
			add(n.path, "supported values: "+strings.Join(names, ", "))
		case "required":
			for _, name := range n.required() {
				add(n.path+"."+name.(string), "Required value")
			}
		case "x-kubernetes-list-type":
			if value != "atomic" {
				add(n.path+"[]", "Duplicate value")
			}
		case "x-kubernetes-validations":
			for _, rule := range value.([]any) {
				rule := rule.(map[string]any)
				field, _ := rule["fieldPath"].(string)
				add(n.path+field, rule["message"].(string))
			}
		default:
			if b, ok := bounds[keyword]; ok {
				bound := value.(int64)
				if keyword == "maxItems" && n.hasNoMoreItems(bound) {
					continue
				}
				constraints = append(constraints, constraint{n.path, keyword, fmt.Sprintf(b.says, bound), bound})
			}
		}
	}
	return constraints
}

// hasNoMoreItems is whether the node is a set of an enumeration, which cannot have
// more items than that has values: nothing breaks the bound alone.
func (n node) hasNoMoreItems(bound int64) bool {
	item, _ := n.item()
	values, _ := item.schema["enum"].([]any)
	return n.schema["x-kubernetes-list-type"] == "set" && values != nil && int64(len(values)) <= bound
}

// visit calls see for a value and for everything in it, with its node.
func (n node) visit(value any, see func(n node, value any)) {
	see(n, value)
	switch value := value.(type) {
	case map[string]any:
		for name, field := range n.fields() {
			if inner, ok := value[name]; ok {
				field.visit(inner, see)
			}
		}
	case []any:
		if item, ok := n.item(); ok {
			for _, inner := range value {
				item.visit(inner, see)
			}
		}
	}
}

var index = regexp.MustCompile(`\[[0-9]+\]`)

// isRefusedBy reports whether the API server has to name the constraint when it
// refuses the manifest. Of numbers that do not fit it names the field only in
// the message.
func (r refusedManifest) isRefusedBy(c constraint) bool {
	if c.keyword == "format" {
		return index.ReplaceAllString(r.message, "[]") == c.says+" in "+c.path
	}
	return index.ReplaceAllString(r.field, "[]") == c.path && strings.Contains(r.message, c.says)
}

// Whatever the schema asks, a manifest lacks: bounds are exceeded by one.
func TestEveryConstraintIsBrokenByARefusedManifest(t *testing.T) {
	for _, k := range kinds() {
		spec := rootOf(t, k).fields()["spec"]
		broken := map[constraint]bool{}
		for _, r := range k.refused {
			spec.visit(k.manifest(t, r.spec).Object["spec"], func(n node, value any) {
				for _, c := range n.constraints() {
					if b, ok := bounds[c.keyword]; ok && measure(value) == c.bound+b.step && r.isRefusedBy(c) {
						broken[c] = true
					}
				}
			})
		}
		for _, n := range spec.all() {
			for _, c := range n.constraints() {
				if _, ok := bounds[c.keyword]; !ok {
					broken[c] = slices.ContainsFunc(k.refused, func(r refusedManifest) bool { return r.isRefusedBy(c) })
				}
				if !broken[c] {
					t.Errorf("%s: no refused manifest breaks, by as little as can be, what the schema asks of %s: %s %q", k.name, c.path, c.keyword, c.says)
				}
			}
		}
	}
}

// Whatever the schema allows, a manifest uses: bounds to their end, and every
// value of an enumeration.
func TestEveryBoundIsReachedByAnAcceptedManifest(t *testing.T) {
	for _, k := range kinds() {
		spec := rootOf(t, k).fields()["spec"]
		type use struct {
			constraint
			value any // of an enumeration
		}
		used := map[use]bool{}
		for _, a := range k.accepted {
			spec.visit(k.manifest(t, a.spec).Object["spec"], func(n node, value any) {
				for _, c := range n.constraints() {
					if _, ok := bounds[c.keyword]; ok && measure(value) == c.bound {
						used[use{c, nil}] = true
					} else if c.keyword == "enum" {
						used[use{c, value}] = true
					}
				}
			})
		}
		for _, n := range spec.all() {
			for _, c := range n.constraints() {
				if _, ok := bounds[c.keyword]; ok && !used[use{c, nil}] {
					t.Errorf("%s: no accepted manifest reaches the bound of %s: %s %d", k.name, c.path, c.keyword, c.bound)
				}
				values, _ := n.schema["enum"].([]any)
				for _, value := range values {
					if c.keyword == "enum" && !used[use{c, value}] {
						t.Errorf("%s: no accepted manifest has %s: %v", k.name, c.path, value)
					}
				}
			}
		}
	}
}
