// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestTheDockerfileIsABuild has BuildKit's front end turn the Dockerfile into the
// steps of a build, with all rules of its linter. No step is run: that takes an engine
// and a registry.
func TestTheDockerfileIsABuild(t *testing.T) {
	path := filepath.Join(root(t), "Dockerfile")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	caps := pb.Caps.CapSet(pb.Caps.All())
	target := ocispecs.Platform{OS: "linux", Architecture: "arm64"}
	bases := &baseImages{}
	result, err := dockerfile2llb.Dockerfile2LLB(t.Context(), text, dockerfile2llb.ConvertOpt{
		Config: dockerui.Config{
			BuildArgs:      map[string]string{"VERSION": "v1.2.3", "REVISION": "0123"},
			BuildPlatforms: []ocispecs.Platform{{OS: "linux", Architecture: "amd64"}},
		},
		SourceMap:      llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", text),
		TargetPlatform: &target,
		MetaResolver:   bases,
		LLBCaps:        &caps,
		AllStages:      true,
		Warn: func(rule, _, url, message string, location []parser.Range) {
			t.Errorf("Dockerfile:%d: %s: %s (%s)", location[0].Start.Line, rule, message, url)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(bases.asked)
	if want := []string{"docker.io/library/golang linux/amd64", "gcr.io/distroless/static-debian12 linux/arm64"}; !slices.Equal(bases.asked, want) {
		t.Errorf("built on %q; want %q", bases.asked, want)
	}
	config := result.Image.Config
	if config.User != "65532:65532" || !slices.Equal(config.Entrypoint, []string{"/bucketcors"}) || config.Cmd != nil {
		t.Errorf("user %q, entrypoint %q, command %q; want those of make image", config.User, config.Entrypoint, config.Cmd)
	}
	for label, want := range map[string]string{"version": "v1.2.3", "revision": "0123", "licenses": "Apache-2.0"} {
		if got := config.Labels["org.opencontainers.image."+label]; got != want {
			t.Errorf("label %s is %q; want %q", label, got, want)
		}
	}
	definition, err := result.State.Marshal(t.Context(), llb.Platform(target))
	if err != nil {
		t.Fatal(err)
	}
	if len(definition.Def) < 8 {
		t.Errorf("%d steps; want those of two stages", len(definition.Def))
	}
}

// baseImages answers for a registry: each image is there, for each platform.
type baseImages struct{ asked []string }

func (b *baseImages) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	platform := opt.ImageOpt.Platform
	name, _, _ := strings.Cut(ref, ":")
	if asked := name + " " + platform.OS + "/" + platform.Architecture; !slices.Contains(b.asked, asked) {
		b.asked = append(b.asked, asked)
	}
	config, err := json.Marshal(ocispecs.Image{
		Platform: *platform, Config: ocispecs.ImageConfig{Env: []string{"PATH=/usr/local/go/bin:/usr/bin:/bin"}},
	})
	return ref, digest.FromBytes(config), config, err
}

// TestTheDockerContextHasWhatTheProgramIsBuiltFrom builds from the files that
// .dockerignore lets through, and from nothing else.
func TestTheDockerContextHasWhatTheProgramIsBuiltFrom(t *testing.T) {
	from, to := root(t), t.TempDir()
	file, err := os.Open(filepath.Join(from, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	err = fs.WalkDir(os.DirFS(from), ".", func(name string, found fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if found.IsDir() {
			if name == ".git" || name == "bin" || name == "dist" {
				return fs.SkipDir
			}
			return nil
		}
		if skip, err := ignored.MatchesOrParentMatches(name); err != nil || skip {
			return err
		}
		if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "/testdata/") {
			t.Errorf("%s is sent to the builder, and the program is not built from it", name)
		}
		copyFile(t, filepath.Join(from, name), filepath.Join(to, name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"test", "docs", "charts", "hack", ".git"} {
		if _, err := os.Stat(filepath.Join(to, name)); err == nil {
			t.Errorf("%s/ is sent to the builder", name)
		}
	}
	// That it is complete shows without compiling: every package and every embedded
	// file is found.
	run(t, to, []string{"GOFLAGS=-mod=readonly", "CGO_ENABLED=0"}, "go", "list", "-deps", "-buildvcs=false", ".")
}
