// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// Some registries list referrers, others leave it to who pushes to keep a tag with the list.
var registries = map[string]bool{"with the referrers API": true, "without the referrers API": false}

func TestWhatIsPublishedIsWhatWasBuilt(t *testing.T) {
	for kind, listsReferrers := range registries {
		t.Run("a registry "+kind, func(t *testing.T) {
			host := startRegistry(t, listsReferrers, nil)
			from, options := built(t, host, "linux/amd64", "linux/arm64")
			listed := manifests(t, filepath.Join(options.dist, "image"))

			lines := published(t, from, options)
			image, chart := host+"/a/bucketcors", host+"/a/charts/bucketcors"
			if want := image + ":v1.2.3@" + listed[0].Digest.String(); lines[0] != want {
				t.Errorf("printed %s; want %s", lines[0], want)
			}
			index, err := remote.Index(reference(t, image+":v1.2.3"))
			if err != nil {
				t.Fatal(err)
			}
			if err := validate.Index(index); err != nil {
				t.Errorf("the image in the registry is not sound: %v", err)
			}
			if digest, err := index.Digest(); err != nil || digest != listed[0].Digest {
				t.Errorf("the registry has %s, error %v; want %s", digest, err, listed[0].Digest)
			}
			images, err := index.IndexManifest()
			if err != nil || len(images.Manifests) != 2 {
				t.Fatalf("images %+v, error %v; want those of two platforms", images, err)
			}
			for i, of := range images.Manifests {
				referrers := referrersOf(t, image, of.Digest)
				if len(referrers) != 1 || referrers[0].Digest != listed[1+i].Digest {
					t.Errorf("referrers of %s are %+v; want the SBOM %s", of.Platform, referrers, listed[1+i].Digest)
					continue
				}
				sbom, err := remote.Image(reference(t, image+"@"+referrers[0].Digest.String()))
				if err != nil {
					t.Fatal(err)
				}
				if manifest, err := sbom.Manifest(); err != nil || manifest.ArtifactType != spdxJSON {
					t.Errorf("the SBOM of %s is %+v, error %v; want an artifact of type %s", of.Platform, manifest, err, spdxJSON)
				}
				layers, err := sbom.Layers()
				if err != nil {
					t.Fatal(err)
				}
				want := read(t, filepath.Join(options.dist, "image-linux-"+of.Platform.Architecture+".spdx.json"))
				if got := content(t, layers[0]); !bytes.Equal(got, want) {
					t.Errorf("the SBOM of %s in the registry is not the file", of.Platform)
				}
			}

			found, err := remote.Get(reference(t, chart+":1.2.3"))
			if err != nil {
				t.Fatal(err)
			}
			if want := chart + ":1.2.3@" + found.Digest.String(); lines[1] != want {
				t.Errorf("printed %s; want %s", lines[1], want)
			}
		})
	}
}

// What helm pull asks for is in its pkg/registry and in https://helm.sh/docs/topics/registries.
func TestTheChartIsInTheFormOfHelm(t *testing.T) {
	host := startRegistry(t, true, nil)
	from, options := built(t, host, "linux/amd64")
	published(t, from, options)
	image, err := remote.Image(reference(t, host+"/a/charts/bucketcors:1.2.3"))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if manifest.MediaType != types.OCIManifestSchema1 || manifest.Config.MediaType != helmConfig ||
		len(manifest.Layers) != 1 || manifest.Layers[0].MediaType != helmChart {
		t.Errorf("manifest %+v; want one of OCI with a configuration and a layer of Helm's types", manifest)
	}
	want := map[string]string{
		"org.opencontainers.image.title":       "bucketcors",
		"org.opencontainers.image.version":     "1.2.3",
		"org.opencontainers.image.description": "a chart",
		"org.opencontainers.image.url":         "https://example.com",
		"org.opencontainers.image.source":      "https://example.com/git",
		"org.opencontainers.image.authors":     "A (a@example.com), B",
		"org.opencontainers.image.created":     "2026-01-02T03:04:05Z",
		"example.com/category":                 "storage",
	}
	if !maps.Equal(manifest.Annotations, want) {
		t.Errorf("annotations %v; want %v", manifest.Annotations, want)
	}
	raw, err := image.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	var config struct{ APIVersion, Name, Version, AppVersion string }
	if err := json.Unmarshal(raw, &config); err != nil {
		t.Fatal(err)
	}
	if config.APIVersion != "v2" || config.Name != "bucketcors" || config.Version != "1.2.3" || config.AppVersion != "v1.2.3" {
		t.Errorf("configuration %s; want Chart.yaml, as JSON", raw)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(t, layers[0]), read(t, filepath.Join(options.dist, "bucketcors-1.2.3.tgz"))) {
		t.Error("the layer is not the archive")
	}
}

