{{- define "eventinvoke.selector" -}}
app.kubernetes.io/name: eventinvoke
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "eventinvoke.labels" -}}
{{ include "eventinvoke.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
