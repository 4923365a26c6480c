// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// configurationFor is the configuration that rules ask for, mistakes included.
func configurationFor(rules []s3v1alpha1.CORSRule) cors.Configuration {
	configuration := cors.Configuration{Rules: make([]cors.Rule, 0, len(rules))}
	for _, rule := range rules {
		configuration.Rules = append(configuration.Rules, cors.Rule{
			ID:             rule.ID,
			AllowedOrigins: plainStrings(rule.AllowedOrigins),
			AllowedMethods: plainStrings(rule.AllowedMethods),
			AllowedHeaders: plainStrings(rule.AllowedHeaders),
			ExposeHeaders:  plainStrings(rule.ExposeHeaders),
			MaxAgeSeconds:  rule.MaxAgeSeconds,
		})
	}
	return configuration
}

func plainStrings[S ~string](values []S) []string {
	if values == nil {
		return nil
	}
	plain := make([]string, len(values))
	for i, value := range values {
		plain[i] = string(value)
	}
	return plain
}
