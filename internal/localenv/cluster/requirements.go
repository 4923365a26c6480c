// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// searchPath is where the programs of an administrator are, whatever PATH says.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// requiredPrograms are the programs that the distribution provides, with Debian's names of the packages.
var requiredPrograms = []struct{ name, debianPackage string }{
	{"containerd", "containerd"},
	{"containerd-shim-runc-v2", "containerd"},
	{"ctr", "containerd"},
	{"runc", "runc"},
	{"iptables", "iptables"},
	{"ip", "iproute2"},
	{"nsenter", "util-linux"},
	{"unshare", "util-linux"},
}

// requiredCNIPlugins are all in Debian's package containernetworking-plugins.
var requiredCNIPlugins = []string{"ptp", "host-local", "loopback"}

// cniDirs is where Debian, and others, have the plugins.
var cniDirs = []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"}

// Missing returns what this machine lacks to run a cluster, each in a few words; nothing when it has all.
func Missing(ctx context.Context) []string {
	if runtime.GOOS != "linux" {
		return []string{"Linux (this is " + runtime.GOOS + ")"}
	}
	var missing []string
	if os.Geteuid() != 0 {
		missing = append(missing, "root")
	}
	for _, program := range requiredPrograms {
		if findProgram(program.name) == "" {
			missing = append(missing, fmt.Sprintf("%s (Debian's package %s)", program.name, program.debianPackage))
		}
	}
	if findCNIPlugins() == "" {
		missing = append(missing, fmt.Sprintf("the CNI plugins %s (Debian's package containernetworking-plugins)",
			strings.Join(requiredCNIPlugins, ", ")))
	}
	if len(missing) > 0 {
		return missing
	}
	// A container, or a machine that forbids it, has all of these and cannot do it.
	command := exec.CommandContext(ctx, findProgram("unshare"), unshareFlags("sh", "-c", "mount -t tmpfs none /run")...)
	command.Env = plainEnvironment()
	if output, err := command.CombinedOutput(); err != nil {
		missing = append(missing, fmt.Sprintf("the right to make namespaces and mounts (%v: %s)", err, strings.TrimSpace(string(output))))
	}
	return missing
}

// findProgram returns the path of a program of the distribution; nothing where it is not installed.
func findProgram(name string) string {
	for dir := range strings.SplitSeq(searchPath, ":") {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// findCNIPlugins returns the directory that has all CNI plugins; nothing where there is none.
func findCNIPlugins() string {
	for _, dir := range cniDirs {
		complete := true
		for _, plugin := range requiredCNIPlugins {
			if _, err := os.Stat(filepath.Join(dir, plugin)); err != nil {
				complete = false
			}
		}
		if complete {
			return dir
		}
	}
	return ""
}
