// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/metrics"
	"github.com/bucketcors/bucketcors/internal/s3"
)

// registered are metrics in a registry of their own.
func registered(t *testing.T) (*metrics.Metrics, *prometheus.Registry) {
	t.Helper()
	m, registry := metrics.New(metrics.Build{Version: "v1.2.3", Revision: "abc", GoVersion: "go1.26"}), prometheus.NewPedanticRegistry()
	if err := m.Register(registry); err != nil {
		t.Fatal(err)
	}
	return m, registry
}

// cluster is a reader of some objects.
func cluster(t *testing.T, objects ...client.Object) client.Reader {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, s3v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
}

func elected() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// scrape are the samples of a registry whose names begin with any of some
// prefixes, as Prometheus reads them.
func scrape(t *testing.T, registry *prometheus.Registry, prefixes ...string) []string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%s", label.GetName(), label.GetValue()))
			}
			name := family.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			value := metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
			line := fmt.Sprintf("%s %g", name, value)
			if h := metric.GetHistogram(); h != nil {
				line = fmt.Sprintf("%s %d in %g", name, h.GetSampleCount(), h.GetSampleSum())
			}
			if slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(line, prefix) }) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatIsToldIsServed(t *testing.T) {
	m, registry := registered(t)
	expect(t, scrape(t, registry, "bucketcors_"),
		"bucketcors_build_info{go_version=go1.26,revision=abc,version=v1.2.3} 1",
		"bucketcors_drift_corrected_total 0",
		"bucketcors_drift_detected_total 0",
		"bucketcors_policy_ready_duration_seconds 0 in 0",
		"bucketcors_s3_rate_limiter_wait_seconds 0 in 0",
		"bucketcors_verifications_total{reason=EndpointNotAllowed} 0",
		"bucketcors_verifications_total{reason=EndpointUnreachable} 0",
		"bucketcors_verifications_total{reason=PreflightMismatch} 0",
		"bucketcors_verifications_total{reason=Settling} 0",
		"bucketcors_verifications_total{reason=Verified} 0",
	)
	m.DriftDetected()
	m.DriftDetected()
	m.DriftCorrected()
	m.PolicyReady(1500 * time.Millisecond)
	m.Waited(20 * time.Millisecond)
	m.PlaceAnswered(s3v1alpha1.ReasonVerified)
	m.Request("GetBucketCors", "200", 30*time.Millisecond)
	m.Request("GetBucketCors", "200", 50*time.Millisecond)
	m.Request("PutBucketCors", "timeout", 15*time.Second)
	expect(t, scrape(t, registry, "bucketcors_drift", "bucketcors_policy", "bucketcors_s3", "bucketcors_verifications_total{reason=Verified"),
		"bucketcors_drift_corrected_total 1",
		"bucketcors_drift_detected_total 2",
		"bucketcors_policy_ready_duration_seconds 1 in 1.5",
		"bucketcors_s3_rate_limiter_wait_seconds 1 in 0.02",
		"bucketcors_s3_request_duration_seconds{code=200,operation=GetBucketCors} 2 in 0.08",
		"bucketcors_s3_request_duration_seconds{code=timeout,operation=PutBucketCors} 1 in 15",
		"bucketcors_verifications_total{reason=Verified} 1",
	)
}

func TestTheValuesOfLabelsAreBounded(t *testing.T) {
	m, registry := registered(t)
	for i := range 1000 {
		m.Request(fmt.Sprint("operation", i), "200", 0)
		m.Request("GetBucketCors", fmt.Sprint("code", i), 0)
		m.Request("PutBucketCors", fmt.Sprint(i), 0)
		m.PlaceAnswered(fmt.Sprint("Reason", i))
	}
	if n := len(scrape(t, registry, "bucketcors_")); n > 100 {
		t.Errorf("there are %d series", n)
	}
	expect(t, scrape(t, registry, "bucketcors_s3_request_duration_seconds{code=other", "bucketcors_s3_request_duration_seconds{code=200", "bucketcors_verifications_total{reason=Other"),
		"bucketcors_s3_request_duration_seconds{code=200,operation=PutBucketCors} 1 in 0",
		"bucketcors_s3_request_duration_seconds{code=200,operation=other} 1000 in 0",
		"bucketcors_s3_request_duration_seconds{code=other,operation=GetBucketCors} 1000 in 0",
		"bucketcors_s3_request_duration_seconds{code=other,operation=PutBucketCors} 938 in 0",
		"bucketcors_verifications_total{reason=Other} 1000",
	)
}

