// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/expectation"
	"github.com/bucketcors/bucketcors/internal/lint"
)

// presetProfiles are the kinds of clients that lint knows as well.
var presetProfiles = map[v1alpha1.ClientPreset]lint.Profile{
	v1alpha1.PresetPresignedUpload: lint.PresignedUpload,
	v1alpha1.PresetMultipartUpload: lint.Multipart,
	v1alpha1.PresetRangeReader:     lint.RangeReader,
	v1alpha1.PresetSDKBrowser:      lint.SDKBrowser,
}

// mostExpectations is how many a policy can have: that there are more is told.
const mostExpectations = 100

// expectationsOf is what a policy wants of its rules, for lint.
func expectationsOf(p *v1alpha1.BucketCORSPolicy) lint.Expectations {
	expected := p.Spec.Expectations
	expected = expected[:min(len(expected), mostExpectations)]
	all := make([]lint.Expectation, 0, len(expected))
	for i := range expected {
		e := lint.Expectation{Origin: string(expected[i].Origin), Headers: words(expected[i].Headers)}
		if expected[i].Outcome != v1alpha1.OutcomeDenied {
			e.Client = presetProfiles[expected[i].Preset]
		}
		all = append(all, e)
	}
	return lint.Expectations{
		All:    all,
		Shared: p.Spec.Sharing == v1alpha1.SharingShared,
		Unmet: func(rules *cors.Policy) []lint.UnmetExpectation {
			var unmet []lint.UnmetExpectation
			for _, f := range expectation.Check(expected, rules) {
				unmet = append(unmet, lint.UnmetExpectation{Index: f.Index, Name: f.Name, Problem: f.Message, Fix: expectationFix(f)})
			}
			return unmet
		},
	}
}

// expectationFix is what can be done about an expectation that is not met, beside
// what its message says about the rule.
func expectationFix(f expectation.Failure) string {
	rule, refusal := f.Verdict.Rule(), f.Verdict.Refusal
	switch {
	case refusal == nil && rule < 0:
		return "change the expectation: no rule decides this"
	case refusal == nil:
		return "narrow " + cors.Path(rule, "", -1) + ", or change the expectation if the request may get through"
	case refusal.Step == browser.StepRequest || refusal.Reason == browser.HeaderNeverExposed:
		return "change the expectation: no rule can meet it"
	case rule < 0:
		return "add a rule that allows it, or change the expectation if the request need not get through"
	default:
		return "change " + cors.Path(rule, "", -1) + ", or the expectation if the request need not get through"
	}
}
