// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/bucketcors/bucketcors/internal/bucket"
)

// operation is what a call does, as its messages say it.
type operation string

const (
	getCORS    operation = "get"
	putCORS    operation = "put"
	deleteCORS operation = "delete"

	listBuckets operation = "list"
)

// permission returns the IAM action that the operation needs. There is none for
// DeleteBucketCors: it needs that of PutBucketCors.
//
// See https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketCors.html.
func (o operation) permission() string {
	switch o {
	case getCORS:
		return "s3:GetBucketCORS"
	case listBuckets:
		return "s3:ListAllMyBuckets"
	default:
		return "s3:PutBucketCORS"
	}
}

// failure is a call that failed, with all that is known about it.
type failure struct {
	operation   operation
	where       string              // the beginning of the message
	region      string              // that the request was signed for
	owner       string              // that was expected; empty for none
	credentials *bucket.Credentials // nil for the operator's own
	role        *bucket.AssumeRole  // that they assume; nil for none
	stsRegion   string              // whose STS is asked for the role
	secrets     []string            // of the credentials that the call was signed with
	timeout     time.Duration       // of the call
	answer      *answer             // the server's last; nil when there was none
	err         error
}

// as returns the failure in the vocabulary of package bucket.
func (f *failure) as(fate bucket.Fate, reason bucket.Reason, format string, args ...any) *bucket.Error {
	message := f.where + ": " + fmt.Sprintf(format, args...)
	text := f.redact(f.err.Error())
	// What the sources of credentials say may hold the credentials: the SDK
	// quotes the output of a credential_process that it does not understand.
	if _, ok := errors.AsType[*credentialsError](f.err); ok {
		text = message
	}
	return &bucket.Error{Reason: reason, Fate: fate, Message: message, Err: &cause{text: text, err: f.err}}
}

// cause is the error of the SDK with a text that is fit for logs.
type cause struct {
	text string
	err  error
}

func (c *cause) Error() string { return c.text }

func (c *cause) Unwrap() error { return c.err }

// classify says why a call failed and what can be done about it. An answer of
// the server counts more than what became of the call after it.
func classify(f *failure) *bucket.Error {
	if errors.Is(f.err, context.Canceled) {
		return f.as(bucket.Transient, bucket.Timeout, "cancelled")
	}
	if e, ok := errors.AsType[*credentialsError](f.err); ok {
		if f.role != nil {
			return f.withoutRole(e)
		}
		return f.withoutCredentials(e)
	}
	if e, ok := errors.AsType[*limitError](f.err); ok {
		return f.as(bucket.Transient, bucket.Throttled,
			"held back: the provider's requestsPerSecond of %d leaves no time for it now", e.perSecond)
	}
	if errors.Is(f.err, errAnswerTooLong) {
		return f.as(bucket.Transient, bucket.ServerError, "the answer is longer than any of an S3 service: check the endpoint")
	}
	if f.answer != nil {
		return f.answered()
	}
	return f.unanswered()
}

