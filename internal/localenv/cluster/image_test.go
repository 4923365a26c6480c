// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAnArchivedProgramIsAnImageWithTheNameAndTheProgram(t *testing.T) {
	program := []byte("a program")
	path := filepath.Join(t.TempDir(), "image.tar")
	writeArchive(t, path, func(archive *tar.Writer) error { return archiveProgram(archive, pauseImage, program) })
	if names, err := imageNames(path); err != nil || !slices.Equal(names, []string{pauseImage}) {
		t.Errorf("the names are %q, error %v", names, err)
	}
	files := readArchive(t, path)
	if len(files["oci-layout"]) == 0 {
		t.Error("it is not marked as a layout")
	}

	type reference struct {
		Digest string
		Size   int
	}
	follow := func(r reference, into any) []byte {
		t.Helper()
		content := files["blobs/"+strings.ReplaceAll(r.Digest, ":", "/")]
		sum := sha256.Sum256(content)
		if r.Size != len(content) || r.Digest != "sha256:"+hex.EncodeToString(sum[:]) {
			t.Fatalf("%s is of %d bytes, not %d", r.Digest, len(content), r.Size)
		}
		if into != nil {
			if err := json.Unmarshal(content, into); err != nil {
				t.Fatal(err)
			}
		}
		return content
	}
	var index struct{ Manifests []reference }
	if err := json.Unmarshal(files["index.json"], &index); err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Config reference
		Layers []reference
	}
	follow(index.Manifests[0], &manifest)
	var config struct {
		Config struct{ Entrypoint []string }
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	follow(manifest.Config, &config)
	layer := follow(manifest.Layers[0], nil)
	if !slices.Equal(config.RootFS.DiffIDs, []string{manifest.Layers[0].Digest}) {
		t.Errorf("the configuration names the layers %q, the manifest %q", config.RootFS.DiffIDs, manifest.Layers[0].Digest)
	}
	header, err := tar.NewReader(bytes.NewReader(layer)).Next()
	if err != nil || !slices.Equal(config.Config.Entrypoint, []string{"/" + header.Name}) || header.Mode != 0o755 {
		t.Errorf("the entrypoint is %q, the file %+v, error %v", config.Config.Entrypoint, header, err)
	}
}

func TestAnArchiveThatNamesNoImageIsRefused(t *testing.T) {
	tests := map[string]struct{ file, content, want string }{
		"no index":        {"oci-layout", "{}", "no index.json"},
		"no JSON":         {"index.json", "{", "index.json: "},
		"no name":         {"index.json", `{"manifests": [{"digest": "sha256:0"}]}`, imageNameAnnotation},
		"no image at all": {"index.json", `{}`, imageNameAnnotation},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "image.tar")
			writeArchive(t, path, func(archive *tar.Writer) error { return addFile(archive, tt.file, []byte(tt.content), 0o644) })
			if names, err := imageNames(path); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the names are %q, error %v; want one with %q", names, err, tt.want)
			}
		})
	}
	if _, err := imageNames(filepath.Join(t.TempDir(), "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v; want that there is no such file", err)
	}
}

func TestAnImageIsNotLoadedWhereNoClusterRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image.tar")
	writeArchive(t, path, func(archive *tar.Writer) error { return archiveProgram(archive, pauseImage, nil) })
	if _, err := LoadImage(t.Context(), t.TempDir(), path); err == nil || !strings.Contains(err.Error(), "no cluster is running") {
		t.Errorf("error %v; want that none runs", err)
	}
}

func writeArchive(t *testing.T, path string, write func(*tar.Writer) error) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewWriter(file)
	if err := errors.Join(write(archive), archive.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
}

func readArchive(t *testing.T, path string) map[string][]byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	files := map[string][]byte{}
	for archive := tar.NewReader(file); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}
