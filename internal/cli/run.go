// SPDX-License-Identifier: Apache-2.0

// Package cli is the command line of bucketcors: one file for each verb.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	exitOK       = 0 // fine
	exitNo       = 1 // the answer of the verb is "no": findings, denied, differences
	exitCouldNot = 2 // the verb could not do its work

	// exitInterrupted is that of a program which SIGINT ends.
	exitInterrupted = 130
)

// errNo is what a verb returns when it did its work and the answer is "no". It
// has printed the answer itself.
var errNo = errors.New("no")

// errInterrupted is what a verb returns that somebody stopped, who knows it.
var errInterrupted = errors.New("interrupted")

// errLogged is what a verb returns that failed and has told so in its log, where one
// that runs for long has its last word, too.
var errLogged = errors.New("logged")

// Run runs the command line and returns the exit status.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return runAs(ctx, programName(os.Args[0]), args, os.Stdin, stdout, stderr)
}

const (
	program = "bucketcors"
	// plugin is how people call the program if it is installed as a plugin of
	// kubectl, and pluginFile how kubectl finds it.
	plugin     = "kubectl bucketcors"
	pluginFile = "kubectl-bucketcors"
)

// programName is how people call the program that is in a file.
func programName(path string) string {
	if strings.TrimSuffix(filepath.Base(path), ".exe") == pluginFile {
		return plugin
	}
	return program
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return runAs(ctx, program, args, stdin, stdout, stderr)
}

func runAs(ctx context.Context, name string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRootCommand()
	if name != program {
		callAs(root, name)
	}
	if len(args) > 0 && args[0] == cobra.ShellCompRequestCmd {
		withoutBackticks(root)
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	switch err := root.ExecuteContext(ctx); {
	case err == nil:
		return exitOK
	case errors.Is(err, errNo):
		return exitNo
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.Is(err, errLogged):
		return exitCouldNot
	default:
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return exitCouldNot
	}
}

// callAs has the help and the errors say another name of the program.
func callAs(root *cobra.Command, name string) {
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: name}
	for _, cmd := range root.Commands() {
		cmd.Example = strings.ReplaceAll(cmd.Example, program+" ", name+" ")
	}
}

// interruptible ends a verb quietly that fails because its context is done.
func interruptible(verb func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, words []string) error {
		err := verb(cmd, words)
		if ctx := cmd.Context(); err != nil && ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
			return errInterrupted
		}
		return err
	}
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "bucketcors",
		Short: "Keep the CORS configuration of S3 buckets equal to what Git says",
		Long: `bucketcors keeps the CORS configuration of S3 buckets equal to what
BucketCORSPolicy objects in a Kubernetes cluster say, and knows how S3 answers
by it: evaluate, lint and convert need no cluster and no bucket, probe asks live
ones what a browser would, diff and import read what is on them, and history and
restore know what was there before.

Exit status: 0 fine, 1 the answer is "no", 2 could not do it.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		newControllerCommand(),
		newConvertCommand(),
		newDiffCommand(),
		newEvaluateCommand(),
		newHistoryCommand(),
		newImportCommand(),
		newLintCommand(),
		newProbeCommand(),
		newRestoreCommand(),
		newVersionCommand(),
	)
	return root
}
