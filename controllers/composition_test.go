// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/sets"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// origins are the origins of rules, one each, which tell the rules apart in
// tests.
func origins(rules []cors.Rule) string {
	var all []string
	for _, rule := range rules {
		all = append(all, strings.TrimPrefix(rule.AllowedOrigins[0], "https://"))
	}
	return strings.Join(all, " ")
}

// rulesOf are rules with one of the origins each, and without ids.
func rulesOf(origins string) []cors.Rule {
	var rules []cors.Rule
	for origin := range strings.FieldsSeq(origins) {
		rules = append(rules, cors.Rule{AllowedOrigins: []string{"https://" + origin}, AllowedMethods: []string{"GET"}})
	}
	return rules
}

// specOf are the rules of rulesOf in a policy.
func specOf(origins string) []s3v1alpha1.CORSRule {
	var rules []s3v1alpha1.CORSRule
	for _, rule := range rulesOf(origins) {
		rules = append(rules, s3v1alpha1.CORSRule{
			AllowedOrigins: []s3v1alpha1.CORSOrigin{s3v1alpha1.CORSOrigin(rule.AllowedOrigins[0])}, AllowedMethods: []s3v1alpha1.CORSMethod{"GET"},
		})
	}
	return rules
}

func hashOf(rules []cors.Rule) string { return cors.Hash(cors.Configuration{Rules: rules}) }

