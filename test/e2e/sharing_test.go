// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// teamRules are n rules of a team, as YAML and as they are on a bucket.
func teamRules(team string, n int) (string, []cors.Rule) {
	var yaml []string
	var rules []cors.Rule
	for i := range n {
		id, origin := fmt.Sprintf("%s-%d", team, i), fmt.Sprintf("https://%d.%s.example", i, team)
		yaml = append(yaml, fmt.Sprintf(`{id: %s, allowedOrigins: [%q], allowedMethods: [GET]}`, id, origin))
		rules = append(rules, cors.Rule{ID: id, AllowedOrigins: []string{origin}, AllowedMethods: []string{"GET"}})
	}
	return "[" + strings.Join(yaml, ", ") + "]", rules
}

// awaitRules waits until a bucket has these rules, in this order.
func (s *scene) awaitRules(suffix string, rules ...[]cors.Rule) {
	s.Helper()
	want := cors.Configuration{Rules: slices.Concat(rules...)}
	s.eventually(soon, func() error { return s.differs(suffix, want) })
}

// awaitSharedWith waits until the status of a policy names these others.
func (s *scene) awaitSharedWith(policy, suffix string, want ...string) {
	s.Helper()
	s.eventually(soon, func() error {
		if b := s.bucketStatus(policy, suffix); !slices.Equal(b.SharedWith, want) {
			return fmt.Errorf("policy %s shares with %q, not %q", policy, b.SharedWith, want)
		}
		return nil
	})
}

func TestThreeTeamsShareABucketHoweverTheyNameIt(t *testing.T) {
	t.Parallel()
	a := newScene(t, "share-a", "x")
	// The same service by other names.
	b := a.beside("share-b", strings.Replace(a.gateway.URL, "http://", "HTTP://", 1)+"/")
	c := a.beside("share-c", "")
	a.putRaw("x", handMade)
	before := a.raw("x")
	rulesOfA, ruledA := teamRules("a", 2)
	rulesOfB, ruledB := teamRules("b", 1)
	rulesOfC, ruledC := teamRules("c", 3)

	a.apply(a.policyYAML("p", rulesOfA, "sharing: Shared", "x"))
	a.awaitReady("p")
	b.apply(b.policyYAML("p", rulesOfB, "sharing: Shared, priority: 10", "x"))
	c.apply(c.policyYAML("p", rulesOfC, "sharing: Shared", "x"))
	b.awaitReady("p")
	c.awaitReady("p")
	a.awaitRules("x", ruledB, ruledA, ruledC)
	a.awaitSharedWith("p", "x", "share-b/p", "share-c/p")
	b.awaitSharedWith("p", "x", "share-a/p", "share-c/p")
	c.awaitSharedWith("p", "x", "share-b/p", "share-a/p")
	a.awaitReady("p")

	// Somebody edits the bucket: the whole is put right, and not by three writes
	// one after the other.
	puts := a.gateway.count(http.MethodPut)
	a.put("x", foreignConfiguration())
	a.eventually(nextLook, func() error {
		return a.differs("x", cors.Configuration{Rules: slices.Concat(ruledB, ruledA, ruledC)})
	})
	a.expectCount(http.MethodPut, puts+1)

	// One leaves, and exactly its rules go.
	b.delete("p")
	b.awaitGone("p")
	a.awaitRules("x", ruledA, ruledC)
	b.awaitEvent(s3v1alpha1.ReasonHandedOver, a.bucketName("x"))
	a.awaitSharedWith("p", "x", "share-c/p")
	c.awaitSharedWith("p", "x", "share-a/p")

	// The last takes the rest with it.
	a.delete("p")
	a.awaitGone("p")
	a.awaitRules("x", ruledC)
	c.awaitSharedWith("p", "x")
	c.awaitReady("p")
	a.expectCount(http.MethodDelete, 0)
	c.delete("p")
	c.awaitGone("p")
	a.expectRaw("x", before)
	c.awaitEvent(s3v1alpha1.ReasonRestored, a.bucketName("x"))
}

