// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/bucketcors/bucketcors/internal/document"
)

// What `bucketcors lint` finds without a cluster is what the API server finds:
// the other tests show that it accepts the one kind and refuses the other.
func TestPoliciesAreCheckedOfflineAsByTheAPIServer(t *testing.T) {
	k := bucketCORSPolicy()
	problems := func(t *testing.T, spec string) ([]document.Problem, error) {
		t.Helper()
		data, err := json.Marshal(k.manifest(t, spec))
		if err != nil {
			t.Fatal(err)
		}
		file, err := document.Read("policy.json", data)
		if err != nil {
			return nil, err
		}
		return file.Problems()[file.Documents[0]], nil
	}
	for _, c := range k.accepted {
		t.Run(c.name, func(t *testing.T) {
			if found, err := problems(t, c.spec); err != nil || len(found) > 0 {
				t.Errorf("%v, %+v", err, found)
			}
		})
	}
	for _, c := range k.refused {
		t.Run(c.name, func(t *testing.T) {
			found, err := problems(t, c.spec)
			if err != nil {
				return // does not even have the fields and types of a policy
			}
			if !slices.ContainsFunc(found, func(p document.Problem) bool { return p.Path == c.field || p.Path == c.field+".name" }) {
				t.Errorf("the API server says %q about %s, and offline there is %+v", c.message, c.field, found)
			}
		})
	}
}
