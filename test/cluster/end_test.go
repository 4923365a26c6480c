// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bucketcors/bucketcors/internal/localenv"
	"github.com/bucketcors/bucketcors/internal/localenv/cluster"
)

// actAsStarter is a variable with the state directory of a cluster that a process of
// its own starts, to be killed; with detached: before it, the process lets the
// cluster go on and ends.
const (
	actAsStarter = "CLUSTER_TEST_ACT_AS_STARTER"
	detached     = "detached:"
)

func startAndHang(ctx context.Context, state string) error {
	state, detach := strings.CutPrefix(state, detached)
	assets, err := localenv.Ensure(ctx, os.Stderr)
	if err != nil {
		return err
	}
	node, err := localenv.EnsureNode(ctx, os.Stderr)
	if err != nil {
		return err
	}
	c, err := cluster.Start(ctx, cluster.Options{Assets: assets, Node: node, StateDir: state})
	if err != nil {
		return err
	}
	if detach {
		return c.Detach()
	}
	fmt.Println("started")
	<-ctx.Done()
	return nil
}

// starter is the process that starts another cluster beside that of the other tests.
func starter(t *testing.T, state string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), actAsStarter+"="+state)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestAClusterEndsWithTheProcessThatStartedIt(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	cmd := starter(t, state)
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("the starter said %q, then %v", line, err)
	}
	traces := tracesOf(t, state)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as we wanted
	traces.expectGone(t)
}

func TestWhatACrashLeavesOfAClusterIsRemoved(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	if err := starter(t, detached+state).Run(); err != nil {
		t.Fatal(err)
	}
	if running, err := cluster.Running(state); err != nil || !running {
		t.Fatalf("it goes on: %t, error %v", running, err)
	}
	traces := tracesOf(t, state)
	// All at once, those that would clean up first.
	for _, pid := range traces.holders {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it is not running", soon, func() error {
		running, err := cluster.Running(state)
		if running {
			err = errors.New("it runs")
		}
		return err
	})
	if err := cluster.Remove(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	traces.expectGone(t)
}

// traces are what a running cluster leaves on this machine.
type traces struct {
	state string
	link  string
	// holders are the processes, outside and inside, that hold the namespaces; the
	// keeper, which cleans up, is the first.
	holders   []int
	cgroups   string
	namespace string
}

func tracesOf(t *testing.T, state string) traces {
	t.Helper()
	link, err := os.ReadFile(filepath.Join(state, "link"))
	if err != nil {
		t.Fatal(err)
	}
	v := traces{state: state, link: strings.TrimSpace(string(link))}
	for _, pid := range processes() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		words := strings.Split(string(line), "\x00")
		if err == nil && (words[0] == "sh" || words[0] == "unshare") && strings.Contains(string(line), "\x00"+state+"\x00") {
			v.holders = append(v.holders, pid)
		}
	}
	if len(v.holders) != 3 {
		t.Fatalf("the processes %v hold the cluster; want 3", v.holders)
	}
	for i, pid := range v.holders {
		pattern := fmt.Sprintf("/sys/fs/cgroup/*/bucketcors-cluster-%d", pid)
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			v.cgroups = pattern
			v.holders[0], v.holders[i] = v.holders[i], v.holders[0]
		}
	}
	if v.cgroups == "" {
		t.Fatal("no control groups are those of the cluster")
	}
	first, err := os.ReadFile(filepath.Join(state, "first.pid"))
	if err != nil {
		t.Fatal(err)
	}
	if v.namespace, err = os.Readlink(fmt.Sprintf("/proc/%s/ns/net", strings.TrimSpace(string(first)))); err != nil {
		t.Fatal(err)
	}
	if len(v.inside()) < 5 {
		t.Fatalf("the processes %v run in the cluster; want more", v.inside())
	}
	if _, err := net.InterfaceByName(v.link); err != nil {
		t.Fatal(err)
	}
	return v
}

// inside are the processes in the network of the node.
func (v traces) inside() []int {
	var inside []int
	for _, pid := range processes() {
		if namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid)); err == nil && namespace == v.namespace {
			inside = append(inside, pid)
		}
	}
	return inside
}

func processes() []int {
	var pids []int
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		var pid int
		if _, err := fmt.Sscanf(entry.Name(), "%d", &pid); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (v traces) expectGone(t *testing.T) {
	t.Helper()
	eventually(t, "nothing of the cluster is left", soon, func() error {
		if inside := v.inside(); len(inside) > 0 {
			return fmt.Errorf("the processes %v run", inside)
		}
		if _, err := net.InterfaceByName(v.link); err == nil {
			return fmt.Errorf("the interface %s is there", v.link)
		}
		if found, err := filepath.Glob(v.cgroups); err != nil || len(found) > 0 {
			return errors.Join(fmt.Errorf("the control groups %v are there", found), err)
		}
		if _, err := os.Stat(v.state); !os.IsNotExist(err) {
			return errors.Join(errors.New("the state directory is there"), err)
		}
		mounts, err := os.ReadFile("/proc/self/mounts")
		if err == nil && strings.Contains(string(mounts), v.state) {
			err = errors.New("something is mounted there")
		}
		return err
	})
}
