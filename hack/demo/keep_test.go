// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ownCache gives the test a directory for demos of its own, and returns it.
func ownCache(t *testing.T) string {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, err := keptDir()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestOneDemoAtATimeIsKept(t *testing.T) {
	ownCache(t)
	dir, held, err := claimKeptDir()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := claimKeptDir(); err == nil || !strings.Contains(err.Error(), "make demo-stop") {
		t.Errorf("a second demo: error %v; want one that names make demo-stop", err)
	}
	if err := stopKept(); err == nil || !strings.Contains(err.Error(), "starting") {
		t.Errorf("stop while one starts: error %v", err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the directory of a demo that starts is gone: %v", err)
	}

	// As when the demo is killed.
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if err := stopKept(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory of a demo that was killed is still there")
	}
	if _, held, err = claimKeptDir(); err != nil {
		t.Errorf("a demo after the stop: %v", err)
	} else if err := held.Close(); err != nil {
		t.Error(err)
	}
}

func TestAProcessThatIsNotOfTheDemoIsNotStopped(t *testing.T) {
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		t.Skip("this system does not tell command lines")
	}
	dir := ownCache(t)
	start := func(arguments ...string) (pid int, ended chan error) {
		// cat waits for its input: first of the pipe, then of the file.
		cmd := exec.CommandContext(t.Context(), "cat", arguments...)
		input, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended = make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		t.Cleanup(func() { _ = input.Close() })
		return cmd.Process.Pid, ended
	}
	other, otherEnded := start("-")
	ours, oursEnded := start("-", filepath.Join(dir, "file"))
	if runs(other, dir) || !runs(ours, dir) {
		t.Errorf("another's process counts: %t; ours counts: %t", runs(other, dir), runs(ours, dir))
	}

	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	content := []byte(fmt.Sprintf(`{"pids": [%d, %d]}`, other, ours))
	if err := os.WriteFile(filepath.Join(dir, "kept.json"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := stopKept(); err != nil {
		t.Fatal(err)
	}
	if err := <-oursEnded; err == nil {
		t.Error("our process ended by itself")
	}
	select {
	case err := <-otherEnded:
		t.Errorf("another's process was stopped: %v", err)
	default:
	}
}
