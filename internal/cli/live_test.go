// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// What package s3 says about the operator is said to a person in other words, as
// long as both know the phrases.
func TestEveryPhraseAboutTheOperatorIsOneOfPackageS3(t *testing.T) {
	var source strings.Builder
	for _, name := range []string{"classify.go", "endpoint.go"} {
		content, err := os.ReadFile(filepath.Join("../s3", name))
		if err != nil {
			t.Fatal(err)
		}
		source.Write(content)
	}
	for i := 0; i < len(yourCredentials); i += 2 {
		if !strings.Contains(source.String(), yourCredentials[i]) {
			t.Errorf("package s3 does not say %q any more", yourCredentials[i])
		}
	}
	said := strings.NewReplacer(yourCredentials...).Replace(source.String())
	for line := range strings.Lines(said) {
		if code, _, _ := strings.Cut(line, "//"); strings.Contains(code, `"`) && strings.Contains(code, "operator") {
			t.Errorf("a person would read about the operator: %s", strings.TrimSpace(line))
		}
	}
}

func TestWithoutCredentialsAPersonIsToldWhatToSet(t *testing.T) {
	signAs(t, "", "")
	file := write(t, "policy.yaml", probedPolicy)
	for _, arguments := range [][]string{
		{"diff", "-f", file, "--endpoint", "http://127.0.0.1:9"},
		{"import", "--bucket", "web-a", "--endpoint", "http://127.0.0.1:9"},
		{"import", "--all", "--endpoint", "http://127.0.0.1:9"},
	} {
		status, stdout, stderr := runCommand(t, arguments...)
		if said := stdout + stderr; status != exitCouldNot || !strings.Contains(said, "set AWS_PROFILE, or AWS_ACCESS_KEY_ID") || strings.Contains(said, "operator") {
			t.Errorf("%s: status %d, %s", arguments, status, said)
		}
	}
}

func TestLiveVerbsRefuseWhatCannotBeMeant(t *testing.T) {
	signAs(t, "key", "secret")
	policy, two := write(t, "policy.yaml", probedPolicy), write(t, "two.yaml", sharedPolicies)
	for arguments, want := range map[string]string{
		"diff":                                 "there is no kubeconfig: set --kubeconfig or KUBECONFIG",
		"diff -f POLICY":                       "there is no kubeconfig: set --kubeconfig or KUBECONFIG, or say where the buckets are with --region, such as --region eu-west-1, or with --endpoint",
		"diff --region eu-west-1":              "name a file with -f, as in: bucketcors diff -f policy.yaml",
		"diff -f POLICY -A":                    "--all-namespaces is for the policies of the cluster",
		"diff -A -n x":                         "--namespace is one and --all-namespaces are all",
		"diff policy.yaml":                     `unexpected "policy.yaml": bucketcors diff takes flags only`,
		"diff -f POLICY --dialect MinIO":       "--dialect goes with --endpoint or --region: a BucketProvider has its own",
		"diff -f POLICY --region x --as y":     "--as is about a cluster, and --endpoint and --region take its place",
		"diff -f POLICY --region -x":           "cannot be the name of a region",
		"diff -f POLICY --bucket b --region x": `none of 1 policy has the bucket "b"`,
		"diff -f TWO --bucket b --region x":    `none of 2 policies has the bucket "b"`,
		"diff -R":                              "--recursive is about the directories of -f",
		"diff --operator-namespace x":          "--operator-namespace is where the Secret of --provider-credentials is",
		"import --all --operator-namespace x":  "--operator-namespace is where the Secret of --provider-credentials is",
		"diff -f missing.yaml --region x":      "missing.yaml: no such file",
		"import":                               "which buckets? Name them with --bucket or --from-file, or take --all",
		"import b":                             `unexpected "b": name buckets with --bucket, as in: bucketcors import --bucket b`,
		"import --all --bucket b":              "--all is all buckets",
		"import --bucket b":                    "there is no kubeconfig: set --kubeconfig or KUBECONFIG, or say where the buckets are with --region",
		"import --bucket s3://b --region x":    `"s3://b" is the URL of a bucket: its name is b`,
		"import --bucket a/b --region x":       `"a/b" is not the name of a bucket`,
		"import --bucket b --force":            "--force is about the files of --output-dir",
		"import --bucket b -n Bad_NS":          `--namespace "Bad_NS" cannot be the name of a namespace`,
		"import --bucket b --provider A":       `--provider "A" cannot be the name of a BucketProvider`,
		"import --bucket b --mode x":           `unknown mode "x"`,
	} {
		status, stdout, stderr := runCommand(t, strings.Fields(strings.NewReplacer("POLICY", policy, "TWO", two).Replace(arguments))...)
		if status != exitCouldNot || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: status %d, %q is missing in %s%s", arguments, status, want, stdout, stderr)
		}
	}
}

