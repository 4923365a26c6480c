// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/diff"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
)

// providerReasons are the reasons that Ready of a provider can have.
var providerReasons = []string{
	s3v1alpha1.ReasonReady,
	s3v1alpha1.ReasonSecretNotFound, s3v1alpha1.ReasonSecretInvalid,
	s3v1alpha1.ReasonInvalidEndpoint, s3v1alpha1.ReasonInvalidCABundle, s3v1alpha1.ReasonProviderInvalid,
	s3v1alpha1.ReasonCredentialsInvalid,
	s3v1alpha1.ReasonThrottled, s3v1alpha1.ReasonUnreachable, s3v1alpha1.ReasonTimeout, s3v1alpha1.ReasonServerError,
}

// checkProviderInvariants names what is wrong with a status of a provider,
// whatever it is about.
func checkProviderInvariants(provider *s3v1alpha1.BucketProvider, status s3v1alpha1.BucketProviderStatus) []string {
	var wrong []string
	broken := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if status.ObservedGeneration != provider.Generation {
		broken("observedGeneration is %d and the generation %d", status.ObservedGeneration, provider.Generation)
	}
	if status.Policies < 0 {
		broken("there are %d policies", status.Policies)
	}
	seen := map[string]metav1.Condition{}
	for i, c := range status.Conditions {
		if _, twice := seen[c.Type]; twice {
			broken("the condition %s is there twice", c.Type)
		}
		seen[c.Type] = c
		if c.ObservedGeneration != status.ObservedGeneration {
			broken("%s is about generation %d and the status about %d", c.Type, c.ObservedGeneration, status.ObservedGeneration)
		}
		if !slices.Contains(providerReasons, c.Reason) {
			broken("%s has the reason %q, which is not documented", c.Type, c.Reason)
		}
		if c.LastTransitionTime.IsZero() {
			broken("%s has no time of the last transition", c.Type)
		}
		if n := utf8.RuneCountInString(c.Message); n == 0 || n > 32768 {
			broken("the message of %s has %d characters", c.Type, n)
		}
		switch c.Type {
		case s3v1alpha1.ConditionReady:
			if i != 0 {
				broken("Ready is not the first")
			}
			if (c.Status == metav1.ConditionTrue) != (c.Reason == s3v1alpha1.ReasonReady) {
				broken("Ready is %s because of %s", c.Status, c.Reason)
			}
		case s3v1alpha1.ConditionReconciling, s3v1alpha1.ConditionStalled:
			if c.Status != metav1.ConditionTrue {
				broken("%s is there and %s", c.Type, c.Status)
			}
		default:
			broken("there is a condition %q", c.Type)
		}
	}
	ready, found := seen[s3v1alpha1.ConditionReady]
	_, reconciling := seen[s3v1alpha1.ConditionReconciling]
	_, stalled := seen[s3v1alpha1.ConditionStalled]
	switch {
	case !found:
		broken("there is no Ready")
	case reconciling && stalled:
		broken("Reconciling and Stalled are both there")
	case ready.Status == metav1.ConditionTrue && (reconciling || stalled):
		broken("Ready is True with Reconciling or Stalled there")
	case ready.Status == metav1.ConditionUnknown && !reconciling:
		broken("Ready is Unknown and nothing tries again")
	}
	return wrong
}

func expectProviderInvariants(t *testing.T, provider *s3v1alpha1.BucketProvider, status s3v1alpha1.BucketProviderStatus) {
	t.Helper()
	for _, wrong := range checkProviderInvariants(provider, status) {
		t.Errorf("an invariant is broken: %s", wrong)
	}
}

