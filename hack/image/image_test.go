// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/x509"
	"debug/buildinfo"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"
)

func TestTheImageHasAProgramCertificatesAndAUser(t *testing.T) {
	dir, printed := build(t, product(t), "")
	listed := manifests(t, dir)
	if want := "registry.example/a/bucketcors:v1.2.3@" + listed[0].Digest.String() + "\n"; printed != want {
		t.Errorf("printed %q; want %q", printed, want)
	}
	found := image(t, dir, listed[0].Digest)
	if err := validate.Image(found); err != nil {
		t.Errorf("the layout is not sound: %v", err)
	}

	files := contents(t, found)
	want := []string{
		"bucketcors", "etc/", "etc/group", "etc/passwd", "etc/ssl/", "etc/ssl/certs/", certificates, "home/", "home/nonroot/", "tmp/",
	}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
		t.Errorf("files %q; want %q", got, want)
	}
	if !x509.NewCertPool().AppendCertsFromPEM([]byte(files[certificates])) {
		t.Error("the certificate authorities are not PEM")
	}
	for _, authority := range []string{"Amazon Root CA 1", "ISRG Root X1", "GTS Root R1"} {
		if !strings.Contains(files[certificates], "# CN="+authority+",") {
			t.Errorf("there is no certificate authority %s", authority)
		}
	}

	config, err := found.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	labelled := map[string]string{
		"org.opencontainers.image.title":       "bucketcors",
		"org.opencontainers.image.description": config.Config.Labels["org.opencontainers.image.description"],
		"org.opencontainers.image.url":         project,
		"org.opencontainers.image.source":      project,
		"org.opencontainers.image.version":     "v1.2.3",
		"org.opencontainers.image.revision":    revisionOf(t, found),
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.created":     "2026-01-02T03:04:05Z",
	}
	wantConfig := v1.Config{Entrypoint: []string{"/bucketcors"}, User: "65532:65532", WorkingDir: "/", Labels: labelled}
	if !reflect.DeepEqual(config.Config, wantConfig) {
		t.Errorf("configuration %+v; want %+v", config.Config, wantConfig)
	}
	if created := config.Created.UTC(); !created.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("created %s; want the time of the commit", created)
	}
	manifest, err := found.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(manifest.Annotations, labelled) {
		t.Errorf("annotations %v; want those of the labels", manifest.Annotations)
	}
}

// revisionOf takes the revision from the image, and checks that it is one of a tree
// without changes.
func revisionOf(t *testing.T, of v1.Image) string {
	t.Helper()
	config, err := of.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	revision := config.Config.Labels["org.opencontainers.image.revision"]
	if len(revision) != 40 || strings.Trim(revision, "0123456789abcdef") != "" {
		t.Errorf("revision %q; want the name of a commit", revision)
	}
	return revision
}

func TestTheSameCommitGivesTheSameFilesElsewhere(t *testing.T) {
	first, second := product(t), product(t)
	first.platforms, second.platforms = platforms("linux/amd64", "linux/arm64"), platforms("linux/amd64", "linux/arm64")
	one, printedOne := build(t, first, "")
	t.Setenv("GOFLAGS", "-tags=other")
	t.Setenv("GOAMD64", "v3")
	t.Setenv("TZ", "Asia/Tokyo")
	two, printedTwo := build(t, second, "")
	if printedOne != printedTwo {
		t.Errorf("built %s elsewhere %s", printedOne, printedTwo)
	}
	for _, suffix := range []string{".tar", "-linux-amd64.spdx.json", "-linux-arm64.spdx.json", "/index.json"} {
		if !bytes.Equal(read(t, one+suffix), read(t, two+suffix)) {
			t.Errorf("image%s is not the same elsewhere", suffix)
		}
	}
}

// go build takes the version of the main module from tags, and commits after them.
func TestTagsOfACheckoutDoNotCount(t *testing.T) {
	programOf := func(from source) []byte {
		file := filepath.Join(t.TempDir(), "bucketcors")
		if err := compile(t.Context(), from, from.platforms[0], file); err != nil {
			t.Fatal(err)
		}
		info, err := buildinfo.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Main.Version != from.version {
			t.Errorf("the program knows its version as %s; want %s", info.Main.Version, from.version)
		}
		return read(t, file)
	}
	from := product(t)
	untagged := programOf(from)
	for _, tag := range []string{"v1.2.2", from.version, "v1.3.0"} {
		if _, err := git(t.Context(), from.root, "update-ref", "refs/tags/"+tag, "HEAD"); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(programOf(from), untagged) {
			t.Errorf("with the tag %s the program is another one", tag)
		}
	}
	write(t, filepath.Join(from.root, ".git", "info", "exclude"), "notes.txt\n")
	write(t, filepath.Join(from.root, "notes.txt"), "")
	if !bytes.Equal(programOf(from), untagged) {
		t.Error("with a file that this checkout ignores the program is another one")
	}
}

