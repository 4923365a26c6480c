// SPDX-License-Identifier: Apache-2.0

package localenv

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// cachedPrograms returns the paths of programs in the user's cache, built if need be.
func cachedPrograms(ctx context.Context, wanted []program, report *reporter) (map[string]string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("finding a place for the programs: %w", err)
	}
	directory, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	root, err := sourceRoot(directory)
	if err != nil {
		return nil, err
	}
	paths := map[string]string{}
	for _, module := range modulesOf(wanted) {
		b := builder{cache: filepath.Join(cache, "bucketcors"), root: root, module: module, report: report}
		of := slices.DeleteFunc(slices.Clone(wanted), func(p program) bool { return p.module != module })
		dir, err := b.ensure(ctx, of)
		if err != nil {
			return nil, err
		}
		for _, p := range of {
			paths[p.name] = filepath.Join(dir, p.name)
		}
	}
	return paths, nil
}

func modulesOf(wanted []program) []string {
	var modules []string
	for _, p := range wanted {
		if !slices.Contains(modules, p.module) {
			modules = append(modules, p.module)
		}
	}
	return modules
}

// A builder builds programs of one module into the cache.
type builder struct {
	cache  string
	root   string
	module string
	report *reporter
}

// moduleDir is the directory of the module in the source tree.
func (b builder) moduleDir() string { return filepath.Join(b.root, filepath.FromSlash(b.module)) }

// ensure returns the cache directory of the module, which holds all of the wanted programs.
func (b builder) ensure(ctx context.Context, wanted []program) (string, error) {
	goMod, err := os.ReadFile(filepath.Join(b.moduleDir(), "go.mod"))
	if err != nil {
		return "", err
	}
	goVersion, err := goVersion(ctx, b.moduleDir())
	if err != nil {
		return "", err
	}
	dir := filepath.Join(b.cache, cacheName(b.module, goMod, goVersion))
	missing, err := missingPrograms(dir, wanted)
	if err != nil {
		return "", err
	}
	if len(missing) == 0 {
		now := time.Now()
		// The time of the last use decides when the directory is removed; that it cannot be set only makes that earlier.
		_ = os.Chtimes(dir, now, now)
		return dir, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making a place for the programs: %w", err)
	}
	unlock, err := b.lock(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := removeLeftovers(dir); err != nil {
		return "", err
	}
	// Another process may have built them while we waited.
	missing, err = missingPrograms(dir, wanted)
	if err != nil || len(missing) == 0 {
		return dir, err
	}
	p, err := readPins(ctx, filepath.Join(b.moduleDir(), "go.mod"))
	if err != nil {
		return "", err
	}
	for _, program := range missing {
		if err := b.build(ctx, p, program, dir); err != nil {
			return "", err
		}
	}
	b.removeUnused(dir)
	return dir, nil
}

func missingPrograms(dir string, wanted []program) ([]program, error) {
	var missing []program
	for _, p := range wanted {
		found, err := isExecutable(filepath.Join(dir, p.name))
		if err != nil {
			return nil, err
		}
		if !found {
			missing = append(missing, p)
		}
	}
	return missing, nil
}

// lock takes the lock on building a module. The operating system frees it when the process ends, however that happens.
func (b builder) lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	take := func() error { return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
	if err = take(); errors.Is(err, syscall.EWOULDBLOCK) {
		b.report.printf("another process builds the programs of %s: waiting for it", b.module)
		stop := b.report.during(func(elapsed time.Duration) string {
			return fmt.Sprintf("  waiting for the other build: %s", elapsed)
		})
		defer stop()
	}
	for errors.Is(err, syscall.EWOULDBLOCK) {
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), file.Close())
		case <-time.After(200 * time.Millisecond):
			err = take()
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), file.Close())
	}
	return func() { _ = file.Close() }, nil
}

const unfinished = ".unfinished"

// removeLeftovers removes what builds that ended early left in dir. The caller holds the lock.
func removeLeftovers(dir string) error {
	leftovers, err := filepath.Glob(filepath.Join(dir, "*"+unfinished))
	if err != nil {
		return err
	}
	for _, path := range leftovers {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("removing what an interrupted build left: %w", err)
		}
	}
	return nil
}

const keepUnused = 30 * 24 * time.Hour

