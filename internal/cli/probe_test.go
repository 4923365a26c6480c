// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
	"github.com/bucketcors/bucketcors/internal/probe"
)

const probedPolicy = `apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketCORSPolicy
metadata: {name: web, namespace: team-a}
spec:
  buckets: [{name: web-a}, {name: web.b, region: eu-west-3}]
  rules:
  - {id: uploads, allowedOrigins: ["https://app.example.com"], allowedMethods: [GET, PUT], allowedHeaders: [content-type]}
  expectations:
  - {name: upload, origin: https://app.example.com, method: PUT, headers: [content-type]}
  - {name: elsewhere, origin: https://other.example.com, method: GET, outcome: Denied}
`

const secret = "0123456789abcdef0123456789abcdef"

// bucketServer answers as S3 does to preflights for a bucket with the rules of the
// policy that it returns.
func bucketServer(t *testing.T, policy func() *cors.Policy) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amz-Request-Id", "4442587FB7D0A2F9")
		request, err := cors.NewRequest(r.Method, cors.Bucket, r.Header)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		d := policy().Decide(request)
		for _, h := range d.Headers() {
			w.Header().Add(h.Name, h.Value)
		}
		switch {
		case r.Method != http.MethodOptions:
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`)
		case d.Code != "":
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(d.Status)
			fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>%s</Message></Error>`, d.Code, d.Message)
		default:
			w.WriteHeader(d.Status)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// rulesOf are the rules of the first policy in a text.
