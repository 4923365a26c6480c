// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/probe"
)

func TestProbeSendsNothingForAPolicyThatTheAPIServerRefuses(t *testing.T) {
	url, asked := countingServer(t)
	for name, test := range map[string]struct{ from, to, want string }{
		"an origin that no browser sends": {"origin: https://app.example.com, method", `origin: "https://*.example.com", method`,
			`policy.yaml:9:28: expectations[0].origin "https://*.example.com" is not an origin as a browser sends it; use one such as`},
		"a method and a preset": {"method: PUT", "method: PUT, preset: MultipartUpload",
			"policy.yaml:9:5: expectations[0] has both a method and a preset; keep one of them"},
		"an endpoint with a query": {"  rules:", `  verification: {endpoints: ["https://cdn.example.com/?a=b"]}` + "\n  rules:",
			`policy.yaml:6:30: verification.endpoints[0] "https://cdn.example.com/?a=b" is not the base URL of a server`},
		"a region that is none": {"region: eu-west-3", `region: "eu west 3"`,
			`policy.yaml:5:50: buckets[1].region "eu west 3" cannot be the name of a region`},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(probedPolicy, test.from, test.to, 1)
			if text == probedPolicy {
				t.Fatal("nothing was replaced")
			}
			t.Chdir(filepath.Dir(write(t, "policy.yaml", text)))
			status, stdout, stderr := runCommand(t, "probe", "-f", "policy.yaml", "--endpoint", url)
			if status != exitCouldNot || stdout != "" || asked.Load() != 0 ||
				!strings.HasPrefix(stderr, "bucketcors: policy.yaml: the API server refuses this policy, and nothing was sent:\n") ||
				!strings.Contains(stderr, test.want) || !strings.HasSuffix(stderr, "\nWhat else is wrong: bucketcors lint -f policy.yaml\n") {
				t.Errorf("status %d, %d asked, %q is missing in %s%s", status, asked.Load(), test.want, stdout, stderr)
			}
		})
	}
}

func TestProbeFailsWhenAnExpectationIsNotMet(t *testing.T) {
	unmet := strings.NewReplacer("https://other.example.com, method: GET, outcome", "https://app.example.com, method: GET, outcome").Replace(probedPolicy)
	for name, test := range map[string]struct {
		policy, live string
		more         []string
		status       int
		end          string
		met          []string // of the lines in JSON
	}{
		"all are met": {policy: probedPolicy, status: exitOK, end: "3 preflights: all as predicted\n", met: []string{"true", "true", ""}},
		"one is not met by the rules": {policy: unmet, status: exitNo,
			end: "3 preflights: all as predicted; 1 expectation is not met by the rules\n", met: []string{"true", "false", ""}},
		"two are not": {policy: strings.Replace(unmet, "method: PUT", "method: DELETE", 1), status: exitNo,
			end: "3 preflights: all as predicted; 2 expectations are not met by the rules\n", met: []string{"false", "false", ""}},
		"and the answer is another": {policy: unmet, live: strings.Replace(unmet, "content-type", "x-other", 1), status: exitNo,
			end: "; 1 expectation is not met by the rules\n", met: []string{"false", "false", ""}},
		"a request in the place of the expectations": {policy: unmet, status: exitOK,
			more: []string{"--origin", "https://app.example.com", "--method", "GET"}, end: "2 preflights: all as predicted\n", met: []string{"", ""}},
		"shared, and the rules of nobody meet it": {policy: strings.Replace(unmet, "spec:", "spec:\n  sharing: Shared", 1), status: exitNo,
			end: "3 preflights: all as predicted; 1 expectation is not met by the live answers\n", met: []string{"true", "false", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			live := rulesOf(t, test.policy)
			if test.live != "" {
				live = rulesOf(t, test.live)
			}
			server := bucketServer(t, func() *cors.Policy { return live })
			ask := append([]string{"probe", "-f", write(t, "policy.yaml", test.policy), "--endpoint", server.URL, "--bucket", "web-a"}, test.more...)
			status, stdout, stderr := runCommand(t, ask...)
			if status != test.status || !strings.HasSuffix(stdout, test.end) {
				t.Errorf("status %d, not %d; %q is not the end of %s%s", status, test.status, test.end, stdout, stderr)
			}
			status, stdout, stderr = runCommand(t, append(ask, "-o", "json")...)
			lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
			if status != test.status || len(lines) != len(test.met) {
				t.Fatalf("as JSON: status %d, %s%s", status, stdout, stderr)
			}
			for i, want := range test.met {
				var line struct{ Met json.RawMessage }
				if err := json.Unmarshal([]byte(lines[i]), &line); err != nil || string(line.Met) != want {
					t.Errorf("line %d: met is %q and not %q: %v", i+1, line.Met, want, err)
				}
			}
		})
	}
}

