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
	list(d, "targets", each(r.plans(), r.newTargetSummary))
	for _, l := range r.lists() {
		list(d, l.name, l.elements)
	}
	d.field("api", newAPI(r.API))
	return d.end("\n}\n", "JSON")
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

func (d *document) end(s, what string) error {
	if d.put(s); d.err == nil {
		d.err = d.w.Flush()
	}
	if d.err != nil {
		return fmt.Errorf("write the %s report: %w", what, d.err)
	}
	return nil
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

// elements are those of a list of a document, or lines of a stream, made while they are
// written.
type elements struct {
	name, event string // event is "" where the stream has none
	elements    iter.Seq[any]
}

// lists are those of a run, in the order of the document.
func (r *Run) lists() []elements {
	findings := func(as func(targetJSON, *reconcile.Finding) any, kinds ...reconcile.FindingKind) iter.Seq[any] {
		return r.inTargets(func(t *reconcile.TargetPlan, at targetJSON, put func(any)) {
			for i := range t.Findings {
				if slices.Contains(kinds, t.Findings[i].Kind) {
					put(as(at, &t.Findings[i]))
				}
			}
		})
	}
	return []elements{
		{"items", "planned", r.inTargets(r.items)},
		{"unreadable", "unreadable", findings(newFinding, reconcile.FindingUnreadable, reconcile.FindingNotExamined)},
		{"missing", "missing", findings(newFinding, reconcile.FindingFunctionMissing, reconcile.FindingQualifierMissing)},
		{"undeclared", "undeclared", findings(newUndeclared, reconcile.FindingUndeclared)},
		{"orphans", "orphan", findings(newUndeclared, reconcile.FindingOrphan)},
		{"latest_only", "latest_only", findings(newFinding, reconcile.FindingLatestOnly)},
		{"ignored", "ignored", r.inTargets(func(t *reconcile.TargetPlan, at targetJSON, put func(any)) {
			for _, g := range t.Ignored {
				put(ignoredJSON{keyJSON: newKey(at, g.Name), Origin: NewOriginJSON(g.By), Reason: g.Reason, Until: g.Until})
			}
		})},
		{"guard", "", each(r.Guard, newGuard)},
		{"breaches", "breach", r.inTargets(func(t *reconcile.TargetPlan, at targetJSON, put func(any)) {
			for _, b := range r.breaches(t) {
				o := b.Requirement.Origin
				put(breachJSON{newKey(at, b.Name), o.Rule, b.Setting.String(), b.Message, b.Now, b.Planned, NewOriginJSON(o)})
			}
		})},
		{"unjudged", "unjudged", r.inTargets(func(t *reconcile.TargetPlan, at targetJSON, put func(any)) {
			for _, u := range t.Unjudged {
				put(unjudgedJSON{at, u.Function, reconcile.ErrorOf(u.Err)})
			}
		})},
		{"destinations", "destination", each(r.Insights.Destinations, r.newDestination)},
		{"authors", "author", each(r.Insights.Authors, func(a reconcile.Authorship) any {
			return authorJSON{r.newKey(a.Key), a.Author, *stamp(a.At), a.Call, a.Redeploys()}
		})},
		{"fights", "fight", each(r.Insights.Fights, func(f reconcile.Fight) any {
			return fightJSON{r.newKey(f.Key), f.Times, stamp(f.Since), f.Author}
		})},
		{"unavailable", "unavailable", each(r.Insights.Unavailable, func(u reconcile.Unavailable) any {
			out := unavailableJSON{What: u.What, Error: reconcile.ErrorOf(u.Err)}
			if (u.Target != desired.Target{}) {
				out.Target = u.Target.String()
			}
			return out
		})},
		{"accounts", "", each(r.Accounts, func(c AccountChange) any { return c })},
		{"warnings", "", each(r.Warnings, func(p desired.Problem) any { return p })},
	}
}

// each converts a slice, element by element.
func each[A any](all []A, as func(A) any) iter.Seq[any] {
	return func(yield func(any) bool) {
		for _, a := range all {
			if !yield(as(a)) {
				return
			}
		}
	}
}

// inTargets are the elements that each target of the plan has.
func (r *Run) inTargets(of func(t *reconcile.TargetPlan, at targetJSON, put func(any))) iter.Seq[any] {
	return func(yield func(any) bool) {
		more := true
		for i := range r.plans() {
			t := &r.Plan.Targets[i]
			of(t, newTarget(t.Target, t.Label), func(e any) { more = more && yield(e) })
		}
	}
}

// items are the changes of a target, with their results where something was tried.
func (r *Run) items(t *reconcile.TargetPlan, at targetJSON, put func(any)) {
	if o := r.outcomeOf(t.Target); o != nil {
		for j := range o.Results {
			put(newResult(at, &o.Results[j]))
		}
		return
	}
	for j := range t.Changes {
		item := newPlanned(at, &t.Changes[j])
		item.DriftingSince = stamp(r.Insights.DriftingSince(desired.Key{Target: t.Target, Name: t.Changes[j].Name}))
		put(item)
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
