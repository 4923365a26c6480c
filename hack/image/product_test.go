// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// product writes a checkout of a program that takes no time to compile and has its
// version where the product has it. Its commit is of 2026-01-02 03:04:05 UTC.
func product(t *testing.T) source {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":                        "module " + module + "\n\ngo 1.26.0\n",
		"main.go":                       "package main\n\nimport \"" + module + "/internal/cli\"\n\nfunc main() { cli.Print() }\n",
		"internal/cli/version.go":       "package cli\n\nvar version string\n\nfunc Print() { print(version) }\n",
		"LICENSE":                       "a licence\n",
		"charts/bucketcors/Chart.yaml":  "apiVersion: v2\nname: bucketcors\nversion: 0.0.0\nappVersion: v0.0.0\n",
		"charts/bucketcors/values.yaml": "{}\n",
		"charts/bucketcors/templates/config.yaml": "version: not a chart's\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"}, {"add", "."}, {"commit", "--quiet", "--message=x"},
	} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z",
			"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	t.Setenv("SOURCE_DATE_EPOCH", "")
	commit, err := readCommit(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	return source{root: root, version: "v1.2.3", commit: commit, platforms: platforms("linux/amd64")}
}

func platforms(list ...string) []v1.Platform {
	var parsed []v1.Platform
	for _, text := range list {
		platform, err := v1.ParsePlatform(text)
		if err != nil {
			panic(err)
		}
		parsed = append(parsed, *platform)
	}
	return parsed
}

// build builds an image, and returns the directory and what was printed.
func build(t *testing.T, from source, base string) (dir, printed string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "image")
	var stdout strings.Builder
	options := imageOptions{repository: "registry.example/a/bucketcors", base: base, layout: dir}
	if err := buildImage(t.Context(), from, options, &stdout); err != nil {
		t.Fatal(err)
	}
	return dir, stdout.String()
}

// manifests are those that index.json of a layout lists.
func manifests(t *testing.T, dir string) []v1.Descriptor {
	t.Helper()
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	return manifest.Manifests
}

// image is one of the images of a layout.
func image(t *testing.T, dir string, digest v1.Hash) v1.Image {
	t.Helper()
	found, err := layout.Path(dir).Image(digest)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// contents are the files of an image and what is in them; a directory ends in a slash.
func contents(t *testing.T, of v1.Image) map[string]string {
	t.Helper()
	extracted := mutate.Extract(of)
	defer extracted.Close()
	return untar(t, extracted)
}

func untar(t *testing.T, from io.Reader) map[string]string {
	t.Helper()
	files := map[string]string{}
	for in := tar.NewReader(from); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		name := header.Name
		if header.Typeflag == tar.TypeDir {
			name = strings.TrimSuffix(name, "/") + "/"
		}
		files[name] = string(content)
	}
}
