// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/bucketcors/bucketcors/internal/localenv"
)

// prometheus is one that runs for a test.
type prometheus struct {
	url string
}

// startPrometheus runs one that scrapes the operator at an address every second, as
// somebody with a token, and works with the alerts.
func startPrometheus(t *testing.T, operator, token string) prometheus {
	t.Helper()
	dir := t.TempDir()
	alerts, err := filepath.Abs(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	tokenFile, configFile := filepath.Join(dir, "token"), filepath.Join(dir, "prometheus.yaml")
	config := fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
- job_name: bucketcors-metrics
  scheme: https
  authorization: {credentials_file: %q}
  tls_config: {insecure_skip_verify: true}
  static_configs:
  - targets: [%q]
    labels: {namespace: bucketcors-system, pod: bucketcors-manager-0}
`, alerts, tokenFile, operator)
	if err := errors.Join(os.WriteFile(tokenFile, []byte(token), 0o600), os.WriteFile(configFile, []byte(config), 0o600)); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program(t, "prometheus"),
		"--config.file="+configFile, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	command.Dir, command.Stdout, command.Stderr = dir, log, log
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the context of the test is done by now
		// A process that is told to stop says so in its status.
		if err := command.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Logf("prometheus: %v", err)
		}
		log.Close()
		if content, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("prometheus said: %s", content)
		}
	})
	p := prometheus{"http://" + address}
	// What happens before the first scrape is no increase of anything.
	eventually(t, time.Minute, func() error {
		scraped, err := p.query(t.Context(), "bucketcors_build_info")
		if err == nil && len(scraped) == 0 {
			err = errors.New("prometheus has not scraped the operator yet")
		}
		return err
	})
	return p
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := localenv.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func (p prometheus) get(ctx context.Context, path string, parameters url.Values) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path+"?"+parameters.Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("prometheus answers %s to %s: %s", response.Status, parameters.Get("query"), body)
	}
	return body, err
}

// sample is one of the answer to a query.
type sample struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"`
}

func (s sample) value() string { return fmt.Sprint(s.Value[1]) }

func (p prometheus) query(ctx context.Context, expr string) ([]sample, error) {
	body, err := p.get(ctx, "/api/v1/query", url.Values{"query": {expr}})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []sample `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", expr, err, body)
	}
	return answer.Data.Result, nil
}

// rule is what Prometheus makes of an alert.
type rule struct {
	Name      string `json:"name"`
	Health    string `json:"health"`
	LastError string `json:"lastError"`
	Alerts    []struct {
		State       string            `json:"state"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"alerts"`
}

func (p prometheus) rules(ctx context.Context) ([]rule, error) {
	body, err := p.get(ctx, "/api/v1/rules", nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []rule `json:"rules"`
			} `json:"groups"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%w: %s", err, body)
	}
	var rules []rule
	for _, group := range answer.Data.Groups {
		rules = append(rules, group.Rules...)
	}
	return rules, nil
}

// asGrafana puts values where the dashboard has variables.
var asGrafana = strings.NewReplacer("$cluster", ".*", "$namespace", "bucketcors-system", "$job", "bucketcors-metrics",
	"$__rate_interval", "20s", "$__range", "5m")

// mayBeEmpty are panels that have nothing to show where no webhook is, or no API
// server is scraped.
var mayBeEmpty = []string{"Webhook requests, by code", "Webhook latency", "Policies refused, as the API server tells"}

