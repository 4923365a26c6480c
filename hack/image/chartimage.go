// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"sigs.k8s.io/yaml"
)

// The types by which Helm knows a chart in a registry.
const (
	helmConfig = "application/vnd.cncf.helm.config.v1+json"
	helmChart  = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

// chartAsImage gives a packed chart the form in which Helm keeps it in a registry: the
// archive as the one layer, Chart.yaml as the configuration and what is in it as
// annotations (https://helm.sh/docs/topics/registries). The time is that of the files
// in the archive, so one archive has one digest. It is kept in scratch.
func chartAsImage(file, version, scratch string) (v1.Image, error) {
	packed, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	text, modified, err := chartYAML(packed)
	if err != nil {
		return nil, err
	}
	metadata, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, fmt.Errorf("its Chart.yaml: %w", err)
	}
	annotations, err := chartAnnotations(metadata, version, modified)
	if err != nil {
		return nil, err
	}

	to, err := layout.Write(scratch, empty.Index)
	if err != nil {
		return nil, err
	}
	config, err := writeBlob(to, helmConfig, metadata)
	if err != nil {
		return nil, err
	}
	content, err := writeBlob(to, helmChart, packed)
	if err != nil {
		return nil, err
	}
	descriptor, err := appendManifest(to, v1.Manifest{Config: config, Layers: []v1.Descriptor{content}, Annotations: annotations})
	if err != nil {
		return nil, err
	}
	return to.Image(descriptor.Digest)
}

// chartYAML is the chart's description of itself, and its time.
func chartYAML(packed []byte) ([]byte, time.Time, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, time.Time{}, err
	}
	for in := tar.NewReader(unpacked); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil, time.Time{}, errors.New("there is no Chart.yaml in it")
		}
		if err != nil {
			return nil, time.Time{}, err
		}
		if header.Name == program+"/Chart.yaml" {
			text, err := io.ReadAll(in)
			return text, header.ModTime.UTC(), err
		}
	}
}

// chartAnnotations are those that helm push writes: the chart's own, and OCI's names
// for what else is in Chart.yaml.
func chartAnnotations(metadata []byte, version string, created time.Time) (map[string]string, error) {
	var chart struct {
		Name, Version, Description, Home string
		Sources                          []string
		Maintainers                      []struct{ Name, Email string }
		Annotations                      map[string]string
	}
	if err := json.Unmarshal(metadata, &chart); err != nil {
		return nil, fmt.Errorf("its Chart.yaml: %w", err)
	}
	if chart.Name != program || chart.Version != version {
		return nil, fmt.Errorf("its Chart.yaml is of %s %s; want %s %s", chart.Name, chart.Version, program, version)
	}
	authors := make([]string, 0, len(chart.Maintainers))
	for _, maintainer := range chart.Maintainers {
		author := maintainer.Name
		if maintainer.Email != "" {
			author += " (" + maintainer.Email + ")"
		}
		authors = append(authors, author)
	}
	annotations := map[string]string{
		"org.opencontainers.image.title":       chart.Name,
		"org.opencontainers.image.version":     chart.Version,
		"org.opencontainers.image.description": chart.Description,
		"org.opencontainers.image.url":         chart.Home,
		"org.opencontainers.image.created":     created.Format(time.RFC3339),
		"org.opencontainers.image.authors":     strings.Join(authors, ", "),
	}
	if len(chart.Sources) > 0 {
		annotations["org.opencontainers.image.source"] = chart.Sources[0]
	}
	maps.DeleteFunc(annotations, func(_, value string) bool { return value == "" })
	for key, value := range chart.Annotations {
		if _, taken := annotations[key]; !taken {
			annotations[key] = value
		}
	}
	return annotations, nil
}