func TestPublishingAgainChangesNothing(t *testing.T) {
	for kind, listsReferrers := range registries {
		t.Run("in a registry "+kind, func(t *testing.T) {
			var writes atomic.Int64
			host := startRegistry(t, listsReferrers, countWrites(&writes))
			from, options := built(t, host, "linux/amd64")
			first := published(t, from, options)
			if writes.Load() == 0 {
				t.Fatal("the first run wrote nothing: nothing was counted")
			}
			writes.Store(0)
			if second := published(t, from, options); !slices.Equal(first, second) {
				t.Errorf("the second run printed %q; want %q", second, first)
			}
			if n := writes.Load(); n != 0 {
				t.Errorf("the second run wrote %d times; want none", n)
			}
		})
	}
}

func TestAPublishedVersionNeverChanges(t *testing.T) {
	tests := []struct {
		name  string
		taken string // the tag that has other content
		free  string
	}{
		{name: "the image is published", taken: "/a/bucketcors:v1.2.3", free: "/a/charts/bucketcors:1.2.3"},
		{name: "the chart is published", taken: "/a/charts/bucketcors:1.2.3", free: "/a/bucketcors:v1.2.3"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var writes atomic.Int64
			host := startRegistry(t, true, countWrites(&writes))
			from, options := built(t, host, "linux/amd64")
			published(t, from, options)
			taken, free := reference(t, host+test.taken), reference(t, host+test.free)
			if err := remote.Delete(free); err != nil {
				t.Fatal(err)
			}
			before, err := remote.Get(taken)
			if err != nil {
				t.Fatal(err)
			}
			writes.Store(0)

			from.commit.time = from.commit.time.AddDate(0, 0, 1)
			buildAll(t, from, options)
			err = publish(t.Context(), from.version, options, io.Discard)
			if err == nil || !strings.Contains(err.Error(), taken.String()+" is published already, as "+before.Digest.String()) {
				t.Errorf("error %v; want one that says which version is published", err)
			}
			if n := writes.Load(); n != 0 {
				t.Errorf("it wrote %d times; want nothing to change", n)
			}
			if after, err := remote.Get(taken); err != nil || after.Digest != before.Digest {
				t.Errorf("%s is %+v, error %v; want it to stay %s", taken, after, err, before.Digest)
			}
			if _, err := remote.Get(free); err == nil {
				t.Errorf("%s was pushed, without the other", free)
			}
		})
	}
}