func rulesOf(t *testing.T, text string) *cors.Policy {
	t.Helper()
	file, err := document.Read("policy.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := cors.Compile(file.Documents[0].Configuration)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// closedPort is the URL of a server that is not there.
const closedPort = "http://127.0.0.1:1"

func TestProbeSaysWhatIsWrongWithTheCommandLine(t *testing.T) {
	policy := write(t, "policy.yaml", probedPolicy)
	two := write(t, "two.yaml", twoPolicies)
	rules := write(t, "cors.json", consoleRules)
	const ask = " --origin https://app.example.com --method GET"
	for arguments, want := range map[string]string{
		"":                                                                "what is to be asked? Name a policy with -f or a URL with --url, as in: bucketcors probe -f policy.yaml",
		"--url https://cdn.example.com":                                   "what does the page want to do? Say it with --origin and --method, or name the policy with -f",
		"--url cdn.example.com/x" + ask:                                   "--url has no scheme: write it as https://cdn.example.com/x",
		"--url localhost:9000/b" + ask:                                    "--url has no scheme: write it as http://localhost:9000/b",
		"--url //cdn.example.com" + ask:                                   "--url has no scheme: write it as https://cdn.example.com",
		"--url s3://team-a/logo.png" + ask:                                "--url is s3://team-a/logo.png, which the aws command understands: name the URL that the browser uses, such as https://team-a.s3.REGION.amazonaws.com/logo.png",
		"--url arn:aws:s3:::team-a" + ask:                                 "--url is an ARN",
		"--url ftp://example.com" + ask:                                   `--url begins with "ftp://": browsers reach buckets by https:// or http://`,
		"--url https:///x" + ask:                                          "--url names no host",
		"--url https://a%zz/" + ask:                                       "--url cannot be read as a URL",
		"--url=" + ask:                                                    "what is to be asked?",
		"--url https://me:hidden@h" + ask:                                 "--url holds a user name",
		"--url me:hidden@h" + ask:                                         "--url is no URL",
		"--url https://a --url https://b":                                 "--url was given 2 times",
		"https://cdn.example.com":                                         "a URL stands alone: name it with --url, as in: bucketcors probe --url https://cdn.example.com",
		policy:                                                            "name the file with -f",
		"-f https://cdn.example.com":                                      "-f takes the file with the rules: a URL goes to --url",
		"--url https://h --method GET":                                    "which page asks? Name its origin with --origin",
		"--url https://h --credentials":                                   "which page asks?",
		"--url https://h --origin https://a":                              "which method does the script use?",
		"--url https://h --origin a --method":                             "flag needs an argument",
		"--url https://h --method GET --origin https://a.example/":        "--origin: a browser sends the origin https://a.example, and never https://a.example/",
		"--url https://h --method GET --origin app.example.com":           "--origin: an origin that a browser sends has a scheme, as in https://app.example.com",
		"--url https://h --method GET --origin *":                         "no browser sends it",
		"--url https://h --method GET --origin https://a.example?x":       "an origin has no query: a browser sends https://a.example",
		"--url https://h --method G=T --origin https://a.example":         `--method "G=T" is no method`,
		"--url https://h --method GET --origin https://a --header é":      "no name of a header has",
		"--url https://h --region eu-west-1" + ask:                        "--region goes with the rules in a file: name it with -f",
		"--url https://h --dialect MinIO" + ask:                           "--dialect goes with the rules in a file",
		"-f " + policy + " --url https://h --endpoint https://s3.example": "--url is the whole address: leave out --endpoint",
		"-f " + policy + " --url https://h --bucket web-a":                "leave out --bucket",
		"-f " + policy:                                                    `the region of bucket "web-a" is not known: name it with --region, such as --region eu-west-1, or the S3 service with --endpoint`,
		"-f " + policy + " --region eu_west_1":                            `AWS has no region "eu_west_1", in which bucket "web-a" is to be: name one such as eu-west-1`,
		"-f " + policy + " --region eu.west.1":                            `--region "eu.west.1" cannot be the name of a region: it is up to 63 letters and digits`,
		"-f " + policy + " --region -x --endpoint https://h":              `--region "-x" cannot be the name of a region`,
		"-f " + policy + " --region=":                                     `--region "" cannot be the name of a region`,
		"-f " + policy + " --region x --bucket web":                       `has no bucket "web": there are web-a and web.b`,
		"-f " + policy + " --endpoint s3.internal:9000":                   "--endpoint has no scheme: write it as https://s3.internal:9000",
		"-f " + policy + " --endpoint https://s3.internal/?a=b":           "--endpoint has a query",
		"-f " + policy + " --endpoint https://web-a.s3.example":           `holds the name of bucket "web-a": it has to be that of the service`,
		"-f " + policy + " --endpoint https://a --endpoint https://b":     "--endpoint was given 2 times",
		"-f " + policy + " --addressing dns":                              "known are path, virtual-hosted",
		"-f " + two + " --url https://h":                                  "--url takes one configuration, and",
		"-f " + two + " --document team-c/x --region x":                   `has no configuration "team-c/x"`,
		"-f " + rules: "says which rules there are, and not where: name the URL with --url, or the bucket with --bucket",
		"-f " + rules + " --bucket a/b --region x":                           `"a/b" is not the name of a bucket`,
		"-f missing.yaml --region x":                                         "no such file",
		"-f " + policy + " --watch --wait 2m":                                "leave out one of them",
		"-f " + policy + " --interval 2s":                                    "--interval is that of --watch",
		"-f " + policy + " --watch --interval 10ms":                          "--interval is 10ms: it has to be at least 1s",
		"-f " + policy + " --wait -1s":                                       "--wait is -1s",
		"-f " + policy + " --timeout 0":                                      "--timeout is 0s",
		"-f " + policy + " --region x --ca-file missing.pem":                 "--ca-file: open missing.pem",
		"-f " + policy + " --region x --ca-file " + rules:                    "holds no readable certificates in PEM",
		"-f " + policy + " --region x --dialect NotAServer":                  "NotAServer",
		"-f " + write(t, "bad.json", `[{}]`) + " --url https://h":            "mechanically: bucketcors lint -f",
		"--url https://h" + ask + " --requests x":                            `unknown flag "--requests"`,
		"-f " + policy + " --region x --url s3://a/b?X-Amz-Sign=" + secret:   "leave out --region",
		"--url s3://a/b?X-Amz-Signature=" + secret + ask:                     "--url is s3://a/b?..., which the aws command understands",
		"--url a.example/b?X-Amz-Signature=" + secret + ask:                  "write it as https://a.example/b?...",
		"--url a?x=://" + secret + ask:                                       `--url begins with "a?...://"`,
		"https://a.example/b?X-Amz-Signature=" + secret:                      "--url https://a.example/b?...",
		"-f https://a.example/b?X-Amz-Signature=" + secret:                   "a URL goes to --url",
		"--url https://a/?" + secret + " --url https://a/?" + secret + ask:   "given 2 times",
		"--url https://a/%zz?" + secret + ask:                                "cannot be read as a URL",
		"-f " + policy + " --endpoint https://a/?" + secret:                  "--endpoint has a query",
		"--url https://h --method GET --origin https://a.example/?" + secret: "never https://a.example/",
	} {
		status, stdout, stderr := runCommand(t, append([]string{"probe"}, strings.Fields(arguments)...)...)
		if status != exitCouldNot || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s\nstatus %d, %q is missing in %s%s", arguments, status, want, stdout, stderr)
		}
		if strings.Contains(stderr, secret) || strings.Contains(stderr, "hidden") {
			t.Errorf("%s\nshows a credential: %s", arguments, stderr)
		}
	}
}

func TestProbeAsksTheURLsOfBucketsAndEndpoints(t *testing.T) {
	withEndpoints := strings.Replace(probedPolicy, "  rules:", `  verification: {endpoints: ["https://cdn.example.com", "https://cdn.example.com/media/"]}`+"\n  rules:", 1)
	shared := strings.Replace(twoPolicies, "spec:", "spec:\n  sharing: Shared", 1)
	for name, test := range map[string]struct {
		file  string
		o     probeOptions
		want  []string
		notes []string
	}{
		"AWS": {probedPolicy, probeOptions{place: probePlace{region: "eu-west-1"}},
			[]string{"https://web-a.s3.eu-west-1.amazonaws.com", "https://s3.eu-west-3.amazonaws.com/web.b"}, nil},
		"China": {probedPolicy, probeOptions{place: probePlace{region: "cn-north-1", bucket: "web-a"}},
			[]string{"https://web-a.s3.cn-north-1.amazonaws.com.cn"}, nil},
		"path style on AWS": {probedPolicy, probeOptions{place: probePlace{region: "eu-west-1", bucket: "web-a", addressing: choice{value: "path"}}},
			[]string{"https://s3.eu-west-1.amazonaws.com/web-a"}, nil},
		"another service": {probedPolicy, probeOptions{place: probePlace{endpoint: urlValue{"https://s3.internal:9000/", 1}}},
			[]string{"https://s3.internal:9000/web-a", "https://s3.internal:9000/web.b"}, nil},
		"another service, virtual-hosted": {probedPolicy,
			probeOptions{place: probePlace{bucket: "web-a", endpoint: urlValue{"https://s3.internal:9000", 1}, addressing: choice{value: "virtual-hosted"}}},
			[]string{"https://web-a.s3.internal:9000"}, nil},
		"endpoints": {withEndpoints, probeOptions{place: probePlace{region: "eu-west-1"}},
			[]string{
				"https://web-a.s3.eu-west-1.amazonaws.com", "https://s3.eu-west-3.amazonaws.com/web.b",
				"https://cdn.example.com", "https://cdn.example.com/media/",
			}, nil},
		"one bucket of those": {withEndpoints, probeOptions{place: probePlace{bucket: "web.b"}},
			[]string{"https://s3.eu-west-3.amazonaws.com/web.b"}, nil},
		"a URL in their place": {withEndpoints, probeOptions{place: probePlace{url: urlValue{"https://cdn.example.org/#top", 1}}},
			[]string{"https://cdn.example.org/"}, nil},
		"two policies, one of them Shared": {shared, probeOptions{place: probePlace{region: "us-east-1"}},
			[]string{"https://web-a.s3.us-east-1.amazonaws.com", "https://web-b.s3.us-east-1.amazonaws.com"},
			[]string{
				"policy.yaml: team-a/web is Shared: the rules of other policies on its buckets answer, too",
				"policy.yaml: team-a/web has no expectations: samples of what its rules allow are asked about",
				"policy.yaml: team-b/mobile has no expectations",
			}},
		"one of two policies": {shared, probeOptions{document: "2", place: probePlace{region: "us-east-1"}},
			[]string{"https://web-b.s3.us-east-1.amazonaws.com"}, []string{"policy.yaml: team-b/mobile has no expectations"}},
		"rules for a bucket": {consoleRules, probeOptions{place: probePlace{region: "us-east-1", bucket: "web-c"}},
			[]string{"https://web-c.s3.us-east-1.amazonaws.com"}, []string{"policy.yaml has no expectations"}},
		"Terraform that names a bucket": {`resource "aws_s3_bucket_cors_configuration" "a" {
  bucket = "tf-bucket"
  cors_rule {
    allowed_methods = ["GET"]
    allowed_origins = ["*"]
  }
}`, probeOptions{place: probePlace{region: "us-east-1"}}, []string{"https://tf-bucket.s3.us-east-1.amazonaws.com"}, []string{"has no expectations"}},
		"no rules": {`{"CORSRules": []}`, probeOptions{place: probePlace{url: urlValue{"https://h", 1}}}, []string{"https://h"},
			[]string{"has no rules: predicted is the answer of a bucket without a CORS configuration"}},
		"MinIO": {probedPolicy, probeOptions{place: probePlace{bucket: "web-a", endpoint: urlValue{"http://h", 1}}, dialect: &choice{value: "MinIO"}},
			[]string{"http://h/web-a"}, []string{"MinIO stores no CORS configurations of buckets: predicted is what it answers without", `the operator does not apply it: expectation "elsewhere"`}},
		"expectations that are not met": {strings.Replace(probedPolicy, "method: PUT", "method: DELETE", 1), probeOptions{place: probePlace{url: urlValue{"https://h", 1}}},
			[]string{"https://h"}, []string{`not even the rules meet its expectations, and the operator does not apply it: expectation "upload"`}},
		"a presigned URL": {probedPolicy, probeOptions{place: probePlace{url: urlValue{"https://h/k?X-Amz-Signature=" + secret, 1}}},
			[]string{"https://h/k?..."}, []string{"is sent and not shown"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := test.o
			o.file = write(t, "policy.yaml", test.file)
			if o.dialect == nil {
				o.dialect = &choice{value: "AWS"}
			}
			targets, notes, err := o.targets(&cobra.Command{Use: "bucketcors"})
			if err != nil {
				t.Fatal(err)
			}
			var urls []string
			for _, target := range targets {
				urls = append(urls, target.shown)
				if target.Predicted == nil {
					t.Errorf("nothing is predicted for %s", target.shown)
				}
			}
			if !slices.Equal(urls, test.want) {
				t.Errorf("%q and not %q", urls, test.want)
			}
			if len(notes) != len(test.notes) {
				t.Errorf("notes %q and not %q", notes, test.notes)
			}
			for i := range min(len(notes), len(test.notes)) {
				if !strings.Contains(notes[i], test.notes[i]) {
					t.Errorf("%q is missing in %q", test.notes[i], notes[i])
				}
			}
		})
	}
}

func TestProbeComparesWithTheRules(t *testing.T) {
	policy := rulesOf(t, probedPolicy)
	server := bucketServer(t, func() *cors.Policy { return policy })
	file := write(t, "policy.yaml", probedPolicy)
	status, stdout, stderr := runCommand(t, "probe", "-f", file, "--endpoint", server.URL)
	want := strings.ReplaceAll(`SERVER/web-a (team-a/web)
  REQUEST                                                     PREDICTED  LIVE           CLASS
  upload: PUT from https://app.example.com with content-type  allowed    allowed (200)  AsPredicted
  elsewhere: GET from https://other.example.com               refused    refused (403)  AsPredicted
  a stranger: PUT from a made-up origin                       refused    refused (403)  AsPredicted

SERVER/web.b (team-a/web)
  REQUEST                                                     PREDICTED  LIVE           CLASS
  upload: PUT from https://app.example.com with content-type  allowed    allowed (200)  AsPredicted
  elsewhere: GET from https://other.example.com               refused    refused (403)  AsPredicted
  a stranger: PUT from a made-up origin                       refused    refused (403)  AsPredicted

6 preflights: all as predicted
`, "SERVER", server.URL)
	if status != exitOK || stdout != want || stderr != "" {
		t.Errorf("status %d, %s%s", status, stdout, stderr)
	}

	t.Run("of one request", func(t *testing.T) {
		status, stdout, stderr := runCommand(t, "probe", "-f", file, "--url", server.URL+"/web-a", "--origin", "https://app.example.com", "--method", "delete", "--wait", "1ms")
		if status != exitOK || stderr != "" || !strings.Contains(stdout, "  delete from https://app.example.com       refused    refused (403)  AsPredicted\n") ||
			!strings.Contains(stdout, "2 preflights: all as predicted\n") {
			t.Errorf("status %d, %s%s", status, stdout, stderr)
		}
	})

	t.Run("and finds a difference", func(t *testing.T) {
		policy = cors.AWS.NoConfiguration()
		status, stdout, _ := runCommand(t, "probe", "-f", file, "--endpoint", server.URL, "--bucket", "web-a")
		lines := strings.Split(stdout, "\n")
		if status != exitNo || !strings.Contains(lines[2], "allowed    refused (403)") || strings.Contains(lines[2], "AsPredicted") ||
			!strings.Contains(stdout, "\n    "+server.URL+"/web-a: ") || strings.Contains(stdout, "all as predicted") {
			t.Errorf("status %d, %s", status, stdout)
		}
	})
}

// After a change, S3 may give the answers of before for a while.
func TestProbeWaitsForTheAnswersToBeAsPredicted(t *testing.T) {
	rules, asked := rulesOf(t, probedPolicy), 0
	var mu sync.Mutex
	server := bucketServer(t, func() *cors.Policy {
		mu.Lock()
		defer mu.Unlock()
		if asked++; asked == 1 {
			return cors.AWS.NoConfiguration()
		}
		return rules
	})
	ask := []string{"probe", "-f", write(t, "policy.yaml", probedPolicy), "--endpoint", server.URL, "--bucket", "web-a"}
	if status, stdout, stderr := runCommand(t, append(ask, "--wait", "1m")...); status != exitOK || stderr != "" {
		t.Errorf("status %d, %s%s", status, stdout, stderr)
	}
	mu.Lock()
	asked = 0
	mu.Unlock()
	if status, stdout, _ := runCommand(t, ask...); status != exitNo || !strings.Contains(stdout, "allowed    refused (403)  Stale\n") {
		t.Errorf("without waiting: status %d, %s", status, stdout)
	}
}

func TestProbeWithoutRulesSaysWhatABrowserMakesOfTheAnswer(t *testing.T) {
	policy := rulesOf(t, probedPolicy)
	server := bucketServer(t, func() *cors.Policy { return policy })
	for arguments, test := range map[string]struct {
		status int
		want   []string
	}{
		"--origin https://app.example.com --method PUT --header content-type": {exitOK,
			[]string{"  PUT from https://app.example.com with content-type  allowed (200)  -\n", "\n\nallowed\n"}},
		"--origin https://app.example.com --method PUT --header x-amz-acl,content-type": {exitNo,
			[]string{"  PUT from https://app.example.com with content-type, x-amz-acl  refused (403)  ", "\nrefused\n"}},
		"--origin https://www.example.com --method GET --credentials": {exitNo,
			[]string{"  GET from https://www.example.com and credentials  refused (403)  ", "\nrefused\n"}},
	} {
		status, stdout, stderr := runCommand(t, append([]string{"probe", "--url", server.URL + "/web-a"}, strings.Fields(arguments)...)...)
		if status != test.status || stderr != "" || strings.Contains(stdout, "PREDICTED") {
			t.Errorf("%s: status %d, %s%s", arguments, status, stdout, stderr)
		}
		for _, want := range test.want {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s: %q is missing in\n%s", arguments, want, stdout)
			}
		}
	}
}