// The rules of others on a shared bucket may deny what the own ones alone would
// not: there the live answer counts.
func TestProbeLeavesToTheLiveAnswersWhetherSharedRulesMeetAnExpectation(t *testing.T) {
	allowed := browser.Request{Name: "upload", Origin: "https://app.example.com", Method: "PUT"}
	denied := browser.Request{Name: "elsewhere", Origin: "https://other.example.com", Method: "GET"}
	for name, test := range map[string]struct {
		e                 expected
		request           browser.Request
		allowed, predicts bool
		status            int
		want              unmet
	}{
		"what is to be allowed is":                          {expected{byRules: true, decided: true}, allowed, true, true, 200, unmet{}},
		"what is to be allowed is not, as nothing foretold": {expected{byRules: true, decided: true}, allowed, false, true, 403, unmet{live: 1}},
		"no answer tells nothing":                           {expected{byRules: true, decided: true}, allowed, false, true, 0, unmet{}},
		"the rules do not, and the answer does":             {expected{decided: true}, allowed, true, false, 200, unmet{byRules: 1}},
		"shared: the rules do not, and the answer does":     {expected{}, allowed, true, false, 200, unmet{}},
		"shared: neither does":                              {expected{}, allowed, false, false, 403, unmet{live: 1}},
		"what is to be denied is, after the preflight":      {expected{denied: true, byRules: true, decided: true}, denied, true, true, 200, unmet{}},
		"what is to be denied is not":                       {expected{denied: true, byRules: true, decided: true}, denied, true, false, 200, unmet{live: 1}},
	} {
		e := test.e
		e.requests = []browser.Request{test.request}
		target := &probeTarget{expected: []*expected{&e}}
		p := probed{target: target, Result: probe.Result{
			Request: test.request, Class: probe.AsPredicted, Allowed: test.allowed, Expected: test.predicts, Answer: browser.Answer{Status: test.status},
		}}
		if got := unmetIn([]probed{p, p}); got != test.want {
			t.Errorf("%s: %+v and not %+v", name, got, test.want)
		}
	}
}

// Who has waited for a minute wants to see what there was to see.
func TestProbeThatIsInterruptedPrintsWhatItKnows(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	none := bucketServer(t, func() *cors.Policy { return cors.AWS.NoConfiguration() })
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The second look begins with the second question about the upload.
		if r.Header.Get("Access-Control-Request-Headers") == "content-type" && r.Header.Get("Origin") == "https://app.example.com" && asked.Add(1) > 1 {
			cancel()
			<-r.Context().Done()
			return
		}
		none.Config.Handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	var stdout, stderr bytes.Buffer
	status := run(ctx, []string{"probe", "-f", "-", "--endpoint", server.URL, "--bucket", "web-a", "--wait", "10m"},
		strings.NewReader(probedPolicy), &stdout, &stderr)
	text := stdout.String()
	if status != exitInterrupted || stderr.String() != "" || !strings.Contains(text, "allowed    refused (403)  Stale\n") ||
		!strings.Contains(text, "\nStale\n") || !strings.HasSuffix(text, " Stale; interrupted\n") {
		t.Errorf("status %d, %s%s", status, text, stderr.String())
	}
}
