// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/localenv"
)

// testNamespace is there before any test runs.
const testNamespace = "api-tests"

// apiServer is a real API server with the CRDs of this tree. Nil with -short.
var apiServer *server

type server struct {
	*localenv.ControlPlane
	kubectl string
	client  client.Client
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) (status int) {
	if testing.Short() {
		return m.Run()
	}
	// Long enough to build the programs.
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute) //nolint:forbidigo // there is no test yet
	defer cancel()
	var err error
	if apiServer, err = start(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := apiServer.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}()
	return m.Run()
}

func start(ctx context.Context) (_ *server, err error) {
	assets, err := localenv.Ensure(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	plane, err := localenv.StartControlPlane(ctx, localenv.Options{Assets: assets, CRDPaths: []string{crdDir}})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, plane.Stop())
		}
	}()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	c, err := client.New(plane.Config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: testNamespace}}
	if err := c.Create(ctx, namespace); err != nil {
		return nil, err
	}
	return &server{ControlPlane: plane, kubectl: assets.Kubectl, client: c}, nil
}

func needsAPIServer(t *testing.T) {
	t.Helper()
	if apiServer == nil {
		t.Skip("needs an API server, which may have to be built first")
	}
}