func TestProbePrintsALineForEachAnswerAsJSON(t *testing.T) {
	policy := rulesOf(t, probedPolicy)
	server := bucketServer(t, func() *cors.Policy { return policy })
	status, stdout, stderr := runWithInput(t, probedPolicy, "probe", "-f", "-", "--endpoint", server.URL, "--bucket", "web-a", "-o", "json")
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	if status != exitOK || stderr != "" || len(lines) != 3 {
		t.Fatalf("status %d, %s%s", status, stdout, stderr)
	}
	want := `{"url":"` + server.URL + `/web-a","document":"team-a/web",` +
		`"request":{"name":"upload","origin":"https://app.example.com","method":"PUT","headers":["content-type"],"credentials":false},` +
		`"stranger":false,"predicted":true,"allowed":true,"class":"AsPredicted","status":200,` +
		`"headers":{"Access-Control-Allow-Credentials":"true","Access-Control-Allow-Headers":"content-type","Access-Control-Allow-Methods":"GET, PUT",` +
		`"Access-Control-Allow-Origin":"https://app.example.com","Vary":"Origin, Access-Control-Request-Headers, Access-Control-Request-Method"}`
	if !strings.HasPrefix(lines[0], want) {
		t.Errorf("%s\ndoes not begin with\n%s", lines[0], want)
	}
	for i, stranger := range []bool{false, false, true} {
		var line jsonProbed
		if err := json.Unmarshal([]byte(lines[i]), &line); err != nil || line.Stranger != stranger || line.Predicted == nil || line.Time != "" {
			t.Errorf("line %d: %v: %s", i+1, err, lines[i])
		}
	}

	t.Run("also without a prediction", func(t *testing.T) {
		status, stdout, _ := runCommand(t, "probe", "--url", server.URL+"/web-a", "--origin", "https://app.example.com", "--method", "GET", "-o", "json")
		if status != exitOK || strings.Contains(stdout, `"predicted"`) || strings.Contains(stdout, `"document"`) || !strings.Contains(stdout, `"headers":[],`) {
			t.Errorf("status %d, %s", status, stdout)
		}
	})
}

