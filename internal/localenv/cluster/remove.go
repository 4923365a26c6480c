// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// removeTimeout is how long processes may take to end once they were killed.
const removeTimeout = 30 * time.Second

// Remove ends the cluster whose state directory this is, as far as it runs, and removes what it left, the directory last. It
// does so after a crash as well, of whatever part. That there is no such directory is no error.
func Remove(ctx context.Context, stateDir string) error {
	stateDir, err := filepath.Abs(stateDir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	if err := endProcesses(ctx, stateDir); err != nil {
		return fmt.Errorf("ending the cluster of %s: %w", stateDir, err)
	}
	if content, err := os.ReadFile(filepath.Join(stateDir, linkFile)); err == nil {
		if err := (network{link: strings.TrimSpace(string(content))}).disconnect(ctx); err != nil {
			return err
		}
	}
	return errors.Join(removeAbandonedCgroups(), os.RemoveAll(stateDir))
}

// Running reports whether the cluster of the state directory runs.
func Running(stateDir string) (bool, error) {
	_, running, err := firstProcess(stateDir)
	return running, err
}

// firstProcess returns the process id of the first process of the cluster of the state directory; zero while there is none yet.
func firstProcess(stateDir string) (pid int, running bool, err error) {
	pid, err = readPID(filepath.Join(stateDir, firstPIDFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	pids, err := processesOf(stateDir)
	// By now the number may be another's.
	return pid, slices.Contains(pids, pid), err
}

// endProcesses ends the first process, and with it all of the cluster, and waits until those outside that hold it are gone too.
func endProcesses(ctx context.Context, stateDir string) error {
	for {
		pids, err := processesOf(stateDir)
		if err != nil || len(pids) == 0 {
			return err
		}
		first, running, err := firstProcess(stateDir)
		if err != nil {
			return err
		}
		if running {
			pids = []int{first}
		}
		// Without it, those that would make it are ended; or they clean up after it and end by themselves.
		if running || first == 0 {
			for _, pid := range pids {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
					return err
				}
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the processes %v do not end: %w", pids, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// processesOf returns the processes that hold the namespaces of a cluster: the keeper, the first one and the one between them.
// Each has the state directory as an argument.
func processesOf(stateDir string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // not Linux, so there is no cluster
	}
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		commandLine, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err != nil {
			continue // it has ended
		}
		arguments := strings.Split(string(commandLine), "\x00")
		if name := filepath.Base(arguments[0]); (name == "sh" || name == "unshare") && slices.Contains(arguments, stateDir) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// removeAbandonedCgroups removes the control groups of clusters whose keeper is gone. In those of others there is something, or
// soon will be.
func removeAbandonedCgroups() error {
	var groups []string
	for _, pattern := range []string{filepath.Join(cgroupRoot, cgroupPrefix+"*"), filepath.Join(cgroupRoot, "*", cgroupPrefix+"*")} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		groups = append(groups, found...)
	}
	for _, group := range groups {
		keeper := strings.TrimPrefix(filepath.Base(group), cgroupPrefix)
		// Of one that has ended and is not waited for there is no command line; by now the number may be another's.
		if commandLine, err := os.ReadFile(filepath.Join("/proc", keeper, "cmdline")); err == nil && strings.HasPrefix(string(commandLine), "sh\x00") {
			continue
		}
		if err := removeCgroup(group); err != nil {
			return err
		}
	}
	return nil
}

// removeCgroup removes a control group and those below it. Only directories can be removed there: their files go along.
func removeCgroup(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeCgroup(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	if err := syscall.Rmdir(dir); err != nil {
		return fmt.Errorf("removing the control group %s: %w", dir, err)
	}
	return nil
}
