// SPDX-License-Identifier: Apache-2.0

// Demo shows bucketcors at work on a real Kubernetes API server and a real S3
// server, both started for it:
//
//	go run ./hack/demo         shows it and stops everything
//	KEEP=1 go run ./hack/demo  leaves everything running
//	go run ./hack/demo stop    stops what was left running
//
// The last line is "demo: ok" and the exit status 0 when all went as it should.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

func main() {
	// envtest logs how it is getting on, and without a logger that comes out as a
	// stack trace. What people need to know is printed here.
	ctrllog.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// The first signal stops everything in good order; a second one ends us there
	// and then, and what runs ends with us.
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	switch {
	case len(arguments) == 1 && arguments[0] == "stop":
		return stopKept()
	case len(arguments) > 0:
		return errors.New("usage: demo [stop]")
	}
	keep := !slices.Contains([]string{"", "0", "no", "false"}, strings.ToLower(os.Getenv("KEEP")))
	s, err := startStage(ctx, keep)
	if err == nil {
		err = s.play(ctx)
	}
	if err == nil && keep {
		err = s.keep()
	}
	if ctx.Err() != nil {
		err = errors.New("interrupted; everything is stopped")
	}
	if err != nil || !keep {
		err = errors.Join(err, s.stop())
	}
	if err != nil {
		return err
	}
	fmt.Println("demo: ok")
	return nil
}
