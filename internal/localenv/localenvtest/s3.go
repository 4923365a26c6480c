// SPDX-License-Identifier: Apache-2.0

// Package localenvtest gives tests the servers of localenv.
package localenvtest

import (
	"os"
	"testing"

	"github.com/bucketcors/bucketcors/internal/localenv"
)

// StartS3 starts an S3 server that is stopped at the end of the test. Under
// -short the test is skipped.
func StartS3(t testing.TB) *localenv.S3Server {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a real server, which may have to be built first")
	}
	assets, err := localenv.Ensure(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	server, err := localenv.StartS3(t.Context(), localenv.S3Options{Assets: assets})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}
