// SPDX-License-Identifier: Apache-2.0

package document_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
	"sigs.k8s.io/yaml"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
)

// policySchema is what the API server checks a policy with, but for its CEL
// rules, of which none is about CORS rules.
func policySchema(t *testing.T) *validate.SchemaValidator {
	t.Helper()
	schema := schemaOfPolicies(t)
	return validate.NewSchemaValidator(&schema, nil, "", strfmt.Default)
}

// The bounds of the schema are those of Write: what it writes at the bound, the
// schema accepts, and what is beyond neither of them does.
func TestWritePolicyAgreesWithTheSchema(t *testing.T) {
	schema := policySchema(t)
	many := func(n int, value string) []string { return slices.Repeat([]string{value}, n) }
	for _, c := range conversions() {
		data, _, err := document.Write(c.configuration, document.Policy, c.metadata)
		if err == nil {
			checkSchema(t, schema, data, true)
		}
	}
	for _, c := range []struct {
		name       string
		at, beyond func(r *cors.Rule)
	}{
		{"id", func(r *cors.Rule) { r.ID = strings.Repeat("é", 255) }, func(r *cors.Rule) { r.ID = strings.Repeat("é", 256) }},
		{"origins", func(r *cors.Rule) { r.AllowedOrigins = many(2200, "a") }, func(r *cors.Rule) { r.AllowedOrigins = many(2201, "a") }},
		{"methods", func(r *cors.Rule) { r.AllowedMethods = many(100, "GET") }, func(r *cors.Rule) { r.AllowedMethods = many(101, "GET") }},
		{"headers", func(r *cors.Rule) { r.AllowedHeaders = many(2200, "a") }, func(r *cors.Rule) { r.AllowedHeaders = many(2201, "a") }},
		{"exposed headers", func(r *cors.Rule) { r.ExposeHeaders = many(2200, "a") }, func(r *cors.Rule) { r.ExposeHeaders = many(2201, "a") }},
		{"no origins", func(r *cors.Rule) { r.AllowedOrigins = []string{""} }, func(r *cors.Rule) { r.AllowedOrigins = nil }},
		{"method", func(r *cors.Rule) { r.AllowedMethods = []string{"GET"} }, func(r *cors.Rule) { r.AllowedMethods = []string{"get"} }},
		{"no methods", func(r *cors.Rule) { r.AllowedMethods = []string{"GET"} }, func(r *cors.Rule) { r.AllowedMethods = nil }},
		{
			"origin", func(r *cors.Rule) { r.AllowedOrigins = []string{strings.Repeat("é", 8192)} },
			func(r *cors.Rule) { r.AllowedOrigins = []string{strings.Repeat("é", 8193)} },
		},
		{
			"header", func(r *cors.Rule) { r.AllowedHeaders = []string{strings.Repeat("é", 8192)} },
			func(r *cors.Rule) { r.AllowedHeaders = []string{strings.Repeat("é", 8193)} },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			data, _, err := document.Write(cors.Configuration{Rules: []cors.Rule{rule(c.at)}}, document.Policy, document.Metadata{})
			if err != nil {
				t.Fatal(err)
			}
			checkSchema(t, schema, data, true)
			beyond := rule(c.beyond)
			if _, _, err := document.Write(cors.Configuration{Rules: []cors.Rule{beyond}}, document.Policy, document.Metadata{}); err == nil {
				t.Error("what is beyond the bound is written")
			}
			if data, err = yaml.Marshal(manifest(beyond)); err != nil {
				t.Fatal(err)
			}
			checkSchema(t, schema, data, false)
		})
	}
}

// manifest is what Write would make of a rule without any checks.
func manifest(r cors.Rule) map[string]any {
	return map[string]any{"spec": map[string]any{
		"buckets": []any{map[string]any{"name": "bucket"}},
		"rules": []any{map[string]any{
			"id": r.ID + "x", "allowedOrigins": append([]string{}, r.AllowedOrigins...), "allowedMethods": append([]string{}, r.AllowedMethods...),
			"allowedHeaders": append([]string{}, r.AllowedHeaders...), "exposeHeaders": append([]string{}, r.ExposeHeaders...),
		}},
	}}
}

func checkSchema(t *testing.T, schema *validate.SchemaValidator, data []byte, accepted bool) {
	t.Helper()
	var object map[string]any
	if err := yaml.UnmarshalStrict(data, &object); err != nil {
		t.Fatal(err)
	}
	result := schema.Validate(object)
	if accepted != result.IsValid() {
		t.Errorf("the schema says %v about\n%.1000s", result.Errors, data)
	}
}
