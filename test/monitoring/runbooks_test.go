// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sections are what somebody looks for at three in the morning, in that order.
var sections = []string{"## What it means", "## What users see", "## What to run", "## How to mend it", "## When to silence it"}

func TestEveryAlertHasItsPageAndEveryPageItsAlert(t *testing.T) {
	t.Parallel()
	var names []string
	for _, a := range readAlerts(t) {
		names = append(names, a.Alert)
		content, err := os.ReadFile(filepath.Join(runbooksDir, a.Alert+".md"))
		if err != nil {
			t.Error(err)
			continue
		}
		page := string(content)
		if !strings.HasPrefix(page, "# "+a.Alert+"\n") {
			t.Errorf("%s.md does not begin with its name", a.Alert)
		}
		at := 0
		for _, section := range sections {
			next := strings.Index(page, "\n"+section+"\n")
			if next < at {
				t.Errorf("%s.md: %q is missing, or not in its place", a.Alert, section)
			}
			at = max(at, next)
		}
		if !strings.Contains(page, "`"+a.Labels["severity"]+"`") {
			t.Errorf("%s.md does not say that the severity is %s", a.Alert, a.Labels["severity"])
		}
	}
	pages, err := filepath.Glob(filepath.Join(runbooksDir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if name != "README" && !slices.Contains(names, name) {
			t.Errorf("%s is of no alert", page)
		}
	}
	list, err := os.ReadFile(filepath.Join(runbooksDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !strings.Contains(string(list), "("+name+".md)") {
			t.Errorf("README.md does not list %s", name)
		}
	}
}

var (
	markdownLink = regexp.MustCompile(`\]\(([^)]+)\)`)
	repository   = "https://github.com/bucketcors/bucketcors/blob/main/"
)

// Those of the dashboard and of the alerts are addresses of the repository.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	check := func(from, dir, link string) {
		path, fragment, _ := strings.Cut(link, "#")
		target := filepath.Join(dir, path)
		content, err := os.ReadFile(target)
		switch {
		case err != nil:
			t.Errorf("%s links to %s: %v", from, link, err)
		case fragment != "" && !slices.Contains(anchors(string(content)), fragment):
			t.Errorf("%s links to %s, which has no such heading", from, link)
		}
	}
	pages, err := filepath.Glob(filepath.Join(runbooksDir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../../docs/observing.md") {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, link := range markdownLink.FindAllStringSubmatch(string(content), -1) {
			if !strings.Contains(link[1], "://") && !strings.HasPrefix(link[1], "#") {
				check(page, filepath.Dir(page), link[1])
			}
		}
	}
	for _, p := range readDashboard(t).Panels {
		for _, link := range p.Links {
			if path, ok := strings.CutPrefix(link.URL, repository); ok {
				check("the panel "+p.Title, "../..", path)
			}
		}
	}
}

// A rule of Alertmanager for an alert that was renamed does nothing, and says nothing.
func TestEveryAlertThatAPageNamesExists(t *testing.T) {
	t.Parallel()
	known := []string{"BucketCORSPolicy", "BucketCORSPolicies"}
	for _, a := range readAlerts(t) {
		known = append(known, a.Alert)
	}
	pages, err := filepath.Glob(filepath.Join(runbooksDir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../../docs/observing.md", dashboardFile) {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`BucketCORS[A-Z]\w*`).FindAllString(string(content), -1) {
			if !slices.Contains(known, name) {
				t.Errorf("%s names %s, which is no alert", page, name)
			}
		}
	}
}

// anchors are those that GitHub gives to the headings of a page.
func anchors(page string) []string {
	var all []string
	for line := range strings.Lines(page) {
		heading := strings.TrimSpace(strings.TrimLeft(line, "#"))
		if !strings.HasPrefix(line, "#") || heading == "" {
			continue
		}
		anchor := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading), "")
		all = append(all, strings.ReplaceAll(anchor, " ", "-"))
	}
	return all
}

// shellBlock is a block of commands, or one in the middle of a sentence.
var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```|`(kubectl [^`]*)`")

// notHere are the beginnings of commands about what the scene does not have.
var notHere = []string{"kubectl get secret bucketcors-webhook-tls", "kubectl get certificates,"}

// runTheCommandsOfTheRunbooks runs those that need nothing but the API server, each up
// to its first pipe.
func (s *scene) runTheCommandsOfTheRunbooks() {
	s.Helper()
	pages, err := filepath.Glob(filepath.Join(runbooksDir, "*.md"))
	s.must(err)
	ran := 0
	for _, page := range append(pages, "../../docs/observing.md") {
		content, err := os.ReadFile(page)
		s.must(err)
		for _, block := range shellBlock.FindAllStringSubmatch(string(content), -1) {
			for line := range strings.Lines(block[1] + block[2]) {
				command, _, _ := strings.Cut(strings.TrimSpace(line), " | ")
				runs := slices.ContainsFunc([]string{"kubectl get ", "kubectl events ", "kubectl auth can-i ", "kubectl patch ", "kubectl delete lease "},
					func(verb string) bool { return strings.HasPrefix(command, verb) })
				if !runs || slices.ContainsFunc(notHere, func(begin string) bool { return strings.HasPrefix(command, begin) }) {
					continue
				}
				ran++
				shell := exec.CommandContext(s.Context(), "bash", "-c", command)
				shell.Dir = s.TempDir() // some write files
				shell.Env = append(os.Environ(), "KUBECONFIG="+s.kubectl.Kubeconfig,
					"PATH="+filepath.Dir(s.kubectl.Program)+":"+os.Getenv("PATH"))
				output, err := shell.CombinedOutput()
				refused := strings.HasPrefix(command, "kubectl auth can-i ") && string(output) == "no\n"
				aboutTheOperator := strings.HasSuffix(command, "bucketcors-manager")
				if (err != nil && !refused) || (refused && aboutTheOperator) || strings.Contains(string(output), "Warning: the") {
					s.Errorf("%s: %s: %v\n%s", page, command, err, output)
				}
			}
		}
	}
	if ran < 20 {
		s.Errorf("only %d commands were run", ran)
	}
}
