// SPDX-License-Identifier: Apache-2.0

package peers_test

import (
	"errors"
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3err"

	"github.com/bucketcors/bucketcors/internal/cors"
)

var (
	seed     = flag.Uint64("seed", 1, "what the random configurations and requests begin with")
	requests = flag.Int("requests", 200_000, "how many requests to compare")
)

// requestsPerConfiguration is how many requests each configuration is asked.
const requestsPerConfiguration = 10

// compare calls judge for random configurations that both the dialect and
// versitygw accept, and random requests.
func compare(t *testing.T, dialect *cors.Dialect, judge func(c cors.Configuration, r cors.Request, ours, theirs answer)) {
	t.Logf("seed %d: -seed makes another run, or this one again", *seed)
	g := newGenerator(*seed)
	allowed := 0
	for n := 0; n < *requests; {
		c := g.configuration()
		policy, err := dialect.Compile(c)
		if err != nil {
			continue
		}
		theirConfiguration, err := store(c)
		if err != nil {
			continue // what is accepted is for another test
		}
		for range requestsPerConfiguration {
			r := g.request()
			a, b := ours(policy, r), versitygw(theirConfiguration, r)
			if len(a.headers) > 0 {
				allowed++
			}
			judge(c, r, a, b)
			if t.Failed() {
				return
			}
			n++
		}
	}
	if part := allowed * 100 / *requests; part < 10 || part > 90 {
		t.Errorf("%d %% of the requests are allowed: the generator does not try much", part)
	}
}

// store is what versitygw makes of a configuration that it is sent, or the error
// that it answers.
func store(c cors.Configuration) (*auth.CORSConfiguration, error) {
	document, err := cors.FormatXML(c)
	if err != nil {
		return nil, err
	}
	stored, err := auth.ParseCORSOutput(document)
	if err != nil {
		return nil, err
	}
	if err := stored.Validate(); err != nil {
		return nil, err
	}
	return stored, nil
}

// describe is a configuration and a request for people.
func describe(t *testing.T, c cors.Configuration, r cors.Request) string {
	t.Helper()
	document, err := cors.FormatJSON(c)
	if err != nil {
		t.Fatal(err)
	}
	request := strings.Join([]string{
		r.Method, r.Resource.String(), "Origin: " + r.Origin,
		"Access-Control-Request-Method: " + r.RequestMethod, "Access-Control-Request-Headers: " + r.RequestHeaders,
	}, "\n")
	return string(document) + request
}

func TestTheDialectVersityGWAnswersAsVersitygwDoes(t *testing.T) {
	compare(t, cors.VersityGW, func(c cors.Configuration, r cors.Request, ours, theirs answer) {
		if !asksForStar(r) && !ours.equal(theirs) {
			t.Errorf("%s\nours:   %s\ntheirs: %s", describe(t, c, r), ours, theirs)
		}
	})
}

// disagreement is a way in which versitygw answers otherwise than we say of S3.
type disagreement struct {
	name string
	// reason is why we do not do as versitygw does.
	reason string
	// applies reports whether it may be one of the causes of a difference; mend
	// makes of versitygw's answer what it would be without.
	applies func(c cors.Configuration, r cors.Request, ours, theirs answer) bool
	mend    func(ours, theirs answer) answer
}

