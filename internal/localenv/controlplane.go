// SPDX-License-Identifier: Apache-2.0

package localenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Options say how to start a control plane. Only Assets is required.
type Options struct {
	// Assets are the programs, from Ensure.
	Assets Assets

	// StateDir receives the data of etcd, certificates, kubeconfigs and logs. It is made if need be and must not hold those of
	// an earlier start. Empty: a temporary directory, which Stop removes.
	StateDir string

	// CRDPaths are files with CustomResourceDefinitions or directories of such files, to be installed.
	CRDPaths []string

	// APIServerFlags are more flags of kube-apiserver, named without dashes. They replace those that we and envtest set.
	APIServerFlags map[string][]string
}

// A ControlPlane is a running etcd and kube-apiserver, with authorization by RBAC and no controllers: nothing deletes the
// content of a deleted namespace or the dependents of a deleted object.
type ControlPlane struct {
	// Config has the rights of a cluster administrator.
	Config *rest.Config

	// Kubeconfig is the path of a file, for kubectl and other processes, with the same rights. It is valid for a week.
	Kubeconfig string

	// StateDir is the absolute path of the directory with data, certificates, kubeconfigs and logs.
	StateDir string

	// PIDs are the process ids by program name. Each is also its process group.
	PIDs map[string]int

	environment *envtest.Environment
	state       state
}

// A loaded machine needs far longer than the 20 seconds that envtest waits.
const controlPlaneStartTimeout = 2 * time.Minute

// StartControlPlane starts a control plane on loopback addresses and waits until it is ready and the CRDs are established.
// The context is for the start alone, and that it is cancelled is noticed when the API server is up or was given up, for
// envtest takes no context. What runs is ended by Stop, or with this process.
func StartControlPlane(ctx context.Context, options Options) (_ *ControlPlane, err error) {
	if options.Assets.KubeAPIServer == "" {
		return nil, errors.New("no programs given to start a control plane: call Ensure first")
	}
	state, err := newState(options.StateDir, "bucketcors-controlplane-")
	if err != nil {
		return nil, err
	}
	environment := &envtest.Environment{
		UseExistingCluster:       new(false),
		BinaryAssetsDirectory:    options.Assets.Dir,
		ControlPlaneStartTimeout: controlPlaneStartTimeout,
		CRDInstallOptions:        envtest.CRDInstallOptions{Paths: options.CRDPaths, ErrorIfPathMissing: true},
	}
	names := []string{filepath.Base(options.Assets.Etcd), filepath.Base(options.Assets.KubeAPIServer)}
	defer func() {
		if err != nil {
			err = errors.Join(err, state.guard.killAll(false, names...), environment.Stop(), state.remove())
		}
	}()

	dirs, err := state.makeDirs("etcd", "apiserver")
	if err != nil {
		return nil, err
	}
	etcdLog, err := state.createLog(etcd)
	if err != nil {
		return nil, err
	}
	defer etcdLog.Close() // the program has its own handle
	apiServerLog, err := state.createLog(kubeAPIServer)
	if err != nil {
		return nil, err
	}
	defer apiServerLog.Close() // the program has its own handle
	etcdWrapper, apiServerWrapper := state.path("run-etcd"), state.path("run-kube-apiserver")
	if err := errors.Join(state.guard.wrapper(etcdWrapper, options.Assets.Etcd),
		state.guard.wrapper(apiServerWrapper, options.Assets.KubeAPIServer)); err != nil {
		return nil, err
	}

	plane := &environment.ControlPlane
	plane.KubectlPath = options.Assets.Kubectl
	plane.Etcd = &envtest.Etcd{Path: etcdWrapper, DataDir: dirs[0], Out: etcdLog, Err: etcdLog}
	plane.APIServer = &envtest.APIServer{Path: apiServerWrapper, CertDir: dirs[1], Out: apiServerLog, Err: apiServerLog}
	// Left alone it looks for an address to advertise, which a machine without a network does not have.
	plane.APIServer.Configure().Set("advertise-address", "127.0.0.1").Set("endpoint-reconciler-type", "none")
	for flag, values := range options.APIServerFlags {
		plane.APIServer.Configure().Set(flag, values...)
	}
	config, err := environment.Start()
	if err != nil {
		return nil, fmt.Errorf("starting a control plane: %w%s%s", err, logTail(etcdLog.Name()), logTail(apiServerLog.Name()))
	}
	// envtest makes certificates for webhooks, which there are none of, where
	// nobody would look for them.
	if err := os.RemoveAll(environment.WebhookInstallOptions.LocalServingCertDir); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}

	c := &ControlPlane{
		Config: config, Kubeconfig: state.path("admin.kubeconfig"), StateDir: state.dir, PIDs: map[string]int{},
		environment: environment, state: state,
	}
	for _, name := range names {
		pids, err := state.guard.pids(name)
		if err != nil {
			return nil, err
		}
		c.PIDs[name] = pids[len(pids)-1]
	}
	// envtest tries again after a start that took too long, and does not wait for the end of the former try.
	if err := state.guard.killAll(true, names...); err != nil {
		return nil, err
	}
	if err := os.WriteFile(c.Kubeconfig, environment.KubeConfig, 0o600); err != nil {
		return nil, err
	}
	return c, nil
}

// Stop ends the programs, waits for them and removes the state directory if it is a temporary one. It is safe to call twice.
func (c *ControlPlane) Stop() error {
	return errors.Join(c.environment.Stop(), c.state.remove())
}

// Detach lets the programs go on after this process has ended, with the state directory. Whoever started them ends them by
// PIDs: kube-apiserver first.
func (c *ControlPlane) Detach() {
	c.state.guard.release()
}

const tokenLifetime = 24 * time.Hour

// ServiceAccountKubeconfig returns the path of a new kubeconfig file with which a process acts as the service account, with the
// rights that RBAC gives it. The service account must exist. The token is valid for 24 hours.
func (c *ControlPlane) ServiceAccountKubeconfig(ctx context.Context, namespace, name string) (string, error) {
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return "", err
	}
	request := &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(tokenLifetime.Seconds()))},
	}
	request, err = client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("asking for a token of the service account %s/%s: %w", namespace, name, err)
	}
	const cluster = "local"
	path := c.state.path(fmt.Sprintf("serviceaccount-%s-%s.kubeconfig", namespace, name))
	err = clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{
			cluster: {Server: c.Config.Host, CertificateAuthorityData: c.Config.CAData},
		},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{name: {Token: request.Status.Token}},
		Contexts:       map[string]*clientcmdapi.Context{cluster: {Cluster: cluster, AuthInfo: name, Namespace: namespace}},
		CurrentContext: cluster,
	}, path)
	if err != nil {
		return "", fmt.Errorf("writing a kubeconfig: %w", err)
	}
	return path, nil
}
