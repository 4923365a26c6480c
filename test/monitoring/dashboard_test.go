// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const gridWidth = 24 // of Grafana

func TestEveryPanelHasItsPlaceAndSaysWhatItTells(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	ids, titles := map[int]bool{}, map[string]bool{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || titles[p.Title] {
			t.Errorf("panel %d, %q: the id or the title is used twice", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		if p.GridPos.X+p.GridPos.W > gridWidth {
			t.Errorf("%q is beyond the edge", p.Title)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				place := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other, ok := taken[place]; ok {
					t.Fatalf("%q lies over %q", p.Title, other)
				}
				taken[place] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Description) < 30 || !strings.HasSuffix(p.Description, ".") {
			t.Errorf("%q: the description is %q", p.Title, p.Description)
		}
		if len(p.Targets) == 0 {
			t.Errorf("%q asks for nothing", p.Title)
		}
		if p.FieldConfig.Defaults.Unit == "" && slices.Contains([]string{"stat", "timeseries"}, p.Type) {
			t.Errorf("%q has no unit", p.Title)
		}
	}
}

func TestTheDashboardFitsAnyGrafana(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name)
	}
	if want := []string{"datasource", "cluster", "namespace", "job"}; !slices.Equal(variables, want) {
		t.Errorf("the variables are %v, not %v", variables, want)
	}
	for _, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		sources := []datasource{p.Datasource}
		for _, target := range p.Targets {
			sources = append(sources, target.Datasource)
			for _, over := range window.FindAllString(quoted.ReplaceAllString(target.Expr, ""), -1) {
				// What an alert judges may be shown as the alert does.
				if over != "[$__rate_interval]" && over != "[$__range]" && p.Title != "S3 errors" {
					t.Errorf("%q asks for a fixed time: %s", p.Title, target.Expr)
				}
			}
		}
		for _, source := range sources {
			if source.UID != "${datasource}" {
				t.Errorf("%q asks the data source %q, not the one that is chosen", p.Title, source.UID)
			}
		}
	}
}

// Where nobody leads, nobody knows of policies: 0 of them would be a lie.
func TestNoneAndUnknownAreTwoFigures(t *testing.T) {
	t.Parallel()
	const labels = `namespace="bucketcors-system", job="bucketcors-metrics", instance="a"`
	replica := fmt.Sprintf("  - {series: 'bucketcors_build_info{%s}', values: 1x10}\n", labels)
	leader := replica
	for _, state := range []string{"Synced", "Failed"} {
		leader += fmt.Sprintf("  - {series: 'bucketcors_buckets{%s, state=%q}', values: 0x10}\n", labels, state)
	}
	const unknown, none = "[]", "[{labels: '{}', value: 0}]"
	expected := map[string][2]string{
		"Policies Ready":      {unknown, unknown},
		"Not Ready":           {unknown, none},
		"Buckets not Synced":  {unknown, none},
		"Providers not Ready": {unknown, none},
	}
	var file strings.Builder
	file.WriteString("tests:\n")
	for i, series := range []string{replica, leader} {
		fmt.Fprintf(&file, "- interval: 1m\n  input_series:\n%s  promql_expr_test:\n", series)
		asked := 0
		for _, p := range readDashboard(t).Panels {
			if want, ok := expected[p.Title]; ok {
				asked++
				fmt.Fprintf(&file, "  - {expr: %q, eval_time: 5m, exp_samples: %s}\n", asGrafana.Replace(p.Targets[0].Expr), want[i])
			}
		}
		if asked != len(expected) {
			t.Errorf("%d panels are asked, not %d", asked, len(expected))
		}
	}
	path := filepath.Join(t.TempDir(), "dashboard_test.yaml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "test", "rules", path)
}
