// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	"github.com/bucketcors/bucketcors/internal/cors"
)

func TestWhatHasToBeDoneToABucket(t *testing.T) {
	// wrote is ours, over what was there before, so long ago.
	wrote := func(ago time.Duration, before string) *write {
		return &write{time: noon.Add(-ago), hash: cors.Hash(ours), replacedHash: before}
	}
	sorted := cors.Configuration{Rules: []cors.Rule{{ID: "web", AllowedOrigins: []string{"https://b", "https://a", "https://a"}, AllowedMethods: []string{"PUT", "GET"}, AllowedHeaders: []string{"X-B", "x-a"}}}}
	asStored := cors.Configuration{Rules: []cors.Rule{{ID: "web", AllowedOrigins: []string{"https://a", "https://b"}, AllowedMethods: []string{"GET", "PUT"}, AllowedHeaders: []string{"x-a", "x-b"}}}}
	unnamed := cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}}}}
	namedByServer := cors.Configuration{Rules: []cors.Rule{{ID: "x7Q", AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}}}}
	appliedOurs := cors.Hash(ours)

	for name, tt := range map[string]struct {
		view view
		want action
	}{
		"an equal bucket of a new policy is kept":                       {view{desired: ours, live: ours}, keep},
		"an equal bucket that we wrote is kept":                         {view{desired: ours, live: ours, appliedHash: appliedOurs, write: wrote(time.Hour, "")}, keep},
		"an equal bucket is kept in Observe":                            {view{desired: ours, live: ours, observe: true}, keep},
		"a server that sorts lists and drops duplicates is not written": {view{desired: sorted, live: asStored, appliedHash: cors.Hash(sorted)}, keep},
		"an id that the server made up is not written over":             {view{desired: unnamed, live: namedByServer, appliedHash: cors.Hash(unnamed)}, keep},

		"an empty bucket of a new policy is written":                       {view{desired: ours, live: nothing}, put},
		"other rules on the bucket of a new policy are overwritten":        {view{desired: ours, live: theirs}, put},
		"a changed spec is written":                                        {view{desired: ours, live: theirs, appliedHash: cors.Hash(theirs)}, put},
		"a changed spec is written though somebody changed the bucket too": {view{desired: ours, live: third, appliedHash: cors.Hash(theirs)}, put},
		"a changed spec is written at once after a write": {view{desired: ours, live: theirs, appliedHash: cors.Hash(theirs),
			write: &write{time: noon.Add(-time.Second), hash: cors.Hash(theirs), replacedHash: cors.Hash(nothing)}}, put},
		"a changed spec is written at once after an answer from before the write": {view{desired: ours, live: nothing, appliedHash: cors.Hash(theirs),
			write: &write{time: noon.Add(-time.Second), hash: cors.Hash(theirs), replacedHash: cors.Hash(nothing)}}, put},

		"a foreign change is mended":                         {view{desired: ours, live: theirs, appliedHash: appliedOurs}, mend},
		"a removed configuration is mended":                  {view{desired: ours, live: nothing, appliedHash: appliedOurs}, mend},
		"a foreign change long after our write is mended":    {view{desired: ours, live: theirs, appliedHash: appliedOurs, write: wrote(time.Hour, cors.Hash(theirs))}, mend},
		"the answer from before our write is left to settle": {view{desired: ours, live: theirs, appliedHash: appliedOurs, write: wrote(time.Second, cors.Hash(theirs))}, settle},
		"the empty answer from before our write is left to settle": {view{desired: ours, live: nothing, appliedHash: appliedOurs,
			write: wrote(59*time.Second, cors.Hash(nothing))}, settle},
		"it has settled when the time is over": {view{desired: ours, live: nothing, appliedHash: appliedOurs,
			write: wrote(settleTime, cors.Hash(nothing))}, mend},
		"a third configuration right after our write is a foreign change": {view{desired: ours, live: third, appliedHash: appliedOurs,
			write: wrote(time.Second, cors.Hash(theirs))}, mend},
		"a removal right after our write over other rules is a foreign change": {view{desired: ours, live: nothing, appliedHash: appliedOurs,
			write: wrote(time.Second, cors.Hash(theirs))}, mend},
		"after a restart any answer within the time is left to settle": {view{desired: ours, live: third, appliedHash: appliedOurs,
			write: wrote(time.Second, "")}, settle},
		"after a restart and the time a foreign change is mended": {view{desired: ours, live: third, appliedHash: appliedOurs,
			write: wrote(settleTime, "")}, mend},

		"Observe tells of a difference":                         {view{desired: ours, live: theirs, observe: true}, tell},
		"Observe tells of an empty bucket":                      {view{desired: ours, live: nothing, observe: true}, tell},
		"Observe tells of a foreign change to what was applied": {view{desired: ours, live: theirs, observe: true, appliedHash: appliedOurs}, tell},
		"Observe tells of a changed spec":                       {view{desired: ours, live: theirs, observe: true, appliedHash: cors.Hash(theirs)}, tell},
		"Observe tells of a third configuration right after our last write": {view{desired: ours, live: third, observe: true,
			appliedHash: appliedOurs, write: wrote(time.Second, cors.Hash(theirs))}, tell},
		"Observe does not take an answer from before our last write for drift": {view{desired: ours, live: theirs, observe: true,
			appliedHash: appliedOurs, write: wrote(time.Second, cors.Hash(theirs))}, settle},
	} {
		t.Run(name, func(t *testing.T) {
			tt.view.now = noon
			if got := tt.view.decide(); got != tt.want {
				t.Errorf("the action is %s, not %s", actionNames[got], actionNames[tt.want])
			}
		})
	}
}

var actionNames = [...]string{keep: "keep", settle: "settle", tell: "tell", put: "put", mend: "mend", removed: "removed", spared: "spared"}

func TestObserveNeverWritesWhateverItSees(t *testing.T) {
	configurations := []cors.Configuration{nothing, ours, theirs, third}
	hashes := []string{"", cors.Hash(nothing), cors.Hash(ours), cors.Hash(theirs), cors.Hash(third)}
	for _, live := range configurations {
		for _, applied := range hashes {
			for _, replaced := range hashes {
				for _, ago := range []time.Duration{-time.Minute, 0, settleTime / 2, settleTime, time.Hour} {
					v := view{desired: ours, live: live, appliedHash: applied, observe: true, now: noon,
						write: &write{time: noon.Add(-ago), hash: applied, replacedHash: replaced}}
					if got := v.decide(); got == put || got == mend {
						t.Errorf("%+v is answered with %s", v, actionNames[got])
					}
					v.observe = false
					if got := v.decide(); got == tell {
						t.Errorf("%+v only tells", v)
					}
				}
			}
		}
	}
}
