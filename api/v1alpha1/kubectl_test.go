// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	samplesDir    = "../../config/samples"
	namespaceFile = "../../config/manager/namespace.yaml"
)

// kubectl returns what kubectl prints on standard output.
func kubectl(t *testing.T, arguments ...string) string {
	t.Helper()
	output, err := runKubectl(t.Context(), t, arguments...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

func runKubectl(ctx context.Context, t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(ctx, apiServer.kubectl, arguments...)
	// Nothing of whoever runs the test: no cluster, no cache, no settings.
	command.Env = []string{"HOME=" + t.TempDir(), "KUBECONFIG=" + apiServer.Kubeconfig}
	var output, complaints bytes.Buffer
	command.Stdout, command.Stderr = &output, &complaints
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(arguments, " "), err, complaints.String())
	}
	return output.String(), nil
}

// words are text without its line breaks.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestKubectlExplainsFields(t *testing.T) {
	needsAPIServer(t)
	rule, ok := rootOf(t, bucketCORSPolicy()).fields()["spec"].fields()["rules"].item()
	if !ok {
		t.Fatal("rules is no list")
	}
	prose := words(rule.fields()["allowedOrigins"].schema["description"].(string))

	// The API server publishes a description of a CRD some time after it serves it.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var explained string
	err := wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		var err error
		explained, err = runKubectl(ctx, t, "explain", "bcp.spec.rules.allowedOrigins")
		if err != nil && strings.Contains(err.Error(), "couldn't find resource") {
			return false, nil
		}
		return true, err
	})
	if err != nil || !strings.Contains(words(explained), prose) {
		t.Errorf("kubectl explains, error %v,\n%s\nwithout\n%s", err, explained, prose)
	}
}

// A table is what kubectl get prints.
type table struct {
	name      string
	arguments []string
	header    []string
	row       []string // but for the age and what follows it
}

func (c table) check(t *testing.T) {
	t.Helper()
	output := kubectl(t, slices.Concat([]string{"get", "--namespace=" + testNamespace}, c.arguments)...)
	var rows [][]string
	for line := range strings.Lines(output) {
		rows = append(rows, strings.Fields(line))
	}
	isHeader := func(row []string) bool { return slices.Equal(row, c.header) }
	isRow := func(row []string) bool { return len(row) > len(c.row) && slices.Equal(row[:len(c.row)], c.row) }
	if !slices.ContainsFunc(rows, isHeader) || !slices.ContainsFunc(rows, isRow) {
		t.Errorf("no header %q or no row %q in\n%s", c.header, c.row, output)
	}
}

func TestKubectlGetsPoliciesAsATable(t *testing.T) {
	needsAPIServer(t)
	applyStatus(t, createPolicy(t, "table", time.Minute))

	for _, c := range []table{
		{
			"in short", []string{"bcp", "table"},
			[]string{"NAME", "BUCKETS", "READY", "REASON", "AGE"},
			[]string{"table", "0/1", "False", "Drifted"},
		},
		{
			"in all namespaces", []string{"bucketcorspolicies.s3.bucketcors.dev", "--all-namespaces"},
			[]string{"NAMESPACE", "NAME", "BUCKETS", "READY", "REASON", "AGE"},
			[]string{testNamespace, "table", "0/1", "False", "Drifted"},
		},
		{
			"in full", []string{"bcp", "table", "--output=wide"},
			[]string{"NAME", "BUCKETS", "READY", "REASON", "AGE", "PROVIDER", "MODE", "MESSAGE"},
			[]string{"table", "0/1", "False", "Drifted"},
		},
		{
			"with everything of the product", []string{"bucketcors"},
			[]string{"NAME", "BUCKETS", "READY", "REASON", "AGE"},
			[]string{"bucketcorspolicy.s3.bucketcors.dev/table", "0/1", "False", "Drifted"},
		},
	} {
		t.Run(c.name, c.check)
	}
}

func TestKubectlGetsProvidersAsATable(t *testing.T) {
	needsAPIServer(t)
	createProvider(t, "table")

	for _, c := range []table{
		{
			"in short", []string{"bucketproviders", "table"},
			[]string{"NAME", "READY", "REASON", "POLICIES", "ENDPOINT", "REGION", "AGE"},
			[]string{"table", "False", "SecretNotFound", "7", "https://s3.internal:9000", "us-east-1"},
		},
		{
			"in full", []string{"bucketproviders", "table", "--output=wide"},
			[]string{"NAME", "READY", "REASON", "POLICIES", "ENDPOINT", "REGION", "AGE", "MESSAGE"},
			[]string{"table", "False", "SecretNotFound", "7", "https://s3.internal:9000", "us-east-1"},
		},
		{
			"with everything of the product", []string{"bucketcors"},
			[]string{"NAME", "READY", "REASON", "POLICIES", "ENDPOINT", "REGION", "AGE"},
			[]string{"bucketprovider.s3.bucketcors.dev/table", "False", "SecretNotFound", "7", "https://s3.internal:9000", "us-east-1"},
		},
	} {
		t.Run(c.name, c.check)
	}
}

// What a pipeline that applies from Git does: everything applies, and applying
// it again changes nothing at all.
func TestSamplesApplyTwice(t *testing.T) {
	needsAPIServer(t)
	samples, err := filepath.Glob(filepath.Join(samplesDir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	samples = slices.DeleteFunc(samples, func(path string) bool { return filepath.Base(path) == "kustomization.yaml" })
	if len(samples) < 2 {
		t.Fatalf("no samples of both kinds in %s", samplesDir)
	}
	kubectl(t, "apply", "--server-side", "--filename="+namespaceFile)

	var files []string
	for _, sample := range samples {
		files = append(files, "--filename="+sample)
	}
	// Of a namespace that is nothing but its name the API server forgets who applied it.
	const versions = `{range .items[?(@.kind!="Namespace")]}{.kind} {.metadata.name}, version {.metadata.resourceVersion}{"\n"}{end}`
	apply := func() string {
		kubectl(t, slices.Concat([]string{"apply", "--server-side", "--validate=strict"}, files)...)
		return kubectl(t, slices.Concat([]string{"get", "--output=jsonpath=" + versions}, files)...)
	}
	apply() // what is new has its status by default, and keeps that at the next write
	first, second := apply(), apply()
	if first != second {
		t.Errorf("applied once there is\n%s\nand applied twice\n%s", first, second)
	}
	for _, k := range kinds() {
		if !strings.Contains(first, k.name+" ") {
			t.Errorf("no sample is a %s:\n%s", k.name, first)
		}
	}
}

func TestSamplesApplyAsTheKustomization(t *testing.T) {
	needsAPIServer(t)
	kubectl(t, "apply", "--server-side", "--dry-run=server", "--kustomize="+samplesDir)
}
