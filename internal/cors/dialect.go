// SPDX-License-Identifier: Apache-2.0

package cors

import "strings"

// Dialect is how one kind of server checks a configuration, decides by it and
// answers, where that is not what AWS does. It is data, and the few functions that
// differ; the evaluator is the same for all. A Dialect is immutable.
type Dialect struct {
	name string

	storing
	comparing
	refusing
	responding

	// certain are the doubts about AWS that this server's source resolves.
	certain Doubt
	// matchDoubts are those of a match; nil for none but those of every server.
	matchDoubts func(preflight, asksHeaders, anyOrigin bool) Doubt
	// laterRule is the doubt where only a rule after the first for the origin would
	// match.
	laterRule Doubt
	// unset is the rule by which the server decides for a bucket that has no
	// configuration; nil if it refuses.
	unset *Rule
}

// storing is what the server accepts in a PutBucketCors.
type storing struct {
	nothing         bool             // does not implement the operation
	maxDocument     int              // bytes; 0 for no known limit
	anyRules        bool             // takes more than MaxRules
	idLength        func(string) int // nil for no limit
	idUnit          string
	methodsOptional bool
	storesMethod    func(string) bool
	checkOrigin     func(string) MistakeReason // empty for no mistake
	checkHeader     func(string) MistakeReason
	checkExpose     func(string) []MistakeReason
	negativeMaxAge  bool // is refused
	// refusal is what the server answers to a mistake; the zero value if nobody
	// knows.
	refusal func(*Mistake) S3Error
}

// comparing is how the server compares a request with rules.
type comparing struct {
	// firstOrigin: the first rule whose origin matches decides alone, and is asked
	// for the method and the headers only then. Actual: so for requests that are
	// no preflights.
	firstOrigin, firstOriginActual bool
	// originPatterns and headerPatterns are what a configured value stands for:
	// patterns for the index or, for what does not fit in it, a function.
	originPatterns, headerPatterns func(string) ([]pattern, func(string) bool)
	foldsMethods                   bool // stores a method in lower case as that in capitals
	anyMethods                     bool // rules may have any method, "*" stands for all
	headerCase                     bool // header names are compared with regard to case
	noHeadersAllowAll              bool // a rule without allowed headers allows all of them

	realMethod     bool // Access-Control-Request-Method counts in preflights only
	realHeaders    bool // and so does Access-Control-Request-Headers
	methodRequired bool // a preflight without a method is refused for that
	methodOptional bool // a preflight without a method asks for none
	checksMethod   bool // a method that no rule can have is refused for that
	checksHeaders  bool // and so is a header whose name is no name
	gaps           gaps
	blanksCount    bool // an invalid name is quoted with the blanks around it

	bucketFirst  bool // a preflight's bucket is looked for before its headers are
	requestFirst bool // a preflight is checked before the configuration is looked for
}

// gaps is what an entry of Access-Control-Request-Headers with nothing in it is.
type gaps int

const (
	gapsSkipped gaps = iota
	gapsNamed        // the name of a header, which no rule has but one with "*"
	gapsInvalid      // an invalid name
)

// refusing is what the server answers to what it does not allow.
type refusing struct {
	refusals map[Reason]refusal
	// saysOptions: the Method in an answer is OPTIONS and not that asked for.
	saysOptions bool
	// failsActual: a request that makes no sense fails even if it is no preflight.
	failsActual bool
	// partly: a preflight whose origin a rule allows is answered with that alone.
	partly bool
	// missing are the headers of the answer to a preflight of a missing bucket
	// that is not refused; nil for a server that does refuse.
	missing []Header
}

// refusal is an answer to a preflight. The message goes on with what it is about
// if it ends in a blank, and quotes it if it ends in a quotation mark.
type refusal struct {
	status        int
	code, message string
	after         string // the rest of the message
}

