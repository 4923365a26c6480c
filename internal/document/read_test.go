// SPDX-License-Identifier: Apache-2.0

package document_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
)

// policyHead begins a policy up to its rules, which are on line 8.
const policyHead = `apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketCORSPolicy
metadata: {name: web, namespace: team-a}
spec:
  buckets:
  - name: uploads
  rules:
`

const jsonPolicy = `{"apiVersion":"s3.bucketcors.dev/v1alpha1","kind":"BucketCORSPolicy","metadata":{"name":"web",` +
	`"creationTimestamp":"2026-01-01T00:00:00Z","managedFields":[{"fieldsV1":{"f:spec":{}}}]},` +
	`"spec":{"rules":[{"allowedOrigins":["😀"],"allowedMethods":["GET"],"maxAgeSeconds":0}]},"status":{"buckets":1}}`

// found is what is read from one document.
type found struct {
	format document.Format
	name   string
	rules  []cors.Rule
}

func TestRead(t *testing.T) {
	origin := cors.Rule{AllowedOrigins: []string{"https://a"}, AllowedMethods: []string{"GET"}}
	smile := cors.Rule{AllowedOrigins: []string{"😀"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(0))}
	for name, test := range map[string]struct {
		data string
		want []found
	}{
		"a manifest": {
			policyHead + "  - {id: a, allowedOrigins: [https://a], allowedMethods: [GET], allowedHeaders: [], maxAgeSeconds: 3}\n",
			[]found{{document.Policy, "team-a/web", []cors.Rule{{
				ID: "a", AllowedOrigins: []string{"https://a"}, AllowedMethods: []string{"GET"},
				AllowedHeaders: []string{}, MaxAgeSeconds: new(int32(3)),
			}}}},
		},
		"several manifests, a Deployment and comments": {
			"# a\n---\n" + policyHead + "  - {allowedOrigins: [https://a], allowedMethods: [GET]}\n" +
				"---\nkind: Deployment\nspec: {rules: 1}\n---\nallowedOrigins: [values of Helm]\n---\n---\n# b\n---\n" + policyHead + "  - allowedOrigins: null\n",
			[]found{{document.Policy, "team-a/web", []cors.Rule{origin}}, {document.Policy, "team-a/web", []cors.Rule{{}}}},
		},
		"aliases and merge keys": {
			policyHead + "  - &r\n    id: a\n    allowedOrigins: [https://a]\n    allowedMethods: &m [GET]\n  - <<: *r\n    id: b\n  - allowedMethods: *m\n",
			[]found{{document.Policy, "team-a/web", []cors.Rule{
				{ID: "a", AllowedOrigins: origin.AllowedOrigins, AllowedMethods: origin.AllowedMethods},
				{ID: "b", AllowedOrigins: origin.AllowedOrigins, AllowedMethods: origin.AllowedMethods},
				{AllowedMethods: origin.AllowedMethods},
			}}},
		},
		"scalars of every style": {
			policyHead + "  - allowedOrigins:\n    - 'it''s'\n    - \"\\u00e9\"\n    - >-\n      a\n      b\n    - |-\n      c\n    - d\n      e\n    - !!str 5\n    - 2026-01-01\n",
			[]found{{document.Policy, "team-a/web", []cors.Rule{{AllowedOrigins: []string{"it's", "é", "a b", "c", "d e", "5", "2026-01-01"}}}}},
		},
		"a manifest in JSON": {jsonPolicy, []found{{document.Policy, "web", []cors.Rule{smile}}}},
		"a manifest in JSON with escapes": {
			strings.Replace(jsonPolicy, "😀", `\ud83d\ude00`, 1), []found{{document.Policy, "web", []cors.Rule{smile}}},
		},
		"two manifests in JSON": {
			jsonPolicy + "\n" + jsonPolicy,
			[]found{{document.Policy, "web", []cors.Rule{smile}}, {document.Policy, "web", []cors.Rule{smile}}},
		},
		"a list as kubectl prints it": {
			`{"apiVersion":"v1","kind":"List","items":[` + jsonPolicy + `,{"kind":"Service"}]}`,
			[]found{{document.Policy, "web", []cors.Rule{smile}}},
		},
		"a list of policies in YAML": {
			"kind: BucketCORSPolicyList\napiVersion: s3.bucketcors.dev/v1alpha1\nitems:\n- " + jsonPolicy,
			[]found{{document.Policy, "web", []cors.Rule{smile}}},
		},
		"a manifest in braces": {
			"{kind: BucketCORSPolicy, apiVersion: s3.bucketcors.dev/v1alpha1, spec: {rules: []}}",
			[]found{{document.Policy, "", []cors.Rule{}}},
		},
		"the JSON of AWS":     {`{"CORSRules":[{"ID":"a"}]}`, []found{{document.JSON, "", []cors.Rule{{ID: "a"}}}}},
		"the console's array": {"\uFEFF\r\n[{\"ID\":\"a\"}]", []found{{document.JSON, "", []cors.Rule{{ID: "a"}}}}},
		"the configuration of AWS in YAML": {
			"CORSRules:\n- ID: a\n  AllowedOrigins: [https://a]\n  AllowedMethods:\n  - GET\n  AllowedHeaders: [b]\n  ExposeHeaders: [c]\n  MaxAgeSeconds: 0\n",
			[]found{{document.JSON, "", []cors.Rule{{
				ID: "a", AllowedOrigins: origin.AllowedOrigins, AllowedMethods: origin.AllowedMethods, AllowedHeaders: []string{"b"},
				ExposeHeaders: []string{"c"}, MaxAgeSeconds: new(int32(0)),
			}}}},
		},
		"the XML of S3": {
			"\n<CORSConfiguration><CORSRule><ID>a</ID></CORSRule></CORSConfiguration>",
			[]found{{document.XML, "", []cors.Rule{{ID: "a"}}}},
		},
		"a template of CloudFormation": {
			"Resources:\n  A:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: !Sub '${x}'\n      CorsConfiguration:\n        CorsRules:\n" +
				"        - {Id: a, AllowedOrigins: [https://a], AllowedMethods: [GET], AllowedHeaders: [b], ExposedHeaders: [c], MaxAge: '5'}\n" +
				"  B: {Type: AWS::S3::Bucket}\n  C: {Type: AWS::SNS::Topic}\n",
			[]found{{document.CloudFormation, "A", []cors.Rule{{
				ID: "a", AllowedOrigins: []string{"https://a"}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{"b"},
				ExposeHeaders: []string{"c"}, MaxAgeSeconds: new(int32(5)),
			}}}},
		},
		"a template of CloudFormation in JSON": {
			`{"Resources":{"A":{"Type":"AWS::S3::Bucket","Properties":{"CorsConfiguration":{"CorsRules":[{"Id":"a"}]}}}}}`,
			[]found{{document.CloudFormation, "A", []cors.Rule{{ID: "a"}}}},
		},
		"Terraform": {
			"resource \"aws_s3_bucket_cors_configuration\" \"x\" {\n  bucket = \"b\"\n  cors_rule {\n    allowed_methods = [\"GET\"]\n    allowed_origins = [\"https://a\"]\n  }\n}\n",
			[]found{{document.Terraform, "aws_s3_bucket_cors_configuration.x", []cors.Rule{origin}}},
		},
	} {
		for ending, data := range map[string]string{"": test.data, ", CRLF": strings.ReplaceAll(test.data, "\n", "\r\n")} {
			t.Run(name+ending, func(t *testing.T) {
				f, err := document.Read("file", []byte(data))
				if err != nil {
					t.Fatal(err)
				}
				var got []found
				for _, d := range f.Documents {
					got = append(got, found{d.Format, d.Name, d.Configuration.Rules})
					if (d.Policy != nil) != (d.Format == document.Policy) {
						t.Errorf("policy %v of a document in %s", d.Policy, d.Format)
					}
				}
				if !reflect.DeepEqual(got, test.want) {
					t.Errorf("got %+v\nwant %+v", got, test.want)
				}
				checkSpans(t, f)
			})
		}
	}
}