// answered judges by the code of the server's error document first, and by the
// status where there is none.
func (f *failure) answered() *bucket.Error {
	status, e := f.answer.status, f.answer.serverError()
	said := fmt.Sprintf("HTTP status %d", status)
	if e.Code != "" {
		said = cut(clean(e.Code), 64)
	}
	region := f.answer.region(e)
	switch {
	case e.Code == "NoSuchBucket" || e.Code == "NoSuchAccessPoint":
		return f.as(bucket.Refused, bucket.BucketNotFound, "the bucket does not exist (%s)", said)
	case e.Code == "InvalidBucketName":
		return f.as(bucket.Invalid, bucket.BucketNotFound, "no bucket can have this name (%s)", said)

	case e.Code == "AuthorizationHeaderMalformed" && (region == "" || region == f.region):
		return f.as(bucket.Refused, bucket.CredentialsInvalid, "the signature is not understood (%s): %s", said, f.checkCredentials())
	case slices.Contains(regionCodes, e.Code) || status >= 300 && status < 400 && (region != "" || e.Code != ""):
		return f.elsewhere(status, said, region)
	case status >= 300 && status < 400:
		if to := f.answer.redirectsTo(); to != "" {
			return f.as(bucket.Refused, bucket.InvalidEndpoint,
				"redirected to %s (%s): redirects are not followed; set the endpoint to where the S3 service is", clean(to), said)
		}
		return f.notS3(said)

	case clockCodes[e.Code]:
		return f.clocksDiffer(said)
	case credentialCodes[e.Code] != "":
		return f.as(bucket.Refused, bucket.CredentialsInvalid, "%s (%s): %s", credentialCodes[e.Code], said, f.checkCredentials())
	case status == http.StatusUnauthorized && e.Code != "AccessDenied":
		return f.as(bucket.Refused, bucket.CredentialsInvalid, "the credentials are not accepted (%s): %s", said, f.checkCredentials())

	case isThrottle(e.Code) || status == http.StatusTooManyRequests:
		return f.as(bucket.Transient, bucket.Throttled, "the server asks for fewer requests (%s)", said)
	case e.Code == "RequestTimeout" || status == http.StatusRequestTimeout || status == http.StatusGatewayTimeout:
		return f.as(bucket.Transient, bucket.Timeout, "the server or a proxy gave up waiting (%s)", said)
	case e.Code == "OperationAborted" || status == http.StatusConflict:
		return f.as(bucket.Transient, bucket.ServerError, "another operation on the bucket is in progress (%s)", said)
	case e.Code == "InternalError":
		return f.as(bucket.Transient, bucket.ServerError, "the server has a problem of its own (%s)", said)

	case f.operation == putCORS && f.answer.refusesChecksum():
		return f.as(bucket.Refused, bucket.Unsupported,
			"the server does not take the checksum (%s): set checksum of the provider to MD5, or to CRC32 if it is MD5", said)
	case e.Code == "NotImplemented" || e.Code == "MethodNotAllowed" ||
		status == http.StatusNotImplemented || status == http.StatusMethodNotAllowed:
		return f.as(bucket.Refused, bucket.Unsupported, "the server does not support CORS of buckets (%s)", said)

	case e.Code == "AccessDenied" || e.Code == "AllAccessDisabled" || status == http.StatusForbidden:
		need := "the credentials need " + f.operation.permission()
		if f.role != nil {
			need = fmt.Sprintf("role %s needs %s", cut(clean(f.role.RoleARN), maxQuote), f.operation.permission())
		}
		if f.owner != "" {
			need += fmt.Sprintf(", and the owner of the bucket has to be the expected %s", clean(f.owner))
		}
		return f.as(bucket.Refused, bucket.AccessDenied, "access denied (%s): %s", said, need)

	case status == http.StatusServiceUnavailable:
		return f.as(bucket.Transient, bucket.Throttled, "the server is overloaded or not there (%s)", said)
	case status >= 500:
		return f.as(bucket.Transient, bucket.ServerError, "the server has a problem of its own (%s)", said)
	case e.Code == "":
		return f.notS3(said)
	case status == http.StatusNotFound:
		return f.as(bucket.Refused, bucket.BucketNotFound, "not found (%s)", said)
	case e.Code == "InvalidBucketOwnerAWSAccountID":
		return f.as(bucket.Invalid, bucket.RejectedByServer,
			"the expected owner %s is not an account of AWS (%s)", clean(f.owner), said)
	case f.operation == putCORS && slices.Contains(documentCodes, e.Code):
		return f.as(bucket.Invalid, bucket.RejectedByServer, "the server rejects the configuration (%s): %s", said, f.quote(e.Message))
	default:
		return f.as(bucket.Refused, bucket.RejectedByServer, "the server rejects the request (%s): %s", said, f.quote(e.Message))
	}
}

var (
	// regionCodes are answers to a request that went to the wrong region.
	regionCodes = []string{
		"AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "Redirect",
		"IllegalLocationConstraintException",
	}
	// clockCodes say that the signature is of another time than the server's.
	clockCodes = map[string]bool{"RequestTimeTooSkewed": true, "RequestExpired": true, "RequestInTheFuture": true}
	// credentialCodes say what is wrong with the credentials.
	credentialCodes = map[string]string{
		"InvalidAccessKeyId":          "the server does not know the access key",
		"InvalidClientTokenId":        "the server does not know the access key",
		"UnrecognizedClientException": "the server does not know the access key",
		"SignatureDoesNotMatch":       "the secret key does not belong to the access key",
		"ExpiredToken":                "the session token has expired",
		"ExpiredTokenException":       "the session token has expired",
		"TokenRefreshRequired":        "the session token has expired",
		"InvalidToken":                "the session token is not valid",
		"InvalidTokenId":              "the session token is not valid", // MinIO
		"InvalidSecurity":             "the credentials are not valid",
		"AuthFailure":                 "the credentials are not valid",
		"MissingAuthenticationToken":  "the credentials are not accepted",
		"IncompleteSignature":         "the signature is not understood",
		"NotSignedUp":                 "the account is not signed up for the service",
		"OptInRequired":               "the account is not signed up for the service",
	}
	// outdatedCodes are those of credentials that may have been good once, and
	// may be so again when they come from elsewhere.
	outdatedCodes = []string{
		"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken", "InvalidTokenId",
		"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException",
	}
	// documentCodes are answers to a configuration that will not do, however
	// often it is sent.
	documentCodes = []string{
		"MalformedXML", "InvalidRequest", "InvalidArgument", "BadRequest", "ValidationError",
		"EntityTooLarge", "MaxMessageLengthExceeded", "MetadataTooLarge",
	}
)

