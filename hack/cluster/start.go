// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bucketcors/bucketcors/internal/localenv"
	"github.com/bucketcors/bucketcors/internal/localenv/cluster"
)

// tryManifest is what to apply once bucketcors is installed.
//
//go:embed try.yaml
var tryManifest string

const tryBucket = "team-a-uploads"

// start starts a cluster, leaves it running and says what to do with it.
func start(ctx context.Context, archive string) error {
	if err := check(ctx); err != nil {
		return err
	}
	dir, release, err := claim()
	if err != nil {
		return err
	}
	defer release()
	running, err := cluster.Running(dir)
	if err != nil {
		return err
	}
	if running {
		fmt.Printf("cluster: one is running already. Stop it with `make cluster-stop`, or go on:\n")
		return showUsage(dir)
	}
	// Of one that was killed, or of a machine that was switched off.
	if err := cluster.Remove(ctx, dir); err != nil {
		return err
	}
	say("Building what is needed (the first time this takes about ten minutes; later it is cached)")
	assets, err := localenv.Ensure(ctx, os.Stdout)
	if err != nil {
		return err
	}
	node, err := localenv.EnsureNode(ctx, os.Stdout)
	if err != nil {
		return err
	}

	say("Starting a cluster of one node")
	started := time.Now()
	c, err := cluster.Start(ctx, cluster.Options{
		Assets: assets, Node: node, StateDir: dir,
		Progress: func(step string) { tell("%4.1fs  %s", time.Since(started).Seconds(), step) },
	})
	if err != nil {
		return err
	}
	images, err := cluster.LoadImage(ctx, dir, archive)
	if err == nil {
		tell("%4.1fs  the node is ready, and has the image %s", time.Since(started).Seconds(), strings.Join(images, ", "))
		err = writeUsage(c, assets, images[0])
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return errors.Join(err, c.Stop())
	}
	if err := c.Detach(); err != nil {
		return errors.Join(err, c.Stop())
	}
	return showUsage(dir)
}

// load gives the cluster that runs another image.
func load(ctx context.Context, archive string) error {
	dir, release, err := claim()
	if err != nil {
		return err
	}
	defer release()
	images, err := cluster.LoadImage(ctx, dir, archive)
	if err != nil {
		return err
	}
	fmt.Printf("cluster: the node has the image %s\n", strings.Join(images, ", "))
	return nil
}

// usageFile, in the state directory, says how the cluster is used.
const usageFile = "usage.txt"

// writeUsage makes a bucket and a manifest to try bucketcors with, and writes what to do.
func writeUsage(c *cluster.Cluster, assets localenv.Assets, image string) error {
	if err := c.Storage.CreateBucket(tryBucket); err != nil {
		return err
	}
	manifest := strings.NewReplacer(
		"${ENDPOINT}", c.Storage.Endpoint, "${REGION}", c.Storage.Region, "${BUCKET}", tryBucket,
		"${ACCESS_KEY_ID}", c.Storage.AccessKeyID, "${SECRET_ACCESS_KEY}", c.Storage.SecretAccessKey,
	).Replace(tryManifest)
	manifestFile := filepath.Join(c.StateDir, "try.yaml")
	if err := os.WriteFile(manifestFile, []byte(manifest), 0o600); err != nil {
		return err
	}
	var usage strings.Builder
	line := func(format string, values ...any) { fmt.Fprintf(&usage, format+"\n", values...) }
	line("export KUBECONFIG=%s PATH=$PWD/bin/tools:%s:$PATH", c.Kubeconfig, assets.Dir)
	line("export AWS_ENDPOINT_URL=%s AWS_REGION=%s AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s",
		c.Storage.Endpoint, c.Storage.Region, c.Storage.AccessKeyID, c.Storage.SecretAccessKey)
	if _, err := exec.LookPath("helm"); err != nil {
		line("make bin/tools/helm   # there is no helm on this machine: this builds it")
	}
	tag := image[strings.LastIndex(image, ":")+1:]
	line("helm install bucketcors charts/bucketcors -n bucketcors-system --create-namespace --set-string image.tag=%s --wait", tag)
	line("kubectl apply -f %s   # the S3 server as a provider, and a policy for the bucket %s", manifestFile, tryBucket)
	line("kubectl get bcp -n team-a -w")
	line("")
	line("make cluster-load   after a change: builds the image again and gives it to the node")
	line("make cluster-stop   stops it all and removes %s, where logs are", c.StateDir)
	return os.WriteFile(filepath.Join(c.StateDir, usageFile), []byte(usage.String()), 0o600)
}

func showUsage(dir string) error {
	usage, err := os.ReadFile(filepath.Join(dir, usageFile))
	if err != nil {
		return err
	}
	say("The cluster goes on running. It has no DNS: the S3 server is reached by its address. To try:")
	for line := range strings.Lines(string(usage)) {
		tell("%s", strings.TrimSuffix(line, "\n"))
	}
	return nil
}

// say announces a step.
func say(format string, arguments ...any) {
	fmt.Printf("\n==> "+format+"\n", arguments...)
}

// tell adds something to a step.
func tell(format string, arguments ...any) {
	fmt.Printf("    "+format+"\n", arguments...)
}
