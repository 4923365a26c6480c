// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/controllers"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/s3"
)

const (
	// leaderElectionID is the name of the lease of the replica that works.
	leaderElectionID = "bucketcors.s3.bucketcors.dev"
	// The bounds of the drift check interval are those of the schema of policies.
	minDriftCheckInterval = 10 * time.Second
	maxDriftCheckInterval = 8760 * time.Hour
	// maxProviderCheckInterval is the longest time between two looks at a provider:
	// one read of its Secret each, and none of its service.
	maxProviderCheckInterval = 5 * time.Minute
	// serviceAccountNamespaceFile tells a pod its namespace.
	serviceAccountNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
	// gracefulStop is how long a stop waits for work in progress; a pod's
	// terminationGracePeriodSeconds has to be longer.
	gracefulStop = 30 * time.Second
	// stopMargin is what a stop may take beyond that.
	stopMargin = 2 * time.Second
)

// controllerOptions are the flags of the verb controller.
type controllerOptions struct {
	concurrency        int
	driftCheckInterval time.Duration
	leaderElect        bool
	healthAddress      string
	pprofAddress       string
	namespace          string

	metrics metricsOptions
	webhook webhookOptions
	tracing tracingOptions
}

func newControllerCommand() *cobra.Command {
	var options controllerOptions
	logOptions := zap.Options{
		TimeEncoder: zapcore.RFC3339TimeEncoder,
		// An error of S3 is not one of the program: where it was met helps nobody.
		StacktraceLevel: zapcore.PanicLevel,
	}
	cmd := &cobra.Command{
		Use:   "controller",
		Short: "Run the operator",
		Long: `Run the operator until it is told to stop (SIGTERM, SIGINT): work in progress
is finished first.

The cluster is the one of the pod, or of --kubeconfig or KUBECONFIG.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := options.complete(serviceAccountNamespaceFile); err != nil {
				return err
			}
			logger := zap.New(zap.UseFlagOptions(&logOptions))
			ctrl.SetLogger(logger)
			klog.SetLogger(logger)
			// What the standard library has to say, such as of TLS handshakes, as well.
			klog.CopyStandardLogTo("INFO")
			return options.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&options.concurrency, "concurrency", 4, "how many policies are worked on at a time")
	flags.DurationVar(&options.driftCheckInterval, "drift-check-interval", 5*time.Minute,
		"time between two looks at a bucket whose policy names none; 10s to 8760h")
	flags.BoolVar(&options.leaderElect, "leader-elect", false, "work only while holding a lease, so that one of several replicas does")
	flags.StringVar(&options.healthAddress, "health-probe-bind-address", ":8081", `address of /healthz and /readyz; "0" for none`)
	flags.StringVar(&options.pprofAddress, "pprof-bind-address", "0",
		`address of /debug/pprof, which anyone who reaches it may read: such as 127.0.0.1:6060; "0" for none`)
	flags.StringVar(&options.namespace, "namespace", "",
		"namespace of the operator, where the Secrets of providers and the lease are (default: POD_NAMESPACE, or the pod's own)")

	options.metrics.addTo(flags)
	options.webhook.addTo(flags)
	options.tracing.addTo(flags)

	inherited := flag.NewFlagSet("", flag.ContinueOnError)
	config.RegisterFlags(inherited)
	logOptions.BindFlags(inherited)
	flags.AddGoFlagSet(inherited)
	cmd.AddCommand(newDeletePoliciesCommand())
	return cmd
}

// complete fills in what the flags left out, and refuses what cannot work. A
// pod finds its namespace in a file.
func (o *controllerOptions) complete(namespaceFile string) error {
	if o.concurrency < 1 {
		return fmt.Errorf("--concurrency is %d: it has to be at least 1", o.concurrency)
	}
	if o.driftCheckInterval < minDriftCheckInterval || o.driftCheckInterval > maxDriftCheckInterval {
		return fmt.Errorf("--drift-check-interval is %s: it has to be from 10s to 8760h", o.driftCheckInterval)
	}
	if o.namespace == "" {
		fromFile, err := os.ReadFile(namespaceFile)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("read the namespace of the pod: %w", err)
		}
		o.namespace = cmp.Or(os.Getenv("POD_NAMESPACE"), strings.TrimSpace(string(fromFile)))
	}
	if o.namespace == "" {
		return errors.New("the namespace of the operator is not known: set --namespace or POD_NAMESPACE")
	}
	return errors.Join(o.metrics.complete(), o.webhook.complete())
}

func (o *controllerOptions) run(ctx context.Context) error {
	restConfig, err := ctrl.GetConfig()
	if clientcmd.IsEmptyConfig(err) {
		return errors.New("find the cluster: this is no pod, and there is no kubeconfig: set --kubeconfig or KUBECONFIG")
	}
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	traces, err := o.tracing.start(ctx)
	if err != nil {
		return err
	}
	defer traces.stop(ctx)
	traces.requestsTo(restConfig)
	meter, err := newMetrics()
	if err != nil {
		return err
	}
	mgr, err := o.newManager(restConfig)
	if err != nil {
		return err
	}
	clients := s3.New(s3.Options{Version: buildVersion(), Observer: meter, TracerProvider: traces.requestsToS3()})
	buckets := bucketOpener{clients}
	recorder := mgr.GetEventRecorder(controllers.FieldOwner)
	policies := &controllers.PolicyReconciler{
		Client:             mgr.GetClient(),
		Buckets:            buckets,
		Preflights:         preflights{clients},
		Recorder:           recorder,
		Meter:              meter,
		Clock:              clock.RealClock{},
		Wrap:               traces.passes("BucketCORSPolicy"),
		Namespace:          o.namespace,
		DriftCheckInterval: o.driftCheckInterval,
		Concurrency:        o.concurrency,
	}
	providers := &controllers.ProviderReconciler{
		Client:        mgr.GetClient(),
		Connections:   buckets,
		Recorder:      recorder,
		Clock:         clock.RealClock{},
		Wrap:          traces.passes("BucketProvider"),
		Namespace:     o.namespace,
		CheckInterval: min(o.driftCheckInterval, maxProviderCheckInterval),
	}
	err = policies.SetupWithManager(ctx, mgr)
	if err == nil {
		err = providers.SetupWithManager(ctx, mgr)
	}
	if err == nil {
		err = countObjects(mgr)
	}
	if err == nil {
		err = o.webhook.setup(ctx, mgr, o.namespace)
	}
	if err != nil {
		if _, missing := errors.AsType[*apiutil.ErrResourceDiscoveryFailed](err); missing || meta.IsNoMatchError(err) {
			return fmt.Errorf("the cluster %s does not know the kinds of bucketcors: install its CRDs (kubectl apply -k config/crd): %w", restConfig.Host, err)
		}
		return err
	}
	ctrl.Log.Info("starting bucketcors", "version", buildVersion(), "namespace", o.namespace)
	if err := startManager(ctx, mgr); err != nil {
		ctrl.Log.Error(err, "bucketcors ends")
		return errLogged
	}
	return nil
}

// startManager runs the manager until the context is done. One whose caches
// never synced, because a right is missing, does not stop by itself: nothing is
// in progress then that would have to be waited for.
func startManager(ctx context.Context, mgr manager.Manager) error {
	var synced atomic.Bool
	ready := func(*http.Request) error {
		if !synced.Load() {
			return errors.New("policies and providers have not been read yet: see the log, and config/rbac for the rights")
		}
		return nil
	}
	if err := errors.Join(mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("caches", ready)); err != nil {
		return fmt.Errorf("set up the health checks: %w", err)
	}
	go func() { synced.Store(mgr.GetCache().WaitForCacheSync(ctx)) }()
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()

	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		wait := gracefulStop + stopMargin
		if !synced.Load() {
			wait = stopMargin
		}
		select {
		case err = <-ended:
		case <-time.After(wait):
			if synced.Load() {
				return fmt.Errorf("work in progress did not end within %s", wait)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("run the operator: %w", err)
	}
	return nil
}

func (o *controllerOptions) newManager(restConfig *rest.Config) (manager.Manager, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, s3v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("register the API types: %w", err)
		}
	}
	options := ctrl.Options{
		Scheme:                  scheme,
		Metrics:                 o.metrics.server(),
		HealthProbeBindAddress:  o.healthAddress,
		PprofBindAddress:        o.pprofAddress,
		LeaderElection:          o.leaderElect,
		LeaderElectionID:        leaderElectionID,
		LeaderElectionNamespace: o.namespace,
		// The process ends when the manager does, so nothing works on without the
		// lease, and the next replica need not wait for it to run out.
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       new(gracefulStop),
		Client: client.Options{
			FieldOwner: controllers.FieldOwner,
			// A cache of these would need the right to list and watch those of others.
			Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}, &appsv1.ControllerRevision{}}},
		},
	}
	mgr, err := ctrl.NewManager(restConfig, options)
	if err != nil {
		return nil, fmt.Errorf("set up the operator: %w", err)
	}
	return mgr, nil
}

// bucketOpener lets the reconcilers use the S3 clients. It is their
// controllers.Buckets and their controllers.Connections.
type bucketOpener struct {
	clients *s3.Clients
}

func (o bucketOpener) Open(ctx context.Context, provider bucket.Provider, location bucket.Location) (controllers.Bucket, error) {
	opened, err := o.clients.Open(ctx, provider, location)
	if err != nil {
		return nil, err
	}
	return opened, nil
}

func (o bucketOpener) Check(ctx context.Context, provider bucket.Provider) error {
	return o.clients.Check(ctx, provider)
}

func (o bucketOpener) Forget(providerName string) { o.clients.Forget(providerName) }
