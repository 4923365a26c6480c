// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"archive/tar"
	"flag"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// version is one that the program can only have from the build.
const version = "v0.0.0-test.1"

// fromNothing has one of the two builds compile everything anew, which takes
// minutes.
var fromNothing = flag.Bool("from-nothing", false, "give the second build an empty build cache")

// TestTwoBuildsGiveOneDigestAndItRuns builds in two directories, as two users.
func TestTwoBuildsGiveOneDigestAndItRuns(t *testing.T) {
	origin := commit(t)
	first := clone(t, origin, "here")
	second := clone(t, origin, "some where", "else", "bucketcors")
	// Modules are shared: their checksums are in go.sum.
	modules := strings.TrimSpace(run(t, first, nil, "go", "env", "GOMODCACHE"))

	one := makeImage(t, first, nil)
	cache := strings.TrimSpace(run(t, first, nil, "go", "env", "GOCACHE"))
	if *fromNothing {
		cache = t.TempDir()
	}
	two := makeImage(t, second, []string{
		"HOME=" + t.TempDir(), "GOCACHE=" + cache, "GOMODCACHE=" + modules, "TZ=Asia/Tokyo", "LC_ALL=C", "USER=somebody",
	})
	if one != two {
		t.Errorf("two builds of one commit are not the same:\n%s%s", one, two)
	}
	name, _, _ := strings.Cut(one, "@")
	if want := "ghcr.io/bucketcors/bucketcors:" + version; name != want {
		t.Errorf("the image is %s; want %s", name, want)
	}

	t.Run("it prints its version, alone with its files", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("a program of Linux runs on Linux")
		}
		out := runInside(t, unpack(t, layoutOf(first)), "/bucketcors", "version")
		if want := "bucketcors " + version + " ("; !strings.HasPrefix(out, want) {
			t.Errorf("printed %q; want %q…", out, want)
		}
	})
	t.Run("the program knows its commit, and that nothing was changed", func(t *testing.T) {
		binary := filepath.Join(unpack(t, layoutOf(first)), "bucketcors")
		recorded := run(t, first, nil, "go", "version", "-m", binary)
		head := strings.TrimSpace(run(t, first, nil, "git", "rev-parse", "HEAD"))
		for _, want := range []string{"vcs.revision=" + head, "vcs.modified=false", "CGO_ENABLED=0", "-trimpath=true"} {
			if !strings.Contains(recorded, want) {
				t.Errorf("go version -m does not say %s:\n%s", want, recorded)
			}
		}
	})
}

// makeImage calls make image in a checkout, and returns the name and digest that it prints.
func makeImage(t *testing.T, checkout string, env []string) string {
	t.Helper()
	out := run(t, checkout, env, "make", "--silent", "image",
		"VERSION="+version, "IMAGE_DIR="+layoutOf(checkout), "PLATFORMS=linux/"+runtime.GOARCH)
	if !strings.Contains(out, "@sha256:") {
		t.Fatalf("make image printed %q; want a name and a digest", out)
	}
	return out
}

func layoutOf(checkout string) string { return filepath.Join(checkout, "dist", "image") }

// unpack writes the files of the image, as a container runtime does.
func unpack(t *testing.T, path string) string {
	t.Helper()
	index, err := layout.ImageIndexFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	image, err := firstImage(index)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	to, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	extracted := mutate.Extract(image)
	defer extracted.Close()
	for in := tar.NewReader(extracted); ; {
		header, err := in.Next()
		if err == io.EOF {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		switch header.Typeflag {
		case tar.TypeDir:
			if err := to.MkdirAll(strings.TrimSuffix(header.Name, "/"), 0o755); err != nil {
				t.Fatal(err)
			}
		case tar.TypeReg:
			data, err := io.ReadAll(in)
			if err != nil {
				t.Fatal(err)
			}
			if err := to.WriteFile(header.Name, data, header.FileInfo().Mode().Perm()); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("%s is neither a file nor a directory", header.Name)
		}
	}
}

func firstImage(index v1.ImageIndex) (v1.Image, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	return index.Image(manifest.Manifests[0].Digest)
}
