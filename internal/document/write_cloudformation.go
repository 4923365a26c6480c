// SPDX-License-Identifier: Apache-2.0

package document

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// cloudFormationLimits are of the schema of AWS::S3::Bucket, which also wants
// values to be unique and MaxAge not to be negative, and says that the order of
// the rules counts.
var cloudFormationLimits = limits{
	reader:  "CloudFormation",
	id:      utf8.RuneCountInString,
	unit:    "characters",
	methods: true,
}

// cloudFormationBucket is the name that a bucket of CloudFormation can have.
var cloudFormationBucket = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// writeCloudFormation writes a template with one bucket.
func writeCloudFormation(c cors.Configuration, m Metadata) ([]byte, []string, error) {
	if err := checkCloudFormation(c); err != nil {
		return nil, nil, err
	}
	name, err := cloudFormationNaming.name(m)
	if err != nil {
		return nil, nil, err
	}
	if m.Bucket != "" && !cloudFormationBucket.MatchString(m.Bucket) {
		return nil, nil, fmt.Errorf("%s is not the name of a bucket that CloudFormation takes: 3 to 63 small letters, digits, dots and hyphens",
			cors.Quote(m.Bucket))
	}
	notes := []string{"a stack made of this template creates the bucket; for a bucket that a stack has already, copy CorsConfiguration into its template"}
	var y yamlText
	y.line(0, "AWSTemplateFormatVersion: %q", "2010-09-09")
	y.line(0, "Resources:")
	y.line(2, "%s:", yamlString(name))
	y.line(4, "Type: AWS::S3::Bucket")
	y.line(4, "Properties:")
	if m.Bucket != "" {
		y.line(6, "BucketName: %s", yamlString(m.Bucket))
	} else {
		notes = append(notes, "the bucket is not known: without BucketName, CloudFormation makes up a name")
	}
	y.line(6, "CorsConfiguration:")
	y.line(8, "CorsRules:")
	for _, r := range c.Rules {
		y.fields(8, cloudFormationFields(r))
	}
	return []byte(y.String()), notes, nil
}

// checkCloudFormation is the first thing in c that a template cannot say.
func checkCloudFormation(c cors.Configuration) error {
	if err := cloudFormationLimits.check(c); err != nil {
		return err
	}
	if paths := duplicates(c); len(paths) > 0 {
		return fmt.Errorf("%s: there before, and CloudFormation takes nothing twice; remove it", paths[0])
	}
	for i, r := range c.Rules {
		if r.MaxAgeSeconds != nil && *r.MaxAgeSeconds < 0 {
			return at(i, cors.FieldMaxAgeSeconds, -1, fmt.Errorf("%d is negative, and CloudFormation takes no such number", *r.MaxAgeSeconds))
		}
		if strings.Contains(r.ID, dynamicReference) {
			return at(i, cors.FieldID, -1, errDynamicReference(r.ID))
		}
		for _, list := range listsOf(r) {
			for j, v := range list.values {
				if strings.Contains(v, dynamicReference) {
					return at(i, list.field, j, errDynamicReference(v))
				}
			}
		}
	}
	return nil
}

// dynamicReference begins what CloudFormation replaces in any string.
const dynamicReference = "{{resolve:"

func errDynamicReference(v string) error {
	return fmt.Errorf("CloudFormation would replace the %q in %s, and has no way to write that", dynamicReference, cors.Quote(v))
}

// cloudFormationKeys are the names of the lists of a rule.
var cloudFormationKeys = map[cors.Field]string{
	cors.FieldAllowedOrigins: "AllowedOrigins",
	cors.FieldAllowedMethods: "AllowedMethods",
	cors.FieldAllowedHeaders: "AllowedHeaders",
	cors.FieldExposeHeaders:  "ExposedHeaders",
}

// cloudFormationFields are the properties of a rule.
func cloudFormationFields(r cors.Rule) []yamlField {
	var fields []yamlField
	if r.ID != "" {
		fields = append(fields, yamlField{key: "Id", scalar: yamlString(r.ID)})
	}
	for _, list := range listsOf(r) {
		if len(list.values) > 0 {
			fields = append(fields, yamlField{key: cloudFormationKeys[list.field], list: list.values})
		}
	}
	if r.MaxAgeSeconds != nil {
		fields = append(fields, yamlField{key: "MaxAge", scalar: strconv.Itoa(int(*r.MaxAgeSeconds))})
	}
	return fields
}