func TestWhatHoldersBringToABucket(t *testing.T) {
	// before is what live has of team-b/web, between rules of others.
	live := cors.Configuration{Rules: rulesOf("a.example before-1.example before-2.example c.example")}
	before := hashOf(live.Rules[1:3])

	change := func(changes ...func(*claimant)) func(*claimant) {
		return func(c *claimant) {
			for _, change := range changes {
				change(c)
			}
		}
	}
	suspended := func(c *claimant) { c.policy.Spec.Suspend = true }
	observing := func(c *claimant) { c.policy.Spec.Mode = s3v1alpha1.PolicyModeObserve }
	enforcing := func(c *claimant) { c.policy.Spec.Mode = s3v1alpha1.PolicyModeEnforce }
	invalid := func(c *claimant) { c.policy.Spec.Rules[0].AllowedOrigins = []s3v1alpha1.CORSOrigin{"https://*.*"} }
	permitting := func(origins ...s3v1alpha1.CORSOriginPattern) func(*claimant) {
		return func(c *claimant) {
			c.provider.Spec.Access[0].Constraints = &s3v1alpha1.RuleConstraints{AllowedOrigins: origins}
		}
	}
	permittingOld, permittingNew := permitting("https://before-*.example"), permitting("https://after.example")
	had := func(status s3v1alpha1.BucketStatus) func(*claimant) {
		return func(c *claimant) { c.policy.Status.Buckets = []s3v1alpha1.BucketStatus{status} }
	}
	hadBefore := had(s3v1alpha1.BucketStatus{Name: "assets", Service: claimed.service, RulesHash: before})

	for name, tt := range map[string]struct {
		holder func(*claimant)
		// observer is whether it is for the eyes of the holder.
		observer bool
		enforces bool
		want     string
	}{
		"the rules of its spec":                        {func(*claimant) {}, false, true, "after.example"},
		"the rules of its spec, whatever was before":   {hadBefore, false, true, "after.example"},
		"the rules of its spec, if it says Enforce":    {change(hadBefore, enforcing), false, true, "after.example"},
		"the rules of its spec, if they are permitted": {change(hadBefore, permittingNew), false, true, "after.example"},

		"suspended, nothing if it had nothing":  {suspended, false, false, ""},
		"observing, nothing if it had nothing":  {observing, false, false, ""},
		"invalid, nothing if it had nothing":    {invalid, false, false, ""},
		"not permitted, nothing of its spec":    {permittingOld, false, false, ""},
		"suspended, what is in force of it":     {change(hadBefore, suspended), false, false, "before-1.example before-2.example"},
		"observing, what is in force of it":     {change(hadBefore, observing), false, false, "before-1.example before-2.example"},
		"invalid, what is in force of it":       {change(hadBefore, invalid), false, false, "before-1.example before-2.example"},
		"not permitted, what is in force of it": {change(hadBefore, permittingOld), false, false, "before-1.example before-2.example"},

		"suspended, nothing that is no longer permitted": {change(hadBefore, suspended, permittingNew), false, false, ""},
		"not permitted any rules, nothing at all":        {change(hadBefore, permitting("https://other.example")), false, false, ""},
		"observing, nothing that somebody has changed": {change(observing,
			had(s3v1alpha1.BucketStatus{Name: "assets", Service: claimed.service, RulesHash: hashOf(rulesOf("before-1.example gone.example"))})), false, false, ""},
		"suspended, nothing of a bucket of that name elsewhere": {change(suspended,
			had(s3v1alpha1.BucketStatus{Name: "assets", Service: "aws", RulesHash: before})), false, false, ""},
		"suspended, nothing of another bucket": {change(suspended,
			had(s3v1alpha1.BucketStatus{Name: "logs", Service: claimed.service, RulesHash: before})), false, false, ""},

		"in its own eyes, an observer brings its spec":               {change(hadBefore, observing), true, false, "after.example"},
		"in its own eyes, an observer with mistakes does not":        {change(hadBefore, observing, invalid), true, false, "before-1.example before-2.example"},
		"in its own eyes, an observer that is not permitted it not":  {change(hadBefore, observing, permittingOld), true, false, "before-1.example before-2.example"},
		"in its own eyes, a suspended observer brings what it had":   {change(hadBefore, observing, suspended), true, false, "before-1.example before-2.example"},
		"in its own eyes, one that enforces is one that enforces":    {hadBefore, true, true, "after.example"},
		"in its own eyes, an observer has nothing if not permitted ": {change(observing, permittingOld), true, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			holder := claims(shared(namedPolicy("team-b", "web", noon, "assets"), 0), aProvider())
			holder.policy.Spec.Rules = specOf("after.example")
			tt.holder(&holder)
			first := claims(shared(namedPolicy("team-a", "web", noon, "assets"), 0), aProvider())
			first.policy.Spec.Rules = specOf("a.example")
			last := claims(shared(namedPolicy("team-b", "z", noon, "assets"), 0), aProvider())
			last.policy.Spec.Rules = specOf("c.example")
			var observer *s3v1alpha1.BucketCORSPolicy
			if tt.observer {
				observer = holder.policy.DeepCopy()
			}

			if got := enforces(holder, claimed); got != tt.enforces {
				t.Errorf("it enforces: %t", got)
			}
			var got []string
			for _, c := range contributionsTo(claimed, []claimant{first, holder, last}, live, observer) {
				got = append(got, policyName(c.policy)+": "+origins(c.rules))
			}
			want := []string{"team-a/web: a.example", "team-b/web: " + tt.want, "team-b/z: c.example"}
			if tt.want == "" {
				want = slices.Delete(want, 1, 2)
			}
			expectEqual(t, "the contributions", got, want)
		})
	}
}

func TestAnObserverSeesOnlyItselfAsEnforced(t *testing.T) {
	var holders []claimant
	for _, name := range []string{"a", "b"} {
		holder := claims(shared(namedPolicy("team-a", name, noon, "assets"), 0), aProvider())
		holder.policy.Spec.Mode, holder.policy.Spec.Rules = s3v1alpha1.PolicyModeObserve, specOf(name+".example")
		holders = append(holders, holder)
	}
	got := contributionsTo(claimed, holders, nothing, holders[1].policy)
	if len(got) != 1 || got[0].policy != holders[1].policy || origins(got[0].rules) != "b.example" {
		t.Errorf("the contributions are %+v", got)
	}
}

// What a server takes depends on the server.
func TestWhetherRulesCanBeEnforcedIsForTheServerToSay(t *testing.T) {
	holder := claims(shared(namedPolicy("team-a", "web", noon, "assets"), 0), aProvider())
	holder.policy.Spec.Rules[0].MaxAgeSeconds = new(int32(-1))
	if !enforces(holder, claimed) {
		t.Error("AWS takes a negative max age")
	}
	holder.provider.Spec.Dialect = "seaweedfs"
	if enforces(holder, claimed) {
		t.Error("SeaweedFS takes no negative max age")
	}
	holder.policy.Spec.Rules[0].MaxAgeSeconds = nil
	got := contributionsTo(claimed, []claimant{holder}, nothing, nil)
	if len(got) != 1 || got[0].dialect != cors.SeaweedFS {
		t.Errorf("the contributions are %+v", got)
	}
}

