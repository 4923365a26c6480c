// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/localenv"
	"github.com/bucketcors/bucketcors/internal/s3"
)

// scene is a real operator on a real API server, with policies of which some are
// well and some are not.
type scene struct {
	*testing.T
	kubectl localenv.Kubectl
	storage *localenv.S3Server
	// metrics is where the operator serves them, and token of somebody who may read
	// them.
	metrics, token string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	if testing.Short() {
		t.Skip("runs real servers, which may have to be built first")
	}
	s := &scene{T: t, metrics: freeAddress(t)}
	assets, err := localenv.Ensure(t.Context(), os.Stderr)
	s.must(err)
	plane, err := localenv.StartControlPlane(t.Context(), localenv.Options{Assets: assets})
	s.must(err)
	s.atEnd(plane.Stop)
	s.storage, err = localenv.StartS3(t.Context(), localenv.S3Options{Assets: assets})
	s.must(err)
	s.atEnd(s.storage.Stop)
	s.kubectl = localenv.Kubectl{Program: assets.Kubectl, Kubeconfig: plane.Kubeconfig}
	s.must(localenv.InstallOperator(t.Context(), s.kubectl))
	kubeconfig, err := plane.ServiceAccountKubeconfig(t.Context(), localenv.OperatorNamespace, localenv.OperatorServiceAccount)
	s.must(err)
	binary := filepath.Join(t.TempDir(), "bucketcors")
	s.must(localenv.BuildOperator(t.Context(), binary))
	operator, err := localenv.StartOperator(t.Context(), localenv.OperatorOptions{
		Program: binary, Kubeconfig: kubeconfig,
		Arguments: []string{"--metrics-bind-address=" + s.metrics, "--metrics-secure=true", "--leader-elect"},
	})
	s.must(err)
	s.atEnd(operator.Stop)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the operator said: %s", operator.Log())
		}
	})

	s.run("create", "namespace", "monitoring")
	s.run("create", "serviceaccount", "prometheus", "-n", "monitoring")
	s.run("create", "clusterrolebinding", "prometheus-reads-bucketcors",
		"--clusterrole=bucketcors-metrics-reader", "--serviceaccount=monitoring:prometheus")
	s.token = strings.TrimSpace(s.run("create", "token", "prometheus", "-n", "monitoring"))
	return s
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) atEnd(stop func() error) {
	s.Cleanup(func() {
		if err := stop(); err != nil {
			s.Error(err)
		}
	})
}

func (s *scene) run(arguments ...string) string {
	s.Helper()
	output, err := s.kubectl.Run(s.Context(), "", arguments...)
	s.must(err)
	return output
}

func (s *scene) apply(manifest string) {
	s.Helper()
	_, err := s.kubectl.Run(s.Context(), manifest, "apply", "-f", "-")
	s.must(err)
}

// play has something happen of all that the dashboard tells of.
func (s *scene) play() {
	s.Helper()
	ours := cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: []string{"https://app.example.com"}, AllowedMethods: []string{"GET", "PUT"}}}}
	theirs := cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: []string{"https://evil.example"}, AllowedMethods: []string{"PUT"}}}}
	for _, name := range []string{"ready", "fought-over", "observed", "verified", "denied"} {
		s.must(s.storage.CreateBucket(name))
	}
	// What is there already is not written, so that a change of it is told at once
	// from what S3 may remember of the time before a write.
	s.put("fought-over", ours)
	s.put("observed", ours)

	s.apply(fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: bucketcors-system}
stringData: {AWS_ACCESS_KEY_ID: %q, AWS_SECRET_ACCESS_KEY: %q}
---
apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketProvider
metadata: {name: default}
spec:
  region: us-east-1
  endpoint: %s
  credentials: {secretRef: {name: keys}}
  access: [{namespaces: [team-a], buckets: [ready, fought-over, observed, verified, missing]}]
---
apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketProvider
metadata: {name: without-secret}
spec:
  region: us-east-1
  endpoint: %s
  credentials: {secretRef: {name: nowhere}}
  access: [{namespaces: [team-a], buckets: ["*"]}]
---
apiVersion: v1
kind: Namespace
metadata: {name: team-a}
`, s.storage.AccessKeyID, s.storage.SecretAccessKey, s.storage.Endpoint, s.storage.Endpoint))
	for _, policy := range []struct{ name, bucket, more string }{
		{"web-uploads", "ready", ""},
		{"fought-over", "fought-over", ""},
		{"observed", "observed", ", mode: Observe"},
		{"verified", "verified", ", verification: {preflight: Enabled}"},
		{"denied", "denied", ""},
		{"missing", "missing", ""},
	} {
		s.apply(policyYAML(policy.name, policy.bucket, policy.more))
	}
	s.await("web-uploads", "Ready")
	s.await("fought-over", "Ready")
	s.await("observed", "Ready")
	// The oldest has the bucket, and of those of the same second the first by name.
	s.apply(policyYAML("web-uploads-later", "ready", ""))
	s.await("web-uploads-later", "Conflicted")
	s.put("fought-over", theirs)
	s.put("observed", theirs)
	s.await("observed", "Drifted")
	s.await("denied", "NotPermitted")
	s.await("missing", "BucketNotFound")
	s.await("verified", "Ready")
}

func policyYAML(name, bucketName, more string) string {
	return fmt.Sprintf(`
apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketCORSPolicy
metadata: {name: %s, namespace: team-a}
spec:
  {driftCheckInterval: 10s, buckets: [{name: %s}], rules: [{allowedOrigins: ["https://app.example.com"], allowedMethods: [GET, PUT]}]%s}
`, name, bucketName, more)
}

// await waits until a policy is Ready, or not, for a reason.
func (s *scene) await(policy, reason string) {
	s.Helper()
	// After a write it takes two minutes until a preflight is believed.
	eventually(s.T, 3*time.Minute, func() error {
		got, err := s.kubectl.Run(s.Context(), "", "get", "bcp", policy, "-n", "team-a", "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].reason}`)
		if err == nil && got != reason {
			err = fmt.Errorf("the policy %s has the reason %q, not %s", policy, got, reason)
		}
		return err
	})
}

// put is what somebody else does to a bucket.
func (s *scene) put(name string, configuration cors.Configuration) {
	s.Helper()
	opened, err := s3.New(s3.Options{}).Open(s.Context(), bucket.Provider{
		Name: "somebody-else", Region: s.storage.Region, Endpoint: s.storage.Endpoint,
		Credentials: &bucket.Credentials{AccessKeyID: s.storage.AccessKeyID, SecretAccessKey: s.storage.SecretAccessKey},
	}, bucket.Location{Name: name})
	s.must(err)
	s.must(opened.PutCORS(context.WithoutCancel(s.Context()), configuration))
}
