{{/* What cannot work is told here, before anything is installed. */}}
{{- define "tailgate.check" -}}
{{- $v := .Values -}}
{{- if not (or $v.gateway.enabled $v.agent.enabled) -}}
{{- fail "nothing to install: set gateway.enabled=true, agent.enabled=true, or both" -}}
{{- end -}}
{{- range $role := include "tailgate.roles" . | fromJsonArray -}}
{{- include "tailgate.checkRole" (dict "root" $ "role" $role "v" (get $v $role)) -}}
{{- end -}}
{{- if $v.gateway.enabled -}}
{{- include "tailgate.checkGateway" . -}}
{{- end -}}
{{- if and $v.agent.enabled (not $v.gateway.enabled) (not $v.cluster.members) -}}
{{- fail "agent.enabled: no gateways: set gateway.enabled=true, or say in cluster.members where they are" -}}
{{- end -}}
{{- if and $v.serviceMonitor.enabled $v.podMonitor.enabled -}}
{{- fail "podMonitor.enabled, serviceMonitor.enabled: every gateway would be scraped twice; choose one" -}}
{{- end -}}
{{- include "tailgate.checkTls" . -}}
{{- end }}

{{- define "tailgate.checkRole" -}}
{{- $what := printf "%s.resources.limits.memory" .role -}}
{{- if not (dig "limits" "memory" "" .v.resources) -}}
{{- fail (printf "%s: missing: the buffers and the heap are derived from it" $what) -}}
{{- end -}}
{{- $least := ternary "256Mi" "512Mi" (eq .role "agent") -}}
{{- if lt (include "tailgate.memoryLimit" . | int64) (include "tailgate.bytes" (dict "what" "" "quantity" $least) | int64) -}}
{{- fail (printf "%s: %v: expected at least %s" $what .v.resources.limits.memory $least) -}}
{{- end -}}
{{- if eq .role "agent" }}{{ include "tailgate.checkAgent" . }}{{ end -}}
{{- end }}

{{- define "tailgate.checkAgent" -}}
{{- if and .v.hostPorts (dig "rollingUpdate" "maxSurge" "" .v.updateStrategy) -}}
{{- fail "agent.updateStrategy.rollingUpdate.maxSurge: not with agent.hostPorts: two pods would fight for the ports of a node" -}}
{{- end -}}
{{- end }}

{{- define "tailgate.checkGateway" -}}
{{- $v := .Values -}}
{{- if and (not $v.tempo.endpoint) (not $v.store.enabled) (not (hasKey $v.gateway.config "export")) -}}
{{- fail "kept traces would go nowhere: set tempo.endpoint, or store.enabled=true" -}}
{{- end -}}
{{- if hasKey (default dict $v.gateway.config.buffer) "decision_wait" -}}
{{- fail "gateway.config.buffer.decision_wait: set decisionWait instead: the grace period is derived from it" -}}
{{- end -}}
{{- if and $v.gateway.autoscaling.enabled $v.gateway.keda.enabled -}}
{{- fail "gateway.autoscaling.enabled, gateway.keda.enabled: two would decide the number of pods; choose one" -}}
{{- end -}}
{{- range $by := list "autoscaling" "keda" -}}
{{- with get $v.gateway $by -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- fail (printf "gateway.%s.minReplicas: %v: more than maxReplicas (%v)" $by .minReplicas .maxReplicas) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with $v.gateway.autoscaling -}}
{{- if and .enabled (not .targetCPUUtilizationPercentage) (not .targetMemoryUtilizationPercentage) (not .metrics) -}}
{{- fail "gateway.autoscaling: by what? Set targetCPUUtilizationPercentage, targetMemoryUtilizationPercentage or metrics" -}}
{{- end -}}
{{- end -}}
{{- with $v.gateway.keda -}}
{{- if and .enabled (not .triggers) (not .prometheusAddress) -}}
{{- fail "gateway.keda: by what? Set prometheusAddress, or triggers" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "tailgate.checkTls" -}}
{{- range $port := list "receive" "admin" "cluster" -}}
{{- $tls := get $.Values.tls $port -}}
{{- if and $tls.enabled (not $tls.existingSecret) (not $.Values.tls.certManager.enabled) -}}
{{- fail (printf "tls.%s: no certificate: set tls.%s.existingSecret, or tls.certManager.enabled=true" $port $port) -}}
{{- end -}}
{{- if and $tls.existingSecret (not $tls.enabled) -}}
{{- fail (printf "tls.%s.existingSecret: is not used: set tls.%s.enabled=true" $port $port) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.tls.certManager.enabled (not (include "tailgate.issued" .)) -}}
{{- fail "tls.certManager.enabled: nothing to issue: set tls.receive.enabled, tls.admin.enabled or tls.cluster.enabled, without an existingSecret" -}}
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
{{- if and .Values.consul.caSecret.name (not (hasPrefix "https://" .Values.consul.address)) -}}
{{- fail "consul.caSecret: belongs to a consul.address that begins with https://" -}}
{{- end -}}
{{- end }}
