// SPDX-License-Identifier: Apache-2.0

package cors

import "strings"

// AWS is Amazon S3.
var AWS = &Dialect{
	name: "AWS",
	storing: storing{
		maxDocument:  MaxDocumentBytes,
		idLength:     characters,
		idUnit:       "characters",
		storesMethod: isMethod,
		checkOrigin:  oneWildcard,
		checkHeader:  oneWildcard,
		checkExpose:  exposable,
		refusal:      (*Mistake).s3,
	},
	comparing: comparing{
		originPatterns: onePattern,
		headerPatterns: onePattern,
		checksMethod:   true,
		checksHeaders:  true,
	},
	refusing: refusing{
		refusals: map[Reason]refusal{
			OriginMissing:         {status: 400, code: "BadRequest", message: messageOriginMissing},
			NotConfigured:         {status: 403, code: accessForbidden, message: messageNotConfigured},
			BucketMissing:         {status: 403, code: accessForbidden, message: "CORSResponse: Bucket not found"},
			RequestMethodInvalid:  {status: 400, code: "BadRequest", message: messageMethodInvalid},
			RequestHeadersInvalid: {status: 400, code: "BadRequest", message: messageHeadersInvalid, after: messageHeadersInvalidAfter},
			NoRuleMatches:         {status: 403, code: accessForbidden, message: messageNoRuleMatches},
		},
	},
	responding: responding{
		allowedStatus: 200,
		starPreflight: true,
		starActual:    true,
		credentials:   "true",
		separator:     ", ",
		vary:          varyAll,
		varyActual:    varyAll,
	},
}

// VersityGW is versitygw 1.8.0, without its option --cors-allow-origin:
// auth/bucket_cors.go, s3api/controllers/options.go and base.go, and
// s3api/middlewares/apply-bucket-cors.go, at https://github.com/versity/versitygw.
//
// Three things are left out. It stores more than MaxRules rules. It exposes the
// metadata headers that an object has. And a "*" that is in the origin or a header
// of a request, which no browser sends, it takes for that of the rule.
var VersityGW = &Dialect{
	name: "VersityGW",
	storing: storing{
		anyRules:     true,
		storesMethod: isMethod,
		checkOrigin:  oneWildcard,
		checkHeader:  tokenOrEmpty,
		checkExpose:  func(s string) []MistakeReason { return reasons(tokenOrEmpty(s)) },
		refusal: func(m *Mistake) S3Error {
			switch m.Reason {
			case TooManyRules:
				return S3Error{}
			case NoRules, Missing, NotXML:
				e := malformedXML(ConfidenceHigh)
				e.Message += "."
				return e
			default:
				e := m.s3()
				e.Confidence = ConfidenceHigh
				return e
			}
		},
	},
	comparing: comparing{
		originPatterns: onePattern,
		headerPatterns: anyWildcards,
		methodRequired: true,
		checksMethod:   true,
		checksHeaders:  true,
		gaps:           gapsInvalid,
		blanksCount:    true,
		bucketFirst:    true,
		requestFirst:   true,
	},
	refusing: refusing{
		refusals: map[Reason]refusal{
			OriginMissing:         {status: 400, code: "BadRequest", message: messageOriginMissing},
			NotConfigured:         {status: 403, code: accessForbidden, message: messageNotConfigured},
			BucketMissing:         {status: 404, code: "NoSuchBucket", message: "The specified bucket does not exist."},
			RequestMethodInvalid:  {status: 400, code: "BadRequest", message: messageMethodInvalid},
			RequestHeadersInvalid: {status: 400, code: "BadRequest", message: messageHeadersInvalid, after: messageHeadersInvalidAfter},
			NoRuleMatches:         {status: 403, code: accessForbidden, message: messageNoRuleMatches},
		},
		saysOptions: true,
		failsActual: true,
	},
	responding: responding{
		allowedStatus:   200,
		starPreflight:   true,
		starActual:      true,
		firstEntry:      true,
		credentials:     "true",
		starCredentials: "false",
		separator:       ", ",
		exposed:         []string{"ETag"},
		exposedActual:   []string{"ETag", "x-amz-storage-class"},
		vary:            varyAll,
		varyActual:      varyAll,
	},
	certain: awsDoubts,
}

