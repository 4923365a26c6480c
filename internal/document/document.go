// SPDX-License-Identifier: Apache-2.0

// Package document reads and writes CORS rules in the formats that people have,
// and knows where in a file each value is, so that a finding can point at it
// and a fix can change it and nothing else.
package document

import (
	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// Format is one of those that CORS rules are written in.
type Format string

// The formats.
const (
	Policy         Format = "policy"         // BucketCORSPolicy manifests, YAML or JSON
	JSON           Format = "json"           // {"CORSRules": […]}, also in YAML, or the console's array
	XML            Format = "xml"            // the document of PutBucketCors
	Terraform      Format = "terraform"      // aws_s3_bucket_cors_configuration
	CloudFormation Format = "cloudformation" // CorsConfiguration of an AWS::S3::Bucket
)

// Formats are all of them.
func Formats() []Format { return []Format{Policy, JSON, XML, Terraform, CloudFormation} }

// File is a file that has been read.
type File struct {
	// Name is the path as given, or "<stdin>".
	Name string
	// Data is what was in it.
	Data []byte
	// Documents are the configurations in it, in order; never empty.
	Documents []*Document

	places *places
}

// Document is one configuration in a file.
type Document struct {
	Format Format
	// Name says which one it is, among several: "team-a/web-uploads" for a policy,
	// the address of a resource for Terraform; empty where a file holds just one.
	Name string
	// Bucket is the name of the bucket, where a resource of Terraform or
	// CloudFormation says it with a literal, or refers to an aws_s3_bucket of the
	// same file that does; empty otherwise. The buckets of a policy are in the
	// policy.
	Bucket        string
	Configuration cors.Configuration
	// Policy is the whole manifest; nil for other formats.
	Policy *v1alpha1.BucketCORSPolicy

	// spans are the places of values by cors.Path.
	spans map[string]span
	// source, root and nodes are what a document in YAML or in JSON that is not
	// AWS's was read from: the whole of it, the nodes of the lists of strings and
	// their items, and the keys of the lists, by cors.Path.
	source      *stream
	root        *node
	nodes, keys map[string]*node
}

// span is a range of bytes of a file.
type span struct{ start, end int }

// Position is a place in a file; lines and columns count from 1, columns in
// characters.
type Position struct {
	Line, Column       int
	EndLine, EndColumn int // after the last character
}

// Change replaces the value at Path, which is one of a list of strings, by
// Values: none removes it, several split it.
type Change struct {
	Document *Document
	Path     string
	Values   []string
}
