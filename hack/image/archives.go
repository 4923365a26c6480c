// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// kubectlPlugin is the name under which kubectl finds the program.
const kubectlPlugin = "kubectl-bucketcors"

// archive is a file to download.
type archive struct {
	name     string
	platform v1.Platform
	program  string // the file in it that is run
	sha256   string
}

// buildArchives writes, for each platform, an archive with bucketcors and one with
// the same program as kubectl-bucketcors, and the manifest by which krew installs
// the latter. It prints the names of what it wrote.
func buildArchives(ctx context.Context, from source, dir string, stdout io.Writer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	licenceText, err := os.ReadFile(filepath.Join(from.root, "LICENSE"))
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "bucketcors-archives-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)

	var plugins []archive
	for _, platform := range from.platforms {
		binary := filepath.Join(scratch, platform.OS+"-"+platform.Architecture)
		if err := compile(ctx, from, platform, binary); err != nil {
			return err
		}
		data, err := os.ReadFile(binary)
		if err != nil {
			return err
		}
		for _, name := range []string{program, kubectlPlugin} {
			written, err := writeProgramArchive(dir, name, from, platform, data, licenceText)
			if err != nil {
				return err
			}
			fmt.Fprintln(stdout, filepath.Join(dir, written.name))
			if name == kubectlPlugin {
				plugins = append(plugins, written)
			}
		}
	}
	manifest := filepath.Join(dir, program+".yaml")
	if err := writeKrewManifest(manifest, from.version, plugins); err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, manifest)
	return err
}

func writeProgramArchive(dir, name string, from source, platform v1.Platform, binary, licenceText []byte) (archive, error) {
	a := archive{platform: platform, program: name}
	packer, extension := packTarGz, ".tar.gz"
	if platform.OS == "windows" {
		a.program += ".exe"
		packer, extension = packZip, ".zip"
	}
	a.name = fmt.Sprintf("%s_%s_%s_%s%s", name, from.version, platform.OS, platform.Architecture, extension)
	packed, err := packer([]entry{
		file("LICENSE", 0o644, licenceText),
		file(a.program, 0o755, binary),
	}, from.commit.time)
	if err != nil {
		return archive{}, fmt.Errorf("packing %s: %w", a.name, err)
	}
	sum := sha256.Sum256(packed)
	a.sha256 = hex.EncodeToString(sum[:])
	return a, os.WriteFile(filepath.Join(dir, a.name), packed, 0o644)
}
