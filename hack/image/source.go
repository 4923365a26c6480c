// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	project = "https://github.com/bucketcors/bucketcors"
	module  = "github.com/bucketcors/bucketcors"
	program = "bucketcors"
	licence = "Apache-2.0"
)

// source is what is built: a checkout, for these platforms, under this version.
type source struct {
	root      string
	version   string
	platforms []v1.Platform
	commit    commit
}

// commit says which state of the source a build is of.
type commit struct {
	// revision is the commit's name, with "-dirty" after it where the tree has
	// changes; empty outside of a git checkout.
	revision string

	// time is that of the commit, in UTC; SOURCE_DATE_EPOCH overrides it.
	time time.Time
}

func readCommit(ctx context.Context, root string) (commit, error) {
	var c commit
	if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
		shown, err := git(ctx, root, "show", "--no-patch", "--no-show-signature", "--format=%H %ct", "HEAD")
		if err != nil {
			return commit{}, err
		}
		revision, seconds, _ := strings.Cut(strings.TrimSpace(shown), " ")
		if c.time, err = parseEpoch(seconds); err != nil {
			return commit{}, fmt.Errorf("time of commit %s: %w", revision, err)
		}
		changes, err := git(ctx, root, "status", "--porcelain")
		if err != nil {
			return commit{}, err
		}
		c.revision = revision
		if changes != "" {
			c.revision += "-dirty"
		}
	}
	if epoch := os.Getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		var err error
		if c.time, err = parseEpoch(epoch); err != nil {
			return commit{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
	}
	if c.time.IsZero() {
		return commit{}, fmt.Errorf("%s is no git checkout, so nothing says of when the source is: set SOURCE_DATE_EPOCH to seconds since 1970", root)
	}
	return c, nil
}

func parseEpoch(text string) (time.Time, error) {
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, fmt.Errorf("%q is not a number of seconds since 1970", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s in %s: %w%s", args[0], root, err, stderrOf(err))
	}
	return string(out), nil
}

// stderrOf is what a program said before it failed, on lines of its own.
func stderrOf(err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		return "\n" + strings.TrimSpace(string(exit.Stderr))
	}
	return ""
}