func TestItemsAreWorkedOnTogetherAndGivenInOrder(t *testing.T) {
	items := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	started := make(chan int, len(items))
	var given []int
	err := inOrder(t.Context(), items, func(_ context.Context, i int) int {
		started <- i
		if i == 0 {
			// The first waits for as many as there are places for.
			for range mostBuckets {
				<-started
			}
		}
		return 2 * i
	}, func(i, doubled int) error {
		if doubled != 2*i {
			t.Errorf("%d has become %d", i, doubled)
		}
		given = append(given, i)
		return nil
	})
	if err != nil || !slices.Equal(given, items) {
		t.Errorf("%v, %v", given, err)
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("somebody stopped it")
	given = nil
	err = inOrder(ctx, items, func(ctx context.Context, i int) int {
		if i == 3 {
			cancel(cause)
			<-ctx.Done()
		}
		return i
	}, func(i, _ int) error {
		given = append(given, i)
		return nil
	})
	if !errors.Is(err, cause) || len(given) > 3 {
		t.Errorf("%v, %v", given, err)
	}
}

func TestDifferencesAreToldFromTheBucketToThePolicy(t *testing.T) {
	rule := func(id string, origins ...string) cors.Rule {
		return cors.Rule{ID: id, AllowedOrigins: origins, AllowedMethods: []string{"GET"}}
	}
	of := func(rules ...cors.Rule) cors.Configuration { return cors.Configuration{Rules: rules} }
	for name, test := range map[string]struct {
		desired, live cors.Configuration
		want          []string
	}{
		"nothing":               {of(rule("a", "x", "y")), of(rule("a", "y", "x")), nil},
		"an id of the server's": {of(rule("", "x")), of(rule("made up", "x")), nil},
		"an origin":             {of(rule("a", "x")), of(rule("a", "y")), []string{`rule "a": allowedOrigins: + x, - y`}},
		"a rule":                {of(rule("a", "x"), rule("b", "z")), of(rule("a", "x")), []string{`rule "b" added`}},
		"a rule too many":       {of(rule("a", "x")), of(rule("b", "z"), rule("a", "x")), []string{`rule "b" removed`}},
		"the order":             {of(rule("a", "x"), rule("b", "z")), of(rule("b", "z"), rule("a", "x")), []string{`rule "a" moved from 1 to 0`}},
	} {
		var got []string
		for _, c := range undoing(cors.Diff(test.desired, test.live)) {
			got = append(got, c.String())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q and not %q", name, got, test.want)
		}
	}
}

func TestAFailureOfAServiceIsToldInOneLine(t *testing.T) {
	err := liveFailure(service{}, &bucket.Error{Reason: bucket.AccessDenied, Message: "denied\x1b[31m"})
	if err.Error() != "denied\uFFFD[31m" {
		t.Errorf("%q", err)
	}
}

// neverAnswers is an S3 server that waits until the client has gone, and tells that
// it was asked.
func neverAnswers(t *testing.T) (url string, asked <-chan struct{}) {
	t.Helper()
	seen := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL, seen
}

func TestAnInterruptedLiveVerbLeavesNothingBehind(t *testing.T) {
	signAs(t, "key", "secret")
	policy := write(t, "policy.yaml", probedPolicy)
	for _, arguments := range [][]string{
		{"import", "--bucket", "web-a", "--output-dir", "out"},
		{"import", "--all", "--output-dir", "out"},
		{"diff", "-f", policy},
	} {
		t.Chdir(t.TempDir())
		url, asked := neverAnswers(t)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-asked
			cancel()
		}()
		var out, errs strings.Builder
		status := run(ctx, append(arguments, "--endpoint", url), strings.NewReader(""), &out, &errs)
		if status != exitInterrupted || out.String() != "" || errs.String() != "" {
			t.Errorf("%s: status %d, %s%s", arguments, status, out.String(), errs.String())
		}
		if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v, %v", arguments, left, err)
		}
	}
}