// inForceOf are the rules in force of one policy.
func inForceOf(live cors.Configuration, rulesHash string) []cors.Rule {
	return inForce(live, sets.New(rulesHash))[rulesHash]
}

func TestRulesInForceAreFoundWhereverTheyAre(t *testing.T) {
	live := cors.Configuration{Rules: rulesOf("a b c d e f")}
	live.Rules[2].ID = "c"
	for from := range live.Rules {
		for to := from + 1; to <= len(live.Rules); to++ {
			if got := inForceOf(live, hashOf(live.Rules[from:to])); origins(got) != origins(live.Rules[from:to]) {
				t.Errorf("of rules %d to %d are found %q", from, to, origins(got))
			}
		}
	}
	long := cors.Configuration{Rules: rulesOf(strings.Join(numbered("o", 300), " "))}
	long.Rules[200].AllowedOrigins, long.Rules[201].AllowedOrigins = []string{"https://here"}, []string{"https://there"}
	if got := inForceOf(long, hashOf(long.Rules[200:202])); origins(got) != "here there" {
		t.Errorf("among many rules are found %q", origins(got))
	}

	reordered := cors.Configuration{Rules: rulesOf("x a y")}
	reordered.Rules[1].AllowedOrigins = []string{"https://b", "https://a"}
	written := rulesOf("a")
	written[0].AllowedOrigins = []string{"https://a", "https://b", "https://a"}
	if got := inForceOf(reordered, hashOf(written)); origins(got) != "b" {
		t.Errorf("in a list that the server sorts, %q is found", origins(got))
	}
}

func TestRulesInForceOfSeveralPoliciesAreFoundAtOnce(t *testing.T) {
	live := cors.Configuration{Rules: rulesOf("a b c d e f")}
	whole, first, second, gone := hashOf(live.Rules), hashOf(live.Rules[0:2]), hashOf(live.Rules[3:4]), hashOf(rulesOf("g"))
	found := inForce(live, sets.New(whole, first, second, gone))
	for hash, want := range map[string]string{whole: "a b c d e f", first: "a b", second: "d", gone: ""} {
		if got := origins(found[hash]); got != want {
			t.Errorf("%q is found, not %q", got, want)
		}
	}
}

func TestTheSearchForRulesInForceIsBounded(t *testing.T) {
	live := cors.Configuration{Rules: rulesOf(strings.Join(numbered("o", 200), " "))}
	for i := range live.Rules {
		live.Rules[i].AllowedHeaders = []string{strings.Repeat("x", 64<<10)}
	}
	last := live.Rules[199:]
	if got := inForceOf(live, hashOf(last)); got != nil {
		t.Error("a gigabyte was hashed")
	}
	if got := inForceOf(cors.Configuration{Rules: live.Rules[180:]}, hashOf(last)); got == nil {
		t.Error("nor is it found among few")
	}
}

func TestRulesThatAreNotInForceAreNotFound(t *testing.T) {
	live := cors.Configuration{Rules: rulesOf("a b c")}
	renamed := rulesOf("b")
	renamed[0].ID = "b"
	for name, hash := range map[string]string{
		"no hash":                "",
		"no rules":               hashOf(nil),
		"others":                 hashOf(rulesOf("d")),
		"another order":          hashOf(rulesOf("b a")),
		"not next to each other": hashOf(rulesOf("a c")),
		"another id":             hashOf(renamed),
		"one more":               hashOf(rulesOf("a b c d")),
		"no hash of ours":        "sha256:0",
	} {
		if got := inForceOf(live, hash); got != nil {
			t.Errorf("%s: %q is found", name, origins(got))
		}
		if got := inForceOf(nothing, hash); got != nil {
			t.Errorf("%s: %q is found where nothing is", name, origins(got))
		}
	}
}

