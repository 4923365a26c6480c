// SPDX-License-Identifier: Apache-2.0

package localenv

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const actAsStarter = "LOCALENV_TEST_ACT_AS_STARTER"

// TestActAsStarter is no test but the process that starts guarded programs and is killed.
func TestActAsStarter(t *testing.T) {
	remove := os.Getenv(actAsStarter)
	if remove == "" {
		t.Skip("runs only as a process of another test")
	}
	if err := startAndHang(t.Context(), remove); err != nil {
		t.Fatal(err)
	}
}

// startAndHang starts one program directly and one through a wrapper. Both hold our standard output open.
func startAndHang(ctx context.Context, remove string) error {
	guard, err := newGuard("TERM", remove)
	if err != nil {
		return err
	}
	wrapped := filepath.Join(remove, "run-tail")
	if err := guard.wrapper(wrapped, "/usr/bin/tail"); err != nil {
		return err
	}
	direct := guard.command(ctx, "sh", "-c", "echo direct; sleep 300; true")
	indirect := exec.CommandContext(ctx, wrapped, "-f", "/dev/null")
	indirect.SysProcAttr = direct.SysProcAttr
	for _, cmd := range []*exec.Cmd{direct, indirect} {
		cmd.Stdout = os.Stdout
		if err := cmd.Start(); err != nil {
			return err
		}
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if pids, err := guard.pids("tail"); err == nil && len(pids) == 1 {
			break
		}
	}
	fmt.Println("started")
	select {}
}

func TestProgramsEndWhenTheProcessThatStartedThemIsKilled(t *testing.T) {
	remove := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(remove, 0o700); err != nil {
		t.Fatal(err)
	}
	read, written, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	starter := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestActAsStarter$")
	starter.Env = append(os.Environ(), actAsStarter+"="+remove)
	starter.Stdout = written
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	if err := written.Close(); err != nil {
		t.Fatal(err)
	}
	if err := read.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	output := bufio.NewReader(read)
	for seen := ""; !strings.Contains(seen, "direct") || !strings.Contains(seen, "started"); {
		line, err := output.ReadString('\n')
		if err != nil {
			t.Fatalf("the starter said %q, then %v", seen+line, err)
		}
		seen += line
	}
	if err := starter.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = starter.Wait() // killed, as we wanted
	// The pipe ends when the last of the programs has ended.
	if rest, err := io.ReadAll(output); err != nil {
		t.Errorf("the programs go on after their starter was killed: %q, %v", rest, err)
	}
	if !eventually(func() bool { _, err := os.Stat(remove); return os.IsNotExist(err) }) {
		t.Error("the temporary directory is still there")
	}
}

func TestReleasedGuardLeavesProgramsAlone(t *testing.T) {
	guard, err := newGuard("TERM", "")
	if err != nil {
		t.Fatal(err)
	}
	cmd := guard.command(t.Context(), "sh", "-c", "read -r _; echo alive")
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var output strings.Builder
	cmd.Stdout = &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !eventually(func() bool {
		pids, err := guard.pids("sh")
		return err == nil && slices.Equal(pids, []int{cmd.Process.Pid})
	}) {
		t.Error("the program did not write its process id")
	}
	guard.release()
	guard.release()
	if _, err := io.WriteString(input, "go on\n"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || output.String() != "alive\n" {
		t.Errorf("the program said %q and ended with %v", output.String(), err)
	}
	if _, err := os.Stat(guard.dir); !os.IsNotExist(err) {
		t.Errorf("the guard's directory is still there, error %v", err)
	}
}

func TestWrapperKeepsPathsWithQuotesAndHidesOurEnvironment(t *testing.T) {
	t.Setenv("ETCD_NAME", "must not be seen")
	dir := filepath.Join(t.TempDir(), "it's a $place")
	program := filepath.Join(dir, "show")
	write(t, program, "#!/bin/sh\necho \"$1/$ETCD_NAME/$PATH\"\n")
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	guard, err := newGuard("TERM", "")
	if err != nil {
		t.Fatal(err)
	}
	defer guard.release()
	wrapper := filepath.Join(dir, "run-show")
	if err := guard.wrapper(wrapper, program); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), wrapper, "a b").CombinedOutput()
	if want := "a b//" + os.Getenv("PATH") + "\n"; err != nil || string(output) != want {
		t.Errorf("the program said %q, error %v; want %q", output, err, want)
	}
}

// eventually polls until the condition holds; it reports whether that was within a minute.
func eventually(condition func() bool) bool {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(time.Minute)
	for !condition() {
		select {
		case <-deadline:
			return false
		case <-ticker.C:
		}
	}
	return true
}
