// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	consoleRules = `[{"ID": "uploads", "AllowedOrigins": ["https://app.example.com"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["content-type"], "ExposeHeaders": ["ETag"]}]`
	twoPolicies  = `apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketCORSPolicy
metadata: {name: web, namespace: team-a}
spec:
  buckets: [{name: web-a}]
  rules:
  - {allowedOrigins: ["*"], allowedMethods: [GET]}
---
apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketCORSPolicy
metadata: {name: mobile, namespace: team-b}
spec:
  buckets: [{name: web-b}]
  rules:
  - {allowedOrigins: ["https://b.example.com"], allowedMethods: [GET]}
`
)

// runWithInput is runCommand with something on standard input.
func runWithInput(t *testing.T, stdin string, arguments ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = run(t.Context(), arguments, strings.NewReader(stdin), &out, &err)
	return status, out.String(), err.String()
}

// write makes a file in a directory of the test.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEvaluateAnswersAndTells(t *testing.T) {
	for name, test := range map[string]struct {
		rules     string
		arguments string
		status    int
		want      []string
		notes     string
	}{
		"a preflight that a rule allows": {
			consoleRules, "--origin https://app.example.com --method PUT --header content-type", exitOK,
			[]string{
				"allowed by rule \"uploads\" (rules[0])\n", "  OPTIONS to an object\n", "  Access-Control-Request-Headers: content-type\n",
				"  200 OK\n", "  Access-Control-Allow-Origin: https://app.example.com\n", "  Access-Control-Allow-Headers: content-type\n",
				"  rules[0] \"uploads\"  yes     yes     yes\n",
			}, "",
		},
		"a header that no rule allows": {
			consoleRules, "--origin https://app.example.com --method PUT --header x-amz-acl", exitNo,
			[]string{
				"refused: 403 AccessForbidden\n", "  403 Forbidden\n", "<Code>AccessForbidden</Code>", "evalution of Origin", "<ResourceType>OBJECT</ResourceType>",
				"no: x-amz-acl\n", "Nearest: rule \"uploads\" matches but for header x-amz-acl.\n", "<stdin>:1:",
			}, "",
		},
		"several headers, as a browser lists them": {
			consoleRules, "--origin https://app.example.com --method PUT --header X-Amz-Acl,b --header Content-Type --header b", exitNo,
			[]string{"  Access-Control-Request-Headers: b,content-type,x-amz-acl\n", "no: b, x-amz-acl\n"}, "",
		},
		"the request itself": {
			consoleRules, "--origin https://app.example.com --method GET --actual", exitOK,
			[]string{"  GET to an object\n", "S3 adds to its answer\n  Access-Control-Allow-Origin"}, "",
		},
		"a request itself that is not allowed": {
			consoleRules, "--origin https://app.example.com --method DELETE --actual", exitNo,
			[]string{"not allowed: no rule matches\nS3 carries the request out all the same", "  no header\n"}, "",
		},
		"the bucket": {
			consoleRules, "--origin https://app.example.org --method GET --resource bucket", exitNo,
			[]string{"  OPTIONS to the bucket\n", "<ResourceType>BUCKET</ResourceType>"}, "",
		},
		"a method in lower case": {
			consoleRules, "--origin https://app.example.com --method get", exitNo,
			[]string{"refused: 400 BadRequest\n", "\nThe request\n", "Invalid Access-Control-Request-Method: get", "Not certain: "},
			"note: S3 compares methods with regard to case, and browsers send GET: did you mean --method GET?\n",
		},
		"a method that no rule can have": {
			consoleRules, "--origin https://app.example.com --method PATCH", exitNo,
			[]string{"refused: 400 BadRequest\n"}, "note: no rule of S3 can allow PATCH: rules know GET, HEAD, PUT, POST and DELETE\n",
		},
		"an origin with a slash at its end": {
			consoleRules, "--origin https://app.example.com/ --method GET", exitNo,
			[]string{"refused: 403 AccessForbidden\n"}, "note: a browser sends the origin https://app.example.com, and never https://app.example.com/\n",
		},
		"the address of a page": {
			consoleRules, "--origin https://App.example.com:443/login?x=1 --method GET", exitNo,
			[]string{"refused: 403 AccessForbidden\n"}, "note: a browser sends the origin https://app.example.com, and never https://App.example.com:443/login?x=1\n",
		},
		"an origin without scheme": {
			consoleRules, "--origin app.example.com --method GET", exitNo,
			[]string{"refused: 403 AccessForbidden\n"}, "note: an origin that a browser sends has a scheme, as in https://app.example.com\n",
		},
		"a header with its value": {
			consoleRules, "--origin https://app.example.com --method PUT --header content-type:application/json", exitOK,
			[]string{"  Access-Control-Request-Headers: content-type\n"}, "",
		},
		"a header with a value that needs no preflight": {
			consoleRules, "--origin https://app.example.com --method PUT --header content-type:text/plain", exitOK,
			[]string{"allowed by"}, "note: a browser does not ask for \"content-type: text/plain\" in a preflight: it is left out\n",
		},
		"headers of a request itself": {
			consoleRules, "--origin https://app.example.com --method PUT --actual --header x-amz-acl", exitOK,
			[]string{"allowed by"}, "note: S3 looks at headers in preflights only: --header makes no difference with --actual\n",
		},
		"no origin": {
			consoleRules, "--origin= --method PUT", exitNo,
			[]string{"refused: 400 BadRequest\n", "Insufficient information. Origin request header needed."}, "",
		},
		"no origin, the request itself": {
			consoleRules, "--origin= --method PUT --actual", exitNo,
			[]string{"not allowed: no CORS request, because it has no Origin\n\nThe browser sends\n", "\n\nBrowsers send an Origin when a script reads from another origin.\n"}, "",
		},
		"no origin, to a server that does not refuse": {
			consoleRules, "--origin= --method PUT --dialect SeaweedFS", exitNo,
			[]string{"not allowed: no CORS request, because it has no Origin; the answer is 200\n"}, "",
		},
		"two things to change": {
			consoleRules, "--origin https://other.example.org --method DELETE --header x-foo", exitNo,
			[]string{"\nTo allow it, add \"https://other.example.org\" to AllowedOrigins: <stdin>:1:20\nand \"DELETE\" to AllowedMethods: <stdin>:1:67\nand \"x-foo\" to AllowedHeaders: "}, "",
		},
		"an answer that browsers refuse": {
			`[{"AllowedOrigins": ["https://a.example", "https://b.example"], "AllowedMethods": ["PUT"]}]`, "--origin https://a.example --method PUT --dialect Garage", exitNo,
			[]string{"refused by the browser: rules[0] matches, but no browser takes what the server makes of it\n", "\nThe server answers with all origins of the rule at once"}, "",
		},
		"headers without value": {
			`[{"AllowedOrigins": ["*"], "AllowedMethods": ["PUT"]}]`, "--origin https://app.example.com --method PUT --dialect Garage", exitOK,
			[]string{"  Access-Control-Allow-Headers: (empty)\n"}, "",
		},
		"a dialect in any case": {
			consoleRules, "--origin https://app.example.com --method PUT --dialect cephrgw", exitOK,
			[]string{"CephRGW answers\n  200 OK\n"}, "",
		},
		"several policies": {
			twoPolicies, "--origin https://b.example.com --method GET", exitOK,
			[]string{"<stdin>: team-a/web\nallowed by rules[0]\n", "\n\n<stdin>: team-b/mobile\nallowed by rules[0]\n"}, "",
		},
		"several policies of which one refuses": {
			twoPolicies, "--origin https://a.example.com --method GET", exitNo,
			[]string{"<stdin>: team-a/web\nallowed", "<stdin>: team-b/mobile\nrefused"}, "",
		},
		"one of several policies": {
			twoPolicies, "--origin https://b.example.com --method GET --document team-b/mobile", exitOK,
			[]string{"allowed by rules[0]\n"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			arguments := append([]string{"evaluate", "-f", "-"}, strings.Fields(test.arguments)...)
			status, stdout, stderr := runWithInput(t, test.rules, arguments...)
			if status != test.status || stderr != test.notes {
				t.Errorf("status %d, stderr %q, not %d and %q", status, stderr, test.status, test.notes)
			}
			for _, want := range test.want {
				if !strings.Contains(stdout, want) {
					t.Errorf("%q is missing in\n%s", want, stdout)
				}
			}
		})
	}
}