func TestATeamForWhoseRulesThereIsNoRoomIsToldAndTheOthersStand(t *testing.T) {
	t.Parallel()
	a := newScene(t, "room-a", "x")
	b, c := a.beside("room-b", ""), a.beside("room-c", "")
	rulesOfA, ruledA := teamRules("a", 60)
	rulesOfB, ruledB := teamRules("b", 50)
	rulesOfC, ruledC := teamRules("c", 2)
	a.apply(a.policyYAML("p", rulesOfA, "sharing: Shared, priority: 5", "x"))
	a.awaitReady("p")
	b.apply(b.policyYAML("p", rulesOfB, "sharing: Shared", "x"))
	message := b.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonDoesNotFit)
	b.expectContains(message, "room-a/p", "50 rules", "100")
	if status := b.bucketStatus("p", "x"); status.State != s3v1alpha1.BucketConflicted {
		t.Errorf("the state of the bucket is %s", status.State)
	}
	b.awaitEvent(s3v1alpha1.ReasonDoesNotFit, "room-a/p")
	// One of a lower priority still fits.
	c.apply(c.policyYAML("p", rulesOfC, "sharing: Shared, priority: -1", "x"))
	c.awaitReady("p")
	a.awaitRules("x", ruledA, ruledC)
	a.awaitReady("p")
	a.awaitSharedWith("p", "x", "room-c/p")

	// An id that another team has is told too.
	taken := strings.Replace(rulesOfC, "c-1", "a-7", 1)
	c.apply(c.policyYAML("p", taken, "sharing: Shared, priority: -1", "x"))
	message = c.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonDoesNotFit)
	c.expectContains(message, `"a-7"`, "room-a/p")
	a.awaitRules("x", ruledA)

	// Who has no rules there takes none away.
	puts := a.gateway.count(http.MethodPut)
	b.delete("p")
	b.awaitGone("p")
	a.expectLive("x", cors.Configuration{Rules: ruledA})
	a.expectCount(http.MethodPut, puts)
	b.apply(b.policyYAML("p", rulesOfB, "sharing: Shared", "x"))
	b.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonDoesNotFit)

	// There is room as soon as another makes it.
	rulesOfA, ruledA = teamRules("a", 10)
	rulesOfC, ruledC = teamRules("c", 1)
	c.apply(c.policyYAML("p", rulesOfC, "sharing: Shared, priority: -1", "x"))
	a.apply(a.policyYAML("p", rulesOfA, "sharing: Shared, priority: 5", "x"))
	for _, team := range []*scene{a, b, c} {
		team.awaitReady("p")
	}
	a.awaitRules("x", ruledA, ruledB, ruledC)
}

func TestATeamWhoseRuleAnotherShadowsIsTold(t *testing.T) {
	t.Parallel()
	a := newScene(t, "shadow-a", "x")
	b := a.beside("shadow-b", "")
	a.apply(a.policyYAML("broad", `[{id: all, allowedOrigins: ["*"], allowedMethods: [GET, PUT], allowedHeaders: ["*"]}]`, "sharing: Shared, priority: 1", "x"))
	a.awaitReady("broad")
	b.apply(b.policyYAML("narrow", uploads, "sharing: Shared", "x"))
	b.awaitReady("narrow")
	told := b.bucketStatus("narrow", "x").Message
	b.expectContains(told, `rule "uploads"`, `rule "all" of policy shadow-a/broad`, "ETag", "spec.priority")
	b.awaitEvent(s3v1alpha1.ReasonLintFindings, "shadow-a/broad")
	if other := a.bucketStatus("broad", "x").Message; other != "" {
		t.Errorf("the policy that does not suffer is told %q", other)
	}
	// A higher priority helps, as the message says.
	b.apply(b.policyYAML("narrow", uploads, "sharing: Shared, priority: 2", "x"))
	b.awaitReady("narrow")
	if told := b.bucketStatus("narrow", "x").Message; told != "" {
		t.Errorf("with a higher priority it is still told %q", told)
	}
}

