// SPDX-License-Identifier: Apache-2.0

package expectation

import (
	"slices"
	"strconv"
	"strings"

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
	var failures []Failure
	for i := range expectations {
		e := &expectations[i]
		denied := e.Outcome == v1alpha1.OutcomeDenied
		for _, r := range Requests(*e) {
			if browser.Allowed(p, r) != denied {
				continue
			}
			v := browser.Try(p, r)
			failures = append(failures, Failure{Index: i, Name: e.Name, Request: r, Verdict: v, Message: message(e, r, v)})
			break
		}
	}
	return failures
}

// message is that of a Failure.
func message(e *v1alpha1.Expectation, r browser.Request, v browser.Verdict) string {
	about := "expectation " + cors.Quote(e.Name) + ": "
	if e.Preset != "" {
		about += r.Name + " of " + string(e.Preset) + ", "
	}
	about += describe(r)
	if v.Allowed {
		return about + " should be denied and is not: " + v.Message
	}
	return about + " should be allowed and is not: " + v.Message
}

// describe is a request in words: `PUT with content-type from
// "https://app.example.com"`.
func describe(r browser.Request) string {
	const shown = 5
	ask, _ := r.Preflight()
	text := ask.RequestMethod
	if ask.RequestHeaders != "" {
		names := strings.Split(ask.RequestHeaders, ",")
		text += " with "
		if more := len(names) - shown; more > 1 {
			text += strings.Join(names[:shown], ", ") + " and " + strconv.Itoa(more) + " more"
		} else {
			text += enumerate(names)
		}
	}
	text += " from " + cors.Quote(r.Origin)
	if r.Credentials {
		text += " with credentials"
	}
	return text
}

// enumerate is "a, b and c".
func enumerate(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// Requests are what an expectation stands for: one request, which has its name, or
// those of its preset, which have names of their own. What is denied reads nothing: that a header is not exposed keeps the
// response from nobody.
func Requests(e v1alpha1.Expectation) []browser.Request {
	requests := browser.Client(e.Preset).Requests(string(e.Origin))
	if e.Preset == "" {
		requests = []browser.Request{{Name: e.Name, Origin: string(e.Origin), Method: string(e.Method)}}
	}
	for i := range requests {
		r := &requests[i]
		r.Credentials = e.Credentials == v1alpha1.CredentialsInclude
		r.Headers = add(r.Headers, e.Headers)
		if e.Outcome == v1alpha1.OutcomeDenied {
			r.Reads = nil
		} else {
			r.Reads = add(r.Reads, e.Exposes)
		}
	}
	return requests
}

// add is a list with more names.
func add(names []string, more []v1alpha1.HeaderName) []string {
	names = slices.Grow(slices.Clip(names), len(more))
	for _, name := range more {
		names = append(names, string(name))
	}
	return names
}
