// SPDX-License-Identifier: Apache-2.0

package localenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var tinyProgram = program{name: "tiny", module: "hack/tiny", pkg: "example.com/tiny/cmd/tiny"}

// tinyBuilder returns a builder of a module that pins a module with one small program, with an empty cache.
func tinyBuilder(t *testing.T, source string, progress io.Writer) builder {
	t.Helper()
	root := t.TempDir()
	write(t, filepath.Join(root, "hack/tiny/go.mod"), "module example.com/pins\n\ngo 1.26.0\n\n"+
		"require example.com/tiny v1.2.3\n\nreplace example.com/tiny => ../../tiny\n\ntool example.com/tiny/cmd/tiny\n")
	write(t, filepath.Join(root, "tiny/go.mod"), "module example.com/tiny\n\ngo 1.26.0\n")
	write(t, filepath.Join(root, "tiny/cmd/tiny/main.go"), source)
	report := newReporter(progress)
	report.interval = 10 * time.Millisecond
	return builder{cache: t.TempDir(), root: root, module: "hack/tiny", report: report}
}

const tinySource = "package main\n\nfunc main() { println(\"tiny\") }\n"

func TestProgramIsBuiltOnceAndThenCached(t *testing.T) {
	var progress bytes.Buffer
	b := tinyBuilder(t, tinySource, &progress)
	dir, err := b.ensure(t.Context(), []program{tinyProgram})
	if err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), filepath.Join(dir, "tiny")).CombinedOutput()
	if err != nil || string(output) != "tiny\n" {
		t.Errorf("the program says %q, error %v", output, err)
	}
	for _, want := range []string{"building tiny v1.2.3", "built tiny in "} {
		if !strings.Contains(progress.String(), want) {
			t.Errorf("the progress lacks %q: %s", want, progress.String())
		}
	}

	progress.Reset()
	again, err := b.ensure(t.Context(), []program{tinyProgram})
	if err != nil || again != dir {
		t.Errorf("the second time %s, error %v; want %s", again, err, dir)
	}
	if progress.Len() > 0 {
		t.Errorf("the second time something was done: %s", progress.String())
	}
}

func TestLeftoversOfAnInterruptedBuildAreRemovedAndNotUsed(t *testing.T) {
	b := tinyBuilder(t, tinySource, io.Discard)
	dir, err := b.ensure(t.Context(), []program{tinyProgram})
	if err != nil {
		t.Fatal(err)
	}
	finished := filepath.Join(dir, "tiny")
	leftover := finished + unfinished
	if err := os.Rename(finished, leftover); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other"+unfinished)
	writeProgram(t, other)
	if _, err := b.ensure(t.Context(), []program{tinyProgram}); err != nil {
		t.Fatal(err)
	}
	if found, err := isExecutable(finished); !found {
		t.Errorf("the program was not built again, error %v", err)
	}
	for _, path := range []string{leftover, other} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there, error %v", path, err)
		}
	}
}

func TestSecondBuildWaitsForTheFirstAndBuildsNothing(t *testing.T) {
	first := tinyBuilder(t, tinySource, io.Discard)
	waiting := make(chan struct{})
	progress := &firstWrite{happened: waiting}
	second := first
	second.report = newReporter(progress)

	goMod, err := os.ReadFile(filepath.Join(first.moduleDir(), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	goVersion, err := goVersion(t.Context(), first.moduleDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(first.cache, cacheName(first.module, goMod, goVersion))
	unlock, err := first.lock(t.Context(), dir+".lock")
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := second.ensure(t.Context(), []program{tinyProgram})
		result <- err
	}()
	select {
	case <-waiting:
	case err := <-result:
		t.Fatalf("the second build did not wait, error %v", err)
	case <-time.After(time.Minute):
		t.Fatal("the second build says nothing")
	}
	writeProgram(t, filepath.Join(dir, "tiny"))
	unlock()
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	if said := progress.String(); !strings.Contains(said, "waiting") || strings.Contains(said, "building") {
		t.Errorf("the second build said %q; want that it waits, and no more", said)
	}
}

func TestFailedBuildSaysWhatTheCompilerSaidAndLeavesNoProgram(t *testing.T) {
	b := tinyBuilder(t, "package main\n\nfunc main() { undefinedName() }\n", io.Discard)
	_, err := b.ensure(t.Context(), []program{tinyProgram})
	if err == nil || !strings.Contains(err.Error(), "building tiny") || !strings.Contains(err.Error(), "undefinedName") {
		t.Errorf("error %v; want the program and the compiler's words", err)
	}
	if left := programsIn(t, b.cache); len(left) > 0 {
		t.Errorf("a failed build left %v", left)
	}
}

func TestInterruptedBuildEndsSoonAndLeavesNoProgram(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := tinyBuilder(t, tinySource, writerFunc(func(said []byte) {
		if bytes.HasPrefix(said, []byte("building")) {
			cancel()
		}
	}))
	if _, err := b.ensure(ctx, []program{tinyProgram}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v; want that it was cancelled", err)
	}
	if left := programsIn(t, b.cache); len(left) > 0 {
		t.Errorf("an interrupted build left %v", left)
	}
}

func TestProgramsNotUsedForLongAreRemoved(t *testing.T) {
	b := tinyBuilder(t, tinySource, io.Discard)
	long := time.Now().Add(-2 * keepUnused)
	for name, used := range map[string]time.Time{
		"tiny-go1.20.0-old": long, "tiny-go1.25.0-recent": time.Now(), "other-go1.20.0": long,
	} {
		path := filepath.Join(b.cache, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, used, used); err != nil {
			t.Fatal(err)
		}
	}
	lock := filepath.Join(b.cache, "tiny-go1.20.0-old.lock")
	write(t, lock, "")
	if err := os.Chtimes(lock, long, long); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ensure(t.Context(), []program{tinyProgram}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"tiny-go1.20.0-old": false, "tiny-go1.20.0-old.lock": true, "tiny-go1.25.0-recent": true, "other-go1.20.0": true} {
		if _, err := os.Stat(filepath.Join(b.cache, name)); (err == nil) != want {
			t.Errorf("%s: still there %t, want %t", name, err == nil, want)
		}
	}
}

func TestProgressCountsWhatTheGoCommandSays(t *testing.T) {
	var step buildStep
	const messages = "go: downloading example.com/a v1.0.0\nexample.com/a\nexample.com/a/b\n# example.com/c\nc.go:1:1: wrong\n"
	said, err := step.follow(strings.NewReader(messages))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(step.downloaded.Load(), step.compiled.Load(), said); got != "1 2 [# example.com/c c.go:1:1: wrong]" {
		t.Errorf("downloaded, compiled and said: %s", got)
	}
	step.total.Store(5)
	if got := step.String(); got != "2 of 5 packages compiled" {
		t.Errorf("the status is %q", got)
	}
}

// programsIn returns the files in the directories of a cache.
func programsIn(t *testing.T, cache string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(cache, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

// firstWrite keeps what is written and closes a channel at the first.
type firstWrite struct {
	mu       sync.Mutex
	written  bytes.Buffer
	happened chan struct{}
}

func (w *firstWrite) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.written.Len() == 0 {
		close(w.happened)
	}
	return w.written.Write(p)
}

func (w *firstWrite) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.written.String()
}
