// SPDX-License-Identifier: Apache-2.0

package document

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// decoder puts nodes into Go values as their json tags say, and is strict: what
// is unknown, comes twice or is of another kind is an error with its place.
type decoder struct {
	*stream
	// dialect is what the format takes another view of.
	dialect
}

// dialect is how a format differs from a Kubernetes manifest.
type dialect struct {
	// refuse says what is wrong with a value that no format can read; empty for
	// nothing.
	refuse func(n *node) string
	// numbersInStrings is whether a number may be in quotes.
	numbersInStrings bool
}

// into puts n into v; name is how messages call it.
func (d *decoder) into(n *node, v reflect.Value, name string) error {
	if err := d.spend(n); err != nil {
		return err
	}
	if d.refuse != nil {
		if problem := d.refuse(n); problem != "" {
			return d.problem(n.start, "%s: %s", name, problem)
		}
	}
	if v.Kind() == reflect.Pointer {
		if n.isNull() {
			return nil
		}
		v.Set(reflect.New(v.Type().Elem()))
		return d.into(n, v.Elem(), name)
	}
	if u, ok := reflect.TypeAssert[json.Unmarshaler](v.Addr()); ok {
		return d.unmarshal(n, u, name)
	}
	switch v.Kind() {
	case reflect.Struct:
		return d.intoStruct(n, v, name)
	case reflect.Slice:
		return d.intoSlice(n, v, name)
	case reflect.Map:
		return d.intoMap(n, v, name)
	case reflect.String:
		return d.intoString(n, v, name)
	case reflect.Bool:
		return d.intoBool(n, v, name)
	case reflect.Int32, reflect.Int64:
		return d.intoInt(n, v, name)
	default:
		return nil // nothing that a person writes
	}
}

// unmarshal is for the types that read a string of their own, such as durations.
func (d *decoder) unmarshal(n *node, u json.Unmarshaler, name string) error {
	if n.isNull() {
		return nil
	}
	if n.kind != scalar || n.tag != tagString {
		return d.problem(n.start, "%s: want a string, not %s", name, n.describe())
	}
	text, err := json.Marshal(n.text)
	if err == nil {
		err = u.UnmarshalJSON(text)
	}
	if err != nil {
		return d.problem(n.start, "%s: %s", name, clipProblem(err.Error()))
	}
	return nil
}

// structFields are the fields of a struct by their names in JSON, in order.
func structFields(t reflect.Type) (names []string, index map[string][]int) {
	index = map[string][]int{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && strings.Contains(options, "inline") {
			inner, at := structFields(f.Type)
			for _, n := range inner {
				names = append(names, n)
				index[n] = append([]int{i}, at[n]...)
			}
			continue
		}
		if name != "" && name != "-" {
			names = append(names, name)
			index[name] = []int{i}
		}
	}
	return names, index
}

func (d *decoder) intoStruct(n *node, v reflect.Value, name string) error {
	if n.isNull() {
		return nil
	}
	if n.kind != mapping {
		return d.problem(n.start, "%s: want a mapping, not %s", name, n.describe())
	}
	entries, err := d.entries(n)
	if err != nil {
		return err
	}
	names, index := structFields(v.Type())
	for _, e := range entries {
		at := index[e.key.text]
		switch {
		case at == nil:
			return d.unknownField(e.key, name, names)
		case serverFields[e.key.text]:
			continue
		}
		if err := d.into(e.value, v.FieldByIndex(at), e.key.text); err != nil {
			return err
		}
	}
	return nil
}

// unknownField suggests a better name, or place, for a field.
func (d *decoder) unknownField(key *node, in string, known []string) error {
	quoted := cors.Quote(key.text)
	if in == wholeManifest {
		if _, ofSpec := structFields(reflect.TypeFor[v1alpha1.BucketCORSPolicySpec]()); ofSpec[key.text] != nil {
			return d.problem(key.start, "unknown field %s in %s; it belongs in spec", quoted, in)
		}
	}
	text := cors.UnknownName("field", key.text, known)
	return d.problem(key.start, "%s", strings.Replace(text, quoted, quoted+" in "+in, 1))
}

// wholeManifest is what messages call a policy.
const wholeManifest = "the manifest"

// serverFields are those that only an API server fills in.
var serverFields = map[string]bool{"status": true, "managedFields": true}

