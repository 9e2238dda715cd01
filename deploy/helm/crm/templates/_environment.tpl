{{/* Takes {root, name, process, dsns}: its variables, of databases by file and of those it uses alone. */}}
{{- define "crm.environment" -}}
{{- $values := .root.Values -}}
{{- $prefix := include "crm.prefix" .root -}}
{{- $set := dict "CRM_LOG_LEVEL" $values.logLevel "CRM_OUTBOX_RELAY" $values.outbox.relay -}}
{{- if $values.traces.endpoint -}}
  {{- $_ := set $set "OTEL_EXPORTER_OTLP_ENDPOINT" $values.traces.endpoint -}}
  {{- $_ := set $set "OTEL_TRACES_SAMPLER" "parentbased_traceidratio" -}}
  {{- $_ := set $set "OTEL_TRACES_SAMPLER_ARG" (toString $values.traces.ratio) -}}
{{- end -}}
{{- range .dsns }}{{ $_ := set $set (printf "CRM_%s_FILE" (upper .)) (printf "/run/secrets/%s" .) }}{{ end -}}
{{- if eq .process.role "api" -}}
  {{- $_ := set $set "CRM_OPERATIONS_PORT" "9000" -}}
  {{- range list "contacts" "deals" "activities" }}{{ $_ := set $set (printf "CRM_%s_URL" (upper .)) (printf "http://%s-%s-api:8000" $prefix .) }}{{ end -}}
  {{- $_ := set $set "CRM_AUTH_ISSUER" $values.auth.issuer -}}
  {{- $_ := set $set "CRM_AUTH_JWKS_URL" $values.auth.jwksUrl -}}
  {{- $_ := set $set "CRM_AUTH_AUDIENCE" $values.auth.audience -}}
  {{- $_ := set $set "CRM_HTTP_TRUSTED_PROXIES" $values.http.trustedProxies -}}
  {{- $_ := set $set "CRM_HTTP_MAX_CONNECTIONS_PER_ADDRESS" (toString $values.http.maxConnectionsPerAddress) -}}
  {{- if and (eq .process.service "activities") $values.http.publicUrl }}{{ $_ := set $set "CRM_PUBLIC_URL" (printf "%s/activities" (trimSuffix "/" $values.http.publicUrl)) }}{{ end -}}
  {{- if and (eq .process.service "reporting") $values.postgres.reportingReplica }}{{ $_ := set $set "CRM_REPORTING_READ_DSN_FILE" "/run/secrets/reporting_read_dsn" }}{{ end -}}
{{- end -}}
{{- if has "kafka" .process.reaches -}}
  {{- $_ := set $set "CRM_KAFKA_BOOTSTRAP" $values.kafka.bootstrap -}}
  {{- $_ := set $set "CRM_KAFKA_SECURITY_PROTOCOL" $values.kafka.securityProtocol -}}
  {{- if ne .process.role "api" -}}
    {{- $_ := set $set "CRM_TOPIC_PARTITIONS" (toString $values.kafka.partitions) -}}
    {{- $_ := set $set "CRM_TOPIC_REPLICATION" (toString $values.kafka.replication) -}}
  {{- end -}}
  {{- if hasPrefix "SASL" $values.kafka.securityProtocol -}}
    {{- $_ := set $set "CRM_KAFKA_SASL_MECHANISM" $values.kafka.saslMechanism -}}
    {{- $_ := set $set "CRM_KAFKA_USER" (include "crm.principal" .) -}}
    {{- $_ := set $set "CRM_KAFKA_PASSWORD_FILE" "/run/crm/kafka/password" -}}
  {{- else if eq $values.kafka.securityProtocol "SSL" -}}
    {{- $_ := set $set "CRM_KAFKA_CERTIFICATE_FILE" "/run/crm/kafka/user.crt" -}}
    {{- $_ := set $set "CRM_KAFKA_KEY_FILE" "/run/crm/kafka/user.key" -}}
  {{- end -}}
  {{- if $values.kafka.caSecret }}{{ $_ := set $set "CRM_KAFKA_CA_FILE" "/run/crm/kafka-ca/ca.crt" }}{{ end -}}
{{- end -}}
{{- if has "elasticsearch" .process.reaches -}}
  {{- $_ := set $set "CRM_ELASTICSEARCH_URL" $values.elasticsearch.url -}}
  {{- $_ := set $set "CRM_ELASTICSEARCH_SHARDS" (toString $values.elasticsearch.shards) -}}
  {{- if $values.elasticsearch.apiKeySecret }}{{ $_ := set $set "CRM_ELASTICSEARCH_API_KEY_FILE" "/run/crm/elasticsearch/api_key" }}{{ end -}}
  {{- if $values.elasticsearch.caSecret }}{{ $_ := set $set "CRM_ELASTICSEARCH_CA_FILE" "/run/crm/elasticsearch-ca/ca.crt" }}{{ end -}}
{{- end -}}
{{- $settled := include "crm.settled" . | fromJson -}}
{{- $_ := mergeOverwrite $set $values.settings -}}
{{- $_ := mergeOverwrite $set ($settled.settings | default dict) -}}
{{- range $name := keys $set | sortAlpha }}
- {name: {{ $name }}, value: {{ get $set $name | toString | quote }}}
{{- end }}
{{- end }}

