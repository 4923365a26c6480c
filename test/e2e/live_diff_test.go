// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// writes has the person write a file.
func (p *person) writes(name, content string) {
	p.Helper()
	if err := os.WriteFile(filepath.Join(p.directory, name), []byte(content), 0o600); err != nil {
		p.Fatal(err)
	}
}

func TestDiffTellsWhatApplyingAPolicyChanges(t *testing.T) {
	t.Parallel()
	s := newScene(t, "diff", "a", "b")
	p := s.person().signing()
	s.put("b", foreignConfiguration())
	p.writes("policy.yaml", s.policyYAML("p", uploads, "", "a", "b"))
	diff := []string{"diff", "-f", "policy.yaml"}
	p.expectRun(1, diff,
		s.bucketName("a")+" ("+s.name+"/p)\n  the bucket has no rules\n  + rule \"uploads\"\n    + allowedOrigins: https://app.example.com\n",
		"- allowedOrigins: https://evil.example\n", "2 buckets: 2 differ\n")
	s.expectCount(http.MethodPut, 0)

	s.apply(s.policyYAML("p", uploads, "", "a", "b"))
	s.awaitReady("p")
	p.expectRun(0, diff, "2 buckets: no differences\n")
	p.expectRun(0, []string{"diff", "-n", s.name, "-o", "json"}, `"state":"Equal"`)

	// Another policy of the file, for a bucket that somebody has.
	p.writes("second.yaml", s.policyYAML("second", uploads, "", "a"))
	p.expectRun(1, []string{"diff", "-f", "second.yaml"}, "Conflicted: policy "+s.name+"/p is older and owns this bucket")

	// Elsewhere than granted.
	s.applyProvider(fmt.Sprintf("[{namespaces: [%s], buckets: [%s]}]", s.name, s.bucketName("a")))
	p.expectRun(1, diff, s.bucketName("b")+" ("+s.name+"/p): NotPermitted: ", "1 not applied")
	p.expectRun(1, []string{"diff", "-f", "policy.yaml", "-o", "json"}, `"state":"NotApplied","reason":"NotPermitted"`)

	// Without a provider.
	p.writes("lost.yaml", strings.Replace(s.policyYAML("lost", uploads, "", "a"), "providerRef: {name: "+s.name+"}", "providerRef: {name: nobody}", 1))
	p.expectRun(1, []string{"diff", "-f", "lost.yaml"}, `ProviderNotFound: there is no BucketProvider named "nobody"`)

	// A bucket that cannot be read wins over one that differs.
	s.applyProvider("")
	s.gateway.answerFor(s.bucketName("a"), s3Error(http.StatusForbidden, "AccessDenied"))
	p.writes("policy.yaml", s.policyYAML("p", strings.ReplaceAll(uploads, "3000", "60"), "", "a", "b"))
	p.expectRun(2, diff, "AccessDenied: ", "s3:GetBucketCORS", "maxAgeSeconds: 3000 -> 60", "1 of 2 buckets could not be compared")
}

func TestDiffComposesWhatPoliciesShare(t *testing.T) {
	t.Parallel()
	s := newScene(t, "diff-shared", "a")
	other := s.beside("diff-shared-other", "")
	s.apply(s.policyYAML("p", uploads, "sharing: Shared", "a"))
	s.awaitReady("p")
	rules := strings.NewReplacer("uploads", "reports", "app.example", "reports.example").Replace(uploads)
	p := s.person().signing()
	p.writes("policy.yaml", other.policyYAML("q", rules, "sharing: Shared, priority: 10", "a"))
	p.expectRun(1, []string{"diff", "-f", "policy.yaml"},
		"(diff-shared-other/q, shared with diff-shared/p)\n  + rule \"reports\"\n", "1 bucket: 1 differs\n")
	other.apply(other.policyYAML("q", rules, "sharing: Shared, priority: 10", "a"))
	other.awaitReady("q")
	p.expectRun(0, []string{"diff", "-f", "policy.yaml"}, "1 bucket: no differences\n")
	s.put("a", cors.Configuration{Rules: append(uploadsConfiguration().Rules, foreignConfiguration().Rules...)})
	// Both policies tell the same: it is told once.
	status, stdout, stderr := p.run("diff", "-A", "--bucket", s.bucketName("a"))
	if status == 1 && strings.Count(stdout, s.bucketName("a")) != 1 || status > 1 {
		t.Errorf("status %d, %s%s", status, stdout, stderr)
	}
}

