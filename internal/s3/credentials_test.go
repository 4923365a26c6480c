// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bucketcors/bucketcors/internal/bucket"
)

// bareEnvironment hides all credentials that the machine may have.
func bareEnvironment(t *testing.T) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
}

func own(p *bucket.Provider) { p.Credentials = nil }

func TestTheOperatorsOwnCredentialsComeFromTheEnvironment(t *testing.T) {
	bareEnvironment(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDAMBIENT")
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	t.Setenv("AWS_SESSION_TOKEN", "token")
	s := serve(t, okay())
	if err := do(t.Context(), open(t, quick(), at(s.URL, own), bucket.Location{}), getCORS); err != nil {
		t.Fatal(err)
	}
	r := s.received()[0]
	if !strings.Contains(r.header.Get("Authorization"), "Credential=AKIDAMBIENT/") || r.header.Get("X-Amz-Security-Token") != "token" {
		t.Errorf("headers: %v", r.header)
	}
}

// sts answers AssumeRoleWithWebIdentity.
func sts(valid time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>role-token</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>`, time.Now().Add(valid).UTC().Format(time.RFC3339))
	})
}

// stsError refuses in the format of STS.
func stsError(status int, code string) http.Handler {
	return answers(status, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>`+code+
		`</Code><Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>`)
}

