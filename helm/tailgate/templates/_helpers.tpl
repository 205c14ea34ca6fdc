{{- define "tailgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "tailgate.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "tailgate.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "tailgate.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "tailgate.adminName" -}}
{{- printf "%s-admin" (include "tailgate.fullname" . | trunc 57 | trimSuffix "-") }}
{{- end }}

{{/* Where the Secrets of a port come from: `receive` or `admin`. Empty without TLS. */}}
{{- define "tailgate.tlsSecret" -}}
{{- $port := get .root.Values.tls .port -}}
{{- if $port.enabled -}}
{{- default (printf "%s-tls" (include "tailgate.fullname" .root)) $port.existingSecret -}}
{{- end -}}
{{- end }}

{{/* Whether cert-manager is to write a Secret. */}}
{{- define "tailgate.issued" -}}
{{- $tls := .Values.tls -}}
{{- if and $tls.certManager.enabled (or (and $tls.receive.enabled (not $tls.receive.existingSecret)) (and $tls.admin.enabled (not $tls.admin.existingSecret))) -}}
true
{{- end -}}
{{- end }}

{{/* http or https, of a port. */}}
{{- define "tailgate.scheme" -}}
{{- ternary "https" "http" (get .root.Values.tls .port).enabled -}}
{{- end }}

{{/* Names under which a Service is reached. */}}
{{- define "tailgate.serviceNames" -}}
{{- $ns := .root.Release.Namespace -}}
{{- toJson (list .name (printf "%s.%s" .name $ns) (printf "%s.%s.svc" .name $ns) (printf "%s.%s.svc.cluster.local" .name $ns)) -}}
{{- end }}