func TestProbeThatReachesNothingCouldNotTell(t *testing.T) {
	gone := closedPort
	file := write(t, "policy.yaml", probedPolicy)
	status, stdout, stderr := runCommand(t, "probe", "-f", file, "--endpoint", gone)
	if _, stdout, _ := runCommand(t, "probe", "--url", gone, "--origin", "https://app.example.com", "--method", "GET"); !strings.HasSuffix(stdout, "\n\nno answer\n") {
		t.Errorf("%s", stdout)
	}
	if status != exitCouldNot || !strings.Contains(stderr, "bucketcors: nothing could be reached: "+gone+"/web-a: ") ||
		!strings.Contains(stdout, "no answer  Unreachable\n  2 requests after it: not asked\n") || !strings.Contains(stdout, "\n2 preflights: 2 Unreachable\n") {
		t.Errorf("status %d, %s%s", status, stdout, stderr)
	}

	t.Run("and one of two is a no", func(t *testing.T) {
		policy := rulesOf(t, probedPolicy)
		server := bucketServer(t, func() *cors.Policy { return policy })
		file := write(t, "policy.yaml", strings.Replace(probedPolicy, "  rules:", `  verification: {endpoints: ["`+gone+`"]}`+"\n  rules:", 1))
		status, stdout, stderr := runCommand(t, "probe", "-f", file, "--endpoint", server.URL)
		if status != exitNo || stderr != "" || !strings.Contains(stdout, "\n7 preflights: 6 as predicted, 1 Unreachable\n") {
			t.Errorf("status %d, %s%s", status, stdout, stderr)
		}
	})
}

