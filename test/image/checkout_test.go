// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// root is the checkout that is tested.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// commit copies the files that git has, or would take, into a repository with one
// commit: what is tested is the tree as it is, and no tree is dirty.
func commit(t *testing.T) string {
	t.Helper()
	from, to := root(t), filepath.Join(t.TempDir(), "origin")
	for name := range strings.SplitSeq(run(t, from, nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00") {
		if name != "" {
			copyFile(t, filepath.Join(from, name), filepath.Join(to, name))
		}
	}
	git(t, to, "init", "--quiet", "--initial-branch=main")
	git(t, to, "add", "--all")
	git(t, to, "commit", "--quiet", "--message=x")
	return to
}

// clone is another checkout of the same commit, at another path.
func clone(t *testing.T, origin string, path ...string) string {
	t.Helper()
	to := filepath.Join(append([]string{t.TempDir()}, path...)...)
	run(t, t.TempDir(), nil, "git", "clone", "--quiet", origin, to)
	return to
}

// identity is who commits, when.
var identity = []string{
	"GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
	"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z",
}

// run runs a program and returns what it printed.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out)
}

// copyFile copies a regular file; of what was deleted and is not yet committed there
// is none.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Lstat(from)
	if os.IsNotExist(err) || err == nil && !info.Mode().IsRegular() {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
