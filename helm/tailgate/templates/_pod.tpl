{{/* The pod of a role. */}}
{{- define "tailgate.pod" -}}
{{- $v := .root.Values -}}
{{- $files := include "tailgate.secretFiles" . | fromJsonArray -}}
{{- $asksKubernetes := ne (include "tailgate.asksKubernetes" .) "" -}}
metadata:
  labels:
    {{- include "tailgate.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .role }}
    {{- with .v.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # The boot file is read once: a change of it starts new pods. The rules are live and have no such sum.
    checksum/boot: {{ include "tailgate.bootYaml" . | sha256sum }}
    {{- with .v.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "tailgate.serviceAccountName" .root }}
  automountServiceAccountToken: {{ $asksKubernetes }}
  terminationGracePeriodSeconds: {{ include "tailgate.gracePeriod" . }}
  {{- with $v.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml $v.podSecurityContext | nindent 4 }}
  {{- with .v.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .v.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: tailgate
      image: {{ include "tailgate.image" .root }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args: [run, --config, /etc/tailgate/boot/gateway.yaml]
      env:
        {{- include "tailgate.env" . | nindent 8 }}
        {{- with .v.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .v.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        {{- include "tailgate.ports" . | trim | nindent 8 }}
      {{- include "tailgate.probes" . | nindent 6 }}
      {{- if .v.preStopSeconds }}
      lifecycle:
        preStop:
          exec:
            command: [sleep, {{ .v.preStopSeconds | quote }}]
      {{- end }}
      resources:
        {{- toYaml .v.resources | nindent 8 }}
      securityContext:
        {{- toYaml $v.securityContext | nindent 8 }}
      volumeMounts:
        - { name: boot, mountPath: /etc/tailgate/boot, readOnly: true }
        {{- if eq .role "gateway" }}
        - { name: rules, mountPath: /etc/tailgate/rules, readOnly: true }
        {{- end }}
        - { name: data, mountPath: /data }
        {{- range $files }}
        - { name: {{ .name }}, mountPath: {{ .path }}, readOnly: true }
        {{- end }}
        {{- with .v.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with .v.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    - name: boot
      configMap: { name: {{ include "tailgate.roleName" (merge (dict "suffix" "-boot") .) }} }
    {{- if eq .role "gateway" }}
    - name: rules
      configMap: { name: {{ include "tailgate.rulesConfigMap" .root }} }
    {{- end }}
    {{- if not (and (eq .role "gateway") .v.persistence.enabled) }}
    - name: data
      emptyDir: {}
    {{- end }}
    {{- range $files }}
    - name: {{ .name }}
      secret:
        secretName: {{ .secret }}
        defaultMode: 288 # 0440
        {{- with .items }}
        items:
          {{- toYaml . | nindent 10 }}
        {{- end }}
    {{- end }}
    {{- with .v.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- range $key := list "nodeSelector" "tolerations" "affinity" }}
  {{- with get $.v $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- with include "tailgate.spread" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* What the pod and its node are called, and what the memory limit leaves for JavaScript. */}}
{{- define "tailgate.env" -}}
- name: NODE_OPTIONS
  value: --max-old-space-size={{ include "tailgate.share" (merge (dict "percent" 20) .) }}
- name: TAILGATE_ADMIN
  value: {{ printf "%s:8888" .root.Values.listenHost | quote }}
{{- if .root.Values.tls.admin.enabled }}
- { name: TAILGATE_ADMIN_SCHEME, value: https }
{{- end }}
- name: POD_NAME
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
- name: POD_NAMESPACE
  valueFrom: { fieldRef: { fieldPath: metadata.namespace } }
- name: POD_IP
  valueFrom: { fieldRef: { fieldPath: status.podIP } }
- name: NODE_NAME
  valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
{{- with .root.Values.consul }}
{{- $members := hasKey $.root.Values.cluster.members "consul" }}
{{- if or $members (eq $.role "gateway") }}
{{- if and $members .address }}
- { name: CONSUL_HTTP_ADDR, value: {{ .address | quote }} }
{{- end }}
{{- if .tokenSecret.name }}
- name: CONSUL_HTTP_TOKEN
  valueFrom: { secretKeyRef: { name: {{ .tokenSecret.name }}, key: {{ .tokenSecret.key }} } }
{{- end }}
{{- if .caSecret.name }}
- { name: CONSUL_CACERT, value: /etc/tailgate/tls/consul/ca.crt }
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "tailgate.ports" -}}
{{- range $name, $port := dict "otlp-grpc" 4317 "otlp-http" 4318 }}
- name: {{ $name }}
  containerPort: {{ $port }}
  {{- if and (eq $.role "agent") $.v.hostPorts }}
  hostPort: {{ $port }}
  {{- end }}
{{- end }}
{{- if eq .role "gateway" }}
- name: cluster
  containerPort: 4319
{{- end }}
- name: admin
  containerPort: 8888
{{- end }}

{{/* Alive by the shards alone: neither Tempo nor Consul nor a peer makes a pod restart. */}}
{{- define "tailgate.probes" -}}
{{- $scheme := ternary ", scheme: HTTPS" "" .root.Values.tls.admin.enabled -}}
startupProbe:
  httpGet: { path: /livez, port: admin{{ $scheme }} }
  periodSeconds: 1
  failureThreshold: {{ .v.startupSeconds }}
livenessProbe:
  httpGet: { path: /livez, port: admin{{ $scheme }} }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: { path: /readyz, port: admin{{ $scheme }} }
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end }}

{{- define "tailgate.spread" -}}
{{- if kindIs "slice" .v.topologySpreadConstraints }}
{{- with .v.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- else if .v.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "tailgate.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}
