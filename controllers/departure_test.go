// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"testing"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

var (
	restores = s3v1alpha1.DeletionPolicyRestore
	deletes  = s3v1alpha1.DeletionPolicyDelete
)

func TestWhatBecomesOfABucketThatLeavesItsPolicy(t *testing.T) {
	byHand := configured("https://by-hand.example")
	others := configured("https://others.example")
	unnamed := cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: []string{"https://others.example"}, AllowedMethods: []string{"GET"}}}}
	namedByServer := cors.Configuration{Rules: []cors.Rule{{ID: "x7Q", AllowedOrigins: []string{"https://others.example"}, AllowedMethods: []string{"GET"}}}}

	for name, tt := range map[string]struct {
		departure departure
		action    action
		after     cors.Configuration
	}{
		"what was there before comes back":                             {departure{live: ours, ours: true, original: &byHand}, restored, byHand},
		"Restore is what a policy says that says nothing":              {departure{deletionPolicy: restores, live: ours, ours: true, original: &byHand}, restored, byHand},
		"where there was nothing, nothing is left":                     {departure{live: ours, ours: true, original: &nothing}, removed, nothing},
		"where there was nothing and is nothing, nothing is done":      {departure{live: nothing, ours: true, original: &nothing}, removed, nothing},
		"what was there before and is there again stays":               {departure{live: byHand, original: &byHand}, restored, byHand},
		"what was there before and is ours too stays":                  {departure{live: byHand, ours: true, original: &byHand}, restored, byHand},
		"a foreign change is kept":                                     {departure{live: theirs, original: &byHand}, spared, theirs},
		"a foreign change of what was nothing before is kept":          {departure{live: theirs, original: &nothing}, spared, theirs},
		"a foreign removal is kept":                                    {departure{live: nothing, original: &byHand}, spared, nothing},
		"ours stays where it is not known what was before":             {departure{live: ours, ours: true}, spared, ours},
		"anything stays where it is not known what was before":         {departure{live: theirs}, spared, theirs},
		"what may be from before our write is looked at again":         {departure{live: theirs, outdated: true, original: &byHand}, settle, theirs},
		"the original may be from before our write too":                {departure{live: byHand, outdated: true, original: &byHand}, settle, byHand},
		"also where the policy had come to want the original":          {departure{live: byHand, ours: true, outdated: true, original: &byHand}, settle, byHand},
		"so may be nothing":                                            {departure{live: nothing, outdated: true, original: &nothing}, settle, nothing},
		"what is ours, of whatever write, is no reason to wait":        {departure{live: ours, ours: true, outdated: true, original: &byHand}, restored, byHand},
		"what is ours, where nothing was, is no reason to wait either": {departure{live: ours, ours: true, outdated: true, original: &nothing}, removed, nothing},

		"Delete removes what is ours":                              {departure{deletionPolicy: deletes, live: ours, ours: true}, removed, nothing},
		"Delete does not put back what was there before":           {departure{deletionPolicy: deletes, live: ours, ours: true, original: &byHand}, removed, nothing},
		"Delete removes what is ours and was there before":         {departure{deletionPolicy: deletes, live: ours, ours: true, original: &ours}, removed, nothing},
		"Delete keeps a foreign change":                            {departure{deletionPolicy: deletes, live: theirs}, spared, theirs},
		"Delete keeps what was there before and is there again":    {departure{deletionPolicy: deletes, live: byHand, original: &byHand}, spared, byHand},
		"Delete has nothing to do where nothing is":                {departure{deletionPolicy: deletes, live: nothing}, removed, nothing},
		"Delete looks again at what may be from before our write":  {departure{deletionPolicy: deletes, live: theirs, outdated: true}, settle, theirs},
		"Delete looks again at nothing from before our write":      {departure{deletionPolicy: deletes, live: nothing, outdated: true}, settle, nothing},
		"Delete removes what is ours even if of an earlier write":  {departure{deletionPolicy: deletes, live: ours, ours: true, outdated: true}, removed, nothing},
		"Delete does nothing for others where they have no bucket": {departure{deletionPolicy: deletes, live: ours, ours: true, succession: others}, removed, nothing},

		"others get the bucket with their rules":                       {departure{live: ours, ours: true, original: &byHand, successors: true, succession: others}, handedOver, others},
		"others get it whatever the deletion policy":                   {departure{deletionPolicy: deletes, live: ours, ours: true, successors: true, succession: others}, handedOver, others},
		"others who have it already get it as it is":                   {departure{live: others, original: &byHand, successors: true, succession: others}, handedOver, others},
		"ids that the server made up are no difference to others":      {departure{live: namedByServer, ours: true, successors: true, succession: unnamed}, handedOver, namedByServer},
		"others put a foreign change right, once they have saved it":   {departure{live: theirs, original: &byHand, successors: true, succession: others}, handedOver, theirs},
		"others get what was there before as it is":                    {departure{live: byHand, original: &byHand, successors: true, succession: others}, handedOver, byHand},
		"others get a bucket with nothing as it is":                    {departure{live: nothing, successors: true, succession: others}, handedOver, nothing},
		"others wait for what may be from before our write":            {departure{live: theirs, outdated: true, successors: true, succession: others}, settle, theirs},
		"others wait also if that is what they want":                   {departure{live: others, outdated: true, successors: true, succession: others}, settle, others},
		"others do not wait where an older write of ours has to go":    {departure{live: ours, ours: true, outdated: true, successors: true, succession: others}, handedOver, others},
		"others wait where their rules are ours and from before ours ": {departure{live: others, ours: true, outdated: true, successors: true, succession: others}, settle, others},
	} {
		t.Run(name, func(t *testing.T) {
			got, after := tt.departure.decide()
			if got != tt.action || !same(after, tt.after) {
				t.Errorf("the action is %s, with %+v; not %s with %+v", departureNames[got], after, departureNames[tt.action], tt.after)
			}
		})
	}
}

