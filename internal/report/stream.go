package report

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// progressEvery spaces out the progress lines of a Stream: a survey of 100,000
// functions has as many steps, and nobody reads them all.
const progressEvery = time.Second

// Stream writes a run as JSON lines while it goes on: run_started, progress,
// then the plan, a result for each change as it settles, run_finished. Each
// line is one object and is written at once.
//
// A Stream keeps the first error of its writer, writes nothing after it, and
// gives it back from Finish: a closed pipe must not end a run half-way. It is
// not for concurrent use; Observe may be a reconcile.Observer, since those are
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
	head, err := marshal(eventJSON{Type: kind, Time: *stamp(now)})
	if err != nil {
		s.err = err
		return
	}
	rest, err := marshal(body)
	if err != nil {
		s.err = err
		return
	}
	line := head
	if len(rest) > len("{}") {
		line = append(append(head[:len(head)-1], ','), rest[1:]...)
	}
	_, s.err = s.w.Write(append(line, '\n'))
}

type startedJSON struct {
	FormatVersion int       `json:"format_version"`
	RunID         string    `json:"run_id"`
	ToolVersion   string    `json:"tool_version"`
	Verb          string    `json:"verb"`
	Fleet         fleetJSON `json:"fleet"`
}

// NewStream begins the stream of a run, with what is known before its first
// call: its id, verb and fleet, and the warnings of the fleet's files.
func NewStream(w io.Writer, r *Run) *Stream {
	s := &Stream{w: w, labels: map[desired.Target]string{}}
	s.event("run_started", time.Now(), startedJSON{
		FormatVersion: FormatVersion, RunID: r.ID, ToolVersion: r.ToolVersion, Verb: r.Verb, Fleet: newFleet(r.Fleet),
	})
	s.events("warning", each(r.Warnings, func(p desired.Problem) any { return p }))
	return s
}

func (s *Stream) events(kind string, bodies iter.Seq[any]) {
	now := time.Now()
	for body := range bodies {
		s.event(kind, now, body)
	}
}

type progressJSON struct {
	Phase   string `json:"phase"`
	Account string `json:"account"`
	Region  string `json:"region"`
	Done    int    `json:"done"`
	Total   int    `json:"total"`
}

// Observe writes a step of the run: every result, and progress once a second
// and at the end of a phase.
func (s *Stream) Observe(e reconcile.Event) {
	now := time.Now()
	if e.Result != nil {
		s.event("result", now, newResult(newTarget(e.Target, s.labels[e.Target]), e.Result))
	}
	if e.Done < e.Total && now.Sub(s.shown) < progressEvery {
		return
	}
	s.shown = now
	s.event("progress", now, progressJSON{
		Phase: e.Phase.String(), Account: e.Target.Account, Region: e.Target.Region, Done: e.Done, Total: e.Total,
	})
}

// Plan writes what the plan holds, change by change and finding by finding.
// Call it once, when the survey has ended and before anything is applied.
func (s *Stream) Plan(r *Run) {
	for _, t := range r.plans() {
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
	RunID    string               `json:"run_id"`
	Started  *string              `json:"started"`
	Finished *string              `json:"finished"`
	Stopped  string               `json:"stopped"`
	Refused  *reconcile.CallError `json:"refused"`
	Error    *reconcile.CallError `json:"error"`
	Summary  *summaryJSON         `json:"summary"`
	Targets  []any                `json:"targets"`
	Guard    []any                `json:"guard"`
	API      apiJSON              `json:"api"`
}

// Finish writes the last line, run_finished, and reports the first error that
// any line of the stream met.
func (s *Stream) Finish(r *Run) error {
	s.event("run_finished", time.Now(), finishedJSON{
		RunID: r.ID, Started: stamp(r.Started), Finished: stamp(r.Finished),
		Stopped: r.Stopped, Refused: reconcile.ErrorOf(r.refusal()), Error: reconcile.ErrorOf(r.Err),
		Summary: r.summary(),
		Targets: slices.AppendSeq([]any{}, each(r.plans(), r.newTargetSummary)),
		Guard:   slices.AppendSeq([]any{}, each(r.Guard, newGuard)),
		API:     newAPI(r.API),
	})
	if s.err != nil {
		return fmt.Errorf("write the stream of the run: %w", s.err)
	}
	return nil
}
