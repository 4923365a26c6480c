// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"slices"
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
