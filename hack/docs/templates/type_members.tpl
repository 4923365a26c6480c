{{- define "type_members" -}}
{{- if eq .Name "metadata" -}}
See the Kubernetes API documentation for the fields of `metadata`.
{{- else -}}
{{ markdownRenderFieldDoc .Doc }}
{{- end -}}
{{- end -}}