// manyRules are n rules with an id each, and each of about a number of bytes.
func manyRules(prefix string, n, size int) []cors.Rule {
	rules := make([]cors.Rule, n)
	for i := range rules {
		id := prefix + strconv.Itoa(i)
		rules[i] = cors.Rule{ID: id, AllowedOrigins: []string{"https://" + id + "." + strings.Repeat("x", size)}, AllowedMethods: []string{"GET"}}
	}
	return rules
}

// bring is what a policy that shares brings.
func bring(name string, priority int32, rules []cors.Rule) contribution {
	return contribution{policy: shared(namedPolicy("team-a", name, noon), priority), rules: rules}
}

func TestContributionsThatFitMakeUpAConfiguration(t *testing.T) {
	named := func(id, origin string) []cors.Rule {
		rules := rulesOf(origin)
		rules[0].ID = id
		return rules
	}
	longID := strings.Repeat("é", 255)
	negative := rulesOf("n.example")
	negative[0].MaxAgeSeconds = new(int32(-1))
	forSeaweedFS := bring("b", 0, negative)
	forSeaweedFS.dialect = cors.SeaweedFS
	large := bring("b", 0, manyRules("b", 4, 20<<10))
	large.dialect = cors.CephRGW
	twice := slices.Concat(named("x", "a.example"), named("x", "b.example"))

	for name, tt := range map[string]struct {
		contributions []contribution
		parts         []string
		refused       []string
	}{
		"nobody":                  {nil, nil, nil},
		"one":                     {[]contribution{bring("a", 0, rulesOf("a b"))}, []string{"team-a/a 0-2"}, nil},
		"one that brings nothing": {[]contribution{bring("a", 0, nil), bring("b", 0, rulesOf("b"))}, []string{"team-a/b 0-1"}, nil},
		"several, in order": {
			[]contribution{bring("b", 7, rulesOf("a b")), bring("c", 0, rulesOf("c")), bring("a", 0, rulesOf("d e f"))},
			[]string{"team-a/b 0-2", "team-a/c 2-3", "team-a/a 3-6"}, nil,
		},
		"the same rules twice": {
			[]contribution{bring("a", 0, rulesOf("a")), bring("b", 0, rulesOf("a"))},
			[]string{"team-a/a 0-1", "team-a/b 1-2"}, nil,
		},
		"exactly as many as there may be": {
			[]contribution{bring("a", 0, manyRules("a", 60, 1)), bring("b", 0, manyRules("b", 40, 1))},
			[]string{"team-a/a 0-60", "team-a/b 60-100"}, nil,
		},
		"more than there may be": {
			[]contribution{bring("web", 10, manyRules("a", 60, 1)), bring("b", 0, manyRules("b", 50, 1))},
			[]string{"team-a/web 0-60"},
			[]string{"team-a/b: there is no room for the 50 rules of this policy after the 60 that come first: together there are 110, and S3 takes at most 100; " +
				"merge or remove some, here or in team-a/web (priority 10)"},
		},
		"a smaller one after one that does not fit": {
			[]contribution{bring("a", 1, manyRules("a", 60, 1)), bring("b", 0, manyRules("b", 50, 1)), bring("c", -1, manyRules("c", 1, 1)), bring("d", -2, manyRules("d", 40, 1))},
			[]string{"team-a/a 0-60", "team-a/c 60-61"},
			[]string{
				"team-a/b: there is no room for the 50 rules of this policy after the 60 that come first: together there are 110, and S3 takes at most 100; " +
					"merge or remove some, here or in team-a/a (priority 1)",
				"team-a/d: there is no room for the 40 rules of this policy after the 61 that come first: together there are 101, and S3 takes at most 100; " +
					"merge or remove some, here or in team-a/a (priority 1), team-a/c (priority -1)",
			},
		},
		"a document that is too large": {
			[]contribution{bring("a", 0, manyRules("a", 2, 20<<10)), bring("b", 0, manyRules("b", 1, 30<<10)), bring("c", 0, manyRules("c", 1, 10<<10))},
			[]string{"team-a/a 0-2", "team-a/c 2-3"},
			[]string{"team-a/b: there is no room for the 1 rule of this policy after the 2 that come first: together the XML document has 72091 bytes, and S3 takes at most 65536; " +
				"shorten or remove some, here or in team-a/a (priority 0)"},
		},
		"too many and too large": {
			[]contribution{bring("a", 0, manyRules("a", 90, 500)), bring("b", 0, manyRules("b", 90, 500))},
			[]string{"team-a/a 0-90"},
			[]string{"team-a/b: there is no room for the 90 rules of this policy after the 90 that come first: together there are 180, and S3 takes at most 100; " +
				"merge or remove some; and the XML document has 109847 bytes, and S3 takes at most 65536; " +
				"shorten or remove some, here or in team-a/a (priority 0)"},
		},
		"a document that is too large for AWS alone": {
			[]contribution{bring("a", 0, manyRules("a", 2, 20<<10)), large},
			[]string{"team-a/a 0-2", "team-a/b 2-6"}, nil,
		},
		"an id that is taken": {
			[]contribution{bring("web", 0, named("uploads", "a.example")), bring("b", 0, named("uploads", "b.example")), bring("c", 0, named("Uploads", "c.example"))},
			[]string{"team-a/web 0-1", "team-a/c 1-2"},
			[]string{`team-a/b: id "uploads" is taken by a rule of policy team-a/web; choose another`},
		},
		"an id that one who has no room would have had": {
			[]contribution{bring("a", 0, manyRules("a", 99, 1)), bring("b", 0, slices.Concat(named("uploads", "a.example"), rulesOf("b.example"))), bring("c", 0, named("uploads", "c.example"))},
			[]string{"team-a/a 0-99", "team-a/c 99-100"},
			[]string{"team-a/b: there is no room for the 2 rules of this policy after the 99 that come first: together there are 101, and S3 takes at most 100; " +
				"merge or remove some, here or in team-a/a (priority 0)"},
		},
		"many ids that are taken": {
			[]contribution{bring("web", 0, manyRules("r", 4, 1)), bring("web-2", 0, manyRules("q", 4, 1)), bring("c", 0, slices.Concat(manyRules("q", 4, 1), manyRules("r", 4, 1)))},
			[]string{"team-a/web 0-4", "team-a/web-2 4-8"},
			[]string{`team-a/c: id "q0" is taken by a rule of policy team-a/web-2, id "q1" is taken by a rule of policy team-a/web-2, ` +
				`id "q2" is taken by a rule of policy team-a/web-2, id "q3" is taken by a rule of policy team-a/web-2, ` +
				`id "r0" is taken by a rule of policy team-a/web and 3 more ids; choose another`},
		},
		"an id that is long": {
			[]contribution{bring("a", 0, named(longID, "a.example")), bring("b", 0, named(longID, "b.example"))},
			[]string{"team-a/a 0-1"},
			[]string{`team-a/b: id "` + strings.Repeat("é", 63) + `…" is taken by a rule of policy team-a/a; choose another`},
		},
		"an id that a policy has twice itself": {[]contribution{bring("a", 0, twice)}, []string{"team-a/a 0-2"}, nil},
		"an id that is taken twice is told once": {
			[]contribution{bring("a", 0, named("x", "c.example")), bring("b", 0, twice)},
			[]string{"team-a/a 0-1"},
			[]string{`team-a/b: id "x" is taken by a rule of policy team-a/a; choose another`},
		},
		"rules without an id take none": {
			[]contribution{bring("a", 0, rulesOf("a a")), bring("b", 0, rulesOf("a"))},
			[]string{"team-a/a 0-2", "team-a/b 2-3"}, nil,
		},
		"rules that S3 would not take alone": {
			[]contribution{bring("a", 0, rulesOf("a")), bring("b", 0, rulesOf("b *.*"))},
			[]string{"team-a/a 0-1"},
			[]string{`team-a/b: the server takes the rules of this policy on no bucket: spec.rules[1].allowedOrigins[0]: "https://*.*" has more than one "*"; use at most one`},
		},
		"more rules than S3 would take alone": {
			[]contribution{bring("a", 0, manyRules("a", 101, 1)), bring("b", 0, rulesOf("b"))},
			[]string{"team-a/b 0-1"},
			[]string{`team-a/a: the server takes the rules of this policy on no bucket: spec.rules: there are 101, and S3 takes at most 100; merge or remove some`},
		},
		"rules that the server would not take alone": {
			[]contribution{bring("a", 0, rulesOf("a")), forSeaweedFS},
			[]string{"team-a/a 0-1"},
			[]string{`team-a/b: the server takes the rules of this policy on no bucket: spec.rules[0].maxAgeSeconds: -1 is negative, which SeaweedFS refuses; write 0 or more, or remove it`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := compose(tt.contributions)
			var parts, refused []string
			for _, p := range c.parts {
				parts = append(parts, fmt.Sprintf("%s %d-%d", policyName(p.policy), p.from, p.to))
			}
			for _, r := range c.refused {
				refused = append(refused, policyName(r.policy)+": "+r.why)
			}
			expectEqual(t, "the parts", parts, tt.parts)
			expectEqual(t, "the refusals", refused, tt.refused)
			for _, broken := range brokenComposition(tt.contributions, c) {
				t.Error(broken)
			}
		})
	}
}

