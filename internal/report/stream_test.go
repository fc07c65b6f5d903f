package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

// line is what the tests look at in one line of a stream.
type line struct {
	Type, Function, Target, Status, Phase string
	Done, Total                           int
}

func lines(t *testing.T, out string) []line {
	t.Helper()
	var all []line
	for text := range strings.Lines(out) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("line %q: %v", text, err)
		}
		all = append(all, l)
	}
	return all
}

func TestStreamTellsTheRunInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		f := resolve(t, twoTargets, nil)
		live := inAWS(f, nil)
		live.Targets[0].Functions[1].Records[0].Settings = &reconcile.Settings{}
		live.Targets[1].Functions[2].Records, live.Targets[1].Functions[2].State = nil, reconcile.FunctionAbsent
		r := newRun("apply", f, live)

		s := NewStream(&b, r)
		s.Observe(reconcile.Step{Target: prod, Done: 1, Total: 6})
		s.Observe(reconcile.Step{Target: prod, Done: 2, Total: 6})
		time.Sleep(progressEvery)
		s.Observe(reconcile.Step{Target: staging, Done: 3, Total: 6})
		s.Observe(reconcile.Step{Target: staging, Done: 6, Total: 6})
		s.Plan(r)
		applied(r, nil)
		s.Observe(reconcile.Step{Phase: reconcile.PhaseApply, Target: prod, Result: &r.Outcome.Targets[0].Results[0], Done: 1, Total: 1})
		if err := s.Finish(r); err != nil {
			t.Fatal(err)
		}
		want := []line{
			{Type: "run_started"},
			{Type: "progress", Phase: "survey", Target: "111111111111/eu-west-1", Done: 1, Total: 6},
			{Type: "progress", Phase: "survey", Target: "222222222222/eu-west-1", Done: 3, Total: 6}, // step 2 came within a second
			{Type: "progress", Phase: "survey", Target: "222222222222/eu-west-1", Done: 6, Total: 6}, // the end of a phase is always told
			{Type: "planned", Function: "checkout", Target: "111111111111/eu-west-1", Status: "planned"},
			{Type: "missing", Function: "mailer", Target: "222222222222/eu-west-1"},
			{Type: "result", Function: "checkout", Target: "111111111111/eu-west-1", Status: "applied"},
			{Type: "progress", Phase: "apply", Target: "111111111111/eu-west-1", Done: 1, Total: 1},
			{Type: "run_finished"},
		}
		got := lines(t, b.String())
		for i := range got {
			if got[i].Type == "run_finished" {
				got[i] = line{Type: "run_finished"}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s\n%s", diff, b.String())
		}
		golden(t, "stream.ndjson", b.Bytes())
	})
}

// brokenPipe fails from some write on.
type brokenPipe struct {
	good int
	err  error
}

func (w *brokenPipe) Write(b []byte) (int, error) {
	if w.good--; w.good < 0 {
		return 0, w.err
	}
	return len(b), nil
}

func TestEveryRendererReportsABrokenWriter(t *testing.T) {
	gone := errors.New("broken pipe")
	r := scenarios[0].run(t)
	for name, render := range map[string]func(*brokenPipe) error{
		"text": func(w *brokenPipe) error { return Text(w, r, TextOptions{}) },
		"JSON": func(w *brokenPipe) error { return JSON(w, r) },
		"stream": func(w *brokenPipe) error {
			s := NewStream(w, r)
			s.Plan(r)
			return s.Finish(r)
		},
	} {
		for good := range 2 {
			// The text of a run fits into one write.
			if name == "text" && good > 0 {
				continue
			}
			if err := render(&brokenPipe{good: good, err: gone}); !errors.Is(err, gone) {
				t.Errorf("%s with %d good writes: %v, want %v", name, good, err, gone)
			}
		}
	}
}

func TestStreamKeepsQuietAfterAnError(t *testing.T) {
	r := scenarios[0].run(t)
	w := &brokenPipe{err: errors.New("broken pipe")}
	s := NewStream(w, r)
	s.Plan(r)
	s.Observe(reconcile.Step{Done: 1, Total: 1})
	if w.good != -1 {
		t.Errorf("%d writes were tried after the pipe broke, want none", -1-w.good)
	}
	if err := s.Finish(r); !errors.Is(err, w.err) {
		t.Errorf("Finish: %v, want the first error", err)
	}
}
