// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

func TestNewRequest(t *testing.T) {
	many := map[string][]string{"Origin": {"https://a.example"}}
	for i := range 10_000 {
		many[fmt.Sprintf("X-%d", i)] = []string{"x"}
	}
	for name, test := range map[string]struct {
		method string
		header map[string][]string
		want   cors.Request
	}{
		"no headers": {"GET", nil, cors.Request{Method: "GET"}},
		"what matters, in any case": {
			"OPTIONS",
			map[string][]string{
				"origin": {"https://a.example"}, "ACCESS-control-request-METHOD": {"PUT"},
				"Access-Control-Request-Headers": {"x-a,x-b"}, "Host": {"b.s3.amazonaws.com"},
			},
			cors.Request{Method: "OPTIONS", Origin: "https://a.example", RequestMethod: "PUT", RequestHeaders: "x-a,x-b"},
		},
		"blanks around values": {
			"OPTIONS",
			map[string][]string{"Origin": {" https://a.example\t"}, "Access-Control-Request-Method": {"\tPUT "}},
			cors.Request{Method: "OPTIONS", Origin: "https://a.example", RequestMethod: "PUT"},
		},
		"several headers asked for": {
			"OPTIONS",
			map[string][]string{"Access-Control-Request-Headers": {"x-a", " x-b,x-c "}},
			cors.Request{Method: "OPTIONS", RequestHeaders: "x-a, x-b,x-c"},
		},
		"names that differ in case": {
			"OPTIONS",
			map[string][]string{"access-control-request-headers": {"x-b"}, "Access-Control-Request-Headers": {"x-a"}},
			cors.Request{Method: "OPTIONS", RequestHeaders: "x-a, x-b"},
		},
		"an empty Origin":             {"GET", map[string][]string{"Origin": {""}}, cors.Request{Method: "GET", Blank: true}},
		"a blank method":              {"GET", map[string][]string{"Access-Control-Request-Method": {" "}}, cors.Request{Method: "GET", Blank: true}},
		"empty headers":               {"GET", map[string][]string{"Access-Control-Request-Headers": {""}}, cors.Request{Method: "GET", Blank: true}},
		"empty headers twice":         {"GET", map[string][]string{"Access-Control-Request-Headers": {"", " "}}, cors.Request{Method: "GET", RequestHeaders: ","}},
		"an empty header of no use":   {"GET", map[string][]string{"X-Empty": {""}}, cors.Request{Method: "GET"}},
		"a header without any value":  {"GET", map[string][]string{"Origin": {}}, cors.Request{Method: "GET"}},
		"bytes beyond ASCII":          {"GET", map[string][]string{"Origin": {"https://é\xff"}}, cors.Request{Method: "GET", Origin: "https://é\xff"}},
		"a tab inside":                {"GET", map[string][]string{"Origin": {"a\tb"}}, cors.Request{Method: "GET", Origin: "a\tb"}},
		"a method that is none of S3": {"get", nil, cors.Request{Method: "get"}},
		"ten thousand headers":        {"GET", many, cors.Request{Method: "GET", Origin: "https://a.example"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cors.NewRequest(test.method, cors.Object, test.header)
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
	if r, err := cors.NewRequest("GET", cors.Bucket, nil); err != nil || r.Resource != cors.Bucket {
		t.Errorf("got %+v, %v, want the bucket", r, err)
	}
}

func TestNewRequestRefuses(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for name, test := range map[string]struct {
		method string
		header map[string][]string
		want   string
	}{
		"no method":                   {"", nil, "there is no HTTP method; give one, such as GET, or OPTIONS for a preflight"},
		"a blank in the method":       {"GE T", nil, `the HTTP method "GE T" has the character ' ', which is in no method`},
		"a line feed in the method":   {"GET\n", nil, `the HTTP method "GET\n" has the character '\n', which is in no method`},
		"no name":                     {"GET", map[string][]string{"": {"x"}}, "a header has no name"},
		"a colon in a name":           {"GET", map[string][]string{"Origin:": nil}, `the header "Origin:" has the character ':', which is in no header name`},
		"an umlaut in a name":         {"GET", map[string][]string{"X-ü": nil}, `the header "X-ü" has the character 'ü', which is in no header name`},
		"a long name":                 {"GET", map[string][]string{long + " ": nil}, `the header "` + long[:64] + `"… has the character ' ', which is in no header name`},
		"a line feed in a value":      {"GET", map[string][]string{"Origin": {"https://a.example\nX: y"}}, `the header Origin has the control character '\n' in its value "https://a.example\nX: y"; remove it`},
		"a NUL in another's value":    {"GET", map[string][]string{"X": {"a", "\x00"}}, `the header X has the control character '\x00' in its value "\x00"; remove it`},
		"DEL":                         {"GET", map[string][]string{"X": {"\x7f"}}, `the header X has the control character '\x7f'`},
		"two origins":                 {"GET", map[string][]string{"Origin": {"a", "a"}}, "Origin comes 2 times; give it once, because servers differ in which one they take"},
		"two origins, an empty one":   {"GET", map[string][]string{"Origin": {"a"}, "origin": {""}}, "Origin comes 2 times"},
		"two methods":                 {"GET", map[string][]string{"Access-Control-Request-Method": {"a", "b"}}, "Access-Control-Request-Method comes 2 times"},
		"the first problem by name":   {"GET", map[string][]string{"b b": nil, "a a": nil, "c c": nil}, `the header "a a"`},
		"a problem before two others": {"GET", map[string][]string{"Origin": {"a", "b"}, "X": {"\r"}}, `the header X has the control character '\r'`},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := cors.NewRequest(test.method, cors.Object, test.header)
			if err == nil || !strings.Contains(err.Error(), test.want) || r != (cors.Request{}) {
				t.Errorf("got %+v, %v\nwant %s", r, err, test.want)
			}
			if err != nil && len(err.Error()) > 300 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

var parsedRequests = map[string]struct {
	line string
	name string
	want cors.Request
}{
	"a preflight": {
		`{"name":"x","httpMethod":"OPTIONS","resource":"object","headers":{"Origin":"https://a.example","Access-Control-Request-Method":"PUT","Access-Control-Request-Headers":"x-a"}}`,
		"x",
		cors.Request{Method: "OPTIONS", Origin: "https://a.example", RequestMethod: "PUT", RequestHeaders: "x-a"},
	},
	"nothing but a method":     {`{"httpMethod":"GET"}`, "", cors.Request{Method: "GET"}},
	"a bucket":                 {`{"resource":"bucket","httpMethod":"GET"}`, "", cors.Request{Method: "GET", Resource: cors.Bucket}},
	"an array of values":       {`{"httpMethod":"GET","headers":{"access-control-request-headers":["a"," b "]}}`, "", cors.Request{Method: "GET", RequestHeaders: "a, b"}},
	"an array of one":          {`{"httpMethod":"GET","headers":{"Origin":["a"]}}`, "", cors.Request{Method: "GET", Origin: "a"}},
	"an empty array":           {`{"httpMethod":"GET","headers":{"Origin":[]}}`, "", cors.Request{Method: "GET"}},
	"an empty value":           {`{"httpMethod":"GET","headers":{"Origin":""}}`, "", cors.Request{Method: "GET", Blank: true}},
	"other headers":            {`{"httpMethod":"GET","headers":{"Host":"x","Accept":["a","b"]}}`, "", cors.Request{Method: "GET"}},
	"CRLF, a byte order mark":  {"\uFEFF" + ` {"httpMethod":"GET", "headers": {} }` + "\r\n", "", cors.Request{Method: "GET"}},
	"escapes":                  {`{"name":"\u00e9\ud83d\ude00\ufffd","httpMethod":"G\u0045T"}`, "é😀\ufffd", cors.Request{Method: "GET"}},
	"an origin beyond ASCII":   {`{"httpMethod":"GET","headers":{"Origin":"https://é"}}`, "", cors.Request{Method: "GET", Origin: "https://é"}},
	"headers before the rest":  {`{"headers":{"Origin":"a"},"httpMethod":"PUT","name":"n"}`, "n", cors.Request{Method: "PUT", Origin: "a"}},
	"an empty name is no name": {`{"name":"","httpMethod":"GET"}`, "", cors.Request{Method: "GET"}},
}

func TestParseRequest(t *testing.T) {
	for name, test := range parsedRequests {
		t.Run(name, func(t *testing.T) {
			gotName, got, err := cors.ParseRequest([]byte(test.line))
			if err != nil || got != test.want || gotName != test.name {
				t.Errorf("got %q, %+v, %v\nwant %q, %+v", gotName, got, err, test.name, test.want)
			}
		})
	}
	var b strings.Builder
	b.WriteString(`{"httpMethod":"GET","headers":{"Origin":"a"`)
	for i := range 10_000 {
		fmt.Fprintf(&b, `,"X-%d":"y"`, i)
	}
	if _, r, err := cors.ParseRequest([]byte(b.String() + "}}")); err != nil || r.Origin != "a" {
		t.Errorf("ten thousand headers: %+v, %v", r, err)
	}
}

var refusedRequests = map[string]struct{ line, want string }{
	"nothing":                   {"", "column 1: the JSON ends too early"},
	"only blanks":               {"  ", "column 3: the JSON ends too early"},
	"no JSON":                   {"GET /", "column 1: not JSON: invalid character 'G'"},
	"an array":                  {"[]", `column 1: want a request, {"httpMethod": …, "headers": …}, not an array`},
	"null":                      {"null", `column 1: want a request, {"httpMethod": …, "headers": …}, not null`},
	"no method":                 {`{"name":"x"}`, `column 12: the request has no "httpMethod"; give one, such as GET, or OPTIONS for a preflight`},
	"an empty method":           {`{"httpMethod":""}`, `column 15: there is no HTTP method; give one`},
	"a method that is none":     {`{"httpMethod":"GE T"}`, `column 15: the HTTP method "GE T" has the character ' ', which is in no method`},
	"a number for a method":     {`{"httpMethod":1}`, `column 15: want a string in httpMethod, not the number "1"`},
	"null for a method":         {`{"httpMethod":null}`, `column 15: want a string in httpMethod, not null`},
	"an unknown key":            {`{"method":"GET"}`, `column 2: unknown key "method"; known are name, httpMethod, resource, headers`},
	"a key in another case":     {`{"HTTPMethod":"GET"}`, `column 2: unknown key "HTTPMethod"; did you mean "httpMethod"?`},
	"a key like none":           {`{"zzzzzzzz":"GET"}`, `column 2: unknown key "zzzzzzzz"; known are name, httpMethod, resource, headers`},
	"a key twice":               {`{"name":"x","name":"x"}`, `column 13: the request has "name" twice`},
	"an unknown resource":       {`{"resource":"objects"}`, `column 13: unknown resource "objects"; did you mean "object"?`},
	"an empty resource":         {`{"resource":""}`, `column 13: unknown resource ""; known are object, bucket`},
	"a resource in capitals":    {`{"resource":"BUCKET"}`, `column 13: unknown resource "BUCKET"; did you mean "bucket"?`},
	"an array for a name":       {`{"name":["x"]}`, `column 9: want a string in name, not an array`},
	"a list of headers":         {`{"headers":[]}`, `column 12: want headers to be an object, not an array`},
	"null headers":              {`{"headers":null}`, `column 12: want headers to be an object, not null`},
	"a header twice":            {`{"headers":{"Origin":"a","Origin":"a"}}`, `column 26: the header Origin comes twice; give it an array of values`},
	"a header in two cases":     {`{"headers":{"Origin":"a","origin":"a"}}`, `column 26: the header origin comes twice`},
	"another header in two":     {`{"headers":{"x-a":"a","X-A":"a"}}`, `column 23: the header X-A comes twice`},
	"a header without a name":   {`{"headers":{"":"a"}}`, `column 13: a header has no name`},
	"a name that is none":       {`{"headers":{"Orig in":"a"}}`, `column 13: the header "Orig in" has the character ' ', which is in no header name`},
	"a number for a value":      {`{"headers":{"Origin":1}}`, `column 22: want a string in Origin, not the number "1"`},
	"null for a value":          {`{"headers":{"Origin":null}}`, `column 22: want a string in Origin, not null`},
	"an object for a value":     {`{"headers":{"Origin":{}}}`, `column 22: want a string in Origin, not an object`},
	"null in an array":          {`{"headers":{"Origin":["a",null]}}`, `column 27: want a string in Origin, not null`},
	"an array in an array":      {`{"headers":{"Origin":[["a"]]}}`, `column 23: want a string in Origin, not an array`},
	"a control character":       {`{"headers":{"X":"a\u0000"}}`, `column 17: the header X has the control character '\x00' in its value "a\x00"; remove it`},
	"a line feed in an array":   {`{"headers":{"X":["","a\n"]}}`, `column 21: the header X has the control character '\n'`},
	"two origins":               {`{"headers":{"Origin":["a","b"]}}`, `column 22: Origin comes 2 times; give it once, because servers differ in which one they take`},
	"a second request":          {`{"httpMethod":"GET"} {"httpMethod":"GET"}`, `column 22: nothing may follow the request, but an object does; write one on each line`},
	"rubbish after it":          {`{"httpMethod":"GET"}}`, `column 21: nothing may follow the request`},
	"half of it":                {`{"httpMethod":"GET"`, `column 20: the JSON ends too early`},
	"half of the headers":       {`{"headers":{"Origin":["a"`, `column 26: the JSON ends too early`},
	"half of a header":          {`{"headers":{"Origin":`, `column 22: the JSON ends too early`},
	"half of a name":            {`{"headers":{"Ori`, `the JSON ends too early`},
	"no value":                  {`{"headers":{"Origin"}}`, `not JSON: invalid character '}' after object key`},
	"half of a surrogate":       {`{"name":"\ud800"}`, `column 9: the string has half of a surrogate pair, which is no character`},
	"half of one in a header":   {`{"headers":{"Origin":"\udc00"}}`, `column 22: the string has half of a surrogate pair`},
	"Latin-1":                   {"{\"name\":\"\xe9\"}", `column 10: not UTF-8`},
	"deep nesting":              {`{"headers":` + strings.Repeat("[", 1<<20), `column 12: want headers to be an object, not an array`},
	"deep nesting in a header":  {`{"headers":{"X":` + strings.Repeat("[", 1<<20), `column 18: want a string in X, not an array`},
	"columns count characters":  {`{"name":"é","resource":"é"}`, `column 24: unknown resource "é"; known are object, bucket`},
	"a long name of a header":   {`{"headers":{"` + strings.Repeat("x", 1000) + `":1}}`, `column 1016: want a string in "` + strings.Repeat("x", 64) + `"…, not the number "1"`},
	"a header's name as number": {`{"headers":{1:"x"}}`, `column 13: not JSON`},
}

func TestParseRequestRefuses(t *testing.T) {
	for name, test := range refusedRequests {
		t.Run(name, func(t *testing.T) {
			_, r, err := cors.ParseRequest([]byte(test.line))
			if err == nil || !strings.Contains(err.Error(), test.want) || r != (cors.Request{}) {
				t.Errorf("got %+v, %v\nwant %s", r, err, test.want)
			}
			if e, ok := errors.AsType[*cors.ParseError](err); !ok || e.Line != 1 {
				t.Errorf("error %#v, want a *ParseError of line 1", err)
			}
			if err != nil && len(err.Error()) > 300 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestABadRequestHasItsNameWhereThatIsKnown(t *testing.T) {
	for line, want := range map[string]string{
		`{"name":"x"}`:                           "x",
		`{"name":"x","name":"y"}`:                "x",
		`{"name":"x","httpMethod":"GE T"}`:       "x",
		`{"name":"x","httpMethod":"GET"`:         "x",
		`{"name":"x","httpMethod":"GET"} {}`:     "x",
		`{"name":"x","httpMethod":"GET"}}`:       "x",
		`{"name":1,"httpMethod":"GET"}`:          "",
		`{"httpMethod":"GE T","name":"x"}`:       "",
		"{\"name\":\"x\",\"resource\":\"\xff\"}": "", // nothing is read
	} {
		if name, _, err := cors.ParseRequest([]byte(line)); err == nil || name != want {
			t.Errorf("%s: %q, %v, want %q", line, name, err, want)
		}
	}
}

// printRequest writes a request as ParseRequest reads it.
func printRequest(t testing.TB, name string, r cors.Request) []byte {
	t.Helper()
	headers := map[string]string{}
	blank := r.Blank
	for header, value := range map[string]string{
		"Origin": r.Origin, "Access-Control-Request-Method": r.RequestMethod, "Access-Control-Request-Headers": r.RequestHeaders,
	} {
		if value != "" || blank {
			headers[header] = value
		}
	}
	line, err := json.Marshal(map[string]any{
		"name": name, "httpMethod": r.Method, "resource": strings.ToLower(r.Resource.String()), "headers": headers,
	})
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// TestExplanationsInJSON reads testdata/requests/requests.jsonl and wants exactly
// the lines of answers.jsonl.
func TestExplanationsInJSON(t *testing.T) {
	read := func(name string) []byte {
		data, err := os.ReadFile("testdata/requests/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	c, err := cors.ParseJSON(read("configuration.json"))
	if err != nil {
		t.Fatal(err)
	}
	policy := compile(t, c.Rules...)
	requests := bytes.Split(bytes.TrimSpace(read("requests.jsonl")), []byte("\n"))
	answers := bytes.Split(bytes.TrimSpace(read("answers.jsonl")), []byte("\n"))
	if len(requests) != len(answers) {
		t.Fatalf("%d requests and %d answers", len(requests), len(answers))
	}
	for i, line := range requests {
		name, r, err := cors.ParseRequest(line)
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		got, err := policy.Explain(r).JSON(cors.Subject{Request: name})
		if err != nil || !bytes.Equal(got, answers[i]) {
			t.Errorf("line %d, %v\ngot  %s\nwant %s", i+1, err, got, answers[i])
		}
	}
}

func TestAnEmptyExplanationHasNoNull(t *testing.T) {
	got, err := cors.Explanation{}.JSON(cors.Subject{Request: ""})
	if want := `{"allowed":false,"rule":0,"headers":{},"reason":"","confidence":"high","trace":[]}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

func FuzzParseRequest(f *testing.F) {
	for _, test := range parsedRequests {
		f.Add([]byte(test.line))
	}
	for _, test := range refusedRequests {
		f.Add([]byte(test.line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		name, r, err := cors.ParseRequest(line)
		if err != nil {
			if e, ok := errors.AsType[*cors.ParseError](err); !ok || e.Line < 1 || e.Column < 1 || e.Problem == "" || r != (cors.Request{}) {
				t.Errorf("%+v, error %#v", r, err)
			}
			return
		}
		printed := printRequest(t, name, r)
		if againName, again, err := cors.ParseRequest(printed); err != nil || again != r || againName != name {
			t.Errorf("%q, %+v is printed as\n%s\nwhich reads as %q, %+v, %v", name, r, printed, againName, again, err)
		}
	})
}

func FuzzNewRequest(f *testing.F) {
	for _, g := range readExplanations(f) {
		rules, err := json.Marshal(g.Rules)
		if err != nil {
			f.Fatal(err)
		}
		for _, c := range g.Cases {
			r := c.request()
			f.Add(rules, r.Method, "Origin", r.Origin, r.RequestMethod, r.RequestHeaders)
		}
	}
	f.Add([]byte("null"), "", "\xff", " \x00", "\n", "a,,b,")
	f.Add([]byte(`[{"AllowedOrigins":["*"],"AllowedMethods":["GET"]}]`), "OPTIONS", "Origin", "https://a.example", "GET", ",x,")
	f.Fuzz(func(t *testing.T, rules []byte, method, name, origin, requestMethod, requestHeaders string) {
		r, err := cors.NewRequest(method, cors.Object, map[string][]string{
			name: {origin}, "access-control-request-method": {requestMethod}, "Access-Control-Request-Headers": {requestHeaders},
		})
		if err != nil {
			if len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Errorf("error %q", err)
			}
			return
		}
		c, err := cors.ParseJSON(rules)
		if err != nil {
			return
		}
		for _, dialect := range cors.Dialects() {
			policy, err := dialect.Compile(c)
			if err != nil {
				continue
			}
			e := policy.Explain(r)
			checkExplanation(t, policy, r, e)
			if e.Nearest != nil {
				checkNearest(t, dialect, c, r, e.Nearest)
			}
		}
	})
}
