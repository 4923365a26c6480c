// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestLintTellsWhatTheAPIServerRefuses(t *testing.T) {
	const manifest = `apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketCORSPolicy
metadata:
  namespace: team-a
spec:
  buckets:
  - name: b
  - name: b
  - name: UPPER_case!
  mode: Foo
  driftCheckInterval: 1s
  deletionPolicy: Nuke
  rules:
  - id: ""
    allowedOrigins: [https://app.example.com]
    allowedMethods: [GET, HEAD, PATCH]
`
	status, stdout, stderr := runWithInput(t, manifest, "lint", "-f", "-", "-o", "json")
	var report jsonReport
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || status != exitNo || stderr != "" {
		t.Fatalf("status %d, %v, %s", status, err, stderr)
	}
	var got []string
	for _, f := range report.Findings {
		got = append(got, fmt.Sprintf("%d:%d %s %s %s", f.Line, f.Column, f.ID, f.Path, f.Value))
	}
	want := []string{
		"3:1 CORS050 metadata.name ",
		"7:11 CORS050 spec.buckets[0].name b",
		"8:11 CORS050 spec.buckets[1].name b",
		"9:11 CORS050 spec.buckets[2].name UPPER_case!",
		"10:9 CORS050 spec.mode Foo",
		"11:23 CORS050 spec.driftCheckInterval 1s",
		"12:19 CORS050 spec.deletionPolicy Nuke",
		"14:9 CORS050 rules[0].id ",
		"16:33 CORS004 rules[0].allowedMethods[2] PATCH",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if status, stdout, _ := runWithInput(t, slashPolicy, "lint", "-f", "-", "--disable", "CORS010"); status != exitOK {
		t.Errorf("a good policy has status %d\n%s", status, stdout)
	}
}

const expectingPolicy = `apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketCORSPolicy
metadata: {name: web, namespace: team-a}
spec:
  buckets: [{name: web-a}]
  rules:
  - id: uploads
    allowedOrigins: [https://app.example.com/, https://evil.example/]
    allowedMethods: [GET, HEAD, PUT]
    allowedHeaders: [content-type]
    maxAgeSeconds: 600
  expectations:
  - {name: upload, origin: https://app.example.com, preset: PresignedUpload}
  - name: not evil
    origin: https://evil.example
    method: PUT
    outcome: Denied
    headers: [content-type, cookie]
`

func TestLintTellsOfExpectationsWhereTheyAre(t *testing.T) {
	for name, c := range map[string]struct {
		edit      func(string) string
		arguments []string
		want      []string // line:column severity id path value
	}{
		"alone": {func(s string) string { return s }, nil, []string{
			"13:5 error CORS051 spec.expectations[0] upload",
			"18:29 warning CORS052 spec.expectations[1].headers[1] cookie",
		}},
		"beside others": {func(s string) string { return strings.Replace(s, "spec:\n", "spec:\n  sharing: Shared\n", 1) }, nil, []string{
			"14:5 warning CORS051 spec.expectations[0] upload",
			"19:29 warning CORS052 spec.expectations[1].headers[1] cookie",
		}},
		"met on another server": {
			func(s string) string {
				return strings.Replace(s, "preset: PresignedUpload", "method: PUT, exposes: [ETag]", 1)
			},
			[]string{"--dialect", "VersityGW", "--disable", "CORS052", "--fix"}, nil,
		},
		"refused by the API server": {func(s string) string { return strings.Replace(s, "preset: PresignedUpload", "preset: Upload", 1) }, nil, []string{
			"18:29 warning CORS052 spec.expectations[1].headers[1] cookie",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "policy.yaml", c.edit(expectingPolicy))
			_, stdout, _ := runCommand(t, slices.Concat([]string{"lint", "-f", path, "-o", "json"}, c.arguments)...)
			var report jsonReport
			if err := json.Unmarshal([]byte(stdout), &report); err != nil {
				t.Fatalf("%v\n%s", err, stdout)
			}
			var got []string
			for _, f := range report.Findings {
				if f.ID == "CORS051" || f.ID == "CORS052" {
					got = append(got, fmt.Sprintf("%d:%d %s %s %s %s", f.Line, f.Column, f.Severity, f.ID, f.Path, f.Value))
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q\n%s", got, c.want, stdout)
			}
		})
	}
}

func TestFixMakesNoExpectationFail(t *testing.T) {
	path := write(t, "policy.yaml", expectingPolicy)
	status, stdout, stderr := runCommand(t, "lint", "-f", path, "--fix", "--disable", "CORS052")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(expectingPolicy, "[https://app.example.com/,", "[https://app.example.com,", 1); string(data) != want {
		t.Errorf("the file is\n%s", data)
	}
	for _, want := range []string{`fixed: "https://app.example.com/" -> "https://app.example.com"`, "change the expectation that would fail then\n", "1 error in 1 file; 1 fixed\n"} {
		if status != exitNo || !strings.Contains(stdout, want) || stderr != "" {
			t.Errorf("status %d, %q, and %q is missing in\n%s", status, stderr, want, stdout)
		}
	}
}
