// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// encode returns the rules in the types of the SDK. An empty ID is none: the
// element is left out, as are empty lists.
func encode(c cors.Configuration) *types.CORSConfiguration {
	rules := make([]types.CORSRule, 0, len(c.Rules))
	for _, r := range c.Rules {
		rule := types.CORSRule{
			AllowedOrigins: slices.Clone(r.AllowedOrigins),
			AllowedMethods: slices.Clone(r.AllowedMethods),
			AllowedHeaders: slices.Clone(r.AllowedHeaders),
			ExposeHeaders:  slices.Clone(r.ExposeHeaders),
			MaxAgeSeconds:  clone(r.MaxAgeSeconds),
		}
		if r.ID != "" {
			rule.ID = new(r.ID)
		}
		rules = append(rules, rule)
	}
	return &types.CORSConfiguration{CORSRules: rules}
}

// decode is the inverse of encode. Order, case and duplicates stay as the
// server has them.
func decode(rules []types.CORSRule) cors.Configuration {
	var c cors.Configuration
	for _, r := range rules {
		c.Rules = append(c.Rules, cors.Rule{
			ID:             aws.ToString(r.ID),
			AllowedOrigins: r.AllowedOrigins,
			AllowedMethods: r.AllowedMethods,
			AllowedHeaders: r.AllowedHeaders,
			ExposeHeaders:  r.ExposeHeaders,
			MaxAgeSeconds:  clone(r.MaxAgeSeconds),
		})
	}
	return c
}

func clone(p *int32) *int32 {
	if p == nil {
		return nil
	}
	return new(*p)
}
