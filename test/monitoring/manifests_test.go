// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write config/monitoring anew")

const manifestsDir = "../../config/monitoring"

// What Prometheus and Grafana are given by kustomize is what they are given by Helm.
func TestTheManifestsHaveTheFilesOfTheChart(t *testing.T) {
	t.Parallel()
	for _, m := range []struct{ name, head, file, indent string }{{
		name: "prometheusrule.yaml", file: alertsFile, indent: "  ",
		head: `# Written by make monitoring from charts/bucketcors/files/alerts.yaml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: bucketcors
  namespace: bucketcors-system
  labels:
    app.kubernetes.io/name: bucketcors
    app.kubernetes.io/instance: bucketcors
    app.kubernetes.io/component: manager
spec:
`,
	}, {
		name: "dashboard.yaml", file: dashboardFile, indent: "    ",
		head: `# Written by make monitoring from charts/bucketcors/files/dashboard.json.
apiVersion: v1
kind: ConfigMap
metadata:
  name: bucketcors-dashboard
  namespace: bucketcors-system
  labels:
    app.kubernetes.io/name: bucketcors
    app.kubernetes.io/instance: bucketcors
    app.kubernetes.io/component: manager
    # What the sidecar of Grafana's chart looks for.
    grafana_dashboard: "1"
data:
  bucketcors.json: |
`,
	}} {
		content, err := os.ReadFile(m.file)
		if err != nil {
			t.Fatal(err)
		}
		var want strings.Builder
		want.WriteString(m.head)
		for line := range strings.Lines(string(content)) {
			if line != "\n" {
				want.WriteString(m.indent)
			}
			want.WriteString(line)
		}
		path := filepath.Join(manifestsDir, m.name)
		if *update {
			if err := os.WriteFile(path, []byte(want.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want.String() {
			t.Errorf("%s is not what %s says: run make monitoring", path, m.file)
		}
	}
}
