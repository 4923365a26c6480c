// SPDX-License-Identifier: Apache-2.0

// Servers makes sure that the programs of the local environment are there, building them if need be, and prints the
// directory of etcd, kube-apiserver and kubectl, so that this works:
//
//	KUBEBUILDER_ASSETS=$(go run ./hack/servers) go test ./...
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/bucketcors/bucketcors/internal/localenv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	assets, err := localenv.Ensure(ctx, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "servers:", err)
		os.Exit(1)
	}
	fmt.Println(assets.Dir)
}
