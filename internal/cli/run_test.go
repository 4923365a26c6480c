// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// runCommand runs the command line and returns the exit status and what it
// printed.
func runCommand(t *testing.T, arguments ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = Run(t.Context(), arguments, &out, &err)
	return status, out.String(), err.String()
}

func TestWithoutArgumentsTheVerbsAreListed(t *testing.T) {
	status, stdout, stderr := runCommand(t)
	if status != exitOK || stderr != "" {
		t.Errorf("status %d, %q", status, stderr)
	}
	for _, verb := range []string{"controller", "version"} {
		if !strings.Contains(stdout, verb) {
			t.Errorf("%s is not listed in\n%s", verb, stdout)
		}
	}
}

// A plugin of kubectl is found by the name of its file.
func TestThePluginOfKubectlCallsItselfThat(t *testing.T) {
	for path, want := range map[string]string{
		"bucketcors": "bucketcors", "/usr/local/bin/kubectl-bucketcors": "kubectl bucketcors", "kubectl-bucketcors.exe": "kubectl bucketcors",
		"/tmp/cli.test": "bucketcors",
	} {
		if got := programName(path); got != want {
			t.Errorf("%s is called %q, not %q", path, got, want)
		}
	}
	for arguments, want := range map[string]string{
		"lint --help":           "\nUsage:\n  kubectl bucketcors lint -f FILE...",
		"evaluate --help":       "\n  kubectl bucketcors evaluate -f cors.json",
		"evaluate --methd x":    "kubectl bucketcors: unknown flag \"--methd\"",
		"evaluate --method":     "kubectl bucketcors: flag needs an argument",
		"evaluate x":            "kubectl bucketcors evaluate takes flags only",
		"evaluate":              "as in: kubectl bucketcors evaluate -f",
		"lint":                  "as in: kubectl bucketcors lint -f",
		"convert --to x -f -":   "kubectl bucketcors: ",
		"convert --to xml -f -": "kubectl bucketcors lint says why",
		"evaluate -f - --origin https://a.example --method GET": "mechanically: kubectl bucketcors lint -f -",
	} {
		var out bytes.Buffer
		const refused = `[{"AllowedOrigins": ["*"], "AllowedMethods": ["get"]}]`
		_ = runAs(t.Context(), plugin, strings.Fields(arguments), strings.NewReader(refused), &out, &out)
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: %q is missing in\n%s", arguments, want, out.String())
		}
	}
}

func TestTheVersionIsPrinted(t *testing.T) {
	status, stdout, _ := runCommand(t, "version")
	if want := regexp.MustCompile(`^bucketcors \S+ \(go\S+, \w+/\w+\)\n$`); status != exitOK || !want.MatchString(stdout) {
		t.Errorf("status %d, %q", status, stdout)
	}
	status, stdout, _ = runCommand(t, "version", "-o", "json")
	var fields struct{ Version, GoVersion, Platform string }
	if err := json.Unmarshal([]byte(stdout), &fields); status != exitOK || err != nil || fields.Version == "" || fields.GoVersion == "" || fields.Platform == "" {
		t.Errorf("status %d, %q, %v", status, stdout, err)
	}
}

func TestWhatCannotWorkIsRefusedWithTheRemedy(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "")
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "missing"))
	t.Setenv("HOME", t.TempDir())
	for name, test := range map[string]struct {
		arguments []string
		want      string
	}{
		"an unknown verb":          {[]string{"contoller"}, "Did you mean this?\n\tcontroller"},
		"an unknown flag":          {[]string{"controller", "--interval=5m"}, `unknown flag "--interval" (bucketcors controller --help lists all)`},
		"an unknown output":        {[]string{"version", "-o", "yaml"}, `unknown output "yaml": use text or json`},
		"words after a verb":       {[]string{"controller", "now"}, `unknown command "now"`},
		"too short an interval":    {[]string{"controller", "--namespace=x", "--drift-check-interval=1s"}, "--drift-check-interval is 1s: it has to be from 10s to 8760h"},
		"too long an interval":     {[]string{"controller", "--namespace=x", "--drift-check-interval=9000h"}, "it has to be from 10s"},
		"no concurrency":           {[]string{"controller", "--namespace=x", "--concurrency=0"}, "--concurrency is 0: it has to be at least 1"},
		"a webhook without a port": {[]string{"controller", "--namespace=x", "--webhook", "--webhook-bind-address=9443"}, `--webhook-bind-address is "9443": it has to be an address such as :9443`},
		"a webhook on any port":    {[]string{"controller", "--namespace=x", "--webhook", "--webhook-bind-address=:0"}, "it has to end with a port from 1 to 65535"},
		"a webhook without Secret": {[]string{"controller", "--namespace=x", "--webhook", "--webhook-secret="}, "--webhook-secret and --webhook-configuration have to be names"},
		"no kubeconfig":            {[]string{"controller", "--namespace=x"}, "there is no kubeconfig: set --kubeconfig or KUBECONFIG"},
		"an interval without unit": {[]string{"controller", "--drift-check-interval=5"}, "drift-check-interval"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := runCommand(t, test.arguments...)
			if status != exitCouldNot || stdout != "" {
				t.Errorf("status %d, stdout %q", status, stdout)
			}
			if !strings.HasPrefix(stderr, "bucketcors: ") || !strings.Contains(stderr, test.want) {
				t.Errorf("%q is missing in %q", test.want, stderr)
			}
		})
	}
}

func TestTheNamespaceOfTheOperatorIsTheFirstThatIsKnown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "namespace")
	options := func() *controllerOptions {
		return &controllerOptions{concurrency: 1, driftCheckInterval: minDriftCheckInterval}
	}

	t.Setenv("POD_NAMESPACE", "")
	if err := options().complete(file); err == nil || !strings.Contains(err.Error(), "set --namespace or POD_NAMESPACE") {
		t.Errorf("the error is %v", err)
	}
	if err := os.WriteFile(file, []byte("of-the-pod\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ flag, variable, want string }{
		{"", "", "of-the-pod"}, {"", "of-the-variable", "of-the-variable"}, {"of-the-flag", "of-the-variable", "of-the-flag"},
	} {
		t.Setenv("POD_NAMESPACE", step.variable)
		o := options()
		o.namespace = step.flag
		if err := o.complete(file); err != nil || o.namespace != step.want {
			t.Errorf("the namespace is %q, not %q (%v)", o.namespace, step.want, err)
		}
	}
}

func TestEveryDocumentedFlagIsRealAndEveryRealOneDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/controller.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, match := range regexp.MustCompile("(?m)^\\| `--([a-z-]+)`").FindAllStringSubmatch(string(page), -1) {
		documented[match[1]] = true
	}
	flags := newControllerCommand().Flags()
	for name := range documented {
		if flags.Lookup(name) == nil {
			t.Errorf("--%s is documented and does not exist", name)
		}
	}
	for _, match := range regexp.MustCompile(`(?m)^ .*?--([a-z-]+)`).FindAllStringSubmatch(flags.FlagUsages(), -1) {
		if name := match[1]; !documented[name] && name != "help" && !strings.HasPrefix(name, "zap-") {
			t.Errorf("--%s is not documented", name)
		}
	}
}