// brokenComposition is what does not hold that has to hold of any composition.
func brokenComposition(contributions []contribution, c composition) []string {
	var broken []string
	must := func(holds bool, format string, args ...any) {
		if !holds {
			broken = append(broken, fmt.Sprintf(format, args...))
		}
	}
	rules := c.configuration.Rules
	must(len(rules) <= cors.MaxRules, "there are %d rules", len(rules))
	end, parts, refused := 0, c.parts, c.refused
	owners := map[string]int{}
	for i, added := range contributions {
		fits := len(parts) > 0 && parts[0].policy == added.policy
		crowded := len(refused) > 0 && refused[0].policy == added.policy
		must(fits != crowded || len(added.rules) == 0, "contribution %d is not either there or refused, in its turn", i)
		p, found := c.partOf(added.policy)
		must(found == fits, "contribution %d is found: %t", i, found)
		must((c.refusalOf(added.policy) != "") == crowded, "contribution %d is refused: %q", i, c.refusalOf(added.policy))
		switch {
		case fits:
			must(p == parts[0] && p.from == end && p.to == end+len(added.rules), "contribution %d is at %d-%d", i, p.from, p.to)
			must(reflect.DeepEqual(rules[p.from:p.to], added.rules), "the rules of contribution %d are not as they were", i)
			parts, end = parts[1:], p.to
			for _, rule := range added.rules {
				if other, taken := owners[rule.ID]; taken && rule.ID != "" {
					must(other == i, "contributions %d and %d have id %q", other, i, rule.ID)
				}
				owners[rule.ID] = i
			}
		case crowded:
			taken := slices.ContainsFunc(added.rules, func(r cors.Rule) bool { _, taken := owners[r.ID]; return taken && r.ID != "" })
			_, err := cors.Compile(cors.Configuration{Rules: slices.Concat(rules[:end], added.rules)})
			must(taken || err != nil || added.dialect != nil, "there would have been room for contribution %d", i)
			must(utf8.ValidString(refused[0].why) && len(refused[0].why) < 8<<10, "the refusal of contribution %d has %d bytes", i, len(refused[0].why))
			refused = refused[1:]
		}
	}
	must(len(parts) == 0 && len(refused) == 0 && end == len(rules), "there is more than was brought")
	return broken
}

