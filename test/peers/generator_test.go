// SPDX-License-Identifier: Apache-2.0

package peers_test

import (
	"math/rand/v2"
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// generator makes configurations and requests of so few words that they often
// have to do with each other.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator {
	return generator{rand.New(rand.NewPCG(seed, 0))}
}

func pick[T any](g generator, values ...T) T { return values[g.IntN(len(values))] }

// some is up to most values of one.
func some(g generator, most int, one func() string) []string {
	var values []string
	for range g.IntN(most + 1) {
		values = append(values, one())
	}
	return values
}

// words is up to most of words, written one after another.
func (g generator) words(most int, words ...string) string {
	return strings.Join(some(g, most, func() string { return pick(g, words...) }), "")
}

func (g generator) configuration() cors.Configuration {
	var c cors.Configuration
	for range 1 + g.IntN(5) {
		r := cors.Rule{
			ID:             pick(g, "", "a", "b"),
			AllowedOrigins: some(g, 3, g.configuredOrigin),
			AllowedMethods: some(g, 3, g.configuredMethod),
			AllowedHeaders: some(g, 3, g.configuredHeader),
			ExposeHeaders:  some(g, 2, g.exposedHeader),
		}
		if g.IntN(3) == 0 {
			r.MaxAgeSeconds = new(pick[int32](g, 0, 1, -1, 3000))
		}
		c.Rules = append(c.Rules, r)
	}
	return c
}

func (g generator) configuredOrigin() string {
	return pick(g, "*", "*", "https://a.example", "https://*.example", "https://*", "http*", "ab*ba", "*a", "A*", "null",
		g.words(4, "a", "b", "*", ".", "https://", "A"))
}

func (g generator) configuredMethod() string {
	return pick(g, "GET", "PUT", "POST", "DELETE", "HEAD", "GET", "PUT", pick(g, "GET", "get", "OPTIONS", "PATCH", "", "*"))
}

func (g generator) configuredHeader() string {
	return pick(g, "*", "*", "*", "x-amz-*", "content-type", "Content-Type", "X-*-a", "a", g.words(3, "a", "b", "x-", "*", "A", "é", " "))
}

func (g generator) exposedHeader() string {
	return pick(g, "ETag", "etag", "x-amz-storage-class", g.words(2, "a", "x-", "*", "B", " "))
}

func (g generator) request() cors.Request {
	return cors.Request{
		Method:         pick(g, "OPTIONS", "OPTIONS", "OPTIONS", "GET", "PUT", "HEAD", "POST", "DELETE", "PATCH"),
		Resource:       pick(g, cors.Object, cors.Bucket),
		Origin:         pick(g, "https://a.example", "https://b.example", "https://a.b.example", "http://a.example", "aba", "abba", "null", "a", "A", "", g.words(4, "a", "b", "*", ".", "https://", "A")),
		RequestMethod:  pick(g, "GET", "PUT", "POST", "DELETE", "HEAD", "GET", "PUT", "GET", "PUT", pick(g, "", "get", "PATCH", "OPTIONS")),
		RequestHeaders: g.requestedHeaders(),
	}
}

func (g generator) requestedHeaders() string {
	one := func() string {
		return pick(g, "content-type", "Content-Type", "x-amz-acl", "x-b-a", "x-a", "a", "b", " a ", "\ta", g.words(3, "a", "b", "x-", "A"), "", "a b", "é", "a*")
	}
	if g.IntN(3) == 0 {
		return ""
	}
	names := some(g, 3, one)
	if g.IntN(5) > 0 {
		// Mostly what a browser could send.
		for i := range names {
			names[i] = strings.Trim(names[i], " \té*")
			if names[i] == "" || strings.Contains(names[i], " ") {
				names[i] = "a"
			}
		}
	}
	return strings.Join(names, pick(g, ",", ", "))
}
