{{/*
gateway.yaml of a role: what the chart derives, with the role's `config` over it. A variable that stands alone is text,
whatever is in it.
*/}}
{{- define "tailgate.bootYaml" -}}
{{- $derived := dict
  "environment" .root.Values.environment
  "mode" .role
  "shards" (include "tailgate.shards" . | atoi | default "auto")
  "shutdown_timeout" (include "tailgate.shutdownTimeout" .)
  "data_directory" "/data"
  "receive" (include "tailgate.bootReceive" . | fromJson)
  "cluster" (include "tailgate.bootCluster" . | fromJson)
  "admin" (include "tailgate.bootAdmin" . | fromJson)
  "log" (dict "level" .root.Values.logLevel) -}}
{{- if eq .role "gateway" -}}
{{- $derived = merge $derived (include "tailgate.bootDeciding" . | fromJson) -}}
{{- else if or .v.hostPorts (eq .v.service.internalTrafficPolicy "Local") -}}
{{- /* Those that reach it are on its node. */ -}}
{{- $enrich := dict "resource" (dict "k8s.node.name" "${env:NODE_NAME}") -}}
{{- if include "tailgate.asksKubernetes" . -}}
{{- $_ := set $enrich "kubernetes" (include "tailgate.bootKubernetes" . | fromJson) -}}
{{- end -}}
{{- $_ := set $derived "enrich" $enrich -}}
{{- end -}}
{{- $yaml := toYaml (mustMergeOverwrite $derived (deepCopy .v.config)) -}}
{{- regexReplaceAll "(?m)^(.*[:-] )([$][{]env:[^}]*[}])$" $yaml "${1}\"${2}\"" -}}
{{- end }}

{{- define "tailgate.bootReceive" -}}
{{- $host := .root.Values.listenHost -}}
{{- $inflight := printf "%dMiB" (max 64 (min 256 (include "tailgate.share" (merge (dict "percent" 10) .) | int64))) -}}
{{- $receive := dict
    "grpc" (dict "endpoint" (printf "%s:4317" $host))
    "http" (dict "endpoint" (printf "%s:4318" $host))
    "max_inflight_bytes" $inflight -}}
{{- toJson (include "tailgate.bootPort" (dict "root" .root "port" "receive" "block" $receive) | fromJson) -}}
{{- end }}

{{/* A port's block with its TLS and tokens. */}}
{{- define "tailgate.bootPort" -}}
{{- $tls := get .root.Values.tls .port -}}
{{- if $tls.enabled -}}
{{- $folder := printf "/etc/tailgate/tls/%s" .port -}}
{{- $files := dict "cert_file" (printf "%s/tls.crt" $folder) "key_file" (printf "%s/tls.key" $folder) -}}
{{- if or (eq .port "cluster") (get $tls "clientCertificates") -}}{{- $_ := set $files "client_ca_file" (printf "%s/ca.crt" $folder) -}}{{- end -}}
{{- $_ := set .block "tls" $files -}}
{{- end -}}
{{- if (get .root.Values.auth .port).existingSecret -}}
{{- $_ := set .block "auth" (dict "bearer_token_file" (printf "/etc/tailgate/auth/%s/tokens" .port)) -}}
{{- end -}}
{{- toJson .block -}}
{{- end }}

{{- define "tailgate.bootAdmin" -}}
{{- $names := include "tailgate.serviceNames" (dict "root" .root "name" (include "tailgate.adminName" .)) | fromJsonArray -}}
{{- $admin := dict "endpoint" (printf "%s:8888" .root.Values.listenHost) "hosts" $names -}}
{{- toJson (include "tailgate.bootPort" (dict "root" .root "port" "admin" "block" $admin) | fromJson) -}}
{{- end }}

{{- define "tailgate.bootEnrich" -}}
{{- $v := .root.Values -}}
{{- $resource := dict -}}
{{- with $v.clusterName }}{{ $_ := set $resource "k8s.cluster.name" . }}{{ end -}}
{{- $enrich := dict "resource" (mergeOverwrite $resource (deepCopy $v.enrich.resource)) "set" $v.enrich.set -}}
{{- if include "tailgate.asksKubernetes" . -}}
{{- $_ := set $enrich "kubernetes" (include "tailgate.bootKubernetes" . | fromJson) -}}
{{- end -}}
{{- toJson $enrich -}}
{{- end }}

