// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/schollz/progressbar/v3"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/controllers"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// sharedPolicies are two that share a bucket.
const sharedPolicies = `{apiVersion: s3.bucketcors.dev/v1alpha1, kind: BucketCORSPolicy, metadata: {name: second},
  spec: {sharing: Shared, buckets: [{name: web-a}], rules: [{id: two, allowedOrigins: ["https://two.example"], allowedMethods: [GET]}]}}
---
{apiVersion: s3.bucketcors.dev/v1alpha1, kind: BucketCORSPolicy, metadata: {name: first},
  spec: {sharing: Shared, priority: 5, buckets: [{name: web-a}], rules: [{id: one, allowedOrigins: ["https://one.example"], allowedMethods: [GET]}]}}
`

func TestDiffOfARealServer(t *testing.T) {
	server := startLive(t, map[string]string{
		"web-a": `[{"ID": "one", "AllowedOrigins": ["https://one.example"], "AllowedMethods": ["GET"]}]`, "web-b": pageMedia,
	})
	diff := func(file string, more ...string) (status int, stdout, stderr string) {
		return runCommand(t, append([]string{"diff", "-f", file, "--endpoint", server.Endpoint}, more...)...)
	}

	t.Run("of policies that share", func(t *testing.T) {
		status, stdout, stderr := diff(write(t, "shared.yaml", sharedPolicies))
		if status != exitNo || !strings.Contains(stderr, "with those of the files alone") ||
			!strings.Contains(stdout, "web-a (default/second, shared with default/first)\n  + rule \"two\"\n    + allowedOrigins: https://two.example\n") ||
			!strings.Contains(stdout, "1 bucket: 1 differs") {
			t.Errorf("status %d, %s%s", status, stdout, stderr)
		}
	})
	t.Run("of a policy that observes and is suspended", func(t *testing.T) {
		policy := strings.Replace(probedPolicy, "spec:\n", "spec:\n  mode: Observe\n  suspend: true\n", 1)
		status, stdout, _ := diff(write(t, "observing.yaml", policy), "--bucket", "web-a")
		if status != exitNo || !strings.Contains(stdout, ", observes, suspended)\n") {
			t.Errorf("status %d, %s", status, stdout)
		}
	})
	t.Run("where one cannot be read", func(t *testing.T) {
		policy := strings.NewReplacer("eu-west-3", "us-east-1").Replace(probedPolicy)
		status, stdout, stderr := diff(write(t, "policy.yaml", policy))
		if status != exitCouldNot || !strings.Contains(stdout, "could not be compared") || !strings.Contains(stdout, "BucketNotFound: get CORS of bucket") ||
			!strings.Contains(stderr, "could not be compared") {
			t.Errorf("status %d, %s%s", status, stdout, stderr)
		}
	})
	t.Run("where a file is wrong", func(t *testing.T) {
		directory := t.TempDir()
		writeIn(t, directory, "good.yaml", strings.ReplaceAll(sharedPolicies, "Shared", "Exclusive"))
		writeIn(t, directory, "bad.yaml", strings.ReplaceAll(sharedPolicies, "[GET]", "[get]"))
		writeIn(t, directory, "deployment.yaml", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: cors}}\n")
		status, stdout, stderr := diff(directory)
		if status != exitCouldNot || !strings.Contains(stdout, "2 buckets: ") || !strings.Contains(stderr, "bad.yaml:2:") {
			t.Errorf("status %d, %s%s", status, stdout, stderr)
		}
		writeIn(t, directory, "bad.yaml", sharedPolicies)
		if status, _, stderr = diff(directory); status != exitCouldNot || !strings.Contains(stderr, "good.yaml: policy default/second is in ") {
			t.Errorf("status %d, %s", status, stderr)
		}
		other := write(t, "cors.json", pageMedia)
		if status, _, stderr = diff(other); status != exitCouldNot || !strings.Contains(stderr, "convert -f "+other+" --to policy") {
			t.Errorf("status %d, %s", status, stderr)
		}
	})
	t.Run("as JSON", func(t *testing.T) {
		_, stdout, _ := diff(write(t, "shared.yaml", sharedPolicies), "-o", "json")
		var line jsonCompared
		if err := json.Unmarshal([]byte(stdout), &line); err != nil || line.State != diffDifferent || line.Service != server.Endpoint ||
			len(line.Changes) != 1 || line.Changes[0].To != 1 || len(line.SharedWith) != 1 {
			t.Errorf("%v, %s", err, stdout)
		}
	})
}

