// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"strings"
	"text/template"
)

// krewManifest is the shape of https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/.
var krewManifest = template.Must(template.New("krew").Parse(`apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: bucketcors
spec:
  version: {{ .Version }}
  homepage: {{ .Project }}
  shortDescription: Check and manage the CORS rules of S3 buckets
  description: |
    Says what S3 answers to a browser's request and why, finds mistakes in CORS
    rules before they are applied, asks real endpoints, and compares, imports and
    restores what is on buckets. The operator of the same project keeps buckets
    equal to BucketCORSPolicy objects; most commands work without it.
  platforms:
{{- range .Archives }}
  - selector:
      matchLabels:
        os: {{ .OS }}
        arch: {{ .Arch }}
    uri: {{ $.Project }}/releases/download/{{ $.Version }}/{{ .Name }}
    sha256: {{ .SHA256 }}
    bin: {{ .Program }}
    files:
    - from: {{ .Program }}
      to: .
    - from: LICENSE
      to: .
{{- end }}
`))

func writeKrewManifest(path, version string, archives []archive) error {
	type described struct{ OS, Arch, Name, SHA256, Program string }
	data := struct {
		Version, Project string
		Archives         []described
	}{Version: version, Project: project}
	for _, a := range archives {
		data.Archives = append(data.Archives, described{
			OS: a.platform.OS, Arch: a.platform.Architecture, Name: a.name, SHA256: a.sha256, Program: a.program,
		})
	}
	var text strings.Builder
	if err := krewManifest.Execute(&text, data); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text.String()), 0o644)
}
