// SPDX-License-Identifier: Apache-2.0

package lint_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
	"github.com/bucketcors/bucketcors/internal/lint"
)

var update = flag.Bool("update", false, "write the table of the checks into their page")

const page = "../../docs/lint.md"

// section is what the page says about one check.
type section struct {
	id, severity, name string
	text               string // beside the examples
	bad, good          example
}

// example is a configuration of the page, and what to look at it with.
type example struct {
	configuration cors.Configuration
	options       lint.Options
}

var (
	sectionStart = regexp.MustCompile(`(?m)^## (CORS\d{3})$`)
	sectionHead  = regexp.MustCompile(`^## (CORS\d{3})\n\n\*(Error|Warning|Info)\* · ([a-z-]+)\n\n`)
	// sectionPart is a line of options, or an example: what is said of how often a
	// short one is to be repeated stands for one that is too long for a page. What is
	// bad and not refused by the API server says so, as "Bad, …:".
	sectionPart = regexp.MustCompile("(?m)^(?:Options: (.+)|(Bad|Good)(?:, with (\\d+) such (rules|origins)|, [^:\n]+)?:\n\n```(?:json|yaml)\n((?s:.*?)\n)```)$")
	tableRow    = regexp.MustCompile(`(?m)^\| \[(CORS\d{3})\]\(#(cors\d{3})\) \| ([a-z-]+) \| (\w+) \| (yes|no) \|\n`)
)

func sections(t *testing.T, text string) []section {
	t.Helper()
	var list []section
	starts := sectionStart.FindAllStringIndex(text, -1)
	for _, start := range starts {
		body := text[start[0]:]
		if end := strings.Index(body[1:], "\n## "); end >= 0 {
			body = body[:end+2]
		}
		head := sectionHead.FindStringSubmatch(body)
		if head == nil {
			t.Errorf("the section does not begin as it should: %.80q", body)
			continue
		}
		s := section{id: head[1], severity: strings.ToLower(head[2]), name: head[3]}
		body = body[len(head[0]):]
		s.text = strings.TrimSpace(sectionPart.ReplaceAllString(body, ""))
		var options lint.Options
		for _, part := range sectionPart.FindAllStringSubmatch(body, -1) {
			if part[1] != "" {
				options = parseOptions(t, s.id, part[1])
				continue
			}
			file, err := document.Read("", []byte(part[5]))
			if err != nil {
				t.Errorf("%s: the example is neither what the console shows nor a policy: %v", s.id, err)
				continue
			}
			c := file.Documents[0].Configuration
			options.Manifest, options.Expectations = nil, lint.Expectations{}
			if policy := file.Documents[0].Policy; policy != nil {
				options.Expectations = expecting(policy.Spec.Expectations...)
			}
			for _, p := range file.Problems()[file.Documents[0]] {
				options.Manifest = append(options.Manifest, lint.ManifestProblem{Path: p.Path, Value: p.Value, Problem: p.Text, Fix: p.Fix})
			}
			if part[3] != "" {
				c = repeat(t, c, part[3], part[4])
			}
			if part[2] == "Bad" {
				s.bad = example{c, options}
			} else {
				s.good = example{c, options}
			}
		}
		list = append(list, s)
	}
	return list
}

// repeat makes many of the one rule, or of its one origin, numbered.
func repeat(t *testing.T, c cors.Configuration, times, what string) cors.Configuration {
	t.Helper()
	n, err := strconv.Atoi(times)
	if err != nil {
		t.Fatal(err)
	}
	var many cors.Configuration
	var origins []string
	for i := range n {
		origins = append(origins, strings.Replace(c.Rules[0].AllowedOrigins[0], "1", strconv.Itoa(i+1), 1))
		r := c.Rules[0]
		r.AllowedOrigins = origins[i:]
		many.Rules = append(many.Rules, r)
	}
	if what == "origins" {
		many.Rules = c.Rules
		many.Rules[0].AllowedOrigins = origins
	}
	return many
}

// parseOptions reads flags of the command line.
func parseOptions(t *testing.T, id, line string) lint.Options {
	t.Helper()
	var o lint.Options
	words := strings.Fields(strings.ReplaceAll(line, "`", ""))
	for len(words) > 0 {
		name := words[0]
		words = words[1:]
		if name == "--production" {
			o.Production = true
			continue
		}
		if len(words) == 0 {
			t.Fatalf("%s: %s has no value", id, name)
		}
		value := words[0]
		words = words[1:]
		switch name {
		case "--profile":
			o.Profiles = append(o.Profiles, lint.Profile(value))
			if !slices.Contains(lint.Profiles(), lint.Profile(value)) {
				t.Errorf("%s: there is no profile %s", id, value)
			}
		case "--dialect":
			d, known := cors.DialectByName(value)
			if !known {
				t.Errorf("%s: there is no dialect %s", id, value)
			}
			o.Dialect = d
		case "--bucket":
			o.Buckets = append(o.Buckets, value)
		default:
			t.Errorf("%s: unknown option %s", id, name)
		}
	}
	return o
}

func TestThePageOfTheChecksSaysWhatTheyDo(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	documented := sections(t, text)
	var got, want []string
	for _, s := range documented {
		got = append(got, s.id)
	}
	for _, c := range lint.Catalogue() {
		want = append(want, c.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the page has sections about\n%q and not about\n%q", got, want)
	}
	var rows strings.Builder
	for _, s := range documented {
		t.Run(s.id, func(t *testing.T) {
			check, known := lint.ByID(s.id)
			if !known {
				t.Fatal("there is no such check")
			}
			if s.name != check.Name || s.severity != string(check.Severity) {
				t.Errorf("it is %s, %s, and the page says %s, %s", check.Name, check.Severity, s.name, s.severity)
			}
			if s.text == "" {
				t.Error("the page does not say why")
			}
			fixed := "no"
			fires := false
			for _, f := range lint.Run(s.bad.configuration, s.bad.options) {
				if f.ID != s.id {
					continue
				}
				fires = fires || f.Severity == check.Severity
				if f.Edit != nil {
					fixed = "yes"
				}
			}
			if !fires {
				t.Errorf("there is no %s in the bad example, but %v", check.Severity, lint.Run(s.bad.configuration, s.bad.options))
			}
			for _, f := range lint.Run(s.good.configuration, s.good.options) {
				if f.ID == s.id || f.Severity == lint.Error {
					t.Errorf("the good example has %s %v", f.ID, f)
				}
			}
			if len(s.good.configuration.Rules) == 0 {
				t.Error("there is no good example")
			}
			fmt.Fprintf(&rows, "| [%s](#%s) | %s | %s | %s |\n", s.id, strings.ToLower(s.id), s.name, s.severity, fixed)
		})
	}
	var table strings.Builder
	first, last := -1, -1
	for _, at := range tableRow.FindAllStringIndex(text, -1) {
		if first < 0 {
			first = at[0]
		}
		last = at[1]
		table.WriteString(text[at[0]:at[1]])
	}
	if first < 0 {
		t.Fatal("there is no table of the checks")
	}
	if table.String() == rows.String() {
		return
	}
	if !*update {
		t.Errorf("the table is\n%s\nand should be\n%s(go test ./internal/lint -run Page -update)", table.String(), rows.String())
		return
	}
	text = text[:first] + rows.String() + text[last:]
	if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
