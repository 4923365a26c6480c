// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"io/fs"
)

// walkFiles opens the files of a tree one after another, in the order of their names.
func walkFiles(root fs.FS, visit func(name string, size int64, content io.Reader) error) error {
	return fs.WalkDir(root, ".", func(name string, found fs.DirEntry, err error) error {
		if err != nil || found.IsDir() {
			return err
		}
		info, err := found.Info()
		if err != nil {
			return err
		}
		content, err := root.Open(name)
		if err != nil {
			return err
		}
		err = visit(name, info.Size(), content)
		if closeErr := content.Close(); err == nil {
			err = closeErr
		}
		return err
	})
}