// The registry, an empty one each time, refuses one write after another.
func TestWhereverPublishingBreaksOffItCanBeRunAgain(t *testing.T) {
	for kind, listsReferrers := range registries {
		t.Run("in a registry "+kind, func(t *testing.T) {
			var writes, refused atomic.Int64
			var current http.Handler
			host := startRegistry(t, listsReferrers, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				if isWrite(r) && writes.Add(1) == refused.Load() {
					http.Error(w, `{"errors":[{"code":"DENIED"}]}`, http.StatusConflict)
					return
				}
				current.ServeHTTP(w, r)
			})
			from, options := built(t, host, "linux/amd64", "linux/arm64")
			listed := manifests(t, filepath.Join(options.dist, "image"))
			for {
				current = emptyRegistry(listsReferrers)
				writes.Store(0)
				refused.Add(1)
				if err := publish(t.Context(), from.version, options, io.Discard); err == nil {
					break
				}
				published(t, from, options)
				index, err := remote.Index(reference(t, host+"/a/bucketcors:v1.2.3"))
				if err != nil {
					t.Fatal(err)
				}
				if err := validate.Index(index); err != nil {
					t.Errorf("after write %d was refused, the image is not sound: %v", refused.Load(), err)
				}
				images, err := index.IndexManifest()
				if err != nil {
					t.Fatal(err)
				}
				for i, of := range images.Manifests {
					if referrers := referrersOf(t, host+"/a/bucketcors", of.Digest); len(referrers) != 1 || referrers[0].Digest != listed[1+i].Digest {
						t.Errorf("after write %d was refused, referrers of %s are %+v; want its SBOM", refused.Load(), of.Platform, referrers)
					}
				}
			}
			if refused.Load() < 20 {
				t.Errorf("it broke off at %d writes; there are more than that", refused.Load()-1)
			}
		})
	}
}

func TestCredentialsAreThoseOfDockerLogin(t *testing.T) {
	host := startRegistry(t, true, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if user, password, _ := r.BasicAuth(); user != "robot" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
	from, options := built(t, host, "linux/amd64")
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	if err := publish(t.Context(), from.version, options, io.Discard); err == nil || !strings.Contains(err.Error(), host) {
		t.Errorf("error %v; want one that says who refused", err)
	}
	write(t, filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"),
		fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte("robot:secret"))))
	published(t, from, options)
}

// Some registries answer 403 to who asks for what does not exist.
func TestARegistryMayForbidToLookAtWhatIsNotThere(t *testing.T) {
	host := startRegistry(t, true, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		if answer.Code == http.StatusNotFound && strings.Contains(r.URL.Path, "/manifests/") {
			answer = httptest.NewRecorder()
			answer.WriteHeader(http.StatusForbidden)
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = answer.Body.WriteTo(w)
	})
	from, options := built(t, host, "linux/amd64")
	published(t, from, options)
}

func TestARegistryThatKeepsSomethingElseIsFound(t *testing.T) {
	host := startRegistry(t, true, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/v1.2.3") {
			data, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			r.Body = io.NopCloser(bytes.NewReader(append(data, '\n')))
		}
		next.ServeHTTP(w, r)
	})
	from, options := built(t, host, "linux/amd64")
	err := publish(t.Context(), from.version, options, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "the registry has sha256:") {
		t.Errorf("error %v; want one that says the registry has another digest", err)
	}
}

