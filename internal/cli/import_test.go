// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
)

// handMadeRules have what people put together over the years.
const handMadeRules = `<CORSConfiguration>
<CORSRule><ID>site &amp; "preview" &lt;é&gt;</ID><AllowedOrigin>https://z.example.com</AllowedOrigin><AllowedOrigin>https://*.a.example.com</AllowedOrigin><AllowedOrigin>https://z.example.com</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedHeader>X-Zebra</AllowedHeader><AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>x-request-id</ExposeHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3600</MaxAgeSeconds></CORSRule>
<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>HEAD</AllowedMethod><AllowedMethod>GET</AllowedMethod></CORSRule>
<CORSRule><ID>yes</ID><AllowedOrigin>http://localhost:8080/</AllowedOrigin><AllowedMethod>DELETE</AllowedMethod><AllowedHeader>*</AllowedHeader><MaxAgeSeconds>0</MaxAgeSeconds></CORSRule>
</CORSConfiguration>`

func TestImportedRulesAreThoseOfTheBucketInEveryFieldAndOrder(t *testing.T) {
	live, err := cors.ParseXML([]byte(handMadeRules))
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"", "Observe"} {
		manifest, err := policyOf(live, cors.AWS, document.Metadata{Name: "a", Namespace: "n", Bucket: "web-a", Region: "eu-west-1", Provider: "p", Mode: mode})
		if err != nil {
			t.Fatal(err)
		}
		file, err := document.Read("a.yaml", manifest)
		if err != nil {
			t.Fatal(err)
		}
		d := file.Documents[0]
		if !reflect.DeepEqual(d.Configuration, live) {
			t.Errorf("%+v\nis not\n%+v", d.Configuration, live)
		}
		if p := d.Policy; string(p.Spec.Mode) != mode || p.Spec.ProviderRef.Name != "p" || p.Spec.Buckets[0].Region != "eu-west-1" || p.Namespace != "n" {
			t.Errorf("%s", manifest)
		}
	}
}

func TestRulesThatNoPolicyCanHaveAreNamed(t *testing.T) {
	rule := func(change func(*cors.Rule)) cors.Configuration {
		r := cors.Rule{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}}
		change(&r)
		return cors.Configuration{Rules: []cors.Rule{r}}
	}
	for want, live := range map[string]cors.Configuration{
		"rules[0].allowedMethods[0]":       rule(func(r *cors.Rule) { r.AllowedMethods = []string{"PATCH"} }),
		"rules[0].allowedOrigins[0]":       rule(func(r *cors.Rule) { r.AllowedOrigins = []string{"https://*.*.example"} }),
		"rules[0].allowedOrigins: missing": rule(func(r *cors.Rule) { r.AllowedOrigins = nil }),
		"rules[0].exposeHeaders[0]":        rule(func(r *cors.Rule) { r.ExposeHeaders = []string{"*"} }),
		"is not UTF-8":                     rule(func(r *cors.Rule) { r.ID = "\xff" }),
		"rules: there are 101":             {Rules: make([]cors.Rule, 101)},
		"rules[0].id: ":                    rule(func(r *cors.Rule) { r.ID = strings.Repeat("x", 256) }),
	} {
		if manifest, err := policyOf(live, cors.AWS, document.Metadata{Name: "a", Bucket: "web-a"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v\n%s", want, err, manifest)
		}
	}
}

func TestPatternsStandForNames(t *testing.T) {
	for pattern, names := range map[string]string{
		"*": "a ab", "a*": "a ab abc", "*c": "c abc", "a*c": "ac abc abbc", "a**b": "ab axb", "*b*": "b ab bc abc", "a*b*c": "abc axbxc",
	} {
		for name := range strings.FieldsSeq(names) {
			if !matchesPattern(pattern, name) {
				t.Errorf("%s is not one of %s", name, pattern)
			}
		}
	}
	for pattern, names := range map[string]string{"a*": "b ba", "*c": "cb", "a*c": "a c ca", "aa*aa": "aaa", "a*b*c": "ac acb"} {
		for name := range strings.FieldsSeq(names) {
			if matchesPattern(pattern, name) {
				t.Errorf("%s is one of %s", name, pattern)
			}
		}
	}
}

