// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/expectation"
)

// reads expects that a page can, or cannot, GET.
func reads(name, origin string, outcome s3v1alpha1.Outcome) s3v1alpha1.Expectation {
	return s3v1alpha1.Expectation{Name: name, Origin: s3v1alpha1.PageOrigin(origin), Method: "GET", Outcome: outcome}
}

// uploads expects that a page can PUT with a content type.
func uploads(origin string) s3v1alpha1.Expectation {
	return s3v1alpha1.Expectation{Name: "upload", Origin: s3v1alpha1.PageOrigin(origin), Method: "PUT", Headers: []s3v1alpha1.HeaderName{"content-type"}}
}

func TestAPolicyWhoseExpectationFailsIsNotApplied(t *testing.T) {
	policy := aPolicy("assets", "logs")
	w := newWorld(t, policy, aProvider())
	w.mustPass(policy)
	w.s3.takeRequests()

	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
		spec.Rules = rulesFor("https://new.example.com")
		spec.Expectations = []s3v1alpha1.Expectation{uploads("https://new.example.com"), reads("read", "https://new.example.com", "")}
	})
	after := w.mustPass(policy)
	w.expect()
	w.expectReady(after, "False ExpectationFailed")
	w.expectCondition(after, "Accepted", `expectation "upload"`, "rule \"web\" matches but for method PUT and header content-type", "what was applied before, if anything, stays as it is")
	w.expectCondition(after, "Synced", "changes that others make to it are not put right")
	w.expectCondition(after, "Stalled", `expectation "upload"`)
	if w.origins("assets") != "app" {
		t.Errorf("the bucket has %q", w.origins("assets"))
	}

	w.edit(policy, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
		spec.Rules[0].AllowedMethods = []s3v1alpha1.CORSMethod{"GET", "PUT"}
		spec.Rules[0].AllowedHeaders = []s3v1alpha1.CORSHeader{"Content-Type"}
	})
	w.expectReady(w.mustPass(policy), "True Ready")
	w.expect("GET assets", "GET logs", "PUT assets", "PUT logs")
	if w.origins("assets") != "new" {
		t.Errorf("the bucket has %q", w.origins("assets"))
	}
}

// expectCondition is that a condition of a policy says all that.
func (w *world) expectCondition(policy *s3v1alpha1.BucketCORSPolicy, conditionType string, said ...string) {
	w.t.Helper()
	for _, c := range policy.Status.Conditions {
		if c.Type != conditionType {
			continue
		}
		for _, text := range said {
			if !strings.Contains(c.Message, text) {
				w.t.Errorf("%s is %s %s: %q, and says nothing of %q", c.Type, c.Status, c.Reason, c.Message, text)
			}
		}
		return
	}
	w.t.Errorf("there is no condition %s", conditionType)
}

func TestExpectationsAreAboutTheServerOfTheProvider(t *testing.T) {
	policy, provider := aPolicy("assets"), aProvider()
	// RGW goes by the first rule of the origin, and S3 by the first that matches whole.
	policy.Spec.Rules = append(rulesFor("https://app.example.com"), rulesFor("https://app.example.com")...)
	policy.Spec.Rules[1].ID = "second"
	policy.Spec.Rules[1].AllowedMethods = []s3v1alpha1.CORSMethod{"PUT"}
	policy.Spec.Rules[1].AllowedHeaders = []s3v1alpha1.CORSHeader{"*"}
	policy.Spec.Expectations = []s3v1alpha1.Expectation{uploads("https://app.example.com")}
	if a := accept(policy, provider, tenant{namespace: "team-a"}); a.reason != s3v1alpha1.ReasonAccepted {
		t.Errorf("AWS: %s: %s", a.reason, a.message)
	}
	provider.Spec.Dialect = "CephRGW"
	if a := accept(policy, provider, tenant{namespace: "team-a"}); a.reason != s3v1alpha1.ReasonExpectationFailed {
		t.Errorf("CephRGW: %s: %s", a.reason, a.message)
	}
	if why := composeFor(claimed, []claimant{claims(shared(policy, 0), provider)}, nothing, nil).unmetOf(policy); why == "" {
		t.Error("CephRGW: it is met on a shared bucket")
	}
}