// disagreements are all that are known. A difference between the answers that
// they do not explain together fails the test, and so does one that never shows.
var disagreements = []disagreement{
	{
		name:   "credentials false",
		reason: `S3 leaves Access-Control-Allow-Credentials out of an answer "*" (recorded); versitygw says false`,
		applies: func(_ cors.Configuration, _ cors.Request, _, theirs answer) bool {
			return theirs.headers["Access-Control-Allow-Credentials"] == "false"
		},
		mend: func(_, theirs answer) answer {
			return theirs.without("Access-Control-Allow-Credentials")
		},
	},
	{
		name:   "always exposed",
		reason: "S3 exposes what the rule lists (recorded); versitygw adds ETag, and to answers that are no preflight's also x-amz-storage-class",
		applies: func(_ cors.Configuration, _ cors.Request, ours, theirs answer) bool {
			return len(theirs.headers) > 0 && ours.headers[exposeHeaders] != theirs.headers[exposeHeaders]
		},
		mend: func(ours, theirs answer) answer {
			return theirs.with(exposeHeaders, ours.headers[exposeHeaders])
		},
	},
	{
		name:   "the first origin that matches",
		reason: `whether a rule with "*" beside another origin that matches is answered with "*" is not known of S3; versitygw goes by the order, and the decision has a doubt`,
		applies: func(_ cors.Configuration, r cors.Request, ours, theirs answer) bool {
			return ours.headers[allowOrigin] == "*" && r.Origin != "*" && theirs.headers[allowOrigin] == r.Origin
		},
		mend: func(_, theirs answer) answer {
			return theirs.without("Access-Control-Allow-Credentials").with(allowOrigin, "*")
		},
	},
	{
		name:   "the method of a refusal",
		reason: "S3 names the method that was asked for (recorded); versitygw always OPTIONS",
		applies: func(_ cors.Configuration, r cors.Request, _, theirs answer) bool {
			return theirs.code == "AccessForbidden" && r.RequestMethod != ""
		},
		mend: func(ours, theirs answer) answer {
			theirs.method = ours.method
			return theirs
		},
	},
	{
		name:   "no method asked for",
		reason: "S3 answers 403 to a preflight without Access-Control-Request-Method where there is no configuration (recorded), and by that logic also where there is; versitygw 400",
		applies: func(_ cors.Configuration, r cors.Request, _, theirs answer) bool {
			return r.Method == "OPTIONS" && r.RequestMethod == "" && theirs.message == "Invalid Access-Control-Request-Method: "
		},
		mend: func(ours, _ answer) answer { return ours },
	},
	{
		name:   "empty entries",
		reason: "S3 passes over empty entries of Access-Control-Request-Headers (told by others); versitygw takes them for invalid",
		applies: func(_ cors.Configuration, r cors.Request, _, theirs answer) bool {
			return strings.Contains(theirs.message, "contains invalid character") && hasEmptyEntry(r.RequestHeaders)
		},
		mend: func(ours, _ answer) answer { return ours },
	},
	{
		name:   "the quoted header",
		reason: "we quote the invalid name without the blanks around it; versitygw with",
		applies: func(_ cors.Configuration, _ cors.Request, ours, theirs answer) bool {
			return strings.Contains(ours.message, "contains invalid character") && strings.Contains(theirs.message, "contains invalid character")
		},
		mend: func(_, theirs answer) answer {
			before, quoted, _ := strings.Cut(theirs.message, `"`)
			name, after, _ := strings.Cut(quoted, `"`)
			theirs.message = before + `"` + strings.TrimSpace(name) + `"` + after
			return theirs
		},
	},
	{
		name:   `"*" in a request`,
		reason: `"*" stands for any character, also for a "*" that a request has in its origin or headers; to versitygw's matcher that one matches itself only`,
		applies: func(_ cors.Configuration, r cors.Request, _, _ answer) bool {
			return asksForStar(r)
		},
		mend: func(ours, _ answer) answer { return ours },
	},
	{
		name:   "a bad request that is no preflight",
		reason: "S3 refuses no request because of CORS but preflights (recorded for other causes); versitygw answers 400 to what it cannot read",
		applies: func(_ cors.Configuration, r cors.Request, ours, theirs answer) bool {
			return r.Method != "OPTIONS" && ours.status == 0 && theirs.status == 400
		},
		mend: func(ours, _ answer) answer { return ours },
	},
}

// asksForStar reports whether a request has a "*" where a pattern has one. No
// browser sends any; to versitygw that character then matches itself only.
func asksForStar(r cors.Request) bool { return strings.Contains(r.Origin+r.RequestHeaders, "*") }

const (
	allowOrigin   = "Access-Control-Allow-Origin"
	exposeHeaders = "Access-Control-Expose-Headers"
)

func hasEmptyEntry(list string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(s string) bool { return strings.TrimSpace(s) == "" })
}

func (a answer) without(header string) answer { return a.with(header, "") }

func (a answer) with(header, value string) answer {
	headers := map[string]string{header: value}
	for name, v := range a.headers {
		if name != header {
			headers[name] = v
		}
	}
	if value == "" {
		delete(headers, header)
	}
	a.headers = headers
	return a
}

func TestVersitygwAnswersAsWeSayOfS3ButForKnownDisagreements(t *testing.T) {
	shown := map[string]int{}
	compare(t, cors.AWS, func(c cors.Configuration, r cors.Request, ours, theirs answer) {
		mended := theirs
		for _, d := range disagreements {
			if !ours.equal(mended) && d.applies(c, r, ours, theirs) {
				mended = d.mend(ours, mended)
				shown[d.name]++
			}
		}
		if !ours.equal(mended) {
			t.Errorf("nothing known explains this:\n%s\nours:   %s\ntheirs: %s", describe(t, c, r), ours, theirs)
		}
	})
	for _, d := range disagreements {
		t.Logf("%8d %s: %s", shown[d.name], d.name, d.reason)
		if shown[d.name] == 0 {
			t.Errorf("%s: never seen; if versitygw changed, take it off the list", d.name)
		}
	}
}

func TestVersitygwAcceptsWhatTheDialectAccepts(t *testing.T) {
	g := newGenerator(*seed)
	refused := 0
	for range *requests / requestsPerConfiguration {
		c := g.configuration()
		_, ourErr := cors.VersityGW.Compile(c)
		_, theirErr := store(c)
		if (ourErr == nil) != (theirErr == nil) {
			document, _ := cors.FormatJSON(c)
			t.Fatalf("%s\nours:   %v\ntheirs: %v", document, ourErr, theirErr)
		}
		if theirErr == nil {
			continue
		}
		refused++
		e, ok := errors.AsType[s3err.APIError](theirErr)
		if !ok {
			t.Fatalf("%T %v", theirErr, theirErr)
		}
		if !slices.ContainsFunc(slices.Collect(cors.Mistakes(ourErr)), func(m *cors.Mistake) bool {
			s3 := m.S3()
			return s3.Status == e.HTTPStatusCode && s3.Code == e.Code && s3.Message == e.Description
		}) {
			document, _ := cors.FormatJSON(c)
			t.Fatalf("%s\nours:   %v\ntheirs: %d %s %s", document, ourErr, e.HTTPStatusCode, e.Code, e.Description)
		}
	}
	if refused == 0 {
		t.Error("nothing was refused: the generator makes no mistakes")
	}
}
