// SPDX-License-Identifier: Apache-2.0

package localenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// The service account that the manifests in config/ give to the operator.
const (
	OperatorNamespace      = "bucketcors-system"
	OperatorServiceAccount = "bucketcors-manager"
)

// operatorStopTimeout is longer than the operator takes to finish its work.
const operatorStopTimeout = 45 * time.Second

// BuildOperator builds bucketcors from the source tree around the working directory into a file.
func BuildOperator(ctx context.Context, path string) error {
	root, err := workingSourceRoot()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, ".")
	cmd.Dir = root
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building bucketcors: %w\n%s", err, output)
	}
	return nil
}

// InstallOperator applies everything in config/ that a running operator needs but its Deployment: its namespace, the CRDs,
// its service account and the rights of that.
func InstallOperator(ctx context.Context, kubectl Kubectl) error {
	root, err := workingSourceRoot()
	if err != nil {
		return err
	}
	config := func(path string) string { return filepath.Join(root, "config", path) }
	for _, arguments := range [][]string{
		{"apply", "--server-side", "-f", config("manager/namespace.yaml")},
		{"apply", "--server-side", "-k", config("crd")},
		{"wait", "--for=condition=Established", "--timeout=60s",
			"crd/bucketcorspolicies.s3.bucketcors.dev", "crd/bucketproviders.s3.bucketcors.dev"},
		{"apply", "--server-side", "-k", config("rbac")},
	} {
		if _, err := kubectl.Run(ctx, "", arguments...); err != nil {
			return fmt.Errorf("installing bucketcors: %w", err)
		}
	}
	return nil
}

// workingSourceRoot is the root of the source tree around the working directory.
func workingSourceRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return sourceRoot(dir)
}

// OperatorOptions say how to run the operator. StateDir, Arguments and Environment may be empty.
type OperatorOptions struct {
	// Program is the path of bucketcors, from BuildOperator.
	Program string
	// Kubeconfig says which cluster, and as whom.
	Kubeconfig string
	// StateDir receives the log; empty: a temporary directory, which Stop and Kill remove.
	StateDir string
	// Arguments are more flags of bucketcors controller.
	Arguments []string
	// Environment are more variables, each as NAME=value.
	Environment []string
}

// Operator is a running bucketcors controller.
type Operator struct {
	// PID is its process id.
	PID int
	// LogFile is the path of the file that it writes its log to.
	LogFile string

	state   state
	process *exec.Cmd
	exited  chan struct{}
	failure error // why it ended; to be read when exited is closed
}

// StartOperator starts the operator. It does not wait until it works.
func StartOperator(ctx context.Context, options OperatorOptions) (*Operator, error) {
	state, err := newState(options.StateDir, "bucketcors-operator-")
	if err != nil {
		return nil, err
	}
	log, err := state.createLog(filepath.Base(options.Program))
	if err != nil {
		return nil, errors.Join(err, state.remove())
	}
	defer log.Close()
	arguments := append([]string{
		"controller", "--namespace=" + OperatorNamespace,
		"--metrics-bind-address=127.0.0.1:0", "--metrics-secure=false", "--health-probe-bind-address=127.0.0.1:0",
	}, options.Arguments...)
	process := state.guard.command(context.WithoutCancel(ctx), options.Program, arguments...)
	process.Env = append(append(os.Environ(), "KUBECONFIG="+options.Kubeconfig), options.Environment...)
	process.Stdout, process.Stderr = log, log
	if err := process.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the operator: %w", err), state.remove())
	}
	o := &Operator{PID: process.Process.Pid, LogFile: log.Name(), state: state, process: process, exited: make(chan struct{})}
	go func() {
		defer close(o.exited)
		o.failure = process.Wait()
	}()
	return o, nil
}

// Stop asks the operator to stop, as Kubernetes does, and waits until it has. The error says if it did not end well.
func (o *Operator) Stop() error { return o.end(syscall.SIGTERM) }

// Kill ends the operator at once, in the middle of whatever it does.
func (o *Operator) Kill() error {
	if err := o.end(syscall.SIGKILL); err != nil && o.process.ProcessState == nil {
		return err
	}
	return nil
}

func (o *Operator) end(signal syscall.Signal) error {
	var err error
	select {
	case <-o.exited: // its PID may be another's by now
	default:
		err = signalGroup(o.PID, signal)
	}
	select {
	case <-o.exited:
		err = errors.Join(err, o.failure)
	case <-time.After(operatorStopTimeout):
		err = errors.Join(err, fmt.Errorf("the operator did not stop within %s", operatorStopTimeout), signalGroup(o.PID, syscall.SIGKILL))
	}
	return errors.Join(err, o.state.remove())
}

// Log is what the operator has written so far.
func (o *Operator) Log() string {
	content, err := os.ReadFile(o.LogFile)
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// Detach lets the operator go on after this process has ended.
func (o *Operator) Detach() { o.state.guard.release() }
