// SPDX-License-Identifier: Apache-2.0

// Package cluster installs the chart with Helm's own library on a whole cluster, from the image that make image builds, and
// sees what becomes of buckets when pods are killed, evicted, upgraded and uninstalled.
package cluster