func TestADirtyTreeSaysSo(t *testing.T) {
	from := product(t)
	write(t, filepath.Join(from.root, "new.txt"), "")
	dirty, err := readCommit(t.Context(), from.root)
	if err != nil {
		t.Fatal(err)
	}
	if want := from.commit.revision + "-dirty"; dirty.revision != want || !dirty.time.Equal(from.commit.time) {
		t.Errorf("commit %+v; want %s, and the time of %+v", dirty, want, from.commit)
	}
}

func TestTimeOfTheSource(t *testing.T) {
	plain := t.TempDir()
	tests := []struct {
		name  string
		epoch string
		root  string
		want  time.Time
		err   string
	}{
		{name: "SOURCE_DATE_EPOCH counts for more than the commit", epoch: "1", want: time.Unix(1, 0)},
		{name: "a directory without git takes SOURCE_DATE_EPOCH", root: plain, epoch: "86400", want: time.Unix(86400, 0)},
		{name: "nothing says of when the source is", root: plain, err: "SOURCE_DATE_EPOCH"},
		{name: "SOURCE_DATE_EPOCH that is no number", epoch: "yesterday", err: `"yesterday" is not a number`},
		{name: "SOURCE_DATE_EPOCH before 1970", epoch: "-1", err: `"-1" is not a number`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := test.root
			if root == "" {
				root = product(t).root
			}
			t.Setenv("SOURCE_DATE_EPOCH", test.epoch)
			got, err := readCommit(t.Context(), root)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("error %v; want one with %q", err, test.err)
				}
				return
			}
			if err != nil || !got.time.Equal(test.want) {
				t.Errorf("time %s, error %v; want %s", got.time, err, test.want)
			}
		})
	}
}

