// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

// kustomizationFile is the one that is written, of those that kustomize reads, unless
// another is there to be overwritten: of two it reads none.
const kustomizationFile = "kustomization.yaml"

var kustomizationFiles = []string{kustomizationFile, "kustomization.yml", "Kustomization"}

// checkDirectory refuses a directory that is none, or has a file that is to be written
// and not to be overwritten.
func (o *importOptions) checkDirectory(found []*importedBucket) error {
	if o.directory == "" {
		return nil
	}
	info, err := os.Stat(o.directory)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("--output-dir %s is a file: name a directory", o.directory)
	case o.force:
		return nil
	}
	names := slices.Clone(kustomizationFiles)
	for _, b := range found {
		names = append(names, b.file())
	}
	var there []string
	for _, name := range names {
		path := filepath.Join(o.directory, name)
		_, err := os.Lstat(path)
		switch {
		case err == nil:
			there = append(there, path)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	switch len(there) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%s is there already: take another directory, or --force to overwrite it", there[0])
	default:
		return fmt.Errorf("%s are there already: take another directory, or --force to overwrite them", few(there))
	}
}

// write writes the policies of buckets, to files or as one stream.
func (o *importOptions) write(cmd *cobra.Command, policies []*importedBucket) error {
	if len(policies) == 0 {
		return nil
	}
	if o.directory == "" {
		var b bytes.Buffer
		for i, p := range policies {
			if i > 0 {
				b.WriteString("---\n")
			}
			b.Write(p.manifest)
		}
		if _, err := cmd.OutOrStdout().Write(b.Bytes()); err != nil {
			return fmt.Errorf("write the policies: %w", err)
		}
		return nil
	}
	kustomization, err := kustomizationOf(policies)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.directory, 0o777); err != nil {
		return err
	}
	// The kustomization last, so that it never names what is not there.
	var files []newFile
	for _, p := range policies {
		files = append(files, newFile{filepath.Join(o.directory, p.file()), p.manifest})
	}
	files = append(files, newFile{kustomizationIn(o.directory), kustomization})
	if err := writeAll(files, o.force); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s in %s: kubectl apply -k %s\n", count(len(policies), "policy"), o.directory, shellWord(o.directory))
	return err
}

// plainWord is a word that every shell takes as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,=-]+$`)

// shellWord is a word to be pasted into a shell.
func shellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// kustomizationIn is the file of a directory that kustomize reads, or is to read.
func kustomizationIn(directory string) string {
	for _, name := range kustomizationFiles {
		path := filepath.Join(directory, name)
		if _, err := os.Lstat(path); err == nil {
			return path
		}
	}
	return filepath.Join(directory, kustomizationFile)
}

// kustomizationOf lists the files of policies.
func kustomizationOf(policies []*importedBucket) ([]byte, error) {
	k := types.Kustomization{TypeMeta: types.TypeMeta{APIVersion: types.KustomizationVersion, Kind: types.KustomizationKind}}
	for _, p := range policies {
		k.Resources = append(k.Resources, p.file())
	}
	return yaml.Marshal(k)
}

// newFile is a file to be written.
type newFile struct {
	path string
	data []byte
}

// writeAll writes files, none of which is ever seen with half of its content, and
// overwrites none unless forced to. Where one cannot be written, those that were
// not there before are removed again.
func writeAll(files []newFile, force bool) (err error) {
	var created []string
	defer func() {
		if err != nil {
			for _, path := range created {
				err = errors.Join(err, os.Remove(path))
			}
		}
	}()
	for _, f := range files {
		_, before := os.Lstat(f.path)
		if err := writeWhole(f, force); err != nil {
			return err
		}
		if before != nil {
			created = append(created, f.path)
		}
	}
	return nil
}

// writeWhole writes a file beside its place first.
func writeWhole(f newFile, force bool) (err error) {
	temporary := filepath.Join(filepath.Dir(f.path), "."+filepath.Base(f.path)+"."+rand.Text()[:8])
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if removed := os.Remove(temporary); err == nil && !errors.Is(removed, fs.ErrNotExist) {
			err = removed
		}
	}()
	_, err = file.Write(f.data)
	err = errors.Join(err, file.Close())
	if err != nil {
		return err
	}
	if force {
		return os.Rename(temporary, f.path)
	}
	if err := os.Link(temporary, f.path); err == nil {
		return nil
	}
	// The file is there, or the file system has no links and cannot rule out that it
	// comes between these two.
	switch _, err := os.Lstat(f.path); {
	case err == nil:
		return fmt.Errorf("%s is there already: take another directory, or --force to overwrite it", f.path)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return os.Rename(temporary, f.path)
}
