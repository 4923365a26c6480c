// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/metrics"
)

// conditions are written as "Ready=True Ready".
func conditions(texts ...string) []metav1.Condition {
	var all []metav1.Condition
	for _, text := range texts {
		kind, rest, _ := strings.Cut(text, "=")
		status, reason, _ := strings.Cut(rest, " ")
		all = append(all, metav1.Condition{Type: kind, Status: metav1.ConditionStatus(status), Reason: reason})
	}
	return all
}

func policy(name string, texts ...string) *s3v1alpha1.BucketCORSPolicy {
	return &s3v1alpha1.BucketCORSPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: name},
		Status:     s3v1alpha1.BucketCORSPolicyStatus{Conditions: conditions(texts...)},
	}
}

func provider(name string, texts ...string) *s3v1alpha1.BucketProvider {
	return &s3v1alpha1.BucketProvider{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status:     s3v1alpha1.BucketProviderStatus{Conditions: conditions(texts...)},
	}
}

func inventory(t *testing.T, reader client.Reader, elected <-chan struct{}) *prometheus.Registry {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(metrics.NewInventory(reader, elected)); err != nil {
		t.Fatal(err)
	}
	return registry
}

func TestObjectsAreCountedByWhatTheirStatusSays(t *testing.T) {
	drifted := policy("drifted", "Ready=False Drifted", "Accepted=True Accepted")
	for i, state := range []s3v1alpha1.BucketState{s3v1alpha1.BucketDrifted, s3v1alpha1.BucketSynced, s3v1alpha1.BucketSynced} {
		drifted.Status.Buckets = append(drifted.Status.Buckets, s3v1alpha1.BucketStatus{Name: fmt.Sprint("b", i), State: state})
	}
	reader := cluster(t, drifted,
		policy("one", "Ready=True Ready", "Accepted=True Accepted"), policy("two", "Ready=True Ready"), policy("new"),
		provider("default", "Ready=True Ready"), provider("broken", "Ready=False SecretNotFound"), provider("new"),
	)
	expect(t, scrape(t, inventory(t, reader, elected()), "bucketcors_"),
		"bucketcors_buckets{state=Conflicted} 0",
		"bucketcors_buckets{state=Denied} 0",
		"bucketcors_buckets{state=Drifted} 1",
		"bucketcors_buckets{state=Failed} 0",
		"bucketcors_buckets{state=Pending} 0",
		"bucketcors_buckets{state=Synced} 2",
		"bucketcors_policies{condition=Accepted,reason=Accepted,status=True} 2",
		"bucketcors_policies{condition=Ready,reason=Drifted,status=False} 1",
		"bucketcors_policies{condition=Ready,reason=NotReconciled,status=Unknown} 1",
		"bucketcors_policies{condition=Ready,reason=Ready,status=True} 2",
		"bucketcors_providers{condition=Ready,reason=NotReconciled,status=Unknown} 1",
		"bucketcors_providers{condition=Ready,reason=Ready,status=True} 1",
		"bucketcors_providers{condition=Ready,reason=SecretNotFound,status=False} 1",
	)
}

