// SPDX-License-Identifier: Apache-2.0

package browser

import "net/http"

// Answer is the answer of a server, as far as browsers look at it.
type Answer struct {
	Status int
	Header http.Header
}

// Step is where in a request a browser stops.
type Step string

// The steps, in order.
const (
	// StepPreflight: the answer to the preflight keeps the request from being sent.
	StepPreflight Step = "Preflight"
	// StepResponse: the request was sent, and the response is kept from the script.
	StepResponse Step = "Response"
	// StepRead: the script gets the response without a header that it reads.
	StepRead Step = "Read"
)

// Refusal is why a browser does not go on. The set of reasons is closed.
type Refusal struct {
	Step   Step
	Reason Reason
	// Value is what is not allowed: the origin, the method or the name of a header.
	Value string
	// Message is a clause in lower case that says what is wrong with the answer.
	Message string
}

// Reason is why a browser does not go on, by the check of the Fetch standard that
// fails.
type Reason string

// CheckPreflight is why the browser does not send the request after this answer
// to its preflight; nil when it does. Redirects are no answer that a browser
// accepts. See https://fetch.spec.whatwg.org/#cors-preflight-fetch.
func (r Request) CheckPreflight(a Answer) *Refusal { panic("not written yet") }

// CheckResponse is why the script does not get the response, or not with all the
// headers that it reads; nil when it does. The status does not matter: an error of
// S3 is a response, too. See https://fetch.spec.whatwg.org/#concept-cors-check.
func (r Request) CheckResponse(a Answer) *Refusal { panic("not written yet") }
