// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// imageOptions say what else there is to know about an image.
type imageOptions struct {
	repository string
	base       string
	layout     string
}

// platformImage is the image of one platform and what is inside it.
type platformImage struct {
	v1.Image
	platform v1.Platform
	sbom     []byte
}

// buildImage writes an OCI layout with the image, or an index of the images of all
// platforms, and their SBOMs; beside it, the same as an archive, and each SBOM as a
// file. It prints the image's name and digest.
func buildImage(ctx context.Context, from source, options imageOptions, stdout io.Writer) error {
	tag, err := name.NewTag(options.repository+":"+from.version, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("the image cannot have this name: %w", err)
	}
	scratch, err := os.MkdirTemp("", "bucketcors-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)

	var images []platformImage
	for _, platform := range from.platforms {
		if platform.OS != "linux" {
			return fmt.Errorf("platform %s: images are of linux", platform)
		}
		binary := filepath.Join(scratch, platform.Architecture)
		if err := compile(ctx, from, platform, binary); err != nil {
			return err
		}
		image, err := containerize(ctx, from, options, platform, binary)
		if err != nil {
			return fmt.Errorf("image for %s: %w", platform, err)
		}
		sbom, err := imageSBOM(from, tag, platform, image, binary, options.base == "")
		if err != nil {
			return fmt.Errorf("SBOM for %s: %w", platform, err)
		}
		images = append(images, platformImage{Image: image, platform: platform, sbom: sbom})
	}
	digest, err := writeImage(tag, images, from, options.layout)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s@%s\n", tag, digest)
	return err
}

// containerize puts the program on its base and says how to run it.
func containerize(ctx context.Context, from source, options imageOptions, platform v1.Platform, binary string) (v1.Image, error) {
	base, annotations, err := baseImage(ctx, options.base, platform)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	created := from.commit.time
	// Some registries refuse a mixture of Docker's own types and those of OCI.
	layerType := types.OCILayer
	if baseType, err := base.MediaType(); err == nil && baseType == types.DockerManifestSchema2 {
		layerType = types.DockerLayer
	}
	programLayer, err := layer([]entry{file(program, 0o755, data)}, created, layerType)
	if err != nil {
		return nil, err
	}
	image, err := mutate.Append(base, mutate.Addendum{
		Layer:   programLayer,
		History: v1.History{Created: v1.Time{Time: created}, CreatedBy: "hack/image", Comment: "go build, at /" + program},
	})
	if err != nil {
		return nil, err
	}

	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Created = v1.Time{Time: created}
	config.Author = "" // that of the base
	config.Config = v1.Config{
		Entrypoint: []string{"/" + program},
		User:       strconv.Itoa(nonroot) + ":" + strconv.Itoa(nonroot),
		WorkingDir: "/",
		Env:        config.Config.Env,
		Labels:     labels(from),
	}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return nil, err
	}
	maps.Copy(annotations, labels(from))
	annotated, ok := mutate.Annotations(image, annotations).(v1.Image)
	if !ok {
		return nil, errors.New("annotating the image: no image came of it")
	}
	return annotated, nil
}

// labels say what an image is, for who looks at its configuration. Registries look
// at the manifest, whose annotations are the same.
func labels(from source) map[string]string {
	l := map[string]string{
		"org.opencontainers.image.title":       program,
		"org.opencontainers.image.description": "Keeps the CORS configuration of S3 buckets equal to what Kubernetes objects say",
		"org.opencontainers.image.url":         project,
		"org.opencontainers.image.source":      project,
		"org.opencontainers.image.version":     from.version,
		"org.opencontainers.image.licenses":    licence,
		"org.opencontainers.image.created":     from.commit.time.Format(time.RFC3339),
	}
	if from.commit.revision != "" {
		l["org.opencontainers.image.revision"] = from.commit.revision
	}
	return l
}

// indexOf lists the images of several platforms under one digest.
func indexOf(images []platformImage, from source) v1.ImageIndex {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, image := range images {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image.Image,
			Descriptor: v1.Descriptor{Platform: &image.platform},
		})
	}
	annotated, _ := mutate.Annotations(index, labels(from)).(v1.ImageIndex)
	return annotated
}
