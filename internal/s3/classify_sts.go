// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/bucketcors/bucketcors/internal/bucket"
)

// errNotSTS is an answer with a status of success that holds no credentials.
var errNotSTS = errors.New("not an answer of STS")

// stsError returns code and message of the error document of STS, which has one
// element more around it than that of S3. Servers that are S3 and STS in one
// send either.
//
// See https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html.
func (a *answer) stsError() (code, message string) {
	var e struct {
		Error serverError `xml:"Error"`
	}
	if err := xml.Unmarshal(a.body, &e); err == nil && e.Error.Code != "" {
		return strings.TrimSpace(e.Error.Code), strings.TrimSpace(e.Error.Message)
	}
	plain := a.serverError()
	return plain.Code, plain.Message
}

// withoutRole is a call that was not sent because its role could not be assumed.
func (f *failure) withoutRole(e *credentialsError) *bucket.Error {
	atSTS := *f
	atSTS.role = nil // from here on it is about the credentials that assume it
	atSTS.where += ": " + describeSTS(f.role, f.stsRegion)
	refused, ok := errors.AsType[*roleError](e.err)
	if !ok {
		// The time of the call ended while it waited.
		return atSTS.unanswered()
	}
	atSTS.answer, atSTS.secrets, atSTS.timeout, atSTS.err = refused.answer, refused.secrets, refused.timeout, refused.err
	if base, ok := errors.AsType[*credentialsError](refused.err); ok {
		atSTS.where = f.where
		return atSTS.withoutCredentials(base)
	}
	if errors.Is(refused.err, errAnswerTooLong) {
		return atSTS.notSTS("too long")
	}
	if refused.answer == nil {
		return atSTS.unanswered()
	}
	if refused.answer.status < 300 {
		// What could not be read may hold the credentials of the role.
		atSTS.err = &credentialsError{refused.err}
	}
	return atSTS.answeredBySTS(cut(clean(f.role.RoleARN), maxQuote))
}

// describeSTS says where the STS of a role is.
func describeSTS(role *bucket.AssumeRole, region string) string {
	if role.STSEndpoint != "" {
		return "STS at " + clean(role.STSEndpoint)
	}
	return "STS in AWS region " + clean(region)
}

var (
	// notSTSCodes are answers of S3 services and others to a request for STS.
	notSTSCodes = []string{"MethodNotAllowed", "NotImplemented", "InvalidAction", "NoSuchBucket", "NoSuchKey", "NotFound"}
	// clockTexts are of messages with the code SignatureDoesNotMatch.
	clockTexts = []string{"Signature expired", "Signature not yet current"}
)

// answeredBySTS judges like answered. What STS says goes into a message only
// where it does not name who asked: that name may change from call to call.
func (f *failure) answeredBySTS(role string) *bucket.Error {
	status := f.answer.status
	code, text := f.answer.stsError()
	said := fmt.Sprintf("HTTP status %d", status)
	if code != "" {
		said = cut(clean(code), 64)
	}
	switch {
	case status >= 300 && status < 400:
		if to := f.answer.redirectsTo(); to != "" {
			return f.as(bucket.Refused, bucket.InvalidEndpoint,
				"redirected to %s (%s): redirects are not followed; set stsEndpoint to where STS is", clean(to), said)
		}
		return f.notSTS(said)

	case clockCodes[code], slices.ContainsFunc(clockTexts, func(s string) bool { return strings.HasPrefix(text, s) }):
		return f.clocksDiffer(said)
	case credentialCodes[code] != "":
		return f.as(bucket.Refused, bucket.CredentialsInvalid, "%s (%s): %s", credentialCodes[code], said, f.checkCredentials())
	case status == http.StatusUnauthorized && code != "AccessDenied":
		return f.as(bucket.Refused, bucket.CredentialsInvalid, "the credentials are not accepted (%s): %s", said, f.checkCredentials())

	case isThrottle(code) || status == http.StatusTooManyRequests:
		return f.as(bucket.Transient, bucket.Throttled, "the server asks for fewer requests (%s)", said)
	case code == "RequestTimeout" || status == http.StatusRequestTimeout || status == http.StatusGatewayTimeout:
		return f.as(bucket.Transient, bucket.Timeout, "the server or a proxy gave up waiting (%s)", said)

	case slices.Contains(notSTSCodes, code):
		return f.as(bucket.Refused, bucket.InvalidEndpoint, "the server is no STS (%s): check stsEndpoint", said)
	case code == "RegionDisabledException":
		return f.as(bucket.Refused, bucket.InvalidEndpoint,
			"it is not activated (%s): activate it in the account, or set stsEndpoint to that of another region", said)
	case code == "AccessDenied" || code == "AccessDeniedException":
		return f.as(bucket.Refused, bucket.CredentialsInvalid,
			"role %s is refused (%s): check its trust policy, the external id and the permission sts:AssumeRole", role, said)

	case status == http.StatusServiceUnavailable:
		return f.as(bucket.Transient, bucket.Throttled, "the server is overloaded or not there (%s)", said)
	case status >= 500 && status != http.StatusNotImplemented:
		return f.as(bucket.Transient, bucket.ServerError, "the server has a problem of its own (%s)", said)
	case code == "":
		return f.notSTS(said)
	default:
		return f.as(bucket.Refused, bucket.CredentialsInvalid, "role %s is refused (%s): %s", role, said, f.quote(text))
	}
}

func (f *failure) notSTS(said string) *bucket.Error {
	return f.as(bucket.Transient, bucket.ServerError, "the answer is not that of STS (%s): check stsEndpoint", said)
}
