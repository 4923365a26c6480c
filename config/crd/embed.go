// SPDX-License-Identifier: Apache-2.0

// Package crd has the custom resource definitions for programs that need their
// schemas without a cluster.
package crd

import _ "embed"

// BucketCORSPolicies is the definition of BucketCORSPolicy, in YAML.
//
//go:embed bases/s3.bucketcors.dev_bucketcorspolicies.yaml
var BucketCORSPolicies []byte