// CephRGW is the Ceph Object Gateway up to the releases that match rules as AWS
// does, which https://github.com/ceph/ceph/pull/69190 made of it in 2026:
// src/rgw/rgw_cors.cc, rgw_cors_s3.cc, rgw_op.cc, rgw_rest.cc and rgw_rest_s3.cc.
var CephRGW = &Dialect{
	name: "CephRGW",
	storing: storing{
		maxDocument:     1 << 20, // the default of rgw_max_put_param_size
		idLength:        func(s string) int { return len(s) },
		idUnit:          "bytes",
		methodsOptional: true,
		storesMethod:    func(s string) bool { return isMethod(strings.ToUpper(s)) || strings.EqualFold(s, "COPY") },
		checkOrigin:     oneWildcardNotEmpty,
		checkHeader:     oneWildcardNotEmpty,
		checkExpose:     func(string) []MistakeReason { return nil },
		refusal: func(m *Mistake) S3Error {
			switch m.Reason {
			case TooManyRules:
				e := m.s3()
				e.Confidence = ConfidenceHigh
				return e
			case DocumentTooLarge:
				return S3Error{}
			default:
				// Old releases answer InvalidArgument.
				return S3Error{Status: 400, Code: "MalformedXML", Confidence: ConfidenceMedium}
			}
		},
	},
	comparing: comparing{
		firstOrigin:       true,
		firstOriginActual: true,
		originPatterns:    looseWildcard,
		headerPatterns:    looseWildcard,
		foldsMethods:      true,
		realHeaders:       true,
		methodRequired:    true,
		bucketFirst:       true,
		requestFirst:      true,
	},
	refusing: refusing{
		refusals: map[Reason]refusal{
			OriginMissing:        {status: 400, code: "InvalidArgument"},
			NotConfigured:        {status: 403, code: "AccessDenied"},
			BucketMissing:        {status: 404, code: "NoSuchBucket"},
			RequestMethodInvalid: {status: 400, code: "InvalidArgument"},
			NoRuleMatches:        {status: 403, code: "AccessDenied"},
		},
	},
	responding: responding{
		allowedStatus:  200,
		starActual:     true,
		methodAsked:    true,
		headers:        requestedNames,
		headersActual:  requestedNames,
		separator:      ",",
		storesMaxAge:   func(seconds int32) bool { return seconds >= 0 }, // others become too large
		vary:           "Origin",
		varyActual:     "Origin",
		varyUnlessStar: true,
	},
	certain:   awsDoubts &^ (DoubtBlankHeader | DoubtRequestHeadersInvalid | DoubtMissingBucket),
	laterRule: DoubtRelease,
	matchDoubts: func(preflight, asksHeaders, anyOrigin bool) Doubt {
		var doubts Doubt
		switch {
		case anyOrigin && preflight:
			doubts |= DoubtRelease // the origin is echoed in those whose source we know
		case anyOrigin:
			doubts |= DoubtAuthorization
		}
		if asksHeaders && !preflight {
			doubts |= DoubtRelease // later ones refuse where the rule does not allow all
		}
		return doubts
	},
}

// SeaweedFS is SeaweedFS with the default of its option allowedOrigins, which is
// "*", since that is what buckets without a configuration fall back to:
// weed/s3api/cors and weed/s3api/s3api_bucket_cors_handlers.go, at
// https://github.com/seaweedfs/seaweedfs. Before pull requests 7404, 7547 and 8078
// (October 2025 to January 2026) it refused preflights of such buckets with
// AccessDenied and sent no Vary.
var SeaweedFS = &Dialect{
	name: "SeaweedFS",
	storing: storing{
		storesMethod:   isMethod,
		checkOrigin:    wildcardWithScheme,
		checkHeader:    func(string) MistakeReason { return "" },
		checkExpose:    func(string) []MistakeReason { return nil },
		negativeMaxAge: true,
		refusal: func(m *Mistake) S3Error {
			switch m.Reason {
			case NotXML:
				return malformedXML(ConfidenceMedium)
			default:
				return S3Error{Status: 400, Code: "InvalidRequest", Message: "Invalid Request", Confidence: ConfidenceMedium}
			}
		},
	},
	comparing: comparing{
		firstOrigin:       true,
		originPatterns:    wildcardAfterScheme,
		headerPatterns:    wildcardAtEnd,
		noHeadersAllowAll: true,
		realMethod:        true,
		realHeaders:       true,
		methodOptional:    true,
		gaps:              gapsNamed,
	},
	refusing: refusing{
		refusals: map[Reason]refusal{
			OriginMissing: {status: 200},
			NoRuleMatches: {status: 403, code: "AccessDenied", message: "Access Denied."},
		},
		partly: true,
	},
	responding: responding{
		allowedStatus: 200,
		headers:       requestedNames,
		headersActual: configuredList,
		separator:     ", ",
		vary:          "Origin",
		varyActual:    "Origin",
		varyAlways:    true,
	},
	certain: awsDoubts,
	unset: &Rule{
		AllowedOrigins: []string{"*"},
		AllowedMethods: []string{"GET", "PUT", "POST", "DELETE", "HEAD"},
		AllowedHeaders: []string{"*"},
		ExposeHeaders:  []string{"ETag", "Content-Length", "Content-Type", "Last-Modified", "x-amz-request-id", "x-amz-version-id"},
	},
}