func TestNamesOfBucketsAreReadAsTheAWSCommandPrintsThem(t *testing.T) {
	for printed, want := range map[string]string{
		"web-a\nweb-b # ours\n\n#web-c\n":                        "web-a web-b",
		"\ufeffweb-a\r\nweb-b\r\n":                               "web-a web-b",
		"2026-01-02 03:04:05 web-a\n2026-01-02 03:04:06 web-b\n": "web-a web-b",       // aws s3 ls
		"web-a\tweb-b\tweb-c\n":                                  "web-a web-b web-c", // aws s3api list-buckets --query 'Buckets[].Name' --output text
	} {
		cmd := newImportCommand()
		cmd.SetIn(strings.NewReader(printed))
		cmd.SetContext(t.Context())
		names, err := (&importOptions{fromFile: "-"}).names(cmd)
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("%q: %v, %s", printed, err, got)
		}
	}
}

func TestPoliciesGetNamesOfTheirOwn(t *testing.T) {
	long := strings.Repeat("a", 255)
	var found []*importedBucket
	for _, name := range []string{"My_Bucket", "kustomization", "my-bucket", "my.bucket", long, long[1:] + "b", "___"} {
		found = append(found, &importedBucket{Location: bucket.Location{Name: name}})
	}
	(&importOptions{}).plan(found, service{}, managed{})
	seen := map[string]bool{}
	for _, b := range found {
		if seen[b.name] || b.name == "kustomization" || len(b.name) > 253 {
			t.Errorf("%s is called %s", b.Name, b.name)
		}
		seen[b.name] = true
	}
	if found[0].name != "my-bucket" || found[2].name != "my-bucket-2" || found[3].name != "my.bucket" {
		t.Errorf("%s, %s, %s", found[0].name, found[2].name, found[3].name)
	}
}

func TestNoImportedPolicyTakesTheNameOfOneThatHasOtherBuckets(t *testing.T) {
	policyOf := func(namespace, name, provider string, buckets ...string) *v1alpha1.BucketCORSPolicy {
		p := &v1alpha1.BucketCORSPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		p.Spec.ProviderRef = &v1alpha1.ProviderReference{Name: provider}
		for _, b := range buckets {
			p.Spec.Buckets = append(p.Spec.Buckets, v1alpha1.BucketReference{Name: b})
		}
		return p
	}
	elsewhere := liveProvider("https://elsewhere.example")
	elsewhere.Name = "elsewhere"
	twin := liveProvider("https://s3.example")
	twin.Name = "twin"
	objects := []client.Object{
		liveProvider("https://s3.example"), elsewhere, twin,
		policyOf("team-a", "media", "default", "other"),
		policyOf("team-a", "photos", "twin", "photos"),
		policyOf("team-a", "films", "default", "films", "sounds"),
		policyOf("team-a", "texts", "elsewhere", "texts"),
		policyOf("team-b", "music", "default", "hits"),
	}
	const allSeen, noneElsewhere = "", "you may not list the policies of all namespaces"
	for name, test := range map[string]struct {
		forbidden []string
		namespace string
		want      string
		note      string
	}{
		"in a namespace":   {nil, "team-a", "films-2 (team-a/films), media-2, music, photos (team-a/photos), texts-2", allSeen},
		"in another":       {nil, "team-b", "films (team-a/films), media, music-2, photos (team-a/photos), texts", allSeen},
		"wherever kubectl": {nil, "", "films-2 (team-a/films), media-2, music-2, photos (team-a/photos), texts-2", allSeen},
		"for somebody who may see that namespace": {
			[]string{"BucketCORSPolicyList"}, "team-a", "films-2 (team-a/films), media-2, music, photos (team-a/photos), texts-2", noneElsewhere,
		},
		"for somebody who may see nothing": {
			[]string{"BucketCORSPolicyList", "BucketCORSPolicyList team-a"}, "team-a", "films, media, music, photos, texts", noneElsewhere,
		},
		"for somebody who may not list the providers": {
			[]string{"BucketProviderList"}, "team-a", "films-2 (team-a/films), media-2, music, photos-2, texts-2", allSeen,
		},
	} {
		c := fakeCluster(t, test.forbidden, objects...)
		in := service{provider: "default"}
		has, note, err := c.managed(t.Context(), in, test.namespace)
		if err != nil || !strings.HasPrefix(note, test.note) || (note == "") != (test.note == "") {
			t.Errorf("%s: %v, %q", name, err, note)
		}
		var found []*importedBucket
		for _, bucketName := range []string{"films", "media", "music", "photos", "texts"} {
			found = append(found, &importedBucket{Location: bucket.Location{Name: bucketName}})
		}
		(&importOptions{}).plan(found, in, has)
		var got []string
		for _, b := range found {
			if policy := has.buckets[b.Name]; policy != "" {
				b.name += " (" + policy + ")"
			}
			got = append(got, b.name)
		}
		if said := strings.Join(got, ", "); said != test.want {
			t.Errorf("%s: %s\nand not %s", name, said, test.want)
		}
	}
}

