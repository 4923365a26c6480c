// SPDX-License-Identifier: Apache-2.0

// Package probe asks live endpoints what browsers would ask them, and compares
// the answers with what the rules of the bucket predict. Where they differ it says
// who answered, as far as that can be told, and what to do.
//
// It sends preflights and, to find caches, GET and HEAD requests: unsigned, without
// credentials or cookies, following no redirects, and reading no more than the
// beginning of an answer.
package probe