// What a shared bucket is expected to do depends on all who share it.
func TestExpectationsOfSharedPoliciesAreAboutTheWholeBucket(t *testing.T) {
	for name, tt := range map[string]struct {
		// expected are the expectations of the policies first, second and third, which
		// come in this order and allow an origin of their own name to GET.
		expected [3][]s3v1alpha1.Expectation
		rules    map[int][]s3v1alpha1.CORSRule
		// had are the origins that the policies have in force, in order.
		had  string
		want string // the origins on the bucket
		// unmet are the policies that say so, each with a part of what it says.
		unmet map[string]string
	}{
		"met by the rules of the policy itself": {
			expected: [3][]s3v1alpha1.Expectation{1: {reads("own", "https://second.example.com", "")}},
			want:     "first second third",
		},
		"met by the rules of another": {
			expected: [3][]s3v1alpha1.Expectation{1: {reads("theirs", "https://third.example.com", "")}},
			want:     "first second third",
		},
		"not met by anybody": {
			expected: [3][]s3v1alpha1.Expectation{1: {reads("nobody's", "https://fourth.example.com", "")}},
			want:     "first third",
			unmet:    map[string]string{"second": `expectation "nobody's"`},
		},
		"denied what another allows": {
			expected: [3][]s3v1alpha1.Expectation{2: {reads("no strangers", "https://first.example.com", "Denied")}},
			want:     "first second",
			unmet:    map[string]string{"third": `rule "first" of policy team-a/first`},
		},
		"of two that exclude each other, the last yields": {
			expected: [3][]s3v1alpha1.Expectation{
				0: {reads("not third", "https://third.example.com", "Denied")},
				2: {reads("not first", "https://first.example.com", "Denied")},
			},
			want:  "first second",
			unmet: map[string]string{"third": `expectation "not first"`},
		},
		"one that would be met without another that yields": {
			expected: [3][]s3v1alpha1.Expectation{
				0: {reads("not third", "https://third.example.com", "Denied")},
				2: {reads("nobody's", "https://fourth.example.com", "")},
			},
			want:  "first second",
			unmet: map[string]string{"third": `expectation "nobody's"`},
		},
		"one that is met only with another that yields": {
			expected: [3][]s3v1alpha1.Expectation{
				0: {reads("with third", "https://third.example.com", "")},
				2: {reads("nobody's", "https://fourth.example.com", "")},
			},
			want:  "second",
			unmet: map[string]string{"first": `expectation "with third"`, "third": `expectation "nobody's"`},
		},
		"what is in force of it stays": {
			expected: [3][]s3v1alpha1.Expectation{1: {reads("nobody's", "https://fourth.example.com", "")}},
			had:      "first before third",
			want:     "first before third",
			unmet:    map[string]string{"second": `expectation "nobody's"`},
		},
		"one in whose way somebody is who yields too": {
			expected: [3][]s3v1alpha1.Expectation{
				0: {reads("nobody's", "https://fourth.example.com", "")},
				2: {reads("not first", "https://first.example.com", "Denied")},
			},
			want:  "second third",
			unmet: map[string]string{"first": `expectation "nobody's"`},
		},
		"one whose own rules are in its way yields before the last": {
			expected: [3][]s3v1alpha1.Expectation{
				0: {reads("not itself", "https://first.example.com", "Denied")},
				2: {reads("not first", "https://first.example.com", "Denied")},
			},
			want:  "second third",
			unmet: map[string]string{"first": `expectation "not itself"`},
		},
		"met by what is in force of it, and not by what it is now": {
			expected: [3][]s3v1alpha1.Expectation{1: {reads("not itself", "https://second.example.com", "Denied")}},
			had:      "first before third",
			want:     "first before third",
			unmet:    map[string]string{"second": `expectation "not itself"`},
		},
		"one that is in force, of two that exclude each other": {
			expected: [3][]s3v1alpha1.Expectation{
				0: {reads("not third", "https://third.example.com", "Denied")},
				2: {reads("not first", "https://first.example.com", "Denied")},
			},
			had:   "- second third",
			want:  "second third",
			unmet: map[string]string{"first": `expectation "not third"`},
		},
		"a rule without an id is known by its place in its own policy": {
			expected: [3][]s3v1alpha1.Expectation{1: {{Name: "write", Origin: "https://second.example.com", Method: "PUT"}}},
			rules: map[int][]s3v1alpha1.CORSRule{
				1: {{AllowedOrigins: []s3v1alpha1.CORSOrigin{"https://second.example.com"}, AllowedMethods: []s3v1alpha1.CORSMethod{"GET"}}},
			},
			want:  "first third",
			unmet: map[string]string{"second": "rules[1] matches but for method PUT (that is rules[0] of this policy)"},
		},
		"a rule of another that takes the requests": {
			expected: [3][]s3v1alpha1.Expectation{2: {{Name: "etag", Origin: "https://third.example.com", Method: "GET", Exposes: []s3v1alpha1.HeaderName{"ETag"}}}},
			rules: map[int][]s3v1alpha1.CORSRule{
				0: {{ID: "first", AllowedOrigins: []s3v1alpha1.CORSOrigin{"https://*.example.com"}, AllowedMethods: []s3v1alpha1.CORSMethod{"GET"}}},
				2: {{ID: "third", AllowedOrigins: []s3v1alpha1.CORSOrigin{"https://third.example.com"}, AllowedMethods: []s3v1alpha1.CORSMethod{"GET"}, ExposeHeaders: []s3v1alpha1.CORSHeader{"ETag"}}},
			},
			want:  "* second",
			unmet: map[string]string{"third": `(that is rule "first" of policy team-a/first)`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var holders []claimant
			var live cors.Configuration
			for i, own := range []string{"first", "second", "third"} {
				policy := sharedPolicy("team-a", own, time.Hour, int32(3-i))
				policy.Spec.Expectations = tt.expected[i]
				if rules, found := tt.rules[i]; found {
					policy.Spec.Rules = rules
				}
				if had := strings.Fields(tt.had); len(had) > 0 && had[i] != "-" {
					rules := configured("https://" + had[i] + ".example.com").Rules
					rules[0].ID = own
					live.Rules = append(live.Rules, rules...)
					policy.Status.Buckets = []s3v1alpha1.BucketStatus{{Name: "assets", Service: claimed.service, RulesHash: hashOf(rules)}}
				}
				holders = append(holders, claims(policy, aProvider()))
			}
			c := composeFor(claimed, holders, live, nil)
			w := &world{t: t, s3: newService()}
			w.s3.live["assets"] = c.configuration
			w.expectOrigins(tt.want)
			for _, holder := range holders {
				said, wanted := c.unmetOf(holder.policy), tt.unmet[holder.policy.Name]
				if (said != "") != (wanted != "") || !strings.Contains(said, wanted) {
					t.Errorf("of %s it says %q, and not %q", holder.policy.Name, said, wanted)
				}
			}
		})
	}
}

