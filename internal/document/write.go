// SPDX-License-Identifier: Apache-2.0

package document

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// Metadata is what a format needs beside the rules.
type Metadata struct {
	// Name and Namespace are those of the policy, and Name that of a resource.
	// A name that the format does not allow is changed to one that it does:
	// "web-uploads" is "WebUploads" in CloudFormation. Without a name, that of
	// the bucket is used, and without that one "cors".
	Name, Namespace string
	// Bucket is the name of the bucket; empty leaves a place to fill in.
	Bucket string
	// Region and Owner are those of the bucket, for a policy: its region, and the
	// account that has to own it; empty to leave them out.
	Region, Owner string
	// Provider is the name of the BucketProvider of a policy, and Mode its mode; empty
	// to leave them out.
	Provider, Mode string
}

// placeholder stands for the name of a bucket that is not known. The schema of
// a policy allows it; on AWS no new bucket can have capital letters.
const placeholder = "CHANGE-ME"

// Write writes a configuration in a format. What it writes, Read reads as the
// same configuration: the order of everything, IDs, and no max age as against 0.
// It is an error if the format cannot carry something, or if what reads the
// format would refuse it: the API server a policy by its schema, the AWS
// provider of Terraform or CloudFormation a resource. The error names the
// value. What S3 itself would refuse is for cors.Compile.
//
// S3 stores no configuration without rules: JSON and XML can say it, the others
// cannot.
//
// The notes say what tools that read the format will make of it that is not
// what it says, and what is to be filled in; each is a sentence for a person.
func Write(c cors.Configuration, to Format, m Metadata) (data []byte, notes []string, err error) {
	switch to {
	case Policy:
		return writePolicy(c, m)
	case JSON:
		data, err = cors.FormatJSON(c)
		return data, notesOnEmpty(c), err
	case XML:
		data, err = cors.FormatXML(c)
		return data, notesOnEmpty(c), err
	case Terraform:
		return writeTerraform(c, m)
	case CloudFormation:
		return writeCloudFormation(c, m)
	}
	return nil, nil, fmt.Errorf("unknown format %s; known are %s", cors.Quote(string(to)), joinFormats())
}

