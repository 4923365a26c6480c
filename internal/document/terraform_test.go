// SPDX-License-Identifier: Apache-2.0

package document_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
)

const terraformFile = `# CORS
terraform {
  required_version = ">= 1.5"
}

resource "aws_s3_bucket" "plain" {
  bucket = var.name
}

resource "aws_s3_bucket" "old" {
  bucket = "old-${var.stage}"
  cors_rule {
    allowed_methods = ["GET"]
    allowed_origins = ["*"]
    max_age_seconds = "3000"
  }
  versioning {
    enabled = true
  }
}

resource "aws_s3_bucket_cors_configuration" "web" {
  for_each = toset(["a", "b"])
  bucket   = each.value

  cors_rule {
    id              = "é \"$${x}\" %%{y}"
    allowed_origins = ["https://a.example", /* two */ ("https://b.example")]
    allowed_methods = [
      "PUT", # upload
      "GET",
    ]
    allowed_headers = null
    expose_headers  = []
    max_age_seconds = 0
  }
  cors_rule {
    allowed_origins = ["*"]
    allowed_methods = ["GET"]
    max_age_seconds = -(5)
  }
  lifecycle {
    prevent_destroy = true
  }
}
`

func TestReadTerraform(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"as it is", terraformFile},
		{"with a byte order mark", "\ufeff" + terraformFile},
		{"with CRLF", strings.ReplaceAll(terraformFile, "\n", "\r\n")},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := document.Read("main.tf", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			want := []struct {
				name  string
				rules []cors.Rule
			}{
				{"aws_s3_bucket.old", []cors.Rule{
					{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(3000))},
				}},
				{"aws_s3_bucket_cors_configuration.web", []cors.Rule{
					{
						ID:             `é "${x}" %{y}`,
						AllowedOrigins: []string{"https://a.example", "https://b.example"}, AllowedMethods: []string{"PUT", "GET"},
						MaxAgeSeconds: new(int32(0)),
					},
					{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(-5))},
				}},
			}
			if len(f.Documents) != len(want) {
				t.Fatalf("%d documents", len(f.Documents))
			}
			for i, d := range f.Documents {
				if d.Format != document.Terraform || d.Name != want[i].name || !reflect.DeepEqual(d.Configuration.Rules, want[i].rules) {
					t.Errorf("document %d is %s %q with %+v", i, d.Format, d.Name, d.Configuration)
				}
			}
			web := f.Documents[1]
			for path, want := range map[string]document.Position{
				"rules":                      {Line: 22, Column: 1, EndLine: 22, EndColumn: 50},
				"rules[0]":                   {Line: 26, Column: 3, EndLine: 36, EndColumn: 4},
				"rules[0].id":                {Line: 27, Column: 23, EndLine: 27, EndColumn: 42},
				"rules[0].allowedOrigins":    {Line: 28, Column: 23, EndLine: 28, EndColumn: 77},
				"rules[0].allowedOrigins[1]": {Line: 28, Column: 56, EndLine: 28, EndColumn: 75},
				"rules[0].allowedMethods[1]": {Line: 31, Column: 7, EndLine: 31, EndColumn: 12},
				"rules[0].allowedHeaders":    {Line: 33, Column: 23, EndLine: 33, EndColumn: 27},
				"rules[0].maxAgeSeconds":     {Line: 35, Column: 23, EndLine: 35, EndColumn: 24},
				"rules[1].exposeHeaders[0]":  {Line: 37, Column: 3, EndLine: 41, EndColumn: 4}, // the rule around it
				"rules[1].allowedOrigins[0]": {Line: 38, Column: 24, EndLine: 38, EndColumn: 27},
				"rules[1].maxAgeSeconds":     {Line: 40, Column: 23, EndLine: 40, EndColumn: 27},
			} {
				if got := f.Position(web, path); got != want {
					t.Errorf("%s is at %+v, want %+v", path, got, want)
				}
			}
		})
	}
}

