{{- define "type" -}}
{{- $type := . -}}
{{- if markdownShouldRenderType $type }}

### {{ $type.Name }}

{{ $type.Doc }}
{{ if $type.References }}
Used in {{ range $i, $reference := $type.SortedReferences }}{{ if $i }}, {{ end }}{{ markdownRenderTypeLink $reference }}{{ end }}.
{{ end }}
{{- if $type.Validation }}
{{ range $type.Validation }}
- {{ . }}
{{- end }}
{{ end }}
{{- if $type.Members }}
| field | type | meaning | bounds |
| --- | --- | --- | --- |
{{- range $type.Members }}
| `{{ .Name }}` | {{ markdownRenderType .Type }} | {{ template "type_members" . }} | {{ range $i, $bound := .Validation }}{{ if $i }}, {{ end }}{{ markdownRenderFieldDoc $bound }}{{ end }} |
{{- end }}
{{ end }}
{{- if $type.EnumValues }}
| value | meaning |
| --- | --- |
{{- range $type.EnumValues }}
| `{{ .Name }}` | {{ markdownRenderFieldDoc .Doc }} |
{{- end }}
{{ end }}
{{- end -}}
{{- end -}}
