// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// answering is a rule with lists that are separated by spaces.
func answering(id, origins, methods, headers, exposed string) cors.Rule {
	return cors.Rule{
		ID: id, AllowedOrigins: strings.Fields(origins), AllowedMethods: strings.Fields(methods),
		AllowedHeaders: strings.Fields(headers), ExposeHeaders: strings.Fields(exposed),
	}
}

func TestAPolicyThatSuffersFromRulesOfOthersIsTold(t *testing.T) {
	aged := func(rule cors.Rule, seconds int32) cors.Rule {
		rule.MaxAgeSeconds = &seconds
		return rule
	}
	const app = "https://app.example.com"
	get := answering("", app, "GET", "", "")
	exposing := answering("", app, "GET", "", "ETag")
	everybody := answering("all", "*", "GET", "*", "")

	for name, tt := range map[string]struct {
		// first are the rules of team-a/first, then come those of team-a/own, and then
		// those of team-a/last.
		first, own, last []cors.Rule
		want             string
	}{
		"nothing in its way":             {[]cors.Rule{get}, []cors.Rule{answering("", "https://other.example.com", "GET", "", "")}, nil, ""},
		"rules that come last":           {nil, []cors.Rule{exposing}, []cors.Rule{everybody}, ""},
		"its own rules":                  {[]cors.Rule{answering("", "https://z", "GET", "", "")}, []cors.Rule{everybody, exposing}, nil, ""},
		"what suffers is another policy": {[]cors.Rule{get}, []cors.Rule{answering("", "https://z", "GET", "", "")}, []cors.Rule{exposing}, ""},

		"a rule that never answers": {
			[]cors.Rule{answering("", "https://z", "GET", "", ""), get}, []cors.Rule{exposing}, nil,
			"rules[0] never answers a request, because rules[1] of policy team-a/first comes first and matches all that it matches, " +
				"so that scripts cannot read ETag; a higher spec.priority of this policy would put its rules first",
		},
		"rules that have ids": {
			[]cors.Rule{everybody}, []cors.Rule{answering("", "https://z", "PUT", "", ""), answering("uploads", app, "GET", "", "ETag x-a")}, nil,
			`rule "uploads" never answers a request, because rule "all" of policy team-a/first comes first and matches all that it matches, ` +
				`so that scripts cannot read ETag and x-a and the answer is "*" without Access-Control-Allow-Credentials; a higher spec.priority of this policy would put its rules first`,
		},
		"a rule that never answers and would answer the same": {
			[]cors.Rule{get}, []cors.Rule{get}, nil,
			"rules[0] never answers a request, because rules[0] of policy team-a/first comes first and matches all that it matches, with the same answers",
		},
		"a rule that never answers and has a max age": {
			[]cors.Rule{get}, []cors.Rule{aged(get, 0)}, nil,
			"rules[0] never answers a request, because rules[0] of policy team-a/first comes first and matches all that it matches, " +
				"so that the max age is that of the other rule; a higher spec.priority of this policy would put its rules first",
		},
		"a rule that never answers and has no max age, which others have": {
			[]cors.Rule{aged(get, 5)}, []cors.Rule{get}, nil,
			"rules[0] never answers a request, because rules[0] of policy team-a/first comes first and matches all that it matches, with the same answers",
		},
		"a rule that several keep from answering": {
			[]cors.Rule{get, answering("b", "https://b", "GET", "", "")}, []cors.Rule{answering("", app+" https://b", "GET", "", "ETag")}, nil,
			`rules[0] never answers a request, because rules[0] of policy team-a/first and rule "b" of policy team-a/first come first and match all that it matches, ` +
				"so that scripts cannot read ETag; a higher spec.priority of this policy would put its rules first",
		},
		"a rule that others and its own policy keep from answering": {
			[]cors.Rule{get}, []cors.Rule{answering("b", "https://b", "GET", "", ""), answering("c", app+" https://b", "GET", "", "ETag")}, nil,
			`rule "c" never answers a request, because rules[0] of policy team-a/first and rule "b" come first and match all that it matches, ` +
				"so that scripts cannot read ETag; a higher spec.priority of this policy would put its rules first",
		},
		"a rule that its own policy keeps from answering anyway": {
			[]cors.Rule{get}, []cors.Rule{answering("", "https://*", "GET", "", "ETag"), exposing}, nil,
			"",
		},

		"a rule that answers in part": {
			[]cors.Rule{get}, []cors.Rule{answering("", app+" https://b", "GET PUT", "", "ETag")}, nil,
			`rules[0] answers only in part: rules[0] of policy team-a/first comes first and answers GET from "https://app.example.com", ` +
				"so that scripts cannot read ETag; a higher spec.priority of this policy would put its rules first",
		},
		"a rule that answers only preflights that ask for headers": {
			[]cors.Rule{answering("", app, "GET PUT", "", "")}, []cors.Rule{answering("", app, "PUT", "content-type", "ETag")}, nil,
			`rules[0] answers only in part: rules[0] of policy team-a/first comes first and answers PUT from "https://app.example.com", ` +
				"except preflights that ask for more headers than allowed there, so that scripts cannot read ETag; " +
				"a higher spec.priority of this policy would put its rules first",
		},
		"a rule that many keep from answering": {
			[]cors.Rule{
				answering("a", "https://a", "GET", "", ""), answering("b", "https://b", "GET", "", ""),
				answering("c", "https://c", "GET", "", ""), answering("d", "https://d", "GET", "", ""), answering("e", "https://e", "GET", "", ""),
			},
			[]cors.Rule{answering("", "https://a https://b https://c https://d https://e https://f", "GET PUT", "", "ETag")}, nil,
			`rules[0] answers only in part: rule "a" of policy team-a/first, rule "b" of policy team-a/first, rule "c" of policy team-a/first and 2 more come first ` +
				`and answer GET from "https://a", "https://b", "https://c" and 2 more, so that scripts cannot read ETag; ` +
				"a higher spec.priority of this policy would put its rules first",
		},
		"a rule that answers in part, and others answer the same":  {[]cors.Rule{get}, []cors.Rule{answering("", app+" https://b", "GET", "", "")}, nil, ""},
		"a rule that answers in part, and others answer more":      {[]cors.Rule{exposing}, []cors.Rule{answering("", app+" https://b", "GET", "", "")}, nil, ""},
		"a rule that answers in part, and others for another time": {[]cors.Rule{aged(get, 5)}, []cors.Rule{aged(answering("", app+" https://b", "GET PUT", "", ""), 9)}, nil, ""},
		"a part that its own rules take too": {
			[]cors.Rule{get}, []cors.Rule{exposing, answering("", app+" https://b", "GET", "", "ETag x-b")}, nil,
			"rules[0] never answers a request, because rules[0] of policy team-a/first comes first and matches all that it matches, " +
				"so that scripts cannot read ETag; a higher spec.priority of this policy would put its rules first",
		},
		"several rules, the worst first": {
			[]cors.Rule{get, answering("", "https://b", "GET", "", ""), answering("", "https://d", "GET", "", "")},
			[]cors.Rule{get, answering("", "https://b https://c", "GET", "", "x-a"), answering("", "https://d", "GET", "", "x-b")}, nil,
			"rules[2] never answers a request, because rules[2] of policy team-a/first comes first and matches all that it matches, so that scripts cannot read x-b; " +
				`rules[1] answers only in part: rules[1] of policy team-a/first comes first and answers GET from "https://b", so that scripts cannot read x-a; ` +
				"rules[0] never answers a request, because rules[0] of policy team-a/first comes first and matches all that it matches, with the same answers; " +
				"a higher spec.priority of this policy would put its rules first",
		},
		"what an earlier rule has in common, without having all its origin": {[]cors.Rule{get}, []cors.Rule{answering("", "https://*", "GET", "", "ETag")}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			own := bring("own", 0, tt.own)
			composed := compose([]contribution{bring("first", 1, tt.first), own, bring("last", -1, tt.last)})
			got := composed.shadowsOf(own.policy)
			if got != tt.want {
				t.Errorf("it is told\n%q, not\n%q", got, tt.want)
			}
		})
	}
}

