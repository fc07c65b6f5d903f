package report

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
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
	d.field("fleet", r.Fleet.listed())
	d.field("summary", r.summary())
	d.list("targets", each(r.plans(), r.newTargetSummary))
	for _, l := range r.lists() {
		if r.unknown(l.name) {
			d.field(l.name, nil)
		} else {
			d.list(l.name, l.elements)
		}
	}
	d.field("api", r.newAPI())
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

// document is a JSON object that is written field by field. Its writer keeps the first
// error, writes nothing after it, and tells of it at the end.
type document struct {
	w      *bufio.Writer
	fields int
	err    error // a value that JSON cannot spell
}

func (d *document) put(s string) { _, _ = d.w.WriteString(s) }

func (d *document) end(s, what string) error {
	d.put(s)
	if err := cmp.Or(d.err, d.w.Flush()); err != nil {
		return fmt.Errorf("write the %s report: %w", what, err)
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
	text, err := marshal(v)
	d.err = cmp.Or(d.err, err)
	_, _ = d.w.Write(text)
}

// list writes a field that is an array, an element a line.
func (d *document) list(name string, all elements) {
	d.name(name)
	d.put("[")
	n := 0
	all(func(e any) {
		if n > 0 {
			d.put(",")
		}
		n++
		d.put("\n    ")
		d.value(e)
	})
	if n > 0 {
		d.put("\n  ")
	}
	d.put("]")
}

// elements puts those of a list of a document, or lines of a stream, which are made while they
// are written.
type elements func(put func(any))

// slice is all of them at once.
func (e elements) slice() []any {
	all := []any{}
	e(func(element any) { all = append(all, element) })
	return all
}

type listJSON struct {
	name, event string // event is "" where the stream has none
	elements    elements
}

// lists are those of a run, in the order of the document.
func (r *Run) lists() []listJSON {
	findings := func(as func(targetJSON, *reconcile.Finding) any, kinds ...reconcile.FindingKind) elements {
		return r.inTargets(func(t *reconcile.TargetPlan, at targetJSON, put func(any)) {
			for i := range t.Findings {
				if slices.Contains(kinds, t.Findings[i].Kind) {
					put(as(at, &t.Findings[i]))
				}
			}
		})
	}
	return []listJSON{
		{"items", "planned", r.inTargets(r.items)},
		{"unreadable", "unreadable", findings(newFinding, reconcile.FindingUnreadable, reconcile.FindingNotExamined)},
		{"missing", "missing", findings(newFinding, reconcile.FindingFunctionMissing, reconcile.FindingQualifierMissing)},
		{"undeclared", "undeclared", findings(newUndeclared, reconcile.FindingUndeclared)},
		{"orphans", "orphan", findings(newUndeclared, reconcile.FindingOrphan)},
		{"latest_only", "latest_only", findings(newFinding, reconcile.FindingLatestOnly)},
		{"ignored", "ignored", r.inTargets(func(t *reconcile.TargetPlan, at targetJSON, put func(any)) {
			for _, g := range t.Ignored {
				put(ignoredJSON{KeyJSON: newKey(at, g.Name), Origin: NewOriginJSON(g.By), Reason: g.Reason, Until: g.Until})
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
		{"authors", "author", each(r.Insights.Authors, func(a insight.Authorship) any {
			return authorJSON{r.newKey(a.Key), a.Author, *stamp(a.At), a.Call, a.Redeploys()}
		})},
		{"unsearched", "unsearched", each(r.Insights.Unsearched, func(u insight.Unsearched) any {
			return unsearchedJSON{r.newTarget(u.Target), len(u.Configs), stamp(u.Reached), reconcile.ErrorOf(u.Err)}
		})},
		{"fights", "fight", each(r.Insights.Fights, func(f insight.Fight) any {
			return fightJSON{r.newKey(f.Key), f.Times, stamp(f.Since), f.Author}
		})},
		{"unavailable", "unavailable", each(r.Insights.Unavailable, func(u insight.Unavailable) any {
			return unavailableJSON{What: u.What, targetJSON: r.newTarget(u.Target), Error: reconcile.ErrorOf(u.Err)}
		})},
		{"accounts", "", each(r.Accounts, same)},
		{"warnings", "", each(r.Warnings, same)},
	}
}

// unknown reports whether nobody knows a list, as no file keeps it; it is null then: [] would
// be none.
func (r *Run) unknown(list string) bool {
	switch list {
	case "items":
		return false
	case "unreadable", "missing", "undeclared", "orphans", "latest_only", "ignored":
		return r.ChangesOnly
	case "guard", "authors", "unavailable": // which a record keeps
		return r.Saved
	}
	return r.Saved || r.past()
}

// each converts a slice, element by element.
func each[A any](all []A, as func(A) any) elements {
	return func(put func(any)) {
		for _, a := range all {
			put(as(a))
		}
	}
}

func same[A any](a A) any { return a }

// inTargets are the elements that each target of the plan has.
func (r *Run) inTargets(of func(t *reconcile.TargetPlan, at targetJSON, put func(any))) elements {
	return func(put func(any)) {
		for i := range r.plans() {
			t := &r.Plan.Targets[i]
			of(t, newTarget(t.Target, t.Label), put)
		}
	}
}

// items are the changes of a target, with their results where something was tried.
func (r *Run) items(t *reconcile.TargetPlan, at targetJSON, put func(any)) {
	if o := r.Outcome.Of(t.Target); o != nil {
		for j := range o.Results {
			put(newResult(at, &o.Results[j]))
		}
		return
	}
	left := t.Stale // alone already: nobody will try to make them
	putStale := func(before func(desired.Name) bool) {
		for ; len(left) > 0 && before(left[0].Name); left = left[1:] {
			put(newResult(at, &reconcile.ChangeResult{Change: left[0].Change, Status: reconcile.Stale}))
		}
	}
	for j := range t.Changes {
		putStale(func(n desired.Name) bool { return n.Compare(t.Changes[j].Name) < 0 })
		item := newPlanned(at, &t.Changes[j])
		item.DriftingSince = stamp(r.Insights.DriftingSince(desired.Key{Target: t.Target, Name: t.Changes[j].Name}))
		put(item)
	}
	putStale(func(desired.Name) bool { return true })
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

// progressEvery spaces out the progress lines of a Stream: a survey of 100,000
// functions has as many steps, and nobody reads them all.
const progressEvery = time.Second

// Stream writes a run as JSON lines while it goes on: run_started, progress,
// then the plan, a result for each change as it settles, run_finished. Each
// line is one object and is written at once.
//
// A Stream keeps the first error of its writer, writes nothing after it, and
// gives it back from Finish: a closed pipe must not end a run half-way. It is
// not for concurrent use; Observe may be that of a reconcile.Request, which is
// called one at a time.
type Stream struct {
	w      io.Writer
	labels map[desired.Target]string
	shown  time.Time // of the last progress line
	err    error
}

type eventJSON struct {
	Type string `json:"type"`
	Time string `json:"time"`
}

// event is one line: what it is, when, and the fields of T beside them.
func (s *Stream) event(kind string, now time.Time, body any) {
	if s.err != nil {
		return
	}
	line, err := marshal(eventJSON{Type: kind, Time: *stamp(now)})
	rest, unspelt := marshal(body)
	if s.err = cmp.Or(err, unspelt); s.err != nil {
		return
	}
	if len(rest) > len("{}") {
		line = append(append(line[:len(line)-1], ','), rest[1:]...)
	}
	_, s.err = s.w.Write(append(line, '\n'))
}

type startedJSON struct {
	FormatVersion int       `json:"format_version"`
	RunID         string    `json:"run_id"`
	ToolVersion   string    `json:"tool_version"`
	Verb          string    `json:"verb"`
	Fleet         FleetInfo `json:"fleet"`
}

// NewStream begins the stream of a run, with what is known before its first
// call: its id, verb and fleet, and the warnings of the fleet's files.
func NewStream(w io.Writer, r *Run) *Stream {
	s := &Stream{w: w, labels: map[desired.Target]string{}}
	for i := range r.API {
		s.labels[r.API[i].Target] = r.API[i].Label
	}
	s.event("run_started", time.Now(), startedJSON{
		FormatVersion: FormatVersion, RunID: r.ID, ToolVersion: r.ToolVersion, Verb: r.Verb, Fleet: r.Fleet.listed(),
	})
	s.events("warning", each(r.Warnings, same))
	return s
}

func (s *Stream) events(kind string, bodies elements) {
	now := time.Now()
	bodies(func(body any) { s.event(kind, now, body) })
}

type progressJSON struct {
	Phase string `json:"phase"`
	targetJSON
	Done  int `json:"done"`
	Total int `json:"total"`
}

// Observe writes a step of the run: every result, and progress once a second
// and at the end of a phase.
func (s *Stream) Observe(e reconcile.Step) {
	now := time.Now()
	if e.Result != nil {
		s.event("result", now, newResult(newTarget(e.Target, s.labels[e.Target]), e.Result))
	}
	if e.Done < e.Total && now.Sub(s.shown) < progressEvery {
		return
	}
	s.shown = now
	s.event("progress", now, progressJSON{
		Phase: e.Phase.String(), targetJSON: newTarget(e.Target, s.labels[e.Target]), Done: e.Done, Total: e.Total,
	})
}

// Plan writes what the plan holds, change by change and finding by finding.
// Call it once, when the survey has ended and before anything is applied.
func (s *Stream) Plan(r *Run) {
	for _, t := range r.plans() { // of a saved plan nothing was opened
		s.labels[t.Target] = t.Label
	}
	before := *r
	before.Outcome = nil
	for _, l := range before.lists() {
		if l.event != "" {
			s.events(l.event, l.elements)
		}
	}
}

type finishedJSON struct {
	RunID    string         `json:"run_id"`
	Started  *string        `json:"started"`
	Finished *string        `json:"finished"`
	Stopped  string         `json:"stopped"`
	Refused  *callerr.Error `json:"refused"`
	Error    *callerr.Error `json:"error"`
	Summary  *summaryJSON   `json:"summary"`
	Targets  []any          `json:"targets"`
	Guard    []any          `json:"guard"`
	API      *apiJSON       `json:"api"`
}

// Finish writes the last line, run_finished, and reports the first error that
// any line of the stream met.
func (s *Stream) Finish(r *Run) error {
	var guard []any
	if !r.unknown("guard") {
		guard = each(r.Guard, newGuard).slice()
	}
	s.event("run_finished", time.Now(), finishedJSON{
		RunID: r.ID, Started: stamp(r.Started), Finished: stamp(r.Finished),
		Stopped: r.Stopped, Refused: reconcile.ErrorOf(r.refusal()), Error: reconcile.ErrorOf(r.Err),
		Summary: r.summary(),
		Targets: each(r.plans(), r.newTargetSummary).slice(),
		Guard:   guard,
		API:     r.newAPI(),
	})
	if s.err != nil {
		return fmt.Errorf("write the stream of the run: %w", s.err)
	}
	return nil
}
