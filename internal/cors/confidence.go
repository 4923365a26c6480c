// SPDX-License-Identifier: Apache-2.0

package cors

import "strings"

// Confidence is how well it is known that S3 answers as we say.
type Confidence int

const (
	// ConfidenceHigh: recorded from S3, or documented by AWS; of other servers,
	// read in their source.
	ConfidenceHigh Confidence = iota
	// ConfidenceMedium: told by others who looked, or how all known servers do
	// it, without a recording from S3.
	ConfidenceMedium
	// ConfidenceLow: inferred; other servers disagree, or nobody looked.
	ConfidenceLow
)

// String is "high", "medium" or "low".
func (c Confidence) String() string {
	switch c {
	case ConfidenceHigh:
		return "high"
	case ConfidenceMedium:
		return "medium"
	default:
		return "low"
	}
}

// Doubt is a set of reasons for which a Decision is not certain.
type Doubt uint16

const (
	// DoubtRequestMethodMissing: a preflight without Access-Control-Request-Method
	// of a bucket with rules. S3 has been recorded only for buckets without; by
	// the logic of that answer no rule matches (403), while most other servers
	// answer 400.
	DoubtRequestMethodMissing Doubt = 1 << iota
	// DoubtRequestMethodInvalid: an Access-Control-Request-Method that no rule can
	// allow. Told of S3 for preflights, not recorded; for other requests some
	// servers answer 400, and we leave the headers out.
	DoubtRequestMethodInvalid
	// DoubtRequestHeadersInvalid: Access-Control-Request-Headers with a name that
	// is no name. The answer is that of another server.
	DoubtRequestHeadersInvalid
	// DoubtRequestHeadersGap: Access-Control-Request-Headers with nothing between
	// two commas, which we pass over. Told of S3, not recorded.
	DoubtRequestHeadersGap
	// DoubtBlankHeader: a header that is there but empty, taken for absent.
	DoubtBlankHeader
	// DoubtOriginCase: origins are compared with regard to case, as every known
	// server does it and AWS does not say, and here it could matter.
	DoubtOriginCase
	// DoubtNullOrigin: the origin "null", which we compare like any other.
	DoubtNullOrigin
	// DoubtMixedOrigins: the rule has "*" and another origin that matches. We
	// answer "*"; a server that goes by the first match may echo the origin.
	DoubtMixedOrigins
	// DoubtMaxAge: whether S3 sends an Access-Control-Max-Age of 0 or less.
	DoubtMaxAge
	// DoubtMissingBucket: the answer of S3 for a missing bucket has been recorded
	// only without Access-Control-Request-Method, and that of RGW not at all.
	DoubtMissingBucket
	// DoubtWildcardSlash: the "*" of an allowed origin, such as "*.example.com",
	// stands for something with a slash, as every known server takes it and AWS does
	// not say.
	DoubtWildcardSlash

	// DoubtSettings: a bucket without a configuration of its own, on a server that
	// has rules for that in its settings. The answer is that of the defaults; not on
	// AWS, as the doubts that follow.
	DoubtSettings
	// DoubtRelease: releases of the server differ.
	DoubtRelease
	// DoubtAuthorization: the answer would be different with an Authorization header.
	DoubtAuthorization
)

// awsDoubts are those about AWS. What other servers do about the same requests is
// read in their source, unless a Dialect says otherwise.
const awsDoubts = DoubtSettings - 1

// doubts says for each Doubt, from the lowest, what it does to the confidence
// and how it reads.
var doubts = [...]struct {
	confidence Confidence
	text       string
}{
	{ConfidenceLow, "a preflight without Access-Control-Request-Method has not been recorded on a bucket with rules"},
	{ConfidenceMedium, "the answer to an unsupported Access-Control-Request-Method has not been recorded"},
	{ConfidenceLow, "the answer to an invalid name in Access-Control-Request-Headers has not been recorded"},
	{ConfidenceMedium, "empty entries of Access-Control-Request-Headers are taken to be passed over"},
	{ConfidenceLow, "an empty request header is taken to be absent"},
	{ConfidenceMedium, "AWS does not say whether it compares origins with regard to case"},
	{ConfidenceMedium, `the origin "null" is taken to be compared like any other`},
	{ConfidenceLow, `the rule has "*" beside an origin that also matches; S3 may answer with either`},
	{ConfidenceLow, "whether S3 sends an Access-Control-Max-Age of 0 or less has not been recorded"},
	{ConfidenceMedium, "this answer for a missing bucket has not been recorded"},
	{ConfidenceMedium, `AWS does not say whether the "*" of an allowed origin also stands for slashes`},
	{ConfidenceLow, "the server decides by its settings for buckets without a configuration, and these are the defaults"},
	{ConfidenceMedium, "releases of the server differ in this"},
	{ConfidenceMedium, "the server echoes the origin if the request has an Authorization header"},
}

// Confidence is what all the doubts in d together leave.
func (d Doubt) Confidence() Confidence {
	worst := ConfidenceHigh
	for i := 0; d != 0; i, d = i+1, d>>1 {
		if d&1 != 0 {
			worst = max(worst, doubts[i].confidence)
		}
	}
	return worst
}

// String is the doubts in words; empty for none.
func (d Doubt) String() string { return strings.Join(d.texts(), "; ") }

// texts are the doubts in words, one by one.
func (d Doubt) texts() []string {
	var texts []string
	for i, known := range doubts {
		if d&(1<<i) != 0 {
			texts = append(texts, known.text)
		}
	}
	return texts
}
