// SPDX-License-Identifier: Apache-2.0

package document

import (
	"reflect"
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// cloudFormationCORS is the type CorsConfiguration of AWS::S3::Bucket.
type cloudFormationCORS struct {
	CorsRules []cloudFormationRule `json:"CorsRules"`
}

// cloudFormationRule is the type CorsRule of AWS::S3::Bucket.
type cloudFormationRule struct {
	AllowedHeaders []string `json:"AllowedHeaders"`
	AllowedMethods []string `json:"AllowedMethods"`
	AllowedOrigins []string `json:"AllowedOrigins"`
	ExposedHeaders []string `json:"ExposedHeaders"`
	ID             string   `json:"Id"`
	MaxAge         *int32   `json:"MaxAge"`
}

// cloudFormationNames are the fields of a rule by their names in a template.
var cloudFormationNames = map[string]cors.Field{
	"Id":             cors.FieldID,
	"AllowedOrigins": cors.FieldAllowedOrigins,
	"AllowedMethods": cors.FieldAllowedMethods,
	"AllowedHeaders": cors.FieldAllowedHeaders,
	"ExposedHeaders": cors.FieldExposeHeaders,
	"MaxAge":         cors.FieldMaxAgeSeconds,
}

const bucketType = "AWS::S3::Bucket"

// isTemplate reports whether a node is a template of CloudFormation.
func isTemplate(n *node) bool {
	if n.get("AWSTemplateFormatVersion") != nil {
		return true
	}
	resources := n.get("Resources")
	return resources != nil && resources.kind == mapping && n.get("kind") == nil
}

// intrinsicFunction says that a value is one that CloudFormation works out.
func intrinsicFunction(n *node) string {
	name := ""
	switch {
	case strings.HasPrefix(n.tag, "!") && !strings.HasPrefix(n.tag, "!!") && n.tag != "!":
		name = n.tag
	case n.kind == mapping && len(n.keys) == 1:
		if key := n.keys[0].text; key == "Ref" || key == "Condition" || strings.HasPrefix(key, "Fn::") {
			name = key
		}
	}
	if name == "" {
		return ""
	}
	return "the value comes from the intrinsic function " + clip(name) +
		", which only CloudFormation can work out; put the value itself here"
}

// template reads the buckets of a template that have CORS rules.
func (s *stream) template(n *node) ([]*Document, error) {
	resources := n.get("Resources")
	if resources == nil || resources.kind != mapping {
		return nil, s.problem(n.start, "the template has no Resources; want an %s with a CorsConfiguration", bucketType)
	}
	entries, err := s.entries(resources)
	if err != nil {
		return nil, err
	}
	var documents []*Document
	for _, e := range entries {
		if e.value.getString("Type") != bucketType {
			continue
		}
		configuration, _, err := s.find(e.value, "Properties", "CorsConfiguration")
		if err != nil {
			return nil, err
		}
		if configuration == nil {
			if properties, _, _ := s.find(e.value, "Properties"); properties != nil && properties.kind == mapping {
				for _, k := range properties.keys {
					if strings.EqualFold(k.text, "CorsConfiguration") || strings.EqualFold(k.text, "CorsConfigurations") {
						return nil, s.problem(k.start, "unknown property %s; did you mean \"CorsConfiguration\"?", cors.Quote(k.text))
					}
				}
			}
			continue
		}
		document, err := s.templateBucket(e.key.text, configuration)
		if err != nil {
			return nil, err
		}
		name, _, err := s.find(e.value, "Properties", "BucketName")
		if err != nil {
			return nil, err
		}
		if name != nil && name.kind == scalar && name.tag == tagString {
			document.Bucket = name.text
		}
		documents = append(documents, document)
	}
	if len(documents) == 0 {
		for _, e := range entries {
			if strings.HasPrefix(e.key.text, "Fn::") {
				return nil, s.problem(e.key.start, "the resources come from the intrinsic function %s, which only CloudFormation can work out; %s",
					clip(e.key.text), useLiveBucket)
			}
		}
		return nil, s.problem(resources.start, "the template has no %s with a CorsConfiguration", bucketType)
	}
	return documents, nil
}

func (s *stream) templateBucket(name string, n *node) (*Document, error) {
	d := decoder{stream: s, dialect: dialect{refuse: intrinsicFunction, numbersInStrings: true}}
	var configuration cloudFormationCORS
	if err := d.into(n, reflect.ValueOf(&configuration).Elem(), "CorsConfiguration"); err != nil {
		return nil, err
	}
	rules, at, err := s.find(n, "CorsRules")
	if err != nil {
		return nil, err
	}
	if rules == nil || rules.isNull() {
		return nil, s.problem(at.start, "the CorsConfiguration of %s has no CorsRules", cors.Quote(name))
	}
	document := &Document{Format: CloudFormation, Name: name}
	for _, r := range configuration.CorsRules {
		document.Configuration.Rules = append(document.Configuration.Rules, cors.Rule{
			ID:             r.ID,
			AllowedOrigins: r.AllowedOrigins,
			AllowedMethods: r.AllowedMethods,
			AllowedHeaders: r.AllowedHeaders,
			ExposeHeaders:  r.ExposedHeaders,
			MaxAgeSeconds:  r.MaxAge,
		})
	}
	return document, s.collect(document, n, rules, cloudFormationNames)
}
