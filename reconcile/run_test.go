package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// road is a world for an engine that writes down its steps in order: one target,
// a Memory, and a person who is asked.
type road struct {
	t     *testing.T
	aws   *fakeAWS
	mu    sync.Mutex // several functions are read at once
	steps []string
	fail  map[string]error // by step
	// holding is called while another run could still write: between the opening
	// and the lease.
	holding    func()
	denied     bool // the answer of the person
	annotators []Annotator
	functions  []string // beside f
	selected   []string // patterns of a narrowed run
	policy     InsightPolicy
	at         map[string]func() // called at a step
	write      bool
}

func (w *road) step(name string) error {
	w.mu.Lock()
	w.steps = append(w.steps, name)
	w.mu.Unlock()
	if at := w.at[name]; at != nil {
		at()
	}
	return w.fail[name]
}

func (w *road) Open(_ context.Context, req OpenRequest) (Opened, error) {
	limiter := fastLimiter()
	w.t.Cleanup(limiter.Close)
	o := Opened{Targets: []OpenTarget{{Target: home, Reader: w, Finder: w, Limiter: limiter}}, Close: func() { w.step("close") }}
	if req.Write {
		o.Targets[0].Writer = w.aws
	}
	return o, w.step("open")
}

func (w *road) Begin(*RunResult) Recorder { return w }
func (w *road) Hold(context.Context, *RunResult) error {
	if w.holding != nil {
		w.holding()
	}
	return w.step("hold")
}
func (w *road) Ready(context.Context, int) error     { return w.step("ready") }
func (w *road) Lease(desired.Target) context.Context { return nil }
func (w *road) FailedBefore(desired.Key) bool        { return false }
func (w *road) Release(context.Context) error        { return w.step("release") }
func (w *road) Settle(desired.Key, *ChangeResult)    {}
func (w *road) Finish(ctx context.Context, r *RunResult) error {
	if ctx.Err() != nil {
		w.t.Error("the record of an interrupted run cannot be completed")
	}
	return w.step("record")
}
func (w *road) Intend(context.Context, desired.Key, *Change) error { return w.step("intend") }

func (w *road) ListFunctions(context.Context, string) (Page[Function], error) {
	return Page[Function]{Items: named(append([]string{"f"}, w.functions...)...)}, w.step("discover")
}
func (w *road) Tagged(context.Context, []desired.Tag) (map[string]map[string]string, error) {
	return nil, nil
}
func (w *road) ListConfigs(ctx context.Context, function, marker string) (Page[Record], error) {
	if err := w.step("survey"); err != nil {
		return Page[Record]{}, err
	}
	return w.aws.ListConfigs(ctx, function, marker)
}
func (w *road) ListAliases(ctx context.Context, function, marker string) (Page[string], error) {
	return w.aws.ListAliases(ctx, function, marker)
}
func (w *road) ListVersions(ctx context.Context, function, marker string) (Page[string], error) {
	return w.aws.ListVersions(ctx, function, marker)
}

func (w *road) run(ctx context.Context) (*RunResult, error) {
	document, err := desired.Loader{Stdin: strings.NewReader(`version: 1
targets: [{ name: home, account: "111111111111", regions: [eu-west-1] }]
rules: [{ match: { functions: ["*"] }, set: { maximum_retry_attempts: 0 } }]
`)}.LoadFiles("-")
	if err != nil {
		w.t.Fatal(err)
	}
	tell := func(name string, late error) func(context.Context, *RunResult) error {
		return func(ctx context.Context, r *RunResult) error {
			if ctx.Err() != nil || r.Finished.IsZero() || !errors.Is(r.Late, late) {
				w.t.Errorf("%s is called with %v and of a run that ended at %v, late %v", name, ctx.Err(), r.Finished, r.Late)
			}
			return w.step(name)
		}
	}
	reporters := []func(context.Context, *RunResult) error{tell("report", w.fail["record"]), tell("tell", cmp.Or(w.fail["record"], w.fail["report"]))}
	return Engine{Opener: w, Memory: w, Annotators: w.annotators, Reporters: reporters}.Run(ctx, Request{InsightPolicy: w.policy, Unprepared: w.fail["prepare"],
		ID: "r", Verb: "test", Started: time.Now(), Write: w.write, Wishes: FleetWishes{Document: document, Selection: desired.Selection{Functions: w.selected}},
		Confirm: func(context.Context, *RunResult) bool { w.step("confirm"); return !w.denied },
	})
}

