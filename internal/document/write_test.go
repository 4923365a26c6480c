// SPDX-License-Identifier: Apache-2.0

package document_test

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
)

var update = flag.Bool("update", false, "write the golden files of testdata/convert")

// extensions are those of the golden files.
var extensions = map[document.Format]string{
	document.Policy:         "policy.yaml",
	document.JSON:           "json",
	document.XML:            "xml",
	document.Terraform:      "tf",
	document.CloudFormation: "cloudformation.yaml",
}

// conversion is a configuration that is written in every format.
type conversion struct {
	name          string
	metadata      document.Metadata
	configuration cors.Configuration
	refused       map[document.Format]string // the error, where there is one
}

func conversions() []conversion {
	long := make([]string, 12)
	for i := range long {
		long[i] = "https://" + strings.Repeat("x", i+1) + ".example.com"
	}
	return []conversion{
		{
			name:     "uploads",
			metadata: document.Metadata{Name: "web-uploads", Namespace: "team-a", Bucket: "team-a-uploads"},
			configuration: cors.Configuration{Rules: []cors.Rule{
				{
					ID:             "uploads",
					AllowedOrigins: []string{"https://app.example.com", "https://*.preview.example.com"},
					AllowedMethods: []string{"GET", "PUT", "HEAD"},
					AllowedHeaders: []string{"content-type", "x-amz-*"},
					ExposeHeaders:  []string{"ETag"},
					MaxAgeSeconds:  new(int32(3000)),
				},
				{AllowedOrigins: long, AllowedMethods: []string{"POST", "DELETE"}, AllowedHeaders: []string{"*"}},
				{ID: "public read", AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET", "HEAD"}, MaxAgeSeconds: new(int32(0))},
			}},
		},
		{
			name: "strings",
			configuration: cors.Configuration{Rules: []cors.Rule{
				{
					ID:             `"quoted" and 'so' \ 🙂 ${var.x} %{if} $${y} # no: comment`,
					AllowedOrigins: []string{"null", "*", "yes", "No", "on", "OFF", "true", "~", "", " a", "a ", "1", "0x1F", "1e3", "2001-01-01", ".inf"},
					AllowedMethods: []string{"GET"},
					AllowedHeaders: []string{"null", "y", "- a", "a: b", "[a]", "{a}", "&a", "!a", "|", "%a", "@a", "`a", "<<", "="},
					ExposeHeaders:  []string{"null", "123", "1_000", "0o7", "1:30"},
				},
				{ID: "no", AllowedOrigins: []string{"a\tb", "a\nb", "a\rb", "\u00a0\u0085\u2028\ufeff", "<&>", "${", "%{", "$$", "é"}, AllowedMethods: []string{"PUT"}},
				{ID: "12", AllowedOrigins: []string{"日本"}, AllowedMethods: []string{"PUT"}},
			}},
		},
		{
			name:     "max age",
			metadata: document.Metadata{Bucket: "007"},
			configuration: cors.Configuration{Rules: []cors.Rule{
				{AllowedOrigins: []string{"https://a.example"}, AllowedMethods: []string{"GET"}},
				{AllowedOrigins: []string{"https://b.example"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(0))},
				{AllowedOrigins: []string{"https://c.example"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(-1 << 31))},
				{AllowedOrigins: []string{"https://d.example"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(1<<31 - 1))},
			}},
			refused: map[document.Format]string{
				document.CloudFormation: "rules[2].maxAgeSeconds: -2147483648 is negative, and CloudFormation takes no such number",
			},
		},
		{
			name:     "twice",
			metadata: document.Metadata{Name: "aws_s3_bucket_cors_configuration.Twice_Given"},
			configuration: cors.Configuration{Rules: []cors.Rule{
				{AllowedOrigins: []string{"https://a.example", "https://a.example"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(5))},
				{AllowedOrigins: []string{"https://b.example"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(5))},
				{AllowedOrigins: []string{"https://b.example"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(5))},
			}},
			refused: map[document.Format]string{
				document.CloudFormation: "rules[0].allowedOrigins[1]: there before, and CloudFormation takes nothing twice; remove it",
			},
		},
		{
			name:          "nothing",
			configuration: cors.Configuration{},
			refused: map[document.Format]string{
				document.Policy:         noRules,
				document.Terraform:      noRules,
				document.CloudFormation: noRules,
			},
		},
	}
}

const noRules = "rules: there are none, and S3 stores no empty configuration; to have none, delete that of the bucket"

// What is written is in testdata/convert, with the notes beside it, and reads as
// the same configuration.
func TestWrite(t *testing.T) {
	for _, c := range conversions() {
		for _, format := range document.Formats() {
			t.Run(c.name+"/"+string(format), func(t *testing.T) {
				golden := filepath.Join("testdata", "convert", strings.ReplaceAll(c.name, " ", "-")+"."+extensions[format])
				data, notes, err := document.Write(c.configuration, format, c.metadata)
				if want := c.refused[format]; want != "" {
					if err == nil || err.Error() != want {
						t.Errorf("error %v, want %s", err, want)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				checkRead(t, data, c.configuration)
				checkGolden(t, golden, data)
				checkGolden(t, golden+".notes", []byte(strings.Join(append(notes, ""), "\n")))
			})
		}
	}
}

// From every format to every other, and on to the next, nothing changes.
func TestWriteOfWhatIsRead(t *testing.T) {
	for _, c := range conversions() {
		for _, from := range document.Formats() {
			golden := filepath.Join("testdata", "convert", strings.ReplaceAll(c.name, " ", "-")+"."+extensions[from])
			data, err := os.ReadFile(golden)
			if os.IsNotExist(err) && c.refused[from] != "" {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			f, err := document.Read(golden, data)
			if err != nil {
				t.Fatal(err)
			}
			d := f.Documents[0]
			if want := c.metadata.Bucket; want != "" && (from == document.Terraform || from == document.CloudFormation) && d.Bucket != want {
				t.Errorf("%s is for the bucket %q, want %q", golden, d.Bucket, want)
			}
			for _, to := range document.Formats() {
				written, _, err := document.Write(d.Configuration, to, c.metadata)
				if want := c.refused[to]; want != "" {
					if err == nil || err.Error() != want {
						t.Errorf("%s as %s: error %v, want %s", golden, to, err, want)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				checkRead(t, written, c.configuration)
			}
		}
	}
}

// checkGolden compares with a file, which is missing where there is nothing.
func checkGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		var err error
		if len(got) == 0 {
			err = os.RemoveAll(name)
		} else {
			err = os.WriteFile(name, got, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil && (len(got) > 0 || !os.IsNotExist(err)) {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is now\n%s", name, got)
	}
}

// checkRead reads what was written.
func checkRead(t *testing.T, data []byte, want cors.Configuration) {
	t.Helper()
	f, err := document.Read("written", data)
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	if len(f.Documents) != 1 {
		t.Fatalf("%d documents in\n%s", len(f.Documents), data)
	}
	if got := f.Documents[0].Configuration; !sameConfiguration(got, want) {
		t.Errorf("%+v is written as\n%s\nwhich reads as %+v", want, data, got)
	}
}

// sameConfiguration reports whether two configurations have the same values in
// the same order. A list that is empty is none.
func sameConfiguration(a, b cors.Configuration) bool {
	return slices.EqualFunc(a.Rules, b.Rules, func(a, b cors.Rule) bool {
		return a.ID == b.ID &&
			slices.Equal(a.AllowedOrigins, b.AllowedOrigins) && slices.Equal(a.AllowedMethods, b.AllowedMethods) &&
			slices.Equal(a.AllowedHeaders, b.AllowedHeaders) && slices.Equal(a.ExposeHeaders, b.ExposeHeaders) &&
			reflect.DeepEqual(a.MaxAgeSeconds, b.MaxAgeSeconds)
	})
}

// rule is a small rule with a change.
func rule(change func(*cors.Rule)) cors.Rule {
	r := cors.Rule{AllowedOrigins: []string{"https://a.example"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(5))}
	change(&r)
	return r
}

func TestWriteRefusesWhatAFormatCannotCarry(t *testing.T) {
	const (
		inPolicy         = document.Policy
		inTerraform      = document.Terraform
		inCloudFormation = document.CloudFormation
	)
	many := func(n int, value string) []string { return slices.Repeat([]string{value}, n) }
	unchanged := func(*cors.Rule) {}
	for _, c := range []struct {
		name     string
		to       document.Format
		rule     func(*cors.Rule)
		metadata document.Metadata
		want     string
	}{
		{"an origin that is not UTF-8", inPolicy, func(r *cors.Rule) { r.AllowedOrigins = []string{"a", "\xff"} }, document.Metadata{}, `rules[0].allowedOrigins[1]: "\xff" is not UTF-8`},
		{"an id that is not UTF-8", inTerraform, func(r *cors.Rule) { r.ID = "\xff" }, document.Metadata{}, `rules[0].id: "\xff" is not UTF-8`},
		{"a header that is not UTF-8", inCloudFormation, func(r *cors.Rule) { r.ExposeHeaders = []string{"\xff"} }, document.Metadata{}, `rules[0].exposeHeaders[0]: "\xff" is not UTF-8`},
		{"a header that is not UTF-8", document.JSON, func(r *cors.Rule) { r.ExposeHeaders = []string{"\xff"} }, document.Metadata{}, `rules[0].exposeHeaders[0]: JSON cannot carry "\xff"`},
		{"a control character", document.XML, func(r *cors.Rule) { r.ID = "\x01" }, document.Metadata{}, `rules[0].id: XML cannot carry "\x01"`},
		{"an id of 256 characters", inPolicy, func(r *cors.Rule) { r.ID = strings.Repeat("é", 256) }, document.Metadata{}, `rules[0].id: "` + strings.Repeat("é", 64) + `"… has 256 characters, and a BucketCORSPolicy takes at most 255`},
		{"an id of 256 bytes", inTerraform, func(r *cors.Rule) { r.ID = strings.Repeat("é", 128) }, document.Metadata{}, `rules[0].id: "` + strings.Repeat("é", 64) + `"… has 256 bytes, and the AWS provider of Terraform takes at most 255`},
		{"an id of 256 characters", inCloudFormation, func(r *cors.Rule) { r.ID = strings.Repeat("a", 256) }, document.Metadata{}, `rules[0].id: "` + strings.Repeat("a", 64) + `"… has 256 characters, and CloudFormation takes at most 255`},
		{"no origins", inPolicy, func(r *cors.Rule) { r.AllowedOrigins = nil }, document.Metadata{}, "rules[0].allowedOrigins: missing; a BucketCORSPolicy wants at least one"},
		{"no methods", inTerraform, func(r *cors.Rule) { r.AllowedMethods = nil }, document.Metadata{}, "rules[0].allowedMethods: missing; the AWS provider of Terraform wants at least one"},
		{"2201 origins", inPolicy, func(r *cors.Rule) { r.AllowedOrigins = many(2201, "a") }, document.Metadata{}, "rules[0].allowedOrigins: 2201 values, and a BucketCORSPolicy takes at most 2200"},
		{"101 methods", inPolicy, func(r *cors.Rule) { r.AllowedMethods = many(101, "GET") }, document.Metadata{}, "rules[0].allowedMethods: 101 values, and a BucketCORSPolicy takes at most 100"},
		{"a header of 8193 characters", inPolicy, func(r *cors.Rule) { r.AllowedHeaders = []string{strings.Repeat("é", 8193)} }, document.Metadata{}, "rules[0].allowedHeaders[0]: 8193 characters, and a BucketCORSPolicy takes at most 8192"},
		{"an odd method", inPolicy, func(r *cors.Rule) { r.AllowedMethods = []string{"GET", "put"} }, document.Metadata{}, `rules[0].allowedMethods[1]: a BucketCORSPolicy takes only GET, PUT, POST, DELETE and HEAD, and not "put"`},
		{"an odd method", inCloudFormation, func(r *cors.Rule) { r.AllowedMethods = []string{""} }, document.Metadata{}, `rules[0].allowedMethods[0]: CloudFormation takes only GET, PUT, POST, DELETE and HEAD, and not ""`},
		{"a string that Terraform normalizes", inTerraform, func(r *cors.Rule) { r.AllowedOrigins = []string{"e\u0301"} }, document.Metadata{}, `rules[0].allowedOrigins[0]: Terraform would change "e\u0301", which is not in Unicode's normalization form C`},
		{"a dynamic reference", inCloudFormation, func(r *cors.Rule) { r.AllowedOrigins = []string{"{{resolve:ssm:x}}"} }, document.Metadata{}, `rules[0].allowedOrigins[0]: CloudFormation would replace the "{{resolve:" in "{{resolve:ssm:x}}", and has no way to write that`},
		{"a name without letters", inPolicy, unchanged, document.Metadata{Name: "日本"}, `"日本" has no letter or digit (of ASCII) to make the name of a policy of; give another name`},
		{"a name that is too long", inPolicy, unchanged, document.Metadata{Name: strings.Repeat("a", 254)}, `"` + strings.Repeat("a", 64) + `"… cannot be made the name of a policy; give a shorter one`},
		{"an odd namespace", inPolicy, unchanged, document.Metadata{Namespace: "Team A"}, `"Team A" is not the name of a namespace, which has up to 63 small letters, digits and hyphens between them`},
		{"an odd bucket", inPolicy, unchanged, document.Metadata{Name: "a", Bucket: "a b c"}, `"a b c" is not the name of a bucket, which has 3 to 255 letters, digits, dots, hyphens and underscores`},
		{"a bucket of old", inCloudFormation, unchanged, document.Metadata{Bucket: "Old_Bucket"}, `"Old_Bucket" is not the name of a bucket that CloudFormation takes: 3 to 63 small letters, digits, dots and hyphens`},
		{"a bucket of old", inTerraform, unchanged, document.Metadata{Bucket: strings.Repeat("b", 64)}, `"` + strings.Repeat("b", 64) + `" has more than the 63 characters that the AWS provider of Terraform takes`},
		{"an unknown format", "hcl", unchanged, document.Metadata{}, `unknown format "hcl"; known are policy, json, xml, terraform, cloudformation`},
	} {
		t.Run(c.name+" in "+string(c.to), func(t *testing.T) {
			data, notes, err := document.Write(cors.Configuration{Rules: []cors.Rule{rule(c.rule)}}, c.to, c.metadata)
			if err == nil || err.Error() != c.want {
				t.Errorf("error\n%v, want\n%s", err, c.want)
			}
			if data != nil || notes != nil {
				t.Errorf("and with the error came %q, %q", data, notes)
			}
		})
	}
	for _, to := range []document.Format{inPolicy, inTerraform, inCloudFormation} {
		rules := slices.Repeat([]cors.Rule{rule(unchanged)}, 101)
		if _, _, err := document.Write(cors.Configuration{Rules: rules}, to, document.Metadata{}); err == nil || !strings.HasPrefix(err.Error(), "rules: there are 101, and ") {
			t.Errorf("%s with 101 rules: %v", to, err)
		}
	}
}

// CloudFormation wants values to be unique, and tells capital letters from small ones.
func TestWriteTakesValuesThatDifferInCaseAsTwo(t *testing.T) {
	c := cors.Configuration{Rules: []cors.Rule{rule(func(r *cors.Rule) { r.ExposeHeaders = []string{"ETag", "etag"} })}}
	data, _, err := document.Write(c, document.CloudFormation, document.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	checkRead(t, data, c)
}

// Names that a format allows stay, and others become something near.
func TestWriteNames(t *testing.T) {
	c := cors.Configuration{Rules: []cors.Rule{rule(func(*cors.Rule) {})}}
	for _, n := range []struct{ given, policy, terraform, cloudFormation string }{
		{"", "cors", "cors", "cors"},
		{"web-uploads", "web-uploads", "web-uploads", "WebUploads"},
		{"team-a/web.uploads", "web.uploads", "web_uploads", "WebUploads"},
		{"aws_s3_bucket_cors_configuration.web_uploads", "web-uploads", "web_uploads", "WebUploads"},
		{"aws_s3_bucket.this", "this", "this", "this"},
		{"WebUploads2", "web-uploads2", "WebUploads2", "WebUploads2"},
		{"2024 uploads!", `"2024-uploads"`, "cors_2024_uploads", `"2024Uploads"`},
		{"Büro", "b-ro", "b_ro", "BRo"},
		{"on", `"on"`, "on", `"on"`},
		{"123", `"123"`, "cors_123", `"123"`},
	} {
		for to, want := range map[document.Format]string{
			document.Policy:         "\n  name: " + n.policy + "\n",
			document.Terraform:      `resource "aws_s3_bucket_cors_configuration" "` + n.terraform + `" {`,
			document.CloudFormation: "Resources:\n  " + n.cloudFormation + ":\n",
		} {
			data, _, err := document.Write(c, to, document.Metadata{Name: n.given})
			if err != nil || !strings.Contains(string(data), want) {
				t.Errorf("%q in %s: error %v, and no %q in\n%s", n.given, to, err, want, data)
			}
		}
	}
}

func TestNotesOnTerraformTellWhereTheOrderOfRulesDecides(t *testing.T) {
	with := func(method, header string, origins ...string) cors.Rule {
		return rule(func(r *cors.Rule) {
			r.AllowedOrigins, r.AllowedMethods, r.AllowedHeaders = origins, []string{method}, []string{header}
		})
	}
	many := with("GET", "a", slices.Repeat([]string{"https://a.example"}, 1100)...)
	for _, c := range []struct {
		name  string
		rules []cors.Rule
		want  string // how the note begins; empty for none
	}{
		{"one rule", []cors.Rule{with("GET", "a", "*")}, ""},
		{"the same origin", []cors.Rule{with("GET", "a", "https://a.example"), with("GET", "b", "https://a.example")}, "rules[0] and rules[1] "},
		{"other methods", []cors.Rule{with("GET", "a", "*"), with("PUT", "b", "*")}, ""},
		{"other origins", []cors.Rule{with("GET", "a", "https://a.example"), with("GET", "b", "https://b.example")}, ""},
		{"a wildcard around", []cors.Rule{with("GET", "a", "https://a.example"), with("GET", "c", "https://b.example"), with("GET", "b", "https://*a.example")}, "rules[0] and rules[2] "},
		{"any origin last", []cors.Rule{with("GET", "a", "https://a.example"), with("PUT", "c", "https://b.example"), with("GET", "b", "*")}, "rules[0] and rules[2] "},
		{"wildcards that meet", []cors.Rule{with("GET", "a", "https://*.example.com"), with("GET", "b", "https://a.*")}, "rules[0] and rules[1] "},
		{"wildcards that do not", []cors.Rule{with("GET", "a", "https://*.example.com"), with("GET", "b", "http://*.example.com")}, ""},
		{"the same answer", []cors.Rule{with("GET", "a", "*"), rule(func(r *cors.Rule) { *r = with("GET", "a", "*"); r.ID = "b" })}, ""},
		{"too much to compare", []cors.Rule{many, many}, "rules may answer the same request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, notes, err := document.Write(cors.Configuration{Rules: c.rules}, document.Terraform, document.Metadata{Bucket: "bucket"})
			if err != nil {
				t.Fatal(err)
			}
			about := slices.IndexFunc(notes, func(n string) bool { return strings.Contains(n, "may answer the same request") })
			if c.want == "" && about >= 0 || c.want != "" && (about < 0 || !strings.HasPrefix(notes[about], c.want)) {
				t.Errorf("notes %q, want one that begins with %q", notes, c.want)
			}
		})
	}
}

// Whatever is written reads as the same.
func FuzzWrite(f *testing.F) {
	for _, c := range conversions() {
		for _, r := range c.configuration.Rules {
			f.Add(r.ID, strings.Join(r.AllowedOrigins, "|"), strings.Join(r.AllowedHeaders, "|"), len(r.AllowedMethods) > 1, int64(len(r.ID)))
		}
	}
	f.Add("$${", "%%{|$$${a}|\\${|\x00\b\f\v\x7f|\u200d|\U0001f600|\ufeff|\uffff", "{{resolve:|e\u0301|\u0301", true, int64(1<<32))
	f.Fuzz(func(t *testing.T, id, origins, headers string, second bool, age int64) {
		r := cors.Rule{ID: id, AllowedOrigins: strings.Split(origins, "|"), AllowedMethods: []string{"GET"}}
		if headers != "" {
			r.AllowedHeaders = strings.Split(headers, "|")
			r.ExposeHeaders = r.AllowedHeaders[:1]
		}
		if age>>32 == 0 {
			r.MaxAgeSeconds = new(int32(age))
		}
		c := cors.Configuration{Rules: []cors.Rule{r}}
		if second {
			c.Rules = append(c.Rules, rule(func(r *cors.Rule) { r.ID = origins }))
		}
		for _, format := range document.Formats() {
			data, _, err := document.Write(c, format, document.Metadata{Name: id + "x", Bucket: ""})
			if err != nil {
				continue
			}
			checkRead(t, data, c)
		}
	})
}
