package report

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

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
	Keys    int      `json:"keys"`
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