// Whatever is asked, those whose rules are there as they are written have what
// they expect, and everybody computes the same.
func TestWhoeverIsThereHasWhatItExpects(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	methods := []s3v1alpha1.CORSMethod{"GET", "PUT", "HEAD"}
	origins := []string{"https://a.example.com", "https://b.example.com", "https://c.example.com", "https://d.example.com"}
	yielded := 0
	for range 300 {
		var claimants []claimant
		for i := range 1 + random.IntN(12) {
			policy := sharedPolicy("team-a", fmt.Sprintf("p%02d", i), time.Hour, int32(random.IntN(3)))
			policy.Spec.Rules[0].AllowedOrigins = []s3v1alpha1.CORSOrigin{s3v1alpha1.CORSOrigin(origins[random.IntN(len(origins))])}
			policy.Spec.Rules[0].AllowedMethods = methods[:1+random.IntN(3)]
			for j := range random.IntN(3) {
				e := reads(fmt.Sprint(j), origins[random.IntN(len(origins))], []s3v1alpha1.Outcome{"", "Allowed", "Denied"}[random.IntN(3)])
				e.Method = methods[random.IntN(3)]
				policy.Spec.Expectations = append(policy.Spec.Expectations, e)
			}
			claimants = append(claimants, claims(policy, aProvider()))
		}
		c := composeFor(claimed, claimOn(claimed, claimants).holders, nothing, nil)
		yielded += len(c.unmet)
		compiled, err := cors.Compile(c.configuration)
		for _, holder := range claimants {
			_, there := c.partOf(holder.policy)
			if there == (c.unmetOf(holder.policy) != "") {
				t.Fatalf("%s is there: %t, and said to be: %q", holder.policy.Name, there, c.unmetOf(holder.policy))
			}
			if failures := expectation.Check(holder.policy.Spec.Expectations, compiled); there && (err != nil || len(failures) > 0) {
				t.Fatalf("%s is there, and: %v %v", holder.policy.Name, err, failures)
			}
		}
		random.Shuffle(len(claimants), func(i, j int) { claimants[i], claimants[j] = claimants[j], claimants[i] })
		if again := composeFor(claimed, claimOn(claimed, claimants).holders, nothing, nil); !reflect.DeepEqual(again, c) {
			t.Fatalf("in another order, it is another composition:\n%+v\n%+v", c, again)
		}
		// What is there with what is in force of the others stays.
		for _, holder := range claimants {
			if p, there := c.partOf(holder.policy); there {
				holder.policy.Status.Buckets = []s3v1alpha1.BucketStatus{{Name: "assets", Service: claimed.service, RulesHash: hashOf(c.configuration.Rules[p.from:p.to])}}
			}
		}
		if again := composeFor(claimed, claimOn(claimed, claimants).holders, c.configuration, nil); !slices.EqualFunc(again.configuration.Rules, c.configuration.Rules, func(a, b cors.Rule) bool { return reflect.DeepEqual(a, b) }) {
			t.Fatalf("the next pass finds something else:\n%+v\n%+v", c, again)
		}
	}
	if yielded < 100 {
		t.Errorf("only %d policies yielded: this says little", yielded)
	}
}

