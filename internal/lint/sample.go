// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"iter"
	"slices"
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// sampleOrigin is an origin that a browser can send and that the allowed origin
// matches, with something plausible in place of a "*". There is none for an
// allowed origin that no browser ever matches.
func sampleOrigin(allowed string) (string, bool) {
	o := parseOrigin(allowed)
	before, after, _ := strings.Cut(allowed, "*")
	switch {
	case !o.ok:
		return "", false
	case o.wild == noWildcard:
		return allowed, true
	case o.anySite():
		for _, scheme := range []string{"https://", "http://"} {
			if site := scheme + "some-app.example"; strings.HasPrefix(site, before) && strings.HasPrefix(scheme, o.scheme) {
				return site, true
			}
		}
		return before + "some-app.example" + after, true
	case o.wild == wildScheme:
		for _, scheme := range []string{"https", "http"} {
			if inner, found := strings.CutPrefix(scheme, before); found {
				return before + inner + after, true
			}
		}
		return before + after, true
	case o.wild == wildPort && strings.HasSuffix(before, ":") && after == "":
		return before + "8080", true
	case o.wild == wildPort:
		return before + "0" + after, true
	case o.scheme == "":
		return "https://some-app" + after, true
	default:
		return before + "some-app" + after, true
	}
}

// sampleHeader is a header name that the allowed header matches.
func sampleHeader(allowed string) string {
	switch allowed = lowerASCII(allowed); allowed {
	case "*":
		return "content-type"
	case "x-amz-*":
		return "x-amz-date"
	default:
		return strings.Replace(allowed, "*", "something", 1)
	}
}

// preflight is what a browser sends before a request with the method and with
// headers that need permission.
func preflight(origin, method string, headers ...string) cors.Request {
	return cors.Request{Method: "OPTIONS", Origin: origin, RequestMethod: method, RequestHeaders: strings.Join(headers, ",")}
}

// shown is an origin or a header of a sample, in a message.
func shown(s string) string {
	const shownRunes = 100
	if beginning := clip(s, shownRunes); len(beginning) < len(s) {
		return printable(beginning) + "…"
	}
	return printable(s)
}

// judge decides requests about the rules of a subject. What the server refuses
// at PutBucketCors is left out of the rules, so that one mistake does not hide
// everything else; the indexes of rules and values stay.
type judge struct {
	*subject
	rules []cors.Rule
	// nearby is what nearest found, by profile.
	nearby map[Profile]served
	// aws decides as S3 does; nil where there is nothing to decide by. dialect
	// decides as the server does; nil where that is S3, or a server that would
	// refuse the rules.
	aws, dialect *cors.Policy
}

// newJudge fails for a configuration of which no part is of use, or too much.
func newJudge(s *subject) (*judge, bool) {
	if s.judged == nil {
		s.judged = &judge{subject: s, nearby: map[Profile]served{}}
		if !s.large {
			s.judged.compile()
		}
	}
	return s.judged, s.judged.aws != nil
}

func (j *judge) compile() {
	c := j.Configuration
	policy, err := cors.Compile(c)
	if err != nil {
		c = withoutMistakes(c, err)
		policy, err = cors.Compile(c)
	}
	if err != nil {
		return
	}
	j.rules, j.aws = c.Rules, policy
	if j.Dialect != cors.AWS {
		if policy, err := j.Dialect.Compile(c); err == nil {
			j.dialect = policy
		}
	}
}

// allowed reports whether S3 or the server of the dialect allows r. Whether the
// two agree is a question of its own.
func (j *judge) allowed(r cors.Request) bool {
	return j.aws.Decide(r).Allowed || j.dialect != nil && j.dialect.Decide(r).Allowed
}

// exposed are the headers of the answer to r, in lower case, that a script may
// read because of the rules, on S3 or on the server of the dialect.
func (j *judge) exposed(r cors.Request) []string {
	names := exposedHeaders(j.aws.Decide(r))
	if j.dialect != nil {
		names = append(names, exposedHeaders(j.dialect.Decide(r))...)
	}
	return names
}

func exposedHeaders(d cors.Decision) []string {
	var names []string
	for _, h := range d.Headers() {
		if h.Name == "Access-Control-Expose-Headers" {
			for name := range strings.SplitSeq(h.Value, ",") {
				names = append(names, strings.ToLower(strings.TrimSpace(name)))
			}
		}
	}
	return names
}

// origins yields the origins of a rule with one that a browser would send for
// each, in order.
func (j *judge) origins(rule int) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, allowed := range j.rules[rule].AllowedOrigins {
			if sample, ok := sampleOrigin(allowed); ok && !yield(allowed, sample) {
				return
			}
		}
	}
}

// withoutMistakes is c with something harmless in place of every value that S3
// refuses, which err names. A rule of which too little is left matches nothing.
func withoutMistakes(c cors.Configuration, err error) cors.Configuration {
	rules := slices.Clone(c.Rules)
	for mistake := range cors.Mistakes(err) {
		if mistake.Rule < 0 {
			continue
		}
		rule := &rules[mistake.Rule]
		switch {
		case mistake.Field == cors.FieldID:
			rule.ID = ""
		case mistake.Reason == cors.Missing:
			silence(rule)
		case mistake.Field == cors.FieldAllowedMethods:
			rule.AllowedMethods = usableMethods(rule.AllowedMethods)
			if len(rule.AllowedMethods) == 0 {
				silence(rule)
			}
		case mistake.Field == cors.FieldAllowedOrigins:
			rule.AllowedOrigins = blank(rule.AllowedOrigins, mistake.Index)
		case mistake.Field == cors.FieldAllowedHeaders:
			rule.AllowedHeaders = blank(rule.AllowedHeaders, mistake.Index)
		case mistake.Field == cors.FieldExposeHeaders:
			rule.ExposeHeaders = blank(rule.ExposeHeaders, mistake.Index)
		}
	}
	return cors.Configuration{Rules: rules}
}

// silence makes a rule match nothing: no request has an empty origin.
func silence(rule *cors.Rule) {
	rule.AllowedOrigins, rule.AllowedMethods = []string{""}, []string{"GET"}
}

// usableMethods are the methods that S3 supports, whatever case they are in.
func usableMethods(methods []string) []string {
	var usable []string
	for _, m := range methods {
		if m = strings.ToUpper(m); slices.Contains(allMethods, m) {
			usable = append(usable, m)
		}
	}
	return usable
}

// allMethods are those that a rule can allow.
var allMethods = []string{"GET", "HEAD", "PUT", "POST", "DELETE"}

// blank empties one value of a list, without a change to the list itself.
func blank(values []string, index int) []string {
	values = slices.Clone(values)
	values[index] = ""
	return values
}
