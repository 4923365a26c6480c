// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"
)

const (
	alertsFile    = "../../charts/bucketcors/files/alerts.yaml"
	dashboardFile = "../../charts/bucketcors/files/dashboard.json"
	runbooksDir   = "../../docs/runbooks"
	runbooksURL   = "https://github.com/bucketcors/bucketcors/blob/main/docs/runbooks/"
)

// alert is an alerting rule, as Prometheus reads it.
type alert struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func readAlerts(t *testing.T) []alert {
	t.Helper()
	content, err := os.ReadFile(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Name  string  `json:"name"`
			Rules []alert `json:"rules"`
		} `json:"groups"`
	}
	if err := yaml.UnmarshalStrict(content, &rules); err != nil {
		t.Fatal(err)
	}
	var alerts []alert
	for _, group := range rules.Groups {
		alerts = append(alerts, group.Rules...)
	}
	if len(alerts) < 10 {
		t.Fatalf("%s has only %d alerts", alertsFile, len(alerts))
	}
	return alerts
}

func findAlert(t *testing.T, name string) alert {
	t.Helper()
	alerts := readAlerts(t)
	i := slices.IndexFunc(alerts, func(a alert) bool { return a.Alert == name })
	if i < 0 {
		t.Fatalf("there is no alert %s", name)
	}
	return alerts[i]
}

// dashboard is what the tests look at in the dashboard.
type dashboard struct {
	UID        string `json:"uid"`
	Templating struct {
		List []struct {
			Name string `json:"name"`
			Type string `json:"type"`
		} `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []struct {
			Expr string `json:"expr"`
		} `json:"list"`
	} `json:"annotations"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	GridPos     struct {
		X, Y, W, H int
	} `json:"gridPos"`
	Datasource  datasource `json:"datasource"`
	FieldConfig struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Links []struct {
		URL string `json:"url"`
	} `json:"links"`
	Targets []struct {
		RefID      string     `json:"refId"`
		Expr       string     `json:"expr"`
		Datasource datasource `json:"datasource"`
	} `json:"targets"`
}

type datasource struct {
	UID string `json:"uid"`
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	content, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(content, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// program finds a program, and leaves the test out where there is none.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") == "true":
		t.Fatalf("there is no %s: install it (Debian: the package prometheus)", name)
	default:
		t.Skipf("NO %s: install it (Debian: the package prometheus)", name)
	}
	return ""
}