// The query of a presigned URL is a credential, wherever it goes.
func TestProbeNeverShowsTheQueryOfAURL(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://elsewhere.example/?"+r.URL.RawQuery)
		w.Header().Set("Vary", "Origin")
		w.WriteHeader(http.StatusTemporaryRedirect)
		fmt.Fprintf(w, "<Error><Code>TemporaryRedirect</Code><Message>%s</Message><Endpoint>%[1]s</Endpoint></Error>", r.URL.RawQuery)
	}))
	defer echo.Close()
	for _, server := range []string{echo.URL, closedPort} {
		for _, output := range []string{"text", "json"} {
			_, stdout, stderr := runCommand(t, "probe", "--url", server+"/k?X-Amz-Algorithm=AWS4&X-Amz-Credential=a%2Fb%2Fc%2Fd%2Fe&X-Amz-Signature="+secret,
				"--origin", "https://app.example.com", "--method", "GET", "-o", output)
			for _, hidden := range []string{secret, "a/b/c/d/e", "a%2Fb"} {
				if strings.Contains(stdout+stderr, hidden) {
					t.Errorf("%q is shown in\n%s%s", hidden, stdout, stderr)
				}
			}
			if !strings.Contains(stdout, server+"/k?...") || !strings.Contains(stderr, "is sent and not shown") {
				t.Errorf("%s%s", stdout, stderr)
			}
		}
	}
}

