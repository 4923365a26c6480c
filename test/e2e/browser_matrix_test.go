// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// testMatrix compares what a browser does with what the evaluator says it does, for
// buckets of a real server that have all kinds of configurations.
func testMatrix(t *testing.T, b *chromium) {
	s := newBareScene(t, "matrix")
	traffic := watchTraffic(s)
	var rows []*row
	for i, p := range matrix {
		rows = append(rows, s.stagePolicy(fmt.Sprintf("p%02d", i), p)...)
	}
	b.tryAll(t, rows)
	compare(t, "POLICY", rows, traffic)

	for _, r := range rows {
		// The same judges, of the answers as they came.
		preflight, actual := traffic.of(r.path)
		if live := judge(r.attempt, preflight, actual); live != r.said && r.deviation == "" {
			t.Errorf("%s; %s from %s: the answers were to be %q, and are %q", r.of, r.what, r.from, r.said, live)
		}
		if r.answered.Status >= http.StatusBadRequest {
			t.Errorf("%s; %s from %s: the server says %d", r.of, r.what, r.from, r.answered.Status)
		}
	}
	if len(rows) < 60 {
		t.Errorf("the matrix has only %d rows", len(rows))
	}
}

// stagePolicy makes a bucket with the configuration of a policy, and the rows of
// its requests.
func (s *scene) stagePolicy(suffix string, p matrixPolicy) []*row {
	s.Helper()
	s.createBucket(suffix)
	compiled := cors.VersityGW.NoConfiguration()
	if len(p.rules) > 0 {
		var err error
		if compiled, err = cors.VersityGW.Compile(cors.Configuration{Rules: p.rules}); err != nil {
			s.Fatalf("%s: %v", p.name, err)
		}
		s.put(suffix, cors.Configuration{Rules: p.rules})
	}
	stored := newObjects(s, suffix)
	rows := make([]*row, len(p.attempts))
	for i := range p.attempts {
		a := &p.attempts[i]
		// Browsers keep the answers to preflights by URL.
		key := fmt.Sprintf("object-%02d", i)
		if method := strings.ToUpper(a.method); method == http.MethodGet || method == http.MethodHead {
			stored.seed(key)
		}
		path := "/" + s.bucketName(suffix) + "/" + key
		script, err := a.script(s.Context(), s.gateway.URL+path, s.storage)
		if err != nil {
			s.Fatalf("%s; %s: %v", p.name, a.what, err)
		}
		rows[i] = &row{attempt: a, of: p.name, path: path, script: script, said: predict(compiled, a)}
	}
	return rows
}

// predict is what the evaluator says.
func predict(policy *cors.Policy, a *attempt) verdict {
	request := a.request()
	tried := browser.Try(policy, request)
	var v verdict
	if tried.Preflight != nil {
		ask, _ := request.Preflight()
		v.preflight = asked(ask.RequestMethod, ask.RequestHeaders)
	}
	if allowed := tried.Refusal == nil; tried.Allowed != allowed || browser.Allowed(policy, request) != allowed {
		v.outcome = "a contradiction"
		return v
	}
	return v.ended(tried.Refusal)
}
