// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
)

const apiServerPort = "6443"

// Names of certificates and keys.
const (
	apiServerCertificate = "apiserver"
	kubeletClient        = "apiserver-kubelet-client"
	kubeletCertificate   = "kubelet"
	serviceAccounts      = "serviceaccounts"
)

// issueCertificates writes what the control plane and the node need.
func (c *Cluster) issueCertificates() error {
	err := c.authority.issueServer(apiServerCertificate,
		[]string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		c.network.node, c.network.apiService, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	if err != nil {
		return err
	}
	if err := c.authority.issueServer(kubeletCertificate, []string{NodeName}, c.network.node); err != nil {
		return err
	}
	if err := c.authority.issueClient(kubeletClient, kubeletClient, "system:masters"); err != nil {
		return err
	}
	if _, err := c.authority.newKey(serviceAccounts); err != nil {
		return err
	}
	return nil
}

// startAPIServer starts etcd and kube-apiserver and does not wait for them.
func (c *Cluster) startAPIServer(ctx context.Context) error {
	const etcdURL, etcdPeerURL = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
	err := c.start(ctx, c.assets.Etcd, "--data-dir="+filepath.Join(c.StateDir, "etcd"), "--name="+NodeName,
		"--listen-client-urls="+etcdURL, "--advertise-client-urls="+etcdURL,
		"--listen-peer-urls="+etcdPeerURL, "--initial-advertise-peer-urls="+etcdPeerURL,
		"--initial-cluster="+NodeName+"="+etcdPeerURL, "--unsafe-no-fsync")
	if err != nil {
		return err
	}
	return c.start(ctx, c.assets.KubeAPIServer,
		"--etcd-servers="+etcdURL,
		"--bind-address="+c.network.node.String(), "--advertise-address="+c.network.node.String(), "--secure-port="+apiServerPort,
		"--tls-cert-file="+c.authority.certFile(apiServerCertificate), "--tls-private-key-file="+c.authority.keyFile(apiServerCertificate),
		"--client-ca-file="+c.authority.caFile(),
		"--kubelet-client-certificate="+c.authority.certFile(kubeletClient), "--kubelet-client-key="+c.authority.keyFile(kubeletClient),
		"--kubelet-certificate-authority="+c.authority.caFile(), "--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+c.authority.keyFile(serviceAccounts),
		"--service-account-signing-key-file="+c.authority.keyFile(serviceAccounts),
		"--service-cluster-ip-range="+c.network.services.String(),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged")
}

// startControllers starts those who do what objects ask for, and does not wait for them. There is one of each, so no lease is
// needed; and nobody to be spared requests.
func (c *Cluster) startControllers(ctx context.Context) error {
	kubeconfig, err := c.authority.issueKubeconfig("kube-controller-manager", "system:kube-controller-manager", "")
	if err != nil {
		return err
	}
	err = c.start(ctx, c.node.KubeControllerManager, "--kubeconfig="+kubeconfig, "--bind-address=127.0.0.1", "--leader-elect=false",
		"--kube-api-qps=200", "--kube-api-burst=400", "--flex-volume-plugin-dir="+filepath.Join(c.StateDir, "volume-plugins"),
		"--use-service-account-credentials", "--root-ca-file="+c.authority.caFile(),
		"--service-account-private-key-file="+c.authority.keyFile(serviceAccounts))
	if err != nil {
		return err
	}
	if kubeconfig, err = c.authority.issueKubeconfig("kube-scheduler", "system:kube-scheduler", ""); err != nil {
		return err
	}
	return c.start(ctx, c.node.KubeScheduler, "--kubeconfig="+kubeconfig, "--bind-address=127.0.0.1", "--leader-elect=false")
}

// serverURL is where the API server is, for this machine and for the node.
func (w network) serverURL() string {
	return "https://" + net.JoinHostPort(w.node.String(), apiServerPort)
}
