// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
	"github.com/bucketcors/bucketcors/internal/lint"
)

// fix is one value that has been mended.
type fix struct {
	file     *document.File // as it was before
	document *document.Document
	place    document.Position
	path     string
	old      string
	values   []string // in its place; none where it was removed
}

// String says what has been done.
func (f fix) String() string {
	what := "removed " + quoted([]string{f.old})
	if len(f.values) > 0 {
		what = quoted([]string{f.old}) + " -> " + quoted(f.values)
	}
	return fmt.Sprintf("%s:%d:%d: fixed: %s", f.file.Name, f.place.Line, f.place.Column, what)
}

// mend does what can be done mechanically about the findings of a file, until
// there is no more of it. The file is not written.
func (o *lintOptions) mend(file *document.File) (*document.File, []fix, error) {
	var fixes []fix
	for range lint.MaxRounds {
		var changes []document.Change
		for _, d := range file.Documents {
			for _, e := range lint.Edits(d.Configuration, o.optionsFor(d)) {
				path := cors.Path(e.Rule, e.Field, e.Index)
				changes = append(changes, document.Change{Document: d, Path: path, Values: e.Values})
				fixes = append(fixes, fix{
					file: file, document: d, place: file.Position(d, path),
					path: path, old: valueAt(d.Configuration.Rules[e.Rule], e.Field, e.Index), values: e.Values,
				})
			}
		}
		if len(changes) == 0 {
			break
		}
		data, err := file.Apply(changes)
		if err != nil {
			return nil, nil, err
		}
		file, err = document.Read(file.Name, data)
		if err != nil {
			return nil, nil, fmt.Errorf("after %s it cannot be read any more: %w", count(len(changes), "change"), err)
		}
	}
	return file, fixes, nil
}

// valueAt is a value of a list of a rule.
func valueAt(r cors.Rule, field cors.Field, index int) string {
	list := r.List(field)
	if list == nil || index < 0 || index >= len(*list) {
		return ""
	}
	return (*list)[index]
}

// replaceFile writes a file so that nobody ever sees half of it: beside it first,
// and then in its place. Of a link it is the target.
func replaceFile(path string, data []byte) (err error) {
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary.Name())
		}
	}()
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Chmod(info.Mode().Perm()), temporary.Sync(), temporary.Close())
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}