const forbiddenNote = "note: no script can set cookie or sec-x, and no browser asks for that in a preflight\n"

func TestWhatNoBrowserSendsIsAnsweredWithoutAdviceToAllowIt(t *testing.T) {
	for name, test := range map[string]struct {
		arguments      string
		want, unwanted []string
		notes          string
	}{
		"headers that no script can set": {
			"--origin https://app.example.com --method PUT --header Cookie,sec-x,x-foo",
			[]string{"The request\n  OPTIONS", "Request-Headers: cookie,sec-x,x-foo\n", "no: cookie, sec-x, x-foo\n", "To allow it, add \"x-foo\" to AllowedHeaders: "},
			[]string{"The browser sends"}, forbiddenNote,
		},
		"and no other": {
			"--origin https://app.example.com --method PUT --header cookie,sec-x", []string{"matches but for headers cookie and sec-x.\n"},
			[]string{"To allow it"}, forbiddenNote,
		},
		"one of them with its value": {
			"--origin https://app.example.com --method PUT --header Cookie:a=b", []string{"allowed by", "The browser sends"}, []string{"Request-Headers: cookie"},
			"note: a browser does not ask for \"Cookie: a=b\" in a preflight: it is left out\n",
		},
		"headers that need no preflight": {
			"--origin https://app.example.com --method PUT --header range,accept", []string{"The browser sends", "add \"accept\" and \"range\" to AllowedHeaders"}, nil,
			"note: a browser asks for accept or range only where the value is unusual\n",
		},
		"one of them with its value, too": {
			"--origin https://app.example.com --method PUT --header Range:bytes=0-5", []string{"allowed by"}, nil,
			"note: a browser does not ask for \"Range: bytes=0-5\" in a preflight: it is left out\n",
		},
		"an unusual range": {
			"--origin https://app.example.com --method PUT --header Range:bytes=-5", []string{"Request-Headers: range\n"}, nil,
			"note: a browser asks for range only where the value is unusual\n",
		},
		"an origin": {
			"--origin https://b.example:99999 --method PUT --header x-foo", []string{"The request\n", "Origin: https://b.example:99999\n", "To allow it, add \"x-foo\" to AllowedHeaders"},
			[]string{"add \"https"}, "note: no browser sends the origin \"https://b.example:99999\": name that of a page, such as https://app.example.com\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := runWithInput(t, consoleRules, append([]string{"evaluate", "-f", "-"}, strings.Fields(test.arguments)...)...)
			if status == exitCouldNot || stderr != test.notes {
				t.Errorf("status %d, %q and not %q", status, stderr, test.notes)
			}
			for _, want := range test.want {
				if !strings.Contains(stdout, want) {
					t.Errorf("%q is missing in\n%s", want, stdout)
				}
			}
			for _, unwanted := range test.unwanted {
				if strings.Contains(stdout, unwanted) {
					t.Errorf("%q is in\n%s", unwanted, stdout)
				}
			}
		})
	}
}

