// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Field names a field of a Rule the way the policy manifest spells it.
type Field string

// The fields of a Rule.
const (
	FieldID             Field = "id"
	FieldAllowedOrigins Field = "allowedOrigins"
	FieldAllowedMethods Field = "allowedMethods"
	FieldAllowedHeaders Field = "allowedHeaders"
	FieldExposeHeaders  Field = "exposeHeaders"
	FieldMaxAgeSeconds  Field = "maxAgeSeconds"
)

// MistakeReason says what is wrong with a Configuration. The set is closed.
type MistakeReason string

// The reasons for which Compile refuses a Configuration. Each of them would
// make PutBucketCors fail; what S3 stores but never matches is not among them.
const (
	// NoRules: S3 answers a document without a CORSRule with MalformedXML.
	NoRules MistakeReason = "NoRules"
	// TooManyRules: there are more than MaxRules.
	TooManyRules MistakeReason = "TooManyRules"
	// DocumentTooLarge: the XML document is larger than MaxDocumentBytes.
	DocumentTooLarge MistakeReason = "DocumentTooLarge"
	// Missing: a rule has no allowedOrigins or no allowedMethods.
	Missing MistakeReason = "Missing"
	// UnsupportedMethod: a method is not GET, PUT, POST, DELETE or HEAD, which
	// S3 compares with regard to case.
	UnsupportedMethod MistakeReason = "UnsupportedMethod"
	// TooManyWildcards: an allowed origin or header has more than one "*".
	TooManyWildcards MistakeReason = "TooManyWildcards"
	// WildcardNotSupported: a header to expose has a "*".
	WildcardNotSupported MistakeReason = "WildcardNotSupported"
	// InvalidCharacter: a header to expose has a character that is in no header
	// name. S3 does not check allowedHeaders for this.
	InvalidCharacter MistakeReason = "InvalidCharacter"
	// TooLong: an ID has more than MaxIDLength characters.
	TooLong MistakeReason = "TooLong"
	// NotXML: a value is not UTF-8, or has a character that XML 1.0 cannot
	// carry, not even escaped.
	NotXML MistakeReason = "NotXML"

	// Empty: a value that must not be empty is; on other servers than AWS only, as
	// those that follow.
	Empty MistakeReason = "Empty"
	// WildcardWithoutScheme: an allowed origin has a "*" and does not begin with
	// "http://" or "https://".
	WildcardWithoutScheme MistakeReason = "WildcardWithoutScheme"
	// Negative: maxAgeSeconds is less than 0.
	Negative MistakeReason = "Negative"
	// NotImplemented: the server stores no CORS configurations.
	NotImplemented MistakeReason = "NotImplemented"
)

// Mistake is one reason for which S3 would refuse a Configuration.
type Mistake struct {
	// Rule is the index of the rule, or -1 for the configuration as a whole.
	Rule int
	// RuleID is the ID of the rule; empty if it has none.
	RuleID string
	// Field is the field of the rule; empty for the configuration as a whole.
	Field Field
	// Index is the index of the value in the list of the field, or -1 for the
	// field itself.
	Index int
	// Value is the offending value, whole; for TooManyRules and
	// DocumentTooLarge the number of rules and of bytes.
	Value string
	// Reason is what is wrong.
	Reason MistakeReason

	dialect *Dialect // nil for AWS
}

// Path is where the mistake is, for example "rules[2].allowedOrigins[0]".
func (m *Mistake) Path() string { return Path(m.Rule, m.Field, m.Index) }

// Path is the place of a value in a configuration, for example
// "rules[2].allowedOrigins[0]". Without a rule (-1) it is "rules"; field may be
// empty and index -1 for less.
func Path(rule int, field Field, index int) string {
	if rule < 0 {
		return "rules"
	}
	path := fmt.Sprintf("rules[%d]", rule)
	if field != "" {
		path += "." + string(field)
	}
	if index >= 0 {
		path += fmt.Sprintf("[%d]", index)
	}
	return path
}

