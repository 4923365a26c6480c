// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
)

const (
	// standardInput is the FILE that stands for standard input, and
	// standardInputName how messages name it.
	standardInput     = "-"
	standardInputName = "<stdin>"
)

// fileExtensions are those of files that can have CORS rules in them.
var fileExtensions = []string{"yaml", "yml", "json", "xml", "tf", "template"}

// addFile adds the flag -f of the verbs that take one file.
func addFile(cmd *cobra.Command, file *string) {
	addSingle(cmd, file, "file", "f",
		"the `FILE` with the rules: policy manifest, AWS JSON, S3 XML, Terraform or CloudFormation; - for standard input",
		"run it for one file after the other")
	complete(cmd, "file", cobra.FixedCompletions(fileExtensions, cobra.ShellCompDirectiveFilterFileExt))
}

// onlyFlags refuses words after a verb, which are mostly files without -f.
func onlyFlags(cmd *cobra.Command, words []string) error {
	if len(words) == 0 {
		return nil
	}
	if _, err := os.Stat(words[0]); err == nil {
		return fmt.Errorf("%q stands alone: name the file with -f, as in: %s -f %[1]s", words[0], cmd.CommandPath())
	}
	return fmt.Errorf("unexpected %q: %s takes flags only; see %[2]s --help", words[0], cmd.CommandPath())
}

// requireFile refuses a command line without -f.
func requireFile(cmd *cobra.Command, file string) error {
	if file != "" {
		return nil
	}
	return fmt.Errorf("which file? Name it with -f, or -f - for standard input, as in: %s", firstLine(cmd.Example))
}

// readFile reads the configurations in a file, or in standard input. Errors name
// the file and, where they are about a place in it, line and column.
func readFile(cmd *cobra.Command, path string) (*document.File, error) {
	name, data, err := readBytes(cmd, path)
	if err != nil {
		return nil, err
	}
	file, err := document.Read(name, data)
	if err != nil {
		return nil, placed(name, err)
	}
	return file, nil
}

// readBytes reads a file, or standard input, that is not unreasonably large.
func readBytes(cmd *cobra.Command, path string) (name string, data []byte, err error) {
	input, name, err := open(cmd, path)
	if err != nil {
		return "", nil, err
	}
	defer input.Close()
	data, err = io.ReadAll(io.LimitReader(input, document.MaxBytes+1))
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("read %s: %w", name, err)
	case len(data) > document.MaxBytes:
		return "", nil, fmt.Errorf("%s has more than %d MiB: that is no file of CORS rules", name, document.MaxBytes>>20)
	}
	return name, data, nil
}

// open opens a file, or standard input, whose reads end when the context does.
func open(cmd *cobra.Command, path string) (input io.ReadCloser, name string, err error) {
	if path == standardInput {
		return io.NopCloser(contextReader{cmd.Context(), cmd.InOrStdin()}), standardInputName, nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, "", err
	case info.IsDir():
		return nil, "", fmt.Errorf("%s is a directory: name one file in it", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	return file, path, nil
}

// fileError is what is wrong with a file. The line and the column are 0 where it
// is the whole of it.
type fileError struct {
	file         string
	line, column int
	problem      string
	cause        error // nil for what is about the content
}

// Error begins in the way that editors and terminals make a link of.
func (e *fileError) Error() string {
	switch {
	case e.cause != nil:
		return e.problem
	case e.line > 0:
		return fmt.Sprintf("%s:%d:%d: %s", e.file, e.line, e.column, e.problem)
	default:
		return e.file + ": " + e.problem
	}
}

func (e *fileError) Unwrap() error { return e.cause }

// placed puts the name of a file before an error about its content.
func placed(name string, err error) error {
	if at, ok := errors.AsType[*cors.ParseError](err); ok {
		return &fileError{file: name, line: at.Line, column: at.Column, problem: at.Problem}
	}
	return &fileError{file: name, problem: err.Error()}
}

// aboutFile is an error as one about a file, whose text it has already.
func aboutFile(name string, err error) *fileError {
	if about, ok := errors.AsType[*fileError](err); ok {
		return about
	}
	return &fileError{file: name, problem: err.Error(), cause: err}
}

// contextReader reads until the context is done, also where a read waits for
// somebody to type.
type contextReader struct {
	ctx    context.Context
	reader io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := r.reader.Read(p)
		done <- result{n, err}
	}()
	select {
	case read := <-done:
		return read.n, read.err
	case <-r.ctx.Done():
		// The goroutine is left to its read, and p with it: the process ends.
		return 0, context.Cause(r.ctx)
	}
}

// hasNoRules reports whether a file could be read and has no CORS rules.
func hasNoRules(err error) bool {
	at, ok := errors.AsType[*cors.ParseError](err)
	return ok && slices.ContainsFunc([]string{
		"no CORS rules here", "there are no CORS rules here", "none of the template's", "the template has no Resources",
	}, func(beginning string) bool { return strings.HasPrefix(at.Problem, beginning) })
}
