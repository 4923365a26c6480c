// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// BothLosses is what is lost where either answer may come.
func BothLosses(a, b cors.Loss) cors.Loss {
	for _, h := range b.ExposeHeaders {
		if !slices.Contains(a.ExposeHeaders, h) {
			a.ExposeHeaders = append(a.ExposeHeaders, h)
		}
	}
	a.Credentials = a.Credentials || b.Credentials
	a.MaxAge = a.MaxAge || b.MaxAge
	return a
}

// LossText completes a sentence that ends with "so that".
func LossText(l cors.Loss) string {
	var losses []string
	if len(l.ExposeHeaders) > 0 {
		losses = append(losses, fmt.Sprintf("scripts cannot read %s", SomeOf(l.ExposeHeaders)))
	}
	if l.Credentials {
		losses = append(losses, `the answer is "*" without Access-Control-Allow-Credentials`)
	}
	if l.MaxAge {
		losses = append(losses, "the max age is that of the other rule")
	}
	return And(losses)
}

// SomeOf names the first few values.
func SomeOf(values []string) string {
	const shown = 3
	var names []string
	for _, v := range values[:min(len(values), shown)] {
		names = append(names, clip(v, quotedRunes))
	}
	if more := len(values) - shown; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return And(names)
}

// And joins words as in a sentence.
func And(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
