// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// The IDs that are used in more than one place.
const (
	idCharacter = "CORS009"
	idSlash     = "CORS010"
	idPath      = "CORS011"
	idScheme    = "CORS012"
	idPort      = "CORS013"
	idCase      = "CORS014"
	idPadding   = "CORS015"
	idNegative  = "CORS037"
	idMalformed = "CORS048"
	idOther     = "CORS049"
)

// documentChecks are about what S3 refuses.
var documentChecks = []Check{
	{
		ID: "CORS001", Name: "rule-incomplete", Severity: Error,
		Summary: "no rules, or a rule without origins or methods",
		run:     refusals("CORS001"),
	},
	{
		ID: "CORS002", Name: "too-many-rules", Severity: Error,
		Summary: "more rules than S3 takes, or nearly as many",
		run:     tooManyRules,
	},
	{
		ID: "CORS003", Name: "document-too-large", Severity: Error,
		Summary: "a document larger than S3 takes",
		run:     refusals("CORS003"),
	},
	{
		ID: "CORS004", Name: "method-unsupported", Severity: Error,
		Summary: "a method that no rule can have, such as OPTIONS or get",
		run:     refusals("CORS004"),
	},
	{
		ID: "CORS005", Name: "origin-wildcards", Severity: Error,
		Summary: `an origin with more than one "*"`,
		run:     refusals("CORS005"),
	},
	{
		ID: "CORS006", Name: "header-wildcards", Severity: Error,
		Summary: `an allowed header with more than one "*"`,
		run:     refusals("CORS006"),
	},
	{
		ID: "CORS007", Name: "expose-wildcard", Severity: Error,
		Summary: `a "*" in a header to expose`,
		run:     refusals("CORS007"),
	},
	{
		ID: "CORS008", Name: "rule-id", Severity: Error,
		Summary: "an ID that is too long, or that two rules have",
		run:     ruleIDs,
	},
	{
		ID: idCharacter, Name: "header-character", Severity: Error,
		Summary: "a header with a character that is in no header name",
		run:     repairable(idCharacter, "no request can ask for such a header"),
	},
	{
		ID: "CORS047", Name: "not-xml", Severity: Error,
		Summary: "a value with a character that XML cannot carry",
		run:     refusals("CORS047"),
	},
	{
		ID: idOther, Name: "server-refuses", Severity: Error,
		Summary: "something that the server refuses for another reason",
		run:     refusals(idOther),
	},
}

// mistakeCheck is the ID of the check that tells a mistake.
func mistakeCheck(m *cors.Mistake) string {
	switch m.Reason {
	case cors.NoRules, cors.Missing:
		return "CORS001"
	case cors.TooManyRules:
		return "CORS002"
	case cors.DocumentTooLarge:
		return "CORS003"
	case cors.UnsupportedMethod:
		return "CORS004"
	case cors.TooManyWildcards:
		if m.Field == cors.FieldAllowedHeaders {
			return "CORS006"
		}
		return "CORS005"
	case cors.WildcardNotSupported:
		if m.Field == cors.FieldExposeHeaders {
			return "CORS007"
		}
	case cors.TooLong:
		return "CORS008"
	case cors.InvalidCharacter:
		return idCharacter
	case cors.Empty:
		return idPadding
	case cors.Negative:
		return idNegative
	case cors.NotXML:
		return "CORS047"
	case cors.NotImplemented:
		return "CORS043"
	case cors.WildcardWithoutScheme:
	}
	return idOther
}

// refusals tells the mistakes that are those of a check.
func refusals(check string) func(*subject, func(Finding)) {
	return func(s *subject, report func(Finding)) {
		for _, m := range s.mistakes {
			if mistakeCheck(m) != check {
				continue
			}
			f := Finding{Rule: m.Rule, Field: m.Field, Index: m.Index, Why: s.refusal(m)}
			if m.Index >= 0 || m.Field != "" {
				f.Value = m.Value
			}
			f.Problem, f.Fix = m.Explain()
			if r, found := s.repairs[place{m.Rule, m.Field, m.Index}]; found && r.edit != nil {
				f.Fix, f.Edit = r.fix, r.edit
			}
			report(f)
		}
	}
}

// refusal is what the server answers to a mistake.
func (s *subject) refusal(m *cors.Mistake) string {
	server := serverName(s.Dialect)
	answer := m.S3()
	switch {
	case answer.Code == "" && s.Dialect == cors.AWS:
		return "S3 documents this limit, and refuses the whole configuration"
	case answer.Code == "":
		return server + " refuses the whole configuration"
	case answer.Confidence > cors.ConfidenceMedium:
		server += " refuses the whole configuration, probably with"
	default:
		server += " answers"
	}
	text := fmt.Sprintf("%s %d %s", server, answer.Status, answer.Code)
	if answer.Message == "" {
		return text
	}
	const messageRunes = 240
	message := clip(answer.Message, messageRunes)
	if len(message) < len(answer.Message) {
		message += "…"
	}
	return text + ": " + printable(message)
}

// printable is s on one line, whatever somebody wrote into a value.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// manyRules is when to begin to think of the limit.
const manyRules = 80

func tooManyRules(s *subject, report func(Finding)) {
	refusals("CORS002")(s, report)
	if n := len(s.Rules); n > manyRules && n <= cors.MaxRules {
		report(Finding{
			Severity: Info, Rule: -1, Index: -1,
			Problem: fmt.Sprintf("there are %d rules, and S3 takes at most %d", n, cors.MaxRules),
			Why:     "the rules that come later will not fit",
			Fix:     "merge rules that differ in their origins only",
		})
	}
}

func ruleIDs(s *subject, report func(Finding)) {
	refusals("CORS008")(s, report)
	first := map[string]int{}
	for i, r := range s.Rules {
		if r.ID == "" {
			continue
		}
		if other, seen := first[r.ID]; seen {
			report(Finding{
				Severity: Warning, Rule: i, Field: cors.FieldID, Index: -1, Value: r.ID,
				Problem: fmt.Sprintf("%s is the ID of %s as well", quote(r.ID), cors.Path(other, "", -1)),
				Why:     "AWS documents the ID as unique, and other tools find a rule by it",
				Fix:     "give each rule an ID of its own, or none",
			})
			continue
		}
		first[r.ID] = i
	}
}