func joinFormats() string {
	var names []string
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

func notesOnEmpty(c cors.Configuration) []string {
	if len(c.Rules) > 0 {
		return nil
	}
	return []string{"there are no rules, and PutBucketCors refuses that; to have none, delete the configuration of the bucket"}
}

// valueList is one of the lists of a rule.
type valueList struct {
	field  cors.Field
	values []string
}

// listsOf are the lists of a rule in the order of the policy.
func listsOf(r cors.Rule) [4]valueList {
	return [...]valueList{
		{cors.FieldAllowedOrigins, r.AllowedOrigins},
		{cors.FieldAllowedMethods, r.AllowedMethods},
		{cors.FieldAllowedHeaders, r.AllowedHeaders},
		{cors.FieldExposeHeaders, r.ExposeHeaders},
	}
}

// limits are what a reader of a format takes at most, beside which it wants an
// origin and a method in each rule.
type limits struct {
	// reader is who refuses what is beyond them.
	reader string
	// id measures an ID, in what unit, which may have up to cors.MaxIDLength.
	id   func(string) int
	unit string
	// methods is whether methods have to be those that S3 knows.
	methods bool
	// items and length bound lists and the characters of their values; 0 is no
	// bound.
	items, length int
}

// check is the first thing in c that the reader would refuse, or that is not
// UTF-8, which no format can carry.
func (l limits) check(c cors.Configuration) error {
	switch n := len(c.Rules); {
	case n == 0:
		return errors.New("rules: there are none, and S3 stores no empty configuration; to have none, delete that of the bucket")
	case n > cors.MaxRules:
		return fmt.Errorf("rules: there are %d, and %s takes at most %d", n, l.reader, cors.MaxRules)
	}
	for i, r := range c.Rules {
		if err := l.checkValue(cors.FieldID, r.ID); err != nil {
			return at(i, cors.FieldID, -1, err)
		}
		if n := l.id(r.ID); n > cors.MaxIDLength {
			return at(i, cors.FieldID, -1, fmt.Errorf("%s has %d %s, and %s takes at most %d", cors.Quote(r.ID), n, l.unit, l.reader, cors.MaxIDLength))
		}
		for _, list := range listsOf(r) {
			if err := l.checkList(i, list); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkList is the first thing in a list of the rule with index i that the
// reader would refuse.
func (l limits) checkList(i int, list valueList) error {
	isMethods := list.field == cors.FieldAllowedMethods
	if len(list.values) == 0 && (isMethods || list.field == cors.FieldAllowedOrigins) {
		return at(i, list.field, -1, fmt.Errorf("missing; %s wants at least one", l.reader))
	}
	items := l.items
	if isMethods && items > 0 {
		items = policyMethods
	}
	if n := len(list.values); items > 0 && n > items {
		return at(i, list.field, -1, fmt.Errorf("%d values, and %s takes at most %d", n, l.reader, items))
	}
	for j, v := range list.values {
		if err := l.checkValue(list.field, v); err != nil {
			return at(i, list.field, j, err)
		}
	}
	return nil
}

func (l limits) checkValue(field cors.Field, v string) error {
	switch {
	case !utf8.ValidString(v):
		return fmt.Errorf("%s is not UTF-8", cors.Quote(v))
	case l.length > 0 && utf8.RuneCountInString(v) > l.length:
		return fmt.Errorf("%d characters, and %s takes at most %d", utf8.RuneCountInString(v), l.reader, l.length)
	case l.methods && field == cors.FieldAllowedMethods && !isMethod(v):
		return fmt.Errorf("%s takes only GET, PUT, POST, DELETE and HEAD, and not %s", l.reader, cors.Quote(v))
	}
	return nil
}

func isMethod(s string) bool {
	switch s {
	case "GET", "PUT", "POST", "DELETE", "HEAD":
		return true
	}
	return false
}

// at names the place of an error.
func at(rule int, field cors.Field, index int, err error) error {
	return fmt.Errorf("%s: %w", cors.Path(rule, field, index), err)
}

// duplicates are the paths of values that are in their list before, and of rules
// that are in c before.
func duplicates(c cors.Configuration) []string {
	var paths []string
	seenRules := map[string]bool{}
	for i, r := range c.Rules {
		for _, list := range listsOf(r) {
			seen := make(map[string]bool, len(list.values))
			for j, v := range list.values {
				if seen[v] {
					paths = append(paths, cors.Path(i, list.field, j))
				}
				seen[v] = true
			}
		}
		key := fmt.Sprintf("%q", []any{r.ID, r.AllowedOrigins, r.AllowedMethods, r.AllowedHeaders, r.ExposeHeaders})
		if r.MaxAgeSeconds != nil {
			key += fmt.Sprint(*r.MaxAgeSeconds)
		}
		if seenRules[key] {
			paths = append(paths, cors.Path(i, "", -1))
		}
		seenRules[key] = true
	}
	return paths
}

// enumerate is the first few of paths, and how many more there are.
func enumerate(paths []string) string {
	const most = 3
	switch n := len(paths); {
	case n == 1:
		return paths[0]
	case n > most:
		return fmt.Sprintf("%s and %d more", strings.Join(paths[:most], ", "), n-most)
	default:
		return strings.Join(paths[:n-1], ", ") + " and " + paths[n-1]
	}
}

// checkBucket refuses what can be the name of no bucket; empty is none.
func checkBucket(name string) error {
	const shortest, longest = 3, 255
	if name == "" {
		return nil
	}
	odd := strings.ContainsFunc(name, func(r rune) bool {
		return !isAlphanumeric(r) && r != '.' && r != '-' && r != '_'
	})
	if odd || len(name) < shortest || len(name) > longest {
		return fmt.Errorf("%s is not the name of a bucket, which has %d to %d letters, digits, dots, hyphens and underscores",
			cors.Quote(name), shortest, longest)
	}
	return nil
}
