package report

import (
	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// unavailableJSON is what could not be learnt.
type unavailableJSON struct {
	What   string               `json:"what"`
	Target string               `json:"target"` // ACCOUNT/REGION; "" where it is of no one target
	Error  *reconcile.CallError `json:"error"`
}

func newUnavailable(u reconcile.Unavailable) unavailableJSON {
	out := unavailableJSON{What: u.What, Error: reconcile.ErrorOf(u.Err)}
	if (u.Target != desired.Target{}) {
		out.Target = u.Target.String()
	}
	return out
}

// insights writes what was learnt beyond what Lambda tells.
func (p *printer) insights(r *Run) {
	color := yellow
	if r.InsightsRequired {
		color = red
	}
	for _, u := range r.Insights.Unavailable {
		what := u.What
		if (u.Target != desired.Target{}) {
			what += " of " + u.Target.String()
		}
		err := reconcile.ErrorOf(u.Err)
		p.titled(color, "Not known", what+": "+err.Reason())
		p.hint(2, err.Hint)
	}
}

// ofUnavailable is something that could not be learnt. It is no failure unless it was
// asked for.
func (r *Run) ofUnavailable(u *reconcile.Unavailable) remark {
	err := reconcile.ErrorOf(u.Err)
	m := remark{target: u.Target, name: "(" + Clean(u.What) + ")", rule: "unavailable", verdict: skipped, risk: noRisk,
		message: "not known: " + Clean(u.What) + ": " + said(err), hint: Clean(err.Hint)}
	if r.InsightsRequired {
		m.verdict, m.risk = erred, losesEvents
	}
	return r.at(m, nil)
}
