{{- define "standin.labels" -}}
app.kubernetes.io/name: standin
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "standin.selector" -}}
app.kubernetes.io/name: standin
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "standin.checked" -}}
{{- if and (gt (int .Values.replicas) 1) (or (not .Values.database.existingSecret) (not .Values.keys.existingSecret)) }}
{{- fail "more than one replica takes database.existingSecret and keys.existingSecret: they share the database, and its keys belong to it" }}
{{- end }}
{{- end }}