// Error is a sentence with place, problem and remedy. It quotes no more than
// the beginning of a long value.
func (m *Mistake) Error() string {
	problem, fix := m.Explain()
	return m.Path() + ": " + problem + "; " + fix
}

// Explain says what the problem is and how to mend it.
func (m *Mistake) Explain() (problem, fix string) {
	problem, fix = m.explain()
	if m.dialect != nil {
		problem = strings.Replace(problem, "S3 ", m.dialect.name+" ", 1)
	}
	return problem, fix
}

// server is the dialect of the server that refuses.
func (m *Mistake) server() *Dialect {
	if m.dialect == nil {
		return AWS
	}
	return m.dialect
}

func (m *Mistake) explain() (problem, fix string) {
	switch m.Reason {
	case NoRules:
		return "there are none, and S3 stores no empty configuration", "add a rule, or delete the configuration"
	case TooManyRules:
		if m.server().anyRules {
			return fmt.Sprintf("there are %s, and no more than %d are supported here", m.Value, MaxRules), "merge or remove some"
		}
		return fmt.Sprintf("there are %s, and S3 takes at most %d", m.Value, MaxRules), "merge or remove some"
	case DocumentTooLarge:
		return fmt.Sprintf("the XML document has %s bytes, and S3 takes at most %d", m.Value, m.server().maxDocument),
			"shorten or remove some"
	case Missing:
		if m.Field == FieldAllowedMethods {
			return "missing", "name at least one of " + supportedMethods
		}
		return "missing", `name at least one origin, such as "https://app.example.com", or "*" for every origin`
	case UnsupportedMethod:
		return quote(m.Value) + " is not a method that S3 supports in a rule", methodFix(m.Value)
	case TooManyWildcards:
		return quote(m.Value) + ` has more than one "*"`, "use at most one"
	case WildcardNotSupported:
		return quote(m.Value) + ` has a "*", which S3 does not support here`, "list the names of the headers"
	case InvalidCharacter:
		bad, _ := notToken(m.Value)
		return fmt.Sprintf("%s has the character %q, which is in no header name", quote(m.Value), bad), "remove it"
	case TooLong:
		return fmt.Sprintf("%s has %d %s, and S3 takes at most %d",
			quote(m.Value), m.server().idLength(m.Value), m.server().idUnit, MaxIDLength), "shorten it"
	case NotXML:
		bad, _ := notXML(m.Value)
		if bad == utf8.RuneError {
			return quote(m.Value) + " is not valid UTF-8", "write it in UTF-8"
		}
		return fmt.Sprintf("%s has the character %U, which XML cannot carry", quote(m.Value), bad), "remove it"
	case Empty:
		return "empty, which S3 refuses", "remove it"
	case WildcardWithoutScheme:
		return quote(m.Value) + ` has a "*" that S3 takes only in an origin with a scheme`, `begin it with "https://"`
	case Negative:
		return m.Value + " is negative, which S3 refuses", "write 0 or more, or remove it"
	case NotImplemented:
		return "S3 stores no CORS configurations", "set the origins that it allows in the settings of the server"
	}
	return string(m.Reason), "see the documentation of S3"
}

func methodFix(value string) string {
	upper := strings.ToUpper(strings.TrimSpace(value))
	switch {
	case upper == "OPTIONS":
		return "remove it: S3 answers preflights without it"
	case methodOf(upper) != noMethod:
		return "write " + strconv.Quote(upper)
	case value == "*":
		return "list the methods: " + supportedMethods
	default:
		return "use only " + supportedMethods
	}
}

const supportedMethods = "GET, PUT, POST, DELETE and HEAD"

// S3Error is an error as S3 would answer it.
type S3Error struct {
	Status     int // HTTP status
	Code       string
	Message    string
	Confidence Confidence // how well it is known that S3 answers so
}

