// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"strconv"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// Severity is how bad a finding is.
type Severity string

// The severities, the worst first.
const (
	Error   Severity = "error"   // S3 refuses it, or it never does what it says
	Warning Severity = "warning" // it works, and is probably not what was meant
	Info    Severity = "info"    // good to know
)

// Finding is one thing that is wrong with a configuration.
type Finding struct {
	// ID is stable: "CORS010". Name is what it is about: "origin-trailing-slash".
	ID, Name string
	Severity Severity
	// Rule is the index of the rule, or -1 for the configuration as a whole.
	Rule   int
	RuleID string
	// Field is the field of the rule; empty for the whole rule or configuration.
	Field cors.Field
	// Index is that of the value in the field, or -1 for the field itself.
	Index int
	// Place is the field of the policy, for what is not in the rules:
	// "spec.mode"; empty for everything else.
	Place string
	// Value is the offending value; empty where there is none.
	Value string
	// Problem is what is wrong, Why what follows from it and Fix what to do: each
	// a clause in lower case without a full stop.
	Problem, Why, Fix string
	// Edit does what Fix says; nil where that takes a decision. See Fixes for
	// making several.
	Edit *Edit

	// more is how many findings this one stands for, which are left out; 0 for
	// an ordinary one.
	more int
}

// Path is where the finding is, for example "rules[2].allowedOrigins[0]".
func (f Finding) Path() string {
	if f.Place != "" {
		return f.Place
	}
	return cors.Path(f.Rule, f.Field, f.Index)
}

// String is the finding on one line, without severity.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s; %s", f.Path(), f.Problem, f.Fix)
}

// quotedRunes is how much of a value is quoted in a text.
const quotedRunes = 64

// quote makes a value printable on one line and not too long. Value has it whole.
func quote(s string) string {
	beginning := clip(s, quotedRunes)
	if len(beginning) < len(s) {
		return strconv.Quote(beginning) + "…"
	}
	return strconv.Quote(s)
}

// clip is at most the first n characters of s.
func clip(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