// checkSpans checks that every value is where it is said to be.
func checkSpans(t *testing.T, f *document.File) {
	t.Helper()
	for _, d := range f.Documents {
		for i, r := range d.Configuration.Rules {
			for field, values := range map[cors.Field][]string{
				cors.FieldAllowedOrigins: r.AllowedOrigins, cors.FieldAllowedMethods: r.AllowedMethods,
				cors.FieldAllowedHeaders: r.AllowedHeaders, cors.FieldExposeHeaders: r.ExposeHeaders,
			} {
				for j, v := range values {
					path := cors.Path(i, field, j)
					text := textAt(f, f.Position(d, path))
					plain := strings.Trim(text, `"'`)
					if strings.ContainsAny(text, "\\&\r\n<!$%") || strings.Contains(v, "'") {
						continue // not as it reads
					}
					if plain != strings.Trim(v, `"'`) {
						t.Errorf("%s is at %q, want %q", path, text, v)
					}
				}
			}
		}
	}
}

// textAt is what a file has at a position.
func textAt(f *document.File, p document.Position) string {
	lines := strings.SplitAfter(strings.TrimPrefix(string(f.Data), "\uFEFF"), "\n")
	offset := func(line, column int) int {
		n := 0
		for _, l := range lines[:line-1] {
			n += len(l)
		}
		return n + len(string([]rune(lines[line-1])[:column-1]))
	}
	return strings.Join(lines, "")[offset(p.Line, p.Column):offset(p.EndLine, p.EndColumn)]
}

