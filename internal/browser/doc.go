// SPDX-License-Identifier: Apache-2.0

// Package browser knows what browsers make of CORS: when they ask with a
// preflight first, with what, which answers they accept, and which response
// headers a script may read. It is the part of the Fetch standard that stands
// between a script and a bucket, https://fetch.spec.whatwg.org/, and touches no
// network.
//
// Try plays a whole request against the rules of a bucket: package cors answers
// as the server would, and this package judges the answers as a browser does. The
// same judges serve answers that came from a live server.
package browser
