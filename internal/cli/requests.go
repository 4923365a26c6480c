// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
)

const (
	// maxRequestBytes is how long the line of one request may be.
	maxRequestBytes = 16 << 20
	// bufferBytes is how much is read and written at a time.
	bufferBytes = 64 << 10
)

// runRequests answers a stream of requests by one configuration.
func (o *evaluateOptions) runRequests(cmd *cobra.Command) error {
	for _, name := range requestFlags {
		if cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s and --requests exclude each other: a line of the requests says it all", name)
		}
	}
	if err := o.requireBucket(cmd); err != nil {
		return err
	}
	if o.file == standardInput && o.requests == standardInput {
		return errors.New("-f - and --requests - are the same standard input: put one of them into a file")
	}
	buckets, err := o.buckets(cmd)
	if err != nil {
		return err
	}
	b := buckets[0]
	if len(buckets) > 1 {
		// One answer a line, and so one configuration.
		_, err := oneDocument(b.file, o.document, "--requests")
		return err
	}
	if b.refused != nil {
		return errors.Join(o.printRefusal(cmd.OutOrStdout(), b), b.refused)
	}
	if b.note != "" {
		note(cmd, "%s", b.note)
	}
	input, name, err := open(cmd, o.requests)
	if err != nil {
		return err
	}
	defer input.Close()

	s := stream{policy: b.policy, format: b.document.Format, output: bufio.NewWriterSize(cmd.OutOrStdout(), bufferBytes), text: o.output.value == "text"}
	return s.answerAll(cmd.Context(), input, name)
}

// stream answers requests line by line, in constant memory.
type stream struct {
	policy *cors.Policy
	format document.Format // of the rules
	output *bufio.Writer
	text   bool

	answered, denied, unreadable int
}

func (s *stream) answerAll(ctx context.Context, input io.Reader, name string) error {
	lines := lineReader{reader: bufio.NewReaderSize(flushingReader{input, s.output}, bufferBytes)}
	for ctx.Err() == nil {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.Join(fmt.Errorf("read %s: %w", name, err), s.output.Flush())
		}
		if lines.number == 1 {
			if isUTF16(line) {
				return fmt.Errorf("%s is UTF-16: save it as UTF-8", name)
			}
			line = bytes.TrimPrefix(line, []byte("\uFEFF")) // which some editors begin a file with
		}
		if len(bytes.TrimSpace(line)) == 0 && !lines.tooLong {
			continue
		}
		if err := s.answer(&lines, line); err != nil {
			return fmt.Errorf("write the answers: %w", err)
		}
	}
	if err := s.output.Flush(); err != nil {
		return fmt.Errorf("write the answers: %w", err)
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("stopped after %s: %w", count(s.answered, "request"), context.Cause(ctx))
	case s.unreadable > 0:
		return fmt.Errorf("%s: %d of %s could not be read; the answer says why", name, s.unreadable, count(s.answered, "line"))
	case s.denied > 0:
		return errNo
	}
	return nil
}

// answer answers the request on a line.
func (s *stream) answer(lines *lineReader, line []byte) error {
	s.answered++
	var (
		name    string
		request cors.Request
		err     error
	)
	if lines.tooLong {
		err = fmt.Errorf("the line is longer than %d MiB", maxRequestBytes>>20)
	} else {
		name, request, err = cors.ParseRequest(line)
		err = adviseOnLines(line, err)
	}
	if err != nil {
		s.unreadable++
		return s.refuse(name, lines.number, err)
	}
	e := s.policy.Explain(request)
	if !e.Allowed {
		s.denied++
	}
	if !s.text {
		text, err := e.JSON(cors.Subject{Request: name})
		if err != nil {
			return s.refuse(name, lines.number, err)
		}
		return writeLine(s.output, text)
	}
	_, err = fmt.Fprintf(s.output, "%s: %s", s.title(name, lines.number), verdictOf(e))
	if advice := adviceAfter(e); err == nil && advice != "" {
		_, err = fmt.Fprintf(s.output, "; %s", printable(worded(s.format, advice)))
	}
	if err == nil {
		err = s.output.WriteByte('\n')
	}
	return err
}

// refuse answers a line that is no request.
func (s *stream) refuse(name string, number int, err error) error {
	problem := fmt.Sprintf("line %d: %v", number, err)
	if at, ok := errors.AsType[*cors.ParseError](err); ok {
		_, advice, _ := strings.Cut(err.Error(), at.Error())
		problem = fmt.Sprintf("line %d, column %d: %s%s", number, at.Column, at.Problem, advice)
	}
	if s.text {
		_, err = fmt.Fprintf(s.output, "error: %s\n", problem)
		return err
	}
	text, err := json.Marshal(struct {
		Name  string `json:"name,omitempty"`
		Error string `json:"error"`
	}{name, problem})
	if err != nil {
		return err
	}
	return writeLine(s.output, text)
}

// adviseOnLines adds to why a line is no request what to do about JSON that goes
// on in the lines after it.
func adviseOnLines(line []byte, err error) error {
	if err == nil {
		return nil
	}
	var value json.RawMessage
	syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(line, &value))
	text := bytes.TrimSpace(line)
	if !ok || len(text) == 0 || int(syntax.Offset) < len(line) || text[0] != '{' && text[0] != '[' {
		return err
	}
	filter := "."
	if text[0] == '[' {
		filter = "'.[]'"
	}
	return fmt.Errorf("%w; a request is one line, and \"jq -c %s\" writes it so", err, filter)
}

// isUTF16 reports whether the first line of a file is in UTF-16: it has the mark
// of that at its beginning, or zeros between the letters.
func isUTF16(line []byte) bool {
	if bytes.HasPrefix(line, []byte("\xff\xfe")) || bytes.HasPrefix(line, []byte("\xfe\xff")) {
		return true
	}
	return len(line) > 1 && (line[0] == 0) != (line[1] == 0)
}

// title names a request for people.
func (s *stream) title(name string, number int) string {
	if name == "" {
		return fmt.Sprintf("line %d", number)
	}
	return printable(name)
}

// flushingReader writes out what there is before it waits for more input, so
// that a program that sends one request gets its answer.
type flushingReader struct {
	reader io.Reader
	output *bufio.Writer
}

func (r flushingReader) Read(p []byte) (int, error) {
	if err := r.output.Flush(); err != nil {
		return 0, err
	}
	return r.reader.Read(p)
}

// lineReader reads lines of at most maxRequestBytes, and passes over the rest of
// longer ones.
type lineReader struct {
	reader  *bufio.Reader
	number  int  // of the line, from 1
	tooLong bool // the line was
	buffer  []byte
}

// next is the next line, valid until the one after it. It is io.EOF after the
// last.
func (l *lineReader) next() ([]byte, error) {
	l.number++
	l.tooLong = false
	l.buffer = l.buffer[:0]
	for {
		part, err := l.reader.ReadSlice('\n')
		switch {
		case l.tooLong:
		case len(l.buffer)+len(part) > maxRequestBytes+1: // and the line feed
			l.tooLong = true
		case err == nil && len(l.buffer) == 0:
			return part, nil
		default:
			l.buffer = append(l.buffer, part...)
		}
		switch {
		case err == nil:
			return l.buffer, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && (len(l.buffer) > 0 || l.tooLong):
			return l.buffer, nil
		default:
			return nil, err
		}
	}
}