func TestOnlyWhatWasBuiltForThisNameIsPublished(t *testing.T) {
	tests := []struct {
		name    string
		version string
		spoil   func(t *testing.T, options *publishOptions)
		err     string
	}{
		{name: "nothing was built", spoil: func(t *testing.T, options *publishOptions) { options.dist = t.TempDir() }, err: "make dist builds it"},
		{name: "another version was built", version: "v1.2.4", err: "another image than"},
		{name: "it was built for another repository", spoil: func(_ *testing.T, options *publishOptions) { options.repository += "x" }, err: "another image than"},
		{name: "a version without a chart", version: "abc123", err: "another image than"},
		{name: "a repository with a tag", spoil: func(_ *testing.T, options *publishOptions) { options.repository += ":v1" }, err: "cannot have this name"},
		{name: "charts in no repository", spoil: func(_ *testing.T, options *publishOptions) { options.charts = "A B" }, err: "the chart cannot have this name"},
		{name: "a chart of another version", spoil: func(t *testing.T, options *publishOptions) {
			from := product(t)
			from.version = "v1.2.4"
			if err := buildChart(from, options.dist, io.Discard); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(options.dist, chartFile("1.2.4")), filepath.Join(options.dist, chartFile("1.2.3"))); err != nil {
				t.Fatal(err)
			}
		}, err: "Chart.yaml is of bucketcors 1.2.4"},
		{name: "a chart that is no archive", spoil: func(t *testing.T, options *publishOptions) {
			write(t, filepath.Join(options.dist, chartFile("1.2.3")), "x")
		}, err: chartFile("1.2.3")},
		{name: "no chart", spoil: func(t *testing.T, options *publishOptions) {
			if err := os.Remove(filepath.Join(options.dist, chartFile("1.2.3"))); err != nil {
				t.Fatal(err)
			}
		}, err: chartFile("1.2.3")},
	}
	var writes atomic.Int64
	host := startRegistry(t, true, countWrites(&writes))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			from, options := built(t, host, "linux/amd64")
			if test.version != "" {
				from.version = test.version
			}
			if test.spoil != nil {
				test.spoil(t, &options)
			}
			err := publish(t.Context(), from.version, options, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v; want one with %q", err, test.err)
			}
			if n := writes.Load(); n != 0 {
				t.Errorf("it wrote %d times; want none", n)
			}
		})
	}
}

// startRegistry starts a registry on loopback and returns its host. What comes in goes
// through the handler first.
func startRegistry(t *testing.T, listsReferrers bool, first func(http.ResponseWriter, *http.Request, http.Handler)) string {
	t.Helper()
	handler := emptyRegistry(listsReferrers)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if first == nil {
			handler.ServeHTTP(w, r)
			return
		}
		first(w, r, handler)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func emptyRegistry(listsReferrers bool) http.Handler {
	return registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(listsReferrers))
}

func countWrites(writes *atomic.Int64) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if isWrite(r) {
			writes.Add(1)
		}
		next.ServeHTTP(w, r)
	}
}

func isWrite(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// built builds an image and a chart, to be published at host.
func built(t *testing.T, host string, of ...string) (source, publishOptions) {
	t.Helper()
	from := product(t)
	from.platforms = platforms(of...)
	write(t, filepath.Join(from.root, "charts", "bucketcors", "Chart.yaml"), `apiVersion: v2
name: bucketcors
version: 0.0.0
appVersion: v0.0.0
description: a chart
home: https://example.com
sources: [https://example.com/git, https://example.com/mirror]
maintainers:
- name: A
  email: a@example.com
- name: B
annotations:
  example.com/category: storage
  org.opencontainers.image.title: another
`)
	options := publishOptions{repository: host + "/a/bucketcors", charts: host + "/a/charts", dist: t.TempDir()}
	buildAll(t, from, options)
	return from, options
}

func buildAll(t *testing.T, from source, options publishOptions) {
	t.Helper()
	image := imageOptions{repository: options.repository, layout: filepath.Join(options.dist, "image")}
	if err := buildImage(t.Context(), from, image, io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := buildChart(from, options.dist, io.Discard); err != nil {
		t.Fatal(err)
	}
}

// published publishes and returns the two lines that are printed.
func published(t *testing.T, from source, options publishOptions) []string {
	t.Helper()
	var stdout strings.Builder
	if err := publish(t.Context(), from.version, options, &stdout); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("printed %q; want a line for the image and one for the chart", lines)
	}
	return lines
}

func reference(t *testing.T, text string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(text, name.StrictValidation)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func referrersOf(t *testing.T, repository string, digest v1.Hash) []v1.Descriptor {
	t.Helper()
	subject, err := name.NewDigest(repository + "@" + digest.String())
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Referrers(subject)
	if err != nil {
		t.Fatal(err)
	}
	listed, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	return listed.Manifests
}

func content(t *testing.T, of v1.Layer) []byte {
	t.Helper()
	in, err := of.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	data, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
