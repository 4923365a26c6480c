// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/bucketcors/bucketcors/internal/bucket"
)

const (
	roleARN    = "arn:aws:iam::111122223333:role/uploads"
	externalID = "partner-7c1f"
)

// stsSecret and stsToken are of the credentials that fakeSTS gives the n-th time.
func stsSecret(n int) string { return fmt.Sprint("roleSecretEXAMPLEKEY", n) }
func stsToken(n int) string  { return fmt.Sprint("roleTokenEXAMPLE", n) }

// fakeSTS gives credentials, others each time, to requests to assume the role
// that are signed.
func fakeSTS(valid time.Duration) http.Handler {
	var mu sync.Mutex
	given := 0
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !signedForSTS.MatchString(r.Header.Get("Authorization")) || r.Header.Get("X-Amz-Date") == "" {
			stsError(403, "MissingAuthenticationToken").ServeHTTP(w, r)
			return
		}
		mu.Lock()
		given++
		n := given
		mu.Unlock()
		_, _ = fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<Credentials><AccessKeyId>ASIAROLE%d</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials>
<AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/uploads/s</Arn><AssumedRoleId>AROA:s</AssumedRoleId></AssumedRoleUser>
</AssumeRoleResult></AssumeRoleResponse>`, n, stsSecret(n), stsToken(n), time.Now().Add(valid).UTC().Format(time.RFC3339))
	})
}

var signedForSTS = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/[^/]+/sts/aws4_request, SignedHeaders=[^,]*\bhost\b[^,]*, Signature=[0-9a-f]{64}$`)

// assuming has a provider assume the role at an STS, with the external id.
func assuming(endpoint string) func(*bucket.Provider) {
	return func(p *bucket.Provider) {
		p.AssumeRole = &bucket.AssumeRole{RoleARN: roleARN, ExternalID: externalID, STSEndpoint: endpoint}
	}
}

// signer returns the access key and the session token of a request.
func signer(r request) (key, token string) {
	_, rest, _ := strings.Cut(r.header.Get("Authorization"), "Credential=")
	key, _, _ = strings.Cut(rest, "/")
	return key, r.header.Get("X-Amz-Security-Token")
}