func TestAnObjectThatIsGoneLeavesNoSeries(t *testing.T) {
	gone := policy("gone", "Ready=False Timeout")
	reader := cluster(t, gone)
	registry := inventory(t, reader, elected())
	expect(t, scrape(t, registry, "bucketcors_policies"), "bucketcors_policies{condition=Ready,reason=Timeout,status=False} 1")
	if err := reader.(client.Client).Delete(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	expect(t, scrape(t, registry, "bucketcors_policies"))
}

func TestWhoeverWritesAStatusCannotMakeSeries(t *testing.T) {
	var objects []client.Object
	for i := range 100 {
		p := policy(fmt.Sprint("p", i), fmt.Sprintf("Ready=Maybe%d Reason%d", i, i), fmt.Sprintf("Condition%d=True Reason%d", i, i))
		p.Status.Buckets = []s3v1alpha1.BucketStatus{{State: s3v1alpha1.BucketState(fmt.Sprint("State", i))}}
		objects = append(objects, p)
	}
	expect(t, scrape(t, inventory(t, cluster(t, objects...), elected()), "bucketcors_policies", "bucketcors_buckets{state=Other"),
		"bucketcors_buckets{state=Other} 100",
		"bucketcors_policies{condition=Other,reason=Other,status=True} 100",
		"bucketcors_policies{condition=Ready,reason=Other,status=Other} 100",
	)
}

func TestAReplicaThatWaitsTellsNothing(t *testing.T) {
	lease := make(chan struct{})
	registry := inventory(t, cluster(t, policy("web")), lease)
	expect(t, scrape(t, registry, "bucketcors_"))
	close(lease)
	if lines := scrape(t, registry, "bucketcors_policies"); len(lines) != 1 {
		t.Errorf("the holder of the lease tells %q", lines)
	}
}

// unfilled is a cache that is never filled.
type unfilled struct{ client.Reader }

func (unfilled) List(ctx context.Context, _ client.ObjectList, _ ...client.ListOption) error {
	<-ctx.Done()
	return errors.New("not filled")
}

func TestACacheThatIsNotFilledKeepsNoScrapeWaiting(t *testing.T) {
	expect(t, scrape(t, inventory(t, unfilled{}, elected()), "bucketcors_"))
}

// shared is a cache, as far as an Inventory uses one: what it lists is not copied.
type shared struct {
	client.Reader
	policies, providers []runtime.Object
}

func (s shared) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	if _, ok := list.(*s3v1alpha1.BucketProviderList); ok {
		return meta.SetList(list, s.providers)
	}
	return meta.SetList(list, s.policies)
}

// fleet is n policies of ten buckets each.
func fleet(n int) shared {
	all := shared{providers: []runtime.Object{provider("default", "Ready=True Ready")}}
	for i := range n {
		p := policy(fmt.Sprint("p", i), "Ready=True Ready", "Accepted=True Accepted", "Synced=True Synced", "Verified=True Verified")
		for range 10 {
			p.Status.Buckets = append(p.Status.Buckets, s3v1alpha1.BucketStatus{State: s3v1alpha1.BucketSynced})
		}
		all.policies = append(all.policies, p)
	}
	return all
}

// BenchmarkInventory is what a scrape costs with 5,000 policies of ten buckets: about
// 16 ms and 2.5 MB, which are the copies of the list.
func BenchmarkInventory(b *testing.B) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.NewInventory(fleet(5000), elected()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}

// A scrape of many policies makes no object for each: only the list has them.
func TestAScrapeCostsNoAllocationForEachPolicy(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.NewInventory(fleet(1000), elected()))
	allocations := testing.AllocsPerRun(5, func() {
		if _, err := registry.Gather(); err != nil {
			t.Error(err)
		}
	})
	if allocations > 900 {
		t.Errorf("there are %g allocations for 1000 policies", allocations)
	}
}

func TestScrapesAndWorkGoOnAtATime(t *testing.T) {
	m, registry := registered(t)
	registry.MustRegister(metrics.NewInventory(fleet(50), elected()))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 50 {
				m.Request("GetBucketCors", fmt.Sprint(200+i), time.Millisecond)
				m.PlaceAnswered(s3v1alpha1.ReasonVerified)
				m.DriftDetected()
			}
		})
		group.Go(func() {
			for range 20 {
				if _, err := registry.Gather(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	expect(t, scrape(t, registry, "bucketcors_drift_detected_total"), "bucketcors_drift_detected_total 200")
}

// Every reason of a condition is a value of the label, so that none hides behind
// Other.
func TestEveryReasonIsForeseen(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../api/v1alpha1/conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	// These are of events alone.
	events := map[string]bool{s3v1alpha1.ReasonApplied: true, s3v1alpha1.ReasonDriftCorrected: true, s3v1alpha1.ReasonLintFindings: true}
	found := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") || len(spec.Values) != 1 {
			return true
		}
		reason, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found++
		lines := scrape(t, inventory(t, cluster(t, policy("web", "Ready=True "+reason)), elected()), "bucketcors_policies")
		if hidden := strings.Contains(lines[0], "reason=Other"); hidden != events[reason] {
			t.Errorf("the reason %s is hidden: %t", reason, hidden)
		}
		return true
	})
	if found < 30 {
		t.Errorf("only %d reasons were found", found)
	}
}
