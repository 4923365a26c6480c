// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/bucketcors/bucketcors/internal/document"
	"github.com/bucketcors/bucketcors/internal/lint"
)

const (
	slashRules  = "[{\n  \"AllowedOrigins\": [\"https://app.example.com/\"],\n  \"AllowedMethods\": [\"GET\", \"HEAD\"]\n}]\n"
	goodRules   = "[{\n  \"AllowedOrigins\": [\"https://app.example.com\"],\n  \"AllowedMethods\": [\"GET\", \"HEAD\"]\n}]\n"
	slashPolicy = `# before
apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketCORSPolicy
metadata: {name: web, namespace: team-a}
spec:
  buckets: [{name: web-a}]
  rules:
  - allowedOrigins:
    # of the app
    - https://app.example.com/ # with a slash
    allowedMethods: [GET, HEAD]
`
)

func TestLintTellsPlaceProblemAndRemedy(t *testing.T) {
	status, stdout, stderr := runWithInput(t, slashRules, "lint", "-f", "-")
	if status != exitNo || stderr != "" {
		t.Errorf("status %d, %q", status, stderr)
	}
	lines := strings.Split(stdout, "\n")
	if !strings.HasPrefix(lines[0], "<stdin>:2:22: error CORS010: ") || !strings.HasPrefix(lines[1], "    ") ||
		!strings.HasPrefix(lines[2], "    fix: ") || !strings.HasSuffix(lines[2], " (--fix does)") {
		t.Errorf("%s", stdout)
	}
	if want := "1 error in 1 file; 1 can be fixed with --fix\n"; !strings.HasSuffix(stdout, want) {
		t.Errorf("%q is missing in\n%s", want, stdout)
	}
	status, stdout, stderr = runWithInput(t, goodRules, "lint", "-f", "-")
	if status != exitOK || stdout != "no findings in 1 file\n" || stderr != "" {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
}

func TestTheStatusOfLintIsThatOfItsWorstFinding(t *testing.T) {
	const info = `[{"AllowedOrigins": ["https://*.example.com"], "AllowedMethods": ["GET", "HEAD"]}]` // CORS024
	for name, test := range map[string]struct {
		rules     string
		arguments []string
		status    int
	}{
		"an error":                          {slashRules, nil, exitNo},
		"an error that is disabled":         {slashRules, []string{"--disable", "cors010"}, exitOK},
		"an error that is disabled by name": {slashRules, []string{"--disable", "CORS035,origin-trailing-slash"}, exitOK},
		"information":                       {info, nil, exitOK},
		"information that counts":           {info, []string{"--fail-on", "info"}, exitNo},
		"an error, only errors count":       {slashRules, []string{"--fail-on", "error"}, exitNo},
		"nothing":                           {goodRules, []string{"--fail-on", "info"}, exitOK},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := runWithInput(t, test.rules, append([]string{"lint", "-f", "-"}, test.arguments...)...)
			if status != test.status || stderr != "" {
				t.Errorf("status %d and not %d: %s%s", status, test.status, stdout, stderr)
			}
		})
	}
}

func TestWhatABucketServesIsAskedFor(t *testing.T) {
	const uploads = `[{"AllowedOrigins": ["https://app.example.com"], "AllowedMethods": ["GET", "HEAD", "PUT"], "AllowedHeaders": ["content-type"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 3000}]`
	_, without, _ := runWithInput(t, uploads, "lint", "-f", "-")
	status, with, _ := runWithInput(t, uploads, "lint", "-f", "-", "--profile", "multipart", "--fail-on", "info")
	if status != exitNo || !strings.Contains(with, "CORS031") || strings.Contains(without, "CORS031") {
		t.Errorf("status %d\n%s\n%s", status, without, with)
	}
	const local = `[{"AllowedOrigins": ["http://localhost:3000", "http://127.0.0.1:3000"], "AllowedMethods": ["GET", "HEAD"]}]`
	_, without, _ = runWithInput(t, local, "lint", "-f", "-")
	_, with, _ = runWithInput(t, local, "lint", "-f", "-", "--production")
	if !strings.Contains(with, "CORS026") || strings.Contains(without, "CORS026") {
		t.Errorf("%s\n%s", without, with)
	}
}

