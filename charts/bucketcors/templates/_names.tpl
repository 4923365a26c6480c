{{- define "bucketcors.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Cut at 40, so that every name made of it is a label, too. */}}
{{- define "bucketcors.fullname" -}}
{{- $name := include "bucketcors.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "bucketcors.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (printf "%s-manager" (include "bucketcors.fullname" .)) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name: with serviceAccount.create=false, name the ServiceAccount that is there" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "bucketcors.image" -}}
{{- $image := .Values.image }}
{{- $name := $image.repository }}
{{- with $image.registry }}{{ $name = printf "%s/%s" . $name }}{{ end }}
{{- if $image.digest }}
{{- with $image.tag }}{{ $name = printf "%s:%s" $name . }}{{ end }}
{{- printf "%s@%s" $name $image.digest }}
{{- else }}
{{- printf "%s:%s" $name (default .Chart.AppVersion $image.tag) }}
{{- end }}
{{- end }}

{{- define "bucketcors.selectorLabels" -}}
app.kubernetes.io/name: {{ include "bucketcors.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: manager
{{- end }}

{{- /* Labels of every object. commonLabels cannot replace them. */}}
{{- define "bucketcors.labels" -}}
app.kubernetes.io/name: {{ include "bucketcors.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with omit .Values.commonLabels "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "app.kubernetes.io/managed-by" "helm.sh/chart" }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Labels of what belongs to the operator's pods. */}}
{{- define "bucketcors.managerLabels" -}}
app.kubernetes.io/component: manager
{{ include "bucketcors.labels" . }}
{{- end }}

{{- /*
Helm knows what the API server knows only when it talks to one: then there is
v1/Pod. "helm template" alone has the versions of built-in groups and no kinds.
*/}}
{{- define "bucketcors.clusterIsKnown" -}}
{{- if .Capabilities.APIVersions.Has "v1/Pod" }}true{{ end }}
{{- end }}
