// SPDX-License-Identifier: Apache-2.0

// Package admission answers the API server before it stores a BucketCORSPolicy: it
// refuses what could not be accepted, with the same judgement as the reconcilers, and
// warns of the rest (policy.go).
//
// It never stands in anybody's way. Whatever keeps it from judging lets the policy
// through, and the reconcilers judge it again. Nothing that goes wrong here ends the
// process.
//
// The certificate that it serves with is one that the operator makes and renews
// itself (keeper.go, certificate.go), or one in a directory (files.go).
package admission
