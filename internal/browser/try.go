// SPDX-License-Identifier: Apache-2.0

package browser

import "github.com/bucketcors/bucketcors/internal/cors"

// Verdict is what becomes of a request in a browser.
type Verdict struct {
	// Allowed is whether the script gets the response with all the headers that it
	// reads.
	Allowed bool
	// Refusal is why not; nil when it is allowed.
	Refusal *Refusal
	// Preflight is how the server decides about the preflight; nil when the browser
	// sends none.
	Preflight *cors.Explanation
	// Actual is how the server decides about the request itself; nil when it is not
	// sent.
	Actual *cors.Explanation
	// Message is one sentence, in lower case and without a full stop: for a refusal
	// the one thing that is missing and where, otherwise which rule answers.
	Message string
}

// Rule is the index of the rule that the verdict is about: the one that answers
// or, for a refusal, the one that would have to change; -1 for none.
func (v Verdict) Rule() int { panic("not written yet") }

// Try plays a request against the rules of a bucket.
func Try(p *cors.Policy, r Request) Verdict { panic("not written yet") }
