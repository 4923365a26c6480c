// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// pauseImage is the image of the container that holds the namespaces of a pod.
const pauseImage = "localhost/bucketcors/pause:1"

// imageNameAnnotation names an image for containerd.
const imageNameAnnotation = "io.containerd.image.name"

// LoadImage makes the images of an archive known to the node of the cluster whose state directory this is, and returns their
// names, for example ghcr.io/bucketcors/bucketcors:v1.2.3. The archive is a file with an OCI image layout in it whose index names
// the images as containerd expects it. Pods find them with the pull policies IfNotPresent and Never.
func LoadImage(ctx context.Context, stateDir, archive string) ([]string, error) {
	names, err := imageNames(archive)
	if err != nil {
		return nil, fmt.Errorf("loading an image: %s: %w", archive, err)
	}
	first, running, err := firstProcess(stateDir)
	if err != nil {
		return nil, fmt.Errorf("loading an image: %w", err)
	}
	if !running {
		return nil, errors.New("loading an image: no cluster is running")
	}
	if err := (&namespaces{first: first}).importImages(ctx, archive); err != nil {
		return nil, fmt.Errorf("loading an image: %w", err)
	}
	return names, nil
}

// imageNames returns the names that the index of an archive gives to its images.
func imageNames(archive string) ([]string, error) {
	file, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	for files := tar.NewReader(file); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it has no index.json")
		}
		if err != nil {
			return nil, err
		}
		if header.Name != "index.json" {
			continue
		}
		var index struct {
			Manifests []struct{ Annotations map[string]string }
		}
		if err := json.NewDecoder(files).Decode(&index); err != nil {
			return nil, fmt.Errorf("index.json: %w", err)
		}
		var names []string
		for _, image := range index.Manifests {
			if name := image.Annotations[imageNameAnnotation]; name != "" {
				names = append(names, name)
			}
		}
		if len(names) == 0 {
			return nil, errors.New("its index.json gives no image a name with the annotation " + imageNameAnnotation)
		}
		return names, nil
	}
}

// importImages gives containerd an archive.
func (n *namespaces) importImages(ctx context.Context, archive string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	return n.run(ctx, file, findProgram("ctr"), "--namespace=k8s.io", "images", "import", "-")
}

// loadPause builds the pause program and loads an image of it.
func (c *Cluster) loadPause(ctx context.Context) error {
	program := filepath.Join(c.StateDir, "pause")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program,
		"github.com/bucketcors/bucketcors/internal/localenv/cluster/pause")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the pause program: %w\n%s", err, output)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	path := program + ".tar"
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(file)
	if err := errors.Join(archiveProgram(archive, pauseImage, content), archive.Close(), file.Close()); err != nil {
		return err
	}
	return c.namespaces.importImages(ctx, path)
}

// archiveProgram writes an OCI image layout with an image of one static program.
func archiveProgram(archive *tar.Writer, name string, program []byte) error {
	const entrypoint = "/program"
	var layer strings.Builder
	layerArchive := tar.NewWriter(&layer)
	if err := errors.Join(addFile(layerArchive, entrypoint[1:], program, 0o755), layerArchive.Close()); err != nil {
		return err
	}
	blob := func(content []byte) (digest string, err error) {
		sum := sha256.Sum256(content)
		hash := hex.EncodeToString(sum[:])
		return "sha256:" + hash, addFile(archive, path.Join("blobs", "sha256", hash), content, 0o644)
	}
	layerDigest, err := blob([]byte(layer.String()))
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": []string{entrypoint}, "User": "65535:65535"},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{layerDigest}}, // not compressed: the same digest
	})
	if err != nil {
		return err
	}
	configDigest, err := blob(config)
	if err != nil {
		return err
	}
	const manifestType = "application/vnd.oci.image.manifest.v1+json"
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": descriptor("application/vnd.oci.image.config.v1+json", configDigest, len(config)),
		"layers": []any{descriptor("application/vnd.oci.image.layer.v1.tar", layerDigest, layer.Len())},
	})
	if err != nil {
		return err
	}
	manifestDigest, err := blob(manifest)
	if err != nil {
		return err
	}
	image := descriptor(manifestType, manifestDigest, len(manifest))
	image["annotations"] = map[string]string{imageNameAnnotation: name}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []any{image}})
	if err != nil {
		return err
	}
	return errors.Join(
		addFile(archive, "index.json", index, 0o644),
		addFile(archive, "oci-layout", []byte(`{"imageLayoutVersion": "1.0.0"}`), 0o644))
}

func descriptor(mediaType, digest string, size int) map[string]any {
	return map[string]any{"mediaType": mediaType, "digest": digest, "size": size}
}

func addFile(archive *tar.Writer, name string, content []byte, mode int64) error {
	header := &tar.Header{Name: name, Mode: mode, Size: int64(len(content)), Typeflag: tar.TypeReg}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(content)
	return err
}
