// SPDX-License-Identifier: Apache-2.0

// Package install tests the ways to install bucketcors: the Helm chart with Helm's
// own library, kustomize, and what becomes of a cluster on the way.
package install
