// SPDX-License-Identifier: Apache-2.0

// Package peers compares the evaluator with what others have written for the
// same purpose: its answers with the matcher of versitygw, and its speed with
// that matcher and with rs/cors. It is a module of its own, so that the product
// requires none of them.
package peers
