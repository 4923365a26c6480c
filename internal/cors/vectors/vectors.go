// SPDX-License-Identifier: Apache-2.0

// Package vectors reads the recorded and reported answers of S3 that the
// evaluator is tested with, so that other tests can put them to real servers.
package vectors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// Group is what S3 makes of some requests to one bucket.
type Group struct {
	// File is the name of the file that holds it, without extension.
	File string
	Name string
	// Configuration is that of the bucket; without rules the bucket has none.
	Configuration cors.Configuration
	MissingBucket bool
	Cases         []Case
}

// Case is one request and what S3 makes of it.
type Case struct {
	Name string
	// Source is where the answer is known from.
	Source  string
	Request cors.Request
	// Headers are those of the request.
	Headers map[string]string
	Want    Decision
}

// Decision is a cors.Decision as the files hold it.
type Decision struct {
	Allowed      bool              `json:"allowed"`
	Reason       cors.Reason       `json:"reason"`
	Rule         int               `json:"rule"`
	RuleID       string            `json:"ruleID,omitempty"`
	Status       int               `json:"status,omitempty"`
	Code         string            `json:"code,omitempty"`
	Message      string            `json:"message,omitempty"`
	Method       string            `json:"method,omitempty"`
	ResourceType string            `json:"resourceType,omitempty"`
	Headers      map[string]string `json:"headers"`
	Confidence   string            `json:"confidence"`
}

// DecisionOf is d as the files hold it.
func DecisionOf(d cors.Decision) Decision {
	v := Decision{
		Allowed: d.Allowed, Reason: d.Reason, Rule: d.Rule, RuleID: d.RuleID,
		Status: d.Status, Code: d.Code, Message: d.Message, Method: d.Method, ResourceType: d.ResourceType,
		Headers: map[string]string{}, Confidence: d.Confidence.String(),
	}
	for _, h := range d.Headers() {
		v.Headers[h.Name] = h.Value
	}
	return v
}

// Compile is the bucket of the group as a server of the dialect decides for it.
func (g Group) Compile(d *cors.Dialect) (*cors.Policy, error) {
	switch {
	case g.MissingBucket:
		return d.MissingBucket(), nil
	case len(g.Configuration.Rules) == 0:
		return d.NoConfiguration(), nil
	default:
		return d.Compile(g.Configuration)
	}
}

// Read reads the files of a directory.
func Read(dir string) ([]Group, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no vectors in %s", dir)
	}
	var groups []Group
	for _, file := range files {
		read, err := readFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		groups = append(groups, read...)
	}
	return groups, nil
}

func readFile(file string) ([]Group, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var stored []struct {
		Name          string          `json:"name"`
		Configuration json.RawMessage `json:"configuration"` // as for cors.ParseJSON; null for a bucket without
		MissingBucket bool            `json:"missingBucket"`
		Cases         []struct {
			Name    string `json:"name"`
			Source  string `json:"source"`
			Request struct {
				HTTPMethod string            `json:"httpMethod"`
				Resource   string            `json:"resource"`
				Headers    map[string]string `json:"headers"`
			} `json:"request"`
			Want Decision `json:"want"`
		} `json:"cases"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&stored); err != nil {
		return nil, err
	}
	groups := make([]Group, len(stored))
	for i, s := range stored {
		g := Group{File: strings.TrimSuffix(filepath.Base(file), ".json"), Name: s.Name, MissingBucket: s.MissingBucket}
		if !s.MissingBucket && string(s.Configuration) != "null" {
			if g.Configuration, err = cors.ParseJSON(s.Configuration); err != nil {
				return nil, fmt.Errorf("%s: %w", s.Name, err)
			}
		}
		for _, c := range s.Cases {
			r := cors.Request{
				Method:         c.Request.HTTPMethod,
				Origin:         c.Request.Headers["Origin"],
				RequestMethod:  c.Request.Headers["Access-Control-Request-Method"],
				RequestHeaders: c.Request.Headers["Access-Control-Request-Headers"],
				Blank:          slices.Contains(slices.Collect(maps.Values(c.Request.Headers)), ""),
			}
			if c.Request.Resource == "bucket" {
				r.Resource = cors.Bucket
			}
			g.Cases = append(g.Cases, Case{Name: c.Name, Source: c.Source, Request: r, Headers: c.Request.Headers, Want: c.Want})
		}
		groups[i] = g
	}
	return groups, nil
}
