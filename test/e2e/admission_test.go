// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/localenv"
)

// nextCertificate is for what has to happen at the next look of the operator at
// its certificate, every 30s or so.
const nextCertificate = 75 * time.Second

// guardedCluster is a cluster of its own, because a webhook concerns all of one.
type guardedCluster struct {
	*testing.T
	plane   *localenv.ControlPlane
	kubectl localenv.Kubectl
	client  client.Client
	// serviceAccount is the kubeconfig of the operator.
	serviceAccount string
}

// replica is an operator that serves the webhook.
type replica struct {
	*localenv.Operator
	// webhook and metrics are addresses.
	webhook, metrics string
	stopped          bool
}

func newGuardedCluster(t *testing.T) *guardedCluster {
	t.Helper()
	plane, err := localenv.StartControlPlane(t.Context(), localenv.Options{Assets: world.assets})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	c := &guardedCluster{T: t, plane: plane, kubectl: localenv.Kubectl{Program: world.assets.Kubectl, Kubeconfig: plane.Kubeconfig}}
	if err := localenv.InstallOperator(t.Context(), c.kubectl); err != nil {
		t.Fatal(err)
	}
	if c.serviceAccount, err = plane.ServiceAccountKubeconfig(t.Context(), localenv.OperatorNamespace, localenv.OperatorServiceAccount); err != nil {
		t.Fatal(err)
	}
	if c.client, err = client.New(plane.Config, client.Options{Scheme: world.client.Scheme()}); err != nil {
		t.Fatal(err)
	}
	return c
}

// start starts an operator on free ports.
func (c *guardedCluster) start(arguments ...string) *replica {
	c.Helper()
	addresses, serving, err := serveOnFreePorts()
	if err != nil {
		c.Fatal(err)
	}
	webhook, err := localenv.FreeAddress()
	if err != nil {
		c.Fatal(err)
	}
	operator, err := localenv.StartOperator(c.Context(), localenv.OperatorOptions{
		Program: world.operatorProgram, Kubeconfig: c.serviceAccount, StateDir: c.TempDir(),
		Arguments: append(append(serving, "--leader-elect", "--webhook", "--webhook-bind-address="+webhook), arguments...),
	})
	if err != nil {
		c.Fatal(err)
	}
	r := &replica{Operator: operator, webhook: webhook, metrics: addresses.metrics}
	c.Cleanup(func() {
		if c.Failed() {
			c.Log(r.Log())
		}
		r.stop(c)
	})
	return r
}

// stop may be called twice.
func (r *replica) stop(c *guardedCluster) {
	c.Helper()
	if r.stopped {
		return
	}
	r.stopped = true
	if err := r.Stop(); err != nil {
		c.Error(err)
	}
}

// install applies a kustomization of config/ with the webhook at the address of a
// replica: there are no Services here.
func (c *guardedCluster) install(what string, at *replica, how ...string) {
	c.Helper()
	dir := c.TempDir()
	root, err := filepath.Abs(filepath.Join("../../config", what))
	if err != nil {
		c.Fatal(err)
	}
	relative, err := filepath.Rel(dir, root)
	if err != nil {
		c.Fatal(err)
	}
	kustomization := fmt.Sprintf(`
resources: [%s]
patches:
- target: {kind: ValidatingWebhookConfiguration}
  patch: '[{"op": "replace", "path": "/webhooks/0/clientConfig", "value": {"url": "https://%s/validate-bucketcorspolicy"}}]'
`, relative, at.webhook)
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(kustomization), 0o600); err != nil {
		c.Fatal(err)
	}
	if _, err := c.kubectl.Run(c.Context(), "", append([]string{"apply", "-k", dir}, how...)...); err != nil {
		c.Fatal(err)
	}
}

// says is what a person sees who runs kubectl, and whether it did what it was told.
func (c *guardedCluster) says(manifest string, arguments ...string) (string, bool) {
	c.Helper()
	cmd := exec.CommandContext(c.Context(), c.kubectl.Program, arguments...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.kubectl.Kubeconfig)
	cmd.Stdin = strings.NewReader(manifest)
	output, err := cmd.CombinedOutput()
	if exit, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		c.Fatal(exit, err)
	}
	return string(output), err == nil
}