func TestLintReadsDirectoriesAndSkipsWhatHasNoRules(t *testing.T) {
	directory := t.TempDir()
	for name, content := range map[string]string{
		"a.json":                    slashRules,
		"b.yaml":                    slashPolicy,
		"deployment.yaml":           "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cors-proxy}\n",
		"package.json":              `{"dependencies": {"cors": "^2.8.5"}}`,
		"chart/template.yaml":       "{{- if .Values.x }}\nkind: Deployment\n{{- end }}\n",
		"below/c.xml":               "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><AllowedMethod>HEAD</AllowedMethod></CORSRule></CORSConfiguration>",
		".git/d.json":               slashRules,
		"node_modules/x/e.json":     slashRules,
		"notes.md":                  "CORS",
		"README.yaml.bak":           "{",
		"below/variables/values.tf": "variable \"cors\" {}\n",
	} {
		path := filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(directory, "below"), filepath.Join(directory, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(directory)
	for name, test := range map[string]struct {
		arguments []string
		files     int
		findings  int
	}{
		"one level":                       {[]string{"-f", "."}, 2, 2},
		"all levels":                      {[]string{"-f", ".", "-R"}, 3, 2},
		"a file twice":                    {[]string{"-f", "a.json", "-f", "./a.json"}, 1, 1},
		"as a shell expands -f *":         {[]string{"-f", "a.json", "b.yaml"}, 2, 2},
		"a directory and a file of it":    {[]string{"-f", ".", "-f", "a.json"}, 2, 2},
		"only the one that is named, all": {[]string{"-f", "below", "-R"}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := runCommand(t, append([]string{"lint", "-o", "json"}, test.arguments...)...)
			var got jsonReport
			if err := json.Unmarshal([]byte(stdout), &got); err != nil {
				t.Fatal(err)
			}
			if got.Files != test.files || len(got.Findings) != test.findings || status != min(test.findings, 1) || stderr != "" {
				t.Errorf("status %d, %d files, %d findings, %q\n%s", status, got.Files, len(got.Findings), stderr, stdout)
			}
		})
	}
}

func TestLintGoesOnAfterAFileThatItCannotRead(t *testing.T) {
	good, bad := write(t, "good.json", slashRules), write(t, "bad.yaml", "apiVersion: [\n")
	missing := filepath.Join(t.TempDir(), "missing.json")
	status, stdout, stderr := runCommand(t, "lint", "-f", bad, "-f", good, "-f", missing)
	if status != exitCouldNot || !strings.Contains(stdout, "CORS010") {
		t.Errorf("status %d, %s", status, stdout)
	}
	if !strings.Contains(stderr, bad+":2:1: ") && !strings.Contains(stderr, bad+":1:") || !strings.Contains(stderr, missing+": no such file") {
		t.Errorf("%s", stderr)
	}
}

func TestProgramsLearnWhichFilesCouldNotBeRead(t *testing.T) {
	good, bad := write(t, "good.json", slashRules), write(t, "bad.json", "[\n  1]")
	missing := filepath.Join(t.TempDir(), "missing.json")
	empty := t.TempDir()
	for name, test := range map[string]struct {
		files []string
		want  []jsonError
	}{
		"none":           {[]string{good}, []jsonError{}},
		"two":            {[]string{bad, good, missing}, []jsonError{{bad, 2, 3, "want a rule"}, {missing, 0, 0, "no such file"}}},
		"nothing at all": {[]string{empty}, []jsonError{{empty, 0, 0, "no CORS rules in " + empty}}},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := runCommand(t, append([]string{"lint", "-o", "json", "-f"}, test.files...)...)
			var got struct{ Errors []jsonError }
			if err := json.Unmarshal([]byte(stdout), &got); err != nil || got.Errors == nil || len(got.Errors) != len(test.want) {
				t.Fatalf("%v, %s", err, stdout)
			}
			if (status == exitCouldNot) != (len(test.want) > 0) || (stderr != "") != (len(test.want) > 0) {
				t.Errorf("status %d, %q", status, stderr)
			}
			for i, want := range test.want {
				at := got.Errors[i]
				if !strings.Contains(at.Message, want.Message) || at.File != want.File || at.Line != want.Line || at.Column != want.Column {
					t.Errorf("%+v and not %+v", at, want)
				}
			}
		})
	}
	_, stdout, _ := runCommand(t, "lint", "-f", bad, "-o", "sarif")
	log, err := sarif.FromBytes([]byte(stdout))
	if err != nil || log.Validate() != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	place := log.Runs[0].Invocations[0].ToolExecutionNotifications[0].Locations[0].PhysicalLocation
	if *place.Region.StartLine != 2 || !strings.HasSuffix(*place.ArtifactLocation.URI, "/bad.json") {
		t.Errorf("%s", stdout)
	}
}

