// SPDX-License-Identifier: Apache-2.0

package localenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"syscall"
)

// assetsVariable is the environment variable that envtest, and many tools around it, read.
const assetsVariable = "KUBEBUILDER_ASSETS"

// Assets are the programs of a local environment, as absolute paths.
type Assets struct {
	// Dir holds etcd, kube-apiserver and kubectl: what envtest calls the binary assets directory.
	Dir string

	Etcd          string
	KubeAPIServer string
	Kubectl       string

	// VersityGW is the S3 server. It need not be in Dir.
	VersityGW string
}

// Ensure returns the programs, and first builds those that are neither given nor cached.
//
// When the environment variable KUBEBUILDER_ASSETS is set, each program that its directory holds is used from there. The
// directory must hold etcd and kube-apiserver.
//
// Building needs the go command, the source tree around the working directory and, the first time, a module proxy. It takes
// minutes and tells of them on progress; when nothing is to be built, nothing is written. Two builds at once wait for
// each other. An interrupted build leaves nothing behind that a later one would take for finished.
func Ensure(ctx context.Context, progress io.Writer) (Assets, error) {
	paths, err := ensure(ctx, programs, os.Getenv(assetsVariable), newReporter(progress))
	if err != nil {
		return Assets{}, err
	}
	return Assets{
		Dir:           filepath.Dir(paths[kubeAPIServer]),
		Etcd:          paths[etcd],
		KubeAPIServer: paths[kubeAPIServer],
		Kubectl:       paths[kubectl],
		VersityGW:     paths[versityGW],
	}, nil
}

// NodeAssets are the programs that make a machine a node which runs pods, and those that decide what runs, as absolute
// paths. They are for Linux; a container runtime is not among them.
type NodeAssets struct {
	KubeControllerManager string
	KubeScheduler         string
	Kubelet               string
	KubeProxy             string
}

// EnsureNode is Ensure for the programs of a node. They are apart because the control plane alone does without.
func EnsureNode(ctx context.Context, progress io.Writer) (NodeAssets, error) {
	paths, err := ensure(ctx, nodePrograms, os.Getenv(assetsVariable), newReporter(progress))
	if err != nil {
		return NodeAssets{}, err
	}
	return NodeAssets{
		KubeControllerManager: paths[kubeControllerManager],
		KubeScheduler:         paths[kubeScheduler],
		Kubelet:               paths[kubelet],
		KubeProxy:             paths[kubeProxy],
	}, nil
}

// ensure returns the path of each of the wanted programs by name.
func ensure(ctx context.Context, wanted []program, givenDir string, report *reporter) (map[string]string, error) {
	paths, err := givenPrograms(wanted, givenDir)
	if err != nil {
		return nil, err
	}
	var missing []program
	for _, p := range wanted {
		if paths[p.name] == "" {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		built, err := cachedPrograms(ctx, missing, report)
		if err != nil {
			return nil, err
		}
		maps.Copy(paths, built)
	}
	return paths, nil
}

// givenPrograms returns the paths of those wanted programs that dir holds; none when dir is empty.
func givenPrograms(wanted []program, dir string) (map[string]string, error) {
	paths := map[string]string{}
	if dir == "" {
		return paths, nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", assetsVariable, err)
	}
	for _, p := range wanted {
		path := filepath.Join(dir, p.name)
		found, err := isExecutable(path)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", assetsVariable, err)
		case found:
			paths[p.name] = path
		case p.name == etcd || p.name == kubeAPIServer:
			return nil, fmt.Errorf("%s is set to %s, which has no program %s: "+
				"unset it to have the programs built, or correct it", assetsVariable, dir, p.name)
		}
	}
	return paths, nil
}

// isExecutable reports whether path is a program. That it is not there is no error.
func isExecutable(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0, nil
}