func TestPosition(t *testing.T) {
	const (
		yamlText  = policyHead + "  # é\n  - id: \"é😀\" # x\n    allowedOrigins: [\"😀\", b]\n    allowedMethods: &m\n    - GET\n    maxAgeSeconds: 5\n  - allowedMethods: *m\n"
		emptyText = policyHead + "  - allowedHeaders: []\n    exposeHeaders: [ # none\n    ]\n    id: |\n    allowedOrigins:\n    - |\n      a\n\n      b\n    maxAgeSeconds: 5\n"
		xmlText   = "<CORSConfiguration>\n<CORSRule><ID>a</ID>\n<AllowedOrigin>é</AllowedOrigin><AllowedOrigin>b</AllowedOrigin></CORSRule></CORSConfiguration>"
		jsonText  = "{\"CORSRules\":[\n{\"ID\":\"é\",\"AllowedOrigins\":[\"a\", \"b\"]}]}"
	)
	for _, test := range []struct{ data, path, want string }{
		{yamlText, "rules[0].id", `"é😀"`},
		{yamlText, "rules[0].allowedOrigins[0]", `"😀"`},
		{yamlText, "rules[0].allowedOrigins[1]", "b"},
		{yamlText, "rules[0].allowedOrigins", `allowedOrigins: ["😀", b]`},
		{yamlText, "rules[0].allowedOrigins[7]", `allowedOrigins: ["😀", b]`},
		{yamlText, "rules[0].allowedMethods", "allowedMethods: &m\n    - GET"},
		{yamlText, "rules[0].maxAgeSeconds", "5"},
		{yamlText, "rules[1].allowedMethods[0]", "GET"},
		{emptyText, "rules[0].allowedHeaders", "allowedHeaders: []"},
		{emptyText, "rules[0].exposeHeaders", "exposeHeaders: [ # none\n    ]"},
		{emptyText, "rules[0].id", "|"},
		{emptyText, "rules[0].allowedOrigins", "allowedOrigins:\n    - |\n      a\n\n      b"},
		{yamlText, "rules[1].allowedMethods", "&m\n    - GET"},
		{yamlText, "rules[1].exposeHeaders", "allowedMethods: *m"},
		{xmlText, "rules[0].allowedOrigins[1]", "<AllowedOrigin>b</AllowedOrigin>"},
		{xmlText, "rules[0].allowedOrigins", "<AllowedOrigin>é</AllowedOrigin><AllowedOrigin>b</AllowedOrigin>"},
		{xmlText, "rules[0].id", "<ID>a</ID>"},
		{xmlText, "rules", xmlText},
		{jsonText, "rules[0].allowedOrigins[1]", `"b"`},
		{jsonText, "rules[0].allowedOrigins", `"AllowedOrigins":["a", "b"]`},
		{jsonText, "rules[0].allowedMethods[0]", "{\"ID\":\"é\",\"AllowedOrigins\":[\"a\", \"b\"]}"},
		{jsonText, "rules[0].id", `"é"`},
		{jsonText, "rules[9]", jsonText[1 : len(jsonText)-1]},
	} {
		for _, mark := range []string{"", "\uFEFF"} {
			f, err := document.Read("x", []byte(mark+test.data))
			if err != nil {
				t.Fatal(err)
			}
			if got := textAt(f, f.Position(f.Documents[0], test.path)); got != test.want {
				t.Errorf("%s is %q, want %q", test.path, got, test.want)
			}
		}
	}
}

