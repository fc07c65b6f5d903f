package report

import (
	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// FormatVersion is the version of the JSON document and of the JSON lines. It
// grows only when a field goes away or changes its meaning; new fields may come
// at any time.
const FormatVersion = 1

// The types below are the contract of docs/output.md: the order of their fields
// is the order of the output.

type targetJSON struct {
	Target  string `json:"target"`
	Account string `json:"account"`
	Region  string `json:"region"`
}

type keyJSON struct {
	targetJSON
	Function  string `json:"function"`
	Qualifier string `json:"qualifier"`
}

type originJSON struct {
	File  string `json:"file"`
	Line  int    `json:"line"`
	Layer string `json:"layer"`
	Name  string `json:"name"` // of the rule
}

type fieldJSON struct {
	Name   string        `json:"name"`
	Before desired.Value `json:"before"`
	After  desired.Value `json:"after"`
	Origin *originJSON   `json:"origin"`
}

type itemJSON struct {
	keyJSON
	Action   string               `json:"action"`
	Status   string               `json:"status"`
	Fields   []fieldJSON          `json:"fields"`
	Attempts int                  `json:"attempts"`
	WaitedMS int64                `json:"waited_ms"`
	Error    *reconcile.CallError `json:"error"`
}

type findingJSON struct {
	keyJSON
	Reason string               `json:"reason"`
	Origin *originJSON          `json:"origin"`
	Error  *reconcile.CallError `json:"error"`
}

type undeclaredJSON struct {
	keyJSON
	Settings reconcile.Settings `json:"settings"`
}

type ignoredJSON struct {
	keyJSON
	Origin *originJSON `json:"origin"`
}

type guardJSON struct {
	Rule     string `json:"rule"`
	Current  int    `json:"current"`
	Limit    int    `json:"limit"`
	Of       int    `json:"of"`
	Exceeded bool   `json:"exceeded"`
}

func newTarget(t desired.Target, label string) targetJSON {
	return targetJSON{Target: label, Account: t.Account, Region: t.Region}
}

func newKey(t targetJSON, n desired.Name) keyJSON {
	return keyJSON{targetJSON: t, Function: n.Function, Qualifier: n.Qualifier}
}

func newOriginJSON(o desired.Origin) *originJSON {
	if o.IsZero() {
		return nil
	}
	return &originJSON{File: o.File(), Line: o.Line(), Layer: o.LayerName(), Name: o.Rule()}
}

func newGuard(l reconcile.GuardLine) guardJSON {
	return guardJSON{Rule: l.Rule, Current: l.Current, Limit: l.Limit, Of: l.Of, Exceeded: l.Exceeded()}
}

func newFields(c *reconcile.Change) []fieldJSON {
	rows := c.Settings()
	fields := make([]fieldJSON, len(rows))
	for i, f := range rows {
		fields[i] = fieldJSON{Name: f.Setting.String(), Before: f.Before, After: f.After, Origin: newOriginJSON(f.Origin)}
	}
	return fields
}

// planned is the status of a change that no run has tried to make.
const planned = "planned"

func newPlanned(t targetJSON, c *reconcile.Change) itemJSON {
	return itemJSON{keyJSON: newKey(t, c.Name), Action: c.Action.String(), Status: planned, Fields: newFields(c)}
}

func newResult(t targetJSON, r *reconcile.Result) itemJSON {
	item := newPlanned(t, &r.Change)
	item.Status = r.Status.String()
	item.Attempts = r.Stats.Attempts
	item.WaitedMS = r.Stats.Waited.Milliseconds()
	item.Error = reconcile.ErrorOf(r.Err)
	return item
}

func newFinding(t targetJSON, f *reconcile.Finding) findingJSON {
	out := findingJSON{keyJSON: newKey(t, f.Name), Reason: f.Kind.String(), Error: reconcile.ErrorOf(f.Err)}
	if f.Origins != nil {
		out.Origin = newOriginJSON(f.Origins.Entry)
	}
	return out
}

func newUndeclared(t targetJSON, f *reconcile.Finding) undeclaredJSON {
	var s reconcile.Settings
	if f.Record != nil {
		s = *f.Record
	}
	return undeclaredJSON{keyJSON: newKey(t, f.Name), Settings: s}
}