func TestAPolicyThatIsNotThereIsToldNothing(t *testing.T) {
	get := answering("", "https://a", "GET", "", "")
	composed := compose([]contribution{bring("first", 0, []cors.Rule{get})})
	if got := composed.shadowsOf(bring("own", 0, []cors.Rule{get}).policy); got != "" {
		t.Errorf("it is told %q", got)
	}
	if got := (composition{}).shadowsOf(aPolicy()); got != "" {
		t.Errorf("it is told %q", got)
	}
}

func TestWhatIsToldOfShadowsIsBounded(t *testing.T) {
	var first, own []cors.Rule
	var everything []string
	for i := range 49 {
		origin := fmt.Sprintf("https://%d.%s", i, strings.Repeat("x", 90))
		everything = append(everything, origin)
		first = append(first, answering(strings.Repeat("i", 250)+fmt.Sprint(i), origin, "GET", "", ""))
		own = append(own, answering("", origin, "GET", "", strings.Repeat("y", 300)))
	}
	own = append(own, answering("", strings.Join(everything, " "), "GET", "", "ETag x-a x-b x-c x-d"))
	policy := bring("own", 0, own)
	composed := compose([]contribution{bring("first", 0, first), policy})
	if len(composed.parts) != 2 {
		t.Fatalf("there is no room: %+v", composed.refused)
	}
	got := composed.shadowsOf(policy.policy)
	if len(got) > 4<<10 || strings.Count(got, "never answers") != namedInMessage || !strings.Contains(got, "and 44 more rules") {
		t.Errorf("it is told %d bytes: %s", len(got), got)
	}
}