// removeUnused removes programs of the module in other versions than dir's that nobody used for long. They can be built
// again, so a failure is not worth a word.
func (b builder) removeUnused(dir string) {
	others, err := filepath.Glob(filepath.Join(b.cache, filepath.Base(b.module)+"-go*"))
	if err != nil {
		return
	}
	for _, other := range others {
		info, err := os.Stat(other)
		// Locks stay: one that is held and removed would keep nobody out.
		if err == nil && info.IsDir() && other != dir && time.Since(info.ModTime()) > keepUnused {
			_ = os.RemoveAll(other)
		}
	}
}

// build builds one program into dir, where it appears finished or not at all.
func (b builder) build(ctx context.Context, p pins, program program, dir string) error {
	version, err := p.version(program.pkg)
	if err != nil {
		return fmt.Errorf("%s: %w", b.module, err)
	}
	ldflags, err := linkerFlags(program.pkg, version)
	if err != nil {
		return err
	}
	b.report.printf("building %s %s (about %.2g min on two cores when nothing of it is compiled yet)",
		program.name, version, program.coldBuild.Minutes())
	started := time.Now()
	var step buildStep
	stop := b.report.during(func(elapsed time.Duration) string {
		return fmt.Sprintf("  %s: %s, %s", program.name, elapsed, step.String())
	})
	defer stop()

	// Listing the packages downloads the modules, and tells which packages are not in the build cache.
	packages, err := b.goCommand(ctx, &step, "list", "-mod=readonly", "-trimpath", "-deps",
		"-f", "{{if .Stale}}{{.ImportPath}}{{end}}", program.pkg)
	if err != nil {
		return fmt.Errorf("finding the packages of %s: %w", program.name, err)
	}
	step.total.Store(int64(bytes.Count(packages, []byte("\n"))))

	temporary := filepath.Join(dir, program.name+unfinished)
	_, err = b.goCommand(ctx, &step, "build", "-mod=readonly", "-v", "-trimpath", "-ldflags", ldflags, "-o", temporary, program.pkg)
	if err != nil {
		return errors.Join(fmt.Errorf("building %s: %w", program.name, err), os.RemoveAll(temporary))
	}
	if err := os.Rename(temporary, filepath.Join(dir, program.name)); err != nil {
		return err
	}
	b.report.printf("built %s in %s", program.name, time.Since(started).Round(time.Second))
	return nil
}

// goCommand runs the go command in the module's directory and returns its output. It does not outlive this process.
func (b builder) goCommand(ctx context.Context, step *buildStep, arguments ...string) ([]byte, error) {
	guard, err := newGuard("INT", "")
	if err != nil {
		return nil, err
	}
	defer guard.release()
	command := guard.command(ctx, "go", arguments...)
	command.Dir = b.moduleDir()
	// The programs are for this machine and from this module, whatever is being built around us.
	command.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	var output bytes.Buffer
	command.Stdout = &output
	messages, err := command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	said, readErr := step.follow(messages)
	err = command.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("go %s: %w\n%s", arguments[0], err, strings.Join(said, "\n"))
	case readErr != nil:
		return nil, readErr
	}
	return output.Bytes(), nil
}

// A buildStep counts what the go command says it does.
type buildStep struct {
	downloaded, compiled, total atomic.Int64
}

func (s *buildStep) String() string {
	compiled, total, downloaded := s.compiled.Load(), s.total.Load(), s.downloaded.Load()
	switch {
	case total > 0:
		return fmt.Sprintf("%d of %d packages compiled", min(compiled, total), total)
	case downloaded > 0:
		return fmt.Sprintf("%d modules downloaded", downloaded)
	default:
		return "looking for its modules"
	}
}

// follow reads what `go list` or `go build -v` says on standard error, and returns the end of what is not progress.
func (s *buildStep) follow(messages io.Reader) (said []string, err error) {
	const keep = 40
	lines := bufio.NewScanner(messages)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "go: downloading "):
			s.downloaded.Add(1)
		case line != "" && !strings.ContainsAny(line, " \t#:"):
			s.compiled.Add(1)
		default:
			said = append(said, line)
			said = said[max(0, len(said)-keep):]
		}
	}
	return said, lines.Err()
}

// commandError adds to a failed command what it said.
func commandError(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return err
}
