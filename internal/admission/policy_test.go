// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/controllers"
	"github.com/bucketcors/bucketcors/internal/admission"
)

// judgeFunc judges as it is told.
type judgeFunc func(policy *s3v1alpha1.BucketCORSPolicy) (controllers.Judgement, error)

func (f judgeFunc) Judge(_ context.Context, _, policy *s3v1alpha1.BucketCORSPolicy) (controllers.Judgement, error) {
	return f(policy)
}

// aPolicy is one that names a bucket.
func aPolicy(bucket string, change func(*s3v1alpha1.BucketCORSPolicy)) *s3v1alpha1.BucketCORSPolicy {
	policy := &s3v1alpha1.BucketCORSPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "web"},
		Spec:       s3v1alpha1.BucketCORSPolicySpec{Buckets: []s3v1alpha1.BucketReference{{Name: bucket}}},
	}
	if change != nil {
		change(policy)
	}
	return policy
}

// raw is an object as a request has it.
func raw(t *testing.T, object any) runtime.RawExtension {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return runtime.RawExtension{Raw: text}
}

// ask sends a request as the API server does.
func ask(t *testing.T, judge admission.Judge, request admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	t.Helper()
	request.UID = "1234"
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: &request,
	})
	if err != nil {
		t.Fatal(err)
	}
	sent := httptest.NewRequestWithContext(t.Context(), http.MethodPost, admission.PolicyPath, bytes.NewReader(body))
	sent.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	admission.NewPolicyWebhook(judge).ServeHTTP(recorder, sent)
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &review); err != nil {
		t.Fatalf("%v: %s", err, recorder.Body)
	}
	if recorder.Code != http.StatusOK || review.Response == nil || review.Response.UID != "1234" {
		t.Fatalf("status %d: %s", recorder.Code, recorder.Body)
	}
	return review.Response
}

func TestARefusalNamesTheFields(t *testing.T) {
	judge := judgeFunc(func(*s3v1alpha1.BucketCORSPolicy) (controllers.Judgement, error) {
		return controllers.Judgement{
			Refusals: field.ErrorList{field.Invalid(field.NewPath("spec", "rules").Index(2).Child("allowedOrigins").Index(0), field.OmitValueType{}, "no")},
			Warnings: []string{"and mind this"},
		}, nil
	})
	response := ask(t, judge, admissionv1.AdmissionRequest{Operation: admissionv1.Create, Object: raw(t, aPolicy("assets", nil))})
	result := response.Result
	if response.Allowed || result == nil || result.Code != http.StatusUnprocessableEntity || result.Reason != metav1.StatusReasonInvalid {
		t.Fatalf("got %+v", response)
	}
	if d := result.Details; d == nil || d.Kind != "BucketCORSPolicy" || d.Name != "web" || len(d.Causes) != 1 || d.Causes[0].Field != "spec.rules[2].allowedOrigins[0]" {
		t.Errorf("got %+v", result.Details)
	}
	if !slices.Equal(response.Warnings, []string{"and mind this"}) {
		t.Errorf("got %q", response.Warnings)
	}
}

func TestOnlyPoliciesThatGetANewSpecAreJudged(t *testing.T) {
	leaving := func(policy *s3v1alpha1.BucketCORSPolicy) {
		policy.Finalizers, policy.DeletionTimestamp = []string{"s3.bucketcors.dev/finalizer"}, new(metav1.Now())
	}
	labelled := func(policy *s3v1alpha1.BucketCORSPolicy) {
		policy.Labels, policy.Finalizers = map[string]string{"a": "b"}, []string{"c"}
	}
	for name, tt := range map[string]struct {
		operation   admissionv1.Operation
		subresource string
		before      *s3v1alpha1.BucketCORSPolicy
		after       *s3v1alpha1.BucketCORSPolicy
		judged      bool
	}{
		"one that is new":              {operation: admissionv1.Create, after: aPolicy("assets", nil), judged: true},
		"one with another spec":        {operation: admissionv1.Update, before: aPolicy("assets", nil), after: aPolicy("logs", nil), judged: true},
		"one with other labels":        {operation: admissionv1.Update, before: aPolicy("assets", nil), after: aPolicy("assets", labelled)},
		"one that is going away":       {operation: admissionv1.Update, before: aPolicy("assets", leaving), after: aPolicy("logs", leaving)},
		"one that is deleted":          {operation: admissionv1.Delete, before: aPolicy("assets", nil)},
		"the status of one":            {operation: admissionv1.Update, subresource: "status", before: aPolicy("assets", nil), after: aPolicy("logs", nil)},
		"an operation that nobody has": {operation: "EXPLODE", after: aPolicy("assets", nil)},
	} {
		t.Run(name, func(t *testing.T) {
			judged := false
			judge := judgeFunc(func(policy *s3v1alpha1.BucketCORSPolicy) (controllers.Judgement, error) {
				judged = true
				if policy.Namespace != "team-a" || policy.Spec.Buckets[0].Name != tt.after.Spec.Buckets[0].Name {
					t.Errorf("judged %+v", policy)
				}
				return controllers.Judgement{}, nil
			})
			request := admissionv1.AdmissionRequest{Operation: tt.operation, SubResource: tt.subresource}
			if tt.after != nil {
				request.Object = raw(t, tt.after)
			}
			if tt.before != nil {
				request.OldObject = raw(t, tt.before)
			}
			if response := ask(t, judge, request); !response.Allowed || len(response.Warnings) > 0 {
				t.Errorf("got %+v", response)
			}
			if judged != tt.judged {
				t.Errorf("judged: %t", judged)
			}
		})
	}
}

