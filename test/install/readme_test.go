// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the table of values into the README of the chart")

const (
	readme      = chartDir + "/README.md"
	tableBegins = "<!-- The table is written from values.yaml: go test ./test/install -run README -update -->\n"
	tableEnds   = "<!-- end of the table -->\n"
)

// value is one value of the chart, as values.yaml has it.
type value struct{ path, preset, comment string }

// valuesOf are the values below a node, in their order: every leaf, and every map
// that is empty or free for the user to fill.
func valuesOf(node *yaml.Node, path string) []value {
	var values []value
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, content := node.Content[i], node.Content[i+1]
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		if content.Kind == yaml.MappingNode && len(content.Content) > 0 && key.HeadComment == "" {
			values = append(values, valuesOf(content, at)...)
			continue
		}
		values = append(values, value{at, preset(content), comment(key.HeadComment)})
	}
	return values
}

// preset is a default as JSON, which is how --set-json takes it.
func preset(node *yaml.Node) string {
	var decoded any
	if err := node.Decode(&decoded); err != nil {
		return err.Error()
	}
	text, err := json.Marshal(decoded)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// comment is a comment as one line, without that of the section before it.
func comment(text string) string {
	paragraphs := strings.Split(text, "\n\n")
	words := strings.Fields(strings.ReplaceAll("\n"+paragraphs[len(paragraphs)-1], "\n#", "\n"))
	return strings.ReplaceAll(strings.Join(words, " "), "|", `\|`)
}

func readValues(t *testing.T) []value {
	t.Helper()
	content, err := os.ReadFile(chartDir + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		t.Fatal(err)
	}
	return valuesOf(document.Content[0], "")
}

func TestTheREADMEHasEveryValue(t *testing.T) {
	var table strings.Builder
	table.WriteString("| value | default | |\n|---|---|---|\n")
	for _, v := range readValues(t) {
		if v.comment == "" {
			t.Errorf("values.yaml does not say what %s is for", v.path)
		}
		fmt.Fprintf(&table, "| `%s` | `%s` | %s |\n", v.path, v.preset, v.comment)
	}
	content, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(content), tableBegins)
	_, after, ended := strings.Cut(rest, tableEnds)
	if !begun || !ended {
		t.Fatalf("%s has not both of the lines\n%s%s", readme, tableBegins, tableEnds)
	}
	want := before + tableBegins + "\n" + table.String() + "\n" + tableEnds + after
	if string(content) == want {
		return
	}
	if !*update {
		t.Fatalf("%s does not have the values of values.yaml: go test ./test/install -run README -update", readme)
	}
	if err := os.WriteFile(readme, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A value that the schema does not know is refused; one that only the schema knows
// nobody finds.
func TestTheSchemaAndTheValuesAgree(t *testing.T) {
	content, err := os.ReadFile(chartDir + "/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var top schema
	if err := json.Unmarshal(content, &top); err != nil {
		t.Fatal(err)
	}
	delete(top.Properties, "global") // Helm's own
	known := pathsOf(t, top, "")
	for _, v := range readValues(t) {
		i := slices.Index(known, v.path)
		if i < 0 {
			t.Errorf("the schema does not know %s", v.path)
			continue
		}
		known = slices.Delete(known, i, i+1)
	}
	for _, path := range known {
		t.Errorf("only the schema knows %s", path)
	}
}

type schema struct {
	Type       any               `json:"type"`
	Properties map[string]schema `json:"properties"`
	Additional any               `json:"additionalProperties"`
}

// documentedWhole are maps of Kubernetes, which values.yaml explains as one.
var documentedWhole = []string{"resources", "affinity", "webhook.issuerRef"}

func pathsOf(t *testing.T, s schema, path string) []string {
	t.Helper()
	if allowed, ok := s.Additional.(bool); !ok || allowed {
		t.Errorf("the schema lets %q have any name below it", path)
	}
	var paths []string
	for name, property := range s.Properties {
		at := strings.TrimPrefix(path+"."+name, ".")
		if len(property.Properties) == 0 || slices.Contains(documentedWhole, at) {
			paths = append(paths, at)
			continue
		}
		paths = append(paths, pathsOf(t, property, at)...)
	}
	return paths
}
