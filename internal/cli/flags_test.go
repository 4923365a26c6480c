// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestEveryFlagOfAVerbIsOnItsPage(t *testing.T) {
	for name, newCommand := range map[string]func() *cobra.Command{
		"evaluate": newEvaluateCommand, "lint": newLintCommand, "convert": newConvertCommand, "probe": newProbeCommand,
		"diff": newDiffCommand, "import": newImportCommand,
	} {
		page, err := os.ReadFile("../../docs/" + name + ".md")
		if err != nil {
			t.Fatal(err)
		}
		flags := newCommand().Flags()
		flags.VisitAll(func(f *pflag.Flag) {
			if !strings.Contains(string(page), "`--"+f.Name) && !strings.Contains(string(page), "`-"+f.Shorthand+"`, `--"+f.Name) {
				t.Errorf("docs/%s.md has no --%s", name, f.Name)
			}
		})
		for _, match := range regexp.MustCompile("`--([a-z-]+)").FindAllStringSubmatch(string(page), -1) {
			if flags.Lookup(match[1]) == nil && match[1] != "help" {
				t.Errorf("docs/%s.md has --%s, which does not exist", name, match[1])
			}
		}
	}
}

func TestShellsCompleteTheWordsOfFlags(t *testing.T) {
	for arguments, want := range map[string][]string{
		"evaluate --dialect ":  {"AWS", "CephRGW", "Garage"},
		"evaluate --resource ": {"object", "bucket"},
		"evaluate --method ":   {"GET", "DELETE"},
		"evaluate -o ":         {"text", "json"},
		"lint --profile ":      {"presigned-upload", "multipart"},
		"lint --disable ":      {"CORS001", "CORS010"},
		"lint --fail-on ":      {"error", "info"},
		"lint -o ":             {"sarif", "github"},
		"convert --to ":        {"policy", "cloudformation"},
		"probe --addressing ":  {"path", "virtual-hosted"},
		"probe --dialect ":     {"AWS", "VersityGW"},
		"probe --method ":      {"GET", "DELETE"},
	} {
		status, stdout, _ := runCommand(t, append([]string{cobra.ShellCompRequestCmd}, strings.Split(arguments, " ")...)...)
		for _, word := range want {
			if status != exitOK || !strings.Contains("\n"+stdout, "\n"+word+"\n") {
				t.Errorf("%s: %s is missing in %q", arguments, word, stdout)
			}
		}
	}
}

func TestShellsCompleteFilesWhereAVerbTakesThem(t *testing.T) {
	for arguments, want := range map[string]string{
		"evaluate ":   ":4\n",
		"convert ":    ":4\n",
		"probe ":      ":4\n",
		"lint ":       "yaml\nyml\njson\nxml\ntf\ntemplate\n:8\n",
		"convert --n": "--name\tthe NAME of the policy or resource (default: that of the one that is read)\n--namespace\tthe NAMESPACE of the policy (default: that of the policy that is read)\n:4\n",
	} {
		_, stdout, _ := runCommand(t, append([]string{cobra.ShellCompRequestCmd}, strings.Split(arguments, " ")...)...)
		if stdout != want {
			t.Errorf("%s: %q and not %q", arguments, stdout, want)
		}
	}
}

func TestAFlagThatIsMisspeltIsSuggested(t *testing.T) {
	for arguments, want := range map[string]string{
		"evaluate --methd x": `unknown flag "--methd"; did you mean "--method"? (bucketcors evaluate --help lists all)`,
		"evaluate --max 1":   `unknown flag "--max" (bucketcors evaluate --help lists all)`,
		"evaluate -H x":      `unknown flag "-H"; did you mean "--header"? (bucketcors evaluate --help lists all)`,
		"evaluate -fx -d x":  `unknown flag "-d"; did you mean "--dialect" or "--document"? (bucketcors evaluate --help lists all)`,
		"lint -Rz":           `unknown flag "-z" (bucketcors lint --help lists all)`,
	} {
		status, _, stderr := runCommand(t, strings.Fields(arguments)...)
		if status != exitCouldNot || stderr != "bucketcors: "+want+"\n" {
			t.Errorf("%s: status %d, %s", arguments, status, stderr)
		}
	}
}

// Of two, the first would be ignored without a word.
func TestAFlagThatCountsOnceIsRefusedTwice(t *testing.T) {
	for arguments, want := range map[string]string{
		"evaluate -f a -f b":                 `"-f, --file" flag: "a" was given before, and it can be given once: run it for one file after the other`,
		"convert -f a --file b":              `"a" was given before`,
		"evaluate --origin a --origin b":     `"--origin" flag: "a" was given before, and it can be given once: --requests asks about several`,
		"evaluate --origin= --origin b":      `"" was given before`,
		"evaluate --method GET --method=PUT": `"--method" flag: "GET" was given before`,
		"evaluate --document 1 --document 2": `"1" was given before`,
		"evaluate --requests a --requests b": `"a" was given before`,
		"convert --bucket a --bucket b":      `"a" was given before`,
		"probe --origin a --origin b":        `"--origin" flag: "a" was given before, and it can be given once: expectations of a policy ask about several`,
		"probe --bucket a --bucket b":        `"a" was given before`,
	} {
		status, stdout, stderr := runCommand(t, strings.Fields(arguments)...)
		if status != exitCouldNot || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: status %d, %q is missing in %s", arguments, status, want, stderr)
		}
	}
}