func TestWhateverIsComposedS3WouldTake(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		var contributions []contribution
		for i := range random.IntN(12) {
			// Few prefixes, so that ids are taken; few that are large.
			rules := manyRules(string(rune('a'+random.IntN(20))), random.IntN(50), random.IntN([]int{10, 100, 2000}[random.IntN(3)]))
			if _, err := cors.Compile(cors.Configuration{Rules: rules}); err == nil {
				contributions = append(contributions, bring("p"+strconv.Itoa(i), 0, rules))
			}
		}
		c := compose(contributions)
		for _, broken := range brokenComposition(contributions, c) {
			t.Errorf("seed %d: %s", seed, broken)
		}
		if _, err := cors.Compile(c.configuration); err != nil && len(c.parts) > 0 {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

// Whoever looks at a bucket, and however its policies are listed, comes to the
// same configuration, and to the same answers for those who have no room.
func TestACompositionDoesNotDependOnTheOrderOfClaimants(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 2))
		live := cors.Configuration{Rules: rulesOf("a b c d e f")}
		var claimants []claimant
		for i := range 2 + random.IntN(6) {
			policy := shared(namedPolicy([]string{"team-a", "team-b"}[random.IntN(2)], "p"+strconv.Itoa(i), noon.Add(time.Duration(random.IntN(3))*time.Hour), "assets"), int32(random.IntN(3)))
			policy.Spec.Suspend = random.IntN(4) == 0
			policy.Spec.Rules = nil
			for j := range random.IntN(60) {
				policy.Spec.Rules = append(policy.Spec.Rules, rulesFor("https://"+strconv.Itoa(j))...)
				policy.Spec.Rules[j].ID = string(rune('a'+random.IntN(20))) + strconv.Itoa(random.IntN(1000))
			}
			from := random.IntN(6)
			policy.Status.Buckets = []s3v1alpha1.BucketStatus{{
				Name: "assets", Service: claimed.service, RulesHash: hashOf(live.Rules[from : from+1+random.IntN(6-from)]),
			}}
			claimants = append(claimants, claims(policy, aProvider()))
		}
		composed := func() composition {
			return compose(contributionsTo(claimed, claimOn(claimed, claimants).holders, live, nil))
		}
		want := composed()
		for range 10 {
			random.Shuffle(len(claimants), func(i, j int) { claimants[i], claimants[j] = claimants[j], claimants[i] })
			if got := composed(); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d: in another order, the configuration is another", seed)
			}
		}
	}
}