func TestABucketThatPoliciesShareIsToldOnce(t *testing.T) {
	rules := func(id string) cors.Configuration {
		return cors.Configuration{Rules: []cors.Rule{{ID: id, AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}}}}
	}
	told := func(policy string, change func(*compared)) compared {
		c := compared{
			diffTarget: &diffTarget{policy: new(namingPolicy(func(p *v1alpha1.BucketCORSPolicy) { p.Name = policy })), location: bucket.Location{Name: "web-a"}},
			state:      diffDifferent, live: rules("a"), preview: controllers.Preview{Desired: rules("b")},
		}
		c.in.Endpoint, c.in.Region = "https://s3.example", "us-east-1"
		if change != nil {
			change(&c)
		}
		return c
	}
	before := []compared{told("p", nil)}
	for name, test := range map[string]struct {
		next compared
		want bool
	}{
		"by another policy":      {told("q", nil), true},
		"by the same":            {told("p", nil), false},
		"of another name":        {told("q", func(c *compared) { c.location.Name = "web-b" }), false},
		"at another endpoint":    {told("q", func(c *compared) { c.in.Endpoint = "https://elsewhere.example" }), false},
		"in another partition":   {told("q", func(c *compared) { c.in.Region = "cn-north-1" }), false},
		"of another tenant":      {told("q", func(c *compared) { c.live = rules("c") }), false},
		"with an id less on it":  {told("q", func(c *compared) { c.live = rules("") }), false},
		"that is to be another":  {told("q", func(c *compared) { c.preview.Desired = rules("c") }), false},
		"that is to have no id":  {told("q", func(c *compared) { c.preview.Desired = rules("") }), false},
		"that could not be read": {told("q", func(c *compared) { c.reason = "Timeout" }), false},
	} {
		if got := test.next.repeats(before); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	before[0].live = rules("")
	if told("q", nil).repeats(before) {
		t.Error("one with an id more on it")
	}
}

func TestProgressIsForTerminalsAlone(t *testing.T) {
	cmd := newDiffCommand()
	var errs strings.Builder
	cmd.SetErr(&errs)
	p := newProgress(cmd, "compare buckets", 100)
	for range 100 {
		p.one()
	}
	p.aside()
	p.end()
	if errs.String() != "" {
		t.Errorf("%q", errs.String())
	}
	cmd.SetErr(os.Stderr) // which is none in a test that is run by go test
	if p = newProgress(cmd, "compare buckets", 100); p.bar != nil {
		t.Skip("stderr is a terminal")
	}
}

func TestABarIsGoneInTheEnd(t *testing.T) {
	var shown strings.Builder
	p := &progress{bar: newBar(&shown, "read buckets", 3, progressbar.OptionThrottle(0))}
	for range 3 {
		p.one()
	}
	p.end()
	text := shown.String()
	p.end() // as deferred: by now there may be the result where the bar was
	p.one()
	if more := strings.TrimPrefix(shown.String(), text); more != "" {
		t.Errorf("after the end: %q", more)
	}
	last := text[strings.LastIndexByte(strings.TrimRight(text, "\r"), '\r')+1:]
	if !strings.Contains(text, "read buckets") || !strings.Contains(text, "2/3") || strings.TrimSpace(last) != "" {
		t.Errorf("%q", text)
	}
}

func TestDiffDoesNotSpeakOfDifferencesWhereNothingCouldBeRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	manifest := `{apiVersion: s3.bucketcors.dev/v1alpha1, kind: BucketCORSPolicy, metadata: {name: p, namespace: n}, spec: {buckets: [{name: web-a}],
  rules: [{allowedOrigins: ["https://*.*.example"], allowedMethods: [GET]}]}}`
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), []string{"diff", "-f", file, "--region", "eu-west-1"}, strings.NewReader(""), &stdout, &stderr)
	if status != exitCouldNot || stdout.Len() > 0 || stderr.Len() == 0 {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout.String(), stderr.String())
	}
}