func TestADirectoryOfFilesIsOne(t *testing.T) {
	t.Chdir(t.TempDir())
	writeIn(t, ".", "file", "mine")
	for _, force := range []bool{false, true} {
		o := &importOptions{directory: "file", force: force}
		if err := o.checkDirectory(nil); err == nil || err.Error() != "--output-dir file is a file: name a directory" {
			t.Errorf("%t: %v", force, err)
		}
	}
	var out bytes.Buffer
	cmd := newImportCommand()
	cmd.SetOut(&out)
	o := &importOptions{directory: "a team's"}
	if err := o.write(cmd, []*importedBucket{{name: "a"}}); err != nil || out.String() != "1 policy in a team's: kubectl apply -k 'a team'\\''s'\n" {
		t.Errorf("%v, %s", err, out.String())
	}
}

func TestABucketOfAnotherRegionIsImportedWithThatRegion(t *testing.T) {
	source, err := os.ReadFile("../s3/classify.go")
	if err != nil || !strings.Contains(string(source), setRegion) {
		t.Fatalf("package s3 does not say %q any more (%v)", setRegion, err)
	}
	failure := &bucket.Error{Reason: bucket.WrongRegion, Message: "the bucket is in region x, not in y: " + setRegion + " x"}
	for want, in := range map[string]service{
		"the bucket is in region x, not in y: import it with --region x": {provider: "default"},
		failure.Message: {provider: "default", Provider: bucket.Provider{Endpoint: "https://s3.example"}}, // the provider has it wrong
	} {
		if got := inAnotherRegion(failure, in); got.Error() != want {
			t.Errorf("%s\nand not %s", got, want)
		}
	}
}

func TestPoliciesNameARegionThatTheirProviderHasNot(t *testing.T) {
	for name, test := range map[string]struct {
		in     bucket.Provider
		called string
		listed string
		want   string
	}{
		"of a provider":              {bucket.Provider{Region: "eu-west-1"}, "default", "", ""},
		"that of the provider":       {bucket.Provider{Region: "eu-west-1"}, "default", "eu-west-1", ""},
		"another":                    {bucket.Provider{Region: "eu-west-1"}, "default", "us-west-2", "us-west-2"},
		"of AWS, without a cluster":  {bucket.Provider{Region: "eu-west-1"}, "", "", "eu-west-1"},
		"listed, without a cluster":  {bucket.Provider{Region: "eu-west-1"}, "", "us-west-2", "us-west-2"},
		"of a server with one alone": {bucket.Provider{Region: "x", Endpoint: "https://s3.example"}, "", "y", ""},
	} {
		b := &importedBucket{Location: bucket.Location{Name: "web-a", Region: test.listed}}
		(&importOptions{}).plan([]*importedBucket{b}, service{Provider: test.in, provider: test.called}, managed{})
		if b.region != test.want {
			t.Errorf("%s: %q", name, b.region)
		}
	}
}