{{- define "tailgate.selector" -}}
app.kubernetes.io/name: {{ include "tailgate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tailgate.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "tailgate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "tailgate.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ printf "%s@%s" .repository .digest }}{{ else }}{{ printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}{{ end }}
{{- end -}}
{{- end }}

{{- define "tailgate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "tailgate.fullname" .) .Values.serviceAccount.name }}
{{- else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{/* Seconds, rounded up, of a duration such as 500ms, 15s or 1m30s. */}}
{{- define "tailgate.seconds" -}}
{{- $unit := dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ms|s|m|h)" . -1 -}}
{{- $sum = addf $sum (mulf (regexFind "[0-9.]+" . | float64) (get $unit (regexFind "[a-z]+" .))) -}}
{{- end -}}
{{- ceil $sum | int64 -}}
{{- end }}

{{/* Bytes of a memory quantity such as 2Gi, 512Mi, 1.5G or 1073741824. */}}
{{- define "tailgate.bytes" -}}
{{- $unit := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $text := . | toString -}}
{{- if typeIs "float64" . }}{{ $text = . | int64 | toString }}{{ end -}}
{{- $suffix := regexFind "[A-Za-z]*$" $text -}}
{{- if or (not (hasKey $unit $suffix)) (not (regexMatch "^[0-9]+(\\.[0-9]+)?[A-Za-z]*$" $text)) -}}
{{- fail (printf "resources.limits.memory: %s: expected a quantity such as 2Gi, 512Mi or a number of bytes" $text) -}}
{{- end -}}
{{- mulf (regexFind "^[0-9.]+" $text | float64) (get $unit $suffix | float64) | floor | int64 -}}
{{- end }}

{{/* So many per cent of the memory limit, in whole MiB. */}}
{{- define "tailgate.share" -}}
{{- div (div (mul (include "tailgate.bytes" .root.Values.resources.limits.memory | int64) .percent) 100) 1048576 -}}
{{- end }}

{{/* A stop may take the wait and 15 s to flush, 30 s at least and an hour at most. config.shutdown_timeout says otherwise. */}}
{{- define "tailgate.shutdownTimeout" -}}
{{- if hasKey .Values.config "shutdown_timeout" -}}
{{- .Values.config.shutdown_timeout -}}
{{- else -}}
{{- printf "%ds" (min 3600 (max 30 (add 15 (include "tailgate.seconds" .Values.decisionWait | int64)))) -}}
{{- end -}}
{{- end }}

{{- define "tailgate.gracePeriod" -}}
{{- $least := add .Values.preStopSeconds (include "tailgate.seconds" (include "tailgate.shutdownTimeout" .) | int64) 5 -}}
{{- $given := .Values.terminationGracePeriodSeconds | int64 -}}
{{- if and $given (lt $given $least) -}}
{{- fail (printf "terminationGracePeriodSeconds: %d: the pod would be killed before it has flushed; expected at least %d (preStopSeconds + shutdown_timeout + 5), or 0 to derive it" $given $least) -}}
{{- end -}}
{{- default $least $given -}}
{{- end }}

{{/* The status that a span of `helm test` gets: refused where it has not what senders must show. */}}
{{- define "tailgate.testWants" -}}
{{- if and .Values.tls.receive.clientCertificates (not .Values.test.clientCertificateSecret) -}}403
{{- else if and .Values.auth.receive.existingSecret (not .Values.test.tokenSecret.name) -}}401
{{- else -}}200{{- end -}}
{{- end }}

{{/* What cannot work is told here, before anything is installed. */}}
{{- define "tailgate.check" -}}
{{- if not .Values.resources.limits.memory -}}
{{- fail "resources.limits.memory: missing: the trace buffer and the heap are derived from it" -}}
{{- end -}}
{{- if lt (include "tailgate.bytes" .Values.resources.limits.memory | int64) 536870912 -}}
{{- fail (printf "resources.limits.memory: %v: expected at least 512Mi" .Values.resources.limits.memory) -}}
{{- end -}}
{{- if and (not .Values.tempo.endpoint) (not .Values.store.enabled) (not (hasKey .Values.config "export")) -}}
{{- fail "kept traces would go nowhere: set tempo.endpoint, or store.enabled=true" -}}
{{- end -}}
{{- if and (eq .Values.mode "gateway") (gt (int .Values.replicas) 1) (not .Values.acceptSplitTraces) -}}
{{- fail (printf "replicas: %v: spans of one trace would be judged in several pods, each by itself; use one larger pod, or set acceptSplitTraces=true" .Values.replicas) -}}
{{- end -}}
{{- if hasKey (default dict .Values.config.buffer) "decision_wait" -}}
{{- fail "config.buffer.decision_wait: set decisionWait instead: the grace period is derived from it" -}}
{{- end -}}
{{- range $port := list "receive" "admin" -}}
{{- $tls := get $.Values.tls $port -}}
{{- if and $tls.enabled (not $tls.existingSecret) (not $.Values.tls.certManager.enabled) -}}
{{- fail (printf "tls.%s: no certificate: set tls.%s.existingSecret, or tls.certManager.enabled=true" $port $port) -}}
{{- end -}}
{{- if and $tls.existingSecret (not $tls.enabled) -}}
{{- fail (printf "tls.%s.existingSecret: is not used: set tls.%s.enabled=true" $port $port) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.tls.certManager.enabled (not (include "tailgate.issued" .)) -}}
{{- fail "tls.certManager.enabled: nothing to issue: set tls.receive.enabled or tls.admin.enabled, without an existingSecret" -}}
{{- end -}}
{{- if and .Values.tls.certManager.enabled (not .Values.tls.certManager.issuerRef.name) -}}
{{- fail "tls.certManager.issuerRef.name: missing: which Issuer or ClusterIssuer" -}}
{{- end -}}
{{- if and .Values.tls.receive.clientCertificates (not .Values.tls.receive.enabled) -}}
{{- fail "tls.receive.clientCertificates: needs tls.receive.enabled=true" -}}
{{- end -}}
{{- with .Values.tempo.tls -}}
{{- if and (or .existingSecret .serverName) (not (hasPrefix "https://" $.Values.tempo.endpoint)) -}}
{{- fail "tempo.tls: belongs to a tempo.endpoint that begins with https://" -}}
{{- end -}}
{{- if and .clientCertificate (not .existingSecret) -}}
{{- fail "tempo.tls.clientCertificate: needs tempo.tls.existingSecret with tls.crt and tls.key" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.hostPorts (ne .Values.mode "daemonset") -}}
{{- fail "hostPorts: only for mode daemonset: pods of a Deployment would fight for the ports of a node" -}}
{{- end -}}
{{- end }}

{{/* gateway.yaml: what the chart derives, with `config` over it. A variable that stands alone is text, whatever is in it. */}}
{{- define "tailgate.gatewayYaml" -}}
{{- $v := .Values -}}
{{- $admin := include "tailgate.adminName" . -}}
{{- $buffer := printf "%sMiB" (include "tailgate.share" (dict "root" . "percent" 40)) -}}
{{- $queue := printf "%sMiB" (include "tailgate.share" (dict "root" . "percent" 15)) -}}
{{- $inflight := printf "%dMiB" (max 64 (min 256 (include "tailgate.share" (dict "root" . "percent" 10) | int64))) -}}
{{- $window := printf "%sMiB" (include "tailgate.share" (dict "root" . "percent" 4)) -}}
{{- $rules := dict "file" "/etc/tailgate/rules/rules.yaml" -}}
{{- if $v.consul.address -}}
{{- $_ := set $rules "consul" (dict "prefix" $v.consul.prefix "address" $v.consul.address) -}}
{{- end -}}
{{- $export := list -}}
{{- if $v.tempo.endpoint -}}
{{- $otlp := dict "endpoint" $v.tempo.endpoint "protocol" $v.tempo.protocol "headers" $v.tempo.headers -}}
{{- with $v.tempo.tls -}}
{{- $tls := dict -}}
{{- if .existingSecret -}}{{- $_ := set $tls "ca_file" "/etc/tailgate/tls/tempo/ca.crt" -}}{{- end -}}
{{- if .clientCertificate -}}
{{- $_ := merge $tls (dict "cert_file" "/etc/tailgate/tls/tempo/tls.crt" "key_file" "/etc/tailgate/tls/tempo/tls.key") -}}
{{- end -}}
{{- if .serverName -}}{{- $_ := set $tls "server_name" .serverName -}}{{- end -}}
{{- if $tls -}}{{- $_ := set $otlp "tls" $tls -}}{{- end -}}
{{- end -}}
{{- $export = append $export (dict "name" "tempo" "otlp" $otlp "queue" (dict "max_bytes" $queue)) -}}
{{- end -}}
{{- if $v.store.enabled -}}
{{- $export = append $export (dict "name" "store" "store" (dict "directory" "/data/store" "retention" $v.store.retention "max_bytes" $v.store.maxBytes)) -}}
{{- end -}}
{{- $receive := dict
    "grpc" (dict "endpoint" (printf "%s:4317" $v.listenHost))
    "http" (dict "endpoint" (printf "%s:4318" $v.listenHost))
    "max_inflight_bytes" $inflight -}}
{{- $adminPort := dict
    "endpoint" (printf "%s:8888" $v.listenHost)
    "hosts" (include "tailgate.serviceNames" (dict "root" . "name" $admin) | fromJsonArray) -}}
{{- range $port, $block := dict "receive" $receive "admin" $adminPort -}}
{{- if (get $v.tls $port).enabled -}}
{{- $folder := printf "/etc/tailgate/tls/%s" $port -}}
{{- $tls := dict "cert_file" (printf "%s/tls.crt" $folder) "key_file" (printf "%s/tls.key" $folder) -}}
{{- if (get $v.tls $port).clientCertificates -}}{{- $_ := set $tls "client_ca_file" (printf "%s/ca.crt" $folder) -}}{{- end -}}
{{- $_ := set $block "tls" $tls -}}
{{- end -}}
{{- if (get $v.auth $port).existingSecret -}}
{{- $_ := set $block "auth" (dict "bearer_token_file" (printf "/etc/tailgate/auth/%s/tokens" $port)) -}}
{{- end -}}
{{- end -}}
{{- $derived := dict
  "environment" $v.environment
  "shutdown_timeout" (include "tailgate.shutdownTimeout" .)
  "data_directory" "/data"
  "receive" $receive
  "buffer" (dict
    "decision_wait" $v.decisionWait
    "decision_wait_after_root" $v.decisionWaitAfterRoot
    "max_bytes" $buffer
    "on_full" $v.onFull)
  "window" (dict "max_bytes" $window "max_age" "15m")
  "rules" $rules
  "enrich" $v.enrich
  "redact" $v.redact
  "export" $export
  "admin" $adminPort
  "log" (dict "level" $v.logLevel) -}}
{{- $yaml := toYaml (mustMergeOverwrite $derived (deepCopy $v.config)) -}}
{{- regexReplaceAll "(?m)^(.*[:-] )([$][{]env:[^}]*[}])$" $yaml "${1}\"${2}\"" -}}
{{- end }}
