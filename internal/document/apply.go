// SPDX-License-Identifier: Apache-2.0

package document

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// Apply is the data of the file with the changes made, and everything else,
// comments included, as it was. Reading the result gives the configurations with
// those changes.
//
// It is an error, which says where, if a value is written in a way that cannot
// be changed without changing something else, such as one that several rules
// share by an alias of YAML. Then nothing is changed.
func (f *File) Apply(changes []Change) ([]byte, error) {
	a := &application{file: f, places: f.places}
	if a.places == nil {
		a.places = newPlaces(f.Data)
	}
	if err := a.group(changes); err != nil {
		return nil, err
	}
	if len(a.lists) == 0 {
		return bytes.Clone(f.Data), nil
	}
	if err := a.checkShared(); err != nil {
		return nil, err
	}
	var edits []edit
	for _, l := range a.lists {
		found, err := a.edits(l)
		if err != nil {
			return nil, err
		}
		edits = append(edits, found...)
	}
	data, err := a.make(edits)
	if err != nil {
		return nil, err
	}
	if err := a.verify(data); err != nil {
		return nil, err
	}
	return data, nil
}

// application is one call of Apply.
type application struct {
	*places
	file  *File
	lists []*changedList
}

// changedList is a list of strings of a document with its changes.
type changedList struct {
	document int
	rule     int
	field    cors.Field
	values   []string         // as they are
	changes  map[int][]string // by index
}

func (l *changedList) path(index int) string { return cors.Path(l.rule, l.field, index) }

// result is the list with the changes made.
func (l *changedList) result() []string {
	var values []string
	for i, v := range l.values {
		if changed, found := l.changes[i]; found {
			values = append(values, changed...)
		} else {
			values = append(values, v)
		}
	}
	return values
}

// edit replaces a range of bytes.
type edit struct {
	span
	text string
}

var valuePath = regexp.MustCompile(`^rules\[(\d{1,9})\]\.([A-Za-z]+)\[(\d{1,9})\]$`)

// group puts the changes of each list together, in the order of the file.
func (a *application) group(changes []Change) error {
	type key struct {
		document, rule int
		field          cors.Field
	}
	lists := map[key]*changedList{}
	for _, c := range changes {
		document := slices.Index(a.file.Documents, c.Document)
		if document < 0 {
			return fmt.Errorf("cannot change %s: the document is not of this file", c.Path)
		}
		m := valuePath.FindStringSubmatch(c.Path)
		if m == nil {
			return fmt.Errorf("cannot change %s: it is not a value of a list", cors.Quote(c.Path))
		}
		rule, _ := strconv.Atoi(m[1])  // the pattern sees to it
		index, _ := strconv.Atoi(m[3]) // the pattern sees to it
		k := key{document, rule, cors.Field(m[2])}
		l := lists[k]
		if l == nil {
			rules := c.Document.Configuration.Rules
			if rule >= len(rules) || rules[rule].List(k.field) == nil {
				return fmt.Errorf("cannot change %s: there is no such list", c.Path)
			}
			l = &changedList{document, rule, k.field, *rules[rule].List(k.field), map[int][]string{}}
			lists[k] = l
			a.lists = append(a.lists, l)
		}
		if index >= len(l.values) {
			return fmt.Errorf("cannot change %s: there is no such value", c.Path)
		}
		if before, found := l.changes[index]; found && !slices.Equal(before, c.Values) {
			return fmt.Errorf("cannot change %s: two changes of it contradict each other", c.Path)
		}
		if len(c.Values) != 1 || c.Values[0] != l.values[index] {
			l.changes[index] = c.Values
		}
	}
	a.lists = slices.DeleteFunc(a.lists, func(l *changedList) bool { return len(l.changes) == 0 })
	return nil
}

// checkShared refuses to change a value that stands elsewhere too, by an alias,
// unless the change is the same everywhere.
func (a *application) checkShared() error {
	type change struct {
		values []string
		is     bool
	}
	planned := map[*node]change{}
	for _, l := range a.lists {
		for index, values := range l.changes {
			if n := a.file.Documents[l.document].nodes[l.path(index)]; n != nil {
				planned[n] = change{values, true}
			}
		}
	}
	if len(planned) == 0 {
		return nil
	}
	inLists := map[string]*changedList{}
	for _, l := range a.lists {
		inLists[strconv.Itoa(l.document)+l.path(-1)] = l
	}
	for i, d := range a.file.Documents {
		for _, path := range slices.Sorted(maps.Keys(d.nodes)) {
			n := d.nodes[path]
			want := planned[n]
			if !want.is {
				continue
			}
			m := valuePath.FindStringSubmatch(path)
			if m == nil {
				continue
			}
			rule, _ := strconv.Atoi(m[1])  // the pattern sees to it
			index, _ := strconv.Atoi(m[3]) // the pattern sees to it
			l := inLists[strconv.Itoa(i)+cors.Path(rule, cors.Field(m[2]), -1)]
			if l != nil {
				if values, found := l.changes[index]; found && slices.Equal(values, want.values) {
					continue
				}
			}
			return a.problem(n.start, "%s is also %s, by an alias of YAML; write the values out for each, and try again",
				cors.Quote(n.text), path)
		}
	}
	return nil
}

