// SPDX-License-Identifier: Apache-2.0

// Package metrics has the Prometheus metrics of the operator.
//
// What there is to count is told to a Metrics by those who do it (reconcilers,
// storage adapter), which know nothing of Prometheus. What there is in the cluster
// is told by an Inventory, which looks at the time of a scrape, so that an object
// that is gone leaves no series behind. All metrics and the values of their labels
// are in one table (definition.go), from which the reference for people is made.
//
// Every label has a bounded number of values: no name of a bucket, policy,
// namespace or host is one, and what is not foreseen becomes one word.
package metrics