// responding is what the server answers to what it allows.
type responding struct {
	allowedStatus int
	// star: "*" in a rule is answered with "*", in preflights and otherwise; firstEntry:
	// unless an earlier entry of the list matches. Without, the origin is echoed.
	starPreflight, starActual, firstEntry bool
	joinsOrigins                          bool   // answers all origins of the rule instead
	credentials, starCredentials          string // beside an echo, and beside "*"; empty for none
	methodAsked                           bool   // answers the method asked for, not all of the rule
	headers, headersActual                allowHeaders
	separator                             string   // in lists of headers
	exposeActualOnly                      bool     // does not expose in preflights
	exposed, exposedActual                []string // beside what the rule exposes
	writesEmpty                           bool     // sends headers without a value
	storesMaxAge                          func(int32) bool
	vary, varyActual                      string
	varyUnlessStar                        bool // only where the origin is echoed
	varyAlways                            bool // even where nothing is allowed
}

// allowHeaders is what a server puts in Access-Control-Allow-Headers.
type allowHeaders int

const (
	requestedLower allowHeaders = iota // what is asked for, in lower case
	requestedNames                     // what is asked for and allowed, as it was sent
	requestedRaw                       // Access-Control-Request-Headers itself
	configuredList                     // all that the rule allows
	noHeaders                          // nothing
)

// Dialects are all of them, AWS first.
func Dialects() []*Dialect {
	return []*Dialect{AWS, CephRGW, SeaweedFS, Garage, VersityGW, MinIO}
}

// DialectByName finds a dialect without regard to case.
func DialectByName(name string) (*Dialect, bool) {
	for _, d := range Dialects() {
		if strings.EqualFold(d.name, name) {
			return d, true
		}
	}
	return nil, false
}

// Name is how a BucketProvider names the dialect.
func (d *Dialect) Name() string { return d.name }

// NoConfiguration decides as such a server does for a bucket that has no CORS
// configuration. Some have a rule of their own for that, so that a Decision can be
// Allowed by no rule of any configuration: its Rule is -1 then, and its Reason is
// NotConfigured.
func (d *Dialect) NoConfiguration() *Policy { return d.withoutRules(NotConfigured) }

// MissingBucket decides as such a server does for a bucket that does not exist,
// like NoConfiguration otherwise.
func (d *Dialect) MissingBucket() *Policy { return d.withoutRules(BucketMissing) }

func (d *Dialect) withoutRules(reason Reason) *Policy {
	var c Configuration
	if d.unset != nil {
		c.Rules = []Rule{*d.unset}
	}
	p := d.compile(c)
	p.absent = reason
	return p
}

// effectiveMethod is the method that rules are asked for.
func (p *Policy) effectiveMethod(r *Request) string {
	preflight := r.Method == "OPTIONS"
	switch {
	case !preflight && p.dialect.realMethod:
		return r.Method
	case r.RequestMethod != "" || preflight && p.dialect.methodOptional:
		return r.RequestMethod
	default:
		return r.Method
	}
}

// requestedHeaders is the list of headers that rules are asked for.
func (p *Policy) requestedHeaders(r *Request) string {
	if p.dialect.realHeaders && r.Method != "OPTIONS" {
		return ""
	}
	return r.RequestHeaders
}

// goesByOrigin reports whether the first rule whose origin matches decides alone.
func (p *Policy) goesByOrigin(r *Request) bool {
	if r.Method == "OPTIONS" {
		return p.dialect.firstOrigin
	}
	return p.dialect.firstOriginActual
}

// mayAllow reports whether a rule can have the method.
func (p *Policy) mayAllow(method string) bool {
	return methodOf(method) != noMethod || p.dialect.anyMethods && p.dialect.storesMethod(method)
}

// comparedName is a requested header as it is compared.
func (p *Policy) comparedName(name string) string {
	if p.dialect.headerCase {
		return name
	}
	return lowerASCII(name)
}

// originRules is the set of rules that allow the origin.
func (p *Policy) originRules(origin string) ruleSet { return p.origins.match(origin) }

// methodRules is the set of rules that allow the method, one that effectiveMethod
// returns.
func (p *Policy) methodRules(method string) ruleSet {
	m := methodOf(method)
	if m == noMethod {
		return p.methods[noMethod].union(p.otherMethods[method])
	}
	return p.methods[m]
}

// headerRules is the set of rules that allow a requested header, whose name is as
// nextName returns it.
func (p *Policy) headerRules(name string) ruleSet { return p.headers.match(p.comparedName(name)) }
