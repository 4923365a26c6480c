// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// readKept is what was left running; nil when nothing was, or no longer is.
func readKept() (*kept, error) {
	dir, err := keptDir()
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(filepath.Join(dir, "kept.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var k kept
	if err := json.Unmarshal(content, &k); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "kept.json"), err)
	}
	if slices.ContainsFunc(k.PIDs, runs) {
		return &k, nil
	}
	return nil, os.RemoveAll(dir)
}

// stopKept stops what was left running.
func stopKept() error {
	k, err := readKept()
	if err != nil {
		return err
	}
	if k == nil {
		fmt.Println("demo: nothing is running")
		return nil
	}
	for _, pid := range k.PIDs {
		if !runs(pid) {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			return fmt.Errorf("stop process %d: %w", pid, err)
		}
		for deadline := time.Now().Add(stopTimeout); runs(pid); {
			if time.Now().After(deadline) {
				return fmt.Errorf("process %d did not stop within %s", pid, stopTimeout)
			}
			<-time.After(50 * time.Millisecond)
		}
	}
	dir, err := keptDir()
	if err != nil {
		return err
	}
	fmt.Println("demo: stopped")
	return os.RemoveAll(dir)
}

// runs is whether there is such a process.
func runs(pid int) bool { return syscall.Kill(pid, 0) == nil }
