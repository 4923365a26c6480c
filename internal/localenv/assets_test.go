// SPDX-License-Identifier: Apache-2.0

package localenv

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGivenProgramsAreUsedFromTheirDirectory(t *testing.T) {
	tests := []struct {
		name string
		has  []string
		want []string
		err  string
	}{
		{name: "the programs that envtest's archive has", has: []string{etcd, kubeAPIServer, kubectl},
			want: []string{etcd, kubeAPIServer, kubectl}},
		{name: "all programs", has: []string{etcd, kubeAPIServer, kubectl, versityGW},
			want: []string{etcd, kubeAPIServer, kubectl, versityGW}},
		{name: "the two that must be there", has: []string{etcd, kubeAPIServer}, want: []string{etcd, kubeAPIServer}},
		{name: "no etcd", has: []string{kubeAPIServer}, err: "no program etcd"},
		{name: "no kube-apiserver", has: []string{etcd, kubectl}, err: "no program kube-apiserver"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			want := map[string]string{}
			for _, name := range test.has {
				writeProgram(t, filepath.Join(dir, name))
			}
			for _, name := range test.want {
				want[name] = filepath.Join(dir, name)
			}
			got, err := givenPrograms(programs, dir)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) || !strings.Contains(err.Error(), dir) {
					t.Fatalf("error %v; want one with %q and %s", err, test.err, dir)
				}
				return
			}
			if err != nil || !maps.Equal(got, want) {
				t.Errorf("got %v, error %v; want %v", got, err, want)
			}
		})
	}
}

func TestGivenDirectoryThatIsNotThereIsAnError(t *testing.T) {
	for _, dir := range []string{filepath.Join(t.TempDir(), "nothing"), "assets_test.go"} {
		if _, err := givenPrograms(programs, dir); err == nil || !strings.Contains(err.Error(), assetsVariable) {
			t.Errorf("%s: error %v; want one that names %s", dir, err, assetsVariable)
		}
	}
}

func TestFileThatCannotBeExecutedIsNoProgram(t *testing.T) {
	dir := t.TempDir()
	writeProgram(t, filepath.Join(dir, kubeAPIServer))
	write(t, filepath.Join(dir, etcd), "")
	if _, err := givenPrograms(programs, dir); err == nil {
		t.Error("a file without the right to be executed was taken for etcd")
	}
}

// With all programs given, neither a cache nor a source tree nor the go command is needed.
func TestNothingIsBuiltWhenAllProgramsAreGiven(t *testing.T) {
	dir := t.TempDir()
	for _, p := range programs {
		writeProgram(t, filepath.Join(dir, p.name))
	}
	t.Setenv(assetsVariable, dir)
	t.Setenv("PATH", "")
	t.Chdir(t.TempDir())
	var progress strings.Builder
	got, err := Ensure(t.Context(), &progress)
	want := Assets{
		Dir:           dir,
		Etcd:          filepath.Join(dir, etcd),
		KubeAPIServer: filepath.Join(dir, kubeAPIServer),
		Kubectl:       filepath.Join(dir, kubectl),
		VersityGW:     filepath.Join(dir, versityGW),
	}
	if err != nil || got != want {
		t.Errorf("got %+v, error %v; want %+v", got, err, want)
	}
	if progress.Len() > 0 {
		t.Errorf("progress without anything to do: %s", progress.String())
	}
}

func TestProgramsOfANodeCanBeGivenAlone(t *testing.T) {
	dir := t.TempDir()
	for _, p := range nodePrograms {
		writeProgram(t, filepath.Join(dir, p.name))
	}
	t.Setenv(assetsVariable, dir)
	t.Setenv("PATH", "")
	t.Chdir(t.TempDir())
	got, err := EnsureNode(t.Context(), t.Output())
	want := NodeAssets{
		KubeControllerManager: filepath.Join(dir, kubeControllerManager),
		KubeScheduler:         filepath.Join(dir, kubeScheduler),
		Kubelet:               filepath.Join(dir, kubelet),
		KubeProxy:             filepath.Join(dir, kubeProxy),
	}
	if err != nil || got != want {
		t.Errorf("got %+v, error %v; want %+v", got, err, want)
	}
}

func writeProgram(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}