func TestReadRefuses(t *testing.T) {
	const template = "Resources:\n  A:\n    Type: AWS::S3::Bucket\n    Properties:\n      CorsConfiguration:\n        CorsRules:\n        - "
	for name, test := range map[string]struct{ data, want string }{
		"AWS's name of the exposed headers":    {policyHead + "  - ExposedHeaders: [a]\n", `line 8, column 5: unknown field "ExposedHeaders" in a rule; did you mean "exposeHeaders"?`},
		"CloudFormation's name of the max age": {policyHead + "  - MaxAge: 3\n", `line 8, column 5: unknown field "MaxAge" in a rule; did you mean "maxAgeSeconds"?`},
		"a field in another case":              {policyHead + "  - AllowedOrigins: [a]\n", `line 8, column 5: unknown field "AllowedOrigins" in a rule; did you mean "allowedOrigins"?`},
		"a field of a bucket":                  {strings.Replace(policyHead, "- name: uploads", "- {name: x, regoin: y}", 1), `line 6, column 15: unknown field "regoin" in a bucket; did you mean "region"?`},
		"a field of spec outside of it":        {strings.Replace(policyHead, "spec:", "mode: x\nspec:", 1), `line 4, column 1: unknown field "mode" in the manifest; it belongs in spec`},
		"a string for a list":                  {policyHead + "  - allowedMethods: GET\n", `line 8, column 21: allowedMethods: want a list of strings, not the string "GET"; write [GET]`},
		"a string for a list in JSON":          {strings.Replace(jsonPolicy, `["GET"]`, `"GET"`, 1), `want a list of strings, not the string "GET"; write ["GET"]`},
		"a mapping for the rules":              {policyHead + "    id: a\n", "line 8, column 5: rules: want a list, not a mapping"},
		"a string for a rule":                  {policyHead + "  - a\n", `line 8, column 5: a rule: want a mapping, not the string "a"`},
		"a star":                               {policyHead + "  - allowedOrigins:\n    - *\n", `line 9, column 7: YAML takes "*" for an alias; put it in quotes: "*"`},
		"a star in brackets":                   {policyHead + "  - allowedHeaders: [x, *]\n", `line 8, column 25: YAML takes "*" for an alias; put it in quotes: "*"`},
		"a star before a domain":               {policyHead + "  - allowedOrigins:\n    - *.example.com\n", `line 9, column 7: YAML takes "*.example.com" for an alias; put it in quotes: "*.example.com"`},
		"an alias of nothing":                  {policyHead + "  - allowedOrigins:\n    - https://a\n    - *foo\n", `line 10, column 7: YAML takes "*foo" for an alias; put it in quotes: "*foo"`},
		"an alias of itself":                   {"a: &a [*a]", "line 1, column 8: the alias *a is inside of what it stands for"},
		"null":                                 {policyHead + "  - allowedOrigins:\n    - null\n", `line 9, column 7: allowedOrigins: want a string, not null; if the text is meant, quote it: "null"`},
		"an empty item":                        {policyHead + "  - allowedOrigins:\n    -\n", "line 9, column 6: allowedOrigins: want a string, and there is nothing; remove the item or the field"},
		"a number for a string":                {policyHead + "  - allowedOrigins: [80]\n", `line 8, column 22: allowedOrigins: want a string, not the number 80; if the text is meant, quote it: "80"`},
		"a word that is a boolean":             {policyHead + "  - id: on\n", `line 8, column 9: id: want a string, not the boolean on; if the text is meant, quote it: "on"`},
		"a string for a max age":               {policyHead + "  - maxAgeSeconds: \"3000\"\n", `line 8, column 20: maxAgeSeconds: want a number, not the string "3000"; remove the quotes`},
		"a fraction":                           {policyHead + "  - maxAgeSeconds: 1.5\n", "line 8, column 20: maxAgeSeconds: want a whole number, not 1.5"},
		"a whole number written as none":       {policyHead + "  - maxAgeSeconds: 1e3\n", "line 8, column 20: maxAgeSeconds: want a whole number, not 1e3; write 1000"},
		"a max age too large":                  {policyHead + "  - maxAgeSeconds: 3000000000\n", "line 8, column 20: maxAgeSeconds: 3000000000 is out of range; it has to fit in 32 bits"},
		"a key twice":                          {policyHead + "  - id: a\n    id: b\n", `line 9, column 5: "id" comes twice; the first is on line 8`},
		"a duration that is none":              {strings.Replace(policyHead, "spec:", "spec:\n  driftCheckInterval: 5x", 1), `line 5, column 23: driftCheckInterval: time: unknown unit "x"`},
		"a string for a boolean":               {strings.Replace(policyHead, "spec:", "spec:\n  suspend: \"true\"", 1), `line 5, column 12: suspend: want true or false, not the string "true"`},
		"no rules":                             {policyHead, "line 7, column 3: the policy has no spec.rules; want a list of rules"},
		"another version":                      {strings.Replace(policyHead, "v1alpha1", "v2", 1), `line 1, column 13: apiVersion: "s3.bucketcors.dev/v2" is not served for a BucketCORSPolicy; want s3.bucketcors.dev/v1alpha1`},
		"no version":                           {"kind: BucketCORSPolicy\n", "line 1, column 1: the manifest has no apiVersion; want apiVersion: s3.bucketcors.dev/v1alpha1"},
		"no kind":                              {"apiVersion: s3.bucketcors.dev/v1alpha1\n", "line 1, column 1: the manifest has no kind; want kind: BucketCORSPolicy"},
		"a kind in another case":               {"kind: BucketCorsPolicy\n", `line 1, column 7: unknown kind "BucketCorsPolicy"; did you mean "BucketCORSPolicy"?`},
		"other kinds":                          {"kind: Service\n---\nkind: Deployment\n", "line 1, column 1: no CORS rules here, only Deployment, Service; want a BucketCORSPolicy manifest, the JSON of AWS"},
		"a Helm template in a value":           {policyHead + "  - allowedOrigins: {{ .Values.x }}\n", `line 8, column 21: allowedOrigins: want a list of strings, not a mapping; "{{" looks like a template of Helm: render it first`},
		"a Helm template":                      {policyHead + "  {{- range .x }}\n  - id: a\n  {{- end }}\n", `"{{" looks like a template of Helm: render it first`},
		"a tab":                                {policyHead + "  - id: a\n\tallowedOrigins: [a]\n", "not YAML: found a tab character"},
		"a wrong indentation":                  {policyHead + "  - id: a\n   allowedOrigins: [a]\n", "line 9, column 4: not YAML: did not find expected key"},
		"nothing":                              {" \r\n", "line 1, column 1: the file is empty; want a BucketCORSPolicy manifest"},
		"only a byte order mark":               {"\uFEFF", "line 1, column 1: the file is empty; want"},
		"an ID and nothing of a rule":          {"id: a\n", `line 1, column 1: no CORS rules here, only a mapping with "id"; want`},
		"only comments":                        {"# a\n---\n# b\n", "line 1, column 1: the file is empty or has comments only"},
		"prose":                                {"Hello world!", `line 1, column 1: no CORS rules here, only the string "Hello world!"`},
		"other JSON":                           {`{"name":"x","version":"1"}`, `line 1, column 1: no CORS rules here, only a mapping with "name", "version"; want`},
		"JSON with a comma more":               {"{\"CORSRules\":[],\n}", "line 2, column 1: not JSON: "},
		"JSON of AWS with a wrong key":         {`{"CORSRules":[{"ExposedHeaders":[]}]}`, `line 1, column 16: unknown key "ExposedHeaders"; did you mean "ExposeHeaders"?`},
		"JSON of AWS with a wrong top key":     {`{"CorsRules":[]}`, `line 1, column 2: unknown key "CorsRules"; did you mean "CORSRules"?`},
		"the configuration of AWS in YAML with a wrong key":     {"CORSRules:\n- ExposedHeaders: [a]\n", `line 2, column 3: unknown field "ExposedHeaders" in a CORSRule; did you mean "ExposeHeaders"?`},
		"the configuration of AWS in YAML with a wrong top key": {"CorsRules:\n- ID: a\n", `line 1, column 1: unknown field "CorsRules" in the configuration; did you mean "CORSRules"?`},
		"the configuration of AWS in YAML without rules":        {"CORSRules:\n", "line 1, column 1: the configuration has no CORSRules; want a list of rules"},
		"JSON of AWS with a comment":                            {"{\n // a\n \"CORSRules\": []}", "line 2, column 2: not JSON: invalid character '/'; JSON has no comments: remove it"},
		"JSON of AWS with a comma more in a list":               {"[{\"AllowedOrigins\":[\"*\",\n]}]", "line 2, column 1: not JSON: invalid character ']' looking for beginning of value; remove the comma before it"},
		"JSON of AWS with single quotes":                        {"{'CORSRules':[]}", `line 1, column 2: not JSON: invalid character '\''; JSON has double quotes only`},
		"JSON of AWS in its request":                            {`{"Bucket":"b","CORSConfiguration":{"CORSRules":[]}}`, `line 1, column 15: the configuration is what is in "CORSConfiguration": give that alone, as {"CORSRules": […]}`},
		"a rule alone in JSON":                                  {`{"AllowedOrigins":["*"]}`, `line 1, column 1: this is a rule alone; want a configuration, which is a list of rules: {"CORSRules": […]}`},
		"a rule alone in YAML":                                  {"allowedOrigins: [a]\n", `line 1, column 1: this is a rule alone; want`},
		"the JSON of Terraform":                                 {`{"resource":{"aws_s3_bucket_cors_configuration":{}}}`, "line 1, column 1: the JSON of Terraform is not read; give it what the bucket has instead: aws s3api get-bucket-cors --bucket NAME"},
		"a plan of Terraform":                                   {`{"format_version":"1.2","terraform_version":"1.9"}`, "line 1, column 1: the JSON of Terraform is not read"},
		"a Helm template from its first line":                   {"{{- if .x }}\nkind: x\n", `line 1, column 1: not a file of any format; "{{" looks like a template of Helm: render it first, as "helm template" does`},
		"a YAML of a later version":                             {"%YAML 1.2\n---\nkind: x\n", "line 1, column 1: only YAML 1.1 is read here, as in Kubernetes; remove the line that begins with %YAML"},
		"a key of the manifest in another case":                 {"apiversion: v1\nKind: BucketCORSPolicy\n", `line 1, column 1: unknown field "apiversion" in the manifest; did you mean "apiVersion"?`},
		"a field of the metadata":                               {strings.Replace(policyHead, "namespace:", "namespce:", 1), `line 3, column 23: unknown field "namespce" in metadata; did you mean "namespace"?`},
		"strings with commas for a list":                        {policyHead + "  - allowedOrigins: https://a, *.b\n", `line 8, column 21: allowedOrigins: want a list of strings, not the string "https://a, *.b"; write [https://a, "*.b"]`},
		"a blank after a colon":                                 {policyHead + "  - allowedOrigins:\n    - https: //a\n", "line 9, column 7: allowedOrigins: want a string, not a mapping, which a colon with a blank after it makes; if the text is meant, quote it"},
		"resources that a function makes":                       {"Resources:\n  Fn::ForEach::B:\n  - N\n  - [a]\n  - {}\n", "line 2, column 3: the resources come from the intrinsic function Fn::ForEach::B, which only CloudFormation can work out; give it what the bucket has instead"},
		"a max age with an exponent in quotes":                  {template + "MaxAge: \"3e2\"", "line 7, column 19: MaxAge: want a whole number, not 3e2; write 300"},
		"long keys":                                             {strings.Repeat("a", 99) + ": b\nc: d\n", `no CORS rules here, only a mapping with "` + strings.Repeat("a", 40) + `…", "c"; want`},
		"XML of another kind":                                   {"<html/>", `line 1, column 1: want the element CORSConfiguration, not "html"`},
		"a short intrinsic function":                            {template + "AllowedOrigins: [!Sub 'https://${x}']", "line 7, column 28: AllowedOrigins: the value comes from the intrinsic function !Sub, which only CloudFormation can work out"},
		"a long intrinsic function":                             {template + "AllowedOrigins: {\"Fn::Split\": x}", "line 7, column 27: AllowedOrigins: the value comes from the intrinsic function Fn::Split"},
		"an intrinsic function for a rule":                      {template + "!If [a, b, c]", "line 7, column 11: a CorsRule: the value comes from the intrinsic function !If"},
		"a wrong property of a template":                        {template + "ExposeHeaders: [x]", `line 7, column 11: unknown field "ExposeHeaders" in a CorsRule; did you mean "ExposedHeaders"?`},
		"a template without rules":                              {"Resources:\n  A: {Type: AWS::S3::Bucket}\n", "line 2, column 3: the template has no AWS::S3::Bucket with a CorsConfiguration"},
		"UTF-16":                                                {"\xff\xfea\x00", "line 1, column 1: the file is UTF-16; save the file as UTF-8"},
		"UTF-16 without a mark":                                 {"a\x00b\x00", "line 1, column 1: the file is UTF-16; save the file as UTF-8"},
		"Latin-1":                                               {"a\né: \xe9", "line 2, column 4: not UTF-8; save the file as UTF-8"},
		"a NUL byte":                                            {"ab\x00c", "line 1, column 3: a NUL byte; the file is not text"},
		"deep lists":                                            {strings.Repeat("[", document.MaxBytes), "line 1, column 1001: nested more than 1000 deep"},
		"too many values in JSON":                               {"[" + strings.Repeat("1,", 600_000) + "1]", "line 1, column 1000000: more than 500000 values; give what has CORS rules in a file of its own"},
		"too many values in YAML":                               {"- b" + strings.Repeat("\n- a", 600_000), "line 500000, column 3: more than 500000 values; give what has CORS rules in a file of its own"},
		"too many values for YAML":                              {"x: [" + strings.Repeat("a,", 1_100_000) + "]", "line 1, column 2097154: more than 1048576 lines and values; give what"},
		"too many lines for YAML":                               {strings.Repeat("#\n", 1_100_000), "line 1, column 1: more than 1048576 lines; give what"},
		"a file too large":                                      {strings.Repeat(" ", document.MaxBytes+1), "line 1, column 1: the file has 4194305 bytes, and more than 4 MiB are not read"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := document.Read("x", []byte(test.data))
			if err == nil || !strings.Contains(err.Error(), test.want) || f != nil {
				t.Errorf("got %+v, %v\nwant %s", f, err, test.want)
			}
			checkError(t, err)
		})
	}
}