var departureNames = map[action]string{settle: "settle", handedOver: "handedOver", restored: "restored", removed: "removed", spared: "spared"}

// Every way in which a bucket can leave a policy, judged by what has to hold in
// any case.
func TestWhateverLeavesNothingForeignIsLost(t *testing.T) {
	reordered := cors.Configuration{Rules: []cors.Rule{{ID: "r", AllowedOrigins: []string{"https://b", "https://a"}, AllowedMethods: []string{"GET"}}}}
	sorted := cors.Configuration{Rules: []cors.Rule{{ID: "r", AllowedOrigins: []string{"https://a", "https://b"}, AllowedMethods: []string{"GET"}}}}
	configurations := map[string]cors.Configuration{
		"nothing": nothing, "ours": ours, "theirs": theirs, "third": third, "reordered": reordered, "sorted": sorted,
	}
	seen := map[action]int{}
	cases := 0
	for liveName, live := range configurations {
		for originalName := range withNone(configurations) {
			for successionName := range withNone(configurations) {
				for _, deletionPolicy := range []s3v1alpha1.DeletionPolicy{"", restores, deletes} {
					for flags := range 4 {
						d := departure{deletionPolicy: deletionPolicy, live: live, ours: flags&1 != 0, outdated: flags&2 != 0}
						if original, known := configurations[originalName]; known {
							d.original = &original
						}
						if succession, known := configurations[successionName]; known && len(succession.Rules) > 0 {
							d.successors, d.succession = true, succession
						}
						cases++
						name := fmt.Sprintf("%q, live %s, original %s, succession %s, ours %t, outdated %t",
							deletionPolicy, liveName, originalName, successionName, d.ours, d.outdated)
						got, after := d.decide()
						seen[got]++
						for _, broken := range brokenRules(d, got, after) {
							t.Errorf("%s: %s with %+v: %s", name, departureNames[got], after, broken)
						}
					}
				}
			}
		}
	}
	if want := 6 * 7 * 7 * 3 * 4; cases != want {
		t.Errorf("%d cases were tried, not %d", cases, want)
	}
	for done, name := range departureNames {
		if seen[done] == 0 {
			t.Errorf("no case ends with %s", name)
		}
	}
}

// withNone are the names of configurations, and one that none has.
func withNone(configurations map[string]cors.Configuration) map[string]bool {
	names := map[string]bool{"none": true}
	for name := range configurations {
		names[name] = true
	}
	return names
}

