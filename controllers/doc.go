// SPDX-License-Identifier: Apache-2.0

// Package controllers keeps buckets as their policies say.
//
// The way of a policy: Reconcile calls sync, which decides and acts, bucket by
// bucket (work.go): one that the policy names is brought to what it has to have
// (sync.go), and one that has left it to what was there before (leave.go). Then
// the status is written once, events tell what became different, and the outcome
// turns into the time of the next look. A policy that is going away leaves all its
// buckets (finalize.go).
//
// Everything that is decided on the way is a pure function in a file of its own:
// whether a policy is accepted (acceptance.go, access.go, constraints.go), who has
// a bucket (claim.go), what the rules of those make up together (composition.go),
// whether that meets what they expect (expectations.go), what has to be done to it
// (decision.go) and, when it leaves, what becomes of it (departure.go), what the
// status says of it (status.go, report.go), what live preflights tell
// (verification.go), and what is probably not meant in rules that are accepted all
// the same (lint.go, shadows.go).
//
// Where a policy asks for it, live preflights are sent beside the passes
// (verify.go), so that an endpoint that does not answer keeps nobody waiting: the
// answers are remembered (verification_log.go) and cause a pass of their own, which
// reads no bucket again.
//
// What is known of a bucket from before a pass comes from three places. The status
// tells what was seen and written. The log of writes (writes.go) tells what no
// status does yet, and which answers of S3 may be old; it is lost with the process.
// The archive (archive.go) has the original of every bucket from before the first
// write until the bucket has left, so that it knows of those that neither of the
// others tells of: it is asked in the first pass of a process over a policy, and
// after every pass whose status could not be stored.
//
// What becomes of a failure:
//
//	fate       for example               status          next look
//	Invalid    rules S3 refuses          Stalled         when the spec changes
//	Waiting    no provider, no Secret    Reconciling     a watch, or waitingInterval
//	Refused    AccessDenied, no bucket   Synced=False    the normal interval
//	Transient  SlowDown, timeouts, 5xx   Reconciling     backoff with jitter
//	           what is there not saved
//
// Credentials that are refused are looked at as if they were missing. A bucket
// that cannot leave its policy stays in the status, with the way out. Looks that
// come early because of some buckets do not read the others again (looks.go).
package controllers