func TestAnExclusivePolicyHasNoPlaceOnASharedBucket(t *testing.T) {
	t.Parallel()
	a := newScene(t, "mixed-a", "x")
	b, c := a.beside("mixed-b", ""), a.beside("mixed-c", "")
	rulesOfA, ruledA := teamRules("a", 1)
	rulesOfC, ruledC := teamRules("c", 1)
	a.apply(a.policyYAML("p", rulesOfA, "sharing: Shared", "x"))
	a.awaitReady("p")
	a.awaitOlderThanAllToCome("p")
	b.apply(b.policyYAML("p", uploads, "", "x"))
	message := b.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonConflicted)
	b.expectContains(message, "mixed-a/p", "Shared")
	c.apply(c.policyYAML("p", rulesOfC, "sharing: Shared", "x"))
	c.awaitReady("p")
	a.awaitRules("x", ruledA, ruledC)
	if saved := b.revisions("p", "x"); len(saved) > 0 {
		t.Errorf("a policy that never had the bucket saved %d configurations of it", len(saved))
	}
	b.delete("p")
	b.awaitGone("p")
	a.expectLive("x", cors.Configuration{Rules: slices.Concat(ruledA, ruledC)})
}

func TestASuccessorTakesOverWithoutAGapAndTheOriginalComesBackAfterIt(t *testing.T) {
	t.Parallel()
	a := newScene(t, "heir-a", "x")
	b := a.beside("heir-b", "")
	a.putRaw("x", handMade)
	before := a.raw("x")
	a.apply(a.policyYAML("p", uploads, "", "x"))
	a.awaitReady("p")
	a.awaitOlderThanAllToCome("p")
	b.apply(b.policyYAML("p", publicRead, "", "x"))
	b.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonConflicted)

	a.delete("p")
	a.awaitGone("p")
	b.awaitReady("p")
	a.expectLive("x", publicReadConfiguration())
	a.awaitEvent(s3v1alpha1.ReasonHandedOver, a.bucketName("x"))
	a.expectCount(http.MethodPut, 2)
	a.expectCount(http.MethodDelete, 0)
	b.expectJSON(string(b.original("p", "x").Data.Raw), handMadeJSON)

	b.delete("p")
	b.awaitGone("p")
	a.expectRaw("x", before)
}

func TestTheRulesOfATeamThatPausesStayWhileOthersChangeTheirs(t *testing.T) {
	t.Parallel()
	a := newScene(t, "pause-a", "x")
	b := a.beside("pause-b", "")
	rulesOfA, ruledA := teamRules("a", 2)
	rulesOfB, ruledB := teamRules("b", 1)
	a.apply(a.policyYAML("p", rulesOfA, "sharing: Shared", "x"))
	b.apply(b.policyYAML("p", rulesOfB, "sharing: Shared", "x"))
	a.awaitReady("p")
	b.awaitReady("p")
	a.awaitRules("x", ruledA, ruledB)

	// Suspended with other rules than those that are in force, or with a slip in
	// them.
	others, _ := teamRules("others", 3)
	a.apply(a.policyYAML("p", others, "sharing: Shared, suspend: true", "x"))
	a.awaitCondition(soon, "p", s3v1alpha1.ConditionReady, metav1.ConditionTrue, s3v1alpha1.ReasonSuspended)
	rulesOfB, ruledB = teamRules("b", 4)
	b.apply(b.policyYAML("p", rulesOfB, "sharing: Shared", "x"))
	b.awaitReady("p")
	a.awaitRules("x", ruledA, ruledB)
	a.apply(a.policyYAML("p", `[{allowedOrigins: ["**"], allowedMethods: [GET]}]`, "sharing: Shared", "x"))
	a.awaitCondition(soon, "p", s3v1alpha1.ConditionReady, metav1.ConditionFalse, s3v1alpha1.ReasonInvalidRules)
	b.apply(b.policyYAML("p", rulesOfB, "sharing: Shared, priority: 1", "x"))
	b.awaitReady("p")
	a.awaitRules("x", ruledB, ruledA)
	b.delete("p")
	b.awaitGone("p")
	a.awaitRules("x", ruledA)
	a.delete("p")
	a.awaitGone("p")
	a.expectRaw("x", "")
}
