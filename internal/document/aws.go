// SPDX-License-Identifier: Apache-2.0

package document

import (
	"reflect"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// The keys of the configuration of AWS in JSON and YAML.
const (
	awsRules         = "CORSRules"
	awsConfiguration = "CORSConfiguration"
)

// awsYAML is what `aws s3api get-bucket-cors --output yaml` prints.
type awsYAML struct {
	CORSRules []awsRule `json:"CORSRules"`
}

type awsRule struct {
	AllowedHeaders []string `json:"AllowedHeaders"`
	AllowedMethods []string `json:"AllowedMethods"`
	AllowedOrigins []string `json:"AllowedOrigins"`
	ExposeHeaders  []string `json:"ExposeHeaders"`
	ID             string   `json:"ID"`
	MaxAgeSeconds  *int32   `json:"MaxAgeSeconds"`
}

// awsNames are the fields of a rule by their names in the configuration of AWS.
var awsNames = map[string]cors.Field{
	"ID":             cors.FieldID,
	"AllowedOrigins": cors.FieldAllowedOrigins,
	"AllowedMethods": cors.FieldAllowedMethods,
	"AllowedHeaders": cors.FieldAllowedHeaders,
	"ExposeHeaders":  cors.FieldExposeHeaders,
	"MaxAgeSeconds":  cors.FieldMaxAgeSeconds,
}

// awsDocument reads the configuration of AWS in YAML.
func (s *stream) awsDocument(n *node) ([]*Document, error) {
	d := decoder{stream: s}
	var configuration awsYAML
	if err := d.into(n, reflect.ValueOf(&configuration).Elem(), "the configuration"); err != nil {
		return nil, err
	}
	rules, at, err := s.find(n, awsRules)
	if err != nil {
		return nil, err
	}
	if rules == nil || rules.isNull() {
		return nil, s.problem(at.start, "the configuration has no %s; want a list of rules", awsRules)
	}
	document := &Document{Format: JSON}
	for _, r := range configuration.CORSRules {
		document.Configuration.Rules = append(document.Configuration.Rules, cors.Rule{
			ID:             r.ID,
			AllowedOrigins: r.AllowedOrigins,
			AllowedMethods: r.AllowedMethods,
			AllowedHeaders: r.AllowedHeaders,
			ExposeHeaders:  r.ExposeHeaders,
			MaxAgeSeconds:  r.MaxAgeSeconds,
		})
	}
	return []*Document{document}, s.collect(document, n, rules, awsNames)
}

// checkWrapped refuses what holds the configuration of AWS, or is a part of it.
func (s *stream) checkWrapped(n *node) error {
	for _, k := range n.keys {
		if k.text == awsConfiguration {
			return s.problem(k.start, `the configuration is what is in %q: give that alone, as {%q: […]}`, awsConfiguration, awsRules)
		}
	}
	if n.get(awsRules) != nil {
		return nil
	}
	for _, k := range n.keys {
		if awsNames[k.text] != "" && k.text != "ID" || policyNames[k.text] != "" && k.text != "id" {
			return s.problem(n.start, "this is a rule alone; want a configuration, which is a list of rules: {%q: […]}", awsRules)
		}
	}
	return nil
}
