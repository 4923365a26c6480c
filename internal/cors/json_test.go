// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

const fullJSON = `{
  "CORSRules": [
    {
      "AllowedHeaders": [
        "X-Amz-*",
        "content-type"
      ],
      "AllowedMethods": [
        "PUT",
        "GET"
      ],
      "AllowedOrigins": [
        "https://b.example",
        "https://a.example"
      ],
      "ExposeHeaders": [
        "ETag",
        "x-amz-request-id"
      ],
      "ID": "uploads",
      "MaxAgeSeconds": 0
    },
    {
      "AllowedMethods": [
        "GET"
      ],
      "AllowedOrigins": [
        "<&>"
      ]
    }
  ]
}
`

var fullConfiguration = cors.Configuration{Rules: []cors.Rule{full(), rule("", "<&>")}}

func TestFormatJSON(t *testing.T) {
	got, err := cors.FormatJSON(fullConfiguration)
	if err != nil || string(got) != fullJSON {
		t.Errorf("got %s, %v", got, err)
	}
	if got, err := cors.FormatJSON(cors.Configuration{}); err != nil || string(got) != "{\n  \"CORSRules\": []\n}\n" {
		t.Errorf("no rules: got %s, %v", got, err)
	}
	bad := full()
	bad.ID = "\xff"
	_, err = cors.FormatJSON(cors.Configuration{Rules: []cors.Rule{bad}})
	if want := `rules[0].id: JSON cannot carry "\xff"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestParseJSON(t *testing.T) {
	for name, test := range map[string]struct {
		document string
		want     cors.Configuration
	}{
		"the command line's":    {fullJSON, fullConfiguration},
		"the console's":         {`[{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": -1}]`, cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(-1))}}}},
		"a byte order mark":     {"\uFEFF" + fullJSON, fullConfiguration},
		"CRLF":                  {strings.ReplaceAll(fullJSON, "\n", "\r\n"), fullConfiguration},
		"no rules":              {`{"CORSRules":[]}`, cors.Configuration{}},
		"an empty array":        {` [ ] `, cors.Configuration{}},
		"empty values are none": {`[{"ID":"","AllowedHeaders":[]}]`, cors.Configuration{Rules: []cors.Rule{{}}}},
		"escapes":               {`[{"ID":"\u00e9\ud83d\ude00\ufffd\uFFFD�"}]`, cors.Configuration{Rules: []cors.Rule{{ID: "é😀\ufffd\ufffd\ufffd"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cors.ParseJSON([]byte(test.document))
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
}

func TestParseJSONRefuses(t *testing.T) {
	for name, test := range map[string]struct{ document, want string }{
		"nothing":                {"", "line 1, column 1: the JSON ends too early"},
		"only blanks":            {" \n ", "line 2, column 2: the JSON ends too early"},
		"what is no JSON":        {"{\n  rules", "line 2, column 3: not JSON: invalid character 'r'"},
		"YAML":                   {"CORSRules:\n- ID: x", "line 1, column 1: not JSON: invalid character 'C' looking for beginning of value"},
		"a string":               {`"x"`, `line 1, column 1: want {"CORSRules": […]} or an array of rules, not the string "x"`},
		"null":                   {`null`, `line 1, column 1: want {"CORSRules": […]} or an array of rules, not null`},
		"no CORSRules":           {`{}`, `line 1, column 2: the configuration has no "CORSRules"`},
		"an unknown top key":     {`{"CorsRules":[]}`, `line 1, column 2: unknown key "CorsRules"; did you mean "CORSRules"?`},
		"CORSRules twice":        {`{"CORSRules":[],"CORSRules":[]}`, `line 1, column 17: the configuration has "CORSRules" twice`},
		"CORSRules no array":     {`{"CORSRules":{}}`, `line 1, column 14: want an array of rules, not an object`},
		"a rule that is none":    {`[[]]`, `line 1, column 2: want a rule, which is an object, not an array`},
		"an unknown key":         {"[{\n  \"ExposedHeaders\": []}]", `line 2, column 3: unknown key "ExposedHeaders"; did you mean "ExposeHeaders"?`},
		"a shorter key":          {`[{"MaxAge": 1}]`, `line 1, column 3: unknown key "MaxAge"; did you mean "MaxAgeSeconds"?`},
		"a key in another case":  {`[{"id": ""}]`, `line 1, column 3: unknown key "id"; did you mean "ID"?`},
		"a key like none":        {`[{"Effect": ""}]`, `line 1, column 3: unknown key "Effect"; known are AllowedHeaders, AllowedMethods, AllowedOrigins, ExposeHeaders, ID, MaxAgeSeconds`},
		"an endless key":         {`[{"` + strings.Repeat("x", 100) + `": ""}]`, `line 1, column 3: unknown key "` + strings.Repeat("x", 64) + `"…; known are AllowedHeaders`},
		"a key twice":            {`[{"ID":"a","ID":"a"}]`, `line 1, column 12: the rule has "ID" twice`},
		"a number for a key":     {`[{1:2}]`, `line 1, column 3: not JSON: `},
		"a string for a list":    {`[{"AllowedOrigins":"*"}]`, `line 1, column 20: want AllowedOrigins to be an array of strings, not the string "*"`},
		"a number in a list":     {`[{"AllowedOrigins":[1]}]`, `line 1, column 21: want a string in AllowedOrigins, not the number "1"`},
		"true for an ID":         {`[{"ID":true}]`, `line 1, column 8: want a string in ID, not true`},
		"null for a list":        {`[{"AllowedHeaders":null}]`, `line 1, column 20: want AllowedHeaders to be an array of strings, not null`},
		"a string for a max age": {`[{"MaxAgeSeconds":"1"}]`, `line 1, column 19: want a number in MaxAgeSeconds, not the string "1"`},
		"a fraction":             {`[{"MaxAgeSeconds":1.5}]`, `line 1, column 19: MaxAgeSeconds: "1.5" is not a whole number of seconds`},
		"a max age too large":    {`[{"MaxAgeSeconds":2147483648}]`, `line 1, column 19: MaxAgeSeconds: "2147483648" is out of range; S3 stores 32 bits`},
		"a second document":      {"[]\n[]", "line 2, column 1: nothing may follow the configuration, but an array does"},
		"trailing rubbish":       {"[] x", "line 1, column 4: nothing may follow the configuration"},
		"a closing brace more":   {`{"CORSRules":[]}}`, "line 1, column 17: nothing may follow the configuration"},
		"half of a rule":         {`[{"ID":"a"`, "line 1, column 11: the JSON ends too early"},
		"half of a list":         {`[{"AllowedOrigins":["a"`, "line 1, column 24: the JSON ends too early"},
		"half of a string":       {`[{"AllowedOrigins":["a`, "line 1, column 23: the JSON ends too early"},
		"half of an ID":          {`[{"ID":"a`, "the JSON ends too early"},
		"half of a number":       {`[{"MaxAgeSeconds":-`, "the JSON ends too early"},
		"half of the rules":      {`{"CORSRules":[`, "line 1, column 15: the JSON ends too early"},
		"half of a key":          {`{"CORS`, "the JSON ends too early"},
		"no array at all":        {`{"CORSRules":`, "the JSON ends too early"},
		"a comma more":           {`[{"ID":"a"},]`, "line 1, column 13: not JSON: invalid character ']'"},
		"the wrong bracket":      {`[}`, "line 1, column 2: not JSON: invalid character '}'"},
		"deep nesting":           {strings.Repeat("[", 1<<20), "line 1, column 2: want a rule, which is an object, not an array"},
		"UTF-16":                 {"\xff\xfe[\x00]\x00", "line 1, column 1: not UTF-8; save it as UTF-8"},
		"Latin-1":                {"[\n{\"ID\":\"äb\xe9\"}]", "line 2, column 10: not UTF-8; save it as UTF-8"},
		"half of a surrogate":    {`[{"ID":"a\ud83d"}]`, "line 1, column 8: the string has half of a surrogate pair, which is no character"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := cors.ParseJSON([]byte(test.document))
			if err == nil || !strings.Contains(err.Error(), test.want) || c.Rules != nil {
				t.Errorf("got %+v, %v\nwant %s", c, err, test.want)
			}
			if _, ok := errors.AsType[*cors.ParseError](err); !ok {
				t.Errorf("error %T, want *ParseError", err)
			}
			if n := len(err.Error()); n > 300 {
				t.Errorf("an error of %d bytes", n)
			}
		})
	}
}
