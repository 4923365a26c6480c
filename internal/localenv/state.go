// SPDX-License-Identifier: Apache-2.0

package localenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// state is the directory of something that runs, and the guard over its programs.
type state struct {
	dir       string
	temporary bool
	guard     *guard
}

// newState makes the directory, a temporary one when dir is empty.
func newState(dir, prefix string) (state, error) {
	s := state{temporary: dir == ""}
	var err error
	if s.temporary {
		s.dir, err = os.MkdirTemp("", prefix)
	} else if s.dir, err = filepath.Abs(dir); err == nil {
		err = os.MkdirAll(s.dir, 0o700)
	}
	if err != nil {
		return state{}, fmt.Errorf("making a state directory: %w", err)
	}
	remove := ""
	if s.temporary {
		remove = s.dir
	}
	if s.guard, err = newGuard("TERM", remove); err != nil {
		return state{}, errors.Join(err, s.remove())
	}
	return s, nil
}

// remove ends the guard, and removes the directory if it is a temporary one.
func (s state) remove() error {
	s.guard.release()
	if !s.temporary {
		return nil
	}
	return os.RemoveAll(s.dir)
}

func (s state) path(name string) string { return filepath.Join(s.dir, name) }

// makeDirs makes directories and returns their paths. They must be new or empty.
func (s state) makeDirs(names ...string) ([]string, error) {
	var paths []string
	for _, name := range names {
		path := s.path(name)
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, fmt.Errorf("making a state directory: %w", err)
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("making a state directory: %w", err)
		}
		if len(entries) > 0 {
			return nil, fmt.Errorf("the state directory %s was used before: remove it or name another", s.dir)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// createLog creates the file that a program writes to. A file, not a pipe: it goes on when this process ends.
func (s state) createLog(program string) (*os.File, error) {
	return os.OpenFile(s.path(program+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// logTail returns the last lines of a log, to be put behind an error.
func logTail(path string) string {
	const keep = 10
	content, err := os.ReadFile(path)
	if err != nil || len(content) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return fmt.Sprintf("\nend of %s:\n%s", path, strings.Join(lines[max(0, len(lines)-keep):], "\n"))
}
