{{/* What begins each name: the release's, and the chart's where the release's does not hold it. */}}
{{- define "crm.prefix" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{/* Takes {root, name, process}: what a process' pods are found by. */}}
{{- define "crm.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "crm.labels" -}}
{{ include "crm.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- with .process }}
crm/service: {{ .service }}
crm/role: {{ .role }}
{{- end }}
{{- end }}

{{- define "crm.image" -}}
{{- $values := .root.Values.image -}}
{{- $name := printf "crm-%s" .process.service -}}
{{- if $values.registry }}{{ $name = printf "%s/%s" (trimSuffix "/" $values.registry) $name }}{{ end -}}
{{- with get $values.digests .process.service }}{{ printf "%s@%s" $name . }}{{ else }}{{ printf "%s:%s" $name ($values.tag | default $.root.Chart.AppVersion) }}{{ end -}}
{{- end }}

{{/* A role's values with the process' own over them, as JSON. */}}
{{- define "crm.settled" -}}
{{- $of := deepCopy (get .root.Values.roles .process.role) -}}
{{- mergeOverwrite $of (deepCopy (get .root.Values.processes .name | default dict)) | toJson -}}
{{- end }}

{{/* Where its health and metrics are: an API has operators' port, others have one port. */}}
{{- define "crm.operations" -}}
{{- if eq .process.role "api" }}9000{{ else }}8000{{ end -}}
{{- end }}

{{- define "crm.principal" -}}
crm-{{ .process.service }}{{ if eq .process.role "migrate" }}-migrate{{ end }}
{{- end }}
