// SPDX-License-Identifier: Apache-2.0

// Package expectation checks the expectations of a policy against the rules that
// would be on a bucket. It touches no network.
package expectation

import (
	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// Failure is an expectation that is not met.
type Failure struct {
	// Index is its place in the list, Name its name.
	Index int
	Name  string
	// Request is the first of its requests that has another outcome.
	Request browser.Request
	Verdict browser.Verdict
	// Message is a sentence in lower case without a full stop that names the
	// expectation, the request and the one thing that is missing or, where it should
	// have been denied, the rule that allows it.
	Message string
}

// Check are the expectations that the rules of p do not meet, in order.
func Check(expectations []v1alpha1.Expectation, p *cors.Policy) []Failure {
	panic("not written yet")
}

// Requests are what an expectation stands for: one request, or those of its
// preset.
func Requests(e v1alpha1.Expectation) []browser.Request { panic("not written yet") }

// All are the requests of all expectations, each once, in order. Without any
// expectation they are samples of what the rules allow: for each rule and method one
// with an origin that it matches.
func All(expectations []v1alpha1.Expectation, rules cors.Configuration) []browser.Request {
	panic("not written yet")
}
