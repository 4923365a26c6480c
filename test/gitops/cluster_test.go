// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/bucketcors/bucketcors/internal/localenv"
)

// root is the root of the source tree.
const root = "../.."

// soon is for what has to happen at once, on a loaded machine.
const soon = time.Minute

var update = flag.Bool("update", false, "write the test data and the manifests of config/argocd anew")

var (
	policies   = schema.GroupVersionResource{Group: "s3.bucketcors.dev", Version: "v1alpha1", Resource: "bucketcorspolicies"}
	providers  = schema.GroupVersionResource{Group: "s3.bucketcors.dev", Version: "v1alpha1", Resource: "bucketproviders"}
	namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
)

// shared is what the tests that need a program have in common.
var shared struct {
	sync.Mutex
	assets   localenv.Assets
	operator string
	dir      string
}

func TestMain(m *testing.M) {
	flag.Parse()
	ctrl.SetLogger(logr.Discard())
	status := m.Run()
	if shared.dir != "" {
		if err := os.RemoveAll(shared.dir); err != nil {
			fmt.Fprintln(os.Stderr, "gitops:", err)
			status = 1
		}
	}
	os.Exit(status)
}

// programs are those of the environment, and the operator.
func programs(t *testing.T) (localenv.Assets, string) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs real servers, which may have to be built first")
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.operator != "" {
		return shared.assets, shared.operator
	}
	var err error
	if shared.assets, err = localenv.Ensure(t.Context(), os.Stderr); err != nil {
		t.Fatal(err)
	}
	if shared.dir, err = os.MkdirTemp("", "bucketcors-gitops-"); err != nil {
		t.Fatal(err)
	}
	operator := filepath.Join(shared.dir, "bucketcors")
	// It is built in its own module: with the versions that are released.
	restore, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chdir(root); err != nil { //nolint:usetesting // not for the whole test
		t.Fatal(err)
	}
	err = localenv.BuildOperator(t.Context(), operator)
	if err := errors.Join(err, os.Chdir(restore)); err != nil { //nolint:usetesting // as above
		t.Fatal(err)
	}
	shared.operator = operator
	return shared.assets, shared.operator
}

// cluster is an API server with the CRDs and the rights of the operator, which does
// not run yet, and an S3 server.
type cluster struct {
	*testing.T
	assets   localenv.Assets
	program  string
	plane    *localenv.ControlPlane
	storage  *localenv.S3Server
	kubectl  localenv.Kubectl
	client   dynamic.Interface
	operator *localenv.Operator
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	assets, program := programs(t)
	c := &cluster{T: t, assets: assets, program: program}
	var err error
	if c.plane, err = localenv.StartControlPlane(t.Context(), localenv.Options{Assets: assets}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.check(c.plane.Stop()) })
	c.kubectl = localenv.Kubectl{Program: assets.Kubectl, Kubeconfig: c.plane.Kubeconfig}
	c.storage = c.startStorage()
	if c.client, err = dynamic.NewForConfig(c.plane.Config); err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	err = localenv.InstallOperator(t.Context(), c.kubectl)
	t.Chdir("test/gitops")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// startStorage starts an S3 server that ends with the test.
func (c *cluster) startStorage() *localenv.S3Server {
	c.Helper()
	storage, err := localenv.StartS3(c.Context(), localenv.S3Options{Assets: c.assets})
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { c.check(storage.Stop()) })
	return storage
}

func (c *cluster) check(err error) {
	c.Helper()
	if err != nil {
		c.Error(err)
	}
}

// startOperator runs the operator under its ServiceAccount, until the end of the test
// or stopOperator.
func (c *cluster) startOperator() {
	c.Helper()
	kubeconfig, err := c.plane.ServiceAccountKubeconfig(c.Context(), localenv.OperatorNamespace, localenv.OperatorServiceAccount)
	if err != nil {
		c.Fatal(err)
	}
	c.operator, err = localenv.StartOperator(c.Context(), localenv.OperatorOptions{
		Program: c.program, Kubeconfig: kubeconfig, Arguments: []string{"--concurrency=16"},
		Environment: []string{"AWS_EC2_METADATA_DISABLED=true"},
	})
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(c.stopOperator)
}

func (c *cluster) stopOperator() {
	c.Helper()
	if c.operator == nil {
		return
	}
	if c.Failed() {
		c.Log(c.operator.Log())
	}
	c.check(c.operator.Stop())
	c.operator = nil
}

func (c *cluster) createBuckets(storage *localenv.S3Server, names ...string) {
	c.Helper()
	for _, name := range names {
		if err := storage.CreateBucket(name); err != nil {
			c.Fatal(err)
		}
	}
}

func (c *cluster) apply(manifest string) {
	c.Helper()
	if _, err := c.kubectl.Run(c.Context(), manifest, "apply", "-f", "-"); err != nil {
		c.Fatalf("%v\n%s", err, manifest)
	}
}

// applyKeys applies the Secret with the keys of an S3 server.
func (c *cluster) applyKeys(name, accessKeyID, secretAccessKey string) {
	c.Helper()
	c.apply(fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: %s, namespace: %s}
stringData: {AWS_ACCESS_KEY_ID: %q, AWS_SECRET_ACCESS_KEY: %q}
`, name, localenv.OperatorNamespace, accessKeyID, secretAccessKey))
}

// get is a live object; nil when it does not exist. The namespace of a cluster-scoped
// one is empty.
func (c *cluster) get(resource schema.GroupVersionResource, namespace, name string) *unstructured.Unstructured {
	c.Helper()
	object, err := c.client.Resource(resource).Namespace(namespace).Get(c.Context(), name, getOptions)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		c.Fatal(err)
	}
	return object
}

// eventually polls until the check has nothing to complain about.
func (c *cluster) eventually(within time.Duration, check func() error) {
	c.Helper()
	var last error
	err := wait.PollUntilContextTimeout(c.Context(), 100*time.Millisecond, within, true, func(context.Context) (bool, error) {
		last = check()
		return last == nil, nil
	})
	if err != nil {
		c.Fatalf("not within %s: %v", within, last)
	}
}

// awaitReady waits until an object has a condition Ready of its generation with a
// status and a reason, given as status/reason, and returns the object.
func (c *cluster) awaitReady(resource schema.GroupVersionResource, namespace, name, want string) *unstructured.Unstructured {
	c.Helper()
	var object *unstructured.Unstructured
	c.eventually(soon, func() error {
		if object = c.get(resource, namespace, name); object == nil {
			return fmt.Errorf("there is no %s %s", resource.Resource, name)
		}
		observed, _, err := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
		if err != nil {
			return err
		}
		if is := readyOf(object); is != want || observed != object.GetGeneration() {
			return fmt.Errorf("%s %s: Ready is %q of generation %d, not %q of %d: %v",
				resource.Resource, name, is, observed, want, object.GetGeneration(), object.Object["status"])
		}
		return nil
	})
	return object
}

// readyOf is the condition Ready as status/reason.
func readyOf(object *unstructured.Unstructured) string {
	condition := conditionOf(object, "Ready")
	if condition == nil {
		return ""
	}
	return fmt.Sprint(condition["status"], "/", condition["reason"])
}

func conditionOf(object *unstructured.Unstructured, conditionType string) map[string]any {
	conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	if err != nil {
		return nil
	}
	for _, condition := range conditions {
		if fields, ok := condition.(map[string]any); ok && fields["type"] == conditionType {
			return fields
		}
	}
	return nil
}

// indent puts spaces before every line of a text.
func indent(text, spaces string) string {
	return spaces + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+spaces)
}
