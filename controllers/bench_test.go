// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// crowd are Shared policies of one bucket that have rules of so many bytes each,
// in all.
func crowd(policies, rulesEach, bytesEach int, provider *s3v1alpha1.BucketProvider) []claimant {
	var holders []claimant
	for i := range policies {
		policy := shared(namedPolicy("team-a", fmt.Sprintf("web-%03d", i), noon, "assets"), 0)
		policy.Spec.Rules = bulkyRules(fmt.Sprintf("p%d", i), rulesEach, bytesEach)
		holders = append(holders, claims(policy, provider))
	}
	return holders
}

// bulkyRules are rules that have so many bytes in all.
func bulkyRules(id string, rules, size int) []s3v1alpha1.CORSRule {
	const origin = "https://a-%d-%d.example.com"
	var all []s3v1alpha1.CORSRule
	for i := range rules {
		rule := s3v1alpha1.CORSRule{ID: fmt.Sprintf("%s-%d", id, i), AllowedMethods: []s3v1alpha1.CORSMethod{"GET", "PUT"}}
		for n := 0; n == 0 || n*(len(origin)+len("<AllowedOrigin></AllowedOrigin>")) < size/rules-200; n++ {
			rule.AllowedOrigins = append(rule.AllowedOrigins, s3v1alpha1.CORSOrigin(fmt.Sprintf(origin, i, n)))
		}
		all = append(all, rule)
	}
	return all
}

// guarded is aProvider with constraints that all rules of a crowd keep within,
// by the last of their entries.
func guarded(entries int) *s3v1alpha1.BucketProvider {
	provider := aProvider()
	constraints := &s3v1alpha1.RuleConstraints{AllowedMethods: []s3v1alpha1.CORSMethod{"GET", "PUT"}}
	for i := range entries - 1 {
		constraints.AllowedOrigins = append(constraints.AllowedOrigins, s3v1alpha1.CORSOriginPattern(fmt.Sprintf("https://*.team-%d.example", i)))
	}
	constraints.AllowedOrigins = append(constraints.AllowedOrigins, "https://*.example.com")
	provider.Spec.Access[0].Constraints = constraints
	return provider
}

// suspend suspends holders that once had rules on the bucket, of which nothing is
// left.
func suspend(holders []claimant) []claimant {
	for _, holder := range holders {
		holder.policy.Spec.Suspend = true
		holder.policy.Status.Buckets = []s3v1alpha1.BucketStatus{{Name: claimed.name, Service: claimed.service, RulesHash: "sha256:" + holder.policy.Name}}
	}
	return holders
}

// expecting gives each of the holders so many expectations about its own rules. With
// chained, the last of each is about the next, and that of the last policy is about
// nobody: one after the other yields.
func expecting(holders []claimant, each int, chained bool) []claimant {
	for i, holder := range holders {
		origin := fmt.Sprintf("https://web-%d.example.com", i)
		holder.policy.Spec.Rules[0].AllowedOrigins[0] = s3v1alpha1.CORSOrigin(origin)
		for j := range each {
			if chained && j == each-1 {
				origin = fmt.Sprintf("https://web-%d.example.com", i+1)
			}
			holder.policy.Spec.Expectations = append(holder.policy.Spec.Expectations, reads(fmt.Sprint(j), origin, ""))
		}
	}
	return holders
}

// BenchmarkComposition is what a look at a shared bucket costs apart from S3.
func BenchmarkComposition(b *testing.B) {
	full := configurationFor(bulkyRules("full", 100, 60_000))
	for _, bm := range []struct {
		name    string
		holders []claimant
		live    cors.Configuration
	}{
		{"100 policies of 1 rule", crowd(100, 1, 500, guarded(10)), cors.Configuration{}},
		{"20 policies that fill the bucket", crowd(20, 5, 3_000, guarded(10)), cors.Configuration{}},
		{"100 policies of 1 rule and 100 expectations", expecting(crowd(100, 1, 500, guarded(10)), 100, false), cors.Configuration{}},
		{"100 policies of 1 rule and 100 expectations that fail in turn", expecting(crowd(100, 1, 500, guarded(10)), 100, true), cors.Configuration{}},
		{"20 policies of 60 KB", crowd(20, 100, 60_000, guarded(10)), cors.Configuration{}},
		{"1 suspended policy without rules in force", suspend(crowd(1, 1, 500, guarded(10))), full},
		{"100 suspended policies without rules in force", suspend(crowd(100, 1, 500, guarded(10))), full},
	} {
		b.Run(strings.ReplaceAll(bm.name, " ", "-"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c := composeFor(claimed, bm.holders, bm.live, nil)
				desiredOf(c, bm.holders[len(bm.holders)-1].policy, bm.live)
			}
		})
	}
}