func TestEachPlatformHasAnImageAndAnSBOM(t *testing.T) {
	from := product(t)
	from.platforms = platforms("linux/amd64", "linux/arm64")
	dir, printed := build(t, from, "")
	listed := manifests(t, dir)
	if len(listed) != 3 || listed[0].MediaType != types.OCIImageIndex {
		t.Fatalf("index.json lists %+v; want an index and two SBOMs", listed)
	}
	if !strings.HasSuffix(printed, "@"+listed[0].Digest.String()+"\n") {
		t.Errorf("printed %q; want the digest %s", printed, listed[0].Digest)
	}
	if got := listed[0].Annotations["io.containerd.image.name"]; got != "registry.example/a/bucketcors:v1.2.3" {
		t.Errorf("containerd would name the image %q", got)
	}
	root, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	index, err := root.ImageIndex(listed[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Errorf("the index is not sound: %v", err)
	}
	images, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for i, descriptor := range images.Manifests {
		platform := from.platforms[i]
		if !descriptor.Platform.Equals(platform) {
			t.Errorf("platform %s; want %s", descriptor.Platform, platform)
		}
		of, err := index.Image(descriptor.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := of.ConfigFile()
		if err != nil || config.OS != platform.OS || config.Architecture != platform.Architecture {
			t.Errorf("configuration of %s/%s, error %v; want %s", config.OS, config.Architecture, err, platform)
		}

		attached, err := image(t, dir, listed[1+i].Digest).Manifest()
		if err != nil {
			t.Fatal(err)
		}
		if attached.ArtifactType != spdxJSON || attached.Subject.Digest != descriptor.Digest {
			t.Errorf("artifact %+v; want an SBOM whose subject is %s", attached, descriptor.Digest)
		}
		sbom := read(t, dir+"-"+strings.ReplaceAll(platform.String(), "/", "-")+".spdx.json")
		if digest, _, _ := v1.SHA256(bytes.NewReader(sbom)); attached.Layers[0].Digest != digest {
			t.Errorf("the SBOM in the layout is not the one beside it")
		}
		document, err := spdxjson.Read(bytes.NewReader(sbom))
		if err != nil {
			t.Fatal(err)
		}
		if err := spdxlib.ValidateDocument(document); err != nil {
			t.Errorf("SBOM: %v", err)
		}
		var packages []string
		for _, p := range document.Packages {
			packages = append(packages, p.PackageName)
		}
		want := []string{"registry.example/a/bucketcors", module, "stdlib", rootsModule}
		if !slices.Equal(packages, want) {
			t.Errorf("the SBOM of a program without dependencies lists %q; want %q", packages, want)
		}
	}
}

func TestTheArchiveIsForEveryImporter(t *testing.T) {
	dir, _ := build(t, product(t), "")
	files := untar(t, bytes.NewReader(read(t, dir+".tar")))
	digest := manifests(t, dir)[0].Digest
	manifest, err := image(t, dir, digest).Manifest()
	if err != nil {
		t.Fatal(err)
	}
	blob := func(of v1.Hash) string { return "blobs/sha256/" + of.Hex }
	want := []string{blob(digest), blob(manifest.Config.Digest), "index.json", "manifest.json", "oci-layout"}
	for _, l := range manifest.Layers {
		want = append(want, blob(l.Digest))
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
		t.Errorf("files %q; want %q", got, want)
	}
	docker := `[{"Config":"` + blob(manifest.Config.Digest) + `","Layers":["` + blob(manifest.Layers[0].Digest) + `","` +
		blob(manifest.Layers[1].Digest) + `"],"RepoTags":["registry.example/a/bucketcors:v1.2.3"]}]`
	if files["manifest.json"] != docker {
		t.Errorf("manifest.json is %s; want %s", files["manifest.json"], docker)
	}
}

func TestABaseFromARegistryStaysAsItIs(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	ref, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://") + "/distroless/static:nonroot")
	if err != nil {
		t.Fatal(err)
	}
	etc, err := layer([]entry{directory("etc", 0o755, 0), file("etc/os-release", 0o644, []byte("NAME=base\n"))}, time.Unix(0, 0), types.DockerLayer)
	if err != nil {
		t.Fatal(err)
	}
	base, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: "linux", Architecture: "amd64", RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{Env: []string{"SSL_CERT_FILE=/etc/certs.pem"}, User: "0", Cmd: []string{"sh"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if base, err = mutate.AppendLayers(base, etc); err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, base, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	baseDigest, err := base.Digest()
	if err != nil {
		t.Fatal(err)
	}

	from := product(t)
	dir, _ := build(t, from, ref.String())
	found := image(t, dir, manifests(t, dir)[0].Digest)
	if got := slices.Sorted(maps.Keys(contents(t, found))); !slices.Equal(got, []string{"bucketcors", "etc/", "etc/os-release"}) {
		t.Errorf("files %q; want those of the base and the program", got)
	}
	manifest, err := found.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if manifest.Annotations[annotationBaseName] != ref.Name() || manifest.Annotations[annotationBaseDigest] != baseDigest.String() {
		t.Errorf("annotations %v; want the base %s and its digest %s", manifest.Annotations, ref, baseDigest)
	}
	for _, l := range manifest.Layers {
		if l.MediaType != types.DockerLayer {
			t.Errorf("a layer is of type %s; want that of the base, %s", l.MediaType, types.DockerLayer)
		}
	}
	config, err := found.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c := config.Config; !slices.Equal(c.Env, []string{"SSL_CERT_FILE=/etc/certs.pem"}) || c.User != "65532:65532" || c.Cmd != nil {
		t.Errorf("configuration %+v; want the environment of the base, and neither its user nor its command", c)
	}

	from.platforms = platforms("linux/arm64")
	err = buildImage(t.Context(), from, imageOptions{
		repository: "registry.example/a/bucketcors", base: ref.String(), layout: filepath.Join(t.TempDir(), "image"),
	}, new(strings.Builder))
	if err == nil || !strings.Contains(err.Error(), "linux/arm64") {
		t.Errorf("error %v; want one that says the base has no image for linux/arm64", err)
	}
}

func TestAnEarlierLayoutIsReplacedAndNothingElse(t *testing.T) {
	from := product(t)
	dir := filepath.Join(t.TempDir(), "image")
	options := imageOptions{repository: "registry.example/a/bucketcors", layout: dir}
	for range 2 {
		if err := buildImage(t.Context(), from, options, new(strings.Builder)); err != nil {
			t.Fatal(err)
		}
	}
	if listed := manifests(t, dir); len(listed) != 2 {
		t.Errorf("the second build left %d manifests; want the image and its SBOM", len(listed))
	}

	foreign := t.TempDir()
	write(t, filepath.Join(foreign, "thesis.txt"), "years of work")
	options.layout = foreign
	err := buildImage(t.Context(), from, options, new(strings.Builder))
	if err == nil || !strings.Contains(err.Error(), "name another directory") {
		t.Errorf("error %v; want one that asks for another directory", err)
	}
	if string(read(t, filepath.Join(foreign, "thesis.txt"))) != "years of work" {
		t.Error("a file of somebody else is gone")
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
