// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bucketcors/bucketcors/internal/bucket"
)

func TestAnswersOfTheServerAreClassified(t *testing.T) {
	type row struct {
		op      operation // all three when empty
		answer  http.Handler
		fate    bucket.Fate
		reason  bucket.Reason
		message string // after "get CORS of bucket … at …: "
	}
	sent := s3Answers
	for name, tt := range map[string]row{
		"no such bucket": {answer: sent(404, "NoSuchBucket", "The specified bucket does not exist"),
			fate: bucket.Refused, reason: bucket.BucketNotFound, message: "the bucket does not exist (NoSuchBucket)"},
		"a name that no bucket can have": {answer: sent(400, "InvalidBucketName", "The specified bucket is not valid."),
			fate: bucket.Invalid, reason: bucket.BucketNotFound, message: "no bucket can have this name (InvalidBucketName)"},
		"put on what is not found": {op: putCORS, answer: sent(404, "NoSuchKey", ""),
			fate: bucket.Refused, reason: bucket.BucketNotFound, message: "not found (NoSuchKey)"},

		"get denied": {op: getCORS, answer: sent(403, "AccessDenied", "Access Denied"),
			fate: bucket.Refused, reason: bucket.AccessDenied, message: "access denied (AccessDenied): the credentials need s3:GetBucketCORS"},
		"put denied": {op: putCORS, answer: sent(403, "AccessDenied", "Access Denied"),
			fate: bucket.Refused, reason: bucket.AccessDenied, message: "access denied (AccessDenied): the credentials need s3:PutBucketCORS"},
		"delete denied": {op: deleteCORS, answer: sent(403, "AccessDenied", "Access Denied"),
			fate: bucket.Refused, reason: bucket.AccessDenied, message: "access denied (AccessDenied): the credentials need s3:PutBucketCORS"},
		"all access disabled": {op: getCORS, answer: sent(403, "AllAccessDisabled", "All access to this object has been disabled"),
			fate: bucket.Refused, reason: bucket.AccessDenied, message: "access denied (AllAccessDisabled): the credentials need s3:GetBucketCORS"},
		"denied with another status": {op: getCORS, answer: sent(401, "AccessDenied", "Access Denied"),
			fate: bucket.Refused, reason: bucket.AccessDenied, message: "access denied (AccessDenied): the credentials need s3:GetBucketCORS"},
		"all access disabled with another status": {op: getCORS, answer: sent(400, "AllAccessDisabled", "All access to this object has been disabled"),
			fate: bucket.Refused, reason: bucket.AccessDenied, message: "access denied (AllAccessDisabled): the credentials need s3:GetBucketCORS"},
		"403 of a firewall": {op: getCORS, answer: answers(403, "<html><body>Forbidden</body></html>"),
			fate: bucket.Refused, reason: bucket.AccessDenied, message: "access denied (HTTP status 403): the credentials need s3:GetBucketCORS"},

		"an unknown access key": {answer: sent(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the server does not know the access key (InvalidAccessKeyId): check the Secret of the provider"},
		"a wrong secret key": {answer: sent(403, "SignatureDoesNotMatch", "The request signature we calculated does not match"),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the secret key does not belong to the access key (SignatureDoesNotMatch): check the Secret of the provider"},
		"an expired token": {answer: sent(400, "ExpiredToken", "The provided token has expired."),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the session token has expired (ExpiredToken): check the Secret of the provider"},
		"an expired token, in other words": {answer: sent(400, "TokenRefreshRequired", "The provided token must be refreshed."),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the session token has expired (TokenRefreshRequired): check the Secret of the provider"},
		"an expired token of MinIO": {answer: sent(403, "InvalidTokenId", "The security token included in the request is invalid"),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the session token is not valid (InvalidTokenId): check the Secret of the provider"},
		"an unknown access key, as other services say it": {answer: sent(403, "InvalidClientTokenId", "The security token included in the request is invalid"),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the server does not know the access key (InvalidClientTokenId): check the Secret of the provider"},
		"an expired request": {answer: sent(400, "RequestExpired", "Request has expired."),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the clocks differ too much (RequestExpired): set the clock of the operator's node or of the server"},
		"an invalid token": {answer: sent(400, "InvalidToken", "The provided token is malformed or otherwise invalid."),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the session token is not valid (InvalidToken): check the Secret of the provider"},
		"clocks that differ": {answer: sent(403, "RequestTimeTooSkewed", "The difference between the request time and the server's time is too large."),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the clocks differ too much (RequestTimeTooSkewed): set the clock of the operator's node or of the server"},
		"401 without more": {answer: answers(401, ""),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the credentials are not accepted (HTTP status 401): check the Secret of the provider"},
		"a malformed signature": {answer: sent(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; a non-empty Access Key (AKID) must be provided in the credential."),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the signature is not understood (AuthorizationHeaderMalformed): check the Secret of the provider"},

		"not implemented": {answer: sent(501, "NotImplemented", "A header you provided implies functionality that is not implemented"),
			fate: bucket.Refused, reason: bucket.Unsupported, message: "the server does not support CORS of buckets (NotImplemented)"},
		"method not allowed": {answer: sent(405, "MethodNotAllowed", ""),
			fate: bucket.Refused, reason: bucket.Unsupported, message: "the server does not support CORS of buckets (MethodNotAllowed)"},
		"501 without more": {answer: answers(501, ""),
			fate: bucket.Refused, reason: bucket.Unsupported, message: "the server does not support CORS of buckets (HTTP status 501)"},
		"405 of a web server": {answer: answers(405, "<html></html>", "Content-Type", "text/html"),
			fate: bucket.Refused, reason: bucket.Unsupported, message: "the server does not support CORS of buckets (HTTP status 405)"},

		"malformed XML": {op: putCORS, answer: sent(400, "MalformedXML", "The XML you provided was not well-formed"),
			fate: bucket.Invalid, reason: bucket.RejectedByServer, message: "the server rejects the configuration (MalformedXML): The XML you provided was not well-formed"},
		"an invalid request": {op: putCORS, answer: sent(400, "InvalidRequest", `AllowedOrigin "*a*" can not have more than one wildcard.`),
			fate: bucket.Invalid, reason: bucket.RejectedByServer, message: `the server rejects the configuration (InvalidRequest): AllowedOrigin "*a*" can not have more than one wildcard.`},
		"an invalid argument": {op: putCORS, answer: sent(400, "InvalidArgument", "illegal empty string in allowedOrigins."),
			fate: bucket.Invalid, reason: bucket.RejectedByServer, message: "the server rejects the configuration (InvalidArgument): illegal empty string in allowedOrigins."},
		"a rejection without a text": {op: putCORS, answer: sent(400, "InvalidArgument", ""),
			fate: bucket.Invalid, reason: bucket.RejectedByServer, message: "the server rejects the configuration (InvalidArgument): it does not say why"},
		"an invalid request that is no document": {op: getCORS, answer: sent(400, "InvalidRequest", "Something"),
			fate: bucket.Refused, reason: bucket.RejectedByServer, message: "the server rejects the request (InvalidRequest): Something"},
		"an owner that is no account": {answer: sent(400, "InvalidBucketOwnerAWSAccountID", "The value of the expected bucket owner parameter must be an AWS Account ID"),
			fate: bucket.Invalid, reason: bucket.RejectedByServer, message: "the expected owner  is not an account of AWS (InvalidBucketOwnerAWSAccountID)"},
		"a code that nobody knows": {answer: sent(400, "Peculiar", "What is this?"),
			fate: bucket.Refused, reason: bucket.RejectedByServer, message: "the server rejects the request (Peculiar): What is this?"},

		"slow down": {answer: sent(503, "SlowDown", "Please reduce your request rate."),
			fate: bucket.Transient, reason: bucket.Throttled, message: "the server asks for fewer requests (SlowDown)"},
		"throttling": {answer: sent(400, "ThrottlingException", "Rate exceeded"),
			fate: bucket.Transient, reason: bucket.Throttled, message: "the server asks for fewer requests (ThrottlingException)"},
		"request limit": {answer: sent(503, "RequestLimitExceeded", ""),
			fate: bucket.Transient, reason: bucket.Throttled, message: "the server asks for fewer requests (RequestLimitExceeded)"},
		"429": {answer: answers(429, ""),
			fate: bucket.Transient, reason: bucket.Throttled, message: "the server asks for fewer requests (HTTP status 429)"},
		"503": {answer: answers(503, "<html>upstream</html>"),
			fate: bucket.Transient, reason: bucket.Throttled, message: "the server is overloaded or not there (HTTP status 503)"},

		"an internal error": {answer: sent(500, "InternalError", "We encountered an internal error."),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the server has a problem of its own (InternalError)"},
		"an error with status 200": {answer: sent(200, "InternalError", "We encountered an internal error."),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the server has a problem of its own (InternalError)"},
		"502 of a proxy": {answer: answers(502, "<html>Bad Gateway</html>"),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the server has a problem of its own (HTTP status 502)"},
		"operation aborted": {answer: sent(409, "OperationAborted", "A conflicting conditional operation is currently in progress against this resource."),
			fate: bucket.Transient, reason: bucket.ServerError, message: "another operation on the bucket is in progress (OperationAborted)"},
		"a request timeout": {answer: sent(400, "RequestTimeout", "Your socket connection to the server was not read from"),
			fate: bucket.Transient, reason: bucket.Timeout, message: "the server or a proxy gave up waiting (RequestTimeout)"},
		"504 of a proxy": {answer: answers(504, "<html>Gateway Timeout</html>"),
			fate: bucket.Transient, reason: bucket.Timeout, message: "the server or a proxy gave up waiting (HTTP status 504)"},

		"404 without a code": {answer: answers(404, ""),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of an S3 service (HTTP status 404): check the endpoint"},
		"404 of a web server": {answer: answers(404, "<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>"),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of an S3 service (HTTP status 404): check the endpoint"},
		"404 in JSON": {answer: answers(404, `{"Code": "NoSuchCORSConfiguration"}`),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of an S3 service (HTTP status 404): check the endpoint"},
		"400 in plain text": {answer: answers(400, "Client sent an HTTP request to an HTTPS server.\n"),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of an S3 service (HTTP status 400): check the endpoint"},
		"a web page with status 200": {answer: answers(200, "<!DOCTYPE html><html><head><meta charset=utf-8></head><body><p>Console</body></html>"),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of an S3 service (HTTP status 200): check the endpoint"},
		"nothing with status 200": {op: getCORS, answer: answers(200, ""),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of an S3 service (HTTP status 200): check the endpoint"},
		"half a configuration": {op: getCORS, answer: answers(200, "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin>"),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of an S3 service (HTTP status 200): check the endpoint"},
		"a configuration of another kind": {op: getCORS, answer: answers(200, "<CorsConfig><Cors/></CorsConfig>"),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of an S3 service (HTTP status 200): check the endpoint"},
		"a number that is none": {op: getCORS, answer: answers(200, "<CORSConfiguration><CORSRule><MaxAgeSeconds>soon</MaxAgeSeconds></CORSRule></CORSConfiguration>"),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of an S3 service (HTTP status 200): check the endpoint"},
		"something with status 200": {op: getCORS, answer: answers(200, "ok"),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of an S3 service (HTTP status 200): check the endpoint"},

		"another region by header": {answer: answers(301, s3Error("PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint."), "X-Amz-Bucket-Region", "ap-south-1"),
			fate: bucket.Refused, reason: bucket.WrongRegion, message: "the bucket is in region ap-south-1, not in eu-west-1 (PermanentRedirect): set the region of the bucket to ap-south-1"},
		"another region by header alone": {answer: answers(301, "", "X-Amz-Bucket-Region", "ap-south-1"),
			fate: bucket.Refused, reason: bucket.WrongRegion, message: "the bucket is in region ap-south-1, not in eu-west-1 (HTTP status 301): set the region of the bucket to ap-south-1"},
		"another region by body": {answer: answers(400, `<Error><Code>AuthorizationHeaderMalformed</Code><Message>x</Message><Region>ap-south-1</Region></Error>`),
			fate: bucket.Refused, reason: bucket.WrongRegion, message: "the bucket is in region ap-south-1, not in eu-west-1 (AuthorizationHeaderMalformed): set the region of the bucket to ap-south-1"},
		"another region by text": {answer: sent(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region 'eu-west-1' is wrong; expecting 'ap-south-1'"),
			fate: bucket.Refused, reason: bucket.WrongRegion, message: "the bucket is in region ap-south-1, not in eu-west-1 (AuthorizationHeaderMalformed): set the region of the bucket to ap-south-1"},
		"another region by scope": {answer: sent(400, "AuthorizationHeaderMalformed", "Authorization header malformed, unexpected scope: 20260102/eu-west-1/s3/aws4_request, expected: 20260102/garage/s3/aws4_request"),
			fate: bucket.Refused, reason: bucket.WrongRegion, message: "the bucket is in region garage, not in eu-west-1 (AuthorizationHeaderMalformed): set the region of the bucket to garage"},
		"another region, unnamed": {answer: sent(301, "PermanentRedirect", "Elsewhere"),
			fate: bucket.Refused, reason: bucket.WrongRegion, message: "the bucket has to be reached elsewhere (PermanentRedirect): check region eu-west-1 and the endpoint"},
		"another endpoint in the same region": {answer: answers(301, s3Error("PermanentRedirect", "Elsewhere"), "X-Amz-Bucket-Region", "eu-west-1"),
			fate: bucket.Refused, reason: bucket.WrongRegion, message: "the bucket has to be reached elsewhere (PermanentRedirect): check region eu-west-1 and the endpoint"},
		"a malformed signature in the right region": {answer: answers(400, s3Error("AuthorizationHeaderMalformed", "bad key"), "X-Amz-Bucket-Region", "eu-west-1"),
			fate: bucket.Refused, reason: bucket.CredentialsInvalid, message: "the signature is not understood (AuthorizationHeaderMalformed): check the Secret of the provider"},
		"a redirect in the same region": {answer: answers(307, s3Error("TemporaryRedirect", "Please re-send"), "X-Amz-Bucket-Region", "eu-west-1"),
			fate: bucket.Transient, reason: bucket.ServerError, message: "redirected although the region is right (TemporaryRedirect)"},
		"a redirect of a proxy": {answer: answers(308, "", "Location", "https://user:secret@s3.example.com/assets?X-Amz-Signature=abc"),
			fate: bucket.Refused, reason: bucket.InvalidEndpoint, message: "redirected to https://s3.example.com (HTTP status 308): redirects are not followed; set the endpoint to where the S3 service is"},
		"a redirect to nowhere": {answer: answers(302, ""),
			fate: bucket.Transient, reason: bucket.ServerError, message: "the answer is not that of an S3 service (HTTP status 302): check the endpoint"},
	} {
		for _, op := range []operation{getCORS, putCORS, deleteCORS} {
			if tt.op != "" && tt.op != op {
				continue
			}
			t.Run(fmt.Sprintf("%s: %s", op, name), func(t *testing.T) {
				s := serve(t, tt.answer)
				b := open(t, quick(once), at(s.URL), bucket.Location{})
				e := failureOf(t, do(t.Context(), b, op))
				if e.Reason != tt.reason || e.Fate != tt.fate {
					t.Errorf("%s, fate %d; want %s, fate %d", e.Reason, e.Fate, tt.reason, tt.fate)
				}
				if want := fmt.Sprintf("%s CORS of bucket %q at %s: %s", op, "assets", s.URL, tt.message); e.Message != want {
					t.Errorf("message:\n%s\nwant:\n%s", e.Message, want)
				}
				if again := failureOf(t, do(t.Context(), b, op)); again.Message != e.Message {
					t.Errorf("the message changes:\n%s\n%s", e.Message, again.Message)
				}
				if e.Err == nil {
					t.Error("no cause")
				}
			})
		}
	}
}

func TestAccessDeniedMentionsTheExpectedOwner(t *testing.T) {
	s := serve(t, s3Answers(403, "AccessDenied", "Access Denied"))
	b := open(t, quick(), at(s.URL), bucket.Location{ExpectedOwner: "111122223333"})
	e := failureOf(t, do(t.Context(), b, getCORS))
	if want := "the credentials need s3:GetBucketCORS, and the owner of the bucket has to be the expected 111122223333"; !strings.HasSuffix(e.Message, want) {
		t.Errorf("message: %s\nwant the end: %s", e.Message, want)
	}
}

func TestMessagesOnAWSNameTheRegion(t *testing.T) {
	ca := newAuthority(t)
	s := serveTLS(t, s3Answers(404, "NoSuchBucket", ""), ca.issue(t, time.Now().Add(time.Hour), "*.s3.eu-west-1.amazonaws.com"))
	c := quick()
	c.dial = dialTo(s, new([]string))
	b := open(t, c, at("", func(p *bucket.Provider) { p.CABundle = ca.pem() }), bucket.Location{})
	e := failureOf(t, do(t.Context(), b, getCORS))
	if want := `get CORS of bucket "assets" in AWS region eu-west-1: the bucket does not exist (NoSuchBucket)`; e.Message != want {
		t.Errorf("message: %s\nwant: %s", e.Message, want)
	}
}

func TestTextsOfTheServerAreBoundedAndOfOneLine(t *testing.T) {
	s := serve(t, s3Answers(400, "MalformedXML", "a\n\tb\u202e"+strings.Repeat("é", 5000)))
	e := failureOf(t, do(t.Context(), open(t, quick(), at(s.URL), bucket.Location{}), putCORS))
	if n := utf8.RuneCountInString(e.Message); n > 400 || strings.ContainsAny(e.Message, "\n\t\u202e") || !strings.Contains(e.Message, "a b ééé") {
		t.Errorf("%d characters: %q", n, e.Message)
	}
}

func TestCredentialsAppearInNoError(t *testing.T) {
	const token = "IQoJb3JpZ2luX2VjEXAMPLETOKEN"
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s3Answers(400, "MalformedXML", fmt.Sprintf("%v %s", r.Header, secretKey)).ServeHTTP(w, r)
	}))
	b := open(t, quick(), at(s.URL, func(p *bucket.Provider) { p.Credentials.SessionToken = token }), bucket.Location{})
	e := failureOf(t, do(t.Context(), b, putCORS))
	for _, text := range []string{e.Message, e.Err.Error(), fmt.Sprintf("%+v", e)} {
		for _, secret := range []string{accessKey, secretKey, token} {
			if strings.Contains(text, secret) {
				t.Errorf("%s in %s", secret, text)
			}
		}
	}
	if !strings.Contains(e.Err.Error(), "[redacted]") {
		t.Errorf("the server's text is missing: %s", e.Err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	other := serve(t, okay())
	s := serve(t, answers(307, "", "Location", other.URL+"/assets?cors"))
	for _, op := range []operation{getCORS, putCORS, deleteCORS} {
		if e := failureOf(t, do(t.Context(), open(t, quick(), at(s.URL), bucket.Location{}), op)); e.Reason != bucket.InvalidEndpoint {
			t.Errorf("%s: %s", e.Reason, e.Message)
		}
	}
	if n := len(other.received()); n != 0 {
		t.Errorf("%d requests reached the other host", n)
	}
}

func TestTransientAnswersAreTriedAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		answer http.Handler
		want   int
	}{
		"an internal error":  {s3Answers(500, "InternalError", ""), 3},
		"slow down":          {s3Answers(503, "SlowDown", ""), 3},
		"access denied":      {s3Answers(403, "AccessDenied", ""), 1},
		"no such bucket":     {s3Answers(404, "NoSuchBucket", ""), 1},
		"not implemented":    {s3Answers(501, "NotImplemented", ""), 1},
		"a web page":         {answers(200, "<html/>"), 1},
		"too long an answer": {answers(200, strings.Repeat("x", 2<<20)), 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, tt.answer)
			e := failureOf(t, do(t.Context(), open(t, quick(), at(s.URL), bucket.Location{}), getCORS))
			if n := len(s.received()); n != tt.want {
				t.Errorf("%d requests, want %d: %v", n, tt.want, e)
			}
		})
	}
}

func TestATransientFailureMayPassUnnoticed(t *testing.T) {
	first := true
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if first {
			first = false
			s3Answers(500, "InternalError", "").ServeHTTP(w, r)
		}
	}))
	if err := do(t.Context(), open(t, quick(), at(s.URL), bucket.Location{}), putCORS); err != nil {
		t.Error(err)
	}
	for _, r := range s.received() {
		checkChecksum(t, r, false)
	}
}

func TestGiantAnswersAreNotRead(t *testing.T) {
	for _, status := range []int{200, 404, 500} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			var written int
			done := make(chan struct{})
			s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				defer close(done)
				w.WriteHeader(status)
				chunk := []byte("<a>" + strings.Repeat(" ", 64<<10))
				for range (1 << 30) / len(chunk) {
					n, err := w.Write(chunk)
					written += n
					if err != nil {
						return
					}
				}
			}))
			e := failureOf(t, do(t.Context(), open(t, quick(once), at(s.URL), bucket.Location{}), getCORS))
			if e.Reason != bucket.ServerError || e.Fate != bucket.Transient || !strings.Contains(e.Message, "longer than any") {
				t.Errorf("%s (%d): %s", e.Reason, e.Fate, e.Message)
			}
			<-done
			if written > 64<<20 {
				t.Errorf("%d bytes were taken", written)
			}
		})
	}
}

// raw serves connections by hand.
func raw(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return "http://" + l.Addr().String()
}

func TestConnectionsThatFailAreClassified(t *testing.T) {
	ca := newAuthority(t)
	later := time.Now().Add(time.Hour)
	const short = 400 * time.Millisecond
	hang := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	afterRequest := func(do func(net.Conn)) func(net.Conn) {
		return func(c net.Conn) {
			defer func() { _ = c.Close() }()
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				do(c)
			}
		}
	}
	for name, tt := range map[string]struct {
		endpoint func(*testing.T) string
		timeout  time.Duration // 0 for one that is not reached
		dial     dialFunc
		bundle   []byte
		fate     bucket.Fate
		reason   bucket.Reason
		message  string
	}{
		"refused": {endpoint: func(*testing.T) string { return "http://127.0.0.1:1" },
			fate: bucket.Transient, reason: bucket.Unreachable, message: "no connection: connection refused"},
		"reset": {endpoint: func(t *testing.T) string {
			return raw(t, afterRequest(func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }))
		}, fate: bucket.Transient, reason: bucket.Unreachable, message: "the connection was closed before the answer was complete"},
		"closed": {endpoint: func(t *testing.T) string {
			return raw(t, afterRequest(func(net.Conn) {}))
		}, fate: bucket.Transient, reason: bucket.Unreachable, message: "the connection was closed before the answer was complete"},
		"closed in the middle of the answer": {endpoint: func(t *testing.T) string {
			return raw(t, afterRequest(func(c net.Conn) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<CORSConfiguration>")
			}))
		}, fate: bucket.Transient, reason: bucket.Unreachable, message: "the connection was closed before the answer was complete"},
		"no HTTP": {endpoint: func(t *testing.T) string {
			return raw(t, afterRequest(func(c net.Conn) { _, _ = io.WriteString(c, "220 mail.example ESMTP\r\n") }))
		}, fate: bucket.Transient, reason: bucket.Unreachable, message: "no connection, or not one of HTTP: check the endpoint"},
		"an unknown host": {
			endpoint: func(*testing.T) string { return "http://s3.nowhere.example" },
			dial: func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "s3.nowhere.example", Server: "10.0.0.10:53", IsNotFound: true}}
			},
			fate: bucket.Transient, reason: bucket.Unreachable, message: `the host name "s3.nowhere.example" cannot be resolved`},
		"no answer": {endpoint: func(t *testing.T) string { return raw(t, hang) }, timeout: short,
			fate: bucket.Transient, reason: bucket.Timeout, message: "no answer in time (a call may take 400ms)"},
		"an answer that never ends": {endpoint: func(t *testing.T) string {
			return raw(t, afterRequest(func(c net.Conn) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<CORSConfiguration>")
				hang(c)
			}))
		}, timeout: short,
			fate: bucket.Transient, reason: bucket.Timeout, message: "no answer in time (a call may take 400ms)"},
		"no TLS handshake": {endpoint: func(t *testing.T) string { return strings.Replace(raw(t, hang), "http:", "https:", 1) }, timeout: short,
			fate: bucket.Transient, reason: bucket.Timeout, message: "no answer in time (a call may take 400ms)"},
		"an unknown authority": {endpoint: func(t *testing.T) string {
			return serveTLS(t, okay(), ca.issue(t, later, "127.0.0.1")).URL
		}, fate: bucket.Refused, reason: bucket.Unreachable,
			message: "no TLS connection: the certificate of the server is signed by an unknown authority: put the authority's certificate into caBundle of the provider"},
		"a certificate for another name": {endpoint: func(t *testing.T) string {
			return serveTLS(t, okay(), ca.issue(t, later, "s3.example.com")).URL
		}, bundle: ca.pem(), fate: bucket.Refused, reason: bucket.Unreachable,
			message: `no TLS connection: the certificate of the server is not for "127.0.0.1": use a name that it is for in the endpoint, or another addressing`},
		"an expired certificate": {endpoint: func(t *testing.T) string {
			return serveTLS(t, okay(), ca.issue(t, time.Now().Add(-time.Hour), "127.0.0.1")).URL
		}, bundle: ca.pem(), fate: bucket.Refused, reason: bucket.Unreachable,
			message: "no TLS connection: the certificate of the server has expired or is not valid yet"},
		"HTTP where TLS was expected": {endpoint: func(t *testing.T) string {
			return strings.Replace(serve(t, okay()).URL, "http:", "https:", 1)
		}, fate: bucket.Refused, reason: bucket.Unreachable,
			message: "no TLS connection: the server does not speak TLS: check the scheme and the port of the endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endpoint := tt.endpoint(t)
			c := quick(within(cmp.Or(tt.timeout, time.Minute)))
			c.dial = tt.dial
			b := open(t, c, at(endpoint, func(p *bucket.Provider) { p.CABundle = tt.bundle }), bucket.Location{})
			for range 2 {
				e := failureOf(t, do(t.Context(), b, getCORS))
				if e.Reason != tt.reason || e.Fate != tt.fate {
					t.Errorf("%s, fate %d; want %s, fate %d", e.Reason, e.Fate, tt.reason, tt.fate)
				}
				if want := fmt.Sprintf("get CORS of bucket %q at %s: %s", "assets", endpoint, tt.message); e.Message != want {
					t.Errorf("message:\n%s\nwant:\n%s\ncause: %v", e.Message, want, e.Err)
				}
			}
		})
	}
}

func TestTLSFailuresAreNotTriedAgain(t *testing.T) {
	s := serveTLS(t, okay(), newAuthority(t).issue(t, time.Now().Add(time.Hour), "127.0.0.1"))
	var dialed []string
	c := quick()
	c.dial = dialTo(s, &dialed)
	e := failureOf(t, do(t.Context(), open(t, c, at(s.URL), bucket.Location{}), getCORS))
	if len(dialed) != 1 {
		t.Errorf("%d connections, want 1: %v", len(dialed), e)
	}
}

func TestTimeouts(t *testing.T) {
	hang := raw(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	check := func(t *testing.T, err error) {
		t.Helper()
		if e := failureOf(t, err); e.Reason != bucket.Timeout || e.Fate != bucket.Transient {
			t.Errorf("%s (%d): %s", e.Reason, e.Fate, e.Message)
		}
	}
	t.Run("the provider's own timeout counts", func(t *testing.T) {
		b := open(t, quick(within(time.Hour)), at(hang, func(p *bucket.Provider) { p.Timeout = 50 * time.Millisecond }), bucket.Location{})
		check(t, do(t.Context(), b, getCORS))
	})
	t.Run("the caller's deadline counts", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		check(t, do(ctx, open(t, quick(within(time.Hour)), at(hang), bucket.Location{}), getCORS))
	})
	t.Run("a call that was cancelled says so", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		}))
		err := do(ctx, open(t, quick(within(time.Hour)), at(s.URL), bucket.Location{}), getCORS)
		if e := failureOf(t, err); e.Fate != bucket.Transient || !errors.Is(err, context.Canceled) {
			t.Errorf("%v (%v)", e, e.Err)
		}
	})
	t.Run("a call with a cancelled context is not sent", func(t *testing.T) {
		s := serve(t, okay())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := do(ctx, open(t, quick(), at(s.URL), bucket.Location{}), putCORS)
		if e := failureOf(t, err); e.Fate != bucket.Transient {
			t.Errorf("fate %d", e.Fate)
		}
		if !errors.Is(err, context.Canceled) || len(s.received()) != 0 {
			t.Errorf("%v after %d requests", err, len(s.received()))
		}
	})
}

