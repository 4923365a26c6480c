// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// compile builds the program for a platform, static, into a file. Its content
// depends on the commit, the version, the platform and the version of Go alone.
func compile(ctx context.Context, from source, platform v1.Platform, file string) error {
	settings, err := moduleSettings(ctx)
	if err != nil {
		return err
	}
	stamp, err := os.MkdirTemp("", "bucketcors-stamp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stamp)
	recorded, err := recordedCommit(ctx, from, stamp)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build",
		"-trimpath",
		// As make build has it; besides, symbols and DWARF are left out: a third of the
		// size, and stack traces do not need them.
		"-ldflags", "-s -w -X "+module+"/internal/cli.version="+from.version,
		"-o", file, ".")
	cmd.Dir = from.root
	cmd.Env = append(slices.Concat(os.Environ(), settings, recorded),
		"GOOS="+platform.OS,
		"GOARCH="+platform.Architecture,
		"CGO_ENABLED=0",
		// What somebody may have set, in the environment or with go env -w.
		"GOENV=off",
		"GOAMD64=v1",
		"GOARM64=v8.0",
		"GOEXPERIMENT=",
		"GOFIPS140=off",
		"GOFLAGS=",
		"GOWORK=off",
	)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build for %s in %s: %w\n%s", platform, from.root, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// recordedCommit returns settings by which the program records its commit, and the
// version that is built as that of its module. Of itself go build takes the latter from
// the tags of the repository: a build before the tag of a release, in a clone without
// tags or with others would give another program. So git is shown a bare clone in dir,
// with this one tag.
func recordedCommit(ctx context.Context, from source, dir string) ([]string, error) {
	if from.commit.revision == "" {
		return nil, nil // no git checkout
	}
	commands := [][]string{
		{"clone", "--quiet", "--bare", "--shared", "--no-tags", from.root, dir},
		{"--git-dir", dir, "read-tree", "HEAD"},
	}
	if semantic.MatchString(from.version) {
		commands = append(commands, []string{"--git-dir", dir, "update-ref", "refs/tags/" + from.version, "HEAD"})
	}
	for _, args := range commands {
		if _, err := git(ctx, from.root, args...); err != nil {
			return nil, err
		}
	}
	// What is ignored in this checkout alone is no change either.
	ignored, err := git(ctx, from.root, "rev-parse", "--path-format=absolute", "--git-path", "info/exclude")
	if err != nil {
		return nil, err
	}
	if rules, err := os.ReadFile(strings.TrimSpace(ignored)); err == nil {
		if err := os.MkdirAll(filepath.Join(dir, "info"), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "info", "exclude"), rules, 0o644); err != nil {
			return nil, err
		}
	}
	return []string{"GIT_DIR=" + dir, "GIT_WORK_TREE=" + from.root}, nil
}

// moduleSettings are the settings of Go that say where modules come from and where
// they are kept, and change nothing in what is built.
func moduleSettings(ctx context.Context) ([]string, error) {
	names := []string{
		"GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE", "GOAUTH",
		"GOMODCACHE", "GOCACHE", "GOTOOLCHAIN",
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"env", "-json"}, names...)...)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w%s", err, stderrOf(err))
	}
	values := map[string]string{}
	if err := json.Unmarshal(out, &values); err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	settings := make([]string, 0, len(names))
	for _, name := range names {
		settings = append(settings, name+"="+values[name])
	}
	return settings, nil
}