// A file of another format has no allowedOrigins and no maxAgeSeconds.
func TestFindingsNameTheFieldsOfTheFormat(t *testing.T) {
	const uploads = `[{"AllowedOrigins": ["https://app.example.com"], "AllowedMethods": ["PUT"], "MaxAgeSeconds": 5}]`
	for format, want := range map[string][]string{
		"policy":         {`add "POST" to allowedMethods`, "to allowedHeaders", "to exposeHeaders"},
		"json":           {`add "POST" to AllowedMethods`, "to AllowedHeaders", "to ExposeHeaders"},
		"xml":            {`add "POST" to AllowedMethod`, "to AllowedHeader", "to ExposeHeader"},
		"terraform":      {`add "POST" to allowed_methods`, "to allowed_headers", "to expose_headers"},
		"cloudformation": {`add "POST" to AllowedMethods`, "to AllowedHeaders", "to ExposedHeaders"},
	} {
		_, file, _ := runWithInput(t, uploads, "convert", "-f", "-", "--to", format, "--name", "x", "--bucket", "team-a-uploads")
		for _, output := range []string{"text", "json", "sarif", "github"} {
			_, stdout, stderr := runWithInput(t, file, "lint", "-f", "-", "-o", output, "--profile", "multipart,sdk-browser")
			stdout = strings.ReplaceAll(stdout, `\"`, `"`)
			for _, w := range want {
				if !strings.Contains(stdout, w) {
					t.Errorf("%s, %s: %q is missing in\n%s%s", format, output, w, stdout, stderr)
				}
			}
		}
	}
	for format, want := range map[document.Format]string{
		document.Policy:         `a "maxAgeSeconds", maxAgeSeconds: 5`,
		document.JSON:           `a "maxAgeSeconds", MaxAgeSeconds: 5`,
		document.CloudFormation: `a "maxAgeSeconds", MaxAge: 5`,
	} {
		if got := worded(format, `a "maxAgeSeconds", maxAgeSeconds: 5`); got != want {
			t.Errorf("%s: %s", format, got)
		}
	}
}

func TestLintRefusesWhatCannotWorkWithTheRemedy(t *testing.T) {
	empty := t.TempDir()
	for name, test := range map[string]struct {
		arguments []string
		want      string
	}{
		"no file":                       {nil, "which file? Name it with -f"},
		"a directory without rules":     {[]string{"-f", empty}, "no CORS rules in " + empty + "; -R also reads what is in directories below"},
		"an unknown profile":            {[]string{"-f", "-", "--profile", "multi-part"}, `unknown profile "multi-part"; did you mean "multipart"?`},
		"an unknown check":              {[]string{"-f", "-", "--disable", "CORS10"}, `unknown check "CORS10"; did you mean "CORS010"?`},
		"an unknown severity":           {[]string{"-f", "-", "--fail-on", "warn"}, `unknown severity "warn"; did you mean "warning"?`},
		"an unknown output":             {[]string{"-f", "-", "-o", "xml"}, `unknown output "xml"`},
		"an empty file":                 {[]string{"-f", "-"}, "<stdin>:1:1: "},
		"an empty file that is written": {[]string{"-f", "-", "--fix"}, "<stdin>:1:1: "},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := runWithInput(t, "", append([]string{"lint"}, test.arguments...)...)
			if status != exitCouldNot || stdout != "" || !strings.HasPrefix(stderr, "bucketcors: ") || !strings.Contains(stderr, test.want) {
				t.Errorf("status %d, %q, and %q is missing in %q", status, stdout, test.want, stderr)
			}
		})
	}
}

