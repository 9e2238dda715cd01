{{- define "crm.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "crm.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* What every pod has, whatever runs in it. Takes {root, name, process}. */}}
{{- define "crm.podBasics" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext: {{- include "crm.podSecurity" . | nindent 2 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- range . }}
  - {name: {{ . }}}
{{- end }}
{{- end }}
{{- with .root.Values.pods.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.pods.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.pods.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "crm.spread" -}}
{{- with .root.Values.pods.spreadOver }}
topologySpreadConstraints:
{{- range . }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "crm.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end }}

{{- define "crm.podLabels" -}}
{{ include "crm.labels" . }}
{{- with .root.Values.pods.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "crm.volumes" -}}
- {name: tmp, emptyDir: {sizeLimit: 64Mi}}
{{- if .root.Values.postgres.caSecret }}
- {name: postgres-ca, secret: {secretName: {{ .root.Values.postgres.caSecret }}, defaultMode: 0440}}
{{- end }}
{{- range $name, $found := include "crm.credentials" . | fromJson }}
- name: {{ $name }}
  secret:
    secretName: {{ $found.secret }}
    defaultMode: 0440
    items: [{{ range $at, $key := $found.keys }}{{ if $at }}, {{ end }}{key: {{ $key }}, path: {{ $key }}}{{ end }}]
{{- end }}
{{- end }}

{{/* Live is the loop, ready are the stores: a restart brings no store back. */}}
{{- define "crm.probes" -}}
startupProbe: {httpGet: {path: /livez, port: {{ include "crm.operations" . }}}, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 60}
livenessProbe: {httpGet: {path: /livez, port: {{ include "crm.operations" . }}}, periodSeconds: 15, timeoutSeconds: 10, failureThreshold: 4}
readinessProbe: {httpGet: {path: /readyz, port: {{ include "crm.operations" . }}}, periodSeconds: 5, timeoutSeconds: 4, failureThreshold: 2}
{{- end }}