// irsa gives the operator a ServiceAccount with a role.
func irsa(t *testing.T, endpoint string) {
	t.Helper()
	bareEnvironment(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("jwt"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/bucketcors")
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ENDPOINT_URL_STS", endpoint)
}

func TestARoleIsAssumedOnceForManyCalls(t *testing.T) {
	// AWS_CA_BUNDLE has to be trusted for STS as well.
	ca := newAuthority(t)
	tokens := serveTLS(t, sts(time.Hour), ca.issue(t, time.Now().Add(time.Hour), "127.0.0.1"))
	irsa(t, tokens.URL)
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(bundle, ca.pem(), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	s := serve(t, okay())
	c := quick()
	for range 3 {
		if err := do(t.Context(), open(t, c, at(s.URL, own), bucket.Location{}), getCORS); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(tokens.received()); n != 1 {
		t.Errorf("%d requests to STS, want 1", n)
	}
	for _, r := range s.received() {
		if !strings.Contains(r.header.Get("Authorization"), "Credential=ASIAROLE/") || r.header.Get("X-Amz-Security-Token") != "role-token" {
			t.Errorf("headers: %v", r.header)
		}
	}
}

// Keys of the operator's own, as they may come with what goes wrong.
const (
	ambientKey    = "AKIAAMBIENTEXAMPLE"
	ambientSecret = "wJalrAmbientSecretEXAMPLEKEY"
)

// profileWith returns a configuration file whose default profile has a setting.
func profileWith(t *testing.T, setting string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte("[default]\n"+setting+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheOperatorsOwnCredentialsAppearInNoError(t *testing.T) {
	const token = "IQoJb3JpZ2luX2VjEXAMPLETOKEN"
	bareEnvironment(t)
	t.Setenv("AWS_ACCESS_KEY_ID", ambientKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", ambientSecret)
	t.Setenv("AWS_SESSION_TOKEN", token)
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s3Answers(400, "MalformedXML", strings.Join([]string{ambientKey, ambientSecret, r.Header.Get("X-Amz-Security-Token")}, " ")).ServeHTTP(w, r)
	}))
	e := failureOf(t, do(t.Context(), open(t, quick(), at(s.URL, own), bucket.Location{}), putCORS))
	for _, text := range []string{e.Message, e.Err.Error()} {
		for _, secret := range []string{ambientKey, ambientSecret, token} {
			if strings.Contains(text, secret) {
				t.Errorf("%s in %s", secret, text)
			}
		}
		if !strings.Contains(text, "[redacted]") {
			t.Errorf("the server's text is missing: %s", text)
		}
	}
}

func TestCredentialsThatCannotBeHad(t *testing.T) {
	const need = "the operator has no credentials of its own: give its ServiceAccount a role (IRSA, Pod Identity), or the provider a Secret"
	for name, tt := range map[string]struct {
		set     func(*testing.T)
		change  func(*bucket.Provider)
		fate    bucket.Fate
		reason  bucket.Reason
		message string
	}{
		"none anywhere": {
			set: func(t *testing.T) {
				bareEnvironment(t)
				t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", serve(t, http.NotFoundHandler()).URL)
			}, change: own,
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: need},
		"none, and the metadata service is switched off": {
			set: func(t *testing.T) {
				bareEnvironment(t)
				t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			}, change: own,
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: need},
		"none, and the metadata service does not answer": {
			set: func(t *testing.T) {
				bareEnvironment(t)
				t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", raw(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }))
			}, change: own,
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: need},
		"empty keys": {set: bareEnvironment, change: func(p *bucket.Provider) { p.Credentials = &bucket.Credentials{} },
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the keys are empty: check the Secret of the provider"},
		"a role that is refused": {
			set: func(t *testing.T) { irsa(t, serve(t, stsError(403, "AccessDenied")).URL) }, change: own,
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the operator is refused its own credentials (AccessDenied): check its role"},
		"STS that throttles": {
			set: func(t *testing.T) { irsa(t, serve(t, stsError(400, "Throttling")).URL) }, change: own,
			fate: bucket.Transient, reason: bucket.Throttled, message: "the service that gives the operator its credentials asks for fewer requests (Throttling)"},
		"STS with a problem": {
			set: func(t *testing.T) { irsa(t, serve(t, stsError(500, "InternalFailure")).URL) }, change: own,
			fate: bucket.Transient, reason: bucket.ServerError, message: "the service that gives the operator its credentials has a problem (InternalFailure)"},
		"STS that is not there": {
			set: func(t *testing.T) { irsa(t, "http://127.0.0.1:1") }, change: own,
			fate: bucket.Transient, reason: bucket.Unreachable, message: "no credentials for the operator: no connection: connection refused"},
		"STS that does not answer": {
			set:    func(t *testing.T) { irsa(t, raw(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })) },
			change: func(p *bucket.Provider) { p.Credentials, p.Timeout = nil, 300*time.Millisecond },
			fate:   bucket.Transient, reason: bucket.Timeout, message: "no credentials for the operator: no answer in time (a call may take 300ms)"},
		"a token that is not there": {
			set: func(t *testing.T) {
				irsa(t, "http://127.0.0.1:1")
				t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/none")
			}, change: own,
			fate: bucket.Refused, reason: bucket.CredentialsInvalid,
			message: "the operator's own credentials cannot be loaded: check the role of its ServiceAccount (IRSA, Pod Identity) and the AWS_ variables of its pod"},
		"a profile that is not there": {
			set: func(t *testing.T) {
				bareEnvironment(t)
				t.Setenv("AWS_PROFILE", "missing")
			}, change: own,
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: `the operator's own credentials cannot be loaded: there is no profile "missing"`},
		"a process whose output is not understood": {
			set: func(t *testing.T) {
				bareEnvironment(t)
				t.Setenv("AWS_CONFIG_FILE", profileWith(t, "credential_process = echo "+ambientKey+" "+ambientSecret))
			}, change: own,
			fate: bucket.Refused, reason: bucket.CredentialsInvalid,
			message: "the operator's own credentials cannot be loaded: check the credential_process of its profile"},
		"a configuration file that cannot be read": {
			set: func(t *testing.T) {
				bareEnvironment(t)
				t.Setenv("AWS_CONFIG_FILE", "/")
			}, change: own,
			fate: bucket.Refused, reason: bucket.CredentialsInvalid,
			message: "the operator's own credentials cannot be loaded: check the file /"},
		"a refusal in place of the role's keys": {
			set: func(t *testing.T) {
				bareEnvironment(t)
				t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", serve(t, answers(400, "no "+ambientSecret)).URL)
			}, change: own,
			fate: bucket.Refused, reason: bucket.CredentialsInvalid,
			message: "the operator is refused its own credentials (no code): check its role"},
		"a refusal with a code in place of the role's keys": {
			set: func(t *testing.T) {
				bareEnvironment(t)
				t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI",
					serve(t, answers(400, `{"code": "Odd", "message": "`+ambientSecret+`"}`, "Content-Type", "application/json")).URL)
			}, change: own,
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the operator is refused its own credentials (Odd): check its role"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.set(t)
			s := serve(t, okay())
			begin := time.Now()
			e := failureOf(t, do(t.Context(), open(t, quick(once), at(s.URL, tt.change), bucket.Location{}), getCORS))
			if got := time.Since(begin); got > 30*time.Second {
				t.Errorf("took %s", got)
			}
			if e.Reason != tt.reason || e.Fate != tt.fate {
				t.Errorf("%s, fate %d; want %s, fate %d", e.Reason, e.Fate, tt.reason, tt.fate)
			}
			if want := fmt.Sprintf("get CORS of bucket %q at %s: %s", "assets", s.URL, tt.message); e.Message != want {
				t.Errorf("message:\n%s\nwant:\n%s\ncause: %v", e.Message, want, e.Err)
			}
			for _, secret := range []string{ambientKey, ambientSecret} {
				if strings.Contains(e.Message+e.Err.Error(), secret) {
					t.Errorf("%s in %s (%v)", secret, e.Message, e.Err)
				}
			}
			if n := len(s.received()); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}

func TestCredentialsThatAppearLaterAreFound(t *testing.T) {
	bareEnvironment(t)
	t.Setenv("AWS_PROFILE", "later")
	s := serve(t, okay())
	b := open(t, quick(), at(s.URL, own), bucket.Location{})
	if e := failureOf(t, do(t.Context(), b, getCORS)); e.Reason != bucket.CredentialsInvalid {
		t.Errorf("%s: %s", e.Reason, e.Message)
	}
	file := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte("[later]\naws_access_key_id=AKIDLATER\naws_secret_access_key=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	if err := do(t.Context(), b, getCORS); err != nil {
		t.Error(err)
	}
}

func TestTheAttemptsForCredentialsAreNotMultiplied(t *testing.T) {
	tokens := serve(t, stsError(500, "InternalFailure"))
	irsa(t, tokens.URL)
	s := serve(t, okay())
	e := failureOf(t, do(t.Context(), open(t, quick(), at(s.URL, own), bucket.Location{}), getCORS))
	if n := len(tokens.received()); n != 3 {
		t.Errorf("%d requests to STS, want 3: %v", n, e)
	}
}
