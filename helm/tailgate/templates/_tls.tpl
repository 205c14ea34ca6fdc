{{/* Where the Secret of a port comes from: `receive`, `admin` or `cluster`. Empty without TLS. */}}
{{- define "tailgate.tlsSecret" -}}
{{- $port := get .root.Values.tls .port -}}
{{- if $port.enabled -}}
{{- default (printf "%s-tls" (include "tailgate.fullname" .root)) $port.existingSecret -}}
{{- end -}}
{{- end }}

{{/* Whether cert-manager is to write a Secret. */}}
{{- define "tailgate.issued" -}}
{{- $tls := .Values.tls -}}
{{- $wanting := false -}}
{{- range list $tls.receive $tls.admin $tls.cluster }}{{ if and .enabled (not .existingSecret) }}{{ $wanting = true }}{{ end }}{{ end -}}
{{- if and $tls.certManager.enabled $wanting -}}true{{- end -}}
{{- end }}

{{/* http or https, of a port. */}}
{{- define "tailgate.scheme" -}}
{{- ternary "https" "http" (get .root.Values.tls .port).enabled -}}
{{- end }}

{{/*
Secrets that are mounted as folders, so that the kubelet exchanges what is in them: their files are read while it runs.
Of those for Tempo and Consul only what is used, so that one with an authority alone will do.
*/}}
{{- define "tailgate.secretFiles" -}}
{{- $values := .root.Values -}}
{{- $root := .root -}}
{{- $files := list -}}
{{- range $port := list "receive" "admin" "cluster" -}}
{{- with include "tailgate.tlsSecret" (dict "root" $root "port" $port) -}}
{{- $files = append $files (dict "name" (printf "tls-%s" $port) "path" (printf "/etc/tailgate/tls/%s" $port) "secret" .) -}}
{{- end -}}
{{- with get $values.auth $port -}}
{{- if .existingSecret -}}
{{- $items := list (dict "key" .key "path" "tokens") -}}
{{- $files = append $files (dict "name" (printf "auth-%s" $port) "path" (printf "/etc/tailgate/auth/%s" $port) "secret" .existingSecret "items" $items) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if eq .role "gateway" -}}
{{- with $values.tempo.tls -}}
{{- if .existingSecret -}}
{{- $items := list (dict "key" "ca.crt" "path" "ca.crt") -}}
{{- if .clientCertificate -}}
{{- $items = concat $items (list (dict "key" "tls.crt" "path" "tls.crt") (dict "key" "tls.key" "path" "tls.key")) -}}
{{- end -}}
{{- $files = append $files (dict "name" "tls-tempo" "path" "/etc/tailgate/tls/tempo" "secret" .existingSecret "items" $items) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if or (eq .role "gateway") (hasKey $values.cluster.members "consul") -}}
{{- with $values.consul.caSecret -}}
{{- if .name -}}
{{- $files = append $files (dict "name" "tls-consul" "path" "/etc/tailgate/tls/consul" "secret" .name "items" (list (dict "key" .key "path" "ca.crt"))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $files -}}
{{- end }}