func TestABucketWithoutRulesAnswers(t *testing.T) {
	const (
		asks    = " --origin https://a.example --method GET"
		unset   = "CORSResponse: CORS is not enabled for this bucket."
		without = "note: <stdin> has no rules: this is the answer of a bucket without a CORS configuration\n"
		minio   = "note: MinIO stores no CORS configurations of buckets: this is what it answers without, unless its own settings say otherwise\n"
	)
	request := write(t, "requests.jsonl", `{"name":"x","httpMethod":"OPTIONS","headers":{"Origin":"https://a.example","Access-Control-Request-Method":"GET"}}`)
	for name, test := range map[string]struct {
		stdin, arguments string
		status           int
		want, notes      string
	}{
		"by a flag":                  {"", "--no-configuration" + asks, exitNo, unset, ""},
		"by a flag, many requests":   {"", "--no-configuration --requests " + request, exitNo, "x: refused: 403 AccessForbidden; the bucket has no CORS configuration; give it one", ""},
		"a missing bucket":           {"", "--missing-bucket" + asks, exitNo, "refused: 403 AccessForbidden\n", ""},
		"a missing bucket itself":    {"", "--missing-bucket --actual" + asks, exitNo, "not allowed: there is no such bucket\n", ""},
		"an empty object":            {`{"CORSRules": []}`, "-f -" + asks, exitNo, unset, without},
		"an empty array":             {`[]`, "-f -" + asks, exitNo, unset, without},
		"an empty element":           {`<CORSConfiguration/>`, "-f -" + asks, exitNo, unset, without},
		"an empty array, requests":   {`[]`, "-f - --requests " + request, exitNo, "x: refused: 403", without},
		"a server without":           {consoleRules, "-f - --dialect MinIO" + asks, exitOK, "allowed without a rule: the bucket has no CORS configuration\n", minio},
		"a server without, requests": {consoleRules, "-f - --dialect MinIO --requests " + request, exitOK, "x: allowed without a rule: ", minio},
		"such a server and no rules": {`[]`, "-f - --dialect minio -o json" + asks, exitOK, `{"allowed":true,"status":204,"rule":-1,`, minio},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := runWithInput(t, test.stdin, append([]string{"evaluate"}, strings.Fields(test.arguments)...)...)
			if status != test.status || stderr != test.notes || !strings.Contains(stdout, test.want) {
				t.Errorf("status %d, %q, and %q is missing in\n%s", status, stderr, test.want, stdout)
			}
		})
	}
}

