// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
)

// A state directory may be named on the command lines of others, and the number of a
// process that has ended is given to another.
func TestOnlyShellsThatHoldTheClusterAreEnded(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a cluster runs on Linux alone")
	}
	state := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	start := func(program string, arguments ...string) (pid int, ended chan error) {
		cmd := exec.CommandContext(t.Context(), program, arguments...)
		input, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = input.Close() })
		ended = make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		return cmd.Process.Pid, ended
	}
	const wait = "read -r _"
	ours, oursEnded := start("sh", "-c", wait, "sh", state)
	others := map[string]chan error{}
	_, others["one that reads a file"] = start("cat", "-", state)
	_, others["a shell in another directory"] = start("sh", "-c", wait, "sh", state+"2")
	reader, ended := start("sh", "-c", wait, "sh", filepath.Join(state, "kubelet.log"))
	others["a shell that reads a file"] = ended

	if pids, err := processesOf(state); err != nil || !slices.Equal(pids, []int{ours}) {
		t.Errorf("the processes of the cluster are %v, error %v; want %d", pids, err, ours)
	}
	// The number of the first process is that of another by now.
	writePID := func(pid int) {
		if err := os.WriteFile(filepath.Join(state, firstPIDFile), []byte(strconv.Itoa(pid)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writePID(reader)
	if running, err := Running(state); err != nil || running {
		t.Errorf("it runs: %t, error %v", running, err)
	}
	writePID(ours)
	if running, err := Running(state); err != nil || !running {
		t.Errorf("it runs: %t, error %v", running, err)
	}
	if err := Remove(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	if err := <-oursEnded; err == nil {
		t.Error("the process of the cluster ended by itself")
	}
	for name, ended := range others {
		select {
		case err := <-ended:
			t.Errorf("%s was ended: %v", name, err)
		default:
		}
	}
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Errorf("the state directory is still there, error %v", err)
	}
	if err := Remove(t.Context(), state); err != nil {
		t.Errorf("the second time: %v", err)
	}
}

func TestANumberThatCannotBeTheFirstProcessIsRefused(t *testing.T) {
	state := t.TempDir()
	for _, content := range []string{"1", "-1", "0", "", "x"} {
		if err := os.WriteFile(filepath.Join(state, firstPIDFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if running, err := Running(state); err == nil || running {
			t.Errorf("%q: it runs: %t, error %v", content, running, err)
		}
	}
}
