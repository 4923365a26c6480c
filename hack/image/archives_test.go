// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestArchivesHaveTheProgramUnderBothNames(t *testing.T) {
	from, dir := product(t), filepath.Join(t.TempDir(), "dist")
	from.platforms = platforms("linux/arm64", "windows/amd64")
	if err := buildArchives(t.Context(), from, dir, new(strings.Builder)); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"bucketcors.yaml", "bucketcors_v1.2.3_linux_arm64.tar.gz", "bucketcors_v1.2.3_windows_amd64.zip",
		"kubectl-bucketcors_v1.2.3_linux_arm64.tar.gz", "kubectl-bucketcors_v1.2.3_windows_amd64.zip",
	}
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Fatalf("wrote %q; want %q", got, want)
	}
	for _, name := range []string{"bucketcors", "kubectl-bucketcors"} {
		files := untarGz(t, filepath.Join(dir, name+"_v1.2.3_linux_arm64.tar.gz"))
		if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, []string{"LICENSE", name}) {
			t.Errorf("the archive of %s has %q", name, got)
		}
		if !strings.HasPrefix(files[name], "\x7fELF") {
			t.Errorf("%s is no program of Linux", name)
		}
		windows, err := zip.OpenReader(filepath.Join(dir, name+"_v1.2.3_windows_amd64.zip"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range windows.File {
			got = append(got, fmt.Sprint(f.Name, " ", f.Mode()))
		}
		if err := windows.Close(); err != nil {
			t.Error(err)
		}
		if !slices.Equal(got, []string{"LICENSE -rw-r--r--", name + ".exe -rwxr-xr-x"}) {
			t.Errorf("the archive of %s for Windows has %q", name, got)
		}
	}

	again := filepath.Join(t.TempDir(), "dist")
	elsewhere := product(t)
	elsewhere.platforms = from.platforms
	t.Setenv("TZ", "Asia/Tokyo")
	if err := buildArchives(t.Context(), elsewhere, again, new(strings.Builder)); err != nil {
		t.Fatal(err)
	}
	for _, name := range want {
		if !bytes.Equal(read(t, filepath.Join(dir, name)), read(t, filepath.Join(again, name))) {
			t.Errorf("%s is not the same when it is built elsewhere", name)
		}
	}
}

func TestKrewFindsThePluginAndItsChecksum(t *testing.T) {
	from, dir := product(t), t.TempDir()
	from.platforms = platforms("darwin/arm64", "windows/amd64")
	if err := buildArchives(t.Context(), from, dir, new(strings.Builder)); err != nil {
		t.Fatal(err)
	}
	manifest := string(read(t, filepath.Join(dir, "bucketcors.yaml")))
	for _, platform := range []struct{ os, arch, archive, bin string }{
		{"darwin", "arm64", "kubectl-bucketcors_v1.2.3_darwin_arm64.tar.gz", "kubectl-bucketcors"},
		{"windows", "amd64", "kubectl-bucketcors_v1.2.3_windows_amd64.zip", "kubectl-bucketcors.exe"},
	} {
		want := fmt.Sprintf(`  - selector:
      matchLabels:
        os: %s
        arch: %s
    uri: %s/releases/download/v1.2.3/%s
    sha256: %x
    bin: %[6]s
    files:
    - from: %[6]s
      to: .
    - from: LICENSE
      to: .
`, platform.os, platform.arch, project, platform.archive,
			sha256.Sum256(read(t, filepath.Join(dir, platform.archive))), platform.bin)
		if !strings.Contains(manifest, want) {
			t.Errorf("the manifest has no\n%s\nit is\n%s", want, manifest)
		}
	}
	if !strings.Contains(manifest, "\n  version: v1.2.3\n") {
		t.Errorf("the manifest has no version v1.2.3:\n%s", manifest)
	}
}

func TestTheChartHasTheVersionOfTheRelease(t *testing.T) {
	from, dir := product(t), t.TempDir()
	from.version = "v1.2.3-rc.1"
	if err := buildChart(from, dir, new(strings.Builder)); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"bucketcors/Chart.yaml":            "apiVersion: v2\nname: bucketcors\nversion: 1.2.3-rc.1\nappVersion: v1.2.3-rc.1\n",
		"bucketcors/values.yaml":           "{}\n",
		"bucketcors/templates/config.yaml": "version: not a chart's\n",
	}
	if got := untarGz(t, filepath.Join(dir, "bucketcors-1.2.3-rc.1.tgz")); !maps.Equal(got, want) {
		t.Errorf("the chart has %q; want %q", got, want)
	}
	for _, version := range []string{"1.2.3", "v1.2", "97dcd6a-dirty", "v1.2.3+x"} {
		from.version = version
		if err := buildChart(from, dir, new(strings.Builder)); err == nil {
			t.Errorf("a chart of version %s was built; Helm would refuse it, or the tag is none of ours", version)
		}
	}
}

func TestChecksumsAreThoseOfTheFilesBeside(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "b.txt"), "b")
	write(t, filepath.Join(dir, "a.txt"), "")
	if err := os.Mkdir(filepath.Join(dir, "image"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "image", "c.txt"), "c")
	for range 2 { // the second time there is a SHA256SUMS, which cannot have its own sum
		if err := writeChecksums(dir); err != nil {
			t.Fatal(err)
		}
	}
	want := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a.txt\n" +
		"3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d  b.txt\n"
	if got := string(read(t, filepath.Join(dir, "SHA256SUMS"))); got != want {
		t.Errorf("SHA256SUMS is\n%swant\n%s", got, want)
	}
}

func TestArgumentsThatMakeNoSense(t *testing.T) {
	tests := []struct {
		name string
		args []string
		err  string
	}{
		{name: "no command", err: "usage"},
		{name: "an unknown command", args: []string{"deploy"}, err: `no command "deploy"`},
		{name: "no version", args: []string{"image", "-platforms", "linux/amd64", "-out", "x"}, err: "-version"},
		{name: "a platform without an architecture", args: []string{"image", "-version", "v1.0.0", "-platforms", "linux", "-out", "x", "-repository", "registry.example/a"}, err: "linux/arm64"},
		{name: "an image for a platform without containers", args: []string{
			"image", "-version", "v1.0.0", "-platforms", "darwin/arm64", "-out", "x", "-repository", "registry.example/a",
		}, err: "images are of linux"},
		{name: "a version that cannot be a tag", args: []string{
			"image", "-version", "v1.0.0+x", "-platforms", "linux/amd64", "-out", "x", "-repository", "registry.example/a",
		}, err: "v1.0.0+x"},
		{name: "a base that is no name", args: []string{
			"image", "-version", "v1.0.0", "-platforms", "linux/" + runtime.GOARCH, "-out", "x", "-repository", "registry.example/a", "-base", "A B",
		}, err: "base image"},
		{name: "nowhere to publish", args: []string{"publish", "-version", "v1.0.0", "-out", "x", "-repository", "registry.example/a"}, err: "-charts"},
		{name: "notes of no version", args: []string{"notes"}, err: "-version"},
		{name: "checksums of no directory", args: []string{"checksums"}, err: "checksums"},
	}
	root := product(t).root
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := test.args
			if len(args) > 1 {
				args = append(args, "-C", root)
			}
			err := run(t.Context(), args, new(strings.Builder))
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v; want one with %q", err, test.err)
			}
		})
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, entry := range found {
		list = append(list, entry.Name())
	}
	return list
}

func untarGz(t *testing.T, path string) map[string]string {
	t.Helper()
	in, err := gzip.NewReader(bytes.NewReader(read(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	return untar(t, in)
}
