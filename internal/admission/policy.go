// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"unicode"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/controllers"
)

// PolicyPath is where policies are judged, as the ValidatingWebhookConfiguration
// has it.
const PolicyPath = "/validate-bucketcorspolicy"

// Judge judges policies. It is controllers.Judge, but in tests.
type Judge interface {
	Judge(ctx context.Context, before, policy *s3v1alpha1.BucketCORSPolicy) (controllers.Judgement, error)
}

// NewPolicyWebhook is what the API server asks about policies.
func NewPolicyWebhook(judge Judge) http.Handler {
	return newQueue(&admission.Webhook{Handler: &policyHandler{judge}})
}

// policyHandler answers for policies. An answer that is an error counts as a
// refusal, whatever the failurePolicy is: so it gives none.
type policyHandler struct {
	judge Judge
}

// Handle judges the policy of a request.
func (h *policyHandler) Handle(ctx context.Context, request admission.Request) (response admission.Response) {
	defer func() {
		if cause := recover(); cause != nil {
			logf.FromContext(ctx).Error(fmt.Errorf("panic: %v", cause), "judge a policy", "stack", string(debug.Stack()))
			response = unjudged("a mistake of the operator itself, which its log describes")
		}
	}()
	before, policy, err := toJudge(request)
	if policy == nil && err == nil {
		return admission.Allowed("")
	}
	var judgement controllers.Judgement
	if err == nil {
		judgement, err = h.judge.Judge(ctx, before, policy)
	}
	if err != nil {
		logf.FromContext(ctx).Error(err, "judge a policy")
		return unjudged(err.Error())
	}
	return answer(policy, judgement)
}

// toJudge is the policy that a request wants to store, and the one that it would
// take the place of, if any; no policy where there is nothing to judge: its spec stays
// as it is, or it is going away. The configuration of the webhook does not even ask
// then, if it is ours.
func toJudge(request admission.Request) (before, policy *s3v1alpha1.BucketCORSPolicy, err error) {
	if request.SubResource != "" || request.Operation != admissionv1.Create && request.Operation != admissionv1.Update {
		return nil, nil, nil
	}
	policy = &s3v1alpha1.BucketCORSPolicy{}
	if err := json.Unmarshal(request.Object.Raw, policy); err != nil {
		return nil, nil, fmt.Errorf("read the policy of the request: %w", err)
	}
	if policy.DeletionTimestamp != nil {
		return nil, nil, nil
	}
	if request.Operation == admissionv1.Update {
		before = &s3v1alpha1.BucketCORSPolicy{}
		if err := json.Unmarshal(request.OldObject.Raw, before); err != nil {
			return nil, nil, fmt.Errorf("read the policy before the request: %w", err)
		}
		if equality.Semantic.DeepEqual(before.Spec, policy.Spec) {
			return nil, nil, nil
		}
	}
	return before, policy, nil
}

// answer is a judgement as the API server wants it: a refusal is a Status whose
// causes name the fields, as for one of the schema.
func answer(policy *s3v1alpha1.BucketCORSPolicy, judgement controllers.Judgement) admission.Response {
	response := admission.Allowed("")
	if len(judgement.Refusals) > 0 {
		kind := s3v1alpha1.SchemeGroupVersion.WithKind("BucketCORSPolicy").GroupKind()
		status := apierrors.NewInvalid(kind, policy.Name, judgement.Refusals).Status()
		response.Allowed, response.Result = false, &status
	}
	return response.WithWarnings(judgement.Warnings...)
}

// unjudged lets a policy through. A warning with a line break in it would be dropped.
func unjudged(why string) admission.Response {
	const shown = 200
	why = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(why, "?"), func(r rune) bool { return unicode.IsControl(r) || r == ' ' }), " ")
	if runes := []rune(why); len(runes) > shown {
		why = string(runes[:shown]) + "…"
	}
	return admission.Allowed("").WithWarnings("not judged by bucketcors: " + why)
}