// BenchmarkSteadyPass is what a look at 100 buckets of one policy costs apart
// from S3, where all is as it was.
func BenchmarkSteadyPass(b *testing.B) {
	for _, bm := range []struct {
		name     string
		policies int
		rules    []s3v1alpha1.CORSRule
		provider *s3v1alpha1.BucketProvider
	}{
		{"1 rule", 1, bulkyRules("a", 1, 500), aProvider()},
		{"60 KB of rules and 100 constraints", 1, bulkyRules("a", 100, 60_000), guarded(100)},
		{"20 policies of 1 rule", 20, nil, guarded(10)},
	} {
		b.Run(strings.ReplaceAll(bm.name, " ", "-"), func(b *testing.B) {
			cached := &steadyCache{provider: bm.provider}
			for i := range bm.policies {
				policy := namedPolicy("team-a", fmt.Sprintf("web-%03d", i), noon, numbered("assets", 100)...)
				policy.Spec.DeletionPolicy, policy.Spec.Rules = s3v1alpha1.DeletionPolicyRetain, bm.rules
				if bm.rules == nil {
					policy.Spec.Rules = bulkyRules(policy.Name, 1, 500)
					shared(policy, 0)
				}
				for _, name := range numbered("assets", 100) {
					policy.Status.Buckets = append(policy.Status.Buckets, s3v1alpha1.BucketStatus{
						Name: name, Service: serviceOf(bm.provider), OriginalRevision: "web-original",
					})
				}
				cached.policies = append(cached.policies, *policy)
			}
			r := &PolicyReconciler{Client: cached, Buckets: newService(), Clock: clock.RealClock{}, Namespace: "bucketcors-system", DriftCheckInterval: 5 * time.Minute}
			service := r.Buckets.(*service)
			if _, err := r.sync(b.Context(), &cached.policies[0]); err != nil { // writes
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				service.requests = nil
				o, err := r.sync(b.Context(), &cached.policies[0])
				if err != nil || len(service.requests) != 100 || o.buckets[99].action != keep {
					b.Fatal(err, len(service.requests), o.buckets[99])
				}
			}
		})
	}
}

// steadyCache is a cache that always has the same.
type steadyCache struct {
	client.Client
	policies []s3v1alpha1.BucketCORSPolicy
	provider *s3v1alpha1.BucketProvider
}

func (c *steadyCache) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	switch list := list.(type) {
	case *s3v1alpha1.BucketCORSPolicyList:
		list.Items = append(list.Items, c.policies...)
	case *s3v1alpha1.BucketProviderList:
		list.Items = append(list.Items, *c.provider)
	case *metav1.PartialObjectMetadataList:
	default:
		return fmt.Errorf("list of %T", list)
	}
	return nil
}

func (c *steadyCache) Get(_ context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	switch object := object.(type) {
	case *s3v1alpha1.BucketProvider:
		if (&client.GetOptions{}).ApplyOptions(options).UnsafeDisableDeepCopy == nil {
			c.provider.DeepCopyInto(object)
		} else {
			*object = *c.provider
		}
	case *metav1.PartialObjectMetadata:
		object.Name, object.Labels = key.Name, map[string]string{corev1.LabelMetadataName: key.Name}
	default:
		return apierrors.NewNotFound(corev1.Resource("objects"), key.Name)
	}
	return nil
}
