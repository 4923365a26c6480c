// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"time"
)

// entry is a file or a directory of a layer or an archive.
type entry struct {
	header tar.Header
	data   []byte
}

func directory(name string, mode int64, owner int) entry {
	return entry{header: tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode, Uid: owner, Gid: owner}}
}

func file(name string, mode int64, data []byte) entry {
	return entry{header: tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data))}, data: data}
}

// packTar writes entries with one time for all, owned by who the entries say.
func packTar(to io.Writer, entries []entry, modified time.Time) error {
	out := tar.NewWriter(to)
	for _, e := range entries {
		e.header.ModTime = modified
		e.header.Format = tar.FormatUSTAR
		if err := out.WriteHeader(&e.header); err != nil {
			return fmt.Errorf("packing %s: %w", e.header.Name, err)
		}
		if _, err := out.Write(e.data); err != nil {
			return fmt.Errorf("packing %s: %w", e.header.Name, err)
		}
	}
	return out.Close()
}

func packTarGz(entries []entry, modified time.Time) ([]byte, error) {
	var packed bytes.Buffer
	compressed, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if err := packTar(compressed, entries, modified); err != nil {
		return nil, err
	}
	err = compressed.Close()
	return packed.Bytes(), err
}

func packZip(entries []entry, modified time.Time) ([]byte, error) {
	var packed bytes.Buffer
	out := zip.NewWriter(&packed)
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.header.Name, Method: zip.Deflate, Modified: modified}
		header.SetMode(e.header.FileInfo().Mode())
		to, err := out.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := to.Write(e.data); err != nil {
			return nil, err
		}
	}
	err := out.Close()
	return packed.Bytes(), err
}
