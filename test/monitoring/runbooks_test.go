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

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// notHere are the beginnings of commands about what the scene does not have.
var notHere = []string{"kubectl get secret bucketcors-webhook-cert"}

// runTheCommandsOfTheRunbooks runs those that look at the cluster and need nothing
// but the API server, each up to its first pipe.
func (s *scene) runTheCommandsOfTheRunbooks() {
	s.Helper()
	pages, err := filepath.Glob(filepath.Join(runbooksDir, "*.md"))
	s.must(err)
	ran := 0
	for _, page := range append(pages, "../../docs/observing.md") {
		content, err := os.ReadFile(page)
		s.must(err)
		for _, block := range shellBlock.FindAllStringSubmatch(string(content), -1) {
			for line := range strings.Lines(block[1]) {
				command, _, _ := strings.Cut(strings.TrimSpace(line), " | ")
				looks := slices.ContainsFunc([]string{"kubectl get ", "kubectl events ", "kubectl auth can-i "},
					func(verb string) bool { return strings.HasPrefix(command, verb) })
				if !looks || slices.ContainsFunc(notHere, func(begin string) bool { return strings.HasPrefix(command, begin) }) {
					continue
				}
				ran++
				shell := exec.CommandContext(s.Context(), "bash", "-c", command)
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