// The road is walked in one order, however a run ends: targets are held before
// they are read, a run that may write is recorded and then released, and every run is reported.
func TestTheStepsOfARun(t *testing.T) {
	no := errors.New("no")
	for _, row := range []struct {
		why    string
		write  bool
		denied bool
		fail   string
		steps  string
		failed bool
	}{
		{"a run that reads holds and records nothing", false, false, "", "open discover survey close report tell", false},
		{"a run that writes", true, false, "", "open hold discover survey confirm ready intend record release close report tell", false},
		{"a person says no, and knows it", true, true, "", "open hold discover survey confirm record release close", false},
		{"it cannot begin", true, false, "prepare", "record release report tell", true},
		{"the targets cannot be opened", true, false, "open", "open record release report tell", true},
		{"another run holds a target: what was begun is given back", true, false, "hold", "open hold record release close report tell", true},
		{"discovery fails", true, false, "discover", "open hold discover record release close report tell", true},
		{"the history cannot be written", true, false, "ready", "open hold discover survey confirm ready record release close report tell", true},
		{"nor the journal: nothing is sent", true, false, "intend", "open hold discover survey confirm ready intend record release close report tell", true},
		{"the record cannot be completed: the targets are released all the same", true, false, "record", "open hold discover survey confirm ready intend record release close report tell", true},
		{"one cannot be told: the others are", true, false, "report", "open hold discover survey confirm ready intend record release close report tell", true},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &road{t: t, aws: newFake("f"), write: row.write, denied: row.denied, fail: map[string]error{row.fail: no}}
			r, err := w.run(t.Context())
			if got := strings.Join(w.steps, " "); got != row.steps {
				t.Errorf("%s:\n got %s\nwant %s", row.why, got, row.steps)
			}
			if (err != nil) != row.failed || row.failed && !errors.Is(err, no) {
				t.Errorf("%s: the error is %v", row.why, err)
			}
			if r == nil || r.Finished.IsZero() {
				t.Errorf("%s: the result does not say how it ended", row.why)
			}
			if writes, want := w.aws.count("put"), strings.Count(row.steps, "intend")-strings.Count(row.fail, "intend"); writes != want {
				t.Errorf("%s: %d writes, want %d", row.why, writes, want)
			}
		})
	}
}

// A worker that surveyed before it held the target made a Put of what it had seen,
// and erased what another run had written meanwhile.
func TestNoWriteRestsOnAReadFromBeforeTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theirs := Settings{desired.MaximumEventAgeInSeconds: desired.Number(900), desired.OnFailure: desired.Text(queueA)}
		w := &road{t: t, aws: newFake("f"), write: true}
		w.holding = func() { w.aws.records[name("f", desired.Latest)] = theirs }
		if _, err := w.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := w.aws.records[name("f", desired.Latest)], theirs.With(retries(0)); got != want {
			t.Errorf("AWS holds %v, want %v", got, want)
		}
	})
}

// An interrupted run is recorded, released and reported as well.
func TestAnInterruptedRunIsRecorded(t *testing.T) {
	for _, at := range []string{"open", "hold", "discover", "survey", "confirm", "intend"} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			stop := errors.New("stopped by SIGTERM")
			w := &road{t: t, aws: newFake("f"), write: true}
			w.at = map[string]func(){at: func() { cancel(stop) }}
			r, _ := w.run(ctx)
			if !errors.Is(r.Stopped, stop) {
				t.Errorf("interrupted at %s, the result says %v", at, r.Stopped)
			}
			if got := strings.Join(w.steps, " "); !strings.HasSuffix(got, " record release close report tell") {
				t.Errorf("interrupted at %s, the steps are %v", at, w.steps)
			}
		})
	}
}

