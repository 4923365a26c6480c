// SPDX-License-Identifier: Apache-2.0

package localenv

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// S3Options say how to start an S3 server. Only Assets is required.
type S3Options struct {
	// Assets are the programs, from Ensure.
	Assets Assets

	// StateDir receives buckets, users and the log. It is made if need be. A directory used before brings its buckets along.
	// Empty: a temporary directory, which Stop removes.
	StateDir string

	// Region is the only region of the server. Empty: us-east-1.
	Region string

	// Address is the address and port to listen on. Empty: a free port of 127.0.0.1.
	Address string

	// Enter are the words that, before a command, run it elsewhere on this machine, such as in namespaces that Address belongs
	// to. Empty: the server runs as other programs do.
	Enter []string

	// AccessKeyID and SecretAccessKey are the keys of the root user. Empty: random ones.
	AccessKeyID, SecretAccessKey string
}

// An S3Server is a running versitygw over a directory of the file system.
type S3Server struct {
	// Endpoint is the URL of the server, without a slash at the end. Buckets are addressed by path.
	Endpoint string

	// Region is what requests are signed for.
	Region string

	// AccessKeyID and SecretAccessKey are the keys of the root user, who may do everything.
	AccessKeyID, SecretAccessKey string

	// PID is the process id. It is also the process group.
	PID int

	// StateDir is the absolute path of the directory with the buckets, users and log.
	StateDir string

	// LogFile has a line for every request.
	LogFile string

	program string
	address string
	enter   []string
	process *exec.Cmd
	exited  chan struct{}
	state   state
}

const (
	s3StartTimeout = time.Minute
	s3StopTimeout  = 10 * time.Second
	// s3StartAttempts is how often a start is tried when another program takes the port that was free a moment before.
	s3StartAttempts = 5
)

// Below the state directory. Metadata stand in files of their own: not every file system has extended attributes.
const (
	bucketsDir  = "buckets"
	metadataDir = "metadata"
	usersDir    = "users"
)

var errPortTaken = errors.New("the port was taken")

