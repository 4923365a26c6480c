// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// The annotations by which an image names its base.
const (
	annotationBaseName   = "org.opencontainers.image.base.name"
	annotationBaseDigest = "org.opencontainers.image.base.digest"
)

// baseImage returns the image to build on: for an empty reference one of our own,
// else one from a registry, with the credentials that docker login or podman login
// left, and annotations that say which it was.
func baseImage(ctx context.Context, reference string, platform v1.Platform) (v1.Image, map[string]string, error) {
	if reference == "" {
		image, err := ownBase(platform)
		return image, map[string]string{}, err
	}
	ref, err := name.ParseReference(reference)
	if err != nil {
		return nil, nil, fmt.Errorf("base image: %w", err)
	}
	image, err := remote.Image(ref, remote.WithContext(ctx), remote.WithPlatform(platform),
		remote.WithAuthFromKeychain(authn.DefaultKeychain))
	if err != nil {
		return nil, nil, fmt.Errorf("base image %s for %s: %w", ref, platform, err)
	}
	digest, err := image.Digest()
	if err != nil {
		return nil, nil, fmt.Errorf("base image %s: %w", ref, err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, nil, fmt.Errorf("base image %s: %w", ref, err)
	}
	if config.OS != platform.OS || config.Architecture != platform.Architecture {
		return nil, nil, fmt.Errorf("base image %s is of %s/%s: it has none of %s", ref, config.OS, config.Architecture, platform)
	}
	return image, map[string]string{annotationBaseName: ref.Name(), annotationBaseDigest: digest.String()}, nil
}

func ownBase(platform v1.Platform) (v1.Image, error) {
	files, err := rootfs()
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: platform.OS, Architecture: platform.Architecture, Variant: platform.Variant,
		RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, err
	}
	return mutate.Append(image, mutate.Addendum{
		Layer:   files,
		History: v1.History{Created: v1.Time{Time: time.Unix(0, 0).UTC()}, CreatedBy: "hack/image", Comment: "certificate authorities and a user"},
	})
}