// isThrottle tells the codes with which servers ask for fewer requests.
func isThrottle(code string) bool {
	_, known := retry.DefaultThrottleErrorCodes[code]
	return known || strings.HasPrefix(code, "SlowDown") || strings.HasPrefix(code, "Throttl") ||
		strings.HasPrefix(code, "TooManyRequests")
}

// elsewhere is a request that the server sends to another place: mostly to the
// region that the bucket is in.
func (f *failure) elsewhere(status int, said, region string) *bucket.Error {
	switch {
	case region != "" && region != f.region:
		region = cut(clean(region), 64)
		return f.as(bucket.Refused, bucket.WrongRegion,
			"the bucket is in region %s, not in %s (%s): set the region of the bucket to %[1]s", region, clean(f.region), said)
	case region == f.region && status == http.StatusTemporaryRedirect:
		// S3 does so for some minutes after a bucket was made, until its name
		// leads to the right place.
		return f.as(bucket.Transient, bucket.ServerError, "redirected although the region is right (%s)", said)
	default:
		return f.as(bucket.Refused, bucket.WrongRegion,
			"the bucket has to be reached elsewhere (%s): check region %s and the endpoint", said, clean(f.region))
	}
}

func (f *failure) notS3(said string) *bucket.Error {
	return f.as(bucket.Transient, bucket.ServerError,
		"the answer is not that of an S3 service (%s): check the endpoint", said)
}

func (f *failure) clocksDiffer(said string) *bucket.Error {
	return f.as(bucket.Refused, bucket.CredentialsInvalid,
		"the clocks differ too much (%s): set the clock of the operator's node or of the server", said)
}

func (f *failure) checkCredentials() string {
	switch {
	case f.role != nil:
		return "check that the service takes what STS gives for role " + cut(clean(f.role.RoleARN), maxQuote)
	case f.credentials == nil:
		return "check the operator's own credentials, or give the provider some"
	default:
		return "check the Secret of the provider"
	}
}

// withoutCredentials is a call that was not sent because the credentials for it
// could not be had.
func (f *failure) withoutCredentials(e *credentialsError) *bucket.Error {
	if f.credentials != nil {
		return f.as(bucket.Refused, bucket.CredentialsInvalid, "the keys are empty: %s", f.checkCredentials())
	}
	// The metadata service is asked when nothing else was found, and the answer
	// of a machine without one may be anything.
	if op, ok := errors.AsType[*smithy.OperationError](e.err); ok && op.ServiceID == imds.ServiceID {
		return f.as(bucket.Refused, bucket.CredentialsInvalid,
			"the operator has no credentials of its own: give its ServiceAccount a role (IRSA, Pod Identity), or the provider a Secret")
	}
	if api, ok := errors.AsType[smithy.APIError](e.err); ok {
		code := cmp.Or(cut(clean(api.ErrorCode()), 64), "no code")
		var response interface{ HTTPStatusCode() int }
		switch {
		case isThrottle(code):
			return f.as(bucket.Transient, bucket.Throttled, "the service that gives the operator its credentials asks for fewer requests (%s)", code)
		case errors.As(e.err, &response) && response.HTTPStatusCode() >= 500, code == "IDPCommunicationError":
			return f.as(bucket.Transient, bucket.ServerError, "the service that gives the operator its credentials has a problem (%s)", code)
		}
		return f.as(bucket.Refused, bucket.CredentialsInvalid, "the operator is refused its own credentials (%s): check its role", code)
	}
	if _, sent := errors.AsType[*smithyhttp.RequestSendError](e.err); sent || isTimeout(e.err) {
		f.where += ": no credentials for the operator"
		return f.unanswered()
	}
	return f.as(bucket.Refused, bucket.CredentialsInvalid, "the operator's own credentials cannot be loaded: %s", unloadable(e.err))
}

