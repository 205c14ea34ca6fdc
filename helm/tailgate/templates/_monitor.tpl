{{/* { root, monitor }: how a port `admin` is scraped. */}}
{{- define "tailgate.endpoint" -}}
- port: admin
  path: /metrics
  interval: {{ .monitor.interval }}
  {{- if .root.Values.tls.admin.enabled }}
  scheme: https
  tlsConfig:
    {{- if .monitor.tlsConfig }}
    {{- toYaml .monitor.tlsConfig | nindent 4 }}
    {{- else }}
    serverName: {{ include "tailgate.adminName" (dict "root" .root "role" (include "tailgate.roles" .root | fromJsonArray | first)) }}.{{ .root.Release.Namespace }}.svc
    ca: { secret: { name: {{ include "tailgate.tlsSecret" (dict "root" .root "port" "admin") }}, key: ca.crt } }
    {{- end }}
  {{- end }}
  {{- with .monitor.authorization }}
  authorization:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
