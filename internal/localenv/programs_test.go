// SPDX-License-Identifier: Apache-2.0

package localenv

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestVersionComesFromTheModuleThatHoldsThePackage(t *testing.T) {
	var p pins
	err := json.Unmarshal([]byte(`{"Require": [
		{"Path": "go.etcd.io/etcd", "Version": "v3.0.0"},
		{"Path": "go.etcd.io/etcd/server/v3", "Version": "v3.7.3"},
		{"Path": "k8s.io/kubernetes", "Version": "v1.36.3"}
	]}`), &p)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, pkg, want string }{
		{"the package at the root of a module", "go.etcd.io/etcd/server/v3", "v3.7.3"},
		{"a package below it", "k8s.io/kubernetes/cmd/kubectl", "v1.36.3"},
		{"a path that only begins alike", "k8s.io/kubernetesque/cmd", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := p.version(test.pkg)
			if got != test.want || (err == nil) != (test.want != "") {
				t.Errorf("version %q, error %v; want version %q", got, err, test.want)
			}
		})
	}
}

func TestKubernetesProgramsAreStampedWithTheirVersion(t *testing.T) {
	flags, err := linkerFlags("k8s.io/kubernetes/cmd/kubectl", "v1.36.3")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"-X k8s.io/component-base/version.gitVersion=v1.36.3",
		"-X k8s.io/component-base/version.gitMajor=1",
		"-X k8s.io/component-base/version.gitMinor=36",
		"-X k8s.io/client-go/pkg/version.gitVersion=v1.36.3",
	} {
		if !strings.Contains(flags, want) {
			t.Errorf("the linker flags lack %q: %s", want, flags)
		}
	}
	if flags, err := linkerFlags("go.etcd.io/etcd/server/v3", "v3.7.3"); err != nil || strings.Contains(flags, "-X") {
		t.Errorf("etcd: flags %q, error %v; want no stamps", flags, err)
	}
	if _, err := linkerFlags("k8s.io/kubernetes/cmd/kubectl", "latest"); err == nil {
		t.Error("a version that is none was accepted")
	}
}

func TestCacheNameChangesWithWhatThePinsAndTheCompilerAre(t *testing.T) {
	base := cacheName("hack/tiny", []byte("require a v1"), "go1.26.0")
	if again := cacheName("hack/tiny", []byte("require a v1"), "go1.26.0"); again != base {
		t.Errorf("the same input gave %s and %s", base, again)
	}
	for what, other := range map[string]string{
		"module":     cacheName("hack/other", []byte("require a v1"), "go1.26.0"),
		"version":    cacheName("hack/tiny", []byte("require a v2"), "go1.26.0"),
		"Go version": cacheName("hack/tiny", []byte("require a v1"), "go1.26.1"),
	} {
		if other == base {
			t.Errorf("another %s has the same cache name %s", what, base)
		}
	}
}

func TestEveryProgramIsPinnedAsAToolOfItsModule(t *testing.T) {
	root, err := sourceRoot(workingDirectory(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range modulesOf(programs) {
		p, err := readPins(t.Context(), filepath.Join(root, module, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		var tools, want []string
		for _, tool := range p.Tool {
			tools = append(tools, tool.Path)
		}
		for _, program := range slices.Concat(programs, nodePrograms) {
			if program.module == module {
				want = append(want, program.pkg)
			}
		}
		slices.Sort(tools)
		slices.Sort(want)
		if !slices.Equal(tools, want) {
			t.Errorf("%s has the tools %v, the programs are %v", module, tools, want)
		}
	}
}

func TestSourceRootIsFoundFromBelowAndFromAnInnerModule(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "go.mod"), "// a comment\nmodule "+rootModule+"\n")
	write(t, filepath.Join(root, "hack", "inner", "go.mod"), "module "+rootModule+"/hack/inner\n")
	for _, from := range []string{root, filepath.Join(root, "hack"), filepath.Join(root, "hack", "inner")} {
		if got, err := sourceRoot(from); err != nil || got != root {
			t.Errorf("from %s: %s, error %v; want %s", from, got, err, root)
		}
	}
	if got, err := sourceRoot(t.TempDir()); err == nil {
		t.Errorf("a directory outside of the source tree has the root %s", got)
	}
}

func workingDirectory(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
