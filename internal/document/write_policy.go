// SPDX-License-Identifier: Apache-2.0

package document

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// The bounds of the schema of a policy.
const (
	policyItems   = 2200
	policyMethods = 100
	policyLength  = 8192
)

var policyLimits = limits{
	reader:  "a BucketCORSPolicy",
	id:      utf8.RuneCountInString,
	unit:    "characters",
	methods: true,
	items:   policyItems,
	length:  policyLength,
}

// writePolicy writes a manifest that the API server accepts.
func writePolicy(c cors.Configuration, m Metadata) ([]byte, []string, error) {
	if err := policyLimits.check(c); err != nil {
		return nil, nil, err
	}
	name, err := policyNaming.name(m)
	if err != nil {
		return nil, nil, err
	}
	if m.Namespace != "" && len(validation.IsDNS1123Label(m.Namespace)) > 0 {
		return nil, nil, fmt.Errorf("%s is not the name of a namespace, which has up to 63 small letters, digits and hyphens between them",
			cors.Quote(m.Namespace))
	}
	if err := checkBucket(m.Bucket); err != nil {
		return nil, nil, err
	}
	var y yamlText
	y.line(0, "apiVersion: %s", v1alpha1.SchemeGroupVersion)
	y.line(0, "kind: BucketCORSPolicy")
	y.line(0, "metadata:")
	y.line(2, "name: %s", yamlString(name))
	if m.Namespace != "" {
		y.line(2, "namespace: %s", yamlString(m.Namespace))
	}
	y.line(0, "spec:")
	if m.Provider != "" {
		y.line(2, "providerRef:")
		y.line(4, "name: %s", yamlString(m.Provider))
	}
	if m.Mode != "" {
		y.line(2, "mode: %s", yamlString(m.Mode))
	}
	y.line(2, "buckets:")
	var notes []string
	if m.Bucket != "" {
		y.line(2, "- name: %s", yamlString(m.Bucket))
	} else {
		y.line(2, "- name: %s # the bucket that gets the rules", placeholder)
		notes = append(notes, noteOnPlaceholder)
	}
	if m.Region != "" {
		y.line(4, "region: %s", yamlString(m.Region))
	}
	if m.Owner != "" {
		y.line(4, "expectedBucketOwner: %s", strconv.Quote(m.Owner)) // digits are no number
	}
	y.line(2, "rules:")
	for _, r := range c.Rules {
		y.fields(2, policyFields(r))
	}
	return []byte(y.String()), notes, nil
}

const noteOnPlaceholder = "the bucket is not known: put its name where it says " + placeholder

// policyFields are the fields of a rule in the order of the API.
func policyFields(r cors.Rule) []yamlField {
	var fields []yamlField
	if r.ID != "" {
		fields = append(fields, yamlField{key: string(cors.FieldID), scalar: yamlString(r.ID)})
	}
	for _, list := range listsOf(r) {
		if len(list.values) > 0 {
			fields = append(fields, yamlField{key: string(list.field), list: list.values})
		}
	}
	if r.MaxAgeSeconds != nil {
		fields = append(fields, yamlField{key: string(cors.FieldMaxAgeSeconds), scalar: strconv.Itoa(int(*r.MaxAgeSeconds))})
	}
	return fields
}