func TestARealPrometheusAnswersEveryQuery(t *testing.T) {
	t.Parallel()
	program(t, "prometheus")
	scene := newScene(t)
	p := startPrometheus(t, scene.metrics, scene.token)
	scene.play()

	for _, want := range []struct{ what, expr, value string }{
		{"policies that are Ready", `sum(bucketcors_policies{condition="Ready", status="True"})`, "3"},
		{"policies that conflict", `sum(bucketcors_policies{condition="Ready", reason="Conflicted"})`, "1"},
		{"policies that are not permitted", `sum(bucketcors_policies{condition="Ready", reason="NotPermitted"})`, "1"},
		{"policies whose bucket is missing", `sum(bucketcors_policies{condition="Ready", reason="BucketNotFound"})`, "1"},
		{"policies that see drift", `sum(bucketcors_policies{condition="Ready", reason="Drifted"})`, "1"},
		{"policies that are verified", `sum(bucketcors_policies{condition="Verified", status="True"})`, "1"},
		{"providers that are not ready", `sum(bucketcors_providers{condition="Ready", status!="True"})`, "1"},
		{"changes that were undone", `sum(bucketcors_drift_corrected_total)`, "1"},
		{"changes that were seen", `sum(bucketcors_drift_detected_total)`, "2"},
		{"replicas that lead", `sum(leader_election_master_status{name="bucketcors.s3.bucketcors.dev"})`, "1"},
	} {
		eventually(t, 2*time.Minute, func() error {
			got, err := p.query(t.Context(), want.expr)
			if err == nil && (len(got) != 1 || got[0].value() != want.value) {
				err = fmt.Errorf("%s: %v, not %s", want.what, got, want.value)
			}
			return err
		})
	}

	d := readDashboard(t)
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			expr := asGrafana.Replace(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%q has a variable that nobody knows: %s", panel.Title, expr)
			}
			if slices.Contains(mayBeEmpty, panel.Title) {
				if _, err := p.query(t.Context(), expr); err != nil {
					t.Errorf("%q: %v", panel.Title, err)
				}
				continue
			}
			eventually(t, time.Minute, func() error {
				got, err := p.query(t.Context(), expr)
				switch {
				case err != nil:
					return fmt.Errorf("%q: %w", panel.Title, err)
				case len(got) == 0:
					return fmt.Errorf("%q has nothing to show for %s", panel.Title, expr)
				case !slices.ContainsFunc(got, func(s sample) bool { return s.value() != "NaN" }):
					return fmt.Errorf("%q has nothing but NaN for %s", panel.Title, expr)
				}
				return nil
			})
		}
	}
	expectOneRow(t, p, d, "Every replica")
	for _, annotation := range d.Annotations.List {
		if annotation.Expr == "" {
			continue
		}
		if _, err := p.query(t.Context(), asGrafana.Replace(annotation.Expr)); err != nil {
			t.Errorf("the annotations: %v", err)
		}
	}
	for _, name := range otherMetrics {
		if got, err := p.query(t.Context(), name); err != nil || len(got) == 0 {
			t.Errorf("the operator does not serve %s: %v", name, err)
		}
	}
	expectRules(t, p)
	scene.runTheCommandsOfTheRunbooks()
}

// expectOneRow checks that the answers to all queries of a table with one replica
// have the same of these labels, by which Grafana makes them one row.
func expectOneRow(t *testing.T, p prometheus, d dashboard, title string) {
	t.Helper()
	rows := map[string]bool{}
	for _, panel := range d.Panels {
		if panel.Title != title {
			continue
		}
		for _, target := range panel.Targets {
			got, err := p.query(t.Context(), asGrafana.Replace(target.Expr))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range got {
				rows[s.Metric["namespace"]+" "+s.Metric["pod"]+" "+s.Metric["instance"]] = true
			}
		}
	}
	if len(rows) != 1 {
		t.Errorf("%q has %d rows for one replica: %v", title, len(rows), rows)
	}
}

// expectRules checks that all alerts work, and which of them wait to fire.
func expectRules(t *testing.T, p prometheus) {
	t.Helper()
	want := map[string][]string{
		"BucketCORSPolicyNeedsOwner": {"Conflicted", "Drifted", "NotPermitted"},
		"BucketCORSBucketFailing":    {"BucketNotFound"},
		"BucketCORSProviderNotReady": {"SecretNotFound"},
		"BucketCORSDriftReturning":   {""},
	}
	eventually(t, time.Minute, func() error {
		rules, err := p.rules(t.Context())
		if err != nil {
			return err
		}
		if all := len(readAlerts(t)); len(rules) != all {
			return fmt.Errorf("prometheus has %d alerts, not %d", len(rules), all)
		}
		for _, r := range rules {
			if r.Health != "ok" {
				return fmt.Errorf("%s is %s: %s", r.Name, r.Health, r.LastError)
			}
			var reasons []string
			for _, a := range r.Alerts {
				// What is new was scraped before anybody looked at it, or it was not.
				if a.Labels["reason"] != "NotReconciled" {
					reasons = append(reasons, a.Labels["reason"])
				}
				for name, text := range a.Annotations {
					if strings.Contains(text, "{{") || strings.Contains(text, "<no value>") || strings.Contains(text, "<error") {
						return fmt.Errorf("%s: the %s is %q", r.Name, name, text)
					}
				}
			}
			slices.SortFunc(reasons, cmp.Compare[string])
			// What passes by itself may have been seen in passing.
			if r.Name != "BucketCORSPolicyStuck" && !slices.Equal(reasons, want[r.Name]) {
				return fmt.Errorf("%s has the reasons %q, not %q", r.Name, reasons, want[r.Name])
			}
		}
		return nil
	})
}

// eventually polls until the check has nothing to complain about.
func eventually(t *testing.T, within time.Duration, check func() error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, within, true, func(context.Context) (bool, error) {
		last = check()
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("not within %s: %v", within, last)
	}
}
