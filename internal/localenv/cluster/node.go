// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

var (
	//go:embed containerd.toml
	containerdTemplate string
	//go:embed kubelet.yaml
	kubeletTemplate string
)

// settings is what the templates of configuration files refer to.
type settings struct {
	StateDir, CNIBinDir, CNIConfigDir string
	PauseImage                        string
	NodeAddress                       string
	Cgroup                            string
	CAFile, CertFile, KeyFile         string
}

// prepareNode writes the configuration of the node's programs and makes their directories.
func (c *Cluster) prepareNode() error {
	s := settings{
		StateDir: c.StateDir, CNIBinDir: findCNIPlugins(), CNIConfigDir: filepath.Join(c.StateDir, "cni"),
		PauseImage:  pauseImage,
		NodeAddress: c.network.node.String(),
		Cgroup:      c.namespaces.cgroup(),
		CAFile:      c.authority.caFile(),
		CertFile:    c.authority.certFile(kubeletCertificate), KeyFile: c.authority.keyFile(kubeletCertificate),
	}
	if err := os.Mkdir(s.CNIConfigDir, 0o700); err != nil {
		return err
	}
	for name, text := range map[string]string{"containerd.toml": containerdTemplate, "kubelet.yaml": kubeletTemplate} {
		parsed, err := template.New(name).Option("missingkey=error").Parse(text)
		if err != nil {
			return err
		}
		var content strings.Builder
		if err := parsed.Execute(&content, s); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(c.StateDir, name), []byte(content.String()), 0o600); err != nil {
			return err
		}
	}
	// Pods see this in place of our resolv.conf: there is no DNS to be asked.
	if err := os.WriteFile(filepath.Join(c.StateDir, "resolv.conf"), nil, 0o644); err != nil {
		return err
	}
	network, err := json.MarshalIndent(c.podNetwork(), "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.CNIConfigDir, "10-pods.conflist"), network, 0o600); err != nil {
		return err
	}
	return makeCgroups(s.Cgroup)
}

// podNetwork is the CNI configuration. Each pod has a link of its own to the node (ptp), not to a bridge: so all that a pod sends
// to a Service passes the packet filter, without a setting of the kernel that bridges need.
func (c *Cluster) podNetwork() map[string]any {
	return map[string]any{
		"cniVersion": "0.4.0", "name": "pods",
		"plugins": []any{map[string]any{
			"type": "ptp",
			"ipam": map[string]any{
				"type":    "host-local",
				"dataDir": filepath.Join(c.StateDir, "cni-addresses"),
				"ranges":  []any{[]any{map[string]any{"subnet": c.network.pods.String()}}},
				"routes":  []any{map[string]any{"dst": "0.0.0.0/0"}},
			},
		}},
	}
}

const cgroupRoot = "/sys/fs/cgroup"

// makeCgroups makes the control group of all pods, in each hierarchy of version 1 or in the one of version 2.
func makeCgroups(name string) error {
	if _, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers")); err == nil {
		// The kubelet wants these, and a group has those that its parent passes on.
		controllers := []byte("+cpuset +cpu +memory +pids")
		if err := os.WriteFile(filepath.Join(cgroupRoot, "cgroup.subtree_control"), controllers, 0o600); err != nil {
			return fmt.Errorf("passing controllers on to control groups: %w", err)
		}
		return os.Mkdir(filepath.Join(cgroupRoot, name), 0o755)
	}
	hierarchies, err := filepath.Glob(filepath.Join(cgroupRoot, "*", "cgroup.procs"))
	if err != nil {
		return err
	}
	if len(hierarchies) == 0 {
		return errors.New("there are no control groups below " + cgroupRoot)
	}
	for _, hierarchy := range hierarchies {
		if err := os.MkdirAll(filepath.Join(filepath.Dir(hierarchy), name), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// startContainerd does not wait for it.
func (c *Cluster) startContainerd(ctx context.Context) error {
	return c.start(ctx, findProgram("containerd"), "--config="+filepath.Join(c.StateDir, "containerd.toml"))
}

func (c *Cluster) awaitContainerd(ctx context.Context) error {
	return c.await(ctx, "containerd", func() error {
		return c.namespaces.run(ctx, nil, findProgram("ctr"), "version")
	})
}

// startNode starts what runs pods, with containerd and the API server answering, and does not wait for it.
func (c *Cluster) startNode(ctx context.Context) error {
	kubeconfig, err := c.authority.issueKubeconfig("node", "system:node:"+NodeName, "system:nodes")
	if err != nil {
		return err
	}
	err = c.start(ctx, c.node.Kubelet, "--config="+filepath.Join(c.StateDir, "kubelet.yaml"), "--kubeconfig="+kubeconfig,
		"--hostname-override="+NodeName, "--node-ip="+c.network.node.String())
	if err != nil {
		return err
	}
	if kubeconfig, err = c.authority.issueKubeconfig("kube-proxy", "system:kube-proxy", ""); err != nil {
		return err
	}
	// The limits of connection tracking are those of the whole kernel: zero leaves them alone.
	return c.start(ctx, c.node.KubeProxy, "--kubeconfig="+kubeconfig, "--hostname-override="+NodeName, "--proxy-mode=iptables",
		"--metrics-bind-address=127.0.0.1:10249", "--healthz-bind-address=127.0.0.1:10256",
		"--conntrack-max-per-core=0", "--conntrack-min=0",
		"--conntrack-tcp-timeout-established=0s", "--conntrack-tcp-timeout-close-wait=0s")
}
