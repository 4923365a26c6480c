// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// jsonCompared is a comparison for programs. Its fields are stable; there may be
// more of them one day.
type jsonCompared struct {
	Bucket     string          `json:"bucket"`
	Service    string          `json:"service"` // "AWS" or an endpoint
	Policy     string          `json:"policy"`
	State      diffState       `json:"state"`
	Reason     string          `json:"reason,omitempty"`
	Message    string          `json:"message,omitempty"`
	Mode       string          `json:"mode"`
	Suspended  bool            `json:"suspended"`
	SharedWith []string        `json:"sharedWith"` // never null
	Changes    []jsonChange    `json:"changes"`    // never null
	Live       json.RawMessage `json:"live,omitempty"`
	Desired    json.RawMessage `json:"desired,omitempty"`
}

// jsonChange is what applying a policy would change.
type jsonChange struct {
	Kind    cors.ChangeKind `json:"kind"`
	RuleID  string          `json:"ruleID,omitempty"`
	From    int             `json:"from"` // place of the rule on the bucket; -1 for none
	To      int             `json:"to"`   // place of the rule afterwards; -1 for none
	Field   cors.Field      `json:"field,omitempty"`
	Added   []string        `json:"added,omitempty"`
	Removed []string        `json:"removed,omitempty"`
	Old     string          `json:"old,omitempty"`
	New     string          `json:"new,omitempty"`
}

// diffJSON prints comparisons for programs, one a line.
type diffJSON struct{ w io.Writer }

func (j *diffJSON) bucket(c compared) error {
	line := jsonCompared{
		Bucket: c.location.Name, Service: c.in.title(), Policy: c.name(), State: c.state, Reason: c.reason, Message: c.message,
		Mode: string(v1alpha1.PolicyModeEnforce), Suspended: c.policy.Spec.Suspend,
		SharedWith: append([]string{}, c.preview.SharedWith...), Changes: []jsonChange{},
	}
	if c.policy.Spec.Mode != "" {
		line.Mode = string(c.policy.Spec.Mode)
	}
	for _, change := range c.changes {
		line.Changes = append(line.Changes, jsonChange(change))
	}
	if c.state == diffDifferent {
		line.Live, line.Desired = rulesJSON(c.live), rulesJSON(c.preview.Desired)
	}
	e := json.NewEncoder(j.w)
	e.SetEscapeHTML(false)
	if err := e.Encode(line); err != nil {
		return fmt.Errorf("write the comparison as JSON: %w", err)
	}
	return nil
}

func (j *diffJSON) end([]compared) error { return nil }

// rulesJSON is a configuration in the JSON of AWS; nothing for one that cannot be
// written as that.
func rulesJSON(c cors.Configuration) json.RawMessage {
	data, err := cors.FormatJSON(c)
	if err != nil {
		return nil
	}
	return data
}
