{{/* The pod, the same for a Deployment and a DaemonSet. */}}
{{- define "tailgate.pod" -}}
{{- $scheme := ternary ", scheme: HTTPS" "" .Values.tls.admin.enabled -}}
metadata:
  labels:
    {{- include "tailgate.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # The boot file is read once: a change of it starts new pods. The rules are live and have no such sum.
    checksum/gateway: {{ include "tailgate.gatewayYaml" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "tailgate.serviceAccountName" . }}
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: {{ include "tailgate.gracePeriod" . }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  containers:
    - name: tailgate
      image: {{ include "tailgate.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [run, --config, /etc/tailgate/gateway.yaml]
      env:
        - name: NODE_OPTIONS
          value: --max-old-space-size={{ include "tailgate.share" (dict "root" . "percent" 20) }}
        - name: TAILGATE_ADMIN
          value: {{ printf "%s:8888" .Values.listenHost | quote }}
        {{- with .Values.consul.tokenSecret.name }}
        - name: CONSUL_HTTP_TOKEN
          valueFrom:
            secretKeyRef:
              name: {{ . }}
              key: {{ $.Values.consul.tokenSecret.key }}
        {{- end }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: otlp-grpc
          containerPort: 4317
          {{- if .Values.hostPorts }}
          hostPort: 4317
          {{- end }}
        - name: otlp-http
          containerPort: 4318
          {{- if .Values.hostPorts }}
          hostPort: 4318
          {{- end }}
        - name: admin
          containerPort: 8888
      startupProbe:
        httpGet: { path: /livez, port: admin{{ $scheme }} }
        periodSeconds: 1
        failureThreshold: 60
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
      {{- if .Values.preStopSeconds }}
      lifecycle:
        preStop:
          exec:
            command: [sleep, {{ .Values.preStopSeconds | quote }}]
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      volumeMounts:
        - { name: gateway, mountPath: /etc/tailgate/gateway.yaml, subPath: gateway.yaml, readOnly: true }
        - { name: rules, mountPath: /etc/tailgate/rules, readOnly: true }
        - { name: data, mountPath: /data }
        {{- range (include "tailgate.secretFiles" . | fromJsonArray) }}
        - { name: {{ .name }}, mountPath: {{ .path }}, readOnly: true }
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: gateway
      configMap: { name: {{ include "tailgate.fullname" . }}-gateway }
    - name: rules
      configMap: { name: {{ include "tailgate.fullname" . }}-rules }
    - name: data
      emptyDir: {}
    {{- range (include "tailgate.secretFiles" . | fromJsonArray) }}
    - name: {{ .name }}
      secret:
        secretName: {{ .secret }}
        defaultMode: 288 # 0440
        {{- with .items }}
        items:
          {{- toYaml . | nindent 10 }}
        {{- end }}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/*
Secrets that are mounted as folders, so that the kubelet exchanges what is in them: their files are read while it runs.
Of the one for Tempo only what is used, so that one with an authority alone will do.
*/}}
{{- define "tailgate.secretFiles" -}}
{{- $files := list -}}
{{- range $port := list "receive" "admin" -}}
{{- with include "tailgate.tlsSecret" (dict "root" $ "port" $port) -}}
{{- $files = append $files (dict "name" (printf "tls-%s" $port) "path" (printf "/etc/tailgate/tls/%s" $port) "secret" .) -}}
{{- end -}}
{{- with get $.Values.auth $port -}}
{{- if .existingSecret -}}
{{- $items := list (dict "key" .key "path" "tokens") -}}
{{- $files = append $files (dict "name" (printf "auth-%s" $port) "path" (printf "/etc/tailgate/auth/%s" $port) "secret" .existingSecret "items" $items) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with .Values.tempo.tls -}}
{{- if .existingSecret -}}
{{- $items := list (dict "key" "ca.crt" "path" "ca.crt") -}}
{{- if .clientCertificate -}}
{{- $items = concat $items (list (dict "key" "tls.crt" "path" "tls.crt") (dict "key" "tls.key" "path" "tls.key")) -}}
{{- end -}}
{{- $files = append $files (dict "name" "tls-tempo" "path" "/etc/tailgate/tls/tempo" "secret" .existingSecret "items" $items) -}}
{{- end -}}
{{- end -}}
{{- toJson $files -}}
{{- end }}