// expect compares what a person sees, word for word.
func (c *guardedCluster) expect(what, manifest string, done bool, want string, arguments ...string) {
	c.Helper()
	got, ok := c.says(manifest, arguments...)
	if got != want || ok != done {
		c.Errorf("%s: kubectl %s: done %t, and it said\n%s\nwant\n%s", what, strings.Join(arguments, " "), ok, got, want)
	}
}

func (c *guardedCluster) kubectlDo(arguments ...string) {
	c.Helper()
	if said, ok := c.says("", arguments...); !ok {
		c.Fatalf("kubectl %s: %s", strings.Join(arguments, " "), said)
	}
}

func (c *guardedCluster) eventually(within time.Duration, check func() error) {
	c.Helper()
	var last error
	err := wait.PollUntilContextTimeout(c.Context(), 200*time.Millisecond, within, true, func(context.Context) (bool, error) {
		last = check()
		return last == nil, nil
	})
	if err != nil {
		c.Fatalf("not within %s: %v", within, last)
	}
}

// judges is nil when an invalid policy is refused.
func (c *guardedCluster) judges() error {
	said, ok := c.says(guardedPolicy("probe", "default", twoStars, ""), "apply", "--dry-run=server", "-f", "-")
	if ok || !strings.Contains(said, "more than one") {
		return fmt.Errorf("an invalid policy is not refused: %s", said)
	}
	return nil
}

// reason is that of the condition Accepted.
func (c *guardedCluster) reason(policy string) string {
	c.Helper()
	var found s3v1alpha1.BucketCORSPolicy
	if err := c.client.Get(c.Context(), types.NamespacedName{Namespace: "team-a", Name: policy}, &found); err != nil {
		return err.Error()
	}
	if accepted := meta.FindStatusCondition(found.Status.Conditions, s3v1alpha1.ConditionAccepted); accepted != nil && accepted.ObservedGeneration == found.Generation {
		return accepted.Reason
	}
	return ""
}

func (c *guardedCluster) awaitReason(policy, want string) {
	c.Helper()
	c.eventually(soon, func() error {
		if got := c.reason(policy); got != want {
			return fmt.Errorf("policy %s is %q, not %q", policy, got, want)
		}
		return nil
	})
}

// kept is the certificate in the Secret, and the one in the configuration that it
// has to be known by.
func (c *guardedCluster) kept() (certificate *x509.Certificate, secret *corev1.Secret, caBundle []byte) {
	c.Helper()
	secret = &corev1.Secret{}
	var configuration admissionregistrationv1.ValidatingWebhookConfiguration
	if err := errors.Join(
		c.client.Get(c.Context(), types.NamespacedName{Namespace: localenv.OperatorNamespace, Name: "bucketcors-webhook-cert"}, secret),
		c.client.Get(c.Context(), types.NamespacedName{Name: "bucketcors"}, &configuration),
	); err != nil {
		c.Fatal(err)
	}
	if block, _ := pem.Decode(secret.Data["tls.crt"]); block != nil {
		if certificate, _ = x509.ParseCertificate(block.Bytes); certificate == nil {
			c.Fatal("the certificate in the Secret cannot be read")
		}
	}
	return certificate, secret, configuration.Webhooks[0].ClientConfig.CABundle
}

// serves is nil when a replica serves a certificate, to somebody who knows the
// authorities.
func (r *replica) serves(ctx context.Context, want *x509.Certificate, authorities []byte) error {
	known := x509.NewCertPool()
	known.AppendCertsFromPEM(authorities)
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: known, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}}
	connection, err := dialer.DialContext(ctx, "tcp", r.webhook)
	if err != nil {
		return err
	}
	defer connection.Close()
	state := connection.(*tls.Conn).ConnectionState()
	if state.NegotiatedProtocol != "http/1.1" {
		return fmt.Errorf("it speaks %q", state.NegotiatedProtocol)
	}
	if got := state.PeerCertificates[0]; !got.Equal(want) {
		return fmt.Errorf("it serves the certificate %s, not %s", got.SerialNumber, want.SerialNumber)
	}
	return nil
}

