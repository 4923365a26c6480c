// SPDX-License-Identifier: Apache-2.0

// Cluster runs a whole Kubernetes cluster of one node on this machine, to install bucketcors in:
//
//	go run ./hack/cluster check         says what this machine lacks for it
//	go run ./hack/cluster start IMAGE   starts it with the image of an archive, and leaves it running
//	go run ./hack/cluster load IMAGE    gives it another image
//	go run ./hack/cluster stop          stops it and leaves nothing behind
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/bucketcors/bucketcors/internal/localenv/cluster"
)

// statusLacking is the exit status when this machine cannot run a cluster.
const statusLacking = 2

var errLacking = errors.New("this machine cannot run a cluster")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// The first signal stops everything in good order; a second one ends us there
	// and then, and what runs ends with us.
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:])
	if ctx.Err() != nil {
		err = errors.New("interrupted; everything is stopped")
	}
	stop()
	switch {
	case errors.Is(err, errLacking):
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(statusLacking)
	case err != nil:
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	switch strings.Join(arguments[:min(1, len(arguments))], "") {
	case "check":
		if len(arguments) == 1 {
			return check(ctx)
		}
	case "start":
		if len(arguments) == 2 {
			return start(ctx, arguments[1])
		}
	case "load":
		if len(arguments) == 2 {
			return load(ctx, arguments[1])
		}
	case "stop":
		if len(arguments) == 1 {
			return stopKept(ctx)
		}
	}
	return errors.New("usage: cluster check | start IMAGE | load IMAGE | stop")
}

// check says what this machine lacks.
func check(ctx context.Context) error {
	missing := cluster.Missing(ctx)
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%w; it needs:\n  %s", errLacking, strings.Join(missing, "\n  "))
}
