// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	chartVersion = regexp.MustCompile(`(?m)^version: .*$`)
	appVersion   = regexp.MustCompile(`(?m)^appVersion: .*$`)

	// semantic is what Helm asks of the version of a chart, with the v that tags have.
	semantic = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)
)

// buildChart packs charts/bucketcors as helm package does, under the version that is
// built: the chart's without the v. helm package itself would give each file the time
// of the checkout.
func buildChart(from source, dir string, stdout io.Writer) error {
	version, err := chartVersionOf(from.version)
	if err != nil {
		return err
	}
	chart := filepath.Join(from.root, "charts", program)
	var entries []entry
	err = walkFiles(os.DirFS(chart), func(name string, _ int64, content io.Reader) error {
		data, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		if name == "Chart.yaml" {
			if !chartVersion.Match(data) || !appVersion.Match(data) {
				return fmt.Errorf("%s/Chart.yaml has no lines version and appVersion to set", chart)
			}
			data = chartVersion.ReplaceAllLiteral(data, []byte("version: "+version))
			data = appVersion.ReplaceAllLiteral(data, []byte("appVersion: "+from.version))
		}
		entries = append(entries, file(path.Join(program, name), 0o644, data))
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the chart: %w", err)
	}
	packed, err := packTarGz(entries, from.commit.time)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	written := filepath.Join(dir, chartFile(version))
	if err := os.WriteFile(written, packed, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, written)
	return err
}

// chartVersionOf is the version that the chart of a release has.
func chartVersionOf(version string) (string, error) {
	if !semantic.MatchString(version) {
		return "", fmt.Errorf("a chart cannot have the version %s: it has to be like v1.2.3 or v1.2.3-rc.1", version)
	}
	return strings.TrimPrefix(version, "v"), nil
}

func chartFile(version string) string { return program + "-" + version + ".tgz" }
