// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const checksumsFile = "SHA256SUMS"

// writeChecksums writes into a directory the sums of its files, not of those in
// directories below, as sha256sum --check reads them.
func writeChecksums(dir string) error {
	found, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, entry := range found {
		if entry.Name() == checksumsFile || !entry.Type().IsRegular() {
			continue
		}
		sum, err := sumOf(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%x  %s\n", sum, entry.Name())
	}
	return os.WriteFile(filepath.Join(dir, checksumsFile), []byte(lines.String()), 0o644)
}

func sumOf(path string) ([]byte, error) {
	content, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	hash := sha256.New()
	_, err = io.Copy(hash, content)
	return hash.Sum(nil), err
}
