// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

const (
	roleARN    = "arn:aws:iam::111122223333:role/bucketcors"
	externalID = "partner-of-the-role"
)

// tokenService is an STS that gives out sessions of one role.
type tokenService struct {
	URL string

	mu sync.Mutex
	// base may assume the role.
	base aws.Credentials
	// asked are the forms of the requests that were answered with a session.
	asked []url.Values
	// expired is how many sessions have expired, the oldest first.
	expired int
}

func newTokenService(t *testing.T, base aws.Credentials) *tokenService {
	t.Helper()
	sts := &tokenService{base: base}
	server := httptest.NewServer(sts)
	t.Cleanup(server.Close)
	sts.URL = server.URL
	return sts
}

// session is the n-th one, from 1.
func session(n int) aws.Credentials {
	return aws.Credentials{
		AccessKeyID:     fmt.Sprintf("ASIASESSION%d", n),
		SecretAccessKey: fmt.Sprintf("e2e-session-secret-%d", n),
		SessionToken:    fmt.Sprintf("e2e-session-token-%d", n),
	}
}

func (sts *tokenService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sts.mu.Lock()
	defer sts.mu.Unlock()
	signed := checkSignature(r, sts.base)
	if service := signatureOf(r).service; signed != nil || service != "sts" {
		stsError(w, "SignatureDoesNotMatch", fmt.Sprintf("for %q: %v", service, signed))
		return
	}
	if err := r.ParseForm(); err != nil || r.Form.Get("Action") != "AssumeRole" {
		stsError(w, "InvalidAction", "not AssumeRole")
		return
	}
	if r.Form.Get("RoleArn") != roleARN || r.Form.Get("ExternalId") != externalID {
		stsError(w, "AccessDenied", "User is not authorized to perform: sts:AssumeRole on resource: "+r.Form.Get("RoleArn"))
		return
	}
	sts.asked = append(sts.asked, r.Form)
	given := session(len(sts.asked))
	fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>`, given.AccessKeyID, given.SecretAccessKey, given.SessionToken,
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
}

func stsError(w http.ResponseWriter, code, message string) {
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>`,
		code, message)
}

// sessions are how many were given out.
func (sts *tokenService) sessions() int {
	sts.mu.Lock()
	defer sts.mu.Unlock()
	return len(sts.asked)
}

// expire ends all sessions that were given out.
func (sts *tokenService) expire() {
	sts.mu.Lock()
	defer sts.mu.Unlock()
	sts.expired = len(sts.asked)
}

// admit lets requests of a session through to a server that knows none.
func (sts *tokenService) admit(s *scene) func(*http.Request) error {
	return func(r *http.Request) error {
		sts.mu.Lock()
		defer sts.mu.Unlock()
		for n := range len(sts.asked) {
			if checkSignature(r, session(n+1)) != nil {
				continue
			}
			if n < sts.expired {
				return s3Failure{status: http.StatusBadRequest, code: "ExpiredToken"}
			}
			return signAnew(r, s.storage)
		}
		return s3Failure{status: http.StatusForbidden, code: "InvalidAccessKeyId"}
	}
}

func TestARoleIsAssumedWithTheKeysOfTheSecret(t *testing.T) {
	t.Parallel()
	base := aws.Credentials{AccessKeyID: "role-base", SecretAccessKey: "role-base-secret"}
	sts := newTokenService(t, base)
	for n := range 4 {
		keepSecret(session(n + 1).SecretAccessKey)
		keepSecret(session(n + 1).SessionToken)
	}
	keepSecret(externalID)
	s := newBareScene(t, "role")
	s.createBucket("a")
	s.gateway.prepare(sts.admit(s))
	s.applySecret(base.AccessKeyID, base.SecretAccessKey)
	assume := func(externalID string) {
		s.Helper()
		s.credentials = fmt.Sprintf("{secretRef: {name: role}, assumeRole: {roleARN: %q, externalID: %q, stsEndpoint: %q}}", roleARN, externalID, sts.URL)
		s.applyProvider("")
	}

	assume("of-somebody-else")
	s.apply(s.policyYAML("p", uploads, "", "a"))
	message := s.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonCredentialsInvalid)
	s.expectContains(message, roleARN)
	s.awaitProvider(soon, metav1.ConditionFalse, s3v1alpha1.ReasonCredentialsInvalid, 1)
	if n := sts.sessions(); n > 0 {
		t.Fatalf("%d sessions for another external id", n)
	}

	assume(externalID)
	s.awaitReady("p")
	s.expectLive("a", uploadsConfiguration())
	s.awaitProvider(soon, metav1.ConditionTrue, s3v1alpha1.ReasonReady, 1)
	// One session is enough for the policy, its provider and all looks.
	s.awaitCount(nextLook, http.MethodGet, 2)
	if n := sts.sessions(); n != 1 {
		t.Errorf("%d sessions", n)
	}
	for _, seen := range s.gateway.exchanges() {
		if seen.accessKeyID != session(1).AccessKeyID {
			t.Errorf("not signed by the role: %+v", seen)
		}
	}

	// A session that ends too early is replaced at once, and nobody notices.
	since := s.policy("p").ResourceVersion
	sts.expire()
	before := s.gateway.count(http.MethodGet)
	s.awaitCount(2*nextLook, http.MethodGet, before+3)
	if n := sts.sessions(); n != 2 {
		t.Errorf("%d sessions after the first has expired", n)
	}
	s.awaitReady("p")
	if now := s.policy("p").ResourceVersion; now != since {
		t.Error("the status of the policy tells of an expired session")
	}
}
