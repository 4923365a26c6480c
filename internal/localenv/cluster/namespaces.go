// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// namespaces are those that a cluster lives in.
//
// Two shells hold them. The keeper, on the outside, reads from a pipe of which only this process holds the other end: when the
// pipe closes without a word, as it does when this process is killed, it ends the cluster and removes what is left of it.
// The first process, on the inside, prepares the mounts and then only waits for orphans; with it everything ends.
type namespaces struct {
	stateDir string
	keeper   *exec.Cmd
	ended    chan struct{} // closed when the keeper has ended
	pipe     io.WriteCloser
	// first is the process id, as seen from outside, of the first process.
	first int
}

func unshareFlags(command ...string) []string {
	return append([]string{"--fork", "--kill-child=KILL", "--pid", "--mount", "--net", "--ipc", "--uts", "--"}, command...)
}

// The arguments are the state directory and the script of the first process. In the background the shell gives that no input,
// so that nobody else reads from the pipe.
const keeperScript = `
trap '' HUP INT TERM
unshare --fork --kill-child=KILL --pid --mount --net --ipc --uts -- sh -c "$2" sh "$1" &
namespaces=$!
if read -r _; then
	wait
	remove=
else
	kill -s KILL "$(cat "$1/first.pid")" 2>/dev/null || kill -s KILL "$namespaces" 2>/dev/null
	wait
	remove=$1
fi
tries=0
remove_group() {
	while [ -d "$1" ] && [ "$tries" -lt 50 ]; do
		find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
		tries=$((tries+1))
	done
}
for group in /sys/fs/cgroup/` + cgroupPrefix + `$$ /sys/fs/cgroup/*/` + cgroupPrefix + `$$; do remove_group "$group"; done
if [ -n "$remove" ]; then rm -rf "$remove"; fi
`

// The argument is the state directory. What programs keep below /run, /var/log and /var/lib goes to memory, that of the kubelet
// to the state directory, which may itself be below one of them. The kubelet sets some settings of the whole kernel, unless
// they are as it wants them: it gets to see files where they are.
const firstScript = `
set -e
trap 'touch "$1/first.failed"' EXIT
read -r pid _ </proc/self/stat
mount -t proc none /proc
mkdir -p "$1/self" "$1/kubelet"
mount --bind "$1" "$1/self"
cd "$1/self"
mount -t tmpfs -o mode=755 none /run
mkdir /run/lib /run/lib-work
mount -t tmpfs -o mode=755 none /var/log
mount -t overlay -o lowerdir=/var/lib,upperdir=/run/lib,workdir=/run/lib-work none /var/lib
mkdir -p "$1"
mount --bind . "$1"
mkdir -p /var/lib/kubelet
mount --bind "$1/kubelet" /var/lib/kubelet
setting() {
	file=$1/$(basename "$2")
	echo "$3" >"$file"
	if [ -e "/proc/sys/$2" ]; then mount --bind "$file" "/proc/sys/$2"; fi
}
mkdir "$1/settings"
setting "$1/settings" vm/overcommit_memory 1
setting "$1/settings" vm/panic_on_oom 0
setting "$1/settings" kernel/panic 10
setting "$1/settings" kernel/panic_on_oops 1
setting "$1/settings" kernel/keys/root_maxkeys 1000000
setting "$1/settings" kernel/keys/root_maxbytes 25000000
ip link set lo up
echo "$pid" >"$1/first.unfinished"
mv "$1/first.unfinished" "$1/first.pid"
set +e
while :; do sleep 3600 & wait; done
`

const (
	firstPIDFile     = "first.pid"
	firstFailedFile  = "first.failed"
	keeperLog        = "namespaces.log"
	cgroupPrefix     = "bucketcors-cluster-"
	namespaceTimeout = 20 * time.Second
)

