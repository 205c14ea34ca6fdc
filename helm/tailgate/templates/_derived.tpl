{{/* Seconds, rounded up, of a duration such as 500ms, 15s or 1m30s. */}}
{{- define "tailgate.seconds" -}}
{{- $unit := dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ms|s|m|h)" . -1 -}}
{{- $sum = addf $sum (mulf (regexFind "[0-9.]+" . | float64) (get $unit (regexFind "[a-z]+" .))) -}}
{{- end -}}
{{- ceil $sum | int64 -}}
{{- end }}

{{/* { what, quantity }: bytes of memory such as 2Gi, 512Mi, 1.5G or 1073741824. */}}
{{- define "tailgate.bytes" -}}
{{- $unit := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $text := .quantity | toString -}}
{{- if typeIs "float64" .quantity }}{{ $text = .quantity | int64 | toString }}{{ end -}}
{{- $suffix := regexFind "[A-Za-z]*$" $text -}}
{{- if or (not (hasKey $unit $suffix)) (not (regexMatch "^[0-9]+(\\.[0-9]+)?[A-Za-z]*$" $text)) -}}
{{- fail (printf "%s: %s: expected a quantity such as 2Gi, 512Mi or a number of bytes" .what $text) -}}
{{- end -}}
{{- mulf (regexFind "^[0-9.]+" $text | float64) (get $unit $suffix | float64) | floor | int64 -}}
{{- end }}

{{/* Of a role: bytes of its memory limit. */}}
{{- define "tailgate.memoryLimit" -}}
{{- include "tailgate.bytes" (dict "what" (printf "%s.resources.limits.memory" .role) "quantity" .v.resources.limits.memory) -}}
{{- end }}

{{/* So many per cent of a role's memory limit, in whole MiB. */}}
{{- define "tailgate.share" -}}
{{- div (div (mul (include "tailgate.memoryLimit" . | int64) .percent) 100) 1048576 -}}
{{- end }}

{{/*
Shards of a role: a CPU limit is read from the container's group by the program itself; without one the node has more cores
than the pod was meant to use, so twice the request, in whole cores.
*/}}
{{- define "tailgate.shards" -}}
{{- $limit := dig "limits" "cpu" "" .v.resources | toString -}}
{{- $request := dig "requests" "cpu" "" .v.resources | toString -}}
{{- if or $limit (not $request) -}}auto
{{- else -}}
{{- $cores := regexFind "^[0-9.]+" $request | float64 -}}
{{- if hasSuffix "m" $request }}{{ $cores = divf $cores 1000.0 }}{{ end -}}
{{- min 64 (max 1 (mulf $cores 2.0 | ceil | int64)) -}}
{{- end -}}
{{- end }}

{{/*
A gateway that stops lets its traces finish their wait, for which it takes three fifths of shutdown_timeout (src/open-fleet.ts), and
then flushes: the wait by 0.6 and 5 s, 30 s at least and an hour at most. An agent, which waits for nothing, has 30 s.
config.shutdown_timeout says otherwise.
*/}}
{{- define "tailgate.shutdownTimeout" -}}
{{- if hasKey .v.config "shutdown_timeout" -}}
{{- .v.config.shutdown_timeout -}}
{{- else if eq .role "agent" -}}
30s
{{- else -}}
{{- $wait := include "tailgate.seconds" .root.Values.decisionWait | float64 -}}
{{- printf "%ds" (min 3600 (max 30 (add 5 (divf $wait 0.6 | ceil | int64)))) -}}
{{- end -}}
{{- end }}

{{- define "tailgate.gracePeriod" -}}
{{- $least := add .v.preStopSeconds (include "tailgate.seconds" (include "tailgate.shutdownTimeout" .) | int64) 5 -}}
{{- $given := .v.terminationGracePeriodSeconds | int64 -}}
{{- if and $given (lt $given $least) -}}
{{- fail (printf "%s.terminationGracePeriodSeconds: %d: the pod would be killed before it has flushed; expected at least %d (preStopSeconds + shutdown_timeout + 5), or 0 to derive it" .role $given $least) -}}
{{- end -}}
{{- default $least $given -}}
{{- end }}

{{/*
How a fleet of gateways shrinks, as autoscaling/v2 has it: one pod at a time, and the next when that one's traces are decided; on
what the whole of five minutes, or of four waits, needed. Kubernetes permits 1800 and 3600 s.
*/}}
{{- define "tailgate.scaling" -}}
{{- $grace := include "tailgate.gracePeriod" . | int64 -}}
scaleUp:
  stabilizationWindowSeconds: 0
  policies:
    - { type: Percent, value: 100, periodSeconds: 60 }
    - { type: Pods, value: 2, periodSeconds: 60 }
scaleDown:
  {{- if .scaleDown }}
  stabilizationWindowSeconds: {{ min 3600 (max 300 (mul 4 (include "tailgate.seconds" .root.Values.decisionWait | int64))) }}
  policies:
    - { type: Pods, value: 1, periodSeconds: {{ min 1800 (max 120 (mul 2 $grace)) }} }
  {{- else }}
  selectPolicy: Disabled
  {{- end }}
{{- end }}

{{/* The status that a span of `helm test` gets: refused where it has not what senders must show. */}}
{{- define "tailgate.testWants" -}}
{{- if and .Values.tls.receive.clientCertificates (not .Values.test.clientCertificateSecret) -}}403
{{- else if and .Values.auth.receive.existingSecret (not .Values.test.tokenSecret.name) -}}401
{{- else -}}200{{- end -}}
{{- end }}
