// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/localenv"
	"github.com/bucketcors/bucketcors/internal/localenv/cluster"
)

// world is the cluster that the tests share.
var world struct {
	*cluster.Cluster
	// client has the rights of an administrator and reads without a cache; so has
	// clientset, which knows more verbs.
	client    client.Client
	clientset kubernetes.Interface
}

var givenImages = flag.String("images", "", "a `directory` with the images of both versions, v0.0.1.tar and v0.0.2.tar, from make image; empty: they are built")

// Versions of the image. The first is that of the release that is upgraded.
const (
	oldVersion = "v0.0.1"
	newVersion = "v0.0.2"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// A client that has no logger says so with a stack trace.
	log.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) //nolint:forbidigo // TestMain has no t
	status := 1
	missing := cluster.Missing(ctx)
	state := os.Getenv(actAsStarter)
	switch {
	case state != "":
		err := startAndHang(ctx, state)
		if err == nil {
			status = 0
		} else {
			fmt.Fprintln(os.Stderr, "test/cluster:", err)
		}
	case testing.Short():
		fmt.Fprintln(os.Stderr, "test/cluster: skipped: it runs a whole cluster")
		status = 0
	case len(missing) > 0:
		fmt.Fprintf(os.Stderr, "test/cluster: NO CLUSTER, so nothing is tested. It needs:\n  %s\n", strings.Join(missing, "\n  "))
		// Where everything has to be tested, nothing is skipped.
		if os.Getenv("CI") != "true" {
			status = 0
		}
	default:
		err := setUp(ctx)
		if err == nil {
			status = m.Run()
		}
		if world.Cluster != nil {
			if status != 0 {
				fmt.Fprint(os.Stderr, managerLogs(ctx))
			}
			err = errors.Join(err, world.Stop())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "test/cluster:", err)
			status = 1
		}
	}
	stop()
	os.Exit(status)
}

// setUp starts the cluster, and gives it two versions of the image.
func setUp(ctx context.Context) error {
	assets, err := localenv.Ensure(ctx, os.Stderr)
	if err != nil {
		return err
	}
	node, err := localenv.EnsureNode(ctx, os.Stderr)
	if err != nil {
		return err
	}
	images := *givenImages
	if images == "" {
		if images, err = os.MkdirTemp("", "bucketcors-images-"); err != nil {
			return err
		}
		defer os.RemoveAll(images)
		for _, version := range []string{oldVersion, newVersion} {
			if err := buildImage(ctx, images, version); err != nil {
				return err
			}
		}
	}
	started := time.Now()
	world.Cluster, err = cluster.Start(ctx, cluster.Options{Assets: assets, Node: node})
	if err != nil {
		return err
	}
	for _, version := range []string{oldVersion, newVersion} {
		if _, err := cluster.LoadImage(ctx, world.StateDir, filepath.Join(images, version+".tar")); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "test/cluster: the node is ready after %s\n", time.Since(started).Round(time.Second))
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), s3v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	if world.client, err = client.New(world.Config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	world.clientset, err = kubernetes.NewForConfig(world.Config)
	return err
}

// buildImage builds the image as a user does, into dir/version.tar.
func buildImage(ctx context.Context, dir, version string) error {
	fmt.Fprintf(os.Stderr, "test/cluster: building the image %s\n", version)
	cmd := exec.CommandContext(ctx, "make", "-C", "../..", "image", "VERSION="+version, "IMAGE_DIR="+filepath.Join(dir, version))
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make image: %w\n%s", err, output)
	}
	return nil
}