{{/* Agents need pods only where connections say whose spans are whose, and then those of their node. */}}
{{- define "tailgate.bootKubernetes" -}}
{{- $kubernetes := pick .root.Values.enrich.kubernetes "labels" "annotations" -}}
{{- if .root.Values.enrich.kubernetes.byConnection }}{{ $_ := set $kubernetes "by_connection" true }}{{ end -}}
{{- if eq .role "agent" }}{{ $_ := set $kubernetes "node" "${env:NODE_NAME}" }}{{ end -}}
{{- toJson $kubernetes -}}
{{- end }}

{{/* Whether a role's pods ask the API server for pods; empty where they do not. */}}
{{- define "tailgate.asksKubernetes" -}}
{{- $kubernetes := .root.Values.enrich.kubernetes -}}
{{- $isBeforePods := or (eq .role "gateway") (and $kubernetes.byConnection (or .v.hostPorts (eq .v.service.internalTrafficPolicy "Local"))) -}}
{{- if and $kubernetes.enabled $isBeforePods }}true{{ end -}}
{{- end }}

{{- define "tailgate.bootCluster" -}}
{{- $dns := printf "_cluster._tcp.%s.%s.svc.%s" (include "tailgate.headlessName" .root) .root.Release.Namespace .root.Values.clusterDomain -}}
{{- $cluster := dict "name" "${env:POD_NAME}" "members" (default (dict "dns" $dns) .root.Values.cluster.members) -}}
{{- if eq .role "gateway" }}{{ $_ := set $cluster "listen" (printf "%s:4319" .root.Values.listenHost) }}{{ end -}}
{{- toJson (include "tailgate.bootPort" (dict "root" .root "port" "cluster" "block" $cluster) | fromJson) -}}
{{- end }}

{{/* What gateways alone have: they collect, decide, and send what is kept. */}}
{{- define "tailgate.bootDeciding" -}}
{{- $v := .root.Values -}}
{{- $rules := dict "file" (printf "/etc/tailgate/rules/%s" (ternary $v.existingRules.key "rules.yaml" (ne $v.existingRules.configMap ""))) -}}
{{- if $v.consul.address -}}
{{- $consul := dict "prefix" $v.consul.prefix "address" $v.consul.address -}}
{{- range $key := list "datacenter" "namespace" "partition" -}}
{{- with get $v.consul $key }}{{ $_ := set $consul $key . }}{{ end -}}
{{- end -}}
{{- $_ := set $rules "consul" $consul -}}
{{- end -}}
{{- toJson (dict
  "buffer" (dict
    "decision_wait" $v.decisionWait
    "decision_wait_after_root" $v.decisionWaitAfterRoot
    "max_bytes" (printf "%sMiB" (include "tailgate.share" (merge (dict "percent" 40) .)))
    "on_full" $v.onFull)
  "window" (dict "max_bytes" (printf "%sMiB" (include "tailgate.share" (merge (dict "percent" 4) .))) "max_age" "15m")
  "rules" $rules
  "enrich" (include "tailgate.bootEnrich" . | fromJson)
  "redact" $v.redact
  "export" (include "tailgate.bootExport" . | fromJsonArray)) -}}
{{- end }}

{{- define "tailgate.bootExport" -}}
{{- $v := .root.Values -}}
{{- $export := list -}}
{{- if $v.tempo.endpoint -}}
{{- $otlp := dict "endpoint" $v.tempo.endpoint "protocol" $v.tempo.protocol "compression" $v.tempo.compression "headers" $v.tempo.headers -}}
{{- with $v.tempo.tls -}}
{{- $tls := dict -}}
{{- if .existingSecret -}}{{- $_ := set $tls "ca_file" "/etc/tailgate/tls/tempo/ca.crt" -}}{{- end -}}
{{- if .clientCertificate -}}
{{- $_ := merge $tls (dict "cert_file" "/etc/tailgate/tls/tempo/tls.crt" "key_file" "/etc/tailgate/tls/tempo/tls.key") -}}
{{- end -}}
{{- if .serverName -}}{{- $_ := set $tls "server_name" .serverName -}}{{- end -}}
{{- if $tls -}}{{- $_ := set $otlp "tls" $tls -}}{{- end -}}
{{- end -}}
{{- $queue := printf "%sMiB" (include "tailgate.share" (merge (dict "percent" 15) .)) -}}
{{- $export = append $export (dict "name" "tempo" "otlp" $otlp "queue" (dict "max_bytes" $queue)) -}}
{{- end -}}
{{- if $v.store.enabled -}}
{{- $export = append $export (dict "name" "store" "store" (dict "directory" "/data/store" "retention" $v.store.retention "max_bytes" $v.store.maxBytes)) -}}
{{- end -}}
{{- toJson $export -}}
{{- end }}
