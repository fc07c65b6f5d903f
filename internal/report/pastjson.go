package report

import (
	"encoding/json"
	"io"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// WriteJSON writes a document that people may read too.
func WriteJSON(w io.Writer, document any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}

// RunsJSON lists runs as one document.
func RunsJSON(w io.Writer, runs []PastRun) error {
	return WriteJSON(w, struct {
		FormatVersion int       `json:"format_version"`
		Runs          []runLine `json:"runs"`
	}{FormatVersion, slice.Map(runs, summarise)})
}

// The types below are what is stored of a run, with targets, configs and counts of calls as
// every document has them. Go's JSON takes a field that is embedded less deep, so that what
// they name themselves stands in place of what is stored.

type partJSON struct {
	history.RunRecord
	Callers  []callerJSON      `json:"callers"`
	Targets  []pastTargetJSON  `json:"targets"`
	Items    []pastItemJSON    `json:"items"`
	Findings []pastFindingJSON `json:"findings"`
}

type callerJSON struct {
	targetJSON
	ARN string `json:"arn"`
}

type pastTargetJSON struct {
	targetJSON
	storedTarget
	Drift      []driftJSON     `json:"drift,omitempty"`
	Operations []operationJSON `json:"operations"`
}

// storedTarget is one level deeper, because both know a label.
type storedTarget struct{ history.TargetRecord }

type driftJSON struct {
	KeyJSON
	history.Drift
}

type pastItemJSON struct {
	KeyJSON
	history.Item
}

type pastFindingJSON struct {
	KeyJSON
	history.Finding
}

type traceJSON struct {
	KeyJSON
	history.Trace
}

type trendJSON struct {
	targetJSON
	Audits []history.AuditCount `json:"audits"`
	Drift  []driftJSON          `json:"drift"`
}

func newPart(r history.RunRecord) partJSON {
	labels := map[desired.Target]string{}
	for _, t := range r.Targets {
		labels[t.Target] = t.Label
	}
	at := func(t desired.Target) targetJSON { return newTarget(t, labels[t]) }
	return partJSON{
		RunRecord: r,
		Callers:   slice.Map(r.Callers, func(c history.Caller) callerJSON { return callerJSON{at(c.Target), c.ARN} }),
		Targets: slice.Map(r.Targets, func(t history.TargetRecord) pastTargetJSON {
			return pastTargetJSON{at(t.Target), storedTarget{t}, newDrift(at(t.Target), t.Drift), newOperations(t.Operations)}
		}),
		Items:    slice.Map(r.Items, func(i history.Item) pastItemJSON { return pastItemJSON{newKey(at(i.Target), i.Name), i} }),
		Findings: slice.Map(r.Findings, func(f history.Finding) pastFindingJSON { return pastFindingJSON{newKey(at(f.Target), f.Name), f} }),
	}
}

func newDrift(at targetJSON, all []history.Drift) []driftJSON {
	return slice.Map(all, func(d history.Drift) driftJSON { return driftJSON{newKey(at, d.Name), d} })
}

// RunJSON is one run with all its parts.
func RunJSON(w io.Writer, run PastRun) error {
	past := Past(run) // knows the labels
	return WriteJSON(w, struct {
		FormatVersion int `json:"format_version"`
		runLine
		Undo    string      `json:"undo"`
		Parts   []partJSON  `json:"parts"`
		Journal []traceJSON `json:"journal"`
	}{FormatVersion, summarise(run), run.Undo, slice.Map(run.Attempts, newPart), slice.Map(run.Journal, newTrace(past))})
}

func newTrace(past *Run) func(history.Trace) traceJSON {
	return func(u history.Trace) traceJSON { return traceJSON{past.newKey(u.Key), u} }
}

// TrendsJSON is what audits found as one document.
func TrendsJSON(w io.Writer, trends []history.Trend, damaged []string) error {
	return WriteJSON(w, struct {
		FormatVersion int         `json:"format_version"`
		Targets       []trendJSON `json:"targets"`
		Damaged       []string    `json:"damaged"`
	}{FormatVersion, slice.Map(trends, func(t history.Trend) trendJSON {
		at := newTarget(t.Target, t.Label)
		return trendJSON{at, t.Audits, newDrift(at, t.Drift)}
	}), append([]string{}, damaged...)})
}
