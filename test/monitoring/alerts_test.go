// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestPromtoolFindsNothingWrongWithTheAlerts(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "rules", alertsFile)
}

func TestAlertsFireWhenTheyShouldAndOnlyThen(t *testing.T) {
	t.Parallel()
	promtool(t, "test", "rules", "testdata/alerts_test.yaml")
}

func promtool(t *testing.T, arguments ...string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), program(t, "promtool"), arguments...).CombinedOutput()
	if err != nil || !strings.Contains(string(output), "SUCCESS") {
		t.Errorf("promtool %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
}

// An alert that is never expected to fire is not tested, and one that is never
// expected to be silent neither.
func TestEveryAlertIsTestedInBothDirections(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("testdata/alerts_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Tests []struct {
			AlertRuleTest []struct {
				AlertName string `json:"alertname"`
				ExpAlerts []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
			PromqlExprTest []struct {
				Expr       string `json:"expr"`
				ExpSamples []struct {
					Labels string `json:"labels"`
				} `json:"exp_samples"`
			} `json:"promql_expr_test"`
		} `json:"tests"`
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, expected := range test.AlertRuleTest {
			fires[expected.AlertName] = fires[expected.AlertName] || len(expected.ExpAlerts) > 0
			silent[expected.AlertName] = silent[expected.AlertName] || len(expected.ExpAlerts) == 0
		}
		for _, expected := range test.PromqlExprTest {
			matcher := regexp.MustCompile(`alertname=(~?)"([^"]+)"`).FindStringSubmatch(expected.Expr)
			if matcher == nil {
				t.Errorf("%s names no alert", expected.Expr)
				continue
			}
			named := regexp.MustCompile("^(?:" + matcher[2] + ")$")
			for _, a := range readAlerts(t) {
				if !named.MatchString(a.Alert) {
					continue
				}
				if len(expected.ExpSamples) == 0 {
					silent[a.Alert] = true
				}
				for _, sample := range expected.ExpSamples {
					if matcher[1] == "" || strings.Contains(sample.Labels, strconv.Quote(a.Alert)) {
						fires[a.Alert] = true
					}
				}
			}
		}
	}
	for _, a := range readAlerts(t) {
		if !fires[a.Alert] || !silent[a.Alert] {
			t.Errorf("%s: tested to fire: %t, to be silent: %t", a.Alert, fires[a.Alert], silent[a.Alert])
		}
	}
}

func TestEveryAlertSaysWhatItMeansAndWhatToRun(t *testing.T) {
	t.Parallel()
	for _, a := range readAlerts(t) {
		if !strings.HasPrefix(a.Alert, "BucketCORS") {
			t.Errorf("%s: the name has to begin with BucketCORS", a.Alert)
		}
		if !slices.Contains([]string{"critical", "warning", "info"}, a.Labels["severity"]) {
			t.Errorf("%s: the severity is %q", a.Alert, a.Labels["severity"])
		}
		if a.Annotations["summary"] == "" || strings.Contains(a.Annotations["summary"], "{{") {
			t.Errorf("%s: the summary is %q: it has to be the same for all alerts of a group", a.Alert, a.Annotations["summary"])
		}
		if !strings.Contains(a.Annotations["description"], "Run: kubectl ") {
			t.Errorf("%s: the description does not say what to run: %q", a.Alert, a.Annotations["description"])
		}
		if want := runbooksURL + a.Alert + ".md"; a.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, not %q", a.Alert, a.Annotations["runbook_url"], want)
		}
	}
}

// classes are the alerts on policies that are not Ready, each with the reasons it is
// for. BucketCORSPolicyStuck is for all others.
var classes = []string{"BucketCORSPolicyNeedsOwner", "BucketCORSBucketFailing", "BucketCORSServiceUnavailable"}

func TestEveryReasonOfAPolicyBelongsToOneAlert(t *testing.T) {
	t.Parallel()
	inRule := regexp.MustCompile(`reason(=~|!~)"([^"]+)"`)
	reasonsOf := func(name string) []string {
		found := inRule.FindStringSubmatch(findAlert(t, name).Expr)
		if found == nil {
			t.Fatalf("%s names no reasons", name)
		}
		return strings.Split(found[2], "|")
	}
	elsewhere := []string{
		// BucketCORSVerificationFailing looks at the condition Verified.
		"PreflightMismatch", "EndpointUnreachable", "EndpointNotAllowed",
		// Somebody wants it so.
		"Suspended",
	}
	for _, class := range classes {
		elsewhere = append(elsewhere, reasonsOf(class)...)
	}
	stuck := reasonsOf("BucketCORSPolicyStuck")
	slices.Sort(elsewhere)
	slices.Sort(stuck)
	if !slices.Equal(stuck, elsewhere) {
		t.Errorf("BucketCORSPolicyStuck leaves out %v, and the others are for %v", stuck, elsewhere)
	}
	if twice := slices.Compact(slices.Clone(elsewhere)); len(twice) != len(elsewhere) {
		t.Errorf("a reason belongs to two alerts: %v", elsewhere)
	}

	// What is left passes by itself, is no reason of Ready that is not True, or is one
	// of events.
	left := []string{
		"Ready", "Accepted", "Synced", "Verified",
		"NotAccepted", "NotSynced", "NotAsked", "Settling", "Restored", "Removed", "HandedOver", "Kept",
		"Applied", "DriftCorrected", "LintFindings",
	}
	known := reasonsOfTheAPI(t)
	for _, reason := range known {
		if !slices.Contains(elsewhere, reason) && !slices.Contains(left, reason) {
			t.Errorf("%s is a reason that no alert is for: decide which", reason)
		}
	}
	for _, reason := range slices.Concat(elsewhere, left) {
		if !slices.Contains(known, reason) {
			t.Errorf("%s is no reason", reason)
		}
	}
}

// reasonsOfTheAPI are the values of the constants Reason… of the API.
func reasonsOfTheAPI(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../api/v1alpha1/conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		reasons = append(reasons, value)
		return true
	})
	return reasons
}