func checkError(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*cors.ParseError](err)
	if !ok || e.Line < 1 || e.Column < 1 || e.Problem == "" {
		t.Fatalf("error %#v", err)
	}
	if len(e.Problem) > 1200 {
		t.Errorf("an error of %d bytes", len(e.Problem))
	}
}

// Aliases can stand for far more than a file holds.
func TestReadOfAliasesIsBounded(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString(policyHead + "  - &r {allowedOrigins: &o [" + strings.Repeat("a, ", 2000) + "]}\n")
	for range 2000 {
		bomb.WriteString("  - *r\n  - allowedOrigins: *o\n")
	}
	_, err := document.Read("x", []byte(bomb.String()))
	if err == nil || !strings.Contains(err.Error(), "aliases repeat more than 200000 values") {
		t.Errorf("got %v", err)
	}
}

// What resources say literally about their buckets is kept.
func TestReadOfBuckets(t *testing.T) {
	const (
		resource = "resource \"aws_s3_bucket_cors_configuration\" \"x\" {\n  bucket = %s\n}\n"
		another  = "resource \"aws_s3_bucket\" \"x\" {\n  bucket = \"its-name\"\n}\n"
		template = "Resources:\n  A:\n    Type: AWS::S3::Bucket\n    Properties: {BucketName: %s, CorsConfiguration: {CorsRules: []}}\n"
	)
	for _, test := range []struct{ format, name, want string }{
		{resource, `"my-bucket"`, "my-bucket"},
		{resource, `("my-bucket")`, "my-bucket"},
		{resource, "aws_s3_bucket.x.id", ""},
		{resource, `"a-${var.b}"`, ""},
		{resource, "null", ""},
		{another + resource, "aws_s3_bucket.x.id", "its-name"},
		{another + resource, "(aws_s3_bucket.x.bucket)", "its-name"},
		{another + resource, "aws_s3_bucket.x.arn", ""},
		{another + resource, "aws_s3_bucket.x[0].id", ""},
		{another + resource, "aws_s3_bucket.y.id", ""},
		{another + resource, "aws_sns_topic.x.id", ""},
		{"resource \"aws_s3_bucket\" \"x\" {}\n" + resource, "aws_s3_bucket.x.id", ""},
		{resource, "12", ""},
		{strings.Replace(resource, "_cors_configuration", "", 1), `"old" ` + "\n cors_rule {}", "old"},
		{template, "my-bucket", "my-bucket"},
		{template, "!Sub my-bucket", ""},
		{template, "{Ref: Name}", ""},
		{template, "12", ""},
	} {
		f, err := document.Read("x", fmt.Appendf(nil, test.format, test.name))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got := f.Documents[0].Bucket; got != test.want {
			t.Errorf("%s is the bucket %q, want %q", test.name, got, test.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for name := range applied {
		data, err := os.ReadFile(filepath.Join("testdata", "apply", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, s := range []string{
		jsonPolicy, "a: &a [*a]", "- *\n", "\uFEFF{}", "a:\n\t- b", "? - a\n: b", "{{ x }}", "--- |\n a\n...\n", "a: !!binary x",
		"kind: List\nitems: [{kind: List, items: [1]}]", "<<: {a: b}\nkind: x", "a: \"\u2028b\"\u0085c: d",
		policyHead + "  - &r {id: a}\n  - <<: [*r, *r]\n    maxAgeSeconds: 0x1F\n",
		"Resources:\n  A: {Type: AWS::S3::Bucket, Properties: {CorsConfiguration: {CorsRules: [{AllowedOrigins: [!Ref a]}]}}}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := document.Read("x", data)
		if err != nil {
			checkError(t, err)
			return
		}
		if len(file.Documents) == 0 {
			t.Fatal("no documents")
		}
		for _, d := range file.Documents {
			for i := range d.Configuration.Rules {
				for _, path := range []string{cors.Path(i, "", -1), cors.Path(i, cors.FieldAllowedOrigins, 0)} {
					p := file.Position(d, path)
					if p.Line < 1 || p.Column < 1 || p.EndLine < p.Line || p.EndLine == p.Line && p.EndColumn < p.Column {
						t.Errorf("%s is at %+v", path, p)
					}
				}
			}
		}
	})
}
