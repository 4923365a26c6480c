// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
)

// providerReady is the message of a provider that policies can use, as far as
// can be known without asking the service. It is the same however many do.
const providerReady = "the spec is in order and there are credentials; whether the service accepts them shows on the buckets of policies"

// statusOfProvider is the whole status of a provider after a look at it. The
// failure is what keeps policies from using it; nil when nothing does.
func statusOfProvider(provider *s3v1alpha1.BucketProvider, failure *bucket.Error, policies int, now time.Time) s3v1alpha1.BucketProviderStatus {
	status := s3v1alpha1.BucketProviderStatus{ObservedGeneration: provider.Generation, Policies: int32(policies)}
	add := func(conditionType string, conditionStatus metav1.ConditionStatus, reason, message string) {
		v := verdict{conditionStatus, reason, message}
		status.Conditions = append(status.Conditions, conditionFor(provider.Status.Conditions, provider.Generation, conditionType, v, now))
	}

	if failure == nil {
		add(s3v1alpha1.ConditionReady, metav1.ConditionTrue, s3v1alpha1.ReasonReady, providerReady)
		return status
	}
	reason := string(failure.Reason)
	switch failure.Fate {
	case bucket.Transient:
		add(s3v1alpha1.ConditionReady, metav1.ConditionUnknown, reason, failure.Message)
		add(s3v1alpha1.ConditionReconciling, metav1.ConditionTrue, reason, failure.Message)
	case bucket.Waiting:
		add(s3v1alpha1.ConditionReady, metav1.ConditionFalse, reason, failure.Message)
		add(s3v1alpha1.ConditionReconciling, metav1.ConditionTrue, reason, failure.Message)
	case bucket.Invalid:
		add(s3v1alpha1.ConditionReady, metav1.ConditionFalse, reason, failure.Message)
		add(s3v1alpha1.ConditionStalled, metav1.ConditionTrue, reason, failure.Message)
	default:
		add(s3v1alpha1.ConditionReady, metav1.ConditionFalse, reason, failure.Message)
	}
	return status
}