func TestARoleSignsTheRequestsToTheService(t *testing.T) {
	ca := newAuthority(t)
	certificate := ca.issue(t, time.Now().Add(time.Hour), "127.0.0.1")
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(bundle, ca.pem(), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		serve  func(*testing.T, http.Handler) *fakeServer
		set    func(*testing.T)
		change func(*bucket.Provider)
		key    string // that asks for the role
		token  string
		form   url.Values // beside what is always there
		path   string
		region string
	}{
		"with the keys of a Secret": {key: accessKey, form: url.Values{"ExternalId": {externalID}}},
		"with temporary keys of a Secret": {
			change: func(p *bucket.Provider) { p.Credentials.SessionToken = "t0ken" },
			key:    accessKey, token: "t0ken", form: url.Values{"ExternalId": {externalID}}},
		"with the operator's own credentials": {
			set: func(t *testing.T) {
				t.Setenv("AWS_ACCESS_KEY_ID", ambientKey)
				t.Setenv("AWS_SECRET_ACCESS_KEY", ambientSecret)
			}, change: own, key: ambientKey, form: url.Values{"ExternalId": {externalID}}},
		"without an external id": {change: func(p *bucket.Provider) { p.AssumeRole.ExternalID = "" }, key: accessKey},
		"at an endpoint with a path": {
			change: func(p *bucket.Provider) { p.AssumeRole.STSEndpoint += "/sts/" },
			key:    accessKey, form: url.Values{"ExternalId": {externalID}}, path: "/sts"},
		"at an endpoint and without a region": {
			change: func(p *bucket.Provider) { p.Region = "" },
			key:    accessKey, form: url.Values{"ExternalId": {externalID}}, region: "us-east-1"},
		"with the certificates of the provider": {
			serve:  func(t *testing.T, h http.Handler) *fakeServer { return serveTLS(t, h, certificate) },
			change: func(p *bucket.Provider) { p.CABundle = ca.pem() },
			key:    accessKey, form: url.Values{"ExternalId": {externalID}}},
		"with the certificates of the environment": {
			serve: func(t *testing.T, h http.Handler) *fakeServer { return serveTLS(t, h, certificate) },
			set:   func(t *testing.T) { t.Setenv("AWS_CA_BUNDLE", bundle) },
			key:   accessKey, form: url.Values{"ExternalId": {externalID}}},
		"wherever the environment points": {
			set: func(t *testing.T) {
				t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
				t.Setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
				t.Setenv("AWS_REGION", "us-west-2")
			}, key: accessKey, form: url.Values{"ExternalId": {externalID}}},
	} {
		t.Run(name, func(t *testing.T) {
			bareEnvironment(t)
			if tt.set != nil {
				tt.set(t)
			}
			start := serve
			if tt.serve != nil {
				start = tt.serve
			}
			tokens, s := start(t, fakeSTS(time.Hour)), serve(t, okay())
			p := at(s.URL, assuming(tokens.URL))
			if tt.change != nil {
				tt.change(&p)
			}
			b := open(t, quick(), p, bucket.Location{Region: "bucket-1"})
			for range 2 {
				if err := do(t.Context(), b, getCORS); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(tokens.received()); n != 1 {
				t.Fatalf("%d requests to STS, want 1", n)
			}
			asked := tokens.received()[0]
			if key, token := signer(asked); key != tt.key || token != tt.token || asked.header.Get("X-Amz-Date") == "" {
				t.Errorf("the role was asked for by %s with token %q: %v", key, token, asked.header)
			}
			if scope := "/" + cmp.Or(tt.region, "eu-west-1") + "/sts/aws4_request"; !strings.Contains(asked.header.Get("Authorization"), scope) {
				t.Errorf("signed as %s, want %s", asked.header.Get("Authorization"), scope)
			}
			if !strings.Contains(asked.header.Get("User-Agent"), "bucketcors/v1.2.3") {
				t.Errorf("User-Agent: %s", asked.header.Get("User-Agent"))
			}
			want := url.Values{
				"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {roleARN},
				"RoleSessionName": {"bucketcors-test"}, "DurationSeconds": {"3600"},
			}
			maps.Copy(want, tt.form)
			if got, err := url.ParseQuery(asked.body); err != nil || !maps.EqualFunc(got, want, slices.Equal) {
				t.Errorf("asked for %v (%v), want %v", got, err, want)
			}
			if asked.method != http.MethodPost || asked.path != cmp.Or(tt.path, "/") {
				t.Errorf("%s %s", asked.method, asked.path)
			}
			for _, r := range s.received() {
				if key, token := signer(r); key != "ASIAROLE1" || token != stsToken(1) {
					t.Errorf("the service was asked by %s with token %q", key, token)
				}
			}
		})
	}
}

func TestTheSTSOfAWSIsThatOfTheRegion(t *testing.T) {
	for region, want := range map[string]string{
		"eu-west-1":     "sts.eu-west-1.amazonaws.com",
		"us-east-1":     "sts.us-east-1.amazonaws.com",
		"cn-north-1":    "sts.cn-north-1.amazonaws.com.cn",
		"us-gov-west-1": "sts.us-gov-west-1.amazonaws.com",
	} {
		t.Run(region, func(t *testing.T) {
			bareEnvironment(t)
			t.Setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
			ca := newAuthority(t)
			s := serveTLS(t, fakeSTS(time.Hour), ca.issue(t, time.Now().Add(time.Hour), want))
			var dialed []string
			c := quick()
			c.dial = dialTo(s, &dialed)
			p := at("", assuming(""), func(p *bucket.Provider) { p.Region, p.CABundle = region, ca.pem() })
			if err := c.Check(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(dialed, []string{want + ":443"}) {
				t.Errorf("dialed %q", dialed)
			}
			if got := s.received()[0].header.Get("Authorization"); !strings.Contains(got, "/"+region+"/sts/") {
				t.Errorf("signed as %s", got)
			}
		})
	}
}

func TestTheNameOfASessionTellsTheProvider(t *testing.T) {
	valid := regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	for name, want := range map[string]string{
		"default":                "bucketcors-default",
		"eu.example.com":         "bucketcors-eu.example.com",
		"":                       "bucketcors-",
		"a b/ü:c":                "bucketcors-a-b---c",
		strings.Repeat("x", 253): "bucketcors-" + strings.Repeat("x", 53),
	} {
		if got := sessionName(name); got != want || !valid.MatchString(got) {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func TestManyCallsAtATimeAssumeARoleOnce(t *testing.T) {
	tokens, s := serve(t, fakeSTS(time.Hour)), serve(t, okay())
	c := quick()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			b, err := c.Open(t.Context(), at(s.URL, assuming(tokens.URL)), bucket.Location{Name: fmt.Sprint("b", i)})
			if err == nil {
				err = do(t.Context(), b, getCORS)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(tokens.received()); n != 1 {
		t.Errorf("%d requests to STS, want 1", n)
	}
}

func TestACallThatIsCancelledDoesNotTakeTheRoleFromOthers(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	give := fakeSTS(time.Hour)
	tokens := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-answer
		give.ServeHTTP(w, r)
	}))
	s := serve(t, okay())
	b := open(t, quick(), at(s.URL, assuming(tokens.URL)), bucket.Location{})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() { first <- do(ctx, b, getCORS) }()
	select {
	case <-arrived:
	case err := <-first:
		t.Fatalf("STS was not asked: %v", err)
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first call: %v", err)
	}
	close(answer)
	if err := do(t.Context(), b, getCORS); err != nil {
		t.Error(err)
	}
	if n := len(tokens.received()); n != 1 {
		t.Errorf("%d requests to STS, want 1", n)
	}
}

func TestARoleIsNotCountedByTheLimitOfTheService(t *testing.T) {
	tokens := serve(t, fakeSTS(time.Hour))
	p := at("https://s3.internal", assuming(tokens.URL), func(p *bucket.Provider) { p.RequestsPerSecond = 1 })
	c := quick(within(5 * time.Second))
	open(t, c, p, bucket.Location{})
	exhaust(t, c, p)
	if err := c.Check(t.Context(), p); err != nil {
		t.Error(err)
	}
	if n := len(tokens.received()); n != 1 {
		t.Errorf("%d requests to STS, want 1", n)
	}
}

func TestARoleIsAssumedAnewBeforeItsCredentialsExpire(t *testing.T) {
	for valid, want := range map[time.Duration]int{renewBefore + time.Minute: 1, renewBefore - time.Minute: 3} {
		tokens, s := serve(t, fakeSTS(valid)), serve(t, okay())
		b := open(t, quick(), at(s.URL, assuming(tokens.URL)), bucket.Location{})
		for range 3 {
			if err := do(t.Context(), b, getCORS); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(tokens.received()); n != want {
			t.Errorf("valid for %s: %d requests to STS, want %d", valid, n, want)
		}
		if key, _ := signer(s.received()[2]); key != fmt.Sprint("ASIAROLE", want) {
			t.Errorf("valid for %s: the last call is signed by %s", valid, key)
		}
	}
}

func TestABadMomentOfSTSHoldsUpNothingWhileThereAreCredentials(t *testing.T) {
	for name, tt := range map[string]struct {
		valid  time.Duration // of the first credentials
		answer http.Handler  // from the second time on
		want   bool
	}{
		"a problem of its own":                   {renewBefore - time.Minute, stsError(500, "InternalFailure"), true},
		"throttling":                             {renewBefore - time.Minute, stsError(400, "Throttling"), true},
		"a problem, and the credentials expired": {-time.Minute, stsError(500, "InternalFailure"), false},
		"a refusal":                              {renewBefore - time.Minute, stsError(403, "AccessDenied"), false},
	} {
		t.Run(name, func(t *testing.T) {
			first, give := true, fakeSTS(tt.valid)
			tokens := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if first {
					first = false
					give.ServeHTTP(w, r)
					return
				}
				tt.answer.ServeHTTP(w, r)
			}))
			s := serve(t, okay())
			b := open(t, quick(once), at(s.URL, assuming(tokens.URL)), bucket.Location{})
			if err := do(t.Context(), b, getCORS); err != nil {
				t.Fatal(err)
			}
			for i := range 2 {
				if err := do(t.Context(), b, getCORS); (err == nil) != tt.want {
					t.Fatalf("call %d: %v", i, err)
				}
				if n := len(tokens.received()); n != 2+i {
					t.Errorf("%d requests to STS, want %d", n, 2+i)
				}
			}
		})
	}
}

func TestNewKeysAssumeTheRoleAnew(t *testing.T) {
	tokens, s := serve(t, fakeSTS(time.Hour)), serve(t, okay())
	c := quick()
	for _, key := range []string{accessKey, accessKey, "AKIDROTATED"} {
		p := at(s.URL, assuming(tokens.URL), func(p *bucket.Provider) { p.Credentials.AccessKeyID = key })
		if err := do(t.Context(), open(t, c, p, bucket.Location{}), getCORS); err != nil {
			t.Fatal(err)
		}
	}
	var asked, signed []string
	for _, r := range tokens.received() {
		key, _ := signer(r)
		asked = append(asked, key)
	}
	for _, r := range s.received() {
		key, _ := signer(r)
		signed = append(signed, key)
	}
	if !slices.Equal(asked, []string{accessKey, "AKIDROTATED"}) || !slices.Equal(signed, []string{"ASIAROLE1", "ASIAROLE1", "ASIAROLE2"}) {
		t.Errorf("the role was asked for by %q, the calls signed by %q", asked, signed)
	}
}

// refusing answers with a code those whom a function picks, and all others as
// h does.
func refusing(code string, pick func(request) bool, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if pick(request{header: r.Header}) {
			s3Answers(400, code, "").ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func signedBy(want string) func(request) bool {
	return func(r request) bool {
		key, _ := signer(r)
		return key == want
	}
}

func TestOutdatedCredentialsOfARoleAreReplacedAtOnce(t *testing.T) {
	for _, code := range []string{"ExpiredToken", "TokenRefreshRequired", "InvalidToken", "InvalidAccessKeyId", "InvalidTokenId"} {
		t.Run(code, func(t *testing.T) {
			tokens := serve(t, fakeSTS(time.Hour))
			s := serve(t, refusing(code, signedBy("ASIAROLE1"), okay()))
			b := open(t, quick(), at(s.URL, assuming(tokens.URL)), bucket.Location{})
			for _, op := range []operation{putCORS, getCORS} {
				if err := do(t.Context(), b, op); err != nil {
					t.Fatal(err)
				}
			}
			if n, m := len(tokens.received()), len(s.received()); n != 2 || m != 3 {
				t.Errorf("%d requests to STS, %d to the service; want 2 and 3", n, m)
			}
		})
	}
	t.Run("and not for ever", func(t *testing.T) {
		tokens := serve(t, fakeSTS(time.Hour))
		s := serve(t, s3Answers(400, "ExpiredToken", ""))
		e := failureOf(t, do(t.Context(), open(t, quick(), at(s.URL, assuming(tokens.URL)), bucket.Location{}), getCORS))
		if want := "the session token has expired (ExpiredToken): check that the service takes what STS gives for role " + roleARN; e.Reason != bucket.CredentialsInvalid || !strings.HasSuffix(e.Message, want) {
			t.Errorf("%s: %s", e.Reason, e.Message)
		}
		if n, m := len(tokens.received()), len(s.received()); n != 2 || m != 2 {
			t.Errorf("%d requests to STS, %d to the service; want 2 and 2", n, m)
		}
	})
	t.Run("by those who find it out late, too", func(t *testing.T) {
		tokens := serve(t, fakeSTS(time.Hour))
		var late sync.WaitGroup
		late.Add(10)
		s := serve(t, refusing("ExpiredToken", func(r request) bool {
			if !signedBy("ASIAROLE1")(r) {
				return false
			}
			late.Done()
			late.Wait() // until all ten have been signed by the first
			return true
		}, okay()))
		b := open(t, quick(), at(s.URL, assuming(tokens.URL)), bucket.Location{})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if err := do(t.Context(), b, getCORS); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := len(s.received()); n != 20 {
			t.Errorf("%d requests to the service, want 20", n)
		}
	})
}

// keeper is a source of credentials that gives the same until it is told not to.
type keeper struct{ dropped int }

func (k *keeper) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: fmt.Sprint("ASIA", k.dropped), SecretAccessKey: "s"}, nil
}

func (k *keeper) Invalidate() { k.dropped++ }

func TestCredentialsThatAreNewerThanTheOutdatedOnesAreKept(t *testing.T) {
	var k keeper
	source := &credentialsSource{provider: &k}
	first, err := source.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if !source.renew(&first) {
			t.Error("no other attempt")
		}
		if _, err := source.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if k.dropped != 1 {
		t.Errorf("dropped %d times, want once", k.dropped)
	}
}

func TestOutdatedCredentialsOfTheOperatorAreReadAnew(t *testing.T) {
	bareEnvironment(t)
	file := filepath.Join(t.TempDir(), "credentials")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	write := func(key string) {
		if err := os.WriteFile(file, []byte("[default]\naws_access_key_id="+key+"\naws_secret_access_key=x\naws_session_token=t\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expired := func(r request) bool { return signedBy("AKIDOLD")(r) }
	write("AKIDFIRST")
	t.Run("by the service", func(t *testing.T) {
		s := serve(t, refusing("ExpiredToken", expired, okay()))
		write("AKIDOLD")
		b := open(t, quick(), at(s.URL, own), bucket.Location{})
		if e := failureOf(t, do(t.Context(), b, getCORS)); e.Reason != bucket.CredentialsInvalid || !strings.Contains(e.Message, "expired") {
			t.Errorf("%s: %s", e.Reason, e.Message)
		}
		write("AKIDNEW")
		if err := do(t.Context(), b, getCORS); err != nil {
			t.Error(err)
		}
	})
	t.Run("by STS", func(t *testing.T) {
		tokens := serve(t, refusing("ExpiredToken", expired, fakeSTS(time.Hour)))
		write("AKIDOLD")
		c, p := quick(), at("https://s3.internal", own, assuming(tokens.URL))
		if e := failureOf(t, c.Check(t.Context(), p)); e.Reason != bucket.CredentialsInvalid || !strings.Contains(e.Message, "expired") {
			t.Errorf("%s: %s", e.Reason, e.Message)
		}
		write("AKIDNEW")
		if err := c.Check(t.Context(), p); err != nil {
			t.Error(err)
		}
	})
}

func TestRolesThatCannotBeAssumed(t *testing.T) {
	const (
		refused = "role " + roleARN + " is refused (AccessDenied): check its trust policy, the external id and the permission sts:AssumeRole"
		secret  = "check the Secret of the provider"
	)
	text := func(status int, code, message string) http.Handler {
		return answers(status, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>`+code+
			`</Code><Message>`+message+`</Message></Error><RequestId>r</RequestId></ErrorResponse>`)
	}
	hang := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	for name, tt := range map[string]struct {
		answer   http.Handler
		endpoint func(*testing.T) string // in place of answer
		change   func(*bucket.Provider)
		fate     bucket.Fate
		reason   bucket.Reason
		message  string
		base     bool // the message is not about STS
	}{
		"access denied": {answer: text(403, "AccessDenied", "User: arn:aws:sts::1:assumed-role/x/1234567 is not authorized to perform: sts:AssumeRole"),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: refused},
		"access denied in the format of S3": {answer: s3Answers(403, "AccessDenied", "no"),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: refused},
		"an unknown access key": {answer: stsError(403, "InvalidClientTokenId"),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the server does not know the access key (InvalidClientTokenId): " + secret},
		"a wrong secret key": {answer: stsError(403, "SignatureDoesNotMatch"),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the secret key does not belong to the access key (SignatureDoesNotMatch): " + secret},
		"an expired token": {answer: stsError(403, "ExpiredToken"),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the session token has expired (ExpiredToken): " + secret},
		"an expired token, by its other name": {answer: stsError(400, "ExpiredTokenException"),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the session token has expired (ExpiredTokenException): " + secret},
		"401 without more": {answer: answers(401, ""),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the credentials are not accepted (HTTP status 401): " + secret},
		"clocks that differ": {answer: text(403, "SignatureDoesNotMatch", "Signature expired: 20260101T000000Z is now earlier than 20260101T001500Z"),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the clocks differ too much (SignatureDoesNotMatch): set the clock of the operator's node or of the server"},
		"a value that will not do": {answer: text(400, "ValidationError", "Value '"+externalID+"' at 'externalId' is no good"),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "role " + roleARN + " is refused (ValidationError): Value '[redacted]' at 'externalId' is no good"},
		"a region that is not activated": {answer: stsError(403, "RegionDisabledException"),
			fate: bucket.Refused, reason: bucket.InvalidEndpoint, message: "it is not activated (RegionDisabledException): activate it in the account, or set stsEndpoint to that of another region"},

		"throttling": {answer: stsError(400, "Throttling"),
			fate: bucket.Transient, reason: bucket.Throttled, message: "the server asks for fewer requests (Throttling)"},
		"429": {answer: answers(429, ""),
			fate: bucket.Transient, reason: bucket.Throttled, message: "the server asks for fewer requests (HTTP status 429)"},
		"503 of a proxy": {answer: answers(503, "<html>upstream</html>"),
			fate: bucket.Transient, reason: bucket.Throttled, message: "the server is overloaded or not there (HTTP status 503)"},
		"an internal failure": {answer: stsError(500, "InternalFailure"),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the server has a problem of its own (InternalFailure)"},
		"504 of a proxy": {answer: answers(504, ""),
			fate: bucket.Transient, reason: bucket.Timeout, message: "the server or a proxy gave up waiting (HTTP status 504)"},
		"nobody there": {endpoint: func(*testing.T) string { return "http://127.0.0.1:1" },
			fate: bucket.Transient, reason: bucket.Unreachable, message: "no connection: connection refused"},
		"no answer": {endpoint: func(t *testing.T) string { return raw(t, hang) },
			change: func(p *bucket.Provider) { p.Timeout = 2 * time.Second },
			fate:   bucket.Transient, reason: bucket.Timeout, message: "no answer in time (a call may take 1s)"},
		"an unknown authority": {
			endpoint: func(t *testing.T) string { return serveTLS(t, fakeSTS(time.Hour)).URL },
			fate:     bucket.Refused, reason: bucket.Unreachable,
			message: "no TLS connection: the certificate of the server is signed by an unknown authority: put the authority's certificate into caBundle of the provider"},

		"a web page": {answer: answers(200, "<!DOCTYPE html><html><body><p>Console</body></html>", "Content-Type", "text/html"),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of STS (HTTP status 200): check stsEndpoint"},
		"403 of a firewall": {answer: answers(403, "<html><body>Forbidden</body></html>"),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of STS (HTTP status 403): check stsEndpoint"},
		"nothing": {answer: answers(200, ""),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of STS (HTTP status 200): check stsEndpoint"},
		"no credentials": {answer: answers(200, "<AssumeRoleResponse><AssumeRoleResult><Credentials/></AssumeRoleResult></AssumeRoleResponse>"),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of STS (HTTP status 200): check stsEndpoint"},
		"half the credentials": {answer: answers(200, "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>&"+ambientSecret+";"),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of STS (HTTP status 200): check stsEndpoint"},
		"a list of buckets": {answer: answers(200, "<ListAllMyBucketsResult/>"),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of STS (HTTP status 200): check stsEndpoint"},
		"too long an answer": {answer: answers(200, strings.Repeat("x", 2<<20)),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of STS (too long): check stsEndpoint"},
		"a service without STS": {answer: s3Answers(405, "MethodNotAllowed", ""),
			fate: bucket.Refused, reason: bucket.InvalidEndpoint, message: "the server is no STS (MethodNotAllowed): check stsEndpoint"},
		"a redirect": {answer: answers(307, "", "Location", "https://user:secret@sts.example.com/?x=y"),
			fate: bucket.Refused, reason: bucket.InvalidEndpoint, message: "redirected to https://sts.example.com (HTTP status 307): redirects are not followed; set stsEndpoint to where STS is"},
		"a redirect to nowhere": {answer: answers(302, ""),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of STS (HTTP status 302): check stsEndpoint"},

		"the operator's own keys are unknown": {answer: stsError(403, "InvalidClientTokenId"), change: own,
			fate: bucket.Refused, reason: bucket.CredentialsInvalid,
			message: "the server does not know the access key (InvalidClientTokenId): check the operator's own credentials, or give the provider some"},
		"empty keys": {answer: fakeSTS(time.Hour), change: func(p *bucket.Provider) { p.Credentials = &bucket.Credentials{} }, base: true,
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the keys are empty: " + secret},
	} {
		t.Run(name, func(t *testing.T) {
			bareEnvironment(t)
			t.Setenv("AWS_ACCESS_KEY_ID", ambientKey)
			t.Setenv("AWS_SECRET_ACCESS_KEY", ambientSecret)
			var endpoint string
			if tt.endpoint != nil {
				endpoint = tt.endpoint(t)
			} else {
				endpoint = serve(t, tt.answer).URL
			}
			s := serve(t, okay())
			p := at(s.URL, assuming(endpoint))
			if tt.change != nil {
				tt.change(&p)
			}
			place := "STS at " + endpoint + ": "
			if tt.base {
				place = ""
			}
			c := quick(once)
			b := open(t, c, p, bucket.Location{})
			for begin, call := range map[string]func() error{
				fmt.Sprintf("get CORS of bucket %q at %s: ", "assets", s.URL): func() error { return do(t.Context(), b, getCORS) },
				fmt.Sprintf("credentials of BucketProvider %q: ", "test"):     func() error { return c.Check(t.Context(), p) },
			} {
				for range 2 {
					e := failureOf(t, call())
					if e.Reason != tt.reason || e.Fate != tt.fate {
						t.Errorf("%s, fate %d; want %s, fate %d", e.Reason, e.Fate, tt.reason, tt.fate)
					}
					if want := begin + place + tt.message; e.Message != want {
						t.Errorf("message:\n%s\nwant:\n%s\ncause: %v", e.Message, want, e.Err)
					}
					for _, secret := range []string{accessKey, secretKey, externalID, ambientKey, ambientSecret} {
						if strings.Contains(e.Message+e.Err.Error(), secret) {
							t.Errorf("%s in %s (%v)", secret, e.Message, e.Err)
						}
					}
				}
			}
			if n := len(s.received()); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}

func TestTheCauseOfARefusalIsWhatSTSSays(t *testing.T) {
	tokens := serve(t, answers(403, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: arn:aws:iam::1:user/x is not authorized</Message></Error></ErrorResponse>`))
	e := failureOf(t, quick(once).Check(t.Context(), at("https://s3.internal", assuming(tokens.URL))))
	if !strings.Contains(e.Err.Error(), "arn:aws:iam::1:user/x is not authorized") {
		t.Errorf("cause: %v", e.Err)
	}
}

func TestAttemptsForARoleAreNotMultiplied(t *testing.T) {
	tokens := serve(t, stsError(500, "InternalFailure"))
	e := failureOf(t, do(t.Context(), open(t, quick(), at("https://s3.internal", assuming(tokens.URL)), bucket.Location{}), getCORS))
	if n := len(tokens.received()); n != 3 {
		t.Errorf("%d requests to STS, want 3: %v", n, e)
	}
}

func TestACallThatIsDeniedNamesTheRole(t *testing.T) {
	tokens := serve(t, fakeSTS(time.Hour))
	s := serve(t, s3Answers(403, "AccessDenied", "Access Denied"))
	e := failureOf(t, do(t.Context(), open(t, quick(), at(s.URL, assuming(tokens.URL)), bucket.Location{}), putCORS))
	if want := "access denied (AccessDenied): role " + roleARN + " needs s3:PutBucketCORS"; !strings.HasSuffix(e.Message, want) {
		t.Errorf("message: %s", e.Message)
	}
}

func TestTheCredentialsOfARoleAppearInNoError(t *testing.T) {
	tokens := serve(t, fakeSTS(time.Hour))
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s3Answers(400, "MalformedXML", fmt.Sprintf("%v %s", r.Header, stsSecret(1))).ServeHTTP(w, r)
	}))
	e := failureOf(t, do(t.Context(), open(t, quick(), at(s.URL, assuming(tokens.URL)), bucket.Location{}), putCORS))
	for _, text := range []string{e.Message, e.Err.Error(), fmt.Sprintf("%+v", e)} {
		for _, secret := range []string{"ASIAROLE1", stsSecret(1), stsToken(1), accessKey, secretKey, externalID} {
			if strings.Contains(text, secret) {
				t.Errorf("%s in %s", secret, text)
			}
		}
	}
	if !strings.Contains(e.Err.Error(), "[redacted]") {
		t.Errorf("the server's text is missing: %s", e.Err)
	}
}

func TestCheck(t *testing.T) {
	t.Run("asks the service for nothing", func(t *testing.T) {
		bareEnvironment(t)
		t.Setenv("AWS_ACCESS_KEY_ID", ambientKey)
		t.Setenv("AWS_SECRET_ACCESS_KEY", ambientSecret)
		tokens, s := serve(t, fakeSTS(time.Hour)), serve(t, okay())
		for name, change := range map[string]func(*bucket.Provider){
			"keys": func(*bucket.Provider) {}, "own": own, "role": assuming(tokens.URL),
		} {
			c, p := quick(), at(s.URL, change)
			for range 3 {
				if err := c.Check(t.Context(), p); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if n, m := len(tokens.received()), len(s.received()); n != 1 || m != 0 {
			t.Errorf("%d requests to STS, %d to the service; want 1 and 0", n, m)
		}
	})
	t.Run("shares the credentials of a role with the calls", func(t *testing.T) {
		tokens, s := serve(t, fakeSTS(time.Hour)), serve(t, okay())
		c, p := quick(), at(s.URL, assuming(tokens.URL))
		if err := c.Check(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if err := do(t.Context(), open(t, c, p, bucket.Location{}), getCORS); err != nil {
			t.Fatal(err)
		}
		if n := len(tokens.received()); n != 1 {
			t.Errorf("%d requests to STS, want 1", n)
		}
	})
	t.Run("says what the operator's own credentials lack", func(t *testing.T) {
		bareEnvironment(t)
		t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
		e := failureOf(t, quick().Check(t.Context(), at("https://s3.internal", own)))
		if want := `credentials of BucketProvider "test": the operator has no credentials of its own: `; e.Reason != bucket.CredentialsInvalid || !strings.HasPrefix(e.Message, want) {
			t.Errorf("%s: %s", e.Reason, e.Message)
		}
	})
	t.Run("names the STS of AWS by its region", func(t *testing.T) {
		p := at("https://s3.internal", assuming(""), func(p *bucket.Provider) { p.Region = "x.evil.example/" })
		e := failureOf(t, quick().Check(t.Context(), p))
		want := `credentials of BucketProvider "test": STS in AWS region x.evil.example/: the request cannot be made: invalid input region x.evil.example/`
		if e.Reason != bucket.ProviderInvalid || e.Fate != bucket.Refused || e.Message != want {
			t.Errorf("%s (%d): %s", e.Reason, e.Fate, e.Message)
		}
	})
	t.Run("that is cancelled says so", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		checked := make(chan struct{})
		tokens := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			cancel()
			<-checked
		}))
		err := quick().Check(ctx, at("https://s3.internal", assuming(tokens.URL)))
		close(checked)
		if !errors.Is(err, context.Canceled) || failureOf(t, err).Fate != bucket.Transient {
			t.Errorf("%v", err)
		}
	})
}