{{/* Takes the same: the Secrets it is mounted, key by key. */}}
{{- define "crm.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: databases{{ .suffix }}, mountPath: /run/secrets, readOnly: true}
{{- if .root.Values.postgres.caSecret }}
- {name: postgres-ca, mountPath: /run/crm/postgres-ca, readOnly: true}
{{- end }}
{{- range $name, $_ := include "crm.credentials" . | fromJson }}
- {name: {{ $name }}, mountPath: /run/crm/{{ $name }}, readOnly: true}
{{- end }}
{{- end }}

{{/* Volumes of the bus and the index by name, as JSON: {secret, keys}. */}}
{{- define "crm.credentials" -}}
{{- $values := .root.Values -}}
{{- $found := dict -}}
{{- if has "kafka" .process.reaches -}}
  {{- $secret := printf "%s%s" $values.kafka.secretPrefix (include "crm.principal" .) -}}
  {{- if hasPrefix "SASL" $values.kafka.securityProtocol }}{{ $_ := set $found "kafka" (dict "secret" $secret "keys" (list "password")) }}{{ end -}}
  {{- if eq $values.kafka.securityProtocol "SSL" }}{{ $_ := set $found "kafka" (dict "secret" $secret "keys" (list "user.crt" "user.key")) }}{{ end -}}
  {{- with $values.kafka.caSecret }}{{ $_ := set $found "kafka-ca" (dict "secret" . "keys" (list "ca.crt")) }}{{ end -}}
{{- end -}}
{{- if has "elasticsearch" .process.reaches -}}
  {{- with $values.elasticsearch.apiKeySecret }}{{ $_ := set $found "elasticsearch" (dict "secret" . "keys" (list "api_key")) }}{{ end -}}
  {{- with $values.elasticsearch.caSecret }}{{ $_ := set $found "elasticsearch-ca" (dict "secret" . "keys" (list "ca.crt")) }}{{ end -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}

{{/* A volume of DSNs: the service's from its Secret, the administrator's from another. */}}
{{- define "crm.dsnVolume" -}}
- name: {{ .volume }}
  projected:
    defaultMode: 0440
    sources:
    {{- range .dsns }}
      - secret:
          name: {{ if eq . "admin_dsn" }}{{ $.root.Values.postgres.adminSecret }}{{ else }}{{ get $.root.Values.postgres.secrets $.process.service | default $.root.Values.postgres.secret }}{{ end }}
          items: [{key: {{ . }}, path: {{ . }}}]
    {{- end }}
{{- end }}
