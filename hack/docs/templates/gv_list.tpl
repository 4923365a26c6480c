{{- define "gvList" -}}
# API reference

<!-- Written by `make generate` from api/v1alpha1: edit the comments there. -->

Every type and field of the API, with its bounds. How they are used is on the
pages of the kinds: [BucketCORSPolicy](bucketcorspolicy.md) and
[BucketProvider](bucketprovider.md).
{{ range . }}
{{ template "gvDetails" . }}
{{- end }}
{{- end -}}
