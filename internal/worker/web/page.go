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
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="30">
<title>eventinvoke: {{if .Reasons}}not ready{{else}}ready{{end}}</title>
<style>
:root { color-scheme: light dark; --good: #1a7f37; --bad: #cf222e; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h1 small { font-weight: normal; opacity: .7; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.ready, .not { border-left: .4rem solid var(--good); padding: .4rem 1rem; margin: 1rem 0; }
.not { border-color: var(--bad); }
.not p, .not ul { margin: .2rem 0; }
li, td { white-space: pre-line; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem 1.5rem .3rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; white-space: nowrap; }
td { width: 100%; } .list td { width: auto; }
</style>
</head>
<body>
<h1>eventinvoke <small>{{.Version}}</small></h1>
{{if .Reasons}}<div class="not"><p>Not ready:</p>
<ul>{{range .Reasons}}
<li>{{.}}</li>{{end}}
</ul></div>
{{else}}<p class="ready">Ready.</p>
{{end}}{{if .Notes}}<ul>{{range .Notes}}
<li>{{.}}</li>{{end}}
</ul>
{{end}}<table>
<tr><th>drift</th><td>{{if .Applies}}is corrected{{else}}is only observed: nothing is written{{end}}</td></tr>
<tr><th>timetable</th><td>{{.State.Timetable}}</td></tr>
<tr><th>now</th><td>{{if .State.Running}}{{if not .State.Sweeping.IsZero}}a sweep is under way{{end}}{{if not .State.Targeted.IsZero}} a targeted pass is under way{{end}}{{else}}waiting{{end}}</td></tr>
<tr><th>last success</th><td>{{.LastSuccess}}</td></tr>
<tr><th>last attempt</th><td>{{.LastAttempt}}{{with .State.LastError}}: {{.}}{{end}}</td></tr>
<tr><th>next</th><td>{{.Next}}</td></tr>
<tr><th>running since</th><td>{{.Started}}</td></tr>
</table>
{{if .State.Fought}}<h2>Fights</h2>
<p>Somebody keeps changing these back. They are left alone until the next scheduled sweep.</p>
<table class="list">
<tr><th>config</th><th>written by</th><th>corrected</th></tr>{{range .State.Fought}}
<tr><td>{{.Key}}</td><td>{{or .Principal "unknown"}}</td><td>{{.Times}} times</td></tr>{{end}}
</table>
{{end}}</body>
</html>
`))

func writePage(w http.ResponseWriter, s worker.State, o *Options, now time.Time) {
	var b bytes.Buffer
	err := page.Execute(&b, map[string]any{
		"State": s, "Version": o.Version, "Applies": o.Applies, "Reasons": s.Unready(now), "Notes": s.Notes(),
		"LastSuccess": instant(s.LastSuccess, now), "LastAttempt": instant(s.LastAttempt, now), "Next": instant(s.Next, now), "Started": instant(s.Started, now),
	})
	if err != nil {
		say(w, http.StatusInternalServerError, "the status page cannot be made: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(b.Bytes())
}

// instant is a time in UTC and how far away it is, which is what people ask.
func instant(t, now time.Time) string {
	if t.IsZero() {
		return "none yet"
	}
	far := "now"
	switch d := now.Sub(t).Round(time.Second); {
	case d > 0:
		far = d.String() + " ago"
	case d < 0:
		far = "in " + (-d).String()
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC") + ", " + far
}
