// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// publishOptions say what is pushed, and where to.
type publishOptions struct {
	repository string // of the image
	charts     string // what the chart's repository is in
	dist       string // has the layout image/ and the chart
}

// artifact is what a tag names.
type artifact struct {
	tag       name.Tag
	digest    v1.Hash
	content   remote.Taggable
	referrers []referrer
}

// referrer is a manifest that says of which other one it is.
type referrer struct {
	v1.Image
	digest, subject v1.Hash
}

// publish pushes the image with its SBOMs, and the chart, with the credentials that
// docker login or podman login left. It prints the name and digest of each. What is
// there already is left alone, so what broke off can be run again; a tag that names
// something else is refused before anything is pushed.
func publish(ctx context.Context, version string, options publishOptions, stdout io.Writer) error {
	scratch, err := os.MkdirTemp("", "bucketcors-publish-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	image, err := builtImage(version, options)
	if err != nil {
		return err
	}
	chart, err := builtChart(version, options, scratch)
	if err != nil {
		return err
	}

	artifacts := []artifact{image, chart}
	remoteOptions := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	for _, a := range artifacts {
		switch there, err := digestOf(a.tag, remoteOptions); {
		case isAbsent(err) || err == nil && there == a.digest:
		case err != nil:
			return fmt.Errorf("looking for %s: %w", a.tag, err)
		default:
			return fmt.Errorf("%s is published already, as %s, and what was built is %s: a published version never changes, release the next one", a.tag, there, a.digest)
		}
	}
	for _, a := range artifacts {
		if err := push(ctx, a, remoteOptions); err != nil {
			return fmt.Errorf("pushing %s: %w", a.tag, err)
		}
		if _, err := fmt.Fprintf(stdout, "%s@%s\n", a.tag, a.digest); err != nil {
			return err
		}
	}
	return nil
}

// builtImage reads the layout that buildImage wrote: the image comes first, the SBOMs
// after it.
func builtImage(version string, options publishOptions) (artifact, error) {
	tag, err := name.NewTag(options.repository+":"+version, name.StrictValidation)
	if err != nil {
		return artifact{}, fmt.Errorf("the image cannot have this name: %w", err)
	}
	dir := filepath.Join(options.dist, "image")
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return artifact{}, fmt.Errorf("%s has no image, make dist builds it: %w", options.dist, err)
	}
	listed, err := index.IndexManifest()
	if err != nil {
		return artifact{}, fmt.Errorf("reading %s: %w", dir, err)
	}
	if len(listed.Manifests) == 0 || listed.Manifests[0].Annotations[annotationName] != tag.Name() {
		return artifact{}, fmt.Errorf("%s has another image than %s: make dist builds it, with the same VERSION and IMAGE", dir, tag)
	}

	built := artifact{tag: tag, digest: listed.Manifests[0].Digest}
	if listed.Manifests[0].MediaType.IsIndex() {
		built.content, err = index.ImageIndex(built.digest)
	} else {
		built.content, err = index.Image(built.digest)
	}
	if err != nil {
		return artifact{}, fmt.Errorf("reading %s: %w", dir, err)
	}
	for _, descriptor := range listed.Manifests[1:] {
		image, err := index.Image(descriptor.Digest)
		if err != nil {
			return artifact{}, fmt.Errorf("reading %s: %w", dir, err)
		}
		manifest, err := image.Manifest()
		if err != nil {
			return artifact{}, fmt.Errorf("reading %s: %w", dir, err)
		}
		if manifest.Subject == nil {
			return artifact{}, fmt.Errorf("%s in %s is no SBOM: it does not say of which image", descriptor.Digest, dir)
		}
		built.referrers = append(built.referrers, referrer{Image: image, digest: descriptor.Digest, subject: manifest.Subject.Digest})
	}
	return built, nil
}

func builtChart(version string, options publishOptions, scratch string) (artifact, error) {
	chartVersion, err := chartVersionOf(version)
	if err != nil {
		return artifact{}, err
	}
	tag, err := name.NewTag(options.charts+"/"+program+":"+chartVersion, name.StrictValidation)
	if err != nil {
		return artifact{}, fmt.Errorf("the chart cannot have this name: %w", err)
	}
	file := filepath.Join(options.dist, chartFile(chartVersion))
	image, err := chartAsImage(file, chartVersion, scratch)
	if err != nil {
		return artifact{}, fmt.Errorf("chart %s: %w", file, err)
	}
	digest, err := image.Digest()
	return artifact{tag: tag, digest: digest, content: image}, err
}

// push pushes what is not there yet. The tag comes last: who finds it finds everything.
func push(ctx context.Context, a artifact, options []remote.Option) error {
	pusher, err := remote.NewPusher(options...)
	if err != nil {
		return err
	}
	repository := a.tag.Context()
	if err := pusher.Push(ctx, repository.Digest(a.digest.String()), a.content); err != nil {
		return err
	}
	for _, r := range a.referrers {
		if err := pushReferrer(ctx, pusher, repository, r, options); err != nil {
			return fmt.Errorf("SBOM of %s: %w", r.subject, err)
		}
	}
	if err := pusher.Push(ctx, a.tag, a.content); err != nil {
		return err
	}
	switch there, err := digestOf(a.tag, options); {
	case err != nil:
		return fmt.Errorf("looking at what was pushed: %w", err)
	case there != a.digest:
		return fmt.Errorf("the registry has %s, and what was built is %s", there, a.digest)
	}
	return nil
}

// pushReferrer pushes a referrer until it is listed as one. A registry that does not
// list them itself has a tag with the list, which pushing a manifest adds to: where an
// earlier run broke off between the two, the manifest is there and the list lacks it.
func pushReferrer(ctx context.Context, pusher *remote.Pusher, repository name.Repository, r referrer, options []remote.Option) error {
	ref := repository.Digest(r.digest.String())
	for _, pushOnce := range []func(context.Context, name.Reference, remote.Taggable) error{pusher.Push, pusher.Put} {
		if listed, err := isListed(repository.Digest(r.subject.String()), r.digest, options); listed || err != nil {
			return err
		}
		if err := pushOnce(ctx, ref, r.Image); err != nil {
			return err
		}
	}
	listed, err := isListed(repository.Digest(r.subject.String()), r.digest, options)
	if err == nil && !listed {
		err = errors.New("the registry took it, and does not list it among the referrers of the image")
	}
	return err
}

func isListed(subject name.Digest, referrer v1.Hash, options []remote.Option) (bool, error) {
	index, err := remote.Referrers(subject, options...)
	if err != nil {
		return false, err
	}
	listed, err := index.IndexManifest()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(listed.Manifests, func(d v1.Descriptor) bool { return d.Digest == referrer }), nil
}

// digestOf is the digest of what the registry sends for a tag, not what a header says.
func digestOf(tag name.Tag, options []remote.Option) (v1.Hash, error) {
	found, err := remote.Get(tag, options...)
	if err != nil {
		return v1.Hash{}, err
	}
	return found.Digest, nil
}

// isAbsent tells whether an error of a registry says that nothing has the name. Some
// forbid to look at what is not there; who really may not push learns it from pushing.
func isAbsent(err error) bool {
	refused, ok := errors.AsType[*transport.Error](err)
	return ok && (refused.StatusCode == http.StatusNotFound || refused.StatusCode == http.StatusForbidden)
}
