package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
)

// audited tells what an audit found in one target.
func (p *printer) audited(t *history.Target) {
	for _, kind := range slices.Sorted(maps.Keys(t.Findings)) {
		p.flow(2, 4, textf("%s: %d %s", t.Target, t.Findings[kind], strings.ReplaceAll(kind, "_", " ")))
	}
	if t.Plan.Breaches > 0 {
		p.flow(2, 4, textf("%s: %d breaches of what is required", t.Target, t.Plan.Breaches))
	}
	if len(t.Drift) > 0 {
		p.flow(2, 4, textf("%s: %s drifted", t.Target, count(len(t.Drift), "config")))
		p.drift(4, t.Drift)
	}
}

// drift names what has drifted, the longest first.
func (p *printer) drift(indent int, drift []history.Drift) {
	drift = slices.Clone(drift)
	slices.SortStableFunc(drift, func(a, b history.Drift) int { return a.Since.Compare(b.Since) })
	for since, drift := range grouped(drift, func(d history.Drift) time.Time { return d.Since.UTC() }) {
		p.line(indent, textf("%d since %s UTC:", len(drift), since.Format(time.DateTime)))
		p.names(indent+2, span{}, len(drift), func(i int) string { return drift[i].Name.String() })
	}
}

// TrendsText shows how drift went in each target, from audit to audit; audit is the command that
// leaves what is missing.
func TrendsText(w io.Writer, audit string, trends []history.Trend, damaged []string, o TextOptions) error {
	p := newPrinter(w, &Run{}, o)
	if len(trends) == 0 {
		p.line(0, textf("No audit is remembered here. eventinvoke %s leaves a record.", audit))
	}
	for _, t := range trends {
		latest := t.Audits[len(t.Audits)-1]
		p.gap()
		found := fmt.Sprintf("%d of %s drifted", latest.Drifted, count(latest.Declared, "config"))
		switch {
		case latest.Failed:
			found = listed("could not be read by the last audit", latest.Reason)
		case latest.Unreadable > 0:
			found += fmt.Sprintf(", %d could not be read", latest.Unreadable)
		}
		at := where(t.Label, t.Target)
		if t.Target == (desired.Target{}) {
			at = "No target known"
		}
		p.line(0, colored(bold, at), text(": "+Clean(found)))
		table := [][]string{{"AUDITED (UTC)", "DRIFTED", "NEW", "UNREADABLE", "MISSING", "UNDECLARED", "BREACHES", "RUN"}}
		for _, a := range t.Audits {
			known := func(n int) string {
				if a.Failed {
					return "unknown"
				}
				return fmt.Sprint(n)
			}
			table = append(table, []string{a.Started.UTC().Format(time.DateTime),
				known(a.Drifted), known(a.New), known(a.Unreadable), known(a.Missing), known(a.Undeclared), known(a.Breaches), a.Run})
		}
		p.table(2, table, "RUN", "UNDECLARED", "BREACHES") // a run's id says no more than when
		p.drift(2, t.Drift)
	}
	if len(damaged) > 0 {
		p.gap()
		p.wrapped(0, colored(yellow, "! "), plain, fmt.Sprintf("%s could not be read, and may have been audits: %s; see: eventinvoke history verify", count(len(damaged), "record"), strings.Join(damaged, ", ")))
	}
	p.last()
	return p.flush()
}

// TrendsJSON is the same as one document.
func TrendsJSON(w io.Writer, trends []history.Trend, damaged []string) error {
	return WriteJSON(w, struct {
		FormatVersion int             `json:"format_version"`
		Targets       []history.Trend `json:"targets"`
		Damaged       []string        `json:"damaged"`
	}{FormatVersion, append([]history.Trend{}, trends...), append([]string{}, damaged...)})
}
