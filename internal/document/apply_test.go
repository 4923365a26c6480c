// SPDX-License-Identifier: Apache-2.0

package document_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

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
		"a value that is the ID too": {
			strings.Replace(oneRule, "- ", "- id: &x a\n    ", 1) + "[*x]\n", first,
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
			oneRule + "\n    -\n      b\n", []change{{0, "rules[0].allowedOrigins[0]", nil}}, `line 7, column 7: "b" is not on a line of its own with its dash`,
		},
		"all of an anchored list": {
			oneRule + "&o\n    - a\n", []change{{0, "rules[0].allowedOrigins[0]", nil}},
			"line 5, column 5: rules[0].allowedOrigins would be empty; remove it by hand",
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

// Odd ways to write a value in which it can be changed all the same.
func TestApplyChangesWhatIsWrittenInAnOddWay(t *testing.T) {
	replace := []change{{0, "rules[0].allowedOrigins[0]", []string{"z"}}}
	for name, test := range map[string]struct {
		before, after string
		changes       []change
	}{
		"on the line after its dash": {oneRule + "\n    -\n      b\n", oneRule + "\n    -\n      z\n", replace},
		"after a question mark": {
			strings.Replace(oneRule, "- allowedOrigins", "- ? allowedOrigins\n    ", 1) + "- b\n",
			strings.Replace(oneRule, "- allowedOrigins", "- ? allowedOrigins\n    ", 1) + "- z\n", replace,
		},
		"by an alias, in a list of dashes": {
			oneRule + "[&b b, c]\n  - allowedOrigins:\n    - *b\n    - d\n", oneRule + "[&b z, c]\n  - allowedOrigins:\n    - *b\n    - d\n",
			append(replace[:1:1], change{0, "rules[1].allowedOrigins[0]", []string{"z"}}),
		},
		"last, with a comma": {
			oneRule + "[\n      a,\n      b,\n    ]\n", oneRule + "[\n      a,\n    ]\n",
			[]change{{0, "rules[0].allowedOrigins[1]", nil}},
		},
		"last, without a comma": {
			oneRule + "[\n      a,\n      b\n    ]\n", oneRule + "[\n      a\n    ]\n",
			[]change{{0, "rules[0].allowedOrigins[1]", nil}},
		},
		"the configuration of AWS in YAML": {
			"CORSRules:\n- AllowedOrigins:\n  - a # the first\n  - b\n", "CORSRules:\n- AllowedOrigins:\n  - z # the first\n  - b\n", replace,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := apply(t, "x", []byte(test.before), test.changes)
			if err != nil || string(got) != test.after {
				t.Errorf("error %v, and got\n%s\nwant\n%s", err, got, test.after)
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

// FuzzApply replaces, splits and removes values of all lists of any document.
func FuzzApply(f *testing.F) {
	for name := range applied {
		data, err := os.ReadFile(filepath.Join("testdata", "apply", name))
		if err != nil {
			f.Fatal(err)
		}
		for seed := range uint64(3) {
			f.Add(data, seed, "https://x.example", "y")
		}
		f.Add(bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")), uint64(3), "*", `"'${%{\<&`)
		f.Add(append([]byte("\uFEFF"), bytes.TrimSuffix(data, []byte("\n"))...), uint64(11), "null", "a, b # c")
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64, first, second string) {
		file, err := document.Read("x", data)
		if err != nil {
			return
		}
		// All at once, and one after the other: what cannot be done together
		// may be possible alone.
		all := changesBySeed(file, seed, first, second)
		if len(all) > 50 {
			all = all[:50]
		}
		for _, changes := range append([][]document.Change{all}, singles(all)...) {
			changed, err := file.Apply(changes)
			if err == nil {
				checkApplied(t, file, changes, changed)
			} else if _, ok := errors.AsType[*cors.ParseError](err); !ok {
				t.Fatalf("%v: %v", changes, err)
			}
		}
	})
}

func singles(changes []document.Change) [][]document.Change {
	var lists [][]document.Change
	for i := range changes {
		lists = append(lists, changes[i:i+1])
	}
	return lists
}

// changesBySeed changes about every third value, in one way or another.
func changesBySeed(file *document.File, seed uint64, first, second string) []document.Change {
	random := rand.New(rand.NewPCG(seed, 0))
	ways := [][]string{{first}, {first, second}, {second, first, second}, nil, nil}
	var changes []document.Change
	for _, d := range file.Documents {
		for i, r := range d.Configuration.Rules {
			for _, list := range listsOf(&r) {
				for j := range *list.values {
					if random.IntN(3) == 0 {
						changes = append(changes, document.Change{
							Document: d, Path: cors.Path(i, list.field, j), Values: ways[random.IntN(len(ways))],
						})
					}
				}
			}
		}
	}
	return changes
}

type listOf struct {
	field  cors.Field
	values *[]string
}

func listsOf(r *cors.Rule) []listOf {
	return []listOf{
		{cors.FieldAllowedOrigins, &r.AllowedOrigins}, {cors.FieldAllowedMethods, &r.AllowedMethods},
		{cors.FieldAllowedHeaders, &r.AllowedHeaders}, {cors.FieldExposeHeaders, &r.ExposeHeaders},
	}
}

// checkApplied checks that a file reads as it should after changes, and that no
// more of it has changed than they ask for.
func checkApplied(t *testing.T, file *document.File, changes []document.Change, data []byte) {
	t.Helper()
	again, err := document.Read(file.Name, data)
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	if len(again.Documents) != len(file.Documents) {
		t.Fatalf("%d documents in\n%s", len(again.Documents), data)
	}
	values := map[*document.Document]map[string][]string{}
	for _, c := range changes {
		if values[c.Document] == nil {
			values[c.Document] = map[string][]string{}
		}
		values[c.Document][c.Path] = c.Values
	}
	for k, d := range file.Documents {
		for i, r := range d.Configuration.Rules {
			if i >= len(again.Documents[k].Configuration.Rules) {
				t.Fatalf("document %d has not enough rules in\n%s", k, data)
			}
			got := again.Documents[k].Configuration.Rules[i]
			if got.ID != r.ID || !reflect.DeepEqual(got.MaxAgeSeconds, r.MaxAgeSeconds) {
				t.Errorf("document %d: rule %d is now %+v", k, i, got)
			}
			for n, list := range listsOf(&r) {
				var want []string
				for j, v := range *list.values {
					if to, found := values[d][cors.Path(i, list.field, j)]; found {
						want = append(want, to...)
					} else {
						want = append(want, v)
					}
				}
				if got := *listsOf(&got)[n].values; !slices.Equal(got, want) {
					t.Errorf("document %d: %s is %q, want %q", k, cors.Path(i, list.field, -1), got, want)
				}
			}
		}
	}
	checkBytes(t, file, changes, data)
}

// checkBytes checks that everything outside the changed values is still there,
// in order. Exempt is what belongs to the items: commas, dashes, blanks and
// breaks between them, on the line of a value that goes the comment too, and the
// brackets of a list that is empty now.
func checkBytes(t *testing.T, file *document.File, changes []document.Change, data []byte) {
	t.Helper()
	text := string(file.Data)
	keep := make([]bool, len(text))
	for i := range keep {
		keep[i] = true
	}
	exempt := func(start, end int) {
		for i := start; i < end; i++ {
			keep[i] = false
		}
	}
	for _, c := range changes {
		start, end := offsetsOf(file, file.Position(c.Document, c.Path))
		exempt(start, end)
		if len(c.Values) > 0 {
			continue
		}
		exempt(start, end+len(text[end:])-len(strings.TrimLeft(text[end:], " \t")))
		lineStart := strings.LastIndexByte(text[:start], '\n') + 1
		lineEnd := len(text)
		if n := strings.IndexByte(text[end:], '\n'); n >= 0 {
			lineEnd = end + n
		}
		if strings.Trim(text[lineStart:start], "\uFEFF \t-") == "" || strings.Contains(text[lineStart:start], "&") || strings.Contains(text[lineStart:start], "!") {
			if rest := strings.TrimLeft(text[end:lineEnd], ", \t\r"); rest == "" || rest[0] == '#' || strings.HasPrefix(rest, "//") {
				exempt(lineStart, lineEnd) // with its comment
			}
		}
		// An anchor or a tag goes with its value.
		for before := start; ; {
			word := strings.TrimRight(text[:before], " \t\r\n")
			at := strings.LastIndexAny(word, " \t\r\n[,{") + 1
			if at >= len(word) || word[at] != '&' && word[at] != '!' {
				break
			}
			exempt(at, start)
			before = at
		}
	}
	var want strings.Builder
	for i := range text {
		if keep[i] && strings.IndexByte(" \t\r\n,-[]", text[i]) < 0 {
			want.WriteByte(text[i])
		}
	}
	rest := want.String()
	for _, b := range data {
		if rest != "" && rest[0] == b {
			rest = rest[1:]
		}
	}
	if rest != "" {
		t.Errorf("%v takes more than it should from\n%s\nwhich is now\n%s\nwithout %q", changes, text, data, rest)
	}
}

// offsetsOf are the offsets of the bytes of a position.
func offsetsOf(file *document.File, p document.Position) (start, end int) {
	offset := func(line, column int) int {
		at := 0
		for range line - 1 {
			at += bytes.IndexByte(file.Data[at:], '\n') + 1
		}
		if line == 1 && bytes.HasPrefix(file.Data, []byte("\uFEFF")) {
			at += len("\uFEFF")
		}
		for range column - 1 {
			_, size := utf8.DecodeRune(file.Data[at:])
			at += size
		}
		return at
	}
	return offset(p.Line, p.Column), offset(p.EndLine, p.EndColumn)
}