func TestProgramsLearnWhyRulesAreRefused(t *testing.T) {
	const want = `"mistakes":[{"path":"rules[0].allowedMethods[0]","reason":"UnsupportedMethod","text":"\"get\" is not a method that S3 supports in a rule; write \"GET\"",` +
		`"file":"<stdin>","line":1,"column":47,"s3":{"status":400,"code":"InvalidRequest","message":"Found unsupported HTTP method in CORS config. Unsupported method is get","confidence":"high"}}]}` + "\n"
	const refused = `[{"AllowedOrigins": ["*"], "AllowedMethods": ["get"]}]`
	for _, arguments := range []string{"--origin https://a.example --method GET", "--requests " + write(t, "requests.jsonl", "")} {
		status, stdout, stderr := runWithInput(t, refused, append([]string{"evaluate", "-f", "-", "-o", "json"}, strings.Fields(arguments)...)...)
		if status != exitCouldNot || stdout != `{"error":"S3 refuses these rules",`+want || !strings.HasPrefix(stderr, "bucketcors: <stdin>: S3 refuses these rules:\n") {
			t.Errorf("%s: status %d, %s\n%s", arguments, status, stdout, stderr)
		}
	}
	two := strings.Replace(twoPolicies, `["*"], allowedMethods: [GET]`, `["*"], allowedMethods: [get]`, 1)
	_, stdout, _ := runWithInput(t, two, "evaluate", "-f", "-", "-o", "json", "--origin", "https://a.example", "--method", "GET")
	if lines := strings.Split(stdout, "\n"); len(lines) != 3 || !strings.HasPrefix(lines[0], `{"document":"team-a/web","error":"S3 `) ||
		!strings.HasPrefix(lines[1], `{"document":"team-b/mobile","allowed":false,`) {
		t.Errorf("%s", stdout)
	}
	_, _, stderr := runWithInput(t, refused, "evaluate", "-f", "-", "--dialect", "Garage", "--origin", "https://a.example", "--method", "GET")
	if strings.Contains(stderr, "refuses") && !strings.HasSuffix(stderr, ": bucketcors lint -f - --dialect Garage\n") {
		t.Errorf("%s", stderr)
	}
	_, _, stderr = runWithInput(t, "[{}]", "evaluate", "-f", "-", "--dialect", "CephRGW", "--origin", "https://a.example", "--method", "GET")
	if !strings.HasSuffix(stderr, ": bucketcors lint -f - --dialect CephRGW\n") {
		t.Errorf("%s", stderr)
	}
}

