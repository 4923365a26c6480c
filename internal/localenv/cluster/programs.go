// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// program is a running one of a cluster.
type program struct {
	name   string
	log    string
	exited chan struct{}
}

// start runs a program inside of the namespaces. Its log is name.log in the state directory.
func (n *namespaces) start(ctx context.Context, path string, arguments ...string) (*program, error) {
	name := filepath.Base(path)
	log, err := os.OpenFile(filepath.Join(n.stateDir, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the program has its own handle
	// The context is for the start alone.
	cmd := n.command(context.WithoutCancel(ctx), path, arguments...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &program{name: name, log: log.Name(), exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // how it ended is in its log
	}()
	return p, nil
}

// stillRunning returns an error, with the end of its log, when one of the programs has ended.
func stillRunning(programs []*program) error {
	for _, p := range programs {
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended%s", p.name, logTail(p.log))
		default:
		}
	}
	return nil
}

// ends are the ends of the logs of all programs.
func ends(programs []*program) string {
	var all strings.Builder
	for _, p := range programs {
		all.WriteString(logTail(p.log))
	}
	return all.String()
}