func (d *decoder) intoSlice(n *node, v reflect.Value, name string) error {
	if n.isNull() {
		return nil
	}
	element := v.Type().Elem().Kind()
	if n.kind != list {
		want, example := "a list", ""
		if element == reflect.String {
			want = "a list of strings"
		}
		if n.kind == scalar && element == reflect.String && !strings.ContainsAny(n.text, "\n") && len(n.text) <= 100 {
			example = "; write " + d.listOf(n)
		}
		return d.problem(n.start, "%s: want %s, not %s%s", name, want, n.describe(), example)
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	inside := name
	if element == reflect.Struct {
		inside = singular(name)
	}
	for i, item := range n.items {
		if element == reflect.Struct && item.isNull() {
			return d.problem(item.start, "%s: want a mapping, not %s", name, item.describe())
		}
		if err := d.into(item, v.Index(i), inside); err != nil {
			return err
		}
	}
	return nil
}

// listOf is a scalar as a list of strings, of several where commas are in it.
func (d *decoder) listOf(n *node) string {
	var values []string
	for value := range strings.SplitSeq(n.text, ",") {
		value = strings.TrimSpace(value)
		if d.isJSON {
			values = append(values, quoteJSON(value))
		} else {
			values = append(values, inStyle(value, n.style))
		}
	}
	return "[" + strings.Join(values, ", ") + "]"
}

// singular is the name of one of many: "a rule" of "rules".
func singular(name string) string {
	one := strings.TrimSuffix(name, "s")
	if strings.IndexByte("aeiouAEIOU", one[0]) >= 0 {
		return "an " + one
	}
	return "a " + one
}

func (d *decoder) intoMap(n *node, v reflect.Value, name string) error {
	if n.isNull() {
		return nil
	}
	if n.kind != mapping {
		return d.problem(n.start, "%s: want a mapping, not %s", name, n.describe())
	}
	entries, err := d.entries(n)
	if err != nil {
		return err
	}
	if v.Type().Elem().Kind() != reflect.String {
		return nil // none of ours
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(entries)))
	for _, e := range entries {
		value := reflect.New(v.Type().Elem()).Elem()
		if err := d.into(e.value, value, name+"."+clip(e.key.text)); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(e.key.text), value)
	}
	return nil
}

func (d *decoder) intoString(n *node, v reflect.Value, name string) error {
	switch {
	case n.kind == scalar && n.tag == tagString:
		v.SetString(n.text)
		return nil
	case n.kind == mapping && !n.flow && len(n.keys) == 1:
		return d.problem(n.start, "%s: want a string, not %s, which a colon with a blank after it makes; if the text is meant, quote it", name, n.describe())
	case n.kind != scalar:
		return d.problem(n.start, "%s: want a string, not %s", name, n.describe())
	case n.isNull() && n.text == "":
		return d.problem(n.start, "%s: want a string, and there is nothing; remove the item or the field", name)
	case d.isJSON && n.isNull():
		return d.problem(n.start, `%s: want a string, not null`, name)
	case n.style == plain:
		return d.problem(n.start, "%s: want a string, not %s; if the text is meant, quote it: %s",
			name, n.describe(), quoteJSON(n.text))
	default:
		return d.problem(n.start, "%s: want a string, not %s", name, n.describe())
	}
}

func (d *decoder) intoBool(n *node, v reflect.Value, name string) error {
	if n.isNull() {
		return nil
	}
	if n.kind != scalar || n.tag != tagBool {
		return d.problem(n.start, "%s: want true or false, not %s", name, n.describe())
	}
	switch strings.ToLower(n.text) {
	case "true", "yes", "y", "on":
		v.SetBool(true)
	}
	return nil
}

func (d *decoder) intoInt(n *node, v reflect.Value, name string) error {
	if n.isNull() {
		return nil
	}
	isNumber := n.kind == scalar && (n.tag == tagInt || n.tag == tagFloat)
	if d.numbersInStrings && n.kind == scalar && n.tag == tagString {
		isNumber = true
	}
	if !isNumber {
		hint := ""
		if _, err := strconv.ParseInt(n.text, 10, 64); err == nil && n.tag == tagString {
			hint = "; remove the quotes"
		}
		return d.problem(n.start, "%s: want a number, not %s%s", name, n.describe(), hint)
	}
	bits := v.Type().Bits()
	text := strings.ReplaceAll(n.text, "_", "")
	base := 10
	if !d.isJSON && n.tag == tagInt {
		base = 0 // YAML writes numbers as Go does
	}
	i, err := strconv.ParseInt(text, base, 64)
	if err != nil {
		// YAML and JSON can say 3e3 and 3000.0, which are whole.
		f, ferr := strconv.ParseFloat(text, 64)
		if ferr != nil || f != math.Trunc(f) {
			return d.problem(n.start, "%s: want a whole number, not %s", name, clip(n.text))
		}
		if f < math.MinInt64 || f >= math.MaxInt64 {
			return d.outOfRange(n, name, bits)
		}
		i = int64(f)
		if n.tag != tagInt {
			return d.problem(n.start, "%s: want a whole number, not %s; write %d", name, clip(n.text), i)
		}
	}
	if v.OverflowInt(i) {
		return d.outOfRange(n, name, bits)
	}
	v.SetInt(i)
	return nil
}

func (d *decoder) outOfRange(n *node, name string, bits int) error {
	return d.problem(n.start, "%s: %s is out of range; it has to fit in %d bits", name, clip(n.text), bits)
}
