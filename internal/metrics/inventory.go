// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// listTimeout bounds what a scrape waits for a cache that has not been filled.
const listTimeout = 2 * time.Second

// Inventory counts what there is in the cluster, by what its status says, each
// time it is asked. It implements prometheus.Collector.
type Inventory struct {
	reader  client.Reader
	elected <-chan struct{}

	policies, providers, buckets *prometheus.Desc
}

// NewInventory returns one that reads from the cache behind a reader. It tells
// nothing before elected is closed: of several replicas only the one that works
// does, so that the sum over all is right.
func NewInventory(reader client.Reader, elected <-chan struct{}) *Inventory {
	return &Inventory{
		reader: reader, elected: elected,
		policies: desc(policiesByCondition), providers: desc(providersByState), buckets: desc(bucketsByState),
	}
}

func desc(name string) *prometheus.Desc {
	d := definition(name)
	return prometheus.NewDesc(d.Name, d.Help, d.Labels, nil)
}

// Describe implements prometheus.Collector.
func (i *Inventory) Describe(descs chan<- *prometheus.Desc) {
	descs <- i.policies
	descs <- i.providers
	descs <- i.buckets
}

// Collect implements prometheus.Collector. What cannot be read from the cache now
// is left out of the scrape, which has other things to tell.
func (i *Inventory) Collect(metrics chan<- prometheus.Metric) {
	select {
	case <-i.elected:
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), listTimeout)
	defer cancel()

	// What is listed is shared with the cache: it is only read.
	var policies s3v1alpha1.BucketCORSPolicyList
	if err := i.reader.List(ctx, &policies, client.UnsafeDisableDeepCopy); err == nil {
		conditions, states := map[condition]int{}, map[string]int{}
		for _, state := range bucketStates {
			states[state] = 0
		}
		for _, policy := range policies.Items {
			count(conditions, policy.Status.Conditions)
			for _, b := range policy.Status.Buckets {
				states[known(string(b.State), bucketStates, otherReason)]++
			}
		}
		send(metrics, i.policies, conditions)
		for state, n := range states {
			metrics <- prometheus.MustNewConstMetric(i.buckets, prometheus.GaugeValue, float64(n), state)
		}
	}
	var providers s3v1alpha1.BucketProviderList
	if err := i.reader.List(ctx, &providers, client.UnsafeDisableDeepCopy); err == nil {
		conditions := map[condition]int{}
		for _, provider := range providers.Items {
			count(conditions, provider.Status.Conditions)
		}
		send(metrics, i.providers, conditions)
	}
}

// condition is a condition as the labels have it.
type condition struct {
	kind, status, reason string
}

// count adds the conditions of one object.
func count(counts map[condition]int, conditions []metav1.Condition) {
	for _, c := range conditions {
		counts[condition{
			known(c.Type, conditionTypes, otherReason), known(string(c.Status), conditionStatuses, otherReason), known(c.Reason, reasons, otherReason),
		}]++
	}
	if meta.FindStatusCondition(conditions, s3v1alpha1.ConditionReady) == nil {
		counts[condition{s3v1alpha1.ConditionReady, string(metav1.ConditionUnknown), reasonNotReconciled}]++
	}
}

func send(metrics chan<- prometheus.Metric, desc *prometheus.Desc, counts map[condition]int) {
	for c, n := range counts {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n), c.kind, c.status, c.reason)
	}
}
