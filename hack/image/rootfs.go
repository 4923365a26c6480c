// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

const (
	// nonroot is the user that distroless images have under this name.
	nonroot = 65532

	// certificates is the first place where Go looks for certificate authorities on Linux.
	certificates = "etc/ssl/certs/ca-certificates.crt"
)

// rootfs is what a static program needs around it, the same for each platform:
// certificate authorities, a user, a home and a place for temporary files.
func rootfs() (v1.Layer, error) {
	authorities, err := authorities()
	if err != nil {
		return nil, err
	}
	user := fmt.Sprintf("root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:%[1]d:%[1]d:nonroot:/home/nonroot:/sbin/nologin\n", nonroot)
	group := fmt.Sprintf("root:x:0:\nnonroot:x:%d:\n", nonroot)
	return layer([]entry{
		directory("etc", 0o755, 0),
		file("etc/group", 0o644, []byte(group)),
		file("etc/passwd", 0o644, []byte(user)),
		directory("etc/ssl", 0o755, 0),
		directory("etc/ssl/certs", 0o755, 0),
		file(certificates, 0o644, authorities),
		directory("home", 0o755, 0),
		directory("home/nonroot", 0o700, nonroot),
		directory("tmp", 0o1777, 0),
	}, time.Unix(0, 0), types.OCILayer) // the same bytes in every version
}

// authorities are the roots that Mozilla trusts, as PEM. They come from a Go module
// which Go's security team makes from Mozilla's list: go.sum pins each byte, no
// registry and no distribution's package is asked, and dependency updates bring new
// ones. A few roots are trusted with a condition that a file cannot express, such as
// "issued before a date": those are left out.
func authorities() ([]byte, error) {
	var text bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		certificate, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, fmt.Errorf("a root of golang.org/x/crypto/x509roots: %w", err)
		}
		fmt.Fprintf(&text, "# %s\n", strings.ReplaceAll(certificate.Subject.String(), "\n", " "))
		if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	if text.Len() == 0 {
		return nil, errors.New("golang.org/x/crypto/x509roots has no roots that could be written into a file")
	}
	return text.Bytes(), nil
}

// layer packs entries, whose parents come first, with one time for all.
func layer(entries []entry, modified time.Time, mediaType types.MediaType) (v1.Layer, error) {
	var packed bytes.Buffer
	if err := packTar(&packed, entries, modified); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(packed.Bytes())), nil
	}, tarball.WithMediaType(mediaType), tarball.WithCompressedCaching)
}
