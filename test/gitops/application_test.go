// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync"
	synccommon "github.com/argoproj/argo-cd/gitops-engine/pkg/sync/common"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/argoproj/argo-cd/v3/common"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// trackingAnnotation is how Argo CD knows what belongs to an Application.
const trackingAnnotation = common.AnnotationKeyAppInstance

// application is what Argo CD makes of an Application, with the libraries that it
// uses: its manifests, and the operation that is under way.
type application struct {
	*cluster
	name            string
	targets         []*unstructured.Unstructured
	serverSideApply bool
	prune           bool

	kubectl kube.Kubectl
	phase   synccommon.OperationPhase
	message string
	results []synccommon.ResourceSyncResult
	started metav1.Time
}

func (c *cluster) application(name, manifests string) *application {
	c.Helper()
	a := &application{cluster: c, name: name, kubectl: &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}, started: metav1.Now()}
	for _, target := range decode(c, manifests) {
		if slices.ContainsFunc(a.targets, func(o *unstructured.Unstructured) bool {
			return kube.GetResourceKey(o) == kube.GetResourceKey(target)
		}) {
			continue
		}
		annotations := target.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		gvk := target.GroupVersionKind()
		annotations[trackingAnnotation] = fmt.Sprintf("%s:%s/%s:%s/%s", name, gvk.Group, gvk.Kind, target.GetNamespace(), target.GetName())
		target.SetAnnotations(annotations)
		a.targets = append(a.targets, target)
	}
	return a
}

// decode are the objects of a YAML stream.
func decode(c *cluster, manifests string) []*unstructured.Unstructured {
	c.Helper()
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			c.Fatalf("%v\n%s", err, manifests)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

// resources are the kinds of the manifests.
var resources = map[string]schema.GroupVersionResource{
	"BucketCORSPolicy": policies, "BucketProvider": providers, "Namespace": namespaces,
	"Secret": {Version: "v1", Resource: "secrets"},
}

// IsNamespaced implements kube.ResourceInfoProvider.
func (a *application) IsNamespaced(kind schema.GroupKind) (bool, error) {
	if _, known := resources[kind.Kind]; !known {
		return false, fmt.Errorf("%s is not expected in a manifest", kind)
	}
	return kind.Kind == "BucketCORSPolicy" || kind.Kind == "Secret", nil
}

// live are the objects of the cluster that are in the manifests, or were.
func (a *application) live() map[kube.ResourceKey]*unstructured.Unstructured {
	a.Helper()
	live := map[kube.ResourceKey]*unstructured.Unstructured{}
	for _, target := range a.targets {
		if object := a.get(resources[target.GetKind()], target.GetNamespace(), target.GetName()); object != nil {
			live[kube.GetResourceKey(object)] = object
		}
	}
	for _, resource := range []schema.GroupVersionResource{policies, providers} {
		list, err := a.client.Resource(resource).List(a.Context(), metav1.ListOptions{})
		if err != nil {
			a.Fatal(err)
		}
		for _, object := range list.Items {
			if strings.HasPrefix(object.GetAnnotations()[trackingAnnotation], a.name+":") {
				live[kube.GetResourceKey(&object)] = &object
			}
		}
	}
	return live
}

// step makes one step of the operation, as Argo CD's controller does it.
func (a *application) step() {
	a.Helper()
	operation, cleanup, err := sync.NewSyncContext("revision",
		sync.Reconcile(a.targets, a.live(), "", a), a.plane.Config, a.plane.Config, a.kubectl, "",
		sync.WithLogr(logr.Discard()),
		sync.WithHealthOverride(installed(a.T)),
		sync.WithOperationSettings(false, a.prune, false, false),
		sync.WithInitialState(a.phase, a.message, a.results, a.started),
		sync.WithServerSideApply(a.serverSideApply),
		sync.WithServerSideApplyManager(common.ArgoCDSSAManager),
	)
	if err != nil {
		a.Fatal(err)
	}
	defer cleanup()
	operation.Sync()
	a.phase, a.message, a.results = operation.GetState()
}

// sync makes an operation until it has ended so.
func (a *application) sync(want synccommon.OperationPhase) {
	a.Helper()
	a.begin()
	a.goOn(want)
}

func (a *application) begin() { a.phase, a.message, a.results = synccommon.OperationRunning, "", nil }

// goOn makes steps of the operation until it has ended so.
func (a *application) goOn(want synccommon.OperationPhase) {
	a.Helper()
	a.eventually(2*time.Minute, func() error {
		if a.step(); !a.phase.Completed() {
			return fmt.Errorf("%s: %s", a.phase, a.message)
		}
		return nil
	})
	if a.phase != want {
		a.Fatalf("the operation is %s, not %s: %s: %+v", a.phase, want, a.message, a.results)
	}
}

// resultOf is what the operation says of an object of the manifests.
func (a *application) resultOf(kind, name string) synccommon.ResourceSyncResult {
	a.Helper()
	i := slices.IndexFunc(a.results, func(r synccommon.ResourceSyncResult) bool {
		return r.ResourceKey.Kind == kind && r.ResourceKey.Name == name
	})
	if i < 0 {
		a.Fatalf("there is no result of %s %s among %+v", kind, name, a.results)
	}
	return a.results[i]
}

// comparison is one of the ways in which Argo CD finds out whether an object is
// OutOfSync. None of them is told to ignore anything.
type comparison string

const (
	// threeWay compares with what was applied last.
	threeWay comparison = "three-way diff"
	// structured merges as the API server does for a server-side apply.
	structured comparison = "structured merge diff"
	// serverSide has the API server make a dry run.
	serverSide comparison = "server-side diff"
)

// outOfSync are the objects of the manifests that differ, with how.
func (a *application) outOfSync(with comparison) []string {
	a.Helper()
	var options []diff.Option
	switch with {
	case threeWay:
	case structured:
		options = append(options, diff.WithStructuredMergeDiff(true), diff.WithGVKParser(a.parser()), diff.WithManager(common.ArgoCDSSAManager))
	case serverSide:
		applier, cleanup, err := a.kubectl.ManageServerSideDiffDryRuns(a.plane.Config)
		if err != nil {
			a.Fatal(err)
		}
		defer cleanup()
		options = append(options, diff.WithServerSideDiff(true), diff.WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(applier)),
			diff.WithGVKParser(a.parser()), diff.WithManager(common.ArgoCDSSAManager))
	}
	live := a.live()
	var differing []string
	for _, target := range a.targets {
		object := live[kube.GetResourceKey(target)]
		if object == nil {
			differing = append(differing, target.GetKind()+" "+target.GetName()+" does not exist")
			continue
		}
		difference, err := diff.Diff(target.DeepCopy(), object.DeepCopy(), options...)
		if err != nil {
			a.Fatalf("%s of %s %s: %v", with, target.GetKind(), target.GetName(), err)
		}
		if difference.Modified {
			differing = append(differing, fmt.Sprintf("%s %s: %s is predicted of %s", target.GetKind(), target.GetName(), difference.PredictedLive, difference.NormalizedLive))
		}
	}
	return differing
}

func (a *application) parser() *managedfields.GvkParser {
	a.Helper()
	_, parser, err := a.kubectl.LoadOpenAPISchema(a.plane.Config)
	if err != nil {
		a.Fatal(err)
	}
	return parser
}

// expectSynced fails when anything is OutOfSync, whichever way Argo CD looks at it.
func (a *application) expectSynced(comparisons ...comparison) {
	a.Helper()
	for _, with := range comparisons {
		for _, difference := range a.outOfSync(with) {
			a.Errorf("%s: OutOfSync: %s", with, difference)
		}
	}
}
