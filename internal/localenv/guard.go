// SPDX-License-Identifier: Apache-2.0

package localenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A guard ends programs when this process ends, also when it panics or is killed.
//
// It is a shell that reads from a pipe of which only this process holds the other end. When the pipe closes without a word,
// the shell ends the process groups whose numbers stand in the files *.pid of a directory. (Linux could have the kernel do it,
// with the parent death signal, but that signal comes when the thread that started the program ends, and other systems
// have none.)
type guard struct {
	dir  string
	pipe io.WriteCloser
	cmd  *exec.Cmd
}

// The arguments are the directory of the pid files, the signal, and a directory to remove afterwards or nothing. The
// first pause is for a program that was being started and has yet to write its number.
const guardScript = `
trap '' HUP INT TERM
if read -r _; then rm -rf "$1"; exit 0; fi
sleep 0.3
groups() { cat "$1"/*.pid 2>/dev/null; }
for group in $(groups "$1"); do kill -s "$2" -- "-$group" 2>/dev/null; done
tries=0
for group in $(groups "$1"); do
	while kill -s 0 -- "-$group" 2>/dev/null && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries+1)); done
	kill -s KILL -- "-$group" 2>/dev/null
done
rm -rf "$1"
if [ -n "$3" ]; then rm -rf "$3"; fi
`

// newGuard starts a guard that ends programs with the signal, named without SIG, and then removes the directory, unless that
// is empty.
func newGuard(signal, remove string) (*guard, error) {
	dir, err := os.MkdirTemp("", "bucketcors-guard-")
	if err != nil {
		return nil, err
	}
	// No context: it outlives whatever the context is for, until release.
	cmd := exec.CommandContext(context.Background(), "sh", "-c", guardScript, "sh", dir, signal, remove)
	// Its own group: an interrupt from the terminal is for us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting a shell: %w", err), os.RemoveAll(dir))
	}
	return &guard{dir: dir, pipe: pipe, cmd: cmd}, nil
}

// release ends the guard and leaves the programs as they are. Nil and a second call are fine.
func (g *guard) release() {
	if g == nil || g.cmd == nil {
		return
	}
	// Errors would mean that the shell is gone already, and then there is nothing to release.
	_, _ = io.WriteString(g.pipe, "released\n")
	_ = g.pipe.Close()
	_ = g.cmd.Wait()
	g.cmd = nil
}

func (g *guard) pidFile(name string) string { return filepath.Join(g.dir, name+".pid") }

// pids returns the process ids of what was started under the name, the newest last.
func (g *guard) pids(name string) ([]int, error) {
	content, err := os.ReadFile(g.pidFile(name))
	if err != nil {
		return nil, err
	}
	var pids []int
	for field := range strings.FieldsSeq(string(content)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// killAll ends, at once, what was started under the names, but for the newest of each when those are to be kept.
func (g *guard) killAll(keepNewest bool, names ...string) error {
	var errs []error
	for _, name := range names {
		pids, err := g.pids(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		if keepNewest && len(pids) > 0 {
			pids = pids[:len(pids)-1]
		}
		for _, pid := range pids {
			errs = append(errs, signalGroup(pid, syscall.SIGKILL))
		}
	}
	return errors.Join(errs...)
}

// startScript leaves the number of the process group for the guard and becomes the program. A terminal that closes does not
// end it.
const startScript = `trap '' HUP; echo $$ >>"$0" && exec "$@"`

// command returns a command under this guard, in a process group of its own. When the context is done, the whole group gets
// SIGINT, and after ten seconds the program is killed.
func (g *guard) command(ctx context.Context, program string, arguments ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh",
		append([]string{"-c", startScript, g.pidFile(filepath.Base(program)), program}, arguments...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return signalGroup(cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// wrapper writes a script to path that runs the program under this guard with nothing of our environment but what every
// program needs: etcd and others read settings from theirs. What only prints its help is over at once and not guarded.
func (g *guard) wrapper(path, program string) error {
	script := fmt.Sprintf("#!/bin/sh\ntrap '' HUP\n[ \"$1\" = --help ] || echo $$ >>%s || exit\nexec env -i %s %s \"$@\"\n",
		shellQuote(g.pidFile(filepath.Base(program))), shellQuoteAll(plainEnvironment()), shellQuote(program))
	return os.WriteFile(path, []byte(script), 0o700)
}

// plainEnvironment returns the part of our environment that says nothing about what a program should do.
func plainEnvironment() []string {
	environment := []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	if home, err := os.UserHomeDir(); err == nil {
		environment = append(environment, "HOME="+home)
	}
	return environment
}

func shellQuote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

func shellQuoteAll(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = shellQuote(word)
	}
	return strings.Join(quoted, " ")
}

// signalGroup sends the signal to a process group. That the group is gone is no error.
func signalGroup(group int, signal syscall.Signal) error {
	if err := syscall.Kill(-group, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}
