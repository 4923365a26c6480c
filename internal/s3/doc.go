// SPDX-License-Identifier: Apache-2.0

// Package s3 reads and writes the CORS configuration of buckets with the AWS
// SDK. It keeps one client for each provider, and turns what can go wrong into
// the vocabulary of package bucket: every error that leaves the package is a
// *bucket.Error. It never logs and never returns a type of the SDK.
//
// Servers other than AWS are met half-way: they say "no configuration" in
// several dialects, some know Content-MD5 alone, and what answers at an
// endpoint may not be an S3 service at all.
package s3