func TestFixMendsTheFileAndNothingElseInIt(t *testing.T) {
	path := write(t, "policy.yaml", slashPolicy)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.yaml")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := runCommand(t, "lint", "-f", link, "--fix")
	want := link + `:10:7: fixed: "https://app.example.com/" -> "https://app.example.com"` + "\nno findings in 1 file; 1 fixed\n"
	if status != exitOK || stdout != want || stderr != "" {
		t.Errorf("status %d, %q\n%s\nnot\n%s", status, stderr, stdout, want)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(slashPolicy, ".com/ #", ".com #", 1); string(data) != want {
		t.Errorf("the file is\n%s", data)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is one no more: %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("something was left behind: %v, %v", entries, err)
	}
	// Nothing is left to do.
	before, _ := os.Stat(path)
	status, stdout, _ = runCommand(t, "lint", "-f", path, "--fix")
	after, _ := os.Stat(path)
	if status != exitOK || stdout != "no findings in 1 file\n" || !os.SameFile(before, after) {
		t.Errorf("status %d, %s", status, stdout)
	}
}

func TestFixOfStandardInputPrintsTheResult(t *testing.T) {
	status, stdout, stderr := runWithInput(t, slashRules, "lint", "-f", "-", "--fix")
	if want := strings.Replace(slashRules, ".com/", ".com", 1); status != exitOK || stdout != want {
		t.Errorf("status %d, %s", status, stdout)
	}
	if !strings.Contains(stderr, "<stdin>:2:22: fixed: ") {
		t.Errorf("%s", stderr)
	}
	status, stdout, _ = runWithInput(t, goodRules, "lint", "-f", "-", "--fix")
	if status != exitOK || stdout != goodRules {
		t.Errorf("status %d, %s", status, stdout)
	}
}

func TestAFileThatCannotBeWrittenStaysAsItWas(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everything")
	}
	path := write(t, "cors.json", slashRules)
	if err := os.Chmod(filepath.Dir(path), 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Dir(path), 0o700) })
	status, stdout, stderr := runCommand(t, "lint", "-f", path, "--fix")
	if status != exitCouldNot || !strings.Contains(stderr, "stays as it was: ") || !strings.Contains(stdout, "CORS010") {
		t.Errorf("status %d, %s%s", status, stdout, stderr)
	}
}

func TestAnnotationsAreEscapedAsGitHubWantsThem(t *testing.T) {
	path := write(t, "a,b:c%.json", slashRules)
	_, stdout, _ := runCommand(t, "lint", "-f", path, "-o", "github")
	want := "::error file=" + filepath.Dir(path) + "/a%2Cb%3Ac%25.json,line=2,endLine=2,col=22,endColumn=47,title=CORS010 origin-trailing-slash::"
	if !strings.HasPrefix(stdout, want) || strings.Count(stdout, "\n") != 1 {
		t.Errorf("%s does not begin with %s", stdout, want)
	}
	status, stdout, _ := runCommand(t, "lint", "-f", filepath.Join(t.TempDir(), "missing"), "-o", "github")
	if status != exitCouldNot || !strings.HasPrefix(stdout, "::error file=/") || !strings.Contains(stdout, "/missing,title=bucketcors::stat ") {
		t.Errorf("status %d, %s", status, stdout)
	}
	bad := write(t, "bad.json", "[\n  1]")
	_, stdout, _ = runCommand(t, "lint", "-f", bad, "-o", "github")
	if want := "::error file=" + bad + ",line=2,col=3,title=bucketcors::"; !strings.HasPrefix(stdout, want) {
		t.Errorf("%s does not begin with %s", stdout, want)
	}
}

func TestSARIFNamesEveryCheckAndPlace(t *testing.T) {
	path := write(t, "a b.json", slashRules)
	t.Chdir(filepath.Dir(path))
	for name, uri := range map[string]string{path: "a%20b.json", "a b.json": "a%20b.json", "./a b.json": "a%20b.json"} {
		_, stdout, _ := runCommand(t, "lint", "-f", name, "-o", "sarif")
		log, err := sarif.FromBytes([]byte(stdout))
		if err != nil || log.Version != "2.1.0" || len(log.Runs) != 1 {
			t.Fatalf("%v\n%s", err, stdout)
		}
		if err := log.Validate(); err != nil {
			t.Errorf("not as the schema of SARIF wants it: %v", err)
		}
		run := log.Runs[0]
		if rules := run.Tool.Driver.Rules; len(rules) != len(lint.Catalogue()) || !strings.HasSuffix(*rules[0].HelpURI, "docs/lint.md#cors001") {
			t.Errorf("%d rules", len(rules))
		}
		if len(run.Results) != 1 || !*run.Invocations[0].ExecutionSuccessful || *run.ColumnKind != "unicodeCodePoints" {
			t.Fatalf("%s", stdout)
		}
		result := run.Results[0]
		if *result.RuleID != "CORS010" || *run.Tool.Driver.Rules[result.RuleIndex].ID != "CORS010" || result.Level != "error" {
			t.Errorf("%+v", result)
		}
		place := result.Locations[0].PhysicalLocation
		got := []int{*place.Region.StartLine, *place.Region.StartColumn, *place.Region.EndLine, *place.Region.EndColumn}
		if *place.ArtifactLocation.URI != uri || !slices.Equal(got, []int{2, 22, 2, 48}) {
			t.Errorf("%s %v", *place.ArtifactLocation.URI, got)
		}
	}
	if got := artifactURI("/elsewhere/x.json"); got != "file:///elsewhere/x.json" {
		t.Errorf("a file elsewhere is %s", got)
	}
}
