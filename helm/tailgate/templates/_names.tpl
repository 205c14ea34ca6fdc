{{/*
What is one role's takes `of`: { root: the chart's context, role: gateway or agent, v: that role's values }.
*/}}

{{- define "tailgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 46 | trimSuffix "-" }}
{{- end }}

{{/* At most 46 characters: the longest name of what belongs to it has 12 more, and a pod of a StatefulSet has a hash. */}}
{{- define "tailgate.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 46 | trimSuffix "-" }}
{{- else if contains (include "tailgate.name" .) .Release.Name }}
{{- .Release.Name | trunc 46 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "tailgate.name" .) | trunc 46 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The roles that are installed, as a JSON list. */}}
{{- define "tailgate.roles" -}}
{{- $roles := list -}}
{{- range list "gateway" "agent" -}}
{{- if (get $.Values .).enabled }}{{ $roles = append $roles . }}{{ end -}}
{{- end -}}
{{- toJson $roles -}}
{{- end }}

{{/* Names of a role: its workload and Service; with `suffix` what else is its own. */}}
{{- define "tailgate.roleName" -}}
{{- printf "%s%s%s" (include "tailgate.fullname" .root) (ternary "-agent" "" (eq .role "agent")) (default "" .suffix) -}}
{{- end }}

{{- define "tailgate.adminName" -}}
{{- include "tailgate.roleName" (merge (dict "suffix" "-admin") .) -}}
{{- end }}

{{- define "tailgate.headlessName" -}}
{{- printf "%s-headless" (include "tailgate.fullname" .) -}}
{{- end }}

{{/* Names under which a Service is reached, as a JSON list. */}}
{{- define "tailgate.serviceNames" -}}
{{- $ns := .root.Release.Namespace -}}
{{- toJson (list .name (printf "%s.%s" .name $ns) (printf "%s.%s.svc" .name $ns) (printf "%s.%s.svc.%s" .name $ns .root.Values.clusterDomain)) -}}
{{- end }}

{{- define "tailgate.releaseSelector" -}}
app.kubernetes.io/name: {{ include "tailgate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tailgate.selector" -}}
{{ include "tailgate.releaseSelector" .root }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{/* Of what belongs to the release; `metadata` has them for what belongs to a role. */}}
{{- define "tailgate.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "tailgate.releaseSelector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* { root, name, role?, labels?, annotations? }: what every object begins with. */}}
{{- define "tailgate.metadata" -}}
metadata:
  name: {{ .name }}
  {{- if not .clusterWide }}
  namespace: {{ .root.Release.Namespace }}
  {{- end }}
  labels:
    {{- include "tailgate.labels" .root | nindent 4 }}
    {{- with .role }}
    app.kubernetes.io/component: {{ . }}
    {{- end }}
    {{- with .labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with mergeOverwrite (deepCopy .root.Values.commonAnnotations) (default dict .annotations) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
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

{{/* The ConfigMap and the key that the rules are in. */}}
{{- define "tailgate.rulesConfigMap" -}}
{{- default (printf "%s-rules" (include "tailgate.fullname" .)) .Values.existingRules.configMap -}}
{{- end }}
