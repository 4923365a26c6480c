// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"bytes"
	"encoding/json"
)

// Subject is what an explanation is about, for those who ask about several.
type Subject struct {
	Document string // the name of the configuration; empty for none
	Request  string // the name of the request; empty for none
}

// JSON is the explanation on one line, without a line feed at its end, as
// `bucketcors evaluate -o json` prints it. What is not UTF-8 is replaced, because
// JSON cannot carry it.
//
// The keys come in this order, and those that may be absent are so where they
// would say nothing: document, name, allowed, status, code, message, method, resourceType
// (S3's own answer to a preflight), rule (-1 for none), ruleID, headers (an object
// in the order in which S3 sends them), reason, confidence, doubts, nearest,
// advice, trace.
func (e Explanation) JSON(subject Subject) ([]byte, error) {
	document := struct {
		Document     string      `json:"document,omitempty"`
		Name         string      `json:"name,omitempty"`
		Allowed      bool        `json:"allowed"`
		Status       int         `json:"status,omitempty"`
		Code         string      `json:"code,omitempty"`
		Message      string      `json:"message,omitempty"`
		Method       string      `json:"method,omitempty"`
		ResourceType string      `json:"resourceType,omitempty"`
		Rule         int         `json:"rule"`
		RuleID       string      `json:"ruleID,omitempty"`
		Headers      headerMap   `json:"headers"`
		Reason       Reason      `json:"reason"`
		Confidence   string      `json:"confidence"`
		Doubts       []string    `json:"doubts,omitempty"`
		Nearest      *nearestMap `json:"nearest,omitempty"`
		Advice       string      `json:"advice,omitempty"`
		Trace        []RuleTrace `json:"trace"`
	}{
		subject.Document, subject.Request, e.Allowed, e.Status, e.Code, e.Message, e.Method, e.ResourceType, e.Rule, e.RuleID, e.Headers(),
		e.Reason, e.Confidence.String(), e.Doubts.texts(), nil, e.Advice, e.Trace,
	}
	if n := e.Nearest; n != nil {
		document.Nearest = &nearestMap{n.Rule, n.RuleID, make([]obstacleMap, len(n.Missing)), n.Hint}
		for i, o := range n.Missing {
			document.Nearest.Missing[i] = obstacleMap(o)
		}
	}
	if document.Trace == nil {
		document.Trace = []RuleTrace{}
	}
	return marshal(document)
}

// nearestMap is a Nearest in JSON.
type nearestMap struct {
	Rule    int           `json:"rule"`
	RuleID  string        `json:"ruleID,omitempty"`
	Missing []obstacleMap `json:"missing"`
	Hint    string        `json:"hint,omitempty"`
}

// obstacleMap is an Obstacle in JSON.
type obstacleMap struct {
	Field Field  `json:"field"`
	Value string `json:"value"`
}

// headerMap is headers as an object that keeps their order.
type headerMap []Header

// MarshalJSON writes the object, which is empty for nil.
func (m headerMap) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, h := range m {
		if i > 0 {
			b = append(b, ',')
		}
		for _, part := range []struct {
			text string
			end  string
		}{{h.Name, ":"}, {h.Value, ""}} {
			text, err := marshal(part.text)
			if err != nil {
				return nil, err
			}
			b = append(append(b, text...), part.end...)
		}
	}
	return append(b, '}'), nil
}

// marshal is json.Marshal without the escapes that only HTML needs.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