func TestTheLiveVerbsSayWhichRightIsMissing(t *testing.T) {
	t.Parallel()
	s := newScene(t, "diff-rights", "a")
	p := s.person().signing()
	p.writes("policy.yaml", s.policyYAML("p", uploads, "", "a"))
	s.kubectl("create", "rolebinding", "developer", "-n", s.name, "--clusterrole=edit", "--user=dev")
	s.kubectl("create", "clusterrolebinding", "diff-rights-viewer", "--clusterrole="+providerViewer, "--user=viewer")
	s.kubectl("create", "rolebinding", "viewer", "-n", s.name, "--clusterrole=edit", "--user=viewer")

	p.expectRun(2, []string{"diff", "-f", "policy.yaml", "--as", "dev"},
		"you may not list BucketProviders in the cluster", "have the ClusterRole bucketcors-provider-viewer, or say where the buckets are with --endpoint or --region")
	p.expectRun(2, []string{"import", "--bucket", s.bucketName("a"), "--provider", s.name, "--as", "dev"}, "you may not get BucketProvider "+s.name)
	p.expectRun(1, []string{"diff", "-f", "policy.yaml", "--as", "viewer"},
		"you may not list the policies of all namespaces", "1 bucket: 1 differs")
	p.expectRun(2, []string{"diff", "-A", "--as", "viewer"}, "you may not list BucketCORSPolicies in all namespaces")
	p.expectRun(2, []string{"diff", "-f", "policy.yaml", "--as", "viewer", "--provider-credentials"},
		"you may not get Secret "+s.name+" in namespace bucketcors-system", "leave out --provider-credentials")
	p.expectRun(2, []string{"import", "--bucket", "x", "--provider", "nobody"}, `has no BucketProvider "nobody": name another with --provider`)
	p.expectRun(2, []string{"diff", "--context", "nowhere"}, `"nowhere"`)

	nobody := s.person()
	nobody.writes("policy.yaml", s.policyYAML("p", uploads, "", "a"))
	nobody.expectRun(2, []string{"diff", "-f", "policy.yaml"}, "you have no AWS credentials here: set AWS_PROFILE")

	// As a plugin of kubectl.
	if err := os.Symlink(world.operatorProgram, filepath.Join(p.directory, "kubectl-bucketcors")); err != nil {
		t.Fatal(err)
	}
	p.environment = append(p.environment, "PATH="+p.directory+":"+os.Getenv("PATH"))
	status, stdout, stderr := p.finish(p.command(world.kubectl.Program, "bucketcors", "diff", "-f", "policy.yaml"))
	if status != 1 || !strings.Contains(stdout, "1 bucket: 1 differs\n") {
		t.Errorf("status %d, %s%s", status, stdout, stderr)
	}
	status, _, stderr = p.finish(p.command(world.kubectl.Program, "bucketcors", "import"))
	if status != 2 || !strings.Contains(stderr, "kubectl bucketcors: which buckets?") || !strings.Contains(stderr, "as in: kubectl bucketcors import") {
		t.Errorf("status %d, %s", status, stderr)
	}

	// Completion asks the cluster, and on a busy machine has no time for the answer.
	s.apply(s.policyYAML("p", uploads, "", "a"))
	for _, completed := range []struct {
		words []string
		want  string
	}{
		{[]string{"diff", "-n", s.name, "--bucket", ""}, s.bucketName("a") + "\n:4\n"},
		{[]string{"diff", "-n", ""}, "\n" + s.name + "\n"},
		{[]string{"import", "--provider", ""}, s.name + "\n"},
	} {
		s.eventually(soon, func() error {
			if _, stdout, stderr := p.run(append([]string{"__complete"}, completed.words...)...); !strings.Contains(stdout, completed.want) {
				return fmt.Errorf("%q is completed to %q: %s", completed.words, stdout, stderr)
			}
			return nil
		})
	}
}
