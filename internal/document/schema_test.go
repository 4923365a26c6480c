// SPDX-License-Identifier: Apache-2.0

package document_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/yaml"

	"github.com/bucketcors/bucketcors/config/crd"
	"github.com/bucketcors/bucketcors/internal/document"
)

const policyStart = "apiVersion: s3.bucketcors.dev/v1alpha1\nkind: BucketCORSPolicy\n"

// policyWith is a manifest of 11 lines at least; spec begins on line 4.
func policyWith(metadata, spec string) string {
	return policyStart + "metadata: " + metadata + "\nspec:\n" + spec + `  rules:
  - allowedOrigins: [https://app.example.com]
    allowedMethods: [GET, HEAD]
`
}

func TestProblemsHavePlaceTextAndRemedy(t *testing.T) {
	const bucket = "  buckets: [{name: web-a}]\n"
	for name, c := range map[string]struct {
		manifest string
		want     []string // line:column path: text; fix
	}{
		"nothing": {policyWith("{name: web}", bucket), nil},
		"what somebody wrote in a hurry": {policyWith("\n  namespace: team-a", "  buckets:\n  - name: b\n  - name: b\n  - name: UPPER_case!\n"+
			"  mode: Foo\n  driftCheckInterval: 1s\n  deletionPolicy: Nuke\n"), []string{
			`3:1 metadata.name: metadata.name is missing; name the policy`,
			`7:11 spec.buckets[0].name: buckets[0].name "b" has 1 character, and needs at least 3; make it longer`,
			`8:11 spec.buckets[1].name: buckets[1].name "b" has 1 character, and needs at least 3; make it longer`,
			`9:11 spec.buckets[2].name: buckets[2].name "UPPER_case!" has characters that it cannot have; use letters, digits, dots, hyphens and underscores only`,
			`10:9 spec.mode: mode "Foo" is not supported; use Enforce or Observe`,
			`11:23 spec.driftCheckInterval: driftCheckInterval "1s" is not a duration from 10s to 8760h; use one such as 90s, 5m or 1h30m`,
			`12:19 spec.deletionPolicy: deletionPolicy "Nuke" is not supported; use Restore, Delete or Retain`,
		}},
		"no metadata": {policyStart + "spec:\n" + bucket + "  rules: [{allowedOrigins: ['*'], allowedMethods: [GET]}]\n",
			[]string{`1:1 metadata.name: metadata.name is missing; name the policy`}},
		"a name for the server to make": {policyWith("{generateName: web-}", bucket), nil},
		"a name in capitals": {policyWith("{name: Web_A}", bucket), []string{
			`3:18 metadata.name: metadata.name "Web_A" cannot be the name of a policy; use up to 253 small letters, digits, hyphens and dots, and begin and end with a letter or digit`,
		}},
		"a namespace with a dot": {policyWith("{name: web, namespace: team.a}", bucket), []string{
			`3:34 metadata.namespace: metadata.namespace "team.a" cannot be the name of a namespace; use up to 63 small letters, digits and hyphens, and begin and end with a letter or digit`,
		}},
		"a label with a blank": {policyWith("{name: web, labels: {a: b c}}", bucket), []string{
			`3:23 metadata.labels: metadata.labels is not as Kubernetes wants it in "b c"; a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`,
		}},
		"a bucket twice": {policyWith("{name: web}", "  buckets: [{name: web-a}, {name: web-b}, {name: web-a}]\n"), []string{
			`5:50 spec.buckets[2].name: buckets[2].name "web-a" is that of buckets[0] as well; name each bucket once`,
		}},
		"no buckets":         {policyWith("{name: web}", ""), []string{`4:1 spec.buckets: buckets is missing; add it`}},
		"buckets of nothing": {policyWith("{name: web}", "  buckets:\n"), []string{`5:3 spec.buckets: buckets is missing; add it`}},
		"an empty list":      {policyWith("{name: web}", "  buckets: []\n"), []string{`5:3 spec.buckets: buckets is empty; name at least 1`}},
		"a bucket without a name": {policyWith("{name: web}", "  buckets: [{region: eu-west-1}]\n"), []string{
			`5:13 spec.buckets[0].name: buckets[0].name is missing; add it`,
		}},
		"an empty mode": {policyWith("{name: web}", bucket+"  mode: ''\n"), []string{
			`6:9 spec.mode: mode "" is not supported; use Enforce or Observe`,
		}},
		"null is nothing": {policyWith("{name: web}", bucket+"  suspend: null\n  providerRef: ~\n  driftCheckInterval:\n"), nil},
		"a provider without a name": {policyWith("{name: web}", bucket+"  providerRef: {name: ''}\n"), []string{
			`6:23 spec.providerRef.name: providerRef.name is empty; give it a value, or remove it if it is not needed`,
		}},
		"a region": {policyWith("{name: web}", "  buckets: [{name: web-a, region: eu-west-}]\n"), []string{
			`5:35 spec.buckets[0].region: buckets[0].region "eu-west-" cannot be the name of a region; use letters and digits, with hyphens and underscores between them, as in eu-west-1`,
		}},
		"an owner": {policyWith("{name: web}", "  buckets: [{name: web-a, expectedBucketOwner: 'me'}]\n"), []string{
			`5:48 spec.buckets[0].expectedBucketOwner: buckets[0].expectedBucketOwner "me" has characters that it cannot have; use the 12 digits of the id of an AWS account`,
		}},
		"a rule": {policyStart + "metadata: {name: web}\nspec:\n" + bucket + "  rules:\n  - id: ''\n    allowedOrigins: []\n    allowedMethods: [GET, PATCH]\n", []string{
			`7:9 spec.rules[0].id: rules[0].id is empty; give it a value, or remove it if it is not needed`,
			`8:5 spec.rules[0].allowedOrigins: rules[0].allowedOrigins is empty; name at least 1`,
			`9:27 spec.rules[0].allowedMethods[1]: rules[0].allowedMethods[1] "PATCH" is not supported; use GET, PUT, POST, DELETE or HEAD`,
		}},
		"by an alias": {policyWith("{name: web}", "  buckets: [&b {name: b}]\n") + "---\n" + policyWith("{name: Web}", bucket), []string{
			`5:23 spec.buckets[0].name: buckets[0].name "b" has 1 character, and needs at least 3; make it longer`,
			`12:18 metadata.name: metadata.name "Web" cannot be the name of a policy; use up to 253 small letters, digits, hyphens and dots, and begin and end with a letter or digit`,
		}},
		"expectations": {policyWith("{name: web}", bucket+`  expectations:
  - {name: a, origin: 'https://app.example.com/', method: PUT, headers: [content-type, 'x-amz-*', content-type]}
  - {name: a, origin: 'https://app.example.com:443', preset: SDKBrowser, method: PUT}
  - name: b
    origin: "null"
    outcome: Denied
    exposes: [ETag]
  - {name: c, origin: "http://[::1]:8080", preset: sdk-browser}
`), []string{
			`7:23 spec.expectations[0].origin: expectations[0].origin "https://app.example.com/" is not an origin as a browser sends it; ` +
				`use one such as https://app.example.com: lower case, other letters as in xn--bcher-kva.example, no path, no slash at the end, no *`,
			`7:88 spec.expectations[0].headers[1]: expectations[0].headers[1] "x-amz-*" is not the name of one header; name each header, without * and without its value`,
			`7:99 spec.expectations[0].headers[2]: expectations[0].headers[2] "content-type" is what item 0 of the list is; remove it`,
			`8:5 spec.expectations[1]: expectations[1] has both a method and a preset; keep one of them: a preset has methods of its own`,
			`8:12 spec.expectations[1].name: expectations[1].name "a" is that of expectations[0] as well; give each expectation a name of its own`,
			`8:23 spec.expectations[1].origin: expectations[1].origin "https://app.example.com:443" has the port that is the scheme's own, which browsers leave out; remove :443`,
			`9:5 spec.expectations[2]: expectations[2] has neither a method nor a preset; add the method of the request, or the preset of the client`,
			`12:5 spec.expectations[2].exposes: expectations[2].exposes has no meaning with the outcome Denied; remove it: a script that is denied reads nothing`,
			`13:52 spec.expectations[3].preset: expectations[3].preset "sdk-browser" is not supported; use PresignedUpload, MultipartUpload, RangeReader or SDKBrowser`,
		}},
		"verification": {policyWith("{name: web}", bucket+"  verification: {preflight: enabled, endpoints: [cdn.example.com, 'https://a@cdn.example.com', cdn.example.com]}\n"), []string{
			`6:29 spec.verification.preflight: verification.preflight "enabled" is not supported; use Enabled or Disabled`,
			`6:50 spec.verification.endpoints[0]: verification.endpoints[0] "cdn.example.com" is not the base URL of a server; ` +
				`use an http or https URL with one host, a port up to 65535 if any, and without user, query or fragment, such as https://cdn.example.com`,
			`6:67 spec.verification.endpoints[1]: verification.endpoints[1] "https://a@cdn.example.com" is not the base URL of a server; ` +
				`use an http or https URL with one host, a port up to 65535 if any, and without user, query or fragment, such as https://cdn.example.com`,
			`6:96 spec.verification.endpoints[2]: verification.endpoints[2] "cdn.example.com" is what item 0 of the list is; remove it`,
		}},
		"verification of nothing": {policyWith("{name: web}", bucket+"  verification: {}\n"), []string{
			`6:3 spec.verification: verification is empty; give it a field, or remove it`,
		}},
		"in a list, in JSON": {`{"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "s3.bucketcors.dev/v1alpha1", "kind": "BucketCORSPolicy", "metadata": {"name": "web"}, "spec": {
    "buckets": [{"name": "web-a"}], "mode": "enforce",
    "rules": [{"allowedOrigins": ["*"], "allowedMethods": ["GET"]}]}}]}`, []string{
			`3:45 spec.mode: mode "enforce" is not supported; use Enforce or Observe`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := document.Read("policy.yaml", []byte(c.manifest))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range f.Documents {
				for _, p := range f.Problems()[d] {
					got = append(got, fmt.Sprintf("%d:%d %s: %s; %s", p.Position.Line, p.Position.Column, p.Path, p.Text, p.Fix))
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestIntervalsAreThoseOfTheSchema(t *testing.T) {
	for interval, allowed := range map[string]bool{
		"10s": true, "1h30m": true, "8760h": true, "10000ms": true, "0.5h": true, "5m0s": true,
		"9s": false, "8761h": false, "-5m": false, "+5m": false, "1e3s": false, "20000000us": false, "0": false, ".5h": false,
		"10s" + strings.Repeat("0s", 15): false,
	} {
		manifest := policyWith("{name: web}", "  buckets: [{name: web-a}]\n  driftCheckInterval: '"+interval+"'\n")
		f, err := document.Read("policy.yaml", []byte(manifest))
		if got := err == nil && len(f.Problems()) == 0; got != allowed {
			t.Errorf("%s: %v, %v", interval, got, err)
		}
	}
}

// schemaOfPolicies is what the definition says of a policy.
func schemaOfPolicies(t *testing.T) spec.Schema {
	t.Helper()
	var definition struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema spec.Schema `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(crd.BucketCORSPolicies, &definition); err != nil {
		t.Fatal(err)
	}
	return definition.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// violation is a policy that breaks one bound of the schema.
type violation struct {
	path, bound string
	manifest    map[string]any
}

// violations are those of every bound of the schema below path. The function put
// makes a valid policy with a value at path instead of what is there.
func violations(schema spec.Schema, path string, put func(any) map[string]any) []violation {
	var found []violation
	add := func(path, bound string, value any) {
		found = append(found, violation{path, bound, put(value)})
	}
	if schema.Enum != nil {
		add(path, "enum", "none-of-them")
	}
	if schema.MinLength != nil {
		add(path, "minLength", strings.Repeat("a", int(*schema.MinLength)-1))
	}
	if schema.MaxLength != nil {
		add(path, "maxLength", strings.Repeat("1", int(*schema.MaxLength)+1))
	}
	if schema.Pattern != "" {
		add(path, "pattern", "?!?")
	}
	if schema.MinItems != nil {
		add(path, "minItems", []any{})
	}
	if schema.MinProperties != nil {
		add(path, "minProperties", map[string]any{})
	}
	item := minimum(path, schema)
	if schema.MaxItems != nil {
		items := slices.Repeat(item.([]any), int(*schema.MaxItems)+1)
		for i, v := range items {
			if m, is := v.(map[string]any); is && m["name"] != nil {
				numbered := maps.Clone(m)
				numbered["name"] = fmt.Sprintf("name-%d", i)
				items[i] = numbered
			} else if schema.Extensions["x-kubernetes-list-type"] == "set" {
				items[i] = fmt.Sprintf("%s%d", v, i)
			}
		}
		add(path, "maxItems", items)
	}
	if schema.Items != nil {
		found = append(found, violations(*schema.Items.Schema, path+"[0]", func(v any) map[string]any { return put([]any{v}) })...)
	}
	for _, name := range schema.Required {
		without := maps.Clone(item.(map[string]any))
		delete(without, name)
		add(path+"."+name, "required", without)
	}
	for name, property := range schema.Properties {
		found = append(found, violations(property, path+"."+name, func(v any) map[string]any {
			with := maps.Clone(item.(map[string]any))
			with[name] = v
			if name == "preset" {
				delete(with, "method") // one or the other
			}
			return put(with)
		})...)
	}
	return found
}

// minimum is the least that a schema of ours allows at path.
func minimum(path string, schema spec.Schema) any {
	switch {
	case schema.Type.Contains("object"):
		object := map[string]any{}
		for _, name := range schema.Required {
			object[name] = minimum(path+"."+name, schema.Properties[name])
		}
		if _, isExpectation := schema.Properties["preset"]; isExpectation {
			object["method"] = "GET"
		}
		return object
	case schema.Type.Contains("array"):
		return []any{minimum(path+"[0]", *schema.Items.Schema)}
	case len(schema.Enum) > 0:
		return schema.Enum[0]
	case strings.HasPrefix(path, "spec.verification.endpoints"):
		return "https://cdn.example.com"
	default:
		return "null" // an origin, too
	}
}

func TestEveryBoundOfTheSchemaIsChecked(t *testing.T) {
	schema := schemaOfPolicies(t).Properties["spec"]
	put := func(spec any) map[string]any {
		return map[string]any{"apiVersion": "s3.bucketcors.dev/v1alpha1", "kind": "BucketCORSPolicy",
			"metadata": map[string]any{"name": "web"}, "spec": spec}
	}
	read := func(manifest map[string]any) (*document.File, error) {
		data, err := json.Marshal(manifest)
		if err != nil {
			t.Fatal(err)
		}
		return document.Read("policy.json", data)
	}
	if f, err := read(put(minimum("spec", schema))); err != nil || len(f.Problems()) > 0 {
		t.Fatalf("the least that is allowed has the problems %v, %v", f.Problems(), err)
	}
	all := violations(schema, "spec", put)
	if len(all) < 30 {
		t.Errorf("only %d bounds", len(all))
	}
	for _, v := range all {
		f, err := read(v.manifest)
		if err != nil {
			continue // refused at once
		}
		var found []string
		for _, p := range f.Problems()[f.Documents[0]] {
			found = append(found, p.Path)
			if p.Text == "" || p.Fix == "" || len(p.Text) > 300 || p.Position.Line < 1 || strings.Contains(p.Text, "is refused") {
				t.Errorf("%s of %s: %+v", v.bound, v.path, p)
			}
		}
		if !slices.Equal(found, []string{v.path}) {
			t.Errorf("%s of %s: the problems are in %q", v.bound, v.path, found)
		}
	}
}

// What is checked by hand, because the validation of schemas does not.
func TestTheExtensionsOfTheSchemaAreThoseThatAreCheckedByHand(t *testing.T) {
	var got []string
	var walk func(path string, schema spec.Schema)
	walk = func(path string, schema spec.Schema) {
		for _, name := range []string{"x-kubernetes-validations", "x-kubernetes-list-map-keys"} {
			if value := schema.Extensions[name]; value != nil {
				data, err := json.Marshal(value)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, path+" "+string(data))
			}
		}
		if schema.Extensions["x-kubernetes-list-type"] == "set" {
			got = append(got, path+" is a set")
		}
		if schema.Items != nil {
			walk(path+"[]", *schema.Items.Schema)
		}
		for name, property := range schema.Properties {
			if path != "" || name != "status" {
				walk(path+"."+name, property)
			}
		}
	}
	walk("", schemaOfPolicies(t))
	slices.Sort(got)
	const header = `[{"message":"must be the name of one header, without *","rule":"self.matches('^[A-Za-z0-9!#$%\u0026+.^_|~-]+$')"}]`
	want := []string{
		`.spec.buckets ["name"]`,
		`.spec.buckets[].region [{"message":"must be the name of a region, such as eu-west-1: letters and digits, with hyphens and underscores between them",` +
			`"rule":"self.matches('^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$')"}]`,
		`.spec.driftCheckInterval [{"message":"must be a duration from 10s to 8760h, such as 90s, 5m or 1h30m",` +
			`"rule":"self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') \u0026\u0026 duration(self) \u003e= duration('10s') \u0026\u0026 duration(self) \u003c= duration('8760h')"}]`,
		`.spec.expectations ["name"]`,
		`.spec.expectations[] [{"message":"must have either a method or a preset","rule":"has(self.preset) != has(self.method)"},` +
			`{"fieldPath":".exposes","message":"must be absent when the outcome is Denied: a script that is denied reads nothing",` +
			`"rule":"!has(self.outcome) || self.outcome != 'Denied' || !has(self.exposes)"}]`,
		`.spec.expectations[].exposes is a set`,
		`.spec.expectations[].exposes[] ` + header,
		`.spec.expectations[].headers is a set`,
		`.spec.expectations[].headers[] ` + header,
		`.spec.expectations[].origin [{"message":"must be one origin as a browser sends it, such as https://app.example.com: ` +
			`lower case, other letters as in xn--bcher-kva.example, no path, no slash at the end, no *",` +
			`"rule":"self == 'null' || self.matches('^[a-z][a-z0-9+.-]*://([[][0-9a-f:.]+[]]|[a-z0-9._-]+)(:[0-9]{1,5})?$')"},` +
			`{"message":"must not have the port that is the scheme's own: browsers leave it out","rule":"!self.matches('^(http://.*:80|https://.*:443)$')"}]`,
		`.spec.verification.endpoints is a set`,
		`.spec.verification.endpoints[] [{"message":"must be an http or https URL with one host, a port up to 65535 if any, and without user, query or fragment, such as https://cdn.example.com",` +
			`"rule":"isURL(self) \u0026\u0026 url(self).getScheme() in ['http', 'https'] \u0026\u0026 size(url(self).getHostname()) \u003e 0 ` +
			`\u0026\u0026 !self.matches('[?#@* ]') \u0026\u0026 !self.matches('://[^/]*:(6553[6-9]|655[4-9][0-9]|65[6-9][0-9]{2}|6[6-9][0-9]{3}|[7-9][0-9]{4}|[0-9]{6,})(/|$)')"}]`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

var yamlFence = regexp.MustCompile("(?s)(?:^|\n)(Bad:\n\n)?```yaml\n(.*?\n)```")

func TestThePoliciesOfTheSamplesAndPagesHaveNoProblems(t *testing.T) {
	root := "../.."
	manifests := map[string]string{}
	for _, pattern := range []string{"config/samples/*bucketcorspolicy*.yaml", "docs/examples/*.yaml", "docs/*.md", "README.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Ext(path) == ".yaml" {
				manifests[path] = string(data)
				continue
			}
			for i, m := range yamlFence.FindAllStringSubmatch(string(data), -1) {
				if m[1] == "" {
					manifests[fmt.Sprintf("%s, %d", path, i)] = m[2]
				}
			}
		}
	}
	checked := 0
	for name, manifest := range manifests {
		if !strings.Contains(manifest, "kind: BucketCORSPolicy\n") {
			continue
		}
		f, err := document.Read(name, []byte(manifest))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checked++
		for _, problems := range f.Problems() {
			t.Errorf("%s: %+v", name, problems)
		}
	}
	if checked < 3 {
		t.Errorf("only %d policies", checked)
	}
}

func TestProblemsOfListsThatAreTooLongAreFew(t *testing.T) {
	manifest := policyWith("{name: web}", "  buckets: ["+strings.Repeat("{name: b}, ", 100_000)+"]\n")
	f, err := document.Read("policy.yaml", []byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	found := f.Problems()[f.Documents[0]]
	if len(found) != 101 || found[0].Text != "buckets has 100000 items, and may have at most 100" {
		t.Errorf("%d problems, the first of them %+v", len(found), found[:1])
	}
}

// BenchmarkProblems has files with as many problems as fit in.
func BenchmarkProblems(b *testing.B) {
	const many = 100_000
	for name, manifest := range map[string]string{
		"methods":  policyStart + "metadata: {name: web}\nspec:\n  buckets: [{name: web-a}]\n  rules: [{allowedOrigins: ['*'], allowedMethods: [" + strings.Repeat("get, ", many) + "]}]\n",
		"buckets":  policyWith("{name: web}", "  buckets: ["+strings.Repeat("{name: b}, ", many)+"]\n"),
		"policies": "apiVersion: v1\nkind: List\nitems:\n" + strings.Repeat("- {apiVersion: s3.bucketcors.dev/v1alpha1, kind: BucketCORSPolicy, spec: {rules: []}}\n", many/4),
	} {
		f, err := document.Read("policy.yaml", []byte(manifest))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f.Problems()
			}
		})
	}
}
