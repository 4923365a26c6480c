// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/diff"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// noon is when the tests begin.
var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// aPolicy is team-a/web with one rule, for the named buckets.
func aPolicy(buckets ...string) *s3v1alpha1.BucketCORSPolicy {
	return namedPolicy("team-a", "web", noon.Add(-time.Hour), buckets...)
}

func namedPolicy(namespace, name string, created time.Time, buckets ...string) *s3v1alpha1.BucketCORSPolicy {
	policy := &s3v1alpha1.BucketCORSPolicy{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: types.UID(namespace + "/" + name),
			Generation: 3, CreationTimestamp: metav1.NewTime(created),
		},
		Spec: s3v1alpha1.BucketCORSPolicySpec{Rules: rulesFor("https://app.example.com")},
	}
	for _, bucketName := range buckets {
		policy.Spec.Buckets = append(policy.Spec.Buckets, s3v1alpha1.BucketReference{Name: bucketName})
	}
	return policy
}

func rulesFor(origin string) []s3v1alpha1.CORSRule {
	return []s3v1alpha1.CORSRule{{
		ID:             "web",
		AllowedOrigins: []s3v1alpha1.CORSOrigin{s3v1alpha1.CORSOrigin(origin)},
		AllowedMethods: []s3v1alpha1.CORSMethod{"GET"},
	}}
}

// configured is the configuration that rulesFor asks for.
func configured(origin string) cors.Configuration {
	return configurationFor(rulesFor(origin))
}

// The configurations that the tests are about.
var (
	nothing = cors.Configuration{}
	ours    = configured("https://app.example.com")
	theirs  = configured("https://evil.example")
	third   = configured("https://third.example")
)

// aProvider is the default provider, which grants everything to team-a and
// team-b.
func aProvider() *s3v1alpha1.BucketProvider {
	return &s3v1alpha1.BucketProvider{
		ObjectMeta: metav1.ObjectMeta{Name: s3v1alpha1.DefaultProviderName, Generation: 1},
		Spec: s3v1alpha1.BucketProviderSpec{
			Region: "us-east-1", Endpoint: "https://s3.internal:9000",
			Access: []s3v1alpha1.AccessGrant{grant("team-a,team-b", "*")},
		},
	}
}

// grant is an AccessGrant of patterns that are separated by commas.
func grant(namespaces, buckets string) s3v1alpha1.AccessGrant {
	return s3v1alpha1.AccessGrant{
		Namespaces: patterns[s3v1alpha1.NamespacePattern](namespaces),
		Buckets:    patterns[s3v1alpha1.BucketPattern](buckets),
	}
}

func patterns[P ~string](list string) []P {
	var all []P
	for pattern := range strings.SplitSeq(list, ",") {
		all = append(all, P(pattern))
	}
	return all
}

// The failures that the tests are about.
var (
	throttled     = &bucket.Error{Reason: bucket.Throttled, Fate: bucket.Transient, Message: "the server asks for fewer requests"}
	timedOut      = &bucket.Error{Reason: bucket.Timeout, Fate: bucket.Transient, Message: "no answer in time"}
	accessDenied  = &bucket.Error{Reason: bucket.AccessDenied, Fate: bucket.Refused, Message: "access denied"}
	notFound      = &bucket.Error{Reason: bucket.BucketNotFound, Fate: bucket.Refused, Message: "the bucket does not exist"}
	unsupported   = &bucket.Error{Reason: bucket.Unsupported, Fate: bucket.Refused, Message: "the server does not support CORS of buckets"}
	rejected      = &bucket.Error{Reason: bucket.RejectedByServer, Fate: bucket.Invalid, Message: "the server rejects the configuration"}
	secretMissing = &bucket.Error{Reason: s3v1alpha1.ReasonSecretNotFound, Fate: bucket.Waiting, Message: "there is no Secret"}
)

// foreignChanges are what somebody made of ours.
func foreignChanges() []cors.Change { return cors.Diff(ours, theirs) }

// numbered are n names.
func numbered(prefix string, n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("%s-%02d", prefix, i))
	}
	return names
}

// expectEqual compares what reads well line by line.
func expectEqual(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s (- is expected, + is found):\n%s", what, diff.Diff(want, got))
	}
}

func at(moment time.Time) *metav1.Time { return new(metav1.NewTime(moment)) }

// driftOf is the record of a foreign change that was seen at a moment.
func driftOf(changes []cors.Change, corrected bool, seen time.Time) *s3v1alpha1.Drift {
	return &s3v1alpha1.Drift{DetectedTime: at(seen), Corrected: corrected, Changes: changeStrings(changes)}
}

// on is the outcome of the bucket of that name, in a policy that wants ours.
func on(name string, o bucketOutcome) bucketOutcome {
	o.key, o.reference = bucketKey{name: name}, s3v1alpha1.BucketReference{Name: name}
	if o.desired == nil {
		o.desired = &desired{hash: cors.Hash(ours), rulesHash: cors.Hash(ours)}
	}
	return o
}