func TestTheLastAttemptDecides(t *testing.T) {
	first := true
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if first {
			first = false
			s3Answers(500, "InternalError", "").ServeHTTP(w, r)
			return
		}
		panic(http.ErrAbortHandler) // closes the connection
	}))
	e := failureOf(t, do(t.Context(), open(t, quick(), at(s.URL), bucket.Location{}), putCORS))
	if e.Reason != bucket.Unreachable || len(s.received()) != 3 {
		t.Errorf("%s: %s, after %d requests", e.Reason, e.Message, len(s.received()))
	}
}

func TestAConnectionThatHangsLeavesTimeForAnother(t *testing.T) {
	t.Parallel()
	first := true
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if first {
			first = false
			<-r.Context().Done()
			return
		}
		okay().ServeHTTP(w, r)
	}))
	if err := do(t.Context(), open(t, quick(within(8*time.Second)), at(s.URL), bucket.Location{}), putCORS); err != nil {
		t.Error(err)
	}
}

func TestGiantHeadersAreNotRead(t *testing.T) {
	s := serve(t, answers(200, emptyConfiguration, "X-Giant", strings.Repeat("x", 1<<20)))
	e := failureOf(t, do(t.Context(), open(t, quick(), at(s.URL), bucket.Location{}), getCORS))
	if e.Reason != bucket.Unreachable || e.Fate != bucket.Transient {
		t.Errorf("%s (%d): %s", e.Reason, e.Fate, e.Message)
	}
}
