// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// validation is what a server makes of a PutBucketCors, as the files in
// testdata/validation hold it.
type validation struct {
	Name          string          `json:"name"`
	Source        string          `json:"source"`
	Dialect       string          `json:"dialect,omitempty"` // AWS if absent
	Repeat        int             `json:"repeat,omitempty"`  // how often the rules are there; once if absent
	Configuration json.RawMessage `json:"configuration"`     // as for ParseJSON
	Mistakes      []mistakeVector `json:"mistakes"`          // none for what is accepted
}

type mistakeVector struct {
	Path       string             `json:"path"`
	Reason     cors.MistakeReason `json:"reason"`
	Text       string             `json:"text"` // what we say
	Status     int                `json:"status,omitempty"`
	Code       string             `json:"code,omitempty"` // what the server says, if it is known
	Message    string             `json:"message,omitempty"`
	Confidence string             `json:"confidence,omitempty"`
}

func (v validation) dialect(t testing.TB) *cors.Dialect {
	t.Helper()
	if v.Dialect == "" {
		return cors.AWS
	}
	d, ok := cors.DialectByName(v.Dialect)
	if !ok {
		t.Fatalf("there is no dialect %s", v.Dialect)
	}
	return d
}

func (v validation) configuration(t testing.TB) cors.Configuration {
	t.Helper()
	c, err := cors.ParseJSON(v.Configuration)
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	c.Rules = slices.Repeat(c.Rules, max(1, v.Repeat))
	return c
}

// mistakesOf are the mistakes that err holds.
func mistakesOf(err error) []mistakeVector {
	all := []mistakeVector{}
	for m := range cors.Mistakes(err) {
		s3 := m.S3()
		v := mistakeVector{
			Path: m.Path(), Reason: m.Reason, Text: m.Error(), Status: s3.Status, Code: s3.Code, Message: s3.Message,
		}
		if s3.Code != "" {
			v.Confidence = s3.Confidence.String()
		}
		all = append(all, v)
	}
	return all
}

func TestEveryServerAcceptsWhatItsVectorsSay(t *testing.T) {
	files, err := filepath.Glob("testdata/validation/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		var all []validation
		if err := d.Decode(&all); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, v := range all {
			t.Run(filepath.Base(file)+"/"+v.Name, func(t *testing.T) {
				policy, err := v.dialect(t).Compile(v.configuration(t))
				if (policy == nil) != (err != nil) {
					t.Fatalf("Compile = %v, %v", policy, err)
				}
				if got := mistakesOf(fmt.Errorf("wrapped: %w", err)); !slices.Equal(got, v.Mistakes) {
					t.Errorf("source: %s\ngot  %+v\nwant %+v", v.Source, got, v.Mistakes)
				}
			})
		}
	}
}
