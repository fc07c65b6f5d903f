package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// JSON writes a run as one document, one item a line, item by item: a fleet of
// 100,000 changes is never held a second time.
func JSON(w io.Writer, r *Run) error {
	d := &document{w: bufio.NewWriter(w)}
	d.put("{")
	d.field("format_version", FormatVersion)
	d.field("run_id", r.ID)
	d.field("tool_version", r.ToolVersion)
	d.field("verb", r.Verb)
	d.field("started", stamp(r.Started))
	d.field("finished", stamp(r.Finished))
	d.field("stopped", r.Stopped)
	d.field("refused", reconcile.ErrorOf(r.refusal()))
	d.field("error", reconcile.ErrorOf(r.Err))
	d.field("fleet", newFleet(r.Fleet))
	d.field("summary", r.summary())
	list(d, "targets", r.targets())
	list(d, "items", r.items())
	list(d, "unreadable", r.findings(reconcile.FindingUnreadable, reconcile.FindingNotExamined))
	list(d, "missing", r.findings(reconcile.FindingFunctionMissing, reconcile.FindingQualifierMissing))
	list(d, "undeclared", r.undeclared(reconcile.FindingUndeclared))
	list(d, "orphans", r.undeclared(reconcile.FindingOrphan))
	list(d, "latest_only", r.findings(reconcile.FindingLatestOnly))
	list(d, "ignored", r.ignored())
	list(d, "guard", each(r.Guard, newGuard))
	list(d, "breaches", r.breachList())
	list(d, "unjudged", r.unjudged())
	list(d, "destinations", r.destinations())
	list(d, "authors", each(r.Insights.Authors, r.newAuthor))
	list(d, "fights", each(r.Insights.Fights, r.newFight))
	list(d, "unavailable", each(r.Insights.Unavailable, newUnavailable))
	list(d, "warnings", slices.Values(r.Warnings))
	d.field("api", newAPI(r.API))
	d.put("\n}\n")
	if d.err == nil {
		d.err = d.w.Flush()
	}
	if d.err != nil {
		return fmt.Errorf("write the JSON report: %w", d.err)
	}
	return nil
}

type fleetJSON struct {
	Files   []string `json:"files"`
	Keys    int      `json:"configs"`
	Targets int      `json:"targets"`
}

func newFleet(f FleetInfo) fleetJSON {
	return fleetJSON{Files: append([]string{}, f.Files...), Keys: f.Keys, Targets: f.Targets}
}

// stamp is a time in UTC to the millisecond, or null when it never came.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05.000Z")
	return &s
}

// document is a JSON object that is written field by field. It keeps the first
// error and writes nothing after it.
type document struct {
	w      *bufio.Writer
	fields int
	err    error
}

func (d *document) put(s string) {
	if d.err == nil {
		_, d.err = d.w.WriteString(s)
	}
}

func (d *document) name(name string) {
	if d.fields > 0 {
		d.put(",")
	}
	d.fields++
	d.put("\n  \"" + name + "\": ")
}

func (d *document) field(name string, v any) {
	d.name(name)
	d.value(v)
}

func (d *document) value(v any) {
	if d.err != nil {
		return
	}
	var text []byte
	if text, d.err = marshal(v); d.err == nil {
		_, d.err = d.w.Write(text)
	}
}

// list writes a field that is an array, an element a line.
func list[T any](d *document, name string, elements iter.Seq[T]) {
	d.name(name)
	d.put("[")
	n := 0
	for e := range elements {
		if n > 0 {
			d.put(",")
		}
		n++
		d.put("\n    ")
		d.value(e)
		if d.err != nil {
			return
		}
	}
	if n > 0 {
		d.put("\n  ")
	}
	d.put("]")
}

// The lists of a document, each made while it is written.

// each converts a slice, element by element.
func each[A, B any](all []A, convert func(A) B) iter.Seq[B] {
	return func(yield func(B) bool) {
		for _, a := range all {
			if !yield(convert(a)) {
				return
			}
		}
	}
}

// plans are the targets of the plan; none when there is no plan.
func (r *Run) plans() []reconcile.TargetPlan {
	if r.Plan == nil {
		return nil
	}
	return r.Plan.Targets
}

func (r *Run) targets() iter.Seq[targetSummaryJSON] {
	return each(r.plans(), func(t reconcile.TargetPlan) targetSummaryJSON { return r.newTargetSummary(&t) })
}

// items are the changes, with their results where something was tried.
func (r *Run) items() iter.Seq[itemJSON] {
	return func(yield func(itemJSON) bool) {
		plans := r.plans()
		for i := range plans {
			t := newTarget(plans[i].Target, plans[i].Label)
			if o := r.outcomeOf(plans[i].Target); o != nil {
				for j := range o.Results {
					if !yield(newResult(t, &o.Results[j])) {
						return
					}
				}
				continue
			}
			for j := range plans[i].Changes {
				item := newPlanned(t, &plans[i].Changes[j])
				item.DriftingSince = stamp(r.Insights.DriftingSince(desired.Key{Target: plans[i].Target, Name: plans[i].Changes[j].Name}))
				if !yield(item) {
					return
				}
			}
		}
	}
}

// found walks the findings of some kinds in the plan's order.
func (r *Run) found(kinds ...reconcile.FindingKind) iter.Seq2[targetJSON, *reconcile.Finding] {
	return func(yield func(targetJSON, *reconcile.Finding) bool) {
		plans := r.plans()
		for i := range plans {
			t := newTarget(plans[i].Target, plans[i].Label)
			for j := range plans[i].Findings {
				f := &plans[i].Findings[j]
				if slices.Contains(kinds, f.Kind) && !yield(t, f) {
					return
				}
			}
		}
	}
}

func (r *Run) findings(kinds ...reconcile.FindingKind) iter.Seq[findingJSON] {
	return func(yield func(findingJSON) bool) {
		for t, f := range r.found(kinds...) {
			if !yield(newFinding(t, f)) {
				return
			}
		}
	}
}

func (r *Run) undeclared(kind reconcile.FindingKind) iter.Seq[undeclaredJSON] {
	return func(yield func(undeclaredJSON) bool) {
		for t, f := range r.found(kind) {
			if !yield(newUndeclared(t, f)) {
				return
			}
		}
	}
}

func (r *Run) ignored() iter.Seq[ignoredJSON] {
	return func(yield func(ignoredJSON) bool) {
		for _, p := range r.plans() {
			t := newTarget(p.Target, p.Label)
			for _, g := range p.Ignored {
				row := ignoredJSON{keyJSON: newKey(t, g.Name), Origin: newOriginJSON(g.By)}
				if g.Why != nil {
					row.Reason, row.Until = g.Why.Reason, g.Why.Until
				}
				if !yield(row) {
					return
				}
			}
		}
	}
}

// marshal is v on one line, with <, > and & as they are: AWS's messages are
// full of them, and the output is no HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