func TestWhatCannotBeJudgedIsLetThroughWithAWarning(t *testing.T) {
	fine := raw(t, aPolicy("assets", nil))
	panics := judgeFunc(func(*s3v1alpha1.BucketCORSPolicy) (controllers.Judgement, error) { panic("oh") })
	fails := judgeFunc(func(*s3v1alpha1.BucketCORSPolicy) (controllers.Judgement, error) {
		return controllers.Judgement{}, errors.New(strings.Repeat("the cache is not there ", 100))
	})
	breaks := judgeFunc(func(*s3v1alpha1.BucketCORSPolicy) (controllers.Judgement, error) {
		return controllers.Judgement{}, errors.New("first\r\n\tsecond \xff third\x00")
	})
	for name, tt := range map[string]struct {
		judge   admission.Judge
		request admissionv1.AdmissionRequest
		warning string
	}{
		"a mistake of the operator":     {panics, admissionv1.AdmissionRequest{Operation: admissionv1.Create, Object: fine}, "a mistake of the operator itself"},
		"a cluster that cannot be read": {fails, admissionv1.AdmissionRequest{Operation: admissionv1.Create, Object: fine}, "the cache is not there"},
		"an error with line breaks":     {breaks, admissionv1.AdmissionRequest{Operation: admissionv1.Create, Object: fine}, "first second ? third"},
		"an object that is none":        {fails, admissionv1.AdmissionRequest{Operation: admissionv1.Create, Object: runtime.RawExtension{Raw: []byte(`{"spec": 7}`)}}, "read the policy of the request"},
		"an old object that is none":    {fails, admissionv1.AdmissionRequest{Operation: admissionv1.Update, Object: fine, OldObject: runtime.RawExtension{Raw: []byte(`[]`)}}, "read the policy before the request"},
	} {
		t.Run(name, func(t *testing.T) {
			response := ask(t, tt.judge, tt.request)
			if !response.Allowed || len(response.Warnings) != 1 {
				t.Fatalf("got %+v", response)
			}
			if warning := response.Warnings[0]; !strings.HasPrefix(warning, "not judged by bucketcors: "+tt.warning) || len([]rune(warning)) > 256 || strings.ContainsFunc(warning, unicode.IsControl) {
				t.Errorf("got %q", warning)
			}
		})
	}
}

// reviewOf is the body of a request about a new policy.
func reviewOf(t *testing.T, policy *s3v1alpha1.BucketCORSPolicy) []byte {
	t.Helper()
	return raw(t, admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request:  &admissionv1.AdmissionRequest{UID: "1", Operation: admissionv1.Create, Object: raw(t, policy)},
	}).Raw
}

// untouched is a body that nobody reads.
type untouched struct{ testing.TB }

func (b untouched) Read([]byte) (int, error) {
	b.Error("a request was read before its turn")
	return 0, io.EOF
}

func TestNobodyWaitsForeverForAJudgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const atOnce = 5 // a large one, and four small ones
		hold, held := make(chan struct{}), make(chan struct{}, 100)
		webhook := admission.NewPolicyWebhook(judgeFunc(func(*s3v1alpha1.BucketCORSPolicy) (controllers.Judgement, error) {
			held <- struct{}{}
			<-hold
			return controllers.Judgement{}, nil
		}))
		serve := func(ctx context.Context, body io.Reader, size int) *httptest.ResponseRecorder {
			request := httptest.NewRequestWithContext(ctx, http.MethodPost, admission.PolicyPath, body)
			request.ContentLength = int64(size)
			request.Header.Set("Content-Type", "application/json")
			recorder := httptest.NewRecorder()
			webhook.ServeHTTP(recorder, request)
			return recorder
		}
		small := reviewOf(t, aPolicy("assets", nil))
		large := append(bytes.Clone(small), bytes.Repeat([]byte(" "), 300<<10)...)
		ended := make(chan int)
		begin := func(body []byte) {
			go func() { ended <- serve(t.Context(), bytes.NewReader(body), len(body)).Code }()
			<-held
		}
		begin(large)
		if got := serve(t.Context(), untouched{t}, -1); got.Code != http.StatusServiceUnavailable {
			t.Errorf("of unknown size, beside a large one: got %d", got.Code)
		}
		for range atOnce - 1 {
			begin(small)
		}
		for what, size := range map[string]int{"small": 1000, "large": len(large), "of unknown size": -1} {
			began := time.Now()
			if got := serve(t.Context(), untouched{t}, size); got.Code != http.StatusServiceUnavailable || !strings.Contains(got.Body.String(), "too many policies") {
				t.Errorf("%s: got %d: %s", what, got.Code, got.Body)
			}
			if waited := time.Since(began); waited < 3*time.Second || waited >= 5*time.Second {
				t.Errorf("%s: it waited %s, and the API server 5s", what, waited)
			}
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if got := serve(gone, untouched{t}, 1000); got.Code != http.StatusServiceUnavailable {
			t.Errorf("got %d", got.Code)
		}
		close(hold)
		for range atOnce {
			if code := <-ended; code != http.StatusOK {
				t.Errorf("one whose turn it was got %d", code)
			}
		}
		for _, body := range [][]byte{small, large} {
			if code := serve(t.Context(), bytes.NewReader(body), len(body)).Code; code != http.StatusOK {
				t.Errorf("afterwards: %d", code)
			}
		}
	})
}

// waits judges until nobody waits any more.
type waits struct{}

func (waits) Judge(ctx context.Context, _, _ *s3v1alpha1.BucketCORSPolicy) (controllers.Judgement, error) {
	<-ctx.Done()
	return controllers.Judgement{}, errors.New("that takes too long")
}

func TestAJudgementHasLessTimeThanTheAPIServerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		response := ask(t, waits{}, admissionv1.AdmissionRequest{Operation: admissionv1.Create, Object: raw(t, aPolicy("assets", nil))})
		if !response.Allowed || !slices.Equal(response.Warnings, []string{"not judged by bucketcors: that takes too long"}) {
			t.Errorf("got %+v", response)
		}
		if took := time.Since(began); took < 3*time.Second || took >= 5*time.Second {
			t.Errorf("it took %s, and the API server waits 5s", took)
		}
	})
}

func TestARequestThatComesInSlowlyKeepsNoTurn(t *testing.T) {
	server := httptest.NewServer(admission.NewPolicyWebhook(judgeFunc(func(*s3v1alpha1.BucketCORSPolicy) (controllers.Judgement, error) {
		return controllers.Judgement{}, nil
	})))
	t.Cleanup(server.Close)
	for range 4 {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = connection.Close() })
		if _, err := fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", admission.PolicyPath); err != nil {
			t.Fatal(err)
		}
	}
	for attempt := range 3 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+admission.PolicyPath, bytes.NewReader(reviewOf(t, aPolicy("assets", nil))))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return
		}
		t.Logf("attempt %d: %s", attempt, response.Status)
	}
	t.Error("four connections that say nothing keep the webhook from everybody else")
}

func TestThePolicyBeforeIsJudgedWithAChange(t *testing.T) {
	judge := judgeBoth(func(before, policy *s3v1alpha1.BucketCORSPolicy) {
		if before == nil || before.Spec.Buckets[0].Name != "assets" || policy.Spec.Buckets[0].Name != "logs" {
			t.Errorf("judged %+v and %+v", before, policy)
		}
	})
	ask(t, judge, admissionv1.AdmissionRequest{Operation: admissionv1.Update, OldObject: raw(t, aPolicy("assets", nil)), Object: raw(t, aPolicy("logs", nil))})
	judge = func(before, _ *s3v1alpha1.BucketCORSPolicy) {
		if before != nil {
			t.Errorf("a new policy came after %+v", before)
		}
	}
	ask(t, judge, admissionv1.AdmissionRequest{Operation: admissionv1.Create, OldObject: runtime.RawExtension{}, Object: raw(t, aPolicy("logs", nil))})
}

// judgeBoth is told of a policy and the one before.
type judgeBoth func(before, policy *s3v1alpha1.BucketCORSPolicy)

func (f judgeBoth) Judge(_ context.Context, before, policy *s3v1alpha1.BucketCORSPolicy) (controllers.Judgement, error) {
	f(before, policy)
	return controllers.Judgement{}, nil
}
