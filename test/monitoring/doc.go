// SPDX-License-Identifier: Apache-2.0

// Package monitoring tests what charts/bucketcors/files has for those who watch the
// operator: the alerts, with promtool; the dashboard; the page that each alert has in
// docs/runbooks. In the end a real Prometheus scrapes a real operator, as its own
// ServiceAccount and over TLS, and answers every query of both.
//
// It needs prometheus and promtool (Debian: the package prometheus). Where they are
// missing the tests that need them are left out, but not with CI=true.
package monitoring
