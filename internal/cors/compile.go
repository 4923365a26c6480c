// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"slices"
	"strconv"
	"strings"
)

// Policy is a Configuration that a server accepts, compiled to decide requests.
// It is immutable and safe for concurrent use. A nil Policy is a bucket without a
// CORS configuration on AWS; see also MissingBucket and Dialect.NoConfiguration.
type Policy struct {
	dialect *Dialect
	// absent is why there is no configuration; empty if there is one. A server that
	// has a rule of its own for that has it in rules.
	absent  Reason
	rules   []rule
	origins index
	headers index // of names as they are compared
	// methods are which rules allow a method, with those that allow any other last;
	// otherMethods are what a rule can have on some servers only.
	methods      [noMethod + 1]ruleSet
	otherMethods map[string]ruleSet
	// upperOrigin is the first rule with an upper-case letter in an origin:
	// before it, whether S3 regards the case of configured origins is no
	// question. The number of rules for none.
	upperOrigin int
}

// rule is what a Decision needs of a Rule that has been chosen.
type rule struct {
	id           string
	anyOrigin    bool      // has the origin "*", so that the answer names no other
	otherOrigins []pattern // beside "*", or those before it where that counts; nil unless anyOrigin
	origins      string    // all of them, as in Access-Control-Allow-Origin of some servers
	methods      string    // as in Access-Control-Allow-Methods
	headers      string    // as in Access-Control-Allow-Headers of some servers
	expose       string    // as in Access-Control-Expose-Headers of a preflight
	exposeActual string    // and of other requests
	maxAge       string    // as in Access-Control-Max-Age; empty for none
	doubts       Doubt

	// slashed says that the "*" of an allowed origin is where a URL has slashes; see
	// DoubtWildcardSlash.
	slashed bool

	allowedOrigins, allowedHeaders []string // as they are written, to advise
}

// method is one of those that a rule can allow.
type method int

const (
	methodGet method = iota
	methodPut
	methodPost
	methodDelete
	methodHead
	noMethod // any other string
)

func methodOf(s string) method {
	switch s {
	case "GET":
		return methodGet
	case "PUT":
		return methodPut
	case "POST":
		return methodPost
	case "DELETE":
		return methodDelete
	case "HEAD":
		return methodHead
	default:
		return noMethod
	}
}

// Compile checks c the way S3 checks the document of a PutBucketCors, and
// prepares it for decisions. The error is a *ConfigurationError with every
// mistake, which Mistakes takes apart. Compile keeps nothing of c that a caller
// could change later.
//
// S3 also accepts a good deal that can never match, such as an origin with a
// trailing slash. That is no mistake.
func Compile(c Configuration) (*Policy, error) { return AWS.Compile(c) }

// Compile is the package's Compile for a server of this dialect: a mistake is what
// such a server would refuse. No dialect takes more than MaxRules rules.
func (d *Dialect) Compile(c Configuration) (*Policy, error) {
	if err := d.Check(c); err != nil {
		return nil, err
	}
	return d.compile(c), nil
}

// Check is whether Compile would compile c, for those who need no more. The error
// is the same.
func (d *Dialect) Check(c Configuration) error {
	if mistakes := d.check(c); len(mistakes) > 0 {
		return &ConfigurationError{Mistakes: mistakes}
	}
	return nil
}

