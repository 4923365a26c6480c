// SPDX-License-Identifier: Apache-2.0

package browser_test

import (
	"testing"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// rule is a rule in short.
func rule(id string, origins, methods, headers, exposed []string) cors.Rule {
	return cors.Rule{ID: id, AllowedOrigins: origins, AllowedMethods: methods, AllowedHeaders: headers, ExposeHeaders: exposed}
}

type names = []string

// compile fails the test for rules that the server refuses.
func compile(t testing.TB, d *cors.Dialect, rules ...cors.Rule) *cors.Policy {
	t.Helper()
	if len(rules) == 0 {
		return d.NoConfiguration()
	}
	p, err := d.Compile(cors.Configuration{Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTry(t *testing.T) {
	uploads := rule("uploads", names{app}, names{"PUT"}, names{"content-type"}, names{"ETag"})
	public := rule("public", names{"*"}, names{"GET"}, nil, nil)
	put := browser.Request{Origin: app, Method: "PUT"}
	typed := browser.Request{Origin: app, Method: "put", Headers: names{"Content-Type"}, Reads: names{"ETag"}}
	get := browser.Request{Origin: app, Method: "GET"}
	logged := func(r browser.Request) browser.Request { r.Credentials = true; return r }
	reads := func(r browser.Request, names ...string) browser.Request { r.Reads = names; return r }
	sets := func(r browser.Request, names ...string) browser.Request { r.Headers = names; return r }
	for _, test := range []struct {
		name    string
		dialect *cors.Dialect // AWS if nil
		rules   []cors.Rule
		request browser.Request
		reason  browser.Reason // empty: allowed
		step    browser.Step
		rule    int
		message string
	}{
		{name: "an upload", rules: []cors.Rule{uploads}, request: typed, message: `rule "uploads" answers`},
		{name: "a request without a preflight", rules: []cors.Rule{uploads, public}, request: get, rule: 1, message: `rule "public" answers, and the browser sends no preflight`},
		{name: "a rule without an ID", rules: []cors.Rule{rule("", names{app}, names{"PUT"}, nil, nil)}, request: put, message: "rules[0] answers"},

		{name: "one header too many", rules: []cors.Rule{uploads, public}, request: sets(put, "content-type", "X-Amz-Acl"),
			step: browser.StepPreflight, reason: browser.PreflightNotOK,
			message: `the preflight is refused: rule "uploads" matches but for header x-amz-acl`},
		{name: "a trailing slash in the rule", rules: []cors.Rule{rule("", names{app + "/"}, names{"PUT"}, nil, nil)}, request: put,
			step: browser.StepPreflight, reason: browser.PreflightNotOK,
			message: `the preflight is refused: rules[0] matches but for origin "https://app.example.com"; "https://app.example.com/" in the rule has a trailing slash, which browsers never send`},
		{name: "a method that no rule can allow", rules: []cors.Rule{uploads}, request: browser.Request{Origin: app, Method: "patch"},
			step: browser.StepPreflight, reason: browser.PreflightNotOK, rule: -1,
			message: `the preflight is refused: no rule can allow "patch", only GET, PUT, POST, DELETE and HEAD`},
		{name: "a bucket without rules", request: put, step: browser.StepPreflight, reason: browser.PreflightNotOK, rule: -1,
			message: `the preflight is refused: the bucket has no CORS configuration; give it one with a rule for the origin "https://app.example.com"`},
		{name: "a read of a bucket without rules", request: get, step: browser.StepResponse, reason: browser.OriginNotAnswered, rule: -1,
			message: `the response is kept from the script: the bucket has no CORS configuration; give it one with a rule for the origin "https://app.example.com"`},
		{name: "a GET that no rule allows", rules: []cors.Rule{uploads}, request: get, step: browser.StepResponse, reason: browser.OriginNotAnswered,
			message: `the response is kept from the script: rule "uploads" matches but for method GET`},
		{name: "a HEAD where GET is allowed", rules: []cors.Rule{public}, request: browser.Request{Origin: app, Method: "head"}, step: browser.StepResponse, reason: browser.OriginNotAnswered,
			message: `the response is kept from the script: rule "public" matches but for method HEAD; GET does not imply HEAD, which is a method of its own`},

		{name: "authorization where the rule allows any header", rules: []cors.Rule{rule("", names{app}, names{"GET"}, names{"*"}, nil)}, request: sets(get, "Authorization"), message: "rules[0] answers"},
		{name: "credentials where the rule names the origin", rules: []cors.Rule{uploads}, request: logged(typed), message: `rule "uploads" answers`},
		{name: "credentials where the origin matches a pattern", rules: []cors.Rule{rule("", names{"https://*"}, names{"GET"}, nil, nil)}, request: logged(get), message: "rules[0] answers, and the browser sends no preflight"},
		{name: "credentials where the rule is for everybody", rules: []cors.Rule{public}, request: logged(get), step: browser.StepResponse, reason: browser.WildcardWithCredentials,
			message: `the response is kept from the script: rule "public" answers with the origin "*", which browsers do not take with credentials; allow "https://app.example.com" in a rule before it that does not have "*"`},
		{name: "the same of a preflight", rules: []cors.Rule{rule("any", names{"*"}, names{"PUT"}, nil, nil)}, request: logged(put), step: browser.StepPreflight, reason: browser.WildcardWithCredentials,
			message: `the preflight is refused: rule "any" answers with the origin "*", which browsers do not take with credentials; allow "https://app.example.com" in a rule before it that does not have "*"`},

		{name: "ETag that is not exposed", rules: []cors.Rule{rule("uploads", names{app}, names{"PUT"}, nil, names{"x-amz-request-id"})}, request: reads(put, "ETag"),
			step: browser.StepRead, reason: browser.HeaderNotExposed,
			message: `the script cannot read ETag: rule "uploads" answers, and does not expose it; add "ETag" to exposeHeaders`},
		{name: "a cookie", rules: []cors.Rule{rule("", names{app}, names{"GET"}, nil, names{"Set-Cookie"})}, request: reads(get, "Set-Cookie"),
			step: browser.StepRead, reason: browser.HeaderNeverExposed,
			message: "browsers let no script read Set-Cookie, whatever a rule exposes"},

		{name: "another rule answers the request itself, and exposes less", rules: []cors.Rule{
			rule("public", names{"*"}, names{"GET", "PUT"}, nil, nil), uploads,
		}, request: typed, step: browser.StepRead, reason: browser.HeaderNotExposed,
			message: `the script cannot read ETag: unlike its preflight, which rule "uploads" answers, the request itself asks for no headers; rule "public" answers, and does not expose it; add "ETag" to exposeHeaders of rule "public", or move rule "uploads" before it`},
		{name: "another rule answers the request itself, and with any origin", rules: []cors.Rule{
			rule("public", names{"*"}, names{"GET", "PUT"}, nil, names{"ETag"}), uploads,
		}, request: logged(typed), step: browser.StepResponse, reason: browser.WildcardWithCredentials,
			message: `the preflight passes, and the response is kept from the script: unlike its preflight, which rule "uploads" answers, the request itself asks for no headers; rule "public" answers, and Access-Control-Allow-Origin is "*", which browsers do not take for a request with credentials; move rule "uploads" before it`},
		{name: "another rule answers the request itself, and neither exposes enough", rules: []cors.Rule{
			rule("public", names{"*"}, names{"PUT"}, nil, nil), uploads,
		}, request: reads(typed, "x-amz-version-id"), step: browser.StepRead, reason: browser.HeaderNotExposed,
			message: `the script cannot read x-amz-version-id: unlike its preflight, which rule "uploads" answers, the request itself asks for no headers; rule "public" answers, and does not expose it; add "x-amz-version-id" to exposeHeaders`},
		{name: "another rule answers the request itself, and does as well", rules: []cors.Rule{
			rule("public", names{"*"}, names{"PUT"}, nil, names{"ETag"}), uploads,
		}, request: typed, message: `rule "uploads" answers the preflight, and rule "public" the request itself`},

		{name: "a method that scripts may not use", rules: []cors.Rule{uploads}, request: browser.Request{Origin: app, Method: "Trace"}, step: browser.StepRequest, reason: browser.MethodUnusable, rule: -1,
			message: "browsers let no script use the method Trace"},
		{name: "no method", rules: []cors.Rule{uploads}, request: browser.Request{Origin: app}, step: browser.StepRequest, reason: browser.MethodUnusable, rule: -1,
			message: `"" is no HTTP method`},
		{name: "a header that is none", rules: []cors.Rule{uploads}, request: sets(put, "a, b"), step: browser.StepRequest, reason: browser.HeaderUnusable, rule: -1,
			message: `"a, b" is no name of a header`},
		{name: "no origin", rules: []cors.Rule{uploads}, request: browser.Request{Method: "PUT"}, step: browser.StepPreflight, reason: browser.PreflightNotOK, rule: -1,
			message: "the preflight is refused: without an Origin this has nothing to do with CORS; browsers send one when a script reads from another origin"},

		{name: "Garage with one origin", dialect: cors.Garage, rules: []cors.Rule{uploads}, request: typed, message: `rule "uploads" answers`},
		{name: "Garage joins origins", dialect: cors.Garage, rules: []cors.Rule{rule("two", names{app, "https://b.example"}, names{"PUT"}, nil, nil)}, request: put,
			step: browser.StepPreflight, reason: browser.SeveralOrigins,
			message: `the preflight is refused: rule "two" matches, but the server answers with all origins of the rule at once, which browsers refuse; give each origin a rule of its own`},
		{name: "Garage joins origins of requests themselves", dialect: cors.Garage, rules: []cors.Rule{rule("two", names{app, "https://b.example"}, names{"GET"}, nil, nil)}, request: get,
			step: browser.StepResponse, reason: browser.SeveralOrigins,
			message: `the response is kept from the script: rule "two" matches, but the server answers with all origins of the rule at once, which browsers refuse; give each origin a rule of its own`},
		{name: "Garage answers any header", dialect: cors.Garage, rules: []cors.Rule{rule("any", names{app}, names{"PUT"}, names{"*"}, nil)}, request: sets(put, "x-amz-acl", "Authorization"),
			step: browser.StepPreflight, reason: browser.AuthorizationNotNamed,
			message: `the preflight is refused: rule "any" answers with the allowed headers "*", which do not cover authorization in browsers; add "authorization" to allowedHeaders`},
		{name: "Garage answers any header and authorization", dialect: cors.Garage, rules: []cors.Rule{rule("any", names{app}, names{"PUT"}, names{"*", "authorization"}, nil)}, request: sets(put, "x-amz-acl", "Authorization"),
			message: `rule "any" answers`},
		{name: "Garage never allows credentials", dialect: cors.Garage, rules: []cors.Rule{uploads}, request: logged(typed), step: browser.StepPreflight, reason: browser.CredentialsNotAllowed,
			message: `the preflight is refused: rule "uploads" answers, and this server never sends the Access-Control-Allow-Credentials that a request with credentials needs; send the request without`},
		{name: "Garage compares headers with regard to case", dialect: cors.Garage, rules: []cors.Rule{rule("", names{app}, names{"PUT"}, names{"Content-Type"}, nil)}, request: typed,
			step: browser.StepPreflight, reason: browser.PreflightNotOK,
			message: `the preflight is refused: rules[0] matches but for header content-type; "Content-Type" in the rule has capitals; this server compares names with regard to case, and browsers send lower case`},

		{name: "RGW takes the first rule for the origin", dialect: cors.CephRGW, rules: []cors.Rule{rule("read", names{app}, names{"GET"}, nil, nil), uploads}, request: typed,
			step: browser.StepPreflight, reason: browser.PreflightNotOK,
			message: `the preflight is refused: rule "read" matches but for method PUT and header content-type; rule "uploads" would match, but this server looks no further than the first rule that allows the origin, rule "read"`},
		{name: "RGW never allows credentials", dialect: cors.CephRGW, rules: []cors.Rule{rule("any", names{"*"}, names{"PUT"}, nil, nil)}, request: logged(put),
			step: browser.StepPreflight, reason: browser.CredentialsNotAllowed,
			message: `the preflight is refused: rule "any" answers, and this server never sends the Access-Control-Allow-Credentials that a request with credentials needs; send the request without`},
		{name: "SeaweedFS answers the origin alone", dialect: cors.SeaweedFS, rules: []cors.Rule{uploads}, request: sets(put, "x-amz-acl"),
			step: browser.StepPreflight, reason: browser.MethodNotAllowed,
			message: `the preflight is refused: rule "uploads" matches but for header x-amz-acl`},
		{name: "SeaweedFS exposes what is no list", dialect: cors.SeaweedFS, rules: []cors.Rule{rule("", names{app}, names{"GET"}, nil, names{"ETag", "a b"})}, request: reads(get, "ETag"),
			step: browser.StepRead, reason: browser.ExposedUnreadable,
			message: `the script cannot read ETag: rules[0] answers, but Access-Control-Expose-Headers has "a b", which is no name of a header, so that browsers take nothing of the list, not ETag either`},
		{name: "SeaweedFS exposes everything", dialect: cors.SeaweedFS, rules: []cors.Rule{rule("", names{app}, names{"GET"}, nil, names{"*"})}, request: reads(get, "ETag"),
			message: "rules[0] answers, and the browser sends no preflight"},
		{name: "SeaweedFS without rules has its own", dialect: cors.SeaweedFS, request: reads(sets(put, "x-amz-acl"), "ETag"), rule: -1,
			message: "the server's own default answers"},
		{name: "and that does not expose everything", dialect: cors.SeaweedFS, request: reads(put, "x-amz-checksum-crc32"), rule: -1,
			step: browser.StepRead, reason: browser.HeaderNotExposed,
			message: "the script cannot read x-amz-checksum-crc32: the server's own default answers, and does not expose it"},
		{name: "versitygw exposes ETag by itself", dialect: cors.VersityGW, rules: []cors.Rule{rule("", names{app}, names{"PUT"}, nil, nil)}, request: reads(put, "ETag"), message: "rules[0] answers"},
		{name: "versitygw says false beside any origin", dialect: cors.VersityGW, rules: []cors.Rule{rule("any", names{"*"}, names{"PUT"}, nil, nil)}, request: logged(put),
			step: browser.StepPreflight, reason: browser.WildcardWithCredentials,
			message: `the preflight is refused: rule "any" answers with the origin "*", which browsers do not take with credentials; allow "https://app.example.com" in a rule before it that does not have "*"`},
		{name: "and false does no harm without credentials", dialect: cors.VersityGW, rules: []cors.Rule{rule("any", names{"*"}, names{"PUT"}, nil, nil)}, request: put, message: `rule "any" answers`},
		{name: "MinIO allows credentials to everybody", dialect: cors.MinIO, request: logged(sets(put, "authorization")), rule: -1, message: "the server's own default answers"},
		{name: "MinIO exposes everything but with credentials", dialect: cors.MinIO, request: logged(reads(put, "x-other")), rule: -1,
			step: browser.StepRead, reason: browser.HeaderNotExposed,
			message: `the script cannot read x-other: the server's own default answers, and exposes it by "*" only, which does not count with credentials`},
		{name: "versitygw exposes everything but with credentials", dialect: cors.VersityGW, rules: []cors.Rule{rule("", names{app}, names{"GET"}, nil, names{"*"})}, request: logged(reads(get, "x-other")),
			step: browser.StepRead, reason: browser.HeaderNotExposed,
			message: `the script cannot read x-other: rules[0] answers, and exposes it by "*" only, which does not count with credentials; add "x-other" to exposeHeaders`},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := test.dialect
			if d == nil {
				d = cors.AWS
			}
			p := compile(t, d, test.rules...)
			v := browser.Try(p, test.request)
			switch {
			case v.Allowed != (test.reason == "") || v.Allowed != (v.Refusal == nil):
				t.Errorf("allowed %v, refusal %+v", v.Allowed, v.Refusal)
			case v.Refusal != nil && (v.Refusal.Reason != test.reason || v.Refusal.Step != test.step):
				t.Errorf("refused at %s for %s, want %s, %s", v.Refusal.Step, v.Refusal.Reason, test.step, test.reason)
			}
			if v.Message != test.message {
				t.Errorf("says\n%s, want\n%s", v.Message, test.message)
			}
			if v.Rule() != test.rule {
				t.Errorf("is about rule %d, want %d", v.Rule(), test.rule)
			}
			if allowed := browser.Allowed(p, test.request); allowed != v.Allowed {
				t.Errorf("Allowed is %v, and the verdict %v", allowed, v.Allowed)
			}
		})
	}
}

func TestTryKeepsWhatWasDecided(t *testing.T) {
	p := compile(t, cors.AWS, rule("", names{app}, names{"GET", "PUT"}, nil, nil))
	for _, test := range []struct {
		method, header    string
		preflight, actual bool
	}{
		{"GET", "", false, true},
		{"PUT", "", true, true},
		{"PUT", "x-a", true, false},
		{"TRACE", "", false, false},
	} {
		r := browser.Request{Origin: app, Method: test.method}
		if test.header != "" {
			r.Headers = names{test.header}
		}
		if v := browser.Try(p, r); (v.Preflight != nil) != test.preflight || (v.Actual != nil) != test.actual {
			t.Errorf("%s %s: preflight %v, actual %v", test.method, test.header, v.Preflight, v.Actual)
		}
	}
}
