// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// builder stands in for make: building is what other tests see.
const builder = `#!/usr/bin/env bash
set -e
mkdir -p dist/image
echo '{"manifests":[{"digest":"sha256:abc"},{"digest":"sha256:def"}]}' >dist/image/index.json
echo x >dist/install.yaml
cd dist && sha256sum install.yaml >SHA256SUMS
`

func TestOnlyWhatIsReadyIsReleased(t *testing.T) {
	tests := []struct {
		name    string
		version string
		tagged  bool // as the workflow calls it
		spoil   func(t *testing.T, checkout string)
		failed  []string
	}{
		{name: "all is ready"},
		{name: "a version that is none", version: "0.1", failed: []string{"0.1 is a version, such as v1.2.3 or v1.2.3-rc.1"}},
		{name: "a file that git does not know", spoil: func(t *testing.T, checkout string) {
			write(t, filepath.Join(checkout, "new.txt"), "")
		}, failed: []string{"the tree has no changes, and no files that git does not know"}},
		{name: "another branch", spoil: func(t *testing.T, checkout string) {
			git(t, checkout, "switch", "--quiet", "--create=other")
		}, failed: []string{"the branch is main"}},
		{name: "the tag is there", spoil: func(t *testing.T, checkout string) {
			git(t, checkout, "tag", "v9.8.7")
		}, failed: []string{"there is no tag v9.8.7"}},
		{name: "all is ready, and tagged", tagged: true, spoil: func(t *testing.T, checkout string) {
			git(t, checkout, "tag", "--annotate", "v9.8.7", "--message=x")
			git(t, checkout, "commit", "--quiet", "--allow-empty", "--message=next")
			git(t, checkout, "push", "--quiet", "origin", "main")
			git(t, checkout, "switch", "--quiet", "--detach", "v9.8.7")
		}},
		{name: "it should be tagged, and is not", tagged: true, failed: []string{"the commit has the tag v9.8.7"}},
		{name: "the tag is of another commit", tagged: true, spoil: func(t *testing.T, checkout string) {
			git(t, checkout, "tag", "v9.8.7")
			git(t, checkout, "commit", "--quiet", "--allow-empty", "--message=x")
			git(t, checkout, "push", "--quiet", "origin", "main")
		}, failed: []string{"the commit has the tag v9.8.7"}},
		{name: "the tag is of a commit that nobody reviewed", tagged: true, spoil: func(t *testing.T, checkout string) {
			git(t, checkout, "commit", "--quiet", "--allow-empty", "--message=x")
			git(t, checkout, "tag", "v9.8.7")
			git(t, checkout, "switch", "--quiet", "--detach", "v9.8.7")
		}, failed: []string{"the commit is one of main at origin"}},
		{name: "the tag is at origin", spoil: func(t *testing.T, checkout string) {
			git(t, checkout, "push", "--quiet", "origin", "HEAD:refs/tags/v9.8.7")
		}, failed: []string{"origin has no tag v9.8.7"}},
		{name: "a commit that is not pushed", spoil: func(t *testing.T, checkout string) {
			git(t, checkout, "commit", "--quiet", "--allow-empty", "--message=x")
		}, failed: []string{"the commit is what origin has as main"}},
		{name: "another version than the files have", version: "v9.8.8", failed: []string{
			"CHANGELOG.md has a section v9.8.8",
			"charts/bucketcors/Chart.yaml has version 9.8.8 and appVersion v9.8.8",
			"config/manager/kustomization.yaml has newTag v9.8.8",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			checkout := releasable(t)
			if test.spoil != nil {
				test.spoil(t, checkout)
			}
			version := test.version
			if version == "" {
				version = "v9.8.7"
			}
			tools := t.TempDir()
			if err := os.WriteFile(filepath.Join(tools, "make"), []byte(builder), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "hack/image/release.sh", version, "registry.example/bucketcors", "dist")
			cmd.Dir = checkout
			cmd.Env = append(os.Environ(), "TAGGED=", "PATH="+tools+string(os.PathListSeparator)+os.Getenv("PATH"))
			if test.tagged {
				cmd.Env = append(cmd.Env, "TAGGED=1")
			}
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()

			var failed []string
			for line := range strings.Lines(string(out)) {
				if what, found := strings.CutPrefix(line, "FAIL  "); found {
					failed = append(failed, strings.TrimSpace(what))
				}
			}
			if got, want := strings.Join(failed, "\n"), strings.Join(test.failed, "\n"); got != want {
				t.Errorf("failed:\n%s\nwant:\n%s", got, want)
			}
			_, notBuilt := os.Stat(filepath.Join(checkout, "dist"))
			if len(test.failed) > 0 {
				if _, exited := errors.AsType[*exec.ExitError](err); !exited || notBuilt == nil {
					t.Errorf("error %v, built: %t; want an exit status, and nothing built", err, notBuilt == nil)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, stderr.Bytes())
			}
			if test.tagged {
				if strings.Contains(string(out), "git tag") || !strings.Contains(string(out), "registry.example/bucketcors:v9.8.7@sha256:abc") {
					t.Errorf("it printed what a person does, or not what was built:\n%s", out)
				}
				return
			}
			for _, want := range []string{
				"git tag --annotate v9.8.7 --message 'bucketcors v9.8.7' " + strings.TrimSpace(git(t, checkout, "rev-parse", "HEAD")),
				"make publish VERSION=v9.8.7 IMAGE=registry.example/bucketcors DIST=dist",
				"cosign sign registry.example/bucketcors@sha256:abc",
				"Nothing was pushed.",
			} {
				if !strings.Contains(string(out), want) {
					t.Errorf("it does not print %q:\n%s", want, out)
				}
			}
			if tags := git(t, checkout, "tag"); tags != "" {
				t.Errorf("it made the tags %q", tags)
			}
		})
	}
}

// releasable is a checkout with an origin, in which all files have the version v9.8.7.
func releasable(t *testing.T) string {
	t.Helper()
	origin := t.TempDir()
	script := filepath.Join("hack", "image", "release.sh")
	copyFile(t, filepath.Join(root(t), script), filepath.Join(origin, script))
	for name, content := range map[string]string{
		".gitignore":                        "/dist/\n",
		"CHANGELOG.md":                      "# Changelog\n\n## v9.8.7 - 2026-01-02\n",
		"charts/bucketcors/Chart.yaml":      "version: 9.8.7\nappVersion: v9.8.7\n",
		"config/manager/kustomization.yaml": "images:\n- name: bucketcors\n  newTag: v9.8.7\n",
	} {
		write(t, filepath.Join(origin, name), content)
	}
	git(t, origin, "init", "--quiet", "--initial-branch=main")
	git(t, origin, "add", "--all")
	git(t, origin, "commit", "--quiet", "--message=x")
	git(t, origin, "config", "receive.denyCurrentBranch", "ignore")
	return clone(t, origin, "checkout")
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return run(t, dir, identity, "git", args...)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
