// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/localenv"
	"github.com/bucketcors/bucketcors/internal/s3"
)

// stage is everything that runs.
type stage struct {
	dir string
	// held keeps the directory of a demo that is kept ours.
	held     *os.File
	plane    *localenv.ControlPlane
	storage  *localenv.S3Server
	operator *localenv.Operator
	kubectl  localenv.Kubectl
	// other reaches the bucket the way somebody else does: with the keys of the
	// server and without the operator.
	other *s3.Bucket
}

const demoBucket = "team-a-uploads"

// startStage starts the servers and the operator. The stage is never nil: what
// was started before an error has to be stopped.
func startStage(ctx context.Context, keep bool) (*stage, error) {
	s := &stage{}
	var err error
	if keep {
		s.dir, s.held, err = claimKeptDir()
	} else {
		s.dir, err = os.MkdirTemp("", "bucketcors-demo-")
	}
	if err != nil {
		return s, err
	}
	say("Building what is needed (the first time this takes minutes; later it is cached)")
	assets, err := localenv.Ensure(ctx, os.Stdout)
	if err != nil {
		return s, err
	}
	program := filepath.Join(s.dir, "bucketcors")
	if err := localenv.BuildOperator(ctx, program); err != nil {
		return s, err
	}

	say("Starting a Kubernetes API server and an S3 server on this machine")
	started := time.Now()
	if s.plane, err = localenv.StartControlPlane(ctx, localenv.Options{Assets: assets, StateDir: filepath.Join(s.dir, "controlplane")}); err != nil {
		return s, err
	}
	if s.storage, err = localenv.StartS3(ctx, localenv.S3Options{Assets: assets, StateDir: filepath.Join(s.dir, "s3")}); err != nil {
		return s, err
	}
	if err := s.storage.CreateBucket(demoBucket); err != nil {
		return s, err
	}
	s.kubectl = localenv.Kubectl{Program: assets.Kubectl, Kubeconfig: s.plane.Kubeconfig}
	tell("API server %s, S3 server %s with the empty bucket %q (after %s)",
		s.plane.Config.Host, s.storage.Endpoint, demoBucket, time.Since(started).Round(100*time.Millisecond))

	say("Installing the CRDs and the rights of the operator from config/")
	if err := localenv.InstallOperator(ctx, s.kubectl); err != nil {
		return s, err
	}
	kubeconfig, err := s.plane.ServiceAccountKubeconfig(ctx, localenv.OperatorNamespace, localenv.OperatorServiceAccount)
	if err != nil {
		return s, err
	}
	s.operator, err = localenv.StartOperator(ctx, localenv.OperatorOptions{
		Program: program, Kubeconfig: kubeconfig, StateDir: filepath.Join(s.dir, "operator"),
	})
	if err != nil {
		return s, err
	}
	tell("the operator runs as system:serviceaccount:%s:%s, process %d", localenv.OperatorNamespace, localenv.OperatorServiceAccount, s.operator.PID)

	s.other, err = s3.New(s3.Options{Version: "demo"}).Open(ctx, bucket.Provider{
		Name: "somebody-else", Region: s.storage.Region, Endpoint: s.storage.Endpoint,
		Credentials: &bucket.Credentials{AccessKeyID: s.storage.AccessKeyID, SecretAccessKey: s.storage.SecretAccessKey},
	}, bucket.Location{Name: demoBucket})
	return s, err
}

// stop stops everything and leaves nothing behind.
func (s *stage) stop() error {
	var errs []error
	if s.operator != nil {
		errs = append(errs, s.operator.Stop())
	}
	if s.storage != nil {
		errs = append(errs, s.storage.Stop())
	}
	if s.plane != nil {
		errs = append(errs, s.plane.Stop())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	if s.held != nil {
		errs = append(errs, s.held.Close())
	}
	return errors.Join(errs...)
}

// say announces a step.
func say(format string, arguments ...any) {
	fmt.Printf("\n==> "+format+"\n", arguments...)
}

// tell adds something to a step.
func tell(format string, arguments ...any) {
	fmt.Printf("    "+format+"\n", arguments...)
}