func TestAFailedExpectationOnASharedBucketLeavesTheOthersAlone(t *testing.T) {
	first, second := sharedPolicy("team-a", "first", 2*time.Hour, 0), sharedPolicy("team-b", "second", time.Hour, 0)
	w := newWorld(t, first, second, aProvider())
	w.settled(first, second)
	w.expectOrigins("first second")

	// The newcomer lets in whom the first wants out.
	w.edit(first, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
		spec.Expectations = []s3v1alpha1.Expectation{reads("no strangers", "https://stranger.example.com", "Denied")}
	})
	w.settled(first, second)
	w.expectReady(w.get(first), "True Ready")
	w.edit(second, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
		spec.Rules[0].AllowedOrigins = []s3v1alpha1.CORSOrigin{"*"}
	})
	w.settled(first, second)
	w.expectOrigins("first *")
	w.expectReady(w.get(second), "True Ready")
	after := w.get(first)
	w.expectReady(after, "False ExpectationFailed")
	w.expectCondition(after, "Accepted", `bucket "assets"`, `expectation "no strangers"`, `rule "second" of policy team-b/second`, "or the rules of the others are changed")
	w.expectCondition(after, "Synced", `expectation "no strangers"`)

	// A new version of its rules waits for that, and so it does without S3.
	w.edit(first, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
		spec.Rules[0].AllowedOrigins[0] = "https://newer.example.com"
	})
	w.settled(first, second)
	w.expectOrigins("first *")
	w.s3.faults["GET assets"] = timedOut
	w.later(time.Hour)
	if _, err := w.pass(first); err != nil {
		t.Fatal(err)
	}
	w.expectReady(w.get(first), "False ExpectationFailed")
	delete(w.s3.faults, "GET assets")

	// Drift is still mended, by the one that is in order.
	w.s3.live["assets"] = cors.Configuration{Rules: append(slices.Clone(w.s3.live["assets"].Rules), theirs.Rules...)}
	w.settled(first, second)
	w.expectOrigins("first *")

	w.edit(second, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
		spec.Rules[0].AllowedOrigins[0] = "https://second.example.com"
	})
	w.settled(first, second)
	w.settled(first, second)
	w.expectOrigins("newer second")
	w.expectReady(w.get(first), "True Ready")
}

