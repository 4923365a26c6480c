// SPDX-License-Identifier: Apache-2.0

package localenv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A program is a command of a pinned module that is built into the cache.
type program struct {
	name   string
	pkg    string
	module string
	// coldBuild is what the build takes on two cores with an empty build cache, the programs before it in the list built.
	coldBuild time.Duration
}

// Modules that pin programs, below the root of the source tree.
const (
	controlPlaneModule = "hack/controlplane"
	s3ServerModule     = "hack/s3server"
)

const (
	etcd          = "etcd"
	kubeAPIServer = "kube-apiserver"
	kubectl       = "kubectl"
	versityGW     = "versitygw"

	kubeControllerManager = "kube-controller-manager"
	kubeScheduler         = "kube-scheduler"
	kubelet               = "kubelet"
	kubeProxy             = "kube-proxy"
)

// programs is everything that Ensure provides. A program added here belongs in the tool block of its module too.
var programs = []program{
	{name: etcd, module: controlPlaneModule, pkg: "go.etcd.io/etcd/server/v3", coldBuild: time.Minute},
	{name: kubeAPIServer, module: controlPlaneModule, pkg: "k8s.io/kubernetes/cmd/kube-apiserver", coldBuild: 4 * time.Minute},
	{name: kubectl, module: controlPlaneModule, pkg: "k8s.io/kubernetes/cmd/kubectl", coldBuild: time.Minute},
	{name: versityGW, module: s3ServerModule, pkg: "github.com/versity/versitygw/cmd/versitygw", coldBuild: 90 * time.Second},
}

// nodePrograms is everything that EnsureNode provides.
var nodePrograms = []program{
	{name: kubelet, module: controlPlaneModule, pkg: "k8s.io/kubernetes/cmd/kubelet", coldBuild: 2 * time.Minute},
	{name: kubeControllerManager, module: controlPlaneModule, pkg: "k8s.io/kubernetes/cmd/kube-controller-manager", coldBuild: 90 * time.Second},
	{name: kubeScheduler, module: controlPlaneModule, pkg: "k8s.io/kubernetes/cmd/kube-scheduler", coldBuild: 20 * time.Second},
	{name: kubeProxy, module: controlPlaneModule, pkg: "k8s.io/kubernetes/cmd/kube-proxy", coldBuild: 20 * time.Second},
}

// rootModule is the module whose source tree holds the modules of the programs.
const rootModule = "github.com/bucketcors/bucketcors"

// sourceRoot returns the root of the source tree that dir lies in.
func sourceRoot(dir string) (string, error) {
	for at := dir; ; at = filepath.Dir(at) {
		content, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && modulePath(content) == rootModule {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not inside the source tree of %s: run this from a clone of it, "+
				"or set %s to a directory with the programs", dir, rootModule, assetsVariable)
		}
	}
}

// modulePath returns the path that the module statement of a go.mod file gives.
func modulePath(goMod []byte) string {
	for line := range strings.Lines(string(goMod)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
			return strings.TrimSpace(path)
		}
	}
	return ""
}

// pins is what a go.mod file says, as `go mod edit -json` prints it.
type pins struct {
	Require []struct{ Path, Version string }
	Tool    []struct{ Path string }
}

func readPins(ctx context.Context, goModFile string) (pins, error) {
	command := exec.CommandContext(ctx, "go", "mod", "edit", "-json", goModFile)
	output, err := command.Output()
	if err != nil {
		return pins{}, fmt.Errorf("reading %s: %w", goModFile, commandError(err))
	}
	var p pins
	if err := json.Unmarshal(output, &p); err != nil {
		return pins{}, fmt.Errorf("reading %s: %w", goModFile, err)
	}
	return p, nil
}

// version returns the version of the module that holds pkg: of those required, the one with the longest path.
func (p pins) version(pkg string) (string, error) {
	var path, version string
	for _, required := range p.Require {
		inside := pkg == required.Path || strings.HasPrefix(pkg, required.Path+"/")
		if inside && len(required.Path) > len(path) {
			path, version = required.Path, required.Version
		}
	}
	if path == "" {
		return "", fmt.Errorf("no required module holds the package %s", pkg)
	}
	return version, nil
}

// linkerFlags strips the program and, for a Kubernetes program, stamps the version that a release build would have:
// unstamped it is a template that kubectl and client libraries cannot parse.
func linkerFlags(pkg, version string) (string, error) {
	flags := []string{"-s", "-w"}
	if !strings.HasPrefix(pkg, "k8s.io/kubernetes/") {
		return strings.Join(flags, " "), nil
	}
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(parts) < 3 || !strings.HasPrefix(version, "v") {
		return "", fmt.Errorf("%s: the version %q is not of the form v1.2.3", pkg, version)
	}
	stamps := []struct{ name, value string }{
		{"gitVersion", version},
		{"gitMajor", parts[0]},
		{"gitMinor", parts[1]},
		{"gitCommit", "unknown"},
		{"gitTreeState", "clean"},
		{"buildDate", "1970-01-01T00:00:00Z"},
	}
	for _, versionPackage := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for _, stamp := range stamps {
			flags = append(flags, fmt.Sprintf("-X %s.%s=%s", versionPackage, stamp.name, stamp.value))
		}
	}
	return strings.Join(flags, " "), nil
}

// buildRecipe is part of the cache key: change it when programs are built in another way.
const buildRecipe = "CGO_ENABLED=0 -trimpath, stripped and stamped, 1"

// cacheName names the directory that holds the programs of a module. It differs when a pinned version, the Go version or the
// platform differs.
func cacheName(module string, goMod []byte, goVersion string) string {
	sum := sha256.Sum256(bytes.Join([][]byte{[]byte(buildRecipe), goMod}, []byte{0}))
	return strings.Join([]string{
		filepath.Base(module), goVersion, runtime.GOOS, runtime.GOARCH, hex.EncodeToString(sum[:6]),
	}, "-")
}

// goVersion returns the version of the go command that builds in dir, for example go1.26.0.
func goVersion(ctx context.Context, dir string) (string, error) {
	command := exec.CommandContext(ctx, "go", "env", "GOVERSION")
	command.Dir = dir
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("asking the go command for its version: %w", commandError(err))
	}
	return strings.TrimSpace(string(output)), nil
}