// S3 is what PutBucketCors would answer to a configuration in which this is the
// only mistake. It is not known for every reason: the zero value, then.
func (m *Mistake) S3() S3Error {
	if m.dialect != nil {
		return m.dialect.refusal(m)
	}
	return m.s3()
}

// s3 is the answer of AWS.
func (m *Mistake) s3() S3Error {
	invalid := func(message string, c Confidence) S3Error {
		return S3Error{Status: 400, Code: "InvalidRequest", Message: message, Confidence: c}
	}
	switch m.Reason {
	case NoRules, Missing:
		return malformedXML(ConfidenceHigh)
	case NotXML:
		// No recording exists; such a document cannot be well-formed.
		return malformedXML(ConfidenceMedium)
	case TooManyRules:
		// The text of two servers that compared themselves with AWS; an emulator
		// answers MalformedXML instead.
		return invalid(fmt.Sprintf("The number of CORS rules should not exceed allowed limit of %d rules.", MaxRules), ConfidenceLow)
	case UnsupportedMethod:
		return invalid("Found unsupported HTTP method in CORS config. Unsupported method is "+m.Value, ConfidenceHigh)
	case TooManyWildcards:
		if m.Field == FieldAllowedHeaders {
			return invalid(`AllowedHeader "`+m.Value+`" can not have more than one wildcard.`, ConfidenceMedium)
		}
		return invalid(`AllowedOrigin "`+m.Value+`" can not have more than one wildcard.`, ConfidenceHigh)
	case WildcardNotSupported:
		return invalid(`ExposeHeader "`+m.Value+`" contains wildcard. We currently do not support wildcard for ExposeHeader.`,
			ConfidenceMedium)
	case InvalidCharacter:
		// S3 does say AllowedHeader where it means ExposeHeader.
		return invalid(`AllowedHeader "`+m.Value+`" contains invalid character.`, ConfidenceMedium)
	case DocumentTooLarge, TooLong:
		// The limits are documented, the answers are not.
	case Empty, WildcardWithoutScheme, Negative, NotImplemented:
		// AWS has no such mistakes.
	}
	return S3Error{}
}

func malformedXML(c Confidence) S3Error {
	return S3Error{
		Status:     400,
		Code:       "MalformedXML",
		Message:    "The XML you provided was not well-formed or did not validate against our published schema",
		Confidence: c,
	}
}

// ConfigurationError is every mistake of one Configuration.
type ConfigurationError struct {
	// Mistakes are all of them, in the order of the rules; never empty.
	Mistakes []*Mistake
}

// shownMistakes is how many mistakes the text of a ConfigurationError holds,
// so that it fits in a condition.
const shownMistakes = 5

// Error is the first few mistakes, one a line, and the number of the others.
func (e *ConfigurationError) Error() string {
	var b strings.Builder
	for i, m := range e.Mistakes {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == shownMistakes {
			fmt.Fprintf(&b, "and %d more", len(e.Mistakes)-i)
			break
		}
		b.WriteString(m.Error())
	}
	return b.String()
}

// Mistakes are the mistakes of the configuration that err, or an error it
// wraps, is about; none for any other error.
func Mistakes(err error) iter.Seq[*Mistake] {
	var e *ConfigurationError
	if !errors.As(err, &e) {
		return func(func(*Mistake) bool) {}
	}
	return slices.Values(e.Mistakes)
}

// quotedRunes is how much of a value is quoted in a message.
const quotedRunes = 64

// quote makes a value printable on one line and not too long.
func quote(s string) string {
	beginning := clip(s)
	if len(beginning) < len(s) {
		return strconv.Quote(beginning) + "…"
	}
	return strconv.Quote(s)
}

// clip is at most the first quotedRunes characters of s.
func clip(s string) string {
	n := 0
	for i := range s {
		if n == quotedRunes {
			return s[:i]
		}
		n++
	}
	return s
}
