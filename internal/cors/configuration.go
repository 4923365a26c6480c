// SPDX-License-Identifier: Apache-2.0

package cors

// Limits that S3 documents for one CORS configuration.
//
// See https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html
// and https://docs.aws.amazon.com/AmazonS3/latest/API/API_CORSRule.html.
const (
	// MaxRules is the number of rules that one configuration may hold.
	MaxRules = 100
	// MaxDocumentBytes is the size of the XML document that PutBucketCors accepts.
	MaxDocumentBytes = 64 << 10
	// MaxIDLength is the number of characters that the ID of a rule may have.
	MaxIDLength = 255
)

// Configuration is the CORS configuration of one bucket as somebody wrote it:
// an ordered list of rules, of which S3 uses the first that matches a request
// whole. The zero value has no rules and stands for a bucket without a CORS
// configuration, because S3 stores no configuration that is empty.
//
// A Configuration may hold mistakes; Compile finds them.
type Configuration struct {
	Rules []Rule
}

// Rule is one rule of a Configuration. The order of the values inside its
// lists does not change which requests it matches.
type Rule struct {
	// ID names the rule, in at most MaxIDLength characters; empty for none.
	ID string
	// AllowedOrigins are the origins that the rule answers, each with at most
	// one "*", which stands for any number of any characters.
	AllowedOrigins []string
	// AllowedMethods are of GET, PUT, POST, DELETE and HEAD.
	AllowedMethods []string
	// AllowedHeaders are the request headers that a preflight may ask for, each
	// with at most one "*". Without any, every preflight that asks for a header
	// is refused.
	AllowedHeaders []string
	// ExposeHeaders are the response headers that a script may read; no "*".
	ExposeHeaders []string
	// MaxAgeSeconds is how long a browser may keep the answer to a preflight.
	// Nil (S3 sends no Access-Control-Max-Age) is not 0.
	MaxAgeSeconds *int32
}

// List is the list of values that a field is; nil for a field that is none.
func (r *Rule) List(field Field) *[]string {
	switch field {
	case FieldAllowedOrigins:
		return &r.AllowedOrigins
	case FieldAllowedMethods:
		return &r.AllowedMethods
	case FieldAllowedHeaders:
		return &r.AllowedHeaders
	case FieldExposeHeaders:
		return &r.ExposeHeaders
	case FieldID, FieldMaxAgeSeconds:
	}
	return nil
}
