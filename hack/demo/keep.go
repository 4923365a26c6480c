// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// kept is what a demo leaves behind to stop it by.
type kept struct {
	// PIDs are in the order in which they are to be stopped. Each is also a
	// process group.
	PIDs []int `json:"pids"`
}

const stopTimeout = 30 * time.Second

func keptDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "bucketcors", "demo"), nil
}

// keep lets everything run on and says how to use it.
func (s *stage) keep() error {
	content, err := json.Marshal(kept{PIDs: []int{s.operator.PID, s.storage.PID, s.plane.PIDs["kube-apiserver"], s.plane.PIDs["etcd"]}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.dir, "kept.json"), content, 0o600); err != nil {
		return err
	}
	s.operator.Detach()
	s.storage.Detach()
	s.plane.Detach()

	say("Everything goes on running (KEEP=1). To play on:")
	tell("export KUBECONFIG=%s PATH=%s:$PATH", s.kubectl.Kubeconfig, filepath.Dir(s.kubectl.Program))
	tell("kubectl describe bcp/web-uploads -n team-a")
	tell("export AWS_ENDPOINT_URL=%s AWS_REGION=%s AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s",
		s.storage.Endpoint, s.storage.Region, s.storage.AccessKeyID, s.storage.SecretAccessKey)
	tell("aws s3api get-bucket-cors --bucket %s", demoBucket)
	tell("a directory in %s is a bucket: mkdir makes another", filepath.Join(s.dir, "s3", "buckets"))
	tell("the operator's log: %s", s.operator.LogFile)
	tell("make demo-stop   stops it all and removes %s", s.dir)
	return nil
}

// claimKeptDir makes the directory of a demo that is kept, which there is one of
// at a time, and holds it until the file is closed or this process ends.
func claimKeptDir() (string, *os.File, error) {
	dir, err := keptDir()
	if err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", nil, err
	}
	if err := os.Mkdir(dir, 0o700); errors.Is(err, fs.ErrExist) {
		if _, err := os.Stat(filepath.Join(dir, "kept.json")); err == nil {
			return "", nil, errors.New("an earlier demo was left running: stop it with `make demo-stop`")
		}
		return "", nil, fmt.Errorf("%s is there: another demo is starting, or was killed: wait for it, or remove what it left with `make demo-stop`", dir)
	} else if err != nil {
		return "", nil, err
	}
	held, err := hold(dir)
	if err != nil {
		return "", nil, errors.Join(err, os.Remove(dir))
	}
	return dir, held, nil
}

// hold locks the directory. The lock is free again when the file is closed, also
// by the end of this process; programs that it starts do not inherit it.
func hold(dir string) (*os.File, error) {
	file, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), file.Close())
	}
	return file, nil
}

// stopKept stops what was left running, and removes what a demo that was killed
// left behind.
func stopKept() error {
	dir, err := keptDir()
	if err != nil {
		return err
	}
	held, err := hold(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fmt.Println("demo: nothing is running")
		return nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return errors.New("a demo is starting, or being stopped: wait for it, or interrupt it where it was started")
	case err != nil:
		return err
	}
	defer held.Close() // the lock goes with it
	pids, err := readKept(dir)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if !runs(pid, dir) {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			return fmt.Errorf("stop process %d: %w", pid, err)
		}
		if err := awaitEnd(pid, dir); err != nil {
			return err
		}
	}
	// The programs of a demo that was killed end by themselves.
	for _, pid := range runningIn(dir) {
		if err := awaitEnd(pid, dir); err != nil {
			return err
		}
	}
	fmt.Println("demo: stopped")
	return os.RemoveAll(dir)
}

// readKept returns the processes that were left running, in the order in which
// they are to be stopped; none when the demo did not come so far.
func readKept(dir string) ([]int, error) {
	path := filepath.Join(dir, "kept.json")
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var k kept
	if err := json.Unmarshal(content, &k); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k.PIDs, nil
}

func awaitEnd(pid int, dir string) error {
	for deadline := time.Now().Add(stopTimeout); runs(pid, dir); {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d did not stop within %s", pid, stopTimeout)
		}
		<-time.After(50 * time.Millisecond)
	}
	return nil
}

// runs is whether there is such a process and, where the system tells command
// lines, whether it is one of the directory: each program has a path below it as
// an argument. The number of a process that has ended is given to another.
func runs(pid int, dir string) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	commandLine, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err != nil || bytes.Contains(commandLine, []byte(dir+"/"))
}

// runningIn returns the processes of the directory; none where the system does
// not tell command lines.
func runningIn(dir string) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		commandLine, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && bytes.Contains(commandLine, []byte(dir+"/")) {
			pids = append(pids, pid)
		}
	}
	return pids
}
