// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// compile builds the program for a platform, static, into a file. Its content
// depends on the source, the version, the platform and the version of Go alone.
func compile(ctx context.Context, from source, platform v1.Platform, file string) error {
	settings, err := moduleSettings(ctx)
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
	cmd.Env = append(append(os.Environ(), settings...),
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
