// SPDX-License-Identifier: Apache-2.0

// Command bucketcors keeps the CORS configuration of S3 buckets equal to what
// BucketCORSPolicy objects say.
package main

import (
	"os"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/bucketcors/bucketcors/internal/cli"
)

func main() {
	os.Exit(cli.Run(ctrl.SetupSignalHandler(), os.Args[1:], os.Stdout, os.Stderr))
}