func TestProviderInvariantsCanBeBroken(t *testing.T) {
	for name, breakIt := range map[string]func(*s3v1alpha1.BucketProviderStatus){
		"no Ready":                func(s *s3v1alpha1.BucketProviderStatus) { s.Conditions = s.Conditions[1:] },
		"Ready twice":             func(s *s3v1alpha1.BucketProviderStatus) { s.Conditions = append(s.Conditions, s.Conditions[0]) },
		"Ready last":              func(s *s3v1alpha1.BucketProviderStatus) { slices.Reverse(s.Conditions) },
		"Ready though not":        func(s *s3v1alpha1.BucketProviderStatus) { s.Conditions[0].Status = metav1.ConditionTrue },
		"nothing tries again":     func(s *s3v1alpha1.BucketProviderStatus) { s.Conditions = s.Conditions[:1] },
		"another generation":      func(s *s3v1alpha1.BucketProviderStatus) { s.Conditions[1].ObservedGeneration-- },
		"a generation to come":    func(s *s3v1alpha1.BucketProviderStatus) { s.ObservedGeneration++ },
		"a reason of policies":    func(s *s3v1alpha1.BucketProviderStatus) { s.Conditions[0].Reason = s3v1alpha1.ReasonDrifted },
		"no message":              func(s *s3v1alpha1.BucketProviderStatus) { s.Conditions[1].Message = "" },
		"no time":                 func(s *s3v1alpha1.BucketProviderStatus) { s.Conditions[1].LastTransitionTime = metav1.Time{} },
		"Reconciling that is not": func(s *s3v1alpha1.BucketProviderStatus) { s.Conditions[1].Status = metav1.ConditionFalse },
		"a condition of policies": func(s *s3v1alpha1.BucketProviderStatus) { s.Conditions[1].Type = s3v1alpha1.ConditionSynced },
		"less than no policies":   func(s *s3v1alpha1.BucketProviderStatus) { s.Policies = -1 },
		"Reconciling with Stalled": func(s *s3v1alpha1.BucketProviderStatus) {
			s.Conditions = append(s.Conditions, s.Conditions[1])
			s.Conditions[2].Type = s3v1alpha1.ConditionStalled
		},
	} {
		t.Run(name, func(t *testing.T) {
			provider := aProvider()
			status := statusOfProvider(provider, timedOut, 1, noon)
			expectProviderInvariants(t, provider, status)
			breakIt(&status)
			if len(checkProviderInvariants(provider, status)) == 0 {
				t.Error("no invariant is broken")
			}
		})
	}
}

// providerFailures are those that a look at a provider can meet.
var providerFailures = map[string]*bucket.Error{
	"nothing": nil,
	"a Secret that is not there": {
		Reason: s3v1alpha1.ReasonSecretNotFound, Fate: bucket.Waiting, Message: "there is no Secret"},
	"a Secret without a key": {
		Reason: s3v1alpha1.ReasonSecretInvalid, Fate: bucket.Waiting, Message: "the Secret has no AWS_ACCESS_KEY_ID"},
	"a file of the operator that cannot be read": {
		Reason: bucket.ProviderInvalid, Fate: bucket.Waiting, Message: "AWS_CA_BUNDLE cannot be read"},
	"an endpoint that is none": {
		Reason: bucket.InvalidEndpoint, Fate: bucket.Invalid, Message: "the endpoint is no URL"},
	"a caBundle without certificates": {
		Reason: bucket.InvalidCABundle, Fate: bucket.Invalid, Message: "the caBundle holds no certificates"},
	"a provider that cannot be used": {
		Reason: bucket.ProviderInvalid, Fate: bucket.Invalid, Message: "the provider cannot be used"},
	"a provider that does not fit its service": {
		Reason: bucket.ProviderInvalid, Fate: bucket.Refused, Message: "this is no S3"},
	"a role that is refused": {
		Reason: bucket.CredentialsInvalid, Fate: bucket.Refused, Message: "the role may not be assumed"},
	"an STS that is none": {
		Reason: bucket.InvalidEndpoint, Fate: bucket.Refused, Message: "the server is no STS"},
	"a certificate that is not trusted": {
		Reason: bucket.Unreachable, Fate: bucket.Refused, Message: "the certificate is not trusted"},
	"an STS that asks for patience": {
		Reason: bucket.Throttled, Fate: bucket.Transient, Message: "too many requests"},
	"an STS that is not there": {
		Reason: bucket.Unreachable, Fate: bucket.Transient, Message: "no connection"},
	"an STS that does not answer": {
		Reason: bucket.Timeout, Fate: bucket.Transient, Message: "no answer in time"},
	"an STS that fails": {
		Reason: bucket.ServerError, Fate: bucket.Transient, Message: "500"},
	"a failure without a fate": {
		Reason: bucket.ServerError, Message: "something is wrong"},
}