func TestProbeThatCannotWriteItsAnswersSaysSo(t *testing.T) {
	policy := rulesOf(t, probedPolicy)
	server := bucketServer(t, func() *cors.Policy { return policy })
	for _, more := range [][]string{nil, {"-o", "json"}, {"--watch"}} {
		arguments := append([]string{"probe", "-f", "-", "--endpoint", server.URL}, more...)
		var stderr bytes.Buffer
		status := run(t.Context(), arguments, strings.NewReader(probedPolicy), brokenPipe{}, &stderr)
		if status != exitCouldNot || !strings.Contains(stderr.String(), "broken pipe") {
			t.Errorf("%q: status %d, %q", more, status, stderr.String())
		}
	}
}

func TestTheQueryOfAURLIsTakenOutOfTexts(t *testing.T) {
	u, err := url.Parse("https://h/k?a=&X-Amz-Signature=" + secret + "&token=" + secret + "%2Fmore&host=h&v=%22quoted%22value")
	if err != nil {
		t.Fatal(err)
	}
	hidden := concealer(u)
	for text, want := range map[string]string{
		"asked https://h/k?" + u.RawQuery + " and h": "asked https://h/k?... and h",
		"signature=" + secret + ".":                  "signature=....",
		"token=" + secret + "/more.":                 "token=....",
		"token=" + secret + "%2Fmore.":               "token=....",
		`"quoted"value`:                              "...",
		"host h":                                     "host h",
	} {
		if got := hidden.Replace(text); got != want {
			t.Errorf("%q becomes %q and not %q", text, got, want)
		}
	}
	p := probed{Result: probe.Result{Message: "of " + secret, Advice: "not " + secret}, target: &probeTarget{hidden: hidden}}
	if p.message() != "of ..." || p.advice() != "not ..." {
		t.Errorf("%q, %q", p.message(), p.advice())
	}
}

