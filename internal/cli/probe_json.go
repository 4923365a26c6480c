// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/probe"
)

// jsonProbed is an answer for programs. Its fields are stable; there may be more
// of them one day.
type jsonProbed struct {
	Time      string            `json:"time,omitempty"` // with --watch
	URL       string            `json:"url"`
	Document  string            `json:"document,omitempty"`
	Request   jsonProbeRequest  `json:"request"`
	Stranger  bool              `json:"stranger"`
	Predicted *bool             `json:"predicted,omitempty"` // absent where nothing is
	Allowed   bool              `json:"allowed"`
	Class     probe.Class       `json:"class"`
	Status    int               `json:"status,omitempty"` // absent where there is no answer
	Headers   map[string]string `json:"headers"`          // never null
	Message   string            `json:"message,omitempty"`
	Advice    string            `json:"advice,omitempty"`
	Met       *bool             `json:"met,omitempty"` // the expectations; absent where there are none, or no answer
}

// jsonProbeRequest is what a script wants to do.
type jsonProbeRequest struct {
	Name        string   `json:"name,omitempty"`
	Origin      string   `json:"origin"`
	Method      string   `json:"method"`
	Headers     []string `json:"headers"` // never null
	Credentials bool     `json:"credentials"`
}

// probeJSON prints answers for programs, one a line.
type probeJSON struct {
	w io.Writer
	// now is the time to print with the answers; nil for none.
	now func() time.Time
}

func (j *probeJSON) target(answers []probed) error {
	if j.now != nil {
		return j.changed(j.now(), answers)
	}
	return j.print("", answers)
}

func (j *probeJSON) end([]probed, bool) error { return nil }

func (j *probeJSON) changed(at time.Time, answers []probed) error {
	return j.print(at.Format(time.RFC3339), answers)
}

func (j *probeJSON) print(at string, answers []probed) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, p := range answers {
		line := jsonProbed{
			Time: at, URL: p.target.shown, Document: p.target.document, Stranger: p.stranger,
			Request: jsonProbeRequest{
				Name: p.Request.Name, Origin: p.Request.Origin, Method: p.Request.Method,
				Headers: append([]string{}, p.Request.Headers...), Credentials: p.Request.Credentials,
			},
			Allowed: p.Allowed, Class: p.Class, Status: p.Answer.Status, Headers: corsHeaders(p.Answer),
			Message: p.message(), Advice: p.advice(),
		}
		if p.predicted() {
			line.Predicted = new(p.Expected)
		}
		if expected := p.expectations(); slices.ContainsFunc(expected, p.unmet) {
			line.Met = new(false)
		} else if len(expected) > 0 && p.Answer.Status != 0 {
			line.Met = new(true)
		}
		if err := e.Encode(line); err != nil {
			return fmt.Errorf("write the answer as JSON: %w", err)
		}
	}
	_, err := j.w.Write(b.Bytes())
	return err
}

// corsHeaders are the headers of an answer that CORS is about. Others may hold
// anything.
func corsHeaders(a browser.Answer) map[string]string {
	headers := map[string]string{}
	for name, values := range a.Header {
		name = http.CanonicalHeaderKey(name)
		if name == "Vary" || strings.HasPrefix(name, "Access-Control-") {
			headers[name] = strings.Join(values, ", ")
		}
	}
	return headers
}