// newNamespaces makes namespaces whose programs find their state below the directory.
func newNamespaces(ctx context.Context, stateDir string) (_ *namespaces, err error) {
	log, err := os.OpenFile(filepath.Join(stateDir, keeperLog), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the keeper has its own handle
	// No context: it outlives whatever the context is for.
	keeper := exec.CommandContext(context.WithoutCancel(ctx), "sh", "-c", keeperScript, "sh", stateDir, firstScript)
	keeper.Env = plainEnvironment()
	keeper.Stdout, keeper.Stderr = log, log
	// Its own session: interrupts of the terminal, and its end, are for us.
	keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	n := &namespaces{stateDir: stateDir, keeper: keeper, ended: make(chan struct{})}
	if n.pipe, err = keeper.StdinPipe(); err != nil {
		return nil, err
	}
	if err := keeper.Start(); err != nil {
		return nil, errors.Join(err, n.pipe.Close())
	}
	go func() {
		defer close(n.ended)
		_ = keeper.Wait() // how it ended is in its log
	}()
	ctx, cancel := context.WithTimeout(ctx, namespaceTimeout)
	defer cancel()
	if n.first, err = n.awaitFirst(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("making namespaces: %w%s", err, logTail(log.Name())), n.end())
	}
	return n, nil
}

func (n *namespaces) awaitFirst(ctx context.Context) (int, error) {
	for {
		pid, err := readPID(filepath.Join(n.stateDir, firstPIDFile))
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return pid, err
		}
		// The keeper itself waits for our word, so it does not end when the first process does.
		if _, err := os.Stat(filepath.Join(n.stateDir, firstFailedFile)); err == nil {
			return 0, errors.New("the first process ended")
		}
		select {
		case <-n.ended:
			return 0, errors.New("the shell ended")
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// cgroup is the name of the control groups of all pods. With the number of the keeper in it, what is left of a cluster whose
// keeper is gone is known.
func (n *namespaces) cgroup() string { return cgroupPrefix + strconv.Itoa(n.keeper.Process.Pid) }

// enter returns the words that, before a command, run it inside of the namespaces.
func (n *namespaces) enter() []string {
	return []string{findProgram("nsenter"), "--target=" + strconv.Itoa(n.first),
		"--mount", "--net", "--ipc", "--uts", "--pid", "--"}
}

// command returns a command that runs inside, in a session of its own and with nothing of our environment.
func (n *namespaces) command(ctx context.Context, program string, arguments ...string) *exec.Cmd {
	words := append(append(n.enter(), program), arguments...)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = plainEnvironment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// run runs a command inside and waits for it. The error holds what it said.
func (n *namespaces) run(ctx context.Context, input io.Reader, program string, arguments ...string) error {
	cmd := n.command(ctx, program, arguments...)
	cmd.Stdin = input
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(arguments, " "), err, bytes.TrimSpace(output))
	}
	return nil
}

// end ends everything inside and waits until the keeper has removed what is left.
func (n *namespaces) end() error {
	err := n.pipe.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	select {
	case <-n.ended:
		return err
	case <-time.After(namespaceTimeout):
		return errors.Join(err, fmt.Errorf("the processes of the cluster did not end within %s", namespaceTimeout))
	}
}

// release lets everything inside go on after this process has ended.
func (n *namespaces) release() error {
	_, err := io.WriteString(n.pipe, "released\n")
	return errors.Join(err, n.pipe.Close())
}

func plainEnvironment() []string {
	return []string{"PATH=" + searchPath, "HOME=/root", "TMPDIR=" + os.TempDir()}
}

func readPID(path string) (int, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err == nil && pid < 2 {
		err = fmt.Errorf("%s: %d is not the number of such a process", path, pid)
	}
	return pid, err
}

// logTail returns the last lines of a log, to be put behind an error.
func logTail(path string) string {
	const keep = 15
	content, err := os.ReadFile(path)
	if err != nil || len(content) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return fmt.Sprintf("\nend of %s:\n%s", path, strings.Join(lines[max(0, len(lines)-keep):], "\n"))
}
