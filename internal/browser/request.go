// SPDX-License-Identifier: Apache-2.0

package browser

import "github.com/bucketcors/bucketcors/internal/cors"

// Request is what a script on a page asks a browser to do, as far as CORS goes.
type Request struct {
	// Name says what the request is for, in messages: "UploadPart". May be empty.
	Name string
	// Origin is that of the page, as the browser sends it.
	Origin string
	// Method is as the script writes it.
	Method string
	// Headers are the names of the headers that the script sets, in any case. A
	// name that can be safelisted by its value, such as content-type, counts as one
	// that is not: whoever sets it to that of a form leaves it out.
	Headers []string
	// Credentials is whether the browser sends cookies and its like (credentials
	// mode "include").
	Credentials bool
	// Reads are the names of the response headers that the script reads.
	Reads []string
}

// Preflight is the request that the browser sends first, and whether it sends
// one at all. Where it does not, the first value is what it would send: servers
// answer that, too.
func (r Request) Preflight() (ask cors.Request, sent bool) { panic("not written yet") }

// Actual is the request itself.
func (r Request) Actual() cors.Request { panic("not written yet") }