// The reports of buckets where nothing was done are no reason to give them away.
func TestAPolicyWhoseExpectationFailsKeepsItsBuckets(t *testing.T) {
	owner, other := aPolicy("assets"), namedPolicy("team-b", "other", noon, "assets")
	w := newWorld(t, owner, other, aProvider())
	w.mustPass(owner)
	w.edit(owner, func(spec *s3v1alpha1.BucketCORSPolicySpec) {
		spec.Expectations = []s3v1alpha1.Expectation{uploads("https://app.example.com")}
	})
	w.settled(owner, other)
	w.expectReady(w.get(other), "False Conflicted")
	w.delete(owner)
	if w.mustPass(owner) != nil {
		t.Error("a failed expectation keeps the policy from going away")
	}
	w.settled(other)
	w.expectReady(w.get(other), "True Ready")
}

func TestAPolicyThatOnlyObservesHasItsExpectationsChecked(t *testing.T) {
	for _, sharing := range []s3v1alpha1.Sharing{s3v1alpha1.SharingExclusive, s3v1alpha1.SharingShared} {
		policy := aPolicy("assets")
		policy.Spec.Mode, policy.Spec.Sharing = s3v1alpha1.PolicyModeObserve, sharing
		policy.Spec.Expectations = []s3v1alpha1.Expectation{uploads("https://app.example.com")}
		w := newWorld(t, policy, aProvider())
		w.expectReady(w.mustPass(policy), "False ExpectationFailed")
	}
}

// What is known of a bucket is so until it is read again.
func TestAnExpectationThatFailedIsNotForgottenWhileNothingCanBeRead(t *testing.T) {
	for name, tt := range map[string]struct {
		fail func(*world)
		want string
	}{
		"a read that fails":          {func(w *world) { w.s3.faults["GET assets"] = timedOut }, "False ExpectationFailed"},
		"a service that is given up": {func(w *world) { w.s3.faults["OPEN assets"] = timedOut }, "False ExpectationFailed"},
		"a Secret that is missing":   {func(w *world) { w.s3.faults["OPEN assets"] = secretMissing }, "False ExpectationFailed"},
		"a bucket that is not there": {func(w *world) { w.s3.faults["GET assets"] = notFound }, "False BucketNotFound"},
		"another version of the rules": {func(w *world) {
			w.s3.faults["GET assets"] = timedOut
			w.edit(aShared("first", 0), func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Expectations = nil })
		}, "False Timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			first, second := aShared("first", 2*time.Hour), aShared("second", time.Hour)
			first.Spec.Expectations = []s3v1alpha1.Expectation{reads("no strangers", "https://second.example.com", "Denied")}
			w := newWorld(t, first, second, aProvider())
			w.settled(first, second)
			w.expectReady(w.get(first), "False ExpectationFailed")
			tt.fail(w)
			w.later(time.Hour)
			for range 2 {
				w.expectReady(w.mustPass(first), tt.want)
			}
		})
	}
}

func aShared(name string, age time.Duration) *s3v1alpha1.BucketCORSPolicy {
	return sharedPolicy("team-a", name, age, 0)
}