func TestEvaluateRefusesWhatItCannotAnswerWithTheRemedy(t *testing.T) {
	directory := t.TempDir()
	console := write(t, "cors.json", consoleRules)
	for name, test := range map[string]struct {
		stdin     string
		arguments []string
		want      string
	}{
		"no file":                {"", []string{"--origin", "https://a.example", "--method", "GET"}, "which file? Name it with -f, or -f - for standard input"},
		"no origin":              {consoleRules, []string{"-f", "-", "--method", "GET"}, "which page asks? Name its origin with --origin"},
		"no method":              {consoleRules, []string{"-f", "-", "--origin", "https://a.example"}, "which method does the script use? Name it with --method"},
		"two methods":            {consoleRules, []string{"-f", "-", "--origin", "https://a.example", "--method", "GET PUT"}, `--method "GET PUT" is no method`},
		"a file without -f":      {"", []string{console}, "stands alone: name the file with -f"},
		"a word without a flag":  {"", []string{"policy"}, `unexpected "policy": bucketcors evaluate takes flags only`},
		"a directory":            {"", []string{"-f", directory, "--origin", "https://a.example", "--method", "GET"}, "is a directory: name one file in it"},
		"a file that is missing": {"", []string{"-f", filepath.Join(directory, "x"), "--origin", "https://a.example", "--method", "GET"}, "no such file or directory"},
		"an empty file":          {"", []string{"-f", "-", "--origin", "https://a.example", "--method", "GET"}, "<stdin>:1:1: "},
		"another manifest":       {"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n", []string{"-f", "-", "--origin", "https://a.example", "--method", "GET"}, "Deployment"},
		"a template of a chart": {
			"{{- if .Values.cors }}\napiVersion: s3.bucketcors.dev/v1alpha1\nkind: BucketCORSPolicy\n{{- end }}\n",
			[]string{"-f", "-", "--origin", "https://a.example", "--method", "GET"}, "helm template",
		},
		"a header with a space":       {consoleRules, []string{"-f", "-", "--origin", "https://a.example", "--method", "GET", "--header", "x amz acl"}, `no name of a header has ' ' in it`},
		"a header without name":       {consoleRules, []string{"-f", "-", "--origin", "https://a.example", "--method", "GET", "--header", "a,,b"}, `the name of a header is missing`},
		"an unknown dialect":          {consoleRules, []string{"-f", "-", "--dialect", "Garbage"}, `unknown dialect "Garbage"; did you mean "Garage"? (known are AWS, CephRGW, SeaweedFS, `},
		"an unknown output":           {consoleRules, []string{"-f", "-", "-o", "yaml"}, `unknown output "yaml"`},
		"an unknown resource":         {consoleRules, []string{"-f", "-", "--resource", "objects"}, `unknown resource "objects"; did you mean "object"?`},
		"an unknown document":         {twoPolicies, []string{"-f", "-", "--origin", "https://a.example", "--method", "GET", "--document", "web"}, `<stdin> has no configuration "web": there are team-a/web and team-b/mobile`},
		"both from standard input":    {consoleRules, []string{"-f", "-", "--requests", "-"}, "-f - and --requests - are the same standard input"},
		"a file and no configuration": {"", []string{"-f", console, "--no-configuration"}, "--no-configuration takes the place of -f"},
		"a file and no bucket":        {"", []string{"-f", console, "--missing-bucket"}, "--missing-bucket takes the place of -f"},
		"neither of two things":       {"", []string{"--no-configuration", "--missing-bucket"}, "exclude each other"},
		"a policy without rules": {
			"apiVersion: s3.bucketcors.dev/v1alpha1\nkind: BucketCORSPolicy\nmetadata: {name: x}\nspec: {buckets: [{name: a}], rules: []}\n",
			[]string{"-f", "-", "--origin", "https://a.example", "--method", "GET"}, "S3 stores no empty configuration",
		},
		"nothing from the aws command": {"", []string{"-f", "-", "--origin", "https://a.example", "--method", "GET"}, "is asked with --no-configuration in place of -f"},
		"no configuration, says S3": {
			"<Error><Code>NoSuchCORSConfiguration</Code></Error>",
			[]string{"-f", "-", "--origin", "https://a.example", "--method", "GET"}, "ask such a bucket with --no-configuration",
		},
		"no bucket, says S3": {
			"<Error><Code>NoSuchBucket</Code></Error>",
			[]string{"-f", "-", "--origin", "https://a.example", "--method", "GET"}, "ask with --missing-bucket",
		},
		"requests in UTF-16":       {"{\x00}\x00", []string{"-f", console, "--requests", "-"}, "<stdin> is UTF-16: save it as UTF-8"},
		"requests in UTF-16, mark": {"\xfe\xff\x00{", []string{"-f", console, "--requests", "-"}, "<stdin> is UTF-16: save it as UTF-8"},
		"requests and an origin":   {"", []string{"-f", console, "--requests", "-", "--origin", "https://a.example"}, "--origin and --requests exclude each other"},
		"requests, several rules":  {twoPolicies, []string{"-f", "-", "--requests", console}, "--requests takes one configuration, and <stdin> has 2: choose with --document; there are team-a/web and team-b/mobile"},
		"rules that S3 refuses": {
			"[\n  {\"AllowedOrigins\": [\"*\"], \"AllowedMethods\": [\"get\", \"GET\"]}]",
			[]string{"-f", "-", "--origin", "https://a.example", "--method", "GET"},
			"<stdin>: S3 refuses these rules:\n  <stdin>:2:48: rules[0].allowedMethods[0]: \"get\" is not a method that S3 supports in a rule; write \"GET\"\n    S3 answers 400 InvalidRequest: Found unsupported HTTP method in CORS config. Unsupported method is get\nWhat else is wrong, and what can be mended mechanically: bucketcors lint -f -",
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := runWithInput(t, test.stdin, append([]string{"evaluate"}, test.arguments...)...)
			if status != exitCouldNot || stdout != "" {
				t.Errorf("status %d, stdout %q", status, stdout)
			}
			if !strings.HasPrefix(stderr, "bucketcors: ") || !strings.Contains(strings.ToLower(stderr), strings.ToLower(test.want)) {
				t.Errorf("%q is missing in %q", test.want, stderr)
			}
		})
	}
}

