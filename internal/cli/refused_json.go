// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// jsonRefusal says for programs why rules cannot answer. Its fields are stable;
// there may be more of them one day.
type jsonRefusal struct {
	Document string        `json:"document,omitempty"`
	Error    string        `json:"error"`
	Mistakes []jsonMistake `json:"mistakes"` // never null
}

// jsonMistake is a reason for which the server refuses rules.
type jsonMistake struct {
	Path   string             `json:"path"`
	Reason cors.MistakeReason `json:"reason"`
	Text   string             `json:"text"`
	File   string             `json:"file"`
	Line   int                `json:"line"`
	Column int                `json:"column"`
	S3     *jsonAnswer        `json:"s3,omitempty"` // absent where nobody knows
}

// jsonAnswer is what the server answers to rules with one mistake.
type jsonAnswer struct {
	Status     int    `json:"status"`
	Code       string `json:"code"`
	Message    string `json:"message,omitempty"`
	Confidence string `json:"confidence"`
}

// json is the refusal on one line, with the name of the configuration; empty for
// none.
func (r *refusedRules) json(document string) ([]byte, error) {
	refusal := jsonRefusal{Document: document, Error: r.server + " refuses these rules", Mistakes: []jsonMistake{}}
	for _, m := range r.mistakes {
		mistake := jsonMistake{Path: m.Path(), Reason: m.Reason, Text: m.text, File: m.file, Line: m.at.Line, Column: m.at.Column}
		if s3 := m.S3(); s3.Status != 0 {
			mistake.S3 = &jsonAnswer{s3.Status, s3.Code, s3.Message, s3.Confidence.String()}
		}
		refusal.Mistakes = append(refusal.Mistakes, mistake)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(refusal)
	return b.Bytes(), err
}
