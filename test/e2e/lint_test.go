// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

func TestAnOriginThatNeverMatchesIsToldAndBlocksNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t, "lint", "a")
	s.apply(s.policyYAML("p", `[{allowedOrigins: ["https://app.example.com/"], allowedMethods: [GET]}]`, "", "a"))
	s.awaitReady("p")
	s.expectLive("a", cors.Configuration{Rules: []cors.Rule{
		{AllowedOrigins: []string{"https://app.example.com/"}, AllowedMethods: []string{"GET"}},
	}})
	s.awaitEvent(s3v1alpha1.ReasonLintFindings,
		`CORS010 spec.rules[0].allowedOrigins[0]: "https://app.example.com/" ends with a slash; write "https://app.example.com"`)
}