// A policy that comes or goes changes nothing of the rules of those before it.
func TestALeavingPolicyTakesOnlyItsOwnRules(t *testing.T) {
	all := []contribution{bring("a", 3, rulesOf("a b")), bring("b", 2, rulesOf("c d")), bring("c", 1, rulesOf("e"))}
	for i, leaving := range all {
		c := compose(slices.Concat(all[:i], all[i+1:]))
		before := compose(all)
		p, _ := before.partOf(leaving.policy)
		if want := origins(slices.Concat(before.configuration.Rules[:p.from], before.configuration.Rules[p.to:])); origins(c.configuration.Rules) != want {
			t.Errorf("%s leaves %q, not %q", leaving.policy.Name, origins(c.configuration.Rules), want)
		}
	}
}

func TestComposingChangesNoContribution(t *testing.T) {
	rules := append(make([]cors.Rule, 0, 10), rulesOf("a")...)
	first := bring("a", 0, rules)
	one := compose([]contribution{first, bring("b", 0, rulesOf("b"))})
	other := compose([]contribution{first, bring("c", 0, rulesOf("c"))})
	if got := origins(one.configuration.Rules) + ", " + origins(other.configuration.Rules); got != "a b, a c" {
		t.Errorf("they are %s", got)
	}
}

func TestOthersAreThoseWhoseRulesAreThere(t *testing.T) {
	a, b, c := bring("a", 0, rulesOf("a")), bring("b", 0, manyRules("b", 100, 1)), bring("c", 0, rulesOf("c"))
	composed := compose([]contribution{a, b, c})
	for _, tt := range []struct {
		policy *s3v1alpha1.BucketCORSPolicy
		others string
	}{
		{a.policy, "team-a/c"}, {c.policy, "team-a/a"}, {b.policy, "team-a/a team-a/c"}, {bring("d", 0, nil).policy, "team-a/a team-a/c"},
		{a.policy.DeepCopy(), "team-a/c"},
	} {
		if got := strings.Join(composed.others(tt.policy), " "); got != tt.others {
			t.Errorf("beside %s there are %q, not %q", tt.policy.Name, got, tt.others)
		}
	}
	if alone := compose([]contribution{a}); alone.others(a.policy) != nil {
		t.Errorf("beside the only one there are %q", alone.others(a.policy))
	}
	if p, found := (composition{}).partOf(a.policy); found || p != (part{}) || (composition{}).refusalOf(a.policy) != "" {
		t.Error("something is found where nothing is")
	}
}

// contributionsTo are what the holders of a bucket bring to its configuration, as far
// as no expectation is in the way.
func contributionsTo(key bucketKey, holders []claimant, live cors.Configuration, observer *s3v1alpha1.BucketCORSPolicy) []contribution {
	return contributionsOf(key, holders, bringingAll(key, holders, observer), live)
}
