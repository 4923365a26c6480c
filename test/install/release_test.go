// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/action"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/kube"
	release "helm.sh/helm/v4/pkg/release/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/kubernetes"

	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/localenv"
	"github.com/bucketcors/bucketcors/internal/s3"
)

const (
	// patience is how long anything may take on a busy machine.
	patience   = 90 * time.Second
	aBucket    = "team-a-uploads"
	theRelease = "bucketcors"
)

// site is a cluster without nodes and an S3 server, where Helm installs the chart.
// What a node would run, runs here as a process with the rights of the same
// ServiceAccount: the operator, and the Job that Helm waits for.
type site struct {
	*testing.T

	plane    *localenv.ControlPlane
	storage  *localenv.S3Server
	kubectl  localenv.Kubectl
	clients  *kubernetes.Clientset
	flags    *genericclioptions.ConfigFlags
	program  string
	operator *localenv.Operator

	mu     sync.Mutex
	jobLog string
}

// programDir holds the operator, built once for all tests.
var programDir string

func TestMain(m *testing.M) {
	var err error
	if programDir, err = os.MkdirTemp("", "bucketcors-install-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	if err := os.RemoveAll(programDir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

// buildOperator returns the path of the operator.
func buildOperator(t *testing.T) string {
	t.Helper()
	path := filepath.Join(programDir, "bucketcors")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if err := localenv.BuildOperator(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	return path
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{T: t, plane: startControlPlane(t)}
	assets, err := localenv.Ensure(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	s.kubectl = localenv.Kubectl{Program: assets.Kubectl, Kubeconfig: s.plane.Kubeconfig}
	if s.storage, err = localenv.StartS3(t.Context(), localenv.S3Options{Assets: assets}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.storage.Stop(); err != nil {
			t.Error(err)
		}
	})
	if s.clients, err = kubernetes.NewForConfig(s.plane.Config); err != nil {
		t.Fatal(err)
	}
	s.program = buildOperator(t)
	flags := genericclioptions.NewConfigFlags(false) // as the program helm
	flags.KubeConfig, flags.Namespace, flags.CacheDir = &s.plane.Kubeconfig, new(namespace), new(t.TempDir())
	s.flags = flags
	if err := s.storage.CreateBucket(aBucket); err != nil {
		t.Fatal(err)
	}
	s.playJobs()
	return s
}

// packaged is the chart as a user gets it: written to a file, and read again.
// change may be nil.
func packaged(t *testing.T, version string, change func(*chart.Chart)) *chart.Chart {
	t.Helper()
	source := loadChart(t)
	source.Metadata.Version = version
	if change != nil {
		change(source)
	}
	path, err := chartutil.Save(source, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := loader.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// values of the site are a provider, and the values of the test.
func (s *site) values(more string) map[string]any {
	s.Helper()
	values := parseValues(s.T, fmt.Sprintf(`
provider:
  enabled: true
  spec:
    region: %s
    endpoint: %s
    credentials: {secretRef: {name: s3-keys}}
    access: [{namespaces: [team-a], buckets: ["team-a-*"]}]
`, s.storage.Region, s.storage.Endpoint))
	maps.Copy(values, parseValues(s.T, more))
	return values
}

// helm is what each run of the program helm begins with: it asks the API server
// anew which kinds there are.
func (s *site) helm() *action.Configuration {
	s.Helper()
	configuration := action.NewConfiguration()
	if err := configuration.Init(s.flags, namespace, "secret"); err != nil {
		s.Fatal(err)
	}
	return configuration
}

func (s *site) install(version, values string) *release.Release {
	s.Helper()
	install := action.NewInstall(s.helm())
	install.ReleaseName, install.Namespace, install.CreateNamespace = theRelease, namespace, true
	install.WaitStrategy, install.Timeout = kube.HookOnlyStrategy, patience
	installed, err := install.RunWithContext(s.Context(), packaged(s.T, version, nil), s.values(values))
	if err != nil {
		s.Fatalf("helm install: %v", err)
	}
	s.applySecret()
	return installed.(*release.Release)
}

func (s *site) upgrade(values string, to *chart.Chart) *release.Release {
	s.Helper()
	upgrade := action.NewUpgrade(s.helm())
	upgrade.Namespace, upgrade.WaitStrategy, upgrade.Timeout = namespace, kube.HookOnlyStrategy, patience
	upgraded, err := upgrade.RunWithContext(s.Context(), theRelease, to, s.values(values))
	if err != nil {
		s.Fatalf("helm upgrade: %v", err)
	}
	return upgraded.(*release.Release)
}

func (s *site) rollback(revision int) {
	s.Helper()
	rollback := action.NewRollback(s.helm())
	rollback.Version, rollback.WaitStrategy, rollback.Timeout = revision, kube.HookOnlyStrategy, patience
	if err := rollback.Run(theRelease); err != nil {
		s.Fatalf("helm rollback %d: %v", revision, err)
	}
}

func (s *site) uninstall() error {
	s.Helper()
	uninstall := action.NewUninstall(s.helm())
	uninstall.WaitStrategy, uninstall.Timeout, uninstall.DeletionPropagation = kube.HookOnlyStrategy, patience, "background"
	_, err := uninstall.Run(theRelease)
	return err
}

// run is kubectl, with an input.
func (s *site) run(input string, arguments ...string) string {
	s.Helper()
	output, err := s.kubectl.Run(s.Context(), input, arguments...)
	if err != nil {
		s.Fatal(err)
	}
	return strings.TrimSpace(output)
}

// names are those of all objects of a kind.
func (s *site) names(kind string) []string {
	s.Helper()
	return strings.Fields(s.run("", "get", kind, "-A", "-o", `jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}`))
}

func (s *site) applySecret() {
	s.Helper()
	s.run(fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: s3-keys, namespace: %s}
stringData: {AWS_ACCESS_KEY_ID: %q, AWS_SECRET_ACCESS_KEY: %q}
`, namespace, s.storage.AccessKeyID, s.storage.SecretAccessKey), "apply", "-f", "-")
}

// startOperator runs what the Deployment says: its arguments, as its ServiceAccount.
func (s *site) startOperator() {
	s.Helper()
	deployment, err := s.clients.AppsV1().Deployments(namespace).Get(s.Context(), "bucketcors-manager", metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	pod := deployment.Spec.Template.Spec
	arguments := pod.Containers[0].Args
	if len(arguments) == 0 || arguments[0] != "controller" {
		s.Fatalf("the Deployment runs %q", arguments)
	}
	kubeconfig, err := s.plane.ServiceAccountKubeconfig(s.Context(), namespace, pod.ServiceAccountName)
	if err != nil {
		s.Fatal(err)
	}
	operator, err := localenv.StartOperator(s.Context(), localenv.OperatorOptions{
		Program: s.program, Kubeconfig: kubeconfig, Arguments: append(arguments[1:], "--drift-check-interval=10s"),
	})
	if err != nil {
		s.Fatal(err)
	}
	s.operator = operator
	s.Cleanup(func() {
		if s.operator != operator {
			return // stopped before
		}
		if s.Failed() {
			s.Log(operator.Log())
		}
		s.stopOperator()
	})
}

func (s *site) stopOperator() {
	s.Helper()
	if err := s.operator.Stop(); err != nil {
		s.Error(err)
	}
	s.operator = nil
}

// playJobs does what the controller of Jobs and a node would do: it runs a Job's
// program as its ServiceAccount, once, and says how it ended.
func (s *site) playJobs() {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	jobs, err := s.clients.BatchV1().Jobs(metav1.NamespaceAll).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	done := make(chan struct{})
	s.Cleanup(func() { cancel(); jobs.Stop(); <-done })
	go func() {
		defer close(done)
		for event := range jobs.ResultChan() {
			job, ok := event.Object.(*batchv1.Job)
			if !ok || event.Type != "ADDED" {
				continue
			}
			if err := s.playJob(ctx, job); err != nil && ctx.Err() == nil {
				s.Errorf("play the Job %s: %v", job.Name, err)
			}
		}
	}()
}

func (s *site) playJob(ctx context.Context, job *batchv1.Job) error {
	pod := job.Spec.Template.Spec
	kubeconfig, err := s.plane.ServiceAccountKubeconfig(ctx, job.Namespace, pod.ServiceAccountName)
	if err != nil {
		return err
	}
	started := metav1.Now()
	cmd := exec.CommandContext(ctx, s.program, pod.Containers[0].Args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	ended := cmd.Run()
	s.mu.Lock()
	s.jobLog += log.String()
	s.mu.Unlock()
	condition := func(kind batchv1.JobConditionType) batchv1.JobCondition {
		return batchv1.JobCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now(), Reason: "Played"}
	}
	job.Status.StartTime = &started
	if ended == nil {
		job.Status.CompletionTime, job.Status.Succeeded = new(metav1.Now()), 1
		job.Status.Conditions = []batchv1.JobCondition{condition(batchv1.JobSuccessCriteriaMet), condition(batchv1.JobComplete)}
	} else {
		job.Status.Failed = 1
		job.Status.Conditions = []batchv1.JobCondition{condition(batchv1.JobFailureTarget), condition(batchv1.JobFailed)}
	}
	job.Status.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{}
	_, err = s.clients.BatchV1().Jobs(job.Namespace).UpdateStatus(ctx, job, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// log is what the Jobs have printed.
func (s *site) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jobLog
}

func (s *site) bucket() *s3.Bucket {
	s.Helper()
	opened, err := s3.New(s3.Options{}).Open(s.Context(), bucket.Provider{
		Name: "somebody-else", Region: s.storage.Region, Endpoint: s.storage.Endpoint,
		Credentials: &bucket.Credentials{AccessKeyID: s.storage.AccessKeyID, SecretAccessKey: s.storage.SecretAccessKey},
	}, bucket.Location{Name: aBucket})
	if err != nil {
		s.Fatal(err)
	}
	return opened
}

// expectBucket waits until the only rule of the bucket is for an origin.
func (s *site) expectBucket(origin string) {
	s.Helper()
	s.eventually(func() error {
		live, err := s.bucket().GetCORS(s.Context())
		if err != nil {
			return err
		}
		if len(live.Rules) != 1 || !slices.Equal(live.Rules[0].AllowedOrigins, []string{origin}) {
			return fmt.Errorf("the bucket has %v, want a rule for %s", live, origin)
		}
		return nil
	})
}

func (s *site) eventually(check func() error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			s.Fatal(err)
		case <-tick.C:
		}
	}
}

const (
	originBefore = "https://before.example.com"
	originOfTeam = "https://app.example.com"
)

// applyPolicy gives the bucket rules of somebody else first.
func (s *site) applyPolicy() {
	s.Helper()
	if err := s.bucket().PutCORS(s.Context(), cors.Configuration{Rules: []cors.Rule{
		{AllowedOrigins: []string{originBefore}, AllowedMethods: []string{"GET"}},
	}}); err != nil {
		s.Fatal(err)
	}
	s.run(fmt.Sprintf(`
{apiVersion: v1, kind: Namespace, metadata: {name: team-a}}
---
apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketCORSPolicy
metadata: {name: web-uploads, namespace: team-a}
spec:
  buckets: [{name: %s}]
  rules: [{allowedOrigins: [%q], allowedMethods: [PUT]}]
`, aBucket, originOfTeam), "apply", "-f", "-")
	s.awaitReady()
}

func (s *site) awaitReady() {
	s.Helper()
	s.run("", "wait", "--for=condition=Ready", "--timeout="+patience.String(), "-n", "team-a", "bcp/web-uploads")
	s.expectBucket(originOfTeam)
}

func TestInstallUpgradeRollBackAndUninstall(t *testing.T) {
	s := newSite(t)
	first := s.install("0.1.0", "")
	if !strings.Contains(first.Info.Notes, "kubectl get bucketprovider default") {
		t.Errorf("the notes do not speak of the provider:\n%s", first.Info.Notes)
	}
	s.startOperator()
	s.applyPolicy()
	uid := s.run("", "get", "bucketprovider/default", "-o", "jsonpath={.metadata.uid}")

	// The next version has a CRD with one more short name, and other values.
	next := packaged(t, "0.2.0", func(c *chart.Chart) {
		const short = "    shortNames:\n    - bcp\n"
		for _, file := range c.Templates {
			if strings.HasSuffix(file.Name, "crds/bucketcorspolicies.yaml") {
				if !bytes.Contains(file.Data, []byte(short)) {
					t.Fatalf("the CRD has another form: mend this test")
				}
				file.Data = bytes.Replace(file.Data, []byte(short), []byte(short+"    - bcps\n"), 1)
			}
		}
	})
	upgraded := s.upgrade("{replicaCount: 2, webhook: {enabled: true}}", next)
	shortNames := func() string {
		return s.run("", "get", "crd/bucketcorspolicies.s3.bucketcors.dev", "-o", "jsonpath={.spec.names.shortNames}")
	}
	if got := shortNames(); got != `["bcp","bcps"]` {
		t.Errorf("after the upgrade the CRD has the short names %s", got)
	}
	if !strings.Contains(upgraded.Manifest, "kind: BucketProvider") {
		t.Error("after the upgrade the provider is not the release's own")
	}
	if got := s.run("", "get", "bucketprovider/default", "-o", "jsonpath={.metadata.uid}"); got != uid {
		t.Error("the upgrade made the provider anew")
	}
	if !slices.Contains(s.names("poddisruptionbudgets"), "bucketcors-manager") {
		t.Error("after the upgrade to two pods there is no PodDisruptionBudget")
	}
	s.stopOperator()
	s.startOperator()
	s.awaitReady()

	s.rollback(1)
	if got := shortNames(); got != `["bcp"]` {
		t.Errorf("after the rollback the CRD has the short names %s", got)
	}
	if got := s.names("poddisruptionbudgets"); len(got) > 0 {
		t.Errorf("after the rollback there are %v", got)
	}
	if got := s.run("", "get", "bucketprovider/default", "-o", "jsonpath={.metadata.uid}"); got != uid {
		t.Error("the rollback made the provider anew")
	}
	s.stopOperator()
	s.startOperator()
	s.awaitReady()
	s.upgrade("", next)

	if err := s.uninstall(); err != nil {
		t.Fatalf("helm uninstall: %v\n%s", err, s.log())
	}
	s.expectBucket(originBefore)
	if got := s.names("bucketcorspolicies"); len(got) > 0 {
		t.Errorf("the policies %v are still there", got)
	}
	if got := s.names("crds"); len(got) != 2 {
		t.Errorf("the CRDs are %v, want them kept", got)
	}
	if got := s.names("bucketproviders"); !slices.Equal(got, []string{"default"}) {
		t.Errorf("the providers are %v, want them kept", got)
	}
	for _, kind := range []string{
		"deployments", "services", "jobs", "poddisruptionbudgets", "roles", "rolebindings", "clusterroles", "clusterrolebindings",
		"serviceaccounts", "validatingwebhookconfigurations",
	} {
		for _, name := range s.names(kind) {
			if strings.HasPrefix(name, "bucketcors") {
				t.Errorf("%s/%s is still there", kind, name)
			}
		}
	}

	// What is kept is no obstacle.
	s.stopOperator()
	s.install("0.1.0", "")
	s.startOperator()
	s.applyPolicy()
}

func TestUninstallStopsWhileABucketCannotBePutBack(t *testing.T) {
	s := newSite(t)
	s.install("0.1.0", "uninstall: {timeout: 5s}")
	s.startOperator()
	s.applyPolicy()

	s.stopOperator()
	s.expectStuck("the operator has not dealt with it since it was deleted")

	s.run("", "delete", "secret/s3-keys", "-n", namespace)
	s.startOperator()
	s.eventually(func() error {
		if reason := s.run("", "get", "bcp/web-uploads", "-n", "team-a", "-o", "jsonpath={.status.conditions[?(@.type=='Ready')].reason}"); reason != "SecretNotFound" {
			return fmt.Errorf("the policy is not Ready because of %s", reason)
		}
		return nil
	})
	s.expectStuck("SecretNotFound", "bucketcors-system/s3-keys")
	s.stopOperator()
	s.applySecret()

	// The way back, for those who keep it after all.
	s.rollback(1)
	s.upgrade("uninstall: {timeout: 60s}", packaged(t, "0.1.1", nil))

	s.startOperator()
	if err := s.uninstall(); err != nil {
		t.Fatalf("helm uninstall: %v\n%s", err, s.log())
	}
	s.expectBucket(originBefore)
	if got := s.names("bucketcorspolicies"); len(got) > 0 {
		t.Errorf("the policies %v are still there", got)
	}
}

// expectStuck uninstalls, which must not go through, and for which the Job says why.
func (s *site) expectStuck(why ...string) {
	s.Helper()
	if err := s.uninstall(); err == nil {
		s.Fatal("helm uninstall went on without the bucket")
	}
	for _, want := range append(why, "after 5s, 1 policy is still there", "team-a/web-uploads", "deletionPolicy") {
		if !strings.Contains(s.log(), want) {
			s.Errorf("the Job does not say %q:\n%s", want, s.log())
		}
	}
	for _, kind := range []string{"deployments", "bucketproviders"} {
		if len(s.names(kind)) != 1 {
			s.Errorf("the %s are %v", kind, s.names(kind))
		}
	}
}

func TestKeptPoliciesGoOnWithTheNextInstallation(t *testing.T) {
	s := newSite(t)
	s.install("0.1.0", "uninstall: {policies: Keep}")
	s.startOperator()
	s.applyPolicy()
	s.stopOperator()
	if err := s.uninstall(); err != nil {
		t.Fatal(err)
	}
	if got := s.log(); got != "" {
		t.Errorf("a Job ran:\n%s", got)
	}
	s.expectBucket(originOfTeam)
	s.run("", "delete", "bcp/web-uploads", "-n", "team-a", "--wait=false")
	if got := s.names("bucketcorspolicies"); len(got) != 1 {
		t.Errorf("without an operator the policies are %v", got)
	}
	s.install("0.1.0", "")
	s.startOperator()
	s.expectBucket(originBefore)
	s.eventually(func() error {
		if got := s.names("bucketcorspolicies"); len(got) > 0 {
			return fmt.Errorf("the policies %v are still there", got)
		}
		return nil
	})
}

func TestTheServerIsAskedBeforeAnythingIsInstalled(t *testing.T) {
	s := newSite(t)
	install := action.NewInstall(s.helm())
	install.ReleaseName, install.Namespace, install.CreateNamespace = theRelease, namespace, true
	install.WaitStrategy, install.Timeout = kube.HookOnlyStrategy, patience
	_, err := install.RunWithContext(s.Context(), packaged(t, "0.1.0", nil), parseValues(t, "metrics: {serviceMonitor: {enabled: true}}"))
	if err == nil || !strings.Contains(err.Error(), "ServiceMonitor") {
		t.Errorf("without the Prometheus operator: got %v, want an error with ServiceMonitor", err)
	}
	if got := s.names("deployments"); len(got) > 0 {
		t.Errorf("half of it is installed: %v", got)
	}
}
