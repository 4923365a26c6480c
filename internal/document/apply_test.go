// SPDX-License-Identifier: Apache-2.0

package document_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
)

// change is one of the document number at.
type change struct {
	at     int
	path   string
	values []string
}

// sameInEach are the changes of a file with one rule, in every format.
var sameInEach = []change{
	{0, "rules[0].allowedOrigins[0]", []string{"https://a.example"}},
	{0, "rules[0].allowedOrigins[1]", []string{"https://b.example", "https://c.example"}},
	{0, "rules[0].allowedOrigins[2]", nil},
	{0, "rules[0].allowedMethods[2]", nil},
	{0, "rules[0].allowedHeaders[0]", []string{`x-"<&'${y}`, "z"}},
}

var applied = map[string][]change{
	"policies.yaml": {
		{0, "rules[0].allowedOrigins[0]", []string{"https://app.example.com"}},
		{0, "rules[0].allowedOrigins[1]", []string{"https://b.example.com"}},
		{0, "rules[0].allowedOrigins[2]", []string{"it's", "*"}},
		{0, "rules[0].allowedOrigins[3]", []string{"https://a.example", "null", "*.b"}},
		{0, "rules[0].allowedOrigins[4]", nil},
		{0, "rules[0].allowedMethods[1]", nil},
		{0, "rules[0].allowedHeaders[0]", nil},
		{0, "rules[0].exposeHeaders[0]", nil},
		{0, "rules[0].exposeHeaders[1]", nil},
		{0, "rules[1].allowedOrigins[0]", []string{"https://a.example", "https://*.a.example"}},
		{0, "rules[1].allowedOrigins[2]", nil},
		{0, "rules[1].allowedMethods[1]", nil},
		{0, "rules[1].allowedMethods[2]", nil},
		{0, "rules[1].exposeHeaders[0]", []string{"x: y", "Content-Range", "true"}},
		{1, "rules[0].allowedOrigins[0]", []string{"https://a.example"}},
		{1, "rules[1].allowedOrigins[0]", []string{"https://a.example"}},
		{1, "rules[1].exposeHeaders[1]", nil},
		{1, "rules[1].exposeHeaders[2]", nil},
	},
	"policy.json":   sameInEach,
	"aws.json":      sameInEach,
	"cors.xml":      sameInEach,
	"template.yaml": sameInEach,
	"main.tf":       sameInEach,
}

// encodings are ways to write the same file.
var encodings = map[string]func([]byte) []byte{
	"as it is": func(data []byte) []byte { return data },
	"with CRLF": func(data []byte) []byte {
		return bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	},
	"with a byte order mark":     func(data []byte) []byte { return append([]byte("\uFEFF"), data...) },
	"without the last line feed": func(data []byte) []byte { return bytes.TrimSuffix(data, []byte("\n")) },
}