// unloadable says why credentials cannot be loaded without a word of the SDK's,
// which may be of the credentials: it knows the names of files and profiles, and
// nothing of what is in them.
func unloadable(err error) string {
	if _, ok := errors.AsType[*processcreds.ProviderError](err); ok {
		return "check the credential_process of its profile"
	}
	if profile, ok := errors.AsType[config.SharedConfigProfileNotExistError](err); ok {
		return fmt.Sprintf("there is no profile %q", cut(clean(profile.Profile), 64))
	}
	if file, ok := errors.AsType[config.SharedConfigLoadError](err); ok {
		return fmt.Sprintf("check the file %s", cut(clean(file.Filename), maxQuote))
	}
	if ours, ok := errors.AsType[*bucket.Error](err); ok {
		return ours.Message
	}
	return "check the role of its ServiceAccount (IRSA, Pod Identity) and the AWS_ variables of its pod"
}

// unanswered is a call to which no answer came. The messages are made here and
// not taken from the errors, which hold ports and times that change.
func (f *failure) unanswered() *bucket.Error {
	if advice := tlsAdvice(f.err); advice != "" {
		return f.as(bucket.Refused, bucket.Unreachable, "no TLS connection: %s", advice)
	}
	if isTimeout(f.err) {
		return f.as(bucket.Transient, bucket.Timeout, "no answer in time (a call may take %s)", f.timeout)
	}
	if dns, ok := errors.AsType[*net.DNSError](f.err); ok {
		return f.as(bucket.Transient, bucket.Unreachable, "the host name %q cannot be resolved", clean(dns.Name))
	}
	errno, _ := errors.AsType[syscall.Errno](f.err)
	switch {
	case errno == syscall.ECONNRESET, errno == syscall.EPIPE,
		errors.Is(f.err, io.EOF), errors.Is(f.err, io.ErrUnexpectedEOF), errors.Is(f.err, net.ErrClosed):
		return f.as(bucket.Transient, bucket.Unreachable, "the connection was closed before the answer was complete")
	case errno != 0:
		return f.as(bucket.Transient, bucket.Unreachable, "no connection: %s", errno.Error())
	}
	if _, ok := errors.AsType[*smithyhttp.RequestSendError](f.err); ok {
		return f.as(bucket.Transient, bucket.Unreachable, "no connection, or not one of HTTP: check the endpoint")
	}
	return f.as(bucket.Refused, bucket.ProviderInvalid, "the request cannot be made: %s", f.quote(innermost(f.err).Error()))
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// tlsAdvice says what to do about a TLS connection that was refused by either
// side; it is empty for all other errors.
func tlsAdvice(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the certificate of the server is signed by an unknown authority: put the authority's certificate into caBundle of the provider"
	}
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("the certificate of the server is not for %q: use a name that it is for in the endpoint, or another addressing", clean(name.Host))
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "the certificate of the server has expired or is not valid yet"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate of the server is not valid"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return "the server does not speak TLS: check the scheme and the port of the endpoint"
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return "the server refuses it: " + clean(alert.Error())
	}
	return ""
}

// lasting keeps the SDK from trying again what will be no different next time:
// it takes all that goes wrong before an answer for a hiccup of the network.
func lasting(err error) aws.Ternary {
	_, limited := errors.AsType[*limitError](err)
	_, unsigned := errors.AsType[*credentialsError](err)
	if limited || unsigned || errors.Is(err, errAnswerTooLong) || tlsAdvice(err) != "" {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// maxQuote is how many characters of a server's text go into a message.
const maxQuote = 200

// quote returns a text of the server fit for a message: one line, bounded, and
// without the credentials, should the server have repeated them.
func (f *failure) quote(text string) string {
	text = f.redact(clean(text))
	if text == "" {
		return "it does not say why"
	}
	return cut(text, maxQuote)
}

// redact removes the credentials that the call was signed with from a text.
func (f *failure) redact(text string) string {
	for _, secret := range f.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	return text
}

// clean makes one line of a text that came from elsewhere.
func clean(text string) string {
	printable := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	return strings.Join(strings.Fields(printable), " ")
}

// cut shortens a text to n characters.
func cut(text string, n int) string {
	if characters := []rune(text); len(characters) > n {
		return string(characters[:n]) + "…"
	}
	return text
}