func TestEvaluatePrintsAnObjectForEachConfiguration(t *testing.T) {
	status, stdout, stderr := runWithInput(t, twoPolicies, "evaluate", "-f", "-", "--origin", "https://a.example.com", "--method", "GET", "-o", "json")
	if status != exitNo || stderr != "" {
		t.Errorf("status %d, %q", status, stderr)
	}
	decoder := json.NewDecoder(strings.NewReader(stdout))
	type answer struct {
		Name, Document string
		Allowed        bool
	}
	for _, want := range []answer{{"", "team-a/web", true}, {"", "team-b/mobile", false}} {
		var got answer
		if err := decoder.Decode(&got); err != nil || got != want {
			t.Errorf("%+v, %v, not %+v", got, err, want)
		}
	}
	if decoder.More() || strings.Count(stdout, "\n") != 2 {
		t.Errorf("more than two lines: %q", stdout)
	}
}

func TestRequestsAreAnsweredLineByLine(t *testing.T) {
	rules := write(t, "cors.json", consoleRules)
	const (
		allowed = `{"name":"up","httpMethod":"OPTIONS","resource":"object","headers":{"Origin":"https://app.example.com","Access-Control-Request-Method":"PUT"}}` + "\n"
		denied  = `{"name":"down","httpMethod":"GET","resource":"object","headers":{"Origin":"https://b.example.com"}}` + "\n"
	)
	for name, test := range map[string]struct {
		requests string
		status   int
		want     []string
		stderr   string
	}{
		"all allowed":     {allowed + allowed, exitOK, []string{`"name":"up","allowed":true`, `"name":"up","allowed":true`}, ""},
		"one denied":      {denied + allowed, exitNo, []string{`"name":"down","allowed":false`, `"name":"up","allowed":true`}, ""},
		"blank lines":     {"\n" + allowed + "  \r\n\n" + allowed, exitOK, []string{`"up"`, `"up"`}, ""},
		"no last newline": {strings.TrimSpace(allowed), exitOK, []string{`"up"`}, ""},
		"a byte order mark and CRLF": {
			"\uFEFF" + strings.ReplaceAll(allowed, "\n", "\r\n"), exitOK, []string{`"up"`}, "",
		},
		"nothing": {"", exitOK, nil, ""},
		"a bad line": {
			allowed + "\n{\"httpMethod\" \n" + allowed, exitCouldNot, []string{`"up"`, `{"error":"line 3, column 1: the JSON ends too early; a request is one line, and \"jq `, `"up"`},
			"1 of 3 lines could not be read; the answer says why",
		},
		"a request on several lines": {
			"{\n" + `"httpMethod": "GET"` + "\n}\n", exitCouldNot, []string{`and \"jq -c .\" writes it so"}`, `{"error":"line 2, `, `{"error":"line 3, column 1: not JSON`}, "3 of 3 lines",
		},
		"an array of requests":      {"[\n", exitCouldNot, []string{`and \"jq -c '.[]'\" writes it so"}`}, "1 of 1 line"},
		"a mistake of another kind": {`{"httpMethod": "GET",}` + "\n", exitCouldNot, []string{"not JSON"}, "1 of 1 line"},
		"a line that is too long": {
			"{" + strings.Repeat(" ", maxRequestBytes) + "\n" + allowed, exitCouldNot,
			[]string{`{"error":"line 1: the line is longer than 16 MiB"}`, `"up"`}, "1 of 2 lines",
		},
		"a line that is long": {strings.Repeat(" ", 1<<20) + allowed, exitOK, []string{`"up"`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := runWithInput(t, test.requests, "evaluate", "-f", rules, "--requests", "-", "-o", "json")
			if status != test.status || !strings.Contains(stderr, test.stderr) || test.stderr == "" && stderr != "" {
				t.Errorf("status %d, %q", status, stderr)
			}
			lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
			if stdout == "" {
				lines = nil
			}
			if len(lines) != len(test.want) {
				t.Fatalf("%d answers and not %d: %s", len(lines), len(test.want), stdout)
			}
			for i, line := range lines {
				if !strings.Contains(line, test.want[i]) || !json.Valid([]byte(line)) || strings.Contains(line, "jq") != strings.Contains(test.want[i], "jq") {
					t.Errorf("line %d is %s and has no %s", i+1, line, test.want[i])
				}
			}
		})
	}

	t.Run("in text, as the format calls the fields", func(t *testing.T) {
		const asks = `{"httpMethod":"OPTIONS","headers":{"Origin":"https://a.example","Access-Control-Request-Method":"GET","Access-Control-Request-Headers":"x"}}`
		rules := write(t, "cors.json", `[{"AllowedOrigins": ["https://a.example"], "AllowedMethods": ["GET"]}]`)
		_, stdout, _ := runWithInput(t, asks, "evaluate", "-f", rules, "--requests", "-")
		if !strings.Contains(stdout, "without AllowedHeaders") {
			t.Errorf("%s", stdout)
		}
	})

	t.Run("in text", func(t *testing.T) {
		requests := write(t, "requests.jsonl", allowed+denied+"\n{\n"+strings.ReplaceAll(allowed, `"name":"up",`, ""))
		status, stdout, _ := runCommand(t, "evaluate", "-f", rules, "--requests", requests)
		lines := strings.Split(stdout, "\n")
		if status != exitCouldNot || len(lines) != 5 {
			t.Fatalf("status %d, %q", status, stdout)
		}
		for i, want := range []string{`up: allowed by rule "uploads" (rules[0])`, "down: not allowed: no rule matches; ", "error: line 4", `line 5: allowed by rule "uploads" (rules[0])`} {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("%q does not begin with %q", lines[i], want)
			}
		}
	})
}

