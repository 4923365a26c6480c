// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	spdxJSON = "application/spdx+json"

	// annotationName is where containerd looks for the whole name of an image in a layout.
	annotationName = "io.containerd.image.name"
)

// writeImage writes dir as an OCI layout, dir.tar to import and, for each platform,
// dir-os-arch.spdx.json. What was there under these names is replaced.
func writeImage(tag name.Tag, images []platformImage, from source, dir string) (v1.Hash, error) {
	if err := clearLayout(dir); err != nil {
		return v1.Hash{}, err
	}
	to, err := layout.Write(dir, empty.Index)
	if err != nil {
		return v1.Hash{}, err
	}
	// containerd takes the whole name from the first, and so does what docker save writes.
	named := layout.WithAnnotations(map[string]string{
		annotationName:                      tag.Name(),
		"org.opencontainers.image.ref.name": tag.TagStr(),
	})
	var digest v1.Hash
	if len(images) == 1 {
		if err := to.AppendImage(images[0], named, layout.WithPlatform(images[0].platform)); err != nil {
			return v1.Hash{}, err
		}
		digest, err = images[0].Digest()
	} else {
		index := indexOf(images, from)
		if err := to.AppendIndex(index, named); err != nil {
			return v1.Hash{}, err
		}
		digest, err = index.Digest()
	}
	if err != nil {
		return v1.Hash{}, err
	}
	// The archive has the image alone: not every importer knows what an SBOM is.
	if err := writeArchive(dir, tag, images, from.commit.time); err != nil {
		return v1.Hash{}, err
	}
	for _, image := range images {
		if err := attachSBOM(to, image); err != nil {
			return v1.Hash{}, err
		}
		file := fmt.Sprintf("%s-%s-%s.spdx.json", dir, image.platform.OS, image.platform.Architecture)
		if err := os.WriteFile(file, image.sbom, 0o644); err != nil {
			return v1.Hash{}, err
		}
	}
	return digest, nil
}

// clearLayout removes a layout that an earlier build left; anything else it leaves,
// and says so.
func clearLayout(dir string) error {
	found, err := os.ReadDir(dir)
	if os.IsNotExist(err) || err == nil && len(found) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "oci-layout")); err != nil {
		return fmt.Errorf("%s has files, and is no OCI layout that could be replaced: name another directory", dir)
	}
	return os.RemoveAll(dir)
}

// attachSBOM adds an artifact whose subject is the image: registries list it among
// the image's referrers, where scanners look.
func attachSBOM(to layout.Path, image platformImage) error {
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	size, err := image.Size()
	if err != nil {
		return err
	}
	mediaType, err := image.MediaType()
	if err != nil {
		return err
	}
	config, err := writeBlob(to, "application/vnd.oci.empty.v1+json", []byte("{}"))
	if err != nil {
		return err
	}
	sbom, err := writeBlob(to, spdxJSON, image.sbom)
	if err != nil {
		return err
	}
	_, err = appendManifest(to, v1.Manifest{
		ArtifactType: spdxJSON,
		Config:       config,
		Layers:       []v1.Descriptor{sbom},
		Subject:      &v1.Descriptor{MediaType: mediaType, Digest: digest, Size: size},
	})
	return err
}

// appendManifest adds a manifest whose blobs are in the layout.
func appendManifest(to layout.Path, manifest v1.Manifest) (v1.Descriptor, error) {
	manifest.SchemaVersion, manifest.MediaType = 2, types.OCIManifestSchema1
	data, err := json.Marshal(manifest)
	if err != nil {
		return v1.Descriptor{}, err
	}
	descriptor, err := writeBlob(to, types.OCIManifestSchema1, data)
	if err != nil {
		return v1.Descriptor{}, err
	}
	descriptor.ArtifactType = manifest.ArtifactType
	return descriptor, to.AppendDescriptor(descriptor)
}

func writeBlob(to layout.Path, mediaType types.MediaType, data []byte) (v1.Descriptor, error) {
	digest, size, err := v1.SHA256(bytes.NewReader(data))
	if err != nil {
		return v1.Descriptor{}, err
	}
	err = to.WriteBlob(digest, io.NopCloser(bytes.NewReader(data)))
	return v1.Descriptor{MediaType: mediaType, Digest: digest, Size: size}, err
}

// writeArchive packs a layout as dir.tar. With the image of one platform, the file
// that docker load looked for before it read layouts is in it too.
func writeArchive(dir string, tag name.Tag, images []platformImage, modified time.Time) error {
	out, err := os.Create(dir + ".tar")
	if err != nil {
		return err
	}
	packed := tar.NewWriter(out)
	err = packLayout(packed, dir, tag, images, modified)
	if closeErr := packed.Close(); err == nil {
		err = closeErr
	}
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", out.Name(), err)
	}
	return nil
}

func packLayout(packed *tar.Writer, dir string, tag name.Tag, images []platformImage, modified time.Time) error {
	if len(images) == 1 {
		manifest, err := dockerManifest(tag, images[0])
		if err != nil {
			return err
		}
		if err := pack(packed, "manifest.json", int64(len(manifest)), bytes.NewReader(manifest), modified); err != nil {
			return err
		}
	}
	root := os.DirFS(dir)
	return walkFiles(root, func(name string, size int64, content io.Reader) error {
		return pack(packed, name, size, content, modified)
	})
}

func pack(packed *tar.Writer, name string, size int64, content io.Reader, modified time.Time) error {
	err := packed.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: modified, Format: tar.FormatUSTAR,
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(packed, content)
	return err
}

func dockerManifest(tag name.Tag, image v1.Image) ([]byte, error) {
	manifest, err := image.Manifest()
	if err != nil {
		return nil, err
	}
	blob := func(of v1.Descriptor) string { return path.Join("blobs", of.Digest.Algorithm, of.Digest.Hex) }
	layers := make([]string, 0, len(manifest.Layers))
	for _, l := range manifest.Layers {
		layers = append(layers, blob(l))
	}
	return json.Marshal([]map[string]any{{
		"Config": blob(manifest.Config), "RepoTags": []string{strings.TrimPrefix(tag.Name(), "index.docker.io/")}, "Layers": layers,
	}})
}
