// SPDX-License-Identifier: Apache-2.0

// Package e2e tests the product as a user runs it: the built binary as a
// process under its own ServiceAccount, a real API server that enforces RBAC,
// kubectl, and a real S3 server behind a proxy that counts what is asked of it
// and, where a test wants a bad day, answers in its place. What a page can do is
// tried in a real browser, if there is one.
package e2e