// TestAProgramThatWaitsForAnAnswerGetsIt sends the second request when the first
// has been answered.
func TestAProgramThatWaitsForAnAnswerGetsIt(t *testing.T) {
	rules := write(t, "cors.json", consoleRules)
	requests, toRequests := io.Pipe()
	answers, toAnswers := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(t.Context(), []string{"evaluate", "-f", rules, "--requests", "-", "-o", "json"}, requests, toAnswers, io.Discard)
		_ = toAnswers.Close()
	}()
	decoder := json.NewDecoder(answers)
	for range 3 {
		if _, err := io.WriteString(toRequests, `{"httpMethod":"GET","headers":{"Origin":"https://app.example.com"}}`+"\n"); err != nil {
			t.Fatal(err)
		}
		var answer struct{ Allowed bool }
		if err := decoder.Decode(&answer); err != nil || !answer.Allowed {
			t.Fatalf("%+v, %v", answer, err)
		}
	}
	_ = toRequests.Close()
	if status := <-ended; status != exitOK {
		t.Errorf("status %d", status)
	}
}

func TestWaitingForRequestsEndsWithTheContext(t *testing.T) {
	rules := write(t, "cors.json", consoleRules)
	ctx, cancel := context.WithCancelCause(t.Context())
	requests, _ := io.Pipe() // nothing ever comes
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"evaluate", "-f", rules, "--requests", "-"}, requests, io.Discard, &stderr)
	}()
	cancel(errors.New("told to stop"))
	if status := <-ended; status != exitInterrupted || stderr.String() != "" {
		t.Errorf("status %d, %q", status, stderr.String())
	}
}