// The error of a run carries every failure of it, in order.
func TestEveryFailureInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, f := fleetOf("a-1", "b-1", "c-1", "d-1")
		f.fail = func(op string, n desired.Name, _ int) error {
			switch {
			case op == "list" && n.Function == "c-1":
				return refusal(callerr.Denied, "not c")
			case op == "put" && n.Function == "a-1", op == "put" && n.Function == "d-1":
				return refusal(callerr.Invalid, "not "+n.Function)
			}
			return nil
		}
		out := f.apply(t, t.Context(), fleet, nil)
		r := &RunResult{Plan: NewPlan(fleet, f.survey(t, t.Context(), fleet)), Outcome: &out, Stopped: errors.New("not to its end"), Late: errors.New("not released")}
		r.Plan.Targets[0].Stopped, out.Targets[0].Stopped = errors.New("not all read"), errors.New("not all written")
		var all *multierror.Error
		if !errors.As(r.failures(), &all) {
			t.Fatal("no failures")
		}
		var texts []string
		for _, err := range all.WrappedErrors() {
			var many *multierror.Error
			if errors.As(err, &many) {
				for _, inner := range many.Errors {
					texts = append(texts, inner.Error()[strings.LastIndex(inner.Error(), "not"):])
				}
				continue
			}
			texts = append(texts, err.Error()[strings.LastIndex(err.Error(), "not"):])
		}
		if got := strings.Join(texts, ", "); got != "not all read, not c, not all written, not a-1, not d-1, not to its end, not released" {
			t.Errorf("the failures are %s", got)
		}

		// A target is named once, whether its error names it or not.
		for _, text := range []string{"not opened", "ListFunctions " + home.String() + ": denied"} {
			err := (&RunResult{Plan: Plan{Targets: []TargetPlan{{Target: home, Err: errors.New(text)}}}}).failures()
			if !errors.As(err, &all) || strings.Count(all.Errors[0].Error(), home.String()) != 1 || !strings.HasSuffix(all.Errors[0].Error(), text) {
				t.Errorf("the failure is %v", err)
			}
		}

		// The end of a run is one failure, in however many targets and calls it is met.
		over := &RunResult{Plan: r.Plan, Outcome: r.Outcome, Stopped: r.Stopped}
		over.Plan.Targets[0].Stopped, over.Outcome.Targets[0].Stopped = over.Stopped, fmt.Errorf("while writing: %w", over.Stopped)
		if text := over.failures().Error(); strings.Count(text, "not to its end") != 1 {
			t.Errorf("the failures are %s", text)
		}
		if err := (&RunResult{Err: &endedError{over.Stopped, errors.New("a call")}, Stopped: over.Stopped}).failures(); strings.Count(err.Error(), "not to its end") != 1 {
			t.Errorf("the failures are %s", err)
		}
	})
}

func (w *road) TagsOf(context.Context, []string) (map[string]map[string]string, error) {
	return nil, nil
}

// tells is a Memory that notes when it is at work.
type tells struct {
	unrecorded
	note func(string)
}

func (m tells) Begin(*RunResult) Recorder                { return m }
func (m tells) Hold(context.Context, *RunResult) error   { m.note("holds"); return nil }
func (m tells) Finish(context.Context, *RunResult) error { m.note("finishes"); return nil }

// Whoever watches a run knows what it does also where nothing is counted: each phase is told
// before its first call.
func TestEveryPhaseIsTold(t *testing.T) {
	for _, write := range []bool{false, true} {
		aws, limiter := &listed{fakeAWS: newFake("f")}, fastLimiter()
		defer limiter.Close()
		var told []string
		note := func(what string) { told = append(told, what) }
		open := OpenTarget{Target: home, Reader: aws, Finder: aws, Writer: aws, Limiter: limiter, Calls: func() []OperationCount { return nil }}
		document := documentOf(t, "rules: [{ match: { functions: [\"*\"] }, set: { maximum_retry_attempts: 0 } }]\n")
		_, err := Engine{Opener: opens{open}, Memory: tells{note: note}}.Run(t.Context(), Request{
			Write: write, GuardOff: "test", Wishes: FleetWishes{Document: document, InShard: func(desired.Target) bool { return true }},
			Observe: func(s Step) { note(s.Phase.String()) },
		})
		want := "discover resolve survey plan record"
		if write {
			want = "hold holds discover resolve survey plan apply record finishes"
		}
		if got := strings.Join(told, " "); err != nil || got != want {
			t.Errorf("writes: %v: %v, told %s, want %s", write, err, got, want)
		}
	}
}
