// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"regexp"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
)

// fieldNames are the fields of a rule as the formats spell them, where that is not
// the name in a policy. XML has an element for each value of a list.
var fieldNames = map[document.Format]map[cors.Field]string{
	document.JSON: {
		cors.FieldID: "ID", cors.FieldAllowedOrigins: "AllowedOrigins", cors.FieldAllowedMethods: "AllowedMethods",
		cors.FieldAllowedHeaders: "AllowedHeaders", cors.FieldExposeHeaders: "ExposeHeaders", cors.FieldMaxAgeSeconds: "MaxAgeSeconds",
	},
	document.XML: {
		cors.FieldID: "ID", cors.FieldAllowedOrigins: "AllowedOrigin", cors.FieldAllowedMethods: "AllowedMethod",
		cors.FieldAllowedHeaders: "AllowedHeader", cors.FieldExposeHeaders: "ExposeHeader", cors.FieldMaxAgeSeconds: "MaxAgeSeconds",
	},
	document.Terraform: {
		cors.FieldAllowedOrigins: "allowed_origins", cors.FieldAllowedMethods: "allowed_methods",
		cors.FieldAllowedHeaders: "allowed_headers", cors.FieldExposeHeaders: "expose_headers", cors.FieldMaxAgeSeconds: "max_age_seconds",
	},
	document.CloudFormation: {
		cors.FieldID: "Id", cors.FieldAllowedOrigins: "AllowedOrigins", cors.FieldAllowedMethods: "AllowedMethods",
		cors.FieldAllowedHeaders: "AllowedHeaders", cors.FieldExposeHeaders: "ExposedHeaders", cors.FieldMaxAgeSeconds: "MaxAge",
	},
}

// fieldName is a field as the format spells it.
func fieldName(format document.Format, field cors.Field) string {
	if name, found := fieldNames[format][field]; found {
		return name
	}
	return string(field)
}

// fieldWord is the name of a field in a sentence, or a value in quotes, which may
// hold anything. "id" is too short to be told from the word.
var fieldWord = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|\b(?:allowedOrigins|allowedMethods|allowedHeaders|exposeHeaders|maxAgeSeconds)\b`)

// worded is a sentence with the fields as the format spells them.
func worded(format document.Format, sentence string) string {
	if len(fieldNames[format]) == 0 {
		return sentence
	}
	return fieldWord.ReplaceAllStringFunc(sentence, func(word string) string {
		return fieldName(format, cors.Field(word))
	})
}
