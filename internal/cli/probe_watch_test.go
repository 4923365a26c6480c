// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// watch is a "probe --watch" under a clock that the test moves.
type watch struct {
	clock  *clocktesting.FakeClock
	stdout *bufio.Reader
	stderr *bufio.Reader
	cancel context.CancelFunc
	ended  chan error
}

func startWatch(t *testing.T, arguments ...string) *watch {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	w := &watch{
		clock:  clocktesting.NewFakeClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
		cancel: cancel,
		ended:  make(chan error, 1),
	}
	stdout, toStdout := io.Pipe()
	stderr, toStderr := io.Pipe()
	w.stdout, w.stderr = bufio.NewReader(stdout), bufio.NewReader(stderr)
	cmd := newProbeCommandAt(w.clock)
	cmd.SetArgs(append(arguments, "--watch"))
	cmd.SetOut(toStdout)
	cmd.SetErr(toStderr)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	go func() {
		w.ended <- cmd.ExecuteContext(ctx)
		_ = toStdout.Close()
		_ = toStderr.Close()
	}()
	return w
}

// line is the next line of an output.
func line(t *testing.T, from *bufio.Reader) string {
	t.Helper()
	text, err := from.ReadString('\n')
	if err != nil {
		t.Fatalf("no more lines: %v", err)
	}
	return text
}

func TestProbeWatchShowsWhatChanges(t *testing.T) {
	var current atomic.Pointer[cors.Policy]
	asked := make(chan struct{}, 100)
	rules, none := rulesOf(t, probedPolicy), cors.AWS.NoConfiguration()
	current.Store(rules)
	server := bucketServer(t, func() *cors.Policy {
		policy := current.Load()
		asked <- struct{}{}
		return policy
	})
	w := startWatch(t, "-f", write(t, "policy.yaml", probedPolicy), "--endpoint", server.URL, "--bucket", "web-a", "--interval", "10s")
	first := ""
	for !strings.HasSuffix(first, "3 preflights: all as predicted\n") {
		first += line(t, w.stdout)
	}
	if got := line(t, w.stderr); got != "note: asking again every 10s, until Ctrl-C; what changes is shown\n" {
		t.Errorf("%q", got)
	}

	// Nothing has changed after 10 seconds, and the next line is that of the change.
	round := len(asked)
	for range round {
		<-asked
	}
	w.clock.Step(10 * time.Second)
	for range round {
		<-asked
	}
	current.Store(none)
	w.clock.Step(10 * time.Second)
	const change = "2026-01-02T03:04:25Z "
	got := line(t, w.stdout)
	if !strings.HasPrefix(got, change+server.URL+"/web-a upload: PUT from https://app.example.com with content-type: predicted allowed, live refused (403), ") {
		t.Errorf("%q", got)
	}
	current.Store(rules)
	w.clock.Step(10 * time.Second)
	for strings.HasPrefix(got, change) || strings.HasPrefix(got, "    ") {
		got = line(t, w.stdout)
	}
	if !strings.Contains(got, "predicted allowed, live allowed (200), AsPredicted\n") {
		t.Errorf("%q", got)
	}

	w.cancel()
	go func() { _, _ = io.Copy(io.Discard, w.stdout) }()
	if err := <-w.ended; !errors.Is(err, errInterrupted) {
		t.Errorf("%v", err)
	}
}

func TestProbeWatchPrintsTheTimeAsJSON(t *testing.T) {
	policy := rulesOf(t, probedPolicy)
	server := bucketServer(t, func() *cors.Policy { return policy })
	w := startWatch(t, "-f", write(t, "policy.yaml", probedPolicy), "--endpoint", server.URL, "--bucket", "web-a", "-o", "json")
	for range 3 {
		var answer jsonProbed
		if err := json.Unmarshal([]byte(line(t, w.stdout)), &answer); err != nil || answer.Time != "2026-01-02T03:04:05Z" {
			t.Errorf("%v: %+v", err, answer)
		}
	}
	w.cancel()
	go func() { _, _ = io.Copy(io.Discard, w.stderr) }()
	if err := <-w.ended; !errors.Is(err, errInterrupted) {
		t.Errorf("%v", err)
	}
}

// TestThePageShowsWhatProbeWatchPrints has a CDN fail in the second round, and
// answer again in the third.
func TestThePageShowsWhatProbeWatchPrints(t *testing.T) {
	page, err := os.ReadFile("../../docs/probe.md")
	if err != nil {
		t.Fatal(err)
	}
	policy := string(yamlFence.FindSubmatch(page)[1])
	rules := rulesOf(t, policy)
	bucket := bucketServer(t, func() *cors.Policy { return rules })
	var fails atomic.Bool
	cdn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fails.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		bucket.Config.Handler.ServeHTTP(w, r)
	}))
	defer cdn.Close()
	w := startWatch(t, "-f", write(t, "policy.yaml", policy), "--url", cdn.URL)
	for !strings.Contains(line(t, w.stdout), "preflights: all as predicted") {
		continue
	}
	line(t, w.stderr)
	got := ""
	for _, failing := range []bool{true, false} {
		fails.Store(failing)
		w.clock.Step(defaultProbeInterval)
		got += line(t, w.stdout)
		if failing {
			got += line(t, w.stdout) + line(t, w.stdout)
		}
	}
	got = strings.ReplaceAll(got, cdn.URL, "https://cdn.example.com")
	if !strings.Contains(string(page), "```text\n"+got+"```\n") {
		t.Errorf("it is not on the page:\n%s", got)
	}
}

// What is out of reach may come back.
func TestProbeWatchGoesOnWhereNothingIsReached(t *testing.T) {
	w := startWatch(t, "-f", write(t, "policy.yaml", probedPolicy), "--endpoint", closedPort, "--bucket", "web-a")
	for !strings.HasPrefix(line(t, w.stdout), "1 preflight: 1 Unreachable") {
		continue
	}
	if got := line(t, w.stderr); !strings.HasPrefix(got, "note: asking again every 5s") {
		t.Errorf("%q", got)
	}
}