// Who presses Ctrl-C need not be told.
func TestAVerbThatWaitsForInputEndsQuietlyWithTheContext(t *testing.T) {
	for _, arguments := range []string{
		"evaluate -f - --origin https://a.example --method GET", "lint -f -", "lint -f - -o json", "convert -f - --to xml",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		input, _ := io.Pipe() // nothing ever comes
		var out bytes.Buffer
		ended := make(chan int, 1)
		go func() { ended <- run(ctx, strings.Fields(arguments), input, &out, &out) }()
		cancel()
		if status := <-ended; status != exitInterrupted || out.String() != "" {
			t.Errorf("%s: status %d, %q", arguments, status, out.String())
		}
	}
}

// brokenPipe is an output that nobody reads any more.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestAnOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	rules := write(t, "cors.json", consoleRules)
	request := `{"httpMethod":"GET","headers":{"Origin":"https://app.example.com"}}` + "\n"
	for name, arguments := range map[string][]string{
		"evaluate":        {"evaluate", "-f", rules, "--origin", "https://app.example.com", "--method", "GET"},
		"evaluate JSON":   {"evaluate", "-f", rules, "--origin", "https://app.example.com", "--method", "GET", "-o", "json"},
		"requests":        {"evaluate", "-f", rules, "--requests", "-"},
		"lint":            {"lint", "-f", rules},
		"lint JSON":       {"lint", "-f", rules, "-o", "json"},
		"lint SARIF":      {"lint", "-f", rules, "-o", "sarif"},
		"convert":         {"convert", "-f", rules, "--to", "xml"},
		"lint of GitHub":  {"lint", "-f", rules, "-o", "github", "--profile", "multipart"},
		"requests, other": {"evaluate", "-f", rules, "--requests", "-", "-o", "json"},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			status := run(t.Context(), arguments, strings.NewReader(strings.Repeat(request, 2000)), brokenPipe{}, &stderr)
			if status != exitCouldNot || !strings.Contains(stderr.String(), "broken pipe") {
				t.Errorf("status %d, %q", status, stderr.String())
			}
		})
	}
}
