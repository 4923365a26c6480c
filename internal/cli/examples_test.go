// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the commands print into the pages")

// examplePages are the pages whose examples are run.
var examplePages = []string{"README.md", "docs/convert.md", "docs/evaluate.md", "docs/lint.md", "docs/troubleshooting.md"}

// exampleFiles are the directories that the examples use.
var exampleFiles = []string{"docs/examples", "config/samples"}

var (
	consoleFence   = regexp.MustCompile("(?s)```console\n(.*?\n)```")
	runsBucketcors = regexp.MustCompile(`(?m)^\$ (?:.*\| )?bucketcors (?:evaluate|lint|convert|version)\b`)
)

// TestEveryExampleOfThePagesPrintsWhatItSays runs the console sessions of the
// pages in a copy of the files that they use. With -update it writes the pages.
func TestEveryExampleOfThePagesPrintsWhatItSays(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range examplePages {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(root, name)
			page, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			updated := consoleFence.ReplaceAllFunc(page, func(fence []byte) []byte {
				if !runsBucketcors.Match(fence) {
					return fence
				}
				return checkSession(t, root, name, page, fence)
			})
			if *update && !bytes.Equal(updated, page) {
				if err := os.WriteFile(path, updated, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// checkSession runs a session and compares what it prints. The result is the
// session as it should be.
func checkSession(t *testing.T, root, name string, page, fence []byte) []byte {
	t.Helper()
	before, _, _ := bytes.Cut(page, fence)
	line := 1 + bytes.Count(before, []byte("\n"))
	session := string(consoleFence.FindSubmatch(fence)[1])
	t.Chdir(copyOf(t, root))
	got, err := runSession(t, session)
	if err != nil {
		t.Errorf("%s:%d: %v", name, line, err)
		return fence
	}
	if got != session && !*update {
		t.Errorf("%s:%d: the example is\n%s\nand should be\n%s", name, line, session, got)
	}
	return []byte("```console\n" + got + "```")
}

// copyOf is a directory with a copy of the files that the examples use, which
// they may change.
func copyOf(t *testing.T, root string) string {
	t.Helper()
	directory := t.TempDir()
	for _, files := range exampleFiles {
		if err := os.CopyFS(filepath.Join(directory, files), os.DirFS(filepath.Join(root, files))); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

// runSession runs the commands of a session. The result is the session with what
// they print.
func runSession(t *testing.T, session string) (string, error) {
	t.Helper()
	var got strings.Builder
	status := 0
	lines := strings.SplitAfter(session, "\n")
	for i := 0; i < len(lines); i++ {
		command, is := strings.CutPrefix(lines[i], "$ ")
		if !is {
			continue // printed by the command before
		}
		got.WriteString(lines[i])
		for strings.HasSuffix(command, "\\\n") && i+1 < len(lines) {
			i++
			got.WriteString(lines[i])
			command = strings.TrimSuffix(command, "\\\n") + strings.TrimPrefix(lines[i], ">")
		}
		var printed bytes.Buffer
		var err error
		status, err = runPipeline(t, strings.TrimSpace(command), status, &printed)
		if err != nil {
			return "", fmt.Errorf("$ %s: %w", strings.TrimSpace(command), err)
		}
		got.Write(printed.Bytes())
	}
	return got.String(), nil
}

// runPipeline runs the little of a shell that the examples need: commands joined
// by "|", each of them bucketcors, echo or cat, with "< file" and "> file". The
// result is the exit status of the last.
func runPipeline(t *testing.T, line string, lastStatus int, printed *bytes.Buffer) (status int, err error) {
	t.Helper()
	words, err := splitWords(line)
	if err != nil {
		return 0, err
	}
	var commands [][]string
	start := 0
	for i, w := range words {
		if w == "|" {
			commands = append(commands, words[start:i])
			start = i + 1
		}
	}
	commands = append(commands, words[start:])
	var input io.Reader = strings.NewReader("")
	for i, command := range commands {
		output := new(bytes.Buffer)
		if i == len(commands)-1 {
			output = printed
		}
		status, err = runExample(t, command, input, output, printed, lastStatus)
		if err != nil {
			return 0, err
		}
		input = output
	}
	return status, nil
}

func runExample(t *testing.T, words []string, stdin io.Reader, stdout, stderr *bytes.Buffer, lastStatus int) (int, error) {
	t.Helper()
	var command []string
	target := ""
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "<", ">":
			if i+1 == len(words) {
				return 0, fmt.Errorf("%s and no file", words[i])
			}
			if words[i] == ">" {
				target, stdout = words[i+1], new(bytes.Buffer)
			} else {
				data, err := os.ReadFile(words[i+1])
				if err != nil {
					return 0, err
				}
				stdin = bytes.NewReader(data)
			}
			i++
		default:
			command = append(command, words[i])
		}
	}
	if len(command) == 0 {
		return 0, errors.New("no command")
	}
	status := 0
	switch command[0] {
	case "bucketcors":
		status = run(t.Context(), command[1:], stdin, stdout, stderr)
	case "echo":
		fmt.Fprintln(stdout, strings.ReplaceAll(strings.Join(command[1:], " "), "$?", fmt.Sprint(lastStatus)))
	case "cat":
		for _, name := range command[1:] {
			data, err := os.ReadFile(name)
			if err != nil {
				return 0, err
			}
			stdout.Write(data)
		}
	default:
		return 0, fmt.Errorf("%s is not among the commands that examples can run", command[0])
	}
	if target != "" {
		return status, os.WriteFile(target, stdout.Bytes(), 0o600)
	}
	return status, nil
}

// splitWords splits a command line at blanks outside quotes.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote := false, rune(0)
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			inWord, quote = true, r
		case r == ' ':
			if inWord {
				words = append(words, word.String())
			}
			inWord = false
			word.Reset()
		case strings.ContainsRune(`\;&*~`+"`", r):
			return nil, fmt.Errorf("%q is more of a shell than examples have; quote it", r)
		default:
			inWord = true
			word.WriteRune(r)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a %c is not closed", quote)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