func TestAStatusIsOneHoweverItIsWritten(t *testing.T) {
	m, registry := registered(t)
	for _, code := range []string{"200", "+200", "0200"} {
		m.Request("GetBucketCors", code, 0)
	}
	expect(t, scrape(t, registry, "bucketcors_s3_request_duration_seconds"), "bucketcors_s3_request_duration_seconds{code=200,operation=GetBucketCors} 3 in 0")
}

func TestTheCodesOfTheStorageAdapterAreForeseen(t *testing.T) {
	m, registry := registered(t)
	codes := []string{s3.CodeCanceled, s3.CodeLimited, s3.CodeTimeout, s3.CodeUnreachable, s3.CodeUnreadable}
	var want []string
	for _, code := range codes {
		m.Request("AssumeRole", code, 0)
		want = append(want, fmt.Sprintf("bucketcors_s3_request_duration_seconds{code=%s,operation=AssumeRole} 1 in 0", code))
	}
	expect(t, scrape(t, registry, "bucketcors_s3_request_duration_seconds"), want...)
}

// Above the last bound, a quantile is that bound, however long it took.
func TestWhatTakesAsLongAsItMayIsWithinTheBuckets(t *testing.T) {
	m, registry := registered(t)
	const timeout = 15 * time.Second // of s3.Options
	m.Request("GetBucketCors", s3.CodeTimeout, timeout+time.Millisecond)
	m.Waited(timeout)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			buckets := metric.GetHistogram().GetBucket()
			if total := metric.GetHistogram().GetSampleCount(); total > 0 && buckets[len(buckets)-1].GetCumulativeCount() != total {
				t.Errorf("%s ends at %g seconds", family.GetName(), buckets[len(buckets)-1].GetUpperBound())
			}
		}
	}
}

func TestTheNamesAreAsPrometheusAdvises(t *testing.T) {
	m, registry := registered(t)
	m.Request("GetBucketCors", "200", 0)
	if err := registry.Register(metrics.NewInventory(cluster(t, policy("web"), provider("default")), elected())); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

func TestAllMetricsAreAsTheTableSays(t *testing.T) {
	m, registry := registered(t)
	m.Request("GetBucketCors", "200", 0)
	if err := registry.Register(metrics.NewInventory(cluster(t, policy("web"), provider("default")), elected())); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]string{}
	for _, family := range families {
		var labels []string
		for _, label := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, label.GetName())
		}
		served[family.GetName()] = fmt.Sprint(strings.ToLower(family.GetType().String()), labels, family.GetHelp())
	}
	for _, d := range metrics.Definitions() {
		labels := slices.Sorted(slices.Values(d.Labels))
		if want := fmt.Sprint(d.Type, labels, d.Help); served[d.Name] != want {
			t.Errorf("%s is served as %q, not as %q", d.Name, served[d.Name], want)
		}
		if strings.HasSuffix(d.Name, "_seconds") != (d.Unit == "seconds") {
			t.Errorf("%s has the unit %q", d.Name, d.Unit)
		}
		if d.Use == "" {
			t.Errorf("%s is for nothing", d.Name)
		}
		delete(served, d.Name)
	}
	if len(served) > 0 {
		t.Errorf("not in the table: %v", served)
	}
}

func TestARegistryTakesTheMetricsOnce(t *testing.T) {
	m, registry := registered(t)
	if err := m.Register(registry); err == nil {
		t.Error("it took them twice")
	}
}