func TestImportOfARealServer(t *testing.T) {
	rules := map[string]string{"team-a-bare": "", "team-b-legacy": pageLegacy}
	for i := range 12 {
		rules[fmt.Sprintf("team-a-%02d", i)] = handMadeRules
	}
	server := startLive(t, rules)
	at := func(arguments ...string) []string {
		return append(append([]string{"import"}, arguments...), "--endpoint", server.Endpoint)
	}
	files := func(directory string) (names []string) {
		entries, err := os.ReadDir(directory)
		if err != nil {
			return nil
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	t.Chdir(t.TempDir())

	t.Run("all", func(t *testing.T) {
		status, stdout, stderr := runCommand(t, at("--all", "--output-dir", "all/of/them")...)
		if status != exitNo || stdout != "12 policies in all/of/them: kubectl apply -k all/of/them\n" ||
			!strings.Contains(stderr, "team-b-legacy is left out") || !strings.Contains(stderr, "left out 1 bucket without CORS rules: team-a-bare") {
			t.Errorf("status %d, %s%s", status, stdout, stderr)
		}
		if names := files("all/of/them"); len(names) != 13 || names[0] != "kustomization.yaml" {
			t.Errorf("%s", names)
		}
	})
	t.Run("names in a file", func(t *testing.T) {
		list := "# ours\n2026-01-02 03:04:05 team-a-01\n\nteam-a-0*\n"
		var out, errs bytes.Buffer
		status := run(t.Context(), at("--from-file", "-"), strings.NewReader(list), &out, &errs)
		if status != exitOK || strings.Count(out.String(), "---\n") != 9 || errs.String() != "" {
			t.Errorf("status %d, %s%s", status, out.String(), errs.String())
		}
	})
	t.Run("never over what is there", func(t *testing.T) {
		for _, there := range []string{"team-a-02.yaml", "Kustomization"} {
			directory := t.TempDir()
			writeIn(t, directory, there, "mine")
			status, stdout, stderr := runCommand(t, at("--bucket", "team-a-*", "--output-dir", directory)...)
			if status != exitCouldNot || stdout != "" || !strings.Contains(stderr, filepath.Join(directory, there)+" is there already") || len(files(directory)) != 1 {
				t.Errorf("status %d, %s%s, %s", status, stdout, stderr, files(directory))
			}
			status, _, stderr = runCommand(t, at("--bucket", "team-a-*", "--output-dir", directory, "--force")...)
			if n := len(files(directory)); n != 13 {
				t.Errorf("%d files beside %s: kustomize reads no directory with two kustomizations", n, there)
			}
			if content, err := os.ReadFile(filepath.Join(directory, "team-a-02.yaml")); status != exitOK || err != nil || string(content) == "mine" {
				t.Errorf("status %d, %s, %s, %v", status, stderr, content, err)
			}
		}
	})
	t.Run("what cannot be read", func(t *testing.T) {
		status, stdout, stderr := runCommand(t, at("--bucket", "team-a-01", "--bucket", "not-there")...)
		if status != exitCouldNot || !strings.Contains(stdout, "name: team-a-01") ||
			!strings.Contains(stderr, "bucketcors: 1 bucket could not be read:\n  get CORS of bucket \"not-there\" at ") || !strings.Contains(stderr, "does not exist") {
			t.Errorf("status %d, %s%s", status, stdout, stderr)
		}
	})
	t.Run("nothing to import", func(t *testing.T) {
		status, stdout, stderr := runCommand(t, at("--bucket", "team-a-bare", "--output-dir", "bare")...)
		if status != exitNo || stdout != "" || len(files("bare")) > 0 || !strings.Contains(stderr, "without CORS rules") {
			t.Errorf("status %d, %s%s", status, stdout, stderr)
		}
		status, _, stderr = runCommand(t, at("--bucket", "team-c-*")...)
		if status != exitCouldNot || !strings.Contains(stderr, `none of the 14 buckets at `+server.Endpoint+` that your credentials list matches "team-c-*"`) {
			t.Errorf("status %d, %s", status, stderr)
		}
	})
	t.Run("then there is no difference", func(t *testing.T) {
		status, stdout, stderr := runCommand(t, "diff", "-f", "all", "-R", "--endpoint", server.Endpoint)
		if status != exitOK || stdout != "12 buckets: no differences\n" || stderr != "" {
			t.Errorf("status %d, %s%s", status, stdout, stderr)
		}
	})
}

func TestNamesThatAServerListsMoveNoCursor(t *testing.T) {
	var r importReport
	r.managed, r.bare = []string{"a\u009b (team-a/p)"}, []string{"b\n\u009bc"}
	cmd, stdout, stderr := saying(t.Context())
	if err := r.end(cmd); !errors.Is(err, errNo) || stdout.String() != "" ||
		stderr.String() != "note: left out 1 bucket that policies have already: a\uFFFD (team-a/p)\nnote: left out 1 bucket without CORS rules: b\uFFFD\uFFFDc\n" {
		t.Errorf("%v, %q", err, stderr)
	}
}

func TestAKustomizationOfAnyNameIsTheOneThatIsOverwritten(t *testing.T) {
	directory := t.TempDir()
	if got := kustomizationIn(directory); got != filepath.Join(directory, "kustomization.yaml") {
		t.Error(got)
	}
	for _, name := range []string{"Kustomization", "kustomization.yml", "kustomization.yaml"} {
		writeIn(t, directory, name, "{}")
		if got := kustomizationIn(directory); got != filepath.Join(directory, name) {
			t.Errorf("%s and not %s", got, name)
		}
	}
}

func TestFilesThatCannotAllBeWrittenAreNotThere(t *testing.T) {
	directory := t.TempDir()
	files := []newFile{
		{filepath.Join(directory, "a.yaml"), []byte("a")},
		{filepath.Join(directory, "missing", "b.yaml"), []byte("b")},
	}
	if err := writeAll(files, false); err == nil {
		t.Error("no error")
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	if err := writeAll(files[:1], false); err != nil {
		t.Fatal(err)
	}
	if err := writeAll([]newFile{{files[0].path, []byte("c")}}, false); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("%v", err)
	}
	if content, err := os.ReadFile(files[0].path); err != nil || string(content) != "a" {
		t.Errorf("%s, %v", content, err)
	}
}
