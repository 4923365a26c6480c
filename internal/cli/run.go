// SPDX-License-Identifier: Apache-2.0

// Package cli is the command line of bucketcors: one file for each verb.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	exitOK       = 0 // fine
	exitNo       = 1 // the answer of the verb is "no": findings, denied, differences
	exitCouldNot = 2 // the verb could not do its work
)

// errNo is what a verb returns when it did its work and the answer is "no". It
// has printed the answer itself.
var errNo = errors.New("no")

// Run runs the command line and returns the exit status.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return run(ctx, args, os.Stdin, stdout, stderr)
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	switch err := root.ExecuteContext(ctx); {
	case err == nil:
		return exitOK
	case errors.Is(err, errNo):
		return exitNo
	default:
		fmt.Fprintln(stderr, "bucketcors:", err)
		return exitCouldNot
	}
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "bucketcors",
		Short: "Keep the CORS configuration of S3 buckets equal to what Git says",
		Long: `bucketcors keeps the CORS configuration of S3 buckets equal to what
BucketCORSPolicy objects in a Kubernetes cluster say, and knows how S3 answers
by it: evaluate, lint and convert need no cluster and no bucket.

Exit status: 0 fine, 1 the answer is "no", 2 could not do it.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.AddCommand(
		newControllerCommand(),
		newConvertCommand(),
		newEvaluateCommand(),
		newLintCommand(),
		newVersionCommand(),
	)
	return root
}
