// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const usage = "usage: image image|archives|chart|checksums|publish|notes [flags]; -h after the command lists them"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	dir := flags.String("C", ".", "root of the checkout")
	version := flags.String("version", "", "version to stamp; also the tag of the image")
	platforms := flags.String("platforms", "", "os/arch, separated by commas")
	out := flags.String("out", "", "directory to write, or to publish from; a relative path begins at the root of the checkout")
	repository := flags.String("repository", "", "name of the image, without a tag")
	charts := flags.String("charts", "", "what the chart is published in: the chart's name is added")
	base := flags.String("base", "", "image to build on, from a registry; empty: certificates and a user, nothing else")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}

	var needed []string
	var build func(source, string) error
	switch args[0] {
	case "image":
		needed = []string{"version", "platforms", "repository", "out"}
		build = func(from source, out string) error {
			return buildImage(ctx, from, imageOptions{repository: *repository, base: *base, layout: out}, stdout)
		}
	case "archives":
		needed = []string{"version", "platforms", "out"}
		build = func(from source, out string) error { return buildArchives(ctx, from, out, stdout) }
	case "chart":
		needed = []string{"version", "out"}
		build = func(from source, out string) error { return buildChart(from, out, stdout) }
	case "checksums":
		needed = []string{"out"}
		build = func(_ source, out string) error { return writeChecksums(out) }
	case "publish":
		needed = []string{"version", "repository", "charts", "out"}
		build = func(from source, out string) error {
			return publish(ctx, from.version, publishOptions{repository: *repository, charts: *charts, dist: out}, stdout)
		}
	case "notes":
		needed = []string{"version"}
		build = func(from source, _ string) error {
			notes, err := changelogOf(from.root, from.version)
			if err != nil {
				return err
			}
			_, err = io.WriteString(stdout, notes)
			return err
		}
	default:
		return fmt.Errorf("there is no command %q; %s", args[0], usage)
	}
	for _, name := range needed {
		if flags.Lookup(name).Value.String() == "" {
			return fmt.Errorf("%s needs -%s", args[0], strings.Join(needed, ", -"))
		}
	}

	root, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(*out) {
		*out = filepath.Join(root, *out)
	}
	from := source{root: root, version: *version}
	if from.platforms, err = parsePlatforms(*platforms); err != nil {
		return err
	}
	if from.commit, err = readCommit(ctx, root); err != nil {
		return err
	}
	return build(from, *out)
}

func parsePlatforms(list string) ([]v1.Platform, error) {
	var platforms []v1.Platform
	if list == "" {
		return nil, nil
	}
	for text := range strings.SplitSeq(list, ",") {
		platform, err := v1.ParsePlatform(strings.TrimSpace(text))
		if err != nil || platform.OS == "" || platform.Architecture == "" {
			return nil, fmt.Errorf("%q is no platform: write os/arch, such as linux/arm64", text)
		}
		platforms = append(platforms, *platform)
	}
	return platforms, nil
}
