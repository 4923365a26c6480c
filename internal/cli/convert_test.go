// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
	"testing"
)

func TestConvertWritesWhatReadsBack(t *testing.T) {
	policy := write(t, "policy.yaml", twoPolicies)
	for _, format := range []string{"policy", "json", "xml", "terraform", "cloudformation"} {
		status, written, stderr := runCommand(t, "convert", "-f", policy, "--document", "team-b/mobile", "--to", format)
		if status != exitOK || written == "" {
			t.Errorf("%s: status %d, %s", format, status, stderr)
			continue
		}
		status, back, stderr := runWithInput(t, written, "convert", "-f", "-", "--to", "json")
		if want := `"AllowedOrigins": [` + "\n        \"https://b.example.com\""; status != exitOK || !strings.Contains(back, want) {
			t.Errorf("%s: status %d, %s\n%s", format, status, stderr, back)
		}
	}
}

func TestAPolicyKeepsItsNameAndBucketWhenItIsConverted(t *testing.T) {
	policy := strings.Replace(slashPolicy, "[{name: web-a}]", "[{name: web-a}, {name: web-b}]\n  mode: Observe", 1)
	status, stdout, stderr := runWithInput(t, policy, "convert", "-f", "-", "--to", "policy")
	for _, want := range []string{"name: web\n", "namespace: team-a\n", "name: web-a\n"} {
		if status != exitOK || !strings.Contains(stdout, want) {
			t.Errorf("status %d, %q is missing in\n%s", status, want, stdout)
		}
	}
	for _, want := range []string{
		"note: the policy is for 2 buckets, the result for web-a: name another with --bucket\n",
		"note: spec.mode of the policy is not part of the result\n",
	} {
		if strings.Count(stderr, want) != 1 {
			t.Errorf("%q is missing in\n%s", want, stderr)
		}
	}
	_, stdout, _ = runWithInput(t, policy, "convert", "-f", "-", "--to", "policy", "--name", "x", "--namespace", "team-y", "--bucket", "web-z")
	for _, want := range []string{"name: x\n", "namespace: team-y\n", "name: web-z\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing in\n%s", want, stdout)
		}
	}
}

// What a policy says beside rules, buckets and names is left out of every format,
// and told.
func TestConvertTellsOfExpectationsThatItLeavesOut(t *testing.T) {
	policy := strings.Replace(expectingPolicy, "  expectations:\n", "  verification: {endpoints: [https://cdn.example.com]}\n  expectations:\n", 1)
	for _, format := range []string{"policy", "json", "xml", "terraform", "cloudformation"} {
		status, stdout, stderr := runWithInput(t, policy, "convert", "-f", "-", "--to", format)
		const want = "note: spec.expectations and spec.verification of the policy are not part of the result\n"
		if status != exitOK || strings.Contains(stdout, "expectations") || !strings.Contains(stderr, want) {
			t.Errorf("%s: status %d, %q is missing in %q\n%s", format, status, want, stderr, stdout)
		}
	}
}

func TestSeveralPoliciesAreConvertedToSeveral(t *testing.T) {
	status, stdout, stderr := runWithInput(t, twoPolicies, "convert", "-f", "-", "--to", "policy")
	if status != exitOK || stderr != "" || strings.Count(stdout, "kind: BucketCORSPolicy\n") != 2 {
		t.Fatalf("status %d, %s\n%s", status, stderr, stdout)
	}
	status, again, _ := runWithInput(t, stdout, "convert", "-f", "-", "--to", "policy")
	if status != exitOK || again != stdout {
		t.Errorf("status %d\n%s\nis not\n%s", status, again, stdout)
	}
}

// Resources are converted under their own names, and for the buckets that they name.
func TestResourcesKeepTheirNamesAndBucketsWhenTheyAreConverted(t *testing.T) {
	const resource = "resource \"aws_s3_bucket_cors_configuration\" \"%s\" {\n  bucket = %s\n" +
		"  cors_rule {\n    allowed_origins = [\"https://a.example\"]\n    allowed_methods = [\"GET\"]\n  }\n}\n"
	two := fmt.Sprintf(resource, "up_loads", `"my-bucket"`) + fmt.Sprintf(resource, "downloads", "var.bucket")
	status, stdout, stderr := runWithInput(t, two, "convert", "-f", "-", "--to", "policy")
	if status != exitOK || stderr != "note: the bucket is not known: put its name where it says CHANGE-ME\n" {
		t.Errorf("status %d, %s", status, stderr)
	}
	for _, want := range []string{"  name: up-loads\n", "  - name: my-bucket\n", "  name: downloads\n", "  - name: CHANGE-ME "} {
		if strings.Count(stdout, want) != 1 {
			t.Errorf("%q is missing in\n%s", want, stdout)
		}
	}
	_, stdout, _ = runWithInput(t, stdout, "convert", "-f", "-", "--to", "cloudformation", "--document", "up-loads", "--name", "x")
	if !strings.Contains(stdout, "  x:\n") || !strings.Contains(stdout, "BucketName: my-bucket\n") {
		t.Errorf("got\n%s", stdout)
	}
	status, _, stderr = runWithInput(t, two+fmt.Sprintf(resource, "up-loads", "null"), "convert", "-f", "-", "--to", "policy")
	if want := "note: several policies are named up-loads, and the last one would take the place of the others: rename them\n"; status != exitOK || !strings.Contains(stderr, want) {
		t.Errorf("status %d, %q is missing in %s", status, want, stderr)
	}
}

func TestRulesThatS3RefusesAreConvertedWithANote(t *testing.T) {
	status, stdout, stderr := runWithInput(t, `[{"AllowedOrigins": ["*"], "AllowedMethods": ["get"]}]`, "convert", "-f", "-", "--to", "xml")
	if status != exitOK || !strings.Contains(stdout, "<AllowedMethod>get</AllowedMethod>") || stderr != "note: S3 refuses these rules: bucketcors lint says why\n" {
		t.Errorf("status %d, %q\n%s", status, stderr, stdout)
	}
}

func TestConvertRefusesWhatCannotWorkWithTheRemedy(t *testing.T) {
	for name, test := range map[string]struct {
		stdin     string
		arguments []string
		want      string
	}{
		"no file":              {"", []string{"--to", "xml"}, "which file? Name it with -f"},
		"no format":            {consoleRules, []string{"-f", "-"}, "to which format? Name it with --to: policy, json, xml, terraform or cloudformation"},
		"an unknown format":    {consoleRules, []string{"-f", "-", "--to", "yaml"}, `unknown format "yaml"`},
		"a format misspelt":    {consoleRules, []string{"-f", "-", "--to", "teraform"}, `did you mean "terraform"?`},
		"several policies":     {twoPolicies, []string{"-f", "-", "--to", "json"}, "--to json takes one configuration, and <stdin> has 2: choose with --document; there are team-a/web and team-b/mobile"},
		"one name for several": {twoPolicies, []string{"-f", "-", "--to", "policy", "--name", "x"}, "--name is for one configuration"},
		"a file that is none":  {"hello", []string{"-f", "-", "--to", "json"}, "<stdin>:1:1: "},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := runWithInput(t, test.stdin, append([]string{"convert"}, test.arguments...)...)
			if status != exitCouldNot || stdout != "" || !strings.HasPrefix(stderr, "bucketcors: ") || !strings.Contains(stderr, test.want) {
				t.Errorf("status %d, %q, and %q is missing in %q", status, stdout, test.want, stderr)
			}
		})
	}
}
