// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/bucketcors/bucketcors/internal/localenv/cluster"
)

// claim returns the directory of the cluster that is kept, which there is one of,
// and keeps others from starting or stopping it until release is called or this
// process ends.
func claim() (dir string, release func(), err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", nil, err
	}
	dir = filepath.Join(cache, "bucketcors", "cluster")
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", nil, err
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", nil, err
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errors.New("the cluster is starting, or being stopped: wait for it, or interrupt it where it was started")
	}
	if err != nil {
		return "", nil, errors.Join(err, lock.Close())
	}
	return dir, func() { _ = lock.Close() }, nil
}

// stopKept stops the cluster that was left running, and removes what one that was
// killed left behind.
func stopKept(ctx context.Context) error {
	dir, release, err := claim()
	if err != nil {
		return err
	}
	defer release()
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		fmt.Println("cluster: nothing is running")
		return nil
	}
	if err := cluster.Remove(ctx, dir); err != nil {
		return err
	}
	fmt.Println("cluster: stopped")
	return nil
}
