// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// person is somebody at a terminal with a kubeconfig, with or without AWS
// credentials.
type person struct {
	*scene
	environment []string
	directory   string
}

// person has the kubeconfig of an administrator, and no AWS credentials.
func (s *scene) person() *person {
	s.Helper()
	return &person{scene: s, directory: s.TempDir(), environment: []string{
		"KUBECONFIG=" + world.plane.Kubeconfig, "HOME=" + s.TempDir(), "PATH=" + os.Getenv("PATH"), "AWS_EC2_METADATA_DISABLED=true",
	}}
}

// signing has AWS credentials that may read the buckets of the scene.
func (p *person) signing() *person {
	p.environment = append(p.environment, "AWS_ACCESS_KEY_ID="+p.storage.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+p.storage.SecretAccessKey)
	return p
}

// command is a program that the person calls.
func (p *person) command(program string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(p.Context(), program, arguments...)
	command.Env, command.Dir = p.environment, p.directory
	return command
}

// run calls bucketcors, and returns the exit status and what it printed, which is
// searched for secrets.
func (p *person) run(arguments ...string) (status int, stdout, stderr string) {
	p.Helper()
	return p.finish(p.command(world.operatorProgram, arguments...))
}

func (p *person) finish(command *exec.Cmd) (status int, stdout, stderr string) {
	p.Helper()
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			p.Fatal(err)
		}
	}
	if strings.Contains(out.String()+errs.String(), p.storage.SecretAccessKey) || strings.Contains(out.String()+errs.String(), p.storage.AccessKeyID) {
		p.Errorf("credentials are printed by %s", command)
	}
	return command.ProcessState.ExitCode(), out.String(), errs.String()
}

// expectRun runs bucketcors, which has to end with a status and print these texts.
func (p *person) expectRun(status int, arguments []string, substrings ...string) {
	p.Helper()
	got, stdout, stderr := p.run(arguments...)
	said := stdout + stderr
	if got != status {
		p.Errorf("%s: status %d, not %d", arguments, got, status)
	}
	for _, want := range substrings {
		if !strings.Contains(said, want) {
			p.Errorf("%s: %q is missing in\n%s", arguments, want, said)
		}
	}
}

// importedFleet is how many buckets are imported at a time.
const importedFleet = 100

// grown is one of the kinds of configurations that buckets have got over the years.
func grown(t *testing.T, i int) cors.Configuration {
	t.Helper()
	raw, err := cors.ParseXML([]byte(handMade))
	if err != nil {
		t.Fatal(err)
	}
	rules := raw.Rules[:4]
	rules[0].ID = fmt.Sprintf("site %d", i)
	return cors.Configuration{Rules: rules[i%4:]}
}

func TestAHundredImportedBucketsAreAppliedWithoutAWrite(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"Observe", "Enforce"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "import-"+strings.ToLower(mode), "bare")
			before := map[string]cors.Configuration{}
			for i := range importedFleet {
				suffix := fmt.Sprintf("%03d", i)
				s.createBucket(suffix)
				s.put(suffix, grown(t, i))
				before[suffix] = s.live(suffix)
			}
			p := s.person()
			in := []string{"--provider", s.name, "--provider-credentials", "-n", s.name}
			all := append([]string{"import", "--bucket", s.bucketName("*"), "--mode", mode, "--output-dir", "policies"}, in...)
			p.expectRun(0, all, "100 policies in policies: kubectl apply -k policies", "left out 1 bucket without CORS rules: "+s.bucketName("bare"))
			if files, err := os.ReadDir(filepath.Join(p.directory, "policies")); err != nil || len(files) != importedFleet+1 {
				t.Fatalf("%d files (%v)", len(files), err)
			}
			p.expectRun(2, all, "are there already")

			if _, err := world.kubectl.Run(t.Context(), "", "apply", "-k", filepath.Join(p.directory, "policies")); err != nil {
				t.Fatal(err)
			}
			s.eventually(settled, func() error { return s.allReady(importedFleet) })
			for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPost} {
				s.expectCount(method, 0)
			}
			for suffix, want := range before {
				if got := s.live(suffix); !reflect.DeepEqual(got, want) {
					t.Errorf("bucket %s had %+v and has %+v", suffix, want, got)
				}
			}
			again := append([]string{"import", "--bucket", s.bucketName("*"), "--output-dir", "more"}, in...)
			p.expectRun(1, again, "left out 100 buckets that policies have already: ", "and 90 more")
			p.expectRun(0, []string{"import", "--bucket", s.bucketName("007"), "--provider", s.name, "--provider-credentials"},
				"already: a second one would wait for that one to go (Conflicted)", "kind: BucketCORSPolicy")
			p.expectRun(0, []string{"diff", "-n", s.name, "--provider-credentials"}, "100 buckets: no differences")
			for _, method := range []string{http.MethodPut, http.MethodDelete} {
				s.expectCount(method, 0)
			}
		})
	}
}

// allReady is nil when the scene has so many policies, and all are ready.
func (s *scene) allReady(want int) error {
	var policies s3v1alpha1.BucketCORSPolicyList
	if err := world.client.List(s.Context(), &policies, client.InNamespace(s.name)); err != nil {
		return err
	}
	ready := 0
	last := ""
	for _, policy := range policies.Items {
		for _, c := range policy.Status.Conditions {
			if c.Type == s3v1alpha1.ConditionReady && c.Status == metav1.ConditionTrue {
				ready++
			} else if c.Type == s3v1alpha1.ConditionReady {
				last = c.Message
			}
		}
	}
	if ready != want || len(policies.Items) != want {
		return fmt.Errorf("%d of %d policies are ready: %s", ready, len(policies.Items), last)
	}
	return nil
}

func TestAnInterruptedImportWritesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t, "import-interrupt")
	for i := range 30 {
		suffix := fmt.Sprintf("%03d", i)
		s.createBucket(suffix)
		s.put(suffix, grown(t, i))
	}
	s.gateway.answerFor(s.bucketName("029"), func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	p := s.person().signing()
	command := p.command(world.operatorProgram, "import", "--bucket", s.bucketName("*"), "--provider", s.name, "--output-dir", "policies")
	ended := make(chan int, 1)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = command.Wait() // the status tells
		ended <- command.ProcessState.ExitCode()
	}()
	s.awaitCount(soon, http.MethodGet, 1+30) // the list, and all buckets
	if err := command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if status := <-ended; status != 130 || stdout.String()+stderr.String() != "" {
		t.Errorf("status %d, %s%s", status, stdout.String(), stderr.String())
	}
	if left, err := os.ReadDir(p.directory); err != nil || len(left) > 0 {
		t.Errorf("left %v (%v)", left, err)
	}
}
