// SPDX-License-Identifier: Apache-2.0

package expectation

import (
	"slices"
	"strings"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// All are the requests of all expectations, each once, in order. Without any
// expectation they are samples of what the rules allow: for each rule and method one
// with an origin that it matches, at most MaxSamples together.
//
// Two requests are the same if the preflights are, and both come with credentials
// or both without, which a browser judges differently; what the scripts read is put
// together.
func All(expectations []v1alpha1.Expectation, rules cors.Configuration) []browser.Request {
	if len(expectations) == 0 {
		return once(samples(rules))
	}
	var all []browser.Request
	for i := range expectations {
		all = append(all, Requests(expectations[i])...)
	}
	return once(all)
}

// once leaves the first of the requests that are the same.
func once(requests []browser.Request) []browser.Request {
	type key struct {
		preflight   cors.Request
		credentials bool
	}
	places := make(map[key]int, len(requests))
	var distinct []browser.Request
	for _, r := range requests {
		ask, _ := r.Preflight()
		k := key{ask, r.Credentials}
		at, found := places[k]
		if !found {
			places[k] = len(distinct)
			r.Reads = slices.Clip(r.Reads)
			distinct = append(distinct, r)
			continue
		}
		known := &distinct[at]
		for _, name := range r.Reads {
			if !slices.ContainsFunc(known.Reads, func(s string) bool { return strings.EqualFold(s, name) }) {
				known.Reads = append(known.Reads, name)
			}
		}
	}
	return distinct
}