// asked is how often the webhook was asked, as its metrics have it.
func (r *replica) asked(c *guardedCluster) string {
	c.Helper()
	request, err := http.NewRequestWithContext(c.Context(), http.MethodGet, "http://"+r.metrics+"/metrics", nil)
	if err != nil {
		c.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.Fatal(err)
	}
	defer response.Body.Close()
	var text strings.Builder
	if err := response.Write(&text); err != nil {
		c.Fatal(err)
	}
	line := regexp.MustCompile(`controller_runtime_webhook_requests_total\{code="200",webhook="/validate-bucketcorspolicy"\} \d+`).FindString(text.String())
	if line == "" {
		c.Fatal("there is no metric of the webhook's requests")
	}
	return line
}

const (
	goodRules = `[{allowedOrigins: ["https://app.example.com"], allowedMethods: [GET]}]`
	twoStars  = `[{allowedOrigins: ["https://app.example.com"], allowedMethods: [GET]}, {allowedOrigins: ["https://*.*.example.com"], allowedMethods: [PUT], exposeHeaders: ["x-*"]}]`
)

// guardedPolicy is a policy of team-a for a bucket of that name.
func guardedPolicy(name, provider, rules, extra string) string {
	return fmt.Sprintf(`
apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketCORSPolicy
metadata: {name: %s, namespace: team-a}
spec: {providerRef: {name: %s}, buckets: [{name: %s}], rules: %s%s}
`, name, provider, name, rules, extra)
}

const guardedTeam = `
{apiVersion: v1, kind: Namespace, metadata: {name: team-a}}
---
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: bucketcors-system}
stringData: {AWS_ACCESS_KEY_ID: nobody, AWS_SECRET_ACCESS_KEY: nothing}
---
apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketProvider
metadata: {name: default}
spec:
  region: us-east-1
  endpoint: http://127.0.0.1:1
  credentials: {secretRef: {name: keys}}
  access: [{namespaces: [team-a], buckets: ["*"]}]
`