// A failed read tells nothing of the rules that others have in force.
func TestAReadThatFailsMakesNoExpectationFail(t *testing.T) {
	first, second := aShared("first", 2*time.Hour), aShared("second", time.Hour)
	first.Spec.Expectations = []s3v1alpha1.Expectation{reads("theirs", "https://second.example.com", "")}
	w := newWorld(t, first, second, aProvider())
	w.settled(first, second)
	w.edit(second, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Suspend = true })
	w.settled(first, second)
	w.expectReady(w.get(first), "True Ready")
	w.s3.faults["GET assets"] = timedOut
	w.later(time.Hour)
	after := w.mustPass(first)
	w.expectReady(after, "Unknown Timeout")
	w.expectCondition(after, "Accepted", "the rules are valid")
}

// The policy whose expectation fails sees what becomes of the bucket meanwhile.
func TestAFailedExpectationMakesNoDriftOfWhatOthersWrite(t *testing.T) {
	first, second := aShared("first", 2*time.Hour), aShared("second", time.Hour)
	first.Spec.Expectations = []s3v1alpha1.Expectation{reads("no strangers", "https://stranger.example.com", "Denied")}
	w := newWorld(t, first, second, aProvider())
	w.settled(first, second)
	for _, origin := range []s3v1alpha1.CORSOrigin{"*", "https://second.example.com"} {
		w.edit(second, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Rules[0].AllowedOrigins[0] = origin })
		for range 3 {
			w.later(time.Hour)
			w.mustPass(first) // it comes first
			w.mustPass(second)
		}
	}
	w.expectOrigins("first second")
	w.expectReady(w.get(first), "True Ready")
	for _, line := range w.events.take() {
		if strings.Contains(line, s3v1alpha1.ReasonDriftCorrected) {
			t.Errorf("nobody has changed anything: %s", line)
		}
	}
}

// S3 may answer with what was there before the last write, in which there is nothing
// of what has just come into force.
func TestAnOldAnswerLosesNothingThatIsInForce(t *testing.T) {
	for name, hold := range map[string]func(*s3v1alpha1.BucketCORSPolicySpec){
		"of a policy whose expectation fails": func(spec *s3v1alpha1.BucketCORSPolicySpec) {
			spec.Expectations = []s3v1alpha1.Expectation{reads("nobody's", "https://fourth.example.com", "")}
		},
		"of a policy that is suspended": func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Suspend = true },
	} {
		t.Run(name, func(t *testing.T) {
			first, second := aShared("first", 2*time.Hour), aShared("second", time.Hour)
			second.Spec.Buckets[0].Name = "elsewhere"
			w := newWorld(t, first, second, aProvider())
			w.s3.live["assets"] = theirs
			w.mustPass(first)
			w.expectOrigins("first")
			w.edit(first, hold)
			w.edit(second, func(spec *s3v1alpha1.BucketCORSPolicySpec) { spec.Buckets[0].Name = "assets" })
			w.s3.stale["assets"] = theirs
			w.later(10 * time.Second)
			w.mustPass(second)
			w.expectOrigins("first second")
		})
	}
}

// Who may not have its rules on a bucket does not inherit it either.
func TestABucketIsNotHandedOverToRulesThatAreNotExpected(t *testing.T) {
	first, second := aShared("first", 2*time.Hour), aShared("second", time.Hour)
	second.Spec.Expectations = []s3v1alpha1.Expectation{reads("nobody's", "https://fourth.example.com", "")}
	w := newWorld(t, first, second, aProvider())
	w.s3.live["assets"] = theirs
	w.settled(first, second)
	w.expectOrigins("first")
	if b := w.get(second).Status.Buckets[0]; ownedBefore(b) {
		t.Errorf("it says that it had the bucket: %+v", b)
	}
	w.delete(first)
	w.later(time.Hour)
	if w.mustPass(first) != nil {
		t.Error("the policy is still there")
	}
	w.settled(second)
	if !same(w.s3.live["assets"], theirs) {
		t.Errorf("the bucket has %+v", w.s3.live["assets"])
	}
	w.expectReady(w.get(second), "False ExpectationFailed")
}