func TestTheStatusOfAProviderSaysWhetherPoliciesCanUseIt(t *testing.T) {
	wants := map[string][]string{
		"nothing":                                    {"Ready True Ready"},
		"a Secret that is not there":                 {"Ready False SecretNotFound", "Reconciling True SecretNotFound"},
		"a Secret without a key":                     {"Ready False SecretInvalid", "Reconciling True SecretInvalid"},
		"a file of the operator that cannot be read": {"Ready False ProviderInvalid", "Reconciling True ProviderInvalid"},
		"an endpoint that is none":                   {"Ready False InvalidEndpoint", "Stalled True InvalidEndpoint"},
		"a caBundle without certificates":            {"Ready False InvalidCABundle", "Stalled True InvalidCABundle"},
		"a provider that cannot be used":             {"Ready False ProviderInvalid", "Stalled True ProviderInvalid"},
		"a provider that does not fit its service":   {"Ready False ProviderInvalid"},
		"a role that is refused":                     {"Ready False CredentialsInvalid"},
		"an STS that is none":                        {"Ready False InvalidEndpoint"},
		"a certificate that is not trusted":          {"Ready False Unreachable"},
		"an STS that asks for patience":              {"Ready Unknown Throttled", "Reconciling True Throttled"},
		"an STS that is not there":                   {"Ready Unknown Unreachable", "Reconciling True Unreachable"},
		"an STS that does not answer":                {"Ready Unknown Timeout", "Reconciling True Timeout"},
		"an STS that fails":                          {"Ready Unknown ServerError", "Reconciling True ServerError"},
		"a failure without a fate":                   {"Ready False ServerError"},
	}
	if len(wants) != len(providerFailures) {
		t.Fatalf("%d failures are judged of %d", len(wants), len(providerFailures))
	}
	for name, want := range wants {
		t.Run(name, func(t *testing.T) {
			failure, provider := providerFailures[name], aProvider()
			provider.Generation = 7
			status := statusOfProvider(provider, failure, 3, noon)
			expectProviderInvariants(t, provider, status)
			if status.Policies != 3 {
				t.Errorf("there are %d policies", status.Policies)
			}
			var got []string
			for _, c := range status.Conditions {
				got = append(got, fmt.Sprintf("%s %s %s", c.Type, c.Status, c.Reason))
				if failure != nil && c.Message != failure.Message {
					t.Errorf("%s says %q", c.Type, c.Message)
				}
			}
			expectEqual(t, "the conditions", got, want)
		})
	}
}

func TestAMessageOfAProviderIsBounded(t *testing.T) {
	provider := aProvider()
	failure := &bucket.Error{Reason: bucket.ProviderInvalid, Fate: bucket.Invalid, Message: strings.Repeat("ä", 100_000)}
	status := statusOfProvider(provider, failure, 0, noon)
	expectProviderInvariants(t, provider, status)
	for _, e := range turnOfReady(nil, status.Conditions) {
		if len(e.note) > 1024 {
			t.Errorf("the note of the event has %d bytes", len(e.note))
		}
	}
}

// TestProvidersTellEachTurnOnce takes providers from any state to any other.
func TestProvidersTellEachTurnOnce(t *testing.T) {
	for fromName, from := range providerFailures {
		for toName, to := range providerFailures {
			t.Run("from "+fromName+" to "+toName, func(t *testing.T) {
				provider := aProvider()
				provider.Status = statusOfProvider(provider, from, 1, noon)
				provider.Generation++
				later := noon.Add(time.Hour)
				status := statusOfProvider(provider, to, 2, later)
				expectProviderInvariants(t, provider, status)
				for _, c := range status.Conditions {
					was := meta.FindStatusCondition(provider.Status.Conditions, c.Type)
					want := later
					if was != nil && was.Status == c.Status {
						want = noon
					}
					if !c.LastTransitionTime.Time.Equal(want) {
						t.Errorf("%s turned at %s, not at %s", c.Type, c.LastTransitionTime, want)
					}
				}

				events := turnOfReady(provider.Status.Conditions, status.Conditions)
				was, is := provider.Status.Conditions[0], status.Conditions[0]
				if turned := was.Status != is.Status || was.Reason != is.Reason; turned != (len(events) == 1) {
					t.Errorf("from %s %s to %s %s there are the events %v", was.Status, was.Reason, is.Status, is.Reason, events)
				}
				for _, e := range events {
					if e.reason != is.Reason || e.note != is.Message || (e.kind == "Normal") != (to == nil) {
						t.Errorf("the event is %+v", e)
					}
				}

				// The same again changes nothing, however much later.
				provider.Status = status
				again := statusOfProvider(provider, to, 2, later.Add(time.Hour))
				if !equality.Semantic.DeepEqual(status, again) {
					t.Errorf("the same made another status:\n%s", diff.Diff(status, again))
				}
			})
		}
	}
}

// Conditions that nobody documents do not stay, in whatever order they are.
func TestAStatusThatIsNotOursIsReplaced(t *testing.T) {
	provider := aProvider()
	for _, conditionType := range []string{"Whatever", s3v1alpha1.ConditionStalled, s3v1alpha1.ConditionReady} {
		provider.Status.Conditions = append(provider.Status.Conditions, metav1.Condition{
			Type: conditionType, Status: metav1.ConditionTrue, Reason: "Whatever", LastTransitionTime: metav1.NewTime(noon)})
	}
	rand.Shuffle(len(provider.Status.Conditions), func(i, j int) {
		c := provider.Status.Conditions
		c[i], c[j] = c[j], c[i]
	})
	status := statusOfProvider(provider, nil, 0, noon.Add(time.Hour))
	expectProviderInvariants(t, provider, status)
	if !status.Conditions[0].LastTransitionTime.Time.Equal(noon) {
		t.Errorf("Ready, which was True, turned at %s", status.Conditions[0].LastTransitionTime)
	}
}