// make makes the edits.
func (a *application) make(edits []edit) ([]byte, error) {
	slices.SortStableFunc(edits, func(x, y edit) int {
		return cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(x.end, y.end))
	})
	edits = slices.Compact(edits) // the same, by an alias
	var b bytes.Buffer
	at := 0
	for i, e := range edits {
		switch {
		case e.start >= at:
			b.Write(a.data[at:e.start])
		case e.text != "" || edits[i-1].text != "":
			return nil, a.problem(e.start, "the changes here are in each other's way; make them by hand")
		}
		b.WriteString(e.text)
		at = max(at, e.end)
	}
	if at < len(a.data) || bytes.HasSuffix(a.data, []byte("\n")) {
		b.Write(a.data[at:])
		return b.Bytes(), nil
	}
	// The last line is gone, and no line break was at the end.
	return bytes.TrimRight(b.Bytes(), "\r\n"), nil
}

// verify reads the result and compares it with what was wanted.
func (a *application) verify(data []byte) error {
	where := a.file.Documents[a.lists[0].document].spans[a.lists[0].path(-1)].start
	again, err := Read(a.file.Name, data)
	if err != nil {
		return a.problem(where, "the changes cannot be made here without harm to the file; make them by hand (%v)", err)
	}
	if len(again.Documents) != len(a.file.Documents) {
		return a.problem(where, "the changes cannot be made here without harm to the file; make them by hand")
	}
	want := make([]cors.Configuration, len(a.file.Documents))
	for i, d := range a.file.Documents {
		want[i].Rules = slices.Clone(d.Configuration.Rules)
	}
	for _, l := range a.lists {
		*want[l.document].Rules[l.rule].List(l.field) = l.result()
	}
	for i, d := range a.file.Documents {
		got := again.Documents[i]
		if got.Format != d.Format || got.Name != d.Name || !sameRules(got.Configuration, want[i]) ||
			!reflect.DeepEqual(withoutRules(got.Policy), withoutRules(d.Policy)) {
			return a.problem(where, "the changes would change other values too; make them by hand")
		}
	}
	return nil
}

// sameRules reports whether two configurations are the same, value by value; an
// empty list is as good as none.
func sameRules(a, b cors.Configuration) bool {
	return slices.EqualFunc(a.Rules, b.Rules, func(x, y cors.Rule) bool {
		for _, field := range []cors.Field{
			cors.FieldAllowedOrigins, cors.FieldAllowedMethods, cors.FieldAllowedHeaders, cors.FieldExposeHeaders,
		} {
			if !slices.Equal(*x.List(field), *y.List(field)) {
				return false
			}
		}
		return x.ID == y.ID && reflect.DeepEqual(x.MaxAgeSeconds, y.MaxAgeSeconds)
	})
}

// withoutRules is the rest of a policy.
func withoutRules(p *v1alpha1.BucketCORSPolicy) *v1alpha1.BucketCORSPolicy {
	if p == nil {
		return nil
	}
	rest := *p
	rest.Spec.Rules = nil
	return &rest
}

// edits are those that make the changes of one list.
func (a *application) edits(l *changedList) ([]edit, error) {
	d := a.file.Documents[l.document]
	items := make([]span, len(l.values))
	for i := range items {
		at, found := d.spans[l.path(i)]
		if !found {
			return nil, fmt.Errorf("cannot change %s: it is not written out in the file", l.path(i))
		}
		items[i] = at
	}
	quoteAll := func(quote func(string) string) func(int, string) string {
		return func(_ int, s string) string { return quote(s) }
	}
	switch {
	case d.Format == XML:
		return a.elementEdits(l, items)
	case d.Format == Terraform:
		return a.bracketEdits(l, items, terraformComments, quoteAll(quoteHCL))
	case d.nodes == nil:
		return a.bracketEdits(l, items, noComments, quoteAll(quoteJSON))
	}
	for i := range items {
		n := d.nodes[l.path(i)]
		if _, changes := l.changes[i]; changes && !n.exact {
			return nil, a.problem(n.start, "%s is written over several lines; write it on one line, and try again", cors.Quote(n.text))
		}
		items[i] = n.span
	}
	whole := d.nodes[l.path(-1)]
	switch {
	case d.source.isJSON:
		return a.bracketEdits(l, items, noComments, quoteAll(quoteJSON))
	case whole.flow:
		return a.bracketEdits(l, items, yamlComments, func(i int, s string) string {
			return inStyle(s, d.nodes[l.path(i)].style)
		})
	default:
		return a.blockEdits(l, d)
	}
}
