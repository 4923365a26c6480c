// SPDX-License-Identifier: Apache-2.0

// Package bucket is the vocabulary between the reconcilers, which decide what
// the CORS configuration of a bucket has to be, and the storage adapter, which
// reads and writes it: where a bucket is, and what became of a call. It holds
// no behaviour, so that neither side has to know the other.
package bucket