// What is changed is the string and nothing else.
func TestApplyToTerraform(t *testing.T) {
	f, err := document.Read("main.tf", []byte(terraformFile))
	if err != nil {
		t.Fatal(err)
	}
	data, err := f.Apply([]document.Change{
		{Document: f.Documents[1], Path: "rules[0].allowedOrigins[1]", Values: []string{`"${\`}},
		{Document: f.Documents[1], Path: "rules[0].allowedMethods[0]"},
	})
	if err != nil {
		t.Fatal(err)
	}
	again, err := document.Read("main.tf", data)
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	got := again.Documents[1].Configuration.Rules[0]
	want := f.Documents[1].Configuration.Rules[0]
	want.AllowedOrigins = []string{"https://a.example", `"${\`}
	want.AllowedMethods = []string{"GET"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v from\n%s", got, want, data)
	}
}

func TestReadTerraformRefuses(t *testing.T) {
	const (
		live      = "give it what the bucket has instead: aws s3api get-bucket-cors --bucket NAME"
		evaluated = " is not a literal, and bucketcors does not evaluate Terraform; " + live
		dynamic   = "a dynamic block has to be evaluated, and bucketcors does not evaluate Terraform; " + live
	)
	inRule := func(text string) string {
		return "resource \"aws_s3_bucket_cors_configuration\" \"a\" {\n  cors_rule {\n    " + text + "\n  }\n}\n"
	}
	inResource := func(text string) string {
		return "resource \"aws_s3_bucket_cors_configuration\" \"a\" {\n  " + text + "\n}\n"
	}
	for _, c := range []struct{ name, text, want string }{
		{"a variable", inRule(`allowed_origins = var.origins`), "line 3, column 23: allowed_origins: var.origins" + evaluated},
		{"a variable in a list", inRule(`allowed_origins = ["a", local.b[0]]`), "line 3, column 29: allowed_origins: local.b[0]" + evaluated},
		{"a variable in a string", inRule(`allowed_origins = ["https://${var.domain}"]`), "line 3, column 35: allowed_origins: var.domain" + evaluated},
		{"nothing but a variable in a string", inRule(`id = "${var.id}"`), `line 3, column 10: id: "${var.id}"` + evaluated},
		{"a function", inRule(`allowed_origins = concat(["a"], ["b"])`), `line 3, column 23: allowed_origins: concat(["a"], ["b"])` + evaluated},
		{"a for expression", inRule("allowed_origins = [\n for h in var.h : \"https://${h}\"]"), "line 3, column 23: allowed_origins: […" + evaluated},
		{"a condition", inRule(`max_age_seconds = var.x ? 1 : 2`), "line 3, column 23: max_age_seconds: var.x ? 1 : 2" + evaluated},
		{"a sum", inRule(`max_age_seconds = 24 * 3600`), "line 3, column 23: max_age_seconds: 24 * 3600" + evaluated},
		{"a directive", inRule(`id = "%{ if true }a%{ endif }"`), `line 3, column 11: id: %{ if true }a%{ endif }` + evaluated},
		{"dynamic rules", inResource("dynamic \"cors_rule\" {\n for_each = var.rules\n content {}\n}"), "line 2, column 3: " + dynamic},
		{"a dynamic block in a rule", inRule("dynamic \"x\" {}"), "line 3, column 5: " + dynamic},
		{"a string for a list", inRule(`allowed_origins = "*"`), `line 3, column 23: allowed_origins: want a list of strings, not the string "*"`},
		{"a number in a list", inRule(`allowed_origins = [1]`), "line 3, column 24: allowed_origins: want a string in quotes, not 1"},
		{"null in a list", inRule(`allowed_origins = [null]`), "line 3, column 24: allowed_origins: want a string in quotes, not null"},
		{"a list in a list", inRule(`allowed_origins = [["*"]]`), `line 3, column 24: allowed_origins: want a string in quotes, not ["*"]`},
		{"an object for a list", inRule(`allowed_origins = {}`), "line 3, column 23: allowed_origins: want a list of strings, not {}"},
		{"a boolean for an id", inRule(`id = true`), "line 3, column 10: id: want a string in quotes, not true"},
		{"a heredoc", inRule("id = <<EOT\na\nEOT\n"), "line 3, column 10: id: want a string in quotes, not a heredoc, which ends with a line break"},
		{"a word for a number", inRule(`max_age_seconds = "soon"`), `line 3, column 23: max_age_seconds: want a number of seconds, not the string "soon"`},
		{"a list for a number", inRule(`max_age_seconds = [1]`), "line 3, column 23: max_age_seconds: want a number of seconds, not [1]"},
		{"a fraction", inRule(`max_age_seconds = 1.5`), "line 3, column 23: max_age_seconds: 1.5 is not a whole number of seconds"},
		{"a large number", inRule(`max_age_seconds = 2147483648`), "line 3, column 23: max_age_seconds: 2147483648 is out of range; S3 stores 32 bits"},
		{"a large negative number", inRule(`max_age_seconds = "-2147483649"`), `line 3, column 23: max_age_seconds: "-2147483649" is out of range; S3 stores 32 bits`},
		{"an unknown argument of a rule", inRule(`exposed_headers = ["ETag"]`), `line 3, column 5: unknown argument "exposed_headers"; did you mean "expose_headers"?`},
		{"an unknown argument of the resource", inResource(`buckett = "a"`), `line 2, column 3: unknown argument "buckett"; did you mean "bucket"?`},
		{"an unknown block of the resource", inResource(`cors_rules {}`), `line 2, column 3: unknown block "cors_rules"; did you mean "cors_rule"?`},
		{"rules that are no blocks", inResource(`cors_rule = []`), "line 2, column 3: cors_rule is a block and not an argument: write cors_rule { … } for each rule"},
		{"a rule with a label", inResource(`cors_rule "a" {}`), "line 2, column 13: a cors_rule has no label"},
		{"a list that is a block", inRule(`allowed_origins {}`), "line 3, column 5: allowed_origins is an argument and not a block: write allowed_origins = …"},
		{"an argument twice", inRule("id = \"a\"\nid = \"b\""), `line 4, column 1: not Terraform: The argument "id" was already set at :3,5-7. Each argument may be set only once`},
		{"rules of a module", "module \"a\" {\n  cors_rule = []\n}\n", "line 2, column 3: the rules of a module are not read; " + live},
		{"nothing of ours", "resource \"aws_s3_bucket\" \"a\" {\n}\n", `line 1, column 1: there are no CORS rules here: want a resource "aws_s3_bucket_cors_configuration", or cors_rule blocks in an "aws_s3_bucket"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := document.Read("main.tf", []byte(c.text))
			if err == nil {
				t.Fatalf("%+v", f.Documents[0].Configuration)
			}
			if err.Error() != c.want {
				t.Errorf("error\n%v, want\n%s", err, c.want)
			}
		})
	}
}

// The parser of HCL would take gigabytes of stack for some of these.
func TestReadTerraformIsBounded(t *testing.T) {
	for _, c := range []struct{ name, begin, repeat, want string }{
		{"brackets", "a = ", "[", "levels of nesting"},
		{"blocks", "", "a {\n", "levels of nesting"},
		{"strings in strings", "a = ", `"${`, "levels of nesting"},
		{"minus signs", "a = ", "-", "operators"},
		{"conditions", "a = ", "a ? b : ", "operators"},
		{"splats", "a = a", "[*]", "operators"},
		{"directives", `a = "`, "%{if a}%{endif}", "operators"},
		{"dollar signs", `a = "`, "$$$$", "too much text"},
		{"a heredoc", "a = <<A\n", strings.Repeat("a", 60) + "\n", "too much text"},
		{"commas", "a = [", ",", "not Terraform"},
		{"lines", "", "a\n", "not Terraform"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := c.begin + strings.Repeat(c.repeat, 20000)
			_, err := document.Read("main.tf", []byte(text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	_, err := document.Read("main.tf", []byte("a = ["+strings.Repeat(`"`+strings.Repeat("a", 1000)+`",`, 1000)+"]\n"))
	if err == nil || !strings.Contains(err.Error(), "there are no CORS rules here") {
		t.Errorf("many strings: %v", err)
	}
	_, err = document.Read("main.tf", []byte(strings.Repeat("a = 1\n", 1<<19)))
	if err == nil || err.Error() != "line 1, column 1: Terraform files of more than 2 MiB are not read; give the resources with CORS rules in a file of their own" {
		t.Errorf("3 MiB: %v", err)
	}
}

func TestReadRefusesTheJSONOfTerraformByItsName(t *testing.T) {
	_, err := document.Read("main.tf.json", []byte(`{"locals": {}}`))
	const want = "line 1, column 1: the JSON of Terraform is not read; give it what the bucket has instead: aws s3api get-bucket-cors --bucket NAME"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// Any bytes are read, or an error with a place.
func FuzzReadTerraform(f *testing.F) {
	f.Add([]byte(terraformFile))
	f.Add([]byte("resource aws_s3_bucket a {\ncors_rule {\nid = <<-A\n${\"x\"}\nA\n}\n}"))
	f.Add([]byte("resource \"aws_s3_bucket_cors_configuration\" \"\xc3\xa9\" {\n cors_rule {\n allowed_origins = [\"\\u0041\", (\"b\"),\n]\nmax_age_seconds = -1e9999999 } }"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := document.Read("main.tf", data)
		if err != nil {
			if e, ok := errors.AsType[*cors.ParseError](err); !ok || e.Line < 1 || e.Column < 1 || e.Problem == "" {
				t.Errorf("error %#v", err)
			}
			return
		}
		for _, d := range file.Documents {
			if written, _, err := document.Write(d.Configuration, document.Terraform, document.Metadata{}); err == nil {
				checkRead(t, written, d.Configuration)
			}
		}
	})
}
