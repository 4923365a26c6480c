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

// File is what one file holds.
type File[T any] struct {
	Name    string // without extension
	Vectors []T
}

// ReadAs reads the files of a directory, each of which holds an array of T and no
// key that T does not know.
func ReadAs[T any](dir string) ([]File[T], error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no vectors in %s", dir)
	}
	files := make([]File[T], len(paths))
	for i, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		files[i].Name = strings.TrimSuffix(filepath.Base(path), ".json")
		if err := d.Decode(&files[i].Vectors); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return files, nil
}

// Validation is what a server makes of a PutBucketCors.
type Validation struct {
	Name          string          `json:"name"`
	Source        string          `json:"source"`
	Dialect       string          `json:"dialect,omitempty"` // AWS if absent
	Repeat        int             `json:"repeat,omitempty"`  // how often the rules are there; once if absent
	Configuration json.RawMessage `json:"configuration"`     // as for cors.ParseJSON
	Mistakes      []Mistake       `json:"mistakes"`          // none for what is accepted
}

// Mistake is a cors.Mistake as the files hold it.
type Mistake struct {
	Path       string             `json:"path"`
	Reason     cors.MistakeReason `json:"reason"`
	Text       string             `json:"text"` // what we say
	Status     int                `json:"status,omitempty"`
	Code       string             `json:"code,omitempty"` // what the server says, if it is known
	Message    string             `json:"message,omitempty"`
	Confidence string             `json:"confidence,omitempty"`
}

// Parse is the configuration that is sent.
func (v Validation) Parse() (cors.Configuration, error) {
	c, err := cors.ParseJSON(v.Configuration)
	if err != nil {
		return cors.Configuration{}, fmt.Errorf("%s: %w", v.Name, err)
	}
	c.Rules = slices.Repeat(c.Rules, max(1, v.Repeat))
	return c, nil
}

// storedGroup is a Group as the files hold it.
type storedGroup struct {
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

// Read reads the decisions in the files of a directory.
func Read(dir string) ([]Group, error) {
	files, err := ReadAs[storedGroup](dir)
	if err != nil {
		return nil, err
	}
	var groups []Group
	for _, file := range files {
		for _, stored := range file.Vectors {
			g, err := stored.group(file.Name)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", file.Name, stored.Name, err)
			}
			groups = append(groups, g)
		}
	}
	return groups, nil
}

func (s storedGroup) group(file string) (Group, error) {
	g := Group{File: file, Name: s.Name, MissingBucket: s.MissingBucket}
	if !s.MissingBucket && string(s.Configuration) != "null" {
		var err error
		if g.Configuration, err = cors.ParseJSON(s.Configuration); err != nil {
			return Group{}, err
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
	return g, nil
}
