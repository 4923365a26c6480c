// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/localenv"
)

// world is everything that the tests share.
var world struct {
	assets  localenv.Assets
	plane   *localenv.ControlPlane
	storage *localenv.S3Server
	kubectl localenv.Kubectl
	// client has the rights of an administrator and reads without a cache.
	client client.Client

	operatorProgram    string
	operatorKubeconfig string
	operatorDir        string
	operator           *localenv.Operator
	addresses          addresses
}

func TestMain(m *testing.M) {
	// Tests wait far more than they compute.
	flag.Parse()
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) //nolint:forbidigo // TestMain has no t
	status := 1
	err := setUp(ctx)
	if err == nil {
		status = m.Run()
		err = checkOperatorLog()
	}
	if err = errors.Join(err, tearDown()); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		status = 1
	}
	stop()
	os.Exit(status)
}

func setUp(ctx context.Context) error {
	assets, err := localenv.Ensure(ctx, os.Stderr)
	if err != nil {
		return err
	}
	world.assets = assets
	if world.operatorDir, err = os.MkdirTemp("", "bucketcors-e2e-"); err != nil {
		return err
	}
	world.operatorProgram = filepath.Join(world.operatorDir, "bucketcors")
	if err := localenv.BuildOperator(ctx, world.operatorProgram); err != nil {
		return err
	}
	if world.plane, err = localenv.StartControlPlane(ctx, localenv.Options{Assets: assets}); err != nil {
		return err
	}
	if world.storage, err = localenv.StartS3(ctx, localenv.S3Options{Assets: assets}); err != nil {
		return err
	}
	world.kubectl = localenv.Kubectl{Program: assets.Kubectl, Kubeconfig: world.plane.Kubeconfig}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), s3v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	if world.client, err = client.New(world.plane.Config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if err := localenv.InstallOperator(ctx, world.kubectl); err != nil {
		return err
	}
	world.operatorKubeconfig, err = world.plane.ServiceAccountKubeconfig(ctx, localenv.OperatorNamespace, localenv.OperatorServiceAccount)
	if err != nil {
		return err
	}
	return startOperator(ctx)
}

// startOperator runs the operator as its own ServiceAccount. Its log goes to
// one file, however often it is started.
func startOperator(ctx context.Context) error {
	addresses, arguments, err := serveOnFreePorts()
	if err != nil {
		return err
	}
	operator, err := localenv.StartOperator(ctx, localenv.OperatorOptions{
		Program:    world.operatorProgram,
		Kubeconfig: world.operatorKubeconfig,
		StateDir:   world.operatorDir,
		Arguments:  append(arguments, "--leader-elect", "--concurrency=32", "--zap-log-level=debug"),
	})
	if err != nil {
		return err
	}
	world.operator, world.addresses = operator, addresses
	return nil
}

// addresses are where an operator serves HTTP.
type addresses struct {
	health, metrics string
}

// serveOnFreePorts chooses addresses, and the arguments that make an operator
// serve there.
func serveOnFreePorts() (addresses, []string, error) {
	health, err := localenv.FreeAddress()
	if err != nil {
		return addresses{}, nil, err
	}
	metrics, err := localenv.FreeAddress()
	if err != nil {
		return addresses{}, nil, err
	}
	free := addresses{health: health, metrics: metrics}
	return free, []string{"--health-probe-bind-address=" + free.health, "--metrics-bind-address=" + free.metrics}, nil
}

// secrets are strings that must not be in the operator's log.
var secrets struct {
	mu     sync.Mutex
	values []string
}

// keepSecret has the log of the operator searched for a string at the end.
func keepSecret(value string) {
	secrets.mu.Lock()
	defer secrets.mu.Unlock()
	secrets.values = append(secrets.values, value)
}

// checkOperatorLog finds what no test looks for: rights that are missing, panics
// and secrets.
func checkOperatorLog() error {
	log := world.operator.Log()
	var errs []error
	for line := range strings.Lines(log) {
		// What a test has an admission policy deny is forbidden too, and is no
		// missing right: those are of a user.
		if strings.Contains(line, "is forbidden: User") || strings.Contains(line, "panic") {
			errs = append(errs, fmt.Errorf("the operator logged: %s", strings.TrimSpace(line)))
		}
	}
	secrets.mu.Lock()
	defer secrets.mu.Unlock()
	for _, secret := range secrets.values {
		if strings.Contains(log, secret) {
			errs = append(errs, errors.New("the operator logged a secret"))
		}
	}
	if len(errs) > 5 {
		errs = append(errs[:5], fmt.Errorf("and %d more", len(errs)-5))
	}
	return errors.Join(errs...)
}

func tearDown() error {
	var errs []error
	if world.operator != nil {
		errs = append(errs, world.operator.Stop())
	}
	if world.storage != nil {
		errs = append(errs, world.storage.Stop())
	}
	if world.plane != nil {
		errs = append(errs, world.plane.Stop())
	}
	if world.operatorDir != "" && os.Getenv("KEEP_LOGS") == "" {
		errs = append(errs, os.RemoveAll(world.operatorDir))
	}
	return errors.Join(errs...)
}

// logHas is nil when the operator's log has a text.
func logHas(text string) error {
	if !strings.Contains(world.operator.Log(), text) {
		return fmt.Errorf("the operator did not log %q", text)
	}
	return nil
}