// brokenRules are those rules that a decision breaks.
func brokenRules(d departure, got action, after cors.Configuration) []string {
	written := !same(after, d.live)
	var broken []string
	must := func(rule string, kept bool) {
		if !kept {
			broken = append(broken, rule)
		}
	}
	must("what is not ours is never overwritten", d.ours || !written)
	must("what may be outdated is no reason to leave it", !d.outdated || written || got == settle)
	must("nothing waits without a reason", got != settle || d.outdated && !written)
	must("the action is one of those of a bucket that leaves", departureNames[got] != "")

	possible := []cors.Configuration{d.live, nothing}
	if d.original != nil {
		possible = append(possible, *d.original)
	}
	if d.successors {
		possible = []cors.Configuration{d.live, d.succession}
	}
	must("it ends with nothing that was made up", slices.ContainsFunc(possible, func(c cors.Configuration) bool { return same(c, after) }))

	must("what others share is handed over and nothing else", d.successors == (got == handedOver) || got == settle)
	must("what is ours is as the others want it", got != handedOver || !d.ours || cors.Equal(d.succession, after))
	must("what was restored is the original in every field", got != restored || d.original != nil && same(after, *d.original))
	must("what was removed is gone", got != removed || len(after.Rules) == 0)
	must("what was spared was not touched", got != spared || !written)
	must("Delete restores nothing", got != restored || d.deletionPolicy != deletes)
	must("without an original Restore touches nothing", d.original != nil || d.deletionPolicy == deletes || d.successors || !written)
	if d.ours && !d.successors && got != settle {
		must("Delete leaves nothing of ours", d.deletionPolicy != deletes || got == removed)
		must("Restore leaves nothing of ours where it knows better",
			d.deletionPolicy == deletes || d.original == nil || same(after, *d.original))
	}
	return broken
}

func TestARestoredConfigurationIsTheSameInEveryField(t *testing.T) {
	age := func(seconds int32) *int32 { return &seconds }
	full := func() cors.Configuration {
		return cors.Configuration{Rules: []cors.Rule{{
			ID: "web", AllowedOrigins: []string{"https://a", "https://b"}, AllowedMethods: []string{"GET", "PUT"},
			AllowedHeaders: []string{"x-a", "x-b"}, ExposeHeaders: []string{"ETag", "x-c"}, MaxAgeSeconds: age(0),
		}, {AllowedOrigins: []string{"*"}, AllowedMethods: []string{"HEAD"}}}}
	}
	for name, change := range map[string]func(c *cors.Configuration){
		"the id":                      func(c *cors.Configuration) { c.Rules[0].ID = "" },
		"the id of another rule":      func(c *cors.Configuration) { c.Rules[1].ID = "made-up" },
		"the order of origins":        func(c *cors.Configuration) { slices.Reverse(c.Rules[0].AllowedOrigins) },
		"the order of methods":        func(c *cors.Configuration) { slices.Reverse(c.Rules[0].AllowedMethods) },
		"the order of headers":        func(c *cors.Configuration) { slices.Reverse(c.Rules[0].AllowedHeaders) },
		"the order of exposed ones":   func(c *cors.Configuration) { slices.Reverse(c.Rules[0].ExposeHeaders) },
		"the case of a header":        func(c *cors.Configuration) { c.Rules[0].AllowedHeaders[0] = "X-A" },
		"the case of an exposed one":  func(c *cors.Configuration) { c.Rules[0].ExposeHeaders[0] = "etag" },
		"a repeated origin":           func(c *cors.Configuration) { c.Rules[1].AllowedOrigins = []string{"*", "*"} },
		"a max age that is absent":    func(c *cors.Configuration) { c.Rules[0].MaxAgeSeconds = nil },
		"a max age that is not":       func(c *cors.Configuration) { c.Rules[1].MaxAgeSeconds = age(0) },
		"another max age":             func(c *cors.Configuration) { c.Rules[0].MaxAgeSeconds = age(5) },
		"the order of rules":          func(c *cors.Configuration) { slices.Reverse(c.Rules) },
		"a rule less":                 func(c *cors.Configuration) { c.Rules = c.Rules[:1] },
		"a rule more":                 func(c *cors.Configuration) { c.Rules = append(c.Rules, c.Rules[1]) },
		"no header where one was":     func(c *cors.Configuration) { c.Rules[0].AllowedHeaders = nil },
		"a header where there was no": func(c *cors.Configuration) { c.Rules[1].AllowedHeaders = []string{"*"} },
	} {
		original, live := full(), full()
		change(&live)
		d := departure{live: live, ours: true, original: &original}
		if got, after := d.decide(); got != restored || !same(after, full()) || same(after, live) {
			t.Errorf("%s: it is not put back", name)
		}
	}

	original, live := full(), full()
	live.Rules[1].AllowedHeaders, live.Rules[1].ExposeHeaders = []string{}, []string{}
	live.Rules[0].MaxAgeSeconds = age(0)
	d := departure{live: live, original: &original}
	if got, after := d.decide(); got != restored || !same(after, live) {
		t.Error("an empty list is taken for another than an absent one")
	}
}
