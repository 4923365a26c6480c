// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOneAtATimeStartsOrStopsTheClusterThatIsKept(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, release, err := claim()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := claim(); err == nil || !strings.Contains(err.Error(), "starting") {
		t.Errorf("a second one: error %v; want that another is at work", err)
	}
	// What one that was killed leaves.
	if err := os.MkdirAll(filepath.Join(dir, "etcd"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := stopKept(t.Context()); err == nil {
		t.Error("it was stopped while another was at work")
	}
	release()
	if err := stopKept(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is still there, error %v", err)
	}
	if err := stopKept(t.Context()); err != nil {
		t.Errorf("where nothing is left: %v", err)
	}
}

func TestArgumentsThatAreNoneAreRefused(t *testing.T) {
	for _, arguments := range [][]string{nil, {"up"}, {"start"}, {"start", "a", "b"}, {"load"}, {"stop", "now"}, {"check", "it"}} {
		if err := run(t.Context(), arguments); err == nil || !strings.HasPrefix(err.Error(), "usage: ") {
			t.Errorf("%q: error %v; want how it is used", arguments, err)
		}
	}
}
