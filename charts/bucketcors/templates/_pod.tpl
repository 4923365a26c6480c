{{- /*
What the restricted Pod Security Standard asks for, and no more rights than needed.
No user: the image has one, and OpenShift gives each namespace its own.
*/}}
{{- define "bucketcors.podSecurityContext" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "bucketcors.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
  - ALL
{{- end }}

{{- /* The Secret that is mounted with the certificate of the metrics, if there is one. */}}
{{- define "bucketcors.metricsSecret" -}}
{{- with .Values.metrics }}
{{- if and .enabled .secure }}{{ .certificateSecret }}{{ end }}
{{- end }}
{{- end }}

{{- /* The Secret that is mounted with the certificate of the webhook, if there is one. */}}
{{- define "bucketcors.webhookSecret" -}}
{{- with .Values.webhook }}
{{- if not .enabled }}
{{- else if eq .certificates "CertManager" }}{{ include "bucketcors.fullname" $ }}-webhook-tls
{{- else if eq .certificates "Secret" }}{{ required "webhook.secret: with webhook.certificates=Secret, name the Secret" .secret }}
{{- end }}
{{- end }}
{{- end }}

{{- define "bucketcors.volumeMounts" -}}
{{- if include "bucketcors.metricsSecret" . }}
- name: metrics-cert
  mountPath: /etc/bucketcors/metrics
  readOnly: true
{{- end }}
{{- if include "bucketcors.webhookSecret" . }}
- name: webhook-cert
  mountPath: /etc/bucketcors/webhook
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "bucketcors.volumes" -}}
{{- with include "bucketcors.metricsSecret" . }}
- name: metrics-cert
  secret:
    secretName: {{ . }}
{{- end }}
{{- with include "bucketcors.webhookSecret" . }}
- name: webhook-cert
  secret:
    secretName: {{ . }}
    # The operator starts without it, and serves the webhook when it is there.
    optional: true
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