func TestAdmission(t *testing.T) {
	t.Parallel()
	c := newGuardedCluster(t)
	apply := []string{"apply", "-f", "-"}

	// The operator is told to serve a webhook that nobody has installed: it has no
	// rights, no Secret and no configuration, and works.
	first := c.start()
	if said, ok := c.says(guardedTeam, apply...); !ok {
		t.Fatal(said)
	}
	for _, name := range []string{"broken", "doomed"} {
		if said, ok := c.says(guardedPolicy(name, "default", twoStars, ""), apply...); !ok {
			t.Fatal(said)
		}
	}
	c.awaitReason("broken", s3v1alpha1.ReasonInvalidRules)
	c.eventually(soon, func() error {
		if !strings.Contains(first.Log(), "the webhook has no certificate in order") {
			return errors.New("the operator does not say what is missing")
		}
		return nil
	})

	// It begins when it is installed, without a restart.
	c.install("default-with-webhook", first)
	c.eventually(nextCertificate, c.judges)
	certificate, secret, caBundle := c.kept()
	if err := first.serves(t.Context(), certificate, caBundle); err != nil {
		t.Error(err)
	}
	if string(secret.Data["ca.crt"]) != string(caBundle) {
		t.Error("the configuration and the Secret differ about the authority")
	}

	t.Run("the operator may touch no other Secret and no other configuration", func(t *testing.T) {
		c := *c
		c.T = t
		for what, want := range map[string]string{
			"update secrets/bucketcors-webhook-cert":           "yes",
			"update secrets/keys":                              "no",
			"create secrets":                                   "no",
			"list secrets":                                     "no",
			"patch validatingwebhookconfigurations/bucketcors": "yes",
			"patch validatingwebhookconfigurations/other":      "no",
			"get validatingwebhookconfigurations/other":        "no",
			"list validatingwebhookconfigurations":             "no",
		} {
			verb, resource, _ := strings.Cut(what, " ")
			said, _ := c.says("", "auth", "can-i", verb, resource, "-n", localenv.OperatorNamespace,
				"--as=system:serviceaccount:"+localenv.OperatorNamespace+":"+localenv.OperatorServiceAccount)
			if lines := strings.Split(strings.TrimSpace(said), "\n"); lines[len(lines)-1] != want {
				t.Errorf("%s: %s", what, said)
			}
		}
	})

	t.Run("what only another spec can mend is refused", func(t *testing.T) {
		c := *c
		c.T = t
		const refusal = `The BucketCORSPolicy "bad" is invalid: 
* spec.rules[1].allowedOrigins[0]: Invalid value: "https://*.*.example.com" has more than one "*"; use at most one
* spec.rules[1].exposeHeaders[0]: Invalid value: "x-*" has a "*", which S3 does not support here; list the names of the headers
`
		c.expect("invalid rules", guardedPolicy("bad", "default", twoStars, ""), false, refusal, apply...)
		c.expect("invalid rules", guardedPolicy("bad", "default", twoStars, ""), false, refusal, "apply", "--dry-run=server", "-f", "-")
		c.expect("invalid rules", guardedPolicy("bad", "default", twoStars, ""), false, refusal, "apply", "--server-side", "-f", "-")
		c.expect("invalid rules", guardedPolicy("bad", "default", twoStars, ""), false, refusal, "create", "-f", "-")
		unmet := `, expectations: [{name: upload, origin: "https://app.example.com", method: PUT}]`
		c.expect("an expectation", guardedPolicy("bad", "default", goodRules, unmet), false, `The BucketCORSPolicy "bad" is invalid: spec.expectations[0]: Invalid value: expectation "upload": PUT from "https://app.example.com" should be allowed and is not: the preflight is refused: rules[0] matches but for method PUT
`, apply...)
	})

	t.Run("a change is refused too, however large the policy", func(t *testing.T) {
		c := *c
		c.T = t
		var origins []string
		for i := range 1000 {
			origins = append(origins, fmt.Sprintf(`"https://tenant-%04d.example.com"`, i))
		}
		rules := func(last string) string {
			return fmt.Sprintf(`[{allowedOrigins: [%s, %q], allowedMethods: [GET]}]`, strings.Join(origins, ", "), last)
		}
		c.expect("a large policy", guardedPolicy("large", "default", rules("https://app.example.com"), ""), true, "bucketcorspolicy.s3.bucketcors.dev/large created\n", apply...)
		c.expect("a change of it", guardedPolicy("large", "default", rules("**"), ""), false,
			`The BucketCORSPolicy "large" is invalid: spec.rules[0].allowedOrigins[1000]: Invalid value: "**" has more than one "*"; use at most one
`, apply...)
	})

	t.Run("the largest change is refused, too", func(t *testing.T) {
		c := *c
		c.T = t
		sea := strings.NewReplacer("name: default", "name: sea", "endpoint:", "dialect: SeaweedFS\n  endpoint:").Replace(guardedTeam[strings.LastIndex(guardedTeam, "---"):])
		if said, ok := c.says(sea, apply...); !ok {
			t.Fatal(said)
		}
		var rules []string
		for i := range 100 {
			var origins []string
			for j := range 400 {
				origins = append(origins, fmt.Sprintf(`"https://t%d-%d.example"`, i, j))
			}
			rules = append(rules, fmt.Sprintf(`{allowedOrigins: [%s], allowedMethods: [GET]}`, strings.Join(origins, ", ")))
		}
		all := "[" + strings.Join(rules, ", ") + "]"
		// Seconds of work: on a busy machine the API server may not wait for the answer,
		// and have let it through.
		refused := func(arguments ...string) {
			t.Helper()
			c.eventually(soon, func() error {
				said, ok := c.says(guardedPolicy("largest", "sea", all, `, expectations: [{name: upload, origin: "https://t1-1.example", method: PUT}]`), append(arguments, "--dry-run=server", "-f", "-")...)
				if ok || !strings.Contains(said, "spec.expectations[0]") {
					return fmt.Errorf("kubectl %s: %.300s", strings.Join(arguments, " "), said)
				}
				return nil
			})
		}
		refused("create")
		if said, ok := c.says(guardedPolicy("largest", "sea", all, ""), "create", "-f", "-"); !ok {
			t.Fatalf("%.300s", said)
		}
		refused("apply", "--server-side", "--force-conflicts")
		c.kubectlDo("delete", "-n", "team-a", "bcp/largest", "--timeout=30s")
	})

	t.Run("a policy that is invalid can be suspended and let go", func(t *testing.T) {
		c := *c
		c.T = t
		const asBefore = `Warning: the policy is not accepted, as before: spec.rules[1].allowedOrigins[0]: "https://*.*.example.com" has more than one "*"; use at most one; spec.rules[1].exposeHeaders[0]: "x-*" has a "*", which S3 does not support here; list the names of the headers
bucketcorspolicy.s3.bucketcors.dev/broken patched
`
		for _, patch := range []string{`{"spec":{"suspend":true}}`, `{"spec":{"suspend":false,"deletionPolicy":"Retain"}}`} {
			c.expect("something else", "", true, asBefore, "patch", "-n", "team-a", "bcp/broken", "--type=merge", "-p", patch)
		}
		if said, ok := c.says("", "patch", "-n", "team-a", "bcp/broken", "--type=json", "-p", `[{"op":"replace","path":"/spec/rules/0/allowedOrigins/0","value":"**"}]`); ok {
			t.Errorf("worse rules: %s", said)
		}
	})

	t.Run("what may pass by itself is warned of", func(t *testing.T) {
		c := *c
		c.T = t
		c.expect("no provider", guardedPolicy("early", "later", goodRules, ""), true, `Warning: the policy is not accepted yet: there is no BucketProvider named "later"; create it, or name another in spec.providerRef
bucketcorspolicy.s3.bucketcors.dev/early created
`, apply...)
		c.awaitReason("early", s3v1alpha1.ReasonProviderNotFound)
		c.expect("lint", guardedPolicy("sloppy", "default", strings.Replace(goodRules, ".com", ".com/", 1), ""), true, `Warning: CORS010: spec.rules[0].allowedOrigins[0]: "https://app.example.com/" ends with a slash; write "https://app.example.com"
bucketcorspolicy.s3.bucketcors.dev/sloppy created
`, apply...)
		c.expect("a conflict", strings.Replace(guardedPolicy("late", "default", goodRules, ""), "buckets: [{name: late}]", "buckets: [{name: broken}]", 1), true,
			`Warning: bucket "broken": policy team-a/broken is older and owns this bucket; this policy takes over when that one goes
bucketcorspolicy.s3.bucketcors.dev/late created
`, apply...)
		c.expect("in order", guardedPolicy("fine", "default", goodRules, ""), true, "bucketcorspolicy.s3.bucketcors.dev/fine created\n", apply...)
	})

	t.Run("what does not change the spec is not asked about", func(t *testing.T) {
		c := *c
		c.T = t
		c.awaitReason("fine", s3v1alpha1.ReasonAccepted)
		before := first.asked(&c)
		c.kubectlDo("label", "-n", "team-a", "bcp/broken", "team=a")
		c.kubectlDo("annotate", "-n", "team-a", "bcp/broken", "note=invalid")
		c.kubectlDo("patch", "-n", "team-a", "bcp/broken", "--type=merge", "-p", `{"metadata":{"finalizers":["example.com/mine"]}}`)
		c.kubectlDo("patch", "-n", "team-a", "bcp/broken", "--subresource=status", "--type=merge", "-p", `{"status":{"bucketSummary":"0/9"}}`)
		c.kubectlDo("delete", "-n", "team-a", "bcp/broken", "--wait=false")
		c.kubectlDo("patch", "-n", "team-a", "bcp/broken", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
		c.kubectlDo("delete", "-n", "team-a", "bcp/doomed", "--timeout=30s")
		c.kubectlDo("wait", "-n", "team-a", "--for=delete", "bcp/broken", "--timeout=30s")
		if after := first.asked(&c); after != before {
			t.Errorf("%s before, %s after", before, after)
		}
	})

	t.Run("whoever applies the manifests again takes nothing away", func(t *testing.T) {
		c := *c
		c.T = t
		before, kept, known := c.kept()
		for _, how := range [][]string{nil, {"--server-side", "--force-conflicts"}, {"--server-side", "--force-conflicts", "--field-manager=argocd-controller"}, nil} {
			c.install("default-with-webhook", first, how...)
			_, keptNow, knownNow := c.kept()
			if !reflect.DeepEqual(keptNow.Data, kept.Data) || !bytes.Equal(knownNow, known) {
				t.Errorf("apply %v: the certificate or what it is known by is gone", how)
			}
			if err := errors.Join(first.serves(t.Context(), before, knownNow), c.judges()); err != nil {
				t.Errorf("apply %v: %v", how, err)
			}
		}
		// The configuration is replaced as a whole.
		var configuration admissionregistrationv1.ValidatingWebhookConfiguration
		if err := c.client.Get(t.Context(), types.NamespacedName{Name: "bucketcors"}, &configuration); err != nil {
			t.Fatal(err)
		}
		configuration.Webhooks[0].ClientConfig.CABundle = nil
		if err := c.client.Update(t.Context(), &configuration); err != nil {
			t.Fatal(err)
		}
		c.eventually(nextCertificate, c.judges)
		// The Secret is made anew, and then filled by hand.
		c.kubectlDo("delete", "secret", "-n", localenv.OperatorNamespace, "bucketcors-webhook-cert")
		c.install("default-with-webhook", first)
		c.eventually(nextCertificate, func() error {
			if _, secret, caBundle := c.kept(); len(secret.Data) != 3 || !bytes.Equal(secret.Data["ca.crt"], caBundle) {
				return errors.New("the Secret is empty, or not known")
			}
			return c.judges()
		})
		c.kubectlDo("patch", "secret", "-n", localenv.OperatorNamespace, "bucketcors-webhook-cert", "--type=merge", "-p", `{"stringData":{"tls.crt":"rubbish","ca.crt":""}}`)
		c.eventually(nextCertificate, func() error {
			if _, secret, caBundle := c.kept(); len(secret.Data["tls.crt"]) < 100 || !bytes.Equal(secret.Data["ca.crt"], caBundle) {
				return errors.New("there is rubbish in the Secret, or what is not known")
			}
			return c.judges()
		})
		certificate, _, caBundle = c.kept()
	})

	t.Run("what is no call is told in the log, in its form", func(t *testing.T) {
		plain, err := new(net.Dialer).DialContext(t.Context(), "tcp", first.webhook)
		if err != nil {
			t.Fatal(err)
		}
		_, err = plain.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
		if err := errors.Join(err, plain.Close()); err != nil {
			t.Fatal(err)
		}
		c := *c
		c.T = t
		c.eventually(soon, func() error {
			if !strings.Contains(first.Log(), "TLS handshake error") {
				return errors.New("the log does not tell of it")
			}
			return nil
		})
		for line := range strings.Lines(first.Log()) {
			if !strings.HasPrefix(line, "{") {
				t.Errorf("the log has the line %q", line)
			}
		}
	})

	t.Run("every replica serves the same certificate, and goes on when it is renewed", func(t *testing.T) {
		c := *c
		c.T = t
		second := c.start()
		c.eventually(soon, func() error { return second.serves(t.Context(), certificate, caBundle) })
		if strings.Contains(second.Log(), "Successfully acquired lease") {
			t.Error("the second replica leads")
		}
		before := second.asked(&c)
		c.install("default-with-webhook", second)
		c.eventually(soon, func() error {
			if err := c.judges(); err != nil || second.asked(&c) != before {
				return err
			}
			return errors.New("the second replica is not asked")
		})

		// Two thirds of its life are over.
		chain, key, err := cert.GenerateSelfSignedCertKeyWithOptions(cert.SelfSignedCertKeyOptions{Host: "127.0.0.1", MaxAge: 80 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		_, secret, _ := c.kept()
		certificates, err := cert.ParseCertsPEM(chain)
		if err != nil {
			t.Fatal(err)
		}
		authority, err := cert.EncodeCertificates(certificates[1])
		if err != nil {
			t.Fatal(err)
		}
		secret.Data = map[string][]byte{"tls.crt": chain, "tls.key": key, "ca.crt": append(authority, secret.Data["ca.crt"]...)}
		if err := c.client.Update(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		c.eventually(nextCertificate, func() error {
			// Those who know one certificate or the other are there all the time.
			// On a busy machine the answer may come too late once.
			if c.judges() != nil {
				if err := c.judges(); err != nil {
					t.Fatalf("while the certificate was renewed: %v", err)
				}
			}
			renewed, secret, caBundle := c.kept()
			switch {
			case string(secret.Data["tls.crt"]) == string(chain):
				return errors.New("the certificate has not been renewed")
			case string(secret.Data["ca.crt"]) != string(caBundle):
				return errors.New("the configuration and the Secret differ about the authority")
			}
			return errors.Join(first.serves(t.Context(), renewed, caBundle), second.serves(t.Context(), renewed, caBundle))
		})
		renewed, _, _ := c.kept()
		if life := time.Until(renewed.NotAfter); life < 360*24*time.Hour {
			t.Errorf("the new certificate ends in %s", life)
		}

		first.stop(&c)
		if err := c.judges(); err != nil {
			t.Error(err)
		}
		c.eventually(soon, func() error {
			if !strings.Contains(second.Log(), "Successfully acquired lease") {
				return errors.New("the second replica does not lead")
			}
			return nil
		})
		second.stop(&c)
		c.expect("nobody answers", guardedPolicy("unasked", "default", twoStars, ""), true, "bucketcorspolicy.s3.bucketcors.dev/unasked created\n", apply...)
	})

	t.Run("a certificate in a directory may come later, and change", func(t *testing.T) {
		c := *c
		c.T = t
		_, kept, _ := c.kept()
		dir := t.TempDir()
		third := c.start("--webhook-cert-dir=" + dir)
		c.install("default-with-webhook", third)
		c.awaitReason("unasked", s3v1alpha1.ReasonInvalidRules)
		for range 2 {
			chain, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(replaceFile(dir, "tls.crt", chain), replaceFile(dir, "tls.key", key)); err != nil {
				t.Fatal(err)
			}
			var configuration admissionregistrationv1.ValidatingWebhookConfiguration
			if err := c.client.Get(t.Context(), types.NamespacedName{Name: "bucketcors"}, &configuration); err != nil {
				t.Fatal(err)
			}
			configuration.Webhooks[0].ClientConfig.CABundle = chain
			if err := c.client.Update(t.Context(), &configuration); err != nil {
				t.Fatal(err)
			}
			certificates, err := cert.ParseCertsPEM(chain)
			if err != nil {
				t.Fatal(err)
			}
			c.eventually(soon, func() error { return errors.Join(third.serves(t.Context(), certificates[0], chain), c.judges()) })
		}
		if _, now, _ := c.kept(); now.ResourceVersion != kept.ResourceVersion {
			t.Error("the operator wrote the Secret")
		}
	})
}

func TestCertManagerTakesThePlaceOfTheRights(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var paths []any
	for _, path := range []string{"default", "webhook/cert-manager"} {
		root, err := filepath.Abs(filepath.Join("../../config", path))
		if err != nil {
			t.Fatal(err)
		}
		relative, err := filepath.Rel(dir, root)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, relative)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), fmt.Appendf(nil, "resources: [%s]\ncomponents: [%s]\n", paths...), 0o600); err != nil {
		t.Fatal(err)
	}
	rendered, err := world.kubectl.Run(t.Context(), "", "kustomize", dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"cert-manager.io/inject-ca-from: bucketcors-system/bucketcors-webhook", "- --webhook-cert-dir=/etc/bucketcors/webhook", "mountPath: /etc/bucketcors/webhook", "secretName: bucketcors-webhook-tls"} {
		if !strings.Contains(rendered, want) {
			t.Errorf("%q is missing", want)
		}
	}
	for document := range strings.SplitSeq(rendered, "\n---\n") {
		name := strings.Contains(document, "name: bucketcors-webhook")
		if name && (strings.Contains(document, "kind: Role\n") || strings.Contains(document, "kind: ClusterRole\n") || strings.Contains(document, "kind: Secret\n")) {
			t.Errorf("there is\n%s", document)
		}
	}
}

// replaceFile replaces a file as a whole, as the kubelet does.
func replaceFile(dir, name string, content []byte) error {
	temporary := filepath.Join(dir, "."+name)
	if err := os.WriteFile(temporary, content, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, filepath.Join(dir, name))
}
