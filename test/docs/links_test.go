// SPDX-License-Identifier: Apache-2.0

// Package docs holds the tests of what the pages promise each other.
package docs

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	fenced  = regexp.MustCompile("(?s)```.*?```")
	inline  = regexp.MustCompile("`[^`\n]*`")
	link    = regexp.MustCompile(`\]\(\s*([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?)\s*$`)
	anchor  = regexp.MustCompile(`<a (?:id|name)="([^"]+)">`)
	linked  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// TestEveryLinkLeadsSomewhere follows the links between the pages: the file has
// to be there, and the heading.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	for _, page := range pages(t, root) {
		content, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		prose := inline.ReplaceAllString(fenced.ReplaceAllString(string(content), ""), "")
		for _, found := range link.FindAllStringSubmatch(prose, -1) {
			target, err := url.Parse(found[1])
			if err != nil || target.IsAbs() {
				continue
			}
			links++
			file := page
			if target.Path != "" {
				file = path.Join(path.Dir(page), target.Path)
			}
			info, err := os.Stat(filepath.Join(root, file))
			switch {
			case errors.Is(err, fs.ErrNotExist):
				t.Errorf("%s: the link %s leads to no file", page, found[1])
			case err != nil:
				t.Error(err)
			case target.Fragment != "" && (info.IsDir() || !anchors(t, filepath.Join(root, file))[target.Fragment]):
				t.Errorf("%s: the link %s leads to no heading of %s", page, found[1], file)
			}
		}
	}
	if links < 100 {
		t.Errorf("only %d links were found", links)
	}
}

// pages are the paths of all pages, below root.
func pages(t *testing.T, root string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "bin" || entry.Name() == "dist" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case !strings.HasSuffix(name, ".md"):
			return nil
		}
		relative, err := filepath.Rel(root, name)
		found = append(found, filepath.ToSlash(relative))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// anchors are where links can lead to in a page: its headings, as GitHub names
// them, and what it names itself.
func anchors(t *testing.T, file string) map[string]bool {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, found := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(string(content), ""), -1) {
		names[slug(linked.ReplaceAllString(found[1], "$1"))] = true
	}
	for _, found := range anchor.FindAllStringSubmatch(string(content), -1) {
		names[found[1]] = true
	}
	return names
}

// slug is the anchor of a heading: in lower case, with hyphens for spaces, and
// without punctuation.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}
