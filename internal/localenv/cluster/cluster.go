// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/bucketcors/bucketcors/internal/localenv"
)

// NodeName is the name of the only node.
const NodeName = "node"

// s3Port is where the S3 server listens, at the address of the node.
const s3Port = "7070"

// Options say how to start a cluster. Assets and Node are required.
type Options struct {
	// Assets are the programs of the control plane and the S3 server, from localenv.Ensure.
	Assets localenv.Assets
	// Node are the programs of the node, from localenv.EnsureNode.
	Node localenv.NodeAssets

	// StateDir receives everything that the cluster keeps, and the logs. It must be empty or not there. Empty: a temporary
	// directory. It is removed when the cluster ends.
	StateDir string

	// Progress is called with a few words before each step. It may be nil.
	Progress func(step string)
}

// A Cluster is a running one.
type Cluster struct {
	// Config has the rights of a cluster administrator.
	Config *rest.Config

	// Kubeconfig is the path of a file, for kubectl and other processes, with the same rights.
	Kubeconfig string

	// StateDir is the absolute path of the directory with data, certificates, kubeconfigs and logs.
	StateDir string

	// Storage is the S3 server, which this machine and pods reach at the same address.
	Storage *localenv.S3Server

	assets     localenv.Assets
	node       localenv.NodeAssets
	namespaces *namespaces
	network    network
	authority  *authority
	programs   []*program
}

// startTimeout is far longer than the start takes: a loaded machine is slow.
const startTimeout = 5 * time.Minute

// Start starts a cluster and waits until its node is ready to run pods. The context is for the start alone: what runs is ended
// by Stop, or with this process, however that ends.
func Start(ctx context.Context, options Options) (_ *Cluster, err error) {
	if options.Assets.KubeAPIServer == "" || options.Node.Kubelet == "" {
		return nil, errors.New("no programs given to start a cluster: call localenv.Ensure and localenv.EnsureNode first")
	}
	if missing := Missing(ctx); len(missing) > 0 {
		return nil, fmt.Errorf("this machine cannot run a cluster, which needs %s", strings.Join(missing, ", "))
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	step := options.Progress
	if step == nil {
		step = func(string) {}
	}
	stateDir, err := newStateDir(options.StateDir)
	if err != nil {
		return nil, err
	}
	c := &Cluster{StateDir: stateDir, assets: options.Assets, node: options.Node}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()

	step("namespaces and network")
	if err := removeAbandonedCgroups(); err != nil {
		return nil, err
	}
	if c.namespaces, err = newNamespaces(ctx, stateDir); err != nil {
		return nil, err
	}
	if c.network, err = connect(ctx, c.namespaces); err != nil {
		return nil, err
	}
	step("certificates and configuration")
	if err := c.prepare(); err != nil {
		return nil, err
	}
	step("etcd, kube-apiserver, containerd and the S3 server")
	if err := errors.Join(c.startAPIServer(ctx), c.startContainerd(ctx)); err != nil {
		return nil, err
	}
	c.Storage, err = localenv.StartS3(ctx, localenv.S3Options{
		Assets: c.assets, StateDir: filepath.Join(stateDir, "s3"),
		Address: c.network.node.String() + ":" + s3Port, Enter: c.namespaces.enter(),
	})
	if err != nil {
		return nil, err
	}
	if err := c.awaitContainerd(ctx); err != nil {
		return nil, err
	}
	if err := c.loadPause(ctx); err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return nil, err
	}
	if err := c.awaitAPIServer(ctx, client); err != nil {
		return nil, err
	}
	step("kube-controller-manager, kube-scheduler, kubelet and kube-proxy")
	if err := errors.Join(c.startNode(ctx), c.startControllers(ctx)); err != nil {
		return nil, err
	}
	if err := c.awaitNode(ctx, client); err != nil {
		return nil, err
	}
	return c, nil
}

// newStateDir makes the directory, a temporary one when dir is empty, and returns its absolute path.
func newStateDir(dir string) (string, error) {
	if dir == "" {
		return os.MkdirTemp("", "bucketcors-cluster-")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(entries) > 0 {
		return "", fmt.Errorf("the state directory %s was used before: remove it or name another", dir)
	}
	return dir, nil
}

// prepare writes everything that programs find when they start.
func (c *Cluster) prepare() error {
	certificates := filepath.Join(c.StateDir, "certificates")
	if err := os.Mkdir(certificates, 0o700); err != nil {
		return err
	}
	var err error
	if c.authority, err = newAuthority(certificates, c.network.serverURL()); err != nil {
		return err
	}
	if err := c.issueCertificates(); err != nil {
		return err
	}
	if c.Kubeconfig, err = c.authority.issueKubeconfig("admin", "admin", "system:masters"); err != nil {
		return err
	}
	if c.Config, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig); err != nil {
		return err
	}
	return c.prepareNode()
}

// start starts a program and remembers it.
func (c *Cluster) start(ctx context.Context, path string, arguments ...string) error {
	p, err := c.namespaces.start(ctx, path, arguments...)
	if err != nil {
		return err
	}
	c.programs = append(c.programs, p)
	return nil
}

// await calls ready until it returns no error. That a program of the cluster ends, or that the context does, is one.
func (c *Cluster) await(ctx context.Context, what string, ready func() error) error {
	for {
		err := ready()
		if err == nil {
			return nil
		}
		if ended := stillRunning(c.programs); ended != nil {
			return fmt.Errorf("waiting for %s: %w", what, ended)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w: %w%s", what, ctx.Err(), err, ends(c.programs))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// awaitAPIServer spares those who ask the API server the seconds that they wait after a first try in vain.
func (c *Cluster) awaitAPIServer(ctx context.Context, client kubernetes.Interface) error {
	return c.await(ctx, "kube-apiserver", func() error {
		_, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err
	})
}

// awaitNode waits until the node is ready and a pod can be made: that the default service account is there.
func (c *Cluster) awaitNode(ctx context.Context, client kubernetes.Interface) error {
	err := c.await(ctx, "the node", func() error {
		node, err := client.CoreV1().Nodes().Get(ctx, NodeName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady && condition.Status != corev1.ConditionTrue {
				return errors.New(condition.Message)
			}
		}
		if len(node.Spec.Taints) > 0 || len(node.Status.Conditions) == 0 {
			return fmt.Errorf("it has the taints %v", node.Spec.Taints)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.await(ctx, "kube-controller-manager", func() error {
		_, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return errors.New("there is no default service account yet")
		}
		return err
	})
}

// Detach lets the cluster go on after this process has ended. Whoever started it ends it by Remove with the state directory.
func (c *Cluster) Detach() error {
	c.Storage.Detach()
	return c.namespaces.release()
}

// Stop ends everything and removes the state directory. It is safe to call twice.
func (c *Cluster) Stop() error {
	var errs []error
	if c.Storage != nil {
		errs = append(errs, c.Storage.Stop())
	}
	if c.namespaces != nil {
		errs = append(errs, c.namespaces.end())
	}
	if c.network.link != "" {
		errs = append(errs, c.network.disconnect(context.Background()))
	}
	return errors.Join(append(errs, Remove(context.Background(), c.StateDir))...)
}
