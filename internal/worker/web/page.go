package web

import (
	"bytes"
	"html/template"
	"net/http"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/worker"
)

// page is the status page. The template escapes whatever is put into it.
var page = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="30">
<title>eventinvoke: {{if .Reasons}}not ready{{else}}ready{{end}}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
th, td { text-align: left; vertical-align: top; padding: .2rem 1.5rem .2rem 0; }
</style>
</head>
<body>
<h1>eventinvoke {{.Version}}</h1>
{{if .Reasons}}<p>Not ready:</p>
<ul>{{range .Reasons}}
<li>{{.}}</li>{{end}}
</ul>
{{else}}<p>Ready.</p>
{{end}}<table>
<tr><th>timetable</th><td>{{.State.Timetable}}</td></tr>
<tr><th>now</th><td>{{if .State.Running}}a pass is under way{{else}}waiting{{end}}</td></tr>
<tr><th>last success</th><td>{{.LastSuccess}}</td></tr>
<tr><th>last attempt</th><td>{{.LastAttempt}}{{with .State.LastError}}: {{.}}{{end}}</td></tr>
<tr><th>next</th><td>{{.Next}}</td></tr>
<tr><th>running since</th><td>{{.Started}}</td></tr>
</table>
{{if .State.Contested}}<h2>Contested keys</h2>
<p>Somebody keeps changing these back. They are left alone until the next scheduled pass.</p>
<table>
<tr><th>key</th><th>written by</th><th>corrected</th></tr>{{range .State.Contested}}
<tr><td>{{.Key}}</td><td>{{or .Principal "unknown"}}</td><td>{{.Times}} times</td></tr>{{end}}
</table>
{{end}}</body>
</html>
`))

func writePage(w http.ResponseWriter, s worker.State, version string, now time.Time) {
	var b bytes.Buffer
	err := page.Execute(&b, map[string]any{
		"State": s, "Version": version, "Reasons": s.Unready(now),
		"LastSuccess": instant(s.LastSuccess), "LastAttempt": instant(s.LastAttempt), "Next": instant(s.Next), "Started": instant(s.Started),
	})
	if err != nil {
		say(w, http.StatusInternalServerError, "the status page cannot be made: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(b.Bytes())
}

func instant(t time.Time) string {
	if t.IsZero() {
		return "none yet"
	}
	return t.UTC().Format(time.RFC3339)
}
