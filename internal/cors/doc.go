// SPDX-License-Identifier: Apache-2.0

// Package cors knows what Amazon S3 does with the CORS configuration of a
// bucket: which configurations it accepts, how it answers a request, and when
// two configurations mean the same. It touches no network and imports only the
// standard library.
//
// # From words to decisions
//
// A [Configuration] is what somebody wrote, or what a server showed. [Compile]
// checks it as PutBucketCors would and reports every [Mistake] at once; what it
// returns is a [Policy], which decides a [Request] as S3 would, for preflights
// and for any other request. [ParseJSON], [ParseXML], [FormatJSON] and
// [FormatXML] speak the formats of AWS.
//
// # How S3 decides
//
// S3 takes the first rule, in the order of the document, of which the origin,
// the method and every requested header match. A rule of which only the origin
// matches is passed over, so that order matters and rules must never be sorted.
//
//   - The origin is a string. A rule's origin is compared with it byte by byte,
//     with one "*" at most that stands for anything, also for nothing and across
//     dots. "https://example.com/" never matches, because browsers send no slash.
//   - The method is that of Access-Control-Request-Method, on every request that
//     has this header, or else the HTTP method. GET does not imply HEAD.
//   - The requested headers are those of Access-Control-Request-Headers, again on
//     every request; the headers that the request itself carries do not matter.
//     They are compared without regard to case, with one "*" at most. A rule
//     without allowed headers refuses every request that asks for one.
//
// A match adds headers to the response, and nothing else does: see
// [Decision.Headers]. The origin "*" in the rule is answered with "*" and without
// Access-Control-Allow-Credentials; any other origin is repeated, with it. A
// preflight that matches no rule is refused with 403, one that makes no sense
// with 400. No other request is ever refused because of CORS.
//
// # Why
//
// [Policy.Explain] decides, too, and says why: how the request compares with each
// rule that was looked at and, for a refusal, which rule comes nearest, what it
// lacks, and what people overlook there, such as a trailing slash. [Shadows] says
// which rules never answer, or not always, because of those before them.
// [NewRequest] and [ParseRequest] take requests from HTTP and from JSON, and
// [Explanation.JSON] writes the answer.
//
// # Other servers
//
// A [Dialect] does all this as another server does: [Dialect.Compile] accepts what
// it accepts, and the [Policy] decides and answers as it would. Where nothing is
// said of a dialect, it is [AWS]. What the others do is read in their source; where
// releases or settings make a difference, the decision has a [Doubt].
//
// # How we know
//
// AWS documents the rule of the first match, the wildcards and the limits:
//
//   - https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html
//   - https://docs.aws.amazon.com/AmazonS3/latest/API/API_CORSRule.html
//   - https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
//
// The exact headers, statuses and messages are those that LocalStack recorded
// from AWS (tests/aws/services/s3/test_s3_cors.snapshot.json in its repository),
// and those that the authors of versitygw, Scality's CloudServer and Ceph's
// s3-tests report. Where sources disagree or nobody looked, a [Decision] carries
// a [Doubt], and its [Confidence] is less than high. The vectors in
// testdata/decisions, testdata/validation and testdata/dialects name the source of
// each case; package vectors reads them for tests that ask real servers.
// testdata/explanations has what we say about requests, which is our own.
//
// # When two configurations are the same
//
// Servers do not always show what they were given: some sort and deduplicate the
// lists inside a rule, some invent IDs. [Equal] and [Diff] ignore that and
// nothing else; [Hash] ignores the order, and tells every ID from every other.
package cors