// compile prepares what has no mistakes.
func (d *Dialect) compile(c Configuration) *Policy {
	p := &Policy{dialect: d, rules: make([]rule, len(c.Rules)), upperOrigin: len(c.Rules)}
	origins := make([][]pattern, len(c.Rules))
	headers := make([][]pattern, len(c.Rules))
	for i, r := range c.Rules {
		for _, m := range r.AllowedMethods {
			p.allowMethod(i, m)
		}
		if d.methodOptional {
			p.allowMethod(i, "")
		}
		for _, h := range r.AllowedHeaders {
			patterns, other := d.headerPatterns(p.comparedName(h))
			headers[i] = append(headers[i], patterns...)
			p.headers.addOther(i, other)
		}
		if len(r.AllowedHeaders) == 0 && d.noHeadersAllowAll {
			headers[i] = []pattern{parsePattern("*")}
		}
		for _, o := range r.AllowedOrigins {
			patterns, other := d.originPatterns(o)
			origins[i] = append(origins[i], patterns...)
			p.origins.addOther(i, other)
			if hasUpper(o) {
				p.upperOrigin = min(p.upperOrigin, i)
			}
		}
		p.rules[i] = d.compileRule(r)
	}
	p.origins.add(origins)
	p.headers.add(headers)
	return p
}

// allowMethod adds a method to what the rule with index i allows.
func (p *Policy) allowMethod(i int, name string) {
	if p.dialect.foldsMethods {
		name = strings.ToUpper(name)
	}
	switch m := methodOf(name); {
	case m != noMethod:
		p.methods[m].add(i)
	case name == "*":
		for m := range p.methods {
			p.methods[m].add(i)
		}
	case p.dialect.anyMethods || name == "":
		if p.otherMethods == nil {
			p.otherMethods = map[string]ruleSet{}
		}
		put(p.otherMethods, name, i)
	}
}

func (d *Dialect) compileRule(r Rule) rule {
	compiled := rule{
		id:      r.ID,
		origins: strings.Join(r.AllowedOrigins, d.separator),
		methods: strings.Join(r.AllowedMethods, ", "),
		headers: strings.Join(r.AllowedHeaders, d.separator),

		allowedOrigins: slices.Clone(r.AllowedOrigins),
		allowedHeaders: slices.Clone(r.AllowedHeaders),
	}
	expose := strings.Join(r.ExposeHeaders, d.separator)
	compiled.exposeActual = d.appendExposed(expose, d.exposedActual)
	switch {
	case d.exposeActualOnly:
	case expose == "*": // versitygw adds nothing to that
		compiled.expose = expose
	default:
		compiled.expose = d.appendExposed(expose, d.exposed)
	}
	for _, o := range r.AllowedOrigins {
		p := parsePattern(o)
		compiled.slashed = compiled.slashed || p.wild && o != "*" && !strings.Contains(p.prefix, "//")
	}
	if star := slices.Index(r.AllowedOrigins, "*"); star >= 0 {
		compiled.anyOrigin = true
		others := r.AllowedOrigins
		if d.firstEntry {
			others = others[:star]
		}
		for _, o := range others {
			if o != "*" {
				compiled.otherOrigins = append(compiled.otherOrigins, parsePattern(o))
			}
		}
	}
	if age := r.MaxAgeSeconds; age != nil && (d.storesMaxAge == nil || d.storesMaxAge(*age)) {
		compiled.maxAge = strconv.Itoa(int(*age))
		if *age <= 0 {
			compiled.doubts |= DoubtMaxAge
		}
	}
	return compiled
}

// appendExposed appends names to a list of headers, unless it has them already.
func (d *Dialect) appendExposed(list string, names []string) string {
	longer := strings.TrimSpace(list)
	length := len(longer)
	for _, name := range names {
		is := func(part string) bool { return strings.EqualFold(strings.TrimSpace(part), name) }
		switch {
		case longer == "":
			longer = name
		case !slices.ContainsFunc(strings.Split(longer, ","), is):
			longer += d.separator + name
		}
	}
	if len(longer) == length {
		return list
	}
	return longer
}

// Dialect is that of the server which the policy decides for: AWS for nil, as Decide
// has it.
func (p *Policy) Dialect() *Dialect {
	if p == nil {
		return AWS
	}
	return p.dialect
}

// MissingBucket decides as S3 does for a bucket that does not exist.
func MissingBucket() *Policy { return missingBucket }

var (
	notConfigured = AWS.NoConfiguration()
	missingBucket = AWS.MissingBucket()
)