// Garage is Garage for buckets with a global alias: src/api/common/cors.rs and
// src/api/s3/cors.rs, at https://git.deuxfleurs.fr/Deuxfleurs/garage. It adds the
// headers to successful answers only. It stores more than MaxRules rules, which
// Compile does not.
var Garage = &Dialect{
	name: "Garage",
	storing: storing{
		anyRules:     true,
		storesMethod: isToken,
		checkOrigin:  func(string) MistakeReason { return "" },
		checkHeader:  token,
		checkExpose:  func(s string) []MistakeReason { return reasons(token(s)) },
		refusal: func(m *Mistake) S3Error {
			invalid := func(message string) S3Error {
				return S3Error{Status: 400, Code: "InvalidRequest", Message: "Bad request: " + message, Confidence: ConfidenceMedium}
			}
			switch m.Reason {
			case UnsupportedMethod:
				return invalid("Invalid CORSRule method: invalid HTTP method")
			case InvalidCharacter, Empty:
				return invalid("Invalid HTTP header name: invalid HTTP header name")
			case NoRules, Missing, NotXML:
				return S3Error{Status: 400, Code: "MalformedXML", Confidence: ConfidenceMedium}
			default:
				return S3Error{}
			}
		},
	},
	comparing: comparing{
		originPatterns: wholeWildcard,
		headerPatterns: wholeWildcard,
		anyMethods:     true,
		headerCase:     true,
		realMethod:     true,
		methodRequired: true,
		gaps:           gapsNamed,
		bucketFirst:    true,
		requestFirst:   true,
	},
	refusing: refusing{
		refusals: map[Reason]refusal{
			OriginMissing:        {status: 400, code: "InvalidRequest", message: "Bad request: Missing Origin header"},
			NotConfigured:        {status: 403, code: "AccessDenied", message: "Forbidden: This CORS request is not allowed."},
			BucketMissing:        {status: 200},
			RequestMethodInvalid: {status: 400, code: "InvalidRequest", message: "Bad request: Missing Access-Control-Request-Method header"},
			NoRuleMatches:        {status: 403, code: "AccessDenied", message: "Forbidden: This CORS request is not allowed."},
		},
		// It could be the local alias of a bucket, which takes a key to know.
		missing: []Header{{"Access-Control-Allow-Origin", "*"}, {"Access-Control-Allow-Methods", "*"}},
	},
	responding: responding{
		allowedStatus: 200,
		joinsOrigins:  true,
		headers:       configuredList,
		headersActual: configuredList,
		separator:     ", ",
		writesEmpty:   true,
		storesMaxAge:  func(int32) bool { return false },
	},
	certain: awsDoubts &^ DoubtBlankHeader,
}

// MinIO is the last community edition of MinIO, which has no CORS configurations
// and answers every bucket alike: cmd/dummy-handlers.go and cmd/api-router.go, at
// https://github.com/minio/minio, with the default of MINIO_API_CORS_ALLOW_ORIGIN.
// Whether a bucket exists makes no difference.
var MinIO = &Dialect{
	name: "MinIO",
	storing: storing{
		nothing: true,
		refusal: func(*Mistake) S3Error { // there is only one
			return S3Error{
				Status: 501, Code: "NotImplemented",
				Message:    "A header you provided implies functionality that is not implemented",
				Confidence: ConfidenceHigh,
			}
		},
	},
	comparing: comparing{
		originPatterns: onePattern,
		headerPatterns: onePattern,
		anyMethods:     true,
		realMethod:     true,
		realHeaders:    true,
		gaps:           gapsNamed,
	},
	refusing: refusing{
		refusals: map[Reason]refusal{
			OriginMissing: {status: 204},
			NotConfigured: {status: 204},
			BucketMissing: {status: 204},
		},
	},
	responding: responding{
		allowedStatus:    204,
		credentials:      "true",
		methodAsked:      true,
		headers:          requestedRaw,
		headersActual:    noHeaders,
		separator:        ", ",
		exposeActualOnly: true,
		vary:             "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
		varyActual:       "Origin",
		varyAlways:       true,
	},
	certain: awsDoubts &^ DoubtRequestMethodMissing,
	unset: &Rule{
		AllowedOrigins: []string{"*"},
		AllowedMethods: []string{"GET", "PUT", "HEAD", "POST", "DELETE", "OPTIONS", "PATCH"},
		AllowedHeaders: []string{"*"},
		ExposeHeaders: []string{
			"Date", "Etag", "Server", "Connection", "Accept-Ranges", "Content-Range", "Content-Encoding", "Content-Length",
			"Content-Type", "Content-Encoding", "Last-Modified", "Content-Language", "Cache-Control", "Retry-After",
			"X-Amz-Bucket-Region", "Expires", "X-Amz*", "X-Amz*", "*",
		},
	},
}

// The messages of S3, to the letter ("evalution" included), which others repeat.
const (
	accessForbidden            = "AccessForbidden"
	messageOriginMissing       = "Insufficient information. Origin request header needed."
	messageNotConfigured       = "CORSResponse: CORS is not enabled for this bucket."
	messageMethodInvalid       = "Invalid Access-Control-Request-Method: "
	messageHeadersInvalid      = `Access-Control-Request-Headers "`
	messageHeadersInvalidAfter = `" contains invalid character.`
	messageNoRuleMatches       = "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, " +
		"request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
)

// varyAll is what S3 sends with every match, and never without one, which makes
// caches keep answers that were given to requests without an Origin.
const varyAll = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
