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
		"evaluate": newEvaluateCommand, "lint": newLintCommand, "convert": newConvertCommand,
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
	} {
		status, stdout, _ := runCommand(t, append([]string{cobra.ShellCompRequestCmd}, strings.Split(arguments, " ")...)...)
		for _, word := range want {
			if status != exitOK || !strings.Contains("\n"+stdout, "\n"+word+"\n") {
				t.Errorf("%s: %s is missing in %q", arguments, word, stdout)
			}
		}
	}
}
