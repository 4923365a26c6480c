// SPDX-License-Identifier: Apache-2.0

// Package controllers keeps buckets as their policies say.
//
// The way of a policy: Reconcile calls sync, which decides and acts; then it
// writes the status once, tells events what became different, and turns the
// outcome into the time of the next look. Everything that is decided on the
// way is a pure function in a file of its own: whether a policy is accepted
// (acceptance.go, access.go), who owns a bucket (claim.go), what has to be done
// to it (decision.go), what the status says of it (status.go), and what is
// probably not meant in rules that are accepted all the same (lint.go).
//
// What becomes of a failure:
//
//	fate       for example               status          next look
//	Invalid    rules S3 refuses          Stalled         when the spec changes
//	Waiting    no provider, no Secret    Reconciling     a watch, or waitingInterval
//	Refused    AccessDenied, no bucket   Synced=False    the normal interval
//	Transient  SlowDown, timeouts, 5xx   Reconciling     backoff with jitter
package controllers