// Who presses Ctrl-C need not be told what was not asked.
func TestProbeThatIsInterruptedEndsQuietly(t *testing.T) {
	for _, more := range [][]string{nil, {"--wait", "1m"}, {"--watch"}} {
		ctx, cancel := context.WithCancel(t.Context())
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		}))
		var out bytes.Buffer
		arguments := append([]string{"probe", "-f", "-", "--endpoint", server.URL}, more...)
		if status := run(ctx, arguments, strings.NewReader(probedPolicy), &out, &out); status != exitInterrupted || out.String() != "" {
			t.Errorf("%q: status %d, %s", more, status, out.String())
		}
		server.Close()
	}
}

func TestProbeTrustsTheCertificatesOfAFile(t *testing.T) {
	policy := rulesOf(t, probedPolicy)
	plain := bucketServer(t, func() *cors.Policy { return policy })
	server := httptest.NewTLSServer(plain.Config.Handler)
	defer server.Close()
	bundle := write(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	ask := []string{"probe", "--url", server.URL, "--origin", "https://app.example.com", "--method", "GET"}
	if status, stdout, _ := runCommand(t, ask...); status != exitCouldNot || !strings.Contains(stdout, "Unreachable") {
		t.Errorf("without: status %d, %s", status, stdout)
	}
	if status, stdout, stderr := runCommand(t, append(ask, "--ca-file", bundle)...); status != exitOK {
		t.Errorf("with: status %d, %s%s", status, stdout, stderr)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	if status, stdout, stderr := runCommand(t, ask...); status != exitOK {
		t.Errorf("in the environment: status %d, %s%s", status, stdout, stderr)
	}
	t.Setenv("AWS_CA_BUNDLE", write(t, "empty.pem", ""))
	if status, _, stderr := runCommand(t, ask...); status != exitCouldNot || !strings.Contains(stderr, "the file that AWS_CA_BUNDLE names holds no readable certificates") {
		t.Errorf("nothing in the file of the environment: status %d, %s", status, stderr)
	}
}

func TestWhatIsFoundIsSaidOncePerCause(t *testing.T) {
	target := func(shown string) *probeTarget {
		return &probeTarget{Target: probe.Target{Predicted: cors.AWS.NoConfiguration()}, shown: shown, hidden: strings.NewReplacer()}
	}
	a, b := target("https://a"), target("https://b")
	result := func(class probe.Class, message, advice string) probe.Result {
		return probe.Result{Request: browser.Request{Method: "GET"}, Class: class, Message: message, Advice: advice}
	}
	all := []probed{
		{Result: result(probe.AsPredicted, "fine", ""), target: a},
		{Result: result(probe.Stale, "it is old", "wait"), target: a},
		{Result: result(probe.Stale, "it is old", "wait"), target: a},
		{Result: result(probe.Stale, "it is old", "wait"), target: b},
		{Result: result(probe.AsPredicted, "it was not certain", ""), target: b},
		{Result: result(probe.Unexplained, "one thing", ""), target: b},
		{Result: result(probe.Unexplained, "another\x1b thing", ""), target: b},
	}
	all[4].Allowed = true // where a refusal was expected
	var out bytes.Buffer
	if err := (&probeText{w: &out}).end(all, false); err != nil {
		t.Fatal(err)
	}
	const want = "Stale\n    https://a: it is old\n    https://b: it is old\n    to do: wait\n\n" +
		"AsPredicted\n    https://b: it was not certain\n\n" +
		"Unexplained\n    https://b: one thing\n    https://b: another\uFFFD thing\n\n" +
		"7 preflights: 2 as predicted, 3 Stale, 2 Unexplained\n"
	if out.String() != want {
		t.Errorf("%q\nand not\n%q", out.String(), want)
	}
}