func TestApplyChangesTheValuesAndNothingElse(t *testing.T) {
	for name, changes := range applied {
		before := readFile(t, name)
		if *update {
			data, err := apply(t, name, before, changes)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := os.WriteFile(filepath.Join("testdata", "apply", name+".after"), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		after := readFile(t, name+".after")
		for encoding, encode := range encodings {
			t.Run(name+" "+encoding, func(t *testing.T) {
				got, err := apply(t, name, encode(before), changes)
				if err != nil {
					t.Fatal(err)
				}
				if want := encode(after); !bytes.Equal(got, want) {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			})
		}
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "apply", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// apply makes changes and checks that the file reads as it should then.
func apply(t *testing.T, name string, data []byte, changes []change) ([]byte, error) {
	t.Helper()
	f, err := document.Read(name, data)
	if err != nil {
		t.Fatal(err)
	}
	var given []document.Change
	for _, c := range changes {
		given = append(given, document.Change{Document: f.Documents[c.at], Path: c.path, Values: c.values})
	}
	return f.Apply(given)
}

const oneRule = `apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketCORSPolicy
spec:
  rules:
  - allowedOrigins: `

func TestApplyRefusesWhatItCannotDoAlone(t *testing.T) {
	first := []change{{0, "rules[0].allowedOrigins[0]", []string{"https://a"}}}
	for name, test := range map[string]struct {
		data    string
		changes []change
		want    string
	}{
		"a value of two rules": {
			oneRule + "&o [a]\n  - allowedOrigins: *o\n", first,
			`line 5, column 25: "a" is also rules[1].allowedOrigins[0], by an alias of YAML; write the values out for each, and try again`,
		},
		"a value of two rules by a merge key": {
			oneRule + "[c]\n  - &r {allowedOrigins: [a]}\n  - <<: *r\n    id: b\n",
			[]change{{0, "rules[2].allowedOrigins[0]", nil}}, `"a" is also rules[1].allowedOrigins[0]`,
		},
		"a value that is an annotation too": {
			strings.Replace(oneRule, "spec:", "metadata: {annotations: {x: &x a}}\nspec:", 1) + "[*x]\n", first,
			"line 6, column 5: the changes would change other values too; make them by hand",
		},
		"a block of text": {
			oneRule + "\n    - >-\n      https://b\n", first,
			`line 6, column 7: "https://b" is written over several lines; write it on one line, and try again`,
		},
		"a value over two lines": {
			oneRule + "\n    - a\n      b\n", first, `"a b" is written over several lines`,
		},
		"a value on the line after its dash": {
			oneRule + "\n    -\n      b\n", first, `line 7, column 7: "b" is not on a line of its own with its dash`,
		},
		"an XML element with a comment": {
			"<CORSConfiguration><CORSRule><AllowedOrigin>a<!-- b --></AllowedOrigin></CORSRule></CORSConfiguration>", first,
			"line 1, column 30: the element holds a comment; move that out of it, and try again",
		},
		"an ID": {
			oneRule + "[a]", []change{{0, "rules[0].id", []string{"x"}}}, `cannot change "rules[0].id": it is not a value of a list`,
		},
		"a rule that is not there": {
			oneRule + "[a]", []change{{0, "rules[1].allowedOrigins[0]", nil}}, "cannot change rules[1].allowedOrigins[0]: there is no such list",
		},
		"a value that is not there": {
			oneRule + "[a]", []change{{0, "rules[0].allowedOrigins[1]", nil}}, "cannot change rules[0].allowedOrigins[1]: there is no such value",
		},
		"two changes of one value": {
			oneRule + "[a]", append(first[:1:1], change{0, "rules[0].allowedOrigins[0]", nil}), "two changes of it contradict each other",
		},
		"what XML cannot carry": {
			"<CORSConfiguration><CORSRule><AllowedOrigin>a</AllowedOrigin></CORSRule></CORSConfiguration>",
			[]change{{0, "rules[0].allowedOrigins[0]", []string{"\x00"}}}, "line 1, column 30: the changes cannot be made here without harm to the file; make them by hand (line 1, column 45: a NUL byte",
		},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := apply(t, "x", []byte(test.data), test.changes)
			if err == nil || !strings.Contains(err.Error(), test.want) || data != nil {
				t.Errorf("got %q, %v\nwant %s", data, err, test.want)
			}
		})
	}
}

func TestApplyOfNothingIsTheFile(t *testing.T) {
	data := []byte(oneRule + "[a]")
	for _, changes := range [][]change{nil, {{0, "rules[0].allowedOrigins[0]", []string{"a"}}}} {
		if got, err := apply(t, "x", data, changes); err != nil || !bytes.Equal(got, data) {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if _, err := (&document.File{}).Apply([]document.Change{{Document: &document.Document{}, Path: "rules"}}); err == nil {
		t.Error("a document of another file is changed")
	}
}

// FuzzApply replaces, splits and removes values of any document.
func FuzzApply(f *testing.F) {
	for name := range applied {
		data, err := os.ReadFile(filepath.Join("testdata", "apply", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint(0), "https://x.example", "y")
		f.Add(data, uint(7), "", "")
		f.Add(bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")), uint(3), "*", "")
	}
	f.Fuzz(func(t *testing.T, data []byte, pick uint, first, second string) {
		file, err := document.Read("x", data)
		if err != nil {
			return
		}
		d := file.Documents[pick%uint(len(file.Documents))]
		var values []string
		for _, v := range []string{first, second} {
			if v != "" {
				values = append(values, v)
			}
		}
		for i := range d.Configuration.Rules {
			origins := &d.Configuration.Rules[i].AllowedOrigins
			if len(*origins) == 0 {
				continue
			}
			j := int(pick % uint(len(*origins)))
			path := cors.Path(i, cors.FieldAllowedOrigins, j)
			changed, err := file.Apply([]document.Change{{Document: d, Path: path, Values: values}})
			if err != nil {
				if _, ok := errors.AsType[*cors.ParseError](err); !ok {
					t.Fatalf("%s: %v", path, err)
				}
				continue
			}
			checkApplied(t, file, d, changed, i, j, values)
		}
	})
}

// checkApplied checks that a value has been replaced, and all else is as it was.
func checkApplied(t *testing.T, file *document.File, d *document.Document, changed []byte, rule, index int, values []string) {
	t.Helper()
	again, err := document.Read("x", changed)
	if err != nil {
		t.Fatalf("%v in\n%s", err, changed)
	}
	for k, was := range file.Documents {
		is := again.Documents[k]
		if was != d {
			if !reflect.DeepEqual(is.Configuration, was.Configuration) {
				t.Errorf("document %d: got %+v, want %+v", k, is.Configuration, was.Configuration)
			}
			continue
		}
		old := was.Configuration.Rules[rule].AllowedOrigins
		want := append(append(append([]string{}, old[:index]...), values...), old[index+1:]...)
		got := is.Configuration.Rules[rule].AllowedOrigins
		if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	// What is the same at both ends leaves no more than the list to differ.
	at := file.Position(d, cors.Path(rule, cors.FieldAllowedOrigins, -1))
	prefix := 0
	for prefix < min(len(changed), len(file.Data)) && changed[prefix] == file.Data[prefix] {
		prefix++
	}
	if line := bytes.Count(file.Data[:prefix], []byte("\n")) + 1; prefix < len(file.Data) && line < at.Line-1 {
		t.Errorf("line %d has changed, and the list begins on line %d", line, at.Line)
	}
}