// StartS3 starts an S3 server on a free port of 127.0.0.1 and waits until it answers. The context bounds the start alone: the
// server is ended by Stop, or with this process. It takes no settings from the environment.
func StartS3(ctx context.Context, options S3Options) (_ *S3Server, err error) {
	if options.Assets.VersityGW == "" {
		return nil, errors.New("no program given to start an S3 server: call Ensure first")
	}
	state, err := newState(options.StateDir, "bucketcors-s3-")
	if err != nil {
		return nil, err
	}
	s := &S3Server{
		Region:          cmp.Or(options.Region, "us-east-1"),
		AccessKeyID:     cmp.Or(options.AccessKeyID, rand.Text()[:20]),
		SecretAccessKey: cmp.Or(options.SecretAccessKey, rand.Text()+rand.Text()),
		StateDir:        state.dir,
		program:         options.Assets.VersityGW,
		address:         options.Address,
		enter:           options.Enter,
		state:           state,
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	for _, dir := range []string{bucketsDir, metadataDir, usersDir} {
		if err := os.MkdirAll(state.path(dir), 0o700); err != nil {
			return nil, fmt.Errorf("making a state directory: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s3StartTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		err := s.start(ctx)
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, errPortTaken) || options.Address != "" || attempt == s3StartAttempts {
			return nil, fmt.Errorf("starting an S3 server: %w%s", err, logTail(s.LogFile))
		}
	}
}

// start runs the server on a port that is free now, and waits until it answers.
func (s *S3Server) start(ctx context.Context) error {
	address := s.address
	if address == "" {
		var err error
		if address, err = FreeAddress(); err != nil {
			return err
		}
	}
	log, err := s.state.createLog(versityGW)
	if err != nil {
		return err
	}
	defer log.Close() // the program has its own handle
	s.LogFile = log.Name()
	s.Endpoint = "http://" + address
	// A path that only we know: whoever answers there is our server.
	health := "/health-" + rand.Text()

	command := append(slices.Clone(s.enter), s.program,
		"--port", address, "--region", s.Region, "--health", health,
		"--iam-dir", s.state.path(usersDir), "--iam-cache-disable",
		"posix", "--sidecar", s.state.path(metadataDir), s.state.path(bucketsDir))
	s.process = s.state.guard.command(context.WithoutCancel(ctx), command[0], command[1:]...)
	s.process.Env = append(plainEnvironment(),
		"ROOT_ACCESS_KEY_ID="+s.AccessKeyID, "ROOT_SECRET_ACCESS_KEY="+s.SecretAccessKey)
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		return err
	}
	s.PID = s.process.Process.Pid
	exited := make(chan struct{})
	s.exited = exited
	go func() {
		defer close(exited)
		_ = s.process.Wait() // how it ended is in its log
	}()
	return s.awaitHealth(ctx, health)
}

func (s *S3Server) awaitHealth(ctx context.Context, path string) error {
	client := &http.Client{Transport: &http.Transport{}} // no proxy, whatever the environment says
	defer client.CloseIdleConnections()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+path, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.exited:
			if content, err := os.ReadFile(s.LogFile); err == nil && strings.Contains(string(content), "address already in use") {
				return errors.Join(errPortTaken, os.Remove(s.LogFile))
			}
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("it does not answer at %s: %w", s.Endpoint, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop ends the server, waits for it and removes the state directory if it is a temporary one. It is safe to call twice.
func (s *S3Server) Stop() error {
	return errors.Join(s.end(), s.state.remove())
}

func (s *S3Server) end() error {
	if s.exited == nil {
		return nil
	}
	select {
	case <-s.exited:
		return nil
	default:
	}
	if err := signalGroup(s.PID, syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(s3StopTimeout):
	}
	if err := signalGroup(s.PID, syscall.SIGKILL); err != nil {
		return err
	}
	<-s.exited
	return nil
}

// Detach lets the server go on after this process has ended, with the state directory. Whoever started it ends it by PID.
func (s *S3Server) Detach() {
	s.state.guard.release()
}

// CreateBucket makes an empty bucket, which belongs to the root user. There must be none of this name.
func (s *S3Server) CreateBucket(name string) error {
	return os.Mkdir(s.state.path(filepath.Join(bucketsDir, name)), 0o700)
}

// DeleteBucket removes a bucket with its objects and configuration. That there is none of this name is no error.
func (s *S3Server) DeleteBucket(name string) error {
	if !fs.ValidPath(name) || name == "." {
		return fmt.Errorf("%q is not the name of a bucket", name)
	}
	return errors.Join(
		os.RemoveAll(s.state.path(filepath.Join(bucketsDir, name))),
		os.RemoveAll(s.state.path(filepath.Join(metadataDir, name))))
}

// Role is what a user of the S3 server may do, in the server's own words.
type Role string

const (
	// RoleUser may use what it is granted, and can create nothing. A bucket of the root user refuses it: AccessDenied.
	RoleUser Role = "user"
	// RoleUserPlus may create buckets besides.
	RoleUserPlus Role = "userplus"
	// RoleAdmin may do everything to all buckets.
	RoleAdmin Role = "admin"
)

// CreateUser adds a user with these keys. The keys stand on the command line of a short-lived process.
func (s *S3Server) CreateUser(ctx context.Context, accessKeyID, secretAccessKey string, role Role) error {
	command := exec.CommandContext(ctx, s.program, "admin", "--endpoint-url", s.Endpoint, "--region", s.Region,
		"create-user", "--access", accessKeyID, "--secret", secretAccessKey, "--role", string(role))
	command.Env = append(plainEnvironment(),
		"ADMIN_ACCESS_KEY_ID="+s.AccessKeyID, "ADMIN_SECRET_ACCESS_KEY="+s.SecretAccessKey)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("creating the user %s of the S3 server: %w: %s", accessKeyID, err, strings.TrimSpace(string(output)))
	}
	return nil
}
