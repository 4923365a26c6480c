// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"fmt"
)

// applyFields are a status as the fields of an apply configuration, whose type F
// has the same JSON.
func applyFields[F any](status any) (*F, error) {
	encoded, err := json.Marshal(status)
	if err != nil {
		return nil, fmt.Errorf("encode the status: %w", err)
	}
	var fields F
	if err := json.Unmarshal(encoded, &fields); err != nil {
		return nil, fmt.Errorf("decode the status: %w", err)
	}
	return &fields, nil
}
