// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"maps"
	"reflect"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

func TestSpansHoldTheTextOfValues(t *testing.T) {
	const (
		array  = `[{"ID":"a"}, {"AllowedOrigins" : ["😀", "b"],"MaxAgeSeconds":5}]`
		object = `{"CORSRules": ` + array + `}`
		rule0  = "<CORSRule><ID>a</ID></CORSRule>"
		rule1  = "<CORSRule><AllowedOrigin>😀</AllowedOrigin><MaxAgeSeconds>5</MaxAgeSeconds><AllowedOrigin>b</AllowedOrigin></CORSRule>"
		xml    = "<CORSConfiguration>\n" + rule0 + rule1 + "</CORSConfiguration>"
	)
	values := map[string]string{
		"rules[0]":                   `{"ID":"a"}`,
		"rules[0].id":                `"a"`,
		"rules[1]":                   `{"AllowedOrigins" : ["😀", "b"],"MaxAgeSeconds":5}`,
		"rules[1].allowedOrigins":    `"AllowedOrigins" : ["😀", "b"]`,
		"rules[1].allowedOrigins[0]": `"😀"`,
		"rules[1].allowedOrigins[1]": `"b"`,
		"rules[1].maxAgeSeconds":     "5",
	}
	with := func(rules string) map[string]string {
		m := maps.Clone(values)
		m["rules"] = rules
		return m
	}
	for name, test := range map[string]struct {
		data  string
		parse func([]byte) (cors.Configuration, map[string]cors.Span, error)
		want  map[string]string
	}{
		"an array":  {array, cors.ParseJSONSpans, with(array)},
		"an object": {object, cors.ParseJSONSpans, with(object[1 : len(object)-1])},
		"XML": {xml, cors.ParseXMLSpans, map[string]string{
			"rules":                      xml,
			"rules[0]":                   rule0,
			"rules[0].id":                "<ID>a</ID>",
			"rules[1]":                   rule1,
			"rules[1].allowedOrigins":    "<AllowedOrigin>😀</AllowedOrigin><MaxAgeSeconds>5</MaxAgeSeconds><AllowedOrigin>b</AllowedOrigin>",
			"rules[1].allowedOrigins[0]": "<AllowedOrigin>😀</AllowedOrigin>",
			"rules[1].allowedOrigins[1]": "<AllowedOrigin>b</AllowedOrigin>",
			"rules[1].maxAgeSeconds":     "<MaxAgeSeconds>5</MaxAgeSeconds>",
		}},
	} {
		for _, mark := range []string{"", "\uFEFF"} {
			data := mark + test.data
			_, spans, err := test.parse([]byte(data))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got := map[string]string{}
			for path, at := range spans {
				got[path] = data[at.Start:at.End]
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("%s: got %q\nwant %q", name, got, test.want)
			}
		}
	}
}
