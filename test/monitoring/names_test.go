// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/metrics"
)

// otherMetrics are those that are asked for and are not ours: what controller-runtime,
// client-go and the Go client of Prometheus serve in every operator, …
var otherMetrics = []string{
	"certwatcher_read_certificate_errors_total",
	"certwatcher_read_certificate_total",
	"controller_runtime_active_workers",
	"controller_runtime_max_concurrent_reconciles",
	"controller_runtime_reconcile_errors_total",
	"controller_runtime_reconcile_time_seconds_bucket",
	"controller_runtime_reconcile_total",
	"leader_election_master_status",
	"process_cpu_seconds_total",
	"process_resident_memory_bytes",
	"process_start_time_seconds",
	"rest_client_requests_total",
	"workqueue_depth",
	"workqueue_longest_running_processor_seconds",
	"workqueue_queue_duration_seconds_bucket",
	"workqueue_queue_duration_seconds_count",
	"workqueue_queue_duration_seconds_sum",
}

// … what it serves beside that where the webhook is on, what the API server serves,
// and what Prometheus makes itself.
var notScraped = []string{
	"controller_runtime_webhook_latency_seconds_bucket",
	"controller_runtime_webhook_requests_total",
	"apiserver_admission_webhook_fail_open_count",
	"apiserver_admission_webhook_request_total",
	"ALERTS",
}

func TestEveryMetricThatIsAskedForExists(t *testing.T) {
	t.Parallel()
	known := slices.Concat(otherMetrics, notScraped)
	for _, d := range metrics.Definitions() {
		known = append(known, d.Name)
		if d.Type == metrics.Histogram {
			known = append(known, d.Name+"_bucket", d.Name+"_sum", d.Name+"_count")
		}
	}
	var asked []string
	for _, q := range allQueries(t) {
		for _, name := range metricNames(q.expr) {
			asked = append(asked, name)
			if !slices.Contains(known, name) {
				t.Errorf("%s asks for %s, which is not known", q.of, name)
			}
		}
	}
	for _, name := range slices.Concat(otherMetrics, notScraped) {
		if !slices.Contains(asked, name) {
			t.Errorf("nobody asks for %s any more", name)
		}
	}
	for _, d := range metrics.Definitions() {
		if !slices.ContainsFunc(asked, func(name string) bool { return strings.HasPrefix(name, d.Name) }) {
			t.Errorf("neither the dashboard nor an alert has %s", d.Name)
		}
	}
}

// query is one that the dashboard or an alert makes.
type query struct {
	of, expr string
}

func allQueries(t *testing.T) []query {
	t.Helper()
	var queries []query
	for _, a := range readAlerts(t) {
		queries = append(queries, query{"the alert " + a.Alert, a.Expr})
	}
	d := readDashboard(t)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			queries = append(queries, query{"the panel " + p.Title + " " + target.RefID, target.Expr})
		}
	}
	for _, annotation := range d.Annotations.List {
		if annotation.Expr != "" {
			queries = append(queries, query{"the annotations", annotation.Expr})
		}
	}
	return queries
}

var (
	quoted     = regexp.MustCompile(`"[^"]*"`)
	selector   = regexp.MustCompile(`\{[^}]*\}`)
	window     = regexp.MustCompile(`\[[^\]]*\]`)
	grouping   = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)`)
	identifier = regexp.MustCompile(`\b[a-zA-Z_:][a-zA-Z0-9_:]*\b(\s*\()?`)
	keywords   = []string{"and", "or", "unless", "bool", "offset"}
)

// metricNames are the names of metrics in an expression: what is left when all that
// can be something else is taken away.
func metricNames(expr string) []string {
	for _, taken := range []*regexp.Regexp{quoted, selector, window, grouping} {
		expr = taken.ReplaceAllString(expr, " ")
	}
	var names []string
	for _, found := range identifier.FindAllString(expr, -1) {
		if !strings.HasSuffix(found, "(") && !slices.Contains(keywords, found) {
			names = append(names, found)
		}
	}
	return names
}
